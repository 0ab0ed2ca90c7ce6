"""What may be sent to Binance: the venue's rules, balances and abilities against an order or an amendment, before anything is journalled.

Pure: everything it looks at is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderType, Side, TimeInForce

from ..execution import Refused
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
    if intent.group is not None:
        reason = "Binance locks the balance of both orders of a pair: the second would be refused."
        return Refused("venue_pair", None, reason, "Give take profit or stop loss, not both.")
    return rules.refusal(intent, kind, mark, working) or (None if intent.starts_held else _short(intent, item, balances, mark))


def amendment(order: Any, rules: Rules, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> Refused | None:
    """Why an amendment is not possible: the venue can make an order smaller and nothing else, keeping its id and its place."""
    if (price is not None and price != order.price) or (stop is not None and stop != order.stop):
        return Refused("venue_amend", "price", "Binance cannot change the price of an order.", "Cancel it and send another.")
    if not rules.can_amend or qty is None or not order.filled < qty < order.qty:
        return Refused("venue_amend", "qty", "Binance can only make the quantity smaller, and not below what is filled.", "Cancel it and send another.")
    return None


def _short(intent: OrderIntent, item: Instrument, balances: Balances, mark: Decimal | None) -> Refused | None:
    price = intent.price or intent.stop or mark
    if intent.side is Side.BUY and price is None:
        return None
    asset, wanted = (item.quote, intent.qty * price) if intent.side is Side.BUY else (item.base, intent.qty)
    free = balances.get(asset, (Decimal(0), Decimal(0)))[0]
    if wanted <= free:
        return None
    reason = f"It needs {orders.number(wanted)} {asset}, free at Binance are {orders.number(free)}."
    return Refused("venue_balance", "qty", reason, "Use a smaller quantity, or cancel an order that locks the balance.")
