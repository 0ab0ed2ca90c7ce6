"""New prices and larger quantities at Binance: another order replaces the first there, here it stays the same, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal

import pytest

from app.model import events
from app.trading.journal import decode
from app.venues.binance.replacing import new_id
from tests.venues.binance_sim.ledger import Order
from tests.venues.binance_sim.private import told
from tests.venues.exec_desk import ED25519, HMAC, SYMBOL, RealDesk, find_out, lose, real_desk
from tests.venues.live_desk import until


async def working(desk: RealDesk, **fields) -> str:
    """An order that the exchange has accepted."""
    cid = (await desk.submit(**fields))["client_order_id"]
    await desk.status(cid, "accepted")
    return cid


def now(desk: RealDesk, cid: str) -> Order:
    """The exchange's order that works for ours, or the last that did."""
    return next(order for order in reversed(desk.account.orders) if order.name == cid or order.name.startswith("kr-"))


async def amend(desk: RealDesk, cid: str, qty: str | None = None, price: object = None, stop: object = None) -> dict:
    """The answer of the desk."""
    text = [None if value is None else str(value) for value in (price, stop)]
    return await desk.page.ask("order.amend", client_order_id=cid, qty=qty, price=text[0], stop=text[1])


def replacements(desk: RealDesk) -> int:
    return desk.emulator.private.requests.count("order.cancelReplace")


@pytest.mark.parametrize("algorithm", [HMAC, ED25519])
async def test_an_order_gets_new_prices_and_a_larger_quantity_again_and_again(tmp_path, algorithm):
    async with real_desk(tmp_path, algorithm) as desk:
        await desk.armed()
        cid = await working(desk)
        for qty, below in ((None, 50), ("0.3", None), ("0.2", 60), ("0.25", 70)):
            price = None if below is None else desk.bid - below
            found = await amend(desk, cid, qty, price)
            assert found["outcome"] == "amended", found
            order = desk.engine.orders[cid]
            assert order.qty == Decimal(qty or str(order.qty)) and order.price == (price or order.price)
            await desk.agree()
        assert replacements(desk) == 4 and list(desk.engine.orders) == [cid]
        assert (await amend(desk, cid, "0.2"))["outcome"] == "amended"
        assert replacements(desk) == 4, "only smaller: it keeps its place"
        await desk.page.ask("order.cancel", client_order_id=cid)
        await desk.status(cid, "cancelled")
        await desk.agree()


@pytest.mark.parametrize(
    ("fields", "new"),
    [
        ({"type": "stop", "side": "sell", "price": None, "stop": -200}, {"stop": -300}),
        ({"type": "stop_limit", "side": "sell", "price": -210, "stop": -200}, {"price": -320, "stop": -310}),
        ({"type": "limit", "post_only": True, "price": -100}, {"price": -90}),
        ({"type": "iceberg", "qty": "0.5", "display": "0.1", "price": -100}, {"price": -90}),
        ({"type": "limit", "side": "sell", "price": 100}, {"price": 90}),
    ],
    ids=["stop", "stop limit", "post-only", "iceberg", "sell"],
)
async def test_every_type_is_replaced_as_itself(tmp_path, fields, new):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        moved = {name: str(desk.bid + value) if isinstance(value, int) and name in ("price", "stop") else value for name, value in fields.items()}
        cid = await working(desk, **moved)
        kind, display = now(desk, cid).kind, now(desk, cid).iceberg
        found = await amend(desk, cid, None, *(desk.bid + new[name] if name in new else None for name in ("price", "stop")))
        assert found["outcome"] == "amended", found
        order = now(desk, cid)
        assert order.works and order.name != cid and (order.kind, order.iceberg) == (kind, display)
        assert {name: getattr(order, name) for name in new} == {name: desk.bid + value for name, value in new.items()}
        await desk.agree()


@pytest.mark.parametrize("then", ["working", "filled", "partly", "cancelled"])
@pytest.mark.parametrize("lost", ["the answer", "the answer and the reports", "the line", "the desk"])
async def test_whatever_is_lost_the_order_is_found_under_its_new_number(tmp_path, lost, then):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        lose(desk, lost, "order.cancelReplace", count=2, match="executionReport")
        price = desk.bid - 50
        asking = asyncio.create_task(amend(desk, cid, "0.2", price))
        await until(lambda: now(desk, cid).price == price, "replaced there")
        theirs = now(desk, cid)
        await find_out(desk, lost, asking, theirs, then, "0.2")
        await desk.status(cid, {"working": "accepted", "partly": "partially_filled"}.get(then, then))
        order = desk.engine.orders[cid]
        await until(lambda: order.amend_requested_ns is None, "known")
        assert (order.qty, order.price, order.venue_order_id) == (Decimal("0.2"), price, str(theirs.number))
        assert list(desk.engine.orders) == [cid], "nothing was adopted as somebody else's"
        with suppress(asyncio.CancelledError):
            await asking
        await desk.agree()
        if then in ("working", "partly"):
            await desk.page.ask("order.cancel", client_order_id=cid)
            await desk.status(cid, "cancelled")
            await desk.agree()


async def test_a_request_that_never_arrived_leaves_the_order_as_it_was(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        before = desk.engine.orders[cid].price
        desk.emulator.inject("api_cut_before", match="order.cancelReplace")
        found = await amend(desk, cid, "0.2", desk.bid - 50)
        assert found["outcome"] in ("unresolved", "refused"), "never said to be done"
        await desk.ready()
        await until(lambda: desk.engine.orders[cid].amend_requested_ns is None, "known")
        await desk.status(cid, "accepted")
        assert (desk.engine.orders[cid].qty, desk.engine.orders[cid].price) == (Decimal("0.1"), before)
        await desk.agree()
        assert (await amend(desk, cid, "0.2", desk.bid - 50))["outcome"] == "amended"
        await desk.agree()


async def test_one_that_was_cancelled_before_the_request_arrived_has_ended(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        desk.emulator.inject("api_cut_before", match="order.cancelReplace")
        asking = asyncio.create_task(amend(desk, cid, "0.2", desk.bid - 50))
        await until(lambda: replacements(desk), "asked, and not done")
        await desk.desk.stop()
        asking.cancel()
        desk.emulator.exchange.cancel(now(desk, cid))
        await desk.restart()
        await desk.status(cid, "cancelled")
        assert desk.emulator.private.requests.count("order.status") >= 3, "nothing replaced it is believed the second time"
        await desk.ready()
        await desk.agree()


async def test_what_was_so_before_the_venue_looked_at_it_is_not_its_answer(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        desk.emulator.inject("api_delay", match="order.status", seconds=0.3)
        desk.emulator.inject("api_delay", match="order.cancelReplace", seconds=0.9)
        desk.emulator.inject("event_drop", count=2, match="executionReport")
        query = asyncio.create_task(desk.page.ask("order.query", client_order_id=cid))
        await until(lambda: "order.status" in desk.emulator.private.requests, "asked how it is")
        found = await amend(desk, cid, None, desk.bid - 50)
        assert found["outcome"] == "amended", found
        await query
        await desk.agree()


async def test_a_fill_that_the_desk_has_not_heard_of_stops_the_replacement(tmp_path):
    """Else the new order could fill what the old one had filled already."""
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        desk.emulator.inject("event_drop", count=2)
        desk.emulator.exchange.trade(SYMBOL, now(desk, cid).price, Decimal("0.04"))
        found = await amend(desk, cid, "0.2", desk.bid - 50)
        assert found["outcome"] == "refused" and "restrictions" in found["reason"], found
        await desk.status(cid, "partially_filled")
        assert len(desk.account.orders) == 1 and desk.engine.orders[cid].qty == Decimal("0.1")
        await desk.agree()


async def test_what_was_to_replace_it_is_refused_and_the_order_is_gone(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        desk.account.free["USDT"] = Decimal(0)  # spent elsewhere just now, and the desk has not heard of it
        found = await amend(desk, cid, "0.2", desk.bid - 50)
        assert found["outcome"] == "ended" and found["status"] == "cancelled"
        assert "insufficient balance" in desk.engine.orders[cid].reason and "cancelled to be replaced" in desk.engine.orders[cid].reason
        assert not any(order.works for order in desk.account.orders)


async def test_a_part_that_the_venue_itself_is_unsure_of_is_asked_about(tmp_path):
    """It says that the old one is cancelled and that it does not know about the new one: that is no end of the order."""
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        old = told(now(desk, cid)) | {"status": "CANCELED", "origClientOrderId": cid, "clientOrderId": "c1"}
        unsure = {"code": -1007, "msg": "Timeout waiting for response from backend server."}
        said = {"cancelResult": "SUCCESS", "newOrderResult": "FAILURE", "cancelResponse": old, "newOrderResponse": unsure}
        desk.emulator.inject("api_refuse", match="order.cancelReplace", status=409, code=-2021, msg="partially failed", data=said)
        await amend(desk, cid, "0.2", desk.bid - 50)
        await until(lambda: desk.engine.orders[cid].amend_requested_ns is None, "known")
        assert desk.orders() == {cid: "accepted"}, "it was not done at all, as the exchange says when asked"
        await desk.agree()


@pytest.mark.parametrize("done", [True, False], ids=["replaced", "not replaced"])
@pytest.mark.parametrize("how", ["cancel", "kill"])
async def test_a_cancel_on_the_way_of_a_replacement_reaches_whatever_works(tmp_path, how, done):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        if done:
            desk.emulator.inject("api_delay", match="order.cancelReplace", seconds=0.5)
        else:
            desk.emulator.inject("api_refuse", match="order.cancelReplace", status=400, code=-1013, msg="Filter failure: PRICE_FILTER")
            desk.emulator.inject("api_delay", match="order.status", seconds=0.2)
        asking = asyncio.create_task(amend(desk, cid, "0.2", desk.bid - 50))
        await until(lambda: replacements(desk), "under way")
        if how == "cancel":
            await desk.page.ask("order.cancel", client_order_id=cid)
        else:
            await desk.page.ask("risk.kill", flatten=False)
        await desk.status(cid, "cancelled")
        await asking
        records = await desk.desk.trade.writer.recorder.read_all()
        asked = [entry.event for record in records for entry in decode(record) if isinstance(entry.event, events.OrderCancelRequested)]
        assert len(asked) == 1, "the desk did not have to ask again"
        assert not any(order.works for order in desk.account.orders)
        await desk.agree()


async def test_answers_and_reports_that_come_twice_count_once(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        desk.emulator.inject("api_duplicate", count=9)
        desk.emulator.inject("event_duplicate", count=99)
        for below in (50, 60):
            assert (await amend(desk, cid, None, desk.bid - below))["outcome"] == "amended"
        desk.emulator.exchange.trade(SYMBOL, now(desk, cid).price, Decimal("0.1"))
        await desk.status(cid, "filled")
        await desk.agree()


async def test_one_that_meets_the_market_is_filled(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk, qty="0.01")
        found = await amend(desk, cid, None, desk.ask + 5)
        assert found["outcome"] in ("amended", "ended"), found
        await desk.status(cid, "filled")
        assert desk.engine.orders[cid].average_price <= desk.ask + 5
        await desk.agree()


async def test_a_restart_keeps_the_number_and_goes_on_amending(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        assert (await amend(desk, cid, None, desk.bid - 50))["outcome"] == "amended"
        first = now(desk, cid).number
        await desk.desk.stop()
        desk.emulator.exchange.trade(SYMBOL, now(desk, cid).price, Decimal("0.04"))
        await desk.restart()
        await desk.ready()
        await desk.status(cid, "partially_filled")
        assert desk.engine.orders[cid].venue_order_id == str(first) and list(desk.engine.orders) == [cid]
        desk.emulator.exchange.trade(SYMBOL, now(desk, cid).price, Decimal("0.06"))
        await desk.status(cid, "filled")
        await desk.agree()


async def test_orders_of_others_are_replaced_too(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        price = desk.bid - 100
        params = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": str(price)}
        desk.emulator.exchange.place(desk.account, params)
        await until(lambda: list(desk.engine.orders), "adopted")
        (cid,) = desk.engine.orders
        assert (await amend(desk, cid, "0.2", price - 10))["outcome"] == "amended"
        await desk.agree()
        assert list(desk.engine.orders) == [cid]


@pytest.mark.parametrize(
    ("qty", "below", "code"),
    [("100", 50, "buying_power"), (None, "0.005", "bad_tick"), ("0.0000001", None, "bad_lot")],
)
async def test_what_the_venue_would_refuse_is_denied_before_it_is_journalled(tmp_path, qty, below, code):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        before = desk.engine.last_seq
        refused = await amend(desk, cid, qty, None if below is None else desk.bid - Decimal(below))
        assert "error" in refused, refused
        assert refused["error"]["code"] == code, refused
        assert desk.engine.last_seq == before and replacements(desk) == 0


async def test_the_balance_that_the_order_itself_locks_counts_as_free(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        price = desk.bid - 100
        cid = await working(desk, qty="1.5", price=str(price))
        assert (await amend(desk, cid, None, price - 10))["outcome"] == "amended", "100,000 USDT pay for it once, not twice"
        await desk.agree()


def test_ids_of_replacements_are_their_own_and_fit_the_venue():
    ids = {new_id(cid, number) for cid in ("kt-a-1", "kt-a-2") for number in range(1000, 1200)}
    assert len(ids) == 400 and all(len(each) <= 36 and each.startswith("kr-") for each in ids)
    assert new_id("kt-a-1", 1000) == new_id("kt-a-1", 1000)
