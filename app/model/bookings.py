"""What is booked beside orders and fills: cash, splits, and what a currency was worth."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class CashBooked:
    """Cash that no fill moved (`trading.booking`): ``what`` is transfer, dividend, interest, financing, fee or roll; ``amount`` is signed."""

    ts: int
    account: str
    what: str
    currency: str
    amount: Decimal
    symbol: str | None
    note: str


@dataclass(frozen=True, slots=True)
class SplitBooked:
    """``new`` units of an instrument stand for ``old`` ones from now on (`trading.splits`): quantities change, cost and what was made do not."""

    ts: int
    account: str
    symbol: str
    new: int
    old: int
    note: str


@dataclass(frozen=True, slots=True)
class RateKnown:
    """What a unit of ``currency`` was worth in the account's (``into``) when a fill or a booking was taken (`trading.dated`). Changes no state.

    ``about`` is ``fill:<fill id>`` or ``cash:<ts of the booking>``. ``via`` names the instruments whose middle prices made the rate, with spaces between;
    ``assumed``: USD and USDT counted 1:1 on the way.
    """

    ts: int
    account: str
    about: str
    currency: str
    into: str
    rate: Decimal
    via: str
    assumed: bool
