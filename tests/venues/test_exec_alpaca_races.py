"""Real execution at Alpaca, whole desk against the emulated broker: requests, answers and reports that cross one another, and what is odd there."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.model.events import OrderAmended, OrderCancelRequested
from app.trading.journal import decode
from app.venues.alpaca import answers
from app.venues.alpaca.api import AT_ONCE
from tests.venues.alpaca_desk import SYMBOL, alpaca_desk, start_alpaca
from tests.venues.alpaca_sim.ledger import Stock
from tests.venues.live_desk import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
POST = "POST /v2/orders"


async def test_a_cancel_that_was_refused_does_not_come_back_with_the_next_amendment(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        order = desk.engine.orders[cid]
        desk.emulator.faults.add("answer", match="DELETE", status=422, text='{"code":42210000,"message":"order is not cancelable"}')
        await desk.page.ask("order.cancel", client_order_id=cid)
        await until(lambda: order.refusals == 1, "refused")
        answers = desk.answers()
        await desk.page.ask("order.amend", client_order_id=cid, qty=None, price=str(desk.bid - 9), stop=None)
        await until(lambda: answers and order.price == desk.bid - 9, "amended, and asked about")
        await desk.looked()
        assert sum(name.startswith("DELETE") for name in desk.emulator.requests) == 1
        desk.emulator.broker.trade(SYMBOL, desk.bid - 9, Decimal(10))
        await desk.status(cid, "filled")
        await desk.agree()


async def test_a_cancel_that_meets_an_amendment_goes_to_what_replaced_the_order(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.faults.add("late", match="PATCH", seconds=1.0)
        await desk.page.ask("order.amend", client_order_id=cid, qty=None, price=str(desk.bid - 9), stop=None)
        desk.emulator.faults.add("event_drop", match="replaced")
        desk.emulator.faults.add("event_drop", match="new")
        await until(lambda: len(desk.theirs(cid)) == 2, "replaced")
        await desk.page.ask("order.cancel", client_order_id=cid)
        await desk.status(cid, "cancelled")
        assert desk.engine.orders[cid].refusals == 0
        await desk.agree()


@pytest.mark.parametrize("end", ["filled", "cancelled", "working"])
async def test_an_amendment_without_an_answer_counts_however_the_order_went_on(tmp_path, end):
    """Alpaca took the smaller quantity and nobody heard of it; meanwhile the order was filled to it, filled in part and cancelled, or works on."""
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit(qty="10", tif="gtc"))["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.faults.add("late", match="PATCH", seconds=5.0)
        desk.emulator.faults.add("event_drop", match="replaced")
        desk.emulator.faults.add("event_drop", match="new")
        asking = asyncio.create_task(desk.page.ask("order.amend", client_order_id=cid, qty="6", price=None, stop=None))
        await until(lambda: len(desk.theirs(cid)) == 2, "replaced there")
        await desk.stop()
        asking.cancel()
        desk.fills("6" if end == "filled" else "4")
        if end == "cancelled":
            desk.emulator.broker.cancel(desk.account, desk.theirs(cid)[-1].id)
        await desk.restart()
        await desk.ready()
        await desk.status(cid, {"working": "partially_filled"}.get(end, end))
        order = desk.engine.orders[cid]
        assert (order.qty, order.filled) == (6, 6 if end == "filled" else 4)
        await desk.agree()


async def test_a_cancel_asked_for_while_the_order_is_on_its_way_follows_its_acknowledgement(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.faults.add("late_before", match=POST, seconds=1.0)
        sending = asyncio.ensure_future(desk.submit())
        await until(lambda: desk.asked(POST) == 1, "on its way")
        (cid,) = desk.engine.orders
        await desk.page.ask("order.cancel", client_order_id=cid)
        await desk.status(cid, "cancelled")
        await sending
        await desk.agree()
        journalled = [entry.event for record in await desk.desk.trade.writer.recorder.read_all() for entry in decode(record)]
        assert sum(isinstance(event, OrderCancelRequested) for event in journalled) == 1, "the desk had to ask again"


@pytest.mark.parametrize("late", ["late", "late_before"])
async def test_an_answer_from_before_an_amendment_does_not_undo_it(tmp_path, late):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        order, execution, told, true_at = desk.engine.orders[cid], desk.desk.real.execution, [], []
        answered, pass_on = execution.answered, execution._pass_on
        execution.answered = lambda cid, as_of_ns: (true_at.append(as_of_ns), answered(cid, as_of_ns))
        execution._pass_on = lambda found: (told.extend(found), pass_on(found))
        desk.emulator.faults.add("late", match="GET /v2/orders:", seconds=1.0)  # what it says is from now
        asked = desk.asked("GET /v2/orders:by_client_order_id")
        asking = asyncio.ensure_future(desk.page.ask("order.query", client_order_id=cid))
        await until(lambda: desk.asked("GET /v2/orders:by_client_order_id") > asked, "asked")
        now = desk.desk.around.clock.monotonic_ns()
        desk.emulator.faults.add(late, match="PATCH", seconds=2.0 if late == "late" else 0.1)
        amending = asyncio.ensure_future(desk.page.ask("order.amend", client_order_id=cid, qty=None, price=str(desk.bid - 9), stop=None))
        await until(lambda: order.amend_requested_ns is not None, "asked for")
        await asking
        await until(lambda: true_at and min(true_at) < now, "the answer from before")
        assert (await amending)["outcome"] in ("amended", "unresolved")
        await until(lambda: order.price == desk.bid - 9 and order.amend_requested_ns is None, "amended")
        amended = [event for event in told if isinstance(event, OrderAmended)]
        assert {event.price for event in amended} == {desk.bid - 9}, amended
        await desk.agree()


async def test_a_report_of_a_replacement_after_a_restart_leaves_it_the_present_one(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit(tif="gtc"))["client_order_id"]
        await desk.status(cid, "accepted")
        order = desk.engine.orders[cid]
        await desk.page.ask("order.amend", client_order_id=cid, qty=None, price=str(desk.bid - 9), stop=None)
        await until(lambda: order.price == desk.bid - 9 and order.venue_order_id == desk.theirs(cid)[-1].id, "amended")
        await desk.agree()
        desk.emulator.faults.add("late_before", match="GET /v2/orders", seconds=0.5)
        asked = desk.asked("GET /v2/orders")
        await desk.restart()
        await until(lambda: desk.asked("GET /v2/orders") > asked, "it listens")
        desk.emulator.broker.trade(SYMBOL, desk.bid - 9, Decimal(4))  # reported before the order is asked about
        await desk.ready()
        await desk.status(cid, "partially_filled")
        await desk.page.ask("order.cancel", client_order_id=cid)
        await desk.status(cid, "cancelled")
        assert f"DELETE /v2/orders/{desk.theirs(cid)[0].id}" not in desk.emulator.requests
        await desk.agree()


async def test_what_was_held_before_an_execution_is_not_taken_for_what_is_held_after_it(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        await desk.agree()
        asked = desk.asked("GET /v2/account")
        desk.emulator.faults.add("late", match="GET /v2/account", seconds=0.5)  # what it says is older than what happens meanwhile
        desk.emulator.streams.disconnect()
        await until(lambda: desk.asked("GET /v2/account") > asked, "the account was asked for")
        desk.fills("10")
        await desk.ready()
        await desk.status(cid, "filled")
        assert not desk.desk.real.balancing.compare()
        await desk.agree()


async def test_orders_of_several_legs_and_unreadable_ones_do_not_keep_the_desk_from_starting(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        legs = [{"symbol": "AAPL261218C00190000", "ratio_qty": "1", "side": "buy"}, {"symbol": "AAPL261218C00200000", "ratio_qty": "1", "side": "sell"}]
        spread = {"id": "m-1", "client_order_id": "m", "symbol": None, "order_class": "mleg", "qty": "1", "side": None, "status": "new", "legs": legs}
        desk.emulator.odd_orders += [spread, {"id": "u-1"}]
        await desk.armed()
        assert desk.desk.real.view()["detail"] == "open orders at Alpaca that are not listed here: 1 of several legs, 1 unreadable"
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        for listener in desk.account.listeners:
            listener("new", {"event": "new", "order": spread})
        await desk.looked()
        assert desk.emulator.streams.connects == 1
        desk.emulator.odd_orders.clear()
        await desk.looked()
        await until(lambda: desk.desk.real.view()["detail"] == "", "nothing to tell any more")


async def test_a_status_that_is_not_known_leaves_its_order_unresolved_and_the_others_go_on(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        odd, other = [(await desk.submit(tif="gtc"))["client_order_id"] for _ in range(2)]
        for cid in (odd, other):
            await desk.status(cid, "accepted")
        await desk.stop()
        desk.theirs(odd)[0].status = "in_limbo"
        desk.emulator.broker.cancel(desk.account, desk.theirs(other)[0].id)
        await desk.restart()
        await desk.ready()
        await desk.status(odd, "unknown")
        assert desk.orders() == {odd: "unknown", other: "cancelled"} and "in_limbo" in desk.engine.orders[odd].evidence
        desk.theirs(odd)[0].status = "canceled"
        await desk.status(odd, "cancelled")
        await desk.agree()


async def test_executions_are_fetched_however_many_pages_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "PAGE", 2)
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit(qty="60"))["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.faults.add("event_drop", match="partial_fill", count=59)
        for _ in range(60):
            desk.fills("1")
        await desk.status(cid, "filled")
        await desk.agree()
        assert desk.asked("GET /v2/account/activities/FILL") <= 2 * 31, "page after page, not all of them again for every question"


async def test_a_share_that_is_called_like_the_cash_is_not_taken_for_it(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        broker = desk.emulator.broker
        broker.stocks["USD"] = Stock("USD", "ProShares Ultra Semiconductors", Decimal("60.00"), Decimal("60.02"))
        held = broker.place(desk.account, {"symbol": "USD", "side": "buy", "type": "market", "time_in_force": "day", "qty": "7"})
        broker.arrive(desk.account, held)
        await desk.stop()
        desk.page = await start_alpaca(desk.emulator, desk.store, symbols={"alpaca": (SYMBOL, "USD")})
        await desk.armed()
        portfolio = desk.engine.portfolio
        assert (portfolio.qty("USD"), portfolio.cash["USD"]) == (7, desk.account.cash)
        assert portfolio.positions["USD"].average_price == desk.account.average("USD")
        cid = (await desk.submit(symbol="USD", type="market", price=None, qty="3"))["client_order_id"]
        await desk.status(cid, "filled")
        await desk.same_cash()
        assert (portfolio.qty("USD"), portfolio.cash["USD"]) == (10, desk.account.cash)


async def test_assets_are_asked_for_a_few_at_a_time_and_unknown_ones_once(tmp_path):
    unknown = [f"NO{letter}" for letter in "ABCDEFGHI"]
    async with alpaca_desk(tmp_path) as desk:
        await desk.stop()
        desk.page = await start_alpaca(desk.emulator, desk.store, symbols={"alpaca": (SYMBOL, *unknown)})
        desk.emulator.faults.add("late_before", match="GET /v2/assets/", seconds=0.2, count=10)
        await desk.armed()
        assert desk.emulator.most_under_way == AT_ONCE
        desk.emulator.streams.disconnect()
        await until(lambda: desk.state != "ready", "noticed")
        await desk.ready()
        assert {desk.asked(f"GET /v2/assets/{symbol}") for symbol in (SYMBOL, *unknown)} == {1}
