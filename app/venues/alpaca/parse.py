"""Alpaca's stream of stock data: quotes as books of one level, trades, and their corrections and cancellations.

Pure; raises nothing whatever the text holds. A quote is the whole top of the feed's book. The venue does not say who the aggressor of a
trade was: it is judged by the quote before it, else by the trade before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from app.model.instrument import Instrument
from app.model.market import BookSnapshot, Correction, MarketEvent, Rejected, Trade

from ..wire import ERRORS, Route, WireError, decode, number_text, reject, time_rfc3339, whole
from .rules import VENUE

_CONTROL = frozenset({"success", "error", "subscription"})
_SILENT = frozenset("b u d s l n".split())


class _Stock:
    __slots__ = ("ask", "bid", "last", "quoted_ns", "rose", "route", "traded_ns")

    def __init__(self, instrument: Instrument) -> None:
        self.route = Route(instrument)
        self.bid = self.ask = self.last = 0
        self.quoted_ns = self.traded_ns = 0
        self.rose = True


class Parser:
    """Parses for the given instruments only. `take_control` gives answers to requests."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._control: deque[dict] = deque(maxlen=1000)
        self._stocks = {item.native: _Stock(item) for item in instruments}

    def parse(self, text: str, recv_ns: int) -> list[MarketEvent | Rejected]:
        """Events in one frame received at ``recv_ns`` (ns UTC)."""
        try:
            messages = decode(text, exact=True)
            if type(messages) is not list:
                raise WireError("not a list of messages")
        except ERRORS as error:
            return [reject(VENUE, recv_ns, error, text)]
        out: list[MarketEvent | Rejected] = []
        for message in messages:
            try:
                out += self._message(message, recv_ns)
            except ERRORS as error:
                out.append(reject(VENUE, recv_ns, error, str(message)))
        return out

    def take_control(self) -> list[dict]:
        """Answers to requests since the last call, decoded."""
        out = list(self._control)
        self._control.clear()
        return out

    def snapshots(self, data: object, recv_ns: int) -> list[MarketEvent | Rejected]:
        """The answer of /v2/stocks/snapshots, decoded exact: what is newer than what is known."""
        out: list[MarketEvent | Rejected] = []
        for native, row in data.items() if type(data) is dict else ():
            stock = self._stocks.get(native)
            if stock is None or type(row) is not dict:
                continue
            for name, read, known in (("latestQuote", self._quote, stock.quoted_ns), ("latestTrade", self._trade, stock.traded_ns)):
                try:
                    found = row.get(name)
                    if type(found) is dict and time_rfc3339(found["t"]) > known:
                        out += read(stock, found, recv_ns)
                except ERRORS as error:
                    out.append(reject(VENUE, recv_ns, error, str(found)))
        return out

    def _message(self, message: dict, recv: int) -> list[MarketEvent | Rejected]:
        kind = message["T"]
        if kind in ("q", "t", "c", "x"):
            stock = self._stocks.get(message["S"])
            if stock is None:
                raise WireError("unknown symbol")
            if kind == "q":
                return self._quote(stock, message, recv)
            return self._trade(stock, message, recv) if kind == "t" else [_correction(stock.route, message, recv)]
        if kind in _CONTROL:
            self._control.append(message)
            return []
        if kind in _SILENT:
            return []
        raise WireError("unknown message")

    def _quote(self, stock: _Stock, message: dict, recv: int) -> list[MarketEvent]:
        ts = time_rfc3339(message["t"])
        bids, asks = _level(stock.route, message["bp"], message["bs"]), _level(stock.route, message["ap"], message["as"])
        stock.bid, stock.ask = bids[0][0] if bids else 0, asks[0][0] if asks else 0
        stock.quoted_ns = max(ts, stock.quoted_ns)
        return [BookSnapshot(stock.route.symbol, ts, recv, bids, asks)]

    def _trade(self, stock: _Stock, message: dict, recv: int) -> list[MarketEvent]:
        route, ts = stock.route, time_rfc3339(message["t"])
        price, size = route.price[number_text(message["p"])], route.size[number_text(message["s"])]
        if not size:
            raise WireError("a trade of nothing")
        if price != stock.last and stock.last:
            stock.rose = price > stock.last
        if stock.ask and price >= stock.ask:
            bought = True
        elif stock.bid and price <= stock.bid:
            bought = False
        else:
            bought = stock.rose
        stock.last, stock.traded_ns = price, max(ts, stock.traded_ns)
        return [Trade(route.symbol, ts, recv, price, size, not bought, _id(message, "i"))]


def _id(message: dict, field: str) -> str:
    """Ids of trades are those of an exchange."""
    return f"{message['x']}-{whole(message[field])}"[:80]


def _correction(route: Route, message: dict, recv: int) -> Correction:
    """What became of a trade: another price or size, or (``x``) nothing. They come with a subscription to trades."""
    ts = time_rfc3339(message["t"])
    if message["T"] == "x":
        return Correction(route.symbol, ts, recv, _id(message, "i"), 0, 0)
    price, size = route.price[number_text(message["cp"])], route.size[number_text(message["cs"])]
    return Correction(route.symbol, ts, recv, _id(message, "oi"), price, size, _id(message, "ci"))


def _level(route: Route, price: object, size: object) -> tuple[tuple[int, int], ...]:
    """One side of a quote; a price or size of 0: nobody is there."""
    text = number_text(price)
    if not text.strip("0."):
        return ()
    units = route.size[number_text(size)]
    return ((route.price[text], units),) if units else ()
