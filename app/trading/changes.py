"""What single events do to an order's own fields, and what follows from them.

Pure functions of order and event, used by the engine under the state table in `states`. The status is not set here.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.orders import Fill, OrderStatus, Side

from .effects import Effect, Notify, QueryOrder, SendAmend, SendCancel, SendOrder
from .money import is_bearable, plain
from .order import PATIENCE_NS, Order
from .states import Cell


def note(order: Order, event: Event) -> None:
    """Take what an event other than a fill says into the order's fields."""
    _DETAILS[type(event)](order, event)


def absurd(event: Event) -> bool:
    """True for amounts that no venue and no journal of ours can mean; the event, one of `AMOUNTS`, must not be applied."""
    for value in AMOUNTS[type(event)](event):
        if value is not None and not is_bearable(value):
            return True
    return False


def wrong(fill: Fill, order: Order) -> str | None:
    """What is impossible about a fill of an order, or None."""
    if fill.qty <= 0 or fill.price <= 0:
        return f"of {plain(fill.qty)} at {plain(fill.price)}"
    if fill.symbol != order.symbol or fill.side is not order.intent.side:
        return f"to {fill.side.value} {fill.symbol}, while the order is to {order.intent.side.value} {order.symbol},"
    return None


def evidence(order: Order, now_ns: int) -> str | None:
    """Why a restart leaves an order unknown, in words; None when it does not."""
    asked = "The venue is asked; it is not sent again."
    if order.status is OrderStatus.NEW:
        return f"Journalled at {order.created_ns} ns, never marked as sent before the desk stopped. {asked}"
    if order.status is OrderStatus.PENDING:
        return f"Sent at {order.sent_ns} ns, no answer before the desk stopped. {asked}"
    if order.status is OrderStatus.UNKNOWN:
        return f"Still unknown after a restart at {now_ns} ns. {order.evidence}"[:500]
    if order.amend_requested_ns is not None:
        return f"An amendment was asked for at {order.amend_requested_ns} ns, no answer before the desk stopped. {asked}"
    return None


def effect(order: Order, cell: Cell, event: Event) -> list[Effect]:
    """What the state table wants done after the order took an event."""
    cid = order.client_order_id
    match cell.effect:
        case "send":
            return [SendOrder(order.at_venue() if order.intent.is_linked else order.intent)]
        case "cancel":
            return [SendCancel(cid)]
        case "amend":
            return [SendAmend(cid, event.qty, event.price, event.stop, event.trail)]
        case "query":
            # A refused cancel of an order that works here: the venue knows something that we do not.
            return [] if isinstance(event, events.OrderChangeRefused) and event.change != "cancel" else [QueryOrder(cid)]
    return []


def news(order: Order, event: Event) -> list[Effect]:
    """What the trader is told of an event."""
    if isinstance(event, events.OrderFilled):
        return [Notify("good", _bought(order, event.fill), "filled")] if order.status is OrderStatus.FILLED else []
    if isinstance(event, events.OrderRejected):
        return [Notify("error", f"{order.symbol}: rejected, {event.reason}", event.code)]
    if isinstance(event, events.OrderDenied):
        return [Notify("error", f"{order.symbol}: not sent, {event.reason}", event.code)]
    if isinstance(event, events.OrderChangeRefused):
        return [Notify("warn", f"{order.symbol}: {event.change} refused, {event.reason}", event.code)]
    if isinstance(event, (events.OrderCancelled, events.OrderExpired)):
        return [Notify("info", f"{order.symbol}: {event.reason}", order.code)]
    return []


NEWS = frozenset(
    (events.OrderFilled, events.OrderRejected, events.OrderDenied, events.OrderChangeRefused, events.OrderCancelled, events.OrderExpired)
)
"""Events that may be news: most are not, and need not be looked at."""
RESIZING = frozenset(
    (events.OrderFilled, events.OrderAmendRequested, events.OrderAmended, events.OrderChangeRefused, events.OrderReleased)
)
"""Events after which an order that goes on may bind or trade another amount than before."""


def _bought(order: Order, fill: Fill) -> str:
    verb = "Bought" if fill.side is Side.BUY else "Sold"
    average = order.average_price or fill.price
    places = max(2, len(plain(fill.price).partition(".")[2].rstrip("0")))
    return f"{verb} {order.filled.normalize():,f} {fill.symbol} at {average:,.{places}f}"


def _on_accepted(order: Order, event: events.OrderAccepted) -> None:
    order.venue_order_id = event.venue_order_id
    if event.filled_before is not None:
        order.filled_before = event.filled_before
    if order.accepted_ns is None:
        order.accepted_ns = event.ts


def _on_triggered(order: Order, event: events.OrderTriggered) -> None:
    order.triggered = True
    order.trigger_price = event.trigger_price


def _on_amended(order: Order, event: events.OrderAmended) -> None:
    order.qty, order.price, order.stop = event.qty, event.price, event.stop
    if event.trail is not None:
        order.distance = event.trail
    if order.asked_qty is not None and order.asked_qty != event.qty and not order.amend_doubted:
        return  # what was so before the amendment: its own answer is still to come, or to be asked for
    order.amend_requested_ns = order.asked_qty = None
    order.amend_refused = order.amend_reason = ""


def _on_released(order: Order, event: events.OrderReleased) -> None:
    order.qty = event.qty
    order.released_ns = event.ts


def _on_refused(order: Order, event: events.OrderChangeRefused) -> None:
    if event.change == "cancel":
        order.refusals += 1
        order.refused = event.reason
        if not order.code:
            order.reason = ""
        order.cancels = max(order.cancels - 1, 0)
        if not order.cancels:
            order.cancel_requested_ns = None
    else:
        order.amend_requested_ns = order.asked_qty = None
        order.amend_refused, order.amend_reason = event.code, event.reason


def _ended(code: str | None) -> Callable[[Order, Any], None]:
    def apply(order: Order, event: events.OrderRejected | events.OrderCancelled | events.OrderExpired) -> None:
        order.code = code or event.code
        if code != "cancelled" or order.cancel_requested_ns is None or not order.reason:  # else: that is why its cancel was asked for
            order.reason = event.reason

    return apply


def _noting(name: str) -> Callable[[Order, Any], None]:
    def apply(order: Order, event: Event) -> None:
        setattr(order, name, event.ts)

    return apply


def _on_cancel_requested(order: Order, event: events.OrderCancelRequested) -> None:
    # The refusal of one of several cancels on their way does not answer the others.
    before = order.cancel_requested_ns
    order.cancels = order.cancels + 1 if before is not None and 0 <= event.ts - before < PATIENCE_NS else 1
    order.cancel_requested_ns = event.ts
    if event.reason and not order.code:
        order.reason = event.reason


def _on_amend_requested(order: Order, event: events.OrderAmendRequested) -> None:
    order.amend_requested_ns, order.asked_qty, order.amend_doubted = event.ts, event.qty, False


def _on_unknown(order: Order, event: events.OrderUnknown) -> None:
    order.evidence = event.evidence
    order.amend_doubted = True


_DETAILS: dict[type, Callable[[Order, Any], None]] = {
    events.OrderSent: _noting("sent_ns"),
    events.OrderAccepted: _on_accepted,
    events.OrderRejected: _ended(None),
    events.OrderTriggered: _on_triggered,
    events.OrderCancelRequested: _on_cancel_requested,
    events.OrderCancelled: _ended("cancelled"),
    events.OrderExpired: _ended("expired"),
    events.OrderAmendRequested: _on_amend_requested,
    events.OrderAmended: _on_amended,
    events.OrderChangeRefused: _on_refused,
    events.OrderUnknown: _on_unknown,
    events.OrderReleased: _on_released,
    events.OrderDenied: _ended(None),
}

_TERMS = attrgetter("intent.qty", "intent.price", "intent.stop", "intent.trail", "intent.trail_percent", "intent.display", "intent.multiplier")
AMOUNTS: dict[type, Callable[[Any], tuple]] = {
    events.OrderFilled: attrgetter("fill.qty", "fill.price", "fill.fee", "fill.multiplier"),
    events.OrderSubmitted: _TERMS,
    events.OrderAdopted: _TERMS,
    events.CashBooked: lambda event: (event.amount,),
    events.OrderAccepted: lambda event: (event.filled_before,),
    events.OrderRouted: attrgetter("qty", "price"),
    events.OrderReleased: lambda event: (event.qty,),
    events.OrderAmendRequested: attrgetter("qty", "price", "stop", "trail"),
    events.OrderAmended: attrgetter("qty", "price", "stop", "trail"),
    events.AccountOpened: lambda event: (event.cash,),
    events.BalanceAdjusted: attrgetter("amount", "price", "multiplier"),
}
"""The amounts of events that have some."""
