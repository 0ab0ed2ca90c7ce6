"""Alpaca as an execution venue: orders over REST, reports over the account's stream, reconciled against what the venue says.

Nothing leaves before the account is reconciled and armed; whatever has no usable answer is asked about by its own id and never sent
again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent
from app.net.backoff import Rng
from app.net.connection import Link, LinkPolicy
from app.platform.interfaces import Clock, Http, Scheduler, Sockets

from ..execution import Ledger, Refused
from ..real import RealExecution
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


class AlpacaTrading(RealExecution):
    """Alpaca behind `RealExecution`. ``refined`` is called with instruments whose rules are known better."""

    name, title = "alpaca", "Alpaca"
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
        super().__init__(clock, scheduler, instruments, ledger, report, changed)
        self.held = Holdings()
        self.updates: Updates | None = None
        self._sockets, self._rng, self._policy, self._refined = sockets, rng, policy, refined
        self.api = Api(Way(http, own_proxy), clock, scheduler)
        self._answers = Answers(self.api, ledger, clock, self)
        self._sending = Sending(self.api, self._answers, ledger, clock, self)
        self._setup = Setup(self.api, self)
        self._looking = Looking(self._setup, ledger, scheduler, self)

    @property
    def link(self) -> Link | None:
        """The connection of the account's stream."""
        return self.updates.link if self.updates is not None else None

    @property
    def trouble(self) -> str:
        """What is waited for, or what is not shown."""
        return self.api.trouble or self._setup.passed_over

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

    def _disconnect(self) -> None:
        if self.updates is not None:
            self.updates.stop()
        self.updates = self.api.credentials = None

    def adopt(self, orders: Iterable[Any], positions: Mapping[str, Decimal] | None = None) -> None:
        """Another journal is open: what was remembered of the one before is forgotten."""
        super().adopt(orders, positions)
        self._sending.forget()

    # orders

    def _admission(self, intent: OrderIntent, item: Instrument, found: Rules) -> Refused | None:
        present = rules.Present(self.held.account, self.held.positions.get(item.native), self._ledger.mark(intent.symbol))
        return rules.refusal(intent, found, present)

    def _amendment(self, order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> Refused | None:
        return rules.amendment(order, qty, price, stop)

    def _place(self, intent: OrderIntent, item: Instrument) -> None:
        self._sending.place(intent, item.native, lambda: self.note_sent(intent.client_order_id))

    def _cancel(self, order: Any, _item: Instrument) -> None:
        self._sending.cancel(order)

    def _amend(
        self, order: Any, _item: Instrument, qty: Decimal | None, price: Decimal | None, stop: Decimal | None, trail: Decimal | None
    ) -> None:
        self._sending.amend(order, qty, price, stop, trail)

    def _ask(self, order: Any, item: Instrument) -> None:
        self._answers.ask(order, item)

    def report(self, found: list[Event]) -> None:
        """Pass events on, after what was sent before them; an execution changes what is held."""
        super().report(found)
        if executions := sum(isinstance(event, events.OrderFilled) for event in found):
            self.held.executions += executions
            self._looking.soon()

    # what the account holds

    def holdings(self) -> dict[str, Decimal] | None:
        """Cash, and positions by symbol (short below zero); None while an execution has changed them and they are asked for."""
        return self.held.total()

    def differ(self, asset: str, ours: Decimal, theirs: Decimal) -> bool:
        """Whether two amounts are not the same."""
        return self.held.differ(asset, ours, theirs)

    def entry_price(self, asset: str) -> Decimal | None:
        """What a position was bought (or sold short) for on average."""
        return self.held.entry_price(asset)

    def look_again(self) -> None:
        """Ask for what the venue holds: a report of it may have been lost."""
        self._looking.soon(0.0)

    # what answers ask

    def is_placing(self, client_order_id: str) -> bool:
        """Whether an order is on its way and has no answer yet."""
        return self._sending.is_placing(client_order_id)

    def is_amending(self, client_order_id: str) -> bool:
        """Whether an amendment is on its way and has no answer yet."""
        return self._sending.is_amending(client_order_id)

    def is_before(self, client_order_id: str, as_of_ns: int) -> bool:
        """Whether what was true then may be from before an amendment."""
        return self._sending.is_before(client_order_id, as_of_ns)

    def works(self, client_order_id: str, order_id: str) -> None:
        """An order works under this name there."""
        self._sending.works(client_order_id, order_id)

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

    def reconcile(self, picture: Picture) -> None:
        """Account and open orders are known: adopt what is not ours, ask about what is."""
        if foreign := self._ledger.belongs(picture.account.uid, Decimal(0), Decimal(0)):
            self.refused(foreign)
            return
        self._asking.clear()
        self.take(picture)
        self._ask_about_everything()

    def take(self, picture: Picture) -> set[str | None]:
        """What the venue holds and works on; the ids here of all that works there."""
        self.held.take(picture)
        for state in picture.working:
            cid = self._answers.cid(state)
            if cid is not None:
                self.report(self._answers.follow(cid, state))
            elif (item := self._answers.instrument(state.symbol)) is not None:
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

    def _gone(self, reason: str) -> None:
        super()._gone(reason)
        self._looking.stop()
        self.api.hold(reason)

    def _settle(self) -> None:
        before = self._ready
        super()._settle()
        if self._ready and not before:
            self._looking.soon(AFTER_S if self.held.stale else EVERY_S)
