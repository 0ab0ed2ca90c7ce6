"""Every tick for one who asks for it: read when it suits him, in order of arrival, with word of what he lacks.

A `Reader` goes over anything that counts what came and keeps the last of it: the tape of an instrument (`MarketState.trade_reader`), or a ring
of its own (`MarketState.tick_reader`). Memory is what is kept, whatever comes; who is too slow is told how many he lost, and goes on with the
oldest that is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from app.model.market import QUOTE_WIDTH, TRADE_WIDTH, Correction, Gap, MarketEvent, Quote, Restart, Seen, Ticks, Trade

KEPT_TICKS = 8192
"""Ticks a ring keeps."""
TICKS = frozenset({Quote, Trade, Correction, Gap, Restart})
"""What a ring takes: quotes and trades, and what says that some may be missing or were wrong."""


class Unread(NamedTuple):
    """Ticks that came since the last time, oldest first; ``lost``: how many before them are not kept any more."""

    ticks: Sequence[Any]
    lost: int


class Reader:
    """All of a tape, as long as it lags no more behind than is kept. ``tape`` gives the tape, ``closed`` is called once by `close`."""

    def __init__(self, tape: Callable[[], Any], closed: Callable[[], object] | None = None) -> None:
        self._tape, self._closed = tape, closed
        self._at = tape().count
        self.lost = 0
        """How many it lost since it began."""

    @property
    def behind(self) -> int:
        """How many ticks came since the last time; without those that nobody has looked at yet, where looking costs something."""
        return self._tape().counted - self._at

    def read(self) -> Unread:
        """What came since the last time."""
        tape = self._tape()
        count = tape.count
        new, self._at = count - self._at, count
        if not new:
            return Unread((), 0)
        ticks = tape.newest(new)
        lost = new - len(ticks)
        self.lost += lost
        return Unread(ticks, lost)

    def close(self) -> None:
        """Nothing more is kept for it."""
        closed, self._closed = self._closed, None
        if closed is not None:
            closed()


class TickRing:
    """The last ``kept`` ticks of some instruments, in order of arrival over all of them. A trade that comes again is none."""

    __slots__ = ("_rows", "_seen", "count", "symbols")

    def __init__(self, symbols: Collection[str], kept: int) -> None:
        self.symbols = frozenset(symbols)
        self.count = 0
        self._rows: deque[MarketEvent] = deque(maxlen=kept)
        self._seen = {symbol: Seen() for symbol in self.symbols}

    @property
    def counted(self) -> int:
        """As ``count``."""
        return self.count

    def newest(self, count: int) -> list[MarketEvent]:
        """At most so many, oldest first."""
        rows = self._rows
        return [rows[at] for at in range(max(0, len(rows) - count), len(rows))]

    def add(self, event: MarketEvent) -> None:
        """An event of one of the instruments."""
        kind = type(event)
        if kind is Trade and not self._seen[event.symbol].add(event.trade_id):
            return
        if kind is Restart:
            self._seen[event.symbol] = Seen()
        self._rows.append(event)
        self.count += 1

    def take(self, ticks: Ticks) -> None:
        """What of a batch in columns is about the instruments."""
        wanted = {row for row, symbol in enumerate(ticks.symbols) if symbol in self.symbols}
        found = [(record[0], _trade(ticks, record)) for record in _records(ticks.trades, TRADE_WIDTH, wanted)]
        found += [(record[0], Quote(ticks.symbols[record[1]], 0, ticks.recv, *record[2:])) for record in _records(ticks.quotes, QUOTE_WIDTH, wanted)]
        found.sort(key=lambda pair: pair[0])
        for _, event in found:
            self.add(event)


def _records(table: memoryview, width: int, wanted: set[int]) -> list[list[int]]:
    places = [at for at, row in enumerate(table[1::width].tolist()) if row in wanted]
    return [table[at * width : (at + 1) * width].tolist() for at in places]


def _trade(ticks: Ticks, record: list[int]) -> Trade:
    _, row, number, price, size, time, sold = record
    return Trade(ticks.symbols[row], time * ticks.unit_ns, ticks.recv, price, size, sold == 1, str(number))
