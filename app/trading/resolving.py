"""What becomes of silence: an order that is not answered in time is unknown, and is asked about until its venue says what it is.

A venue that lives elsewhere goes on while the desk or the connection is gone: after a start or a reconnect every order that may have
changed is owed an answer, and asked about until it has come whole; a fill that arrives meanwhile answers nothing.

Asks with growing pauses and keeps what the trader wants to see as evidence: when it was asked last, how often, when next. Never
sends an order again. Cancels without an answer are asked for again, which harms nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.model import events
from app.model.events import Event
from app.model.orders import OrderStatus

from .order import PATIENCE_NS

if TYPE_CHECKING:
    from .engine import Engine

SECOND_NS = 1_000_000_000
FIRST_PAUSE_NS, LONGEST_PAUSE_NS = 2 * SECOND_NS, 60 * SECOND_NS
MISSED_TWICE_NS = 5 * SECOND_NS
ON_THE_WAY_NS = 2 * SECOND_NS
RECENT = 50
NEVER_ARRIVED = "never_arrived"
_CONFIRMED = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
_CALM = (*_CONFIRMED, OrderStatus.HELD)


class Asked:
    """How an order was asked about: times in ns UTC, ``next_ns`` 0 while none is planned, ``missed_ns`` (monotonic) first not found."""

    __slots__ = ("count", "last_ns", "missed_ns", "next_ns")

    def __init__(self) -> None:
        self.count = self.last_ns = self.next_ns = 0
        self.missed_ns: int | None = None


class Resolver:
    """``query(client_order_id)`` asks the venue; its answer comes as any other event. False: a question about the order waits for its turn already."""

    def __init__(self, clock: Any, query: Callable[[str], object]) -> None:
        self._clock, self._query = clock, query
        self.asked: dict[str, Asked] = {}
        self.owed: dict[str, int] = {}

    def forget(self) -> None:
        """Another account is open."""
        self.asked.clear()
        self.owed.clear()

    def reconcile(self, engine: Engine) -> None:
        """The connection is new: ask about everything that may work and about the last that was sent, finished or not.

        A request of the connection before may still be on its way: where one is open, only an answer from later on counts.
        """
        late = self._clock.monotonic_ns() + ON_THE_WAY_NS
        recent = [*engine.orders][-RECENT:]
        for cid in dict.fromkeys([*engine.working, *recent]):
            order = engine.orders[cid]
            if order.status not in (OrderStatus.HELD, OrderStatus.DENIED) and (order.is_working or _may_have_left(order)):
                self.owe(cid)
                if order.is_working and (order.status not in _CONFIRMED or order.amend_requested_ns or order.cancel_requested_ns):
                    self.owed[cid] = late

    def answered(self, client_order_id: str, as_of_ns: int | None = None) -> None:
        """A whole answer about an order has come; one that knows less than what raised the question (``as_of_ns``, monotonic) counts not."""
        if as_of_ns is not None and as_of_ns < self.owed.get(client_order_id, 0):
            return
        self.owed.pop(client_order_id, None)
        self.asked.pop(client_order_id, None)

    def owe(self, client_order_id: str) -> None:
        """Ask now, and again until a whole answer has come."""
        self.owed[client_order_id] = max(self._clock.monotonic_ns(), self.owed.get(client_order_id, 0))
        self.ask(client_order_id)

    def ask(self, client_order_id: str) -> None:
        """Ask now, and plan the next time."""
        asked = self.asked.setdefault(client_order_id, Asked())
        before = asked.count, asked.last_ns
        asked.count += 1
        asked.last_ns = self._clock.now_ns()
        asked.next_ns = asked.last_ns + min(FIRST_PAUSE_NS << min(asked.count - 1, 10), LONGEST_PAUSE_NS)
        if self._query(client_order_id) is False:
            asked.count, asked.last_ns = before

    def look(self, engine: Engine, patience_ns: int = PATIENCE_NS) -> list[Event]:
        """Ask about unknown orders whose time has come; the events for those whose patience is over."""
        now, found = self._clock.now_ns(), []
        for cid in [*self.owed]:
            self._ask_when_due(cid)
        for cid, order in [*engine.working.items()]:
            status = order.status
            if status is OrderStatus.UNKNOWN:
                self._ask_when_due(cid)
                continue
            if self.asked and cid not in self.owed:
                self.asked.pop(cid, None)
            if status in _CALM and order.amend_requested_ns is None and order.cancel_requested_ns is None:
                continue  # most orders, every second
            if (text := _overdue(order, now, patience_ns)) is not None:
                found.append(events.OrderUnknown(now, cid, text))
            elif order.cancel_requested_ns is not None and _over(order.cancel_requested_ns, now, patience_ns):
                found.append(events.OrderCancelRequested(now, cid))
        if self.asked:
            for cid in [cid for cid in self.asked if cid not in engine.working and cid not in self.owed]:
                del self.asked[cid]
        return found

    def _ask_when_due(self, cid: str) -> None:
        asked, now = self.asked.get(cid), self._clock.now_ns()
        if asked is None or asked.next_ns <= now or asked.last_ns > now:
            self.ask(cid)

    def not_found(self, client_order_id: str) -> list[Event]:
        """The venue says that it has no such order. Believed the second time only: the first query may have overtaken the order."""
        asked = self.asked.setdefault(client_order_id, Asked())
        now = self._clock.monotonic_ns()  # a wall clock that jumps must not make two moments of one
        if asked.missed_ns is None:
            asked.missed_ns = now
        if (left := asked.missed_ns + MISSED_TWICE_NS - now) > 0:
            asked.next_ns = self._clock.now_ns() + left
            return []
        self.owed.pop(client_order_id, None)
        reason = "the venue has no such order, asked twice: nothing of it is working, and it was not sent again"
        return [events.OrderRejected(self._clock.now_ns(), client_order_id, NEVER_ARRIVED, reason)]


def _may_have_left(order: Any) -> bool:
    """Whether the venue may ever have had it. That it was sent is known only where the desk lived to note it: what was not held has left, or the desk
    died just before, and that the venue said twice it never had it is believed."""
    if order.sent_ns is not None or order.filled:
        return True
    return order.code != NEVER_ARRIVED and (order.released_ns is not None or not order.intent.starts_held)


def _over(since_ns: int, now_ns: int, patience_ns: int) -> bool:
    """True when the patience is over; a clock that was set back counts as over as well."""
    return not now_ns - patience_ns < since_ns <= now_ns


def _overdue(order: Any, now_ns: int, patience_ns: int) -> str | None:
    asked = "The venue is asked; it is not sent again."
    if order.status in (OrderStatus.NEW, OrderStatus.PENDING):
        since = order.sent_ns or order.released_ns or order.created_ns
        return f"Sent, and no answer in time. {asked}" if _over(since, now_ns, patience_ns) else None
    if order.amend_requested_ns is not None and order.status is not OrderStatus.HELD and _over(order.amend_requested_ns, now_ns, patience_ns):
        return f"An amendment was sent, and no answer in time. {asked}"
    return None
