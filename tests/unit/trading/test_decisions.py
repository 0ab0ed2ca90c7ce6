"""What is journalled as risk's word on an order: the limits that this order was held against, and none that it was not."""

from __future__ import annotations

import re

import pytest

from app.model.events import OrderReleased, OrderSubmitted
from app.trading.errors import Denied
from app.trading.risk.limits import RULES
from tests.unit.trading.kit import Rig
from tests.unit.trading.venues_kit import A, Venues


def limit(rig: Rig, scope: str, name: str, value: str) -> None:
    rig.take(rig.engine.risk.limit(scope, name, value, 1))


def desk() -> Rig:
    rig = Rig()
    rig.book({"99.90": 500}, {"100.10": 500})
    return rig


def words(rig: Rig, cid: str) -> str:
    """Of the submission of an order."""
    return next(e.event.decision.risk for e in rig.entries() if isinstance(e.event, OrderSubmitted) and e.event.intent.client_order_id == cid)


def count(text: str) -> int:
    return int(re.match(r"let through by (\d+) limits?(;|$)", text)[1])


def only(rig: Rig, *kept: tuple[str, str, str]) -> None:
    """No limit but these."""
    for rule in RULES.values():
        for scope in rule.defaults:
            limit(rig, scope, rule.name, "1" if rule.name == "leverage" else "")
    for each in kept:
        limit(rig, *each)


def test_limits_that_are_watched_only_are_not_counted():
    rig = desk()
    only(rig, ("account", "daily_loss", "5"), ("account", "drawdown", "5"), ("account", "maintenance", "4"))
    assert words(rig, rig.submit("buy", "limit", "1", "99").client_order_id) == "let through by 0 limits"
    limit(rig, "desk", "gross_exposure", "1000")
    limit(rig, "instrument:TOY", "restricted", "0")
    first = words(rig, rig.submit("buy", "limit", "1", "99").client_order_id)
    assert first == "let through by 1 limit; nearest: Gross exposure of the desk 200 of 1,000", "both orders, at the mark"


def test_what_reduces_is_asked_less_and_the_words_say_so():
    rig = desk()
    only(rig, ("desk", "gross_exposure", "1000"), ("instrument:TOY", "order_qty", "8"), ("desk", "quote_age", "100"))
    assert count(words(rig, rig.submit("buy", "market", "4").client_order_id)) == 3
    rig.take(rig.engine.risk.set_state("instrument:TOY", "reduce_only", 1))
    closing = words(rig, rig.submit("sell", "limit", "4", "101").client_order_id)
    assert closing == "let through by 1 limit; nearest: Size of one order of TOY 4 of 8; TOY reduce_only"


def test_a_refused_order_leaves_nothing_in_the_words_of_the_next():
    rig = desk()
    only(rig, ("desk", "order_notional", "1000"), ("desk", "gross_exposure", "300"))
    assert rig.engine.risk.objection([rig.submit("buy", "limit", "1", "99")]) is None
    with pytest.raises(Denied, match="Gross exposure"):
        rig.submit("buy", "limit", "9", "99")
    assert rig.engine.risk.used["desk", "gross_exposure"] == 100, "what a refused order would use is not used"
    assert "200 of 300" in words(rig, rig.submit("buy", "limit", "1", "99").client_order_id)


def test_orders_that_come_along_name_the_one_that_was_asked_about():
    rig = desk()
    entry = rig.submit("buy", "limit", "1", "99", take_profit="110", stop_loss="90")
    exits = [order for order in rig.engine.orders.values() if order.intent.parent == entry.client_order_id]
    assert count(words(rig, entry.client_order_id)) > 5
    assert [words(rig, order.client_order_id) for order in exits] == [f"let through with {entry.client_order_id}"] * 2


def test_the_kill_switch_and_exits_claim_no_check():
    rig = desk()
    rig.submit("buy", "market", "2", take_profit="110")
    (released,) = (entry.event for entry in rig.entries() if isinstance(entry.event, OrderReleased))
    assert released.decision.risk.startswith("no limit asked: reduce-only")
    rig.take(rig.engine.kill(True))
    (closing,) = (order for order in rig.engine.orders.values() if order.intent.origin == "kill")
    assert words(rig, closing.client_order_id).startswith("no limit asked: the kill switch")


def test_a_held_order_is_asked_about_again_and_says_what():
    rig = desk()
    only(rig, ("desk", "order_notional", "1000"), ("desk", "order_rate", "9"))
    held = rig.submit("buy", "limit_if_touched", "1", "98", "99")
    assert count(words(rig, held.client_order_id)) == 2
    rig.trade("98.50", 1, "sell")
    (released,) = (entry.event for entry in rig.entries() if isinstance(entry.event, OrderReleased))
    assert count(released.decision.risk) == 1, "it is no new order"


def test_every_leg_has_the_words_of_its_own_check():
    rig = Venues()
    for symbol, price in zip(rig.instruments, ("100", "101", "102"), strict=True):
        rig.book({"90": 9}, {price: 1}, symbol)
    for scope in (f"instrument:{A.symbol}", "desk"):
        limit(rig, scope, "gross_exposure" if scope == "desk" else "order_qty", "303" if scope == "desk" else "4")
    legs = rig.send("buy", "3").legs
    texts = {leg.symbol: words(rig, leg.client_order_id) for leg in legs}
    assert len(texts) == 3 and [count(text) for text in texts.values()] == [count(texts[A.symbol])] + [count(texts[A.symbol]) - 1] * 2
    used = [float(re.search(r"Gross exposure of the desk ([\d.]+) of 303", text)[1]) for text in texts.values()]
    assert used == sorted(used) and len(set(used)) == 3, "each leg adds to those before it"
