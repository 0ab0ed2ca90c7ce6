"""Market data messages after parsing: what every venue's wire format is turned into.

All are immutable. ``ts`` is the venue's own event time, ``recv`` the local receive time, both integer ns UTC
(ts is 0 where the venue sends none). Prices and sizes are integer units of the instrument (see units.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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


MarketEvent = Quote | Trade | Correction | BookSnapshot | BookDelta | Gap | Restart


@dataclass(frozen=True, slots=True)
class Rejected:
    """A venue message that could not be used: counted, shown on the health page, dropped."""

    venue: str
    recv: int
    reason: str
    sample: str
