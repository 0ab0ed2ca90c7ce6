"""What a spot account can sell: it trades only what it holds, and fees taken in the asset itself make that less than what was bought."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .money import ZERO, add, remainder, sub


def sellable(portfolio: Any, view: Any, symbol: str) -> Decimal | None:
    """The quantity of an instrument that the account holds, down to the lot; None where it is not bound to that (paper, margin), or not known."""
    item = view.instruments.get(symbol) if view is not None and view.is_spot else None
    if item is None:
        return None
    held = portfolio.cash.get(item.base, ZERO)
    for other, position in portfolio.positions.items():
        there = view.instruments.get(other)
        if there is not None and there.base == item.base:
            held = add(held, position.qty)
    return sub(held, remainder(held, item.lot_size)) if held > 0 else ZERO
