"""Every row of "Stored history and live bars" in docs/bars.md."""

from __future__ import annotations

import re
from array import array
from datetime import UTC, datetime
from math import isnan
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.history.backfill import BETWEEN, MOST, Held, choose, drawn, fine, joined, merge
from app.history.periods import merge_periods, periods
from app.history.series import UNKNOWN, Note, Series
from app.history.store import READABLE, Stored
from app.market.frames import UTC_DAY, Session, bounds
from tests.unit.history.kit import walk

RULES = Path(__file__).resolve().parents[3] / "docs" / "bars.md"
M = 60


def bars(*minutes: int, price: float = 1.0) -> list[tuple]:
    return [(minute * M, price, price, price, price, 1.0) for minute in minutes]


def held(*minutes: int, gaps: tuple = (), price: float = 1.0, step: int = M) -> Held:
    return Held("X", "1m", bars(*minutes, price=price), list(gaps), step)


def shown(merged) -> list[tuple[int, float]]:
    return [(row[0] // M, row[1]) for row in merged.rows]


def stored(timeframe: str, last: int = 1, symbol: str = "X") -> Stored:
    return Stored(f"{timeframe}{last}", READABLE, "s", symbol, timeframe, 1, 0, last, 1, 0, "{}", ())


def test_h1_which_series_is_shown() -> None:
    there = [stored("1m"), stored("5m"), stored("1h", 1), stored("1h", 2), stored("1d"), stored("1M"), stored("3m", symbol="Y")]

    def chosen(timeframe: str) -> str | None:
        found = choose(there, "X", timeframe)
        return found and found.id

    assert [chosen(name) for name in ("1h", "15m", "30m", "1d", "12h", "1M")] == ["1h2", "5m1", "5m1", "1d1", "1h2", "1M1"]
    assert [chosen(name) for name in ("30s", "1w", "ticks:100")] == [None, "1d1", None]
    assert choose([stored("1h"), stored("1w")], "X", "1M") is None, "weeks straddle months"
    assert (fine(stored("1d"), "1w"), fine(stored("1d"), "1M"), fine(stored("1M"), "1M")) == (7, 31, 1)
    assert choose(there, "Z", "1h") is None
    series = walk(10, start=300 * 10**9)
    wider = drawn(series, "5m")
    assert fine(stored("1m"), "5m") == 5 and [row[0] for row in wider.rows] == [300, 600]
    five = list(series.rows())[:5]
    assert wider.rows[0][1:5] == (five[0][1] / 100, max(row[2] for row in five) / 100, min(row[3] for row in five) / 100, five[-1][4] / 100)
    assert round(wider.rows[0][5], 6) == round(sum(row[5] for row in five) / 1000, 6)


def test_h2_nothing_of_the_future() -> None:
    assert shown(merge(held(1, 2, 3, 4, 5), bars(3, 4, price=9), (), 100 * M)) == [(1, 1), (2, 1), (3, 1), (4, 9)]
    assert shown(merge(held(1, 2, 3), [], (), 3 * M + 30)) == [(1, 1), (2, 1)]
    assert shown(merge(held(1, 2, 3), [], (), 3 * M)) == [(1, 1), (2, 1)]


def test_h3_either_one_fills_what_the_other_lacks() -> None:
    assert shown(merge(held(1, 2, 5), bars(3, 6, 7, price=9), (), 8 * M)) == [(1, 1), (2, 1), (3, 9), (5, 1), (6, 9), (7, 9)]
    many = merge(held(*range(MOST + 500)), bars(MOST + 500, MOST + 501), (), 0)
    assert len(many.rows) == MOST + 2 and many.rows[0][0] == 500 * M


def test_h4_of_two_the_live_one() -> None:
    merged = merge(held(1, 2, 3, 4), bars(2, 3, 4, 5, price=9), (), 6 * M)
    assert shown(merged) == [(1, 1), (2, 1), (3, 9), (4, 9), (5, 9)] and merged.kept == {2 * M}


def test_h5_a_live_bar_that_is_not_whole_gives_way() -> None:
    gap = (3 * M + 10, 4 * M + 10, "lost")
    merged = merge(held(2, 3, 4, 5), bars(2, 3, 4, 5, 6, price=9), (gap,), 7 * M)
    assert shown(merged) == [(2, 1), (3, 1), (4, 1), (5, 9), (6, 9)] and merged.kept == {2 * M, 3 * M, 4 * M}
    assert shown(merge(held(1, 2), bars(2, price=9), (), 3 * M)) == [(1, 1), (2, 9)], "it is still open"


def test_h6_a_gap_that_history_fills() -> None:
    gap = (3 * M, 4 * M, "lost")
    assert merge(held(2, 3, 4, 5), bars(2, 5, 6), (gap,), 7 * M).gaps == []
    assert merge(held(2, 3), bars(2, 5, 6), ((3 * M, 5 * M, "lost"),), 7 * M).gaps == [(3 * M, 5 * M, "lost")]
    inner = Note(3 * M, 4 * M, "missing")
    assert gap in merge(held(2, 4, 5, gaps=(inner,)), bars(2, 5, 6), (gap,), 7 * M).gaps


def test_h7_between_history_and_what_was_received() -> None:
    assert merge(held(1, 2), bars(3, 4), (), 5 * M).gaps == []
    assert merge(held(1, 2), bars(5, 6), (), 7 * M).gaps == [(3 * M, 5 * M, BETWEEN)]
    assert merge(held(1, 2), [], (), 9 * M).gaps == [(3 * M, 9 * M, BETWEEN)]
    assert merge(held(1, 2), [], (), 3 * M + 30).gaps == []
    assert merge(held(8), bars(5, 6), (), 7 * M).gaps == []


def test_h8_gaps_of_the_history() -> None:
    gap = Note(2 * M, 4 * M, "missing")
    assert merge(held(1, 4, 5, gaps=(gap,)), bars(6, 7), (), 8 * M).gaps == [gap]
    assert merge(held(1, 4, 5, gaps=(gap,)), bars(2, 3, 4, 5, 6, 7), (), 8 * M).gaps == []
    assert merge(held(1, 4, 5, gaps=(gap,)), [], (), 1 * M + 30).gaps == []


def test_h9_stored_bars_of_an_exchange_are_those_of_its_sessions() -> None:
    new_york, globex = Session("America/New_York", 34_200), Session("America/Chicago", -25_200)

    def times(timeframe: str, session: Session, stored: str, *moments: str) -> list[str]:
        at = [int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * 10**9 for moment in moments]
        columns = {"time": at, **{name: [100] * len(at) for name in ("open", "high", "low", "close", "volume")}}
        series = Series("s", "X", stored, 2, 1, {name: array("q", values) for name, values in columns.items()})
        return [datetime.fromtimestamp(row[0], UTC).strftime("%m-%dT%H:%M") for row in drawn(series, timeframe, session).rows]

    assert times("1d", new_york, "1d", "2024-03-08T00:00", "2024-03-11T00:00") == ["03-08T14:30", "03-11T13:30"], "over a change of the clocks"
    assert times("1d", new_york, "1d", "2024-03-08T05:00", "2024-03-11T13:30") == ["03-08T14:30", "03-11T13:30"]
    assert times("1d", globex, "1d", "2024-03-05T00:00", "2024-03-05T23:00") == ["03-04T23:00", "03-05T23:00"]
    assert times("1w", new_york, "1w", "2024-03-04T00:00") == ["03-04T14:30"]
    assert times("1d", new_york, "1h", "2024-03-08T14:00", "2024-03-08T15:00", "2024-03-08T20:00") == ["03-08T14:30"]
    assert times("1h", new_york, "30m", "2024-03-08T14:30", "2024-03-08T15:00", "2024-03-08T15:30") == ["03-08T14:30", "03-08T15:30"]
    assert times("1h", new_york, "1h", "2024-03-08T14:30") == ["03-08T14:30"]
    days = ("2024-02-29T00:00", "2024-03-01T00:00", "2024-03-29T00:00", "2024-04-01T00:00")
    assert times("1M", Session(), "1d", *days) == ["02-01T00:00", "03-01T00:00", "04-01T00:00"]
    assert times("1w", Session(), "1d", *days) == ["02-26T00:00", "03-25T00:00", "04-01T00:00"]
    assert times("1M", new_york, "1d", *days) == ["02-01T14:30", "03-01T14:30", "04-01T13:30"]


def test_h10_an_unknown_volume_stays_unknown() -> None:
    series = walk(10, start=300 * 10**9)
    series.columns["volume"][2] = UNKNOWN
    assert [isnan(row[5]) for row in drawn(series, "1m").rows] == [row == 2 for row in range(10)]
    assert [isnan(row[5]) for row in drawn(series, "5m").rows] == [True, False]
    assert drawn(series, "5m").rows[0][1:5] == drawn(walk(10, start=300 * 10**9), "5m").rows[0][1:5]
    kept, live = drawn(series, "1m"), bars(5, 7, 8, 15)
    merged = merge(kept, live, (), 16 * M).rows
    assert [row[5] for row in merged if row[0] == 7 * M] == [1.0], "the live bar has its own"
    assert isnan(next(row[5] for row in merge(kept, bars(5, 14), (), 16 * M).rows if row[0] == 7 * M))


D = 86_400
MONDAY = 1_709_510_400
"""2024-03-04 in s UTC; days below are counted from it."""
WEEK = [(MONDAY + D * day, 10.0 + day, 20.0 + day, 5.0 - day, 11.0 + day, 2.0**day) for day in range(-14, 21)]


def days_of(*days: int, gaps: tuple = ()) -> Held:
    rows = [row for row in WEEK if (row[0] - MONDAY) // D in days]
    weeks = joined((bounds("1w", Session(), row[0])[0], row) for row in rows)
    return Held("X", "1w", weeks, list(gaps), 0, Held("X", "1d", rows, list(gaps), D))


def live_days(*days: int, size: float = 1000.0) -> list[tuple]:
    return [(MONDAY + D * day, 100.0 + day, 100.0 + day, 100.0 + day, 100.0 + day, size) for day in days]


def test_h11_a_running_week_counts_stored_days_and_live_ones_once() -> None:
    stored = days_of(-2, 0, 1, 2, 3)
    merged = merge_periods(stored, live_days(3), (), MONDAY + 3 * D + 50)
    assert merged.rows[-1] == (MONDAY, 10, 103, 3, 103, 1 + 2 + 4 + 1000), "of Thursday only the live one, which is still open"
    assert [row[0] for row in merged.rows] == [MONDAY - 7 * D, MONDAY] and merged.rows[0] == stored.rows[0] and not merged.kept and not merged.gaps
    merged = merge_periods(stored, live_days(3, 4), (), MONDAY + 4 * D + 50)
    assert merged.rows[-1] == (MONDAY, 10, 104, 2, 104, 1 + 2 + 4 + 8 + 1000), "Thursday is over: the stored one is whole"
    gap = (MONDAY + 4 * D + 10, MONDAY + 4 * D + 20, "lost")
    merged = merge_periods(days_of(0, 1, 2, 3, 4, 5), live_days(3, 4, 5), (gap,), MONDAY + 5 * D + 50)
    assert merged.rows[-1][5] == 1 + 2 + 4 + 8 + 16 + 1000 and not merged.gaps, "the stored Friday fills the gap"
    merged = merge_periods(days_of(5, 6, 7), live_days(6, 8), (), MONDAY + 8 * D + 50)
    assert [row[5] for row in merged.rows] == [32 + 64, 128 + 1000], "nothing of a week in the next"
    assert periods(days_of(5, 6, 7), live_days(6, 8), (), 0, Session(), MONDAY + 7 * D) == merged.rows[1:], "the same when only it has changed"
    assert merge_periods(days_of(0, 1, 2, 3), [], (), MONDAY + 2 * D + 50).rows == [(MONDAY, 10, 21, 4, 12, 3)], "nothing of what comes"
    merged = merge_periods(Held("X", "1M", [], [], 0, days_of(-4, -3, 0).days), live_days(1), (), MONDAY + D + 50)
    assert [row[5] for row in merged.rows] == [WEEK[11][5] + 1 + 1000], "Friday was the first of March"


def test_h11_weeks_that_were_stored_so() -> None:
    whole = [(MONDAY + 7 * D * week, 1.0, 1.0, 1.0, 1.0, 5.0) for week in (-1, 0, 1)]
    alone = Held("X", "1w", whole, [], 0, None, True)
    with_days = alone._replace(days=days_of(0, 1, 2).days)
    assert [row[5] for row in merge_periods(alone, live_days(3), (), MONDAY + 3 * D).rows] == [5, 1000]
    assert [row[5] for row in merge_periods(with_days, live_days(3), (), MONDAY + 3 * D).rows] == [5, 1 + 2 + 4 + 1000]
    merged = merge_periods(with_days, live_days(3, 8), (), MONDAY + 8 * D)
    assert [row[5] for row in merged.rows] == [5, 5, 1000] and merged.kept == {MONDAY}, "the week in which receiving began is over"
    assert [row[5] for row in merge_periods(alone, [], (), MONDAY + 3 * D).rows] == [5], "nothing of what comes"
    lost = (MONDAY + D, MONDAY + 3 * D, "lost")
    assert merge_periods(alone, live_days(-7, 0, 3, 8), (lost,), MONDAY + 8 * D).kept == {MONDAY - 7 * D, MONDAY}
    assert merge_periods(alone, live_days(-7, 0, 3, 8), (lost,), MONDAY + 8 * D).gaps == []


def test_h12_days_that_nobody_has_are_marked() -> None:
    def marks(held: Held, live: list, session: Session = UTC_DAY, present: int = 0) -> list[tuple]:
        gaps = [gap for gap in merge_periods(held, live, (), present, session).gaps if gap.reason == BETWEEN]
        return [((gap.start - MONDAY) / D, (gap.end - MONDAY) / D) for gap in gaps]

    assert marks(days_of(0, 1, 2), live_days(3)) == [] and marks(days_of(0, 1), live_days(4)) == [(2, 4)]
    assert marks(days_of(0, 1), [], present=MONDAY + 4 * D) == [(2, 4)] and marks(days_of(3), live_days(0)) == []
    assert marks(days_of(-4, -3), live_days(1)) == [(-2, 1)], "from the week before"
    new_york = Session("America/New_York", 0)
    opened = [(row[0] + 5 * 3600, *row[1:]) for row in live_days(0, 1, 2)]
    friday = days_of(-3).days._replace(rows=[(MONDAY - 3 * D + 5 * 3600, 1.0, 1.0, 1.0, 1.0, 1.0)])
    held = Held("X", "1w", [], [], 0, friday)
    assert marks(held, opened, new_york) == [] and len(marks(held, opened[1:], new_york)) == 1, "an exchange rests on the weekend"
    own = Held("X", "1w", [(MONDAY - 7 * D, 1.0, 1.0, 1.0, 1.0, 1.0)], [], 0, None, True)
    assert marks(own, live_days(0)) == [] and marks(own, live_days(2)) == [(0, 2)] and marks(own._replace(days=days_of(0).days), live_days(2)) == [(1, 2)]
    inner = Note(MONDAY, MONDAY + D, "missing")
    assert merge_periods(days_of(-1, 1, gaps=(inner,)), live_days(2), (), 0).gaps == [inner]
    older = Note(MONDAY - 7 * D, MONDAY - 5 * D, "missing")
    assert merge_periods(days_of(-8, -1, 0, 1, gaps=(older,)), live_days(2), (), 0).gaps == [older]


some_days = st.sets(st.integers(-14, 20), max_size=20).map(sorted)


@given(some_days, some_days, st.sampled_from(["1w", "1M"]))
def test_no_day_twice_none_lost(old: list[int], new: list[int], timeframe: str) -> None:
    present, sizes = MONDAY + 21 * D, {}
    for day in old:
        sizes[day] = 2.0 ** (day + 14)
    seam = new[0] if len(new) > 1 else None
    for day in new:
        if day not in sizes or day != seam:
            sizes[day] = 2.0 ** (day + 14) + 2.0**40
    sizes = {day: size for day, size in sizes.items() if not new or day <= new[-1]}
    week = {row[0]: row for row in WEEK}
    rows = [(*week[MONDAY + D * day][:5], 2.0 ** (day + 14)) for day in old]
    days = Held("X", "1d", rows, [], D)
    weeks = joined((bounds(timeframe, Session(), row[0])[0], row) for row in rows)
    live = [(*week[MONDAY + D * day][:5], 2.0 ** (day + 14) + 2.0**40) for day in new]
    wanted: dict[int, float] = {}
    for day in sorted(sizes):
        start = bounds(timeframe, Session(), MONDAY + D * day)[0]
        wanted[start] = wanted.get(start, 0.0) + sizes[day]
    merged = merge_periods(Held("X", timeframe, weeks, [], 0, days), live, (), present)
    assert [(row[0], row[5]) for row in merged.rows] == list(wanted.items())
    for at, row in enumerate(merged.rows):
        if new and row[0] > live[0][0]:  # as a change is told: with the first live day and those from then on
            part = [live[0], *(day for day in live[1:] if day[0] >= row[0])]
            assert periods(Held("X", timeframe, weeks, [], 0, days), part, (), present, Session(), row[0]) == merged.rows[at:]


minutes = st.sets(st.integers(1, 40), max_size=30).map(sorted)


@given(minutes, minutes, st.lists(st.tuples(st.integers(0, 2400), st.integers(0, 300)), max_size=3))
def test_no_bar_twice_none_lost_in_order(old: list[int], new: list[int], lost: list[tuple[int, int]]) -> None:
    gaps = [(start, start + length, "lost") for start, length in lost]
    merged = merge(held(*old), bars(*new, price=9), gaps, 41 * M)
    times = [row[0] // M for row in merged.rows]
    newest = new[-1] if new else 41
    assert times == sorted({*new, *(minute for minute in old if minute < newest)})
    live = {minute: 9 for minute in new if minute * M not in merged.kept}
    assert all(row[1] == live.get(row[0] // M, 1) for row in merged.rows)
    # every interval up to the first live bar has a bar, or lies before all, or within a mark
    before = [minute for minute in old if not new or minute < new[0]]
    for minute in range(before[-1] + 1 if before else 41, new[0] if new else 41):
        assert any(gap.start <= minute * M < gap.end for gap in merged.gaps)


def test_every_rule_has_a_test_and_every_test_a_rule() -> None:
    rules = {row.lower() for row in re.findall(r"^\| (H\d+) \|", RULES.read_text(), re.MULTILINE)}
    assert rules == {name.split("_")[1] for name in globals() if re.match(r"test_h\d+_", name)} and len(rules) == 12


def test_days_make_months_and_weeks() -> None:
    series = walk(60, start=1_704_067_200 * 10**9, step=86_400 * 10**9, timeframe="1d")
    days = list(drawn(series, "1d").rows)
    january, february = drawn(series, "1M").rows
    for month, of in ((january, days[:31]), (february, days[31:])):
        assert month[0] == of[0][0] and month[1] == of[0][1] and month[4] == of[-1][4]
        assert (month[2], month[3]) == (max(day[2] for day in of), min(day[3] for day in of))
        assert round(month[5], 6) == round(sum(day[5] for day in of), 6)
    assert [(week[0] // 86_400 + 3) % 7 for week in drawn(series, "1w").rows] == [0] * 9, "from Monday"
