"""Execution on Binance spot through its WebSocket API: orders out, what became of them in.

Behind the same interface as the paper venue. Every connection begins with reconciliation: clock, rules, account stream, open orders, balances,
then a question about every order that may have changed; no order leaves before all of them are answered. An order is sent at most once:
whatever is not known of it afterwards is asked for by its id. What the desk knows is handed in as `Ledger`; nothing is decided twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderStatus, VenueWord
from app.net.backoff import Rng
from app.net.connection import LinkPolicy, LinkState, LinkStatus
from app.platform.interfaces import Clock, Scheduler, Sockets

from ..execution import Ledger, Outcome, Rank, Refused, Reply
from ..wire import WireError
from . import admission, orders
from .answers import Answers
from .api import BAD_TIME, POLICY, URL, Api, Credentials, Request
from .filters import Rules
from .setup import Setup

ORDER_WAIT_S = 1.0
"""How long an order may wait for room under the venue's limits before it is given up unsent."""
SENT_TOLD_S = 0.05
_WORDS_KEPT = 500


class BinanceTrading:
    """An ExecutionVenue. ``report`` takes events, ``changed()`` is called when state, balances or readiness have changed."""

    name = "binance"
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
        self.instruments = {symbol: item for symbol, item in instruments.items() if item.venue == self.name}
        self.rules: dict[str, Rules] = {}
        self.balances: dict[str, tuple[Decimal, Decimal]] = {}
        self.problem = ""
        """Why the venue refuses this account altogether; it is not asked again before somebody does something about it."""
        self.armed = False
        """Real orders may leave."""
        self.answered: Callable[[str, int], object] = lambda _client_order_id, _as_of_ns: None
        """Called when a whole answer about an order has come, true at a time (monotonic ns) or later."""
        self._clock, self._scheduler = clock, scheduler
        self._ledger, self._pass_on, self._changed = ledger, report, changed
        self._sent: list[Event] = []
        self._ready = False
        self._asking: set[str] = set()
        """Orders whose answers reconciliation waits for."""
        self._collecting = False
        self._placing: dict[str, Request] = {}
        self._words: dict[str, VenueWord] = {}
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

    # the desk's side

    @property
    def is_ready(self) -> bool:
        """Connected, and everything known: orders may leave."""
        return self._ready

    @property
    def takes_orders(self) -> bool:
        """Orders that this desk holds may be released now."""
        return self._ready and self.armed

    @property
    def state(self) -> tuple[str, str]:
        """One word and why: off, refused, connecting, reconciling, ready, waiting."""
        link = self.api.link.status
        if self.problem:
            return "refused", self.problem
        if link.state in (LinkState.OFFLINE, LinkState.STOPPED):
            return "off", ""
        if link.state is LinkState.WAITING:
            return "waiting", link.detail
        if link.state is LinkState.CONNECTING:
            return "connecting", ""
        if not self._ready:
            return "reconciling", self._setup.step or f"waiting for answers about {len(self._asking)} orders"
        return "ready", self.api.budget.trouble if self.api.budget.delay_s(Rank.CANCEL, 1, self._clock.monotonic_ns()) > 0 else ""

    def start(self, credentials: Credentials) -> None:
        """Connect with a key, and stay connected."""
        self.problem = ""
        self.api.start(credentials)
        self._changed()

    def stop(self) -> None:
        """Disconnect; what has no answer yet is unknown."""
        self._ready = False
        self.armed = False
        self.api.stop()
        self.report([])
        self._changed()

    def know(self, instruments: Iterable[Instrument]) -> None:
        """More instruments of the venue, known late: their rules come with the next connection."""
        more = {item.symbol: item for item in instruments if item.venue == self.name and item.symbol not in self.instruments}
        self.instruments.update(more)
        if more and self.api.link.is_open:
            self.api.link.reconnect("more instruments are known")

    def adopt(self, _orders: Iterable[Any], _positions: Mapping[str, Decimal] | None = None) -> None:
        """Another journal is open: what was remembered of the one before is forgotten."""
        self._answers.forget()
        self._placing.clear()
        self._sent.clear()
        self._words.clear()

    def on_market(self, _batch: list) -> None:
        """The venue sees the market itself."""

    def close(self) -> None:
        """The journal is being closed."""
        self.stop()

    def refusal(self, intent: OrderIntent) -> Refused | None:
        """Why an order would not be sent now; None when it would."""
        if not self.armed:
            return Refused("not_armed", None, "Real orders are not armed.", "Arm them on the vault page; nothing was sent.")
        if not self._ready:
            word, why = self.state
            return Refused("venue_not_ready", None, f"Binance is not ready ({word}{': ' + why if why else ''}).", "Wait until it is; nothing was sent.")
        item, rules = self.instruments.get(intent.symbol), self.rules.get(intent.symbol)
        if item is None or rules is None:
            return Refused("venue_symbol", "symbol", f"{intent.symbol} is not traded with the Binance account.", "Choose an instrument of Binance.")
        working = sum(1 for order in self._ledger.working() if order.symbol == intent.symbol)
        return admission.order(intent, item, rules, self.balances, self._ledger.mark(intent.symbol), working)

    def amend_refusal(self, order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> Refused | None:
        """Why an amendment would not be sent now; None when it would. What this desk holds is its own."""
        if order.status is OrderStatus.HELD:
            return None
        rules = self.rules.get(order.symbol)
        if not self._ready or rules is None:
            return Refused("venue_not_ready", None, "Binance is not ready.", "Wait until it is; nothing was sent.")
        return admission.amendment(order, rules, qty, price, stop)

    def submit(self, intent: OrderIntent) -> None:
        """Send an order, at most once."""
        cid = intent.client_order_id
        if (refused := self.refusal(intent)) is not None:
            self.report([events.OrderRejected(self._now(), cid, refused.code, f"{refused.reason} Nothing was sent.")])
            return
        item = self.instruments[intent.symbol]
        self._placing[cid] = self.api.ask(
            "order.place",
            orders.place(intent, item.native),
            lambda reply: self._placed(intent, item, reply),
            rank=Rank.REDUCE if intent.reduce_only else Rank.ORDER,
            on_sent=lambda: self._note_sent(cid),
            wait_s=ORDER_WAIT_S,
        )

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel; one that gets no answer is asked for again by the desk."""
        order = self._ledger.order(client_order_id)
        if order is None or (item := self.instruments.get(order.symbol)) is None:
            return
        placing = self._placing.get(client_order_id)
        if placing is not None and self.api.withdraw(placing):
            del self._placing[client_order_id]
            self.report([events.OrderRejected(self._now(), client_order_id, "not_sent", "it was cancelled before it left this desk")])
            return
        params = self._answers.named(order, item)
        self.api.ask("order.cancel", params, lambda reply: self._answers.cancelled(client_order_id, reply), rank=Rank.CANCEL)

    def amend(self, client_order_id: str, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> None:
        """Make an order smaller; it keeps its id and its place."""
        order = self._ledger.order(client_order_id)
        refused = Refused("venue_amend", None, "the order is not known", "") if order is None else self.amend_refusal(order, qty, price, stop)
        if refused is not None:
            self.report([events.OrderChangeRefused(self._now(), client_order_id, "amend", refused.code, refused.reason)])
            return
        item = self.instruments[order.symbol]
        params = {**self._answers.named(order, item), "newQty": orders.number(qty), "newClientOrderId": order.client_order_id}
        if order.intent.origin == "venue":
            params.pop("newClientOrderId")
        method = "order.amend.keepPriority"
        self.api.ask(method, params, lambda reply: self._answers.amended(order, qty, reply), rank=Rank.REDUCE, weight=4, wait_s=ORDER_WAIT_S)

    def query(self, client_order_id: str) -> None:
        """Ask what became of an order; without a connection the desk asks again later."""
        order = self._ledger.order(client_order_id)
        if order is None or (item := self.instruments.get(order.symbol)) is None:
            return
        if self._collecting:
            self._asking.add(client_order_id)
        self.api.ask("order.status", self._answers.named(order, item), lambda reply: self._answers.told(order, item, reply), rank=Rank.QUERY, weight=4)

    def words(self) -> Mapping[str, VenueWord]:
        """What the venue said last of each order that it was asked about, or told of."""
        return self._words

    def saw(self, client_order_id: str, word: VenueWord) -> None:
        """The venue said how an order is."""
        self._words.pop(client_order_id, None)
        self._words[client_order_id] = word
        if len(self._words) > _WORDS_KEPT:
            del self._words[next(iter(self._words))]

    def reconnect(self, reason: str) -> None:
        """What the network did meanwhile is not known: begin anew."""
        self.api.link.reconnect(reason)

    def retry_now(self) -> None:
        """The network is back: do not wait for the next try."""
        self.api.link.retry_now()

    def holdings(self) -> dict[str, Decimal]:
        """What the venue holds, by asset, locked or not."""
        return {asset: free + locked for asset, (free, locked) in self.balances.items()}

    def entry_price(self, _asset: str) -> None:
        """The venue does not say what a holding was bought for."""

    def look_again(self) -> None:
        """Ask for the balances: a report of them may have been lost."""
        self.api.ask("account.status", {}, self._account, rank=Rank.QUERY, weight=20)

    def _placed(self, intent: OrderIntent, item: Instrument, reply: Reply) -> None:
        self._placing.pop(intent.client_order_id, None)
        self._answers.placed(intent, item, reply)

    def _note_sent(self, cid: str) -> None:
        """Mostly the venue's answer is there in a moment, and both are journalled in one write; a crash before treats the order as sent."""
        self._sent.append(events.OrderSent(self._now(), cid))
        if len(self._sent) == 1:
            self._scheduler.call_later(SENT_TOLD_S, lambda: self.report([]))

    def report(self, found: list[Event]) -> None:
        """Pass events on, after what was sent before them."""
        sent, self._sent = self._sent, []
        if sent or found:
            self._pass_on([*sent, *found])

    # set-up tells

    def learnt(self, rules: dict[str, Rules]) -> None:
        """The trading rules, by symbol."""
        self.rules = rules

    def refused(self, words: str) -> None:
        """The venue refuses the key: it is not tried again by itself."""
        self.problem = words
        self._ready = False
        self.api.stop()
        self._changed()

    def step(self) -> None:
        """Set-up got on."""
        self._changed()

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
        self.api.release()
        self._collecting = True
        self._ledger.ask_about_everything()
        self._collecting = False
        self._settle()

    def _account(self, reply: Reply) -> None:
        if reply.outcome is Outcome.DONE:
            try:
                self.balances = orders.balances(reply.result["balances"])
            except (WireError, KeyError, TypeError):
                return
            self._changed()

    # the account's stream

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

    # the connection

    def _status(self, _status: LinkStatus) -> None:
        self._changed()

    def _lost(self, _reason: str) -> None:
        self._ready = False
        self._asking.clear()
        self._setup.lost()
        self._changed()

    def heed(self, reply: Reply) -> None:
        """A time stamp was wrong: the venue's clock is asked for."""
        if reply.code == BAD_TIME:
            self._setup.measure_clock()

    def settled(self, client_order_id: str, as_of_ns: int) -> None:
        """A whole answer about an order has come."""
        self.answered(client_order_id, as_of_ns)
        if client_order_id in self._asking:
            self._asking.discard(client_order_id)
            self._settle()

    def _settle(self) -> None:
        """Reconciled once nothing is left to be answered."""
        ready = not self._asking and not self.api.held and self.api.link.is_open
        if ready != self._ready:
            self._ready = ready
        self._changed()

    def _now(self) -> int:
        return self._clock.now_ns()
