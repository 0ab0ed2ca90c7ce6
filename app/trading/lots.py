"""Positions as lots, first in, first out: what was opened by which fill, and what each closing made.

A lot keeps what it cost. A split changes its quantity and never its cost; a piece closed after it takes its share of the cost, rounded to 12 decimals, and
the rest stays in the lot, so nothing is lost. Without a split a piece costs its quantity times the price (and the contract's multiplier), exactly.
What was taken over from a venue counts as a fill at its price without a fee: so it counts in the position.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from app.model.events import BalanceAdjusted, SplitBooked
from app.model.orders import Fill, Liquidity, Side

from .contracts import of_contract
from .inkind import booked_as
from .money import COST_PLACES, ZERO, add, mul, ratio, rounded, scaled_parts, share, sub


@dataclass(slots=True)
class Lot:
    """An open piece of a position: signed quantity and cost left, and what is left of the opening fill's fee."""

    fill: Fill
    currency: str
    qty: Decimal
    cost: Decimal
    fee: Decimal
    split: bool = False

    @property
    def price(self) -> Decimal:
        """What a present unit cost; of a lot that was split rounded to 12 decimals, for display."""
        return rounded(ratio(self.cost, of_contract(self.qty, self.fill.multiplier)), COST_PLACES) if self.split else self.fill.price

    def take(self, qty: Decimal) -> Decimal:
        """Take a signed quantity out; gives its cost."""
        cost = share(self.cost, qty, self.qty) if self.split else mul(qty, of_contract(self.fill.price, self.fill.multiplier))
        self.qty, self.cost = sub(self.qty, qty), sub(self.cost, cost)
        return cost


@dataclass(frozen=True, slots=True)
class Closed:
    """A piece opened by one fill and closed by another. ``qty`` is above zero, in units of when it was closed, ``cost`` what opening it cost (or brought,
    when short); ``realised`` is before fees."""

    symbol: str
    side: str
    qty: Decimal
    opened: Fill
    closed: Fill
    currency: str
    open_price: Decimal
    cost: Decimal
    realised: Decimal
    opening_fee: Decimal
    closing_fee: Decimal

    @property
    def fees(self) -> Decimal:
        """Its shares of the fees of both fills."""
        return add(self.opening_fee, self.closing_fee)


class Lots:
    """Feed it every fill, split and balance taken over of the account in order."""

    def __init__(self) -> None:
        self.open: dict[str, deque[Lot]] = {}
        self._currency: dict[str, str] = {}

    def apply(self, item: Fill | SplitBooked | BalanceAdjusted) -> list[Closed]:
        """Take one of them; returns what it closed."""
        if isinstance(item, SplitBooked):
            self._split(item)
            return []
        if isinstance(item, BalanceAdjusted) and item.is_cash:
            return []
        fill = _as_fill(item) if isinstance(item, BalanceAdjusted) else item
        currency = self._currency.setdefault(fill.symbol, fill.priced_in)
        lots = self.open.setdefault(fill.symbol, deque())
        booked = booked_as(fill)
        left, fee_left = booked.qty, booked.fee if booked.currency == currency else ZERO
        sign, contract = fill.side.sign, of_contract(fill.price, fill.multiplier)
        closed = []
        while left and lots and (lots[0].qty > 0) != (sign > 0):
            lot = lots[0]
            held = lot.qty.copy_abs()
            qty = min(left, held)
            opening, closing = share(lot.fee, qty, held), share(fee_left, qty, left)
            signed, price, side = qty.copy_sign(lot.qty), lot.price, "long" if lot.qty > 0 else "short"
            cost = lot.take(signed)
            realised = sub(mul(signed, contract), cost)
            paid = cost if side == "long" else cost.copy_negate()
            closed.append(Closed(fill.symbol, side, qty, lot.fill, fill, currency, price, paid, realised, opening, closing))
            left, fee_left = sub(left, qty), sub(fee_left, closing)
            lot.fee = sub(lot.fee, opening)
            if not lot.qty:
                lots.popleft()
        if left:
            signed = left if sign > 0 else left.copy_negate()
            lots.append(Lot(fill, currency, signed, mul(signed, contract), fee_left))
        return closed

    def _split(self, event: SplitBooked) -> None:
        lots = self.open.get(event.symbol, ())
        for lot, qty in zip(lots, scaled_parts([lot.qty for lot in lots], event.new, event.old), strict=True):
            lot.qty, lot.split = qty, True


def _as_fill(event: BalanceAdjusted) -> Fill:
    side, name = (Side.BUY if event.amount > 0 else Side.SELL), event.adjustment_id or f"taken-over-{event.ts}"
    qty, currency = event.amount.copy_abs(), event.currency
    return Fill(name, "", event.symbol, side, qty, event.price, ZERO, currency, Liquidity.TAKER, event.ts, currency, multiplier=event.multiplier)
