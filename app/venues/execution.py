"""What execution at real venues has in common: outcomes of requests, their ranks, refusals, and what a venue asks of the desk."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Protocol

from app.model.events import Event
from app.model.orders import Fill


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    """The venue's word that nothing was done."""
    UNSENT = "unsent"
    """It never left this desk."""
    UNSURE = "unsure"
    """Sent, and no usable answer."""


class Reply(NamedTuple):
    """``code`` and ``text`` are the venue's where it refused, else words; ``sent_ns`` is monotonic, 0 when it was not sent; ``status`` is
    that of HTTP where there is one."""

    outcome: Outcome
    result: Any = None
    code: int = 0
    text: str = ""
    sent_ns: int = 0
    status: int = 0


class Rank(IntEnum):
    """Who goes first. SETUP is what a new connection needs before anything else may be said on it."""

    SETUP = 0
    CANCEL = 1
    REDUCE = 2
    """An order that can only make a position smaller."""
    ORDER = 3
    QUERY = 4


BALANCE = "venue_balance"
"""The code of an order that needs more than is free."""


class Refused(NamedTuple):
    """Why an order is not sent: a stable code, the field, the reason and a remedy for people."""

    code: str
    field: str | None
    reason: str
    remedy: str


class Ledger(Protocol):
    """What the desk knows, and what it is told beside events."""

    account: str

    def order(self, client_order_id: str) -> Any:
        """The engine's order, or None."""

    def fills(self, client_order_id: str) -> Iterable[Fill]:
        """The fills applied to an order."""

    def knows_fill(self, fill_id: str) -> bool:
        """Whether a fill has been applied."""

    def working(self) -> Collection[Any]:
        """Orders that may work at the venue."""

    def mark(self, symbol: str) -> Decimal | None:
        """The present price of an instrument."""

    def ask_about_everything(self) -> None:
        """The connection is new: ask for every order that may have changed."""

    def owe(self, client_order_id: str) -> None:
        """Ask what became of an order now, and again until a whole answer has come."""

    def not_found(self, client_order_id: str) -> list[Event]:
        """The venue has no such order; what follows, nothing while it may be too early to believe it."""

    def belongs(self, uid: str, maker_bps: Decimal, taker_bps: Decimal) -> str:
        """Whether the venue's account ``uid`` is the journal's: "" if so, else why not in words. Its fees are in basis points."""
