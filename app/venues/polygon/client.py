"""What Massive (Polygon) is asked. The key goes into the query: in a header it would need a preflight, which a page without a proxy does not get through.

A plan that does not include snapshots (the free one) gets the close of the last day instead, one listing a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from app.sources.answers import Allowance, Ask, Bar, Company, Match, Price, SourceError
from app.sources.listing import Listing

from . import parse

BASE = "https://api.massive.com"
_YEARS = 2
_PLAN_NS = 3_600 * 1_000_000_000


class Polygon:
    """``closes(listing, day)`` is the ns UTC by which an exchange's day is over, ``now_ns`` the wall clock."""

    name, title, batch, needs_key = "polygon", "Polygon", 10, True
    allowances = (Allowance(5, 60.0),)

    def __init__(self, ask: Ask, closes: Callable, now_ns: Callable[[], int]) -> None:
        self._ask, self._closes, self._now_ns = ask, closes, now_ns
        self._no_snapshots_until = 0

    def covers(self, listing: Listing) -> str:
        """Shares of the US."""
        if listing.kind != "share":
            return f"has no prices of a {listing.kind} here"
        return "covers shares of the US only" if listing.suffix else ""

    def cost(self, count: int) -> int:
        """One call for all, or one each where the plan has no snapshots."""
        return count if self._now_ns() < self._no_snapshots_until else 1

    async def prices(self, listings: Sequence[Listing]) -> dict[str, Price | SourceError]:
        """By snapshot, else the last close."""
        items = {item.symbol: item for item in listings}
        if self._now_ns() >= self._no_snapshots_until:
            query = urlencode({"tickers": ",".join(parse.native(item) for item in listings)}, safe=",")
            try:
                return parse.prices_of_snapshot(await self._ask(f"/v2/snapshot/locale/us/markets/stocks/tickers?{query}&apiKey={{key}}"), items)
            except SourceError as error:
                if error.kind != "refused" or "api key" in str(error).lower():
                    raise
                self._no_snapshots_until = self._now_ns() + _PLAN_NS
        found: dict[str, Price | SourceError] = {}
        for symbol, item in items.items():
            try:
                last = parse.price_of_previous(await self._ask(f"/v2/aggs/ticker/{_path(item)}/prev?adjusted=false&apiKey={{key}}"), item)
                found[symbol] = last._replace(as_of_ns=self._closes(item, datetime.fromtimestamp(last.as_of_ns / 1e9, UTC).date()))
            except SourceError as error:
                found[symbol] = error
                if error.kind not in ("unknown_symbol", "empty"):
                    break
        return found

    async def search(self, text: str) -> list[Match]:
        """By name or symbol."""
        query = urlencode({"search": text, "market": "stocks", "active": "true", "limit": 10})
        return parse.matches(await self._ask(f"/v3/reference/tickers?{query}&apiKey={{key}}"))

    async def days(self, listing: Listing) -> list[Bar]:
        """Two years, what the free plan has."""
        today = datetime.fromtimestamp(self._now_ns() / 1e9, UTC).date()
        span = f"{today - timedelta(days=365 * _YEARS)}/{today}"
        query = "adjusted=false&sort=asc&limit=50000"
        return parse.days(await self._ask(f"/v2/aggs/ticker/{_path(listing)}/range/1/day/{span}?{query}&apiKey={{key}}"), listing)

    async def company(self, listing: Listing) -> Company:
        """A ticker's details."""
        return parse.company(await self._ask(f"/v3/reference/tickers/{_path(listing)}?apiKey={{key}}"))


def _path(item: Listing) -> str:
    return quote(parse.native(item), safe="")
