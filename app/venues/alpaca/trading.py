"""Alpaca as an execution venue: orders over REST, reports over the account's stream, reconciled against what the venue says.

Nothing leaves before the account is reconciled and armed; whatever has no usable answer is asked about by its own id and never sent
again. What the desk knows is handed in as `Ledger`; nothing is decided twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderStatus, VenueWord
from app.net.backoff import Rng
from app.net.connection import LinkPolicy, LinkState, LinkStatus
from app.platform.interfaces import Clock, Http, Scheduler, Sockets

from ..execution import Ledger, Refused
from ..wire import ERRORS
from . import orders, rules
from .answers import Answers
from .api import Api
from .holdings import Holdings
from .looking import AFTER_S, EVERY_S, Looking
from .places import Credentials
from .rules import Rules
from .sending import Sending
from .setup import Picture, Setup
from .updates import POLICY, Updates
from .way import Way

SENT_TOLD_S = 0.05
_WORDS_KEPT = 500


class AlpacaTrading:
    """An ExecutionVenue. ``report`` takes events, ``changed()`` is called when state, balances or readiness have changed."""

    name = "alpaca"
    order_types = tuple(kind.value for kind in orders.TYPES)
    tifs = tuple(tif.value for tif in orders.TIFS)

    def __init__(
        self,
        *,
        sockets: Sockets,
        http: Http,
        own_proxy: Callable[[], Awaitable[str]],
        clock: Clock,
        scheduler: Scheduler,
        rng: Rng,
        instruments: Mapping[str, Instrument],
        ledger: Ledger,
        report: Callable[[list[Event]], object],
        changed: Callable[[], object],
        refined: Callable[[list[Instrument]], object] = lambda _instruments: None,
        policy: LinkPolicy = POLICY,
    ) -> None:
        self.instruments = {symbol: item for symbol, item in instruments.items() if item.venue == self.name}
        self.rules: dict[str, Rules] = {}
        self.held = Holdings()
        self.problem = ""
        """Why the venue refuses this account altogether; it is not asked again before somebody does something about it."""
        self.armed = False
        """Real orders may leave."""
        self.answered: Callable[[str, int], object] = lambda _client_order_id, _as_of_ns: None
        """Called when a whole answer about an order has come, true at a time (monotonic ns) or later."""
        self._sockets, self._clock, self._scheduler, self._rng, self._policy = sockets, clock, scheduler, rng, policy
        self._ledger, self._pass_on, self._changed, self._refined = ledger, report, changed, refined
        self._sent: list[Event] = []
        self._words: dict[str, VenueWord] = {}
        self._ready = self._collecting = False
        self._asking: set[str] = set()
        """Orders whose answers reconciliation waits for."""
        self.updates: Updates | None = None
        self.api = Api(Way(http, own_proxy), clock, scheduler)
        self._answers = Answers(self.api, ledger, clock, self)
        self._sending = Sending(self.api, self._answers, ledger, clock, self)
        self._setup = Setup(self.api, self)
        self._looking = Looking(self._setup, ledger, scheduler, self)

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
        status = self.updates.link.status if self.updates is not None else None
        if self.problem:
            return "refused", self.problem
        if status is None or status.state in (LinkState.OFFLINE, LinkState.STOPPED):
            return "off", ""
        if status.state is LinkState.WAITING:
            return "waiting", status.detail
        if status.state is LinkState.CONNECTING:
            return "connecting", ""
        if not self._ready:
            return "reconciling", self._setup.step or (f"waiting for answers about {len(self._asking)} orders" if self._asking else "logging on")
        return "ready", self.api.trouble or self._setup.passed_over

    def start(self, credentials: Credentials) -> None:
        """Connect with a key, and stay connected."""
        if self.updates is not None:
            self.updates.stop()
        self.problem = ""
        self._setup.forget()
        self.api.credentials = credentials
        self.updates = Updates(
            credentials,
            self._sockets,
            self._clock,
            self._scheduler,
            self._rng,
            on_listening=self._listening,
            on_report=self._heard,
            on_lost=self._lost,
            on_refused=self.refused,
            on_status=self._status,
            policy=self._policy,
        )
        self.updates.start()
        self._changed()

    def stop(self) -> None:
        """Disconnect; what has no answer yet is unknown."""
        self.armed = False
        self._gone("the connection was closed")
        if self.updates is not None:
            self.updates.stop()
        self.updates = self.api.credentials = None
        self.report([])
        self._changed()

    def know(self, instruments: Iterable[Instrument]) -> None:
        """More instruments of the venue, or the same with rules learnt since."""
        for item in instruments:
            if item.venue == self.name:
                fresh = item.symbol not in self.instruments
                self.instruments[item.symbol] = item
                if fresh and self.updates is not None:
                    self.reconnect("more instruments are known")

    def adopt(self, _orders: Iterable[Any], _positions: Mapping[str, Decimal] | None = None) -> None:
        """Another journal is open: what was remembered of the one before is forgotten."""
        self._answers.forget()
        self._sending.forget()
        self._words.clear()
        self._sent.clear()

    def on_market(self, _batch: list) -> None:
        """The venue sees the market itself."""

    def close(self) -> None:
        """The journal is being closed."""
        self.stop()

    def reconnect(self, reason: str) -> None:
        """What the network did meanwhile is not known: begin anew."""
        if self.updates is not None:
            self.updates.link.reconnect(reason)

    def retry_now(self) -> None:
        """The network is back: do not wait for the next try."""
        if self.updates is not None:
            self.updates.link.retry_now()

    def holdings(self) -> dict[str, Decimal] | None:
        """Cash, and positions by symbol (short below zero); None while an execution has changed them and they are asked for."""
        return self.held.total()

    def differ(self, asset: str, ours: Decimal, theirs: Decimal) -> bool:
        """Whether two amounts are not the same."""
        return self.held.differ(asset, ours, theirs)

    def entry_price(self, asset: str) -> Decimal | None:
        """What a position was bought (or sold short) for on average."""
        return self.held.entry_price(asset)

    def refusal(self, intent: OrderIntent) -> Refused | None:
        """Why an order would not be sent now; None when it would."""
        if not self.armed:
            return Refused("not_armed", None, "Real orders are not armed.", "Arm them on the vault page; nothing was sent.")
        if not self._ready or self.held.account is None:
            word, why = self.state
            return Refused("venue_not_ready", None, f"Alpaca is not ready ({word}{': ' + why if why else ''}).", "Wait until it is; nothing was sent.")
        item, found = self.instruments.get(intent.symbol), self.rules.get(intent.symbol)
        if item is None or found is None:
            return Refused("venue_symbol", "symbol", f"{intent.symbol} is not traded with the Alpaca account.", "Choose an instrument of Alpaca.")
        present = rules.Present(self.held.account, self.held.positions.get(item.native), self._ledger.mark(intent.symbol))
        return rules.refusal(intent, found, present)

    def amend_refusal(self, order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> Refused | None:
        """Why an amendment would not be sent now; None when it would. What this desk holds is its own."""
        if order.status is OrderStatus.HELD:
            return None
        if not self._ready:
            return Refused("venue_not_ready", None, "Alpaca is not ready.", "Wait until it is; nothing was sent.")
        return rules.amendment(order, qty, price, stop)

    def submit(self, intent: OrderIntent) -> None:
        """Send an order, at most once."""
        cid = intent.client_order_id
        if (refused := self.refusal(intent)) is not None:
            self.report([events.OrderRejected(self._now(), cid, refused.code, f"{refused.reason} Nothing was sent.")])
            return
        self._sending.place(intent, self.instruments[intent.symbol].native, lambda: self._note_sent(cid))

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel; one that gets no answer is asked for again by the desk."""
        order = self._ledger.order(client_order_id)
        if order is None or order.symbol not in self.instruments:
            return
        self._sending.cancel(order)

    def amend(self, client_order_id: str, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> None:
        """Have an order replaced by one with other values; it is the same order here."""
        order = self._ledger.order(client_order_id)
        refused = Refused("venue_amend", None, "the order is not known", "") if order is None else self.amend_refusal(order, qty, price, stop)
        if refused is not None:
            self.report([events.OrderChangeRefused(self._now(), client_order_id, "amend", refused.code, refused.reason)])
            return
        self._sending.amend(order, qty, price, stop)

    def query(self, client_order_id: str) -> None:
        """Ask what became of an order; without a connection the desk asks again later."""
        order = self._ledger.order(client_order_id)
        if order is None or (item := self.instruments.get(order.symbol)) is None:
            return
        if self._collecting:
            self._asking.add(client_order_id)
        self._answers.ask(order, item)

    def look_again(self) -> None:
        """Ask for what the venue holds: a report of it may have been lost."""
        self._looking.soon(0.0)

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
        if executions := sum(isinstance(event, events.OrderFilled) for event in found):
            self.held.executions += executions
            self._looking.soon()

    # what answers ask

    def is_placing(self, client_order_id: str) -> bool:
        """Whether an order is on its way and has no answer yet."""
        return self._sending.is_placing(client_order_id)

    def is_amending(self, client_order_id: str) -> bool:
        """Whether an amendment is on its way and has no answer yet."""
        return self._sending.is_amending(client_order_id)

    def works(self, client_order_id: str, order_id: str) -> None:
        """An order works under this name there."""
        self._sending.works(client_order_id, order_id)

    def words(self) -> Mapping[str, VenueWord]:
        """What the venue said last of each order that it was asked about, or told of."""
        return self._words

    def saw(self, client_order_id: str, word: VenueWord) -> None:
        """The venue said how an order is."""
        self._words.pop(client_order_id, None)
        self._words[client_order_id] = word
        if len(self._words) > _WORDS_KEPT:
            del self._words[next(iter(self._words))]

    def settled(self, client_order_id: str, as_of_ns: int) -> None:
        """A whole answer about an order has come."""
        self.answered(client_order_id, as_of_ns)
        self.passed(client_order_id)

    def passed(self, client_order_id: str) -> None:
        """Reconciliation waits for an answer about an order no longer."""
        if client_order_id in self._asking:
            self._asking.discard(client_order_id)
            self._settle()

    # set-up tells

    @property
    def connection(self) -> int:
        """Which connection is open: the number of those before it, and one."""
        return self.updates.link.connections if self.updates is not None else 0

    def is_on(self, connection: int) -> bool:
        """Whether this connection is the one that is open."""
        return self.updates is not None and self.updates.link.is_open and self.updates.link.connections == connection

    def learnt(self, found: dict[str, Rules]) -> None:
        """The rules, by symbol."""
        self.rules = found
        better = {
            symbol: rules.instrument(item.native, symbol, found[symbol], self._ledger.mark(symbol))
            for symbol, item in self.instruments.items()
            if symbol in found
        }
        if changed := [item for symbol, item in better.items() if item != self.instruments[symbol]]:
            self._refined(changed)

    def refused(self, words: str) -> None:
        """The venue refuses the key: it is not tried again by itself."""
        self.problem = words
        self._gone(words)
        if self.updates is not None:
            self.updates.stop()
        self._changed()

    def step(self) -> None:
        """Set-up got on."""
        self._changed()

    def reconcile(self, picture: Picture) -> None:
        """Account and open orders are known: adopt what is not ours, ask about what is."""
        if foreign := self._ledger.belongs(picture.account.uid, Decimal(0), Decimal(0)):
            self.refused(foreign)
            return
        self._asking.clear()
        self.take(picture)
        self.api.release()
        self._collecting = True
        self._ledger.ask_about_everything()
        self._collecting = False
        self._settle()

    def take(self, picture: Picture) -> set[str | None]:
        """What the venue holds and works on; the ids here of all that works there."""
        self.held.take(picture)
        for state in picture.working:
            if (item := self._answers.instrument(state.symbol)) is not None and self._answers.cid(state) is None:
                try:
                    cid = self._answers.adopt(state, item)
                except ERRORS:
                    continue  # one of a kind that is not known must not hold up the others
                self._asking.add(cid)
        return {self._answers.cid(state) for state in picture.working}

    # the connection

    def _listening(self) -> None:
        self._scheduler.create_task(self._setup.run(self.connection))

    def _heard(self, data: dict) -> None:
        self._answers.heard(data)
        if data.get("event") in ("canceled", "expired", "rejected", "replaced"):
            self._looking.soon()  # what was set aside is free again

    def _status(self, _status: LinkStatus) -> None:
        self._changed()

    def _lost(self, reason: str) -> None:
        self._gone(reason)
        self._changed()

    def _gone(self, reason: str) -> None:
        self._ready = False
        self._asking.clear()
        self._setup.lost()
        self._looking.stop()
        self.api.hold(reason)

    def _settle(self) -> None:
        """Reconciled once nothing is left to be answered."""
        ready = not self._asking and not self.api.held and self.updates is not None and self.updates.link.is_open
        if ready and not self._ready:
            self._looking.soon(AFTER_S if self.held.stale else EVERY_S)
        self._ready = ready
        self._changed()

    def _now(self) -> int:
        return self._clock.now_ns()
