"""Independent clients accept the emulators of Kraken, Coinbase, Bitstamp and USD-M over real sockets, and see the very books our venues show."""

from __future__ import annotations

import asyncio
import random
import warnings
from contextlib import asynccontextmanager

import pytest

with warnings.catch_warnings():
    # The SDKs import deprecated parts of websockets; nothing of ours does.
    warnings.simplefilter("ignore")
    import ccxt.pro

from app.market.state import MarketState
from app.model.orders import Side
from app.platform.native.basics import SystemClock
from app.platform.native.web import NativeFetch, NativeSockets
from app.platform.scheduler import LoopScheduler
from app.venues.base import ConnectionState
from app.venues.several import SeveralVenues
from tests.venues.live_desk import QUICK, run, until
from tests.venues.sims.hand import DEPTHS, LIVE, NATIVES, exchange_of, symbol_of
from tests.venues.sims.server import Served

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
CCXT = {"kraken": "kraken", "coinbase": "coinbase", "bitstamp": "bitstamp", "usdm": "binanceusdm"}
PAIR = {"kraken": "BTC/USD", "coinbase": "BTC/USD", "bitstamp": "BTC/USD", "usdm": "BTC/USDT:USDT"}


class Sink:
    """A market sink that keeps the state of one venue, or of several as one."""

    def __init__(self, venue) -> None:
        self.venue = venue
        self.state = MarketState([])
        self.rejected, self.states = [], []

    async def start(self) -> Sink:
        await self.venue.prepare()
        self.state = MarketState(self.venue.instruments())
        self.state.on_broken_book = self.venue.resync
        self.venue.start(self)
        return self

    def on_events(self, events, received_ns):
        assert received_ns > 0
        self.state.apply(events)

    def on_rejected(self, rejected):
        self.rejected.append(rejected)

    def on_connection(self, connection):
        self.states.append(connection.state)

    def floats(self, symbol: str, depth: int) -> dict[str, list[list[float]]]:
        """Our book as an SDK with binary floats shows it."""
        book, item = self.state.book(symbol), self.state.instrument(symbol)
        sides = (("bids", Side.BUY), ("asks", Side.SELL))
        return {name: [[float(item.price(p)), float(item.size(q))] for p, q in book.levels(side, depth)] for name, side in sides}


def our(name: str, served: Served, label: str = "", **options):
    clock = SystemClock()
    return LIVE[name](
        sockets=NativeSockets(clock),
        fetch=NativeFetch(),
        clock=clock,
        scheduler=LoopScheduler(),
        rng=random.Random(1),
        ws=served.ws,
        rest=served.http,
        symbols=[symbol_of(name, native) for native in served.exchange.mills],
        label=label,
        policy=QUICK,
        **options,
    )


@asynccontextmanager
async def ccxt_at(name: str, served: Served):
    """A ccxt.pro client of an emulator."""
    client = getattr(ccxt.pro, CCXT[name])({"enableRateLimit": False, "options": {"fetchCurrencies": False}})
    client.has["fetchCurrencies"] = False
    api = client.urls["api"]
    if name == "kraken":
        api["public"] = f"{served.http}"
        api["ws"]["publicV2"] = f"{served.ws}/v2"
    elif name == "coinbase":
        api["rest"] = served.http
        api["ws"] = served.ws
    elif name == "bitstamp":
        api["public"] = f"{served.http}/api"
        api["ws"] = served.ws
    else:
        client.options["fetchMarkets"] = {"types": ["linear"]}
        for key in ("fapiPublic", "fapiPublicV2", "fapiPublicV3"):
            api[key] = f"{served.http}/fapi/v1"
        api["ws"]["future"] = api["ws"]["linear"] = f"{served.ws}/ws"
    try:
        yield client
    finally:
        await client.close()


@pytest.mark.parametrize("name", LIVE)
def test_ccxt_pro_and_our_venue_see_the_same_book(name):
    native = NATIVES[name][0]

    async def scenario():
        # As many levels as the stream carries: what lies deeper the two would know differently.
        exchange = exchange_of(name, (native,), levels=DEPTHS.get(name, 40) // 2 if name != "bitstamp" else 40)
        async with Served(exchange) as served, ccxt_at(name, served) as client:
            sink = await Sink(our(name, served)).start()
            market = (await client.load_markets())[PAIR[name]]
            item = sink.venue.instruments()[0]
            assert market["precision"]["price"] == float(item.tick_size) and market["precision"]["amount"] == float(item.lot_size)
            watching = asyncio.ensure_future(client.watch_order_book(PAIR[name]))
            book = None
            for _ in range(3000):
                exchange.step()
                await asyncio.sleep(0.005)
                if watching.done():
                    book = watching.result()
                    if sink.venue.connection.state is ConnectionState.LIVE:
                        break
                    watching = asyncio.ensure_future(client.watch_order_book(PAIR[name]))
            assert book is not None, "ccxt never had a book"
            for _ in range(60):
                exchange.step()
                await asyncio.sleep(0.002)
            mill, symbol = exchange.mills[native], item.symbol
            depth = DEPTHS.get(name, 1000)

            def same() -> bool:
                theirs, ours = client.orderbooks[PAIR[name]], sink.floats(symbol, depth)
                truth = {
                    side: [[float(mill.price(p)), float(mill.size(q))] for p, q in mill.top(side, depth).items()] for side in ("bids", "asks")
                }
                sides = ("bids", "asks")
                return ours == truth and all([list(row[:2]) for row in theirs[side]][:depth] == truth[side] for side in sides)

            await until(same, f"{name}: ccxt, our book and the exchange's are one")
            assert sink.rejected == [] and sink.state.book(symbol).is_trusted
            sink.venue.stop()

    run(scenario)


def test_four_venues_are_one_desk_over_real_sockets_and_one_that_falls_out_does_not_stop_the_others():
    async def scenario():
        served = [Served(exchange_of(name), every_s=0.01) for name in LIVE]
        for each in served:
            await each.__aenter__()
        try:
            venues = [our(name, each, name.upper()) for name, each in zip(LIVE, served, strict=True)]
            sink = await Sink(SeveralVenues(venues, LoopScheduler())).start()
            symbols = [item.symbol for item in sink.venue.instruments()]
            assert symbols[:4] == ["BTC/USD.KRAKEN", "BTC-USD.COINBASE", "BTC/USD.BITSTAMP", "BTCUSDT.USDM"] and len(set(symbols)) == 12
            await until(lambda: sink.venue.connection.state is ConnectionState.LIVE, f"all live; {sink.venue.connection}")
            assert all(sink.state.book(symbol).is_trusted for symbol in symbols)
            served[0].exchange.refusing = 1000
            served[0].exchange.disconnect()
            await until(lambda: sink.venue.connection.state is ConnectionState.RECONNECTING, "one is reconnecting")
            assert sink.venue.connection.detail.startswith("kraken reconnecting (") and "; coinbase; " in sink.venue.connection.detail
            assert not sink.state.book("BTC/USD.KRAKEN").is_trusted and sink.state.book("BTC-USD.COINBASE").is_trusted
            heard = sink.state.counters["events"]
            await until(lambda: sink.state.counters["events"] > heard + 100, "the others go on")
            served[0].exchange.refusing = 0
            await until(lambda: sink.venue.connection.state is ConnectionState.LIVE, f"all live again; {sink.venue.connection}")
            rows = {row["venue"]: row for row in sink.venue.sockets()}
            assert rows["kraken"]["losses"] > 1 and rows["coinbase"]["losses"] == 0 and "usdm market" in rows
            sink.venue.stop()
        finally:
            for each in served:
                await each.__aexit__()

    run(scenario)


@pytest.mark.parametrize("name", LIVE)
def test_outages_over_real_sockets(name):
    async def scenario():
        async with Served(exchange_of(name), every_s=0.01) as served:
            sink = await Sink(our(name, served)).start()
            await until(lambda: sink.venue.connection.state is ConnectionState.LIVE, f"live; {sink.venue.connection}")
            for _ in range(3):
                served.exchange.disconnect()
                await until(lambda: sink.venue.connection.state is not ConnectionState.LIVE, "the loss is seen")
                await until(lambda: sink.venue.connection.state is ConnectionState.LIVE, f"live again; {sink.venue.connection}")
            served.exchange.stall()
            await until(lambda: ConnectionState.RECONNECTING in sink.states[-4:], "the silence is seen")
            await until(lambda: sink.venue.connection.state is ConnectionState.LIVE, f"live again; {sink.venue.connection}")
            assert sink.rejected == []
            sink.venue.stop()

    run(scenario)
