"""Exchange calendars and the zones they are told in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market import calendar_data
from app.market.calendars import CalendarEnded, UnknownCalendar, calendar, codes
from app.market.frames import bounds
from app.market.zones import UnknownZone, zone

NS = 1_000_000_000


def at(text: str, name: str = "America/New_York") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(name)).timestamp()) * NS


@pytest.mark.parametrize("name", sorted(calendar_data.ZONES))
@settings(max_examples=60, deadline=None)
@given(moment=st.integers(0, 2_145_916_800))
def test_zones_are_those_of_the_tz_database(name: str, moment: int) -> None:
    mine, theirs = datetime.fromtimestamp(moment, zone(name)), datetime.fromtimestamp(moment, ZoneInfo(name))
    assert (mine.replace(tzinfo=None), mine.fold) == (theirs.replace(tzinfo=None), theirs.fold)
    assert mine.utcoffset() == theirs.utcoffset()
    assert int(mine.timestamp()) == moment


@pytest.mark.parametrize("text", ["2024-03-10T02:30", "2024-11-03T01:30", "2024-03-10T03:00", "2024-11-03T02:00", "2024-11-03T00:59"])
def test_wall_times_that_happen_never_or_twice(text: str) -> None:
    for fold in (0, 1):
        wall = datetime.fromisoformat(text).replace(fold=fold)
        assert wall.replace(tzinfo=zone("America/New_York")).timestamp() == wall.replace(tzinfo=ZoneInfo("America/New_York")).timestamp()


def test_a_regular_day_a_half_day_and_holidays_of_new_york() -> None:
    nyse = calendar("XNYS")
    regular = nyse.session_at(at("2026-11-25T12:00"))
    assert regular is not None and not regular.short
    assert (regular.open_ns, regular.close_ns) == (at("2026-11-25T09:30"), at("2026-11-25T16:00"))
    assert nyse.session_at(at("2026-11-26T12:00")) is None  # Thanksgiving
    half = nyse.session_at(at("2026-11-27T12:00"))
    assert half is not None and half.short and half.close_ns == at("2026-11-27T13:00")
    assert nyse.next_open(at("2026-11-27T13:00")) == at("2026-11-30T09:30")
    assert nyse.next_close(at("2026-11-27T08:00")) == at("2026-11-27T13:00")
    assert nyse.next_close(at("2026-11-27T13:00")) == at("2026-11-30T16:00")
    assert nyse.previous_close(at("2026-11-30T09:00")) == at("2026-11-27T13:00")
    # Carter's day of mourning, and four days without trading
    assert nyse.session(date(2025, 1, 9)) is None
    assert [nyse.session(date(2001, 9, day)) for day in (11, 12, 13, 14)] == [None] * 4


def test_the_edges_of_a_session() -> None:
    nyse = calendar("XNYS")
    opens, closes = at("2026-11-25T09:30"), at("2026-11-25T16:00")
    assert nyse.is_open(opens) and not nyse.is_open(opens - 1)
    assert nyse.is_open(closes - 1) and not nyse.is_open(closes)
    assert nyse.next_open(opens) == at("2026-11-27T09:30") and nyse.next_open(opens - 1) == opens


def test_pauses_changed_hours_and_sessions_that_begin_the_evening_before() -> None:
    tokyo = calendar("XTKS")
    noon = tokyo.session_at(at("2026-11-27T12:00", "Asia/Tokyo"))
    assert noon is not None and noon.pause == (at("2026-11-27T11:30", "Asia/Tokyo"), at("2026-11-27T12:30", "Asia/Tokyo"))
    assert not tokyo.is_open(at("2026-11-27T12:00", "Asia/Tokyo")) and tokyo.is_open(at("2026-11-27T12:30", "Asia/Tokyo"))
    assert tokyo.session(date(2024, 11, 1)).close_ns == at("2024-11-01T15:00", "Asia/Tokyo")
    assert tokyo.session(date(2024, 11, 6)).close_ns == at("2024-11-06T15:30", "Asia/Tokyo")
    globex = calendar("CMES")
    evening = globex.session_at(at("2026-11-22T17:30", "America/Chicago"))
    assert evening is not None and evening.day == date(2026, 11, 23)
    assert calendar("XLON").session(date(2026, 12, 24)).close_ns == at("2026-12-24T12:30", "Europe/London")


def test_changes_of_the_clocks_move_the_opening_in_utc() -> None:
    nyse = calendar("XNYS")
    before, after = nyse.session(date(2026, 3, 6)), nyse.session(date(2026, 3, 9))
    assert datetime.fromtimestamp(before.open_ns / NS, UTC).hour == 14 and datetime.fromtimestamp(after.open_ns / NS, UTC).hour == 13


def test_where_the_data_end_is_said() -> None:
    nyse = calendar("XNYS")
    beyond = int(datetime.combine(nyse.last + timedelta(days=5), datetime.min.time(), UTC).timestamp()) * NS
    for ask in (nyse.session_at, nyse.next_open, nyse.next_close, nyse.is_open):
        with pytest.raises(CalendarEnded, match=f"known from 2000-01-01 to {nyse.last}"):
            ask(beyond)
    with pytest.raises(CalendarEnded):
        nyse.next_open(at(f"{nyse.last}T18:00"))
    with pytest.raises(CalendarEnded):
        nyse.session_at(at("1999-06-01T12:00"))


def test_what_trades_around_the_clock() -> None:
    always = calendar("")
    moment = at("2026-11-28T12:00", "UTC")
    assert always.always and always.is_open(moment)
    assert always.next_open(moment) is None and always.next_close(moment) is None
    assert always.session_at(moment).open_ns == at("2026-11-28T00:00", "UTC")
    assert always.previous_close(moment) == at("2026-11-28T00:00", "UTC")


def test_an_unknown_exchange_or_zone_names_those_that_are_known() -> None:
    with pytest.raises(UnknownCalendar, match="XNYS"):
        calendar("XXXX")
    with pytest.raises(UnknownZone, match="America/New_York"):
        zone("Middle/Earth")


@pytest.mark.parametrize("code", codes())
def test_sessions_never_overlap_and_every_answer_agrees(code: str) -> None:
    found = calendar(code).sessions(date(2023, 1, 1), date(2027, 12, 31))
    assert len(found) > 1_200
    for before, after in pairwise(found):
        assert before.open_ns < before.close_ns <= after.open_ns
        assert calendar(code).next_open(before.open_ns) == after.open_ns
        assert calendar(code).session_at(before.close_ns - 1) == before
        assert calendar(code).previous_close(after.close_ns - 1) == before.close_ns
        if before.pause:
            assert before.open_ns < before.pause[0] < before.pause[1] < before.close_ns


def test_bars_of_a_session_begin_with_it() -> None:
    nyse = calendar("XNYS")
    moment = at("2026-11-25T12:10")
    start, end = bounds("1h", nyse.frame(moment), moment // NS)
    assert (start * NS, end * NS) == (at("2026-11-25T11:30"), at("2026-11-25T12:30"))
