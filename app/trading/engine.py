"""The trading machine: state from journalled events alone, commands that only propose events.

`apply` takes one event and returns effects; it never reads a clock, a price or a random number, so that
state = replay(journal). Commands (`commands`) change nothing: they check against the desk's view and return events for
the desk to journal, apply and carry out, in this order.
An event that cannot be right is applied as far as it is harmless, and listed in ``anomalies``; none is ever fatal.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from app.model import events
from app.model.events import Event
from app.model.orders import (
    Fill,
    OrderIntent,
    OrderStatus,
    OrderType,
    TimeInForce,
)

from . import balances, changes, contracts, notes, splits, states
from .commands import ORIGIN, Commands
from .effects import Effect, Notify, QueryOrder
from .journal import Entry
from .marks import DeskView
from .money import add, mul, plain
from .order import Order
from .portfolio import Portfolio
from .risk.desk import RiskDesk
from .routed import Routed, RoutedOrders
from .shelf import FillShelf, OrderShelf
from .valuation import DAY_NS

_ANOMALIES_KEPT = 1_000


class WallClock(Protocol):
    """UTC wall time in ns."""

    def now_ns(self) -> int:
        """Now."""


class Anomaly(NamedTuple):
    """Something the journal says that should not have been; ``code`` is stable, ``text`` for people."""

    ts: int
    client_order_id: str
    code: str
    text: str


class Engine(Commands):
    """One account's orders, fills and portfolio. ``orders`` and ``fills`` are in journal order."""

    def __init__(self, account: str, clock: WallClock, view: DeskView | None = None) -> None:
        """Commands need ``view``; `apply` and `replay` do not. It may be set later."""
        self.account = account
        self.view = view
        self.currency = ""
        self.orders = OrderShelf()
        self.working: dict[str, Order] = {}
        self.linked: dict[str, Order] = {}
        self.routed = RoutedOrders(self.orders)
        self.risk = RiskDesk(self)
        self.bookings: list[tuple[int, events.CashBooked]] = []
        """Cash that no fill moved, each with the number of fills before it."""
        self.splits: list[tuple[int, events.SplitBooked]] = []
        """Splits, each with the number of fills before it."""
        self.notes: dict[str, events.NoteSet] = {}
        self.unnoted: dict[str, events.NoteSet] = {}
        """What once had a note that was taken away again, with the event that did."""
        self.reconciled: deque[events.Reconciled] = deque(maxlen=50)
        """The last reconciliations; they change nothing."""
        self.adjusted: list[tuple[int, events.BalanceAdjusted]] = []
        """What was taken over from the venue."""
        self.fills = FillShelf()
        self.touched: set[str] = set()
        """Orders that have changed since the last snapshot."""
        self.portfolio = Portfolio()
        self.anomalies: list[Anomaly] = []
        self.anomaly_count = 0
        self.best_seen: Callable[[str], Decimal | None] = lambda _client_order_id: None
        """The best price that a trailing stop held by this desk has followed, where more of it is known than its stop tells."""
        self.last_seq = 0
        self._clock = clock
        self._opening: events.AccountOpened | None = None
        self.balanced = False
        """Whether the journal has taken balances from a venue."""
        self._fill_ids: set[str] = set()
        self._groups: dict[str, list[str]] = {}
        self._orphans: set[str] = set()
        self._sequences: dict[str, int] = {}
        self._missing = 0
        self._missing_at: dict[str, int] = {}
        self._day = 0
        self._day_open = Portfolio()
        self._seen: set[Anomaly] = set()
        self._proposed: dict[str, Order] = {}
        self._tokens: OrderedDict[str, str] = OrderedDict()

    @classmethod
    def replay(cls, account: str, clock: WallClock, entries: Iterable[Entry], view: DeskView | None = None) -> Engine:
        """The engine that these journal entries made. Entries may come twice, out of order, or with holes."""
        engine = cls(account, clock, view)
        for entry in sorted(entries, key=lambda entry: entry.seq):
            engine.apply_entry(entry)
        return engine

    def apply_entry(self, entry: Entry) -> list[Effect]:
        """Apply a numbered event once; a number seen before does nothing, a hole is an anomaly."""
        if entry.seq <= self.last_seq:
            return []
        if entry.seq > self.last_seq + 1:
            self.skip_to(entry.seq - 1)
        self.last_seq = entry.seq
        return self.apply(entry.event)

    def skip_to(self, seq: int) -> None:
        """Entries up to ``seq`` were written once but cannot be read: their numbers and intent sequences stay used."""
        if seq > self.last_seq:
            self._missing += seq - self.last_seq
            self._anomaly(0, "", "journal_hole", f"journal entries {self.last_seq + 1} to {seq} are missing")
            self.last_seq = seq

    def apply(self, event: Event) -> list[Effect]:
        """Take one event into the state; what is to be done about it."""
        day = event.ts // DAY_NS
        if day > self._day:
            self._day = day
            self._day_open = self.portfolio.copy()
        kind = type(event)
        if kind in changes.AMOUNTS and changes.absurd(event):
            return self._anomaly(event.ts, "", "absurd_event", f"{kind.__name__} with absurd amounts was not applied")
        if (take := _TAKES.get(kind)) is not None:
            return take(self, event)
        cid = event.fill.client_order_id if kind is events.OrderFilled else event.client_order_id
        order = self.orders.get(cid)
        if order is None:
            return self._orphan(event, cid)
        return self._changed(order, event)

    @property
    def opening(self) -> events.AccountOpened | None:
        """What opened the account, None before that."""
        return self._opening

    @property
    def opened(self) -> bool:
        """True once the account has its starting cash."""
        return self._opening is not None

    @property
    def missing(self) -> int:
        """How many numbers of the journal are known to have no readable entry."""
        return self._missing

    def day_open(self, now_ns: int) -> Portfolio:
        """The portfolio as it was at 00:00 UTC of the day of ``now_ns``."""
        return self.portfolio if now_ns // DAY_NS > self._day else self._day_open

    def now_ns(self) -> int:
        """UTC wall time."""
        return self._clock.now_ns()

    def knows_fill(self, fill_id: str) -> bool:
        """True when a fill has been applied."""
        return fill_id in self._fill_ids

    def order_for(self, token: str) -> str | None:
        """The client order id that a submit token of this session already stands for."""
        return self._tokens.get(token)

    def find(self, client_order_id: str) -> Order | Routed | None:
        """An order or a routed order."""
        return self.orders.get(client_order_id) or self.routed.by_id.get(client_order_id)

    def next_sequence(self, origin: str = ORIGIN) -> int:
        """The next intent sequence: after every intent known, and after as many as may have been lost."""
        lost = self._missing - self._missing_at.get(origin, 0)
        return self._sequences.get(origin, 0) + lost + 1

    def pair(self, order: Order) -> list[Order]:
        """The other orders of which one cancels the other."""
        if (group := order.intent.group) is None:
            return []
        cid = order.client_order_id
        return [self.orders[other] for other in self._groups.get(group, ()) if other != cid]

    def _account_opened(self, event: events.AccountOpened) -> list[Effect]:
        if event == self._opening:
            return []
        if event.account != self.account:
            return self._anomaly(event.ts, "", "foreign_account", f"account {event.account} was opened")
        if self._opening is not None:
            return self._anomaly(event.ts, "", "account_again", f"account {event.account} was opened again")
        self._opening = event
        self.currency = event.currency
        self.portfolio.deposit(event.currency, event.cash)
        self._day_open = self.portfolio.copy()
        return []

    def _found(self, event: events.OrderAdopted) -> list[Effect]:
        intent, cid = event.intent, event.intent.client_order_id
        if cid in self.orders:
            return []
        if intent.account != self.account:
            return self._anomaly(event.ts, cid, "foreign_account", f"an order of account {intent.account}")
        order = self.orders[cid] = self.working[cid] = Order.found(intent, event.ts, event.venue_order_id)
        self.risk.changed(order)
        text = f"{intent.symbol}: an order works at the venue that this desk did not send. It is listed, and can be cancelled."
        return [QueryOrder(cid), Notify("warn", text, "order_found")]

    def _routed(self, event: events.OrderRouted) -> list[Effect]:
        if event.account != self.account:
            return self._anomaly(event.ts, event.client_order_id, "foreign_account", f"an order of account {event.account}")
        if self.routed.take(event):
            self._note_sequence(event.origin, event.sequence)
        return []

    def _note_sequence(self, origin: str, sequence: int) -> None:
        if sequence > self._sequences.get(origin, 0):
            self._sequences[origin] = sequence
            self._missing_at[origin] = self._missing

    def _submitted(self, event: events.OrderSubmitted) -> list[Effect]:
        intent = event.intent
        cid = intent.client_order_id
        self._proposed.pop(cid, None)
        if cid in self.orders:
            return []
        if intent.account != self.account:
            return self._anomaly(event.ts, cid, "foreign_account", f"an order of account {intent.account}")
        self._note_sequence(intent.origin, intent.sequence)
        order = self.orders[cid] = self.working[cid] = Order.of(intent, event.ts)
        if intent.is_linked:
            self.linked[cid] = order
        if intent.group is not None:
            self._groups.setdefault(intent.group, []).append(cid)
        if intent.route is not None:
            self.routed.submitted(order)
            self.touched.add(intent.route)
        self.risk.submitted(order)
        return changes.effect(order, states.BIRTH[intent.starts_held], event)

    def _changed(self, order: Order, event: Event) -> list[Effect]:
        cid = order.client_order_id
        kind = type(event)
        if kind is events.OrderFilled:
            if event.fill.fill_id in self._fill_ids:
                return []
            if (fault := self._fault(event.fill, order)) is not None:
                return self._anomaly(event.ts, cid, "bad_fill", f"a fill {fault} was not applied")
        elif kind is events.OrderAccepted and order.status.is_final and order.accepted_ns is not None:
            return []  # an acceptance known before says nothing new about an order that has ended
        self.touched.add(cid)
        before, cell = order.status, order.cell(event)
        if cell.action == ".":
            return self._flag(cell, before, event, cid)
        if kind is events.OrderFilled:
            self._fill(order, event.fill)
        else:
            changes.note(order, event)
        order.move(event)
        order.updated_ns = max(order.updated_ns, event.ts)
        final = order.status.is_final
        if final:
            self.working.pop(cid, None)
            self.linked.pop(cid, None)
            order.cancel_requested_ns = order.amend_requested_ns = order.asked_qty = None
        else:
            self.working[cid] = order
            if order.intent.is_linked:
                self.linked[cid] = order
        if final or kind in changes.RESIZING or before.is_final:
            self.risk.changed(order)
        found = self._flag(cell, before, event, cid) if cell.anomaly else []
        if cell.effect is not None:
            found += changes.effect(order, cell, event)
        if kind in changes.NEWS:
            found += changes.news(order, event)
        return found

    def _fill(self, order: Order, fill: Fill) -> None:
        self._fill_ids.add(fill.fill_id)
        self.fills.append(fill)
        self.portfolio.apply(fill)
        self.risk.filled(order, fill)
        order.filled = add(order.filled, fill.qty)
        order.notional = add(order.notional, mul(fill.qty, fill.price))
        order.fees = add(order.fees, fill.fee)
        order.fill_count += 1
        if order.adopted and order.filled > order.qty:
            order.qty = order.filled

    def _fault(self, fill: Fill, order: Order) -> str | None:
        return changes.wrong(fill, order) or contracts.misfit(fill, order.intent.multiplier, self.portfolio)

    def _orphan(self, event: Event, cid: str) -> list[Effect]:
        name = type(event).__name__
        if not isinstance(event, events.OrderFilled):
            self._orphans.add(cid)
            return self._anomaly(event.ts, cid, "unknown_order", f"{name} of an order whose intent is missing")
        fill = event.fill
        if fill.fill_id in self._fill_ids:
            return []
        intent = OrderIntent(
            *(cid, self.account, "unknown", 0, fill.symbol, fill.side, OrderType.MARKET, TimeInForce.IOC, fill.qty), multiplier=fill.multiplier
        )
        if (fault := self._fault(fill, Order.of(intent, event.ts))) is not None:
            return self._anomaly(event.ts, cid, "bad_fill", f"a fill {fault} was not applied")
        order = self.orders[cid] = self.working[cid] = Order.adopt(intent, event.ts)
        order.evidence = "its intent is missing from the journal; it is known from its fills alone"
        self._fill(order, fill)
        self.risk.changed(order)
        return self._anomaly(event.ts, cid, "unknown_order", "a fill of an order whose intent is missing; the order was adopted")

    def _flag(self, cell: states.Cell, before: OrderStatus, event: Event, cid: str) -> list[Effect]:
        if not cell.anomaly:
            return []
        if cell.action == "late":
            text = f"a fill of {plain(event.fill.qty)} came after the order was {before.value}; it was applied"
            return self._anomaly(event.ts, cid, "late_fill", text)
        return self._anomaly(event.ts, cid, "unexpected_event", f"{type(event).__name__} while the order was {before.value}")

    def _anomaly(self, ts: int, cid: str, code: str, text: str) -> list[Effect]:
        anomaly = Anomaly(ts, cid, code, text)
        if anomaly in self._seen:
            return []
        self.anomaly_count += 1
        if len(self.anomalies) < _ANOMALIES_KEPT:
            self._seen.add(anomaly)
            self.anomalies.append(anomaly)
        return [Notify("warn", f"{cid}: {text}" if cid else text, code)]


_TAKES: dict[type, Callable[[Engine, Any], list[Effect]]] = {
    events.OrderSubmitted: Engine._submitted,
    events.AccountOpened: Engine._account_opened,
    events.OrderAdopted: Engine._found,
    events.BalanceAdjusted: balances.adjusted,
    events.CashBooked: balances.booked,
    events.SplitBooked: splits.take,
    events.RateKnown: lambda _engine, _event: [],
    events.OrderRouted: Engine._routed,
    events.RoutingRuleSet: lambda engine, event: engine.routed.rule(event.name, event.value) or [],
    events.RiskStateSet: lambda engine, event: engine.risk.apply(event),
    events.RiskLimitSet: lambda engine, event: engine.risk.apply(event),
    events.NoteSet: lambda engine, event: notes.take(engine.notes, engine.unnoted, event),
    events.Reconciled: lambda engine, event: engine.reconciled.append(event) or [],
}
"""What takes an event that is not about an order known already."""
