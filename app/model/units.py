"""Exact conversion between wire text, integer units and Decimal.

Market data counts prices and sizes in integer units of 10^-scale of their instrument, so that book keys
hash fast and compare exactly. Binary floats never hold money. Nothing here rounds silently: text
with more digits than the scale is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

MAX_DIGITS = 30
_NUMBER = re.compile(r"-?(\d+)(?:\.(\d*))?\Z", re.ASCII)
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:(?:,\d{3})+|(?:[ \u00a0\u2009\u202f]\d{3})+)(?:\.\d*)?\Z", re.ASCII)
_MARKS = str.maketrans("", "", ", \u00a0\u2009\u202f")


class BadNumber(ValueError):
    """Text that is not a finite plain decimal number of a bearable length."""


def ungrouped(text: str) -> str:
    """Typed ``text`` without thousands separators (commas, or spaces) and spaces around it: '1,234.5' and '1 234.5' are '1234.5'. A comma that is
    none stays: '1,5' is never 15."""
    text = text.strip()
    return text.translate(_MARKS) if _GROUPED.match(text) else text


def places(value: Decimal) -> int:
    """Decimals with which an amount is read: two, and of one below 1 as many as three of its digits need."""
    return max(2, 2 - value.adjusted()) if value else 2


def parse_units(text: str, scale: int) -> int:
    """Units of 10^-scale in decimal ``text``; digits beyond the scale must be zeros, else BadNumber."""
    if type(text) is not str or len(text) > MAX_DIGITS or not (found := _NUMBER.match(text)):
        raise BadNumber(f"not a plain decimal number: {shorten(text)}")
    whole, part = found.group(1), found.group(2) or ""
    if len(part) > scale:
        if part[scale:].strip("0"):
            raise BadNumber(f"more than {scale} decimals: {shorten(text)}")
        part = part[:scale]
    value = int(whole + part) * 10 ** (scale - len(part))
    return -value if text[0] == "-" else value


def parse_decimal(text: str) -> Decimal:
    """The finite Decimal written in ``text`` (no exponent), else BadNumber."""
    if type(text) is not str or len(text) > MAX_DIGITS or not _NUMBER.match(text):
        raise BadNumber(f"not a plain decimal number: {shorten(text)}")
    return Decimal(text)


@lru_cache(maxsize=64)
def unit(scale: int) -> Decimal:
    """One unit of the scale as a Decimal: unit(2) is 0.01."""
    return Decimal(1).scaleb(-scale)


def to_decimal(units: int, scale: int) -> Decimal:
    """The Decimal with exactly ``scale`` decimals that ``units`` stands for."""
    return Decimal(units).scaleb(-scale)


def to_units(value: Decimal, scale: int) -> int:
    """Units of 10^-scale in ``value``; BadNumber when it does not divide exactly."""
    scaled = value.scaleb(scale)
    whole = int(scaled)
    if whole != scaled:
        raise BadNumber(f"more than {scale} decimals: {value}")
    return whole


def shorten(value: object, limit: int = 40) -> str:
    """A bounded, printable form of hostile input for messages."""
    text = repr(value[: limit + 1] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= limit + 2 else text[:limit] + "…"
