"""What the trader can set about paper trading, checked.

Fees are basis points of the notional in the quote currency, of each venue by itself: `FEES` are what the venues ask of their smallest customers
(docs/routing.md says where that stands); every other venue has the account's own two. Latency is the time an order, cancel or amendment
takes to reach the paper venue; jitter adds up to that much more, drawn from the venue's seeded generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from app.model.units import BadNumber, parse_decimal, shorten

from .errors import Denied
from .money import plain

MAX_LATENCY_MS = 60_000
MAX_FEE_BPS = Decimal(1000)


class Fees(NamedTuple):
    """What an order pays in basis points: resting, and taking."""

    maker_bps: Decimal
    taker_bps: Decimal


FEES: Mapping[str, Fees] = MappingProxyType(
    {
        "binance": Fees(Decimal(10), Decimal(10)),
        "usdm": Fees(Decimal(2), Decimal(5)),
        "coinbase": Fees(Decimal(60), Decimal(120)),
        "kraken": Fees(Decimal(25), Decimal(40)),
        "bitstamp": Fees(Decimal(30), Decimal(40)),
        "alpaca": Fees(Decimal(0), Decimal(0)),
    }
)


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """Settings of the paper venue and of a new paper account."""

    latency_ms: Decimal = Decimal(0)
    jitter_ms: Decimal = Decimal(0)
    maker_fee_bps: Decimal = Decimal(2)
    taker_fee_bps: Decimal = Decimal(5)
    starting_cash: Decimal = Decimal(100_000)
    currency: str = "USDT"
    venue_fees: Mapping[str, Fees] = field(default_factory=lambda: FEES)

    def fees_of(self, venue: str) -> Fees:
        """The fees of a venue."""
        return self.venue_fees.get(venue) or Fees(self.maker_fee_bps, self.taker_fee_bps)

    def changed(self, fields: dict) -> PaperSettings:
        """These settings with ``fields`` (text values; ``venue_fees`` is {venue: {maker_bps, taker_bps}}) replaced; Denied names the wrong one."""
        values = {}
        for name, value in fields.items():
            if name == "venue_fees":
                values[name] = {**self.venue_fees, **_venue_fees(value)}
                continue
            if name not in _LIMITS:
                raise Denied("unknown_setting", name, f"There is no setting {shorten(name)}.", f"Use one of {', '.join(_LIMITS)}.")
            values[name] = _number(name, value)
        return replace(self, **values)

    def to_wire(self) -> dict:
        """The answer to ``paper.settings``: text values."""
        wire = {name: plain(getattr(self, name)) for name in _LIMITS}
        fees = {venue: {"maker_bps": plain(pair.maker_bps), "taker_bps": plain(pair.taker_bps)} for venue, pair in self.venue_fees.items()}
        return {**wire, "starting_cash": plain(self.starting_cash), "currency": self.currency, "venue_fees": fees}


_LIMITS: dict[str, Decimal] = {
    "latency_ms": Decimal(MAX_LATENCY_MS),
    "jitter_ms": Decimal(MAX_LATENCY_MS),
    "maker_fee_bps": MAX_FEE_BPS,
    "taker_fee_bps": MAX_FEE_BPS,
}


def _venue_fees(value: object) -> dict[str, Fees]:
    if not isinstance(value, dict):
        raise Denied("bad_setting", "venue_fees", f"The fees of the venues are not an object: {shorten(value)}.", "Send them by venue.")
    found = {}
    for venue, pair in value.items():
        if venue not in FEES or not isinstance(pair, dict) or pair.keys() != {"maker_bps", "taker_bps"}:
            remedy = f"Give maker_bps and taker_bps of one of {', '.join(FEES)}."
            raise Denied("bad_setting", "venue_fees", f"These are no fees of a venue: {shorten(venue)}.", remedy)
        found[venue] = Fees(*(_number(f"{venue}_{name}", pair[name], MAX_FEE_BPS) for name in ("maker_bps", "taker_bps")))
    return found


def _number(name: str, value: object, most: Decimal | None = None) -> Decimal:
    most = _LIMITS[name] if most is None else most
    remedy = f"Use a number from 0 to {plain(most)}."
    try:
        number = parse_decimal(value)
    except BadNumber as error:
        raise Denied("bad_setting", name, f"{name} is not a number: {shorten(value)}.", remedy) from error
    if not 0 <= number <= most:
        raise Denied("bad_setting", name, f"{name} is out of range: {plain(number)}.", remedy)
    return number
