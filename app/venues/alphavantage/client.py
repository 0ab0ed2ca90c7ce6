"""What Alpha Vantage is asked. The key goes into the query, there is no other way; 25 calls a day without a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from urllib.parse import urlencode

from app.sources.answers import DAY_S, Allowance, Ask, Bar, Company, Match, Price, Reply, SourceError
from app.sources.listing import Listing

from . import parse

BASE = "https://www.alphavantage.co"


class AlphaVantage:
    """``closes(listing, day)`` is the ns UTC by which an exchange's day is over."""

    name, title, batch, needs_key = "alphavantage", "Alpha Vantage", 1, True
    allowances = (Allowance(1, 1.2), Allowance(5, 60.0), Allowance(25, DAY_S))

    def __init__(self, ask: Ask, closes: Callable[[Listing, date], int]) -> None:
        self._ask, self._closes = ask, closes

    def covers(self, listing: Listing) -> str:
        """Shares of the US, London, Xetra, Paris, Amsterdam, Toronto."""
        return parse.covered(listing)

    def cost(self, count: int) -> int:
        """One call each."""
        return count

    async def prices(self, listings: Sequence[Listing]) -> dict[str, Price | SourceError]:
        """One listing."""
        item = listings[0]
        reply = await self._get("GLOBAL_QUOTE", symbol=parse.native(item))
        try:
            return {item.symbol: parse.price_of_quote(reply, item, lambda day: self._closes(item, day))}
        except SourceError as error:
            if error.kind in ("unknown_symbol", "empty"):
                return {item.symbol: error}
            raise

    async def search(self, text: str) -> list[Match]:
        """By name or symbol."""
        return parse.matches(await self._get("SYMBOL_SEARCH", keywords=text))

    async def days(self, listing: Listing) -> list[Bar]:
        """The last hundred days: more needs a plan."""
        return parse.days(await self._get("TIME_SERIES_DAILY", symbol=parse.native(listing), outputsize="compact"), listing)

    async def company(self, listing: Listing) -> Company:
        """Its overview."""
        return parse.company(await self._get("OVERVIEW", symbol=parse.native(listing)))

    async def _get(self, function: str, **query: str) -> Reply:
        return await self._ask(f"/query?{urlencode({'function': function, **query})}&apikey={{key}}")
