"""Where the day's change counts from."""

from __future__ import annotations

from decimal import Decimal

from app.desk.marketview import TimedMarket
from app.desk.summary import Summaries
from app.model.market import Trade
from app.sources.listing import listing

ITEMS = [listing(symbol).instrument("equities") for symbol in ("AAPL", "MSFT")]
NS = 10**9
NOON = 1_795_626_000 * NS  # 12:00 in New York


def test_the_previous_close_where_the_venue_says_it_else_the_first_trade_of_the_day():
    closes = {"AAPL": Decimal("200")}
    market = TimedMarket(ITEMS, lambda _symbol: NOON, None, closes.get)
    for symbol in ("AAPL", "MSFT"):
        for ago_s, price in ((60, 2_080_000), (0, 2_100_000)):
            market.apply([Trade(symbol, NOON - ago_s * NS, NOON, price, 1, False, f"{ago_s}")])
    summaries = Summaries(market, {item.symbol: item for item in ITEMS}, lambda _symbol: NOON)
    assert market.base("AAPL") == 2_000_000 and summaries.change("AAPL") == 2_100_000 / 2_000_000 - 1
    assert market.base("MSFT") == 2_080_000 and summaries.change("MSFT") == 2_100_000 / 2_080_000 - 1
