"""Risk: every limit with its code and numbers, the three states, the kill switch, and what is watched between orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.model.events import OrderDenied, RiskStateSet
from app.model.orders import OrderStatus
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.money import plain
from app.trading.preview import preview
from app.trading.risk.gate import RiskDenied
from app.trading.risk.limits import HALTED, NORMAL, REDUCE_ONLY, RULES, read_limit, within_hours
from app.trading.risk.view import report, states
from app.trading.risk.watch import Watch
from tests.unit.trading.kit import ACCOUNT, TOY, Rig, fields

BIDS = {"99.90": 500, "99.80": 1000}
ASKS = {"100.10": 500, "100.20": 1000}
EURO = replace(TOY, symbol="EURO", quote="EUR")


@pytest.fixture
def rig() -> Rig:
    rig = Rig(instruments=(TOY, replace(TOY, symbol="TWO")))
    for symbol in ("TOY", "TWO"):
        rig.book(BIDS, ASKS, symbol)
    return rig


def limit(rig: Rig, scope: str, name: str, value: str | None) -> None:
    rig.take(rig.engine.risk.limit(scope, name, value, rig.time.now_ns()))


def set_state(rig: Rig, scope: str, state: str) -> None:
    rig.take(rig.engine.risk.set_state(scope, state, rig.time.now_ns()))


def denied(rig: Rig, *ticket, **more) -> RiskDenied:
    with pytest.raises(Denied) as caught:
        rig.submit(*ticket, **more)
    assert caught.value.reason and caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("scope", "name", "value", "ticket", "used"),
    [
        ("instrument:TOY", "order_qty", "5", ("buy", "limit", "5.001", "99"), "5.001"),
        ("instrument:*", "order_qty", "5", ("buy", "market", "6"), "6"),
        ("desk", "order_notional", "990", ("buy", "limit", "10.001", "99"), "990.099"),
        ("account", "order_notional", "990", ("sell", "limit", "9.9", "101"), "999.9"),
        ("strategy:desk", "order_notional", "990", ("buy", "limit", "10.001", "99"), "990.099"),
        ("instrument:TOY", "position", "1000", ("buy", "limit", "10.1", "99"), "1010"),
        ("desk", "gross_exposure", "1000", ("sell", "limit", "10.1", "101"), "1010"),
        ("account", "net_exposure", "1000", ("buy", "limit", "10.1", "99"), "1010"),
        ("strategy:desk", "gross_exposure", "1000", ("buy", "limit", "10.1", "99"), "1010"),
        ("strategy:*", "net_exposure", "1000", ("buy", "limit", "10.1", "99"), "1010"),
        ("desk", "collar", "1", ("buy", "limit", "1", "102"), "1.8981019"),
        ("instrument:TOY", "collar", "1", ("sell", "limit", "1", "98"), "1.9019019"),
        ("instrument:TOY", "collar", "0.05", ("buy", "market", "600"), "0.0999001"),
        ("desk", "collar", "1", ("buy", "stop_limit", "1", "103", "101"), "1.98019802"),
        ("desk", "order_rate", "0", ("buy", "limit", "1", "99"), "1"),
        ("instrument:TOY", "duplicates", "0", ("buy", "limit", "1", "99"), "1"),
    ],
)
def test_a_limit_denies_with_its_code_and_the_numbers(rig, scope, name, value, ticket, used):
    limit(rig, scope, name, value)
    error = denied(rig, *ticket)
    assert error.code == f"risk_{name}" and not rig.engine.orders
    assert error.numbers["limit"] == value and error.numbers["used"] == used
    wanted = scope.replace("*", "TOY" if scope.startswith("instrument") else "desk")
    assert error.numbers["scope"] == wanted and error.to_wire()["numbers"] == error.numbers
    limit(rig, scope, name, "")
    assert rig.submit(*ticket).client_order_id in rig.engine.orders
    limit(rig, scope, name, None)
    assert (scope, name) not in rig.engine.risk.limits


def test_the_words_of_a_denial_tell_a_small_number_from_its_limit(rig):
    limit(rig, "instrument:TOY", "order_qty", "0.001")
    assert str(denied(rig, "buy", "limit", "0.002", "99")).startswith("Size of one order would be 0.002 TOY, the limit of TOY is 0.001 TOY.")


def test_the_preview_says_before_the_press_what_a_limit_forbids(rig):
    limit(rig, "desk", "order_notional", "100")
    warnings = preview(rig.engine, fields("buy", "limit", "2", "99")).warnings
    assert any("the limit of the desk is 100 USDT" in text for text in warnings) and not rig.engine.risk.denials
    assert not any("limit of" in text for text in preview(rig.engine, fields("buy", "limit", "1", "99")).warnings)


def test_exactly_at_the_limit_is_within_it(rig):
    limit(rig, "desk", "order_notional", "990")
    limit(rig, "instrument:TOY", "position", "1000")
    assert rig.submit("buy", "limit", "10", "99").is_working


def test_the_remedy_names_the_largest_quantity(rig):
    limit(rig, "desk", "order_notional", "1000")
    assert "Use at most 10.101," in denied(rig, "buy", "limit", "12", "99").remedy


@pytest.mark.parametrize("name", ["position", "gross_exposure", "net_exposure"])
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("held", ["", "buy", "sell"])
@pytest.mark.parametrize("works", ["", "buy", "sell"])
def test_of_exposure_too_the_largest_quantity_that_passes_is_named(rig, name, side, held, works):
    prices = {"buy": "99", "sell": "101"}
    if held:
        rig.submit(held, "market", "2")
    if works:
        rig.submit(works, "limit", "1.5", prices[works])
    limit(rig, "instrument:TOY" if name == "position" else "account", name, "1000")
    error = denied(rig, side, "limit", "15", prices[side])
    assert error.code == f"risk_{name}"
    most = Decimal(error.remedy.removeprefix("Use at most ").split(",")[0])
    assert 0 < most < 15
    over = plain(most + rig.engine.view.instruments["TOY"].lot_size)
    assert denied(rig, side, "limit", over, prices[side]).code == error.code
    assert rig.submit(side, "limit", plain(most), prices[side]).is_working


def test_where_no_quantity_passes_only_the_limit_is_named(rig):
    rig.submit("buy", "market", "9")
    limit(rig, "account", "gross_exposure", "500")
    assert denied(rig, "buy", "limit", "1", "99").remedy == "Change the limit on the risk page."


def test_the_largest_quantity_of_an_amended_order_is_that_of_the_whole_order(rig):
    limit(rig, "account", "gross_exposure", "1000")
    first = rig.submit("buy", "limit", "4", "99")
    rig.submit("buy", "limit", "3", "99")
    with pytest.raises(Denied) as caught:
        rig.amend(first, qty="8")
    assert caught.value.remedy.startswith("Use at most 7,")


def test_a_drawdown_of_more_than_all_is_refused():
    assert read_limit("account", "drawdown", "100") == ("account", "drawdown", "100")
    with pytest.raises(Denied) as caught:
        read_limit("account", "drawdown", "150")
    assert caught.value.field == "value" and "Drawdown" in caught.value.reason and caught.value.remedy == "Use a number from 0 to 100."


def test_working_orders_count_and_what_reduces_is_let_through(rig):
    limit(rig, "instrument:TOY", "position", "1000")
    first = rig.submit("buy", "limit", "6", "99")
    assert denied(rig, "buy", "limit", "5", "99").code == "risk_position"
    assert rig.submit("buy", "limit", "5", "99", symbol="TWO").is_working
    rig.cancel(first)
    rig.submit("buy", "market", "10")
    limit(rig, "instrument:TOY", "position", "10")
    assert denied(rig, "buy", "limit", "1", "99").code == "risk_position"
    assert rig.submit("sell", "limit", "4", "101").is_working
    assert rig.submit("sell", "limit", "6", "101").is_working
    assert denied(rig, "sell", "limit", "20", "101").code == "risk_position", "it would turn the position round"


def test_amendments_are_checked_and_smaller_ones_are_free(rig):
    order = rig.submit("buy", "limit", "6", "99")
    limit(rig, "instrument:TOY", "position", "700")
    with pytest.raises(Denied) as caught:
        rig.amend(order, qty="8")
    assert caught.value.code == "risk_position"
    limit(rig, "desk", "order_notional", "1")
    rig.amend(order, qty="5")
    assert order.qty == 5


def test_an_intent_on_its_way_counts_and_an_abandoned_one_does_not(rig):
    limit(rig, "instrument:TOY", "position", "1000")
    (event,) = rig.engine.submit(fields("buy", "limit", "9", "99"), "a")
    with pytest.raises(Denied):
        rig.engine.submit(fields("buy", "limit", "9", "99"), "b")
    rig.engine.abandon(event.intent.client_order_id)
    assert rig.engine.submit(fields("buy", "limit", "9", "99"), "b")


def test_rate_and_duplicates_are_counted_within_a_second(rig):
    limit(rig, "desk", "order_rate", "3")
    limit(rig, "desk", "duplicates", "2")
    for _ in range(2):
        rig.submit("buy", "limit", "1", "99")
    assert denied(rig, "buy", "limit", "1", "99").code == "risk_duplicates"
    rig.submit("buy", "limit", "2", "99")
    assert denied(rig, "buy", "limit", "3", "99").code == "risk_order_rate"
    rig.time.advance(1)
    assert rig.submit("buy", "limit", "1", "99").is_working


def test_old_prices_restricted_instruments_and_hours(rig):
    limit(rig, "desk", "quote_age", "10")
    rig.time.advance(11)
    error = denied(rig, "buy", "limit", "1", "99")
    assert error.code == "risk_quote_age" and "11.0 s" in error.reason
    limit(rig, "desk", "quote_age", "")
    limit(rig, "instrument:TOY", "restricted", "1")
    assert denied(rig, "buy", "limit", "1", "99").code == "risk_restricted"
    assert rig.submit("buy", "limit", "1", "99", symbol="TWO").is_working
    limit(rig, "instrument:TOY", "restricted", "0")
    minute = rig.time.now_ns() // (60 * 10**9) % 1440
    limit(rig, "desk", "hours", f"{(minute // 60 + 1) % 24:02}:00-{(minute // 60 + 2) % 24:02}:00")
    assert denied(rig, "buy", "limit", "1", "99").code == "risk_hours"


def test_hours_may_go_through_midnight():
    hour = 3600 * 10**9
    assert [within_hours("22:00-02:00", at * hour) for at in (21, 22, 1, 2)] == [False, True, True, False]
    assert [within_hours("08:00-09:30", at * hour // 2) for at in (15, 16, 18, 19)] == [False, True, True, False]


@pytest.mark.parametrize("scope", ["desk", "account", "strategy:desk", "instrument:TOY"])
def test_the_three_states_of_every_scope(rig, scope):
    rig.submit("buy", "market", "5")
    set_state(rig, scope, REDUCE_ONLY)
    assert denied(rig, "buy", "limit", "1", "99").code == "risk_reduce_only"
    assert denied(rig, "sell", "market", "6").code == "risk_reduce_only"
    assert rig.submit("sell", "market", "2").filled == 2
    set_state(rig, scope, HALTED)
    assert denied(rig, "sell", "market", "1").code == "risk_halted"
    assert denied(rig, "sell", "market", "1", reduce_only=True).code == "risk_halted"
    (row,) = states(rig.engine)
    assert (row["scope"], row["state"], row["rule"]) == (scope, HALTED, "trader") and row["lifts"]
    rig.restart()
    assert denied(rig, "sell", "market", "1").code == "risk_halted", "states are journalled"
    set_state(rig, scope, NORMAL)
    assert rig.submit("sell", "market", "1").filled == 1


def test_another_scope_is_not_concerned(rig):
    set_state(rig, "instrument:TWO", HALTED)
    set_state(rig, "strategy:other", HALTED)
    assert rig.submit("buy", "limit", "1", "99").is_working


def test_states_and_limits_that_do_not_exist_are_refused(rig):
    for scope in ("moon", "instrument", "instrument:", "desk:x", None, "strategy:" + "x" * 90):
        with pytest.raises(Denied):
            rig.engine.risk.set_state(scope, HALTED, 1)
    for bad in (("desk", "position", "1"), ("desk", "nothing", "1"), ("desk", "collar", "-1"), ("desk", "collar", "abc"), ("desk", "hours", "8-9")):
        with pytest.raises(Denied):
            read_limit(*bad)
    with pytest.raises(Denied):
        rig.engine.risk.set_state("desk", "asleep", 1)
    with pytest.raises(Denied) as caught:
        rig.engine.risk.set_state("desk", NORMAL, 1)
    assert caught.value.code == "not_set"


@pytest.mark.parametrize("flatten", [False, True])
def test_the_kill_switch_cancels_all_flattens_and_stays(rig, flatten):
    rig.submit("buy", "market", "5")
    rig.submit("sell", "market", "3", symbol="TWO")
    resting = rig.submit("buy", "limit", "1", "99")
    held = rig.submit("buy", "limit_if_touched", "1", "98", "99")
    rig.take(rig.engine.kill(flatten))
    assert resting.status is held.status is OrderStatus.CANCELLED and held.sent_ns is None
    assert resting.reason == held.reason == "cancelled by the kill switch"
    assert (rig.position(), rig.position("TWO")) == ((0, 0) if flatten else (5, -3))
    assert denied(rig, "buy", "limit", "1", "99").code == "risk_halted"
    rig.restart()
    assert denied(rig, "buy", "limit", "1", "99").code == "risk_halted"
    rig.take(rig.engine.kill(True))
    assert (rig.position(), rig.position("TWO")) == (0, 0), "it may be pressed again to flatten"
    set_state(rig, "desk", NORMAL)
    assert rig.submit("buy", "limit", "1", "99").is_working and not rig.engine.anomalies


def test_a_held_order_is_denied_when_it_is_to_be_sent_while_halted(rig):
    held = rig.submit("buy", "limit_if_touched", "1", "98", "99")
    set_state(rig, "instrument:TOY", HALTED)
    rig.trade("98.50", 1, "sell")
    assert held.status is OrderStatus.DENIED and held.code == "risk_halted" and held.sent_ns is None
    assert any(isinstance(entry.event, OrderDenied) for entry in rig.entries())


def test_a_loss_makes_the_account_reduce_only_and_cancels_what_would_open(rig):
    watch = Watch()
    limit(rig, "account", "daily_loss", "100")
    opening, closing = rig.submit("buy", "limit", "1", "99"), None
    rig.submit("buy", "market", "5")
    closing = rig.submit("sell", "limit", "5", "101", reduce_only=True)
    assert watch.look(rig.engine, Decimal(100_000), Decimal(-100), 1) == []
    rig.take(watch.look(rig.engine, Decimal(99_899), Decimal("-100.01"), 2))
    assert opening.status is OrderStatus.CANCELLED and closing.is_working
    assert denied(rig, "buy", "limit", "1", "99").code == "risk_reduce_only"
    assert watch.look(rig.engine, Decimal(99_899), Decimal("-100.01"), 3) == [], "said once"
    with pytest.raises(Denied) as caught:
        set_state(rig, "account", NORMAL)
    assert caught.value.code == "risk_still_breached"
    rig.take(watch.look(rig.engine, Decimal(99_950), Decimal("-50"), 4))
    assert "account" not in rig.engine.risk.states
    rig.take(watch.look(rig.engine, Decimal(99_000), Decimal("-1000"), 5))
    limit(rig, "account", "daily_loss", "5000")
    set_state(rig, "account", NORMAL)
    assert rig.submit("buy", "limit", "1", "99").is_working


def test_a_drawdown_halts_until_it_is_lifted_by_hand(rig):
    watch = Watch()
    limit(rig, "account", "drawdown", "10")
    order = rig.submit("buy", "limit", "1", "99")
    watch.look(rig.engine, Decimal(100_000), Decimal(0), 1)
    watch.look(rig.engine, Decimal(120_000), Decimal(0), 2)
    rig.take(watch.look(rig.engine, Decimal(107_000), Decimal(0), 3))
    assert rig.engine.risk.states["account"].state == HALTED and order.status is OrderStatus.CANCELLED
    rig.take(watch.look(rig.engine, Decimal(130_000), Decimal(0), 4))
    assert rig.engine.risk.states["account"].rule == "drawdown", "a recovery does not lift it"
    set_state(rig, "account", NORMAL)
    watch.restart()
    assert watch.look(rig.engine, Decimal(100_000), Decimal(0), 5) == []


@pytest.mark.parametrize("amount", [Decimal(-60_000), Decimal(-100), Decimal(1), Decimal(900_000)])
def test_what_comes_or_goes_is_no_drawdown_and_forgives_none(rig, amount):
    watch = Watch()
    limit(rig, "account", "drawdown", "10")
    watch.look(rig.engine, Decimal(100_000), Decimal(0), 1)
    watch.look(rig.engine, Decimal(92_000), Decimal(0), 2)
    after = 92_000 + amount
    watch.moved(amount, after)
    assert watch.look(rig.engine, after, Decimal(0), 3) == [] and round(rig.engine.risk.used["account", "drawdown"], 6) == 8
    assert watch.look(rig.engine, after * Decimal("0.979"), Decimal(0), 4) == []
    rig.take(watch.look(rig.engine, after * Decimal("0.978"), Decimal(0), 5))
    assert rig.engine.risk.states["account"].rule == "drawdown"


def test_an_account_that_was_empty_has_no_highest_equity(rig):
    watch = Watch()
    watch.look(rig.engine, Decimal(100), Decimal(0), 1)
    watch.moved(Decimal(-100), Decimal(0))
    watch.moved(Decimal(50), Decimal(50))
    assert watch.look(rig.engine, Decimal(50), Decimal(0), 2) == [] and watch.peak == 50


def test_exposure_that_the_market_moved_past_its_limit(rig):
    watch = Watch()
    rig.submit("buy", "market", "10")
    limit(rig, "instrument:TOY", "position", "1100")
    limit(rig, "desk", "gross_exposure", "1100")
    assert watch.look(rig.engine, Decimal(1), Decimal(0), 1) == []
    rig.book({"110": 5}, {"112": 5})
    rig.take(watch.look(rig.engine, Decimal(1), Decimal(0), 2))
    assert {scope: state.rule for scope, state in rig.engine.risk.states.items()} == {"desk": "gross_exposure", "instrument:TOY": "position"}
    rig.book({"105": 5}, {"107": 5})
    assert watch.look(rig.engine, Decimal(1), Decimal(0), 3) == [], "not yet below 95 %"
    rig.book({"103": 5}, {"105": 5})
    found = watch.look(rig.engine, Decimal(1), Decimal(0), 4)
    assert [(event.scope, event.state) for event in found if isinstance(event, RiskStateSet)] == [("desk", NORMAL), ("instrument:TOY", NORMAL)]


def test_amounts_are_in_the_currency_of_the_account():
    rig = Rig(instruments=(EURO, replace(TOY, symbol="EURUSDT", base="EUR", quote="USDT")))
    rig.book({"1.99": 5}, {"2.01": 5}, "EURUSDT")
    rig.book(BIDS, ASKS, "EURO")
    limit(rig, "desk", "order_notional", "1000")
    assert denied(rig, "buy", "limit", "6", "99", symbol="EURO").numbers["used"] == "1188"
    rig.submit("buy", "limit", "5", "99", symbol="EURO")
    assert rig.engine.risk.book.totals("").gross == 1000


def test_replay_makes_the_same_risk_and_the_report_shows_every_limit(rig):
    limit(rig, "instrument:TOY", "order_qty", "50")
    set_state(rig, "instrument:TWO", REDUCE_ONLY)
    rig.submit("buy", "market", "5")
    again = Engine.replay(ACCOUNT, rig.time, rig.entries(), rig.view)
    assert state_hash(again) == state_hash(rig.engine)
    assert again.risk.book.totals("").gross == rig.engine.risk.book.totals("").gross == 500
    denied(rig, "buy", "market", "51")
    found = report(rig.engine)
    rows = {(row["scope"], row["name"]): row for row in found["limits"]}
    assert rows["instrument:TOY", "order_qty"]["value"] == "50" and rows["instrument:TOY", "order_qty"]["fraction"] > 1
    assert {name for _, name in rows} == set(RULES)
    assert found["denials"][0]["code"] == "risk_order_qty" and found["states"][0]["scope"] == "instrument:TWO"
