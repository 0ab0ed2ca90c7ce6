"""Numbers, times and directions as they stand on the page."""

import os
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui import format as fmt

MOMENT = 1_723_154_172_123_000_000  # 2024-08-08 21:56:12.123 UTC


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    os.environ.pop("TZ", None)
    monkeypatch.undo()
    time.tzset()


def test_minus_is_the_typographic_sign():
    assert fmt.minus("-1.5") == "−1.5"
    assert fmt.minus("1-5") == "1-5"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("0", "0"), ("999", "999"), ("1234567.80", "1,234,567.80"), ("-1234567.80", "−1,234,567.80"), ("+1000", "+1,000"), ("0.00001234", "0.00001234")],
)
def test_group_separates_thousands_and_keeps_the_digits(text, shown):
    assert fmt.group(text) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**15), max_value=10**15))
def test_plain_takes_back_what_group_wrote(value):
    text = f"{value:f}"
    assert fmt.plain(fmt.group(text)) == text


@pytest.mark.parametrize(
    ("text", "sign"), [("+0.12", 1), ("0.12", 1), ("-0.12", -1), ("−0.12", -1), ("0.00", 0), ("-0.00", 0), ("+0", 0), ("", 0), (None, 0)]
)
def test_direction_is_the_sign_of_what_is_shown(text, sign):
    assert fmt.direction(text) == sign


def test_direction_has_a_shape_and_a_name():
    assert [fmt.arrow(sign) for sign in (1, -1, 0)] == ["▲", "▼", "·"]
    assert [fmt.tone(sign) for sign in (1, -1, 0)] == ["up", "down", "flat"]


def test_signed_says_plus_but_not_for_zero():
    assert fmt.signed("12.44") == "+12.44"
    assert fmt.signed("-12.44") == "−12.44"
    assert fmt.signed("0.00") == "0.00"


def test_local_time_with_utc_beside_it():
    assert fmt.clock(MOMENT) == "23:56:12"
    assert fmt.clock(MOMENT, milliseconds=True) == "23:56:12.123"
    assert fmt.stamp(MOMENT) == "2024-08-08 23:56:12"
    assert fmt.utc(MOMENT) == "2024-08-08 21:56:12.123 UTC"


@pytest.mark.parametrize(
    ("ms", "shown"), [(-5, "0 s"), (999, "0 s"), (14_000, "14 s"), (99_999, "99 s"), (180_000, "3 min"), (7_200_000, "2 h"), (432_000_000, "5 d")]
)
def test_age_uses_the_unit_that_says_enough(ms, shown):
    assert fmt.age(ms) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (309, "5:09"), (3909, "1:05:09"), (-3, "0:00")])
def test_span_of_a_recording(seconds, shown):
    assert fmt.span(seconds) == shown


@pytest.mark.parametrize(("ms", "shown"), [(None, "–"), (0.0012, "1.2 µs"), (0.42, "0.42 ms"), (6.1, "6.1 ms"), (1240, "1,240 ms")])
def test_latency_has_a_bearable_number_of_digits(ms, shown):
    assert fmt.latency(ms) == shown


@pytest.mark.parametrize(("count", "shown"), [(None, "–"), (0, "0 B"), (999, "999 B"), (31_457_408, "31.5 MB"), (12_000_000_000, "12.0 GB")])
def test_size_in_decimal_units(count, shown):
    assert fmt.size(count) == shown


def test_plural_and_percent():
    assert fmt.plural(1, "record") == "1 record"
    assert fmt.plural(2_000, "record") == "2,000 records"
    assert fmt.percent("0.12") == "+0.12 %"
    assert fmt.percent(None) == "–"


def test_a_refusal_is_a_sentence_or_two():
    def said(reason: str, remedy: str = "") -> str:
        return fmt.refusal(SimpleNamespace(reason=reason, remedy=remedy))

    assert said("the venue is not there", "try again") == "The venue is not there. Try again."
    assert said("The venue is not there.", "Try again.") == "The venue is not there. Try again."
    assert said("really?", "") == "Really?" and said("", "wait") == "Wait."
    assert fmt.sentences("No heatmap: it is off", "turn it on") == "No heatmap: it is off. Turn it on."


def test_no_view_joins_a_reason_and_a_remedy_by_itself():
    joins = re.compile(r"\{[^{}]*reason[^{}]*\}[^\n]{0,12}\{[^{}]*remedy")
    found = [str(path) for path in (Path(__file__).resolve().parents[3] / "app" / "ui").rglob("*.py") if joins.search(path.read_text())]
    assert [path.rpartition("/")[2] for path in found] == ["ticket_rules.py"], "its problems are sentences already"
