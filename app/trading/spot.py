"""What a spot account can sell: it trades only what it holds, in whole lots, and nothing that its venue finds too little.

Fees taken in the asset itself have made a position smaller (see `inkind`); in journals from before that was recorded, the ledger of the asset owes them.
"""

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


def left(portfolio: Any, view: Any, symbol: str, owing: Mapping[str, Decimal] | None = None) -> Decimal | None:
    """What is there of a long position; None where the account is not bound to what it holds (paper, margin), or the instrument is not known. ``owing`` is
    `owed`, where that is known already."""
    item = view.instruments.get(symbol) if view is not None and view.is_spot else None
    if item is None:
        return None
    owing = owed(portfolio, view) if owing is None else owing
    return max(add(portfolio.qty(symbol), owing.get(item.base, ZERO)), ZERO)


def sellable(portfolio: Any, view: Any, symbol: str, owing: Mapping[str, Decimal] | None = None) -> Decimal | None:
    """The quantity that a long position leaves to sell, down to the lot; None as in `left`."""
    held = left(portfolio, view, symbol, owing)
    return None if held is None else sub(held, remainder(held, view.instruments[symbol].lot_size))


def dust(portfolio: Any, view: Any, symbol: str, owing: Mapping[str, Decimal] | None = None) -> str:
    """Why what is left of a long position cannot be sold alone, in words; "" where it can, or is not bound (see `left`)."""
    held = left(portfolio, view, symbol, owing) if portfolio.qty(symbol) > 0 else None
    if held is None:
        return ""
    if not held:
        return "nothing of it is held: fees were taken in it"
    if not (qty := sellable(portfolio, view, symbol, owing)):
        return "below the lot, cannot be sold alone"
    return f"{why}, cannot be sold alone" if (why := view.too_little(symbol, qty, None)) else ""
