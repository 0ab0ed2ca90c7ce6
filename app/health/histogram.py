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


def _upper(index: int) -> float:
    return _LOWEST_MS * 2 ** (index / _PER_OCTAVE)
