"""The whole desk on polled sources over real sockets: prices with source and age, falling over, keys, search, history, paper orders, restarts."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app.desk.display import percent
from app.desk.settings import from_query
from app.platform.errors import StoreUnavailable
from app.platform.native.sqlite import SqliteStore
from app.sources.listing import listing
from tests.unit.desk.conftest import BUY, Page, start_desk
from tests.unit.tcp import cut_off
from tests.venues.live_desk import until
from tests.venues.sources_sim import AV_KEY, POLYGON_KEY, Sim, sources

SYMBOLS = "AAPL,MSFT,SHEL.L,BTC-USD,GONE,THIN,CL=F"
PASSPHRASE = b"correct horse battery"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def sim():
    with sources() as served:
        yield served


async def desk_on(sim: Sim, store: Path | SqliteStore | None = None, venue: str = "equities", symbols: str = SYMBOLS) -> Page:
    # nothing but the emulator is reached
    query = {f"{name}_rest": sim.url for name in ("yahoo", "alphavantage", "polygon")}
    query |= {"kraken_ws": "ws://127.0.0.1:9", "kraken_rest": "http://127.0.0.1:9", "venue": venue, "equities_symbols": symbols}
    found = from_query(query)
    assert found.problems == ()
    return await start_desk(store, venue=found.venue, addresses=found.addresses, symbols=found.symbols)


class Broken(SqliteStore):
    """A store that does not find what is known of sources, for a while."""

    fails = True

    async def meta_get(self, key: str) -> str | None:
        if self.fails and key == "sources":
            raise StoreUnavailable("the disk does not answer")
        return await super().meta_get(key)


async def stop(page: Page) -> None:
    """Stop the desk between two requests."""
    sources = page.desk.sources
    await until(lambda: sources._venue._task is None and all(task.done() for task in sources.days._tasks), "no request under way")
    await page.desk.stop()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=5)
    await page.desk.around.http.close()
    await cut_off()


def row(page: Page, symbol: str) -> dict:
    return page.desk.sources.view()["rows"][symbol]


def link(page: Page, name: str) -> dict:
    return next(each for each in page.desk.sources.view()["chain"] if each["name"] == name)


async def priced(page: Page, symbol: str = "AAPL") -> None:
    await until(lambda: row(page, symbol)["price"] is not None, f"a price of {symbol}")


async def test_prices_with_their_source_and_age_and_every_odd_one_named(sim):
    page = await desk_on(sim)
    try:
        await priced(page)
        found = page.desk.sources.view()["rows"]
        assert found["AAPL"]["title"] == "Yahoo" and Decimal(found["AAPL"]["price"]) == Decimal("190.12")
        assert found["SHEL.L"]["price"] == "26.5150" and found["SHEL.L"]["currency"] == "GBP"
        assert found["GONE"]["price"] is None and "Yahoo: not among the answers: misspelt, or not listed any more" in found["GONE"]["note"]
        assert "Alpha Vantage: needs a key" in found["GONE"]["note"]
        assert found["CL=F"]["price"] == "-37.63" and "zero or less" in found["CL=F"]["note"]
        assert found["THIN"]["price"] == "12.50"
        assert [len(each.split("symbols=")[1].split("&")[0].split(",")) for each in sim.asked if "spark" in each] == [7]
        assert (await page.ask("quote", symbol="BTC-USD"))["bid"] == "64091.3900"
        venue = page.latest("venue")
        assert venue["state"] == "live" and venue["detail"] == "no source has GONE"
        shown = await page.until(lambda m: m["t"] == "sources" and m["rows"]["AAPL"]["price"], "the sources message")
        assert shown["rows"]["AAPL"]["source"] == "yahoo" and shown["chain"][1]["state"] == "no_key"
        # the day's change counts from the close before, not from the first price that came here
        sim.prices["AAPL"] = Decimal("200")
        await page.ask("watch", symbols=["AAPL"])
        await page.ask("sources.refresh", symbol="AAPL")
        await page.until(lambda m: m["t"] == "tick" and any(each[0] == "AAPL" and each[3] == "200.00" for each in m["quotes"]), "the new price")
        before = row(page, "AAPL")["previous_close"]
        quote = [each for m in page.messages if m["t"] == "tick" for each in m["quotes"] if each[0] == "AAPL"][-1]
        assert Decimal(before) != Decimal("190.12") and quote[4] == percent(200 * 10**4, int(Decimal(before) * 10**4))
    finally:
        await stop(page)


@pytest.mark.parametrize(
    ("fault", "said"),
    [("html", "web page"), ("429", "too many requests"), ("500", "web page"), ("unauthorized", "Invalid Crumb"), ("garbage", "no JSON"), ("empty", "listed")],
)
async def test_every_way_to_fail_is_named_and_the_next_source_stands_in(sim, fault, said):
    page = await desk_on(sim, symbols="AAPL,MSFT")
    try:
        await priced(page)
        await page.ask("vault.create", secret=bytearray(PASSPHRASE))
        await page.ask("sources.key", source="alphavantage", key=AV_KEY)
        sim.prices["AAPL"] = Decimal("200")
        sim.faults["yahoo"] = fault
        page.desk.venue.rows["AAPL"].price = None  # as before the first answer: a price of the day is older than one of now
        await page.ask("sources.refresh")
        await until(lambda: row(page, "AAPL")["source"] == "alphavantage", f"Alpha Vantage; {row(page, 'AAPL')}")
        assert Decimal(row(page, "AAPL")["price"]) == 200 and row(page, "AAPL")["grade"] == "day"
        assert "Yahoo: " in row(page, "AAPL")["note"] and said in row(page, "AAPL")["note"]
        assert any("now Alpha Vantage" in text and "calls left today" in text for _, text in page.desk.sources.view()["decisions"])
        assert link(page, "alphavantage")["left"] < 25
    finally:
        await stop(page)


async def test_the_price_of_a_day_is_never_of_the_future(sim):
    page = await desk_on(sim, symbols="AAPL")
    try:
        now, item = page.desk.around.clock.now_ns(), listing("AAPL")
        today = datetime.fromtimestamp(now / 1e9, UTC).date()
        moments = [page.desk.sources._closes(item, today - timedelta(days=back)) for back in range(6)]
        assert max(moments) <= now + 10**9 and moments == sorted(moments, reverse=True)
    finally:
        await stop(page)


async def test_keys_live_in_the_vault_and_show_nowhere(sim, tmp_path):
    page = await desk_on(sim, tmp_path / "store.db", symbols="AAPL")
    try:
        await priced(page)
        refused = await page.ask("sources.key", source="polygon", key=POLYGON_KEY)
        assert refused["error"]["code"] == "not_unlocked"
        await page.ask("vault.create", secret=bytearray(PASSPHRASE))
        assert (await page.ask("sources.key", source="polygon", key="no key"))["error"]["field"] == "key"
        assert (await page.ask("sources.key", source="yahoo", key=POLYGON_KEY))["error"]["code"] == "unknown_source"
        for name, key in (("polygon", POLYGON_KEY), ("alphavantage", AV_KEY)):
            await page.ask("sources.key", source=name, key=key)
        assert link(page, "polygon")["key"] == POLYGON_KEY[-4:] and link(page, "polygon")["state"] == "works"
        sim.faults |= {"yahoo": "html", "alphavantage": "quota_day"}
        page.desk.venue.rows["AAPL"].price = None
        page.desk.network.follow(0)
        await page.ask("sources.refresh")
        await until(lambda: row(page, "AAPL")["source"] == "polygon", f"Polygon; {row(page, 'AAPL')}")
        assert Decimal(row(page, "AAPL")["price"]) == Decimal("190.12") and link(page, "alphavantage")["left"] == 0
        assert any(POLYGON_KEY in each for each in sim.asked) and any(AV_KEY in each for each in sim.asked)
        everything = json.dumps([page.messages, page.desk.network.trace.since(0), list(page.desk.health._errors)])
        assert POLYGON_KEY not in everything and AV_KEY not in everything
        await page.ask("vault.lock")
        await until(lambda: link(page, "polygon")["state"] == "no_key", "the key gone with the vault")
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert POLYGON_KEY.encode() not in stored and AV_KEY.encode() not in stored
    finally:
        await stop(page)


async def test_calls_prices_and_added_listings_outlive_a_restart(sim, tmp_path):
    page = await desk_on(sim, tmp_path / "store.db", symbols="BTC-USD")
    await priced(page, "BTC-USD")
    await page.ask("vault.create", secret=bytearray(PASSPHRASE))
    await page.ask("sources.key", source="alphavantage", key=AV_KEY)
    assert (await page.ask("sources.add", symbol="msft"))["symbol"] == "MSFT"
    assert (await page.ask("sources.add", symbol="MSFT.XX"))["error"]["code"] == "bad_symbol"
    assert page.latest("instruments")["rows"][-1]["symbol"] == "MSFT"
    await priced(page, "MSFT")
    await page.ask("search", text="alibaba")  # little is found, so Alpha Vantage is asked too
    assert link(page, "alphavantage")["left"] == 24
    await page.desk.sources.kept.save()
    await stop(page)
    again = await desk_on(sim, tmp_path / "store.db", symbols="BTC-USD")
    try:
        await until(lambda: "MSFT" in again.desk.venue.rows, "the added listing")
        assert link(again, "alphavantage")["left"] == 24
        assert row(again, "MSFT")["price"] is not None
        # whom to ask first for one listing, kept too
        assert (await again.ask("sources.order", symbol="MSFT", order=["nobody"]))["error"]["field"] == "order"
        await again.ask("vault.unlock", secret=bytearray(PASSPHRASE))
        await until(lambda: link(again, "alphavantage")["state"] == "works", "the key")
        assert await again.ask("sources.order", symbol="MSFT", order=["alphavantage", "yahoo"]) == {}
        await until(lambda: link(again, "alphavantage")["left"] == 23, "Alpha Vantage asked first")
        assert row(again, "MSFT")["order"] == ["alphavantage", "yahoo"]
        await again.ask("sources.remove", symbol="MSFT")
        await again.desk.sources.kept.save()
        kept = json.loads(await again.desk.around.store.meta_get("sources"))
        assert kept["orders"] == {"MSFT": ["alphavantage", "yahoo"]} and kept["added"] == []
    finally:
        await stop(again)


async def test_what_cannot_be_read_is_not_overwritten_and_a_bad_symbol_stops_nothing(sim, tmp_path):
    page = await desk_on(sim, tmp_path / "store.db", symbols="BTC-USD")
    await page.ask("sources.add", symbol="msft")
    store = page.desk.around.store
    kept = json.loads(await store.meta_get("sources"))
    await stop(page)
    await store.open()
    await store.meta_put("sources", json.dumps({**kept, "added": ["OLD.XX", "MSFT"], "orders": 5, "ledgers": []}))
    store.close()
    again = await desk_on(sim, Broken(tmp_path / "store.db"), symbols="BTC-USD")
    try:
        await priced(again, "BTC-USD")  # sources are asked all the same
        await again.desk.sources.kept.save()
        assert "MSFT" not in again.desk.venue.rows
        again.desk.around.store.fails = False
        assert json.loads(await again.desk.around.store.meta_get("sources"))["added"] == ["OLD.XX", "MSFT"]
        await again.desk.sources.kept.save()
        assert json.loads(await again.desk.around.store.meta_get("sources"))["added"] == ["MSFT"]
        await priced(again, "MSFT")
        assert any("OLD.XX" in line["text"] for line in again.desk.trace.since(0))
    finally:
        await stop(again)


async def test_search_over_the_desk_and_every_source(sim):
    page = await desk_on(sim)
    try:
        await priced(page)
        await page.ask("vault.create", secret=bytearray(PASSPHRASE))
        for name, key in (("polygon", POLYGON_KEY), ("alphavantage", AV_KEY)):
            await page.ask("sources.key", source=name, key=key)
        found = await page.ask("search", text="apple")
        assert [(each["symbol"], each["watched"]) for each in found["rows"]] == [("AAPL", True), ("APLE", False)]
        assert found["rows"][0]["sources"] == ["yahoo", "polygon"]
        assert [(each["source"], each["asks"]) for each in found["failed"]] == [("alphavantage", True)]
        more = await page.ask("search", text="apple", everywhere=True)
        assert more["rows"][0]["sources"] == ["yahoo", "polygon", "alphavantage"] and more["failed"] == []
        asked = len(sim.asked)
        assert (await page.ask("search", text="Apple"))["rows"] == more["rows"] and len(sim.asked) == asked  # kept for an hour
        assert [each["symbol"] for each in (await page.ask("search", text="BTC"))["own"]] == ["BTC-USD"]
        sim.faults["yahoo"] = "html"
        failed = await page.ask("search", text="toyota")
        assert failed["rows"] == [] and "web page" in failed["failed"][0]["why"]
        assert (await page.ask("search", text=" "))["error"]["field"] == "text"
    finally:
        await stop(page)


async def test_a_paper_order_fills_at_the_indicated_price_and_not_where_nobody_trades(sim):
    page = await desk_on(sim)
    try:
        await priced(page, "BTC-USD")
        await until(lambda: page.desk.market.book("BTC-USD").is_trusted, "a book")
        for token, symbol in (("a", "BTC-USD"), ("b", "CL=F")):
            qty = "0.01" if symbol == "BTC-USD" else "1"
            await page.ask("order.submit", **{**BUY, "symbol": symbol, "qty": qty}, token=token, clicked_ms=0)
        await until(lambda: all(each["outcome"] == "confirmed" or each["status"] in ("filled", "cancelled", "rejected") for each in page.orders().values()), "")
        by_symbol = {each["symbol"]: each for each in page.orders().values()}
        assert by_symbol["BTC-USD"]["status"] == "filled" and Decimal(by_symbol["BTC-USD"]["average_price"]) == Decimal("64155.5300")
        # a trade without size moves the price and fills nothing
        sim.prices["BTC-USD"] = Decimal("64000")
        await page.ask("order.submit", **{**BUY, "symbol": "BTC-USD", "type": "limit", "tif": "gtc", "price": "60000.00"}, token="c", clicked_ms=0)
        await page.ask("sources.refresh", symbol="BTC-USD")
        await until(lambda: Decimal(row(page, "BTC-USD")["price"]) == 64000, "the new price")
        assert [each["status"] for each in page.orders().values() if each["type"] == "limit"] == ["accepted"]
    finally:
        await stop(page)


async def test_a_future_is_traded_at_its_contract_s_worth_and_only_where_that_is_known(sim):
    page = await desk_on(sim, symbols="ES=F,KC=F,AAPL")
    try:
        await priced(page, "ES=F")
        rows = {each["symbol"]: each for each in page.latest("instruments")["rows"]}
        assert [rows[symbol].get("multiplier") for symbol in ("ES=F", "KC=F", "AAPL")] == ["50", "0", None] and rows["ES=F"]["tick"] == "0.2500"
        assert len(rows["ES=F"]["rolls"]) == 4 and rows["ES=F"]["rolls"][0][0][:2] == "ES" and rows["KC=F"]["rolls"] == [] and "rolls" not in rows["AAPL"]
        about = await page.ask("sources.company", symbol="ES=F")
        assert about["facts"][0] == ["Contract", "1 contract = 50 x price, in USD"]
        order = {**BUY, "symbol": "ES=F", "type": "limit", "tif": "gtc", "qty": "1", "price": "4990.25"}
        cost = await page.ask("order.preview", **order)
        assert Decimal(cost["notional"]) == Decimal("249512.5") and any("leverage" in each for each in cost["warnings"])
        refused = await page.ask("order.submit", **order, token="a", clicked_ms=0)
        assert refused["error"]["code"] == "buying_power"
        await page.ask("risk.limit", scope="account", name="leverage", value="20")
        await page.ask("order.submit", **order, token="b", clicked_ms=0)
        await until(lambda: [each["status"] for each in page.orders().values()] == ["accepted"], "the order rests")
        refused = await page.ask("order.submit", **{**order, "symbol": "KC=F", "price": "180"}, token="c", clicked_ms=0)
        assert refused["error"]["code"] == "no_multiplier" and refused["error"]["remedy"]
    finally:
        await stop(page)


async def test_daily_history_comes_from_the_chain_into_the_chart(sim):
    page = await desk_on(sim, symbols="AAPL,GONE")
    try:
        await priced(page)
        await page.ask("focus", symbol="AAPL", timeframe="1d")
        bars = await page.until(lambda m: m["t"] == "bars" and m["symbol"] == "AAPL" and len(m["rows"]) > 200, "the days in the chart")
        ours = sim.days("AAPL")
        assert bars["rows"][0][4] == float(ours[0][4])
        stored = (await page.ask("history.list"))["rows"]
        assert [(each["source"], each["timeframe"], each["rows"]) for each in stored] == [("Yahoo", "1d", len(ours) - 1)]  # one day was all nulls
        assert "days of history from Yahoo" in row(page, "AAPL")["note"]
        asked = sum("range=10y" in each for each in sim.asked)
        await page.ask("focus", symbol="GONE", timeframe="1d")
        await until(lambda: "no history: Yahoo: not among the answers" in row(page, "GONE")["note"], "the reason")
        await page.ask("focus", symbol="AAPL", timeframe="1d")
        assert asked == 1
        about = await page.ask("sources.company", symbol="AAPL")
        assert about["name"] == "Apple Inc." and about["source"] == "Yahoo" and ["Exchange", "NasdaqGS"] in about["facts"]
    finally:
        await stop(page)


async def test_beside_a_live_venue_symbols_are_told_apart(sim):
    page = await desk_on(sim, venue="equities,kraken", symbols="AAPL")
    try:
        await until(lambda: "AAPL.EQUITIES" in page.desk.sources.view()["rows"] and row(page, "AAPL.EQUITIES")["price"], "the price")
        assert (await page.ask("sources.add", symbol="MSFT"))["symbol"] == "MSFT.EQUITIES"
        await priced(page, "MSFT.EQUITIES")
    finally:
        await stop(page)
