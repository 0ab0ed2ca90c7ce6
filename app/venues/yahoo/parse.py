"""Yahoo Finance's answers to prices, days, matches and facts. Pure.

Numbers are binary fractions, so `priceHint` says how many decimals are meant; arrays hold nulls where nothing was traded; London's prices are in pence
(`GBp`), those of grains in US cents (`USX`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.sources.answers import Bar, Company, Match, Price, Reply, SourceError
from app.sources.listing import BadListing, Listing, listing
from app.sources.reading import data_of, moment_ns, number, price, rows_of, table, text, whole_or_none

NS = 1_000_000_000
_KINDS = {
    **{"EQUITY": "share", "ETF": "fund", "MUTUALFUND": "fund", "INDEX": "index", "FUTURE": "future", "CURRENCY": "currency"},
    "CRYPTOCURRENCY": "crypto",
}
_MINOR = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
_FACTS = (
    *(("fullExchangeName", "Exchange"), ("currency", "Currency"), ("instrumentType", "Kind"), ("exchangeTimezoneName", "Time zone")),
    *(("fiftyTwoWeekHigh", "52 weeks, high"), ("fiftyTwoWeekLow", "52 weeks, low"), ("regularMarketVolume", "Volume today")),
)


def said(data: Any) -> str:
    """Yahoo's own words for an error: `{chart:{error:{code, description}}}`, also under `finance` and `spark`."""
    for name in ("chart", "finance", "spark"):
        part = data.get(name) if isinstance(data, dict) else None
        error = part.get("error") if isinstance(part, dict) else None
        if isinstance(error, dict):
            return text(error.get("description")) or text(error.get("code"))
    return ""


def chart(reply: Reply) -> dict:
    """The one result of a chart. Raises SourceError."""
    data = table(data_of(reply, said), "the answer")
    part = table(data.get("chart"), "chart")
    rows = rows_of(part.get("result"), "the chart's result")
    if (words := said(data)) or not rows:
        raise SourceError("unknown_symbol", words or "no result in the chart")
    return table(rows[0], "the chart's result")


def price_of_chart(reply: Reply, item: Listing) -> Price:
    """The price in a chart's `meta`. Raises SourceError; `empty` where there is none."""
    meta = table(chart(reply).get("meta"), "meta")
    money = text(meta.get("currency"))
    if money and _MINOR.get(money, money.upper()) != item.unit:
        raise SourceError("bad_content", f"its {item.symbol} is in {money}, not in {item.unit}")
    if meta.get("regularMarketPrice") is None or meta.get("regularMarketTime") is None:
        raise SourceError("empty", "no trade is known")
    hint = meta["priceHint"] if type(meta.get("priceHint")) is int and 0 <= meta["priceHint"] <= 8 else None
    before = meta.get("previousClose", meta.get("chartPreviousClose"))
    return Price(
        price(meta["regularMarketPrice"], item, hint=hint),
        moment_ns(meta["regularMarketTime"], NS, "regularMarketTime"),
        volume=whole_or_none(meta.get("regularMarketVolume"), "regularMarketVolume"),
        previous_close=None if before is None else price(before, item, "the previous close", hint),
    )


def prices_of_spark(reply: Reply, items: dict[str, Listing]) -> dict[str, Price | SourceError]:
    """Prices of several listings: the last close of each that is not null."""
    data = table(data_of(reply, said), "the answer")
    found: dict[str, Price | SourceError] = {}
    for symbol, item in items.items():
        try:
            found[symbol] = _spark(data.get(symbol), item)
        except SourceError as error:
            found[symbol] = error
    return found


def _spark(row: Any, item: Listing) -> Price:
    if row is None:
        raise SourceError("unknown_symbol", "not among the answers: misspelt, or not listed any more")
    times, closes = rows_of(table(row, item.symbol).get("timestamp"), "its times"), rows_of(row.get("close"), "its closes")
    if len(times) != len(closes):
        raise SourceError("bad_content", "times and closes of unequal number")
    known = [(at, close) for at, close in zip(times, closes, strict=True) if close is not None]
    if not known:
        raise SourceError("empty", "no trade is known")
    before = row.get("previousClose", row.get("chartPreviousClose"))
    hint = item.decimals - (2 if item.part > 1 else 0)
    return Price(
        price(known[-1][1], item, hint=hint),
        moment_ns(known[-1][0], NS, "the time"),
        previous_close=None if before is None else price(before, item, "the previous close", hint),
    )


def days(reply: Reply, item: Listing) -> list[Bar]:
    """Daily bars; days on which nothing was traded (nulls) are left out. Raises SourceError; `empty` without any."""
    result = chart(reply)
    meta, times = table(result.get("meta"), "meta"), rows_of(result.get("timestamp"), "its times")
    quote = _column(table(result.get("indicators"), "indicators"), "quote")
    adjusted = _column(result["indicators"], "adjclose").get("adjclose") or [None] * len(times)
    hint = meta["priceHint"] if type(meta.get("priceHint")) is int and 0 <= meta["priceHint"] <= 8 else None
    columns = [quote.get(name) or [] for name in ("open", "high", "low", "close", "volume")]
    if not isinstance(times, list) or any(not isinstance(each, list) or len(each) != len(times) for each in (*columns, adjusted)):
        raise SourceError("bad_content", "columns of unequal length") if times else SourceError("empty", "no history")
    offset = timedelta(seconds=max(-86_400, min(86_400, int(number(meta.get("gmtoffset", 0), "gmtoffset")))))
    found: dict[str, Bar] = {}
    for at, opened, high, low, close, volume, better in zip(times, *columns, adjusted, strict=True):
        if None in (at, opened, high, low, close):
            continue
        day = (datetime.fromtimestamp(moment_ns(at, NS, "a time") // NS, UTC) + offset).date().isoformat()
        parts = [price(value, item, f"a price of {day}", hint) for value in (opened, high, low, close)]
        # the last row may be the day under way, twice: the later one counts
        found[day] = Bar(day, *parts, whole_or_none(volume, "a volume"), None if better is None else price(better, item, f"a price of {day}"))
    if not found:
        raise SourceError("empty", "no history")
    return [found[day] for day in sorted(found)]


def matches(reply: Reply) -> list[Match]:
    """Hits of a search whose symbols the desk can write. Raises SourceError."""
    rows = table(data_of(reply, said), "the answer").get("quotes")
    if not isinstance(rows, list):
        raise SourceError("bad_content", "no quotes in the search")
    found = []
    for row in rows:
        kind = _KINDS.get(text(row.get("quoteType"))) if isinstance(row, dict) else None
        try:
            item = listing(text(row.get("symbol"))) if kind else None
        except BadListing:
            item = None
        if item is not None and kind is not None:
            name = text(row.get("longname")) or text(row.get("shortname"))
            exchange = text(row.get("exchDisp")) or text(row.get("exchange"))
            found.append(Match(item.symbol, name, exchange, item.currency, kind, "yahoo"))
    return found


def company(reply: Reply) -> Company:
    """What a chart's `meta` says of the listing. Raises SourceError."""
    meta = table(chart(reply).get("meta"), "meta")
    facts = [(label, _plain(meta[name])) for name, label in _FACTS if meta.get(name) not in (None, "")]
    first = meta.get("firstTradeDate")
    if type(first) is int and abs(first) < 10**10:
        facts.append(("Traded since", (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=first)).date().isoformat()))
    return Company(text(meta.get("longName")) or text(meta.get("shortName")) or text(meta.get("symbol")), tuple(facts))


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return text(value)
    return f"{value:,}" if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else ""


def _column(indicators: dict, name: str) -> dict:
    rows = indicators.get(name)
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
