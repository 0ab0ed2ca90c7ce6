"""Several live venues under one desk: one list of instruments, one stream of events, one connection that says how the worst of them is.

Every venue labels its symbols (BTC-USD.COINBASE), so that none is two things. A venue whose rules cannot be learnt does not hold the others up: it is
shown as offline, asked again, and joins when it answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal

from app.model.instrument import Instrument
from app.model.market import MarketEvent, Rejected
from app.platform.interfaces import Cancellable, Scheduler

from .base import Capabilities, Connection, ConnectionState, MarketSink
from .live import LiveVenue

AGAIN_S = 15.0
GRACE_S = 2.0
"""How long venues that answered wait at the start for those that have not."""


class SeveralVenues:
    """``on_joined`` gets the instruments of a venue that answered after the start; it must make them known before it returns."""

    capabilities = Capabilities(market_data=True)

    def __init__(self, venues: Sequence[LiveVenue], scheduler: Scheduler) -> None:
        self.venues = list(venues)
        self.name = "+".join(venue.name for venue in venues)
        self.on_joined: Callable[[list[Instrument]], object] = lambda _instruments: None
        self._scheduler = scheduler
        self._sink: MarketSink | None = None
        self._started: set[str] = set()
        self._preparing: dict[str, asyncio.Task] = {}
        self._order: list[str] = []
        self._timer: Cancellable | None = None
        self._task: Cancellable | None = None

    @property
    def connection(self) -> Connection:
        """The worst of the venues' states; the detail names each, and what is not simply live."""
        found = [venue.connection for venue in self.venues]
        worst = max(found, key=lambda each: _RANK[each.state])
        simple = [each.state is ConnectionState.LIVE and not each.detail for each in found]
        words = [each.venue if plain else _words(each) for each, plain in zip(found, simple, strict=True)]
        detail = "" if all(simple) else "; ".join(words)
        return Connection(self.name, worst.state, max(each.since_ns for each in found), detail, worst.attempts, worst.next_try_s)

    async def prepare(self) -> None:
        """Learn every venue's instruments, all at once; none holds the others up for long."""
        for venue in self.venues:
            if not venue.instruments() and venue.name not in self._preparing:
                self._preparing[venue.name] = asyncio.ensure_future(venue.prepare())
        pending = set(self._preparing.values())
        while pending and not self.instruments():
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            await asyncio.wait(pending, timeout=GRACE_S)
        self._preparing = {name: task for name, task in self._preparing.items() if not task.done()}

    def instruments(self) -> list[Instrument]:
        """All instruments, the venues taking turns, so that the first of each stand at the top."""
        lists = [venue.instruments() for venue in self.venues]
        longest = max(map(len, lists), default=0)
        return [items[row] for row in range(longest) for items in lists if row < len(items)]

    def start(self, sink: MarketSink) -> None:
        """Begin to deliver to ``sink``: every venue that is known; the others join later."""
        self._sink = sink
        for venue in self.venues:
            self._start(venue)
        if len(self._started) < len(self.venues):
            self._timer = self._scheduler.call_later(AGAIN_S, self._again)

    def stop(self) -> None:
        """End; nothing is delivered afterwards."""
        for pending in (self._timer, self._task, *self._preparing.values()):
            if pending is not None:
                pending.cancel()
        self._timer = self._task = None
        self._preparing.clear()
        for venue in self.venues:
            venue.stop()
        self._sink = None

    def now_ns(self, symbol: str = "") -> int:
        """The present in ns UTC."""
        return self.venues[0].now_ns(symbol)

    def stale_after_ns(self, symbol: str) -> int | None:
        """After how long without a message an instrument is stale; None where the usual limit holds."""
        for venue in self.venues:
            own = getattr(venue, "stale_after_ns", None)
            if own is not None and (limit := own(symbol)) is not None:
                return limit
        return None

    def close_before(self, symbol: str) -> Decimal | None:
        """The close of the session before, where the venue says it."""
        found = (own(symbol) for venue in self.venues if (own := getattr(venue, "close_before", None)) is not None)
        return next((close for close in found if close is not None), None)

    def resync(self, symbol: str, reason: str) -> None:
        """Build a book anew; only the venue that has the symbol does anything."""
        for venue in self.venues:
            venue.resync(symbol, reason)

    def retry_now(self) -> None:
        """The network is back."""
        for venue in self.venues:
            venue.retry_now()
        if self._timer is not None:
            self._timer.cancel()
            self._again()

    def went_offline(self) -> None:
        """The network is gone."""
        for venue in self.venues:
            venue.went_offline()

    def prioritise(self, symbols: Sequence[str]) -> None:
        """These instruments first; each venue takes its own."""
        self._order = list(symbols)
        for venue in self.venues:
            venue.prioritise(symbols)

    def sockets(self) -> list[dict]:
        """The sockets of all venues; a venue that has none is a row all the same."""
        rows = []
        for venue in self.venues:
            found = venue.sockets() if venue.name in self._started else []
            one = venue.connection
            rows += found or [{"venue": venue.name, "state": str(one.state), "since_ns": one.since_ns, "detail": one.detail, "attempts": one.attempts}]
        return rows

    @property
    def replaced(self) -> int:
        """Quotes of all venues that were left out because a later one had come with them."""
        return sum(venue.replaced for venue in self.venues)

    @property
    def reads_columns(self) -> bool:
        """Whether one of them reads its frames in columns."""
        return any(getattr(venue, "reads_columns", False) for venue in self.venues)

    def use_columns(self) -> None:
        """Hand on `Ticks`; each venue that can, and those that join later."""
        for venue in self.venues:
            if hasattr(venue, "use_columns"):
                venue.use_columns()

    def hand_on_every(self, symbols: Collection[str]) -> None:
        """Leave out no quote of these instruments."""
        for venue in self.venues:
            if hasattr(venue, "hand_on_every"):
                venue.hand_on_every(symbols)

    # MarketSink, for each of the venues

    def on_events(self, events: list[MarketEvent], received_ns: int) -> None:
        """Passed on."""
        if self._sink is not None:
            self._sink.on_events(events, received_ns)

    def on_rejected(self, rejected: Rejected) -> None:
        """Passed on."""
        if self._sink is not None:
            self._sink.on_rejected(rejected)

    def on_connection(self, _connection: Connection) -> None:
        """One changed: the desk is told how all are."""
        if self._sink is not None:
            self._sink.on_connection(self.connection)

    def _start(self, venue: LiveVenue) -> None:
        if venue.instruments() and venue.name not in self._started:
            self._started.add(venue.name)
            venue.start(self)

    def _again(self) -> None:
        self._timer = None
        if self._task is None:
            self._task = self._scheduler.create_task(self._join())

    async def _join(self) -> None:
        await self.prepare()
        self._task = None
        for venue in self.venues:
            if venue.name not in self._started and (found := venue.instruments()):
                self.on_joined(found)
                venue.prioritise(self._order)
                self._start(venue)
        if len(self._started) < len(self.venues) and self._sink is not None:
            self._timer = self._scheduler.call_later(AGAIN_S, self._again)


def _words(one: Connection) -> str:
    return f"{one.venue} {one.state}" + (f" ({one.detail})" if one.detail else "")


_RANK = {
    ConnectionState.LIVE: 0,
    ConnectionState.SYNCING: 1,
    ConnectionState.CONNECTING: 2,
    ConnectionState.RECONNECTING: 3,
    ConnectionState.OFFLINE: 4,
    ConnectionState.STOPPED: 5,
}
