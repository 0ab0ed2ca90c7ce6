"""The router's choice with its reasons: what the preview shows before the press, what the journal keeps with the order.

Amounts in the quote currency; ``cost`` is all-in, with fees: what a purchase costs, what a sale brings (then ``cost`` is below zero). JSON with
decimals as text, the same for the same plan.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal

from app.model.orders import OrderType, TimeInForce

from ..money import plain

BEST, SPLIT = "best", "split"
HOWS = (BEST, SPLIT)


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of the plan. ``rests``: the part that is expected to rest at ``price``."""

    symbol: str
    venue: str
    qty: Decimal
    rests: Decimal
    kind: OrderType
    tif: TimeInForce
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about one listing. ``qty`` is what goes there; ``alone`` is the all-in cost of the whole order there, None where it cannot be
    had; ``code`` is chosen, dearer, or what speaks against it."""

    symbol: str
    venue: str
    code: str
    words: str
    qty: Decimal
    alone: Decimal | None
    fillable: Decimal
    maker_bps: Decimal
    taker_bps: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Legs and verdicts. ``average`` and ``worst`` are prices without fees; ``alone`` the cheapest single listing's cost, None where there is none."""

    how: str
    asked: str
    side: str
    qty: Decimal
    base: str
    currency: str
    legs: tuple[Leg, ...]
    verdicts: tuple[Verdict, ...]
    notional: Decimal
    fee: Decimal
    cost: Decimal
    average: Decimal | None
    worst: Decimal | None
    fillable: Decimal
    alone: Decimal | None
    notes: tuple[str, ...] = ()

    def to_wire(self) -> dict:
        """Plain values with decimals as text."""
        return _wire(self)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self.to_wire(), separators=(",", ":"), sort_keys=True)


def lines(wire: dict) -> list[str]:
    """A plan of the journal in sentences, the chosen listings first. ``wire`` as `Plan.to_wire` made it."""
    verb = "Buy" if wire["side"] == "buy" else "Sell"
    what = "split over venues" if wire["how"] == SPLIT else "sent to the best venue"
    found = [f"{verb} {wire['qty']} {wire['base']}, {what}."]
    if len(wire["legs"]) > 1 and wire["alone"] is not None:
        saved = Decimal(wire["alone"]) - Decimal(wire["cost"])
        how = "better" if saved >= 0 else "worse, because of your rules,"
        found.append(f"Split, it is {amount(saved.copy_abs())} {wire['currency']} {how} than all of it at the best single venue, fees included.")
    rows = sorted(wire["verdicts"], key=lambda row: (row["code"] != "chosen", row["symbol"]))
    found += [f"{row['symbol']}: {row['words']}." for row in rows]
    return [*found, *wire["notes"]]


def amount(value: Decimal, places: int = 2) -> str:
    """A number to read: separators, and so many decimals, more where it would be zero otherwise."""
    while places < 8 and value and not round(value, places):
        places += 2
    return f"{round(value, places):,f}"


def _wire(value):
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, tuple):
        return [_wire(item) for item in value]
    if is_dataclass(value):
        return {each.name: _wire(getattr(value, each.name)) for each in fields(value)}
    return value
