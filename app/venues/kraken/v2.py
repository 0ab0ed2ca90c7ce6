"""Kraken spot public market data, WebSocket v2: books with CRC32 checksums, trades.

Pure; raises nothing whatever the text holds. Prices and sizes are JSON numbers whose text counts: they are read as text, never as binary floats. Scales are
the pair's own decimals, so that the digits of the units are those the checksum is made of. Every book message carries the checksum of the book after
it (verified by app.market.book), so losses cannot go unseen; one that cannot be read comes out as Rejected and a Gap. Levels that fall off the subscribed
depth get no delete.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Gap, Level, MarketEvent, Rejected, Trade
from app.model.units import parse_decimal, parse_units, shorten

from ..wire import ERRORS, Route, Units, WireError, decode, number_text, precision, reject, time_rfc3339, whole
from .columns import KrakenEvents
from .parse import VENUE

DEPTH = 10
"""Levels a side. The checksum is made of ten: a loss below them would not show, so no more are asked for."""
_UNUSED = frozenset({"ticker", "ohlc", "instrument", "heartbeat"})
_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
"""REST and the old feed keep names of their own."""


class Parser:
    """Parses for the given instruments only; anything about another pair is Rejected. `take_control` gives answers and the venue's status."""

    def __init__(self, instruments: Sequence[Instrument], depth: int = DEPTH) -> None:
        self._pairs = {instrument.native: Route(instrument) for instrument in instruments}
        self._depth = depth
        self.columns = KrakenEvents([instrument.symbol for instrument in instruments], self.parse)
        self._control: deque[dict] = deque(maxlen=1000)

    def parse(self, text: str, recv_ns: int) -> list[MarketEvent | Rejected]:
        """Events in one frame received at ``recv_ns`` (ns UTC)."""
        try:
            data = decode(text, exact=True)
            channel = data.get("channel")
            if channel == "book":
                out: list[MarketEvent | Rejected] = []
                for row in _rows(data["data"]):
                    out += self._book(row, data["type"], recv_ns, text)
                return out
            if channel == "trade":
                # A snapshot tells of trades from before: what happened while nobody listened stays a gap.
                return [self._trade(row, recv_ns) for row in _rows(data["data"])] if data["type"] == "update" else []
            if channel in _UNUSED and channel is not None:
                return []
            if channel == "status" or "method" in data or "error" in data:
                self._control.append(data)
                return []
            raise WireError("unknown kind of message")
        except ERRORS as error:
            return [reject(VENUE, recv_ns, error, text)]

    def take_control(self) -> list[dict]:
        """Answers to requests and status messages since the last call, decoded."""
        out = list(self._control)
        self._control.clear()
        return out

    def _book(self, row: dict, kind: object, recv: int, text: str) -> list[MarketEvent | Rejected]:
        route = self._pairs.get(row["symbol"])
        if route is None:
            raise WireError("unknown pair")
        try:
            bids, asks = _levels(row["bids"], route), _levels(row["asks"], route)
            checksum = whole(row["checksum"])
            when = time_rfc3339(row["timestamp"]) if "timestamp" in row else 0
            if kind == "snapshot":
                if len(bids) > self._depth or len(asks) > self._depth:
                    raise WireError("more levels than the subscribed depth")
                return [BookSnapshot(route.symbol, when, recv, bids, asks, max_depth=self._depth, checksum=checksum)]
            if kind == "update":
                return [BookDelta(route.symbol, when, recv, bids, asks, checksum=checksum)]
            raise WireError("unknown kind of book message")
        except ERRORS as error:
            return [reject(VENUE, recv, error, text), Gap(route.symbol, recv, "a message about the book could not be read")]

    def _trade(self, row: dict, recv: int) -> Trade:
        route = self._pairs.get(row["symbol"])
        if route is None:
            raise WireError("unknown pair")
        side = row["side"]
        if side not in ("buy", "sell"):
            raise WireError("a side that is neither buy nor sell")
        size = route.size[number_text(row["qty"])]
        if not size:
            raise WireError("a trade of nothing")
        price = route.price[number_text(row["price"])]
        return Trade(route.symbol, time_rfc3339(row["timestamp"]), recv, price, size, side == "sell", str(whole(row["trade_id"])))


def _rows(rows: object) -> list[dict]:
    if type(rows) is not list or not all(type(row) is dict for row in rows):
        raise WireError("not a list of objects")
    return rows


def _levels(rows: object, route: Route) -> tuple[Level, ...]:
    price, size = route.price, route.size
    return tuple([(price[number_text(row["price"])], size[number_text(row["qty"])]) for row in _rows(rows)])


def rest_name(symbol: str) -> str:
    """The pair's name for REST: BTC/USD is XBTUSD there."""
    back = {new: old for old, new in _NAMES.items()}
    return "".join(back.get(part, part) for part in symbol.split("/"))


def rules(text: str) -> tuple[list[Instrument], dict[str, str]]:
    """Every usable pair in the REST answer of /public/AssetPairs, and those that are not online, with why. WireError when it is none."""
    try:
        data = decode(text, exact=True)
        errors, pairs = data["error"], data.get("result", {})
        if errors and not pairs:
            raise WireError(f"the venue says {shorten(errors[0], 80)}")
        rows = _rows(list(pairs.values()))
    except (json.JSONDecodeError, RecursionError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise WireError(f"not a list of pairs: {error!r}") from error
    found: list[Instrument] = []
    halted: dict[str, str] = {}
    for row in rows:
        try:
            item = instrument_from_rules(row)
        except WireError:
            continue  # one odd listing must not hide the others
        found.append(item)
        if (status := row.get("status", "online")) != "online":
            halted[item.symbol] = shorten(status, 30).strip("'")
    return found, halted


def instrument_from_rules(row: dict) -> Instrument:
    """The instrument in one entry of AssetPairs; WireError when a rule is missing or absurd."""
    try:
        base, _, quote = row["wsname"].partition("/")
        base, quote = _NAMES.get(base, base), _NAMES.get(quote, quote)
        name, price_scale, size_scale = f"{base}/{quote}", precision(row["pair_decimals"]), precision(row["lot_decimals"])
        tick = row.get("tick_size")
        return Instrument(
            symbol=name,
            venue=VENUE,
            native=name,
            base=base,
            quote=quote,
            price_scale=price_scale,
            size_scale=size_scale,
            tick=Units(price_scale, 1)[tick] if tick else 1,
            lot=1,
            min_size=parse_units(row["ordermin"], size_scale),
            min_notional=parse_decimal(row.get("costmin", "0")),
        )
    except ERRORS as error:
        raise WireError(f"unusable trading rules: {error!r}") from error
