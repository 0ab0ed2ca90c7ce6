"""Whether journal and venue say the same of an order: quantity and filled quantity equal, average price within 0.01 %. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from app.model.orders import OrderStatus, VenueWord

from .money import plain
from .order import Order

TOLERANCE = Decimal("0.0001")
_CONFIRMED = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


class Difference(NamedTuple):
    """``what`` is orders, fills, quantity, average price, positions or balances; ``about`` the order or the asset."""

    what: str
    about: str
    symbol: str
    ours: str
    theirs: str


def compare(order: Order, word: VenueWord) -> list[Difference]:
    """Where an order as the journal has it is not as the venue says it is."""
    cid, found = order.client_order_id, []
    if order.is_working != word.works and order.status is not OrderStatus.UNKNOWN:
        found.append(Difference("orders", cid, order.symbol, order.status.value, word.status))
    if word.qty != order.qty and order.status in _CONFIRMED and order.amend_requested_ns is None:
        found.append(Difference("quantity", cid, order.symbol, plain(order.qty), plain(word.qty)))
    if word.filled != order.filled:
        found.append(Difference("fills", cid, order.symbol, plain(order.filled), plain(word.filled)))
    elif word.average is not None and order.filled and not same_price(order.average_price, word.average):
        found.append(Difference("average price", cid, order.symbol, plain(round(order.average_price, 8)), plain(word.average)))
    return found


def same_price(ours: Decimal, theirs: Decimal) -> bool:
    """Within 0.01 % of the venue's."""
    return (ours - theirs).copy_abs() <= theirs.copy_abs() * TOLERANCE
