"""A book over time, for the eye: at each sample the size that rests in each of a few rows of prices around the middle.

Memory is constant: at most COLUMNS samples of ROWS numbers. A book that cannot be trusted, and a time without samples, are gaps with a
reason, never a picture of what was. When time goes back (a replay begins anew or is sought in) all is forgotten. Sizes are exact units;
nothing here reads a clock.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from app.model.orders import Side

from .book import Book

COLUMNS = 240
ROWS = 96
LEVELS = 600
"""Levels a side that are looked at: beyond these no row is."""
_STEPS = (1, 2, 5)
_FITTED = 60
"""The width of a row is chosen so that so many of the best levels a side fit."""


class Column(NamedTuple):
    """One sample at ``ts`` (ns). ``first``: number of the lowest row, rows counted from price zero; ``sizes`` rise with the price, bids and
    asks alike; ``bid`` and ``ask`` are the best prices in units. A gap has a ``reason`` and nothing else."""

    ts: int
    first: int = 0
    sizes: tuple[int, ...] = ()
    bid: int = 0
    ask: int = 0
    reason: str = ""


class HeatMap:
    """The last samples of one instrument's book; ``every_ns`` apart, a longer silence is a gap. ``step``: units of price of a row, 0 before
    the first sample."""

    def __init__(self, every_ns: int) -> None:
        self._every = every_ns
        self.columns: deque[Column] = deque(maxlen=COLUMNS)
        self.step = 0

    def sample(self, book: Book, ts: int, *, trusted: bool, reason: str = "") -> list[Column]:
        """Look at the book at ``ts``; the columns that came of it: none when time stood still, two after a silence."""
        if self.is_before(ts):
            self.columns.clear()
            self.step = 0
        last = self.columns[-1].ts if self.columns else None
        if last is not None and ts <= last:
            return []
        new = []
        if last is not None and ts - last > 3 * self._every:
            new.append(Column(ts - self._every, reason="not looked at"))
        bid, ask = book.best_bid(), book.best_ask()
        if not trusted or bid is None or ask is None:
            new.append(Column(ts, reason=reason or "the book has an empty side"))
        else:
            new.append(self._look(book, ts, bid[0], ask[0]))
        self.columns.extend(new)
        return new

    def is_before(self, ts: int) -> bool:
        """Whether ``ts`` lies well before the last sample: another pass over a recording, not a clock that was put right."""
        return bool(self.columns) and ts < self.columns[-1].ts - 3 * self._every

    def _look(self, book: Book, ts: int, bid: int, ask: int) -> Column:
        bids, asks = book.levels(Side.BUY, LEVELS), book.levels(Side.SELL, LEVELS)
        if not self.step:
            span = max(bid - bids[min(len(bids), _FITTED) - 1][0], asks[min(len(asks), _FITTED) - 1][0] - ask, 1)
            self.step = row_step(2 * span, book.instrument.tick)
        step = self.step
        first = max(0, (bid + ask) // (2 * step) - ROWS // 2)
        sizes = [0] * ROWS
        for levels in (bids, asks):
            for price, size in levels:
                row = price // step - first
                if not 0 <= row < ROWS:
                    break
                sizes[row] += size
        return Column(ts, first, tuple(sizes), bid, ask)


def row_step(span: int, tick: int) -> int:
    """The round number of ticks, in units of price, at which ``span`` fits on the rows."""
    step, power = tick, 1
    while True:
        for factor in _STEPS:
            step = tick * factor * power
            if step * ROWS >= span:
                return step
        power *= 10
