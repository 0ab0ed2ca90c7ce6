from __future__ import annotations

import pytest

from app.model.units import BadNumber
from app.venues import wire
from app.venues.wire import Units, WireError, decode, reject, time_fraction, time_ms, time_rfc3339, whole


def test_units_are_exact_and_remembered() -> None:
    units = Units(8, 0)
    assert units["61837.63000000"] == 6183763000000
    assert units["0.00000000"] == 0
    assert len(units) == 2
    assert Units(2, 1)["7.50000000"] == 750
    assert Units(5, 1)["7"] == 700000


@pytest.mark.parametrize(
    "text",
    ["", ".", "-1", "+1", "1e3", "NaN", "Infinity", "1_0", " 1", "1 ", "1.2.3", ".5", "0x10", "１", "1.123", "9" * 31, "9" * 24],
)
def test_what_is_not_a_plain_number_in_range_is_refused(text: str) -> None:
    with pytest.raises(BadNumber):
        Units(2, 0)[text]


@pytest.mark.parametrize("value", [1, 1.5, None, True, ["1"], {"a": 1}])
def test_only_text_is_a_number(value: object) -> None:
    with pytest.raises(wire.ERRORS):
        Units(2, 0)[value]


def test_a_price_of_zero_is_refused() -> None:
    with pytest.raises(WireError):
        Units(2, 1)["0.00"]


def test_the_number_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_CACHE", 10)
    units = Units(0, 0)
    for number in range(100):
        assert units[str(number)] == number
    assert len(units) <= 10


def test_no_number_becomes_a_binary_float() -> None:
    assert decode('{"a": 0.1, "b": 1e400, "c": 7}') == {"a": None, "b": None, "c": 7}


@pytest.mark.parametrize("value", [None, b"{}", 5])
def test_only_text_is_decoded(value: object) -> None:
    with pytest.raises(WireError):
        decode(value)


def test_a_frame_is_bounded() -> None:
    with pytest.raises(WireError, match="characters"):
        decode('"' + "a" * wire.MAX_FRAME + '"')


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("times", [50, 5000, 1_000_000])
def test_deep_nesting_is_refused_before_it_costs_stack(opening: str, times: int) -> None:
    with pytest.raises((WireError, ValueError)):
        decode(opening * times)


def test_a_flat_book_of_many_levels_is_not_deep() -> None:
    rows = ",".join(['["1","2"]'] * 5000)
    assert len(decode(f'{{"bids":[{rows}]}}')["bids"]) == 5000


def test_times() -> None:
    assert time_ms(1723161255208) == 1723161255208000000
    assert time_fraction("1618678123.481570") == 1618678123481570000
    assert time_rfc3339("2021-04-17T16:43:37.075687Z") == 1618677817075687000
    assert time_rfc3339("2021-04-17T16:43:37Z") == 1618677817000000000


@pytest.mark.parametrize("value", [-1, 1.5, "5", True, None, 10**30, 1723161255208000])
def test_no_time_in_ms(value: object) -> None:
    with pytest.raises(WireError):
        time_ms(value)


@pytest.mark.parametrize(
    "text",
    ["", "2021-04-17", "2021-13-17T16:43:37Z", "2021-04-17T16:43:37+02:00", "1821-04-17T16:43:37Z", "x" * 99 + "Z", None, 5],
)
def test_no_rfc3339_time(text: object) -> None:
    with pytest.raises(ValueError):
        time_rfc3339(text)


@pytest.mark.parametrize("value", [-1, True, 1.0, "1", 2**62 + 1, None])
def test_no_id(value: object) -> None:
    with pytest.raises(WireError):
        whole(value)


def test_a_rejection_is_bounded_and_printable() -> None:
    found = reject("binance", 5, KeyError("e" * 500), "\ud800" + "x" * 10_000)
    assert len(found.sample) < 300
    assert len(found.reason) < 200
    found.sample.encode()
    assert found.recv == 5
