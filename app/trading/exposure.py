"""How much of the account is bound: by positions, and by working orders that would open more.

Margin bound = value of positions, long or short, and of what working orders would open at worst, each divided by its leverage (1 on a cash account);
fees are bound whole. Free margin = equity - margin bound. Orders that only close a position bind nothing; earlier orders use up the position to
close first. The rules for one order are here, `margin` keeps the sums.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from app.model.orders import OrderType, Side

from .contracts import of_contract
from .marks import Mark
from .money import ZERO, convert, fee, ratio
from .order import Order
from .portfolio import Portfolio


class Need(NamedTuple):
    """What one order opens and closes, at worst, in the instrument's quote currency; ``price`` is what one (contract) is counted at."""

    opening: Decimal
    closing: Decimal
    price: Decimal
    bound: Decimal
    released: Decimal

    def margin(self, leverage: Decimal) -> Decimal:
        """What it binds at a leverage: the fee whole, the rest divided."""
        if leverage == 1:
            return self.bound
        worth = convert(self.opening, self.price)
        return ratio(worth, leverage) + (self.bound - worth)


def worst_price(side: Side, kind: OrderType, price: Decimal | None, stop: Decimal | None, mark: Decimal) -> Decimal:
    """The price per unit an order is counted at: a sale opens a short worth at least the mark."""
    wanted = price if price is not None else stop
    if wanted is None:
        return mark
    if side is Side.BUY and kind.has_limit:
        return wanted
    return max(wanted, mark)


def room(portfolio: Portfolio, symbol: str, side: Side) -> Decimal:
    """What orders of a side could close of the position in an instrument, all of them together."""
    held = portfolio.qty(symbol)
    return max(ZERO, held if side is Side.SELL else held.copy_negate())


def need_of(order: Order, left: Decimal, mark: Mark | None, taker_bps: Decimal) -> Need:
    """What one order needs where ``left`` of the position is left for it to close (see `room`), with the taker fee of its instrument."""
    intent, remaining = order.intent, order.remaining
    closing = min(remaining, left)
    opening = ZERO if intent.reduce_only else remaining - closing
    market = mark.price if mark is not None else order.price or order.stop or ZERO
    worst = of_contract(worst_price(intent.side, intent.type, order.price, order.stop, market), intent.multiplier)
    bound = convert(opening, worst)
    released = convert(closing, of_contract(market, intent.multiplier)) if closing else ZERO
    return Need(opening, closing, worst, bound + fee(bound, taker_bps), released)
