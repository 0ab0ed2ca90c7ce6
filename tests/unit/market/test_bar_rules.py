"""Every row of docs/bars.md."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.desk.marketview import TimedMarket
from app.market.bars import TIMEFRAMES, BarSeries
from app.market.frames import CALENDAR, UTC_DAY, WIDTHS, BadFrame, Session, bounds, make_series
from app.market.state import MarketState
from app.model.market import Correction, Gap, Restart, Trade
from app.sources.listing import listing
from tests.unit.market.kit import ADA, SECOND, snapshot, trade

RULES = Path(__file__).resolve().parents[3] / "docs" / "bars.md"
T = 1_700_000_040  # divides by 60
NEW_YORK = Session("America/New_York", 34_200)


def series(name: str, *trades: tuple[float, int, int], session: Session = UTC_DAY, limit: int = 5000) -> BarSeries:
    out = make_series(name, ADA, session, limit)
    for second, price, size in trades:
        out.add(trade(int((T + second) * SECOND), price, size))
    return out


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone) if zone != "UTC" else UTC).timestamp())


def test_b1_a_trade_goes_into_the_bar_of_its_time() -> None:
    assert series("5s", (0, 10, 1), (4.999, 14, 2), (5, 7, 3)).rows() == [(T, 10, 14, 10, 14, 3), (T + 5, 7, 7, 7, 7, 3)]
    bars = make_series("1s", ADA)
    bars.add(Trade("X", 0, T * SECOND, 5, 1, False, ""))
    assert bars.rows() == [(T, 5, 5, 5, 5, 1)]


@pytest.mark.parametrize("name", ["3m", "1h", "1w"])
def test_b2_no_trade_no_bar(name: str) -> None:
    far = 40 * 86_400
    rows = series(name, (0, 1, 1), (far, 2, 1)).rows()
    assert len(rows) == 2


@pytest.mark.parametrize("name", ["15s", "4h", "1M"])
def test_b3_order_within_a_bar_does_not_matter(name: str) -> None:
    ordered = series(name, (1, 10, 1), (2, 12, 1), (3, 8, 1), (4, 11, 1))
    shuffled = series(name, (3, 8, 1), (1, 10, 1), (4, 11, 1), (2, 12, 1))
    assert shuffled.rows() == ordered.rows()
    assert ordered.rows()[0][1:] == (10, 12, 8, 11, 4)


def test_b4_among_equal_times_arrival_decides() -> None:
    assert series("1d", (1, 10, 1), (1, 12, 1), (1, 11, 1)).rows()[0][1:] == (10, 12, 10, 11, 3)


@pytest.mark.parametrize("name", ["30s", "1w"])
def test_b5_a_late_trade_changes_its_own_bar(name: str) -> None:
    step = 8 * 86_400 if name == "1w" else 31
    bars = series(name, (0, 10, 1), (step, 20, 1))
    bars.take_changed()
    bars.add(trade((T + 1) * SECOND, 15, 2))
    (changed,) = bars.take_changed()
    assert changed[1:] == (10, 15, 10, 15, 3)
    assert bars.rows()[1][1:] == (20, 20, 20, 20, 1)


def test_b6_a_late_trade_without_a_bar_makes_one_in_its_place() -> None:
    bars = series("1M", (0, 10, 1), (70 * 86_400, 20, 1), (35 * 86_400, 15, 2))
    assert [row[1] for row in bars.rows()] == [10, 15, 20]


def test_b7_too_late_is_counted() -> None:
    bars = series("5s", *((5 * n, n + 1, 1) for n in range(30)), limit=10)
    before = bars.rows()
    bars.add(trade(T * SECOND, 1, 1))
    assert bars.rows() == before and bars.too_late == 1


def test_b8_a_trade_seen_before_changes_nothing() -> None:
    state = MarketState([ADA])
    state.apply([trade(T * SECOND, 5, 1, "a"), trade(T * SECOND, 5, 1, "a")])
    assert state.bars("ADA-USD", "ticks:1").rows() == [(T, 5, 5, 5, 5, 1)]
    assert state.counters["duplicates"] == 1


def test_b9_a_gap_stays_marked() -> None:
    state = MarketState([ADA])
    state.bars("ADA-USD", "4h")
    state.apply([trade(T * SECOND, 5, 1), Gap("ADA-USD", (T + 1) * SECOND, "lost"), snapshot([(1, 1)], [(2, 1)], recv=(T + 9) * SECOND)])
    assert state.bars("ADA-USD", "4h").gaps == [(T + 1, T + 9, "lost")]


@pytest.mark.parametrize("name", WIDTHS)
def test_b10_widths_start_on_their_multiples(name: str) -> None:
    (row,) = series(name, (12_345, 5, 1)).rows()
    assert row[0] % WIDTHS[name] == 0 and row[0] <= T + 12_345 < row[0] + WIDTHS[name]


def test_b11_weeks_and_months() -> None:
    moment = at("2024-02-29T23:59:59")  # a Thursday
    assert bounds("1w", Session(), moment) == (at("2024-02-26T00:00"), at("2024-03-04T00:00"))
    assert bounds("1M", Session(), moment) == (at("2024-02-01T00:00"), at("2024-03-01T00:00"))
    assert bounds("1M", Session(), moment + 1) == (at("2024-03-01T00:00"), at("2024-04-01T00:00"))
    assert bounds("1M", NEW_YORK, moment + 1)[0] == at("2024-02-01T09:30", "America/New_York")


@pytest.mark.parametrize(("day", "hours"), [("2024-03-09", 23), ("2024-11-02", 25), ("2024-06-03", 24)])
def test_b12_a_session_keeps_the_wall_clock_of_its_zone(day: str, hours: int) -> None:
    opening = at(f"{day}T09:30", "America/New_York")
    for moment in (opening, opening + 3600, opening + hours * 3600 - 1):
        assert bounds("1d", NEW_YORK, moment) == (opening, opening + hours * 3600)
    assert bounds("1d", NEW_YORK, opening - 1)[1] == opening


@pytest.mark.parametrize("session", [Session(), NEW_YORK, Session("America/New_York", 0)])
def test_b12_an_hour_that_the_clocks_repeat_has_bars_of_its_own(session: Session) -> None:
    offset = 1800 if session == NEW_YORK else 0
    first = at("2024-11-03T01:00", "America/New_York") + offset
    bars = make_series("1h", ADA, session)
    for moment in range(first - 3600, first + 3 * 3600, 600):
        bars.add(trade(moment * SECOND, 5, 1))
    assert [(row[0] - first) // 3600 for row in bars.rows()] == [-1, 0, 1, 2] and [row[5] for row in bars.rows()] == [6] * 4
    assert [datetime.fromtimestamp(row[0], ZoneInfo("America/New_York")).hour for row in bars.rows()] == [0, 1, 1, 2]


def test_b13_widths_are_counted_from_the_opening() -> None:
    opening = at("2024-06-03T09:30", "America/New_York")
    assert bounds("1h", NEW_YORK, opening + 3599) == (opening, opening + 3600)
    assert bounds("4h", NEW_YORK, opening + 5 * 3600) == (opening + 14_400, opening + 28_800)
    long_day = at("2024-11-02T09:30", "America/New_York")
    assert bounds("4h", NEW_YORK, long_day + 25 * 3600 - 1) == (long_day + 24 * 3600, long_day + 25 * 3600)
    bars = make_series("1h", ADA, NEW_YORK)
    for moment in (opening, opening + 3599, opening + 3600):
        bars.add(trade(moment * SECOND, 7, 1))
    assert [(row[0], row[5]) for row in bars.rows()] == [(opening, 2), (opening + 3600, 1)]


def test_b14_bars_of_so_many_trades() -> None:
    bars = series("ticks:3", *((n, 10 + n, 1) for n in range(7)))
    assert [(row[1], row[4], row[5]) for row in bars.rows()] == [(10, 12, 3), (13, 15, 3), (16, 16, 1)]


def test_b15_bars_of_so_much_volume_or_value() -> None:
    ten = 10 * 10**ADA.size_scale
    bars = series("volume:10", (0, 5, ten // 2), (1, 6, ten), (2, 7, 1))
    assert [(row[1], row[4], row[5]) for row in bars.rows()] == [(5, 6, ten // 2 + ten), (7, 7, 1)]
    price = 2 * 10**ADA.price_scale
    bars = series("value:20", (0, price, ten), (1, price, ten - 1), (2, price, 1), (3, price, 1))
    assert [row[5] for row in bars.rows()] == [ten, ten, 1]


def test_b16_bars_by_activity_are_made_in_order_of_arrival() -> None:
    bars = series("ticks:2", (5, 10, 1), (1, 8, 1), (0, 7, 1))
    assert [row[1:] for row in bars.rows()] == [(10, 10, 8, 8, 2), (7, 7, 7, 7, 1)]


def test_b17_bars_of_one_second_take_the_next_free_one() -> None:
    bars = series("ticks:1", (0, 1, 1), (0.1, 2, 1), (0.2, 3, 1), (9, 4, 1))
    assert [row[0] for row in bars.rows()] == [T, T + 1, T + 2, T + 9]


@pytest.mark.parametrize("name", [*(name for name in WIDTHS if name not in TIMEFRAMES), *CALENDAR, "ticks:2", "volume:3", "value:9"])
def test_b18_a_new_kind_begins_with_what_is_known_and_goes_on(name: str) -> None:
    trades = [trade((T + 37 * n) * SECOND, 50 + n % 7, 100 + n, str(n)) for n in range(80)]
    late, early = MarketState([ADA]), MarketState([ADA])
    early.bars("ADA-USD", name)
    early.apply(trades)
    late.apply(trades[:50])
    late.apply([Gap("ADA-USD", (T + 9) * SECOND, "lost")])
    late.bars("ADA-USD", name)
    late.apply(trades[50:])
    assert late.bars("ADA-USD", name).rows() == early.bars("ADA-USD", name).rows()
    assert late.bars("ADA-USD", name).is_in_gap
    late.release_bars("ADA-USD", name)
    late.release_bars("ADA-USD", "1s")
    late.apply([trade((T + 9000) * SECOND, 1, 1, "x")])
    assert late.bars("ADA-USD", "1s").rows()[-1][0] == T + 9000


def test_b19_a_restart_forgets() -> None:
    state = MarketState([ADA])
    for name in ("1s", "ticks:2", "1M"):
        state.bars("ADA-USD", name)
    state.apply([trade(T * SECOND, 5, 1), Gap("ADA-USD", T * SECOND, "lost"), Restart("ADA-USD", T * SECOND, "loop")])
    for name in ("1s", "ticks:2", "1M"):
        assert (state.bars("ADA-USD", name).rows(), state.bars("ADA-USD", name).gaps) == ([], [])
    state.apply([trade((T - 500) * SECOND, 5, 1)])
    assert [len(state.bars("ADA-USD", name).rows()) for name in ("1s", "ticks:2", "1M")] == [1, 1, 1]


def test_b20_a_listing_has_the_session_of_its_exchange() -> None:
    items = [listing(symbol).instrument("equities") for symbol in ("AAPL", "7203.T", "CL=F", "BTC-USD")]
    noon = at("2026-11-25T12:00", "America/New_York")
    market = TimedMarket(items, lambda _symbol: noon * SECOND)
    for symbol in ("AAPL", "CL=F", "BTC-USD"):
        for moment in ("2026-11-24T15:59", "2026-11-24T17:30", "2026-11-25T08:00", "2026-11-25T09:29", "2026-11-25T09:30", "2026-11-25T10:15"):
            market.apply([trade(at(moment, "America/New_York") * SECOND, 5, 1, symbol=symbol)])

    def starts(symbol: str, name: str) -> list[tuple[str, int]]:
        return [(datetime.fromtimestamp(row[0], ZoneInfo("America/New_York")).strftime("%dT%H:%M"), row[5]) for row in market.bars(symbol, name).rows()]

    assert starts("AAPL", "1d") == [("24T09:30", 4), ("25T09:30", 2)]
    assert starts("AAPL", "1h")[-1] == ("25T09:30", 2) and starts("AAPL", "4h")[-1] == ("25T09:30", 2)
    assert starts("AAPL", "1w") == [("23T09:30", 6)]
    # 17:00 in Chicago is 18:00 here: the whole trading day is one bar
    assert starts("CL=F", "1d") == [("23T18:00", 2), ("24T18:00", 4)]
    assert starts("BTC-USD", "1d") == [("23T19:00", 2), ("24T19:00", 4)]
    assert market.session("7203.T") == Session("Asia/Tokyo", 32_400)
    for name in (*WIDTHS, *CALENDAR):  # a kind that is asked for later is the same as one that was kept
        fresh = make_series(name, items[0], NEW_YORK)
        for known in market.trades("AAPL"):
            fresh.add(known)
        assert market.bars("AAPL", name).rows() == fresh.rows(), name


FIXED = [*WIDTHS, *CALENDAR]
moves = st.lists(st.tuples(st.integers(0, 8_000), st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=30)
edits = st.lists(st.tuples(st.integers(0, 29), st.integers(1, 12), st.integers(0, 5)), max_size=8)


@given(moves, edits)
def test_b21_a_corrected_trade_makes_the_bars_that_it_would_have_made(made: list, changes: list) -> None:
    """Trades in any order, some of them corrected (size 0: cancelled), against the same trades as they are in the end."""
    state, right = MarketState([ADA]), [trade((T + second) * SECOND, price, size, f"n{at}") for at, (second, price, size) in enumerate(made)]
    for name in FIXED:
        state.bars("ADA-USD", name)
    state.apply(list(right))
    for count, (at, price, size) in enumerate(changes):
        if at < len(right):
            old = right[at].trade_id
            state.apply([Correction("ADA-USD", 0, 1, old, price, size, f"c{count}")])
            right[at] = right[at]._replace(price=price, size=size, trade_id=f"c{count}" if size else old)
            if not size:
                del right[at]
    for name in FIXED:
        fresh = make_series(name, ADA)
        for each in right:
            fresh.add(each)
        assert state.bars("ADA-USD", name).rows() == fresh.rows(), name
    assert list(state.trades("ADA-USD")) == right
    assert state.last("ADA-USD") == max(reversed(right), key=lambda each: each.ts, default=None)
    state.apply([trade((T + 9_000) * SECOND, 7, 1, "later")])
    assert state.bars("ADA-USD", "1m").rows()[-1][1:] == (7, 7, 7, 7, 1)


def test_b21_a_day_of_which_most_trades_are_forgotten_is_made_of_its_bars() -> None:
    state = MarketState([ADA])
    day = T - T % 86_400
    state.apply([trade((day + 60 * n) * SECOND, 100 + n % 5, 1, str(n)) for n in range(1_000)])
    state.apply([trade((day + 60_000) * SECOND, 900, 5, "wrong"), trade((day + 60_001) * SECOND, 50, 1, "right")])
    state.bars("ADA-USD", "1d").take_changed()
    state.apply([Correction("ADA-USD", 0, 1, "wrong", 90, 2, "put right")])
    assert state.bars("ADA-USD", "1d").take_changed() == [(day, 100, 104, 50, 50, 1_003)]
    # ids of both are known: neither comes again
    state.apply([trade((day + 60_002) * SECOND, 900, 5, "wrong"), trade((day + 60_002) * SECOND, 90, 2, "put right")])
    assert state.bars("ADA-USD", "1d").last == (day, 100, 104, 50, 50, 1_003)


def test_b21_of_a_bar_whose_parts_are_forgotten_only_the_volume_is_put_right() -> None:
    state = MarketState([ADA])
    state.apply([trade(T * SECOND + n, 100 + n % 5, 1, str(n)) for n in range(700)])
    state.apply([Correction("ADA-USD", 0, 1, "699", 100, 0), Correction("ADA-USD", 0, 1, "698", 400, 3)])
    assert state.bars("ADA-USD", "1s").rows() == [(T, 100, 104, 100, 104, 701)]


def test_b22_a_correction_of_what_is_not_kept_changes_nothing() -> None:
    state = MarketState([ADA])
    state.apply([trade((T + n) * SECOND, 100, 1, str(n)) for n in range(600)])
    before = [state.bars("ADA-USD", name).rows() for name in TIMEFRAMES]
    state.apply([Correction("ADA-USD", 0, 1, name, 5, 0) for name in ("0", "never", "")])
    assert [state.bars("ADA-USD", name).rows() for name in TIMEFRAMES] == before
    assert (state.counters["corrected"], state.counters["not_corrected"]) == (0, 3)


def test_b23_bars_by_activity_stay_as_they_came() -> None:
    state = MarketState([ADA])
    state.bars("ADA-USD", "ticks:2")
    state.apply([trade((T + n) * SECOND, 10 + n, 1, str(n)) for n in range(4)])
    before = state.bars("ADA-USD", "ticks:2").rows()
    state.apply([Correction("ADA-USD", 0, 1, "1", 99, 1), Correction("ADA-USD", 0, 1, "2", 0, 0)])
    assert state.bars("ADA-USD", "ticks:2").rows() == before and len(before) == 2


@pytest.mark.parametrize("name", ["2m", "", "1y", "ticks:0", "ticks:1.5", "volume:", "volume:-1", "value:1e9", "ticks:99999999999999"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(BadFrame, match="use "):
        make_series(name, ADA)


def test_b24_a_trade_without_a_size_moves_prices_alone() -> None:
    assert series("1m", (0, 10, 0), (1, 12, 0), (2, 9, 0)).rows()[0][1:] == (10, 12, 9, 9, 0)
    assert series("1m", (0, 10, 0), (1, 12, 3)).rows()[0][1:] == (10, 12, 10, 12, 3)


def test_every_rule_has_a_test_and_every_test_a_rule() -> None:
    rules = {row.lower() for row in re.findall(r"^\| (B\d+) \|", RULES.read_text(), re.MULTILINE)}
    tests = {name.split("_")[1] for name in globals() if re.match(r"test_b\d+_", name)}
    assert rules == tests
