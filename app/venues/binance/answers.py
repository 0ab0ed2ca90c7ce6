"""What Binance's answers and reports about orders amount to, as events.

Sits between the connection and the venue: reads a reply or an executionReport, counts what has been reported already, and holds an end back until
every fill before it is here. What cannot be read changes nothing and is asked about again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderStatus
from app.platform.interfaces import Clock

from ..execution import Outcome, Rank, Reply
from ..wire import WireError
from . import orders
from .api import Api
from .moving import Moving
from .replacing import Replacing
from .tally import Tally

OURS = "kt-"


class Answers:
    """``owner`` is the venue: it passes events on, asks, and hears which orders are settled; ``ledger`` is what the desk knows."""

    def __init__(self, api: Api, ledger: Any, clock: Clock, owner: Any) -> None:
        self._api, self._ledger, self._clock, self._owner = api, ledger, clock, owner
        self._tally = Tally(ledger)
        self.replacing = Replacing(api, ledger, clock, self._tally, self, owner)
        self.moving = Moving(api, ledger, clock, self._tally, self, self.replacing, owner)

    def forget(self) -> None:
        """Another journal is open."""
        self._tally.forget()
        self.replacing.forget()
        self.moving.forget()

    def read(self, cid: str, row: Any, name: str = "clientOrderId") -> orders.State:
        """The desk's order, all of it, as an answer tells it. Raises WireError."""
        return self._tally.whole(cid, orders.read_state(row, name))

    def before(self, cid: str) -> Decimal:
        """What of an order the venue does not count any more: it was executed under the numbers before."""
        return self._tally.before(cid)

    def placed(self, intent: OrderIntent, item: Instrument, reply: Reply) -> None:
        """The answer to an order: only the venue's own word that nothing was done is a rejection."""
        cid, now = intent.client_order_id, self._clock.now_ns()
        self._owner.heed(reply)
        if reply.outcome is Outcome.DONE:
            try:
                state = orders.read_state(reply.result)
                fills = orders.placed_fills(reply.result, cid, item)
                end = orders.ended(state.status, now, cid)
            except WireError as error:
                self._unknown(cid, f"the answer could not be read ({error})")
                return
            self._tally.name(state.symbol, state.order_id, cid)
            self._owner.saw(cid, state.word)
            out: list[Event] = [*self._accepted(cid, state.order_id), *self._fresh(fills)]
            if end is not None and self._tally.filled(cid) != state.executed:
                self._owner.query(cid)
            elif end is not None:
                out.append(end)
            self._owner.report(out)
        elif reply.outcome is Outcome.UNSENT:
            self._owner.report([events.OrderRejected(now, cid, "not_sent", f"{reply.text}. Nothing was sent.")])
        elif reply.outcome is Outcome.REFUSED and not orders.is_duplicate(reply):
            self._owner.report([events.OrderRejected(now, cid, f"binance_{-reply.code}", f"Binance: {reply.text}")])
        else:
            self._unknown(cid, f"no usable answer: {reply.text}")

    def _unknown(self, cid: str, why: str) -> None:
        self._owner.report([events.OrderUnknown(self._clock.now_ns(), cid, f"Sent, and {why}. The venue is asked; it is not sent again.")])

    def cancelled(self, cid: str, reply: Reply) -> None:
        """The answer to a cancel; none is no answer, the desk asks again."""
        now = self._clock.now_ns()
        self._owner.heed(reply)
        if reply.outcome is Outcome.DONE:
            try:
                state = self.read(cid, reply.result, "origClientOrderId")
                self._owner.saw(cid, state.word)
                self.end(cid, state, self._ended(cid, state))
            except WireError:
                self._owner.query(cid)
        elif reply.outcome is Outcome.REFUSED and self.replacing.is_doubtful(cid):
            self.replacing.cancel_again(cid)
        elif reply.outcome is Outcome.REFUSED:
            self._owner.report([events.OrderChangeRefused(now, cid, "cancel", f"binance_{-reply.code}", f"Binance: {reply.text}")])

    def amended(self, order: Any, qty: Decimal, reply: Reply) -> None:
        """The answer to an amendment."""
        cid, now = order.client_order_id, self._clock.now_ns()
        self._owner.heed(reply)
        if reply.outcome is Outcome.DONE:
            self._owner.report([events.OrderAmended(now, cid, qty, order.price, order.stop)])
        elif reply.outcome in (Outcome.REFUSED, Outcome.UNSENT):
            code = f"binance_{-reply.code}" if reply.outcome is Outcome.REFUSED else "not_sent"
            self._owner.report([events.OrderChangeRefused(now, cid, "amend", code, reply.text)])

    def told(self, order: Any, item: Instrument, reply: Reply) -> None:
        """The answer to a question about an order."""
        cid, now = order.client_order_id, self._clock.now_ns()
        self._owner.heed(reply)
        if reply.outcome is Outcome.DONE:
            try:
                self.state_of(order, item, self.read(cid, reply.result), reply.sent_ns)
            except WireError as error:
                self.unresolved(order, str(error))
        elif reply.outcome is Outcome.REFUSED and reply.code == orders.ARCHIVED:
            end = events.OrderCancelled(now, cid, "the venue has put it away: it ended long ago without a fill")
            self._settled(order, [] if order.status.is_final else [end], reply.sent_ns)
        elif reply.outcome is Outcome.REFUSED and reply.code == orders.NO_SUCH_ORDER:
            if order.status.is_final:
                self._settled(order, [], reply.sent_ns)
            elif found := self._ledger.not_found(cid):
                self._settled(order, found, reply.sent_ns)

    def state_of(self, order: Any, item: Instrument, state: orders.State, as_of_ns: int) -> None:
        """The venue said how an order is: what follows once all its fills are here."""
        cid = order.client_order_id
        if self._is_old(cid, state.order_id):
            self._owner.query(cid)  # it was replaced meanwhile
            return
        self._tally.name(state.symbol, state.order_id, cid)
        if self.moving.takes(cid, state):
            return
        if state.status in orders.CANCELLED and self.replacing.is_doubtful(cid):
            self.replacing.look(order, item, state)
            return
        self._owner.saw(cid, state.word)
        self.with_fills(order, item, state, lambda as_of_ns: self.whole(order, state, as_of_ns), as_of_ns)

    def with_fills(self, order: Any, item: Instrument, state: orders.State, then: Callable[[int], object], as_of_ns: int = 0) -> None:
        """Go on, with the time (monotonic ns) at which the answer was true, once every fill that the venue counts is here."""
        if state.executed == self._tally.filled(order.client_order_id):
            then(as_of_ns)
        else:
            params = {"symbol": item.native, "orderId": state.order_id, "limit": 1000}
            going_on = self._api.ask("myTrades", params, lambda found: self._traded(order, item, state, then, found), rank=Rank.QUERY, weight=5)
            self._owner.asked(order.client_order_id, going_on)

    def _traded(self, order: Any, item: Instrument, state: orders.State, then: Callable[[int], object], reply: Reply) -> None:
        if reply.outcome is not Outcome.DONE or type(reply.result) is not list:
            return
        try:
            self._owner.report(self._fresh([orders.trade_fill(row, order.client_order_id, item) for row in reply.result]))
            if self._tally.filled(order.client_order_id) == state.executed:  # else its trades are not all there yet: it is asked again
                then(reply.sent_ns)
        except WireError as error:
            self.unresolved(order, str(error))

    def whole(self, order: Any, state: orders.State, as_of_ns: int) -> None:
        """All fills of an order are known: its terms and its end."""
        cid, now = order.client_order_id, self._clock.now_ns()
        out: list[Event] = []
        end = self._ended(cid, state)
        works = state.status in orders.WORKING
        if works or not order.status.is_final:
            if order.status not in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED):
                out.append(events.OrderAccepted(now, cid, str(state.order_id)))
            price = state.price if state.price is not None else order.price
            stop = state.stop if state.stop is not None else order.stop
            awaited = self.replacing.is_awaited(cid, as_of_ns)
            if (state.qty, price, stop) != (order.qty, order.price, order.stop) or (works and order.amend_requested_ns is not None and not awaited):
                out.append(events.OrderAmended(now, cid, state.qty, price, stop))
            if end is not None:
                self._tally.end(cid)
                out.append(end)
        self._settled(order, out, as_of_ns)
        if works and not self.replacing.is_awaited(cid, as_of_ns):
            self.replacing.resolved(cid)

    def unresolved(self, order: Any, why: str) -> None:
        """It is asked about again; the others go on without it."""
        if order.status is not OrderStatus.UNKNOWN and not order.status.is_final:
            evidence = f"Binance's answer is not understood ({why}). It is asked again."
            self._owner.report([events.OrderUnknown(self._clock.now_ns(), order.client_order_id, evidence)])
        self._owner.passed(order.client_order_id)

    def _settled(self, order: Any, found: list[Event], as_of_ns: int) -> None:
        if found:
            self._owner.report(found)
        self._owner.settled(order.client_order_id, as_of_ns)

    def execution(self, event: dict) -> None:
        """An executionReport. Raises WireError."""
        report = orders.read_report(event)
        item, now = self.instrument(report.symbol), self._clock.now_ns()
        if item is None:
            return
        cid = self.cid(report.symbol, report.order_id, report.client_order_id)
        state = orders.report_state(event)
        if cid is None:
            cid = self.adopt(state, item)
        replaced = self.replacing.took(cid, state)
        if not replaced and self.replacing.replaces(cid, state):
            self._owner.query(cid)  # what was executed before it is asked for first
            return
        is_old = self._is_old(cid, report.order_id)
        if is_old and report.cause != "TRADE":
            return
        self._tally.name(report.symbol, report.order_id, cid)
        state = self._tally.whole(cid, state)
        if not is_old:
            self._owner.saw(cid, state.word)
        match report.cause:
            case "NEW":
                self._owner.report([] if replaced else self._accepted(cid, report.order_id))
            case "TRADE":
                self.take_fills([orders.report_fill(event, cid, item)])
                if self._tally.filled(cid) < state.executed or self._ended_smaller(cid, state):
                    self._owner.query(cid)  # a report before this one was lost
            case "REPLACED":
                self._owner.report([events.OrderAmended(now, cid, state.qty, state.price, state.stop)])
        if report.cause != "TRADE" or report.status not in orders.WORKING | {"FILLED"}:
            self.end(cid, state, self._ended(cid, state, report.reason))

    def _ended(self, cid: str, state: orders.State, reason: str = "") -> Event | None:
        """As `orders.ended`; where the order was to be changed, it says that nothing took its place."""
        end = orders.ended(state.status, self._clock.now_ns(), cid, reason)
        if isinstance(end, events.OrderCancelled) and not reason and self.moving.is_asked(cid, state.order_id):
            left = orders.number(state.qty - state.executed)
            return replace(end, reason=f"it was cancelled while it was to be changed, and what was left, {left}, was not placed anew")
        return end

    def _ended_smaller(self, cid: str, state: orders.State) -> bool:
        """Whether a fill ends an order that this desk does not know to be so small."""
        order = self._ledger.order(cid)
        return order is not None and state.status == "FILLED" and state.qty != order.qty

    def end(self, cid: str, state: orders.State, end: Event | None, sure: bool = False) -> None:
        """An end is believed once every fill before it is here, and where it is ``sure`` that nothing replaces the order."""
        if end is None or (not sure and self.moving.takes(cid, state)):
            return
        doubtful = not sure and state.status in orders.CANCELLED and self.replacing.is_doubtful(cid)
        if self._tally.filled(cid) == state.executed and not doubtful:
            self._tally.end(cid)
            self._owner.report([end])
        else:
            self._owner.query(cid)

    def take_fills(self, fills: list) -> None:
        """Pass on those that have not been reported before."""
        self._owner.report(self._fresh(fills))

    def _is_old(self, cid: str, order_id: int) -> bool:
        """Whether the venue's number is that of an order which was replaced."""
        return self._tally.number(cid) not in (0, order_id)

    def _accepted(self, cid: str, order_id: int) -> list[Event]:
        return [events.OrderAccepted(self._clock.now_ns(), cid, str(order_id))] if self._tally.accept(cid) else []

    def _fresh(self, fills: list) -> list[Event]:
        now = self._clock.now_ns()
        return [events.OrderFilled(now, fill) for fill in fills if self._tally.take(fill)]

    # names

    def cid(self, native: str, order_id: int, client_order_id: str) -> str | None:
        """The desk's id of the venue's order, None for one that is not known here."""
        if (known := self._tally.named(native, order_id)) is not None:
            return known
        if self._ledger.order(client_order_id) is not None:
            return client_order_id
        return self._numbered(native, order_id) or self.replacing.owner_of(native, client_order_id)

    def _numbered(self, native: str, order_id: int) -> str | None:
        """After a restart: the order that came to have this number by replacing another."""
        for order in self._ledger.working():
            item = self._owner.instruments.get(order.symbol)
            if item is not None and item.native == native and order.venue_order_id == str(order_id):
                return order.client_order_id
        return None

    def adopt(self, state: orders.State, item: Instrument) -> str:
        """List an order that this desk did not send, or whose intent it lost."""
        cid = state.client_order_id if state.client_order_id.startswith(OURS) else orders.found_id(state)
        self._tally.name(state.symbol, state.order_id, cid)
        if self._ledger.order(cid) is None:
            intent = orders.found(state, cid, self._ledger.account, item.symbol)
            self._owner.report([events.OrderAdopted(self._clock.now_ns(), intent, str(state.order_id))])
            self._tally.begin(cid)
        return cid

    def named(self, order: Any, item: Instrument) -> dict:
        """The parameters that name an order at the venue: by its number once that is known, else by our id."""
        number = self._tally.number(order.client_order_id)
        name = {"orderId": number} if number else {"origClientOrderId": order.client_order_id}
        return {"symbol": item.native, **name}

    def instrument(self, native: str) -> Instrument | None:
        """The instrument that the venue calls so."""
        return next((item for item in self._owner.instruments.values() if item.native == native), None)
