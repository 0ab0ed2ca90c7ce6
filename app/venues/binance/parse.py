"""Binance spot public market data: stream frames and REST answers to market events.

Pure: no socket, clock or global state. `Parser.parse` raises nothing whatever the text holds; what cannot be used
comes back as a Rejected. Frames may be wrapped ({"stream","data"}) or raw. Depth diffs come out as BookDelta with
first = U and last = u, still to be put in sequence by depth.DepthSync. A duplicate key takes its last value.
Prices and sizes must be text: a JSON number there is refused.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, MarketEvent, Quote, Rejected, Trade
from app.model.units import parse_decimal, parse_units, shorten

from ..wire import (
    ERRORS,
    Route,
    Units,
    WireError,
    decimals,
    decode,
    levels,
    precision,
    reject,
    time_ms,
    whole,
)
from .columns import MAX_SPAN, ColumnEvents

VENUE = "binance"
_UNUSED = frozenset({"kline", "24hrTicker", "24hrMiniTicker", "avgPrice", "1hTicker", "4hTicker", "1dTicker"})
_SUFFIXES = ("depth", "depth@100ms", "bookTicker", "trade", "aggTrade")


class Parser:
    """Parses for the given instruments only; anything about another symbol is Rejected.

    Answers to requests and `serverShutdown` yield no event; `take_control` gives them.
    """

    venue = VENUE

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._control: deque[dict] = deque(maxlen=1000)
        self.columns = ColumnEvents(instruments, self.parse)
        self._symbols = {instrument.native: Route(instrument) for instrument in instruments}
        self._handlers = {
            "depth": self._depth,
            "depth@100ms": self._depth,
            "bookTicker": self._book_ticker,
            "trade": self._trade,
            "aggTrade": self._agg_trade,
        }
        self._streams = {
            f"{native.lower()}@{suffix}": (native, route, self._handlers[suffix])
            for native, route in self._symbols.items()
            for suffix in _SUFFIXES
        }

    def parse(self, text: str, recv_ns: int) -> list[MarketEvent | Rejected]:
        """Events in one frame received at ``recv_ns`` (ns UTC)."""
        try:
            return self._message(decode(text), recv_ns)
        except ERRORS as error:
            return [reject(self.venue, recv_ns, error, text)]

    def take_control(self) -> list[dict]:
        """Answers to requests since the last call, decoded."""
        out = list(self._control)
        self._control.clear()
        return out

    def snapshot(self, native: str, text: str, recv_ns: int) -> BookSnapshot | Rejected:
        """The REST answer of /depth for the venue's symbol ``native``; sequence = lastUpdateId."""
        try:
            data = decode(text)
            route = self._symbols.get(native)
            if route is None:
                raise WireError("unknown symbol")
            return BookSnapshot(
                route.symbol,
                0,
                recv_ns,
                levels(data["bids"], route),
                levels(data["asks"], route),
                whole(data["lastUpdateId"]),
            )
        except ERRORS as error:
            return reject(self.venue, recv_ns, error, text)

    def _message(self, message: object, recv: int) -> list[MarketEvent | Rejected]:
        stream = message.get("stream")
        if stream is None:
            return self._bare(message, recv)
        data = message["data"]
        found = self._streams.get(stream)
        if found is None:
            return self._bare(data, recv)
        native, route, handle = found
        if data["s"] != native:
            raise WireError("stream and symbol disagree")
        return [handle(route, data, recv)]

    def _bare(self, data: object, recv: int) -> list[MarketEvent | Rejected]:
        kind = data.get("e")
        if kind is None and "u" in data and "A" in data:
            kind = "bookTicker"
        if kind == "depthUpdate":
            kind = "depth"
        handle = self._handlers.get(kind)
        if handle is None:
            return self._other(kind, data)
        route = self._symbols.get(data["s"])
        if route is None:
            raise WireError("unknown symbol")
        return [handle(route, data, recv)]

    def _other(self, kind: object, data: dict) -> list[MarketEvent | Rejected]:
        if kind in _UNUSED:
            return []
        if kind == "serverShutdown" or (kind is None and ("result" in data or "error" in data or "code" in data)):
            self._control.append(data)
            return []
        raise WireError("unknown kind of message")

    @staticmethod
    def _book_ticker(route: Route, data: dict, recv: int) -> Quote:
        size = route.size
        bid_size, ask_size = size[data["B"]], size[data["A"]]
        bid = route.price[data["b"]] if bid_size else 0
        ask = route.price[data["a"]] if ask_size else 0
        if bid >= ask and bid_size and ask_size:
            raise WireError("bid not below ask")
        return Quote(route.symbol, 0, recv, bid, bid_size, ask, ask_size)

    @staticmethod
    def _trade(route: Route, data: dict, recv: int, id_field: str = "t") -> Trade:
        if type(data["m"]) is not bool:
            raise WireError("aggressor not known")
        number = str(whole(data[id_field]))
        price, size = route.price[data["p"]], route.size[data["q"]]
        if not size:
            raise WireError("a trade of nothing")
        return Trade(route.symbol, time_ms(data["T"]), recv, price, size, data["m"], number)

    def _agg_trade(self, route: Route, data: dict, recv: int) -> Trade:
        return self._trade(route, data, recv, "a")

    @staticmethod
    def _depth(route: Route, data: dict, recv: int) -> BookDelta:
        first, last = whole(data["U"]), whole(data["u"])
        if not 0 <= last - first <= MAX_SPAN:
            raise WireError(f"update ids {first}..{last}")
        return BookDelta(
            route.symbol,
            time_ms(data["E"]),
            recv,
            levels(data["b"], route),
            levels(data["a"], route),
            first,
            last,
        )


def instrument_from_rules(row: dict, venue: str = VENUE) -> Instrument:
    """The instrument in one entry of exchangeInfo's ``symbols``, spot or futures; WireError when a filter is missing or absurd."""
    try:
        filters = {item["filterType"]: item for item in row["filters"]}
        tick, lot = filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]
        # Orders from before a tick or lot grew stay in the book: the scales are those of the wire, not of the rules.
        places = row["pricePrecision"] if "pricePrecision" in row else row["quoteAssetPrecision"]
        price_scale = max(decimals(tick), precision(places))
        size_scale = max(decimals(lot), precision(row["baseAssetPrecision"]))
        notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
        return Instrument(
            symbol=row["symbol"],
            venue=venue,
            native=row["symbol"],
            base=row["baseAsset"],
            quote=row["quoteAsset"],
            price_scale=price_scale,
            size_scale=size_scale,
            tick=Units(price_scale, 1)[tick],
            lot=Units(size_scale, 1)[lot],
            min_size=parse_units(filters["LOT_SIZE"]["minQty"], size_scale),
            min_notional=parse_decimal(notional.get("minNotional") or notional.get("notional") or "0"),
        )
    except ERRORS as error:
        raise WireError(f"unusable trading rules: {error!r}") from error


def instruments_from_exchange_info(text: str, venue: str = VENUE, wanted: Collection[str] | None = None) -> list[Instrument]:
    """Every (wanted) instrument with usable trading rules in the REST answer of /exchangeInfo; WireError when it is none."""
    out = []
    for row in _listed(text):
        try:
            if wanted is None or row["symbol"] in wanted:
                out.append(instrument_from_rules(row, venue))
        except (WireError, KeyError, TypeError):
            continue  # one odd listing must not hide the others
    return out


def not_trading(text: str) -> dict[str, str]:
    """Symbols in an exchangeInfo whose status is another than TRADING, with that status."""
    out = {}
    for row in _listed(text):
        name, status = (row.get("symbol"), row.get("status")) if type(row) is dict else (None, None)
        if type(name) is str and type(status) is str and status != "TRADING":
            out[name] = shorten(status, 30).strip("'")
    return out


def _listed(text: str) -> list:
    try:
        rows = decode(text)["symbols"]
        if type(rows) is not list:
            raise TypeError("symbols is no list")
        return rows
    except (json.JSONDecodeError, RecursionError, TypeError, KeyError) as error:
        raise WireError(f"not an exchangeInfo: {error!r}") from error
