"""Kraken spot public market data, WebSocket v1: books with CRC32 checksums, trades.

Pure; raises nothing whatever the text holds. Every book update carries the checksum of the book after it (verified by
app.market.book), so losses cannot go unseen. Prices are written with more decimals than the tick has; an instrument's
price_scale is the number of decimals on the wire, which makes the checksum's digits those of the units. Levels that
fall off the subscribed depth get no delete: the snapshot says the depth. Trades have no id.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Level, MarketEvent, Rejected, Trade
from app.model.units import parse_units

from ..wire import ERRORS, Route, WireError, check_rows, decode, precision, reject, time_fraction

VENUE = "kraken"
DEPTHS = frozenset({10, 25, 100, 500, 1000})
_UNUSED = frozenset({"ticker", "spread"})
_SILENT = frozenset({"heartbeat", "systemStatus", "pong"})


class Parser:
    """Parses for the given instruments only; anything about another pair is Rejected."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._pairs = {instrument.native: Route(instrument) for instrument in instruments}
        self._depths = {f"book-{depth}": depth for depth in DEPTHS}

    def parse(self, text: str, recv_ns: int) -> list[MarketEvent | Rejected]:
        """Events in one frame received at ``recv_ns`` (ns UTC)."""
        try:
            message = decode(text)
            if type(message) is list:
                return self._data(message, recv_ns)
            return _event(message)
        except ERRORS as error:
            return [reject(VENUE, recv_ns, error, text)]

    def _data(self, message: list, recv: int) -> list[MarketEvent | Rejected]:
        channel = message[-2]
        if len(message) < 4:
            raise WireError("too short")
        route = self._pairs.get(message[-1])
        if route is None:
            raise WireError("unknown pair")
        depth = self._depths.get(channel)
        if depth is not None:
            return [_book(route, message[1:-2], depth, recv)]
        if channel == "trade":
            check_rows(message[1])
            return [_trade(route, row, recv) for row in message[1]]
        if channel in _UNUSED or channel.startswith("ohlc-"):
            return []
        raise WireError("unknown channel")


def _event(message: object) -> list[MarketEvent | Rejected]:
    kind = message["event"]
    if kind in _SILENT or (kind == "subscriptionStatus" and message["status"] != "error"):
        return []
    raise WireError("the venue reports an error" if kind == "subscriptionStatus" else "unknown event")


def _book(route: Route, parts: list, depth: int, recv: int) -> BookSnapshot | BookDelta:
    if "as" in parts[0]:
        data = parts[0]
        bids, asks = data["bs"], data["as"]
        # Seconds with a fixed number of digits: the greatest text is the latest time.
        newest = time_fraction(max((row[2] for row in bids + asks), default="0"))
        levels = _levels(bids, route), _levels(asks, route)
        if len(bids) > depth or len(asks) > depth:
            raise WireError("more levels than the subscribed depth")
        return BookSnapshot(route.symbol, newest, recv, *levels, max_depth=depth)
    # One update may come in two parts, asks then bids; the checksum in the last one holds for both.
    bids, asks, checksum, newest = (), (), None, 0
    for part in parts:
        if not part.keys() <= {"a", "b", "c"}:
            raise WireError("unknown field in a book update")
        if "a" in part:
            asks += _levels(part["a"], route)
            newest = max(newest, time_fraction(part["a"][-1][2]))
        if "b" in part:
            bids += _levels(part["b"], route)
            newest = max(newest, time_fraction(part["b"][-1][2]))
        if "c" in part:
            checksum = parse_units(part["c"], 0)
    if checksum is None or not 0 <= checksum < 2**32:
        raise WireError("a book update without a usable checksum")
    return BookDelta(route.symbol, newest, recv, bids, asks, checksum=checksum)


def _levels(rows: object, route: Route) -> tuple[Level, ...]:
    check_rows(rows)
    price, size = route.price, route.size
    return tuple([(price[row[0]], size[row[1]]) for row in rows])


def _trade(route: Route, row: list, recv: int) -> Trade:
    price, size, when, side = row[:4]
    if side not in ("b", "s"):
        raise WireError("a side that is neither b nor s")
    units = route.size[size]
    if not units:
        raise WireError("a trade of nothing")
    return Trade(route.symbol, time_fraction(when), recv, route.price[price], units, side == "s", "")


def instrument_from_rules(row: dict, wire_decimals: int) -> Instrument:
    """The instrument in one entry of AssetPairs; ``wire_decimals`` is how many decimals the feed writes in prices."""
    try:
        base, _, quote = row["wsname"].partition("/")
        size_scale = precision(row["lot_decimals"])
        return Instrument(
            symbol=row["wsname"],
            venue=VENUE,
            native=row["wsname"],
            base=base,
            quote=quote,
            price_scale=wire_decimals,
            size_scale=size_scale,
            tick=10 ** (wire_decimals - precision(row["pair_decimals"])),
            lot=1,
            min_size=parse_units(row["ordermin"], size_scale),
        )
    except ERRORS as error:
        raise WireError(f"unusable trading rules: {error!r}") from error
