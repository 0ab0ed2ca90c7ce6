"""Bars made from trades, in exact units, by the rules of docs/bars.md. This module has the widths that every instrument keeps; frames.py
has all other kinds. Never knows the present: a bar is closed when a later one has opened.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter

from app.model.market import Trade

TIMEFRAMES: dict[str, int] = {"1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86_400}
"""Width of each time frame in seconds."""
Row = tuple[int, int, int, int, int, int]
"""(time in s UTC, open, high, low, close, volume), prices and volume in units."""
DEFAULT_LIMIT = 5000
_MAX_GAPS = 200
_SECOND = 1_000_000_000
_TIME, _OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _OPENED, _CLOSED = range(8)
_by_time = itemgetter(_TIME)


class BarSeries:
    """Bars of one instrument and time frame, oldest first, at most about ``limit`` of them."""

    __slots__ = ("_bars", "_changed", "_current_end", "_current_start", "_gap_from", "_gaps", "_limit", "_width", "timeframe", "too_late", "width_s")

    def __init__(self, timeframe: str, limit: int = DEFAULT_LIMIT, width_s: int | None = None) -> None:
        self.timeframe = timeframe
        self.width_s = width_s or TIMEFRAMES[timeframe]
        self._width = self.width_s * _SECOND
        self._limit = limit
        self.clear()

    def __len__(self) -> int:
        return len(self._bars)

    def clear(self) -> None:
        """Forget all bars and gaps."""
        self._bars: list[list[int]] = []
        self._changed: set[int] = set()
        self._gaps: list[tuple[int, int, str]] = []
        self._gap_from: tuple[int, str] | None = None
        self._current_start = self._current_end = 0
        self.too_late = 0

    def add(self, trade: Trade) -> None:
        """Count one trade in."""
        self.add_at(trade.ts or trade.recv, trade.price, trade.size)

    def add_at(self, ts: int, price: int, size: int) -> None:
        """Count in a trade at ``ts`` (ns UTC)."""
        bars = self._bars
        if self._current_start <= ts < self._current_end:
            bar = bars[-1]
        else:
            start, end = self.bounds(ts)
            if start >= self._current_end:
                self._append(start // _SECOND, end, ts, price, size)
                return
            bar = self._late(start // _SECOND, ts, price)
            if bar is None:
                return
        if price > bar[_HIGH]:
            bar[_HIGH] = price
        elif price < bar[_LOW]:
            bar[_LOW] = price
        if ts >= bar[_CLOSED]:
            bar[_CLOSE], bar[_CLOSED] = price, ts
        elif ts < bar[_OPENED]:
            bar[_OPEN], bar[_OPENED] = price, ts
        bar[_VOLUME] += size
        self._changed.add(bar[_TIME])

    def add_many(self, trades: Sequence[tuple[int, int, int]]) -> None:
        """Count in (ts, price, size) of several trades in order of arrival, as ``add_at`` would one by one."""
        at, count = 0, len(trades)
        while at < count:
            bars, ts = self._bars, trades[at][0]
            if not (self._current_start <= ts < self._current_end and ts >= bars[-1][_CLOSED]):
                self.add_at(*trades[at])
                at += 1
                continue
            bar, end = bars[-1], self._current_end
            _time, _open, high, low, price, volume, _opened, latest = bar
            while at < count:  # those of the bar that is open, one after the other in time
                ts, price_at, size = trades[at]
                if not latest <= ts < end:
                    break
                latest, price = ts, price_at
                if price > high:
                    high = price
                elif price < low:
                    low = price
                volume += size
                at += 1
            bar[_HIGH], bar[_LOW], bar[_CLOSE], bar[_VOLUME], bar[_CLOSED] = high, low, price, volume, latest
            self._changed.add(bar[_TIME])

    def bounds(self, ts: int) -> tuple[int, int]:
        """(start, end) in ns UTC of the bar that holds this moment."""
        start = ts - ts % self._width
        return start, start + self._width

    def _append(self, start_s: int, end: int, ts: int, price: int, size: int) -> None:
        bars = self._bars
        bars.append([start_s, price, price, price, price, size, ts, ts])
        self._current_start, self._current_end = start_s * _SECOND, end
        self._changed.add(start_s)
        if len(bars) > self._limit + self._limit // 4:
            del bars[: len(bars) - self._limit]

    def whole(self) -> list[list[int]]:
        """All bars with the times of their first and last trades (ns) after the six of a row."""
        return [list(bar) for bar in self._bars]

    def absorb(self, bar: list[int]) -> None:
        """Count in a bar of a finer series, as ``whole`` gives it; oldest first."""
        (start, end), bars = self.bounds(bar[_OPENED]), self._bars
        if start >= self._current_end:
            self._append(start // _SECOND, end, bar[_OPENED], bar[_OPEN], 0)
        into = bars[-1]
        into[_HIGH], into[_LOW] = max(into[_HIGH], bar[_HIGH]), min(into[_LOW], bar[_LOW])
        into[_CLOSE], into[_CLOSED] = bar[_CLOSE], bar[_CLOSED]
        into[_VOLUME] += bar[_VOLUME]

    def amend(self, ts: int, more: int, finer: Sequence[list[list[int]]]) -> None:
        """A trade at ``ts`` (ns UTC) was put right, by which its bar's volume grows ``more``. The bar is made anew of the first of ``finer``
        (bars as ``whole`` gives them) whose volume within it is the same; where none is, only its volume changes."""
        (start, end), bars = self.bounds(ts), self._bars
        at = bisect_left(bars, start // _SECOND, key=_by_time)
        if at == len(bars) or bars[at][_TIME] != start // _SECOND:
            return
        volume = bars[at][_VOLUME] + more
        self._changed.add(bars[at][_TIME])
        bars[at][_VOLUME] = volume
        for parts in finer:
            inside = [part for part in parts if start <= part[_OPENED] < end]
            if sum(part[_VOLUME] for part in inside) == volume:
                break
        else:
            return
        if inside:
            first, last = inside[0], inside[-1]
            high, low = max(part[_HIGH] for part in inside), min(part[_LOW] for part in inside)
            bars[at] = [bars[at][_TIME], first[_OPEN], high, low, last[_CLOSE], volume, first[_OPENED], last[_CLOSED]]
        else:
            del bars[at]
            self._current_start, self._current_end = self.bounds(bars[-1][_OPENED]) if bars else (0, 0)

    def rows(self) -> list[Row]:
        """All bars, oldest first."""
        return [tuple(bar[:6]) for bar in self._bars]

    def tail(self, count: int) -> list[Row]:
        """The newest ``count`` bars, oldest first."""
        return [tuple(bar[:6]) for bar in self._bars[-count:]]

    @property
    def last(self) -> Row | None:
        """The newest bar."""
        return tuple(self._bars[-1][:6]) if self._bars else None

    @property
    def first_open(self) -> int | None:
        """The open of the oldest bar kept."""
        return self._bars[0][_OPEN] if self._bars else None

    def take_changed(self) -> list[Row]:
        """Bars that are new or changed since the last call, oldest first."""
        changed = self._changed
        if not changed:
            return []
        bars = self._bars
        out: list[Row] = []
        for time_s in sorted(changed):
            at = bisect_left(bars, time_s, key=_by_time)
            if at < len(bars) and bars[at][_TIME] == time_s:
                out.append(tuple(bars[at][:6]))
        changed.clear()
        return out

    def mark_gap(self, ts: int, reason: str) -> None:
        """Data is missing from ``ts`` (ns UTC) on, until end_gap; a second mark within a gap changes nothing."""
        if self._gap_from is None:
            self._gap_from = (ts, reason)

    def end_gap(self, ts: int) -> None:
        """Data is whole again from ``ts`` on."""
        if self._gap_from is not None:
            start, reason = self._gap_from
            self._gap_from = None
            self._gaps.append((start // _SECOND, max(ts, start) // _SECOND, reason))
            del self._gaps[:-_MAX_GAPS]

    @property
    def is_in_gap(self) -> bool:
        """True between a loss and its recovery."""
        return self._gap_from is not None

    @property
    def gaps(self) -> list[tuple[int, int, str]]:
        """(from s, to s, reason) of each gap, oldest first; one that still lasts ends with the newest bar."""
        if self._gap_from is None:
            return list(self._gaps)
        start, reason = self._gap_from
        return [*self._gaps, (start // _SECOND, max(start, self._current_end) // _SECOND, reason)]

    def _late(self, time_s: int, ts: int, price: int) -> list[int] | None:
        bars = self._bars
        at = bisect_left(bars, time_s, key=_by_time)
        if bars[at][_TIME] == time_s:
            return bars[at]
        if at == 0 and len(bars) >= self._limit:
            self.too_late += 1
            return None
        bar = [time_s, price, price, price, price, 0, ts, ts]
        bars.insert(at, bar)
        return bar
