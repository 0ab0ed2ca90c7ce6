"""Quotes, last trades and bars of many instruments in columns: one row an instrument, a batch of ticks at a time. Needs numpy.

Knows what `MarketState` knows of quotes, trades and bars, at a cost a batch and not a tick: trades wait until somebody looks at them or at
the bars, so that many batches cost what one does. Memory is what the constructor takes, whatever comes: nothing grows. Single writer. Prices
and sizes are 64-bit units, times ns UTC; a row's ``seq`` is the number of the batch that changed it.

A `Subscription` sees the newest state of what changed, at its own rate and never a backlog; a `TickReader` gets every tick from a ring and is
told how many it lost. An instrument not heard of for ``expire_after_ns`` loses its quote (`expire`), and its subscribers are told so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .barcolumns import BarColumns, Sorted, runs

QUOTE, TRADE = 0, 1
REMEMBERED = 512
"""Trade ids kept a row: one of them coming again is a duplicate."""
MOST_WAITING = 4096
"""Trades that wait until somebody looks, at most."""
_NEVER = np.iinfo(np.int64).min


class Ticks(NamedTuple):
    """What a reader missed nothing of, oldest first: columns kind, row, recv and four values (bid, its size, ask, its size, or ts, price,
    size, 1 where the aggressor sold). ``lost``: how many were overwritten before they were read."""

    columns: np.ndarray
    lost: int


class QuoteStore:
    """``bars`` are fed with every trade. ``ring``: how many ticks a lossless reader may lag behind; there is none before one asks."""

    def __init__(self, symbols: Sequence[str], bars: Sequence[BarColumns] = (), *, expire_after_ns: int = 10_000_000_000, ring: int = 65_536) -> None:
        size = len(symbols)
        self.symbols = tuple(symbols)
        self.row = {symbol: row for row, symbol in enumerate(symbols)}
        self.bars = tuple(bars)
        for each in self.bars:
            each.settle = self.settle
        self.expire_after_ns = expire_after_ns
        self.bid, self.bid_size, self.ask, self.ask_size = (np.zeros(size, np.int64) for _ in range(4))
        self._last, self._last_size, self._last_id = (np.zeros(size, np.int64) for _ in range(3))
        self._ts = np.full(size, _NEVER)
        self.recv = np.full(size, _NEVER)
        self.seq = np.zeros(size, np.int64)
        self.batches = self.ticks = self._duplicates = 0
        self._ids = np.full((size, REMEMBERED), _NEVER)
        self._id_count = np.zeros(size, np.int64)
        self._greatest = np.full(size, _NEVER)
        self._waiting = np.zeros((5, MOST_WAITING), np.int64)
        self._wait = 0
        self._ring_size = ring
        self._ring: np.ndarray | None = None
        self.written = 0
        """Ticks put into the ring since a reader asked for it."""

    @property
    def last(self) -> np.ndarray:
        """Price of the last trade."""
        self.settle()
        return self._last

    @property
    def last_size(self) -> np.ndarray:
        """Size of the last trade."""
        self.settle()
        return self._last_size

    @property
    def last_id(self) -> np.ndarray:
        """The venue's id of the last trade."""
        self.settle()
        return self._last_id

    @property
    def ts(self) -> np.ndarray:
        """Time of the last trade."""
        self.settle()
        return self._ts

    @property
    def duplicates(self) -> int:
        """Trades that had come before."""
        self.settle()
        return self._duplicates

    def quotes(self, row: np.ndarray, bid: np.ndarray, bid_size: np.ndarray, ask: np.ndarray, ask_size: np.ndarray, recv: int) -> None:
        """Best bids and asks in order of arrival; of a row the last one counts."""
        self._changed(row, recv)
        self.bid[row], self.bid_size[row] = bid, bid_size
        self.ask[row], self.ask_size[row] = ask, ask_size
        if self._ring is not None:
            self._write(QUOTE, row, recv, bid, bid_size, ask, ask_size)

    def trades(self, row: np.ndarray, ts: np.ndarray, price: np.ndarray, size: np.ndarray, sold: np.ndarray, number: np.ndarray, recv: int) -> None:
        """Trades in order of arrival with the venue's ids: every one into the bars, but for duplicates."""
        self._changed(row, recv)
        if self._ring is not None:
            self._write(TRADE, row, recv, ts, price, size, sold)
        done = 0
        while done < len(row):
            if self._wait == MOST_WAITING:
                self.settle()
            start = self._wait
            self._wait = min(MOST_WAITING, start + len(row) - done)
            part = slice(done, done + self._wait - start)
            for column, values in zip(self._waiting, (row, ts, price, size, number), strict=True):
                column[start : self._wait] = values[part]
            done = part.stop

    def settle(self) -> None:
        """Count in what waits. Everything that shows trades or bars does so first."""
        if not self._wait:
            return
        waiting, self._wait = self._waiting[:, : self._wait], 0
        row, ts, price, size, number = waiting.take(waiting[0].argsort(kind="stable"), 1)
        begins = np.empty(len(row), bool)
        begins[0] = True
        np.not_equal(row[1:], row[:-1], out=begins[1:])
        before, known = np.empty_like(ts), np.empty_like(number)
        before[1:], known[1:] = ts[:-1], number[:-1]
        firsts = row[begins]
        before[begins], known[begins] = self._ts[firsts], self._greatest[firsts]
        odd = (ts < before) | (number <= known)
        if np.logical_or.reduce(odd):
            apart = np.isin(row, row[odd])
            self._one_by_one(*(column[apart].tolist() for column in (row, ts, price, size, number)))
            row, ts, price, size, number = (column[~apart] for column in (row, ts, price, size, number))
            begins = begins[~apart]
            if not len(row):
                return
        starts, ends = runs(begins)
        last = row[ends]
        self._ts[last], self._last[last], self._last_size[last] = ts[ends], price[ends], size[ends]
        self._last_id[last] = self._greatest[last] = number[ends]
        counts = ends - starts + 1
        place = np.arange(len(row)) + (self._id_count[last] - starts).repeat(counts)
        self._ids[row, place % REMEMBERED] = number
        self._id_count[last] += counts
        if self.bars:
            trades = Sorted(row, ts, price, size, starts, ends)
            for bars in self.bars:
                bars.add(trades)

    def expire(self, now_ns: int) -> np.ndarray:
        """Take the quotes of rows not heard of for too long; gives those that had one."""
        old = np.flatnonzero((self.recv < now_ns - self.expire_after_ns) & ((self.bid_size > 0) | (self.ask_size > 0)))
        if len(old):
            self.batches += 1
            for column in (self.bid, self.bid_size, self.ask, self.ask_size):
                column[old] = 0
            self.seq[old] = self.batches
        return old

    def forget(self, symbols: Sequence[str]) -> None:
        """A stream began anew: of these instruments nothing is known."""
        self.settle()
        rows = np.array([self.row[symbol] for symbol in symbols], np.int64)
        self.batches += 1
        for column in (self.bid, self.bid_size, self.ask, self.ask_size, self._last, self._last_size, self._last_id, self._id_count):
            column[rows] = 0
        for column in (self._ts, self.recv, self._greatest):
            column[rows] = _NEVER
        self._ids[rows] = _NEVER
        self.seq[rows] = self.batches
        for bars in self.bars:
            bars.forget(rows)

    def subscribe(self, rate: float = 0.0, rows: np.ndarray | None = None) -> Subscription:
        """See what changes from now on, ``rate`` times a second at most (0: whenever asked), of these rows or all."""
        return Subscription(self, rate, rows)

    def reader(self) -> TickReader:
        """Get every tick from now on."""
        if self._ring is None:
            self._ring = np.full((7, self._ring_size), 0, np.int64)  # not zeros: memory is taken now, not tick by tick
        return TickReader(self)

    def _changed(self, row: np.ndarray, recv: int) -> None:
        self.batches += 1
        self.ticks += len(row)
        self.seq[row], self.recv[row] = self.batches, recv

    def _one_by_one(self, *columns: list[int]) -> None:
        for row, ts, price, size, number in zip(*columns, strict=True):
            if number in self._ids[row]:
                self._duplicates += 1
                continue
            self._ids[row, self._id_count[row] % REMEMBERED] = number
            self._id_count[row] += 1
            self._greatest[row] = max(number, self._greatest[row])
            if ts >= self._ts[row]:
                self._ts[row], self._last[row], self._last_size[row], self._last_id[row] = ts, price, size, number
            for bars in self.bars:
                bars.add_one(row, ts, price, size)

    def _write(self, kind: int, row: np.ndarray, recv: int, *values: np.ndarray) -> None:
        size = self._ring_size
        skipped = max(0, len(row) - size)
        at = np.arange(self.written + skipped, self.written + len(row)) % size
        for column, value in enumerate((kind, row, recv, *values)):
            self._ring[column, at] = value[skipped:] if isinstance(value, np.ndarray) else value
        self.written += len(row)


class Subscription:
    """A reader of the newest state."""

    def __init__(self, store: QuoteStore, rate: float, rows: np.ndarray | None) -> None:
        self._store = store
        self._every_ns = int(1e9 / rate) if rate else 0
        self._rows = rows
        self._seen = store.batches
        self._next_ns = 0

    def due(self, now_ns: int) -> bool:
        """Whether its rate lets it look again at this time (monotonic ns)."""
        return now_ns >= self._next_ns

    def take(self, now_ns: int) -> np.ndarray:
        """The rows that changed since the last time, each once; none before it is due."""
        if now_ns < self._next_ns:
            return np.empty(0, np.int64)
        self._next_ns = now_ns + self._every_ns
        store = self._store
        if self._rows is None:
            changed = (store.seq > self._seen).nonzero()[0]
        else:
            changed = self._rows[store.seq[self._rows] > self._seen]
        self._seen = store.batches
        return changed


class TickReader:
    """Every tick, in order, unless it lags more than the ring holds."""

    def __init__(self, store: QuoteStore) -> None:
        self._store = store
        self._at = store.written
        self.lost = 0

    def read(self, most: int = 10_000) -> Ticks:
        """At most so many ticks, the oldest first, and how many were lost before them."""
        store = self._store
        lost = max(0, store.written - store._ring_size - self._at)
        self._at += lost
        self.lost += lost
        end = min(store.written, self._at + most)
        columns = store._ring[:, np.arange(self._at, end) % store._ring_size]
        self._at = end
        return Ticks(columns, lost)
