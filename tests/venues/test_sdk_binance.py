"""Independent clients accept the emulator, and see the very book that our venue shows."""

import asyncio
import warnings
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

with warnings.catch_warnings():
    # The SDKs import deprecated parts of websockets; nothing of ours does.
    warnings.simplefilter("ignore")
    import ccxt.pro
    from binance import AsyncClient, BinanceSocketManager
    from binance.exceptions import BinanceAPIException
    from binance.ws.depthcache import DepthCacheManager

from tests.venues.live_desk import PATIENT, emulating, trading_desk, until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
PAIR = "BTC/USDT"
SPEED = 10
"""How fast the session is played to a client that waits for sixty frames of it: at its end, some 35 s later, nothing would come any more."""


@asynccontextmanager
async def ccxt_at(emulator):
    """A ccxt.pro client of the emulator."""
    options = {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
        "watchOrderBookLimit": 5000,
    }
    client = ccxt.pro.binance({"enableRateLimit": False, "options": options})
    for name in ("public", "private", "v1"):
        client.urls["api"][name] = f"{emulator.http}/api/v3"
    client.urls["api"]["ws"]["spot"] = f"{emulator.ws}/ws"
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def python_binance_at(emulator):
    """A python-binance client of the emulator, and its socket manager."""
    client = AsyncClient()
    client.API_URL = f"{emulator.http}/api"
    sockets = BinanceSocketManager(client, max_queue_size=100_000)
    sockets.STREAM_URL = f"{emulator.ws}/"
    try:
        yield client, sockets
    finally:
        await client.close_connection()


def floats(levels: dict[Decimal, Decimal], best_first: int) -> list[list[float]]:
    """A side of our book as an SDK with binary floats shows it; ``best_first`` is -1 for bids."""
    return [[float(price), float(size)] for price, size in sorted(levels.items(), key=lambda row: best_first * row[0])]


def test_ccxt_reads_the_rules_we_read():
    async def scenario():
        async with emulating() as emulator, ccxt_at(emulator) as client, trading_desk(emulator) as desk:
            market = (await client.load_markets())[PAIR]
            (ours,) = desk.venue.instruments()
            assert market["precision"]["price"] == float(ours.tick_size)
            assert market["precision"]["amount"] == float(ours.lot_size)
            assert market["limits"]["cost"]["min"] == float(ours.min_notional)
            assert (market["base"], market["quote"], market["active"]) == (ours.base, ours.quote, True)

    asyncio.run(scenario())


def test_ccxt_reads_book_trades_candles_and_tickers():
    async def scenario():
        async with emulating() as emulator, ccxt_at(emulator) as client, trading_desk(emulator) as desk:
            await emulator.player.play(6_000)
            await desk.agree()
            bids, asks = desk.levels()
            book = await client.fetch_order_book(PAIR, 5000)
            assert book["bids"] == floats(bids, -1) and book["asks"] == floats(asks, 1)
            assert book["nonce"] == desk.state.book("BTCUSDT").sequence
            instrument, last = desk.venue.instruments()[0], desk.state.last("BTCUSDT")
            trades = await client.fetch_trades(PAIR, limit=1000)
            assert trades[-1]["id"] == last.trade_id
            assert trades[-1]["price"] == float(instrument.price(last.price))
            assert trades[-1]["side"] == ("sell" if last.buyer_maker else "buy")
            ticker = await client.fetch_ticker(PAIR)
            assert ticker["last"] == trades[-1]["price"] and ticker["low"] <= ticker["vwap"] <= ticker["high"]
            candles = await client.fetch_ohlcv(PAIR, "1m")
            assert sum(row[5] for row in candles) == pytest.approx(ticker["baseVolume"])
            assert len(await client.fetch_tickers()) == len(await client.fetch_bids_asks()) == 1

    asyncio.run(scenario())


def test_ccxt_pro_and_our_venue_end_with_the_same_book():
    async def scenario():
        async with emulating() as emulator, ccxt_at(emulator) as client, trading_desk(emulator, policy=PATIENT) as desk:
            emulator.player.change(speed=SPEED, paused=False)
            for _ in range(60):
                book = await asyncio.wait_for(client.watch_order_book(PAIR, 5000), 60)
            trades = await asyncio.wait_for(client.watch_trades(PAIR), 60)
            emulator.player.change(paused=True)
            await desk.agree()
            book = client.orderbooks[PAIR]
            await until(lambda: book["nonce"] == desk.state.book("BTCUSDT").sequence, "ccxt caught up")
            bids, asks = desk.levels()
            assert [list(level[:2]) for level in book["bids"]] == floats(bids, -1)
            assert [list(level[:2]) for level in book["asks"]] == floats(asks, 1)
            assert {trade["id"] for trade in trades} <= {str(t["t"]) for t in emulator.player.markets["BTCUSDT"].trades}
            assert desk.gaps == []

    asyncio.run(scenario())


@pytest.mark.parametrize("lost", [0, 2])
def test_python_binance_depth_cache_and_our_venue_end_with_the_same_book(lost):
    async def scenario():
        async with emulating() as emulator, python_binance_at(emulator) as (client, sockets):
            async with trading_desk(emulator, policy=PATIENT) as desk:
                cache = DepthCacheManager(client, "BTCUSDT", bm=sockets, limit=5000, conv_type=Decimal, ws_interval=100)
                async with cache:
                    emulator.player.change(speed=SPEED, paused=False)
                    for number in range(60):
                        book = await asyncio.wait_for(cache.recv(), 60)
                        if lost and number == 30:
                            emulator.inject("drop", count=lost, match="@depth")
                    # What is lost is noticed with the next frame: it has to come before the exchange is held.
                    await until(lambda: bool(desk.gaps) == bool(lost), "the gap is noticed")
                    await until(lambda: desk.is_live)
                    emulator.player.change(paused=True)
                    await desk.agree()
                    while cache._last_update_id != desk.state.book("BTCUSDT").sequence:
                        book = await asyncio.wait_for(cache.recv(), 60)
                    bids, asks = desk.levels()
                    assert dict(map(tuple, book.get_bids())) == bids
                    assert dict(map(tuple, book.get_asks())) == asks
                    assert bool(desk.gaps) == bool(lost)
                    # The client closes only between two messages.
                    emulator.player.change(paused=False)

    asyncio.run(scenario())


def test_python_binance_reads_rest_and_streams():
    async def scenario():
        async with emulating() as emulator, python_binance_at(emulator) as (client, sockets):
            emulator.player.step(3_000)
            assert await client.ping() == {}
            assert (await client.get_server_time())["serverTime"] == emulator.player.now_ms
            rules = await client.get_symbol_info("BTCUSDT")
            assert rules["filters"][0]["tickSize"] == "0.01000000"
            assert (await client.get_order_book(symbol="BTCUSDT", limit=5))["bids"] == emulator.player.markets[
                "BTCUSDT"
            ].book.top(5)["bids"]
            assert len(await client.get_klines(symbol="BTCUSDT", interval="1s")) > 3
            assert (await client.get_aggregate_trades(symbol="BTCUSDT"))[-1]["M"] is True
            streams = [
                "btcusdt@trade",
                "btcusdt@bookTicker",
                "btcusdt@depth5@100ms",
                "btcusdt@kline_1s",
                "btcusdt@ticker",
            ]
            async with sockets.multiplex_socket(streams) as socket:
                await until(lambda: emulator.hub.clients)
                emulator.player.change(speed=20, paused=False)
                seen = {}
                while len(seen) < len(streams):
                    frame = await asyncio.wait_for(socket.recv(), 60)
                    seen[frame["stream"]] = frame["data"]
            assert seen["btcusdt@kline_1s"]["k"]["i"] == "1s"
            assert len(seen["btcusdt@depth5@100ms"]["bids"]) == 5
            assert "e" not in seen["btcusdt@bookTicker"]

    asyncio.run(scenario())


def test_sdks_understand_the_errors():
    async def scenario():
        async with emulating() as emulator, python_binance_at(emulator) as (client, _), ccxt_at(emulator) as other:
            with pytest.raises(BinanceAPIException) as refused:
                await client.get_order_book(symbol="NOSUCH")
            assert (refused.value.status_code, refused.value.code) == (400, -1121)
            await other.load_markets()
            emulator.inject("rest_status", status=429, retry_after=3, match="/depth")
            with pytest.raises(ccxt.DDoSProtection):
                await other.fetch_order_book(PAIR)
            emulator.inject("rest_status", status=503, match="/depth")
            with pytest.raises(ccxt.OperationFailed):
                await other.fetch_order_book(PAIR)

    asyncio.run(scenario())
