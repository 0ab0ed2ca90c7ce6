"""An order as the paper venue holds it: integer units, place in the queue, and when it ends.

The venue rebuilds these from the engine's orders after a restart; nothing here is journalled.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderType, Side, TimeInForce

from .order import Order
from .queue import QueuePlace

DAY_NS = 86_400 * 1_000_000_000
_IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


@dataclass(slots=True, eq=False)
class Working:
    """Sizes and prices in the instrument's units; ``qty`` is the total, ``arrival`` orders equal prices."""

    intent: OrderIntent
    instrument: Instrument
    arrival: int
    qty: int
    price: int | None
    stop: int | None
    filled: int = 0
    fills: int = 0
    triggered: bool = False
    place: QueuePlace = field(default_factory=lambda: QueuePlace(None))
    expires_ns: int | None = None
    display: int | None = None
    slice_left: int = 0

    @classmethod
    def of_intent(cls, intent: OrderIntent, instrument: Instrument, arrival: int, now_ns: int) -> Working:
        """A new arrival."""
        return cls(
            intent,
            instrument,
            arrival,
            instrument.size_units(intent.qty),
            instrument.price_units(intent.price) if intent.price is not None else None,
            instrument.price_units(intent.stop) if intent.stop is not None else None,
            expires_ns=expiry(intent, now_ns),
        ).sliced()

    @classmethod
    def of_order(cls, order: Order, instrument: Instrument, arrival: int) -> Working:
        """The order as the engine remembers it."""
        accepted_ns = order.accepted_ns if order.accepted_ns is not None else order.created_ns
        intent = order.at_venue()
        return cls(
            intent,
            instrument,
            arrival,
            instrument.size_units(intent.qty),
            instrument.price_units(intent.price) if intent.price is not None else None,
            instrument.price_units(intent.stop) if intent.stop is not None else None,
            filled=instrument.size_units(order.filled),
            fills=order.fill_count,
            triggered=order.triggered,
            expires_ns=expiry(intent, accepted_ns),
        ).sliced()

    def sliced(self) -> Working:
        """This order with its displayed part set, where it has one."""
        if self.intent.display is not None:
            self.display = self.instrument.size_units(self.intent.display)
            self.slice_left = min(self.display, self.remaining)
        return self

    @property
    def client_order_id(self) -> str:
        """The id of its intent."""
        return self.intent.client_order_id

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return self.intent.side

    @property
    def remaining(self) -> int:
        """Size units not filled yet."""
        return self.qty - self.filled

    @property
    def waits_for_stop(self) -> bool:
        """True while its stop has not been triggered."""
        return self.stop is not None and not self.triggered

    @property
    def is_immediate(self) -> bool:
        """True when nothing of it may rest in the book."""
        return self.price is None or self.intent.tif in _IMMEDIATE

    @property
    def priority(self) -> tuple[int, int]:
        """Sort key of resting orders of one side: best price first, then arrival."""
        return (-self.price if self.side is Side.BUY else self.price, self.arrival)


def expiry(intent: OrderIntent, accepted_ns: int) -> int | None:
    """When an order ends: the UTC day a day order was accepted in, the moment a GTD order names, when it is too late for an open or a close; None for
    all others."""
    if intent.tif is TimeInForce.GTD or intent.tif.is_session:
        return intent.expires_ns
    if intent.tif is not TimeInForce.DAY or intent.type is OrderType.MARKET:
        return None
    return (accepted_ns // DAY_NS + 1) * DAY_NS
