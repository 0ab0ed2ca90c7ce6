"""New prices, or a larger quantity, for a partly filled order: it is cancelled, and what the venue then says was left of it is placed anew.

Two requests, because one would have to name the new quantity before the cancel: what fills in between would be bought twice. The cancel's own answer is
definitive, so the rest is exact and both together never fill more than the total asked for. The rest is placed at once or never: whatever is not known in
time, or was changed meanwhile (a cancel, the kill switch, a lost connection, disarming), leaves an order that was cancelled, with its fills, and says so.
Here it stays the same order; the venue's new one has the id that a replacement has (see `replacing`), and is found by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent
from app.platform.interfaces import Clock

from ..execution import Outcome, Rank, Reply
from ..wire import ERRORS
from . import orders
from .api import Api, Request
from .replacing import Replacing, new_id
from .tally import Tally

LATEST_NS = 5 * 10**9
"""So long after the press the rest is still placed: later the desk has said that nobody knows what became of the order."""
CANCEL_REJECTED = -2011


@dataclass(eq=False, slots=True)
class _Move:
    """``to`` are the new terms with the total quantity, ``number`` is the venue's of the order that is cancelled."""

    order: Any
    item: Instrument
    to: OrderIntent
    number: int
    began_ns: int
    wait_s: float

    @property
    def cid(self) -> str:
        return self.order.client_order_id

    @property
    def rank(self) -> Rank:
        return Rank.REDUCE if self.to.reduce_only else Rank.ORDER


class Moving:
    """``answers`` reads what the venue says, ``owner`` is the venue; ``replacing`` knows which order works while that is open."""

    def __init__(self, api: Api, ledger: Any, clock: Clock, tally: Tally, answers: Any, replacing: Replacing, owner: Any) -> None:
        self._api, self._ledger, self._clock, self._tally = api, ledger, clock, tally
        self._answers, self._replacing, self._owner = answers, replacing, owner
        self._cancelling: dict[str, _Move] = {}
        self._placing: dict[str, tuple[_Move, Decimal, Request]] = {}
        self._asked: dict[str, int] = {}
        """By order the venue's number that was to be cancelled last."""

    def forget(self) -> None:
        """Another journal is open."""
        self._cancelling.clear()
        self._placing.clear()
        self._asked.clear()

    def send(self, order: Any, item: Instrument, to: OrderIntent, wait_s: float) -> None:
        """Cancel an order and have its rest placed with the terms ``to``. The cancel ranks as the order does, so that there is room for both."""
        cid = order.client_order_id
        if self._tally.has_ended(cid):
            self._refused(cid, "ended", "it has ended before")
            return
        move = self._cancelling[cid] = _Move(order, item, to, self._tally.number(cid), self._clock.monotonic_ns(), wait_s)
        self._asked[cid] = move.number
        self._replacing.begins(cid)
        params = {"symbol": item.native, "orderId": move.number}
        self._api.ask("order.cancel", params, lambda reply: self._cancelled(move, reply), rank=move.rank, wait_s=wait_s)

    def is_asked(self, cid: str, number: int) -> bool:
        """Whether the end of the venue's order ``number`` may be that of one which was to be moved and is not."""
        order = self._ledger.order(cid)
        if order is None or order.cancel_requested_ns is not None:
            return False
        return self._asked.get(cid) == number or order.amend_requested_ns is not None

    def takes(self, cid: str, state: orders.State) -> bool:
        """Take the end that was asked for: the rest is placed once every fill before it is here. False for any other."""
        move = self._cancelling.get(cid)
        if move is None or state.order_id != move.number or state.status not in orders.CANCELLED:
            return False
        self._answers.with_fills(move.order, move.item, state, lambda _as_of_ns: self._rest(move, state))
        return True

    def stops(self, cid: str) -> bool:
        """A cancel comes while it is on its way: the rest is not placed any more. True when that was all there is to do."""
        if cid in self._cancelling:
            self._replacing.to_cancel.add(cid)
        if cid in self._placing and self._api.withdraw(self._placing[cid][2]):
            move, rest, _request = self._placing.pop(cid)
            self._ended(move, rest, "it was cancelled meanwhile")
            return True
        return False

    def _cancelled(self, move: _Move, reply: Reply) -> None:
        cid = move.cid
        self._owner.heed(reply)
        if self._cancelling.get(cid) is not move:
            return  # a report was faster
        if reply.outcome is Outcome.DONE:
            try:
                if self.takes(cid, self._answers.read(cid, reply.result, "origClientOrderId")):
                    return
            except ERRORS:
                pass
        del self._cancelling[cid]
        if reply.outcome in (Outcome.REFUSED, Outcome.UNSENT):
            self._asked.pop(cid, None)
        if reply.outcome is Outcome.UNSENT:
            self._refused(cid, "not_sent", f"{reply.text}. Nothing was sent.")
        elif reply.outcome is Outcome.REFUSED and reply.code != CANCEL_REJECTED:
            self._refused(cid, f"binance_{-reply.code}", f"Binance: {reply.text}")
        elif reply.outcome is Outcome.REFUSED:
            self._replacing.ended(cid)
            self._ledger.owe(cid)  # it was filled or has ended: the answer says which
            return
        else:
            self._ledger.owe(cid)  # nobody knows, and nothing is placed
        self._replacing.resolved(cid)

    def _refused(self, cid: str, code: str, reason: str) -> None:
        self._owner.report([events.OrderChangeRefused(self._clock.now_ns(), cid, "amend", code, reason)])

    def _rest(self, move: _Move, state: orders.State) -> None:
        cid, rest = move.cid, move.to.qty - state.executed
        if self._cancelling.get(cid) is not move:
            return  # answer and report tell of the same end
        del self._cancelling[cid]
        if why := self._hindrance(move, state.executed):
            self._ended(move, rest, why)
            return
        intent = replace(orders.rest(move.to, state.executed), client_order_id=new_id(cid, move.number))
        self._replacing.begins(cid, state.executed)
        done = lambda reply: self._placed(move, rest, state.executed, reply)  # noqa: E731
        request = self._api.ask("order.place", orders.place(intent, move.item.native), done, rank=move.rank, wait_s=move.wait_s)
        if self._api.waits(request):
            self._placing[cid] = move, rest, request

    def _hindrance(self, move: _Move, executed: Decimal) -> str:
        """Why the rest is not placed now; "" when it is."""
        order = self._ledger.order(move.cid)
        if move.to.qty <= executed:
            return "as much as the new quantity was filled before"
        if order is None or order.cancel_requested_ns is not None or move.cid in self._replacing.to_cancel:
            return "it was cancelled meanwhile"
        if order.amend_requested_ns is None:
            return "it has ended meanwhile"
        if not self._owner.takes_orders:
            return "the connection was lost, or real orders are not armed any more"
        if self._clock.monotonic_ns() - move.began_ns > LATEST_NS:
            return "Binance took too long to answer"
        return self._owner.rest_refusal(orders.rest(move.to, executed))

    def _ended(self, move: _Move, rest: Decimal, why: str) -> None:
        """It is cancelled, and nothing takes its place."""
        cid, now = move.cid, self._clock.now_ns()
        reason = f"it was cancelled to be moved, and what was left, {orders.number(rest)}, was not placed: {why}"
        end: Event = events.OrderCancelled(now, cid, reason)
        if rest == 0:
            end = events.OrderAmended(now, cid, move.to.qty, move.order.price, move.order.stop)  # filled, that is
        elif rest < 0:
            end = events.OrderCancelled(now, cid, f"it was cancelled to be moved: {why}")
        self._replacing.ended(cid)
        self._asked.pop(cid, None)
        self._tally.end(cid)
        self._owner.report([end])
        self._owner.settled(cid, self._clock.monotonic_ns())

    def _placed(self, move: _Move, rest: Decimal, before: Decimal, reply: Reply) -> None:
        cid = move.cid
        self._placing.pop(cid, None)
        self._owner.heed(reply)
        if reply.outcome is Outcome.DONE:
            try:
                self._replacing.replaced(cid, move.item, reply.result, before)
                self._replacing.resolved(cid)
                return
            except ERRORS:
                pass
        elif reply.outcome is Outcome.UNSENT:
            self._ended(move, rest, reply.text)
            return
        elif reply.outcome is Outcome.REFUSED and not orders.is_duplicate(reply):
            self._ended(move, rest, f"Binance refused it: {reply.text}")
            return
        self._ledger.owe(cid)  # without a connection the desk asks again later
