"""A whole desk on a seeded scheduler and a virtual clock, against a venue over a line that fails; checked after every step.

    python -m tests.simulation.fault_world SEED        replays one schedule and says what it did

The desk is cut into single steps (journal, apply, each effect); a kill may come between any two, the journal is what is left. The
order of a write is the product's: decide, journal, apply, act; a write that fails refuses a command and keeps a report for later.
"""

from __future__ import annotations

import gc
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial

from app.model import events
from app.model.events import Event
from app.model.market import Quote, Trade
from app.model.orders import OrderStatus, Side
from app.trading.canonical import state_hash
from app.trading.commands import KILL_ORIGIN
from app.trading.effects import Effect, QueryOrder, SendAmend, SendCancel, SendOrder
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.journal import decode, encode, number
from app.trading.marks import DeskView
from app.trading.resolving import Resolver
from app.trading.settings import PaperSettings
from tests.simulation.fault_venue import Broken, Line, Venue
from tests.unit.manual import NS, ManualTime
from tests.unit.trading.kit import ACCOUNT, TOY, fields
from tests.unit.trading.snapshots import let_go, through_snapshot

CASH = Decimal(100_000)
MOST = Decimal(20)
_OPEN = (OrderStatus.NEW, OrderStatus.PENDING, OrderStatus.UNKNOWN)
STEPS = 45


class StillBook:
    """A book that never changes: the simulation is about orders, not about prices."""

    state, reason, is_trusted = "live", "", True

    def best_bid(self) -> tuple[int, int]:
        return (9_999, 50_000)

    def best_ask(self) -> tuple[int, int]:
        return (10_001, 50_000)

    def levels(self, side: Side, limit: int) -> list[tuple[int, int]]:
        return [self.best_bid() if side is Side.BUY else self.best_ask()]

    def size_at(self, side: Side, price: int) -> int:
        return 50_000


class StillMarket:
    """MarketLike over it."""

    def __init__(self) -> None:
        self._book = StillBook()
        self._quote = Quote("TOY", 1, 1, 9_999, 50_000, 10_001, 50_000)
        self._last = Trade("TOY", 1, 1, 10_000, 1, True, "1")

    def quote(self, symbol: str) -> Quote:
        return self._quote

    def last(self, symbol: str) -> Trade:
        return self._last

    def moved(self, seen: dict) -> list[str]:
        return []

    def trades(self, symbol: str) -> list[Trade]:
        return [self._last]

    def book(self, symbol: str) -> StillBook:
        return self._book

    def is_stale(self, symbol: str, now_ns: int) -> bool:
        return False

    def age_ns(self, symbol: str, now_ns: int) -> int:
        return 0


class FaultWorld:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = rng = random.Random(seed)
        self.time = ManualTime()
        self.view = DeskView({"TOY": TOY}, StillMarket(), lambda: 1, PaperSettings(), self.time.now_ns)
        self.records: list[bytes] = []
        self._entries: list = []
        self._read = 0
        self.sent: set[str] = set()
        self.journalled: set[str] = set()
        self.killed = False
        self.broken_store = False
        self.counts: dict[str, int] = {}
        self.line = Line(self.time, random.Random(rng.random()), self.report, lambda: self.resolver)
        self.tasks: deque[Callable[[], None]] = deque()
        self.reports: deque[Event] = deque()
        self._token = 0
        self._following = False
        self._life = 0
        self._weighed = -1
        self._seen = 0
        self._known_cash, self._known_qty = CASH, Decimal(0)
        self._boot(Engine(ACCOUNT, self.time, self.view))
        opening = [*self.engine.open_account("USDT", CASH)]
        opening += self.engine.risk.limit("instrument:TOY", "position", str(MOST * 100), 1)
        opening += self.engine.risk.limit("instrument:TOY", "order_qty", "9", 1)
        self.write(opening)
        self.drain()

    def _boot(self, engine: Engine) -> None:
        self._life += 1
        self.engine = engine
        self.resolver = Resolver(self.time, self.line.query)
        self._seen = 0
        self._known_cash, self._known_qty = CASH, Decimal(0)
        life = self._life

        def second() -> None:
            if life != self._life:
                return
            self.time.call_later(1.0, second)
            if not self.broken_store:
                self.reports.extend(self.resolver.look(self.engine))
            self._retry()
            self.follow()

        self.time.call_later(1.0, second)

    # The desk, step by step.

    def write(self, batch: list[Event], reported: bool = False) -> bool:
        """Journal a batch and plan its application; False when the store does not take it."""
        if not batch:
            return True
        if self.broken_store:
            self._count("storage")
            return False
        self._check_write(batch)
        entries = number(batch, self.engine.last_seq + 1)
        self.records.append(encode(entries))
        self.journalled.update(event.intent.client_order_id for event in batch if isinstance(event, events.OrderSubmitted))
        self.tasks.appendleft(partial(self._apply, entries))
        return True

    def command(self, decide: Callable[[], list[Event]]) -> None:
        """A command is decided, written or refused as a whole."""
        self.tasks.append(partial(self._command, decide))

    def _command(self, decide: Callable[[], list[Event]]) -> None:
        try:
            batch = decide()
        except Denied:
            self._count("denied")
            return
        if not self.write(batch):
            for event in batch:
                if isinstance(event, events.OrderSubmitted):
                    self.engine.abandon(event.intent.client_order_id)

    def report(self, batch: list[Event]) -> None:
        """The line heard something: facts, written as soon as the store takes them."""
        self.reports.extend(batch)
        self._retry()

    def _retry(self) -> None:
        if self.reports:
            self.tasks.append(self._write_reports)

    def _write_reports(self) -> None:
        batch = list(self.reports)
        if batch and self.write(batch, reported=True):
            self.reports.clear()

    def _apply(self, entries: list) -> None:
        effects: list[Effect] = []
        for entry in entries:
            effects += self.engine.apply_entry(entry)
        self.tasks.extendleft([partial(self._act, effect) for effect in reversed(effects)])
        self.follow()

    def follow(self) -> None:
        if self.engine.linked and not self._following:  # one look is enough, however often it is asked for meanwhile
            self._following = True
            self.command(self._due)

    def _due(self) -> list[Event]:
        self._following = False
        return self.engine.followups()

    def _act(self, effect: Effect) -> None:
        match effect:
            case SendOrder(intent):
                self._check_send(intent)
                self.line.submit(intent)
            case SendCancel(cid):
                self.line.cancel(cid)
            case SendAmend(cid, qty, price, _stop):
                self.line.amend(cid, qty, price)
            case QueryOrder(cid):
                self.resolver.owe(cid)

    # What may happen.

    def crash(self) -> None:
        """The tab is gone between two steps; a new one starts from the journal and reconciles."""
        self._count("crash")
        warm, cold = self.engine, self.check_replay()
        self.tasks.clear()
        self.reports.clear()
        self._following = False
        self.line.reset()
        self._boot(cold)
        let_go(warm)
        self.command(lambda: self.engine.recover(self.time.now_ns()))
        self._reconcile()
        self.follow()

    def reconnect(self) -> None:
        if not self.line.connected:
            self.line.connect()
            self._reconcile()

    def _reconcile(self) -> None:
        self.tasks.append(lambda: self.resolver.reconcile(self.engine))

    def entries(self) -> list:
        """The journal read back; a record is read once."""
        for record in self.records[self._read :]:
            self._entries += decode(record)
        self._read = len(self.records)
        return self._entries

    def trade(self) -> None:
        """The trader does something."""
        rng, engine = self.rng, self.engine
        choice, working = rng.random(), list(engine.working)
        if choice < 0.55 or not working:
            self._submit()
        elif choice < 0.68:
            self.command(partial(engine.cancel, rng.choice(working)))
        elif choice < 0.94:
            self.command(partial(engine.amend, rng.choice(working), qty=str(rng.choice([1, 4, 9, 9]))))
            if rng.random() < 0.5:
                self._submit()
        elif choice < 0.97:
            self.command(partial(self._kill, rng.random() < 0.5))
        else:
            self.command(engine.cancel_all)

    def _submit(self) -> None:
        self._token += 1
        ticket = self._ticket()
        if self._token % 3 == 0 and ticket["type"] in ("market", "limit"):  # as the one leg of a routed order
            ticket["route"] = "split" if ticket.get("take_profit") is None else "best"
        self.command(partial(self.engine.submit, ticket, str(self._token)))

    def _kill(self, flatten: bool) -> list[Event]:
        self._count("kill_switch")
        found = self.engine.kill(flatten)
        if not self.broken_store:
            self.killed = True
        return found

    def _lift(self) -> None:
        def decide() -> list[Event]:
            found = self.engine.risk.set_state("desk", "normal", self.time.now_ns())
            if not self.broken_store:
                self.killed = False
            return found

        self.command(decide)

    def _ticket(self) -> dict:
        rng = self.rng
        side = rng.choice(["buy", "sell"])
        kind = rng.choice(["market", "limit", "limit", "limit", "limit", "bracket", "touch", "oco"])
        qty, buys = str(rng.randint(1, 9)), side == "buy"
        near, far = ("99.50", "100.50") if buys else ("100.50", "99.50")
        if kind == "market":
            return fields(side, "market", qty, tif="ioc")
        if kind == "bracket":
            return fields(side, "limit", qty, near, take_profit="105" if buys else "95", stop_loss="95" if buys else "105")
        if kind == "touch":
            return fields(side, "market_if_touched", qty, None, near)
        if kind == "oco":
            return fields(side, "oco", qty, near, far)
        return fields(side, "limit", qty, near)

    def touch(self) -> None:
        """A held order's trigger is seen."""
        held = [cid for cid, order in self.engine.linked.items() if order.status is OrderStatus.HELD and order.intent.held and not order.triggered]
        if held:
            self.report([events.OrderTriggered(self.time.now_ns(), self.rng.choice(held), Decimal(100))])

    def fault(self) -> None:
        """One of the faults of the surroundings begins or ends."""
        rng = self.rng
        match rng.choice(["line", "line", "storm", "store", "clock", "crash", "crash"]):
            case "line":
                self.line.disconnect() if self.line.connected else self.reconnect()
            case "storm":
                self.line.storm = "" if self.line.storm else rng.choice(["429", "5xx"])
            case "store":
                self.broken_store = not self.broken_store
            case "clock":
                self._count("clock")
                self.time.clock.set_wall(max(self.time.now_ns() + rng.choice([-7200, -60, 60, 7200]) * NS, NS))
            case "crash":
                self.crash()

    def step(self) -> None:
        """One thing happens."""
        rng = self.rng
        choice = rng.random()
        if choice < 0.05:
            self.fault()
        elif self.tasks and choice < 0.6:
            self.tasks.popleft()()
        elif choice < 0.72:
            self.trade()
        elif choice < 0.82:
            self.line.venue.move()
        elif choice < 0.85:
            self.touch()
        elif choice < 0.87 and "desk" in self.engine.risk.states:
            self._lift()
        else:
            self.time.advance(rng.choice([0.02, 0.1, 0.5, 2.5]))
        self.check()

    def drain(self) -> None:
        """Let the desk finish what it is at."""
        while self.tasks:
            self.tasks.popleft()()
            self.check()

    def settle(self) -> None:
        """No more faults: the desk has to find out the truth by itself."""
        self.line.calm, self.line.storm, self.broken_store = True, "", False
        self.reconnect()
        for _ in range(100):
            self.drain()
            before = len(self.records)
            self.time.advance(3.0)
            self.drain()  # a look at linked orders that finds nothing due is no news: with it alone the desk is at rest
            if len(self.records) == before and not self._outstanding():
                break

    def _outstanding(self) -> bool:
        """Something is still to be answered or tried again."""
        if self.reports or self.resolver.owed:
            return True
        return any(
            order.status in _OPEN or order.cancel_requested_ns is not None or order.amend_requested_ns is not None
            for order in self.engine.working.values()
        )

    def run(self, steps: int = STEPS) -> None:
        for _ in range(steps):
            self.step()
        self.settle()
        self.check_settled()

    # What must hold.

    def check(self) -> None:
        """After every step, at the cost of what is new."""
        engine = self.engine
        fills = engine.fills
        for fill in fills[self._seen :] if len(fills) != self._seen else ():
            self._known_qty += fill.qty * fill.side.sign
            self._known_cash -= fill.qty * fill.price * fill.side.sign
            held = self.line.venue.orders.get(fill.client_order_id)
            if held is None or fill not in held.fills:
                raise Broken(f"the venue never made the fill {fill.fill_id}")
        self._seen = len(fills)
        if engine.portfolio.qty("TOY") != self._known_qty or engine.portfolio.cash.get("USDT", CASH) != self._known_cash:
            raise Broken("position and cash are not the sum of the fills")
        self._check_exposure()

    def _check_exposure(self) -> None:
        venue = self.line.venue
        if venue.changes == self._weighed:
            return
        self._weighed = venue.changes
        slack = MOST + venue.forced
        up = down = venue.position
        for held in venue.orders.values():
            if held.works and not held.intent.reduce_only:
                if held.intent.side is Side.BUY:
                    up += held.qty - held.filled
                else:
                    down -= held.qty - held.filled
        if up > slack or -down > slack:
            raise Broken(f"risk: the venue could make the position {up} or {down}, allowed are {slack}")

    def _check_write(self, batch: list[Event]) -> None:
        for event in batch:
            if isinstance(event, events.OrderSubmitted):
                intent = event.intent
                if self.killed and intent.origin != KILL_ORIGIN:
                    raise Broken("an order was taken while the desk is halted")
                if intent.client_order_id in self.journalled:
                    raise Broken(f"the id {intent.client_order_id} was given twice")

    def _check_send(self, intent) -> None:
        cid = intent.client_order_id
        if cid in self.sent:
            raise Broken(f"{cid} was sent twice")
        if cid not in self.journalled:
            raise Broken(f"{cid} was sent before it was journalled")
        if intent.qty > 9 and intent.origin != KILL_ORIGIN:
            raise Broken(f"{cid} is larger than the limit")
        self.sent.add(cid)
        parent = self.engine.orders[cid].intent.parent
        if parent is not None:
            entry = self.line.venue.orders.get(parent)
            if entry is None or intent.qty > entry.filled:
                raise Broken(f"the exit {cid} of {intent.qty} is more than its entry has filled")

    def check_replay(self) -> Engine:
        """A cold restart is the state that the journal made warm; what is journalled but not applied yet is applied first."""
        cold = Engine.replay(ACCOUNT, self.time, self.entries(), self.view)
        warm = self.engine
        for entry in self._entries[warm.last_seq :]:
            warm.apply_entry(entry)
        if state_of(cold) != state_of(warm):
            raise Broken("a warm restart is not a cold one")
        if self.seed % 5 == 0:  # costs as much as the replay
            count = len(self._entries)
            again = through_snapshot(ACCOUNT, self.time, self._entries, count // 2, count, self.view)
            if state_of(again) != state_of(cold):
                raise Broken("a restart from a snapshot is not a cold one")
            let_go(again)
        return cold

    def check_settled(self) -> None:
        """At the end desk and venue agree about everything."""
        engine, venue = self.engine, self.line.venue
        cold = self.check_replay()
        if self.seed % 10 == 0 and state_hash(cold) != state_hash(engine):
            raise Broken("a replay has another hash")
        let_go(cold)
        agree(engine, venue, CASH)
        for cid in venue.orders:
            if cid not in self.sent:
                raise Broken(f"{cid} came from nowhere")

    def let_go(self) -> None:
        """Nothing is asked of it any more: cut the circles, so that it is freed at once."""
        let_go(self.engine)
        self.time.forget()
        self.line.let_go()
        self.resolver.__dict__.clear()

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def agree(engine: Engine, venue: Venue, cash: Decimal) -> None:
    """At rest a desk and its venue agree about every order, the position and the cash, which was ``cash`` at first."""
    if unsure := [cid for cid, order in engine.orders.items() if order.status in _OPEN]:
        raise Broken(f"still unresolved: {unsure}")
    for cid, held in venue.orders.items():
        order = engine.orders.get(cid)
        if order is None:
            raise Broken(f"{cid} is lost")
        if order.filled != held.filled or order.is_working != held.works:
            raise Broken(f"{cid} is {order.status} with {order.filled} here, works={held.works} with {held.filled} there")
        if held.works and (order.qty, order.price) != (held.qty, held.price):
            raise Broken(f"{cid} has other terms here than there")
    for cid, order in engine.orders.items():
        if cid not in venue.orders and (order.filled or (order.is_working and order.status is not OrderStatus.HELD)):
            raise Broken(f"the venue does not have {cid}")
        if order.status is OrderStatus.HELD and order.triggered:
            raise Broken(f"{cid} was triggered and never sent")
    position = sum(each.qty for each in engine.portfolio.positions.values())
    if position != venue.position or engine.portfolio.cash["USDT"] != cash + venue.cash:
        raise Broken("position or cash is not the venue's")


def state_of(engine: Engine) -> tuple:
    """Everything the journal decides, to be compared quickly; `state_hash` is its slow and whole form."""
    cells = engine.risk.book.cells.items()
    book = {key: (cell.pos, cell.buys, cell.sells) for key, cell in cells if cell.pos or cell.buys or cell.sells}
    routed = {key: (each.event, each.leg_ids) for key, each in engine.routed.by_id.items()}
    orders, fills = [*engine.orders.values()], [*engine.fills]
    risk = (engine.risk.states, engine.risk.limits, book)
    return (engine.last_seq, [*engine.orders], orders, fills, engine.portfolio, engine.working.keys(), engine.linked.keys(), engine.anomalies, routed, risk)


@contextmanager
def many() -> Iterator[None]:
    """Around many schedules: each leaves whole engines in circles, which are cheaper to collect by the dozen."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def run(seed: int) -> FaultWorld:
    """One schedule; a failure names the command that replays it."""
    world = None
    try:
        world = FaultWorld(seed)
        world.run()
    except Exception as error:
        raise Broken(f"schedule {seed}: {type(error).__name__}: {error}\nreplay it: python -m tests.simulation.fault_world {seed}") from error
    return world


if __name__ == "__main__":
    done = run(int(sys.argv[1]))
    print(f"seed {done.seed}: {len(done.engine.orders)} orders, {len(done.engine.fills)} fills, {len(done.records)} records")
    print({**done.counts, **done.line.faults})
