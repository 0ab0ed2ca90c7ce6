"""New prices, or a larger quantity: Binance cancels the order and takes another in its stead, in one request. Here it stays the same order.

Only an order without an execution is replaced (``cancelRestrictions`` ONLY_NEW): what the new one may fill never adds to what the old one did; one that
is partly filled is moved in two steps (see `moving`). The new one's id is a pure function of what it replaces, so that after a lost answer or a restart it
is found by that. Until it is known which of the two works, an end of the old one is not believed and a cancel waits.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent
from app.platform.interfaces import Clock

from ..execution import Outcome, Rank, Reply
from ..wire import ERRORS, WireError
from . import orders
from .api import UNSURE, Api
from .tally import Tally

PARTLY, FAILED = -2021, -2022
"""The old one was cancelled and the new one refused; nothing was done."""
ANSWER_NS = 10**9
"""What the venue says of an order so long after it was asked to replace it counts, also without the answer."""


class Replacing:
    """``answers`` reads what the venue says, ``owner`` is the venue."""

    def __init__(self, api: Api, ledger: Any, clock: Clock, tally: Tally, answers: Any, owner: Any) -> None:
        self._api, self._ledger, self._clock, self._tally, self._answers, self._owner = api, ledger, clock, tally, answers, owner
        self.to_cancel: set[str] = set()
        """Orders whose cancel waits until it is known which one works."""
        self._flying: dict[str, int] = {}
        self._tried: dict[str, Decimal] = {}
        """What was executed before the replacement that may be there."""
        self._here: set[str] = set()
        """Orders that this desk had changed since it started: what may have replaced them is in ``_tried``."""

    def forget(self) -> None:
        """Another journal is open."""
        self.to_cancel.clear()
        self._flying.clear()
        self._tried.clear()
        self._here.clear()

    def send(self, order: Any, item: Instrument, intent: OrderIntent, wait_s: float) -> None:
        """Ask for an order with the terms of ``intent`` in the place of ``order``."""
        cid, number = order.client_order_id, self._tally.number(order.client_order_id)
        params = orders.place(replace(intent, client_order_id=new_id(cid, number)), item.native)
        params |= {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelRestrictions": "ONLY_NEW", "cancelOrderId": number}
        self.begins(cid, self._tally.before(cid))
        rank = Rank.REDUCE if intent.reduce_only else Rank.ORDER
        self._api.ask("order.cancelReplace", params, lambda reply: self._answered(order, item, reply), rank=rank, wait_s=wait_s)

    def begins(self, cid: str, before: Decimal | None = None) -> None:
        """A request is about to leave after which the order works under another number, with ``before`` executed until then; None: it only ends it."""
        self._here.add(cid)
        self._flying[cid] = self._clock.monotonic_ns()
        if before is not None:
            self._tried[cid] = before

    def ended(self, cid: str) -> None:
        """Nothing replaces the order, and it works no more."""
        self._tried.pop(cid, None)
        self._flying.pop(cid, None)
        self.to_cancel.discard(cid)

    def delays_cancel(self, cid: str) -> bool:
        """Whether a cancel has to wait until it is known which of the two works; it is asked about at once."""
        if not self.is_awaited(cid, self._clock.monotonic_ns()):
            return False
        self.cancel_again(cid)
        return True

    def cancel_again(self, cid: str) -> None:
        """A cancel has not reached what works: ask what that is, and cancel it."""
        self.to_cancel.add(cid)
        self._owner.query(cid)

    def is_awaited(self, cid: str, as_of_ns: int) -> bool:
        """Whether what was true then (monotonic ns) may be from before the venue looked at a replacement whose answer is still to come."""
        sent_ns = self._flying.get(cid)
        return sent_ns is not None and as_of_ns - sent_ns < ANSWER_NS

    def is_doubtful(self, cid: str) -> bool:
        """Whether an end of the order that is known may be that of one which was replaced."""
        order = self._ledger.order(cid)
        return cid in self._tried or (order is not None and order.amend_requested_ns is not None and cid not in self._here)

    def owner_of(self, native: str, client_order_id: str) -> str | None:
        """The desk's id of the order that the venue's new order with this id replaces."""
        for order in self._ledger.working():
            cid = order.client_order_id
            item = self._owner.instruments.get(order.symbol)
            if item is not None and item.native == native and (number := self._tally.number(cid)) and new_id(cid, number) == client_order_id:
                return cid
        return None

    def replaces(self, cid: str, state: orders.State) -> bool:
        """Whether an order of the venue's has taken the place of the one that is known to work."""
        number = self._tally.number(cid)
        return number not in (0, state.order_id) and state.client_order_id == new_id(cid, number)

    def took(self, cid: str, state: orders.State, before: Decimal | None = None) -> bool:
        """Take an order of the venue's for the one that works; False when it was known, or is one that was replaced, or it is not known what was executed
        ``before`` it."""
        before = self._tried.get(cid) if before is None else before
        if before is None or not self.replaces(cid, state):
            return False
        order, now = self._ledger.order(cid), self._clock.now_ns()
        self._tally.replace(state.symbol, state.order_id, cid, before)
        self._tried.pop(cid, None)
        self._flying.pop(cid, None)
        price = state.price if state.price is not None else order.price
        stop = state.stop if state.stop is not None else order.stop
        accepted = events.OrderAccepted(now, cid, str(state.order_id), before or None)
        self._owner.report([events.OrderAmended(now, cid, before + state.qty, price, stop), accepted])
        return True

    def look(self, order: Any, item: Instrument, state: orders.State) -> None:
        """An order has been cancelled, by itself or to be replaced: ask for what would have replaced it."""
        cid = order.client_order_id
        params = {"symbol": item.native, "origClientOrderId": new_id(cid, state.order_id)}
        done = lambda reply: self._found(order, item, state, reply)  # noqa: E731
        self._owner.asked(cid, self._api.ask("order.status", params, done, rank=Rank.QUERY, weight=4))

    def resolved(self, cid: str) -> None:
        """It is known which order works: a cancel that waited for that goes there."""
        self._flying.pop(cid, None)
        if cid in self.to_cancel:
            self.to_cancel.discard(cid)
            self._owner.cancel(cid)

    def _found(self, order: Any, item: Instrument, old: orders.State, reply: Reply) -> None:
        cid = order.client_order_id
        if reply.outcome is Outcome.DONE:
            try:
                state = orders.read_state(reply.result)
                self.took(cid, state, old.executed)
                self._answers.state_of(order, item, self._tally.whole(cid, state), reply.sent_ns)
            except WireError as error:
                self._answers.unresolved(order, str(error))
        elif reply.outcome is Outcome.REFUSED and reply.code in orders.NOT_THERE:
            if self.is_awaited(cid, reply.sent_ns):  # its answer may still say so: the desk asks again
                self._owner.passed(cid)
            elif self._ledger.not_found(cid):  # as with any order: believed the second time, after all that may have been on its way
                self.ended(cid)
                self._answers.with_fills(order, item, old, lambda as_of_ns: self._answers.whole(order, old, as_of_ns), reply.sent_ns)

    def _answered(self, order: Any, item: Instrument, reply: Reply) -> None:
        cid, now = order.client_order_id, self._clock.now_ns()
        self._flying.pop(cid, None)
        self._owner.heed(reply)
        try:
            if reply.outcome is Outcome.DONE:
                self.replaced(cid, item, reply.result["newOrderResponse"])
            elif reply.outcome is Outcome.REFUSED and _is_open(reply):
                self._ledger.owe(cid)
            elif reply.outcome is Outcome.REFUSED and reply.code == PARTLY and reply.result["cancelResult"] == "SUCCESS":
                why = _words(reply.result["newOrderResponse"])
                reason = f"it was cancelled to be replaced, and Binance refused what was to replace it: {why}"
                old = self._answers.read(cid, reply.result["cancelResponse"], "origClientOrderId")
                self._tried.pop(cid, None)
                self._answers.end(cid, old, events.OrderCancelled(now, cid, reason), sure=True)
            elif reply.outcome is Outcome.REFUSED:
                why = _words(reply.result["cancelResponse"]) if reply.code == FAILED else reply.text
                self._not_done(cid, f"binance_{-reply.code}", f"Binance: {why}")
            elif reply.outcome is Outcome.UNSENT:
                self._not_done(cid, "not_sent", f"{reply.text}. Nothing was sent.")
            else:
                self._ledger.owe(cid)  # without a connection the desk asks again later
        except ERRORS:
            self._ledger.owe(cid)
        self.resolved(cid)

    def replaced(self, cid: str, item: Instrument, row: Any, before: Decimal | None = None) -> None:
        """The answer says what works now. Raises WireError."""
        state = orders.read_state(row)
        self.took(cid, state, before)
        state = self._tally.whole(cid, state)
        self._owner.saw(cid, state.word)
        self._answers.take_fills(orders.placed_fills(row, cid, item))
        self._answers.end(cid, state, orders.ended(state.status, self._clock.now_ns(), cid))

    def _not_done(self, cid: str, code: str, reason: str) -> None:
        self._tried.pop(cid, None)
        found: list[Event] = [events.OrderChangeRefused(self._clock.now_ns(), cid, "amend", code, reason)]
        self._owner.report(found)
        if code != "not_sent":
            self._owner.query(cid)  # it was filled or has ended, and that is not known here yet


def new_id(client_order_id: str, number: int) -> str:
    """Our id of the order that replaces the venue's order ``number``: ids are used once there."""
    return f"kr-{blake2b(f'{client_order_id} {number}'.encode(), digest_size=16).hexdigest()}"


def terms(order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> OrderIntent:
    """What an order would be at the venue with these values; None leaves one as it is."""
    intent = order.at_venue()
    return replace(
        intent,
        qty=qty if qty is not None else intent.qty,
        price=price if price is not None else intent.price,
        stop=stop if stop is not None and intent.stop is not None else intent.stop,
    )


def _is_open(reply: Reply) -> bool:
    """Whether the venue does not know what became of a part of it."""
    return any((reply.result.get(part) or {}).get("code") in UNSURE for part in ("cancelResponse", "newOrderResponse"))


def _words(row: Any) -> str:
    return str(row.get("msg") or row)[:200]
