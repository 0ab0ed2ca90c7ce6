"""What the journal holds: every event that made the trading state, and its exact wire form.

State = replay(journal). Events are immutable, carry ``ts`` (integer ns UTC, from the injected clock) and convert to
and from JSON-able dicts without loss: Decimals as text, enums by value, ``kind`` names the class.
An unknown kind or field is an EventError, never a guess.
"""

from __future__ import annotations

import json
import typing
from dataclasses import dataclass, field
from decimal import Decimal

from .bookings import CashBooked, RateKnown, SplitBooked
from .coding import ENCODER, EventError, build, fields_of
from .orders import LATER, Fill, OrderIntent, OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class AccountOpened:
    """An account came to be, with its starting cash."""

    ts: int
    account: str
    currency: str
    cash: Decimal


@dataclass(frozen=True, slots=True)
class Decision:
    """What was known when an order was let through: the instrument's prices, and what risk said. Prices not known are None.

    ``quote_ns`` is the time of the quote (ns UTC of its venue), ``risk`` the verdict in words.
    """

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    quote_ns: int | None
    risk: str


@dataclass(frozen=True, slots=True)
class OrderSubmitted:
    """The intent, durable before its first byte goes to the venue."""

    ts: int
    intent: OrderIntent
    decision: Decision | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class OrderSent:
    """Handed to the venue; from here on an unanswered order is unknown, not failed."""

    ts: int
    client_order_id: str


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The venue has it, and calls it so. ``filled_before``: what of it was executed under the numbers that it had there before, None for nothing."""

    ts: int
    client_order_id: str
    venue_order_id: str
    filled_before: Decimal | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class OrderRejected:
    """Refused by the venue, or by this desk before sending. ``code`` is stable, ``reason`` is for people."""

    ts: int
    client_order_id: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderTriggered:
    """A stop's trigger price was reached: it now acts as a market or limit order."""

    ts: int
    client_order_id: str
    trigger_price: Decimal


@dataclass(frozen=True, slots=True)
class OrderFilled:
    ts: int
    fill: Fill


@dataclass(frozen=True, slots=True)
class OrderCancelRequested:
    """``reason`` is why, where the trader did not ask for this one cancel."""

    ts: int
    client_order_id: str
    reason: str | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    ts: int
    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderExpired:
    ts: int
    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderAmendRequested:
    """New total quantity, prices, and distance of a trailing stop (in the unit of its intent) asked for; None leaves a value as it is."""

    ts: int
    client_order_id: str
    qty: Decimal | None
    price: Decimal | None
    stop: Decimal | None
    trail: Decimal | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class OrderAmended:
    """The venue's values after an amendment (total quantity, prices; ``trail`` None: the distance is as it was)."""

    ts: int
    client_order_id: str
    qty: Decimal
    price: Decimal | None
    stop: Decimal | None
    trail: Decimal | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class OrderChangeRefused:
    """A cancel or amendment that the venue refused; the order lives on as it was."""

    ts: int
    client_order_id: str
    change: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderUnknown:
    """No usable answer after sending. ``evidence`` says what is known: sent when, what came back, what is asked next."""

    ts: int
    client_order_id: str
    evidence: str


@dataclass(frozen=True, slots=True)
class OrderReleased:
    """An order that this desk held is handed on to be sent, with this total quantity. Only this ever sends it."""

    ts: int
    client_order_id: str
    qty: Decimal
    decision: Decision | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class OrderDenied:
    """Refused by this desk when a held order was to be sent. ``code`` is stable, ``reason`` is for people."""

    ts: int
    client_order_id: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderAdopted:
    """An order that works at the venue and was not sent by this desk. It is never sent; ``qty`` of the intent is the venue's total."""

    ts: int
    intent: OrderIntent
    venue_order_id: str


@dataclass(frozen=True, slots=True)
class OrderRouted:
    """One intent that the router gave to one or several listings; its legs follow as orders that name it. ``plan`` says why, as JSON (`routing.plan`).

    Given to several accounts, each journal has one of its own with the legs that it holds: ``qty`` is theirs, the plan is that of the whole.
    """

    ts: int
    client_order_id: str
    account: str
    origin: str
    sequence: int
    symbol: str
    side: Side
    type: OrderType
    tif: TimeInForce
    qty: Decimal
    price: Decimal | None
    how: str
    plan: str


@dataclass(frozen=True, slots=True)
class RoutingRuleSet:
    """The trader set a rule of the router (`routing.rules`); None removes it."""

    ts: int
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class BalanceAdjusted:
    """What the venue holds differs from what the journal says, and the venue's word counts from now on.

    With a ``symbol`` the amount (signed) belongs to the position in it, at ``price`` in ``currency``; without, to the ledger of ``asset``. No
    profit, no loss. ``adjustment_id`` follows from what both sides said (see `app.trading.synthetic`): one id counts once. ``multiplier`` is the
    instrument's, None for 1.
    """

    ts: int
    account: str
    asset: str
    amount: Decimal
    symbol: str | None
    price: Decimal | None
    currency: str | None
    reason: str
    adjustment_id: str | None = field(default=None, metadata=LATER)
    multiplier: Decimal | None = field(default=None, metadata=LATER)

    @property
    def is_cash(self) -> bool:
        """Of a ledger, not of a position."""
        return self.symbol is None or self.price is None or self.currency is None


@dataclass(frozen=True, slots=True)
class RiskStateSet:
    """A scope is ``normal``, ``reduce_only`` or ``halted`` from now on; ``rule`` is what set it."""

    ts: int
    scope: str
    state: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class RiskLimitSet:
    """The trader set a limit of a scope; None takes the default again, empty text means no limit."""

    ts: int
    scope: str
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class NoteSet:
    """What the trader wrote about something: the latest word counts, earlier ones stay in the journal.

    ``about`` is ``order:<client order id>``, ``fill:<fill id>`` or ``day:<YYYY-MM-DD>`` (UTC); ``tags`` are separated by spaces. Both empty: no note.
    """

    ts: int
    about: str
    tags: str
    text: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Journal and venue were compared: what was found, what it took, and whether they agree. Changes no state.

    ``cause`` is ``start``, ``reconnect``, ``difference`` or ``asked``; ``asked`` counts questions, the others what was found.
    """

    ts: int
    venue: str
    cause: str
    took_ms: int
    asked: int
    orders: int
    fills: int
    adopted: int
    differences: str


Event = (
    AccountOpened
    | OrderSubmitted
    | OrderSent
    | OrderAccepted
    | OrderRejected
    | OrderTriggered
    | OrderFilled
    | OrderCancelRequested
    | OrderCancelled
    | OrderExpired
    | OrderAmendRequested
    | OrderAmended
    | OrderChangeRefused
    | OrderUnknown
    | OrderReleased
    | OrderDenied
    | OrderAdopted
    | OrderRouted
    | RoutingRuleSet
    | BalanceAdjusted
    | CashBooked
    | SplitBooked
    | RateKnown
    | RiskStateSet
    | RiskLimitSet
    | NoteSet
    | Reconciled
)

KINDS: dict[str, type] = {cls.__name__: cls for cls in typing.get_args(Event)}


def named(event: Event) -> dict:
    """The event's ``kind`` and fields, for `coding.ENCODER` to write."""
    return {"kind": type(event).__name__, **fields_of(event)}


def to_dict(event: Event) -> dict:
    """The event as plain JSON values, with its ``kind``."""
    return json.loads(to_json(event))


def from_dict(data: dict) -> Event:
    """The event that to_dict wrote; EventError when the form is not exactly right."""
    if not isinstance(data, dict):
        raise EventError(f"an event is an object, received {type(data).__name__}")
    values = dict(data)
    cls = KINDS.get(values.pop("kind", None))
    if cls is None:
        raise EventError(f"unknown event kind {data.get('kind')!r}")
    return build(cls, values)


def to_json(event: Event) -> str:
    """One line of JSON."""
    return ENCODER.encode(named(event))


def from_json(text: str) -> Event:
    """The event in one line of JSON; EventError when it is not one."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise EventError(f"not JSON: {error}") from error
    return from_dict(data)
