"""Trailing stops at Alpaca, whole desk against the emulated broker over real sockets: the broker has the type itself, so it holds and moves them."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.desk.rows import order_row
from tests.venues.alpaca_desk import PASSPHRASE, SYMBOL, AlpacaDesk, alpaca_desk, called, sdk, start_alpaca
from tests.venues.alpaca_sim.ledger import Order
from tests.venues.live_desk import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
POST = "POST /v2/orders"


async def trailing(desk: AlpacaDesk, **fields) -> str:
    """A trailing stop to sell 10 at a distance of 2, accepted."""
    answer = await desk.submit(**{"side": "sell", "type": "trailing_stop", "tif": "gtc", "price": None, "trail": "2", **fields})
    assert "error" not in answer, answer
    await desk.status(answer["client_order_id"], "accepted")
    return answer["client_order_id"]


def row(desk: AlpacaDesk, cid: str) -> dict:
    """What the page is shown of an order."""
    return order_row(desk.engine.orders[cid])


def trade(desk: AlpacaDesk, price: str) -> None:
    """A public trade of others."""
    desk.emulator.broker.trade(SYMBOL, Decimal(price), Decimal(0))


async def stands(desk: AlpacaDesk, cid: str, stop: str) -> None:
    """The desk has heard where the stop is."""
    desk.desk.real.execution.look_again()
    await until(lambda: desk.engine.orders[cid].stop == Decimal(stop), f"a stop at {stop}; {desk.engine.orders[cid]}")


async def same(desk: AlpacaDesk, cid: str) -> Order:
    """The broker's order, once the desk's has its distance and stop."""
    ours, theirs = desk.engine.orders[cid], desk.theirs(cid)[-1]
    await until(lambda: (ours.stop, ours.trail, ours.trail_percent) == (theirs.stop, theirs.trail, theirs.percent), f"{ours} {vars(theirs)}")
    return theirs


async def test_the_account_says_which_types_the_desk_holds(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        can = desk.page.latest("hello")["capabilities"]
        assert can["held"] == ["limit_if_touched", "market_if_touched"] and can["orders"].count("trailing_stop") == 1
        await desk.stop()
        desk.page = await start_alpaca(desk.emulator, desk.store, account="paper")
        assert "trailing_stop" in desk.page.latest("hello")["capabilities"]["held"]


@pytest.mark.parametrize(("distance", "stops"), [({"trail": "2"}, ("190", "188")), ({"trail": "1", "trail_unit": "percent"}, ("190.08", "188.1"))])
async def test_the_broker_moves_and_triggers_it_while_the_desk_is_closed(tmp_path, distance, stops):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        await desk.market("buy", "10")
        trade(desk, "190")
        cid = await trailing(desk, **distance)
        assert not row(desk, cid)["held"] and not row(desk, cid)["linked"] and desk.engine.orders[cid].intent.held is None
        theirs = await same(desk, cid)
        assert (theirs.kind, theirs.tif, theirs.qty, theirs.stop) == ("trailing_stop", "gtc", 10, Decimal(stops[1]))
        assert (row(desk, cid)["trail"], row(desk, cid)["trail_percent"]) == ((None, "1") if "trail_unit" in distance else ("2", None))
        trade(desk, "192")
        trade(desk, "191")
        await stands(desk, cid, stops[0])
        await desk.agree()
        await desk.stop()
        trade(desk, "194")
        trade(desk, "191.90")  # above the stop that was known here, below where it has got to
        desk.page = await start_alpaca(desk.emulator, desk.store)
        await desk.page.ask("vault.unlock", secret=bytearray(PASSPHRASE))
        await desk.ready()
        await desk.status(cid, "filled")
        await desk.agree()
        assert desk.engine.portfolio.qty(SYMBOL) == 0 and desk.asked(POST) == 2


async def test_it_is_taken_up_again_after_a_restart_and_cancelled(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        trade(desk, "190")
        cid = await trailing(desk, side="buy")
        await desk.stop()
        trade(desk, "185")
        desk.page = await start_alpaca(desk.emulator, desk.store)
        await desk.page.ask("vault.unlock", secret=bytearray(PASSPHRASE))
        await desk.ready()
        assert (await same(desk, cid)).stop == 187 and desk.orders()[cid] == "accepted"
        await desk.page.ask("order.cancel", client_order_id=cid)
        await desk.status(cid, "cancelled")
        await desk.agree()
        assert not desk.engine.fills and desk.asked(POST) == 1


async def test_its_distance_is_amended_there_and_outlasts_a_restart(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        trade(desk, "190")
        cid, percent = await trailing(desk, side="buy"), await trailing(desk, side="buy", trail="1", trail_unit="percent")
        trade(desk, "188")
        nothing = {"qty": None, "price": None, "stop": None}
        for number, distance, stop in ((cid, "3.5", "191.5"), (percent, "2", "191.76")):
            answer = await desk.page.ask("order.amend", **nothing, client_order_id=number, trail=distance)
            assert answer["outcome"] == "amended", answer
            theirs = await same(desk, number)
            assert (theirs.trail or theirs.percent, theirs.hwm, theirs.stop) == (Decimal(distance), 188, Decimal(stop))
        assert (row(desk, cid)["trail"], row(desk, percent)["trail_percent"]) == ("3.5", "2")
        answer = await desk.page.ask("order.amend", **nothing | {"qty": "12"}, client_order_id=cid)
        assert answer["outcome"] == "amended" and desk.theirs(cid)[-1].trail == Decimal("3.5")
        await desk.restart()
        await desk.ready()
        assert (await same(desk, cid)).trail == Decimal("3.5") and desk.engine.orders[cid].qty == 12
        await desk.agree()
        for trail, code in (("0", "bad_trail"), ("0.001", "bad_tick"), ("900", "absurd_trail")):
            error = (await desk.page.ask("order.amend", **nothing, client_order_id=cid, trail=trail))["error"]
            assert (error["code"], error["field"]) == (code, "trail")
        error = (await desk.page.ask("order.amend", **nothing | {"stop": "180"}, client_order_id=cid, trail=None))["error"]
        assert error["code"] == "superfluous_stop"
        trade(desk, "191.50")
        await desk.status(cid, "filled")
        await desk.agree()


@pytest.mark.parametrize("fault", [{"kind": "cut"}, {"kind": "answer_after", "status": 504, "text": '{"message":"timeout"}'}])
async def test_without_an_answer_it_is_found_with_its_distance(tmp_path, fault):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        trade(desk, "190")
        desk.emulator.faults.add(**fault, match=POST)
        desk.emulator.faults.add("event_drop", match="new")
        cid = await trailing(desk, side="buy")
        desk.emulator.faults.add(**fault, match="PATCH")
        desk.emulator.faults.add("event_drop", match="replaced")
        amending = asyncio.ensure_future(desk.page.ask("order.amend", client_order_id=cid, qty=None, price=None, stop=None, trail="4"))
        await until(lambda: len(desk.theirs(cid)) == 2, "replaced")
        await amending
        assert (await same(desk, cid)).stop == 194
        await desk.agree()
        assert desk.asked(POST) == 1


async def test_a_refused_amendment_says_why_and_leaves_the_distance(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = await trailing(desk, side="buy")
        desk.emulator.faults.add("answer", match="PATCH", status=422, text='{"code":42210000,"message":"trail is too small"}')
        answer = await desk.page.ask("order.amend", client_order_id=cid, qty=None, price=None, stop=None, trail="1")
        assert (answer["outcome"], answer["code"], answer["reason"]) == ("refused", "alpaca_42210000", "trail is too small")
        assert desk.engine.orders[cid].trail == 2 and row(desk, cid)["trail"] == "2"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"qty": "1.5", "tif": "day"}, "venue_fraction", "qty"),
        ({"tif": "ioc"}, "bad_tif", "tif"),
        ({"tif": "gtd", "expires_ns": 4_000_000_000 * 10**9}, "bad_expires_ns", "expires_ns"),
        ({"tif": "at_open"}, "bad_tif", "tif"),
        ({"side": "sell", "symbol": "BRK.A"}, "venue_short", "side"),
        ({"reduce_only": True}, "not_reducing", "reduce_only"),
    ],
)
async def test_what_the_broker_would_refuse_is_refused_before_it_is_journalled(tmp_path, fields, code, field):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        await until(lambda: desk.desk.venue.instruments()[0].lot == 1, "rules")
        error = (await desk.submit(**{"type": "trailing_stop", "tif": "gtc", "price": None, "trail": "2", **fields}))["error"]
        assert (error["code"], error["field"]) == (code, field), error
        assert desk.engine.orders == {} and desk.asked(POST) == 0


async def test_an_exit_waits_here_for_a_trailing_entry_that_is_there(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        trade(desk, "190")
        entry = await trailing(desk, side="buy", stop_loss="180")
        (exit_,) = (cid for cid in desk.orders() if cid != entry)
        assert desk.orders()[exit_] == "held" and desk.theirs(entry)[0].kind == "trailing_stop"
        trade(desk, "192")
        await desk.status(entry, "filled")
        await desk.status(exit_, "accepted")
        await desk.agree()


async def test_orders_of_alpaca_py_are_adopted_with_their_distance_and_followed_when_it_replaces_them(tmp_path):
    from alpaca.trading.requests import ReplaceOrderRequest

    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        client, theirs, ours = await found_trailing(desk)
        assert (ours.intent.type, ours.trail, ours.trail_percent, ours.stop) == ("trailing_stop", None, Decimal("1.5"), Decimal("192.85"))
        assert not row(desk, ours.client_order_id)["held"]
        await called(client.replace_order_by_id, theirs.id, ReplaceOrderRequest(trail=2))
        await until(lambda: (ours.trail_percent, ours.stop) == (2, Decimal("193.8")), f"followed; {ours}")
        answer = await desk.page.ask("order.amend", client_order_id=ours.client_order_id, qty=None, price=None, stop=None, trail="1")
        assert answer["outcome"] == "amended"
        seen = await called(client.get_order_by_id, ours.venue_order_id)
        assert (Decimal(seen.trail_percent), Decimal(seen.hwm), Decimal(seen.stop_price)) == (1, 190, Decimal("191.9"))
        trade(desk, "191.90")
        await desk.status(ours.client_order_id, "filled")
        await desk.agree()


async def found_trailing(desk: AlpacaDesk) -> tuple:
    """An SDK, its trailing stop to buy 3 at 1.5 %, and that as the desk has adopted it."""
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import TrailingStopOrderRequest

    trade(desk, "190")
    client = sdk(desk.emulator)
    about = {"symbol": SYMBOL, "qty": 3, "side": OrderSide.BUY, "time_in_force": TimeInForce.GTC}
    theirs = await called(client.submit_order, TrailingStopOrderRequest(**about, trail_percent=1.5))
    await until(lambda: any(order.venue_order_id == str(theirs.id) for order in desk.engine.orders.values()), "listed")
    (ours,) = desk.engine.orders.values()
    return client, theirs, ours


def asked_about(desk: AlpacaDesk) -> int:
    """How many questions about single orders have come."""
    return sum(name.startswith("GET /v2/orders/") for name in desk.emulator.requests)


@pytest.mark.parametrize("change", [{"trail": 2}, {"qty": 5}])
@pytest.mark.parametrize("fault", [{"kind": "cut_before"}, {"kind": "late", "seconds": 0.5}])
async def test_what_others_changed_is_followed_whatever_becomes_of_the_questions_about_it(tmp_path, change, fault):
    from alpaca.trading.requests import ReplaceOrderRequest

    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        if fault["kind"] == "late":  # the answer about the order as it was comes after that about what replaced it
            desk.emulator.faults.add(**fault, match="GET /v2/orders/")
        client, theirs, ours = await found_trailing(desk)
        await until(lambda: asked_about(desk) == 1, "asked about when it was found")
        answers = desk.answers()
        if fault["kind"] == "cut_before":
            await until(lambda: not desk.desk.trade.resolver.owed, "answered")
            desk.emulator.faults.add(**fault, match="GET /v2/orders/")
        await called(client.replace_order_by_id, theirs.id, ReplaceOrderRequest(**change))
        wanted = (change.get("trail", Decimal("1.5")), change.get("qty", 3))
        await until(lambda: (ours.trail_percent, ours.qty) == wanted and not desk.desk.trade.resolver.owed, f"followed; {ours}")
        if fault["kind"] == "late":
            await until(lambda: len(answers) == 2, "both questions are answered")
        assert not desk.emulator.faults.plan
        await desk.agree()
        assert (ours.trail_percent, ours.qty) == wanted
