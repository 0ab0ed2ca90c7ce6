"""The exits of a ticket, take profit and stop loss: what says that they are set, and when they leave it.

Size, price and type stay in the ticket for the next order; exits belong to the order they went out with. Left behind they would be sent
again, unseen in the closed part of the ticket, with an order that was meant to close a position. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from .order_words import priced
from .ticket_rules import Draft, Unreadable, plain, read_number

NAMES = {"take_profit": "take profit", "stop_loss": "stop loss"}
UNANSWERED = frozenset({"new", "pending", "unknown"})
REFUSED = frozenset({"rejected", "denied"})


def heading(draft: Draft, places: int = 0) -> str:
    """What stands over the exits, also while they are closed: 'Exits: take profit 65,000.00' with so many decimals; both by name without a value."""
    set_here = [f"{word} {_price(getattr(draft, name), places)}" for name, word in NAMES.items() if getattr(draft, name).strip()]
    return f"Exits: {', '.join(set_here or NAMES.values())}"


class Going:
    """An order whose exits leave the ticket with it: once it is taken, not when it was refused, and not while nobody knows."""

    def __init__(self) -> None:
        self._order_id: str | None = None
        self._draft: Draft | None = None

    def sent(self, order_id: str | None, draft: Draft) -> None:
        """The desk has an order under this id, as this ticket said."""
        self._order_id, self._draft = order_id, draft

    def answered(self, row: dict) -> Draft | None:
        """The ticket whose exits are to leave now, told once; ``row`` is what is known of an order."""
        if row["client_order_id"] != self._order_id or row["status"] in UNANSWERED:
            return None
        draft, self._order_id, self._draft = self._draft, None, None
        return None if row["status"] in REFUSED else draft


def without(draft: Draft, sent: Draft) -> Draft:
    """The ticket without the exits that were sent; what was typed there since stays."""
    return replace(draft, **{name: "" for name in NAMES if getattr(draft, name) == getattr(sent, name)})


def _price(text: str, places: int) -> str:
    try:
        number: Decimal = read_number(text)
    except Unreadable:
        return text.strip()
    return priced(plain(number), places)
