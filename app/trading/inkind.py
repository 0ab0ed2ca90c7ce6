"""A fee that was taken out of what was traded (``Fill.in_kind``): what is held changes by the rest, and the fee is what that part cost.

Buying 0.1 at 60,000 with a fee of 0.0001 of it is to hold 0.0999 bought at 60,000, and to have paid a fee of 6. So a position is what the venue
holds, and all sums are the same as ever: quantity times price and fee together are what was paid. Exact, nothing is rounded.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from app.model.orders import Fill

from .contracts import of_contract
from .money import add, mul, sub


class Booked(NamedTuple):
    """By how much what is held changes (unsigned), and the fee in ``currency``."""

    qty: Decimal
    fee: Decimal
    currency: str


def booked_as(fill: Fill) -> Booked:
    """What a fill does to position, cash and fees."""
    if not fill.in_kind or not 0 < fill.fee < fill.qty:
        return Booked(fill.qty, fill.fee, fill.fee_currency)
    qty = sub(fill.qty, fill.fee) if fill.side.sign > 0 else add(fill.qty, fill.fee)
    return Booked(qty, mul(fill.fee, of_contract(fill.price, fill.multiplier)), fill.priced_in)
