"""Massive's (Polygon's) answers. Pure. Times are ns in snapshots' trades and quotes, ms in aggregates; `results` is missing where there is nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.market.zones import zone
from app.sources.answers import Bar, Company, Match, Price, Reply, SourceError
from app.sources.listing import BadListing, Listing, listing
from app.sources.reading import data_of, moment_ns, price, rows_of, table, text, whole, whole_or_none

NS, MS = 1_000_000_000, 1_000_000
_KINDS = {"CS": "share", "ADRC": "share", "PFD": "share", "ETF": "fund", "ETN": "fund", "ETV": "fund", "FUND": "fund"}
_FACTS = (
    *(("primary_exchange", "Exchange"), ("currency_name", "Currency"), ("type", "Kind"), ("list_date", "Listed since"), ("sic_description", "Industry")),
    *(("market_cap", "Market capitalisation"), ("total_employees", "Employees"), ("homepage_url", "Site")),
)


def native(item: Listing) -> str:
    """Its way of writing a share of the US: BRK.B for BRK-B."""
    return item.root.replace("-", ".")


def said(data: Any) -> str:
    """Its own words for an error."""
    return (text(data.get("error")) or text(data.get("message"))) if isinstance(data, dict) else ""


def answer(reply: Reply) -> dict:
    """The object in an answer that is no error. Raises SourceError."""
    data = table(data_of(reply, said), "the answer")
    status = text(data.get("status"))
    if status in ("ERROR", "NOT_AUTHORIZED", "NOT_FOUND"):
        kind = {"NOT_AUTHORIZED": "refused", "NOT_FOUND": "unknown_symbol"}.get(status, "bad_content")
        words = said(data) or status
        raise SourceError("quota" if "maximum requests" in words.lower() else kind, words)
    return data


def prices_of_snapshot(reply: Reply, items: dict[str, Listing]) -> dict[str, Price | SourceError]:
    """Prices of several listings, by the desk's symbols."""
    data = answer(reply)
    by_native = {text(row.get("ticker")): row for row in rows_of(data.get("tickers"), "tickers") if isinstance(row, dict)}
    grade = "delayed" if data.get("status") == "DELAYED" else "live"
    found: dict[str, Price | SourceError] = {}
    for symbol, item in items.items():
        row = by_native.get(native(item))
        try:
            found[symbol] = _snapshot(row, item, grade)
        except SourceError as error:
            found[symbol] = error
    return found


def _snapshot(row: Any, item: Listing, grade: str) -> Price:
    if row is None:
        raise SourceError("unknown_symbol", "not among the answers: misspelt, or not listed any more")
    trade, quote, day, before = (table(row.get(name) or {}, name) for name in ("lastTrade", "lastQuote", "day", "prevDay"))
    if trade.get("p"):
        last, at = price(trade["p"], item), moment_ns(trade.get("t"), 1, "the time")
    elif day.get("c"):
        last, at = price(day["c"], item), moment_ns(row.get("updated"), 1, "the time")
    else:
        raise SourceError("empty", "no trade is known today")
    bid, ask = (price(quote[name], item) if quote.get(name) else None for name in ("p", "P"))
    if bid is not None and ask is not None and bid > ask:
        bid = ask = None
    return Price(
        last,
        at,
        grade,
        bid,
        whole(quote.get("s", 0), "a size") * 100,
        ask,
        whole(quote.get("S", 0), "a size") * 100,
        whole_or_none(day.get("v"), "the volume"),
        price(before["c"], item, "the previous close") if before.get("c") else None,
    )


def price_of_previous(reply: Reply, item: Listing) -> Price:
    """The close of the last whole day (`prev`), which every plan allows. Raises SourceError."""
    rows = rows_of(answer(reply).get("results"), "results")
    if not rows:
        raise SourceError("unknown_symbol", "no last day: misspelt, or not listed any more")
    row = table(rows[0], "the day")
    return Price(price(row.get("c"), item), moment_ns(row.get("t"), MS, "the time"), "day", volume=whole_or_none(row.get("v"), "the volume"))


def days(reply: Reply, item: Listing) -> list[Bar]:
    """Daily aggregates, not adjusted. Raises SourceError; `empty` without any."""
    rows = rows_of(answer(reply).get("results"), "results")
    if not rows:
        raise SourceError("empty", "no history")
    new_york, found = zone("America/New_York"), {}
    for row in rows:
        day = datetime.fromtimestamp(moment_ns(table(row, "a day").get("t"), MS, "a time") // NS, new_york).date().isoformat()
        parts = [price(row.get(name), item, f"a price of {day}") for name in ("o", "h", "l", "c")]
        found[day] = Bar(day, *parts, whole_or_none(row.get("v"), "a volume"))
    return [found[day] for day in sorted(found)]


def matches(reply: Reply) -> list[Match]:
    """Hits of a search among tickers. Raises SourceError."""
    found = []
    for row in rows_of(answer(reply).get("results"), "results"):
        kind = _KINDS.get(text(table(row, "a ticker").get("type")))
        try:
            item = listing(text(row.get("ticker")).replace(".", "-")) if kind else None
        except BadListing:
            item = None
        if item is not None and kind is not None:
            found.append(Match(item.symbol, text(row.get("name")), text(row.get("primary_exchange")), item.currency, kind, "polygon"))
    return found


def company(reply: Reply) -> Company:
    """A ticker's details. Raises SourceError."""
    row = table(answer(reply).get("results"), "results")
    facts = [(label, _plain(row[name])) for name, label in _FACTS if row.get(name) not in (None, "")]
    return Company(text(row.get("name")), tuple(facts))


def _plain(value: Any) -> str:
    return text(value) if isinstance(value, str) else f"{whole(value, 'a figure'):,}"
