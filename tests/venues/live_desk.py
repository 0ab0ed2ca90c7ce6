"""What the tests of live venues share: an emulator in this very loop, a desk that listens, waiting for conditions."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from app.market.state import MarketState
from app.model.market import Gap, MarketEvent, Rejected
from app.model.orders import Side
from app.net.connection import LinkPolicy
from app.platform.native.basics import SystemClock
from app.platform.native.web import NativeFetch, NativeSockets
from app.platform.scheduler import LoopScheduler
from app.venues.base import Connection, ConnectionState
from app.venues.binance.live import BinanceLive
from tests.venues.binance_emulator import RECORDING
from tests.venues.binance_sim.server import Emulator
from tests.venues.binance_sim.session import Session, load

QUICK = LinkPolicy(
    connect_timeout_s=2.0, silence_s=0.4, probe_timeout_s=0.4, first_delay_s=0.02, max_delay_s=0.2, stable_s=5.0
)
"""Deadlines short enough to be waited for."""
PATIENT = replace(QUICK, silence_s=10.0, probe_timeout_s=10.0)
"""The same for a connection that has to last: a busy machine is silent for a while, too."""


@lru_cache(maxsize=4)
def session(clones: tuple[str, ...] = (), mirrors: tuple[str, ...] = ()) -> Session:
    """The shipped BTCUSDT session, loaded once."""
    return load(RECORDING, clones, mirrors)


@asynccontextmanager
async def emulating(clones: tuple[str, ...] = (), mirrors: tuple[str, ...] = (), **options) -> AsyncIterator[Emulator]:
    """An emulator, held until it is stepped or told to play."""
    options = {"paused": True, "loop": False, **options}
    emulator = await Emulator(RECORDING, session=session(clones, mirrors), **options).start()
    try:
        yield emulator
    finally:
        await emulator.close()


async def until(condition: Callable[[], object], what: str = "", seconds: float = 15.0) -> None:
    """Wait for a condition; a failure names it."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"waited {seconds:g} s in vain: {what or 'condition'}") from None


class Desk:
    """A market sink that keeps everything, over one live venue."""

    def __init__(self, emulator: Emulator, *, symbols=("BTCUSDT",), policy=QUICK, seed=1, **options) -> None:
        self.emulator = emulator
        self.events: list[MarketEvent] = []
        self.rejected: list[Rejected] = []
        self.connections: list[Connection] = []
        clock = SystemClock()
        self.venue = BinanceLive(
            sockets=NativeSockets(clock),
            fetch=NativeFetch(),
            clock=clock,
            scheduler=LoopScheduler(),
            rng=random.Random(seed),
            ws=options.pop("ws", emulator.ws),
            rest=options.pop("rest", emulator.http),
            symbols=symbols,
            depth_limit=options.pop("depth_limit", 5000),
            policy=policy,
        )
        self.state = MarketState([])

    async def start(self) -> Desk:
        """Prepare and begin to listen."""
        await self.venue.prepare()
        self.begin()
        return self

    def begin(self) -> None:
        """Begin to listen with the instruments known by now."""
        self.state = MarketState(self.venue.instruments())
        self.state.on_broken_book = self.venue.resync
        self.venue.start(self)

    def on_events(self, events: list[MarketEvent], received_ns: int) -> None:
        assert received_ns > 0
        self.events += events
        self.state.apply(events)

    def on_rejected(self, rejected: Rejected) -> None:
        self.rejected.append(rejected)

    def on_connection(self, connection: Connection) -> None:
        self.connections.append(connection)

    @property
    def is_live(self) -> bool:
        """Whether every book is in step."""
        return self.venue.connection.state is ConnectionState.LIVE

    @property
    def gaps(self) -> list[str]:
        """Reasons of the gaps shown so far."""
        return [event.reason for event in self.events if type(event) is Gap]

    def levels(self, symbol: str = "BTCUSDT") -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
        """Bids and asks of our book."""
        book, instrument = self.state.book(symbol), self.state.instrument(symbol)
        bids, asks = (
            {instrument.price(price): instrument.size(size) for price, size in book.levels(side, 100_000)}
            for side in (Side.BUY, Side.SELL)
        )
        return bids, asks

    def theirs(self, symbol: str = "BTCUSDT") -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
        """Bids and asks of the exchange's book."""
        book = self.emulator.player.markets[symbol].book
        bids, asks = ({Decimal(p): Decimal(q) for p, q in side.items()} for side in (book.bids, book.asks))
        return bids, asks

    def in_step(self, symbol: str = "BTCUSDT") -> bool:
        """Whether our book is trusted and as far as theirs."""
        book = self.state.book(symbol)
        return book.is_trusted and book.sequence == self.emulator.player.markets[symbol].book.update_id

    async def live(self) -> Desk:
        """Play a little at a time until every book is in step."""
        for _ in range(2_000):
            if self.is_live:
                return self
            self.emulator.player.step(5)
            await asyncio.sleep(0.005)
        raise AssertionError(f"never live: {self.venue.connection}")

    async def agree(self, *symbols: str) -> None:
        """A checkpoint: catch up, then every level must be the exchange's."""
        for symbol in symbols or ("BTCUSDT",):
            await until(lambda name=symbol: self.in_step(name), f"{symbol} in step; {self.venue.connection}")
            assert self.levels(symbol) == self.theirs(symbol)


@asynccontextmanager
async def trading_desk(emulator: Emulator, **options) -> AsyncIterator[Desk]:
    """A desk that is live on an emulator, and stopped at the end."""
    desk = Desk(emulator, **options)
    try:
        await desk.start()
        await desk.live()
        yield desk
    finally:
        desk.venue.stop()


def run(scenario: Callable[[], Coroutine]) -> None:
    """Run a scenario to its end; an exception that anything left to the loop fails it."""

    async def watched() -> None:
        escaped: list[dict] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: escaped.append(context))
        await scenario()
        gc.collect()
        await asyncio.sleep(0)
        assert not escaped, escaped

    asyncio.run(watched())
