"""Small makers of instruments and market events for the tests of market state."""

from __future__ import annotations

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Level, Quote, Trade

BTC = Instrument("BTCUSDT", "binance", "BTCUSDT", "BTC", "USDT", 8, 8, tick=10**6, lot=1000)
ADA = Instrument("ADA-USD", "coinbase", "ADA-USD", "ADA", "USD", 4, 2)
SECOND = 1_000_000_000


def snapshot(
    bids: list[Level], asks: list[Level], sequence: int = 0, max_depth: int = 0, recv: int = 1, symbol: str = "ADA-USD"
) -> BookSnapshot:
    return BookSnapshot(symbol, 0, recv, tuple(bids), tuple(asks), sequence, max_depth)


def delta(
    bids: list[Level] | None = None,
    asks: list[Level] | None = None,
    first: int = 0,
    last: int = 0,
    checksum: int | None = None,
    recv: int = 2,
    symbol: str = "ADA-USD",
) -> BookDelta:
    return BookDelta(symbol, 0, recv, tuple(bids or ()), tuple(asks or ()), first, last, checksum)


def trade(ts: int, price: int, size: int = 1, number: str = "", recv: int = 0, symbol: str = "ADA-USD") -> Trade:
    return Trade(symbol, ts, recv or ts, price, size, False, number)


def quote(bid: int, ask: int, recv: int = 1, symbol: str = "ADA-USD") -> Quote:
    return Quote(symbol, 0, recv, bid, 1, ask, 1)
