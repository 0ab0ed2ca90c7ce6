"""What the emulated exchange knows of one symbol: its book, trades and statistics, as REST must answer them."""

from __future__ import annotations

import bisect
from collections import deque
from datetime import UTC, datetime
from decimal import Decimal

from .session import Listing

INTERVALS_MS = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    "3d": 259_200_000,
    "1w": 604_800_000,
    "1M": 0,
}
_MONDAY_MS = 4 * 86_400_000


class Book:
    """Levels by price text; both sides whole as far as the recording knows them."""

    def __init__(self, snapshot: dict) -> None:
        self.update_id: int = snapshot["lastUpdateId"]
        self.bids: dict[str, str] = dict(snapshot["bids"])
        self.asks: dict[str, str] = dict(snapshot["asks"])

    def apply(self, diff: dict) -> None:
        """Set and delete levels; the update id moves to ``u``."""
        for side, rows in ((self.bids, diff["b"]), (self.asks, diff["a"])):
            for price, size in rows:
                if float(size):
                    side[price] = size
                else:
                    side.pop(price, None)
        self.update_id = diff["u"]

    def top(self, limit: int) -> dict:
        """The answer of /depth."""
        bids = sorted(self.bids.items(), key=lambda level: float(level[0]), reverse=True)[:limit]
        asks = sorted(self.asks.items(), key=lambda level: float(level[0]))[:limit]
        return {
            "lastUpdateId": self.update_id,
            "bids": [list(level) for level in bids],
            "asks": [list(a) for a in asks],
        }


class Market:
    """One symbol."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.book = Book(listing.snapshot)
        self.quote: dict | None = None
        self.trades: deque[dict] = deque(maxlen=200_000)
        self.now_ms = 0

    def apply(self, kind: str, data: dict) -> None:
        """Take one frame's payload in."""
        if kind == "depth@100ms":
            self.book.apply(data)
            self.now_ms = max(self.now_ms, data["E"])
        elif kind == "bookTicker":
            self.quote = data
        elif kind == "trade":
            self.trades.append(data)
            self.now_ms = max(self.now_ms, data["E"])

    def best(self) -> dict:
        """The answer of /ticker/bookTicker."""
        if self.quote is None:
            top = self.book.top(1)
            (bid, bid_size), (ask, ask_size) = top["bids"][0], top["asks"][0]
        else:
            bid, bid_size, ask, ask_size = (self.quote[key] for key in "bBaA")
        return {"symbol": self.listing.symbol, "bidPrice": bid, "bidQty": bid_size, "askPrice": ask, "askQty": ask_size}

    @property
    def last_price(self) -> str:
        """Price of the last trade, or the best bid before any."""
        return self.trades[-1]["p"] if self.trades else self.best()["bidPrice"]

    def day(self) -> dict:
        """The answer of /ticker/24hr, over what was played."""
        trades = list(self.trades)
        best = self.best()
        prices = [Decimal(trade["p"]) for trade in trades] or [Decimal(self.last_price)]
        volume = sum((Decimal(trade["q"]) for trade in trades), Decimal(0))
        value = sum((Decimal(trade["p"]) * Decimal(trade["q"]) for trade in trades), Decimal(0))
        change = prices[-1] - prices[0]
        average = value / volume if volume else prices[-1]
        return {
            "symbol": self.listing.symbol,
            "priceChange": f"{change:.8f}",
            "priceChangePercent": f"{change / prices[0] * 100:.3f}",
            "weightedAvgPrice": f"{average:.8f}",
            "prevClosePrice": f"{prices[0]:.8f}",
            "lastPrice": f"{prices[-1]:.8f}",
            "lastQty": trades[-1]["q"] if trades else "0.00000000",
            "bidPrice": best["bidPrice"],
            "bidQty": best["bidQty"],
            "askPrice": best["askPrice"],
            "askQty": best["askQty"],
            "openPrice": f"{prices[0]:.8f}",
            "highPrice": f"{max(prices):.8f}",
            "lowPrice": f"{min(prices):.8f}",
            "volume": f"{volume:.8f}",
            "quoteVolume": f"{value:.8f}",
            "openTime": self.now_ms - 86_400_000,
            "closeTime": self.now_ms,
            "firstId": trades[0]["t"] if trades else -1,
            "lastId": trades[-1]["t"] if trades else -1,
            "count": len(trades),
        }

    def recent(self, limit: int) -> list[dict]:
        """The answer of /trades."""
        return [
            {
                "id": trade["t"],
                "price": trade["p"],
                "qty": trade["q"],
                "quoteQty": f"{Decimal(trade['p']) * Decimal(trade['q']):.8f}",
                "time": trade["T"],
                "isBuyerMaker": trade["m"],
                "isBestMatch": True,
            }
            for trade in list(self.trades)[-limit:]
        ]

    def aggregated(self, limit: int, from_id: int | None, start_ms: int | None, end_ms: int | None) -> list[dict]:
        """The answer of /aggTrades; each trade stands alone, since a recording does not say which orders matched."""
        trades = list(self.trades)
        if from_id is not None:
            trades = trades[bisect.bisect_left(trades, from_id, key=lambda trade: trade["t"]) :][:limit]
        elif start_ms is not None or end_ms is not None:
            low, high = start_ms or 0, end_ms if end_ms is not None else 2**63
            trades = [trade for trade in trades if low <= trade["T"] <= high][:limit]
        return [aggregate(trade) for trade in trades[-limit:]]

    def klines(self, interval: str, limit: int, start_ms: int | None = None, end_ms: int | None = None) -> list[list]:
        """The answer of /klines, from the trades played so far."""
        rows: dict[int, list] = {}
        for trade in self.trades:
            opened, closed = bar_span(trade["T"], interval)
            if (start_ms is not None and opened < start_ms) or (end_ms is not None and opened > end_ms):
                continue
            price, size = Decimal(trade["p"]), Decimal(trade["q"])
            row = rows.get(opened)
            if row is None:
                row = rows[opened] = [opened, price, price, price, price, Decimal(0), closed, Decimal(0), 0] + [
                    Decimal(0)
                ] * 2
            row[2], row[3], row[4] = max(row[2], price), min(row[3], price), price
            row[5] += size
            row[7] += price * size
            row[8] += 1
            if not trade["m"]:
                row[9] += size
                row[10] += price * size
        ordered = [rows[key] for key in sorted(rows)]
        ordered = ordered[:limit] if start_ms is not None else ordered[-limit:]
        return [[f"{item:.8f}" if isinstance(item, Decimal) else item for item in row] + ["0"] for row in ordered]


def aggregate(trade: dict) -> dict:
    """One entry of /aggTrades."""
    number = trade["t"]
    return {
        "a": number,
        "p": trade["p"],
        "q": trade["q"],
        "f": number,
        "l": number,
        "T": trade["T"],
        "m": trade["m"],
        "M": True,
    }


def bar_span(time_ms: int, interval: str) -> tuple[int, int]:
    """First and last ms of the bar a time falls into."""
    if interval == "1M":
        day = datetime.fromtimestamp(time_ms / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1)
        return int(day.timestamp() * 1000), int(following.timestamp() * 1000) - 1
    length = INTERVALS_MS[interval]
    anchor = _MONDAY_MS if interval == "1w" else 0
    opened = time_ms - (time_ms - anchor) % length
    return opened, opened + length - 1
