"""The engine: intents, tokens, ids, recovery, and events that should not have come."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from decimal import Decimal

import pytest

from app.model import events
from app.model.events import EventError, from_json, to_json
from app.model.orders import Fill, Liquidity, OrderStatus, Side, client_order_id
from app.trading import states
from app.trading.canonical import canonical, state_hash
from app.trading.effects import Notify, QueryOrder, SendCancel, SendOrder
from app.trading.engine import Engine
from app.trading.errors import Denied, JournalError
from app.trading.journal import Entry, decode, encode, number
from app.trading.retelling import said
from tests.unit.manual import ManualTime
from tests.unit.trading.kit import ACCOUNT, NO_FEES, Rig, fields

BIDS = {"99.90": 5, "99.80": 10}
ASKS = {"100.10": 5, "100.20": 10}


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.book(BIDS, ASKS)
    return rig


def fill_of(order, qty="1", price="100", number=1, **changes) -> Fill:
    cid = order.client_order_id
    made = Fill(f"{cid}-late-{number}", cid, "TOY", order.intent.side, Decimal(qty), Decimal(price), Decimal(0), "USDT", Liquidity.TAKER, 5)
    return replace(made, **changes)


def codes(rig: Rig) -> list[str]:
    return [anomaly.code for anomaly in rig.engine.anomalies]


def test_every_state_and_event_has_an_outcome():
    assert set(states.TABLE) == {(status, event) for status in OrderStatus for event in states.COLUMNS.values()}


def test_what_was_filled_before_its_venue_counted_anew_is_part_of_the_order(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    cid = order.client_order_id
    moved = events.OrderAccepted(2, cid, "w", Decimal("1.5"))
    assert from_json(to_json(moved)) == moved and said(moved) == "Accepted, the venue's number is w; 1.5 was filled under the number before"
    assert "filled_before" not in to_json(events.OrderAccepted(2, cid, "w")), "journals without it are written as before"
    rig.engine.apply(moved)
    assert (rig.engine.orders[cid].venue_order_id, rig.engine.orders[cid].filled_before) == ("w", Decimal("1.5"))
    rig.engine.apply(events.OrderAccepted(3, cid, "w"))
    assert rig.engine.orders[cid].filled_before == Decimal("1.5"), "another answer about the same number takes nothing back"
    rig.engine.apply(events.OrderAccepted(4, cid, "w", Decimal("1e60")))
    assert codes(rig) == ["absurd_event"] and rig.engine.orders[cid].filled_before == Decimal("1.5")


def test_any_order_of_any_events_is_survived(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    cid = order.client_order_id
    stream = [
        events.OrderSent(1, cid),
        events.OrderAccepted(1, cid, "v"),
        events.OrderRejected(1, cid, "code", "reason"),
        events.OrderTriggered(1, cid, Decimal(1)),
        events.OrderCancelRequested(1, cid),
        events.OrderCancelled(1, cid, "reason"),
        events.OrderExpired(1, cid, "reason"),
        events.OrderAmendRequested(1, cid, None, None, None),
        events.OrderAmended(1, cid, Decimal(4), Decimal("99.90"), None),
        events.OrderChangeRefused(1, cid, "cancel", "code", "reason"),
        events.OrderUnknown(1, cid, "evidence"),
        events.OrderReleased(1, cid, Decimal(4)),
        events.OrderDenied(1, cid, "code", "reason"),
    ]
    assert {type(event) for event in stream} | {events.OrderFilled} == set(states.COLUMNS.values())
    for number_, first in enumerate(stream):
        for second in stream:
            engine = Engine.replay(ACCOUNT, rig.time, rig.entries())
            fill = fill_of(order, "1", number=number_)
            for event in (first, second, events.OrderFilled(1, fill), second, first):
                engine.apply(event)
            assert engine.portfolio.qty("TOY") == 1
            assert (cid in engine.working) == engine.orders[cid].is_working


@pytest.mark.parametrize("kind", [events.OrderAmendRequested, events.OrderAmended])
@pytest.mark.parametrize("values", [("1E+400", None, None), ("1", "1E-400", None), ("1", None, "1E+400")])
def test_an_amendment_to_absurd_amounts_is_not_applied(rig, kind, values):
    order = rig.submit("buy", "limit", "2", "99")
    rig.engine.apply(kind(1, order.client_order_id, *(None if value is None else Decimal(value) for value in values)))
    assert [anomaly.code for anomaly in rig.engine.anomalies] == ["absurd_event"] and order.at_most == 2


def test_an_event_takes_text_for_numbers_and_words_it_knows_only():
    event = events.OrderFilled(5, fill_of_text("1.50"))
    values = events.to_dict(event)
    assert values["fill"]["qty"] == "1.50" and events.from_dict(values) == event
    for name, wrong in (("qty", Decimal(1)), ("qty", 1), ("qty", "NaN"), ("qty", "x"), ("side", "both"), ("side", 1), ("ts", "1"), ("ts", None), ("symbol", 3)):
        with pytest.raises(EventError, match=rf"OrderFilled\.fill: Fill\.{name}"):
            events.from_dict({**values, "fill": {**values["fill"], name: wrong}})
    for fill in (None, "x", {}, {**values["fill"], "more": 1}):
        with pytest.raises(EventError):
            events.from_dict({**values, "fill": fill})


def fill_of_text(qty: str) -> Fill:
    return Fill("f", "kt-a", "TOY", Side.BUY, Decimal(qty), Decimal(1), Decimal(0), "USDT", Liquidity.TAKER, 1)


def test_the_client_order_id_is_a_pure_function_of_the_sequence(rig):
    first, second = (rig.submit("buy", "limit", "1", "99") for _ in range(2))
    assert first.client_order_id == client_order_id(ACCOUNT, "desk", 1)
    assert second.client_order_id == client_order_id(ACCOUNT, "desk", 2)
    rig.restart()
    assert rig.submit("buy", "limit", "1", "99").client_order_id == client_order_id(ACCOUNT, "desk", 3)


def test_the_same_token_is_the_same_order(rig):
    ticket = fields("buy", "limit", "1", "99")
    rig.take(rig.engine.submit(ticket, "press"))
    assert rig.engine.submit(ticket, "press") == []
    assert len(rig.engine.orders) == 1 and rig.engine.order_for("press") in rig.engine.orders
    for token in ("", None, 7, "x" * 101):
        with pytest.raises(Denied) as denied:
            rig.engine.submit(ticket, token)
        assert denied.value.field == "token"


def test_intents_on_their_way_into_the_journal_have_their_own_ids_and_bind_money(rig):
    (first,) = rig.engine.submit(fields("buy", "limit", "600", "99"), "a")
    with pytest.raises(Denied, match="buying power"):
        rig.engine.submit(fields("buy", "limit", "600", "99"), "b")
    (second,) = rig.engine.submit(fields("buy", "limit", "100", "99"), "b")
    assert first.intent.client_order_id != second.intent.client_order_id
    rig.engine.abandon(first.intent.client_order_id)
    assert rig.engine.order_for("a") is None
    (third,) = rig.engine.submit(fields("buy", "limit", "600", "99"), "a")
    assert third.intent.sequence == 3


def test_commands_change_nothing(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    before = canonical(rig.engine)
    rig.engine.submit(fields("buy", "limit", "1", "99"), "x")
    rig.engine.cancel(order.client_order_id)
    rig.engine.amend(order.client_order_id, qty="2")
    rig.engine.recover(1)
    assert canonical(rig.engine) == before


def test_submitting_again_never_sends_again(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    assert rig.engine.apply(events.OrderSubmitted(9, order.intent)) == []
    assert sum(isinstance(effect, SendOrder) for effect in rig.effects) == 1


def test_commands_on_orders_that_cannot_change_are_denied(rig):
    filled = rig.submit("buy", "market", "1")
    for command in (rig.engine.cancel, rig.engine.amend):
        for bad in (filled.client_order_id, "kt-nothing", None, 5):
            with pytest.raises(Denied) as denied:
                command(bad)
            assert denied.value.remedy
    pending = rig.submit("buy", "limit", "1", "99")
    pending._status = OrderStatus.PENDING
    with pytest.raises(Denied) as denied:
        rig.engine.amend(pending.client_order_id, qty="2")
    assert denied.value.code == "not_confirmed"


def test_an_account_opens_once(rig):
    with pytest.raises(Denied):
        rig.engine.open_account("USDT", Decimal(1))
    rig.engine.apply(events.AccountOpened(5, ACCOUNT, "USDT", Decimal(1)))
    rig.engine.apply(events.AccountOpened(5, "other", "USDT", Decimal(1)))
    assert codes(rig) == ["account_again", "foreign_account"]
    assert rig.engine.portfolio.cash["USDT"] == 100_000
    with pytest.raises(Denied) as denied:
        Engine("empty", rig.time, rig.view).submit(fields("buy", "market", "1"), "t")
    assert denied.value.code == "no_account"


def test_without_a_view_commands_are_denied(rig):
    engine = Engine.replay(ACCOUNT, rig.time, rig.entries())
    with pytest.raises(Denied) as denied:
        engine.submit(fields("buy", "market", "1"), "t")
    assert denied.value.code == "no_market"


def test_the_trader_is_told_once_per_filled_order(rig):
    rig.submit("buy", "market", "6")
    told = [effect.text for effect in rig.effects if isinstance(effect, Notify)]
    assert told == ["Bought 6 TOY at 100.12"]
    rig.submit("sell", "market", "20")
    assert [effect.text for effect in rig.effects if isinstance(effect, Notify)][1:] == ["TOY: 5 was left after everything displayed within its price"]


def test_cancel_all_takes_all_or_one_symbol(rig):
    for price in ("99", "98"):
        rig.submit("buy", "limit", "1", price)
    assert len(rig.engine.cancel_all("OTHER")) == 0
    assert len(rig.engine.cancel_all("TOY")) == 2
    rig.take(rig.engine.cancel_all())
    assert not rig.engine.working


def test_closing_and_reversing_a_position(rig):
    with pytest.raises(Denied):
        rig.engine.closing("TOY")
    rig.submit("buy", "market", "2")
    rig.take(rig.engine.submit(rig.engine.reversing("TOY"), "turn"))
    assert rig.position() == -2
    rig.take(rig.engine.submit(rig.engine.closing("TOY"), "close"))
    assert rig.position() == 0


def test_a_fill_after_the_cancel_was_acknowledged_is_applied_and_flagged(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    rig.cancel(order)
    effects = rig.engine.apply(events.OrderFilled(5, fill_of(order)))
    assert order.status is OrderStatus.CANCELLED and order.late_fill and order.filled == 1
    assert rig.position() == 1 and codes(rig) == ["late_fill"]
    assert [effect.level for effect in effects if isinstance(effect, Notify)] == ["warn"]
    rig.engine.apply(events.OrderFilled(6, fill_of(order, "3", number=2)))
    assert order.status is OrderStatus.FILLED


def test_the_same_fill_counts_once(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    for _ in range(3):
        rig.engine.apply(events.OrderFilled(5, fill_of(order)))
    assert rig.position() == 1 and order.fill_count == 1 and codes(rig) == []


def test_more_filled_than_ordered_is_applied_and_flagged(rig):
    order = rig.submit("buy", "market", "1")
    rig.engine.apply(events.OrderFilled(5, fill_of(order)))
    assert rig.position() == 2 and order.remaining == 0 and codes(rig) == ["late_fill"]


def test_impossible_fills_are_not_applied(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    wrong = [
        fill_of(order, "0"),
        fill_of(order, "-1", number=2),
        fill_of(order, "1", "0", number=3),
        fill_of(order, number=4, symbol="OTHER"),
        fill_of(order, number=5, side=Side.SELL),
    ]
    for fill in wrong:
        rig.engine.apply(events.OrderFilled(5, fill))
    assert rig.position() == 0 and set(codes(rig)) == {"bad_fill"}
    rig.engine.apply(events.OrderFilled(5, replace(wrong[0], client_order_id="kt-unknown")))
    assert "kt-unknown" not in rig.engine.orders


def test_a_venue_that_rejects_and_then_fills_is_believed_last(rig):
    order = rig.submit("buy", "limit", "4", "99.90")
    cid = order.client_order_id
    rig.engine.apply(events.OrderRejected(5, cid, "code", "reason"))
    assert order.status is OrderStatus.REJECTED and cid not in rig.engine.working
    rig.engine.apply(events.OrderFilled(6, fill_of(order)))
    assert order.status is OrderStatus.PARTIALLY_FILLED and cid in rig.engine.working
    rig.engine.apply(events.OrderRejected(7, cid, "code", "reason"))
    assert order.status is OrderStatus.CANCELLED and order.filled == 1


def test_orders_without_an_answer_become_unknown_and_are_asked_about(rig):
    rig.settings = replace(NO_FEES, latency_ms=Decimal(1000))
    rig.venue = rig._venue()
    order = rig.submit("buy", "limit", "4", "99.90")
    assert order.status is OrderStatus.PENDING
    rig.effects.clear()
    rig.restart()
    order = rig.engine.orders[order.client_order_id]
    assert order.status is OrderStatus.UNKNOWN and "no answer before the desk stopped" in order.evidence
    assert any(isinstance(effect, QueryOrder) for effect in rig.effects)
    assert not any(isinstance(effect, SendOrder) for effect in rig.effects)
    rig.time.advance(1)
    assert order.status is OrderStatus.REJECTED and order.code == "never_arrived"


def test_an_intent_never_marked_sent_is_unknown_too(rig):
    rig.records.append(encode(number(rig.engine.submit(fields("buy", "limit", "1", "99"), "t"), rig.engine.last_seq + 1)))
    rig.restart()
    (order,) = rig.engine.orders.values()
    assert order.status is OrderStatus.REJECTED and order.code == "never_arrived" and "never marked as sent" in order.evidence


def test_a_cancel_without_an_answer_is_asked_for_again(rig):
    order = rig.submit("buy", "limit", "1", "99")
    rig.records.append(encode(number(rig.engine.cancel(order.client_order_id), rig.engine.last_seq + 1)))
    rig.effects.clear()
    rig.restart()
    assert any(isinstance(effect, SendCancel) for effect in rig.effects)
    assert rig.engine.orders[order.client_order_id].status is OrderStatus.CANCELLED


def test_an_amendment_without_an_answer_is_asked_about(rig):
    order = rig.submit("buy", "limit", "4", "99")
    rig.records.append(encode(number(rig.engine.amend(order.client_order_id, qty="2"), rig.engine.last_seq + 1)))
    rig.restart()
    order = rig.engine.orders[order.client_order_id]
    assert order.status is OrderStatus.ACCEPTED and order.qty == 4 and order.amend_requested_ns is None
    assert "An amendment was asked for" in order.evidence


def test_a_lost_intent_is_adopted_from_its_fills_and_its_id_is_not_given_again(rig):
    order = rig.submit("buy", "market", "6")
    cid = order.client_order_id
    entries = [entry for entry in rig.entries() if not isinstance(entry.event, events.OrderSubmitted)]
    engine = Engine.replay(ACCOUNT, rig.time, entries, rig.view)
    adopted = engine.orders[cid]
    assert adopted.adopted and adopted.status is OrderStatus.UNKNOWN and adopted.filled == 6
    assert engine.portfolio.cash == rig.engine.portfolio.cash and engine.portfolio.qty("TOY") == 6
    assert {anomaly.code for anomaly in engine.anomalies} == {"journal_hole", "unknown_order"}
    (again,) = engine.submit(fields("buy", "limit", "1", "99"), "t")
    assert again.intent.client_order_id != cid


def test_every_single_hole_is_survived(rig):
    for _ in range(2):
        rig.submit("buy", "market", "2")
        order = rig.submit("sell", "limit", "1", "100.05")
        rig.amend(order, qty="3")
        rig.cancel(order)
    entries = rig.entries()
    ids = {order.client_order_id for order in rig.engine.orders.values()}
    for hole in range(len(entries)):
        rest = entries[:hole] + entries[hole + 1 :]
        engine = Engine.replay(ACCOUNT, rig.time, rest, rig.view)
        assert sum(fill.qty for fill in engine.fills) == engine.portfolio.qty("TOY")
        assert engine.anomalies or hole == len(entries) - 1
        engine.recover(1)
        if engine.opened:
            (event,) = engine.submit(fields("buy", "limit", "1", "99"), "t")
            assert event.intent.client_order_id not in ids


def test_a_lost_end_of_the_journal_keeps_its_numbers_used(rig):
    entries = rig.entries()
    engine = Engine.replay(ACCOUNT, rig.time, entries)
    engine.skip_to(entries[-1].seq + 2)
    assert engine.next_sequence() == 3 and engine.last_seq == entries[-1].seq + 2
    assert [anomaly.code for anomaly in engine.anomalies] == ["journal_hole"]


def test_events_of_orders_nobody_knows_are_listed(rig):
    rig.engine.apply(events.OrderAccepted(5, "kt-stranger", "v"))
    rig.engine.apply(events.OrderAccepted(5, "kt-stranger", "v"))
    assert codes(rig) == ["unknown_order"] and "kt-stranger" not in rig.engine.orders


def test_orders_of_another_account_are_not_taken(rig):
    order = rig.submit("buy", "limit", "1", "99")
    stranger = replace(order.intent, account="other", client_order_id="kt-other")
    rig.engine.apply(events.OrderSubmitted(5, stranger))
    assert "kt-other" not in rig.engine.orders and codes(rig) == ["foreign_account"]


def test_replay_is_the_live_state_and_twice_is_once(rig):
    rig.submit("buy", "market", "6")
    rig.amend(rig.submit("sell", "limit", "4", "100.10"), qty="3")
    entries = rig.entries()
    live = state_hash(rig.engine)
    assert state_hash(Engine.replay(ACCOUNT, rig.time, entries)) == live
    assert state_hash(Engine.replay(ACCOUNT, rig.time, entries + entries[::-1])) == live
    doubled = Engine(ACCOUNT, rig.time)
    for entry in entries:
        doubled.apply(entry.event)
        doubled.apply(entry.event)
    assert state_hash(doubled) == live


def test_the_portfolio_at_midnight_is_remembered():
    time = ManualTime()
    engine = Engine(ACCOUNT, time)
    day = 86_400 * 10**9
    engine.apply(events.AccountOpened(day, ACCOUNT, "USDT", Decimal(1000)))
    assert engine.day_open(day + 5).cash == {"USDT": 1000}
    fill = Fill("f-1", "kt-x", "TOY", Side.BUY, Decimal(1), Decimal(10), Decimal(0), "USDT", Liquidity.TAKER, day + 9)
    engine.apply(events.OrderFilled(day + 9, fill))
    assert engine.day_open(day + 10).cash == {"USDT": 1000}
    assert engine.day_open(2 * day).cash == {"USDT": 990}
    engine.apply(events.OrderFilled(2 * day, replace(fill, fill_id="f-2")))
    assert engine.day_open(2 * day).cash == {"USDT": 990}


def test_journal_records_round_trip(rig):
    rig.submit("buy", "market", "6")
    entries = rig.entries()
    assert decode(encode(entries)) == entries
    assert [from_json(to_json(entry.event)) for entry in entries] == [entry.event for entry in entries]


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"v":2,"first":1,"events":[{}]}',
        b'{"v":1,"first":0,"events":[{}]}',
        b'{"v":1,"first":true,"events":[{}]}',
        b'{"v":1,"first":1,"events":[]}',
        b'{"v":1,"first":1,"events":["x"]}',
        b'{"v":1,"first":1,"events":[{"kind":"OrderSent","ts":1}]}',
        b'{"v":1,"first":1,"events":[{"kind":"OrderSent","ts":NaN,"client_order_id":"x"}]}',
        b'{"v":1,"first":1,"events":[{"kind":"Nonsense"}],"more":1}',
    ],
)
def test_damaged_records_are_refused_whole(record):
    with pytest.raises(JournalError):
        decode(record)


def test_records_are_numbered_consecutively():
    event = events.OrderSent(1, "kt-x")
    for entries in ([], [Entry(0, event)], [Entry(1, event), Entry(3, event)]):
        with pytest.raises(JournalError):
            encode(entries)
    with pytest.raises(EventError):
        from_json('{"kind":"OrderSent"}')


@pytest.mark.parametrize(("account", "origin", "number"), [("a", "desk", 1), (ACCOUNT, "kill", 10**9), ("", "", 0)])
def test_an_id_is_120_bits_of_a_hash_of_what_it_is_made_of(account, origin, number):
    found = hashlib.sha256(f"{len(account)}:{account}|{len(origin)}:{origin}|{number}".encode()).digest()[:15]
    assert client_order_id(account, origin, number) == "kt-" + base64.b32encode(found).decode().lower()


def test_a_large_quantity_is_told_with_its_thousands_separated(rig):
    rig.book({"0.99": 5000}, {"1": 5000})
    rig.submit("buy", "market", "1200")
    assert [effect.text for effect in rig.effects if isinstance(effect, Notify)] == ["Bought 1,200 TOY at 1.00"]
