"""What is particular to a venue, in one object: addresses, limits, rules, topics, and how a book is kept in step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.model.instrument import Instrument
from app.net.backoff import Backoff
from app.net.streams import Lane, Limits
from app.platform.columns import Layouts

from .feed import BookFeed, StreamFeed
from .rest import Quota, RestAnswer
from .session import VenueSession

if TYPE_CHECKING:
    from .live import LiveVenue

Ask = Callable[[str, int], Awaitable[RestAnswer]]


@dataclass(slots=True)
class Learnt:
    """What the trading rules say: the instruments found, and those not trading now with the venue's word for it."""

    instruments: list[Instrument]
    halted: dict[str, str] = field(default_factory=dict)


class Dialect:
    """What is particular to a venue. Class attributes are its public addresses, limits and the instruments shown by default."""

    name = ""
    ws = ""
    rest = ""
    ws_path = ""
    rest_path = ""
    routes: tuple[str, ...] = ("",)
    """Suffixes of the socket's address, where a venue spreads its streams over several."""
    symbols: tuple[str, ...] = ()
    limits = Limits()
    quota = Quota(60)
    session: Callable[[Lane, LiveVenue], VenueSession]

    async def learn(self, ask: Ask, symbols: Sequence[str]) -> Learnt:
        """The instruments among ``symbols`` that the venue lists. Raises WireError with a reason in words."""
        raise NotImplementedError

    def parser(self, instruments: Sequence[Instrument]) -> Any:
        """Reads frames about these instruments."""
        raise NotImplementedError

    def layouts(self, instruments: Sequence[Instrument]) -> Layouts | None:
        """What its frames look like, where the parser has ``columns``, which makes events of what was read so."""
        return None

    def topics(self, instrument: Instrument, route: str) -> tuple[str, ...]:
        """What to subscribe to for an instrument on a route; the book's topic comes first."""
        raise NotImplementedError

    def feed(self, instrument: Instrument, venue: LiveVenue, backoff: Backoff) -> BookFeed:
        """How its book is kept in step."""
        return StreamFeed(instrument.symbol, venue.clock, venue.scheduler, backoff, venue.send_again, venue)


def with_path(address: str, path: str) -> str:
    """``address`` with ``path`` when it names a host only."""
    return address if urlsplit(address).path.strip("/") else address.rstrip("/") + path
