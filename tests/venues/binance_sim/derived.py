"""Streams that Binance computes from the others: slower diffs, partial books, tickers, klines, aggregated trades."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .market import INTERVALS_MS, Market, aggregate

PARTIAL = (5, 10, 20)


def dumps(data: object) -> str:
    """JSON as the exchange writes it."""
    return json.dumps(data, separators=(",", ":"))


class Derived:
    """Turns one symbol's recorded frames into further frames for those streams that somebody listens to."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._slow: dict | None = None
        self._second = 0
        self._open_bars: dict[str, int] = {}

    def after(self, kind: str, data: dict, wanted: set[str]) -> Iterator[tuple[str, str]]:
        """(stream suffix, payload) that follow from a frame already applied to the market."""
        if kind == "depth@100ms":
            yield from self._depth(data, wanted)
        elif kind == "trade":
            if "aggTrade" in wanted:
                own = {"e": "aggTrade", "E": data["E"], "s": data["s"]}
                yield "aggTrade", dumps(own | aggregate(data))
            yield from self._each_second(data["E"], wanted)

    def _depth(self, data: dict, wanted: set[str]) -> Iterator[tuple[str, str]]:
        slow = self._slow
        if slow is not None and data["E"] // 1000 != slow["E"] // 1000:
            if "depth" in wanted:
                yield "depth", dumps(_closed(slow))
            yield from self._partial("", wanted)
            slow = None
        if slow is None:
            slow = {"E": data["E"], "s": data["s"], "U": data["U"], "b": {}, "a": {}}
        slow["E"], slow["u"] = data["E"], data["u"]
        slow["b"].update(map(tuple, data["b"]))
        slow["a"].update(map(tuple, data["a"]))
        self._slow = slow
        yield from self._partial("@100ms", wanted)

    def _partial(self, speed: str, wanted: set[str]) -> Iterator[tuple[str, str]]:
        for depth in PARTIAL:
            if (name := f"depth{depth}{speed}") in wanted:
                yield name, dumps(self._market.book.top(depth))

    def _each_second(self, now_ms: int, wanted: set[str]) -> Iterator[tuple[str, str]]:
        if now_ms // 1000 == self._second:
            return
        self._second = now_ms // 1000
        if "ticker" in wanted or "miniTicker" in wanted:
            day = self._market.day()
            if "ticker" in wanted:
                yield "ticker", dumps(_ticker(day, now_ms))
            if "miniTicker" in wanted:
                yield "miniTicker", dumps(_mini_ticker(day, now_ms))
        for interval in INTERVALS_MS:
            if (name := f"kline_{interval}") in wanted:
                yield from ((name, dumps(kline)) for kline in self._klines(interval, now_ms))

    def _klines(self, interval: str, now_ms: int) -> Iterator[dict]:
        rows = self._market.klines(interval, 2)
        opened = self._open_bars.get(interval)
        if len(rows) == 2 and opened == rows[0][0]:
            yield _kline(self._market.listing.symbol, interval, rows[0], now_ms, True)
        if rows:
            self._open_bars[interval] = rows[-1][0]
            yield _kline(self._market.listing.symbol, interval, rows[-1], now_ms, False)


def _closed(slow: dict) -> dict:
    own = {"e": "depthUpdate", "E": slow["E"], "s": slow["s"], "U": slow["U"], "u": slow["u"]}
    return own | {"b": [list(level) for level in slow["b"].items()], "a": [list(level) for level in slow["a"].items()]}


def _ticker(day: dict, now_ms: int) -> dict:
    names = {
        "s": "symbol",
        "p": "priceChange",
        "P": "priceChangePercent",
        "w": "weightedAvgPrice",
        "x": "prevClosePrice",
        "c": "lastPrice",
        "Q": "lastQty",
        "b": "bidPrice",
        "B": "bidQty",
        "a": "askPrice",
        "A": "askQty",
        "o": "openPrice",
        "h": "highPrice",
        "l": "lowPrice",
        "v": "volume",
        "q": "quoteVolume",
        "O": "openTime",
        "C": "closeTime",
        "F": "firstId",
        "L": "lastId",
        "n": "count",
    }
    return {"e": "24hrTicker", "E": now_ms} | {short: day[name] for short, name in names.items()}


def _mini_ticker(day: dict, now_ms: int) -> dict:
    full = _ticker(day, now_ms)
    return {"e": "24hrMiniTicker"} | {key: full[key] for key in ("E", "s", "c", "o", "h", "l", "v", "q")}


def _kline(symbol: str, interval: str, row: list, now_ms: int, closed: bool) -> dict:
    keys = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
    bar = dict(zip(keys, row, strict=True)) | {"s": symbol, "i": interval, "f": -1, "L": -1, "x": closed}
    return {"e": "kline", "E": now_ms, "s": symbol, "k": bar}
