"""What Yahoo Finance is asked. No key; prices of several listings in one request (spark), of one with its volume (chart).

It sends no CORS headers, so in a browser it is reached through the proxy.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from app.sources.answers import Allowance, Ask, Bar, Company, Match, Price, SourceError
from app.sources.listing import Listing

from . import parse

BASE = "https://query1.finance.yahoo.com"
_DAYS = {"range": "10y", "interval": "1d", "events": "div,splits"}


class Yahoo:
    """A source of prices for everything that the desk can name."""

    name, title, batch, needs_key = "yahoo", "Yahoo", 10, False
    allowances = (Allowance(60, 60.0),)

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def covers(self, listing: Listing) -> str:
        """It covers all."""
        return ""

    def cost(self, count: int) -> int:
        """One call, however many."""
        return 1

    async def prices(self, listings: Sequence[Listing]) -> dict[str, Price | SourceError]:
        """One listing by chart, several by spark."""
        if len(listings) == 1:
            item = listings[0]
            try:
                return {item.symbol: parse.price_of_chart(await self._chart(item, {"range": "1d", "interval": "1m"}), item)}
            except SourceError as error:
                if error.kind in ("unknown_symbol", "empty"):
                    return {item.symbol: error}
                raise
        query = urlencode({"symbols": ",".join(item.symbol for item in listings), "range": "1d", "interval": "1m"}, safe=",")
        return parse.prices_of_spark(await self._ask(f"/v8/finance/spark?{query}"), {item.symbol: item for item in listings})

    async def search(self, text: str) -> list[Match]:
        """By name or symbol."""
        return parse.matches(await self._ask(f"/v1/finance/search?{urlencode({'q': text, 'quotesCount': 10, 'newsCount': 0})}"))

    async def days(self, listing: Listing) -> list[Bar]:
        """Ten years."""
        return parse.days(await self._chart(listing, _DAYS), listing)

    async def company(self, listing: Listing) -> Company:
        """What a chart says of it."""
        return parse.company(await self._chart(listing, {"range": "1d", "interval": "1d"}))

    async def _chart(self, item: Listing, query: dict[str, str]):
        return await self._ask(f"/v8/finance/chart/{quote(item.symbol, safe='')}?{urlencode(query, safe=',')}")
