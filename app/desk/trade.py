"""The trading side of the desk: engine, writer and the venue that executes joined, and what the page is told of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.health.histogram import Histogram
from app.model.events import (
    AccountOpened,
    BalanceAdjusted,
    CashBooked,
    Event,
    NoteSet,
    OrderAdopted,
    OrderAmendRequested,
    OrderFilled,
    OrderRouted,
    OrderSubmitted,
    RateKnown,
    Reconciled,
    RiskLimitSet,
    RiskStateSet,
    RoutingRuleSet,
    SplitBooked,
)
from app.model.orders import OrderIntent, OrderStatus, OrderType
from app.trading.effects import HoldPosition, Notify, QueryOrder, SendAmend, SendCancel, SendOrder
from app.trading.engine import Engine
from app.trading.errors import Denied, JournalError
from app.trading.flows import is_flow
from app.trading.holding import Holder
from app.trading.journal import Entry, decode
from app.trading.marks import DeskView
from app.trading.order import PATIENCE_NS
from app.trading.resolving import Resolver
from app.trading.risk.others import Others
from app.trading.settings import PaperSettings
from app.trading.spot import dust, owed
from app.trading.valuation import DayStart, Valuation, valuation
from app.venues.execution import BALANCE

from .errors import Refusal
from .journalrequests import notes_message
from .riskside import RiskSide
from .rows import account_view, fill_row, no_account, order_row, plain, routed_row
from .telling import Telling
from .writer import Writer

FIRST_ANSWER_S = 2.0
ROWS = 2000
FIRST_ROWS, REST_AFTER_S = 200, 0.1
"""What a start shows at once of a long history, and when the rest follows."""

_ASIDE = frozenset(
    (AccountOpened, BalanceAdjusted, CashBooked, SplitBooked, RiskStateSet, RiskLimitSet, NoteSet, RoutingRuleSet, Reconciled, RateKnown)
)
"""Events that are about no order."""


class Trade:
    """One account on one execution venue. ``send`` posts a message to the page, ``toast`` a notice."""

    def __init__(
        self,
        view: DeskView,
        execution: Any,
        clock: Any,
        entropy: Any,
        send: Callable[[dict], None],
        toast: Callable[..., None],
        changed: Callable[[], None],
    ) -> None:
        self._view, self.execution = view, execution
        view.native_tifs, view.native_types = frozenset(execution.tifs), frozenset(execution.order_types)
        view.is_spot, view.takes_pairs = execution.is_spot, execution.takes_pairs
        view.too_little = getattr(execution, "too_little", view.too_little)
        self._paper = view.settings
        self._usual_fees = view.settings.venue_fees
        self.began: Callable[[], object] = lambda: None
        """Called when the journal is open and trading goes on from it."""
        self._clock, self._entropy = clock, entropy
        self._send, self._toast, self._changed = send, toast, changed
        self._day = DayStart()
        self.engine: Engine | None = None
        self.writer = Writer(self._act, self._applied, self._trouble)
        if hasattr(execution, "make_ready"):
            self.writer.meanwhile = self._make_ready
        self.click_to_journal = Histogram("click_to_journal")
        self.click_to_ack = Histogram("click_to_ack")
        self._telling = Telling(send, lambda: self.engine.orders if self.engine else {}, self._row, self._routed_row, self.account, changed)
        self._holder = Holder(clock, self.writer.report, self._quietly)
        self.resolver = Resolver(clock, self.execution.query)
        self.execution.answered = self.resolver.answered
        self.risk = RiskSide(self, clock, send)
        self.others: Others | None = None
        """What other accounts of this desk have, in this one's currency."""
        self.beside: Callable[[int], list[dict]] = lambda _rows: []
        """What the blotter says of other accounts of this desk, at most of so many routed orders."""
        self._following = False
        self._answers: dict[str, list[asyncio.Future]] = {}
        self._refusal: Callable[[], str] = lambda: ""

    def refuse_when(self, refusal: Callable[[], str]) -> None:
        """``refusal()`` says in words why no order may be taken now, or nothing."""
        self._refusal = refusal

    def know(self, instruments: list) -> None:
        """Instruments of a venue that answered late can be traded from now on."""
        more = {item.symbol: item for item in instruments}
        self._view.instruments = {**self._view.instruments, **more}
        self.execution.know(instruments)

    def at_stake(self) -> list[str]:
        """Instruments with a position, then those with working orders: their market data matters most."""
        if self.engine is None:
            return []
        held = [symbol for symbol, position in self.engine.portfolio.positions.items() if position.qty]
        return list(dict.fromkeys([*sorted(held), *sorted(order.intent.symbol for order in self.engine.working.values())]))

    async def open(self, records: list[bytes], recorder: Any, last_first: int, writable: bool = True, base: Engine | None = None) -> int:
        """Replay the journal and go on after it; ``last_first`` is the number of the last record ever written, read or
        not; what comes before them is in ``base``. Without ``writable`` nothing goes on until ``begin``. Returns how many records have an unknown form."""
        entries: list[Entry] = []
        unreadable = 0
        for record in records:
            try:
                entries += decode(record)
            except JournalError:
                unreadable += 1
        if base is None:
            account = _account_of(entries) or f"{self.execution.name}-{self._entropy.random_bytes(6).hex()}"
            engine = Engine.replay(account, self._clock, entries, self._view)
        else:
            engine = base
            for entry in entries:
                engine.apply_entry(entry)
        engine.skip_to(last_first)
        if self.others is not None:
            engine.risk.join(self.others)
        self.engine = engine
        self.resolver.forget()
        self.risk.open()
        self.writer.open(engine, recorder)
        if writable:
            await self.begin()
        self.publish_all(FIRST_ROWS)
        if max(len(engine.orders), len(engine.fills)) > FIRST_ROWS:
            asyncio.get_running_loop().call_later(REST_AFTER_S, self._publish_rest, engine)
        return unreadable

    def _publish_rest(self, engine: Engine) -> None:
        """The rows that a start does not wait for."""
        if self.engine is engine:
            self.publish_all()

    async def begin(self) -> None:
        """Trade on from the replayed journal: working orders work again, unanswered ones are asked about."""
        engine = self.engine
        held = {symbol: position.qty for symbol, position in engine.portfolio.positions.items()}
        self.execution.adopt(list(engine.working.values()), held)
        if not engine.opened and self.on_paper:
            settings = self._view.settings
            await self.writer.command(lambda: engine.open_account(settings.currency, settings.starting_cash))
        await self.writer.command(lambda: engine.recover(self._clock.now_ns()))
        await self.writer.command(engine.followups)
        self._holder.open(engine)
        self.began()
        await self.writer.command(list)  # after all that these reported: what was found is durable before the desk says that it trades

    @property
    def view(self) -> DeskView:
        """What trading looks at besides its journal."""
        return self._view

    @property
    def on_paper(self) -> bool:
        """Whether orders are executed on paper."""
        return self.execution.name == "paper"

    def on_market(self, batch: list) -> None:
        """Market events, after the market state has applied them."""
        self.execution.on_market(batch)
        if self.execution.takes_orders:  # else what this desk holds could not be sent: it is held on
            self._holder.on_market(batch)

    def second(self) -> Valuation | None:
        """Once a second: what was not answered, what has expired, what the market did to the limits; gives what the account is worth."""
        engine = self.engine
        if engine is None or not engine.opened or self.writer.stuck is not None or self._refusal():
            return None
        if engine.working or self.resolver.owed:
            settings = self._view.settings
            patience = PATIENCE_NS + int(4_000_000 * (settings.latency_ms + settings.jitter_ms))
            self.writer.report(self.resolver.look(engine, patience))
            self._follow()
        return self.risk.second()

    async def close(self) -> None:
        """Stop trading: what is queued is written first; the paper venue rests until the account opens again."""
        self._holder.open(None)
        await self.writer.close()
        self.execution.adopt([])
        self.execution.close()
        self.engine = None
        self.risk.open()
        self.clear()

    def abandon(self) -> None:
        """Another tab trades from now on: stop at once, writing and sending nothing more."""
        self._holder.open(None)
        self.writer.abandon()
        self.execution.adopt([])
        self.execution.close()
        self.engine = None
        self.risk.open()
        self.clear()

    def clear(self) -> None:
        """Leave nothing of an account on the page."""
        self.publish_all()
        self._send({"t": "account", **no_account(self._view.settings.currency)})

    def publish_all(self, rows: int = ROWS) -> None:
        """Send the newest orders and fills and the account."""
        self._telling.forget()
        for message in self.blotter(rows):
            self._send(message)
        self._changed()

    def blotter(self, rows: int = ROWS) -> list[dict]:
        """The messages that bring the newest orders and fills and all notes."""
        orders = self.engine.orders.last(rows) if self.engine else []
        routed = list(self.engine.routed.by_id.values())[-rows:] if self.engine else []
        fills = self.engine.fills[-rows:] if self.engine else []
        return [
            {"t": "orders", "reset": True, "rows": [self._row(order) for order in orders]},
            {"t": "routed", "reset": True, "rows": [routed_row(each) for each in routed]},
            {"t": "fills", "reset": True, "rows": [fill_row(fill) for fill in fills]},
            *self.beside(rows),
            notes_message(self.engine),
        ]

    async def submit(self, fields: dict, token: str, clicked_ms: float | None, epoch_ms: Callable[[], float]) -> dict:
        """Journal the intent, send it, and wait for the venue's first answer (2 s at most)."""
        engine = self._open_engine()
        events = await self.writer.command(lambda: self._new_orders(engine, fields, token), joins=True)
        order_id = engine.order_for(token)
        journalled = self._clock.now_ns()
        if clicked_ms is not None and events:
            self.click_to_journal.record(max(0.0, epoch_ms() - clicked_ms))
        await self._first_answer(order_id)
        if clicked_ms is not None and events:
            self.click_to_ack.record(max(0.0, epoch_ms() - clicked_ms))
        order = engine.find(order_id)
        return {
            "client_order_id": order_id,
            "status": order.status.value,
            "reason": order.reason,
            "journalled_ns": journalled,
            "acknowledged_ns": self._clock.now_ns(),
        }

    async def cancel(self, order_id: str) -> None:
        """Ask the venue to cancel."""
        engine = self._open_engine()
        await self.writer.command(lambda: engine.cancel(order_id), joins=True)

    async def cancel_all(self, symbol: str | None) -> int:
        """Cancel every working order, or those of one instrument; returns how many were asked for."""
        engine = self._open_engine()
        return len(await self.writer.command(lambda: engine.cancel_all(symbol)))

    async def amend(self, order_id: str, qty: Any, price: Any, stop: Any, trail: Any = None) -> None:
        """Ask the venue to change quantity, prices or trailing distance; None leaves a value as it is."""
        engine = self._open_engine()
        await self.writer.command(lambda: self._amendment(engine, order_id, qty, price, stop, trail))

    async def query(self, order_id: str) -> dict:
        """Ask the venue now what became of an order."""
        engine = self._open_engine()
        if order_id not in engine.orders:
            raise Refusal("unknown_order", f"there is no order {order_id}", "check the client order id")
        if engine.orders[order_id].status is not OrderStatus.HELD:
            self.resolver.owe(order_id)
        await self._first_answer(order_id)
        order = engine.orders[order_id]
        return {"status": order.status.value, "evidence": order.evidence}

    def query_unknown(self) -> int:
        """Ask the venue now about every unknown order; returns how many there are."""
        engine = self._open_engine()
        unknown = [cid for cid, order in engine.working.items() if order.status is OrderStatus.UNKNOWN]
        for cid in unknown:
            self.resolver.owe(cid)
        self._telling.note(unknown, [], patient=False)
        return len(unknown)

    async def export(self) -> str:
        """The journal as text, one record a line, for ``python -m app.trading.journal``."""
        self._open_engine()
        return "".join(record.decode() + "\n" for record in await self.writer.recorder.read_all())

    async def cause(self, fill_id: str) -> list[str]:
        """Back from a fill to what caused it, as lines to read."""
        from app.trading.inspection import fill_lines, read  # only ever wanted by hand

        engine = self._open_engine()
        order = next((engine.orders.get(fill.client_order_id) for fill in engine.fills.having(fill_id) if fill.fill_id == fill_id), None)
        wanted = [b'"kind":"Risk']
        while order is not None:
            wanted.append(order.client_order_id.encode())
            order = engine.orders.get(order.intent.parent) if order.intent.parent is not None else None
        records = await self.writer.recorder.read_all()
        entries, _problems = read(record for record in records if any(part in record for part in wanted))  # a long journal is not decoded whole
        return [*fill_lines(engine, entries, fill_id)]

    def closing(self, symbol: str) -> dict:
        """The order fields that close the position in an instrument."""
        return self._open_engine().closing(symbol)

    def reversing(self, symbol: str) -> dict:
        """The order fields that turn the position in an instrument round."""
        return self._open_engine().reversing(symbol)

    def account(self) -> dict | None:
        """The account message, None while no account is open."""
        value = self.value()
        if value is None:
            return None
        found = account_view(value, self._view.instruments)
        if self._view.is_spot:
            owing = owed(self.engine.portfolio, self._view)
            for row in found["positions"]:
                row["closes"] = plain(self.engine.closable(row["symbol"], owing))
                row["dust"] = dust(self.engine.portfolio, self._view, row["symbol"], owing)
        return found

    def value(self) -> Valuation | None:
        """What the account is worth now, None while no account is open."""
        engine = self.engine
        if engine is None or not engine.opened:
            return None
        now, risk = self._clock.now_ns(), engine.risk
        return valuation(engine.portfolio, engine.day_open(now), risk.margins.bound, self._view, engine.currency, self._day, now, risk.leverage_of)

    def change_paper_settings(self, fields: dict) -> None:
        """Latency and fees of the paper venue from now on."""
        self._use(self._paper.changed(fields))

    def use_fees(self, maker_bps: Decimal, taker_bps: Decimal) -> None:
        """The fees of a real account, in basis points: they count in what an order would cost."""
        self._view.settings = replace(self._view.settings, maker_fee_bps=maker_bps, taker_fee_bps=taker_bps, venue_fees={})

    def paper_settings(self) -> dict:
        """Latency and fees of the paper venue."""
        return self._paper.to_wire()

    def paper_settings_record(self) -> bytes:
        """The settings as a vault record."""
        return json.dumps(self._paper.to_wire()).encode()

    def use_paper_settings(self, record: bytes) -> None:
        """Take the settings from a vault record; what cannot be read leaves them as they are, and says so."""
        try:
            fields = json.loads(record)
            names = ["latency_ms", "jitter_ms", "maker_fee_bps", "taker_fee_bps"]
            usual = replace(PaperSettings(), venue_fees=self._usual_fees)
            if usual.venue_fees and "venue_fees" in fields:
                names.append("venue_fees")
            self._use(usual.changed({key: fields[key] for key in names}))
        except (ValueError, KeyError, TypeError, Denied) as error:
            self._toast("warn", f"The paper settings could not be read ({error}); the defaults are used.", "settings")

    def _use(self, settings: PaperSettings) -> None:
        self._paper = settings
        if self.on_paper:
            self._view.settings = self.execution.settings = settings

    def _new_orders(self, engine: Engine, fields: dict, token: str) -> list[Event]:
        """The intents of a ticket; what its venue would refuse is denied before it is journalled. One that closes all of a position takes the place of
        the exits that bind it at the venue: they are cancelled with it, and it waits for that."""
        with self._view.moment:
            return self._checked_orders(engine, fields, token)

    def _checked_orders(self, engine: Engine, fields: dict, token: str) -> list[Event]:
        found = engine.submit(fields, token)
        orders = [event for event in found if isinstance(event, OrderSubmitted)]
        exits = self._exits(engine, orders[0].intent) if len(orders) == 1 and not self.execution.takes_pairs else []
        for event in orders:
            refused = self.execution.refusal(event.intent)
            if refused is not None and not (exits and refused[0] == BALANCE):
                for each in orders:
                    engine.abandon(each.intent.client_order_id)
                raise Denied(*refused)
        return [*engine.cancel_many(exits), *found]

    def _exits(self, engine: Engine, intent: OrderIntent) -> list[str]:
        if not intent.reduce_only or intent.type is not OrderType.MARKET or intent.qty < engine.closable(intent.symbol):
            return []
        there = (order for order in engine.working.values() if order.symbol == intent.symbol and order.intent.side is intent.side)
        return [order.client_order_id for order in there if order.intent.reduce_only]

    def _amendment(self, engine: Engine, order_id: str, qty: Any, price: Any, stop: Any, trail: Any) -> list[Event]:
        found = engine.amend(order_id, qty, price, stop, trail)
        for event in found:
            if isinstance(event, OrderAmendRequested):
                refused = self.execution.amend_refusal(engine.orders[order_id], event.qty, event.price, event.stop)
                if refused is not None:
                    raise Denied(*refused)
        return found

    def _row(self, order: Any) -> dict:
        return order_row(order, self.resolver.asked.get(order.client_order_id), self.execution.moves_anew)

    def _routed_row(self, order_id: str) -> dict | None:
        routed = self.engine.routed.by_id.get(order_id) if self.engine else None
        return routed_row(routed) if routed is not None else None

    def _follow(self) -> None:
        """Do what held and linked orders are due; at once, but as a command of its own."""
        if self._following or self.engine is None or not self.engine.linked or self.writer.stuck is not None or not self.execution.takes_orders:
            return
        self._following = True
        self._quietly(self._due)

    def _quietly(self, decide: Callable[[], list[Event]]) -> None:
        """A command of the desk's own, which nobody waits for."""
        asyncio.get_running_loop().create_task(self._decided(decide))

    async def _decided(self, decide: Callable[[], list[Event]]) -> None:
        try:
            await self.writer.command(decide)
        except Exception:  # the journal does not take anything now, and says so itself: it is tried again
            self._following = False

    def _due(self) -> list[Event]:
        self._following = False
        return self.engine.followups()

    def open_engine(self) -> Engine:
        """The engine while orders and settings are taken; Refusal says why not."""
        return self._open_engine()

    def readable_engine(self) -> Engine:
        """The engine whose journal can be read, also while no orders are taken; Refusal says why there is none."""
        if self.engine is None:
            raise Refusal("not_accepting", self._refusal() or "the account is not open", "see the vault page")
        return self.engine

    def _open_engine(self) -> Engine:
        if reason := self._refusal():
            raise Refusal("not_accepting", reason, "see the vault page")
        if self.engine is None:
            raise Refusal("not_accepting", "the account is not open", "see the vault page")
        return self.engine

    async def _first_answer(self, order_id: str) -> None:
        await self.settled([order_id], lambda order: order.status not in (OrderStatus.NEW, OrderStatus.PENDING), FIRST_ANSWER_S)

    async def settled(self, order_ids: Iterable[str], done: Callable[[Any], bool], seconds: float) -> None:
        """Wait until ``done(order)`` holds for all of these orders, ``seconds`` at most; not at all once the account is closed."""
        engine = self.engine
        if engine is None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        for order_id in order_ids:
            while not done(engine.find(order_id)) and loop.time() < deadline:
                future = loop.create_future()
                self._answers.setdefault(order_id, []).append(future)
                late = loop.call_at(deadline, _resolve, future)
                await future
                late.cancel()

    def _applied(self, events: list[Event]) -> None:
        if not events:
            return
        aside = [event for event in events if type(event) in _ASIDE]
        patient = not self._take_aside(aside) if aside else True
        touched: dict[str, None] = {}
        fills, orders = [], self.engine.orders
        for event in events if len(aside) < len(events) else ():
            kind = type(event)
            if kind in _ASIDE:
                continue
            if kind is OrderFilled:
                order_id = event.fill.client_order_id
                fills.append(event.fill)
            elif kind is OrderSubmitted or kind is OrderAdopted:
                order_id = event.intent.client_order_id
            else:
                order_id = event.client_order_id
            patient = patient and (kind is OrderSubmitted or kind is OrderRouted)
            touched[order_id] = None
            order = orders.get(order_id)
            if order is not None and order.intent.route is not None:
                touched[order.intent.route] = None
        for key in touched:
            for future in self._answers.pop(key, ()):
                _resolve(future)
        self._telling.note(touched, fills, patient=patient)
        self._follow()

    def _take_aside(self, events: list[Event]) -> bool:
        """What is about no order; True when the account's figures have changed by it."""
        if flows := [event for event in events if is_flow(event)]:
            self.risk.moved(flows)
        kinds = {type(event) for event in events}
        for event in events if SplitBooked in kinds else ():
            if isinstance(event, SplitBooked):
                mark = self._view.mark(event.symbol)
                self._day.split(event.symbol, event.new, event.old, mark.price if mark is not None else None)
        if not kinds.isdisjoint((RiskStateSet, RiskLimitSet)):
            self.risk.changed()
        if NoteSet in kinds:
            self._send(notes_message(self.engine))
        return not kinds.isdisjoint((AccountOpened, BalanceAdjusted, CashBooked, SplitBooked))

    def _make_ready(self, events: list[Event]) -> None:
        intents = [event.intent for event in events if type(event) is OrderSubmitted and not event.intent.is_linked]
        if intents:
            self.execution.make_ready(intents)

    def _act(self, effects: list) -> None:
        for effect in effects:
            match effect:
                case SendOrder():
                    self.execution.submit(effect.intent)
                case SendCancel():
                    self.execution.cancel(effect.client_order_id)
                case SendAmend():
                    self.execution.amend(effect.client_order_id, effect.qty, effect.price, effect.stop, effect.trail)
                case QueryOrder():
                    self.resolver.owe(effect.client_order_id)
                case HoldPosition():
                    self.execution.hold(effect.symbol, effect.qty)
                case Notify():
                    self._toast(effect.level, effect.text, effect.code)

    def _trouble(self, error: Exception | None) -> None:
        text = f"The journal cannot be written: {error}. What was journalled before is safe; new orders are refused until it works again."
        self._toast("error", text, "journal_failed")
        self._changed()


def _resolve(future: asyncio.Future) -> None:
    if not future.done():
        future.set_result(None)


def _account_of(entries: list[Entry]) -> str | None:
    for entry in entries:
        if isinstance(entry.event, AccountOpened):
            return entry.event.account
        if isinstance(entry.event, OrderSubmitted):
            return entry.event.intent.account
    return None
