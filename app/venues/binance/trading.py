"""Execution on Binance spot through its WebSocket API: orders out, what became of them in.

Behind the same interface as the paper venue. Every connection begins with reconciliation: clock, rules, account stream, open orders, balances,
then a question about every order that may have changed; no order leaves before all of them are answered. An order is sent at most once:
whatever is not known of it afterwards is asked for by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent
from app.net.backoff import Rng
from app.net.connection import Link, LinkPolicy
from app.platform.interfaces import Clock, Scheduler, Sockets

from ..execution import Ledger, Outcome, Rank, Refused, Reply
from ..real import RealExecution
from ..wire import WireError
from . import admission, orders
from .answers import Answers
from .api import BAD_TIME, POLICY, URL, Api, Credentials, Ready, Request
from .filters import Rules
from .replacing import terms
from .setup import Setup

PLACE = "order.place"
ORDER_WAIT_S = 1.0
"""How long an order may wait for room under the venue's limits before it is given up unsent."""


class BinanceTrading(RealExecution):
    """Binance spot behind `RealExecution`."""

    name, title = "binance", "Binance"
    is_spot = moves_anew = True
    order_types = tuple(kind.value for kind in orders.TYPES)
    tifs = tuple(tif.value for tif in orders.TIFS)

    def __init__(
        self,
        *,
        sockets: Sockets,
        clock: Clock,
        scheduler: Scheduler,
        rng: Rng,
        instruments: Mapping[str, Instrument],
        ledger: Ledger,
        report: Callable[[list[Event]], object],
        changed: Callable[[], object],
        url: str = "",
        policy: LinkPolicy = POLICY,
    ) -> None:
        super().__init__(clock, scheduler, instruments, ledger, report, changed)
        self.balances: dict[str, tuple[Decimal, Decimal]] = {}
        self._placing: dict[str, Request] = {}
        self._ready_to_place: dict[str, tuple[OrderIntent, Ready]] = {}
        """Of the last orders that were to be sent once they were journalled."""
        self.api = Api(
            url or URL,
            sockets,
            clock,
            scheduler,
            rng,
            on_open=lambda: scheduler.create_task(self._setup.run()),
            on_event=self._heard,
            on_lost=self._lost,
            on_status=self._status,
            policy=policy,
        )
        self._setup = Setup(self.api, self)
        self._answers = Answers(self.api, ledger, clock, self)

    @property
    def link(self) -> Link:
        """The one connection."""
        return self.api.link

    @property
    def trouble(self) -> str:
        """What is waited for."""
        return self.api.budget.trouble if self.api.budget.delay_s(Rank.CANCEL, 1, self._clock.monotonic_ns()) > 0 else ""

    def start(self, credentials: Credentials) -> None:
        """Connect with a key, and stay connected."""
        self.problem = ""
        self.api.start(credentials)
        self._changed()

    def _disconnect(self) -> None:
        self.api.stop()

    def adopt(self, orders: Iterable[Any], positions: Mapping[str, Decimal] | None = None) -> None:
        """Another journal is open: what was remembered of the one before is forgotten."""
        super().adopt(orders, positions)
        self._placing.clear()
        self._ready_to_place.clear()

    # orders

    def _admission(self, intent: OrderIntent, item: Instrument, rules: Rules) -> Refused | None:
        return admission.order(intent, item, rules, self.balances, self._ledger.mark(intent.symbol), self._working(intent.symbol))

    def _amendment(self, order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> Refused | None:
        item, to = self.instruments[order.symbol], terms(order, qty, price, stop)
        mark = self._ledger.mark(order.symbol)
        return admission.amendment(order, to, item, self.rules[order.symbol], self.balances, mark, self._working(order.symbol))

    def rest_refusal(self, rest: OrderIntent) -> str:
        """Why what is left of an order that was cancelled for it is not placed, by the venue's rules; "" when it may be."""
        refused = self.rules[rest.symbol].refusal(rest, orders.kind_of(rest) or "", self._ledger.mark(rest.symbol), self._working(rest.symbol) - 1)
        return refused.reason if refused is not None else ""

    def too_little(self, symbol: str, qty: Decimal, price: Decimal | None) -> str:
        """Why so small a quantity of an instrument is not traded at a price (None: at market), in words; "" when it is, or its rules are not known yet."""
        rules = self.rules.get(symbol)
        return rules.too_little(qty, price, self._ledger.mark(symbol)) if rules is not None else ""

    def _working(self, symbol: str) -> int:
        """How many orders of a symbol work; of all symbols where the venue allows more than these of one, or any number."""
        working, most = self._ledger.working(), self.rules[symbol].max_orders
        if not most or len(working) < most:
            return len(working)
        return [order.intent.symbol for order in working].count(symbol)

    def make_ready(self, intents: Iterable[OrderIntent]) -> None:
        """Sign these orders while they are being journalled."""
        if self._ready:
            known = ((intent, self.instruments.get(intent.symbol)) for intent in intents)
            self._ready_to_place = {
                intent.client_order_id: (intent, self.api.make_ready(PLACE, orders.place(intent, item.native))) for intent, item in known if item is not None
            }

    def _place(self, intent: OrderIntent, item: Instrument) -> None:
        cid = intent.client_order_id
        of, ready = self._ready_to_place.pop(cid, (None, None))
        if of is not intent:  # another order had its id, and was not journalled
            ready = None
        self._placing[cid] = self.api.ask(
            PLACE,
            orders.place(intent, item.native) if ready is None else ready.params,
            lambda reply: self._placed(intent, item, reply),
            rank=Rank.REDUCE if intent.reduce_only else Rank.ORDER,
            on_sent=lambda: self.note_sent(cid),
            wait_s=ORDER_WAIT_S,
            ready=ready,
        )

    def _placed(self, intent: OrderIntent, item: Instrument, reply: Reply) -> None:
        self._placing.pop(intent.client_order_id, None)
        self._answers.placed(intent, item, reply)

    def _cancel(self, order: Any, item: Instrument) -> None:
        cid = order.client_order_id
        placing = self._placing.get(cid)
        if placing is not None and self.api.withdraw(placing):
            del self._placing[cid]
            self.report([events.OrderRejected(self._clock.now_ns(), cid, "not_sent", "it was cancelled before it left this desk")])
            return
        if self._answers.moving.stops(cid) or self._answers.replacing.delays_cancel(cid):
            return
        self.api.ask("order.cancel", self._answers.named(order, item), lambda reply: self._answers.cancelled(cid, reply), rank=Rank.CANCEL)

    def _amend(
        self, order: Any, item: Instrument, qty: Decimal | None, price: Decimal | None, stop: Decimal | None, trail: Decimal | None
    ) -> None:
        """One that only becomes smaller keeps its place; any other is replaced, in two steps where it is partly filled."""
        to = terms(order, qty, price, stop)
        if not admission.makes_smaller(order, to) or not self.rules[order.symbol].can_amend:
            send = self._answers.moving.send if order.filled else self._answers.replacing.send
            send(order, item, to, ORDER_WAIT_S)
            return
        number = orders.number(qty - self._answers.before(order.client_order_id))
        params = {**self._answers.named(order, item), "newQty": number, "newClientOrderId": order.client_order_id}
        if order.intent.origin == "venue":
            params.pop("newClientOrderId")
        method = "order.amend.keepPriority"
        self.api.ask(method, params, lambda reply: self._answers.amended(order, qty, reply), rank=Rank.REDUCE, weight=4, wait_s=ORDER_WAIT_S)

    def _ask(self, order: Any, item: Instrument) -> None:
        cid, named = order.client_order_id, self._answers.named(order, item)
        self.asked(cid, self.api.ask("order.status", named, lambda reply: self._answers.told(order, item, reply), rank=Rank.QUERY, weight=4))

    # what the account holds

    def holdings(self) -> dict[str, Decimal]:
        """What the venue holds, by asset, locked or not."""
        return {asset: free + locked for asset, (free, locked) in self.balances.items()}

    def entry_price(self, _asset: str) -> None:
        """The venue does not say what a holding was bought for."""

    def look_again(self) -> None:
        """Ask for the balances: a report of them may have been lost."""
        self.api.ask("account.status", {}, self._account, rank=Rank.QUERY, weight=20)

    def _account(self, reply: Reply) -> None:
        if reply.outcome is Outcome.DONE:
            try:
                self.balances = orders.balances(reply.result["balances"])
            except (WireError, KeyError, TypeError):
                return
            self._changed()

    # set-up and the account's stream tell

    def learnt(self, rules: dict[str, Rules]) -> None:
        """The trading rules, by symbol."""
        self.rules = rules

    def reconcile(self, account: dict, working: list[orders.State]) -> None:
        """Account and open orders are known: adopt what is not ours, ask about what is."""
        uid = account.get("uid")
        if foreign := self._ledger.belongs(str(uid) if type(uid) is int else "", *orders.fees(account)):
            self.refused(foreign)
            return
        self.balances = orders.balances(account["balances"])
        self._asking.clear()
        for state in working:
            if (item := self._answers.instrument(state.symbol)) is not None and self._answers.cid(state.symbol, state.order_id, state.client_order_id) is None:
                self._asking.add(self._answers.adopt(state, item))
        self._ask_about_everything()

    def _heard(self, event: dict) -> None:
        try:
            kind = event.get("e")
            if kind == "executionReport":
                self._answers.execution(event)
            elif kind == "outboundAccountPosition":
                self.balances |= orders.balances(event["B"], "a", "f", "l")
                self._changed()
        except (WireError, KeyError):
            self.api.link.reconnect("a report of the account could not be read: everything is asked about")

    def heed(self, reply: Reply) -> None:
        """A time stamp was wrong: the venue's clock is asked for."""
        if reply.code == BAD_TIME:
            self._setup.measure_clock()
