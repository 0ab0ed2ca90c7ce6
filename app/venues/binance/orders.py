"""Orders in Binance's words: an intent as the parameters of order.place, and reports, orders and trades as events.

Pure: no socket, clock or state. Numbers are exact from text to text; what has not the form it should have is a WireError.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import Fill, Liquidity, OrderIntent, OrderType, Side, TimeInForce, VenueWord
from app.model.units import parse_decimal

from ..execution import Reply
from ..wire import ERRORS, WireError, whole

TYPES = {
    OrderType.LIMIT: "LIMIT",
    OrderType.MARKET: "MARKET",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.ICEBERG: "LIMIT",
}
TIFS = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
WORKING = frozenset({"NEW", "PENDING_NEW", "PARTIALLY_FILLED"})
CANCELLED = frozenset({"CANCELED", "PENDING_CANCEL"})
REJECTED = -2010
NO_SUCH_ORDER, ARCHIVED = -2013, -2026
NOT_THERE = (NO_SUCH_ORDER, ARCHIVED)
_FROM_TYPE = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.MARKET_IF_TOUCHED,
    "TAKE_PROFIT_LIMIT": OrderType.LIMIT_IF_TOUCHED,
}
_FROM_TIF = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_MS = 1_000_000


def kind_of(intent: OrderIntent) -> str | None:
    """The venue's type of an order, None where it has none."""
    if intent.type is OrderType.LIMIT and intent.post_only:
        return "LIMIT_MAKER"
    return TYPES.get(intent.type)


def place(intent: OrderIntent, native: str) -> dict[str, Any]:
    """The parameters of order.place; ``newOrderRespType`` FULL brings fills with the answer."""
    kind = kind_of(intent)
    params = {
        "symbol": native,
        "side": intent.side.upper(),
        "type": kind,
        "quantity": number(intent.qty),
        "newClientOrderId": intent.client_order_id,
        "newOrderRespType": "FULL",
    }
    if intent.price is not None:
        params["price"] = number(intent.price)
    if intent.stop is not None:
        params["stopPrice"] = number(intent.stop)
    if intent.display is not None:
        params["icebergQty"] = number(intent.display)
    if kind in ("LIMIT", "STOP_LOSS_LIMIT"):
        params["timeInForce"] = TIFS[intent.tif]
    return params


def rest(intent: OrderIntent, executed: Decimal) -> OrderIntent:
    """What was not executed of an order, as an order of its own: of a stop-limit, which was triggered then, the limit; of an iceberg no more is shown
    than is left."""
    left = intent.qty - executed
    if intent.type is OrderType.STOP_LIMIT or (intent.display is not None and intent.display >= left):
        return replace(intent, type=OrderType.LIMIT, qty=left, stop=None, display=None)
    return replace(intent, qty=left)


def number(value: Decimal) -> str:
    """Plain text without trailing zeros: the venue refuses more decimals than a symbol has."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class State(NamedTuple):
    """An order as order.status, order.place, order.cancel and openOrders.status tell it."""

    symbol: str
    order_id: int
    client_order_id: str
    status: str
    kind: str
    side: str
    tif: str
    qty: Decimal
    executed: Decimal
    price: Decimal | None
    stop: Decimal | None
    display: Decimal | None
    worth: Decimal | None = None
    """What the executions came to, in the quote currency; None where it is not said."""

    @property
    def word(self) -> VenueWord:
        """What is compared with the journal."""
        average = self.worth / self.executed if self.worth and self.executed else None
        return VenueWord(self.status.lower(), self.status in WORKING, self.qty, self.executed, average)


def read_state(row: Any, client_order_id: str = "clientOrderId") -> State:
    """An order; ``client_order_id`` names the field with its id (a cancel's answer has another there). Raises WireError."""
    try:
        return State(
            _word(row["symbol"]),
            whole(row["orderId"]),
            _word(row[client_order_id]),
            _word(row["status"]),
            _word(row["type"]),
            _word(row["side"]),
            _word(row["timeInForce"]),
            parse_decimal(row["origQty"]),
            parse_decimal(row["executedQty"]),
            _price(row.get("price")),
            _price(row.get("stopPrice")),
            _price(row.get("icebergQty")),
            _price(row.get("cummulativeQuoteQty")),
        )
    except ERRORS as error:
        raise WireError(f"not an order: {error!r}") from error


def is_duplicate(reply: Reply) -> bool:
    """Whether the venue refuses an order because it has it."""
    return reply.code == REJECTED and "uplicate" in reply.text


def ended(state: str, now_ns: int, client_order_id: str, reason: str = "") -> Event | None:
    """The event that a status ends an order with; None for one that works or is filled."""
    if state in WORKING or state == "FILLED":
        return None
    if state == "REJECTED":
        return events.OrderRejected(now_ns, client_order_id, "venue_rejected", reason or "the venue rejected it")
    if state in CANCELLED:
        return events.OrderCancelled(now_ns, client_order_id, reason or "cancelled at the venue")
    if state in ("EXPIRED", "EXPIRED_IN_MATCH"):
        words = "it would have traded with an order of the same account" if state == "EXPIRED_IN_MATCH" else "the venue let it expire"
        return events.OrderExpired(now_ns, client_order_id, reason or words)
    raise WireError(f"unknown order status {state[:30]!r}")


class Report(NamedTuple):
    """What an executionReport is about. ``cause`` is its ``x``."""

    symbol: str
    order_id: int
    client_order_id: str
    cause: str
    status: str
    reason: str


def read_report(event: dict) -> Report:
    """An executionReport. A cancel has its own id in ``c`` and the order's in ``C``. Raises WireError."""
    try:
        cause = _word(event["x"])
        name = event["C"] if cause in ("CANCELED", "REPLACED") and event.get("C") else event["c"]
        why = event.get("r")
        reason = f"the venue says {why}" if type(why) is str and why not in ("", "NONE") else ""
        return Report(_word(event["s"]), whole(event["i"]), _word(name), cause, _word(event["X"]), reason)
    except ERRORS as error:
        raise WireError(f"not an executionReport: {error!r}") from error


def report_state(event: dict) -> State:
    """The order in an executionReport. Raises WireError."""
    names = ("s", "i", "c", "X", "o", "S", "f", "q", "z", "p", "P", "F", "Z")
    keys = ("symbol", "orderId", "clientOrderId", "status", "type", "side", "timeInForce", "origQty", "executedQty", "price", "stopPrice", "icebergQty")
    keys = (*keys, "cummulativeQuoteQty")
    return read_state({key: event.get(name) for key, name in zip(keys, names, strict=True)})


def report_fill(event: dict, client_order_id: str, instrument: Instrument) -> Fill:
    """The execution in an executionReport whose cause is TRADE. Raises WireError."""
    try:
        return _fill(
            client_order_id, instrument, event["t"], event["S"], event["l"], event["L"], event.get("n"), event.get("N"), event["m"], event["T"]
        )
    except ERRORS as error:
        raise WireError(f"not an execution: {error!r}") from error


def trade_fill(row: Any, client_order_id: str, instrument: Instrument) -> Fill:
    """One row of myTrades. Raises WireError."""
    try:
        side = "BUY" if _flag(row["isBuyer"]) else "SELL"
        paid = row["commission"], row["commissionAsset"]
        return _fill(client_order_id, instrument, row["id"], side, row["qty"], row["price"], *paid, row["isMaker"], row["time"])
    except ERRORS as error:
        raise WireError(f"not a trade: {error!r}") from error


def placed_fills(result: dict, client_order_id: str, instrument: Instrument) -> list[Fill]:
    """The executions in the answer to order.place: it took what it met. Raises WireError."""
    try:
        rows = result.get("fills") or []
        side, at = result["side"], result["transactTime"]
        return [
            _fill(client_order_id, instrument, row["tradeId"], side, row["qty"], row["price"], row["commission"], row["commissionAsset"], False, at)
            for row in rows
        ]
    except ERRORS as error:
        raise WireError(f"not the answer to an order: {error!r}") from error


def found(state: State, client_order_id: str, account: str, symbol: str) -> OrderIntent:
    """The intent behind an order that somebody else sent. Raises WireError."""
    try:
        kind, tif = _FROM_TYPE[state.kind], _FROM_TIF[state.tif]
        side = Side(state.side.lower())
    except ERRORS as error:
        raise WireError(f"an order of an unknown kind: {error!r}") from error
    if kind is OrderType.LIMIT and state.display is not None:
        kind = OrderType.ICEBERG
    post_only = state.kind == "LIMIT_MAKER"
    return OrderIntent(
        client_order_id, account, "venue", 0, symbol, side, kind, tif, state.qty, state.price, state.stop, post_only=post_only, display=state.display
    )


def found_id(state: State) -> str:
    """The id under which an order of somebody else is listed: a pure function of what the venue calls it."""
    return f"venue-{state.symbol.lower()}-{state.order_id}"[:36]


def balances(rows: Any, asset: str = "asset", free: str = "free", locked: str = "locked") -> dict[str, tuple[Decimal, Decimal]]:
    """(free, locked) by asset. Raises WireError."""
    try:
        return {_word(row[asset]): (parse_decimal(row[free]), parse_decimal(row[locked])) for row in rows}
    except ERRORS as error:
        raise WireError(f"not balances: {error!r}") from error


def fees(account: dict) -> tuple[Decimal, Decimal]:
    """Maker and taker fee of an account in basis points; 10 where the venue does not say."""
    rates = account.get("commissionRates")
    found = []
    for name in ("maker", "taker"):
        try:
            found.append(parse_decimal(rates[name]) * 10_000)
        except ERRORS:
            found.append(Decimal(10))
    return found[0], found[1]


def _fill(
    cid: str, instrument: Instrument, trade_id: Any, side: str, qty: str, price: str, fee: Any, fee_asset: Any, maker: Any, time_ms: Any
) -> Fill:
    paid = parse_decimal(fee) if fee is not None else Decimal(0)
    in_kind = paid > 0 and fee_asset == instrument.base and (side == "SELL" or paid < parse_decimal(qty))
    return Fill(
        fill_id=f"{instrument.native}-{whole(trade_id)}",
        client_order_id=cid,
        symbol=instrument.symbol,
        side=Side(side.lower()),
        qty=parse_decimal(qty),
        price=parse_decimal(price),
        fee=paid,
        fee_currency=_word(fee_asset) if paid else instrument.quote,
        liquidity=Liquidity.MAKER if _flag(maker) else Liquidity.TAKER,
        ts=whole(time_ms) * _MS,
        currency=instrument.quote,
        in_kind=in_kind or None,
    )


def _price(value: Any) -> Decimal | None:
    if value is None:
        return None
    return parse_decimal(value) or None


def _word(value: Any) -> str:
    if type(value) is not str or not 0 < len(value) <= 100 or not value.isprintable():
        raise WireError("a word is missing")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise WireError("neither true nor false")
    return value
