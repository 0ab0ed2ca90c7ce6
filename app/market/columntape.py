"""The tape of an instrument whose trades lie in a quote store: as `trades.Tape`, made of the columns when somebody looks. Needs numpy, by the store."""

from __future__ import annotations

from array import array

from app.model.market import Correction, Ticks, Trade

from .glance import NUMBER, PRICE, RECV, SIZE, SOLD, TIME
from .quotes import NEVER, QuoteStore
from .trades import KEPT, Tape

_NOTHING = memoryview(array("q"))


class ColumnTape:
    """``row`` of ``store``; begins with what ``before`` knows, whose trades all have whole numbers for ids."""

    __slots__ = ("_last", "_row", "_store", "_symbol")

    def __init__(self, store: QuoteStore, row: int, before: Tape, heard: int | None) -> None:
        self._store, self._row, self._symbol = store, row, store.symbols[row]
        store.adopt(row, [_record(row, trade) for trade in before.rows], before.count, heard)
        self._last = before.last

    @property
    def count(self) -> int:
        """How many trades were ever kept."""
        return int(self._store.counts[self._row])

    @property
    def counted(self) -> int:
        """How many were kept when somebody last looked at the store."""
        return self._store.counted(self._row)

    @property
    def rows(self) -> list[Trade]:
        """The last trades in order of arrival, newest last."""
        return self.newest(KEPT)

    @property
    def last(self) -> Trade | None:
        """The trade with the latest time."""
        record = self._store.take_last(self._row)
        if record is not None:
            self._last = None if record[TIME] == NEVER else self._trade(record)
        return self._last

    def newest(self, count: int) -> list[Trade]:
        """At most so many, oldest first."""
        return [self._trade(record) for record in self._store.newest(self._row, min(count, KEPT))]

    def add(self, trade: Trade) -> None:
        """A trade that came by itself."""
        self._store.put(Ticks(self._store.symbols, trade.recv, memoryview(array("q", _record(self._row, trade))), _NOTHING, 1))

    def unread(self) -> list[tuple[int, int, int]]:
        """(time, price, size) of the trades since the last time."""
        return [(record[TIME], record[PRICE], record[SIZE]) for record in self._store.unread(self._row)]

    def correct(self, _event: Correction) -> None:
        """No venue that sends columns puts trades right."""

    def clear(self) -> None:
        """Forget all that is known of the row."""
        self._store.forget([self._symbol])

    def _trade(self, record: list[int]) -> Trade:
        return Trade(self._symbol, record[TIME], record[RECV], record[PRICE], record[SIZE], record[SOLD] == 1, str(record[NUMBER]))


def _record(row: int, trade: Trade) -> list[int]:
    return [trade.recv, row, int(trade.trade_id), trade.price, trade.size, trade.ts or trade.recv, int(trade.buyer_maker)]
