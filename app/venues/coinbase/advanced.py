"""Coinbase Advanced Trade public market data: level2 books, market trades.

Pure; raises nothing whatever the text holds. Every message of a connection has the next `sequence_num`, whatever its channel: `frame` gives
it beside the events, and the connection's owner looks for holes. A message about a book that cannot be read comes out as Rejected and, where the product
is known, a Gap. `level2` is answered on the channel `l2_data`; the ask side is `offer` or `ask`; a -USDC product may come back as -USD.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Gap, MarketEvent, Rejected, Trade
from app.model.units import parse_decimal, parse_units, shorten

from ..wire import ERRORS, Route, Units, WireError, decimals, decode, reject, time_rfc3339, whole
from .columns import CoinbaseEvents, names_of
from .parse import VENUE

_UNUSED = frozenset({"ticker", "ticker_batch", "candles", "status", "heartbeats"})
_LONGEST = 24_000_000
"""Characters of a frame: a whole book, every level of it, is several megabytes here."""
_SCALE = 8
"""Decimals the feed may write whatever the increments say."""


class Parser:
    """Parses for the given instruments only; anything about another product is Rejected. `take_control` gives answers to subscriptions."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._control: deque[dict] = deque(maxlen=1000)
        routes, names = {item.symbol: Route(item) for item in instruments}, names_of(instruments)
        self._products = {name: routes[item.symbol] for name, item in names}
        self.columns = CoinbaseEvents([item.symbol for _, item in names], self.frame)

    def parse(self, text: str, recv_ns: int) -> list[MarketEvent | Rejected]:
        """Events in one frame received at ``recv_ns`` (ns UTC)."""
        return self.frame(text, recv_ns)[1]

    def frame(self, text: str, recv_ns: int) -> tuple[int | None, list[MarketEvent | Rejected]]:
        """The frame's number (None where it has none that can be read) and its events."""
        number = None
        try:
            data = decode(text, longest=_LONGEST)
            if "type" in data and "channel" not in data:
                return None, self._answer(data)
            number = whole(data["sequence_num"])
            return number, self._message(data, recv_ns, text)
        except ERRORS as error:
            return number, [reject(VENUE, recv_ns, error, text)]

    def take_control(self) -> list[dict]:
        """Answers to requests since the last call, decoded."""
        out = list(self._control)
        self._control.clear()
        return out

    def _answer(self, data: dict) -> list[MarketEvent | Rejected]:
        if data["type"] != "error":
            raise WireError("unknown kind of message")
        self._control.append(data)
        return []

    def _message(self, data: dict, recv: int, text: str) -> list[MarketEvent | Rejected]:
        channel = data["channel"]
        if channel == "l2_data":
            out: list[MarketEvent | Rejected] = []
            when = time_rfc3339(data["timestamp"])
            for event in _rows(data["events"]):
                out += self._book(event, when, recv, text)
            return out
        if channel == "market_trades":
            return self._trades(data["events"], recv)
        if channel == "subscriptions":
            self._control.append(data)
            return []
        if channel in _UNUSED:
            return []
        raise WireError("unknown channel")

    def _book(self, event: dict, when: int, recv: int, text: str) -> list[MarketEvent | Rejected]:
        route = self._products.get(event["product_id"])
        if route is None:
            raise WireError("unknown product")
        try:
            bids, asks, price, size = [], [], route.price, route.size
            sides = {"bid": bids, "offer": asks, "ask": asks}
            for row in _rows(event["updates"]):
                sides[row["side"]].append((price[row["price_level"]], size[row["new_quantity"]]))
            if event["type"] == "snapshot":
                return [BookSnapshot(route.symbol, when, recv, tuple(bids), tuple(asks))]
            if event["type"] == "update":
                return [BookDelta(route.symbol, when, recv, tuple(bids), tuple(asks))]
            raise WireError("unknown kind of book message")
        except ERRORS as error:
            return [reject(VENUE, recv, error, text), Gap(route.symbol, recv, "a message about the book could not be read")]

    def _trades(self, events: object, recv: int) -> list[MarketEvent | Rejected]:
        out: list[MarketEvent | Rejected] = []
        for event in _rows(events):
            # A snapshot tells of trades from before: what happened while nobody listened stays a gap.
            if event["type"] == "update":
                out += [self._trade(row, recv) for row in _rows(event["trades"])]
        # The newest may come first.
        out.sort(key=lambda trade: trade.ts)
        return out

    def _trade(self, row: dict, recv: int) -> Trade:
        route = self._products.get(row["product_id"])
        if route is None:
            raise WireError("unknown product")
        side = row["side"]
        if side not in ("BUY", "SELL"):
            raise WireError("a side that is neither BUY nor SELL")
        size = route.size[row["size"]]
        if not size:
            raise WireError("a trade of nothing")
        number = str(parse_units(row["trade_id"], 0))
        # The side is the maker's.
        return Trade(route.symbol, time_rfc3339(row["time"]), recv, route.price[row["price"]], size, side == "BUY", number)


def _rows(rows: object) -> list[dict]:
    if type(rows) is not list or not all(type(row) is dict for row in rows):
        raise WireError("not a list of objects")
    return rows


def rules(text: str) -> tuple[list[Instrument], dict[str, str]]:
    """Every usable product in the REST answer of /market/products, and those that cannot be traded, with why. WireError when it is none."""
    found: list[Instrument] = []
    halted: dict[str, str] = {}
    try:
        rows = _rows(decode(text)["products"])
    except (json.JSONDecodeError, RecursionError, TypeError, KeyError) as error:
        raise WireError(f"not a list of products: {error!r}") from error
    for row in rows:
        try:
            item = instrument_from_rules(row)
        except WireError:
            continue  # one odd listing must not hide the others
        found.append(item)
        flags = ("is_disabled", "trading_disabled", "cancel_only", "post_only", "limit_only", "auction_mode", "view_only")
        if words := [flag.replace("_", " ") for flag in flags if row.get(flag) is True]:
            halted[item.symbol] = ", ".join(words)
        elif row.get("status") not in (None, "", "online"):
            halted[item.symbol] = shorten(row["status"], 30).strip("'")
    return found, halted


def instrument_from_rules(row: dict) -> Instrument:
    """The instrument in one product; WireError when a rule is missing or absurd."""
    try:
        tick, lot = row["quote_increment"], row["base_increment"]
        price_scale, size_scale = max(decimals(tick), _SCALE), max(decimals(lot), _SCALE)
        product = row["product_id"]
        base, _, quote = product.partition("-")
        return Instrument(
            symbol=product,
            venue=VENUE,
            native=product,
            base=row.get("base_currency_id") or base,
            quote=row.get("quote_currency_id") or quote,
            price_scale=price_scale,
            size_scale=size_scale,
            tick=Units(price_scale, 1)[tick],
            lot=Units(size_scale, 1)[lot],
            min_size=parse_units(row["base_min_size"], size_scale),
            min_notional=parse_decimal(row["quote_min_size"]),
        )
    except ERRORS as error:
        raise WireError(f"unusable trading rules: {error!r}") from error
