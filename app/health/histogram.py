"""A latency histogram of fixed size: buckets grow by a constant ratio, so any value is known within about 9 %.

Recording costs one logarithm and one list increment. Never keeps samples, never forgets a maximum.
"""

from __future__ import annotations

import math

_PER_OCTAVE = 8
_LOWEST_MS = 0.001
_BUCKETS = _PER_OCTAVE * 34
_SCALE = _PER_OCTAVE / math.log(2)
_OFFSET = math.log(_LOWEST_MS)
_log = math.log


class Histogram:
    """Durations in milliseconds from 1 microsecond to some 4 hours."""

    __slots__ = ("count", "max", "name", "_counts")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.max = 0.0
        self._counts = [0] * (_BUCKETS + 1)

    def record(self, ms: float, times: int = 1) -> None:
        """Count a duration; what is not above zero counts into the lowest bucket."""
        if ms > _LOWEST_MS:
            index = int((_log(ms) - _OFFSET) * _SCALE) + 1
            if index > _BUCKETS:
                index = _BUCKETS
        else:
            index = 0
        self._counts[index] += times
        self.count += times
        if ms > self.max:
            self.max = ms

    def percentile(self, fraction: float) -> float:
        """Upper edge in ms of the bucket that holds the given fraction (0..1) of the samples; 0 when empty."""
        if not self.count:
            return 0.0
        wanted = math.ceil(fraction * self.count)
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return min(_upper(index), self.max)
        return self.max

    def add(self, other: Histogram) -> None:
        """Count what another one has counted as well."""
        self._counts = [mine + theirs for mine, theirs in zip(self._counts, other._counts, strict=True)]
        self.count += other.count
        self.max = max(self.max, other.max)

    def clear(self) -> None:
        """Forget everything."""
        self.count, self.max = 0, 0.0
        self._counts = [0] * (_BUCKETS + 1)

    def to_wire(self) -> dict:
        """name, unit, count, p50, p99, max and the filled buckets as [upper ms, count]."""
        return {
            "name": self.name,
            "unit": "ms",
            "count": self.count,
            "p50": round(self.percentile(0.5), 4),
            "p99": round(self.percentile(0.99), 4),
            "max": round(self.max, 4),
            "buckets": [[round(_upper(i), 4), n] for i, n in enumerate(self._counts) if n],
        }


class Window:
    """Durations of the last ``SPAN_MS`` only, forgotten a slice at a time."""

    SPAN_MS = 30_000.0
    _SLICES = 6

    def __init__(self, name: str) -> None:
        self._name = name
        self._slices: dict[int, Histogram] = {}

    def record(self, ms: float, now_ms: float) -> None:
        """Count a duration that ended now."""
        number = self._number(now_ms)
        found = self._slices.get(number)
        if found is None:
            self._forget(number)
            found = self._slices[number] = Histogram(self._name)
        found.record(ms)

    def percentile(self, fraction: float, now_ms: float) -> float | None:
        """As of a histogram; None when nothing was counted of late."""
        self._forget(self._number(now_ms))
        whole = Histogram(self._name)
        for part in self._slices.values():
            whole.add(part)
        return whole.percentile(fraction) if whole.count else None

    def _number(self, now_ms: float) -> int:
        return int(now_ms * self._SLICES // self.SPAN_MS)

    def _forget(self, number: int) -> None:
        for old in [key for key in self._slices if key <= number - self._SLICES]:
            del self._slices[old]


def _upper(index: int) -> float:
    return _LOWEST_MS * 2 ** (index / _PER_OCTAVE)
