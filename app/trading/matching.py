"""The fill rules as pure functions over integer price and size units. docs/fill-rules.md is their table.

Knows no order book object, no clock and no account: what is displayed goes in, what fills comes out.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.model.market import Level
from app.model.orders import Side


def opposite(side: Side) -> Side:
    """The side an order of ``side`` trades against."""
    return Side.SELL if side is Side.BUY else Side.BUY


def reaches(side: Side, limit: int | None, price: int) -> bool:
    """True when an order of ``side`` with this limit (None: market) may trade at ``price``."""
    if limit is None:
        return True
    return price <= limit if side is Side.BUY else price >= limit


def better(side: Side, price: int, than: int) -> bool:
    """True when a resting order of ``side`` at ``price`` has priority over one at ``than``."""
    return price > than if side is Side.BUY else price < than


def triggered(side: Side, stop: int, last: int) -> bool:
    """True when the last trade has reached a stop: at or above for buys, at or below for sells."""
    return last >= stop if side is Side.BUY else last <= stop


def walk(levels: Iterable[Level], side: Side, limit: int | None, qty: int) -> list[Level]:
    """(price, size) taken from ``levels`` (best first) by an order of ``side``: never more than displayed or than ``qty``."""
    taken = []
    for price, size in levels:
        if qty <= 0 or not reaches(side, limit, price):
            break
        part = min(size, qty)
        if part > 0:
            taken.append((price, part))
            qty -= part
    return taken
