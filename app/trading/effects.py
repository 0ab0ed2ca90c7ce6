"""What the engine wants done after an event has been journalled and applied.

The desk carries effects out in order; the engine itself sends nothing. An effect is never journalled: after a
crash the journal tells which ones may not have been carried out, and `Engine.recover` asks the venue.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.model.orders import OrderIntent


@dataclass(frozen=True, slots=True)
class SendOrder:
    """Hand a new order to its venue, once."""

    intent: OrderIntent


@dataclass(frozen=True, slots=True)
class SendCancel:
    """Ask the venue to cancel. Asking twice is harmless."""

    client_order_id: str


@dataclass(frozen=True, slots=True)
class SendAmend:
    """Ask the venue for a new total quantity, new prices or a new trailing distance; None leaves a value as it is."""

    client_order_id: str
    qty: Decimal | None
    price: Decimal | None
    stop: Decimal | None
    trail: Decimal | None = None


@dataclass(frozen=True, slots=True)
class QueryOrder:
    """Ask the venue what became of an order. Never a reason to send it again."""

    client_order_id: str


@dataclass(frozen=True, slots=True)
class HoldPosition:
    """The paper venue's position in an instrument is this from now on."""

    symbol: str
    qty: Decimal


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the trader. ``level`` is info, good, warn or error."""

    level: str
    text: str
    code: str


Effect = SendOrder | SendCancel | SendAmend | QueryOrder | HoldPosition | Notify
