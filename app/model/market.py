"""Market data messages after parsing: what every venue's wire format is turned into.

All are immutable. ``ts`` is the venue's own event time, ``recv`` the local receive time, both integer ns UTC
(ts is 0 where the venue sends none). Prices and sizes are integer units of the instrument (see units.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

Level = tuple[int, int]
"""(price units, size units); size 0 deletes the level."""


class Quote(NamedTuple):
    """Best bid and ask of one instrument; a side with nobody on it has price 0 and size 0."""

    symbol: str
    ts: int
    recv: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int


class Trade(NamedTuple):
    """One public trade. ``buyer_maker`` True means the aggressor sold. ``trade_id`` is the venue's, as text."""

    symbol: str
    ts: int
    recv: int
    price: int
    size: int
    buyer_maker: bool
    trade_id: str


class Correction(NamedTuple):
    """A public trade was not as it was sent: ``trade_id`` is its id until now, ``price`` and ``size`` are what it is, ``new_id`` is its id
    from now on. Size 0: it is cancelled. ``ts`` is the time of the correction; the trade keeps its own."""

    symbol: str
    ts: int
    recv: int
    trade_id: str
    price: int
    size: int
    new_id: str = ""


class BookSnapshot(NamedTuple):
    """The whole displayed book; replaces what was known.

    ``max_depth`` bounds the book per side where the venue sends no deletes for levels that fall off (0: no bound).
    ``checksum`` is the venue's CRC of its top, or None.
    """

    symbol: str
    ts: int
    recv: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: int = 0
    max_depth: int = 0
    checksum: int | None = None


class BookDelta(NamedTuple):
    """Levels to set or (size 0) delete. first..last are the venue's update ids, 0 where it has none.

    A first of 0 with a last means ids that rise but do not count (a time): they order, but cannot show a loss.
    ``checksum`` is the venue's CRC of the top of the book after this delta, or None.
    """

    symbol: str
    ts: int
    recv: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    first: int = 0
    last: int = 0
    checksum: int | None = None


class Gap(NamedTuple):
    """Something was lost for an instrument: its book is not to be trusted until the next snapshot."""

    symbol: str
    recv: int
    reason: str


class Restart(NamedTuple):
    """The stream of an instrument began anew (replay loop or seek): forget its book, trades and bars."""

    symbol: str
    recv: int
    reason: str


TRADE_WIDTH, QUOTE_WIDTH = 7, 6
"""Numbers a record of each table of `Ticks`."""


@dataclass(slots=True)  # not frozen, which would cost as much as all else that is done to one; nobody changes it
class Ticks:
    """Quotes and trades of many instruments that came together, in columns: what they make is worked out when somebody looks.

    ``symbols`` names the rows. Tables of 64-bit integers, one record after another; ``trades``: order, row, the venue's id, price, size, time
    (in units of ``unit_ns``), 1 where the aggressor sold; ``quotes``: order, row, bid, its size, ask, its size.
    """

    symbol: ClassVar[str] = ""
    """They are about many instruments."""
    symbols: tuple[str, ...]
    recv: int
    trades: memoryview
    quotes: memoryview
    unit_ns: int

    def __len__(self) -> int:
        """How many ticks they are."""
        return len(self.trades) // TRADE_WIDTH + len(self.quotes) // QUOTE_WIDTH

    def of(self, symbols: Collection[str]) -> list[Trade | Quote]:
        """What came of these instruments as events: every trade in order, then the last quote of each."""
        names, wanted = self.symbols, {row for row, symbol in enumerate(self.symbols) if symbol in symbols}
        out: list[Trade | Quote] = []
        for at, row in enumerate(self.trades[1::TRADE_WIDTH].tolist()):
            if row in wanted:
                _, _, number, price, size, time, sold = self.trades[at * TRADE_WIDTH : (at + 1) * TRADE_WIDTH].tolist()
                out.append(Trade(names[row], time * self.unit_ns, self.recv, price, size, sold == 1, str(number)))
        places = {row: at for at, row in enumerate(self.quotes[1::QUOTE_WIDTH].tolist()) if row in wanted}
        for row, at in places.items():
            out.append(Quote(names[row], 0, self.recv, *self.quotes[at * QUOTE_WIDTH + 2 : (at + 1) * QUOTE_WIDTH].tolist()))
        return out


MarketEvent = Quote | Trade | Correction | BookSnapshot | BookDelta | Gap | Restart | Ticks


def events_of(batch: Iterable[MarketEvent], symbols: Collection[str]) -> Iterator[MarketEvent]:
    """What of a batch is about these instruments, one event after another."""
    for event in batch:
        if type(event) is Ticks:
            yield from event.of(symbols)
        elif event.symbol in symbols:
            yield event


class Seen:
    """The trade ids that came last, at least ``most`` of them: one of them coming again is a duplicate."""

    __slots__ = ("_most", "_newest", "_older")

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self._newest: set[str] = set()
        self._older: set[str] = set()

    def add(self, number: str) -> bool:
        """Remember an id; False where it is remembered already. What has none (an empty one) is always new."""
        if number:
            newest = self._newest
            if number in newest or number in self._older:
                return False
            newest.add(number)
            if len(newest) >= self._most:
                self._older, self._newest = newest, set()
        return True


@dataclass(frozen=True, slots=True)
class Rejected:
    """A venue message that could not be used: counted, shown on the health page, dropped."""

    venue: str
    recv: int
    reason: str
    sample: str
