"""What a spot account can sell: it trades only what it holds, and fees taken in the asset itself make that less than what was bought."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .money import ZERO, add, remainder, sub


def owed(portfolio: Any, view: Any) -> dict[str, Decimal]:
    """By asset, what its positions owe (below zero): fees taken in it, and what was sold of it through other instruments."""
    found = {asset: amount for asset, amount in portfolio.cash.items() if amount < 0}
    for symbol, position in portfolio.positions.items():
        if position.qty < 0 and (item := view.instruments.get(symbol)) is not None:
            found[item.base] = add(found.get(item.base, ZERO), position.qty)
    return found


def held(portfolio: Any, view: Any, symbol: str) -> Decimal | None:
    """What the journal says a spot account holds of what an instrument sells, through whichever instrument it came; None as with `sellable`."""
    item = view.instruments.get(symbol) if view is not None and view.is_spot else None
    if item is None:
        return None
    same = (row.qty for row in portfolio.positions.values() if row.symbol == symbol or getattr(view.instruments.get(row.symbol), "base", "") == item.base)
    return max(sum(same, portfolio.cash.get(item.base, ZERO)), ZERO)


def sellable(portfolio: Any, view: Any, symbol: str, owing: Mapping[str, Decimal] | None = None) -> Decimal | None:
    """The quantity that a long position leaves to sell, down to the lot; None where the account is not bound to what it holds (paper, margin), or the
    instrument is not known. ``owing`` is `owed`, where that is known already."""
    item = view.instruments.get(symbol) if view is not None and view.is_spot else None
    if item is None:
        return None
    owing = owed(portfolio, view) if owing is None else owing
    held = max(add(portfolio.qty(symbol), owing.get(item.base, ZERO)), ZERO)
    return sub(held, remainder(held, item.lot_size))
