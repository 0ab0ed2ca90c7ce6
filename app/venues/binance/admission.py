"""What may be sent to Binance: the venue's rules, balances and abilities against an order or an amendment, before anything is journalled.

Pure: everything it looks at is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderType, Side, TimeInForce

from ..execution import BALANCE, Refused
from . import orders
from .filters import Rules

Balances = Mapping[str, tuple[Decimal, Decimal]]
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


def order(intent: OrderIntent, item: Instrument, rules: Rules, balances: Balances, mark: Decimal | None, working: int) -> Refused | None:
    """Why an order would be refused; None when it would not. ``working`` counts the working orders of its symbol."""
    kind = orders.kind_of(intent)
    if kind is None:  # held by this desk until its trigger is seen
        kind = "LIMIT" if intent.type is OrderType.LIMIT_IF_TOUCHED else "MARKET"
    if intent.tif not in orders.TIFS and intent.release_ns is None:  # one for an open or a close is sent as IOC
        return Refused("venue_tif", "tif", f"Binance has no {intent.tif.value.upper()} orders.", "Use GTC, IOC or FOK.")
    if intent.type in _STOPS and intent.tif is not TimeInForce.GTC:
        return Refused("venue_tif", "tif", "A stop waits at Binance until it is cancelled.", "Use GTC.")
    return rules.refusal(intent, kind, mark, working) or (None if intent.starts_held else _short(intent, item, balances, mark))


def amendment(
    order: Any, to: OrderIntent, item: Instrument, rules: Rules, balances: Balances, mark: Decimal | None, working: int
) -> Refused | None:
    """Why an order cannot become one with the terms ``to``: the venue makes it smaller in its place, or has another replace it (see `replacing`), or what is
    left of it (see `moving`)."""
    if makes_smaller(order, to):
        if rules.can_amend and order.filled < to.qty:
            return None
        if order.filled >= to.qty:
            return Refused("venue_amend", "qty", f"{orders.number(order.filled)} is filled already.", "Use more than that, or cancel the rest.")
    field = "price" if to.price != order.price else "stop" if to.stop != order.at_venue().stop else "qty"
    if not rules.can_replace and not order.filled:
        return Refused("venue_amend", field, f"Binance replaces no orders in {order.symbol}.", "Cancel it and send another.")
    if order.filled and (field == "stop" or not to.type.has_limit):
        return Refused("venue_amend", field, "It was triggered, and is partly filled.", "Change its limit, or cancel it.")
    if order.filled and order.cancel_requested_ns is not None:
        return Refused("venue_amend", None, "Its cancel is on the way.", "Wait for the answer.")
    to = orders.rest(to, order.filled) if order.filled else to
    if (kind := orders.kind_of(to)) is None or order.venue_order_id is None:
        return Refused("venue_amend", field, "Binance cannot replace this order.", "Cancel it and send another.")
    asset, bound = _bound(order, item)
    free, locked = balances.get(asset, (Decimal(0), Decimal(0)))
    after = {**balances, asset: (free + min(bound, locked), locked)}
    refused = rules.refusal(to, kind, mark, working - 1) or _short(to, item, after, mark)
    if refused is None or not order.filled:
        return refused
    return refused._replace(reason=f"What is left of it, {orders.number(to.qty)}, would be placed anew. {refused.reason}")


def makes_smaller(order: Any, to: OrderIntent) -> bool:
    """Whether only the quantity changes, and that to a smaller one."""
    return (to.price, to.stop) == (order.price, order.at_venue().stop) and to.qty < order.qty


def _bound(order: Any, item: Instrument) -> tuple[str, Decimal]:
    """What the order keeps locked at the venue now: (asset, amount)."""
    price = order.price or order.stop or Decimal(0)
    return (item.quote, order.remaining * price) if order.intent.side is Side.BUY else (item.base, order.remaining)


def _short(intent: OrderIntent, item: Instrument, balances: Balances, mark: Decimal | None) -> Refused | None:
    price = intent.price or intent.stop or mark
    if intent.side is Side.BUY and price is None:
        return None
    asset, wanted = (item.quote, intent.qty * price) if intent.side is Side.BUY else (item.base, intent.qty)
    free = balances.get(asset, (Decimal(0), Decimal(0)))[0]
    if wanted <= free:
        return None
    reason = f"It needs {orders.number(wanted)} {asset}, free at Binance are {orders.number(free)}."
    return Refused(BALANCE, "qty", reason, "Use a smaller quantity, or cancel an order that locks the balance.")
