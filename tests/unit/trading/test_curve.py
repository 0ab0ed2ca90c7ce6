"""The equity curve: exact, bounded, carried through its records, with a drawdown that no bucket hides."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trading.curve import SPANS, TIERS, BadCurve, EquityCurve

SECOND = 1_000_000_000
START = 1_700_006_400  # a whole quarter of a day


def curve_of(samples) -> EquityCurve:
    curve = EquityCurve("paper-1", "USDT")
    for at, equity in samples:
        curve.add((START + at) * SECOND, Decimal(equity))
    return curve


def test_buckets_keep_lowest_highest_and_last():
    curve = curve_of([(0, "100.01"), (3, "99.5"), (9, "101"), (10, "100")])
    first, second = curve.rows("hour")
    assert first == [START, Decimal("99.5"), Decimal(101), Decimal(101), Decimal("0.51")] and second == [START + 10, *[Decimal(100)] * 3, Decimal(1)]


def test_memory_is_bounded_however_long_it_runs():
    curve = EquityCurve("a", "USDT")
    for step in range(60_000):
        curve.add((START + step * 7_200) * SECOND, Decimal(step))  # over thirteen years
    assert len(curve) <= sum(keep for _, keep in TIERS)
    assert [len(curve.rows(span)) for span in SPANS] == [keep for _, keep in TIERS]
    assert all(rows == sorted(rows) for rows in map(curve.rows, SPANS))


def test_a_short_time_is_drawn_finely_whatever_is_asked():
    curve = curve_of([(step, 100 + step) for step in range(50)])
    assert [len(curve.rows(span)) for span in SPANS] == [5, 5, 5, 5]


def test_the_deepest_fall_is_that_of_every_sample():
    curve = curve_of([(0, 100), (1, 120), (2, 90), (3, 119), (4, 130), (5, 101)])
    deepest = curve.deepest
    assert (deepest.peak, deepest.low, deepest.amount) == (120, 90, 30)
    assert (deepest.peak_ns, deepest.low_ns) == ((START + 1) * SECOND, (START + 2) * SECOND)
    assert curve.drawdown() == (130, 29)
    assert EquityCurve("a", "USDT").drawdown() is None


def test_what_comes_or_goes_moves_the_peak_and_makes_no_fall():
    curve = curve_of([(0, 100), (1, 90)])
    curve.moved(Decimal(-50))
    curve.add((START + 2) * SECOND, Decimal(40))
    assert curve.drawdown() == (50, 10) and curve.deepest.amount == 10
    curve.moved(Decimal(1000))
    curve.add((START + 3) * SECOND, Decimal(1040))
    assert curve.drawdown() == (1050, 10) and curve.deepest.amount == 10
    curve.flows = (3, 4)
    assert EquityCurve.from_records(*curve.to_records()).flows == (3, 4)
    EquityCurve("a", "USDT").moved(Decimal(1))
    assert {span: max(row[4] for row in curve.rows(span)) for span in SPANS} == dict.fromkeys(SPANS, 10), "nor is one drawn"


def test_records_from_before_falls_were_kept_tell_them_by_their_buckets():
    curve = curve_of([(0, 100), (12, 90), (13, 120), (25, 95)])
    old = [json.loads(record) for record in curve.to_records()]
    for record in old:
        record["tiers"] = [[row[:4] for row in tier] for tier in record["tiers"]]
    again = EquityCurve.from_records(*(json.dumps(record).encode() for record in old))
    assert [row[4] for row in again.rows("hour")] == [0, 10, 25]


def test_a_clock_set_back_loses_nothing_and_orders_nothing_wrongly():
    curve = curve_of([(100, 100), (50, 90), (101, 110)])
    assert curve.rows("hour") == [[START + 100, Decimal(90), Decimal(110), Decimal(110), Decimal(10)]]


@given(st.lists(st.tuples(st.integers(0, 100_000), st.decimals(min_value=-(10**6), max_value=10**9, places=8)), max_size=60))
def test_its_records_bring_it_back_exactly(samples):
    curve = curve_of(sorted(samples))
    again = EquityCurve.from_records(*curve.to_records())
    assert [again.rows(span) for span in SPANS] == [curve.rows(span) for span in SPANS]
    assert again.deepest == curve.deepest and again.to_records() == curve.to_records()


@given(st.integers(1, 400), st.integers(1, 399))
def test_an_older_coarse_record_is_brought_up_by_the_fine_one(count, cut):
    samples = [(step * 37, 1000 + step * 7 % 13) for step in range(count)]
    older = curve_of(samples[: min(cut, count)]).to_records()[1]
    whole = curve_of(samples)
    again = EquityCurve.from_records(whole.to_records()[0], older)
    assert [again.rows(span) for span in SPANS] == [whole.rows(span) for span in SPANS]


BROKEN = b'{"version":1,"account":"a","currency":"U","tiers":[[[1,"x","2","3"]],[]],"peak":null}'


@pytest.mark.parametrize("fine", [b"", b"[]", b"{}", b'{"version":9}', BROKEN])
def test_what_is_no_curve_is_refused(fine):
    with pytest.raises(BadCurve):
        EquityCurve.from_records(fine, None)


def test_records_of_two_accounts_do_not_mix():
    fine, _ = curve_of([(0, 1)]).to_records()
    other = EquityCurve("paper-2", "USDT")
    with pytest.raises(BadCurve, match="belong together"):
        EquityCurve.from_records(fine, other.to_records()[1])
