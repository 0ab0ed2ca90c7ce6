"""Positions and cash as the exact sum of fills.

Cash is one ledger per currency; a ledger may go below zero (bought with a currency one does not hold, that is
financed by the account). Cost is average cost: a close takes its share of the cost out of the position, rounded to
12 decimals, the rest stays in, so nothing is lost: cash (without fees) = realised - cost, always, exactly.
Fees are kept apart from realised P&L. One that was taken in kind makes the position smaller at its cost (see `inkind`); in journals from before that was
recorded it is owed by the ledger of the base currency and the position is whole, so that both together are what the venue holds.
The currency of a position is its instrument's quote currency, as its first fill names it; its multiplier is that of what opened it. A contract moves cash
as a share does, by its whole worth: equity and P&L are the same either way, and what it binds of them is a matter of leverage (`exposure`).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from decimal import Decimal

from app.model.orders import Fill

from .contracts import of_contract
from .inkind import booked_as
from .money import ZERO, add, convert, mul, ratio, scaled_parts, share, sub


@dataclass(slots=True)
class Position:
    """Signed quantity (short below zero), signed cost, realised P&L and fees, in ``currency``; ``multiplier`` None is 1."""

    symbol: str
    currency: str
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    multiplier: Decimal | None = None

    @property
    def side(self) -> str:
        """"long", "short" or "flat"."""
        return "long" if self.qty > 0 else "short" if self.qty < 0 else "flat"

    @property
    def average_price(self) -> Decimal | None:
        """Average entry price with 28 digits, for display; None when flat."""
        return ratio(self.cost, of_contract(self.qty, self.multiplier)) if self.qty else None

    def worth(self, price: Decimal) -> Decimal:
        """What it is worth at a price, with 28 digits."""
        return convert(self.qty, of_contract(price, self.multiplier))

    def trade(self, signed: Decimal, price: Decimal) -> None:
        """Take a signed quantity into quantity, cost and realised P&L, through zero if need be; ``price`` is what one (contract) is worth."""
        if self.qty and (self.qty > 0) != (signed > 0):
            closing = min(signed.copy_abs(), self.qty.copy_abs()).copy_sign(signed)
            released = share(self.cost, closing.copy_abs(), self.qty.copy_abs())
            self.realised = sub(self.realised, add(mul(closing, price), released))
            self.cost = sub(self.cost, released)
            self.qty = add(self.qty, closing)
            signed = sub(signed, closing)
        if signed:
            self.qty = add(self.qty, signed)
            self.cost = add(self.cost, mul(signed, price))


@dataclass(slots=True)
class Portfolio:
    """Cash ledgers, fees paid and positions by symbol; a flat position is kept for its realised P&L."""

    cash: dict[str, Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    income: dict[str, Decimal] = field(default_factory=dict)
    """Dividends, interest, financing and fees that no fill made, by currency; below zero where they cost."""

    def book(self, currency: str, amount: Decimal) -> None:
        """Take income, or a cost, into its ledger."""
        self.deposit(currency, amount)
        self.income[currency] = add(self.income.get(currency, ZERO), amount)

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Add an amount to a ledger."""
        self.cash[currency] = add(self.cash.get(currency, ZERO), amount)

    def withdraw(self, currency: str, amount: Decimal) -> None:
        """Take an amount out of a ledger, below zero if need be."""
        self.cash[currency] = sub(self.cash.get(currency, ZERO), amount)

    def apply(self, fill: Fill) -> None:
        """Take one fill into position, cash and fees."""
        position = self.positions.get(fill.symbol)
        if position is None:
            position = self.positions[fill.symbol] = Position(fill.symbol, fill.priced_in)
        booked = booked_as(fill)
        signed = booked.qty if fill.side.sign > 0 else booked.qty.copy_negate()
        if not position.qty:
            position.multiplier = fill.multiplier
        price = of_contract(fill.price, position.multiplier)
        position.trade(signed, price)
        self.withdraw(position.currency, mul(signed, price))
        if booked.fee:
            self.withdraw(booked.currency, booked.fee)
            self.fees[booked.currency] = add(self.fees.get(booked.currency, ZERO), booked.fee)

    def adjust(self, symbol: str, currency: str, amount: Decimal, price: Decimal, multiplier: Decimal | None = None) -> None:
        """Change a position by what came from elsewhere, at a price, without touching cash; what is open keeps its multiplier."""
        position = self.positions.get(symbol)
        if position is None:
            position = self.positions[symbol] = Position(symbol, currency)
        if not position.qty:
            position.multiplier = multiplier
        position.trade(amount, of_contract(price, position.multiplier))

    def split(self, symbol: str, new: int, old: int) -> None:
        """``new`` units stand for ``old`` ones: the quantity changes, what it cost does not."""
        position = self.positions.get(symbol)
        if position is not None:
            (position.qty,) = scaled_parts([position.qty], new, old)

    def qty(self, symbol: str) -> Decimal:
        """Signed position quantity; zero when there is none."""
        position = self.positions.get(symbol)
        return position.qty if position is not None else ZERO

    def copy(self) -> Portfolio:
        """An independent copy."""
        positions = {symbol: copy.copy(position) for symbol, position in self.positions.items()}
        return Portfolio({**self.cash}, {**self.fees}, positions, {**self.income})
