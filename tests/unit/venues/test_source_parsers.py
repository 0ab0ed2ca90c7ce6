"""What Yahoo, Alpha Vantage and Massive (Polygon) answer, as recorded and as documented, and what is wrong with it."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.desk.sourcedays import table
from app.history.reading import read
from app.sources.answers import Price, Reply, SourceError
from app.sources.listing import listing
from app.venues.alphavantage import parse as alphavantage
from app.venues.polygon import parse as polygon
from app.venues.yahoo import parse as yahoo

DATA = Path(__file__).resolve().parents[2] / "data" / "sources" / "polygon.jsonl"
RECORDED = {row["file"]: row["raw"] for row in map(json.loads, DATA.read_text().splitlines())}
AAPL = listing("AAPL")
NS = 1_000_000_000


def ok(value: object) -> Reply:
    return Reply(200, value if isinstance(value, str) else json.dumps(value))


def chart(**meta) -> dict:
    about = {"currency": "USD", "symbol": "AAPL", "regularMarketTime": 1_700_000_000, "regularMarketPrice": 182.30999755859375}
    about |= {"priceHint": 2, "gmtoffset": -18000}
    return {"chart": {"result": [{"meta": {**about, **meta}, "indicators": {"quote": [{}]}}], "error": None}}


def series(times: list, **columns) -> dict:
    found = chart()
    names = ("open", "high", "low", "close", "volume")
    found["chart"]["result"][0] |= {"timestamp": times, "indicators": {"quote": [{name: columns.get(name, [1.5] * len(times)) for name in names}]}}
    return found


def kind_of(call) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    assert str(caught.value)
    return caught.value.kind


# Massive (Polygon), recorded


def test_a_recorded_snapshot() -> None:
    item = listing("BCAT")
    found = polygon.prices_of_snapshot(ok(RECORDED["v2/snapshot/locale/us/markets/stocks/tickers/index.json"]), {"BCAT": item, "GONE": listing("GONE")})
    price = found["BCAT"]
    assert price == Price(
        Decimal("20.5060"), 1605192894630916600, "live", Decimal("20.5000"), 1300, Decimal("20.6000"), 2200, 37216, Decimal("20.6300")
    )
    assert found["GONE"].kind == "unknown_symbol"


def test_recorded_last_day_days_search_and_details() -> None:
    last = polygon.price_of_previous(ok(RECORDED["v2/aggs/ticker/AAPL/prev.json"]), AAPL)
    assert (last.last, last.grade, last.volume) == (Decimal("156.8000"), "day", 95595226)
    bars = polygon.days(ok(RECORDED["v2/aggs/ticker/AAPL/range/1/day/2005-04-01/2005-04-04.json"]), AAPL)
    assert [(bar.day, bar.close) for bar in bars] == [("2005-04-01", Decimal("1.4604")), ("2005-04-04", Decimal("1.4675"))]
    assert [match.symbol for match in polygon.matches(ok(RECORDED["v3/reference/tickers.json"]))] == ["A", "AA"]
    company = polygon.company(ok(RECORDED["v3/reference/tickers/AAPL.json"]))
    assert company.name == "Apple Inc." and ("Market capitalisation", "2,488,795,282,370") in company.facts


def test_polygon_errors() -> None:
    item = {"AAPL": AAPL}
    refused = {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}
    assert kind_of(lambda: polygon.prices_of_snapshot(Reply(403, json.dumps(refused)), item)) == "refused"
    assert kind_of(lambda: polygon.prices_of_snapshot(ok(refused), item)) == "refused"
    assert kind_of(lambda: polygon.prices_of_snapshot(Reply(429, "{}"), item)) == "quota"
    assert kind_of(lambda: polygon.price_of_previous(ok({"status": "OK", "resultsCount": 0}), AAPL)) == "unknown_symbol"
    assert kind_of(lambda: polygon.days(ok({"status": "OK"}), AAPL)) == "empty"
    crossed = {"status": "DELAYED", "tickers": [{"ticker": "AAPL", "lastTrade": {"p": 10, "t": NS}, "lastQuote": {"p": 11, "P": 10, "s": 1, "S": 1}}]}
    found = polygon.prices_of_snapshot(ok(crossed), item)["AAPL"]
    assert found.bid is None and found.grade == "delayed"


# Yahoo


def test_yahoo_price_is_rounded_as_meant_and_in_the_listing_s_currency() -> None:
    assert yahoo.price_of_chart(ok(chart()), AAPL).last == Decimal("182.31")
    london = yahoo.price_of_chart(ok(chart(currency="GBp", regularMarketPrice=2651.5)), listing("SHEL.L"))
    assert london.last == Decimal("26.5150")
    assert kind_of(lambda: yahoo.price_of_chart(ok(chart(currency="EUR")), AAPL)) == "bad_content"


def test_negative_prices_are_believed_of_futures_only_and_zero_volume_is_a_volume() -> None:
    oil = yahoo.price_of_chart(ok(chart(regularMarketPrice=-37.63, regularMarketVolume=0)), listing("CL=F"))
    assert oil.last == Decimal("-37.63") and oil.volume == 0
    assert kind_of(lambda: yahoo.price_of_chart(ok(chart(regularMarketPrice=-1)), AAPL)) == "bad_content"
    assert kind_of(lambda: yahoo.price_of_chart(ok(chart(regularMarketPrice=0)), AAPL)) == "bad_content"


def test_yahoo_errors_in_its_own_words() -> None:
    gone = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}}
    for status in (200, 404):
        with pytest.raises(SourceError, match="may be delisted") as caught:
            yahoo.price_of_chart(Reply(status, json.dumps(gone)), AAPL)
        assert caught.value.kind == "unknown_symbol"
    crumb = {"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}
    assert kind_of(lambda: yahoo.price_of_chart(Reply(401, json.dumps(crumb)), AAPL)) == "refused"
    limited = Reply(429, "Too Many Requests\r\n", {"retry-after": "40"})
    with pytest.raises(SourceError) as caught:
        yahoo.price_of_chart(limited, AAPL)
    assert (caught.value.kind, caught.value.wait_s) == ("quota", 40.0)
    assert kind_of(lambda: yahoo.price_of_chart(ok("<html>Will be right back"), AAPL)) == "web_page"
    assert kind_of(lambda: yahoo.price_of_chart(ok('{"chart": {"res'), AAPL)) == "bad_content"
    assert kind_of(lambda: yahoo.price_of_chart(ok(""), AAPL)) == "empty"
    assert kind_of(lambda: yahoo.price_of_chart(ok(chart(regularMarketPrice=None)), AAPL)) == "empty"
    assert kind_of(lambda: yahoo.price_of_chart(Reply(502, "Bad gateway"), AAPL)) == "server"
    assert kind_of(lambda: yahoo.price_of_chart(ok('{"chart": NaN}'), AAPL)) == "bad_content"


def test_yahoo_days_leave_out_nulls_and_take_the_later_of_two_rows_of_a_day() -> None:
    noon = 1_700_060_400  # 2023-11-15 10:00 in New York
    found = yahoo.days(ok(series([noon, noon + 86_400, noon + 90_000], close=[1.0, None, 2.0])), AAPL)
    assert [(bar.day, bar.close) for bar in found] == [("2023-11-15", Decimal("1.00")), ("2023-11-16", Decimal("2.00"))]
    assert kind_of(lambda: yahoo.days(ok(chart()), AAPL)) == "empty"
    assert kind_of(lambda: yahoo.days(ok(series([1, 2], close=[1.0])), AAPL)) == "bad_content"


def test_a_volume_that_is_not_said_is_unknown_and_not_zero() -> None:
    noon = 1_700_060_400
    days = yahoo.days(ok(series([noon, noon + 86_400], volume=[None, 0])), AAPL)
    day = {"o": 1, "h": 1, "l": 1, "c": 1, "t": noon * 1000}
    days += polygon.days(ok({"status": "OK", "results": [day, {**day, "t": (noon + 86_400) * 1000, "v": 0}]}), AAPL)
    prices = {name: "1.5" for name in ("1. open", "2. high", "3. low", "4. close")}
    rows = {"2023-11-15": {**prices, "5. volume": ""}, "2023-11-16": {**prices, "5. volume": "0"}}
    days += alphavantage.days(ok({"Meta Data": {}, "Time Series (Daily)": rows}), AAPL)
    assert [bar.volume for bar in days] == [None, 0] * 3
    kept = list(read(table(days[:2])))[-1].series
    assert kept is not None and [kept.volume(units) for units in kept.columns["volume"]] == [None, 0]


def test_a_spark_tells_every_listing_apart() -> None:
    rows = {"AAPL": {"timestamp": [10, 20], "close": [1.5, None]}, "MSFT": {"timestamp": [10], "close": [None]}, "NVDA": {"timestamp": [1, 2], "close": [1.0]}}
    found = yahoo.prices_of_spark(ok(rows), {name: listing(name) for name in ("AAPL", "MSFT", "NVDA", "GONE")})
    assert found["AAPL"].last == Decimal("1.50") and found["AAPL"].as_of_ns == 10 * NS
    assert {name: each.kind for name, each in found.items() if name != "AAPL"} == {"MSFT": "empty", "NVDA": "bad_content", "GONE": "unknown_symbol"}


# Alpha Vantage


def test_alpha_vantage_answers_and_its_errors_with_status_200() -> None:
    quote = {"01. symbol": "AAPL", "05. price": "190.1200", "06. volume": "0", "07. latest trading day": "2026-11-25", "08. previous close": "189.0"}
    found = alphavantage.price_of_quote(ok({"Global Quote": quote}), AAPL, lambda day: day.toordinal())
    assert found == Price(Decimal("190.1200"), date(2026, 11, 25).toordinal(), "day", volume=0, previous_close=Decimal("189.0000"))

    def price(answer: dict) -> str:
        return kind_of(lambda: alphavantage.price_of_quote(ok(answer), AAPL, lambda day: 0))

    assert price({"Global Quote": {}}) == "unknown_symbol"
    assert price({"Note": "Our standard API call frequency is 5 calls per minute"}) == "quota"
    assert price({"Information": "our standard API rate limit is 25 requests per day"}) == "quota"
    assert price({"Information": "This is a premium endpoint"}) == "refused"
    assert price({"Error Message": "Invalid API call. Please retry"}) == "unknown_symbol"
    assert price({"Error Message": "the parameter apikey is invalid or missing"}) == "refused"
    assert price({"Global Quote": {**quote, "05. price": "n/a"}}) == "bad_content"
    assert price({"Global Quote": {**quote, "07. latest trading day": "today"}}) == "bad_content"
    assert price({}) == "bad_content"


def test_alpha_vantage_writes_symbols_its_own_way() -> None:
    assert [alphavantage.native(listing(each)) for each in ("AAPL", "SAP.DE", "SHEL.L")] == ["AAPL", "SAP.DEX", "SHEL.LON"]
    assert alphavantage.covered(listing("7203.T")) and alphavantage.covered(listing("BTC-USD")) and not alphavantage.covered(AAPL)
    hits = [{"1. symbol": "SAP.DEX", "2. name": "SAP SE", "3. type": "Equity", "4. region": "XETRA", "9. matchScore": "0.5"}]
    hits += [{"1. symbol": "SAPX.BSE", "3. type": "Equity"}, {**hits[0], "1. symbol": "SAP", "9. matchScore": "1.0000"}]
    assert [match.symbol for match in alphavantage.matches(ok({"bestMatches": hits}))] == ["SAP", "SAP.DE"]


# Anything


NAMES = st.sampled_from(["chart", "result", "meta", "Global Quote", "tickers", "results", "quotes", "bestMatches", "a"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
PARSERS = [
    lambda reply: yahoo.price_of_chart(reply, AAPL),
    lambda reply: yahoo.days(reply, AAPL),
    lambda reply: yahoo.prices_of_spark(reply, {"AAPL": AAPL}),
    yahoo.matches,
    yahoo.company,
    lambda reply: alphavantage.price_of_quote(reply, AAPL, lambda day: 0),
    lambda reply: alphavantage.days(reply, AAPL),
    alphavantage.matches,
    alphavantage.company,
    lambda reply: polygon.prices_of_snapshot(reply, {"AAPL": AAPL}),
    lambda reply: polygon.price_of_previous(reply, AAPL),
    lambda reply: polygon.days(reply, AAPL),
    polygon.matches,
    polygon.company,
]


@settings(max_examples=300, deadline=None)
@given(value=json_values, status=st.sampled_from([200, 200, 200, 404, 500]), cut=st.integers(0, 40))
def test_whatever_comes_is_an_answer_or_a_source_error(value: object, status: int, cut: int) -> None:
    text = json.dumps(value)
    for reply in (Reply(status, text), Reply(status, text[: len(text) - cut])):
        for parse in PARSERS:
            try:
                parse(reply)
            except SourceError:
                pass


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_good_answer_with_one_part_replaced_is_an_answer_or_a_source_error(data) -> None:
    good = data.draw(st.sampled_from([series([1_700_000_000, 1_700_100_000]), chart(), *map(json.loads, RECORDED.values())]))

    def spoil(node: object) -> object:
        if isinstance(node, dict) and node and data.draw(st.booleans()):
            name = data.draw(st.sampled_from(sorted(node)))
            return {**node, name: spoil(node[name])}
        if isinstance(node, list) and node and data.draw(st.booleans()):
            return [spoil(node[0]), *node[1:]]
        return data.draw(json_values)

    text = json.dumps(spoil(good))
    for parse in PARSERS:
        try:
            parse(Reply(200, text))
        except SourceError:
            pass
