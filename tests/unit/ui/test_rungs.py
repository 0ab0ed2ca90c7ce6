"""The ladder's rungs: what lies where, and when the market has left the middle."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.rungs import STEPS, Ladder

D = Decimal
TICK = D("0.010")  # as venues write it: the zero is no decimal of the price


def levels(*pairs: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    return [(D(price), D(size)) for price, size in pairs]


BIDS = levels(("100.03", "1"), ("100.01", "2"), ("99.98", "4"))
ASKS = levels(("100.04", "3"), ("100.11", "5"))


def test_a_step_of_one_tick_shows_each_level_at_its_price():
    ladder = Ladder(TICK, 21)
    assert ladder.choose_step(BIDS, ASKS) == 1 and ladder.centre(D("100.03"), D("100.04"))
    rungs = {rung.price: rung for rung in ladder.rungs(BIDS, ASKS, [])}
    assert (rungs[D("100.03")].bid, rungs[D("100.04")].ask, rungs[D("99.98")].bid, rungs[D("100.11")].ask) == (1, 3, 4, 5)
    assert ladder.text_of(10) == "100.03"


def test_wider_steps_group_so_that_a_rung_is_a_price_it_could_be_had_at():
    ladder = Ladder(TICK, 20)
    ladder.use_step(10)
    ladder.centre(D("100.03"), D("100.04"))
    own = [("a", "buy", D("99.95"), D("1")), ("b", "sell", D("100.15"), D("2"))]
    rungs = {rung.price: rung for rung in ladder.rungs(BIDS, ASKS, own)}
    assert (rungs[D("100.00")].bid, rungs[D("99.90")].bid) == (3, 4)
    assert (rungs[D("100.10")].ask, rungs[D("100.20")].ask) == (3, 5)
    assert rungs[D("99.90")].buys == [("a", 1)] and rungs[D("100.20")].sells == [("b", 2)]


def test_the_step_is_the_smallest_that_shows_every_level():
    ladder = Ladder(TICK, 12)
    assert ladder.choose_step(levels(("100", "1"), ("99", "1")), levels(("100.5", "1"))) == 20
    assert ladder.choose_step([], []) == 1
    assert ladder.choose_step(levels(("1000000", "1")), levels(("2000000", "1"))) == STEPS[-1]
    with pytest.raises(ValueError, match="not offered"):
        ladder.use_step(3)


def test_the_market_leaves_the_middle_then_the_ladder():
    ladder = Ladder(TICK, 20)
    assert not ladder.is_central(D("100"), D("100.01")) and not ladder.centre(None, None) and ladder.rungs(BIDS, ASKS, []) == []
    ladder.centre(D("100"), D("100.01"))
    assert ladder.is_central(D("100.03"), D("100.04")) and not ladder.is_central(D("100.06"), D("100.07"))
    assert ladder.is_visible(D("100.06"), D("100.07")) and not ladder.is_visible(D("100.50"), D("100.51"))
    assert ladder.centre(D("100.50"), None) and ladder.is_visible(D("100.50"), None) and ladder.is_visible(None, None)


prices = st.integers(1, 400)


@given(st.lists(prices, min_size=1, max_size=15, unique=True), st.lists(prices, min_size=1, max_size=15, unique=True), st.sampled_from(STEPS[:7]))
def test_nothing_is_lost_or_shown_twice_and_sides_never_share_a_rung(below, above, step):
    bids = [(TICK * n, D(n)) for n in sorted(below, reverse=True)]
    asks = [(TICK * (400 + n), D(n)) for n in sorted(above)]
    ladder = Ladder(TICK, 2_000)
    ladder.use_step(step)
    ladder.centre(bids[0][0], asks[0][0])
    rungs = ladder.rungs(bids, asks, [])
    assert sum(rung.bid for rung in rungs) == sum(below) and sum(rung.ask for rung in rungs) == sum(above)
    assert not any(rung.bid and rung.ask for rung in rungs)
    for price, _size in bids:
        assert any(rung.bid and rung.price <= price < rung.price + TICK * step for rung in rungs)
    assert ladder.is_visible(bids[0][0], asks[0][0])
