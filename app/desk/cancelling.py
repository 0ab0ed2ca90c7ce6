"""Cancelling several orders in one request, with what came of each of them.

All cancels are journalled together and go the usual way to the venue. An order whose cancel is under way is not asked again: the desk
repeats what gets no answer by itself. What is not answered in time is said to be unresolved, neither cancelled nor working.
"""

from __future__ import annotations

from typing import Any

from app.model.orders import OrderStatus

from .errors import Refusal

MOST = 2_000
ANSWER_S = 5.0
_ENDS = {OrderStatus.CANCELLED: "cancelled", OrderStatus.FILLED: "filled"}


async def cancel_many(trade: Any, order_ids: Any) -> list[dict]:
    """``{client_order_id, outcome, asked, status, reason}`` of each order in the order given, doubles once.

    outcome = ``cancelled``, ``filled`` (before the cancel arrived), ``ended`` (another end), ``over`` (it had ended before), ``refused``
    (the venue did not cancel it: it goes on working), ``unresolved`` (no answer yet), ``not_known``. Raises Refusal.
    """
    engine = trade.open_engine()
    wanted = _read(order_ids)
    working = [cid for cid in wanted if cid in engine.working]
    before = {cid: engine.orders[cid].refusals for cid in working}
    events = await trade.writer.command(lambda: engine.cancel_many(working)) if working else []
    asked = {event.client_order_id for event in events}
    await trade.settled(working, lambda order: _is_settled(order, before), ANSWER_S)
    return [_row(engine, cid, before, asked) for cid in wanted]


def _read(order_ids: Any) -> list[str]:
    if not isinstance(order_ids, list) or not all(isinstance(cid, str) and 0 < len(cid) <= 100 for cid in order_ids):
        raise Refusal("bad_request", "client_order_ids has to be a list of texts", "reload the page", "client_order_ids")
    wanted = list(dict.fromkeys(order_ids))
    if not 0 < len(wanted) <= MOST:
        reason = "no order was chosen" if not wanted else f"{len(wanted):,} orders are more than {MOST:,}"
        raise Refusal("bad_request", reason, f"choose 1 to {MOST:,} orders", "client_order_ids")
    return wanted


def _is_settled(order: Any, before: dict[str, int]) -> bool:
    return not order.is_working or order.refusals > before[order.client_order_id]


def _row(engine: Any, cid: str, before: dict[str, int], asked: set[str]) -> dict:
    order = engine.orders.get(cid)
    if order is None:
        return {"client_order_id": cid, "outcome": "not_known", "asked": False, "status": None, "reason": "there is no such order here"}
    reason = order.reason
    if cid not in before:
        outcome = "over"
    elif not order.is_working:
        outcome = _ENDS.get(order.status, "ended")
    elif order.refusals > before[cid]:
        outcome, reason = "refused", order.refused
    else:
        outcome, reason = "unresolved", order.evidence or "the venue has not answered yet; the desk goes on asking"
    return {"client_order_id": cid, "outcome": outcome, "asked": cid in asked, "status": order.status.value, "reason": reason}
