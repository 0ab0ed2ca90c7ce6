"""The router: which listing, how much of it, and why; routed orders from the ticket to their end."""

from __future__ import annotations

import json

import pytest

from app.model import events
from app.model.instrument import Instrument
from app.model.orders import OrderStatus, leg_order_id
from app.trading import snapshot
from app.trading.canonical import state_hash
from app.trading.effects import SendOrder
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.inspection import fill_lines, order_lines
from app.trading.routing import rules, sending
from app.trading.routing.candidates import listings
from app.trading.routing.plan import lines
from tests.unit.trading.kit import ACCOUNT
from tests.unit.trading.snapshots import through_snapshot
from tests.unit.trading.venues_kit import THREE, A, B, C, D, Venues, shares, verdicts


def desk(**fees: tuple[str, str]) -> Venues:
    """A: 100.00 x 1, 100.10 x 5; B: 100.0 x 2, 100.5 x 5; C: 99.90 x 1, 102 x 9. Bids one below."""
    rig = Venues(**fees)
    rig.book({"99.00": 3, "98.90": 5}, {"100.00": 1, "100.10": 5}, A.symbol)
    rig.book({"98.9": 2, "98.0": 5}, {"100.0": 2, "100.5": 5}, B.symbol)
    rig.book({"98.80": 9}, {"99.90": 1, "102.00": 9}, C.symbol)
    return rig


def refused(rig: Venues, *args, **more) -> Denied:
    with pytest.raises(Denied) as caught:
        rig.plan(*args, **more)
    return caught.value


def test_the_same_thing_is_found_by_base_quote_and_kind():
    future = Instrument("BTCUSD.USDM", "usdm", "BTCUSD", "BTC", "USD", 2, 3)
    other = Instrument("BTC-EUR.A", "a", "BTC-EUR", "BTC", "EUR", 2, 3)
    everything = {item.symbol: item for item in (other, future, C, B, A)}
    assert [item.symbol for item in listings(everything, B)] == [B.symbol, A.symbol, C.symbol]  # XBT is BTC
    assert [item.symbol for item in listings(everything, future)] == [future.symbol]


def test_best_is_the_least_all_in_cost_for_the_size():
    rig = desk()
    assert shares(rig.plan("buy", "1", how="best")) == {C.symbol: "1"}  # 99.90 there
    assert shares(rig.plan("buy", "2", how="best")) == {B.symbol: "2"}  # C would need 102
    assert shares(rig.plan("buy", "6", how="best")) == {A.symbol: "6"}
    assert shares(rig.plan("sell", "3", how="best")) == {A.symbol: "3"}


def test_fees_turn_the_choice_round():
    rig = desk(c=("0", "40"), a=("0", "0"), b=("0", "30"))
    plan = rig.plan("buy", "1", how="best")
    assert shares(plan) == {A.symbol: "1"} and plan.cost == 100 and plan.fee == 0
    row = next(row for row in plan.verdicts if row.symbol == C.symbol)
    assert row.code == "dearer" and row.alone == D("99.90") * D("1.004") and "0.30 USD more" in row.words


def test_a_split_takes_the_cheapest_levels_of_all_books_after_fees():
    plan = desk().plan("buy", "5")
    assert shares(plan) == {A.symbol: "2", B.symbol: "2", C.symbol: "1"}
    assert plan.cost == D("99.90") + 3 * D(100) + D("100.10") and plan.alone == 1 * 100 + 4 * D("100.10") and plan.worst == D("100.10")
    assert shares(desk(b=("0", "20")).plan("buy", "5")) == {A.symbol: "4", C.symbol: "1"}
    sold = desk().plan("sell", "4")
    assert shares(sold) == {A.symbol: "4"} and sold.cost == -(3 * D(99) + D("98.90"))


def test_a_leg_too_small_for_its_venue_is_not_made():
    rig = desk()
    rig.book({"98.80": 9}, {"99.90": "0.05", "102.00": 9}, C.symbol)  # 0.05 are on offer, 0.1 is the least there
    assert shares(rig.plan("buy", "2")) in ({A.symbol: "1", B.symbol: "1"}, {B.symbol: "2"})


def test_lots_of_every_venue_are_kept():
    rig = desk()
    rig.book({"99": 1}, {"100": "0.0005", "100.1": 3}, B.symbol)  # its lot is 0.001
    plan = rig.plan("buy", "3.001")
    assert sum(leg.qty for leg in plan.legs) == D("3.001") and all(not leg.qty % rig.instruments[leg.symbol].lot_size for leg in plan.legs)


@pytest.mark.parametrize(
    ("symbol", "spoil", "code"),
    [
        (C.symbol, lambda rig: rig.gap(C.symbol), "not_live"),
        (C.symbol, lambda rig: rig.rule(c="never"), "never"),
        (C.symbol, lambda rig: setattr(rig.view, "trades_at", frozenset({"a", "b"})), "no_account"),
        (C.symbol, lambda rig: rig.rule(c="avoid"), "avoid"),
    ],
)
def test_what_speaks_against_a_listing_is_named(symbol, spoil, code):
    rig = desk()
    spoil(rig)
    plan = rig.plan("buy", "1")
    assert verdicts(plan)[symbol] == code and symbol not in shares(plan)
    assert any(line.startswith(f"{symbol}: ") for line in lines(plan.to_wire()))


def test_stale_prices_and_prices_of_another_time_are_left_out():
    rig = desk()
    rig.time.advance(3600)
    rig.book({"99": 3}, {"100": 9}, A.symbol)
    found = verdicts(rig.plan("buy", "1"))
    assert found[A.symbol] == "chosen" and found[B.symbol] == found[C.symbol] == "stale"


def test_recordings_of_two_times_are_not_one_market(monkeypatch):
    rig = desk()
    monkeypatch.setattr(rig.market, "is_stale", lambda symbol, now: False)  # each recording has a present of its own
    rig.time.advance(86_400)
    rig.book({"99": 3}, {"100": 9}, A.symbol)
    found = verdicts(rig.plan("buy", "1"))
    assert found[A.symbol] == "chosen" and found[B.symbol] == found[C.symbol] == "other_time"


def test_ticks_that_do_not_fit_and_post_only_that_would_take():
    rig = desk()
    assert verdicts(rig.plan("buy", "1", "limit", "99.05", how="best"))[B.symbol] == "tick"
    found = verdicts(rig.plan("buy", "1", "limit", "99.90", how="best", post_only=True))
    assert found[C.symbol] == "would_take" and found[A.symbol] == "chosen"


def test_an_avoided_venue_is_used_only_where_it_cannot_be_done_without():
    rig = desk()
    rig.rule(a="avoid")
    assert A.symbol not in shares(rig.plan("buy", "6"))
    assert A.symbol in shares(rig.plan("buy", "20"))


def test_a_preferred_venue_may_cost_a_little_more():
    rig = desk()
    rig.rule(a="prefer")
    assert shares(rig.plan("buy", "1", how="best")) == {C.symbol: "1"}
    rig.rule(prefer_bps="11")  # 100.00 against 99.90 is 10.01 bps
    plan = rig.plan("buy", "1", how="best")
    assert shares(plan) == {A.symbol: "1"} and "your rules" in next(row.words for row in plan.verdicts if row.symbol == C.symbol)


def test_the_largest_share_bounds_every_leg_and_says_when_it_cannot_be_done():
    rig = desk()
    rig.rule(max_share="50")
    assert max(leg.qty for leg in rig.plan("buy", "4").legs) == 2
    rig.rule(b="never", c="never")
    denied = refused(rig, "buy", "4")
    assert (denied.code, denied.field) == ("route_depth", "qty") and "Only 2 of 4 BTC" in denied.reason and "50 %" in denied.reason


def test_the_most_slippage_makes_a_market_order_a_limit_within_it():
    rig = desk()
    rig.rule(max_slippage_bps="10")  # from 99.90 anywhere: 99.9999
    plan = rig.plan("buy", "1")
    (leg,) = plan.legs
    assert (leg.symbol, leg.kind.value, leg.tif.value, leg.price) == (C.symbol, "limit", "ioc", D("99.99"))
    denied = refused(rig, "buy", "3")
    assert denied.code == "route_depth" and "10 bps" in denied.reason and "Use at most 1" in denied.remedy


def test_a_limit_rests_at_the_lowest_maker_fee_then_behind_the_shortest_queue():
    rig = desk(a=("1", "5"), b=("2", "5"), c=("1", "5"))
    plan = rig.plan("buy", "1", "limit", "98.8", how="best")
    assert shares(plan) == {A.symbol: "1"} and plan.legs[0].rests == 1  # A and C ask 1 bp; A has 8 ahead, C 9
    assert "behind 8 BTC" in next(row.words for row in plan.verdicts if row.code == "chosen")
    split = rig.plan("buy", "2", "limit", "100.0")
    assert sum(leg.qty for leg in split.legs) == 2
    more = rig.plan("buy", "9", "limit", "100.0")
    assert {leg.symbol: leg.rests for leg in more.legs}[A.symbol] == 5 and sum(leg.qty for leg in more.legs) == 9
    assert more.fillable == 4, "what can be had at once is taken first"


def test_a_sale_closes_what_is_held_before_it_opens_anything():
    rig = desk()
    rig.take(rig.engine.submit({**rig.ticket("buy", "2"), "symbol": B.symbol, "route": "this"}, "held"))
    plan = rig.plan("sell", "1.5")
    assert shares(plan) == {B.symbol: "1.5"} and plan.notes[0].startswith("What is held there")
    assert shares(rig.plan("sell", "3")) == {A.symbol: "3"}  # more than is held: the best price counts
    assert shares(rig.plan("sell", "1", reduce_only=True)) == {B.symbol: "1"}
    assert verdicts(rig.plan("sell", "1", reduce_only=True))[A.symbol] == "no_position"


@pytest.mark.parametrize(
    "more",
    [{"type": "stop", "stop": "110"}, {"tif": "fok"}, {"type": "limit", "price": "99", "take_profit": "110"}, {"tif": "at_open"}],
)
def test_what_cannot_be_split_is_refused_with_a_remedy(more):
    rig = desk()
    denied = refused(rig, "buy", "1", more.pop("type", "market"), more.pop("price", None), **more)
    assert (denied.code, denied.field) == ("bad_route", "route") and denied.remedy


def test_a_venue_without_the_type_is_not_chosen():
    named = tuple(Instrument(f"BTC-USD.{name.upper()}", name, "x", "BTC", "USD", 2, 3) for name in ("coinbase", "bitstamp", "kraken"))
    rig = Venues(instruments=named)
    for item in named:
        rig.book({"99": 3}, {"100": 9}, item.symbol)
    found = verdicts(rig.plan("buy", "1", "stop", how="best", stop="110", symbol=named[0].symbol))
    assert found == {named[0].symbol: "lacks", named[1].symbol: "chosen", named[2].symbol: "tie"}
    assert shares(rig.plan("buy", "1", "limit", "99", how="best", tif="day", symbol=named[0].symbol)) == {named[1].symbol: "1"}


def test_nowhere_to_go_names_every_reason():
    rig = desk()
    rig.rule(a="never", b="never")
    rig.gap(C.symbol)
    denied = refused(rig, "buy", "1")
    assert denied.code == "route_nowhere" and all(item.symbol in denied.reason for item in THREE)


def test_a_routed_order_is_one_intent_with_ordinary_orders_as_legs():
    rig = desk(a=("1", "5"), b=("1", "5"), c=("1", "5"))
    routed = rig.send("buy", "5")
    assert routed.status is OrderStatus.FILLED and routed.filled == 5 and routed.reason == ""
    assert [leg.client_order_id for leg in routed.legs] == [leg_order_id(routed.client_order_id, number) for number in (1, 2, 3)]
    assert {leg.symbol: leg.filled for leg in routed.legs} == {A.symbol: 2, B.symbol: 2, C.symbol: 1}
    assert sum((rig.position(item.symbol) for item in THREE), D(0)) == 5
    plan = json.loads(routed.event.plan)
    assert D(plan["cost"]) == sum(fill.qty * fill.price + fill.fee for fill in rig.engine.fills)
    one = rig.records[-1]
    again = rig.engine.submit(rig.ticket("buy", "5"), "routed-1")
    assert again == [] and rig.records[-1] is one, "the same press makes no second order"
    assert rig.send("buy", "1").event.sequence == routed.event.sequence + 1


def test_a_replay_is_bit_identical_and_the_journal_explains():
    rig = desk()
    rig.rule(max_share="60")
    routed = rig.send("buy", "5")
    cold = Engine.replay(ACCOUNT, rig.time, rig.entries(), rig.view)
    assert state_hash(cold) == state_hash(rig.engine)
    assert cold.routed.by_id[routed.client_order_id].filled == 5 and rules.of(cold.routed.rules).max_share == 60
    told = [*order_lines(cold, rig.entries(), routed.client_order_id)]
    assert any("split over venues" in line for line in told) and sum(line.startswith("leg ") for line in told) == len(routed.legs)
    assert any(line.startswith("routed ") for line in fill_lines(cold, rig.entries(), rig.engine.fills[0].fill_id))


def test_a_snapshot_holds_routed_orders_rules_and_what_was_booked():
    rig = desk()
    rig.rule(max_share="60")
    routed = rig.send("buy", "8", "limit", "100.0")
    rig.take(rig.engine.book_cash({"kind": "dividend", "amount": "3", "currency": "USD"}))
    nothing = {kind: [] for kind in snapshot.KINDS}
    found = snapshot.read(snapshot.state(rig.engine, nothing, (), None))
    again = snapshot.restore(found, nothing, rig.time, rig.view)
    assert state_hash(again) == state_hash(rig.engine)
    kept = again.routed.by_id[routed.client_order_id]
    assert kept.status is routed.status and kept.filled == routed.filled and again.portfolio.income == {"USD": 3}
    (cancelled, *_) = again.cancel(routed.client_order_id)
    assert cancelled.client_order_id in kept.leg_ids


def test_routed_orders_are_parts_of_a_snapshot_wherever_it_is_cut(monkeypatch):
    rig = desk()
    for number in range(6):
        rig.send("buy", "3", "limit", f"9{number}.0")
    entries, whole = rig.entries(), state_hash(rig.engine)
    monkeypatch.setattr(snapshot, "PART", 20)
    assert snapshot.size("routed") == 2 and snapshot.complete(rig.engine, "routed") == 3
    parts = {**{kind: [] for kind in snapshot.KINDS}, "routed": ["a", "b", "c"]}
    plans = [snapshot.state(rig.engine, {**parts, "routed": names}, (), None).count(b"verdicts") for names in ([], parts["routed"])]
    assert plans == [6, 0], "what is in parts is not in the state"
    for early in range(len(entries) + 1):  # between a routed order and its legs, too
        again = through_snapshot(ACCOUNT, rig.time, entries, early, len(entries), rig.view)
        assert state_hash(again) == whole and [*again.routed.by_id] == [*rig.engine.routed.by_id]
        assert {cid: each.leg_ids for cid, each in again.routed.by_id.items()} == {cid: each.leg_ids for cid, each in rig.engine.routed.by_id.items()}


def test_one_refused_leg_proposes_none_and_frees_the_press():
    rig = desk()
    rig.take(rig.engine.risk.limit(f"instrument:{B.symbol}", "order_qty", "1", 1))
    with pytest.raises(Denied, match="Size of one order"):
        rig.send("buy", "5")
    assert not rig.engine.claims() and rig.engine.order_for("routed-1") is None and not rig.engine.routed.by_id
    assert all(not any((cell.buys, cell.sells)) for cell in rig.engine.risk.book.cells.values())


def test_the_whole_is_checked_besides_its_legs():
    rig = desk()
    rig.take(rig.engine.risk.limit("desk", "order_notional", "450", 1))
    with pytest.raises(Denied) as caught:
        rig.send("buy", "5")
    assert caught.value.code == "risk_order_notional" and caught.value.numbers["limit"] == "450"
    assert rig.send("buy", "4").filled == 4


def test_exposure_of_all_legs_counts():
    rig = desk()
    rig.take(rig.engine.risk.limit("desk", "gross_exposure", "450", 1))
    with pytest.raises(Denied) as caught:
        rig.send("buy", "5")
    assert caught.value.code == "risk_gross_exposure" and not rig.engine.claims()


@pytest.mark.parametrize(
    ("cash", "name", "value", "said"),
    [("450", "", "", "buying power"), ("10000", "gross_exposure", "450", "Gross exposure"), ("10000", "order_rate", "2", "order 3 within a second")],
)
def test_the_preview_says_what_speaks_against_all_legs_together_and_keeps_nothing(cash, name, value, said):
    rig = Venues(cash)
    for symbol, price in zip(rig.instruments, ("100.0", "101.0", "102.0"), strict=True):
        rig.book({"90": 9}, {price: 2}, symbol)
    if name:
        rig.take(rig.engine.risk.limit("desk", name, value, 1))
    ticket = {key: value for key, value in rig.ticket("buy", "6").items() if key != "route"}
    used = dict(rig.engine.risk.used)
    for _ in range(3):
        warnings = sending.preview_of(rig.engine, ticket, "split", "desk")["warnings"]
        assert [said in text for text in warnings if text.startswith(tuple(rig.instruments))] == [True], warnings
    assert not rig.engine.claims() and rig.engine.risk.used == used and not rig.engine.risk.denials
    with pytest.raises(Denied, match=said):
        rig.send("buy", "6")
    assert rig.send("buy", "2").filled == 2, "neither question nor refusal counts as an order"


def test_cancelling_the_whole_cancels_its_working_legs():
    rig = desk()
    routed = rig.send("buy", "9", "limit", "100.0")
    assert routed.status is OrderStatus.PARTIALLY_FILLED and routed.filled == 4
    rig.take(rig.engine.cancel(routed.client_order_id))
    assert routed.status is OrderStatus.CANCELLED and not routed.is_working and "legs did not fill" in routed.reason
    with pytest.raises(Denied) as caught:
        rig.engine.cancel(routed.client_order_id)
    assert caught.value.code == "not_working"


def test_a_routed_order_is_amended_leg_by_leg():
    rig = desk()
    routed = rig.send("buy", "1", "limit", "98.0", how="best")
    with pytest.raises(Denied) as caught:
        rig.engine.amend(routed.client_order_id, qty="2")
    assert caught.value.code == "routed_order"
    rig.amend(routed.legs[0], price="97.0")
    assert routed.legs[0].price == 97


def test_a_leg_that_fails_is_said_and_nothing_is_sent_elsewhere():
    rig = desk()
    sent = rig.engine.submit(rig.ticket("buy", "5"), "press")
    rig.book({"98.9": 2}, {"120.0": 2}, B.symbol)
    rig.gap(C.symbol)
    rig.take(sent)
    routed = rig.engine.routed.by_id[rig.engine.order_for("press")]
    assert routed.status is OrderStatus.CANCELLED and routed.filled == 4
    assert C.symbol in routed.reason and "cannot be trusted" in routed.reason and "Nothing is sent elsewhere" in routed.reason
    assert sum(isinstance(effect, SendOrder) for effect in rig.effects) == 3


def test_a_leg_without_an_answer_makes_the_whole_unknown_and_is_only_asked_about():
    rig = desk()
    routed = rig.send("buy", "9", "limit", "100.0")
    leg = next(leg for leg in routed.legs if leg.is_working)
    before = sum(isinstance(effect, SendOrder) for effect in rig.effects)
    rig.engine.apply(events.OrderUnknown(rig.time.now_ns(), leg.client_order_id, "no answer within 5 s"))
    assert routed.status is OrderStatus.UNKNOWN and "no answer" in routed.evidence
    assert sum(isinstance(effect, SendOrder) for effect in rig.effects) == before


def test_best_keeps_exits_and_other_types():
    rig = desk()
    routed = rig.send("buy", "1", "limit", "100.00", how="best", take_profit="110", stop_loss="90")
    assert [leg.symbol for leg in routed.legs] == [C.symbol] and routed.status is OrderStatus.FILLED
    exits = [order for order in rig.engine.orders.values() if order.intent.parent == routed.legs[0].client_order_id]
    assert len(exits) == 2 and {order.symbol for order in exits} == {C.symbol} and all(order.intent.route is None for order in exits)
    assert rig.send("buy", "1", "trailing_stop", how="best", trail="1").status is OrderStatus.HELD


@pytest.mark.parametrize(
    ("name", "value"), [("venue:a", "sometimes"), ("max_share", "0"), ("max_share", "x"), ("speed", "1"), ("max_slippage_bps", "-1"), (None, "1")]
)
def test_a_rule_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(Denied) as caught:
        desk().engine.routing_rule(name, value)
    assert caught.value.code == "bad_rule" and caught.value.remedy


def test_a_rule_is_removed_by_nothing():
    rig = desk()
    rig.rule(max_share="50", a="never")
    rig.rule(max_share="", a="")
    assert rig.engine.routed.rules == {}
