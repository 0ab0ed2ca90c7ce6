"""The router's choice with its reasons: what the preview shows before the press, what the journal keeps with the order.

Amounts in the quote currency; ``cost`` is all-in, with fees: what a purchase costs, what a sale brings (then ``cost`` is below zero). JSON with
decimals as text, the same for the same plan; what only a choice between accounts has is left out where there was none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from app.model.orders import OrderType, TimeInForce

from ..canonical import names_of
from ..money import ZERO, plain

BEST, SPLIT = "best", "split"
HOWS = (BEST, SPLIT)
_OF_ACCOUNTS = frozenset({"account", "parts", "left_out"})


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
    account: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What goes to one of the accounts that were compared: ``qty`` (zero: nothing) at the all-in ``cost``. ``client_order_id`` is that of the routed
    order in the account's journal, empty before there is one; ``real``: it is for real money."""

    account: str
    title: str
    real: bool
    client_order_id: str = ""
    qty: Decimal = ZERO
    cost: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An account of the desk that was not compared, and why not."""

    account: str
    title: str
    real: bool
    words: str


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
    account: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Legs and verdicts. ``average`` and ``worst`` are prices without fees; ``alone`` the cheapest single listing's cost, None where there is none.
    ``parts`` and ``left_out`` are the accounts, where the router chose between them."""

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
    parts: tuple[Part, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

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
    parts = wire.get("parts", ())
    found = [f"{verb} {wire['qty']} {wire['base']}, {what}."]
    if parts:
        found.append(f"Of it {'; '.join(shares(parts, wire['base']))}.")
    if len(wire["legs"]) > 1 and wire["alone"] is not None:
        saved = Decimal(wire["alone"]) - Decimal(wire["cost"])
        how = "better" if saved >= 0 else "worse, because of your rules,"
        found.append(f"Split, it is {amount(saved.copy_abs())} {wire['currency']} {how} than all of it at the best single venue, fees included.")
    places = {part["account"]: f" in {titled(part['title'], part['real'])}" for part in parts}
    rows = sorted(wire["verdicts"], key=lambda row: (row["code"] != "chosen", row["symbol"], row.get("account", "")))
    found += [f"{row['symbol']}{places.get(row.get('account'), '')}: {row['words']}." for row in rows]
    found += [f"Account {titled(row['title'], row['real'])} is left out: {row['words'].rstrip('.')}." for row in wire.get("left_out", ())]
    return [*found, *wire["notes"]]


def titled(title: str, real: bool) -> str:
    """An account as people are told of it."""
    return f"{title} (real money)" if real else title


def shares(parts: list[dict], base: str) -> list[str]:
    """How much of a routed order goes to which account; ``parts`` as in `Plan.to_wire`."""
    return [f"{part['qty']} {base} in {titled(part['title'], part['real'])}" for part in parts if part["qty"] != "0"]


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
    if (names := names_of(type(value))) is not None:
        found = ((name, getattr(value, name)) for name in names)
        return {name: _wire(item) for name, item in found if item or name not in _OF_ACCOUNTS}
    return value
