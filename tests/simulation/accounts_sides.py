"""What outlives a kill in `accounts_world`: each account's disk and its line to a venue, with what must hold of the account alone."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.desk.trade import Trade
from app.model import events
from app.model.events import Event
from app.model.orders import OrderIntent, OrderType, Side, TimeInForce
from app.trading.engine import Engine
from app.trading.journal import decode, encode, number
from app.trading.marks import DeskView
from app.trading.settings import PaperSettings
from tests.simulation.fault_venue import Broken, Line
from tests.simulation.fault_world import StillBook, StillMarket, state_of
from tests.unit.trading.kit import TOY
from tests.unit.trading.snapshots import let_go, through_snapshot

if TYPE_CHECKING:
    from tests.simulation.accounts_world import AccountsWorld

CASH = Decimal(100_000)
MOST, LARGEST = Decimal(20), 9
NAMES = ("one", "two")
LISTINGS = {name: replace(TOY, symbol=f"TOY.{name}", venue=name) for name in NAMES}


class ShallowBook(StillBook):
    """So little is displayed that a larger order needs both listings."""

    def best_bid(self) -> tuple[int, int]:
        return (9_999, 4_000)

    def best_ask(self) -> tuple[int, int]:
        return (10_001, 4_000)


class ShallowMarket(StillMarket):
    """MarketLike over it."""

    def __init__(self) -> None:
        super().__init__()
        self._book = ShallowBook()


class Remote:
    """Execution at the account's venue: what leaves is checked against what that account's disk holds."""

    order_types = frozenset(kind.value for kind in OrderType)
    tifs = frozenset(tif.value for tif in TimeInForce)
    is_spot, takes_pairs, moves_anew = False, True, False
    takes_orders = True

    def __init__(self, side: Half, life: int) -> None:
        self.name, self._side, self._life = side.name, side, life
        self.answered: Any = None

    def submit(self, intent: OrderIntent) -> None:
        self._alive()
        self._side.check_send(intent)
        self._side.line.submit(intent)

    def cancel(self, cid: str) -> None:
        self._alive()
        self._side.line.cancel(cid)

    def amend(self, cid: str, qty: Decimal | None, price: Decimal | None, _stop: Any, _trail: Any) -> None:
        self._alive()
        self._side.line.amend(cid, qty, price)

    def query(self, cid: str) -> None:
        self._alive()
        self._side.line.query(cid)

    def refusal(self, _intent: OrderIntent) -> None:
        return None

    def amend_refusal(self, *_terms: Any) -> None:
        return None

    def adopt(self, *_working: Any) -> None:
        """The venue goes on by itself."""

    hold = close = know = on_market = adopt

    def _alive(self) -> None:
        if self._life != self._side.world.life:
            raise Broken("a desk that is dead has sent something")


class Disk:
    """An account's journal. A write begins here and ends when the schedule says so."""

    def __init__(self, side: Half) -> None:
        self._side = side
        self.records: list[bytes] = []
        self.entries: list = []
        self.ids: set[str] = set()
        self.writing: tuple[bytes, asyncio.Future] | None = None

    async def append(self, _first: int, record: bytes) -> None:
        """Keep the record; raises without keeping it."""
        if self.writing is not None:
            raise Broken(f"two writes at once into the journal of {self._side.name}")
        self.writing = (record, asyncio.get_running_loop().create_future())
        await self.writing[1]

    async def read_all(self) -> list[bytes]:
        return [*self.records]

    def end(self, broken: bool) -> None:
        """What is being written is durable, or the store did not take it."""
        (record, future), self.writing = self.writing, None
        if broken:
            future.set_exception(OSError("the disk is full"))
            return
        self.keep(record)
        future.set_result(None)

    def keep(self, record: bytes) -> None:
        """It is durable."""
        entries = decode(record)
        for entry in entries:
            if isinstance(entry.event, (events.OrderSubmitted, events.OrderRouted)):
                event = entry.event
                cid = event.intent.client_order_id if isinstance(event, events.OrderSubmitted) else event.client_order_id
                if any(cid in each.disk.ids for each in self._side.world.sides):
                    raise Broken(f"the id {cid} was given twice")
                self.ids.add(cid)
        self.records.append(record)
        self.entries += entries

    def killed(self, durable: bool) -> None:
        """The tab is gone: what was being written may have come through."""
        if self.writing is not None and durable:
            self.keep(self.writing[0])
        self.writing = None


class Half:
    """One account: what outlives a kill (line, disk), and its desk side (`trade`), which does not. Quacks like `desk.accounts.Account`."""

    for_real = True

    def __init__(self, world: AccountsWorld, name: str) -> None:
        self.world, self.name, self.title, self.item = world, name, name.capitalize(), LISTINGS[name]
        self.line = Line(world.time, random.Random(world.rng.random()), self._report, lambda: self.trade.resolver)
        self.disk = Disk(self)
        self.sent: set[str] = set()
        self.armed = True
        self.broken_store = False
        self.trade: Trade = None
        self.reconciled = False
        engine = Engine(f"sim-{name}", world.time, self._view())
        self._first(engine, engine.open_account("USDT", CASH))
        for limit, value in (("position", str(MOST * 100)), ("order_qty", str(LARGEST))):
            self._first(engine, engine.risk.limit(f"instrument:{self.item.symbol}", limit, value, 1))
        self._first(engine, engine.routing_rule("accounts", ",".join(NAMES)))
        let_go(engine)

    def _first(self, engine: Engine, batch: list[Event]) -> None:
        entries = number(batch, engine.last_seq + 1)
        self.disk.keep(encode(entries))
        for entry in entries:
            engine.apply_entry(entry)

    def _view(self) -> DeskView:
        found = DeskView({item.symbol: item for item in LISTINGS.values()}, self.world.market, lambda: 1, PaperSettings(), self.world.time.now_ns)
        found.trades_at = frozenset({self.name})
        return found

    def boot(self) -> None:
        """A desk side without a journal yet."""
        world = self.world
        self.reconciled, self.armed = False, True
        self.trade = Trade(self._view(), Remote(self, world.life), world.time, None, lambda _message: None, world.toast, lambda: None)

    async def open(self) -> None:
        """Replay the journal, go on, and ask the venue about what is open."""
        records = [*self.disk.records]
        await self.trade.open(records, self.disk, decode(records[-1])[0].seq)
        self.reconcile()

    def reconcile(self) -> None:
        """The connection is new."""
        self.reconciled = False
        if self.trade.engine is not None:
            self.trade.resolver.reconcile(self.trade.engine)

    def refusal(self) -> tuple[str, str]:
        """Why it takes no orders now."""
        if self.trade.writer.stuck is not None:
            return "the journal cannot be written", ""
        if not self.armed:
            return "real orders are not armed", ""
        if not self.line.connected:
            return "it is connecting", ""
        self.reconciled = self.reconciled or not self.trade.resolver.owed
        return ("" if self.reconciled else "it is reconciling"), ""

    def second(self) -> None:
        """Once a second, as the desk does it."""
        if self.trade.writer.stuck is not None:
            self.trade.writer.retry()
        self.trade.second()

    def _report(self, batch: list[Event]) -> None:
        with self.world.loop.running():
            self.trade.writer.report(batch)

    def check_send(self, intent: OrderIntent) -> None:
        """Nothing leaves twice, or before this account's own journal has it."""
        cid = intent.client_order_id
        if any(cid in each.sent for each in self.world.sides):
            raise Broken(f"{cid} was sent twice")
        if cid not in self.disk.ids:
            raise Broken(f"{cid} was sent before the journal of {self.name} had it")
        if intent.qty > LARGEST:
            raise Broken(f"{cid} is larger than the limit")
        self.sent.add(cid)

    def check(self) -> None:
        """Fills are the venue's, and it could not make more of a position than the limit allows."""
        venue, engine = self.line.venue, self.trade.engine
        slack = MOST + venue.forced
        up = down = venue.position
        for held in venue.orders.values():
            if held.works:
                left = held.qty - held.filled
                up, down = (up + left, down) if held.intent.side is Side.BUY else (up, down - left)
        if up > slack or -down > slack:
            raise Broken(f"risk: the venue could make the position of {self.name} {up} or {down}, allowed are {slack}")
        for fill in engine.fills if engine is not None else ():
            if fill not in venue.orders[fill.client_order_id].fills:
                raise Broken(f"the venue never made the fill {fill.fill_id}")

    def proposed(self) -> list:
        """Orders that hold buying power and are not journalled."""
        return [order for order in self.trade.engine.claims() if order.client_order_id not in self.trade.engine.orders]

    def check_replay(self) -> Engine:
        """A cold restart is the state that the journal made warm; what is durable but not applied yet is applied first."""
        cold = Engine.replay(f"sim-{self.name}", self.world.time, self.disk.entries, self._view())
        engine = self.trade.engine
        if engine is not None:
            for entry in self.disk.entries[engine.last_seq :]:
                engine.apply_entry(entry)
            for order in self.proposed():
                engine.abandon(order.client_order_id)  # what was only meant dies with the tab
            if state_of(cold) != state_of(engine):
                raise Broken(f"{self.name}: a warm restart is not a cold one")
        if self.world.seed % 5 == 0:
            count = len(self.disk.entries)
            again = through_snapshot(f"sim-{self.name}", self.world.time, self.disk.entries, count // 2, count, self._view())
            if state_of(again) != state_of(cold):
                raise Broken(f"{self.name}: a restart from a snapshot is not a cold one")
            let_go(again)
        return cold
