"""Routed orders as the journal tells them: one intent, its legs, and what those add up to.

A routed order is never sent and has no state of its own: everything about it follows from its legs, which are orders like any other.
Nothing of it is ever sent again elsewhere by itself, least of all a leg whose state is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from app.model.events import OrderRouted
from app.model.orders import OrderStatus

from .money import ZERO, add, plain, ratio, sub
from .order import Order

_ENDS = (OrderStatus.REJECTED, OrderStatus.DENIED, OrderStatus.EXPIRED)


@dataclass(slots=True)
class Routed:
    """One routed order with the legs that the journal holds; ``orders`` are the engine's by id."""

    event: OrderRouted
    orders: Mapping[str, Order] = field(repr=False, compare=False)
    leg_ids: list[str] = field(default_factory=list)

    @property
    def legs(self) -> list[Order]:
        """The legs in their order."""
        return [self.orders[cid] for cid in self.leg_ids]

    @property
    def client_order_id(self) -> str:
        """Its own id; no venue ever sees it."""
        return self.event.client_order_id

    @property
    def filled(self) -> Decimal:
        """What the legs have filled together."""
        total = ZERO
        for leg in self.legs:
            total = add(total, leg.filled)
        return total

    @property
    def remaining(self) -> Decimal:
        """What of it may still fill, or did not."""
        return max(sub(self.event.qty, self.filled), ZERO)

    @property
    def average_price(self) -> Decimal | None:
        """Average fill price over the legs, for display."""
        total = ZERO
        for leg in self.legs:
            total = add(total, leg.notional)
        return ratio(total, self.filled) if self.filled else None

    @property
    def updated_ns(self) -> int:
        """When anything last happened to it."""
        return max([self.event.ts, *(leg.updated_ns for leg in self.legs)])

    @property
    def status(self) -> OrderStatus:
        """Unknown while a leg is; else in flight, working, or how it ended."""
        found = [leg.status for leg in self.legs]
        for status in (OrderStatus.UNKNOWN, OrderStatus.NEW, OrderStatus.PENDING):
            if status in found:
                return status
        if any(status.is_working for status in found):
            if self.filled:
                return OrderStatus.PARTIALLY_FILLED
            return OrderStatus.HELD if all(status is OrderStatus.HELD for status in found if status.is_working) else OrderStatus.ACCEPTED
        if self.filled >= self.event.qty:
            return OrderStatus.FILLED
        alike = found[0] if found and all(status is found[0] for status in found) else None
        return alike if alike in _ENDS and not self.filled else OrderStatus.CANCELLED

    @property
    def is_working(self) -> bool:
        """True while a leg may still fill."""
        return any(leg.is_working for leg in self.legs)

    @property
    def reason(self) -> str:
        """What became of the legs that did not do what they should, in words."""
        failed = [leg for leg in self.legs if leg.status.is_final and leg.filled < leg.qty]
        if not failed:
            return ""
        words = "; ".join(_ended(leg) for leg in failed)
        return f"{len(failed)} of {len(self.legs)} legs did not fill: {words}. Nothing is sent elsewhere by itself."

    @property
    def evidence(self) -> str:
        """What is known of the legs without an answer."""
        return " ".join(f"{leg.symbol}: {leg.evidence}" for leg in self.legs if leg.status is OrderStatus.UNKNOWN)


def _ended(leg: Order) -> str:
    why = f" ({leg.reason})" if leg.reason else ""
    return f"{leg.symbol}: {plain(leg.filled)} of {plain(leg.qty)} filled, {leg.status.value}{why}"


class RoutedOrders:
    """Routed orders by id, and the trader's rules of the router by name."""

    def __init__(self, orders: Mapping[str, Order]) -> None:
        self._orders = orders
        self.by_id: dict[str, Routed] = {}
        self.rules: dict[str, str] = {}

    def take(self, event: OrderRouted) -> bool:
        """A routed order is in the journal; False when it is known already."""
        if event.client_order_id in self.by_id:
            return False
        self.by_id[event.client_order_id] = Routed(event, self._orders)
        return True

    def rule(self, name: str, value: str | None) -> None:
        """The trader set a rule."""
        if value is None:
            self.rules.pop(name, None)
        else:
            self.rules[name] = value

    def submitted(self, order: Order) -> None:
        """An order came into being: a leg joins its routed order."""
        routed = self.by_id.get(order.intent.route or "")
        # An exit of a leg names the leg as its parent and is no part of the quantity.
        if routed is not None:
            routed.leg_ids.append(order.client_order_id)

    def restore(self, event: OrderRouted, leg_ids: list[str]) -> None:
        """A routed order as a snapshot holds it."""
        self.by_id[event.client_order_id] = Routed(event, self._orders, leg_ids)

    def of(self, order: Order) -> Routed | None:
        """The routed order that an order is a leg of."""
        return self.by_id.get(order.intent.route or "")
