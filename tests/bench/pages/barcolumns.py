"""Bars of many instruments in columns, and the quote store that feeds them: what the benches load the store with beyond what the desk does.

The same bars as BarSeries (docs/bars.md), for a batch of trades at a time, and indicators that follow them tick by tick. Each row keeps its
``kept`` newest closed bars in a ring, and the bar that is still open. Trades of a row that come in order of their times are counted in
together; one that comes late is counted in by itself, into the bar that it belongs to. The desk itself makes its bars when they are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np

from app.market.glance import PRICE, ROW, SIZE
from app.market.glance import TIME as TRADED
from app.market.indicators import Study
from app.market.indicators.across import Together
from app.market.quotes import QuoteStore, runs

TIME, OPEN, HIGH, LOW, CLOSE, VOLUME, OPENED, CLOSED = range(8)
"""Fields of a bar: time in s UTC, prices and volume in units, times of its first and last trade in ns UTC."""
_FIELDS = {"time": TIME, "open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}
_SECOND = 1_000_000_000
_NEVER = np.iinfo(np.int64).min


class Sorted:
    """Trades sorted by row, those of a row in the order of their times; ``starts``, ``ends``: where each row's begin and its last one. Each of
    ``groups`` is what the trades of one of ``rows`` amount to, but for its TIME, which every width fills in; ``span``: earliest and latest time."""

    __slots__ = ("groups", "price", "row", "rows", "size", "span", "ts")

    def __init__(self, row: np.ndarray, ts: np.ndarray, price: np.ndarray, size: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        self.row, self.ts, self.price, self.size = row, ts, price, size
        self.rows = row[starts]
        self.groups = _grouped(starts, ends, ts, price, size)
        self.span = int(np.minimum.reduce(self.groups[OPENED])), int(np.maximum.reduce(self.groups[CLOSED]))


def _grouped(starts: np.ndarray, ends: np.ndarray, ts: np.ndarray, price: np.ndarray, size: np.ndarray) -> np.ndarray:
    groups = np.empty((8, len(starts)), np.int64)
    groups[OPEN], groups[CLOSE] = price[starts], price[ends]
    groups[OPENED], groups[CLOSED] = ts[starts], ts[ends]
    np.maximum.reduceat(price, starts, out=groups[HIGH])
    np.minimum.reduceat(price, starts, out=groups[LOW])
    np.add.reduceat(size, starts, out=groups[VOLUME])
    return groups


class BarColumns:
    """``on_close(rows, bars)``: bars of these rows (each once) closed. ``settle`` is called before anybody looks: whoever brings the trades may
    have some that wait to be counted in together."""

    def __init__(self, rows: int, width_s: int, kept: int = 128) -> None:
        self.width_s, self.kept = width_s, kept
        # a bar's fields lie side by side: gathering some rows costs a copy a bar and not one a field
        self._by_row = np.zeros((rows, 8), np.int64)
        self._now = self._by_row.T
        self._now[TIME] = _NEVER
        self._counts = np.zeros(rows, np.int64)
        self.on_close: Callable[[np.ndarray, np.ndarray], object] | None = None
        self.settle: Callable[[], object] | None = None
        self._ring = np.moveaxis(np.full((rows, kept, 8), 0, np.int64), 2, 0)  # not zeros: memory is taken now, not bar by bar
        self._width = width_s * _SECOND

    @property
    def now(self) -> np.ndarray:
        """(8, rows): the open bars, where ``counts`` is above zero."""
        return self._looked_at()._now

    def open_bars(self, rows: np.ndarray) -> np.ndarray:
        """(8, these rows): as ``now``."""
        return self._looked_at()._by_row.take(rows, 0).T

    @property
    def counts(self) -> np.ndarray:
        """Bars begun a row, late ones that were put in between included."""
        return self._looked_at()._counts

    def _looked_at(self) -> BarColumns:
        if self.settle is not None:
            self.settle()
        return self

    def add(self, trades: Sorted) -> None:
        """Count in trades none of which is older than the newest of its row."""
        earliest, latest = trades.span
        if earliest // self._width == latest // self._width:
            trades.groups[TIME] = earliest // self._width * self.width_s
            self._groups(trades.rows, trades.groups)
            return
        row = trades.row
        start = trades.ts // self._width * self.width_s
        begins = np.empty(len(row), bool)
        begins[0] = True
        begins[1:] = (row[1:] != row[:-1]) | (start[1:] != start[:-1])
        starts, ends = runs(begins)
        groups = _grouped(starts, ends, trades.ts, trades.price, trades.size)
        groups[TIME] = start[starts]
        rows = row[starts]
        while len(rows):  # once, and again for rows of which more than one bar is touched
            first = np.empty(len(rows), bool)
            first[0] = True
            np.not_equal(rows[1:], rows[:-1], out=first[1:])
            if first.all():
                self._groups(rows, groups)
                return
            self._groups(rows[first], groups[:, first])
            rows, groups = rows[~first], groups[:, ~first]

    def _groups(self, rows: np.ndarray, groups: np.ndarray) -> None:
        bars = self._by_row.take(rows, 0)
        now = bars.T
        more = now[TIME] == groups[TIME]
        if not np.logical_and.reduce(more):
            self._open(rows[~more], groups[:, ~more])
            rows, groups, bars = rows[more], groups[:, more], bars[more]
            now = bars.T
        np.maximum(now[HIGH], groups[HIGH], out=now[HIGH])
        np.minimum(now[LOW], groups[LOW], out=now[LOW])
        now[VOLUME] += groups[VOLUME]
        now[CLOSE], now[CLOSED] = groups[CLOSE], groups[CLOSED]
        self._by_row[rows] = bars

    def _open(self, rows: np.ndarray, bars: np.ndarray) -> None:
        had = rows[self._counts[rows] > 0]
        if len(had):
            closed = self._by_row[had].T
            self._ring[:, had, (self._counts[had] - 1) % self.kept] = closed
            if self.on_close is not None:
                self.on_close(had, closed)
        self._by_row[rows] = bars.T
        self._counts[rows] += 1

    def add_one(self, row: int, ts: int, price: int, size: int) -> None:
        """Count in one trade, whatever its time."""
        time_s = ts // self._width * self.width_s
        if not self._counts[row] or time_s > self._now[TIME, row]:
            bar = np.array([time_s, price, price, price, price, size, ts, ts], np.int64)
            self._open(np.array([row]), bar[:, None])
            return
        if time_s == self._now[TIME, row]:
            _count_in(self._now[:, row], ts, price, size)
            return
        held = min(int(self._counts[row]) - 1, self.kept)
        slots = (int(self._counts[row]) - 1 - held + np.arange(held)) % self.kept
        times = self._ring[TIME, row, slots]
        at = int(np.searchsorted(times, time_s))
        if at < held and times[at] == time_s:
            _count_in(self._ring[:, row, slots[at]], ts, price, size)
            return
        if at == 0 and held == self.kept:
            return
        bars = np.insert(self._ring[:, row, slots], at, [time_s, price, price, price, price, size, ts, ts], axis=1)[:, -self.kept :]
        self._counts[row] += 1
        held = bars.shape[1]
        self._ring[:, row, (int(self._counts[row]) - 1 - held + np.arange(held)) % self.kept] = bars

    def rows(self, row: int) -> list[tuple[int, ...]]:
        """(time, open, high, low, close, volume) of the bars kept of a row, oldest first, the open one included."""
        count = int(self.counts[row])
        if not count:
            return []
        held = min(count - 1, self.kept)
        closed = self._ring[:6, row, (count - 1 - held + np.arange(held)) % self.kept]
        return [*map(tuple, closed.T.tolist()), tuple(self.now[:6, row].tolist())]


def _count_in(bar: np.ndarray, ts: int, price: int, size: int) -> None:
    bar[HIGH], bar[LOW] = max(price, bar[HIGH]), min(price, bar[LOW])
    if ts >= bar[CLOSED]:
        bar[CLOSE], bar[CLOSED] = price, ts
    elif ts < bar[OPENED]:
        bar[OPEN], bar[OPENED] = price, ts
    bar[VOLUME] += size


class BarredStore(QuoteStore):
    """A quote store that counts every trade into ``bars`` as well, and gives whole columns to whoever looks."""

    def __init__(self, symbols: Sequence[str], bars: Sequence[BarColumns]) -> None:
        super().__init__(symbols)
        self.bars = tuple(bars)
        for each in self.bars:
            each.settle = self.settle

    def quotes(self) -> np.ndarray:
        """(rows, 6): when each came, its row, bid, its size, ask, its size; sizes of 0 while nothing is known."""
        self.settle()
        return self._quotes

    def lasts(self) -> np.ndarray:
        """(rows, 7): the last trade by its time, in the columns of a trade; its time is NEVER while there was none."""
        self.settle()
        return self._last

    def _keep_many(self, table: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        super()._keep_many(table, starts, ends)
        trades = Sorted(table[:, ROW], table[:, TRADED], table[:, PRICE], table[:, SIZE], starts, ends)
        for bars in self.bars:
            bars.add(trades)

    def _keep(self, row: int, record: Sequence[int]) -> None:
        super()._keep(row, record)
        for bars in self.bars:
            bars.add_one(row, record[TRADED], record[PRICE], record[SIZE])


class Following:
    """``studies`` over ``bars``: what closes is counted in, what is still open is looked at when asked. ``scales``: (price, size) of each row.

    A late trade that changes a closed bar does not change what was counted in.
    """

    def __init__(self, bars: BarColumns, studies: Sequence[Study], scales: Sequence[tuple[int, int]]) -> None:
        self._together = Together(studies, len(scales))
        self._bars = bars
        price = np.array([float(Decimal(1).scaleb(-price)) for price, _ in scales])
        size = np.array([float(Decimal(1).scaleb(-size)) for _, size in scales])
        units = {TIME: np.ones(len(scales)), VOLUME: size}
        self._columns = [(name, field, units.get(field, price)) for name, field in _FIELDS.items() if name in self._together.inputs]
        bars.on_close = self._closed

    def values(self, rows: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """The outputs of each study for these rows, their open bars included; NaN where there are not bars enough."""
        return self._together.peek(rows, self._floats(rows, self._bars.open_bars(rows)))

    def _closed(self, rows: np.ndarray, bars: np.ndarray) -> None:
        self._together.close(rows, self._floats(rows, bars))

    def _floats(self, rows: np.ndarray, bars: np.ndarray) -> dict[str, np.ndarray]:
        return {name: bars[field] * unit[rows] for name, field, unit in self._columns}
