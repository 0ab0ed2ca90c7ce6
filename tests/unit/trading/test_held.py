"""Orders that the desk holds or has linked, over restarts; and orders that nobody answers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal

import pytest

from app.model.events import OrderAccepted, OrderAmended, OrderReleased, OrderTriggered, from_json, to_json
from app.model.orders import OrderStatus
from app.trading.canonical import state_hash
from app.trading.effects import Notify, QueryOrder, SendOrder
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.journal import encode, number
from app.trading.order import PATIENCE_NS
from app.trading.resolving import Resolver
from tests.unit.trading.kit import ACCOUNT, NO_FEES, Rig, fields

BIDS = {"99.90": 5, "99.80": 10, "99.50": 50}
ASKS = {"100.10": 5, "100.20": 10, "100.50": 50}


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.book(BIDS, ASKS)
    rig.trade("100", 1, "buy")
    return rig


def journal_only(rig: Rig, events: list) -> None:
    """The events are durable, and the desk dies before it does anything about them."""
    rig.records.append(encode(number(events, rig.engine.last_seq + 1)))


def others(rig: Rig, entry) -> list:
    return [order for order in rig.engine.orders.values() if order.intent.parent == entry.client_order_id]


def test_a_held_order_is_held_on_after_a_restart(rig):
    touch = rig.submit("buy", "market_if_touched", "1", stop="99")
    trailing = rig.submit("sell", "trailing_stop", "1", trail="0.50")
    rig.time.advance(2)
    rig.trade("100.20", 1, "buy")
    assert trailing.stop == Decimal("99.70")
    rig.restart()
    touch, trailing = (rig.engine.orders[order.client_order_id] for order in (touch, trailing))
    assert touch.status is trailing.status is OrderStatus.HELD and trailing.stop == Decimal("99.70")
    assert not any(isinstance(effect, QueryOrder) for effect in rig.effects), "the venue knows nothing of them"
    rig.trade("98.90", 1, "sell")
    assert touch.status is trailing.status is OrderStatus.FILLED


@pytest.mark.parametrize("last", [OrderTriggered, OrderReleased])
def test_a_desk_killed_between_trigger_and_send_goes_on_from_the_journal(rig, last):
    order = rig.submit("buy", "market_if_touched", "1", stop="99")
    cid = order.client_order_id
    journal_only(rig, [OrderTriggered(1, cid, Decimal(99)), OrderReleased(1, cid, Decimal(1))][: 1 if last is OrderTriggered else 2])
    rig.effects.clear()
    rig.restart()
    order = rig.engine.orders[cid]
    if last is OrderTriggered:
        assert order.status is OrderStatus.FILLED and sum(isinstance(effect, SendOrder) for effect in rig.effects) == 1
    else:
        assert order.status is OrderStatus.REJECTED and order.code == "never_arrived", "it may have been sent: asked about, not sent again"
        assert not any(isinstance(effect, SendOrder) for effect in rig.effects)


def test_an_entry_that_filled_while_the_desk_died_still_gets_its_exits(rig):
    entry = rig.submit("buy", "limit", "2", "99.70", take_profit="101", stop_loss="98")
    held = rig.engine.followups
    rig.follow = lambda: None
    rig.trade("99.60", 5, "sell")
    assert entry.status is OrderStatus.FILLED and all(order.status is OrderStatus.HELD for order in others(rig, entry)) and held()
    del rig.follow
    rig.restart()
    assert [order.status for order in others(rig, entry)] == [OrderStatus.ACCEPTED] * 2


def test_cancelling_an_exit_leaves_the_other_and_cancelling_the_entry_ends_both(rig):
    entry = rig.submit("buy", "market", "2", take_profit="101", stop_loss="98")
    profit, loss = others(rig, entry)
    rig.cancel(profit)
    assert profit.status is OrderStatus.CANCELLED and loss.status is OrderStatus.ACCEPTED
    waiting = rig.submit("buy", "limit", "2", "99", take_profit="101", stop_loss="98")
    held = others(rig, waiting)
    rig.cancel(held[0])
    assert held[0].status is OrderStatus.CANCELLED and held[1].status is OrderStatus.HELD
    rig.cancel(waiting)
    assert held[1].status is OrderStatus.CANCELLED
    assert all(order.sent_ns is None for order in held)


def test_prices_of_linked_and_held_orders_can_be_amended_their_quantity_only_where_it_is_their_own(rig):
    entry = rig.submit("buy", "market", "2", stop_loss="98")
    (loss,) = others(rig, entry)
    rig.amend(loss, stop="98.50")
    assert loss.stop == Decimal("98.50")
    with pytest.raises(Denied) as caught:
        rig.amend(loss, qty="1")
    assert caught.value.code == "linked_qty"
    touch = rig.submit("buy", "limit_if_touched", "1", "98.90", "99")
    rig.amend(touch, qty="2", price="98.80", stop="99.10")
    assert (touch.qty, touch.price, touch.stop, touch.status) == (2, Decimal("98.80"), Decimal("99.10"), OrderStatus.HELD)
    trailing = rig.submit("sell", "trailing_stop", "1", trail="0.50")
    with pytest.raises(Denied):
        rig.amend(trailing, stop="99")
    rig.amend(trailing, qty="2")
    assert trailing.qty == 2
    with pytest.raises(Denied) as caught:
        rig.amend(touch, trail="1")
    assert (caught.value.code, caught.value.field) == ("superfluous_trail", "trail")


AMOUNT, PERCENT = {"trail": "0.50"}, {"trail": "0.50", "trail_unit": "percent"}
# side, distance, trades before, new distance, stop then, trades after, stop then
FOLLOWED = [
    pytest.param("sell", AMOUNT, ("100.60", "100.40"), "0.30", "100.30", ("100.70",), "100.40", id="nearer"),
    pytest.param("sell", AMOUNT, ("100.60", "100.40"), "0.50", "100.10", ("100.70",), "100.20", id="the-same"),
    pytest.param("sell", AMOUNT, ("100.60", "100.40"), "0.90", "99.70", ("100.65",), "99.75", id="wider"),
    pytest.param("buy", AMOUNT, ("99.40", "99.60"), "0.30", "99.70", ("99.30",), "99.60", id="buy-nearer"),
    pytest.param("buy", AMOUNT, ("99.40", "99.60"), "0.90", "100.30", ("99.45",), "100.30", id="buy-wider"),
    pytest.param("sell", PERCENT, ("100.60", "100.40"), "0.30", "100.29", ("100.70",), "100.39", id="percent-nearer"),
    pytest.param("sell", PERCENT, ("100.60", "100.40"), "0.50", "100.09", ("100.70",), "100.19", id="percent-the-same"),
    pytest.param("sell", PERCENT, ("100.60", "100.40"), "1", "99.59", ("100.70",), "99.69", id="percent-wider"),
    pytest.param("buy", PERCENT, ("99.40", "99.60"), "0.30", "99.70", ("99.30",), "99.60", id="buy-percent-nearer"),
]


@pytest.mark.parametrize("again", [False, True], ids=["on", "restarted"])
@pytest.mark.parametrize(("side", "given", "before", "wanted", "stop", "after", "last"), FOLLOWED)
def test_the_stop_follows_a_new_distance_at_once_and_goes_away_only_where_it_was_widened(rig, side, given, before, wanted, stop, after, last, again):
    order = rig.submit(side, "trailing_stop", "1", **given)
    for price in before:
        rig.time.advance(2)
        rig.trade(price, 1, "buy")
    if again:
        rig.restart()
        order = rig.engine.orders[order.client_order_id]
    sent, rig.venue.amend = [], lambda *values: sent.append(values)
    rig.amend(order, trail=wanted)
    assert (order.stop, order.trail or order.trail_percent) == (Decimal(stop), Decimal(wanted)) and order.status is OrderStatus.HELD
    assert order.qty == 1 and order.amend_requested_ns is None and not sent, "it is this desk's alone"
    for price in after:
        rig.time.advance(2)
        rig.trade(price, 1, "buy")
    assert order.stop == Decimal(last) and not order.triggered
    assert state_hash(Engine.replay(ACCOUNT, rig.time, rig.entries())) == state_hash(rig.engine)
    rig.restart()
    order = rig.engine.orders[order.client_order_id]
    assert (order.stop, order.trail or order.trail_percent) == (Decimal(last), Decimal(wanted))
    rig.trade(last, 1, "sell")
    assert order.status is OrderStatus.FILLED


def test_a_new_distance_counts_from_the_best_price_also_where_that_is_not_journalled_yet(rig):
    order = rig.submit("sell", "trailing_stop", "1", trail="0.50")
    rig.time.advance(2)
    rig.trade("100.40", 1, "buy")
    rig.trade("100.80", 1, "buy")
    rig.trade("100.60", 1, "sell")
    assert order.stop == Decimal("99.90"), "moves are journalled once a second"
    rig.amend(order, trail="0.40")
    assert order.stop == Decimal("100.40")


def test_a_distance_that_would_trigger_at_once_or_comes_too_late_is_refused(rig):
    order = rig.submit("sell", "trailing_stop", "1", trail="0.50")
    rig.time.advance(2)
    rig.trade("100.60", 1, "buy")
    rig.trade("100.20", 1, "sell")
    for wanted, code in (("0.40", "stop_would_trigger"), ("0", "bad_trail"), ("0.001", "bad_tick"), ("80", "absurd_trail")):
        with pytest.raises(Denied) as caught:
            rig.amend(order, trail=wanted)
        assert (caught.value.code, caught.value.field) == (code, "trail")
    assert order.stop == Decimal("100.10") and order.trail == Decimal("0.50")
    rig.amend(order, qty="2", trail="0.41")
    assert (order.stop, order.qty) == (Decimal("100.19"), 2)
    order.triggered = True
    with pytest.raises(Denied) as caught:
        rig.amend(order, trail="1")
    assert (caught.value.code, caught.value.field) == ("already_triggered", "trail")


def test_a_move_that_waits_for_the_journal_leaves_an_amendment_before_it_as_it_is(rig):
    order = rig.submit("sell", "trailing_stop", "1", trail="0.50")
    waiting: list = []
    rig.holder._move = waiting.append
    rig.time.advance(2)
    rig.trade("100.60", 1, "buy")
    rig.amend(order, qty="3", trail="0.90")
    (decide,) = waiting
    rig.take(decide())
    assert (order.qty, order.trail, order.stop) == (3, Decimal("0.90"), Decimal("99.70"))


@pytest.mark.parametrize(("given", "wanted"), [({"trail": "0.50"}, "0.75"), ({"trail": "1", "trail_unit": "percent"}, "2")])
def test_a_trailing_stop_is_left_to_a_venue_that_has_them(rig, given, wanted):
    rig.view.native_types = frozenset({"trailing_stop"})
    sent, amended = [], []
    rig.venue.submit = sent.append
    rig.venue.amend = lambda *values: amended.append(values)
    order = rig.submit("sell", "trailing_stop", "1", **given)
    assert sent == [order.intent] and order.intent.type.value == "trailing_stop" and not order.intent.is_linked
    assert order.at_venue().trail == order.intent.trail and order.at_venue().trail_percent == order.intent.trail_percent
    cid, name = order.client_order_id, "trail" if "trail_unit" not in given else "trail_percent"
    rig.take([OrderAccepted(1, cid, "v"), OrderAmended(2, cid, order.qty, None, Decimal("98.7"))])
    assert order.stop == Decimal("98.7") and getattr(order, name) == Decimal(given["trail"]), "the venue moves it"
    rig.trade("90", 1, "sell")
    assert order.status is OrderStatus.ACCEPTED and not order.triggered, "this desk does not watch it"
    rig.amend(order, trail=wanted)
    assert amended == [(cid, None, None, None, Decimal(wanted))] and getattr(order, name) == Decimal(given["trail"])
    rig.take([OrderAmended(3, cid, order.qty, None, Decimal("98"), Decimal(wanted))])
    assert getattr(order, name) == Decimal(wanted) and order.amend_requested_ns is None and (order.trail is None) is not (order.trail_percent is None)
    assert state_hash(Engine.replay(ACCOUNT, rig.time, rig.entries())) == state_hash(rig.engine)
    assert rig.submit("buy", "market_if_touched", "1", stop="80").status is OrderStatus.HELD


def test_a_held_order_expires_without_having_been_sent(rig):
    order = rig.submit("buy", "market_if_touched", "1", stop="99", tif="gtd", expires_ns=rig.time.now_ns() + 10**9)
    rig.time.advance(2)
    rig.follow()
    assert order.status is OrderStatus.EXPIRED and order.sent_ns is None


def test_a_pair_binds_and_reports_both_and_old_journals_are_read(rig):
    first = rig.submit("buy", "oco", "1", "99", "101")
    (second,) = rig.engine.pair(first)
    assert (first.intent.type.value, second.intent.type.value) == ("limit", "stop") and second.intent.group == first.client_order_id
    assert state_hash(Engine.replay(ACCOUNT, rig.time, rig.entries())) == state_hash(rig.engine)
    plain = rig.submit("buy", "limit", "1", "99")
    text = next(to_json(entry.event) for entry in rig.entries() if getattr(entry.event, "intent", None) == plain.intent)
    assert "held" not in text and "trail" not in text, "an order of the first kind is written as ever"
    assert from_json(text).intent == plain.intent


def test_the_release_of_a_held_order_is_told_by_its_fill_only(rig):
    rig.submit("buy", "market_if_touched", "1", stop="99.50")
    rig.trade("99.40", 1, "sell")
    assert [effect.text for effect in rig.effects if isinstance(effect, Notify)] == ["Bought 1 TOY at 100.10"]


def test_silence_becomes_unknown_and_is_asked_about_with_growing_pauses(rig):
    asked: list[str] = []
    rig.venue.close()
    rig.venue.submit = lambda intent: None
    rig.venue.query = asked.append
    order = rig.submit("buy", "limit", "1", "99")
    resolver = Resolver(rig.time, asked.append)
    assert resolver.look(rig.engine) == []
    rig.time.advance(PATIENCE_NS / 1e9)
    rig.take(resolver.look(rig.engine))
    assert order.status is OrderStatus.UNKNOWN and "no answer in time" in order.evidence and len(asked) == 1
    times = []
    for _ in range(200):
        before = len(asked)
        rig.take(resolver.look(rig.engine))
        if len(asked) > before:
            times.append(rig.time.now_ns() // 10**9)
        rig.time.advance(1)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    state = resolver.asked[order.client_order_id]
    assert state.count == len(times) and state.next_ns > state.last_ns
    assert sum(isinstance(effect, SendOrder) for effect in rig.effects) == 1


def test_cancels_and_amendments_without_an_answer_are_followed_up():
    rig = Rig(replace(NO_FEES))
    rig.book(BIDS, ASKS)
    resolver = Resolver(rig.time, rig.venue.query)
    order, other = rig.submit("buy", "limit", "2", "99"), rig.submit("buy", "limit", "2", "98")
    cancel, amend = rig.venue.cancel, rig.venue.amend
    rig.venue.cancel = rig.venue.amend = lambda *_: None
    rig.cancel(order)
    rig.amend(other, qty="1")
    rig.time.advance(6)
    rig.venue.cancel, rig.venue.amend = cancel, amend
    rig.take(resolver.look(rig.engine))
    assert order.status is OrderStatus.CANCELLED
    assert other.status is OrderStatus.ACCEPTED and other.qty == 2 and other.amend_requested_ns is None
    assert rig.engine.submit(fields("buy", "limit", "1", "99"), "t")
