"""Orders in Alpaca's words: an intent as the body of POST /v2/orders, and orders, executions and positions as ours.

Pure: no socket, clock or state. Numbers are exact from text to text; what has not the form it should have is a WireError.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import Fill, Liquidity, OrderIntent, OrderType, Side, TimeInForce
from app.model.units import parse_decimal

from ..wire import ERRORS, WireError, number_text

TYPES = {kind: kind.value for kind in (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)}
_ALL_TIFS = {"day": "day", "gtc": "gtc", "ioc": "ioc", "fok": "fok", "at_open": "opg", "at_close": "cls"}
TIFS = {tif: _ALL_TIFS[tif.value] for tif in TimeInForce if tif.value in _ALL_TIFS}
WORKING = frozenset(
    "new partially_filled done_for_day pending_cancel pending_replace pending_review accepted pending_new accepted_for_bidding stopped "
    "suspended calculated held".split()
)
_FROM_TYPE = {name: kind for kind, name in TYPES.items()}
_FROM_TIF = {name: tif for tif, name in TIFS.items()} | {"gtd": TimeInForce.GTC}
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def place(intent: OrderIntent, native: str) -> dict[str, Any]:
    """The body of an order; outside regular hours it waits. Where a trailing stop stands is the venue's to say."""
    body = {
        "symbol": native,
        "qty": number(intent.qty),
        "side": intent.side.value,
        "type": TYPES[intent.type],
        "time_in_force": TIFS[intent.tif],
        "client_order_id": intent.client_order_id,
        "extended_hours": False,
    }
    if intent.price is not None:
        body["limit_price"] = number(intent.price)
    if intent.type is OrderType.TRAILING_STOP:
        name, distance = ("trail_price", intent.trail) if intent.trail is not None else ("trail_percent", intent.trail_percent)
        body[name] = number(distance)
    elif intent.stop is not None:
        body["stop_price"] = number(intent.stop)
    return body


def number(value: Decimal) -> str:
    """Plain text without trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class State(NamedTuple):
    """An order as every answer and report tells it. ``qty`` is None for one that was asked for by its worth (``notional``). The ``stop`` of a
    trailing stop follows the market at ``trail`` or ``trail_percent``; None while it has seen no price."""

    symbol: str
    order_id: str
    client_order_id: str
    status: str
    kind: str
    side: str
    tif: str
    qty: Decimal | None
    notional: Decimal | None
    filled: Decimal
    price: Decimal | None
    stop: Decimal | None
    replaced_by: str | None
    replaces: str | None
    submitted: str
    average: Decimal | None
    trail: Decimal | None = None
    trail_percent: Decimal | None = None

    @property
    def distance(self) -> Decimal | None:
        """How far a trailing stop trails, in its own unit."""
        return self.trail if self.trail is not None else self.trail_percent

    @property
    def works(self) -> bool:
        """Whether it may still be filled."""
        return self.status in WORKING

    @property
    def left(self) -> Decimal:
        """What it may still fill."""
        return self.qty - self.filled if self.qty is not None else Decimal(0)


def read_state(row: Any) -> State:
    """An order. Raises WireError."""
    try:
        return State(
            _word(row["symbol"]),
            _word(row["id"]),
            _word(row["client_order_id"]),
            _word(row["status"]),
            _word(row.get("type") or row["order_type"]),
            _word(row["side"]),
            _word(row["time_in_force"]),
            _maybe(row.get("qty")),
            _maybe(row.get("notional")),
            _maybe(row.get("filled_qty")) or Decimal(0),
            _maybe(row.get("limit_price")),
            _maybe(row.get("stop_price")),
            _name(row.get("replaced_by")),
            _name(row.get("replaces")),
            _word(row.get("submitted_at") or row["created_at"]),
            _maybe(row.get("filled_avg_price")),
            _maybe(row.get("trail_price")),
            _maybe(row.get("trail_percent")),
        )
    except ERRORS as error:
        raise WireError(f"not an order: {error!r}") from error


def has_legs(row: Any) -> bool:
    """Whether an order is one of several instruments at once: it has no symbol."""
    return type(row) is dict and row.get("order_class") == "mleg"


def ended(state: State, now_ns: int, client_order_id: str, reason: str = "") -> Event | None:
    """The event that a status ends an order with; None for one that works, is filled or was replaced."""
    status = state.status
    if status in WORKING or status in ("filled", "replaced"):
        return None
    if status == "rejected":
        return events.OrderRejected(now_ns, client_order_id, "venue_rejected", reason or "Alpaca rejected it")
    if status == "canceled":
        return events.OrderCancelled(now_ns, client_order_id, reason or "cancelled at the venue")
    if status == "expired":
        return events.OrderExpired(now_ns, client_order_id, reason or "the venue let it expire")
    raise WireError(f"unknown order status {status[:30]!r}")


def fill_id(order_id: str, cumulative: Decimal) -> str:
    """An execution's name: the order at the venue and what it had filled after it, which report and activity both tell."""
    return f"{order_id}-{number(cumulative)}"


class Execution(NamedTuple):
    """One execution of an order at the venue; ``cumulative`` is what the order had filled after it."""

    order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    cumulative: Decimal
    ts: int

    def fill(self, client_order_id: str, item: Instrument) -> Fill:
        """As the journal has it. Alpaca takes no fee at the time; which side was the maker it does not say."""
        return Fill(
            fill_id(self.order_id, self.cumulative),
            client_order_id,
            item.symbol,
            self.side,
            self.qty,
            self.price,
            Decimal(0),
            item.quote,
            Liquidity.TAKER,
            self.ts,
            item.quote,
        )


def report_execution(data: dict, state: State) -> Execution:
    """The execution in a report of the stream. Raises WireError."""
    try:
        qty, price = _number(data["qty"]), _number(data["price"])
        return Execution(state.order_id, state.symbol, Side(state.side), qty, price, state.filled, time_ns(data.get("timestamp") or data["at"]))
    except ERRORS as error:
        raise WireError(f"not an execution: {error!r}") from error


def activity_execution(row: Any) -> Execution:
    """The execution in an account activity of kind FILL. Raises WireError."""
    try:
        side = "sell" if row["side"] in ("sell", "sell_short") else _word(row["side"])
        qty, price, cumulative = (_number(row[name]) for name in ("qty", "price", "cum_qty"))
        return Execution(_word(row["order_id"]), _word(row["symbol"]), Side(side), qty, price, cumulative, time_ns(row["transaction_time"]))
    except ERRORS as error:
        raise WireError(f"not an execution: {error!r}") from error


def found(state: State, client_order_id: str, account: str, symbol: str, mark: Decimal | None) -> OrderIntent:
    """The intent behind an order that somebody else sent. Raises WireError."""
    try:
        kind, tif, side = _FROM_TYPE[state.kind], _FROM_TIF[state.tif], Side(state.side)
    except ERRORS as error:
        raise WireError(f"an order of an unknown kind: {error!r}") from error
    qty = state.qty
    if qty is None:
        price = state.price or mark
        qty = (state.notional / price).quantize(Decimal("0.000000001")) if state.notional and price else Decimal(1)
    trails = {"trail": state.trail, "trail_percent": state.trail_percent}
    return OrderIntent(client_order_id, account, "venue", 0, symbol, side, kind, tif, qty, state.price, state.stop, **trails)


def found_id(state: State) -> str:
    """The id under which an order of somebody else is listed: a pure function of what the venue calls it."""
    return f"venue-{state.order_id.replace('-', '')[:28]}".lower()


class Held(NamedTuple):
    """One position: signed quantity, what is free to be sold or bought back, and what it was bought for."""

    qty: Decimal
    available: Decimal
    entry: Decimal


def positions(rows: Any) -> dict[str, Held]:
    """Positions by the venue's symbol. Raises WireError."""
    try:
        return {_word(row["symbol"]): _held(row) for row in rows}
    except ERRORS as error:
        raise WireError(f"not positions: {error!r}") from error


def _held(row: dict) -> Held:
    qty = _number(row["qty"])
    if row.get("side") == "short" and qty > 0:
        qty = -qty
    free = _maybe(row.get("qty_available"))
    return Held(qty, abs(qty) if free is None else abs(free), _number(row["avg_entry_price"]))


def time_ns(text: Any) -> int:
    """ns UTC of an RFC 3339 time, in UTC or with an offset. Raises WireError."""
    if type(text) is not str or not 19 <= len(text) <= 40:
        raise WireError("not a time")
    head, _, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] if rest else ""
    try:
        at = datetime.fromisoformat((head + zone).replace("Z", "+00:00"))
        since = at - _EPOCH
    except (ValueError, TypeError) as error:
        raise WireError("not a time") from error
    return (since.days * 86_400 + since.seconds) * 10**9 + int((digits[:9] or "0").ljust(9, "0"))


def amount(value: Any) -> Decimal:
    """A number as text or JSON number. Raises WireError or BadNumber."""
    return _number(value)


def _number(value: Any) -> Decimal:
    return parse_decimal(value if type(value) is str and "e" not in value.lower() else number_text(value))


def _maybe(value: Any) -> Decimal | None:
    return None if value is None or value == "" else _number(value)


def _name(value: Any) -> str | None:
    return None if value is None or value == "" else _word(value)


def _word(value: Any) -> str:
    if type(value) is not str or not 0 < len(value) <= 128 or not value.isprintable():
        raise WireError("a word is missing")
    return value
