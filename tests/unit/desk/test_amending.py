"""An amendment's answer: what was only asked for is not said to be done, and the row says that it is under way."""

from app.desk import amending
from app.model import events
from tests.unit.desk.conftest import BUY
from tests.unit.desk.test_cancelling import resting
from tests.unit.desk.test_desk import quoted


async def amend(page, cid: str, price: str = "30001", **more) -> dict:
    return await page.ask("order.amend", **{"client_order_id": cid, "qty": None, "price": price, "stop": None, **more})


async def test_the_answer_comes_once_the_venue_has_amended_it(desk_page):
    (cid,) = await resting(desk_page, 1)
    assert await amend(desk_page, cid) == {"outcome": "amended", "status": "accepted", "code": "", "reason": ""}
    assert desk_page.orders()[cid]["price"] == "30001" and desk_page.orders()[cid]["amending"] is False


async def test_a_refusal_of_the_venue_is_no_amendment(desk_page):
    (cid,) = await resting(desk_page, 1)
    trade = desk_page.desk.trade

    def answer(cid: str, *_values) -> None:
        trade.writer.report([events.OrderChangeRefused(desk_page.desk.around.clock.now_ns(), cid, "amend", "too_busy", "the venue is busy")])

    trade.execution.amend = answer
    assert await amend(desk_page, cid) == {"outcome": "refused", "status": "accepted", "code": "too_busy", "reason": "the venue is busy"}
    assert desk_page.orders()[cid]["price"] == "30000" and desk_page.orders()[cid]["amending"] is False


async def test_without_an_answer_it_is_unresolved_and_its_row_says_so(desk_page, monkeypatch):
    (cid,) = await resting(desk_page, 1)
    monkeypatch.setattr(amending, "ANSWER_S", 0.05)
    desk_page.desk.trade.execution.amend = lambda *_values: None  # lost on the way
    assert (await amend(desk_page, cid))["outcome"] == "unresolved"
    row = desk_page.orders()[cid]
    assert row["amending"] is True and row["price"] == "30000"
    assert (await amend(desk_page, cid, "30002"))["error"]["code"] == "amend_pending"


async def test_an_order_that_ended_first_was_not_amended(desk_page):
    (cid,) = await resting(desk_page, 1)
    trade = desk_page.desk.trade
    trade.execution.amend = lambda cid, *_values: trade.writer.report([events.OrderCancelled(desk_page.desk.around.clock.now_ns(), cid, "by the venue")])
    assert await amend(desk_page, cid) == {"outcome": "ended", "status": "cancelled", "code": "", "reason": "by the venue"}


async def test_what_the_desk_itself_refuses_never_begins(desk_page):
    (cid,) = await resting(desk_page, 1)
    assert (await amend(desk_page, cid, "nonsense"))["error"]["field"] == "price"
    assert (await amend(desk_page, "nobody"))["error"]["code"]
    assert desk_page.orders()[cid]["amending"] is False


async def test_the_distance_of_a_trailing_stop_that_this_desk_holds_is_amended_and_its_stop_follows(desk_page):
    await quoted(desk_page)
    held = BUY | {"side": "sell", "type": "trailing_stop", "tif": "gtc", "trail": "1000"}
    cid = (await desk_page.ask("order.submit", token="trails", **held))["client_order_id"]
    await desk_page.until(lambda message: message["t"] == "orders" and any(row["client_order_id"] == cid for row in message["rows"]), "its row")
    order = desk_page.desk.trade.engine.orders[cid]
    before = order.stop
    assert (desk_page.orders()[cid]["status"], desk_page.orders()[cid]["trail"]) == ("held", "1000")
    assert await amend(desk_page, cid, price=None, trail="2000") == {"outcome": "amended", "status": "held", "code": "", "reason": ""}
    row = desk_page.orders()[cid]
    assert (row["trail"], row["amending"], row["qty"]) == ("2000", False, "0.01")
    assert 0 <= order.stop + 1000 - before < 500, "the market has moved on meanwhile"
    assert (await amend(desk_page, cid, price=None, trail="0"))["error"]["field"] == "trail"
