"""A whole desk on two live venues at once, over real sockets: names, orders, priorities, a venue that answers late."""

from __future__ import annotations

import pytest

from tests.unit.desk.conftest import BUY, start_desk
from tests.venues.live_desk import until
from tests.venues.sims.hand import exchange_of
from tests.venues.sims.server import Served


async def desk_on(kraken: Served, coinbase: Served):
    addresses = {"kraken_ws": kraken.ws, "kraken_rest": kraken.http, "coinbase_ws": coinbase.ws, "coinbase_rest": coinbase.http}
    symbols = {"kraken": ("BTC/USD", "ETH/USD"), "coinbase": ("BTC-USD",)}
    return await start_desk(venue="kraken,coinbase", addresses=addresses, symbols=symbols)


@pytest.fixture
async def exchanges():
    async with Served(exchange_of("kraken"), every_s=0.02) as kraken, Served(exchange_of("coinbase"), every_s=0.02) as coinbase:
        yield kraken, coinbase


async def test_two_venues_are_one_desk_and_what_is_at_stake_comes_first(exchanges):
    page = await desk_on(*exchanges)
    desk = page.desk
    assert [row["symbol"] for row in page.latest("instruments")["rows"]] == ["BTC/USD.KRAKEN", "BTC-USD.COINBASE", "ETH/USD.KRAKEN"]
    await page.until(lambda m: m["t"] == "venue" and m["state"] == "live", "all live")
    await until(lambda: desk.market.book("ETH/USD.KRAKEN").is_trusted, "a book to trade on")
    await page.ask("order.submit", **{**BUY, "symbol": "ETH/USD.KRAKEN", "qty": "0.00005", "token": "one"})
    await until(lambda: desk.trade.at_stake() == ["ETH/USD.KRAKEN"], "a position")
    await page.ask("focus", symbol="BTC-USD.COINBASE", timeframe="1s")
    await page.until(lambda m: m["t"] == "stats", "a second")
    await until(lambda: desk.venue.venues[0]._order == ["ETH/USD.KRAKEN", "BTC/USD.KRAKEN"], "the position's feed first")
    found = (await page.ask("depth", symbol="BTC/USD.KRAKEN", size="0.0001"))["cost"]
    assert float(found["buy"]["slippage_bps"]) >= 0 and len((await page.ask("depth", symbol="BTC/USD.KRAKEN"))["rows"]) == 7
    assert (await page.ask("depth", symbol="BTC/USD.KRAKEN", size="x"))["error"]["field"] == "size"
    rows = (await page.ask("health"))["connections"]
    assert [row["venue"] for row in rows] == ["kraken+coinbase", "kraken", "coinbase"] and all(row["losses"] == 0 for row in rows[1:])
    await desk.stop()


async def test_a_venue_that_answers_late_joins_without_holding_the_others_up(exchanges):
    kraken, coinbase = exchanges
    coinbase.exchange.http_plan = [(200, "<html>maintenance</html>")] * 3
    page = await desk_on(kraken, coinbase)
    desk = page.desk
    assert len(page.latest("instruments")["rows"]) == 2
    venue = await page.until(lambda m: m["t"] == "venue" and "coinbase offline" in m["detail"], "coinbase is named")
    assert venue["state"] == "offline" and "a web page came instead of data" in venue["detail"]
    desk.online()
    await page.until(lambda m: m["t"] == "instruments" and len(m["rows"]) == 3, "coinbase joined")
    await page.until(lambda m: m["t"] == "venue" and m["state"] == "live", "all live")
    await until(lambda: desk.market.book("BTC-USD.COINBASE").is_trusted, "its book")
    await page.ask("order.submit", **{**BUY, "symbol": "BTC-USD.COINBASE", "qty": "0.01", "token": "two"})
    await until(lambda: desk.trade.at_stake() == ["BTC-USD.COINBASE"], "it can be traded")
    await desk.stop()
