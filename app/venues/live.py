"""A live venue: instruments, sockets and books of one exchange, whichever it is.

Owns one pool of sockets a route, a session on each socket and one feed an instrument. What is particular to a venue is its `Dialect`. Never raises
into the desk: whatever the network does becomes events, `Rejected` records or the connection's state. A gap is delivered as a Gap, its cause
is counted, and the book is built anew.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Gap, MarketEvent, Rejected
from app.net.backoff import Backoff, Rng
from app.net.connection import LinkPolicy, LinkState
from app.net.streams import Group, Lane, Machine, Pool, Streams
from app.platform.columns import Reader
from app.platform.interfaces import Clock, Fetch, Scheduler, Sockets

from .base import Capabilities, Connection, ConnectionState, MarketSink
from .dialect import Dialect, with_path
from .feed import BookFeed
from .rest import Rest, RestAnswer
from .wire import WireError, reject

PREPARE_TRIES = 3


class LiveVenue:
    """Market data for ``symbols``; ``missing`` are those the venue does not list, ``halted`` those it does not trade now.

    ``label`` is appended to every symbol after a dot, so that instruments of several venues have names of their own (BTC-USD.COINBASE).
    ``resyncs`` counts by cause why books were built anew. ``streams`` supervises the sockets of several venues together.
    """

    capabilities = Capabilities(market_data=True)

    def __init__(
        self,
        dialect: Dialect,
        *,
        sockets: Sockets,
        fetch: Fetch,
        clock: Clock,
        scheduler: Scheduler,
        rng: Rng,
        streams: Streams | None = None,
        ws: str = "",
        rest: str = "",
        symbols: Sequence[str] = (),
        label: str = "",
        policy: LinkPolicy | None = None,
    ) -> None:
        self.name = dialect.name
        self.dialect = dialect
        self.clock, self.scheduler = clock, scheduler
        self.connection = Connection(self.name, ConnectionState.OFFLINE, clock.now_ns(), "not started")
        self.resyncs: Counter[str] = Counter()
        self.rejected = 0
        self.missing: list[str] = []
        self.halted: dict[str, str] = {}
        self.parser: Any = None
        self.reader: Reader | None = None
        """Makes columns of frames, for venues that say what theirs look like."""
        self.rest = Rest(with_path(rest or dialect.rest, dialect.rest_path), fetch, clock, scheduler, dialect.quota, on_trouble=self._report)
        self._rng, self._sockets = rng, sockets
        self._symbols = tuple(dict.fromkeys(symbols or dialect.symbols))
        self._label = f".{label}" if label else ""
        self._sink: MarketSink | None = None
        self._instruments: list[Instrument] = []
        self._order: list[str] = []
        self._feeds: dict[str, BookFeed] = {}
        self._topics: dict[str, dict[str, tuple[str, ...]]] = {}
        self._problem = ""
        self._stopped = self._in_columns = False
        self._every: Collection[str] = ()
        self._asking: asyncio.Future[RestAnswer] | None = None
        self._streams = streams or Streams(clock, scheduler)
        limits = replace(dialect.limits, policy=policy) if policy else dialect.limits
        machine, base = Machine(sockets, clock, scheduler, rng), with_path(ws or dialect.ws, dialect.ws_path)
        connects = limits.policy.connect_window()
        self.pools = {
            route: Pool(
                f"{self.name} {route.strip('/').partition('/')[0]}".strip(),
                base + route,
                limits,
                machine,
                lambda lane: dialect.session(lane, self),
                on_lost=self._lost,
                on_status=self._report,
                connects=connects,
                reader=lambda: self.reader,
            )
            for route in dialect.routes
        }

    async def prepare(self) -> None:
        """Learn the trading rules; after a few failures return without, and may be called again."""
        for attempt in range(PREPARE_TRIES):
            if await self._learn():
                return
            if attempt + 1 < PREPARE_TRIES:
                await self._pause(0.5 * 2**attempt)

    def instruments(self) -> list[Instrument]:
        """The instruments whose rules are known, in the order asked for."""
        return list(self._instruments)

    def start(self, sink: MarketSink) -> None:
        """Connect and deliver to ``sink``, once the instruments are known."""
        if not self._instruments:
            raise ValueError("the trading rules are not known: prepare until there are instruments")
        self._sink, self._stopped = sink, False
        sink.on_connection(self.connection)
        for pool in self.pools.values():
            self._streams.add(pool)

    def stop(self) -> None:
        """Disconnect; nothing is delivered afterwards."""
        self.rest.clear()
        if self._asking is not None and not self._asking.done():
            self._asking.set_result(RestAnswer("", "stopped"))
        for feed in self._feeds.values():
            feed.stop()
        for pool in self.pools.values():
            for lane in pool.lanes:
                lane.session.lost("stopped")
            self._streams.remove(pool)
        self._stopped = True
        self._report()
        self._sink = None

    def now_ns(self, symbol: str = "") -> int:
        """The present in ns UTC."""
        return self.clock.now_ns()

    @property
    def replaced(self) -> int:
        """Quotes that were left out because a later one had come with them."""
        return 0 if self.reader is None else self.parser.columns.replaced

    @property
    def reads_columns(self) -> bool:
        """Whether it can hand on quotes and trades in columns."""
        return self.reader is not None and self.parser.columns.gives_ticks

    def use_columns(self) -> None:
        """Hand on quotes and trades as `Ticks` from now on, where it can."""
        self._in_columns = True
        if self.reads_columns:
            self.parser.columns.whole = True

    def hand_on_every(self, symbols: Collection[str]) -> None:
        """Leave out no quote of these instruments from now on; of the others again."""
        self._every = symbols
        if self.reads_columns:
            self.parser.columns.every = frozenset([row for row, item in enumerate(self._instruments) if item.symbol in symbols])

    def resync(self, symbol: str, reason: str) -> None:
        """Build the book of a symbol anew, because its owner found it wrong (crossed, or another checksum)."""
        # Later, not now: the owner finds out while it is being given events.
        self.scheduler.call_soon(lambda: self._reset(symbol, reason))

    def retry_now(self) -> None:
        """The network is back: do not wait for the next attempt."""
        for pool in self.pools.values():
            pool.retry_now()

    def went_offline(self) -> None:
        """The browser says that there is no network: what is open cannot be believed any longer."""
        for pool in self.pools.values():
            pool.reconnect("the network is gone")

    def prioritise(self, symbols: Sequence[str]) -> None:
        """These instruments first, then the others: in subscribing, in building books, and in what is streamed at all under the venue's limits."""
        first = [symbol for symbol in dict.fromkeys(symbols) if symbol in self._feeds]
        order = first + [item.symbol for item in self._instruments if item.symbol not in set(first)]
        if order != self._order:
            self._order = order
            for rank, symbol in enumerate(order):
                self._feeds[symbol].rank = rank
            self._carry()

    def sockets(self) -> list[dict]:
        """One row a socket for the health page: name, state, detail, attempts, since_ns, topics, connects, losses."""
        rows = []
        for pool in self.pools.values():
            for lane in pool.lanes:
                link, status = lane.link, lane.link.status
                rows.append(
                    {
                        "venue": pool.name if len(pool.lanes) == 1 else f"{pool.name} {lane.number}",
                        "state": str(_STATES[status.state]),
                        "since_ns": status.since_ns,
                        "detail": status.detail or lane.session.problem or lane.session.notice,
                        "attempts": status.attempts,
                        "topics": len(lane.topics),
                        "connects": link.connections,
                        "losses": link.losses,
                    }
                )
        return rows

    # rules

    async def _learn(self) -> bool:
        try:
            found = await self.dialect.learn(self._ask, self._symbols)
        except WireError as error:
            return self._not_learnt(str(error))
        known = {item.symbol: item for item in found.instruments}
        self.missing = [name for name in self._symbols if name not in known]
        chosen = [known[name] for name in self._symbols if name in known]
        if not chosen:
            return self._not_learnt("none of the symbols has usable trading rules")
        self.halted = {name + self._label: word for name, word in found.halted.items() if name in known}
        self._problem = ""
        self._instruments = [replace(item, symbol=item.symbol + self._label) for item in chosen]
        self.parser = self.dialect.parser(self._instruments)
        told = self.dialect.layouts(self._instruments)
        self.reader = None if told is None else self._sockets.columns(told)
        if self._in_columns:
            self.use_columns()
        self.hand_on_every(self._every)
        policy = next(iter(self.pools.values())).limits.policy
        self._feeds = {
            item.symbol: self.dialect.feed(item, self, Backoff(self._rng, first_s=policy.first_delay_s, cap_s=30.0, stable_s=30.0))
            for item in self._instruments
        }
        self._topics = {route: {item.symbol: self.dialect.topics(item, route) for item in self._instruments} for route in self.pools}
        self.prioritise([item.symbol for item in self._instruments])
        self._report()
        return True

    def _not_learnt(self, reason: str) -> bool:
        self._problem = f"trading rules: {reason}"
        self._report()
        return False

    async def _ask(self, path: str, weight: int) -> RestAnswer:
        future: asyncio.Future[RestAnswer] = asyncio.get_running_loop().create_future()
        self._asking = future
        self.rest.get(path, weight, lambda answer: future.done() or future.set_result(answer))
        return await future

    async def _pause(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.scheduler.call_later(seconds, lambda: future.done() or future.set_result(None))
        await future

    # sockets and books

    def book_topics(self, symbol: str) -> tuple[str, ...]:
        """The topic that carries an instrument's book."""
        return self._topics[self.dialect.routes[0]][symbol][:1]

    def send_again(self, symbol: str) -> None:
        """Have the whole book of an instrument sent anew on its connection."""
        for lane in self.pools[self.dialect.routes[0]].lanes:
            if symbol in lane.groups and lane.link.is_open:
                lane.session.again(symbol)

    def opened(self, lane: Lane) -> None:
        """A socket is open and subscribed."""
        for symbol in lane.groups:
            self._feeds[symbol].connected()

    def take(self, events: list[MarketEvent | Rejected], received_ns: int) -> None:
        """What a socket brought, to the desk: books through their feeds."""
        out: list[MarketEvent] = []
        feeds = self._feeds
        for event in events:
            kind = type(event)
            if kind is BookDelta or kind is BookSnapshot:
                out += feeds[event.symbol].on_book(event)
            elif kind is Rejected:
                self.on_rejected(event)
            elif kind is Gap:
                out += feeds[event.symbol].reset(event.reason, event.recv)
            else:
                out.append(event)
        self._deliver(out, received_ns)

    def refused(self, reason: str, sample: str) -> None:
        """The venue refused a request."""
        self.on_rejected(reject(self.name, self.clock.now_ns(), reason, sample))
        self._report()

    def changed(self) -> None:
        """Something a session shows has changed."""
        self._report()

    def _carry(self) -> None:
        out: list[MarketEvent] = []
        for route, pool in self.pools.items():
            dropped, added = pool.want([Group(symbol, self._topics[route][symbol]) for symbol in self._order])
            for symbol in dropped:
                out += self._feeds[symbol].lost("not streamed any more: other instruments matter more", self.clock.now_ns())
            for symbol in added:
                self._feeds[symbol].connected()
        self._deliver(out, self.clock.monotonic_ns())
        self._report()

    def _reset(self, symbol: str, reason: str) -> None:
        if feed := self._feeds.get(symbol):
            self._deliver(feed.reset(reason, self.clock.now_ns()), self.clock.monotonic_ns())

    def _lost(self, lane: Lane, reason: str) -> None:
        out: list[MarketEvent] = []
        for symbol in lane.groups:
            out += self._feeds[symbol].lost(reason, self.clock.now_ns())
        self._deliver(out, self.clock.monotonic_ns())

    # what feeds report

    def on_snapshot(self, events: list[MarketEvent]) -> None:
        """A feed caught up: its snapshot and what followed."""
        self._deliver(events, self.clock.monotonic_ns())
        self._report()

    def on_rejected(self, rejected: Rejected) -> None:
        """A frame or answer that could not be used."""
        self.rejected += 1
        if self._sink is not None:
            self._sink.on_rejected(rejected)

    def on_resync(self, cause: str) -> None:
        """A feed has to build its book anew."""
        self.resyncs[cause] += 1
        self._report()

    def on_in_step(self) -> None:
        """A feed's book is in step."""
        self._report()

    def _deliver(self, events: list[MarketEvent], received_ns: int) -> None:
        if events and self._sink is not None:
            self._sink.on_events(events, received_ns)

    # state

    def _report(self) -> None:
        state, detail, attempts, wait = self._state()
        old = self.connection
        if (state, detail, attempts, wait) == (old.state, old.detail, old.attempts, old.next_try_s):
            return
        since_ns = old.since_ns if state is old.state else self.clock.now_ns()
        self.connection = Connection(self.name, state, since_ns, detail, attempts, wait)
        if self._sink is not None:
            self._sink.on_connection(self.connection)

    def _state(self) -> tuple[ConnectionState, str, int, float | None]:
        if self._stopped:
            return ConnectionState.STOPPED, "stopped", 0, None
        statuses = [status for pool in self.pools.values() if (status := pool.worst())]
        status = max(statuses, key=lambda each: (_RANK[each.state], each.attempts), default=None)
        if status is None or status.state is LinkState.OFFLINE:
            return ConnectionState.OFFLINE, self._problem or self.rest.trouble or "not started", 0, None
        if status.state is not LinkState.OPEN:
            waits = status.state is LinkState.WAITING
            again = waits or status.attempts > 0
            state = ConnectionState.RECONNECTING if again else ConnectionState.CONNECTING
            return state, status.detail, status.attempts, status.next_try_s if waits else None
        carried = [self._feeds[symbol] for symbol in self._order if symbol not in self._left_out()]
        waiting = [feed for feed in carried if not feed.is_live]
        if not waiting:
            return ConnectionState.LIVE, "; ".join(self._remarks()), status.attempts, None
        words = [f"{len(carried) - len(waiting)} of {len(carried)} books in step"]
        words += [self._said("problem") or self.rest.trouble or waiting[0].problem]
        return ConnectionState.SYNCING, "; ".join(filter(None, words)), status.attempts, None

    def _remarks(self) -> list[str]:
        """What is worth knowing of a venue that works."""
        out = [self._said("notice")] if self._said("notice") else []
        if self.missing:
            out.append(f"without {', '.join(self.missing)}")
        out += [f"{symbol} is not trading ({word})" for symbol, word in self.halted.items()]
        if left_out := self._left_out():
            out.append(f"not streamed, over the venue's limit: {', '.join(sorted(left_out))}")
        return out

    def _said(self, what: str) -> str:
        lanes = (lane for pool in self.pools.values() for lane in pool.lanes)
        return next((said for lane in lanes if (said := getattr(lane.session, what))), "")

    def _left_out(self) -> set[str]:
        return {symbol for pool in self.pools.values() for symbol in pool.left_out}


_STATES = {
    LinkState.OFFLINE: ConnectionState.OFFLINE,
    LinkState.CONNECTING: ConnectionState.CONNECTING,
    LinkState.OPEN: ConnectionState.LIVE,
    LinkState.WAITING: ConnectionState.RECONNECTING,
    LinkState.STOPPED: ConnectionState.STOPPED,
}
_RANK = {LinkState.OPEN: 0, LinkState.CONNECTING: 1, LinkState.WAITING: 2, LinkState.OFFLINE: 3, LinkState.STOPPED: 4}
