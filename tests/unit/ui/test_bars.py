"""What the chart shows is what the desk sent: order, gaps, own fills and orders."""

import math
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.desk.charts import pack
from app.ui.format import NOTHING
from app.ui.views.bars import Bars, change_tone, date_text, fill_marks, fill_texts, legend, price_text, short_time, spoken, utc_shift


def bar(moment: int, close: float = 10.0) -> list:
    return [moment, 9.0, 11.0, 8.0, close, 1.5]


def bars(*times: int, gaps=(), timeframe="1m") -> Bars:
    out = Bars()
    out.reset([bar(moment) for moment in times], gaps, timeframe)
    return out


def test_reset_sorts_and_update_tells_old_from_new():
    series = bars(120, 60)
    assert list(series.times) == [60, 120]
    assert series.update(bar(180)) is False
    assert series.update(bar(60, 12.0)) is True
    assert series.update(bar(180, 13.0)) is False
    assert series.last[4] == 13.0 and series.get(60)[4] == 12.0
    assert series.update(bar(90)) is True
    assert list(series.times) == [60, 90, 120, 180]
    assert [row[0] for row in map(series.at, range(len(series)))] == [60, 90, 120, 180]


def test_a_gap_is_empty_slots_where_no_bar_is():
    series = bars(0, 60, 300, gaps=[[60, 290, "sequence 5 to 9 missing"]])
    assert series.slots() == [120, 180]
    assert series.gap_at(120) == "sequence 5 to 9 missing"
    assert series.gap_at(300) is None


def test_a_long_gap_is_not_drawn_endlessly():
    assert len(bars(0, 10**6, gaps=[[60, 10**6, "offline"]]).slots()) == 20


def test_a_gap_at_the_live_end_waits_for_the_next_bar():
    assert bars(0, gaps=[[60, 70, "lost"]]).slots() == []


def test_a_week_of_which_a_day_is_missing_is_partly_unknown():
    day, week = 86_400, 7 * 86_400
    series = bars(0, week, 2 * week, gaps=[[5 * day, 8 * day, "no data"], [9 * day, 9 * day + 60, "lost"], [16 * day, 17 * day, "no data"]], timeframe="1w")
    assert [series.is_partly(moment) for moment in series.times] == [True, True, True]
    series = bars(0, week, 2 * week, gaps=[[6 * day, 7 * day, "no data"], [9 * day, 9 * day + 60, "lost"]], timeframe="1w")
    assert [series.is_partly(moment) for moment in series.times] == [True, False, False]
    assert not bars(0, day, gaps=[[0, day, "no data"]], timeframe="1d").is_partly(0), "a day has a bar or none"


def test_a_time_is_short_in_the_table():
    assert short_time("2024-08-08 23:54") == "08-08 23:54" and short_time("2024-08-08") == "2024-08-08" and short_time("23:54:01") == "23:54:01"


def test_neighbours_and_bar_times():
    series = bars(60, 120)
    assert series.bar_time(59) is None and series.bar_time(119) == 60 and series.bar_time(500) == 120
    assert series.before(120)[0] == 60 and series.before(60) is None
    assert Bars().last is None


def test_fills_of_one_bar_and_side_are_one_mark():
    fills = [
        {"symbol": "A", "side": "buy", "qty": "1,000.5", "ts": 61 * 10**9},
        {"symbol": "A", "side": "buy", "qty": "2", "ts": 119 * 10**9},
        {"symbol": "A", "side": "sell", "qty": "1", "ts": 130 * 10**9},
        {"symbol": "B", "side": "buy", "qty": "1", "ts": 61 * 10**9},
        {"symbol": "A", "side": "buy", "qty": "1", "ts": 1},
        {"symbol": "A", "side": "sell", "qty": "4", "ts": 10**18, "bar_ns": 130 * 10**9},
        {"symbol": "A", "side": "sell", "qty": "9", "ts": 10**18, "bar_ns": None},
    ]
    assert fill_marks(fills, "A", bars(60, 120)) == [(60, "buy", Decimal("1002.5")), (120, "sell", Decimal(5))]


def test_fills_of_a_bar_in_words():
    fills = [
        {"symbol": "A", "side": "buy", "qty": "1000.5", "price": "61800", "ts": 61 * 10**9},
        {"symbol": "A", "side": "sell", "qty": "2", "price": "61,900.5", "ts": 119 * 10**9},
        {"symbol": "B", "side": "sell", "qty": "2", "price": "1", "ts": 119 * 10**9},
    ]
    assert fill_texts(fills, "A", bars(60, 120)) == {60: "bought 1,000.5 at 61,800; sold 2 at 61,900.5"}


def test_legend_and_speech_use_the_true_minus():
    row = [60, 10.0, 11.0, 8.0, 9.0, 1234.5]
    texts = legend(row, [0, 1, 1, 1, 10.0, 1], 2, 8)
    assert texts == {
        "open": "10.00",
        "high": "11.00",
        "low": "8.00",
        "close": "9.00",
        "volume": "1,234.5000",
        "change": "−10.00 %",
    }
    assert spoken(row, "14:03", texts).startswith("14:03: down, close 9.00")
    same = legend([60, 9.0, 9.0, 9.0, 8.9999, 1], [0, 1, 1, 1, 9.0, 1], 2, 2)
    assert change_tone(texts) == "down" and (same["change"], change_tone(same)) == ("0.00 %", "flat")
    gap = legend([60, 12.0, 12.0, 11.0, 11.0, 1], [0, 1, 1, 1, 10.0, 1], 2, 2)
    assert (gap["change"], change_tone(gap)) == ("+10.00 %", "up"), "a bar that falls after a jump is still above the close before"
    assert legend(row, None, 2, 2)["change"] == "−10.00 %"
    assert price_text(-1234.5, 1) == "−1,234.5"


def test_an_unknown_volume_is_said_to_be_unknown():
    row = [60, 10.0, 11.0, 8.0, 9.0, None]
    series = Bars()
    series.reset([row, bar(120)], [], "1m")
    assert series.at(0)[:5] == row[:5] and math.isnan(series.at(0)[5]) and series.at(1)[5] == 1.5
    texts = legend(series.at(0), None, 2, 8)
    assert texts["volume"] == NOTHING and spoken(series.at(0), "14:03", texts).endswith("low 8.00, volume not known")
    assert series.update(bar(60)) is True and series.at(0)[5] == 1.5
    assert series.update([180, 10.0, 11.0, 8.0, 9.0, None]) is False and math.isnan(series.last[5])


def test_days_show_the_date_of_their_session():
    for opening, date in ((0, "1970-01-01"), (23 * 3600, "1970-01-02"), (14 * 3600 + 1800, "1970-01-01")):
        assert date_text(opening) == date
        assert (opening + utc_shift(opening, "1d")) // 86_400 == int(date[-2:]) - 1


def test_slots_of_a_gap_lie_where_bars_of_the_session_would():
    series = Bars()
    opening = 86_400 + 48_600  # 13:30
    series.reset([[opening + hour * 3600, 1, 1, 1, 1, 1] for hour in (0, 1, 4)], [[opening + 2 * 3600 + 60, opening + 4 * 3600 - 60, "lost"]], "1h")
    assert series.slots() == [opening + 2 * 3600] and series.gap_at(opening + 2 * 3600) == "lost"


@given(st.lists(st.integers(0, 500), max_size=40), st.lists(st.integers(0, 500), max_size=40))
def test_times_stay_sorted_and_match_the_rows(first, then):
    series = bars(*first)
    for moment in then:
        series.update(bar(moment))
    assert list(series.times) == sorted(set(first) | set(then)) == [int(moment) for moment in series.numbers[::6]]
    assert all(moment in series and series.get(moment) == bar(moment) for moment in series.times)


def test_packed_bars_are_the_same_bars():
    rows = [[60 * at, 1.0, 2.0, 0.5, 1.5 + at, 3.25] for at in range(50)]
    one, two = Bars(), Bars()
    one.reset(rows, [], "1m")
    two.reset([], [], "1m", pack(rows))
    assert (one.times, one.numbers) == (two.times, two.numbers) and two.last == rows[-1] and type(two.last[0]) is int


def test_walking_stops_at_either_end():
    series = bars(60, 120, 180)
    assert series.walked(None, -1) == 180 and series.walked(180, -1) == 120 and series.walked(120, -10) == 60
    assert series.walked(60, 99) == 180 and Bars().walked(None, -1) is None
