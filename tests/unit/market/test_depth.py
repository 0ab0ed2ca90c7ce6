"""Spread, microprice, imbalance, depth curve and cost, on a book small enough to reckon by hand and on any book."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.book import Book
from app.market.depth import cost, curve, imbalance, microprice, spread_bps
from app.model.instrument import Instrument
from app.model.market import BookSnapshot
from app.model.orders import Side
from app.model.units import BadNumber

ITEM = Instrument("X", "v", "x", "A", "B", 2, 3)


def book(bids, asks) -> Book:
    made = Book(ITEM)
    made.apply_snapshot(BookSnapshot("X", 0, 0, tuple(bids), tuple(asks)))
    return made


HAND = book([(9_999, 3_000), (9_990, 5_000), (9_900, 10_000)], [(10_001, 1_000), (10_010, 4_000), (10_200, 8_000)])


def test_by_hand():
    assert spread_bps(HAND) == 2
    assert microprice(HAND) == Decimal("100.0050")  # (99.99 x 1 + 100.01 x 3) / 4
    assert imbalance(HAND, 2) == pytest.approx(3 / 13)
    near, wide, all_of_it = curve(HAND, (1, 10, 1000))
    assert near[1:] == (Decimal("3.000"), Decimal("299.97000"), Decimal("1.000"), Decimal("100.01000"), True)
    assert (wide.bid_size, wide.ask_size, wide.whole) == (Decimal(8), Decimal(5), True)
    assert (all_of_it.bid_size, all_of_it.ask_size, all_of_it.whole) == (Decimal(18), Decimal(13), False)


def test_cost_of_a_size():
    found = cost(HAND, Side.BUY, Decimal(3))
    assert found.filled == 3 and found.value == Decimal("300.21") and found.average == Decimal("100.07") and found.worst == Decimal("100.10")
    assert found.slippage_bps == 7
    assert cost(HAND, Side.SELL, Decimal(3)).slippage_bps == 1
    assert cost(HAND, Side.SELL, Decimal(100)).filled == 18
    with pytest.raises(BadNumber):
        cost(HAND, Side.BUY, Decimal("0.0001"))


@pytest.mark.parametrize(("multiplier", "times"), [("50", 50), ("0", 1)])
def test_contracts_are_worth_their_multiplier_where_it_is_known(multiplier, times):
    made = Book(replace(ITEM, multiplier=Decimal(multiplier)))
    made.apply_snapshot(BookSnapshot("X", 0, 0, *(tuple(HAND.levels(side, 5)) for side in (Side.BUY, Side.SELL))))
    (near,) = curve(made, (1,))
    assert (near.bid_size, near.bid_value, near.ask_value) == (3, Decimal("299.97") * times, Decimal("100.01") * times)
    found = cost(made, Side.BUY, Decimal(3))
    assert (found.value, found.average) == (Decimal("300.21") * times, Decimal("100.07"))


def test_an_empty_side_has_no_answer():
    half = book([(1, 1)], [])
    assert spread_bps(half) is microprice(half) is imbalance(half) is cost(half, Side.BUY, Decimal(1)) is None
    assert curve(half, (1,)) == []


SIDES = st.dictionaries(st.integers(1, 500), st.integers(1, 10**6), min_size=1, max_size=120)


@given(SIDES, SIDES, st.integers(1, 10**7))
def test_on_any_book(bids, asks, size):
    made = book([(1_000 - p, q) for p, q in bids.items()], [(1_000 + p, q) for p, q in asks.items()])
    bands = (1, 10, 100, 1_000, 10_000)
    middle = Decimal(made.best_bid()[0] + made.best_ask()[0]) / 2
    for band in curve(made, bands):
        inside = [q for p, q in made.levels(Side.SELL, 1_000) if (p - middle) * 10_000 <= band.bps * middle]
        assert band.ask_size == ITEM.size(sum(inside))
        inside = [(p, q) for p, q in made.levels(Side.BUY, 1_000) if (middle - p) * 10_000 <= band.bps * middle]
        assert band.bid_value == Decimal(sum(p * q for p, q in inside)).scaleb(-5)
    found = cost(made, Side.BUY, ITEM.size(size))
    assert found.filled == ITEM.size(min(size, sum(asks.values()))) and found.slippage_bps > 0
    assert ITEM.price(made.best_ask()[0]) <= found.average <= found.worst
    assert ITEM.price(made.best_bid()[0]) - Decimal("0.01") <= microprice(made) <= ITEM.price(made.best_ask()[0]) + Decimal("0.01")
    assert -1 < imbalance(made) < 1
