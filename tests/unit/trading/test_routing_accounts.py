"""The router between accounts: which of them, how much of it, why not the others; a journal each."""

from __future__ import annotations

import json

import pytest

from app.model.events import OrderRouted, OrderSubmitted
from app.trading.errors import Denied
from app.trading.routing import rules
from app.trading.routing.plan import LeftOut, lines
from tests.unit.trading.accounts_kit import Several, codes, legs, several
from tests.unit.trading.venues_kit import A, B, C, D

DEAR = {"a": ("50", "50"), "b": ("50", "50"), "c": ("50", "50")}


def refused(found: Several, *args, **more) -> Denied:
    with pytest.raises(Denied) as caught:
        found.plan(*args, **more)
    return caught.value


def test_the_account_with_the_lower_fee_gets_the_order():
    found = several(real=("1000000", DEAR))
    plan = found.plan("buy", "1", how="best")
    assert legs(plan) == {("first", C.symbol): "1"} and plan.cost == D("99.90")
    assert codes(plan)["real", C.symbol] == "dearer"
    cheap = several(real=("1000000", {}))
    cheap.first.view.settings = found.rigs["real"].settings
    plan = cheap.plan("buy", "1", how="best")
    assert legs(plan) == {("real", C.symbol): "1"}
    assert [(part.account, part.qty, part.real) for part in plan.parts] == [("first", 0, False), ("real", 1, True)]


def test_equal_accounts_the_one_that_the_order_is_for():
    assert legs(several(real=("1000000", {})).plan("buy", "1", how="best")) == {("first", C.symbol): "1"}


def test_two_accounts_share_one_book_and_nothing_counts_twice():
    """A alone shows six: two accounts have no twelve of it."""
    found = several(real=("1000000", {}))
    for name in "bc":
        found.rule(**{name: "never"})
    assert legs(found.plan("buy", "6")) == {("first", A.symbol): "6"}
    denied = refused(found, "buy", "7")
    assert denied.code == "route_depth" and "Only 6 of 7" in denied.reason


def test_buying_power_of_both_is_used_and_the_book_is_walked_once():
    found = several("205", real=("1000000", DEAR))
    for name in "bc":
        found.rule(**{name: "never"})
    plan = found.plan("buy", "4")
    assert legs(plan) == {("first", A.symbol): "2.047", ("real", A.symbol): "1.953"}, "what the first can pay, the rest in the other"
    walked = D(1) * 100 + D("3") * D("100.10")
    assert plan.notional == walked and plan.cost == walked + D("1.953") * D("100.10") * 50 / 10_000
    assert sum(part.cost for part in plan.parts) == plan.cost
    best = found.plan("buy", "4", how="best")
    assert legs(best) == {("real", A.symbol): "4"} and codes(best)["first", A.symbol] == "power"
    assert any("the account can carry 2.047 BTC of it" in line for line in lines(best.to_wire()))


def test_an_account_without_power_is_named():
    found = several("0.05", real=("1000000", {}))
    plan = found.plan("buy", "1")
    assert {*legs(plan)} == {("real", C.symbol)}
    assert codes(plan)["first", A.symbol] == "power"
    denied = refused(several("0.05", real=("0.05", {})), "buy", "1")
    assert denied.code == "route_nowhere" and f"{A.symbol} in First: its buying power carries nothing of it" in denied.reason


def test_an_account_whose_limit_denies_is_left_out_with_the_reason():
    found = several(real=("1000000", DEAR))
    found.first.take(found.first.engine.risk.limit("account", "order_notional", "50", found.first.time.now_ns()))
    plan = found.plan("buy", "1")
    assert legs(plan) == {("real", C.symbol): "1"}
    verdict = next(row for row in plan.verdicts if row.account == "first" and row.symbol == C.symbol)
    assert verdict.code == "refused" and "limit of the account is 50" in verdict.words
    assert not found.first.engine.claims() and not found.first.engine.risk.denials, "a question leaves nothing"
    found.first.take(found.first.engine.risk.set_state("account", "halted", found.first.time.now_ns()))
    assert "halted" in next(row.words for row in found.plan("buy", "1").verdicts if row.account == "first" and row.symbol == C.symbol)


def test_a_limit_of_the_whole_desk_counts_the_parts_of_every_account():
    found = several("205", real=("1000000", {}))
    for rig in found.rigs.values():
        rig.take(rig.engine.risk.limit("desk", "order_notional", "350", rig.time.now_ns()))
    denied = refused(found, "buy", "4")
    assert denied.code == "route_nowhere" and "limit of the desk is 350" in denied.reason
    assert len({account for account, _ in legs(found.plan("buy", "3"))}) == 2


def test_reducing_goes_to_the_account_that_holds_the_position():
    found = several(real=("1000000", DEAR))
    found.rigs["real"].take(found.rigs["real"].engine.submit({**found.ticket("buy", "3"), "symbol": A.symbol}, "there"))
    assert found.rigs["real"].position(A.symbol) == 3
    plan = found.plan("sell", "2", reduce_only=True)
    assert legs(plan) == {("real", A.symbol): "2"} and codes(plan)["first", A.symbol] == "no_position"
    assert legs(found.plan("sell", "2")) == {("real", A.symbol): "2"}, "what is held is closed before anything is opened"
    denied = refused(found, "sell", "4", reduce_only=True)
    assert denied.code == "route_depth" and "Only 3 of 4" in denied.reason


def test_what_an_account_does_not_take_or_trade_is_said():
    found = several(real=("1000000", {}))
    place = found.place("real")
    object.__setattr__(place, "types", frozenset({"limit"}))
    found.place = lambda name, usual=found.place: place if name == "real" else usual(name)
    assert "it takes no market orders" in next(row.words for row in found.plan("buy", "1").verdicts if row.account == "real")
    found = several(real=("1000000", {}))
    found.rigs["real"].view.trades_at = frozenset({"b"})
    rows = {row.symbol: row.words for row in found.plan("buy", "1").verdicts if row.account == "real"}
    assert rows[A.symbol] == "this account does not trade there" and "does not trade" not in rows[B.symbol]


def test_the_execution_of_an_account_may_refuse():
    found = several(real=("1000000", {}))
    found.first.view.settings = several(real=("1", DEAR)).rigs["real"].settings
    assert legs(found.plan("buy", "1", how="best")) == {("real", C.symbol): "1"}
    found.rigs["real"].venue.refusal = lambda _intent: ("not_armed", None, "Real orders are not armed.", "Arm them.")
    plan = found.plan("buy", "1", how="best")
    assert legs(plan) == {("first", C.symbol): "1"}
    assert any(f"{C.symbol} in Real (real money): Real orders are not armed." in line for line in lines(plan.to_wire()))


def test_accounts_left_out_before_are_told_in_the_plan_and_in_a_refusal():
    found = several()
    found.left_out.append(LeftOut("real", "Real", True, "real orders are not armed"))
    told = lines(found.plan("buy", "1").to_wire())
    assert told[1] == "Of it 1 BTC in First." and "Account Real (real money) is left out: real orders are not armed." in told
    assert "Left out: Real (real money) (real orders are not armed)." in refused(found, "buy", "100").reason


def test_each_journal_has_its_legs_the_whole_plan_and_the_other_part():
    found = several("205", real=("1000000", DEAR))
    for name in "bc":
        found.rule(**{name: "never"})
    done = found.send("buy", "4")
    assert {name: routed.event.qty for name, routed in done.items()} == {"first": D("2.047"), "real": D("1.953")}
    plans = [json.loads(routed.event.plan) for routed in done.values()]
    assert plans[0] == plans[1] and D(plans[0]["qty"]) == 4
    assert {part["account"]: part["client_order_id"] for part in plans[0]["parts"]} == {name: routed.client_order_id for name, routed in done.items()}
    for name, routed in done.items():
        assert [leg.qty for leg in routed.legs] == [routed.event.qty] and routed.status.value == "filled"
        kinds = [type(entry.event) for entry in found.rigs[name].entries() if isinstance(entry.event, (OrderRouted, OrderSubmitted))]
        assert kinds == [OrderRouted, OrderSubmitted]
        assert sum(OrderRouted is type(entry.event) for entry in found.rigs[name].entries()) == 1
    found.check_replays()
    told = found.first.engine.routed.by_id[done["first"].client_order_id]
    assert lines(json.loads(told.event.plan))[1] == "Of it 2.047 BTC in First; 1.953 BTC in Real (real money)."


def test_all_legs_are_proposed_or_none_and_a_token_stands_in_each_account():
    found = several("205", real=("1000000", {}))
    sends = found.propose("buy", "4", names=())
    assert {each.place.name for each in sends} == {"first", "real"}
    for each in sends:
        assert each.place.engine.order_for("press-1") == each.part.client_order_id and each.place.engine.claims()
    for each in sends:
        each.abandon()
        assert each.place.engine.order_for("press-1") is None and not each.place.engine.claims()


def test_what_was_given_up_twice_leaves_the_next_order_that_got_its_id():
    found = several("205", real=("1000000", {}))
    first = found.propose("buy", "4", names=())
    for each in first:
        each.abandon()
    second = found.propose("buy", "4", names=())
    assert [each.orders[0].client_order_id for each in first] == [each.orders[0].client_order_id for each in second]
    for each in first:
        each.abandon()  # the writer gave it up when the write failed, who waited for it does so later
    for each in second:
        assert each.place.engine.order_for("press-2") == each.part.client_order_id and each.place.engine.claims()


def test_a_split_gives_one_listing_its_largest_share_over_all_accounts():
    found = several("150", real=("1000000", DEAR))
    found.rule(b="never", max_share="60")
    by_symbol: dict[str, D] = {}
    plan = found.plan("buy", "4")
    for leg in plan.legs:
        by_symbol[leg.symbol] = by_symbol.get(leg.symbol, D(0)) + leg.qty
    assert by_symbol == {A.symbol: D("2.4"), C.symbol: D("1.6")}, "C is dearer by far once its first is gone"
    assert len(plan.legs) > len(by_symbol), "two accounts in one book"


def test_the_rule_of_accounts_is_read():
    assert rules.read("accounts", "paper, binance,paper") == ("accounts", "paper,binance")
    assert rules.read("accounts", "") == ("accounts", None)
    assert rules.accounts_of({"accounts": "paper,binance"}) == ("paper", "binance") and rules.accounts_of({}) == ()
    for wrong in ("a,,b", "a b", 5, ",".join(f"a{number}" for number in range(11))):
        with pytest.raises(Denied) as caught:
            rules.read("accounts", wrong)
        assert caught.value.field == "accounts"
