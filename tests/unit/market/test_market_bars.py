from __future__ import annotations

import pytest

from app.market.bars import TIMEFRAMES, BarSeries
from app.model.market import Trade
from tests.unit.market.kit import SECOND, trade

T = 1_700_000_040  # divides by 60


def series(*trades: tuple[float, int, int], timeframe: str = "1m", limit: int = 5000) -> BarSeries:
    out = BarSeries(timeframe, limit)
    for second, price, size in trades:
        out.add(trade(int((T + second) * SECOND), price, size))
    return out


def test_a_bar_holds_first_highest_lowest_last_and_sum() -> None:
    bars = series((0, 10, 1), (1, 14, 2), (2, 7, 3), (59.999, 9, 4), (60, 20, 5))
    assert bars.rows() == [(T, 10, 14, 7, 9, 10), (T + 60, 20, 20, 20, 20, 5)]
    assert bars.last == (T + 60, 20, 20, 20, 20, 5)
    assert bars.first_open == 10


def test_no_trade_no_bar() -> None:
    assert [row[0] for row in series((0, 1, 1), (180, 2, 1)).rows()] == [T, T + 180]


def test_disorder_within_a_bar_gives_the_same_bar() -> None:
    ordered = series((1, 10, 1), (2, 12, 1), (3, 8, 1), (4, 11, 1))
    shuffled = series((3, 8, 1), (1, 10, 1), (4, 11, 1), (2, 12, 1))
    assert shuffled.rows() == ordered.rows() == [(T, 10, 12, 8, 11, 4)]


def test_among_equal_times_arrival_decides() -> None:
    assert series((1, 10, 1), (1, 12, 1), (1, 11, 1)).rows() == [(T, 10, 12, 10, 11, 3)]


def test_a_late_trade_goes_into_its_own_bar_and_marks_it_changed() -> None:
    bars = series((0, 10, 1), (60, 20, 1))
    bars.take_changed()
    bars.add(trade((T + 30) * SECOND, 15, 2))
    assert bars.take_changed() == [(T, 10, 15, 10, 15, 3)]
    assert bars.rows()[1] == (T + 60, 20, 20, 20, 20, 1)


def test_a_late_trade_without_a_bar_makes_one_in_its_place() -> None:
    bars = series((0, 10, 1), (120, 20, 1), (61, 15, 2))
    assert [row[0] for row in bars.rows()] == [T, T + 60, T + 120]
    bars.add(trade((T + 121) * SECOND, 21, 1))
    assert bars.rows()[-1] == (T + 120, 20, 21, 20, 21, 2)


def test_before_the_first_bar_there_is_room_below_the_limit_only() -> None:
    bars = series((120, 20, 1), (0, 10, 1))
    assert [row[0] for row in bars.rows()] == [T, T + 120]
    full = series(*((60 * n, n + 1, 1) for n in range(30)), limit=10)
    kept = full.rows()
    full.add(trade(T * SECOND, 1, 1))
    assert full.rows() == kept
    assert full.too_late == 1
    assert len(kept) <= 13


def test_changed_bars_are_given_once() -> None:
    bars = series((0, 10, 1), (60, 11, 1))
    assert len(bars.take_changed()) == 2
    assert bars.take_changed() == []


def test_the_receive_time_stands_in_where_the_venue_sends_none() -> None:
    bars = BarSeries("1s")
    bars.add(Trade("X", 0, T * SECOND, 5, 1, False, ""))
    assert bars.rows() == [(T, 5, 5, 5, 5, 1)]


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_bars_start_on_multiples_of_their_width(timeframe: str) -> None:
    bars = series((12345, 5, 1), timeframe=timeframe)
    assert bars.rows()[0][0] % TIMEFRAMES[timeframe] == 0


def test_an_unknown_time_frame_is_refused() -> None:
    with pytest.raises(KeyError):
        BarSeries("2m")


def test_a_gap_lasts_from_the_loss_to_the_recovery() -> None:
    bars = series((0, 10, 1))
    bars.mark_gap((T + 5) * SECOND, "update 7 expected")
    bars.mark_gap((T + 9) * SECOND, "again")
    assert bars.is_in_gap
    assert bars.gaps == [(T + 5, T + 60, "update 7 expected")]
    bars.end_gap((T + 70) * SECOND)
    bars.end_gap((T + 80) * SECOND)
    assert bars.gaps == [(T + 5, T + 70, "update 7 expected")]
    bars.clear()
    assert (bars.gaps, bars.rows(), bars.is_in_gap) == ([], [], False)
