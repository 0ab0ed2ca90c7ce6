"""Adjustment and export: the documented formulas, exact where they can be, and files that read back to the same."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.history import pack
from app.history.errors import HistoryError
from app.history.export import csv_lines, file_name
from app.history.series import ADJUSTED, Action, Series, finished, joined
from tests.unit.history.kit import adjusted, file, reading_of, walk

DAY = 86_400 * 10**9


def bars(*closes: str, actions: dict[int, tuple[str, str]] | None = None) -> Series:
    text = "date,open,high,low,close,volume\n" + "".join(f"2024-05-{day + 1:02d},{c},{c},{c},{c},100\n" for day, c in enumerate(closes))
    series = reading_of(text, timeframe="1d").series
    series.actions = [Action(series.columns["time"][row], kind, Fraction(value)) for row, (kind, value) in (actions or {}).items()]
    return series


def closes(series: Series) -> list[Decimal]:
    return [series.price(value).normalize() for value in series.columns["close"]]


def test_a_split_is_exact() -> None:
    series = bars("70", "77", "11", "12", actions={2: ("split", "7")})
    out = adjusted(series, "splits")
    assert closes(out) == [10, 11, 11, 12] and list(map(out.volume, out.columns["volume"])) == [700, 700, 100, 100]
    assert closes(series) == [70, 77, 11, 12], "the series itself stays"
    assert closes(adjusted(series, "none")) == [70, 77, 11, 12]
    reverse = adjusted(bars("1", "1.1", "11", actions={2: ("split", "1/10")}), "splits")
    assert closes(reverse) == [10, 11, 11] and list(map(reverse.volume, reverse.columns["volume"])) == [10, 10, 100]


def test_a_dividend_is_taken_off_by_its_part_of_the_close_before() -> None:
    series = bars("10", "20", "19", actions={2: ("dividend", "1")})
    assert closes(adjusted(series, "all")) == [Decimal("9.5"), 19, 19]
    assert closes(adjusted(series, "splits")) == [10, 20, 19]
    # on the day of a split the dividend is paid on the new shares
    both = bars("40", "19", actions={1: ("split", "2")})
    both.actions.append(Action(both.columns["time"][1], "dividend", Fraction(1)))
    assert closes(adjusted(both, "all")) == [19, 19]


def test_prices_that_are_adjusted_already_are_not_adjusted_again() -> None:
    series = bars("10", "10", "10", "10", actions={2: ("split", "4")})
    series.basis = "splits"
    assert closes(adjusted(series, "all")) == [10, 10, 10, 10]


def test_what_cannot_be_taken_off_is_refused() -> None:
    with pytest.raises(HistoryError, match="cannot be taken off") as refused:
        adjusted(bars("10", "9", actions={1: ("dividend", "10")}), "all")
    assert refused.value.remedy
    with pytest.raises(HistoryError):
        adjusted(bars("10", "9"), "twice")


def test_against_the_sources_own_adjustment() -> None:
    series = file("AAPL-2014-wiki").series
    out, last = adjusted(series, "all"), len(series) - 1
    theirs = series.columns[ADJUSTED]
    rest = Fraction(series.adjusted(theirs[last])) / Fraction(series.price(series.columns["close"][last]))  # what came after the last row
    for row in range(len(series)):
        ours = Fraction(out.price(out.columns["close"][row])) * rest
        assert abs(ours / Fraction(series.adjusted(theirs[row])) - 1) < Fraction(1, 10_000)  # the source divides by 1 + d / close of the day


@pytest.mark.parametrize("name", ["AAPL-2014-wiki", "KAP-IL-1d-bad-div", "AET-L-1d-100x-error", "4063-T-1d-bad-stock-split"])
def test_an_export_reads_back_to_the_same(name: str) -> None:
    series = file(name).series
    back = reading_of("".join(csv_lines(series))).series
    assert [list(map(back.price, back.columns[column])) for column in ("open", "close", "high", "low")] == [
        list(map(series.price, series.columns[column])) for column in ("open", "close", "high", "low")
    ]
    assert list(map(back.volume, back.columns["volume"])) == list(map(series.volume, series.columns["volume"]))
    assert back.columns["time"] == series.columns["time"] and sorted(back.actions) == sorted(series.actions)


def test_an_export_has_no_volume_where_the_file_had_none() -> None:
    series = reading_of("date,open,high,low,close\n2024-01-02,1,2,1,2\n2024-01-03,2,3,2,3\n").series
    text = "".join(csv_lines(series))
    assert text == "date,open,high,low,close\n2024-01-02,1,2,1,2\n2024-01-03,2,3,2,3\n"
    assert list(reading_of(text).series.rows()) == list(series.rows())


cells = st.sampled_from(["", "0", "7", "0.25", "123456789012.5"])


@given(st.lists(cells, min_size=2, max_size=12), st.data())
def test_each_volume_comes_back_as_it_was_known_or_not(volumes: list[str], data: st.DataObject) -> None:
    text = "time,open,high,low,close,volume\n" + "".join(f"2024-05-31T14:{minute:02d}:00Z,1,1,1,1,{cell}\n" for minute, cell in enumerate(volumes))
    series = reading_of(text).series
    wanted = [Decimal(cell) if cell else None for cell in volumes]

    def shown(series: Series) -> list[Decimal | None]:
        return list(map(series.volume, series.columns["volume"]))

    assert shown(series) == wanted
    series.columns = pack.unpack(pack.pack(series.columns))
    assert shown(series) == wanted
    exported = "".join(csv_lines(series))
    if any(wanted):
        assert exported == text
    else:
        assert "volume" not in exported
    # a split changes what is known and nothing else
    at, ratio = data.draw(st.integers(1, len(volumes) - 1)), data.draw(st.sampled_from(["2", "1/10", "3/2"]))
    series.actions = [Action(series.columns["time"][at], "split", Fraction(ratio))]
    factors = [Fraction(ratio) if row < at else 1 for row in range(len(volumes))]
    found = [None if volume is None else Fraction(volume) for volume in shown(adjusted(series, "splits"))]
    assert found == [None if volume is None else Fraction(volume) * factor for volume, factor in zip(wanted, factors, strict=True)]
    # and of two series each keeps its own
    later = reading_of(text.replace("T14:", "T15:").replace(",1,1,1,1,", ",1,1,1,1.25,") + "2024-05-31T15:59:00Z,1,1,1,1,0.125\n").series
    assert shown(finished(joined(series, later))) == [*wanted, *wanted, Decimal("0.125")]


def test_an_export_of_minutes() -> None:
    series = walk(1500)
    text = "".join(csv_lines(series))
    assert text.startswith("time,open,high,low,close,volume\n2023-11-14T22:14:00Z,") and text.count("\n") == 1501
    back = reading_of(text).series
    assert list(back.rows()) == list(series.rows()) and back.timeframe == "1m"
    assert file_name(series, "all") == "BTCUSDT-1m-adjusted-all.csv"
    assert file_name(series.named("x", "BTC/../USD", "ticks:5"), "none") == "BTC-..-USD-ticks-5.csv"
