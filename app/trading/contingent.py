"""What this desk has to do about the orders it holds or has linked: entries and their exits, pairs, ends, triggers.

Nothing here remembers anything: `due` compares the state with what it should be and returns the events that are missing. It is
asked after every change and every second, so that a desk that was killed between two of them goes on where the journal ends.

    waits for an entry   nothing of it is sent before the entry has filled; it never covers more than the entry has filled
    held for a time      sent once its open has come, or its close is near; too late, it expires
    held for a trigger   sent once the trigger was seen, and once what is linked to it has left the venue
    one of a pair        what one fills, the other gives up; it is cancelled when nothing is left of it
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from app.model import events
from app.model.events import Event
from app.model.orders import OrderStatus, Side, TimeInForce

from . import spot
from .errors import Denied
from .money import ZERO, add, sub
from .order import Order
from .working import expiry

if TYPE_CHECKING:
    from .engine import Engine

_CONFIRMED = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


def due(engine: Engine, now_ns: int) -> list[Event]:
    """The events that held and linked orders are due now, oldest order first; empty when all is as it should be."""
    found: list[Event] = []
    asked: set[str] = set()

    def cancel(order: Order, reason: str) -> None:
        cid = order.client_order_id
        if order.is_working and cid not in asked and order.cancel_requested_ns is None:
            asked.add(cid)
            found.append(events.OrderCancelRequested(now_ns, cid, reason))
            if order.status is OrderStatus.HELD:
                found.append(events.OrderCancelled(now_ns, cid, reason))

    for order in [*engine.linked.values()]:
        status = order.status
        if asked and order.client_order_id in asked:
            continue
        if status is OrderStatus.HELD:
            found += _held(engine, order, now_ns, cancel)
        elif status in _CONFIRMED and order.cancel_requested_ns is None and order.amend_requested_ns is None:
            found += _sent(engine, order, now_ns, cancel)
    return found


def is_waiting(engine: Engine, order: Order) -> bool:
    """True while nothing of its entry order has filled."""
    parent = order.intent.parent
    if parent is None:
        return False
    entry = engine.orders.get(parent)
    return entry is None or not entry.filled


def target(engine: Engine, order: Order) -> Decimal:
    """The total quantity an order should have: never more than its entry filled, less what the others of its pair filled, nor than a spot account
    holds."""
    intent = order.intent
    if intent.parent is None and intent.group is None:
        return order.qty
    allowed = intent.qty
    if intent.parent is not None:
        entry = engine.orders.get(intent.parent)
        allowed = min(allowed, entry.filled) if entry is not None else ZERO
    for other in engine.pair(order):
        if other.filled:
            allowed = sub(allowed, other.filled)
    if intent.side is Side.SELL and intent.reduce_only and (most := spot.sellable(engine.portfolio, engine.view, order.symbol)) is not None:
        allowed = min(allowed, add(order.filled, most))
    return max(allowed, order.filled)


def _held(engine: Engine, order: Order, now_ns: int, cancel) -> list[Event]:
    intent, cid = order.intent, order.client_order_id
    ends = expiry(intent, order.created_ns)
    if ends is not None and ends <= now_ns:
        reason = "its time was over before it was triggered"
        if intent.release_ns is not None:
            reason = f"its {'open' if intent.tif is TimeInForce.AT_OPEN else 'close'} passed while this desk could not send it"
        return [events.OrderExpired(now_ns, cid, reason)]
    entry = None
    if intent.parent is not None:
        entry = engine.orders.get(intent.parent)
        if entry is None or (entry.status.is_final and not entry.filled):
            return [events.OrderCancelled(now_ns, cid, "its entry order ended without a fill")]
        if not entry.filled:
            return []
    total = target(engine, order)
    others = [other for other in engine.pair(order) if other.is_working and other.status is not OrderStatus.HELD]
    over = entry is None or entry.status.is_final
    if total <= 0 and not others and over:
        return [events.OrderCancelled(now_ns, cid, "the other order of its pair was filled")]
    if intent.held and not order.triggered and (intent.release_ns is None or intent.release_ns > now_ns):
        return []
    if order.triggered:
        # Whatever else could still trade against the same position leaves the venue first.
        for other in others:
            cancel(other, "the other order of its pair was triggered")
        if entry is not None:
            cancel(entry, "an exit of it was triggered")
        if others or not over:
            return []
    if total <= 0 or (intent.release_ns is not None and not _has_market(engine, order)):
        return []
    if not over and engine.view is not None and engine.view.too_little(order.symbol, total, order.price or order.stop):
        return []  # it would be refused, and what its entry fills next would be without it
    try:
        verdict = engine.check_release(order, total)
    except Denied as denied:
        return [events.OrderDenied(now_ns, cid, denied.code, str(denied))]
    return [events.OrderReleased(now_ns, cid, total, engine.decision(order.symbol, verdict))]


def _why_less(engine: Engine, order: Order, total: Decimal) -> str:
    """Why a linked order that works is cancelled rather than made smaller."""
    if total > order.filled:
        return f"it could not be made smaller: {order.amend_reason or order.amend_refused}"
    filled = any(other.filled for other in engine.pair(order))
    return "the other order of its pair was filled" if filled else "nothing is left for it to close"


def _has_market(engine: Engine, order: Order) -> bool:
    """True when there is a book to trade on: an order for an open or a close waits for it, as long as its time goes on."""
    view, symbol = engine.view, order.symbol
    return view is not None and view.mark(symbol) is not None and not view.is_stale(symbol) and view.market.book(symbol).is_trusted


def _sent(engine: Engine, order: Order, now_ns: int, cancel) -> list[Event]:
    intent, cid = order.intent, order.client_order_id
    if intent.held or (intent.parent is None and intent.group is None):
        return []
    total = target(engine, order)
    if total == order.qty:
        return []
    entry = engine.orders.get(intent.parent) if intent.parent is not None else None
    grows = entry is not None and entry.is_working
    if total < order.qty and (total <= order.filled or order.amend_refused) and not grows:
        cancel(order, _why_less(engine, order, total))
        return []
    if order.amend_refused or total <= order.filled:
        return []
    return [events.OrderAmendRequested(now_ns, cid, total, None, None)]
