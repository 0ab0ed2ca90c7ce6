"""The paper venue: executes orders over any market data venue, by the rules in docs/fill-rules.md.

Its working orders are rebuilt from the engine's by `adopt`, so the journal alone decides what exists. Answers are
lists of events for `report`, given whole per operation so that the desk can keep them in one transaction.
Orders, cancels, amendments and queries share one first-in-first-out pipe with the set latency. Reads no clock but the
one it is given, and knows nothing of journal, page or network.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Gap, MarketEvent, Restart, Trade, events_of
from app.model.orders import OrderIntent, OrderType, TimeInForce, VenueWord

from .execution import Execution, PaperAccount, ended
from .marks import MarketLike
from .money import remainder, sub
from .order import Order
from .settings import PaperSettings
from .terms import HELD
from .working import Working, expiry

_REMEMBERED = 1000
_FINAL = (events.OrderRejected, events.OrderCancelled, events.OrderExpired)


class ClockLike(Protocol):
    """Wall and monotonic time in ns."""

    def now_ns(self) -> int:
        """UTC wall time."""

    def monotonic_ns(self) -> int:
        """Time that never goes back."""


class SchedulerLike(Protocol):
    """Runs a function later."""

    def call_later(self, delay_s: float, function: Callable[[], object]) -> Any:
        """A handle with ``cancel()``."""


class PaperVenue:
    """ExecutionVenue over the displayed books and trades of a MarketState."""

    name = "paper"
    order_types = tuple(kind.value for kind in OrderType if kind not in HELD)
    tifs = tuple(tif.value for tif in TimeInForce if not tif.is_session)
    is_spot, takes_pairs, moves_anew = False, True, False

    def __init__(
        self,
        instruments: Iterable[Instrument] | Mapping[str, Instrument],
        market: MarketLike,
        clock: ClockLike,
        scheduler: SchedulerLike,
        rng: random.Random,
        settings: PaperSettings,
        report: Callable[[list[Event]], object],
        market_now: Callable[[], int] | None = None,
    ) -> None:
        """``answered(client_order_id)`` may be set: it is called after each answer to a query.

        ``clock`` is the wall clock; ``market_now`` the market data venue's time, by which books are stale (default: wall)."""
        rows = instruments.values() if isinstance(instruments, Mapping) else instruments
        self.instruments = {row.symbol: row for row in rows}
        self._market = market
        self._clock = clock
        self._scheduler = scheduler
        self._rng = rng
        self._report = report
        self.answered: Callable[[str], object] = lambda _client_order_id: None
        self._market_now = market_now or clock.now_ns
        self._account = PaperAccount(settings)
        self._executions: dict[str, Execution] = {}
        self._symbol_of: dict[str, str] = {}
        self._dormant: dict[str, Order] = {}
        self._finished: OrderedDict[str, Event] = OrderedDict()
        self._pipe: deque[tuple[Callable[[list[Event]], None], Any]] = deque()
        self._pipe_free_ns = 0
        self._expiry_timer: Any = None
        self._expiries: dict[str, int] = {}

    @property
    def takes_orders(self) -> bool:
        """Orders that the desk holds may be released: always."""
        return True

    def know(self, instruments: Iterable[Instrument]) -> None:
        """More instruments can be traded."""
        self.instruments.update((item.symbol, item) for item in instruments)

    def refusal(self, _intent: OrderIntent) -> None:
        """Why an order would not be sent: the ticket's own checks are all there is."""

    def amend_refusal(self, _order: Order, _qty: Decimal | None, _price: Decimal | None, _stop: Decimal | None) -> None:
        """Why an amendment would not be sent: as `refusal`."""

    @property
    def settings(self) -> PaperSettings:
        """Latency and fees in force."""
        return self._account.settings

    @settings.setter
    def settings(self, settings: PaperSettings) -> None:
        self._account.settings = settings

    def submit(self, intent: OrderIntent) -> None:
        """Take an order. Sending the same id twice asks about it instead of making a second one."""
        sent: list[Event] = [events.OrderSent(self._clock.now_ns(), intent.client_order_id)]
        self._through_pipe(lambda out: self._submit(intent, out), sent)

    def cancel(self, client_order_id: str) -> None:
        """Take a cancel."""
        self._through_pipe(lambda out: self._cancel(client_order_id, out))

    def amend(
        self, client_order_id: str, qty: Decimal | None, price: Decimal | None, stop: Decimal | None, _trail: Decimal | None = None
    ) -> None:
        """Take an amendment: new total quantity and prices, None leaves a value as it is. It has no trailing stops."""
        self._through_pipe(lambda out: self._amend(client_order_id, qty, price, stop, out))

    def query(self, client_order_id: str) -> None:
        """Say what became of an order: its working values, its end, or that it never arrived."""
        self._through_pipe(lambda out: self._query(client_order_id, out))

    def words(self) -> dict[str, VenueWord]:
        """Every order that works here, as this venue has it."""
        found: dict[str, VenueWord] = {}
        for execution in self._executions.values():
            for cid, order in execution.orders.items():
                size = order.instrument.size
                found[cid] = VenueWord("working", True, size(order.qty), size(order.filled), None)
        for cid, order in self._dormant.items():
            found[cid] = VenueWord("working", True, order.qty, order.filled, None)
        return found

    def on_market(self, batch: list[MarketEvent]) -> None:
        """Market events, after MarketState has applied them."""
        if self._expiries and min(self._expiries.values()) <= self._clock.now_ns():
            self._expire()
        busy = {symbol: execution for symbol, execution in self._executions.items() if not execution.is_idle}
        if not busy:
            return
        touched: dict[str, Execution] = {}
        out: list[Event] = []
        for event in events_of(batch, busy):
            execution = busy[event.symbol]
            if execution.is_idle:
                continue
            if not touched:
                self._tick()
            touched[event.symbol] = execution
            if isinstance(event, Trade):
                execution.on_trade(event, out)
            elif isinstance(event, BookDelta):
                execution.on_delta(event)
            elif isinstance(event, (BookSnapshot, Gap, Restart)):
                execution.on_break(isinstance(event, Restart))
        for execution in touched.values():
            execution.after_batch(out)
        self._send(out)

    def adopt(self, orders: Iterable[Order], positions: Mapping[str, Decimal] | None = None) -> None:
        """Forget everything and rebuild from the engine's orders and signed position quantities.

        Orders whose acceptance the journal does not hold never existed here: a query answers so. May report at once
        (expired day orders, leftovers of immediate ones).
        """
        self.close()
        self._executions.clear()
        self._symbol_of.clear()
        self._dormant.clear()
        self._finished.clear()
        self._expiries.clear()
        self._tick()
        self._account.positions = {}
        for symbol, qty in (positions or {}).items():
            self.hold(symbol, qty)
        out: list[Event] = []
        for order in orders:
            if order.is_working and order.accepted_ns is not None:
                self._adopt(order, out)
        self._send(out)
        self._expire()

    def hold(self, symbol: str, qty: Decimal) -> None:
        """The position in an instrument is this, by other means than fills: what reduce-only orders may do follows it, in whole units."""
        if (instrument := self.instruments.get(symbol)) is not None:
            self._account.positions[symbol] = instrument.size_units(sub(qty, remainder(qty, instrument.size(1))))

    def close(self) -> None:
        """Drop what is on its way and cancel all timers."""
        for _, handle in self._pipe:
            handle.cancel()
        self._pipe.clear()
        self._pipe_free_ns = 0
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None

    def _tick(self) -> None:
        self._account.ts = self._clock.now_ns()
        self._account.market_now_ns = self._market_now()

    def _through_pipe(self, work: Callable[[list[Event]], None], first: list[Event] | None = None) -> None:
        settings = self._account.settings
        delay_ns = int(settings.latency_ms * 1_000_000)
        if settings.jitter_ms:
            delay_ns += int(float(settings.jitter_ms) * 1_000_000 * self._rng.random())
        if not delay_ns and not self._pipe:
            self._run(work, first or [])
            return
        if first:
            self._send(first)
        now = self._clock.monotonic_ns()
        self._pipe_free_ns = max(self._pipe_free_ns, now + delay_ns)
        handle = self._scheduler.call_later((self._pipe_free_ns - now) / 1e9, self._next)
        self._pipe.append((work, handle))

    def _next(self) -> None:
        work, _ = self._pipe.popleft()
        self._run(work, [])

    def _run(self, work: Callable[[list[Event]], None], out: list[Event]) -> None:
        self._tick()
        work(out)
        self._send(out)

    def _send(self, out: list[Event]) -> None:
        if not out:
            return
        for event in out:
            if isinstance(event, _FINAL):
                self._finish(event.client_order_id, event)
            elif isinstance(event, events.OrderFilled):
                cid = event.fill.client_order_id
                if self._working(cid) is None and cid not in self._finished:
                    self._finish(cid, event)
        self._report(out)

    def _finish(self, client_order_id: str, event: Event) -> None:
        self._symbol_of.pop(client_order_id, None)
        self._expiries.pop(client_order_id, None)
        self._finished[client_order_id] = event
        if len(self._finished) > _REMEMBERED:
            self._finished.popitem(last=False)

    def _working(self, client_order_id: str) -> tuple[Execution, Working] | None:
        symbol = self._symbol_of.get(client_order_id)
        if symbol is None:
            return None
        execution = self._executions[symbol]
        order = execution.orders.get(client_order_id)
        return None if order is None else (execution, order)

    def _execution(self, instrument: Instrument) -> Execution:
        execution = self._executions.get(instrument.symbol)
        if execution is None:
            execution = Execution(instrument, self._market, self._account)
            self._executions[instrument.symbol] = execution
        return execution

    def _submit(self, intent: OrderIntent, out: list[Event]) -> None:
        cid = intent.client_order_id
        if cid in self._finished or cid in self._dormant or self._working(cid) is not None:
            self._query(cid, out)
            return
        instrument = self.instruments.get(intent.symbol)
        if instrument is None:
            reason = f"the paper venue has no instrument {intent.symbol}"
            out.append(events.OrderRejected(self._account.ts, cid, "unknown_symbol", reason))
            return
        self._symbol_of[cid] = intent.symbol
        order = Working.of_intent(intent, instrument, self._account.arrival(), self._account.ts)
        self._execution(instrument).arrive(order, out)
        self._note_expiry(cid, order.expires_ns)

    def _cancel(self, client_order_id: str, out: list[Event]) -> None:
        found = self._working(client_order_id)
        if found is not None:
            execution, order = found
            execution.cancel(order, out)
        elif self._dormant.pop(client_order_id, None) is not None:
            out.append(events.OrderCancelled(self._account.ts, client_order_id, "cancelled by the trader"))
        else:
            self._refuse(client_order_id, "cancel", "not_working", "the order is not working here", out)

    def _amend(
        self, client_order_id: str, qty: Decimal | None, price: Decimal | None, stop: Decimal | None, out: list[Event]
    ) -> None:
        found = self._working(client_order_id)
        if found is None:
            if client_order_id in self._dormant:
                self._refuse(client_order_id, "amend", "no_market", "its instrument has no market data here", out)
            else:
                self._refuse(client_order_id, "amend", "not_working", "the order is not working here", out)
            return
        execution, order = found
        instrument = execution.instrument
        execution.amend(
            order,
            instrument.size_units(qty) if qty is not None else None,
            instrument.price_units(price) if price is not None else None,
            instrument.price_units(stop) if stop is not None else None,
            out,
        )

    def _refuse(self, client_order_id: str, change: str, code: str, reason: str, out: list[Event]) -> None:
        out.append(events.OrderChangeRefused(self._account.ts, client_order_id, change, code, reason))

    def _query(self, client_order_id: str, out: list[Event]) -> None:
        ts = self._account.ts
        found = self._working(client_order_id)
        if found is not None:
            execution, order = found
            out.append(events.OrderAccepted(ts, client_order_id, f"paper-{client_order_id}"))
            out.append(execution.amended(order))
        elif client_order_id in self._dormant:
            out.append(events.OrderAccepted(ts, client_order_id, f"paper-{client_order_id}"))
        elif client_order_id in self._finished:
            out.append(self._finished[client_order_id])
        else:
            reason = "the paper venue holds no acceptance of this order: nothing of it is working, and it was not sent again"
            out.append(events.OrderRejected(ts, client_order_id, "never_arrived", reason))
        self.answered(client_order_id)

    def _adopt(self, order: Order, out: list[Event]) -> None:
        cid = order.client_order_id
        instrument = self.instruments.get(order.symbol)
        if instrument is None:
            self._dormant[cid] = order
            self._note_expiry(cid, expiry(order.intent, order.accepted_ns or order.created_ns))
            return
        self._symbol_of[cid] = order.symbol
        working = Working.of_order(order, instrument, self._account.arrival())
        if working.expires_ns is None or working.expires_ns > self._account.ts:
            self._execution(instrument).restore(working, out)
            self._note_expiry(cid, working.expires_ns)
        else:
            what = "the time of this order" if order.intent.tif is TimeInForce.GTD else "the UTC day of this day order"
            reason = f"{what} ended while the desk was away"
            out.append(events.OrderExpired(self._account.ts, cid, reason))

    def _note_expiry(self, client_order_id: str, expires_ns: int | None) -> None:
        alive = self._working(client_order_id) is not None or client_order_id in self._dormant
        if expires_ns is not None and alive:
            self._expiries[client_order_id] = expires_ns
            self._arm_expiry()

    def _arm_expiry(self) -> None:
        if self._expiry_timer is None and self._expiries:
            wait_ns = min(self._expiries.values()) - self._clock.now_ns()
            self._expiry_timer = self._scheduler.call_later(max(wait_ns, 1_000_000) / 1e9, self._expire)

    def _expire(self) -> None:
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None
        self._tick()
        out: list[Event] = []
        for cid in [cid for cid, ends in self._expiries.items() if ends <= self._account.ts]:
            del self._expiries[cid]
            found = self._working(cid)
            if found is not None:
                execution, order = found
                execution.expire(order, out)
            elif (dormant := self._dormant.pop(cid, None)) is not None:
                out.append(events.OrderExpired(self._account.ts, cid, ended(dormant.intent)))
        self._send(out)
        self._arm_expiry()
