"""An amendment's answer: what was only asked for is not said to be done, and the row says that it is under way."""

from app.desk import amending
from app.model import events
from tests.unit.desk.test_cancelling import resting


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
    assert await amend(desk_page, cid) == {"outcome": "ended", "status": "cancelled", "code": "", "reason": ""}


async def test_what_the_desk_itself_refuses_never_begins(desk_page):
    (cid,) = await resting(desk_page, 1)
    assert (await amend(desk_page, cid, "nonsense"))["error"]["field"] == "price"
    assert (await amend(desk_page, "nobody"))["error"]["code"]
    assert desk_page.orders()[cid]["amending"] is False
