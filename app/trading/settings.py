"""What the trader can set about paper trading, checked.

Fees are basis points of the notional in the quote currency. Latency is the time an order, cancel or amendment
takes to reach the paper venue; jitter adds up to that much more, drawn from the venue's seeded generator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from app.model.units import BadNumber, parse_decimal, shorten

from .errors import Denied
from .money import plain

MAX_LATENCY_MS = 60_000
MAX_FEE_BPS = Decimal(1000)


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """Settings of the paper venue and of a new paper account."""

    latency_ms: Decimal = Decimal(0)
    jitter_ms: Decimal = Decimal(0)
    maker_fee_bps: Decimal = Decimal(2)
    taker_fee_bps: Decimal = Decimal(5)
    starting_cash: Decimal = Decimal(100_000)
    currency: str = "USDT"

    def changed(self, fields: dict) -> PaperSettings:
        """These settings with ``fields`` (text values) replaced; Denied names the wrong one."""
        values = {}
        for name, value in fields.items():
            if name not in _LIMITS:
                raise Denied("unknown_setting", name, f"There is no setting {shorten(name)}.", f"Use one of {', '.join(_LIMITS)}.")
            values[name] = _number(name, value)
        return replace(self, **values)

    def to_wire(self) -> dict:
        """The answer to ``paper.settings``: text values."""
        wire = {name: plain(getattr(self, name)) for name in _LIMITS}
        return {**wire, "starting_cash": plain(self.starting_cash), "currency": self.currency}


_LIMITS: dict[str, Decimal] = {
    "latency_ms": Decimal(MAX_LATENCY_MS),
    "jitter_ms": Decimal(MAX_LATENCY_MS),
    "maker_fee_bps": MAX_FEE_BPS,
    "taker_fee_bps": MAX_FEE_BPS,
}


def _number(name: str, value: object) -> Decimal:
    remedy = f"Use a number from 0 to {plain(_LIMITS[name])}."
    try:
        number = parse_decimal(value)
    except BadNumber as error:
        raise Denied("bad_setting", name, f"{name} is not a number: {shorten(value)}.", remedy) from error
    if not 0 <= number <= _LIMITS[name]:
        raise Denied("bad_setting", name, f"{name} is out of range: {plain(number)}.", remedy)
    return number
