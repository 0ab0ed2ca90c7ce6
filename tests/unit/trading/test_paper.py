"""Paper venue beyond the fill table: previews, settings, queries, what a restart finds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.model.orders import OrderStatus
from app.trading.errors import Denied
from app.trading.journal import encode
from app.trading.preview import preview
from app.trading.settings import PaperSettings
from tests.unit.trading.kit import NO_FEES, TOY, Rig, fields

D = Decimal


@pytest.fixture
def rig() -> Rig:
    rig = Rig(PaperSettings())
    rig.book({"99.90": 5, "99.80": 10}, {"100.10": 5, "100.20": 10})
    return rig


def test_preview_of_a_market_order_walks_the_book(rig):
    shown = preview(rig.engine, fields("buy", "market", "6"))
    assert (shown.notional, shown.fillable_qty, shown.position_after) == (D("600.7"), 6, 6)
    assert (shown.worst_price, shown.fee) == (D("100.2"), D("0.30035"))
    assert shown.average_price == D("600.7") / 6 and shown.warnings == ()
    assert shown.cash_after == 100_000 - D("601.00035")
    order = rig.submit("buy", "market", "6")
    assert rig.engine.portfolio.cash["USDT"] == shown.cash_after and order.notional == shown.notional


def test_preview_of_a_limit_order_counts_the_resting_part_as_maker(rig):
    shown = preview(rig.engine, fields("buy", "limit", "10", "100.10"))
    assert (shown.fillable_qty, shown.notional) == (5, 1001)
    assert shown.fee == D("500.5") * 5 / 10_000 + D("500.5") * 2 / 10_000
    resting = preview(rig.engine, fields("sell", "limit", "1", "101"))
    assert (resting.fillable_qty, resting.position_after, resting.worst_price) == (0, -1, 101)
    assert resting.cash_after == 100_000 + 101 - D("0.0202")
    stop = preview(rig.engine, fields("buy", "stop", "1", stop="101"))
    assert (stop.notional, stop.fee, stop.fillable_qty) == (101, D("0.0505"), 0)


def test_preview_counts_what_takes_later_at_the_taker_fee(rig):
    taker, maker = D("0.0005"), D("0.0002")
    rig.trade("100", 1, "buy")
    for kind, bps, more in [
        ("trailing_stop", taker, {"trail": "1"}),
        ("market_if_touched", taker, {"stop": "99"}),
        ("limit_if_touched", taker, {"stop": "99", "price": "99.10"}),
        ("limit_if_touched", maker, {"stop": "99", "price": "98.90"}),
        ("stop_limit", taker, {"stop": "101", "price": "101"}),
        ("stop_limit", maker, {"stop": "101", "price": "100.90"}),
        ("limit", taker, {"price": "99", "tif": "at_open"}),
        ("limit", maker, {"price": "99"}),
    ]:
        shown = preview(rig.engine, fields("buy", kind, "1", **more))
        assert shown.fee == shown.notional * bps, (kind, more)
    sold = preview(rig.engine, fields("sell", "stop_limit", "1", stop="99", price="98.90"))
    assert sold.fee == sold.notional * taker


def test_preview_warns_in_words(rig):
    def warnings(*ticket, **more) -> str:
        return " ".join(preview(rig.engine, fields(*ticket, **more)).warnings)

    assert "Only 15 TOY is displayed" in warnings("buy", "market", "20")
    assert "Fill or kill would be cancelled: only 15 TOY is displayed" in warnings("buy", "limit", "20", "100.20", tif="fok")
    assert "cancelled: nothing is displayed within its price." in warnings("buy", "limit", "20", "99", tif="fok")
    assert warnings("buy", "limit", "20", "99", tif="ioc").startswith("Nothing is displayed within its price; all of it would be cancelled.")
    assert "Post-only would be rejected" in warnings("buy", "limit", "1", "100.20", post_only=True)
    assert "buying power" in warnings("buy", "limit", "2000", "99")
    rig.submit("buy", "market", "2")
    assert "turn the position" in warnings("sell", "market", "3")
    rig.gap()
    assert "cannot be trusted" in warnings("sell", "market", "1")
    assert preview(rig.engine, fields("buy", "market", "1")).to_wire()["fillable_qty"] == "1"
    with pytest.raises(Denied):
        preview(rig.engine, fields("buy", "market", "x"))


def test_preview_of_an_empty_book_has_no_average(rig):
    rig.book({}, {})
    rig.quote("99.90", "100.10")
    shown = preview(rig.engine, fields("buy", "market", "1"))
    assert shown.average_price is None and shown.notional == 0 and shown.to_wire()["average_price"] is None


def test_settings_are_checked_and_told():
    settings = PaperSettings().changed({"latency_ms": "25", "taker_fee_bps": "7.5"})
    assert settings.latency_ms == 25 and settings.to_wire()["taker_fee_bps"] == "7.5"
    assert settings.to_wire()["starting_cash"] == "100000"
    for field, value in [("latency_ms", "-1"), ("latency_ms", "1e9"), ("maker_fee_bps", None), ("taker_fee_bps", "1001"), ("leverage", "5")]:
        with pytest.raises(Denied) as denied:
            settings.changed({field: value})
        assert denied.value.field == field


def test_settings_apply_to_what_comes_after(rig):
    rig.venue.settings = replace(NO_FEES, latency_ms=D(20))
    order = rig.submit("buy", "market", "1")
    assert order.status is OrderStatus.PENDING
    rig.venue.settings = NO_FEES
    second = rig.submit("buy", "market", "1")
    assert second.status is OrderStatus.PENDING
    rig.time.advance(0.02)
    assert order.status is second.status is OrderStatus.FILLED and rig.engine.fills[0].fee == 0


def test_a_query_says_what_is_known(rig):
    order = rig.submit("buy", "limit", "1", "99")
    rig.amend(order, qty="2")
    for known in (order, rig.submit("buy", "market", "1")):
        before = known.status
        rig.venue.query(known.client_order_id)
        assert known.status is before
    rig.cancel(order)
    rig.venue.query(order.client_order_id)
    assert order.status is OrderStatus.CANCELLED and order.qty == 2
    assert not rig.engine.anomalies


def test_orders_of_instruments_without_data_sleep_until_cancelled(rig):
    order = rig.submit("buy", "limit", "1", "99")
    day = rig.submit("buy", "limit", "1", "98", tif="day")
    rig.instruments.clear()
    rig.restart()
    cid = order.client_order_id
    rig.venue.query(cid)
    assert rig.engine.orders[cid].status is OrderStatus.ACCEPTED
    rig.venue.amend(cid, D(2), None, None)
    assert rig.effects[-1].code == "no_market"
    rig.cancel(rig.engine.orders[cid])
    assert rig.engine.orders[cid].status is OrderStatus.CANCELLED
    rig.time.advance(86_400)
    assert rig.engine.orders[day.client_order_id].status is OrderStatus.EXPIRED


def test_an_unknown_instrument_is_rejected_by_the_venue(rig):
    order = rig.submit("buy", "limit", "1", "99")
    rig.venue.submit(replace(order.intent, symbol="NOPE", client_order_id="kt-nope"))
    assert "kt-nope" not in rig.engine.orders
    rig.venue.query("kt-nope")


def test_a_triggered_stop_without_fills_executes_after_a_restart(rig):
    rig.trade("100", 1, "buy")
    order = rig.submit("sell", "stop", "1", stop="99.85")
    rig.gap()
    rig.trade("99.80", 1, "sell", ts=rig.time.now_ns() + 1)
    rig.restart()
    order = rig.engine.orders[order.client_order_id]
    assert order.triggered and order.is_working
    rig.book({"99.90": 5}, {"100.10": 5})
    assert order.status is OrderStatus.FILLED


def test_what_an_immediate_order_had_left_is_cancelled_by_a_restart(rig):
    rig.submit("buy", "market", "20")
    entries = rig.entries()
    rig.records = rig.records[:1]
    rig.records.append(encode(entries[1:5]))
    rig.restart()
    (order,) = rig.engine.orders.values()
    assert order.status is OrderStatus.CANCELLED and order.filled == 5 and "desk stopped" in order.reason


def test_waiting_stops_can_be_amended_and_cancelled(rig):
    rig.trade("100", 1, "buy")
    order = rig.submit("buy", "stop_limit", "1", "102", "101")
    rig.amend(order, stop="103", price="104", qty="2")
    assert (order.stop, order.price, order.qty) == (103, 104, 2)
    rig.trade("101", 1, "buy", ts=rig.time.now_ns() + 1)
    assert not order.triggered
    rig.cancel(order)
    assert order.status is OrderStatus.CANCELLED


def test_market_data_of_other_instruments_is_ignored():
    rig = Rig(instruments=(TOY, replace(TOY, symbol="OTHER")))
    rig.book({"99.90": 5}, {"100.10": 5})
    rig.book({"99.90": 5}, {"100.10": 5}, "OTHER")
    order = rig.submit("buy", "limit", "1", "99.90")
    rig.trade("90", 9, "sell", symbol="OTHER")
    rig.gap("OTHER")
    assert order.filled == 0
    rig.trade("99", 9, "sell")
    assert order.status is OrderStatus.FILLED
