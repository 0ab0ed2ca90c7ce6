"""Coinbase Exchange public market data: level2 snapshots and updates, matches.

Pure; raises nothing whatever the text holds. The level2 feed carries no sequence number: a lost update cannot be seen, only a
crossed book betrays it (Book then stops trusting itself). `ticker` messages are not used: the book is ahead of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, MarketEvent, Rejected, Trade
from app.model.units import parse_decimal, parse_units

from ..wire import ERRORS, Route, Units, WireError, check_rows, decimals, decode, levels, reject, time_rfc3339, whole

VENUE = "coinbase"
_UNUSED = frozenset({"ticker", "subscriptions", "heartbeat", "status"})


class Parser:
    """Parses for the given instruments only; anything about another product is Rejected."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._products = {instrument.native: Route(instrument) for instrument in instruments}

    def parse(self, text: str, recv_ns: int) -> list[MarketEvent | Rejected]:
        """Events in one frame received at ``recv_ns`` (ns UTC)."""
        try:
            return self._message(decode(text), recv_ns)
        except ERRORS as error:
            return [reject(VENUE, recv_ns, error, text)]

    def _message(self, data: object, recv: int) -> list[MarketEvent | Rejected]:
        kind = data["type"]
        if kind in _UNUSED:
            return []
        if kind == "error":
            raise WireError("the venue reports an error")
        route = self._products.get(data["product_id"])
        if route is None:
            raise WireError("unknown product")
        if kind == "l2update":
            return [_update(route, data, recv)]
        if kind == "match" or kind == "last_match":
            return [_match(route, data, recv)]
        if kind == "snapshot":
            return [BookSnapshot(route.symbol, 0, recv, levels(data["bids"], route), levels(data["asks"], route))]
        raise WireError("unknown kind of message")


def _update(route: Route, data: dict, recv: int) -> BookDelta:
    bids, asks = [], []
    check_rows(data["changes"])
    for side, price, size in data["changes"]:
        level = (route.price[price], route.size[size])
        if side == "buy":
            bids.append(level)
        elif side == "sell":
            asks.append(level)
        else:
            raise WireError("a side that is neither buy nor sell")
    return BookDelta(route.symbol, time_rfc3339(data["time"]), recv, tuple(bids), tuple(asks))


def _match(route: Route, data: dict, recv: int) -> Trade:
    side = data["side"]
    if side not in ("buy", "sell"):
        raise WireError("a side that is neither buy nor sell")
    price, size = route.price[data["price"]], route.size[data["size"]]
    if not size:
        raise WireError("a trade of nothing")
    number = str(whole(data["trade_id"]))
    # The side is the maker's.
    return Trade(route.symbol, time_rfc3339(data["time"]), recv, price, size, side == "buy", number)


def instrument_from_rules(row: dict) -> Instrument:
    """The instrument in one entry of /products; WireError when a rule is missing or absurd."""
    try:
        tick, lot = row["quote_increment"], row["base_increment"]
        price_scale, size_scale = decimals(tick), decimals(lot)
        return Instrument(
            symbol=row["id"],
            venue=VENUE,
            native=row["id"],
            base=row["base_currency"],
            quote=row["quote_currency"],
            price_scale=price_scale,
            size_scale=size_scale,
            tick=Units(price_scale, 1)[tick],
            lot=Units(size_scale, 1)[lot],
            min_size=parse_units(row["base_min_size"], size_scale),
            min_notional=parse_decimal(row["min_market_funds"]),
        )
    except ERRORS as error:
        raise WireError(f"unusable trading rules: {error!r}") from error
