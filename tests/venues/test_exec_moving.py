"""New prices for partly filled orders at Binance: cancelled, and what was left is placed anew. Never more is bought than was asked for, whatever happens.

    KONTOR_MOVES=50 KONTOR_SEED=7 pytest tests/venues/test_exec_moving.py -k races -s
"""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from decimal import Decimal

import pytest

from app.model import events
from app.trading.journal import decode
from app.venues.binance.replacing import new_id
from tests.venues.binance_sim.ledger import Order
from tests.venues.exec_desk import ED25519, HMAC, SYMBOL, RealDesk, find_out, lose, real_desk
from tests.venues.live_desk import until
from tests.venues.test_exec_replacing import amend, working

PART = Decimal("0.04")
RACES = int(os.environ.get("KONTOR_MOVES", "2"))
SEED = int(os.environ.get("KONTOR_SEED", "0")) or random.randrange(1, 10**6)
FAULTS = ("api_drop", "api_delay", "api_duplicate", "api_cut", "api_cut_before", "api_garbage", "event_drop", "event_duplicate")
METHODS = ("order.cancel", "order.place", "order.status", "myTrades")
REPORTS = ("executionReport:TRADE", "executionReport:CANCELED", "executionReport:NEW")


async def partly(desk: RealDesk, **fields) -> str:
    """An order for 0.1 of which 0.04 was executed."""
    cid = await working(desk, **fields)
    desk.emulator.exchange.trade(SYMBOL, desk.theirs(cid).price, PART)
    await desk.status(cid, "partially_filled")
    return cid


def executed(desk: RealDesk) -> Decimal:
    """What the exchange executed of all orders."""
    return sum((order.executed for order in desk.account.orders), Decimal(0))


def last(desk: RealDesk) -> Order:
    return desk.account.orders[-1]


def is_there(desk: RealDesk, method: str) -> bool:
    return method in desk.emulator.private.requests


async def ended(desk: RealDesk, cid: str, *words: str) -> None:
    """Cancelled with the fills that it had, and the reason says so; nothing works, and nothing is placed later."""
    await desk.status(cid, "cancelled")
    reason = desk.engine.orders[cid].reason
    assert all(word in reason for word in words), reason
    assert list(desk.engine.orders) == [cid], "nothing was adopted as somebody else's"
    assert not any(order.works for order in desk.account.orders)
    await desk.agree()


@pytest.mark.parametrize("algorithm", [HMAC, ED25519])
@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_partly_filled_order_follows_the_price_again_and_again(tmp_path, algorithm, side):
    async with real_desk(tmp_path, algorithm) as desk:
        await desk.armed()
        away = -1 if side == "buy" else 1
        cid = await partly(desk, side=side, price=str((desk.bid if side == "buy" else desk.ask) + 100 * away))
        await until(lambda: desk.page.orders()[cid]["anew"] is True, "the page knows that it is placed anew")
        total = Decimal("0.1")
        for qty, distance in ((None, 90), ("0.15", 80), ("0.12", 70), (None, 60)):
            total = Decimal(qty) if qty else total
            price = (desk.bid if side == "buy" else desk.ask) + distance * away
            before = desk.engine.orders[cid].filled
            found = await amend(desk, cid, qty, price)
            assert found["outcome"] == "amended", found
            order, theirs = desk.engine.orders[cid], last(desk)
            assert (order.qty, order.price, order.filled, order.status.value) == (total, price, before, "partially_filled")
            assert (theirs.qty, theirs.price, theirs.executed, theirs.works) == (total - before, price, 0, True)
            await desk.agree()
            if distance > 60:
                desk.emulator.exchange.trade(SYMBOL, price, Decimal("0.01"))
                await until(lambda before=before: desk.engine.orders[cid].filled == before + Decimal("0.01"), "a little more")
                await desk.agree()
        assert list(desk.engine.orders) == [cid] and not is_there(desk, "order.cancelReplace")
        assert (await amend(desk, cid, "0.11"))["outcome"] == "amended"
        assert is_there(desk, "order.amend.keepPriority"), "only smaller: it keeps its place"
        await until(lambda: last(desk).qty == Decimal("0.11") - Decimal("0.07"), "the venue counts from its own beginning")
        await desk.agree()
        desk.emulator.exchange.trade(SYMBOL, last(desk).price, Decimal(1))
        await desk.status(cid, "filled")
        await desk.agree()
        assert executed(desk) == Decimal("0.11") == desk.engine.orders[cid].filled


async def test_a_restart_counts_on_from_what_was_filled_before(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        assert (await amend(desk, cid, None, desk.bid - 90))["outcome"] == "amended"
        await desk.desk.stop()
        desk.emulator.exchange.trade(SYMBOL, last(desk).price, Decimal("0.01"))
        await desk.restart()
        await desk.ready()
        await until(lambda: desk.engine.orders[cid].filled == Decimal("0.05"), "found")
        assert (desk.engine.orders[cid].qty, desk.engine.orders[cid].filled_before) == (Decimal("0.1"), PART)
        await desk.agree()
        await desk.market()
        await desk.page.ask("execution.arm", confirmed=True)
        assert (await amend(desk, cid, None, desk.bid - 80))["outcome"] == "amended"
        assert last(desk).qty == Decimal("0.05")
        desk.emulator.exchange.trade(SYMBOL, last(desk).price, Decimal(1))
        await desk.status(cid, "filled")
        await desk.agree()
        assert executed(desk) == Decimal("0.1")


@pytest.mark.parametrize(
    ("fields", "kind", "iceberg"),
    [
        ({"type": "stop_limit", "side": "sell", "price": -210, "stop": -200}, "LIMIT", "0"),
        ({"type": "limit", "post_only": True, "price": -100}, "LIMIT_MAKER", "0"),
        ({"type": "iceberg", "display": "0.02", "price": -100}, "LIMIT", "0.02"),
        ({"type": "iceberg", "display": "0.06", "price": -100}, "LIMIT", "0"),
    ],
    ids=["stop limit", "post-only", "iceberg", "iceberg with less left than it showed"],
)
async def test_what_is_left_is_placed_as_what_it_is_by_then(tmp_path, fields, kind, iceberg):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        priced = {name: str(desk.bid + value) if isinstance(value, int) and name in ("price", "stop") else value for name, value in fields.items()}
        cid = await working(desk, **priced)
        theirs = desk.theirs(cid)
        if theirs.waits:
            desk.emulator.player.markets[SYMBOL].book.bids.clear()  # it rests once it is triggered
            theirs.waits = False
        desk.emulator.exchange.trade(SYMBOL, theirs.price, PART)
        await desk.status(cid, "partially_filled")
        if theirs.stop:
            refused = await amend(desk, cid, None, None, theirs.stop - 5)
            assert refused["error"]["code"] == "venue_amend" and refused["error"]["field"] == "stop"
        price = theirs.price - 10
        found = await amend(desk, cid, None, price)
        assert found["outcome"] == "amended", found
        assert (last(desk).kind, last(desk).iceberg, last(desk).qty, last(desk).stop) == (kind, Decimal(iceberg), Decimal("0.06"), 0)
        await desk.agree()


# what fills in between


@pytest.mark.parametrize("dropped", [2, 4], ids=["fill and balances", "and those of the cancel"])
async def test_what_fills_before_the_cancel_arrives_is_not_bought_again(tmp_path, dropped):
    """The desk has not heard of the fill: report and answer to the cancel both say so."""
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("event_drop", count=dropped)
        desk.emulator.exchange.trade(SYMBOL, desk.theirs(cid).price, Decimal("0.05"))
        found = await amend(desk, cid, None, desk.bid - 50)
        assert found["outcome"] == "amended", found
        assert last(desk).qty == Decimal("0.01") and is_there(desk, "myTrades"), "its fills are here before the rest is placed"
        assert desk.emulator.private.requests.count("order.place") == 2, "once, though its end was told twice"
        desk.emulator.exchange.trade(SYMBOL, last(desk).price, Decimal(1))
        await desk.status(cid, "filled")
        await desk.agree()
        assert executed(desk) == Decimal("0.1") == desk.engine.orders[cid].filled


@pytest.mark.parametrize("heard", [True, False])
async def test_a_fill_that_completes_it_meanwhile_ends_it_as_filled(tmp_path, heard):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        if not heard:
            desk.emulator.inject("event_drop", count=2)
        asking = asyncio.create_task(amend(desk, cid, None, desk.bid - 50))
        desk.emulator.exchange.trade(SYMBOL, desk.theirs(cid).price, Decimal(1))
        await desk.status(cid, "filled")
        found = await asking
        assert found.get("outcome") == "ended" or found["error"]["code"] == "not_working", found
        assert not is_there(desk, "order.cancelReplace") and len(desk.account.orders) == 1, "nothing was placed"
        await desk.agree()


@pytest.mark.parametrize(("filled", "status"), [("0.02", "filled"), ("0.03", "cancelled")])
async def test_a_smaller_total_that_was_filled_meanwhile_leaves_nothing_to_place(tmp_path, filled, status):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("event_drop", count=2)
        desk.emulator.exchange.trade(SYMBOL, desk.theirs(cid).price, Decimal(filled))
        await amend(desk, cid, "0.06", desk.bid - 50)
        await desk.status(cid, status)
        assert len(desk.account.orders) == 1 and desk.engine.orders[cid].filled == PART + Decimal(filled)
        await desk.agree()


# what is lost on the way


@pytest.mark.parametrize("then", ["working", "filled", "partly", "cancelled"])
@pytest.mark.parametrize("lost", ["the answer", "the answer and the reports", "the line", "the desk"])
async def test_whatever_is_lost_what_was_placed_is_found(tmp_path, lost, then):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        lose(desk, lost, "order.place", match="executionReport:NEW")
        price = desk.bid - 50
        asking = asyncio.create_task(amend(desk, cid, "0.2", price))
        await until(lambda: last(desk).price == price, "placed there")
        theirs = last(desk)
        assert theirs.qty == Decimal("0.16")
        await find_out(desk, lost, asking, theirs, then, "0.16")
        await desk.status(cid, {"working": "partially_filled", "partly": "partially_filled"}.get(then, then))
        order = desk.engine.orders[cid]
        await until(lambda: order.amend_requested_ns is None and order.venue_order_id == str(theirs.number), "known")
        assert (order.qty, order.price, order.filled_before) == (Decimal("0.2"), price, PART)
        assert list(desk.engine.orders) == [cid], "nothing was adopted as somebody else's"
        with suppress(asyncio.CancelledError):
            await asking
        await desk.agree()
        if then in ("working", "partly"):
            await desk.page.ask("order.cancel", client_order_id=cid)
            await desk.status(cid, "cancelled")
            await desk.agree()


async def test_a_fill_of_the_rest_that_is_heard_of_first_waits_until_it_is_known_what_was_filled_before(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("api_drop", match="order.place")
        desk.emulator.inject("event_drop", match="executionReport:NEW")
        asking = asyncio.create_task(amend(desk, cid, None, desk.bid - 50))
        await until(lambda: len(desk.account.orders) == 2, "placed there")
        await desk.desk.stop()
        asking.cancel()
        desk.emulator.inject("api_delay", match="order.status", seconds=0.5)
        asked = desk.emulator.private.requests.count("order.status")
        await desk.restart()
        await until(lambda: desk.emulator.private.requests.count("order.status") > asked, "asked about the old one")
        desk.emulator.exchange.trade(SYMBOL, last(desk).price, Decimal("0.01"))
        await until(lambda: desk.engine.orders[cid].filled == Decimal("0.05"), "found")
        assert (desk.engine.orders[cid].qty, desk.engine.orders[cid].filled_before) == (Decimal("0.1"), PART)
        await desk.ready()
        await desk.agree()


@pytest.mark.parametrize("dropped", ["the answer", "the report", "both"])
async def test_the_end_counts_whichever_way_it_is_told(tmp_path, dropped):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        if dropped != "the report":
            desk.emulator.inject("api_drop", match="order.cancel")
        if dropped != "the answer":
            desk.emulator.inject("event_drop", match="executionReport:CANCELED")
        asking = asyncio.create_task(amend(desk, cid, None, desk.bid - 50))
        await until(lambda: is_there(desk, "order.cancel"), "cancelled there")
        if dropped == "both":
            await desk.page.ask("order.query", client_order_id=cid)
        assert (await asking)["outcome"] == "amended"
        assert (last(desk).qty, last(desk).works) == (Decimal("0.06"), True)
        await desk.agree()


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_line_that_is_cut_at_the_cancel_places_nothing(tmp_path, cut):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("event_drop", match="executionReport:CANCELED")
        desk.emulator.inject("api_cut_before" if cut == "before" else "api_cut", match="order.cancel")
        found = await amend(desk, cid, None, desk.bid - 50)
        assert found["outcome"] in ("unresolved", "refused", "ended"), "never said to be done"
        await desk.ready()
        await until(lambda: desk.engine.orders[cid].amend_requested_ns is None, "known")
        if cut == "before":
            await desk.status(cid, "partially_filled")
            assert len(desk.account.orders) == 1 and desk.account.orders[0].works
            await desk.agree()
            assert (await amend(desk, cid, None, desk.bid - 50))["outcome"] == "amended"
            await desk.agree()
        else:
            await ended(desk, cid, "0.06", "was not placed")


async def test_a_cancel_that_the_venue_is_unsure_of_places_nothing_also_when_it_was_done(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("api_refuse", match="order.cancel", status=504, code=-1007, msg="Timeout waiting for response from backend server.")
        found = await amend(desk, cid, None, desk.bid - 50)
        assert found["outcome"] != "amended" and found["status"] == "partially_filled", found
        desk.emulator.exchange.cancel(desk.theirs(cid))  # it comes through late
        await ended(desk, cid, "0.06", "was not placed")
        assert len(desk.account.orders) == 1


@pytest.mark.parametrize("killed", ["before the cancel", "before the rest was placed", "before the rest arrived"])
async def test_a_desk_that_dies_on_the_way_places_nothing_later(tmp_path, killed):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        method = "order.place" if killed == "before the rest arrived" else "order.cancel"
        desk.emulator.inject("api_cut" if killed == "before the rest was placed" else "api_cut_before", match=method)
        if method == "order.cancel":
            desk.emulator.inject("event_drop", match="executionReport:CANCELED")
        asking = asyncio.create_task(amend(desk, cid, None, desk.bid - 50))
        asked = desk.emulator.private.requests.count(method)
        await until(lambda: desk.emulator.private.requests.count(method) > asked, "on the way")
        await desk.desk.stop()
        asking.cancel()
        await desk.restart()
        await desk.ready()
        if killed == "before the cancel":
            await desk.status(cid, "partially_filled")
            assert desk.account.orders[0].works
            await desk.agree()
        else:
            await ended(desk, cid, "0.06", "was not placed")
        await desk.page.ask("execution.arm", confirmed=True)
        await desk.page.ask("order.query", client_order_id=cid)
        assert len(desk.account.orders) == 1, "nothing was placed"


async def test_no_such_order_about_the_rest_is_believed_the_second_time(tmp_path):
    """The rest is still on its way when the line is cut, and arrives after the first question about it."""
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("api_cut_before", match="order.place")
        price = desk.bid - 50
        await amend(desk, cid, None, price)
        asked = desk.emulator.private.requests.count("order.status")
        await until(lambda: desk.emulator.private.requests.count("order.status") >= asked + 2, "asked for, and not there")
        assert desk.engine.orders[cid].is_working
        old = desk.theirs(cid)
        params = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.06", "price": str(price)}
        desk.emulator.exchange.place(desk.account, params | {"newClientOrderId": new_id(cid, old.number)})
        await until(lambda: desk.engine.orders[cid].amend_requested_ns is None, "found")
        await desk.status(cid, "partially_filled")
        assert list(desk.engine.orders) == [cid]
        await desk.agree()


async def test_an_answer_that_comes_too_late_places_nothing(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("event_drop", match="executionReport:CANCELED")
        desk.emulator.inject("api_delay", match="order.cancel", seconds=0.3)
        clock, ahead = desk.real.execution._answers.moving._clock, 0
        moved = type("Later", (), {"monotonic_ns": lambda _self: clock.monotonic_ns() + ahead, "now_ns": lambda _self: clock.now_ns()})()
        desk.real.execution._answers.moving._clock = moved
        asking = asyncio.create_task(amend(desk, cid, None, desk.bid - 50))
        await until(lambda: is_there(desk, "order.cancel"), "cancelled there")
        ahead = 6 * 10**9
        found = await asking
        assert found["outcome"] == "ended" and "took too long" in found["reason"], found
        await ended(desk, cid, "took too long")


async def test_answers_and_reports_that_come_twice_count_once(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("api_duplicate", count=9)
        desk.emulator.inject("event_duplicate", count=99)
        for below in (50, 60):
            assert (await amend(desk, cid, None, desk.bid - below))["outcome"] == "amended"
        assert len(desk.account.orders) == 3
        desk.emulator.exchange.trade(SYMBOL, last(desk).price, Decimal(1))
        await desk.status(cid, "filled")
        await desk.agree()


# what the venue does not take


async def test_what_would_be_left_below_the_venues_least_is_said_before_anything_is_cancelled(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await working(desk)
        desk.emulator.exchange.trade(SYMBOL, desk.theirs(cid).price, Decimal("0.09995"))
        await desk.status(cid, "partially_filled")
        before = desk.engine.last_seq
        refused = await amend(desk, cid, None, desk.bid - 50)
        assert refused["error"]["code"] == "venue_notional" and "What is left of it, 0.00005" in refused["error"]["reason"], refused
        assert desk.engine.last_seq == before and not is_there(desk, "order.cancel") and desk.theirs(cid).works
        await desk.agree()


async def test_what_falls_below_it_meanwhile_is_said_after(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("event_drop", count=2)
        desk.emulator.exchange.trade(SYMBOL, desk.theirs(cid).price, Decimal("0.05995"))
        found = await amend(desk, cid, None, desk.bid - 50)
        assert found["outcome"] == "ended" and found["status"] == "cancelled" and "0.00005" in found["reason"], found
        await ended(desk, cid, "0.00005", "was not placed", "no order below 5")
        assert desk.engine.orders[cid].filled == Decimal("0.09995")


async def test_what_the_venue_refuses_is_not_placed(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk, post_only=True)
        found = await amend(desk, cid, None, desk.ask + 50)
        assert found["outcome"] == "ended", found
        await ended(desk, cid, "0.06", "was not placed", "immediately match")


async def test_it_has_to_be_armed(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        await desk.page.ask("execution.disarm")
        refused = await amend(desk, cid, None, desk.bid - 50)
        assert refused["error"]["code"] == "not_armed" and desk.theirs(cid).works and not is_there(desk, "order.cancel")


async def test_disarming_on_the_way_places_nothing(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("event_drop", match="executionReport:CANCELED")
        desk.emulator.inject("api_delay", match="order.cancel", seconds=0.3)
        asking = asyncio.create_task(amend(desk, cid, None, desk.bid - 50))
        await until(lambda: is_there(desk, "order.cancel"), "on the way")
        await desk.page.ask("execution.disarm")
        assert (await asking)["outcome"] == "ended"
        await ended(desk, cid, "not armed")


# cancels and the kill switch


@pytest.mark.parametrize("when", ["while it is cancelled", "while the rest is placed"])
@pytest.mark.parametrize("how", ["cancel", "kill"])
async def test_a_cancel_on_the_way_leaves_nothing_working(tmp_path, how, when):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        if when == "while it is cancelled":
            desk.emulator.inject("event_drop", match="executionReport:CANCELED")
            desk.emulator.inject("api_delay", match="order.cancel", seconds=0.4)
            method = "order.cancel"
        else:
            desk.emulator.inject("event_drop", match="executionReport:NEW")
            desk.emulator.inject("api_delay", match="order.place", seconds=0.4)
            method = "order.place"
        asked = desk.emulator.private.requests.count(method)
        asking = asyncio.create_task(amend(desk, cid, None, desk.bid - 50))
        await until(lambda: desk.emulator.private.requests.count(method) > asked, "on the way")
        if how == "cancel":
            await desk.page.ask("order.cancel", client_order_id=cid)
        else:
            await desk.page.ask("risk.kill", flatten=False)
        await desk.status(cid, "cancelled")
        await asking
        assert len(desk.account.orders) == (1 if when == "while it is cancelled" else 2)
        records = await desk.desk.trade.writer.recorder.read_all()
        asked = [entry.event for record in records for entry in decode(record) if isinstance(entry.event, events.OrderCancelRequested)]
        assert len(asked) == 1, "the desk did not have to ask again"
        assert not any(order.works for order in desk.account.orders) and executed(desk) == PART
        why = "0.06, was not placed: it was cancelled meanwhile" if how == "cancel" else "cancelled by the kill switch"
        assert when != "while it is cancelled" or why in desk.engine.orders[cid].reason
        await desk.agree()


async def test_what_is_being_cancelled_is_not_moved(tmp_path):
    """Else the answer to the trader's cancel would be taken for that of the move, and what was to be cancelled placed anew."""
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        desk.emulator.inject("event_drop", match="executionReport:CANCELED")
        desk.emulator.inject("api_delay", match="order.cancel", seconds=0.3)
        await desk.page.ask("order.cancel", client_order_id=cid)
        refused = await amend(desk, cid, None, desk.bid - 50)
        assert refused["error"]["code"] == "venue_amend" and "cancel" in refused["error"]["reason"], refused
        await desk.status(cid, "cancelled")
        assert len(desk.account.orders) == 1
        await desk.agree()


async def test_what_has_ended_while_the_change_was_written_is_not_moved(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = await partly(desk)
        order, execution = desk.engine.orders[cid], desk.real.execution

        async def meanwhile() -> None:
            desk.emulator.exchange.cancel(desk.theirs(cid))
            await until(lambda: execution._answers._tally.has_ended(cid), "told")
            assert order.is_working, "and not applied yet"
            execution.amend(cid, None, desk.bid - 50, None)

        await desk.desk.trade.writer.exclusively(meanwhile)
        await desk.status(cid, "cancelled")
        assert not is_there(desk, "order.cancel") and len(desk.account.orders) == 1
        await desk.agree()


async def test_exits_of_an_entry_follow_it_through_a_move(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        price = desk.bid - 20
        cid = await partly(desk, price=str(price), stop_loss=str(desk.bid - 500))
        (stop,) = [order for order in desk.engine.orders.values() if order.intent.parent == cid]
        await until(lambda: stop.qty == PART and stop.status.value == "accepted", "covers what was filled")
        assert (await amend(desk, cid, None, price - 5))["outcome"] == "amended"
        assert stop.is_working and stop.qty == PART
        entry = next(order for order in desk.account.orders if order.side == "BUY" and order.works)
        desk.emulator.exchange.trade(SYMBOL, entry.price, Decimal("0.06"))
        await desk.status(cid, "filled")
        await until(lambda: stop.qty == Decimal("0.1") and stop.amend_requested_ns is None, "covers all of it")
        await desk.agree()


@pytest.mark.timeout(120 + 60 * RACES)
async def test_races_of_moves_fills_and_faults_never_buy_more_than_was_asked_for(tmp_path):
    print(f"KONTOR_SEED={SEED} KONTOR_MOVES={RACES}")
    draw = random.Random(SEED)
    async with real_desk(tmp_path, weight_limit=10**6) as desk:
        desk.account.free["USDT"] = Decimal(10**9)
        await desk.armed()
        for number in range(RACES):
            await race(desk, draw, f"seed {SEED}, race {number}")
            assert len(desk.engine.orders) == number + 1, f"seed {SEED}, race {number}: {desk.orders()}"
            await desk.agree()


async def race(desk: RealDesk, draw: random.Random, where: str) -> None:
    """Move one order while it is filled and requests are lost."""
    first = len(desk.account.orders)
    while "error" in (made := await desk.submit(price=str(desk.bid - 100))):
        assert made["error"]["code"] == "venue_not_ready", made  # the line was cut just now
        await desk.ready()
    cid = made["client_order_id"]
    order = desk.engine.orders[cid]
    await known(desk, cid, where, lambda: order.status.value in ("accepted", "rejected"))
    if order.code == "not_sent":
        return  # the line was cut, or the limits left no room after so many questions
    most, filling = order.qty, asyncio.create_task(fills(desk, draw, first))
    for _ in range(4):
        if not order.is_working:
            break
        for kind in draw.sample(FAULTS, draw.randrange(3)):
            match = draw.choice(REPORTS if "event" in kind else METHODS)
            desk.emulator.inject(kind, match=match, **({"seconds": draw.uniform(0, 1)} if kind == "api_delay" else {}))
        qty = str(order.qty + Decimal("0.02")) if draw.random() < 0.3 else None
        most = max(most, Decimal(qty) if qty else most)
        asking = asyncio.create_task(amend(desk, cid, qty, desk.bid - draw.randrange(50, 150)))
        if draw.random() < 0.2:
            await asyncio.sleep(draw.uniform(0, 0.05))
            await desk.page.ask("order.cancel", client_order_id=cid)
        await asking
        await known(desk, cid, where, lambda: order.amend_requested_ns is None)
    filling.cancel()
    desk.emulator.faults.clear()
    if order.is_working:
        await desk.page.ask("order.cancel", client_order_id=cid)
    await known(desk, cid, where, lambda: not order.is_working and not desk.desk.trade.resolver.owed)
    mine = desk.account.orders[first:]
    assert not any(theirs.works for theirs in mine), where
    assert order.filled == sum(theirs.executed for theirs in mine) <= most, where


async def known(desk: RealDesk, cid: str, where: str, condition) -> None:
    """Wait for a condition on a reconciled desk; what waits longer and longer after so many faults is hurried."""

    def holds() -> bool:
        if desk.state == "waiting":
            desk.real.execution.retry_now()
        return desk.state == "ready" and condition()

    with suppress(AssertionError):
        await until(holds, where)
        return
    await desk.page.ask("order.query", client_order_id=cid)
    await until(holds, f"{where}: {desk.engine.orders[cid]} {desk.real.view()} {desk.desk.trade.resolver.owed}", 30)


async def fills(desk: RealDesk, draw: random.Random, first: int) -> None:
    """Trade what works from the exchange's order ``first`` on, a little at a time."""
    while True:
        for theirs in desk.account.orders[first:]:
            if theirs.works and draw.random() < 0.3:
                desk.emulator.exchange.trade(SYMBOL, theirs.price, Decimal(draw.randrange(1, 10)) / 1000)
        await asyncio.sleep(draw.uniform(0, 0.03))
