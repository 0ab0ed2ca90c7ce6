"""Exact decimal arithmetic for money, and the only places where it is rounded.

Sums and products are exact: a result that would lose a digit raises decimal.Inexact. Fees are rounded to 8 decimals,
the cost taken out of a position by a partial close to 12, parts of a split position to 24, all half to even. `ratio` is for display and for
currency conversion only; its result never enters a ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
)

ZERO = Decimal(0)
FEE_PLACES = 8
COST_PLACES = 12
PART_PLACES = 24

_TRAPS = [InvalidOperation, DivisionByZero, Overflow, FloatOperation]
_EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN, traps=[*_TRAPS, Inexact])
_ROUNDED = Context(prec=200, rounding=ROUND_HALF_EVEN, traps=_TRAPS)
_DISPLAY = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=_TRAPS)

_FEE_UNIT = Decimal(1).scaleb(-FEE_PLACES)
_COST_UNIT = Decimal(1).scaleb(-COST_PLACES)
_PART_UNIT = Decimal(1).scaleb(-PART_PLACES)

add = _EXACT.add
sub = _EXACT.subtract
mul = _EXACT.multiply
remainder = _EXACT.remainder
ratio = _DISPLAY.divide
"""A quotient with 28 digits, for display and conversion rates."""
convert = _DISPLAY.multiply
"""An amount at a rate with 28 digits, for display and buying-power checks."""

_MAX_DIGITS = 40
_MAX_EXPONENT = 25
_BEARABLE = Context(prec=_MAX_DIGITS, Emin=-_MAX_EXPONENT, Emax=_MAX_EXPONENT, traps=[Rounded, Overflow, Subnormal])
"""Signals what has more digits, or a first digit farther from the point."""


def fee(notional: Decimal, bps: Decimal) -> Decimal:
    """The fee on a notional at a rate in basis points, rounded to 8 decimals half to even."""
    return _ROUNDED.quantize(mul(notional, bps).scaleb(-4, _EXACT), _FEE_UNIT)


def share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The share ``part / whole`` of ``total``, rounded to 12 decimals half to even; exact when part == whole."""
    if part == whole:
        return total
    return _ROUNDED.quantize(_ROUNDED.divide(mul(total, part), whole), _COST_UNIT)


def scaled(value: Decimal, new: int, old: int) -> Decimal | None:
    """``value x new / old``, None where that has no end within 24 decimals."""
    found = _to_ratio(value, new, old)
    return found if mul(found, Decimal(old)) == mul(value, Decimal(new)) else None


def scaled_parts(parts: Iterable[Decimal], new: int, old: int) -> list[Decimal]:
    """Every part times ``new / old``: a part without an end is cut at 24 decimals and what is left over goes to the next, so that they add up."""
    found, total, before = [], ZERO, ZERO
    for part in parts:
        total = add(total, part)
        upto = _to_ratio(total, new, old)
        found.append(sub(upto, before))
        before = upto
    return found


def rounded(value: Decimal, places: int) -> Decimal:
    """Half to even, for display and for amounts converted at a rate."""
    return _ROUNDED.quantize(value, Decimal(1).scaleb(-places))


def _to_ratio(value: Decimal, new: int, old: int) -> Decimal:
    cut = _ROUNDED.quantize(_ROUNDED.divide(mul(value, Decimal(new)), Decimal(old)), _PART_UNIT)
    return Decimal(plain(cut))


def is_bearable(value: Decimal) -> bool:
    """False for amounts so large, small or long that sums with them could not stay exact."""
    if not value.is_finite():
        return False
    try:
        _BEARABLE.plus(value)
    except DecimalException:
        return False
    return True


def plain(value: Decimal) -> str:
    """A Decimal without exponent and without trailing zeros; zero has no sign."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
