"""Every row of docs/fill-rules.md, by its id."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from app.model.events import OrderAccepted, OrderFilled, OrderSubmitted
from app.model.orders import OrderStatus, OrderType
from app.trading.settings import PaperSettings
from tests.unit.trading.kit import NO_FEES, Rig

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "fill-rules.md"
BIDS = {"99.90": 5, "99.80": 10, "99.50": 50}
ASKS = {"100.10": 5, "100.20": 10, "100.50": 50}


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.book(BIDS, ASKS)
    return rig


def pass_time(rig: Rig, seconds: float = 0.01) -> None:
    rig.time.advance(seconds)


def test_every_row_has_a_test_and_every_test_a_row():
    rows = re.findall(r"^\| (F\d+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    tested = {found.group(1) for name in globals() if (found := re.match(r"test_(F\d+)_", name))}
    assert tested == set(rows)


def test_F1_market_order_takes_level_after_level_at_its_price(rig):
    order = rig.submit("buy", "market", "12")
    assert rig.fills(order) == [("5", "100.1", "taker"), ("7", "100.2", "taker")]
    assert order.status is OrderStatus.FILLED


@pytest.mark.parametrize("tif", ["gtc", "day", "ioc"])
def test_F2_market_order_larger_than_the_book_is_cancelled_for_the_rest(rig, tif):
    order = rig.submit("sell", "market", "70", tif=tif)
    assert order.filled == 65 and order.status is OrderStatus.CANCELLED
    assert "5 was left" in order.reason


def test_F3_limit_order_takes_up_to_its_limit_and_rests(rig):
    order = rig.submit("buy", "limit", "20", "100.20")
    assert rig.fills(order) == [("5", "100.1", "taker"), ("10", "100.2", "taker")]
    assert order.status is OrderStatus.PARTIALLY_FILLED and order.remaining == 5
    rig.trade("100.10", 5, "sell")
    assert rig.fills(order)[2:] == [("5", "100.2", "maker")]


def test_F4_ioc_leaves_nothing_working(rig):
    order = rig.submit("buy", "limit", "20", "100.10", tif="ioc")
    assert order.filled == 5 and order.status is OrderStatus.CANCELLED
    nothing = rig.submit("buy", "limit", "1", "99", tif="ioc")
    assert nothing.filled == 0 and nothing.status is OrderStatus.CANCELLED
    assert not rig.engine.working


def test_F5_fok_is_all_or_nothing(rig):
    killed = rig.submit("buy", "limit", "16", "100.20", tif="fok")
    assert killed.filled == 0 and killed.status is OrderStatus.CANCELLED and "only 15 of 16" in killed.reason
    filled = rig.submit("buy", "limit", "15", "100.20", tif="fok")
    assert filled.filled == 15 and filled.status is OrderStatus.FILLED
    market = rig.submit("sell", "market", "66", tif="fok")
    assert market.filled == 0 and market.status is OrderStatus.CANCELLED


def test_F6_post_only_is_rejected_when_it_would_take(rig):
    taker = rig.submit("buy", "limit", "1", "100.10", post_only=True)
    assert taker.status is OrderStatus.REJECTED and taker.code == "post_only_would_take"
    maker = rig.submit("buy", "limit", "1", "100.09", post_only=True)
    assert maker.status is OrderStatus.ACCEPTED
    rig.trade("100.00", 1, "sell")
    assert rig.fills(maker) == [("1", "100.09", "maker")]


def test_F7_without_a_trusted_book_nothing_trades_at_once(rig):
    rig.quote("99.90", "100.10")
    rig.gap()
    for ticket in (("market", "1", None), ("limit", "1", "100.10")):
        order = rig.submit("buy", *ticket)
        assert order.status is OrderStatus.REJECTED and order.code == "no_trusted_book" and "gap" in order.reason
    for tif in ("ioc", "fok"):
        assert rig.submit("buy", "limit", "1", "99", tif=tif).code == "no_trusted_book"
    resting = rig.submit("buy", "limit", "1", "99.90")
    assert resting.status is OrderStatus.ACCEPTED
    rig.trade("99", 1, "sell")
    assert resting.filled == 0
    rig.book(BIDS, ASKS)
    pass_time(rig)
    rig.trade("99.90", 5, "sell")
    assert resting.filled == 0
    pass_time(rig)
    rig.trade("99.90", 1, "sell")
    assert resting.filled == 1


def test_F7_a_stale_book_is_not_trusted(rig):
    pass_time(rig, 60)
    assert rig.submit("buy", "market", "1").code == "no_trusted_book"


def test_F8_reduce_only_without_a_position_is_rejected():
    rig = Rig(replace(NO_FEES, latency_ms=Decimal(100)))
    rig.book(BIDS, ASKS)
    rig.submit("buy", "market", "1")
    pass_time(rig, 0.1)
    first = rig.submit("sell", "market", "1", reduce_only=True)
    second = rig.submit("sell", "market", "1", reduce_only=True)
    pass_time(rig, 0.1)
    assert first.status is OrderStatus.FILLED
    assert second.status is OrderStatus.REJECTED and second.code == "reduce_only_no_position"
    assert rig.position() == 0


def test_F9_stop_fills_at_the_book_after_a_gap_through_it(rig):
    rig.trade("100", 1, "buy")
    order = rig.submit("sell", "stop", "3", stop="99.85")
    rig.delta(bids={"99.90": 0})
    assert not order.triggered
    pass_time(rig)
    rig.delta(bids={"99.80": 0, "98.00": 9})
    rig.trade("98.50", 1, "sell")
    assert order.triggered and order.trigger_price == Decimal("98.50")
    assert rig.fills(order) == [("3", "99.5", "taker")]
    buy = rig.submit("buy", "stop", "1", stop="100.15")
    pass_time(rig)
    rig.trade("100.15", 1, "buy")
    assert rig.fills(buy) == [("1", "100.1", "taker")]


def test_F10_stop_limit_rests_when_the_market_gaps_beyond_its_limit(rig):
    rig.trade("100", 1, "buy")
    order = rig.submit("sell", "stop_limit", "3", "99.85", "99.85")
    rig.book({"98.00": 9}, {"98.40": 5})
    pass_time(rig)
    rig.trade("98.20", 1, "sell")
    assert order.triggered and order.filled == 0 and order.status is OrderStatus.ACCEPTED
    reached = rig.submit("sell", "stop_limit", "1", "97.50", "97.90")
    pass_time(rig)
    rig.trade("97.90", 1, "sell")
    assert rig.fills(reached) == [("1", "98", "taker")]
    pass_time(rig)
    rig.trade("99.90", 3, "buy")
    assert rig.fills(order) == [("3", "99.85", "maker")]


def test_F11_triggered_stop_waits_for_a_trusted_book(rig):
    rig.trade("100", 1, "buy")
    order = rig.submit("sell", "stop", "3", stop="99.85")
    rig.gap()
    pass_time(rig)
    rig.trade("99.80", 1, "sell")
    assert order.triggered and order.filled == 0 and order.status is OrderStatus.ACCEPTED
    rig.book({"99.00": 9}, ASKS)
    assert rig.fills(order) == [("3", "99", "taker")]


def test_F12_day_orders_expire_at_midnight_utc(rig):
    rig.trade("100", 1, "buy")
    day = rig.submit("buy", "limit", "20", "100.20", tif="day")
    stop = rig.submit("sell", "stop", "1", stop="99", tif="day")
    gtc = rig.submit("buy", "limit", "1", "99", tif="gtc")
    to_midnight = 86_400 - rig.time.now_ns() / 1e9 % 86_400
    pass_time(rig, to_midnight - 0.5)
    assert day.status is OrderStatus.PARTIALLY_FILLED
    pass_time(rig, 0.5)
    assert day.status is OrderStatus.EXPIRED and day.filled == 15
    assert stop.status is OrderStatus.EXPIRED and gtc.status is OrderStatus.ACCEPTED
    rig.book(BIDS, ASKS)
    again = rig.submit("buy", "limit", "1", "99", tif="day")
    pass_time(rig, 3600)
    assert again.status is OrderStatus.ACCEPTED


def test_F13_taken_liquidity_does_not_fill_twice(rig):
    assert rig.submit("buy", "limit", "3", "100.10", tif="ioc").filled == 3
    assert rig.submit("buy", "limit", "3", "100.10", tif="ioc").filled == 2
    assert rig.submit("buy", "limit", "3", "100.10", tif="ioc").filled == 0
    rig.delta(asks={"100.10": 5})
    assert rig.submit("buy", "limit", "3", "100.10", tif="ioc").filled == 0
    rig.delta(asks={"100.10": 4})
    assert rig.submit("buy", "limit", "9", "100.10", tif="ioc").filled == 4
    rig.delta(asks={"100.10": 0})
    rig.delta(asks={"100.10": 4})
    assert rig.submit("buy", "limit", "9", "100.10", tif="ioc").filled == 4


def test_F14_trades_at_the_price_shorten_the_queue_first(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    rig.trade("99.90", 3, "sell")
    assert order.filled == 0
    rig.trade("99.90", 3, "sell")
    assert rig.fills(order) == [("1", "99.9", "maker")]
    rig.trade("99.90", 2, "sell")
    assert order.filled == 3


def test_F15_trade_through_fills_at_the_limit_by_its_own_size(rig):
    order = rig.submit("sell", "limit", "4", "100.30")
    rig.trade("100.40", 3, "buy")
    assert rig.fills(order) == [("3", "100.3", "maker")]
    rig.trade("100.40", 3, "buy")
    assert rig.fills(order)[1:] == [("1", "100.3", "maker")]


def test_F16_cancelled_size_comes_from_behind_us(rig):
    order = rig.submit("buy", "limit", "4", "99.80")
    rig.delta(bids={"99.80": 30})
    pass_time(rig)
    rig.delta(bids={"99.80": 12})
    pass_time(rig)
    rig.trade("99.80", 9, "sell")
    assert order.filled == 0
    rig.trade("99.80", 2, "sell")
    assert order.filled == 1


def test_F16_ahead_is_never_more_than_displayed(rig):
    order = rig.submit("buy", "limit", "4", "99.80")
    rig.delta(bids={"99.80": 2})
    pass_time(rig)
    rig.trade("99.80", 3, "sell")
    assert order.filled == 1


def test_F16_depth_before_its_trade_does_not_count_twice(rig):
    order = rig.submit("buy", "limit", "4", "99.80")
    ts = rig.time.now_ns()
    rig.delta(bids={"99.80": 6}, ts=ts)
    rig.trade("99.80", 4, "sell", ts=ts)
    assert order.filled == 0
    rig.trade("99.80", 6, "sell", ts=ts + 1)
    assert order.filled == 0
    rig.trade("99.80", 1, "sell", ts=ts + 2)
    assert order.filled == 1


def test_F17_own_side_duplicate_and_old_trades_do_nothing(rig):
    order = rig.submit("buy", "limit", "4", "100")
    rig.trade("100", 9, "buy")
    assert order.filled == 0
    rig.trade("100", 1, "sell", trade_id="same")
    rig.trade("100", 1, "sell", trade_id="same")
    assert order.filled == 1
    rig.trade("99.95", 1, "sell", ts=rig.time.now_ns() - 1)
    assert order.filled == 1
    stop = rig.submit("sell", "stop", "1", stop="99")
    rig.trade("98", 1, "sell", ts=rig.time.now_ns() - 1)
    assert not stop.triggered


def test_F18_book_coming_to_our_price_fills_at_our_limit(rig):
    order = rig.submit("buy", "limit", "4", "99.95")
    rig.delta(bids={"99.90": 0}, asks={"99.92": 3})
    assert rig.fills(order) == [("3", "99.95", "maker")]
    rig.delta(asks={"99.92": 3})
    assert order.filled == 3
    rig.delta(asks={"99.92": 2})
    assert order.filled == 4


def test_F19_place_out_of_view_is_unknown_then_at_the_back():
    rig = Rig()
    rig.book({f"{90 - step / 100:.2f}": 1 for step in range(60)}, ASKS)
    order = rig.submit("buy", "limit", "2", "89.00")
    assert order.status is OrderStatus.ACCEPTED
    rig.trade("89", 5, "sell")
    assert order.filled == 0
    rig.delta(bids={"89.00": 4})
    pass_time(rig)
    rig.trade("89", 4, "sell")
    assert order.filled == 0
    rig.trade("89", 1, "sell")
    assert order.filled == 1


def test_F20_after_a_gap_resting_orders_stand_at_the_back(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    rig.trade("99.90", 5, "sell")
    rig.gap()
    pass_time(rig)
    rig.trade("99.90", 3, "sell")
    rig.trade("99", 3, "sell")
    assert order.filled == 0
    rig.book(BIDS, ASKS)
    pass_time(rig)
    rig.trade("99.90", 5, "sell")
    assert order.filled == 0
    rig.trade("99.90", 2, "sell")
    assert order.filled == 2


def test_F20_a_crossed_book_fills_nothing(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    rig.delta(asks={"99.85": 3})
    assert rig.market.book("TOY").state == "crossed" and order.filled == 0
    rig.trade("99", 3, "sell")
    assert order.filled == 0


def test_F21_a_new_stream_forgets_what_was_taken(rig):
    rig.submit("buy", "limit", "5", "100.10", tif="ioc")
    order = rig.submit("buy", "limit", "4", "99.90")
    rig.trade("99.90", 5, "sell")
    rig.new_stream()
    rig.book(BIDS, ASKS)
    assert rig.submit("buy", "limit", "5", "100.10", tif="ioc").filled == 5
    rig.trade("99.90", 5, "sell", ts=1)
    assert order.filled == 0
    rig.trade("99.90", 1, "sell", ts=2)
    assert order.filled == 1


def test_F22_reduce_only_shrinks_and_is_cancelled(rig):
    rig.submit("buy", "market", "5")
    resting = rig.submit("sell", "limit", "5", "100.40", reduce_only=True)
    stop = rig.submit("sell", "stop", "5", stop="99.60", reduce_only=True)
    rig.submit("sell", "market", "3")
    assert rig.position() == 2
    rig.trade("100.45", 4, "buy")
    assert rig.fills(resting) == [("2", "100.4", "maker")]
    assert resting.status is OrderStatus.CANCELLED and "reduce-only" in resting.reason
    assert stop.status is OrderStatus.ACCEPTED
    pass_time(rig)
    rig.trade("99.60", 1, "sell")
    assert stop.status is OrderStatus.CANCELLED and stop.filled == 0 and rig.position() == 0


def test_F23_smaller_quantity_keeps_the_place(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    rig.trade("99.90", 5, "sell")
    rig.amend(order, qty="2")
    assert order.qty == 2
    rig.trade("99.90", 5, "sell")
    assert order.filled == 2 and order.status is OrderStatus.FILLED


def test_F24_other_amendments_go_to_the_back(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    rig.trade("99.90", 5, "sell")
    rig.amend(order, qty="5")
    rig.trade("99.90", 5, "sell")
    assert order.filled == 0
    rig.trade("99.90", 1, "sell")
    assert order.filled == 1
    rig.amend(order, price="100.10", qty="3")
    assert rig.fills(order)[1:] == [("2", "100.1", "taker")] and order.status is OrderStatus.FILLED


def test_F24_refused_amendments_change_nothing(rig):
    order = rig.submit("buy", "limit", "4", "99.90", post_only=True)
    rig.amend(order, price="100.10")
    assert order.price == Decimal("99.90") and order.amend_requested_ns is None
    assert rig.effects[-1].code == "post_only_would_take"
    rig.trade("99.90", 5, "sell")
    rig.trade("99.90", 2, "sell")
    rig.venue.amend(order.client_order_id, Decimal(2), None, None)
    assert order.qty == 4 and rig.effects[-1].code == "qty_below_filled"
    stop = rig.submit("sell", "stop", "1", stop="99")
    rig.amend(stop, stop="99.20")
    assert stop.stop == Decimal("99.20")
    rig.venue.amend(order.client_order_id, None, None, Decimal(99))
    assert rig.effects[-1].code == "already_triggered"


def test_F25_cancel_ends_a_working_order_and_is_refused_afterwards(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    rig.cancel(order)
    assert order.status is OrderStatus.CANCELLED and order.reason == "cancelled by the trader"
    rig.trade("99", 50, "sell")
    assert order.filled == 0
    rig.venue.cancel(order.client_order_id)
    assert rig.effects[-1].code == "not_working" and order.status is OrderStatus.CANCELLED


def test_F26_a_restart_adopts_working_orders_at_the_back(rig):
    rig.trade("100", 1, "buy")
    order = rig.submit("buy", "limit", "4", "99.90")
    stop = rig.submit("sell", "stop", "1", stop="99")
    day = rig.submit("buy", "limit", "1", "98", tif="day")
    pass_time(rig)
    rig.trade("99.90", 6, "sell")
    assert order.filled == 1
    rig.restart()
    order, stop, day = (rig.engine.orders[old.client_order_id] for old in (order, stop, day))
    pass_time(rig)
    rig.trade("99.90", 5, "sell")
    assert order.filled == 1
    rig.trade("99.90", 1, "sell")
    assert order.filled == 2
    assert [fill.fill_id[-2:] for fill in rig.engine.fills] == ["-1", "-2"]
    pass_time(rig)
    rig.trade("98.90", 1, "sell")
    assert stop.status is OrderStatus.FILLED
    rig.venue.close()
    rig.time.advance(86_400)
    rig.restart()
    assert rig.engine.orders[day.client_order_id].status is OrderStatus.EXPIRED


def test_F27_own_orders_share_neither_volume_nor_fills(rig):
    first = rig.submit("buy", "limit", "2", "99.95")
    second = rig.submit("buy", "limit", "2", "99.95")
    better = rig.submit("buy", "limit", "2", "99.97")
    against = rig.submit("sell", "limit", "2", "99.96")
    assert against.status is OrderStatus.ACCEPTED and against.filled == 0
    rig.trade("99.95", 5, "sell")
    assert (better.filled, first.filled, second.filled) == (2, 2, 1)
    rig.submit("sell", "limit", "2", "99.98")
    both = [rig.submit("buy", "limit", "2", "99.85") for _ in range(2)]
    rig.delta(bids={"99.90": 0, "99.80": 0}, asks={"99.85": 3})
    assert [order.filled for order in (second, *both)] == [2, 2, 0]


def test_F28_fees_are_exact_and_rounded_per_fill():
    rig = Rig(PaperSettings(maker_fee_bps=Decimal("1.5"), taker_fee_bps=Decimal(5)))
    rig.book({"99.90": 5}, {"100.13": "0.001", "100.20": 10})
    order = rig.submit("buy", "market", "0.002")
    assert [fill.fee for fill in rig.engine.fills] == [Decimal("0.00005006"), Decimal("0.00005010")]
    assert order.fees == Decimal("0.00010016") and rig.last_fill().fee_currency == "USDT"
    rig.submit("buy", "limit", "1", "99.95")
    rig.trade("99.94", 1, "sell")
    assert rig.last_fill().fee == Decimal("0.01499250")


def test_F29_latency_delays_everything_in_order():
    rig = Rig(replace(NO_FEES, latency_ms=Decimal(50), jitter_ms=Decimal(40)))
    rig.book(BIDS, ASKS)
    order = rig.submit("buy", "limit", "1", "99.90")
    rig.cancel(order)
    market = rig.submit("buy", "market", "1")
    assert order.status is OrderStatus.PENDING
    pass_time(rig, 0.049)
    assert order.status is OrderStatus.PENDING
    rig.delta(asks={"100.10": 0})
    pass_time(rig, 0.042)
    assert order.status is OrderStatus.CANCELLED and order.accepted_ns is not None
    assert rig.fills(market) == [("1", "100.2", "taker")]


def test_F30_stop_reached_already_triggers_on_arrival():
    rig = Rig(replace(NO_FEES, latency_ms=Decimal(50)))
    rig.book(BIDS, ASKS)
    rig.trade("100", 1, "buy")
    order = rig.submit("sell", "stop", "1", stop="99.85")
    pass_time(rig, 0.01)
    rig.trade("99.80", 1, "sell")
    pass_time(rig, 0.04)
    assert order.triggered and order.status is OrderStatus.FILLED


def test_F31_the_same_id_twice_is_one_order(rig):
    order = rig.submit("buy", "limit", "1", "99.90")
    rig.venue.submit(order.intent)
    assert order.status is OrderStatus.ACCEPTED and not rig.engine.anomalies
    rig.trade("99", 9, "sell")
    assert rig.position() == 1
    filled = rig.submit("buy", "market", "1")
    rig.venue.submit(filled.intent)
    assert len({entry.event.fill.fill_id for entry in rig.entries() if isinstance(entry.event, OrderFilled)}) == 2
    assert sum(isinstance(entry.event, OrderAccepted) for entry in rig.entries()) == 3
    assert rig.position() == 2 and filled.status is OrderStatus.FILLED


def test_F32_good_till_date_expires_at_its_moment(rig):
    ends = rig.time.now_ns() + 5 * 10**9
    limit = rig.submit("buy", "limit", "1", "99.90", tif="gtd", expires_ns=ends)
    stop = rig.submit("buy", "stop", "1", stop="101", tif="gtd", expires_ns=ends)
    pass_time(rig, 4.9)
    assert limit.is_working and stop.is_working
    pass_time(rig, 0.2)
    assert limit.status is stop.status is OrderStatus.EXPIRED and limit.reason == "its time is over"
    again = rig.submit("buy", "limit", "1", "99.90", tif="gtd", expires_ns=rig.time.now_ns() + 10**9)
    rig.venue.close()
    rig.time.advance(2)
    rig.restart()
    assert rig.engine.orders[again.client_order_id].status is OrderStatus.EXPIRED


def test_F33_an_iceberg_shows_a_part_and_queues_again_for_the_next(rig):
    order = rig.submit("buy", "iceberg", "6", "99.90", display="2")
    behind = rig.submit("buy", "limit", "1", "99.90")
    rig.trade("99.90", 7, "sell")
    assert order.filled == 2 and behind.filled == 0
    rig.trade("99.90", 1, "sell")
    assert order.filled == 2 and behind.filled == 1
    rig.trade("99.90", 4, "sell")
    assert order.filled == 2, "the next part stands behind what is displayed"
    rig.trade("99.90", 3, "sell")
    assert order.filled == 4
    rig.trade("99.80", 9, "sell")
    assert order.status is OrderStatus.FILLED
    taken = rig.submit("buy", "iceberg", "6", "100.20", display="1")
    assert rig.fills(taken) == [("5", "100.1", "taker"), ("1", "100.2", "taker")]


@pytest.mark.parametrize("kind", ["market_if_touched", "limit_if_touched"])
def test_F34_if_touched_is_held_until_a_trade_touches(rig, kind):
    limit = "99.60" if kind == "limit_if_touched" else None
    order = rig.submit("buy", kind, "1", limit, stop="99.70")
    assert order.status is OrderStatus.HELD and order.accepted_ns is None and order.client_order_id not in rig.venue._symbol_of
    rig.trade("99.80", 1, "sell")
    rig.quote("99.60", "99.65")
    assert order.status is OrderStatus.HELD
    rig.trade("99.70", 1, "sell")
    assert order.triggered and order.accepted_ns is not None
    if limit is None:
        assert rig.fills(order) == [("1", "100.1", "taker")]
    else:
        assert order.status is OrderStatus.ACCEPTED and order.price == Decimal("99.60")


@pytest.mark.parametrize(
    ("distance", "stops"),
    [({"trail": "0.50"}, ("99.90", "99.90", "100.50")), ({"trail": "0.5", "trail_unit": "percent"}, ("99.89", "99.89", "100.49"))],
)
def test_F35_a_trailing_stop_follows_and_never_goes_back(rig, distance, stops):
    rig.trade("100", 1, "buy")
    rig.submit("buy", "market", "2")
    order = rig.submit("sell", "trailing_stop", "2", **distance)
    assert order.stop == Decimal("99.50") and order.status is OrderStatus.HELD
    for price, stop in zip(("100.40", "100.10", "101"), stops, strict=True):
        rig.time.advance(2)
        rig.trade(price, 1, "buy")
        assert order.stop == Decimal(stop)
    rig.trade("100.60", 1, "sell")
    assert order.status is OrderStatus.HELD
    rig.trade("100.45", 1, "sell", ts=1)
    assert order.status is OrderStatus.HELD, "an old trade says nothing"
    rig.trade("100.45", 1, "sell")
    assert order.status is OrderStatus.FILLED and rig.fills(order) == [("2", "99.9", "taker")]


def test_F36_exits_follow_what_their_entry_has_filled(rig):
    entry = rig.submit("buy", "limit", "4", "99.90", take_profit="101", stop_loss="98")
    profit, loss = [order for order in rig.engine.orders.values() if order is not entry]
    assert profit.status is loss.status is OrderStatus.HELD and profit.intent.reduce_only
    rig.trade("99.90", 6, "sell")
    assert entry.filled == 1 and profit.status is loss.status is OrderStatus.ACCEPTED
    assert profit.qty == loss.qty == 1
    rig.trade("99.90", 3, "sell")
    assert entry.filled == 4 and profit.qty == loss.qty == 4
    empty = rig.submit("buy", "limit", "1", "99", stop_loss="98")
    (exit_of_it,) = [order for order in rig.engine.orders.values() if order.intent.parent == empty.client_order_id]
    rig.cancel(empty)
    assert exit_of_it.status is OrderStatus.CANCELLED and exit_of_it.sent_ns is None


def test_F37_what_one_of_a_pair_fills_the_other_gives_up(rig):
    entry = rig.submit("buy", "market", "4", take_profit="101", stop_loss="98")
    profit, loss = [order for order in rig.engine.orders.values() if order is not entry]
    rig.trade("101.50", 3, "buy")
    assert profit.filled == 3 and loss.qty == 1 and loss.status is OrderStatus.ACCEPTED
    rig.trade("101.50", 3, "buy")
    assert profit.status is OrderStatus.FILLED and loss.status is OrderStatus.CANCELLED and rig.position() == 0
    rig.trade("100", 1, "buy")
    low = rig.submit("buy", "oco", "2", "99.00", "101.00")
    (high,) = rig.engine.pair(low)
    rig.trade("98", 9, "sell")
    assert low.status is OrderStatus.FILLED and high.status is OrderStatus.CANCELLED and rig.position() == 2
    assert loss.reason == high.reason == "the other order of its pair was filled"


DAY_S = 86_400


@pytest.mark.parametrize(("tif", "early"), [("at_open", 0), ("at_close", 10)])
def test_session_orders_are_sent_at_their_time_as_immediate(rig, tif, early):
    order = rig.submit("buy", "limit", "9", "100.10", tif=tif)
    rest = DAY_S - rig.time.now_ns() // 10**9 % DAY_S - early
    for seconds, held in ((rest - 1, True), (2, False)):
        rig.time.advance(seconds)
        rig.book(BIDS, ASKS)
        rig.follow()
        assert (order.status is OrderStatus.HELD) is held
    assert order.status is OrderStatus.CANCELLED and order.filled == 5


def test_F39_an_at_open_order_expires_when_it_is_late(rig):
    order = rig.submit("buy", "market", "1", tif="at_open")
    rig.time.advance(DAY_S - rig.time.now_ns() // 10**9 % DAY_S + 301)
    rig.follow()
    assert order.status is OrderStatus.EXPIRED


def test_F40_an_at_close_order_expires_at_the_close(rig):
    order = rig.submit("buy", "market", "1", tif="at_close")
    rig.time.advance(DAY_S - rig.time.now_ns() // 10**9 % DAY_S)
    rig.follow()
    assert order.status is OrderStatus.EXPIRED


def test_F41_an_order_for_the_open_waits_for_a_trusted_book(rig):
    order = rig.submit("buy", "market", "1", tif="at_open")
    rig.time.advance(DAY_S - rig.time.now_ns() // 10**9 % DAY_S + 1)
    rig.gap()
    rig.follow()
    assert order.status is OrderStatus.HELD
    rig.book(BIDS, ASKS)
    rig.follow()
    assert order.status is OrderStatus.FILLED


def test_F38_what_is_linked_leaves_the_venue_before_a_held_order_is_sent():
    rig = Rig(replace(NO_FEES, latency_ms=Decimal(50)))
    rig.book(BIDS, ASKS)
    first = rig.submit("sell", "limit", "4", "100.30")
    rig.time.advance(1)
    # A pair of a limit at the venue and a trailing stop held here, as a strategy may send it.
    limit = replace(first.intent, client_order_id="kt-a", sequence=7, group="kt-a", price=Decimal("100.40"))
    trailing = replace(
        limit, client_order_id="kt-b", sequence=8, type=OrderType.TRAILING_STOP, price=None, stop=Decimal("99.70"), trail=Decimal("0.5"), held=True
    )
    rig.take([OrderSubmitted(rig.time.now_ns(), intent) for intent in (limit, trailing)])
    rig.time.advance(1)
    limit, trailing = rig.engine.orders["kt-a"], rig.engine.orders["kt-b"]
    assert limit.status is OrderStatus.ACCEPTED and trailing.status is OrderStatus.HELD
    rig.trade("99.60", 1, "sell")
    assert trailing.triggered and trailing.status is OrderStatus.HELD and limit.cancel_requested_ns is not None
    rig.time.advance(0.06)
    assert limit.status is OrderStatus.CANCELLED and trailing.status is OrderStatus.PENDING
    rig.time.advance(0.06)
    assert trailing.status is OrderStatus.FILLED and trailing.filled == 4
