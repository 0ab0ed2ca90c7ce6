"""The venue of listings whose prices are asked for: keeps each as fresh as its exchange's hours and the sources' calls allow.

Never raises into the desk. What a chain of sources answers becomes trades and the top of a book; why a price is old or missing is in its row and
in the connection's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from app.model.instrument import Instrument
from app.model.market import MarketEvent
from app.platform.interfaces import Cancellable, Clock, Scheduler
from app.sources.answers import Price
from app.sources.chain import Chain
from app.sources.listing import Listing

from ..base import Capabilities, Connection, ConnectionState, MarketSink
from .polling import NS, Watched

DEFAULT = ("AAPL", "MSFT", "NVDA", "AMZN", "SPY", "SAP.DE", "SHEL.L", "7203.T", "BTC-USD", "EURUSD=X")
VENUE = "equities"
_TURN_S = 1.0
_LOOKED_AT = 25
"""So many of the most important listings are asked for every minute."""
_AT_ONCE = 50


class EquitiesLive:
    """``listings`` in the order of the watchlist; ``changed`` is called when what is known of prices or sources has changed. ``label`` is
    appended to symbols."""

    name = VENUE
    capabilities = Capabilities(market_data=True)

    def __init__(
        self, chain: Chain, clock: Clock, scheduler: Scheduler, listings: Iterable[Listing], label: str = "", changed: Callable[[], object] = lambda: None
    ) -> None:
        self.chain, self.changed = chain, changed
        self.connection = Connection(self.name, ConnectionState.OFFLINE, clock.now_ns(), "not started")
        self.rows: dict[str, Watched] = {}
        self._clock, self._scheduler = clock, scheduler
        self._label = f".{label}" if label else ""
        self._sink: MarketSink | None = None
        self._timer: Cancellable | None = None
        self._task: Cancellable | None = None
        self._network = True
        self._waiting = True
        self._person = False
        for item in listings:
            self.add(item)

    async def prepare(self) -> None:
        """Instruments follow from their symbols: there is nothing to ask."""

    def instruments(self) -> list[Instrument]:
        """All, in the order of the watchlist."""
        return [row.instrument for row in self.rows.values()]

    def add(self, item: Listing) -> Instrument:
        """Watch one more listing from now on; one that is watched already stays."""
        instrument = item.instrument(self.name, self._label)
        if instrument.symbol not in self.rows:
            row = self.rows[instrument.symbol] = Watched(item, instrument)
            row.rank, row.looked_at = len(self.rows), len(self.rows) <= _LOOKED_AT
            self._soon()
        return instrument

    def start(self, sink: MarketSink) -> None:
        """Begin to deliver; sources are asked once `begin` was called."""
        self._sink = sink
        self._say(ConnectionState.CONNECTING, "")
        self._turn()

    def begin(self) -> None:
        """What was kept over a restart is known: from now on sources may be asked."""
        self._waiting = False
        now = self._clock.now_ns()
        for row in self.rows.values():
            self._deliver(row.shown_again(now))
        self._soon()

    def stop(self) -> None:
        """End; nothing is delivered afterwards."""
        for pending in (self._timer, self._task):
            if pending is not None:
                pending.cancel()
        self._timer = self._task = None
        self._say(ConnectionState.STOPPED, "")
        self._sink = None

    def now_ns(self, symbol: str = "") -> int:
        """The present in ns UTC."""
        return self._clock.now_ns()

    def stale_after_ns(self, symbol: str) -> int | None:
        """After how long without an answer an instrument is stale; None for one that is not of here."""
        row = self.rows.get(symbol)
        return None if row is None else row.stale_after_ns(self._clock.now_ns())

    def close_before(self, symbol: str) -> Decimal | None:
        """The close of the session before, as the source of the price says it."""
        row = self.rows.get(symbol)
        close = row.price.previous_close if row is not None and row.price is not None else None
        return close if close is not None and close > 0 else None

    def resync(self, symbol: str, reason: str) -> None:
        """A book is made anew with each answer."""

    def retry_now(self) -> None:
        """The network is back: ask for everything that is not final."""
        self._network = True
        self.chain.again()
        self.refresh(person=False)

    def went_offline(self) -> None:
        """There is no network: nothing is asked."""
        self._network = False
        self._say(ConnectionState.RECONNECTING, "the network is gone")

    def prioritise(self, symbols: Sequence[str]) -> None:
        """These first; they, and the first of the others, are asked for every minute."""
        order = [symbol for symbol in dict.fromkeys(symbols) if symbol in self.rows]
        order += [symbol for symbol in self.rows if symbol not in set(order)]
        now = self._clock.now_ns()
        for rank, symbol in enumerate(order):
            row = self.rows[symbol]
            looked_at = rank < _LOOKED_AT
            if looked_at and not row.looked_at and row.asked_ns:
                row.looked_at = True
                row.due_ns = min(row.due_ns, max(now, row.asked_ns + int(row.every_s(now) * NS)))
            row.rank, row.looked_at = rank, looked_at

    def sockets(self) -> list[dict]:
        """One row a source for the health page."""
        found = []
        for name, link in self.chain.links.items():
            state = "live" if link.health.is_well and link.has_key else "reconnecting" if link.has_key else "offline"
            found.append(
                {
                    "venue": f"{self.name} {link.source.title}",
                    "state": state,
                    "since_ns": self.connection.since_ns,
                    "detail": self.chain.sentence(name),
                    "attempts": link.health.failed,
                    "connects": link.health.ok,
                    "losses": link.health.failed,
                    "topics": sum(row.source == name for row in self.rows.values()),
                }
            )
        return found

    def refresh(self, person: bool = True, symbols: Iterable[str] = ()) -> None:
        """Ask now for these (all, if none is named), also what is not due; for a ``person`` the calls that are kept back may be used."""
        now = self._clock.now_ns()
        wanted = set(symbols)
        for symbol, row in self.rows.items():
            if (not wanted or symbol in wanted) and (person or not row.is_final(now)):
                row.due_ns = now
        self._person = self._person or person
        self._soon()

    def restore(self, symbol: str, price: Price, source: str, received_ns: int) -> None:
        """A price that was kept over a restart."""
        row = self.rows.get(symbol)
        if row is not None and row.price is None and source in self.chain.links and received_ns <= self._clock.now_ns():
            row.price, row.source, row.received_ns, row.asked_ns = price, source, received_ns, received_ns

    def _soon(self) -> None:
        if self._sink is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._scheduler.call_soon(self._turn)

    def _turn(self) -> None:
        """Once a second: what opened or closed, and what is due."""
        if self._sink is None:
            return
        self._timer = self._scheduler.call_later(_TURN_S, self._turn)
        now = self._clock.now_ns()
        for row in self.rows.values():
            self._deliver(row.turn(now))
        if self._task is None and self._network and not self._waiting:
            due = sorted((row for row in self.rows.values() if row.due_ns <= now), key=lambda row: row.rank)[:_AT_ONCE]
            if due:
                self._task = self._scheduler.create_task(self._poll(due))

    async def _poll(self, due: list[Watched]) -> None:
        person, self._person = self._person, False
        titles = {name: link.source.title for name, link in self.chain.links.items()}
        now_ns = self._clock.now_ns
        by_symbol = {row.listing.symbol: row for row in due}
        try:
            found = await self.chain.prices(
                [row.listing for row in due], person, lambda source, symbol: "" if person else by_symbol[symbol].settled(source, now_ns())
            )
            now = now_ns()
            events: list[MarketEvent] = []
            for row in due:
                events += row.take(found[row.listing.symbol], titles, now, now)
            self._deliver(events)
            self._judge(found, titles)
        finally:
            self._task = None
        self.changed()

    def _deliver(self, events: list[MarketEvent]) -> None:
        if events and self._sink is not None:
            self._sink.on_events(events, self._clock.monotonic_ns())

    def _judge(self, found: dict[str, Any], titles: dict[str, str]) -> None:
        """How the venue is, by the last answers: where prices come from, and what is wrong with the sources before."""
        sources = [outcome.source for outcome in found.values() if outcome.source]
        missing = [symbol for symbol, outcome in found.items() if not outcome.source]
        words = []
        for name, link in self.chain.links.items():
            if sources and name == max(set(sources), key=sources.count):
                break  # what stands behind it is not needed now
            if not link.health.is_well and link.has_key:
                words.append(f"{titles[name]}: {self.chain.sentence(name)}")
        if words and sources:
            words.append(f"now {titles[max(set(sources), key=sources.count)]}")
        priced = {row.listing.symbol for row in self.rows.values() if row.price is not None}
        lost = [symbol for symbol in missing if symbol not in priced]
        if lost:
            shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
            words.append(f"no source has {shown}")
        state = ConnectionState.LIVE if priced and (sources or not words) else ConnectionState.RECONNECTING
        self._say(state, "; ".join(words))

    def _say(self, state: ConnectionState, detail: str) -> None:
        if (state, detail) != (self.connection.state, self.connection.detail):
            since = self.connection.since_ns if state is self.connection.state else self._clock.now_ns()
            self.connection = Connection(self.name, state, since, detail)
            if self._sink is not None:
                self._sink.on_connection(self.connection)
