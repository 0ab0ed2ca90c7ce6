"""One order as the journal tells it: the intent, what the venue said, what was filled.

Changed by the engine only, and only from events. Prices, quantities and fees are Decimal, times integer ns UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from app.model.events import Event
from app.model.orders import OrderIntent, OrderStatus, OrderType, TimeInForce

from . import states
from .money import ZERO, ratio, sub

PATIENCE_NS = 5_000_000_000
"""How long a request may go without an answer."""

_ONCE_TRIGGERED = {
    OrderType.TRAILING_STOP: OrderType.MARKET,
    OrderType.STOP: OrderType.MARKET,
    OrderType.MARKET_IF_TOUCHED: OrderType.MARKET,
    OrderType.STOP_LIMIT: OrderType.LIMIT,
    OrderType.LIMIT_IF_TOUCHED: OrderType.LIMIT,
}


@dataclass(slots=True)
class Order:
    """Current values of an order; ``qty``, ``price``, ``stop`` and ``distance`` (of a trailing stop, once amended) follow amendments, ``intent``
    does not. ``notional`` is what was filled times its price, without the multiplier: the average price is made of it. ``filled_before`` is what
    was filled before its venue counted anew, under ``venue_order_id``."""

    intent: OrderIntent
    qty: Decimal
    price: Decimal | None
    stop: Decimal | None
    created_ns: int
    updated_ns: int
    _status: OrderStatus = OrderStatus.NEW
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    fill_count: int = 0
    venue_order_id: str | None = None
    sent_ns: int | None = None
    accepted_ns: int | None = None
    triggered: bool = False
    trigger_price: Decimal | None = None
    cancel_requested_ns: int | None = None
    cancels: int = 0
    amend_requested_ns: int | None = None
    code: str = ""
    reason: str = ""
    evidence: str = ""
    adopted: bool = False
    late_fill: bool = False
    released_ns: int | None = None
    amend_refused: str = ""
    asked_qty: Decimal | None = None
    amend_doubted: bool = False
    refusals: int = 0
    refused: str = ""
    amend_reason: str = ""
    distance: Decimal | None = None
    filled_before: Decimal | None = None

    @classmethod
    def of(cls, intent: OrderIntent, ts: int) -> Order:
        """A new order, as submitted at ``ts``."""
        order = cls(intent, intent.qty, intent.price, intent.stop, ts, ts)
        order._set(states.BIRTH[intent.starts_held])
        return order

    @classmethod
    def adopt(cls, intent: OrderIntent, ts: int) -> Order:
        """An order known from a fill alone; its total is not known."""
        order = cls(intent, intent.qty, None, None, ts, ts, adopted=True)
        order._set(states.ADOPTION)
        return order

    @classmethod
    def found(cls, intent: OrderIntent, ts: int, venue_order_id: str) -> Order:
        """An order that works at the venue and was not sent by this desk."""
        order = cls(intent, intent.qty, intent.price, intent.stop, ts, ts, venue_order_id=venue_order_id, accepted_ns=ts)
        order._set(states.FOUND)
        return order

    @property
    def status(self) -> OrderStatus:
        """Where it is in the state table."""
        return self._status

    def cell(self, event: Event) -> states.Cell:
        """What the state table says about an event now."""
        return states.TABLE[self._status, type(event)]

    def move(self, event: Event) -> None:
        """Go where the state table leads with an event whose details have been taken."""
        self._set(self.cell(event))

    def _set(self, cell: states.Cell) -> None:
        if cell.action == "set":
            # What is filled stays: a rejection of the rest ends the order as a cancel does.
            rejected_after_fill = cell.status is OrderStatus.REJECTED and self.filled
            self._status = OrderStatus.CANCELLED if rejected_after_fill else cell.status
        elif cell.action in ("open", "fill"):
            self._status = self.open_status
        elif cell.action == "part":
            if self.open_status is OrderStatus.FILLED:
                self._status = OrderStatus.FILLED
        elif cell.action == "late":
            self.late_fill = True
            if self.filled >= self.qty:
                self._status = OrderStatus.FILLED

    def at_venue(self) -> OrderIntent:
        """The intent as its venue is to have it: present values, without what this desk alone knows of."""
        intent = self.intent
        kind = _ONCE_TRIGGERED.get(intent.type, intent.type) if intent.held else intent.type
        stop = None if intent.held else self.stop
        alone = {"parent": None, "group": None, "held": None, "route": None}
        if intent.held:
            alone |= {"trail": None, "trail_percent": None}
        if intent.release_ns is not None:  # for that moment only: what does not trade in it is cancelled
            alone |= {"tif": TimeInForce.IOC, "release_ns": None, "expires_ns": None}
        return replace(intent, type=kind, qty=self.qty, price=self.price, stop=stop, **alone)

    @property
    def client_order_id(self) -> str:
        """The id of its intent."""
        return self.intent.client_order_id

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.intent.symbol

    @property
    def trail(self) -> Decimal | None:
        """The distance of a trailing stop as an amount; None where it has none, or one in percent."""
        return None if self.intent.trail is None else self.distance or self.intent.trail

    @property
    def trail_percent(self) -> Decimal | None:
        """The same in percent."""
        return None if self.intent.trail_percent is None else self.distance or self.intent.trail_percent

    @property
    def remaining(self) -> Decimal:
        """Quantity not filled yet; zero when overfilled."""
        return max(sub(self.qty, self.filled), ZERO) if self.filled else self.qty

    @property
    def at_most(self) -> Decimal:
        """Quantity it may still fill, counting an amendment that the venue has not answered."""
        return max(self.remaining, sub(self.asked_qty, self.filled)) if self.asked_qty is not None else self.remaining

    @property
    def average_price(self) -> Decimal | None:
        """Average fill price with 28 digits, for display; None before the first fill."""
        return ratio(self.notional, self.filled) if self.filled else None

    @property
    def is_working(self) -> bool:
        """True while the venue may still fill it, or may have it without our knowing."""
        return self._status.is_working

    @property
    def open_status(self) -> OrderStatus:
        """What an order alive at the venue is called, by the quantity filled; an adopted one's total is not known."""
        if self.filled >= self.qty and not self.adopted:
            return OrderStatus.FILLED
        return OrderStatus.PARTIALLY_FILLED if self.filled else OrderStatus.ACCEPTED
