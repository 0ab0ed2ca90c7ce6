"""Tickets: every mistake names its field and a remedy, and nothing refused reaches the journal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.model.orders import OrderStatus
from app.trading.errors import Denied
from tests.unit.trading.kit import NO_FEES, TOY, Rig, fields

SMALL = replace(TOY, tick=5, lot=10, min_size=20, min_notional=Decimal(5))


@pytest.fixture
def rig() -> Rig:
    rig = Rig(instruments=(SMALL, replace(TOY, symbol="SILENT")))
    rig.book({"99.90": 5000}, {"100.10": 5000})
    return rig


def buy(**changes) -> dict:
    return {**fields("buy", "limit", "1", "99"), **changes}


@pytest.mark.parametrize(
    ("ticket", "code", "field"),
    [
        (buy(symbol="NOPE"), "unknown_symbol", "symbol"),
        (buy(symbol=["x"]), "unknown_symbol", "symbol"),
        (buy(symbol="SILENT"), "no_market", "symbol"),
        (buy(side="hold"), "bad_side", "side"),
        (buy(side=None), "bad_side", "side"),
        (buy(type="pegged"), "bad_type", "type"),
        (buy(tif="opg"), "bad_tif", "tif"),
        (buy(type="iceberg"), "missing_display", "display"),
        (buy(type="iceberg", display="1"), "bad_display", "display"),
        (buy(type="iceberg", display="0.015"), "bad_lot", "display"),
        (buy(type="iceberg", display="0.5", tif="ioc"), "bad_tif", "tif"),
        (buy(display="0.5"), "superfluous_display", "display"),
        (buy(tif="gtd"), "missing_expires_ns", "expires_ns"),
        (buy(tif="gtd", expires_ns=1), "bad_expires_ns", "expires_ns"),
        (buy(tif="gtd", expires_ns="soon"), "missing_expires_ns", "expires_ns"),
        (buy(expires_ns=5), "superfluous_expires_ns", "expires_ns"),
        (buy(trail="1"), "superfluous_trail", "trail"),
        (buy(type="trailing_stop", price=None), "missing_trail", "trail"),
        (buy(type="trailing_stop", price=None, trail="0.01"), "bad_tick", "trail"),
        (buy(type="trailing_stop", price=None, trail="60"), "absurd_trail", "trail"),
        (buy(type="trailing_stop", price=None, trail="60", trail_unit="percent"), "absurd_trail", "trail"),
        (buy(type="trailing_stop", price=None, trail="1", trail_unit="ticks"), "bad_trail_unit", "trail_unit"),
        (buy(type="trailing_stop", price=None, trail="1", tif="fok"), "bad_tif", "tif"),
        (buy(type="market_if_touched", price=None, stop="99.90"), "touch_would_trigger", "stop"),
        (buy(type="limit_if_touched", stop="100.10", side="sell"), "touch_would_trigger", "stop"),
        (buy(take_profit="98"), "bad_take_profit", "take_profit"),
        (buy(stop_loss="99"), "bad_stop_loss", "stop_loss"),
        (buy(stop_loss="99.01"), "bad_tick", "stop_loss"),
        (buy(type="oco"), "missing_stop", "stop"),
        (buy(type="oco", price="102", stop="101"), "bad_pair", "stop"),
        (buy(type="oco", stop="101", take_profit="120"), "superfluous_take_profit", "take_profit"),
        (buy(qty="abc"), "bad_qty", "qty"),
        (buy(qty="NaN"), "bad_qty", "qty"),
        (buy(qty="1e400"), "bad_qty", "qty"),
        (buy(qty=1.5), "bad_qty", "qty"),
        (buy(qty="1" * 100), "bad_qty", "qty"),
        (buy(qty="0"), "bad_qty", "qty"),
        (buy(qty="-1"), "bad_qty", "qty"),
        (buy(qty=""), "missing_qty", "qty"),
        (buy(qty=None), "missing_qty", "qty"),
        (buy(qty="1000000000001"), "absurd_qty", "qty"),
        (buy(qty="0.0000000000000000001"), "absurd_qty", "qty"),
        (buy(qty="0.015"), "bad_lot", "qty"),
        (buy(qty="0.01"), "below_min_size", "qty"),
        (buy(qty="0.04"), "below_min_notional", "qty"),
        (buy(price=None), "missing_price", "price"),
        (buy(price="99.01"), "bad_tick", "price"),
        (buy(price="0.01"), "bad_tick", "price"),
        (buy(price="1001.00"), "absurd_price", "price"),
        (buy(price="9.90"), "absurd_price", "price"),
        (buy(price="0"), "bad_price", "price"),
        (buy(type="market"), "superfluous_price", "price"),
        (buy(stop="101"), "superfluous_stop", "stop"),
        (buy(type="stop", price=None), "missing_stop", "stop"),
        (buy(type="stop", price=None, stop="101", tif="ioc"), "bad_tif", "tif"),
        (buy(type="stop_limit", stop="101", tif="fok"), "bad_tif", "tif"),
        (buy(type="stop", price=None, stop="100.10"), "stop_would_trigger", "stop"),
        (buy(type="stop", price=None, stop="99.90", side="sell"), "stop_would_trigger", "stop"),
        (buy(type="market", price=None, post_only=True), "bad_post_only", "post_only"),
        (buy(type="stop_limit", stop="101", post_only=True), "bad_post_only", "post_only"),
        (buy(tif="ioc", post_only=True), "bad_tif", "tif"),
        (buy(post_only="yes"), "bad_post_only", "post_only"),
        (buy(reduce_only=1), "bad_reduce_only", "reduce_only"),
        (buy(reduce_only=True), "not_reducing", "reduce_only"),
        (buy(reduce_only=True, take_profit="110"), "reduces", "take_profit"),
        (buy(reduce_only=True, stop_loss="90"), "reduces", "stop_loss"),
        (buy(qty="1100"), "buying_power", "qty"),
        (buy(leverage="100"), "unknown_field", "'leverage'"),
        ([], "bad_order", None),
    ],
)
def test_mistakes_name_the_field_and_the_remedy(rig, ticket, code, field):
    with pytest.raises(Denied) as denied:
        rig.engine.submit(ticket, "token")
    error = denied.value
    assert (error.code, error.field) == (code, field)
    assert error.reason.endswith(".") and error.remedy.endswith(".") and len(str(error)) < 300
    assert set(error.to_wire()) == {"code", "field", "reason", "remedy"}
    assert len(rig.records) == 1 and rig.engine.order_for("token") is None


def test_remedies_are_values_that_work(rig):
    for number, ticket in enumerate((buy(qty="0.115"), buy(price="99.01"), buy(qty="0.04"), buy(qty="1100"))):
        with pytest.raises(Denied) as denied:
            rig.engine.submit(ticket, "t")
        words = [word.rstrip(".") for word in denied.value.remedy.split()]
        remedy = next(word for word in reversed(words) if word[0].isdigit())
        token = f"fixed-{number}"
        assert rig.engine.submit({**ticket, denied.value.field: remedy}, token)
        rig.engine.abandon(rig.engine.order_for(token))


def test_reduce_only_must_reduce(rig):
    rig.submit("buy", "market", "2")
    rig.submit("sell", "limit", "2", "101", reduce_only=True)
    with pytest.raises(Denied) as denied:
        rig.engine.submit(fields("sell", "market", "2.01", reduce_only=True), "t")
    assert denied.value.field == "qty" and "at most 2." in denied.value.remedy
    with pytest.raises(Denied):
        rig.engine.submit(fields("buy", "market", "1", reduce_only=True), "t")


def test_a_position_too_small_to_order_can_still_be_closed(rig):
    rig.submit("buy", "market", "1")
    rig.submit("sell", "market", "0.99")
    rig.take(rig.engine.submit(rig.engine.closing("TOY"), "close"))
    assert rig.position() == 0


def test_amendments_are_checked_like_tickets(rig):
    order = rig.submit("buy", "limit", "2", "99")
    for values, code in [
        ({}, "nothing_to_amend"),
        ({"qty": "x"}, "bad_qty"),
        ({"qty": "0.005"}, "bad_lot"),
        ({"price": "99.01"}, "bad_tick"),
        ({"stop": "101"}, "superfluous_stop"),
        ({"qty": "2000"}, "buying_power"),
        ({"price": "0.05"}, "absurd_price"),
    ]:
        with pytest.raises(Denied) as denied:
            rig.engine.amend(order.client_order_id, **values)
        assert denied.value.code == code and denied.value.remedy
    rig.amend(order, qty="3", price="99.05")
    assert (order.qty, order.price) == (3, Decimal("99.05"))
    rig.trade("99.00", 1, "sell")
    with pytest.raises(Denied) as denied:
        rig.engine.amend(order.client_order_id, qty="1")
    assert denied.value.code == "below_filled"


def test_a_triggered_stop_limit_can_be_amended_as_a_limit_order(rig):
    rig.trade("100", 1, "buy")
    order = rig.submit("sell", "stop_limit", "2", "99.95", "99.80")
    rig.trade("99.75", 1, "sell", ts=rig.time.now_ns() + 1)
    assert order.triggered and order.status is OrderStatus.ACCEPTED
    with pytest.raises(Denied) as denied:
        rig.engine.amend(order.client_order_id, stop="99")
    assert denied.value.code == "already_triggered"
    rig.amend(order, price="100.05")
    assert order.price == Decimal("100.05")


def test_buying_power_counts_working_orders_and_positions_at_worst(rig):
    assert rig.submit("buy", "market", "500").status is OrderStatus.FILLED
    rig.submit("buy", "limit", "400", "99")
    with pytest.raises(Denied) as denied:
        rig.engine.submit(fields("buy", "limit", "200", "99"), "t")
    assert denied.value.code == "buying_power"
    rig.submit("sell", "limit", "500", "101")
    with pytest.raises(Denied):
        rig.engine.submit(fields("sell", "limit", "200", "101"), "t")
    assert rig.submit("sell", "limit", "50", "101").is_working


def test_a_full_position_can_be_turned_round():
    rig = Rig(NO_FEES)
    rig.book({"99.90": 5000}, {"100.10": 5000})
    rig.submit("buy", "market", "990")
    rig.take(rig.engine.submit(rig.engine.reversing("TOY"), "turn"))
    assert rig.position() == -990


def test_without_a_conversion_orders_are_denied(rig):
    lonely = Rig(instruments=(replace(TOY, quote="CHF"),))
    lonely.book({"99.90": 5000}, {"100.10": 5000})
    with pytest.raises(Denied) as denied:
        lonely.submit("buy", "market", "1")
    assert denied.value.code == "no_conversion"
