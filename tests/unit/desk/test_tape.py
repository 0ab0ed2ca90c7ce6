"""The tape: filters count exactly, runs grow in place, large trades stand out, nothing large is lost among the small."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.desk.errors import Refusal
from app.desk.tape import ROWS, TapeFeed, TapeFilter
from app.market.state import MarketState
from app.market.trades import KEPT
from app.model.instrument import Instrument
from app.model.market import Trade

ITEM = Instrument("AAA", "test", "AAA", "AAA", "USD", price_scale=2, size_scale=3)
NOW = 1_700_000_000_000_000_000


class Rig:
    def __init__(self, **wanted) -> None:
        self.market = MarketState([ITEM])
        self.feed = TapeFeed(self.market, lambda _symbol: ITEM)
        self.feed.restart("AAA")
        self.feed.use(TapeFilter(**wanted))
        self.feed.message()
        self.count = 0

    def trade(self, price: int, size: int, side: str = "buy") -> None:
        self.count += 1
        trade = Trade("AAA", NOW + self.count, NOW + self.count, price, size, side == "sell", str(self.count))
        self.market.apply([trade])
        self.feed.read()

    def rows(self) -> list[list]:
        message = self.feed.message()
        return message["rows"] if message else []


def test_plain_rows_are_as_they_always_were_with_more_behind():
    rig = Rig()
    rig.trade(10_050, 1500)
    rig.trade(10_050, 1500, "sell")
    first, second = rig.rows()
    assert first[:4] == [NOW + 1, "100.50", "1.500", "buy"] and second[:4] == [NOW + 2, "100.50", "1.500", "sell"]
    assert first[4:6] == [False, 1] and second[6] == first[6] + 1
    assert rig.feed.message() is None


def test_the_least_counts_exactly_in_either_currency():
    rig = Rig(least=Decimal("1.5"))
    for size in (1499, 1500, 1501):
        rig.trade(100_00, size)
    assert [row[2] for row in rig.rows()] == ["1.500", "1.501"]
    rig = Rig(unit="quote", least=Decimal("150.00001"))
    for size in (1499, 1500, 1501):
        rig.trade(100_00, size)
    assert [row[2] for row in rig.rows()] == ["1.501"], "1.5 at 100 is 150, less than asked for"


def test_one_side_alone():
    rig = Rig(side="sell")
    rig.trade(100, 1)
    rig.trade(100, 2, "sell")
    assert [row[3] for row in rig.rows()] == ["sell"]


def test_a_run_grows_in_its_place_also_after_it_was_told():
    rig = Rig(runs=True)
    for size in (100, 200):
        rig.trade(100_00, size)
    (row,) = rig.rows()
    assert row[2] == "0.300" and row[5] == 2
    rig.trade(100_00, 50)
    (again,) = rig.rows()
    assert again[6] == row[6] and again[2] == "0.350" and again[5] == 3 and again[0] > row[0]
    rig.trade(100_00, 1, "sell")
    rig.trade(100_01, 1, "sell")
    assert [found[5] for found in rig.rows()] == [1, 1]


def test_a_run_of_small_trades_passes_a_least_that_none_of_them_reaches():
    rig = Rig(runs=True, least=Decimal("1"))
    for _ in range(9):
        rig.trade(100_00, 100)
    assert rig.rows() == []
    rig.trade(100_00, 100)
    assert [(row[2], row[5]) for row in rig.rows()] == [("1.000", 10)]


def test_trades_of_the_other_side_end_a_run_though_they_are_not_shown():
    rig = Rig(runs=True, side="buy")
    rig.trade(100, 1)
    rig.trade(100, 1, "sell")
    rig.trade(100, 1)
    assert [row[5] for row in rig.rows()] == [1, 1]


def test_large_trades_stand_out_by_comparison_or_by_the_trader_s_own_measure():
    rig = Rig()
    for number in range(200):
        rig.trade(100, 10 + number % 7)
    assert not any(row[4] for row in rig.rows()), "ordinary ones are not large"
    rig.feed.restart("AAA")
    rig.rows()
    rig.trade(100, 5000)
    assert rig.rows()[0][4] is True
    rig = Rig(large=Decimal("0.010"))
    rig.trade(100, 9)
    rig.trade(100, 10)
    assert [row[4] for row in rig.rows()] == [False, True]


def test_a_large_trade_is_not_lost_in_a_busy_moment():
    rig = Rig(least=Decimal(1))
    rig.trade(100, 1000)
    for _ in range(10 * ROWS):
        rig.trade(100, 1)
    assert [row[2] for row in rig.rows()] == ["1.000"]


def test_the_tape_says_how_many_trades_it_does_not_have():
    rig = Rig(runs=True)
    rig.trade(100, 1000)
    number = rig.rows()[0][6]
    rig.market.apply([Trade("AAA", NOW + at, NOW + at, 100, 1, False, str(at)) for at in range(10, 10 + KEPT + 7)])
    message = rig.feed.message()
    assert message["lost"] == 7 and message["rows"][0][5:] == [KEPT, number + 1], "a run does not go on over what is missing"
    assert rig.feed.message() is None


def test_a_filter_finds_what_is_kept():
    rig = Rig()
    rig.trade(100, 1000)
    for _ in range(5 * ROWS):
        rig.trade(100, 1)
    assert len(rig.rows()) == ROWS
    rig.feed.use(TapeFilter(least=Decimal(1)))
    message = rig.feed.message()
    assert message["reset"] is True and [row[2] for row in message["rows"]] == ["1.000"]


@given(st.lists(st.tuples(st.integers(99, 101), st.integers(1, 50), st.booleans()), max_size=60))
def test_runs_sum_to_the_trades(trades):
    rig = Rig(runs=True)
    for price, size, sells in trades:
        rig.trade(price, size, "sell" if sells else "buy")
    rows = rig.rows()
    assert sum(row[5] for row in rows) == len(trades)
    assert sum(Decimal(row[2]) for row in rows) == Decimal(sum(size for _, size, _ in trades)).scaleb(-3)
    assert all((a[1], a[3]) != (b[1], b[3]) for a, b in pairwise(rows))


@pytest.mark.parametrize(("request_", "field"), [({"side": "both"}, "side"), ({"unit": "usd"}, "unit"), ({"least": "-1"}, "least"), ({"large": "x"}, "large")])
def test_what_cannot_be_used_names_its_field(request_, field):
    with pytest.raises(Refusal) as refused:
        TapeFilter.read(request_)
    assert refused.value.field == field and refused.value.remedy


async def test_the_desk_shows_the_tape_through_the_filter(desk_page):
    page = desk_page
    await page.until(lambda m: m["t"] == "tick" and m.get("tape", {}).get("rows"), "trades")
    page.messages.clear()
    await page.ask("tape.filter", side="sell")
    message = await page.until(lambda m: m["t"] == "tick" and m.get("tape", {}).get("reset"), "the tape anew")
    assert {row[3] for row in message["tape"]["rows"]} <= {"sell"}
    assert (await page.ask("tape.filter", least="many"))["error"]["field"] == "least"
