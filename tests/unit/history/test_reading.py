"""Files of bars: what is recognised, what is refused with row, column and remedy, and that numbers stay exact."""

from __future__ import annotations

import gzip
import io
import itertools
import zipfile
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from app.history import files
from app.history.cells import BadCell, decimal_comma, number, times, zone
from app.history.errors import HistoryError, Undecided, Unreadable
from app.history.reading import Reading
from tests.unit.history.kit import reading_of

HEAD = "time,open,high,low,close,volume\n"
ROW = "2024-05-31T14:30:00Z,1.10,1.25,1.05,1.20,100\n"
NEXT = "2024-05-31T14:31:00Z,1.2,1.3,1.1,1.25,7.5\n"
AT = 1_717_165_800 * 10**9


def test_numbers_are_exact() -> None:
    series = reading_of(HEAD + ROW + NEXT).series
    assert (series.price_scale, series.volume_scale, series.timeframe) == (2, 1, "1m")
    assert list(series.rows()) == [(AT, 110, 125, 105, 120, 1000), (AT + 60 * 10**9, 120, 130, 110, 125, 75)]
    assert number("0.14550000429153442") == (14550000429153442, 17)
    assert number("-1e-3") == (-1, 3) and number("1.5E3") == (1500, 0) and number("1,234.5") == (12345, 1)
    assert number("1.234,5", comma=True) == (12345, 1) and number(" NaN ") is None and number(".5") == (5, 1)


@pytest.mark.parametrize("text", ["abc", "1.2.3", "Infinity", "0x10", "1" * 31, "1e999999", "--1", "1_000"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(BadCell):
        number(text)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1717165800", "Unix time in s"),
        ("1717165800000", "Unix time in ms"),
        ("1717165800000000", "Unix time in us"),
        ("1717165800000000000", "Unix time in ns"),
        ("20240531 143000", "YYYYMMDD"),
        ("2024-05-31 14:30", "ISO 8601"),
        ("2024/05/31 14:30:00", "ISO 8601"),
        ("2024-05-31 16:30:00+02:00", "ISO 8601"),
        ("2024-05-31 14:30:00 UTC", "ISO 8601"),
        ("31.05.2024 14:30", "day.month.year"),
        ("05/31/2024 14:30:00", "month/day/year"),
        ("05/31/2024 2:30 PM", "month/day/year"),
        ("31-May-2024 14:30", "ISO 8601"),
    ],
)
def test_times(text: str, form: str) -> None:
    read, said = times([text], zone("UTC"))
    assert (read(text)[0], said) == (AT, form)


def test_a_date_that_may_be_two_is_refused() -> None:
    text = HEAD + "01/02/2024,1,1,1,1,1\n01/03/2024,1,1,1,1,1\n"
    with pytest.raises(Undecided, match="may be day/month") as refused:
        reading_of(text)
    assert (refused.value.field, refused.value.remedy) == ("dates", "say which it is, or write dates as YYYY-MM-DD")
    assert refused.value.reading.first[0][0] == "01/02/2024"
    assert [reading_of(text, dates=order).series.timeframe for order in ("dmy", "mdy")] == ["1M", "1d"]
    told = HEAD + "01/31/2024,1,1,1,1,1\n"
    assert reading_of(told, dates="dmy").form == reading_of(told).form == "month/day/year", "what the dates themselves tell wins"


def test_zones() -> None:
    text = HEAD + "2024-05-31 10:30,1,1,1,1,1\n"
    assert reading_of(text, zone="-04:00").series.columns["time"][0] == AT
    assert reading_of(text, zone="America/New_York").series.columns["time"][0] == AT
    with pytest.raises(HistoryError) as refused:
        reading_of(text, zone="Mars/Olympus")
    assert refused.value.field == "zone" and "-05:00" in refused.value.remedy


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(("zone", "midnight"), [("America/New_York", "2024-11-03T04:00"), ("Europe/London", "2024-10-26T23:00")])
def test_an_hour_that_the_clocks_repeat_is_two_hours(zone: str, midnight: str, newest_first: bool) -> None:
    day, first = ("2024-11-03" if "New" in zone else "2024-10-27"), int(datetime.fromisoformat(midnight).replace(tzinfo=UTC).timestamp())

    def read(walls: list[str]) -> Reading:
        rows = [f"{day} {wall},{at},{at},{at},{at},{at}\n" for at, wall in enumerate(walls, 1)]
        return reading_of(HEAD + "".join(rows[::-1] if newest_first else rows), zone=zone)

    def hours(reading: Reading) -> list[float]:
        return [(time // 10**9 - first) / 3600 for time in reading.series.columns["time"]]

    whole = read(["00:00", "01:00", "01:00", "02:00", "03:00"])
    assert hours(whole) == [0, 1, 2, 3, 4] and list(whole.series.columns["close"]) == [1, 2, 3, 4, 5] and whole.series.timeframe == "1h"
    assert whole.order == {"newest_first": int(newest_first), "late": 0, "repeated": 0, "conflicting": 0} and not whole.problems
    half = read(["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"])
    assert hours(half) == [0.5, 1, 1.5, 2, 2.5, 3] and list(half.series.columns["close"]) == [1, 2, 3, 4, 5, 6]
    once = read(["00:00", "01:00", "02:00"])
    assert hours(once) == [0, 1, 3], "the first, where nothing says more"


def test_a_row_of_the_repeated_hour_that_stands_twice_is_no_second_hour() -> None:
    rows = "2024-11-03 00:00,1,1,1,1,1\n" + "2024-11-03 01:00,2,2,2,2,2\n" * 2 + "2024-11-03 02:00,3,3,3,3,3\n"
    reading = reading_of(HEAD + rows, zone="America/New_York")
    assert len(reading.series) == 3 and reading.order["repeated"] == 1
    offsets = HEAD + "".join(f"2024-11-03T01:00:00-0{hours}:00,{hours},{hours},{hours},{hours},1\n" for hours in (4, 5))
    assert len(reading_of(offsets, zone="America/New_York").series) == 2, "offsets say which"


def test_a_day_is_its_date_whatever_the_clocks_do() -> None:
    rows = "".join(f"2024-03-{day:02d} 00:00:00{offset},1,1,1,1,1\n" for day, offset in ((8, "-05:00"), (11, "-04:00"), (12, "-04:00")))
    series = reading_of(HEAD + rows).series
    assert series.timeframe == "1d" and all(time % (86_400 * 10**9) == 0 for time in series.columns["time"])


def test_rows_that_cannot_be_used_are_named_and_left_out() -> None:
    bad = "2024-05-31T14:32:00Z,1,x,1,1,1\n2024-13-31T14:33:00Z,1,1,1,1,1\n2024-05-31T14:34:00Z,,1,1,1,1\n2024-05-31,1\n"
    reading = reading_of(HEAD + ROW + NEXT + bad)
    assert reading.left_out == 4 and len(reading.series) == 2 and reading.rows == 6
    assert [(item.line, item.column) for item in reading.problems] == [(4, "high"), (5, "time"), (6, "open"), (7, "")]
    assert "'x' is not a number" in reading.problems[0].reason and all(item.remedy for item in reading.problems)


def test_order_and_repetition() -> None:
    newest_first = reading_of(HEAD + NEXT + ROW)
    assert newest_first.order == {"newest_first": 1, "late": 0, "repeated": 0, "conflicting": 0}
    late = reading_of(HEAD + ROW + NEXT + ROW)
    assert (late.order["late"], late.order["repeated"], late.order["conflicting"]) == (1, 1, 0) and len(late.series) == 2
    other = reading_of(HEAD + ROW + NEXT + NEXT.replace("1.25", "1.26"))
    assert other.order["conflicting"] == 1 and other.series.columns["close"][-1] == 126
    assert other.problems[0].line == 3 and "twice" in other.problems[0].reason


def test_names_of_columns() -> None:
    yahoo = "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n2024-05-30,2,2,2,2,1,10,0,0\n2024-05-31,1,1,1,1,1,20,0.5,2.0\n"
    reading = reading_of(yahoo)
    assert {action[1:] for action in reading.series.actions} == {("dividend", Fraction(1, 2)), ("split", Fraction(2))}
    assert reading.series.basis == "raw" and list(reading.series.columns["adj"]) == [1, 1]
    kline = "1717165800000,1,2,0.5,1.5,10,1717165859999,15,3,5,7,0\n1717165860000,1,2,0.5,1.5,11,1717165919999,15,3,5,7,0\n"
    assert list(reading_of(kline).series.columns["volume"]) == [10, 11]
    split_time = "<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>\n20240531;14:30;1,1;1,25;1,05;1,2;100\n".replace("20240531", "2024-05-31")
    reading = reading_of(split_time)
    assert reading.series.columns["time"][0] == AT and reading.series.columns["high"][0] == 125
    with pytest.raises(Unreadable, match="no column was recognised as close") as refused:
        reading_of("time,open,high,low,ende\n" + ROW)
    assert refused.value.field == "column.close"
    assert reading_of("time,open,high,low,ende\n2024-05-31,1,1,1,1\n", columns={"close": 4}).series.columns["close"][0] == 1


def test_packed_files() -> None:
    text = HEAD + ROW + NEXT
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", text)
        archive.writestr("readme.md", "hello")
    for data in (gzip.compress(text.encode()), zipped.getvalue(), "\ufeff".encode() + text.encode(), text.encode("utf-16")):
        assert len(reading_of(data).series) == 2
    two = gzip.compress((HEAD + ROW).encode()) + gzip.compress(NEXT.encode())
    assert len(reading_of(two).series) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"PAR1\x00\x00PAR1", "Parquet"),
        (b"\x1f\x8b\x08\x00", "cut short"),
        (gzip.compress(HEAD.encode())[:-4], "cut short"),
        (b"PK\x03\x04nothing", "cannot be opened"),
        (b"<html><body>sign in</body></html>", "web page"),
        (b'{"error": "limit"}', "JSON"),
        (b"\xff\xfa\x00\x01", "not text in UTF-8"),
        (b"only one column\n1\n", "no columns"),
        (HEAD.encode(), "no rows"),
        (HEAD.encode() + b"2024-05-31,1,1,1,x,1\n", "no row could be read: line 2, close"),
    ],
    ids=map(str, itertools.count()),
)
def test_refused_files_say_what_to_do(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        reading_of(data)
    assert refused.value.remedy and refused.value.kept


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 3_000_000)
    with pytest.raises(Unreadable, match="unpacks to more than"):
        files.table(bomb, most=1_000_000)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", b"0" * 3_000_000)
    with pytest.raises(Unreadable, match="unpacks to more than"):
        files.table(zipped.getvalue(), most=1_000_000)


def test_numbers_beyond_64_bits_are_rounded_and_it_is_said() -> None:
    reading = reading_of(HEAD + ROW.replace("1.10", "1.12345678901234567891"))
    assert reading.rounded and reading.series.price_scale == 17 and reading.series.columns["open"][0] == 112345678901234568
    with pytest.raises(Unreadable, match="too large"):
        reading_of(HEAD + ROW.replace("1.10", "9" * 25))


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nDatum;Eröffnung;Hoch;Tief;Schluss;Volumen\n31.05.2024;1.187,15;1.187,69;1.185,73;1.186,10;2.500\n",
        "https://www.source.example\nunix,date,symbol,open,high,low,close,Volume BTC\n1717113600,2024-05-31,AAPL,1187.15,1187.69,1185.73,1186.10,2500\n",
        '"Date","Price","Open","High","Low","Vol.","Change %"\n"05/31/2024","1,186.10","1,187.15","1,187.69","1,185.73","2.5K","0.1%"\n',
        "Date,Close/Last,Volume,Open,High,Low\n05/31/2024,$1186.10,2500,$1187.15,$1187.69,$1185.73\n",
        "Date\tOpen\tHigh\tLow\tClose Close price adjusted for splits.\tVolume\nMay 31, 2024\t1187.15\t1187.69\t1185.73\t1186.10\t2,500\n",
        'Date;Open;High;Low;Close;Volume\n2024-05-31;1,187.15;1,187.69;1,185.73;1,186.10;2500\n',
    ],
)
def test_files_as_usual_sources_write_them(text: str) -> None:
    series = reading_of(text, timeframe="1d").series
    assert list(series.rows()) == [(1_717_113_600 * 10**9, 118715, 118769, 118573, 118610, 2500)]


def test_commas_are_decimals_or_thousands() -> None:
    assert decimal_comma(["187,15"], ",") and decimal_comma(["1.187,15", "1.187"], ";") and decimal_comma(["1,187"], ";")
    assert not decimal_comma(["1,187.15", "950"], ";") and not decimal_comma(["1,187"], ",") and not decimal_comma(["1187.15"], ";")
    assert number("52.58M", short=True) == (52_580_000, 0) and number("1,2345678K", comma=True, short=True) == (12345678, 4)
    assert number("-", short=True) is None and number("1.234.567,8", comma=True) == (12345678, 1)
    for text, comma in (("18.7,15", True), ("1.5", True), ("52M", False)):
        with pytest.raises(BadCell):
            number(text, comma)


def test_twelve_hours_and_names_of_months() -> None:
    read, _ = times(["05/31/2024 12:00 AM"], zone("UTC"))
    midnight = read("05/31/2024 12:00 AM")[0]
    assert read("05/31/2024 12:30 pm")[0] - midnight == 45_000 * 10**9 and read("05/31/2024 11:00PM")[0] - midnight == 82_800 * 10**9
    with pytest.raises(BadCell, match="no such time"):
        read("05/31/2024 13:00 PM")
    for text in ("31-May-2024", "31 May 2024", "May 31, 2024", "Sept 1, 2024"):
        assert times([text], zone("UTC"))[0](text)[0] >= midnight
    with pytest.raises(BadCell):
        times(["May 32, 2024"], zone("UTC"))[0]("May 32, 2024")


MIXED = "symbol," + HEAD + "".join(f"{symbol}," + row for row in (ROW, NEXT) for symbol in ("AAPL", "MSFT"))


def test_bars_of_several_symbols_are_never_mixed() -> None:
    with pytest.raises(Undecided, match="bars of 2 symbols: AAPL, MSFT") as refused:
        reading_of(MIXED)
    assert refused.value.field == "only" and refused.value.reading.symbols == ["AAPL", "MSFT"]
    reading = reading_of(MIXED, only="MSFT")
    assert (len(reading.series), reading.order["repeated"], reading.lines) == (2, 0, [3, 5])
    assert reading_of(MIXED.replace("MSFT", "AAPL")).symbols == ["AAPL"]


def test_a_file_that_is_not_understood_says_what_it_has_so_that_somebody_can_choose() -> None:
    text = "when,a,b,c,d\n2024-05-31,1,3,1,2\n"
    with pytest.raises(Undecided, match="no column was recognised") as refused:
        reading_of(text)
    assert refused.value.reading.names == ["when", "a", "b", "c", "d"] and refused.value.reading.first == [["2024-05-31", "1", "3", "1", "2"]]
    columns = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4}
    assert len(reading_of(text, columns=columns).series) == 1
    with pytest.raises(Undecided, match="no row could be read"):
        reading_of(text, columns={**columns, "volume": 0})
