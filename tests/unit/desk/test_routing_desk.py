"""The router on a whole desk over two live venues: plan before the press, legs at both, the reasons kept, rules of the trader."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.desk.conftest import BUY
from tests.unit.desk.test_live_desk import desk_on
from tests.venues.live_desk import until
from tests.venues.sims.hand import exchange_of
from tests.venues.sims.server import Served

PAIR = ("BTC/USD.KRAKEN", "BTC-USD.COINBASE")


@pytest.fixture
async def page():
    async with Served(exchange_of("kraken"), every_s=0.02) as kraken, Served(exchange_of("coinbase"), every_s=0.02) as coinbase:
        page = await desk_on(kraken, coinbase)
        await until(lambda: all(page.desk.market.book(symbol).is_trusted for symbol in PAIR), "two books to compare")
        yield page
        await page.desk.stop()


def ticket(**more) -> dict:
    return {**BUY, "symbol": PAIR[1], "qty": "0.001", "route": "best", **more}


async def test_the_plan_stands_before_the_press_and_the_reasons_stay_with_the_order(page):
    seen = await page.ask("order.preview", **ticket())
    assert {row["symbol"] for row in seen["route"]["verdicts"]} == set(PAIR) and not page.orders()
    assert Decimal(seen["notional"]) + Decimal(seen["fee"]) == Decimal(seen["route"]["cost"])
    made = await page.ask("order.submit", **ticket(), token="one")
    rows = page.orders()
    (whole,) = page.latest("routed")["rows"]
    assert whole["client_order_id"] == made["client_order_id"]
    assert made["status"] == "filled" and whole["how"] == "best" and len(whole["legs"]) == 1
    leg = rows[whole["legs"][0]]
    assert leg["route"] == made["client_order_id"] and leg["symbol"] in PAIR and leg["filled"] == whole["filled"] == "0.001"
    told = (await page.ask("order.why", client_order_id=leg["client_order_id"]))["lines"]
    assert told == (await page.ask("order.why", client_order_id=made["client_order_id"]))["lines"] and any("gets 0.001 BTC" in line for line in told)
    again = await page.ask("order.submit", **ticket(), token="one")
    assert again["client_order_id"] == made["client_order_id"] and len(page.orders()) == 1
    page.desk.trade.publish_all()
    assert page.latest("routed") == {"t": "routed", "reset": True, "rows": [whole]} and [*page.orders()] == [leg["client_order_id"]]


async def test_a_routed_order_s_row_says_that_it_only_reduces(page):
    bought = await page.ask("order.submit", **ticket(), token="in")
    sold = await page.ask("order.submit", **ticket(side="sell", reduce_only=True), token="out")
    assert sold["status"] == "filled", sold
    page.desk.trade.publish_all()
    rows = {row["client_order_id"]: row["reduce_only"] for row in page.latest("routed")["rows"]}
    assert rows == {bought["client_order_id"]: False, sold["client_order_id"]: True}


async def test_rules_move_the_order_and_the_fee_of_a_venue_counts(page):
    rules = await page.ask("routing", rules={"venue:kraken": "never"})
    assert rules["rules"] == {"venue:kraken": "never"} and sorted(PAIR) in rules["listings"]
    fees = {row["venue"]: (row["maker_bps"], row["taker_bps"]) for row in rules["venues"]}
    assert fees == {"coinbase": ("60", "120"), "kraken": ("25", "40")}
    seen = await page.ask("order.preview", **ticket())
    assert [leg["symbol"] for leg in seen["route"]["legs"]] == [PAIR[1]]
    assert round(Decimal(seen["fee"]) / Decimal(seen["notional"]) * 10_000, 6) == 120
    await page.ask("paper.settings", venue_fees={"coinbase": {"maker_bps": "1", "taker_bps": "2"}})
    seen = await page.ask("order.preview", **ticket())
    assert round(Decimal(seen["fee"]) / Decimal(seen["notional"]) * 10_000, 6) == 2
    assert (await page.ask("routing", rules={"venue:kraken": "perhaps"}))["error"]["code"] == "bad_rule"
    assert (await page.ask("routing", rules={"venue:kraken": None}))["rules"] == {}


async def test_refusals_name_the_field(page):
    assert (await page.ask("order.preview", **ticket(route="fastest")))["error"]["field"] == "route"
    assert (await page.ask("order.submit", **ticket(qty="x"), token="two"))["error"]["field"] == "qty"
    assert (await page.ask("order.why", client_order_id="kt-none"))["error"]["code"] == "unknown_order"
    made = await page.ask("order.submit", **ticket(route="this"), token="three")
    assert (await page.ask("order.why", client_order_id=made["client_order_id"]))["error"]["code"] == "not_routed"


async def test_a_recording_has_the_fees_of_the_account(desk_page):
    assert (await desk_page.ask("paper.settings"))["venue_fees"] == {}
    await desk_page.ask("paper.settings", taker_fee_bps="7")
    seen = await desk_page.ask("order.preview", **{**BUY, "route": "best"})
    assert seen["route"]["verdicts"][0]["taker_bps"] == "7"
