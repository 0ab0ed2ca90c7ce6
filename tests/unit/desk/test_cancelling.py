"""Many cancels in one request: each order's outcome, nothing asked twice, silence is not success."""

import pytest

from app.desk import cancelling
from app.model import events
from tests.unit.desk.conftest import BUY
from tests.unit.desk.test_desk import quoted

FAR = {**BUY, "type": "limit", "tif": "gtc", "price": "30000"}


async def resting(page, count: int) -> list[str]:
    await quoted(page)
    found = [await page.ask("order.submit", token=f"rest-{number}", **FAR) for number in range(count)]
    assert {row["status"] for row in found} == {"accepted"}, found
    return [row["client_order_id"] for row in found]


def outcomes(result: dict) -> dict[str, str]:
    return {row["client_order_id"]: row["outcome"] for row in result["rows"]}


async def test_each_order_says_what_came_of_it_and_the_others_go_on_working(desk_page):
    page = desk_page
    first, second, third = await resting(page, 3)
    done = (await page.ask("order.submit", token="done", **BUY))["client_order_id"]
    result = await page.ask("order.cancel_many", client_order_ids=[second, first, second, done, "nobody"])
    assert [row["client_order_id"] for row in result["rows"]] == [second, first, done, "nobody"]
    assert outcomes(result) == {second: "cancelled", first: "cancelled", done: "over", "nobody": "not_known"}
    assert [row["asked"] for row in result["rows"]] == [True, True, False, False]
    assert page.orders()[third]["status"] == "accepted"


async def test_without_an_answer_it_is_unresolved_and_asking_again_sends_nothing(desk_page, monkeypatch):
    page = desk_page
    ids = await resting(page, 2)
    monkeypatch.setattr(cancelling, "ANSWER_S", 0.05)
    sent: list[str] = []
    page.desk.trade.execution.cancel = sent.append  # the cancels are lost on the way
    for asked in (True, False):
        result = await page.ask("order.cancel_many", client_order_ids=ids)
        assert outcomes(result) == dict.fromkeys(ids, "unresolved")
        assert {row["asked"] for row in result["rows"]} == {asked}
        assert all("not answered" in row["reason"] for row in result["rows"])
    assert sorted(sent) == sorted(ids)


async def test_a_refused_cancel_and_one_that_came_too_late_are_told_apart(desk_page):
    page = desk_page
    refused, filled = await resting(page, 2)
    trade = page.desk.trade

    def answer(cid: str) -> None:
        order, now = trade.engine.orders[cid], page.desk.around.clock.now_ns()
        if cid == refused:
            trade.writer.report([events.OrderChangeRefused(now, cid, "cancel", "too_busy", "the venue is busy")])
        else:
            from app.model.orders import Fill, Liquidity

            intent = order.intent
            fill = Fill("f-late", cid, intent.symbol, intent.side, intent.qty, order.price, order.price * 0, "USDT", Liquidity.MAKER, now)
            trade.writer.report([events.OrderFilled(now, fill)])

    trade.execution.cancel = answer
    result = await page.ask("order.cancel_many", client_order_ids=[refused, filled])
    assert outcomes(result) == {refused: "refused", filled: "filled"}
    assert result["rows"][0]["reason"] == "the venue is busy" and result["rows"][0]["status"] == "accepted"


@pytest.mark.parametrize("ids", [None, "one", [], [1], ["x" * 101], [str(number) for number in range(2001)]])
async def test_what_is_no_list_of_orders_is_refused_and_nothing_is_asked(desk_page, ids):
    result = await desk_page.ask("order.cancel_many", client_order_ids=ids)
    assert result["error"]["code"] == "bad_request" and result["error"]["field"] == "client_order_ids"
