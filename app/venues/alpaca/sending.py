"""Orders, cancels and amendments on their way to Alpaca, each sent at most once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.orders import OrderIntent
from app.platform.interfaces import Clock

from ..execution import Ledger, Outcome, Rank, Reply
from . import orders
from .answers import Answers, replacement_id
from .api import Api, Request

ORDER_WAIT_S = 1.0
"""How long an order may wait for room under the venue's limits before it is given up unsent."""


class Sending:
    """``owner`` is the venue: it passes events on and asks about orders."""

    def __init__(self, api: Api, answers: Answers, ledger: Ledger, clock: Clock, owner: Any) -> None:
        self._api, self._answers, self._ledger, self._clock, self._owner = api, answers, ledger, clock, owner
        self.forget()

    def forget(self) -> None:
        """Another journal is open."""
        self._placing: dict[str, Request] = {}
        self._amending: set[str] = set()
        self._cancelling: dict[str, str] = {}
        self._amended_ns: dict[str, int] = {}

    def is_placing(self, client_order_id: str) -> bool:
        """Whether an order is on its way and has no answer yet."""
        return client_order_id in self._placing

    def is_amending(self, client_order_id: str) -> bool:
        """Whether an amendment is on its way and has no answer yet."""
        return client_order_id in self._amending

    def is_before(self, client_order_id: str, as_of_ns: int) -> bool:
        """Whether what was true then (monotonic) may be from before an amendment that is on its way, or has been answered since."""
        return client_order_id in self._amending or as_of_ns <= self._amended_ns.get(client_order_id, -1)

    def place(self, intent: OrderIntent, native: str, on_sent: Callable[[], object]) -> None:
        """Send an order."""
        self._placing[intent.client_order_id] = self._api.ask(
            "POST",
            "/v2/orders",
            lambda reply: self._placed(intent, reply),
            rank=Rank.REDUCE if intent.reduce_only else Rank.ORDER,
            body=orders.place(intent, native),
            on_sent=on_sent,
            wait_s=ORDER_WAIT_S,
        )

    def cancel(self, order: Any) -> None:
        """Ask for a cancel; of an order whose name there is not known yet, once it is."""
        cid = order.client_order_id
        placing = self._placing.get(cid)
        if placing is not None and self._api.withdraw(placing):
            del self._placing[cid]
            self._owner.report([events.OrderRejected(self._clock.now_ns(), cid, "not_sent", "it was cancelled before it left this desk")])
            return
        self._cancelling[cid] = ""
        known = self._answers.chain.last(cid) or order.venue_order_id
        if known is None:
            self._owner.query(cid)
        else:
            self._delete(cid, known)

    def amend(self, order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None, trail: Decimal | None = None) -> None:
        """Have an order replaced by one with other values."""
        cid = order.client_order_id
        known = self._answers.chain.last(cid) or order.venue_order_id
        wanted = {"qty": (qty, order.qty), "limit_price": (price, order.price), "stop_price": (stop, order.stop)}
        wanted["trail"] = (trail, order.trail or order.trail_percent)
        body = {name: orders.number(new) for name, (new, old) in wanted.items() if new is not None and new != old}
        body["client_order_id"] = replacement_id(cid, known)
        self._amending.add(cid)
        self._api.ask("PATCH", f"/v2/orders/{known}", lambda reply: self._amended(order, reply), rank=Rank.ORDER, body=body, wait_s=ORDER_WAIT_S)

    def works(self, client_order_id: str, order_id: str) -> None:
        """An order works under this name: a cancel that went to another one, and still has no answer, goes to it."""
        order = self._ledger.order(client_order_id)
        asked = order is not None and order.is_working and order.cancel_requested_ns is not None
        if asked and self._cancelling.get(client_order_id, order_id) != order_id:
            self._delete(client_order_id, order_id)

    def _placed(self, intent: OrderIntent, reply: Reply) -> None:
        cid = intent.client_order_id
        self._placing.pop(cid, None)
        self._answers.placed(intent, reply)
        if (known := self._answers.chain.last(cid)) is not None:
            self.works(cid, known)

    def _amended(self, order: Any, reply: Reply) -> None:
        self._amending.discard(order.client_order_id)
        self._amended_ns[order.client_order_id] = self._clock.monotonic_ns()
        self._answers.amended(order, reply)

    def _delete(self, cid: str, order_id: str) -> None:
        self._cancelling[cid] = order_id
        self._api.ask("DELETE", f"/v2/orders/{order_id}", lambda reply: self._deleted(cid, order_id, reply), rank=Rank.CANCEL)

    def _deleted(self, cid: str, order_id: str, reply: Reply) -> None:
        if reply.outcome is Outcome.REFUSED and (cid in self._amending or self._answers.chain.last(cid) not in (None, order_id)):
            return  # it was replaced meanwhile: the cancel goes to what replaced it
        self._answers.cancelled(cid, reply)
