"""Bitstamp public market data: order books whole and as differences, trades, REST order books.

Pure; raises nothing whatever the text holds. Books are ordered by the venue's microsecond timestamps (BookDelta.last with
first = 0): an older difference is recognised, a lost one cannot be, short of a crossed book. Trades carry binary floats beside
their text: only the text fields are read.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, MarketEvent, Rejected, Trade
from app.model.units import parse_decimal, parse_units, shorten

from ..wire import END_OF_TIME_NS, ERRORS, Route, WireError, decode, levels, precision, reject, whole
from .columns import BitstampEvents

VENUE = "bitstamp"
_SILENT = frozenset({"bts:unsubscription_succeeded", "bts:heartbeat"})
_CONTROL = frozenset({"bts:subscription_succeeded", "bts:error", "bts:request_reconnect"})


class Parser:
    """Parses for the given instruments only; anything about another pair is Rejected. `take_control` gives answers to requests."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._control: deque[dict] = deque(maxlen=1000)
        self.columns = BitstampEvents([instrument.symbol for instrument in instruments], self.parse)
        self._pairs = {instrument.native: Route(instrument) for instrument in instruments}
        self._books = {f"diff_order_book_{native}": route for native, route in self._pairs.items()}
        self._whole = {f"order_book_{native}": route for native, route in self._pairs.items()}
        self._trades = {f"live_trades_{native}": route for native, route in self._pairs.items()}

    def parse(self, text: str, recv_ns: int) -> list[MarketEvent | Rejected]:
        """Events in one frame received at ``recv_ns`` (ns UTC)."""
        try:
            return self._message(decode(text), recv_ns)
        except ERRORS as error:
            return [reject(VENUE, recv_ns, error, text)]

    def take_control(self) -> list[dict]:
        """Answers to requests, and the venue asking for another connection, since the last call, decoded."""
        out = list(self._control)
        self._control.clear()
        return out

    def snapshot(self, native: str, text: str, recv_ns: int) -> BookSnapshot | Rejected:
        """The REST answer of /order_book/<pair>; sequence = its time in microseconds."""
        try:
            data, route = decode(text), self._pairs.get(native)
            if route is None:
                raise WireError("unknown pair")
            micros = _micros(data)
            return BookSnapshot(
                route.symbol, micros * 1000, recv_ns, levels(data["bids"], route), levels(data["asks"], route), micros
            )
        except ERRORS as error:
            return reject(VENUE, recv_ns, error, text)

    def _message(self, message: object, recv: int) -> list[MarketEvent | Rejected]:
        kind = message["event"]
        if kind == "data":
            channel, data = message["channel"], message["data"]
            route = self._books.get(channel) or self._whole.get(channel)
            if route is None:
                raise WireError("unknown channel")
            micros = _micros(data)
            bids, asks = levels(data["bids"], route), levels(data["asks"], route)
            if channel in self._whole:
                return [BookSnapshot(route.symbol, micros * 1000, recv, bids, asks, micros)]
            return [BookDelta(route.symbol, micros * 1000, recv, bids, asks, 0, micros)]
        if kind == "trade":
            route, data = self._trades.get(message["channel"]), message["data"]
            if route is None:
                raise WireError("unknown channel")
            return [_trade(route, data, recv)]
        if kind in _CONTROL:
            self._control.append(message)
            return []
        if kind in _SILENT:
            return []
        raise WireError("unknown event")


def _trade(route: Route, data: dict, recv: int) -> Trade:
    side = data["type"]
    if type(side) is not int or side not in (0, 1):
        raise WireError("a side that is neither 0 nor 1")
    price, size = route.price[data["price_str"]], route.size[data["amount_str"]]
    if not size:
        raise WireError("a trade of nothing")
    return Trade(route.symbol, _micros(data) * 1000, recv, price, size, side == 1, str(whole(data["id"])))


def _micros(data: dict) -> int:
    value = parse_units(data["microtimestamp"], 0)
    if not 0 < value * 1000 < END_OF_TIME_NS:
        raise WireError("not a time in microseconds")
    return value


def instrument_from_rules(row: dict) -> Instrument:
    """The instrument in one entry of trading-pairs-info; WireError when a rule is missing or absurd."""
    try:
        base, _, quote = row["name"].partition("/")
        return Instrument(
            symbol=row["name"],
            venue=VENUE,
            native=row["url_symbol"],
            base=base,
            quote=quote,
            price_scale=precision(row["counter_decimals"]),
            size_scale=precision(row["base_decimals"]),
            min_notional=parse_decimal(row["minimum_order"].partition(" ")[0]),
        )
    except ERRORS as error:
        raise WireError(f"unusable trading rules: {error!r}") from error


def rules(text: str, wanted: Sequence[str]) -> tuple[list[Instrument], dict[str, str]]:
    """The wanted pairs in the REST answer of /trading-pairs-info, and those not traded, with why. WireError when it is none."""
    try:
        rows = [row for row in decode(text) if row["name"] in wanted]
    except (json.JSONDecodeError, RecursionError, TypeError, KeyError) as error:
        raise WireError(f"not a list of pairs: {error!r}") from error
    found: list[Instrument] = []
    halted: dict[str, str] = {}
    for row in rows:
        try:
            item = instrument_from_rules(row)
        except WireError:
            continue  # one odd listing must not hide the others
        found.append(item)
        if (state := row.get("trading", "Enabled")) != "Enabled":
            halted[item.symbol] = f"trading {shorten(state, 30)}".replace("'", "").lower()
    return found, halted
