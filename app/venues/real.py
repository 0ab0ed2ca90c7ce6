"""What execution at a real venue is, whichever venue: a connection that is reconciled before anything leaves, and the orders on it.

Owns readiness, arming, what is waited for, and the order in which things are told. How a venue connects, what it takes and in which words
it is asked is the subclass's. What the desk knows is handed in as `Ledger`; nothing is decided twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderStatus, VenueWord
from app.net.connection import Link, LinkState, LinkStatus
from app.platform.interfaces import Cancellable, Clock, Scheduler

from .execution import BALANCE, Ledger, Refused

SENT_TOLD_S = 0.05
FREE_WAIT_S, FREE_LOOK_S = 1.0, 0.02
"""How long an order waits for what others on their way out still bind, and how often that is looked at."""
_WORDS_KEPT = 500


class RealExecution:
    """An ExecutionVenue. ``report`` takes events, ``changed()`` is called when state, balances or readiness have changed."""

    name = title = ""
    is_spot = takes_pairs = moves_anew = False
    api: Any
    """Requests to the venue: ``held`` until it is reconciled; ``waits(request)``: whether one has not left yet."""
    link: Link | None
    """The connection on which the account is told of; None before there is one."""
    trouble: str
    """What a reconciled connection has to say; "" when nothing."""
    _answers: Any
    _setup: Any

    # what a venue does in its own way
    _disconnect: Callable[[], None]
    _admission: Callable[[OrderIntent, Instrument, Any], Refused | None]
    _amendment: Callable[[Any, Decimal | None, Decimal | None, Decimal | None], Refused | None]
    _place: Callable[[OrderIntent, Instrument], None]
    _cancel: Callable[[Any, Instrument], None]
    _amend: Callable[[Any, Instrument, Decimal | None, Decimal | None, Decimal | None, Decimal | None], None]
    _ask: Callable[[Any, Instrument], None]
    look_again: Callable[[], None]

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        instruments: Mapping[str, Instrument],
        ledger: Ledger,
        report: Callable[[list[Event]], object],
        changed: Callable[[], object],
    ) -> None:
        self.instruments = {symbol: item for symbol, item in instruments.items() if item.venue == self.name}
        self.rules: dict[str, Any] = {}
        self.problem = ""
        """Why the venue refuses this account altogether; it is not asked again before somebody does something about it."""
        self.armed = False
        """Real orders may leave."""
        self.answered: Callable[[str, int], object] = lambda _client_order_id, _as_of_ns: None
        """Called when a whole answer about an order has come, true at a time (monotonic ns) or later."""
        self._clock, self._scheduler = clock, scheduler
        self._ledger, self._pass_on, self._changed = ledger, report, changed
        self._sent: list[Event] = []
        self._words: dict[str, VenueWord] = {}
        self._ready = self._collecting = False
        self._asking: set[str] = set()
        """Orders whose answers reconciliation waits for."""
        self._waiting: dict[str, Cancellable] = {}
        """Orders that wait until what they need is free."""
        self._questions: dict[str, Any] = {}
        """The last request of the question about each order."""

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
        status = self.link.status if self.link is not None else None
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
        return "ready", self.trouble

    def stop(self) -> None:
        """Disconnect; what has no answer yet is unknown."""
        self.armed, self.problem = False, ""
        self._gone("the connection was closed")
        self._disconnect()
        self.report([])
        self._changed()

    def know(self, instruments: Iterable[Instrument]) -> None:
        """More instruments of the venue, whose rules come with the next connection, or the same with rules learnt since."""
        found = {item.symbol: item for item in instruments if item.venue == self.name}
        fresh = found.keys() - self.instruments.keys()
        self.instruments.update(found)
        if fresh and self.link is not None and self.link.is_open:
            self.reconnect("more instruments are known")

    def adopt(self, _orders: Iterable[Any], _positions: Mapping[str, Decimal] | None = None) -> None:
        """Another journal is open: what was remembered of the one before is forgotten."""
        self._answers.forget()
        self._words.clear()
        self._sent.clear()
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def on_market(self, _batch: list) -> None:
        """The venue sees the market itself."""

    def close(self) -> None:
        """The journal is being closed."""
        self.stop()

    def reconnect(self, reason: str) -> None:
        """What the network did meanwhile is not known: begin anew."""
        if self.link is not None:
            self.link.reconnect(reason)

    def retry_now(self) -> None:
        """The network is back: do not wait for the next try."""
        if self.link is not None:
            self.link.retry_now()

    def refusal(self, intent: OrderIntent) -> Refused | None:
        """Why an order would not be sent now; None when it would."""
        if not self.armed:
            return Refused("not_armed", None, "Real orders are not armed.", "Arm them on the vault page; nothing was sent.")
        if not self._ready:
            word, why = self.state
            return Refused("venue_not_ready", None, f"{self.title} is not ready ({word}{': ' + why if why else ''}).", "Wait until it is; nothing was sent.")
        item, rules = self.instruments.get(intent.symbol), self.rules.get(intent.symbol)
        if item is None or rules is None:
            reason = f"{intent.symbol} is not traded with the {self.title} account."
            return Refused("venue_symbol", "symbol", reason, f"Choose an instrument of {self.title}.")
        return self._admission(intent, item, rules)

    def amend_refusal(self, order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> Refused | None:
        """Why an amendment would not be sent now; None when it would. What this desk holds is its own."""
        if order.status is OrderStatus.HELD:
            return None
        if not self._ready or order.symbol not in self.rules:
            return Refused("venue_not_ready", None, f"{self.title} is not ready.", "Wait until it is; nothing was sent.")
        if not self.armed and not _is_smaller(order, qty, price, stop):
            reason = "Real orders are not armed, and this is more than a smaller quantity."
            return Refused("not_armed", None, reason, "Arm them on the vault page; nothing was sent.")
        return self._amendment(order, qty, price, stop)

    def submit(self, intent: OrderIntent) -> None:
        """Send an order, at most once. What is sent without being asked about before, because it was held or closes all, waits a moment for what orders
        that are being cancelled still bind."""
        refused = self.refusal(intent)
        if refused is not None and refused.code == BALANCE:
            self.look_again()
            self._wait(intent, self._clock.monotonic_ns() + round(FREE_WAIT_S * 1e9))
        else:
            self._submit(intent, refused)

    def _wait(self, intent: OrderIntent, until_ns: int) -> None:
        self._waiting.pop(intent.client_order_id, None)
        refused = self.refusal(intent)
        if refused is None or refused.code != BALANCE:
            self._submit(intent, refused)
        elif self._clock.monotonic_ns() < until_ns:
            self._waiting[intent.client_order_id] = self._scheduler.call_later(FREE_LOOK_S, lambda: self._wait(intent, until_ns))
        else:
            self._submit(intent, None)  # the venue knows best what is free

    def _submit(self, intent: OrderIntent, refused: Refused | None) -> None:
        if refused is not None:
            reason = f"{refused.reason} Nothing was sent."
            self.report([events.OrderRejected(self._clock.now_ns(), intent.client_order_id, refused.code, reason)])
            return
        self._place(intent, self.instruments[intent.symbol])

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel; one that gets no answer is asked for again by the desk."""
        if (timer := self._waiting.pop(client_order_id, None)) is not None:
            timer.cancel()
            self.report([events.OrderRejected(self._clock.now_ns(), client_order_id, "not_sent", "it was cancelled before it left this desk")])
            return
        order = self._ledger.order(client_order_id)
        if order is not None and (item := self.instruments.get(order.symbol)) is not None:
            self._cancel(order, item)

    def amend(
        self, client_order_id: str, qty: Decimal | None, price: Decimal | None, stop: Decimal | None, trail: Decimal | None = None
    ) -> None:
        """Have an order changed; it is the same order here."""
        order = self._ledger.order(client_order_id)
        refused = Refused("venue_amend", None, "the order is not known", "") if order is None else self.amend_refusal(order, qty, price, stop)
        if refused is not None:
            self.report([events.OrderChangeRefused(self._clock.now_ns(), client_order_id, "amend", refused.code, refused.reason)])
            return
        self._amend(order, self.instruments[order.symbol], qty, price, stop, trail)

    def query(self, client_order_id: str) -> bool:
        """Ask what became of an order; without a connection the desk asks again later. False: a question about it waits for its turn already,
        whose answer will be as fresh."""
        order = self._ledger.order(client_order_id)
        if order is None or (item := self.instruments.get(order.symbol)) is None:
            return True
        if self._collecting:
            self._asking.add(client_order_id)
        if self._is_waiting(client_order_id):
            return False
        self._ask(order, item)
        return True

    def words(self) -> Mapping[str, VenueWord]:
        """What the venue said last of each order that it was asked about, or told of."""
        return self._words

    # what requests and answers tell

    def note_sent(self, cid: str) -> None:
        """Mostly the venue's answer is there in a moment, and both are journalled in one write; a crash before treats the order as sent."""
        self._sent.append(events.OrderSent(self._clock.now_ns(), cid))
        if len(self._sent) == 1:
            self._scheduler.call_later(SENT_TOLD_S, lambda: self.report([]))

    def report(self, found: list[Event]) -> None:
        """Pass events on, after what was sent before them."""
        sent, self._sent = self._sent, []
        if sent or found:
            self._pass_on([*sent, *found])

    def saw(self, client_order_id: str, word: VenueWord) -> None:
        """The venue said how an order is."""
        self._words.pop(client_order_id, None)
        self._words[client_order_id] = word
        if len(self._words) > _WORDS_KEPT:
            del self._words[next(iter(self._words))]

    def asked(self, client_order_id: str, request: Any) -> None:
        """This request is, or goes on with, the question about an order."""
        if not self._is_waiting(client_order_id):
            self._questions[client_order_id] = request

    def _is_waiting(self, client_order_id: str) -> bool:
        """Whether a question about an order has not left yet."""
        request = self._questions.get(client_order_id)
        return request is not None and self.api.waits(request)

    def settled(self, client_order_id: str, as_of_ns: int) -> None:
        """A whole answer about an order has come."""
        if not self._is_waiting(client_order_id):
            self._questions.pop(client_order_id, None)
        self.answered(client_order_id, as_of_ns)
        self.passed(client_order_id)

    def passed(self, client_order_id: str) -> None:
        """Reconciliation waits for an answer about an order no longer."""
        if client_order_id in self._asking:
            self._asking.discard(client_order_id)
            self._settle()

    # what set-up and the connection tell

    def refused(self, words: str) -> None:
        """The venue refuses the key: it is not tried again by itself."""
        self.problem = words
        self._gone(words)
        self._disconnect()
        self._changed()

    def step(self) -> None:
        """Set-up got on."""
        self._changed()

    def _ask_about_everything(self) -> None:
        """Account and open orders are known: what is not known of the others is asked."""
        self.api.release()
        self._collecting = True
        self._ledger.ask_about_everything()
        self._collecting = False
        self._settle()

    def _settle(self) -> None:
        """Reconciled once nothing is left to be answered."""
        self._ready = not self._asking and not self.api.held and self.link is not None and self.link.is_open
        self._changed()

    def _status(self, _status: LinkStatus) -> None:
        self._changed()

    def _lost(self, reason: str) -> None:
        self._gone(reason)
        self._changed()

    def _gone(self, _reason: str) -> None:
        self._ready = False
        self._asking.clear()
        self._questions.clear()
        self._setup.lost()


def _is_smaller(order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> bool:
    return qty is not None and qty < order.qty and price in (None, order.price) and stop in (None, order.stop)
