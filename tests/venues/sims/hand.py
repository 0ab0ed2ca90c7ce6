"""A live venue on an exchange with neither network nor time of its own: sockets, REST and clock are moved by the test."""

from __future__ import annotations

import asyncio
import random
from urllib.parse import urlsplit

from app.market.state import MarketState
from app.model.market import Gap, MarketEvent, Rejected
from app.model.orders import Side
from app.net.streams import Streams
from app.platform.columns import NativeReader
from app.platform.errors import FetchError
from app.platform.interfaces import Answer
from app.venues.base import Connection, ConnectionState
from app.venues.bitstamp.live import BitstampLive
from app.venues.coinbase.live import CoinbaseLive
from app.venues.kraken.live import KrakenLive
from app.venues.kraken.v2 import DEPTH as KRAKEN_DEPTH
from app.venues.usdm.live import UsdMLive
from tests.unit.manual import ManualTime
from tests.venues.bitstamp_sim import DEPTH as BITSTAMP_DEPTH
from tests.venues.bitstamp_sim import Bitstamp
from tests.venues.coinbase_sim import Coinbase
from tests.venues.kraken_sim import Kraken
from tests.venues.usdm_sim import UsdM

from .exchange import Client, Exchange

LIVE = {"kraken": KrakenLive, "coinbase": CoinbaseLive, "bitstamp": BitstampLive, "usdm": UsdMLive}
NATIVES = {
    "kraken": ("BTC/USD", "ETH/USD", "SOL/USD"),
    "coinbase": ("BTC-USD", "ETH-USD", "SOL-USD"),
    "bitstamp": ("btcusd", "ethusd", "xrpusd"),
    "usdm": ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
}
DEPTHS = {"kraken": KRAKEN_DEPTH, "bitstamp": BITSTAMP_DEPTH}


def exchange_of(name: str, natives: tuple[str, ...] = (), **options) -> Exchange:
    """The emulator's core of a venue; more levels than its streams carry, where they carry a part."""
    kind = {"kraken": Kraken, "coinbase": Coinbase, "bitstamp": Bitstamp, "usdm": UsdM}[name]
    # Every step has to show in the part of a book that is streamed, so that a loss can be noticed with the next step.
    shape = {"kraken": {"levels": 16, "reach": 8}, "bitstamp": {"levels": 110}}.get(name, {"levels": 25})
    options = {**shape, **options}
    return kind(natives or NATIVES[name], **options)


def symbol_of(name: str, native: str) -> str:
    """What the desk calls a native name."""
    return f"{native[:-3].upper()}/{native[-3:].upper()}" if name == "bitstamp" else native


class _Socket:
    def __init__(self, hand: Hand, exchange: Exchange, url: str, on_open, on_text, on_close) -> None:
        self._hand, self._exchange = hand, exchange
        self._on_open, self._on_text, self._on_close = on_open, on_text, on_close
        self._client: Client | None = None
        self._url = url
        self._closed = False
        hand.time.call_later(hand.latency_s, self._arrive)

    def _arrive(self) -> None:
        if self._closed:
            return
        exchange = self._exchange
        if self._hand.down or exchange.refusing:
            exchange.refusing = max(0, exchange.refusing - 1)
            return self._end(1006, "refused")
        self._client = exchange.connect(urlsplit(self._url).path)
        self._client.drop = lambda: self._end(1006, "")
        self._on_open()
        self._client.wake = lambda: self._hand.time.call_later(self._hand.latency_s, self._flush)
        self._flush()

    def _flush(self) -> None:
        if self._client is not None and self._client.out and not self._closed:
            texts, self._client.out = self._client.out, []
            self._on_text(texts, self._hand.time.monotonic_ns())

    def send(self, text: str) -> None:
        self._exchange.hear(self._client, text)

    def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._closed:
            self._closed = True
            if self._client is not None:
                self._exchange.leave(self._client)

    def _end(self, code: int, reason: str) -> None:
        if not self._closed:
            self.close()
            self._on_close(code, reason)


class Hand:
    """Network and time for one or several exchanges, by their names; also the desk that listens. ``down``: nothing gets through."""

    latency_s = 0.001

    def __init__(self, *exchanges: Exchange, seed: int = 1, symbols: tuple[str, ...] = (), labels: bool = False, **options) -> None:
        self.time = ManualTime()
        self.exchanges = {exchange.name: exchange for exchange in exchanges}
        self.down = False
        self.events: list[MarketEvent] = []
        self.rejected: list[Rejected] = []
        self.connections: list[Connection] = []
        self.checks = 0
        self.streams = Streams(self.time, self.time)
        self.venues = [
            LIVE[exchange.name](
                sockets=self,
                fetch=self,
                clock=self.time,
                scheduler=self.time,
                rng=random.Random(seed),
                streams=self.streams,
                ws=f"ws://{exchange.name}",
                rest=f"http://{exchange.name}",
                symbols=symbols or [symbol_of(exchange.name, native) for native in exchange.mills],
                label=exchange.name.upper() if labels else "",
                **options,
            )
            for exchange in exchanges
        ]
        self.venue, self.exchange = self.venues[0], exchanges[0]
        self.state = MarketState([])

    # the network

    columns = staticmethod(NativeReader)

    def connect(self, url, *, on_open, on_text, on_close, reader=None) -> _Socket:
        return _Socket(self, self.exchanges[urlsplit(url).hostname], url, on_open, on_text, on_close)

    async def fetch(self, url, *, timeout_s=10.0, max_bytes=8_000_000) -> Answer:
        if self.down:
            raise FetchError(f"{url} could not be reached", "network")
        parts = urlsplit(url)
        return Answer(*self.exchanges[parts.hostname].answer(f"{parts.path}?{parts.query}"), {})

    # the desk

    def on_events(self, events: list[MarketEvent], received_ns: int) -> None:
        self.events += [event for event in events if type(event) is Gap]
        self.state.apply(events)

    def on_rejected(self, rejected: Rejected) -> None:
        self.rejected.append(rejected)

    def on_connection(self, connection: Connection) -> None:
        self.connections.append(connection)

    async def start(self) -> Hand:
        """Prepared, connected, in step."""
        for venue in self.venues:
            await venue.prepare()
        self.begin()
        return await self.live()

    def begin(self) -> None:
        """Connect with the instruments known by now."""
        self.state = MarketState([item for venue in self.venues for item in venue.instruments()])
        self.state.on_broken_book = lambda symbol, reason: [venue.resync(symbol, reason) for venue in self.venues]
        for venue in self.venues:
            venue.start(self)

    async def pass_s(self, seconds: float) -> None:
        """Time passes, and what it set off happens."""
        self.time.advance(seconds)
        for _ in range(6):
            await asyncio.sleep(0)

    async def step(self, count: int = 1) -> None:
        """The markets move, and what they sent arrives."""
        for _ in range(count):
            for exchange in self.exchanges.values():
                exchange.step()
            await self.pass_s(0.02)

    async def live(self, seconds: float = 300.0) -> Hand:
        """Until every book is in step."""
        for _ in range(round(seconds * 5)):
            if all(venue.connection.state is ConnectionState.LIVE for venue in self.venues) and self.trusted():
                return self
            await self.step()
            await self.pass_s(0.2)
        raise AssertionError(f"never live: {[venue.connection for venue in self.venues]}")

    def trusted(self) -> bool:
        """Whether every book is."""
        return all(self.state.book(item.symbol).is_trusted for venue in self.venues for item in venue.instruments())

    def check(self) -> int:
        """Every book that claims to be right is the exchange's, level by level; how many did."""
        right = 0
        for venue in self.venues:
            for item in venue.instruments():
                book = self.state.book(item.symbol)
                if not book.is_trusted:
                    continue
                mill = self.exchanges[venue.name].mills[item.native]
                depth = DEPTHS.get(venue.name, 100_000)
                for side, ours in (("bids", book.levels(Side.BUY, depth)), ("asks", book.levels(Side.SELL, depth))):
                    scales = item.price_scale - mill.price_scale, item.size_scale - mill.size_scale
                    theirs = [(price * 10 ** scales[0], size * 10 ** scales[1]) for price, size in mill.top(side, depth).items()]
                    assert ours == theirs, f"{item.symbol} {side} at step {mill.steps}"
                right += 1
        self.checks += right
        return right
