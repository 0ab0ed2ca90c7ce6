"""What sources answer, whichever it is, and how they fail. Prices are exact Decimals in the listing's currency, times ns UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from .listing import Listing

KINDS = ("timeout", "network", "server", "web_page", "bad_content", "quota", "refused", "unknown_symbol", "empty", "not_covered", "no_key")
"""Ways to fail. The first five speak against the source; `quota` and `refused` stop it for a while; the rest are about one instrument or setting."""


class SourceError(Exception):
    """A source gave no usable answer. ``kind`` is one of KINDS; ``wait_s`` how long it wants to be left alone, where it says so."""

    def __init__(self, kind: str, text: str, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.kind, self.wait_s = kind, wait_s


class Price(NamedTuple):
    """The latest price of one listing. ``as_of_ns`` is the time it is of, not the one at which it came; ``grade`` = `live` (or nearly),
    `delayed`, `day` (the last of a whole day). Bid and ask only where the source has them; ``volume`` of the day so far, or None."""

    last: Decimal
    as_of_ns: int
    grade: str = "live"
    bid: Decimal | None = None
    bid_size: int = 0
    ask: Decimal | None = None
    ask_size: int = 0
    volume: int | None = None
    previous_close: Decimal | None = None


class Match(NamedTuple):
    """One hit of a search. ``symbol`` is written as the desk does (`SAP.DE`), ``kind`` = share, fund, index, future, currency, crypto."""

    symbol: str
    name: str
    exchange: str
    currency: str
    kind: str
    source: str


class Bar(NamedTuple):
    """One day as traded; ``day`` is its ISO date at the exchange. ``volume`` None where the source does not say; ``close_adjusted`` for splits and
    dividends, or None."""

    day: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int | None
    close_adjusted: Decimal | None = None


class Company(NamedTuple):
    """Facts about what is listed, as (label, text) pairs in the source's words."""

    name: str
    facts: tuple[tuple[str, str], ...]


class Allowance(NamedTuple):
    """At most ``calls`` in ``window_s`` seconds; a window of a day is a day of UTC and is counted over restarts."""

    calls: int
    window_s: float


DAY_S = 86_400.0


class Reply(NamedTuple):
    """An HTTP answer: status, body, headers by lower-case name."""

    status: int
    text: str
    headers: Mapping[str, str] = {}


class Ask(Protocol):
    """How a source's client gets an answer. ``{key}`` in ``path`` stands for the trader's key, which the client never sees."""

    async def __call__(self, path: str) -> Reply:
        """The answer to a GET under the source's address, of any status. Raises SourceError (timeout, network, no_key)."""


class Source(Protocol):
    """A client of one source. Each request raises SourceError; what concerns one listing only is in the result instead."""

    name: str
    title: str
    batch: int
    needs_key: bool
    allowances: Sequence[Allowance]

    def covers(self, listing: Listing) -> str:
        """Why a listing cannot be had from here, or an empty text."""

    def cost(self, count: int) -> int:
        """How many calls the prices of so many listings take."""

    async def prices(self, listings: Sequence[Listing]) -> dict[str, Price | SourceError]:
        """The latest prices by symbol; at most ``batch`` listings."""

    async def search(self, text: str) -> list[Match]:
        """Listings by name or symbol, the best first."""

    async def days(self, listing: Listing) -> list[Bar]:
        """Daily bars, oldest first, as far back as the source gives them in one request."""

    async def company(self, listing: Listing) -> Company:
        """What is known of the company or contract."""
