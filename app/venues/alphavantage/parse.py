"""Alpha Vantage's answers. Pure.

Every error comes with HTTP 200: as `Error Message`, as `Note` or `Information` (too many requests, or a plan that does not allow it), or as an empty object
for a symbol that it does not know. Keys are numbered prose (`05. price`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from app.sources.answers import Bar, Company, Match, Price, Reply, SourceError
from app.sources.listing import EXCHANGES, BadListing, Listing, listing
from app.sources.reading import data_of, number, price, table, text, whole_or_none

SUFFIXES = {"L": "LON", "DE": "DEX", "PA": "PAR", "AS": "AMS", "TO": "TRT"}
"""The exchanges it covers besides those of the US, by the suffix of the desk's symbol."""
_BACK = {there: here for here, there in SUFFIXES.items()}
_KINDS = {"Equity": "share", "ETF": "fund", "Mutual Fund": "fund"}
_FACTS = (
    *(("Exchange", "Exchange"), ("Currency", "Currency"), ("Country", "Country"), ("Sector", "Sector"), ("Industry", "Industry")),
    *(("MarketCapitalization", "Market capitalisation"), ("PERatio", "Price to earnings"), ("DividendYield", "Dividend yield")),
    *(("FiscalYearEnd", "Fiscal year ends"), ("52WeekHigh", "52 weeks, high"), ("52WeekLow", "52 weeks, low")),
)


def native(item: Listing) -> str:
    """Its way of writing a share's symbol."""
    return f"{item.root}.{SUFFIXES[item.suffix]}" if item.suffix else item.root


def answer(reply: Reply) -> dict:
    """The object in an answer that is no error. Raises SourceError."""
    data = table(data_of(reply), "the answer")
    if words := text(data.get("Error Message")):
        raise SourceError("unknown_symbol" if "Invalid API call" in words else "refused", words)
    if words := text(data.get("Note")) or text(data.get("Information")):
        lower = words.lower()
        if "per day" in lower or "rate limit" in lower or "call frequency" in lower or "per second" in lower or "per minute" in lower:
            raise SourceError("quota", _short(words), None if "per day" in lower else 60.0)
        raise SourceError("refused", _short(words))
    return data


def price_of_quote(reply: Reply, item: Listing, closes: Callable[[date], int]) -> Price:
    """The price in a `GLOBAL_QUOTE`, which is that of a day; ``closes(day)`` is the ns UTC by which that day is over. Raises SourceError."""
    quote = table(answer(reply).get("Global Quote"), "Global Quote")
    if not quote:
        raise SourceError("unknown_symbol", "an empty quote: misspelt, or not listed any more")
    try:
        day = date.fromisoformat(text(quote.get("07. latest trading day")))
    except ValueError as error:
        raise SourceError("bad_content", "its latest trading day is no date") from error
    before = quote.get("08. previous close")
    return Price(
        price(quote.get("05. price"), item),
        closes(day),
        "day",
        volume=whole_or_none(quote.get("06. volume"), "the volume"),
        previous_close=None if before in (None, "") else price(before, item, "the previous close"),
    )


def days(reply: Reply, item: Listing) -> list[Bar]:
    """Bars of `TIME_SERIES_DAILY`. Raises SourceError; `empty` without any."""
    data = answer(reply)
    rows = data.get("Time Series (Daily)")
    if not rows:
        raise SourceError("empty", "no history")
    found = []
    for day, row in sorted(table(rows, "the series").items()):
        try:
            day = date.fromisoformat(day).isoformat()
        except ValueError as error:
            raise SourceError("bad_content", f"{day[:20]!r} is no date") from error
        parts = [price(table(row, day).get(name), item, f"a price of {day}") for name in ("1. open", "2. high", "3. low", "4. close")]
        found.append(Bar(day, *parts, whole_or_none(row.get("5. volume"), "a volume")))
    return found


def matches(reply: Reply) -> list[Match]:
    """Hits of `SYMBOL_SEARCH` on exchanges that the desk knows, the best first. Raises SourceError."""
    rows = answer(reply).get("bestMatches")
    if not isinstance(rows, list):
        raise SourceError("bad_content", "no bestMatches in the search")
    found = []
    for row in rows:
        kind = _KINDS.get(text(table(row, "a match").get("3. type")))
        root, _, there = text(row.get("1. symbol")).partition(".")
        if kind is None or (there and there not in _BACK):
            continue
        try:
            item = listing(f"{root}.{_BACK[there]}" if there else root)
        except BadListing:
            continue
        scored = number(row.get("9. matchScore", "0"), "the score")
        found.append((scored, Match(item.symbol, text(row.get("2. name")), text(row.get("4. region")), item.currency, kind, "alphavantage")))
    found.sort(key=lambda pair: -pair[0])
    return [match for _, match in found]


def company(reply: Reply) -> Company:
    """`OVERVIEW`. Raises SourceError."""
    data: dict[str, Any] = answer(reply)
    if not text(data.get("Name")):
        raise SourceError("unknown_symbol", "nothing is known of it there")
    return Company(text(data["Name"]), tuple((label, text(data[name])) for name, label in _FACTS if text(data.get(name)) not in ("", "None", "-")))


def covered(item: Listing) -> str:
    """Why a listing cannot be had from here, or an empty text."""
    if item.kind != "share":
        return f"has no prices of a {item.kind} here"
    if item.suffix and item.suffix not in SUFFIXES:
        return f"does not cover {EXCHANGES[item.suffix][0]}"
    return ""


def _short(words: str) -> str:
    """The first sentence that says something; the key is echoed in some."""
    first = words.split(". ")[0]
    return first if len(first) < 160 else first[:157] + "…"
