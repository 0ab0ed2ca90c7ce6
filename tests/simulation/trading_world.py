"""A desk cut into single steps on seeded time, which may crash between any two of them, and a venue that outlives it.

The journal is the only thing that survives a crash; the paper venue is rebuilt from it, the remote venue lives on by itself,
fills while the desk is away, repeats messages, and what it says to a desk that crashed is lost.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from app.market.state import MarketState
from app.model import events
from app.model.events import Event
from app.model.market import BookDelta, BookSnapshot, Trade
from app.model.orders import Fill, Liquidity, OrderIntent, OrderStatus, OrderType
from app.trading import splits
from app.trading.effects import Effect, HoldPosition, QueryOrder, SendAmend, SendCancel, SendOrder
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.journal import decode, encode, number
from app.trading.marks import DeskView
from app.trading.paper import PaperVenue
from app.trading.settings import PaperSettings
from tests.unit.manual import ManualTime
from tests.unit.trading.kit import ACCOUNT, TOY, fields

MIDDLE = 10_000
CRASH = 0.05


@dataclass
class Held:
    """An order as the remote venue has it."""

    intent: OrderIntent
    filled: Decimal = Decimal(0)
    fills: list[Fill] = field(default_factory=list)
    ended: Event | None = None


class RemoteVenue:
    """A venue elsewhere: takes each order once, fills and cancels on its own time, answers queries with everything it knows."""

    def __init__(self, time: ManualTime, rng: random.Random, deliver: Callable[[list[Event]], None]) -> None:
        self.orders: dict[str, Held] = {}
        self._time, self._rng, self._deliver = time, rng, deliver

    def submit(self, intent: OrderIntent) -> None:
        cid = intent.client_order_id
        assert cid not in self.orders, "an order was sent twice"
        self.orders[cid] = Held(intent)
        self._say(events.OrderSent(self._time.now_ns(), cid), events.OrderAccepted(self._time.now_ns(), cid, f"r-{cid}"))
        for _ in range(self._rng.randint(0, 2)):
            self._time.call_later(self._rng.random() * 3, lambda: self._fill(cid))

    def cancel(self, cid: str) -> None:
        held = self.orders.get(cid)
        if held is None or held.ended is not None:
            self._say(events.OrderChangeRefused(self._time.now_ns(), cid, "cancel", "not_working", "not working"))
            return
        held.ended = events.OrderCancelled(self._time.now_ns(), cid, "cancelled")
        self._say(held.ended)

    def amend(self, cid: str, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> None:
        self._say(events.OrderChangeRefused(self._time.now_ns(), cid, "amend", "not_supported", "not supported"))

    def query(self, cid: str) -> None:
        now, held = self._time.now_ns(), self.orders.get(cid)
        if held is None:
            self._say(events.OrderRejected(now, cid, "never_arrived", "no such order"))
            return
        fills = [events.OrderFilled(now, fill) for fill in held.fills]
        self._say(events.OrderAccepted(now, cid, f"r-{cid}"), *fills, *([held.ended] if held.ended else []))

    def _fill(self, cid: str) -> None:
        held = self.orders[cid]
        left = held.intent.qty - held.filled
        if held.ended is not None or not left:
            return
        qty = min(left, Decimal(self._rng.randint(1, 3)))
        intent, now = held.intent, self._time.now_ns()
        held.filled += qty
        price = intent.price or Decimal(100)
        made = Fill(f"r-{cid}-{len(held.fills)}", cid, intent.symbol, intent.side, qty, price, Decimal(0), "USDT", Liquidity.TAKER, now)
        held.fills.append(made)
        self._say(events.OrderFilled(now, made))

    def _say(self, *said: Event) -> None:
        self._deliver(list(said))
        if self._rng.random() < 0.2:
            self._deliver(list(said))


class World:
    """One seed. ``steps`` of the desk are tasks; a crash drops them all."""

    instruments = (TOY,)

    def __init__(self, seed: int, remote: bool) -> None:
        self.rng = random.Random(seed)
        self.time = ManualTime()
        self.records: list[bytes] = []
        self.sent: list[str] = []
        self.crashes = 0
        self._token = 0
        self._trade = 0
        self._life = 0
        self.wanted: dict | None = None
        """A split whose orders are being cancelled."""
        self.tasks: deque[Callable[[], None]] = deque()
        self.market = MarketState(self.instruments)
        self.view = DeskView({item.symbol: item for item in self.instruments}, self.market, self.time.now_ns)
        self.settings = PaperSettings(latency_ms=Decimal(self.rng.choice([0, 0, 40])), jitter_ms=Decimal(self.rng.choice([0, 30])))
        self.remote = RemoteVenue(self.time, random.Random(seed + 1), self.report) if remote else None
        self.venue = self.remote or self.paper()
        self.market.on_events(self.on_market)
        self.engine = Engine(ACCOUNT, self.time, self.view)
        self.snapshot()
        self.write(self.engine.open_account("USDT", Decimal(100_000)))
        self.drain()

    def paper(self) -> PaperVenue:
        return PaperVenue(self.instruments, self.market, self.time, self.time, random.Random(self.rng.random()), self.settings, self.report)

    def on_market(self, batch: list) -> None:
        if self.remote is None:
            self.venue.on_market(batch)

    def report(self, batch: list[Event]) -> None:
        """The venue speaks to the desk that lives now; it is journalled as a task of its own."""
        self.tasks.append(lambda: self.write(batch))

    def write(self, batch: list[Event]) -> None:
        if not batch:
            return
        entries = number(batch, self.engine.last_seq + 1)
        self.records.append(encode(entries))
        self.tasks.appendleft(lambda: self.apply(entries))

    def apply(self, entries: list) -> None:
        effects = [effect for entry in entries for effect in self.engine.apply_entry(entry)]
        self.tasks.extendleft([lambda effect=effect: self.act(effect) for effect in reversed(effects)])

    def act(self, effect: Effect) -> None:
        match effect:
            case SendOrder(intent):
                self.sent.append(intent.client_order_id)
                self.venue.submit(intent)
            case SendCancel(cid):
                self.venue.cancel(cid)
            case SendAmend(cid, qty, price, stop):
                self.venue.amend(cid, qty, price, stop)
            case QueryOrder(cid):
                self.venue.query(cid)
            case HoldPosition(symbol, qty):
                self.venue.hold(symbol, qty)

    def entries(self) -> list:
        return [entry for record in self.records for entry in decode(record)]

    def crash(self) -> None:
        """Memory is lost between two steps; a new desk starts from the journal."""
        self.crashes += 1
        self.wanted = None
        self.tasks.clear()
        self.engine = Engine.replay(ACCOUNT, self.time, self.entries(), self.view)
        if self.remote is None:
            self.venue.close()
            self.venue = self.paper()
            self.venue.adopt(list(self.engine.working.values()), {item.symbol: self.engine.portfolio.qty(item.symbol) for item in self.instruments})
        self.tasks.append(lambda: self.write(self.engine.recover(self.time.now_ns())))
        if self.remote is not None:
            known = list(self.engine.working)
            self.tasks.append(lambda: [self.remote.query(cid) for cid in known])

    def drain(self) -> None:
        """Let everything that is under way finish."""
        while self.tasks:
            self.tasks.popleft()()

    def command(self) -> None:
        rng, engine = self.rng, self.engine
        working = list(engine.working)
        choice = rng.random()
        try:
            if self.wanted is not None:
                self.split()
            elif self.remote is None and choice < 0.12:
                self.begin_split()
            elif choice < 0.6 or not working:
                self._token += 1
                self.write(engine.submit(self.ticket(), str(self._token)))
            elif choice < 0.85:
                self.write(engine.cancel(rng.choice(working)))
            else:
                self.write(engine.amend(rng.choice(working), qty=str(rng.randint(1, 9))))
        except Denied:
            return

    def begin_split(self) -> None:
        """Cancel what works in the instrument; the split itself is a later step."""
        new, old = self.rng.choice([(2, 1), (1, 2), (3, 1), (1, 3), (3, 2)])
        wanted = {"symbol": "TOY", "new": str(new), "old": str(old), "note": ""}
        reason = splits.reason_of(splits.read(self.engine, wanted))
        self.write(self.engine.cancel_where(lambda order: order.symbol == "TOY", reason))
        self.wanted = wanted

    def split(self) -> None:
        """Book it once nothing works any more; a crash forgets it."""
        wanted, self.wanted = self.wanted, None
        self.write(self.engine.book_split(wanted))

    def ticket(self) -> dict:
        rng = self.rng
        kind = rng.choice(["market", "limit", "limit", "stop"])
        side = rng.choice(["buy", "sell"])
        price = stop = None
        if kind == "limit":
            price = f"{(MIDDLE + rng.randint(-6, 6)) / 100:.2f}"
        elif kind == "stop":
            stop = f"{(MIDDLE + (5 if side == 'buy' else -5)) / 100:.2f}"
        tif = rng.choice(["gtc", "day", "gtc"]) if kind == "stop" else rng.choice(["gtc", "day", "ioc", "fok"])
        return fields(side, kind, str(rng.randint(1, 9)), price, stop, tif=tif, reduce_only=rng.random() < 0.1)

    def snapshot(self) -> None:
        now = self.time.now_ns()
        bids = tuple((MIDDLE - 1 - step, 4_000) for step in range(8))
        asks = tuple((MIDDLE + 1 + step, 4_000) for step in range(8))
        self.market.apply([BookSnapshot(item.symbol, now, now, bids, asks) for item in self.instruments])

    def move(self) -> None:
        rng, now = self.rng, self.time.now_ns()
        symbol = "TOY" if len(self.instruments) == 1 else rng.choice(self.instruments).symbol
        step = rng.randint(1, 8)
        if rng.random() < 0.1:
            self.snapshot()
        elif rng.random() < 0.5:
            self._trade += 1
            price = MIDDLE + rng.randint(-7, 7)
            self.market.apply([Trade(symbol, now, now, price, rng.randint(500, 9_000), rng.random() < 0.5, str(self._trade))])
        elif rng.random() < 0.5:
            self.market.apply([BookDelta(symbol, now, now, ((MIDDLE - step, rng.randint(0, 9_000)),), ())])
        else:
            self.market.apply([BookDelta(symbol, now, now, (), ((MIDDLE + step, rng.randint(0, 9_000)),))])

    def run(self, steps: int) -> None:
        rng = self.rng
        for _ in range(steps):
            if rng.random() < CRASH:
                self.crash()
            elif self.tasks and rng.random() < 0.6:
                self.tasks.popleft()()
            elif not self.tasks and rng.random() < 0.4:
                self.command()
            elif rng.random() < 0.6:
                self.move()
            else:
                self.time.advance(rng.choice([0.001, 0.02, 0.5]))

    def settle(self) -> None:
        """No more crashes: everything outstanding is answered."""
        for _ in range(8):
            self.drain()
            self.time.advance(1)
        self.drain()

    def unresolved(self) -> list[str]:
        open_ended = (OrderStatus.NEW, OrderStatus.PENDING, OrderStatus.UNKNOWN)
        return [cid for cid, order in self.engine.orders.items() if order.status in open_ended]

    def immediate(self, cid: str) -> bool:
        intent = self.engine.orders[cid].intent
        return intent.type is OrderType.MARKET or intent.tif.value in ("ioc", "fok")
