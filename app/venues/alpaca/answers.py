"""What Alpaca's answers and reports about orders amount to, as events.

Sits between the connection and the venue: follows an order through its replacements, counts what has been reported already, and holds an
end back until every execution before it is here. What cannot be read changes nothing and is asked about again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderStatus, OrderType
from app.platform.interfaces import Clock

from ..execution import Ledger, Outcome, Rank, Reply
from ..wire import ERRORS, WireError
from . import orders
from .api import Api
from .chain import Chain
from .orders import Execution, State

OURS = "kt-"
NOT_FOUND = 404
LINKS = 100
"""Replacements followed in one answer."""
PAGE = 100
_CONFIRMED = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
_ALIVE = frozenset("new accepted pending_new accepted_for_bidding pending_review held".split())


class Answers:
    """``owner`` is the venue: it passes events on, asks, and hears which orders are settled; ``ledger`` is what the desk knows."""

    def __init__(self, api: Api, ledger: Ledger, clock: Clock, owner: Any) -> None:
        self._api, self._ledger, self._clock, self._owner = api, ledger, clock, owner
        self.chain = Chain(ledger)
        self._fetching: set[str] = set()

    def forget(self) -> None:
        """Another journal is open."""
        self.chain.forget()
        self._fetching.clear()

    # answers to what was asked for

    def placed(self, intent: OrderIntent, reply: Reply) -> None:
        """The answer to an order: only the venue's own word that nothing was done is a rejection."""
        cid, now = intent.client_order_id, self._clock.now_ns()
        if reply.outcome is Outcome.DONE:
            try:
                state = orders.read_state(reply.result)
                if state.client_order_id != cid:
                    raise WireError("it is about another order")
                self._saw(cid, state)
                self._owner.report(self._alive(cid, state))
                self._judge(cid, state)
            except WireError as error:
                self._unknown(cid, f"the answer could not be read ({error})")
        elif reply.outcome is Outcome.UNSENT:
            self._owner.report([events.OrderRejected(now, cid, "not_sent", f"{reply.text}. Nothing was sent.")])
        elif reply.outcome is Outcome.REFUSED and reply.status != NOT_FOUND and "must be unique" not in reply.text:
            self._owner.report([events.OrderRejected(now, cid, f"alpaca_{reply.code}", f"Alpaca: {reply.text}")])
        else:
            self._unknown(cid, f"no usable answer: {reply.text}")

    def cancelled(self, cid: str, reply: Reply) -> None:
        """The answer to a cancel: the end itself is told by the stream; without an answer the desk asks again."""
        if reply.outcome is Outcome.REFUSED:
            self._owner.report([events.OrderChangeRefused(self._clock.now_ns(), cid, "cancel", f"alpaca_{reply.code}", f"Alpaca: {reply.text}")])

    def amended(self, order: Any, reply: Reply) -> None:
        """The answer to an amendment. A refusal is checked: the order may have been replaced all the same."""
        cid, now = order.client_order_id, self._clock.now_ns()
        if reply.outcome is Outcome.DONE:
            try:
                state = orders.read_state(reply.result)
                self._saw(cid, state)
                self.chain.accept(state.order_id)
                self._owner.report([self._amendment(order, state), events.OrderAccepted(now, cid, state.order_id)])
            except WireError:
                pass
        elif reply.outcome is not Outcome.UNSURE:
            code = f"alpaca_{reply.code}" if reply.outcome is Outcome.REFUSED else "not_sent"
            self._owner.report([events.OrderChangeRefused(now, cid, "amend", code, reply.text)])
        if reply.outcome is not Outcome.UNSENT:
            self._owner.query(cid)

    # questions about an order

    def ask(self, order: Any, item: Instrument) -> None:
        """What became of an order: by Alpaca's id where the first parts are known to be over, else by ours."""
        known = self.chain.first_open(order.client_order_id)
        if known is None and order.intent.origin == "venue":
            known = order.venue_order_id
        self._ask(order, item, known, [], 0)

    def _ask(self, order: Any, item: Instrument, order_id: str | None, links: list[State], as_of_ns: int) -> None:
        if order_id is None:
            path, query = "/v2/orders:by_client_order_id", {"client_order_id": order.client_order_id}
        else:
            path, query = f"/v2/orders/{order_id}", None
        request = self._api.ask("GET", path, lambda reply: self._told(order, item, links, as_of_ns, reply), rank=Rank.QUERY, query=query)
        self._owner.asked(order.client_order_id, request)

    def _told(self, order: Any, item: Instrument, links: list[State], as_of_ns: int, reply: Reply) -> None:
        cid = order.client_order_id
        if reply.outcome is Outcome.REFUSED and reply.status == NOT_FOUND and not links:
            if order.status.is_final:
                self._settled(order, [], reply.sent_ns)
            elif not self._owner.is_placing(cid) and (found := self._ledger.not_found(cid)):
                self._settled(order, found, reply.sent_ns)
            return
        if reply.outcome is not Outcome.DONE:
            return  # it is asked again
        try:
            state = orders.read_state(reply.result)
        except WireError:
            return
        self._saw(cid, state)
        links = [*links, state]
        self.chain.order(cid, [*(each.order_id for each in links), *([state.replaced_by] if state.replaced_by is not None else [])])
        since = as_of_ns or reply.sent_ns
        # An answer from before a replacement that has been heard of since says what the order was: what it is, the replacement says.
        following = state.replaced_by or self.chain.after(state.order_id)
        if following is not None and len(links) < LINKS:
            self._ask(order, item, following, links, since)
        else:
            self._complete(order, item, links, since)

    def _complete(self, order: Any, item: Instrument, links: list[State], as_of_ns: int) -> None:
        """All parts of an order are known; executions that are missing are fetched."""
        missing = [state for state in links if not self.chain.is_whole(state)]
        if not missing:
            self._whole(order, links, as_of_ns)
        elif order.client_order_id not in self._fetching:
            self._fetching.add(order.client_order_id)
            self._backfill(order, item, links, as_of_ns, min(state.submitted for state in missing), "")

    def _backfill(self, order: Any, item: Instrument, links: list[State], as_of_ns: int, since: str, token: str) -> None:
        """One page after another, however many there are; `_complete` begins it once at a time."""
        cid = order.client_order_id
        try:  # a little before, in case two clocks of the venue's differ
            after = datetime.fromtimestamp(orders.time_ns(since) / 1e9, UTC) - timedelta(minutes=1)
        except WireError:
            self._fetching.discard(cid)
            return
        query = {"after": after.strftime("%Y-%m-%dT%H:%M:%SZ"), "direction": "asc", "page_size": str(PAGE)}
        if token:
            query["page_token"] = token

        def done(reply: Reply) -> None:
            self._fetching.discard(cid)
            rows = reply.result
            if reply.outcome is not Outcome.DONE or type(rows) is not list:
                return
            try:
                wanted = {state.order_id for state in links}
                found = [orders.activity_execution(row) for row in rows if row.get("order_id") in wanted]
                last = rows[-1]["id"] if len(rows) == PAGE else ""
            except ERRORS:
                return
            self._owner.report(self._fresh(cid, item, found))
            if len(rows) < PAGE:
                for state in links:
                    self.chain.no_more(state)
            if all(self.chain.is_whole(state) for state in links):
                self._whole(order, links, as_of_ns)
            elif last not in ("", token) and type(last) is str:
                self._fetching.add(cid)
                self._backfill(order, item, links, as_of_ns, since, last)

        self._owner.asked(cid, self._api.ask("GET", "/v2/account/activities/FILL", done, rank=Rank.QUERY, query=query))

    def _whole(self, order: Any, links: list[State], as_of_ns: int) -> None:
        """All executions of an order are known: its terms and its end."""
        cid, now, last = order.client_order_id, self._clock.now_ns(), links[-1]
        for state in links:
            if (not state.works and state.replaced_by is None) or state is not last:
                self.chain.close(state)
        out: list[Event] = []
        # What was so before an amendment is not what it is now: its own answer, and the question after it, say that.
        before = last.works and not order.amend_doubted and self._owner.is_before(cid, as_of_ns)
        if not before and (last.works or not order.status.is_final):
            try:
                end = orders.ended(last, now, cid)
            except WireError as error:
                self._unresolved(order, str(error))
                return
            if order.status not in _CONFIRMED or order.venue_order_id != last.order_id:
                self.chain.accept(last.order_id)
                out.append(events.OrderAccepted(now, cid, last.order_id))
            if last.qty is not None and (self._differs(order, last) if last.works else self._total(cid, last) != order.qty):
                out.append(self._amendment(order, last))
            if end is not None:
                out.append(end)
        self._settled(order, out, as_of_ns)
        if last.works:
            self._owner.works(cid, last.order_id)

    def _differs(self, order: Any, last: State) -> bool:
        changed = self._total(order.client_order_id, last) != order.qty
        prices = self._prices(order, last) != (order.price, order.stop)
        trails = self._trails(order) and last.distance not in (None, order.trail or order.trail_percent)
        return order.amend_requested_ns is not None or changed or prices or trails

    def _total(self, cid: str, last: State) -> Decimal:
        return self.chain.journalled(cid) + last.left

    def _amendment(self, order: Any, last: State) -> Event:
        cid = order.client_order_id
        distance = last.distance if self._trails(order) else None
        return events.OrderAmended(self._clock.now_ns(), cid, self._total(cid, last), *self._prices(order, last), distance)

    def _prices(self, order: Any, last: State) -> tuple[Decimal | None, Decimal | None]:
        """Limit and stop as they are there; where this desk held the order, or it trails and has seen no price yet, as they are here."""
        if order.intent.held:
            return order.price, order.stop
        return last.price, order.stop if last.stop is None and self._trails(order) else last.stop

    def _trails(self, order: Any) -> bool:
        return order.intent.type is OrderType.TRAILING_STOP and not order.intent.held

    def follow(self, cid: str, state: State, accepted: bool = False) -> list[Event]:
        """Where a trailing stop has got to: it moves without a report. ``accepted``: that is being told in the same breath."""
        order = self._ledger.order(cid)
        if order is None or not self._trails(order) or order.amend_requested_ns is not None or not (accepted or order.status in _CONFIRMED):
            return []
        if state.stop in (None, order.stop) or not state.works or self.chain.last(cid) != state.order_id:
            return []
        return [events.OrderAmended(self._clock.now_ns(), cid, order.qty, order.price, state.stop)]

    def _unresolved(self, order: Any, why: str) -> None:
        """It is asked about again; the others go on without it."""
        if order.status is not OrderStatus.UNKNOWN:
            evidence = f"Alpaca's answer is not understood ({why}). It is asked again."
            self._owner.report([events.OrderUnknown(self._clock.now_ns(), order.client_order_id, evidence)])
        self._owner.passed(order.client_order_id)

    def _settled(self, order: Any, found: list[Event], as_of_ns: int) -> None:
        if found:
            self._owner.report(found)
        self._owner.settled(order.client_order_id, as_of_ns)

    # the stream

    def heard(self, data: dict) -> None:
        """A report of trade_updates. Raises WireError."""
        try:
            if orders.has_legs(data["order"]):
                return
            event, state = data["event"], orders.read_state(data["order"])
        except KeyError as error:
            raise WireError(f"not a report: {error!r}") from error
        item = self.instrument(state.symbol)
        if item is None:
            return
        cid = self.cid(state) or self.adopt(state, item)
        self._saw(cid, state)
        now = self._clock.now_ns()
        if event in ("fill", "partial_fill"):
            self._executed(cid, item, orders.report_execution(data, state))
        elif event == "replaced":
            if state.replaced_by is not None:
                self.chain.name(state.replaced_by, cid)
            if not self._owner.is_amending(cid):
                self._ledger.owe(cid)  # no report says what it is like now, and nothing else would ask again
        elif event in ("order_replace_rejected", "order_cancel_rejected"):
            change = "amend" if event == "order_replace_rejected" else "cancel"
            self._owner.report([events.OrderChangeRefused(now, cid, change, f"alpaca_{event}", "the exchange refused it")])
            self._owner.query(cid)
        elif event in _ALIVE:
            self._owner.report(self._alive(cid, state))
        elif event in ("canceled", "expired", "rejected"):
            self._judge(cid, state, str(data.get("reason") or "")[:200])

    def _executed(self, cid: str, item: Instrument, execution: Execution) -> None:
        if execution.cumulative <= self.chain.filled(execution.order_id):
            return
        if self.chain.follows(execution):
            self._owner.report([*self._accepted(cid, execution.order_id), *self._fresh(cid, item, [execution])])
        else:  # a report before this one was lost
            self._owner.query(cid)

    def _judge(self, cid: str, state: State, reason: str = "") -> None:
        """What an order's state says of its end: believed once every execution before it is here."""
        if not self.chain.is_whole(state):
            self._owner.query(cid)
        elif self.chain.last(cid) == state.order_id and (end := orders.ended(state, self._clock.now_ns(), cid, reason)) is not None:
            self._owner.report([end])

    def _accepted(self, cid: str, order_id: str) -> list[Event]:
        return [events.OrderAccepted(self._clock.now_ns(), cid, order_id)] if self.chain.accept(order_id) else []

    def _alive(self, cid: str, state: State) -> list[Event]:
        accepted = self._accepted(cid, state.order_id)
        return [*accepted, *self.follow(cid, state, bool(accepted))]

    def _fresh(self, cid: str, item: Instrument, found: list[Execution]) -> list[Event]:
        now = self._clock.now_ns()
        return [events.OrderFilled(now, each.fill(cid, item)) for each in found if self.chain.take(each)]

    def _unknown(self, cid: str, why: str) -> None:
        self._owner.report([events.OrderUnknown(self._clock.now_ns(), cid, f"Sent, and {why}. The venue is asked; it is not sent again.")])

    def _saw(self, cid: str, state: State) -> None:
        self.chain.name(state.order_id, cid)
        self.chain.see(state)
        if (word := self.chain.word(cid)) is not None:
            self._owner.saw(cid, word)

    # names

    def cid(self, state: State) -> str | None:
        """The desk's id of the venue's order, None for one that is not known here."""
        known = self.chain.owner(state.order_id) or self.chain.owner(state.replaces)
        if known is not None:
            return known
        for name in (state.client_order_id, _base(state.client_order_id)):
            if self._ledger.order(name) is not None:
                return name
        return next((order.client_order_id for order in self._ledger.working() if order.venue_order_id in (state.order_id, state.replaces)), None)

    def adopt(self, state: State, item: Instrument) -> str:
        """List an order that this desk did not send, or whose intent it lost."""
        name = _base(state.client_order_id)
        cid = name if name.startswith(OURS) and len(name) <= 36 else orders.found_id(state)
        self.chain.name(state.order_id, cid)
        if self._ledger.order(cid) is None:
            intent = orders.found(state, cid, self._ledger.account, item.symbol, self._ledger.mark(item.symbol))
            self.chain.accept(state.order_id)
            self._owner.report([events.OrderAdopted(self._clock.now_ns(), intent, state.order_id)])
        return cid

    def instrument(self, native: str) -> Instrument | None:
        """The instrument that the venue calls so."""
        return next((item for item in self._owner.instruments.values() if item.native == native), None)


def replacement_id(client_order_id: str, order_id: str) -> str:
    """Our id of the order that replaces one of Alpaca's: a pure function, since ids are never used twice there."""
    return f"{client_order_id}_{order_id.replace('-', '')}"


def _base(client_order_id: str) -> str:
    return client_order_id.partition("_")[0] if client_order_id.startswith((OURS, "venue-")) else client_order_id
