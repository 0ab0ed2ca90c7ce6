"""Amending an order in one request, with what came of it: what was only asked for is never said to be done."""

from __future__ import annotations

from typing import Any

from app.model.units import parse_decimal

ANSWER_S = 2.0


async def amend(trade: Any, order_id: str, qty: Any, price: Any, stop: Any, trail: Any = None) -> dict:
    """``{outcome, status, code, reason}`` after the venue's answer, ``ANSWER_S`` at most. Raises Refusal.

    outcome = ``amended``, ``refused`` (by the venue, with its code and words: the order stands as it was), ``ended`` (before, or by it: with the reason of
    that), ``unresolved`` (no answer yet, the desk goes on asking).
    """
    engine = trade.open_engine()
    await trade.amend(order_id, qty, price, stop, trail)
    await trade.settled([order_id], _is_settled, ANSWER_S)
    order = engine.orders[order_id]
    asked = ((qty, order.qty), (price, order.price), (stop, order.stop), (trail, order.trail or order.trail_percent))
    if not order.is_working:
        outcome = "ended"
    elif order.amend_requested_ns is not None:
        outcome = "unresolved"
    else:
        outcome = "amended" if all(text is None or parse_decimal(text) == value for text, value in asked) else "refused"
    code, reason = (order.amend_refused, order.amend_reason) if outcome == "refused" else ("", order.reason if outcome == "ended" else "")
    return {"outcome": outcome, "status": order.status.value, "code": code, "reason": reason}


def _is_settled(order: Any) -> bool:
    return not order.is_working or order.amend_requested_ns is None
