"""A venue elsewhere and the line to it, on virtual time, with every fault that a seed asks for.

The venue is the truth: it takes an order id once, fills when it likes, and answers queries with all it knows, or with what it knew a
moment ago. The line loses, repeats, delays, reorders and cuts messages; a storm answers 429 (nothing was done) or 5xx (perhaps it was).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from decimal import Decimal
from operator import attrgetter

from app.model import events
from app.model.events import Event, EventError, from_json, to_json
from app.model.orders import Fill, Liquidity, OrderIntent
from app.trading.resolving import Resolver
from tests.unit.manual import ManualTime

HUNDRED = Decimal(100)
STALE_NS = 1_500_000_000


class Broken(AssertionError):
    """Something that must never be is."""


@dataclass
class Held:
    """An order as the venue has it; ``version`` rises with every change of its terms."""

    intent: OrderIntent
    qty: Decimal
    price: Decimal | None
    since: int
    version: int = 1
    fills: list[Fill] = field(default_factory=list)
    filled: Decimal = Decimal(0)
    ended: Event | None = None
    times: list[int] = field(default_factory=list)
    ended_at: int = 0

    @property
    def works(self) -> bool:
        return self.ended is None and self.filled < self.qty


class Venue:
    """``say(messages)`` sends to whoever is connected."""

    def __init__(self, time: ManualTime, rng: random.Random, say: Callable[[list[tuple[int, Event]]], None]) -> None:
        self.orders: dict[str, Held] = {}
        self.position = Decimal(0)
        self.cash = Decimal(0)
        self.forced = Decimal(0)
        self.changes = 0
        """Rises with every change of an order or the position."""
        self._time, self._rng, self._say = time, rng, say

    def submit(self, intent: OrderIntent) -> list[tuple[int, Event]]:
        cid, now = intent.client_order_id, self._time.now_ns()
        if cid in self.orders:
            raise Broken(f"{cid} came twice")
        held = self.orders[cid] = Held(intent, intent.qty, intent.price, self._time.monotonic_ns())
        self.changes += 1
        if self._rng.random() < 0.4:
            self._time.call_later(self._rng.random() * 0.3, lambda: self.fill(held))
        if intent.type.value == "market":
            self._time.call_later(self._rng.random(), lambda: self._at_market(held))
        return [(1, events.OrderAccepted(now, cid, f"v-{cid}"))]

    def cancel(self, cid: str) -> list[tuple[int, Event]]:
        now, held = self._time.now_ns(), self.orders.get(cid)
        if held is None or not held.works:
            return [(0, events.OrderChangeRefused(now, cid, "cancel", "not_working", "not working"))]
        self._end(held, events.OrderCancelled(now, cid, "cancelled"))
        if self._rng.random() < 0.1:
            self._time.call_later(self._rng.random(), lambda: self.fill(held, forced=True))
        return [(0, held.ended)]

    def amend(self, cid: str, qty: Decimal | None, price: Decimal | None) -> list[tuple[int, Event]]:
        now, held = self._time.now_ns(), self.orders.get(cid)
        if held is None or not held.works or (qty is not None and qty <= held.filled) or self._rng.random() < 0.2:
            return [(0, events.OrderChangeRefused(now, cid, "amend", "not_possible", "not possible"))]
        held.qty, held.price = qty or held.qty, price or held.price
        held.version += 1
        self.changes += 1
        return [self._terms(held)]

    def query(self, cid: str, stale: bool) -> list[tuple[int, Event]]:
        """What is known of an order; a stale answer comes from a copy that is behind."""
        now, held = self._time.now_ns(), self.orders.get(cid)
        at = self._time.monotonic_ns() - (STALE_NS if stale else 0)
        if held is None or held.since > at:
            return [(-1, events.OrderUnknown(now, cid, "not found"))]
        found = [(0, events.OrderAccepted(now, cid, f"v-{cid}"))]
        if not stale:
            found.append(self._terms(held))
        found += [(0, events.OrderFilled(now, fill)) for fill, made in zip(held.fills, held.times, strict=True) if made <= at]
        return [*found, (0, held.ended)] if held.ended is not None and held.ended_at <= at else found

    def _end(self, held: Held, event: Event) -> None:
        held.ended, held.ended_at = event, self._time.monotonic_ns()
        self.changes += 1

    def move(self) -> None:
        """Something happens to a working order: a fill, or the rest of it is rejected."""
        working = [held for held in self.orders.values() if held.works]
        if not working:
            return
        held = self._rng.choice(working)
        if self._rng.random() < 0.9:
            self.fill(held)
        else:
            self._end(held, events.OrderRejected(self._time.now_ns(), held.intent.client_order_id, "venue", "the venue withdrew it"))
            self._say([(0, held.ended)])

    def _at_market(self, held: Held) -> None:
        self.fill(held, whole=True)
        if held.works:
            self._end(held, events.OrderCancelled(self._time.now_ns(), held.intent.client_order_id, "there was nothing more"))
            self._say([(0, held.ended)])

    def fill(self, held: Held, whole: bool = False, forced: bool = False) -> None:
        left = held.qty - held.filled
        if held.intent.reduce_only:
            left = min(left, max(-self.position * held.intent.side.sign, Decimal(0)))
        if left <= 0 or not (held.works or forced):
            return
        intent, now = held.intent, self._time.now_ns()
        qty = left if whole else min(left, Decimal(self._rng.randint(1, 3)))
        if forced:
            self.forced += qty
        cid = intent.client_order_id
        fill = Fill(f"{cid}-{len(held.fills)}", cid, intent.symbol, intent.side, qty, held.price or HUNDRED, Decimal(0), "USDT", Liquidity.TAKER, now)
        held.fills.append(fill)
        held.times.append(self._time.monotonic_ns())
        held.filled += qty
        self.changes += 1
        self.position += qty * intent.side.sign
        self.cash -= qty * fill.price * intent.side.sign
        self._say([(0, events.OrderFilled(now, fill))])

    def _terms(self, held: Held) -> tuple[int, Event]:
        return held.version, events.OrderAmended(self._time.now_ns(), held.intent.client_order_id, held.qty, held.price, None)


def _at(event: Event, ts: int) -> Event:
    """The same event, heard at another time: `dataclasses.replace`, for what is done most."""
    cls = type(event)
    rest = _REST.get(cls)
    if rest is None:
        first, *names = (each.name for each in fields(cls))
        assert first == "ts"
        rest = _REST[cls] = attrgetter(*names) if len(names) > 1 else lambda event: (getattr(event, names[0]),)
    return cls(ts, *rest(event))


_REST: dict[type, Callable[[Event], tuple]] = {}


class Line:
    """The connection as the desk sees it; ``report(events)`` is the desk's ear, ``resolver()`` its resolver."""

    def __init__(self, time: ManualTime, rng: random.Random, report: Callable[[list[Event]], None], resolver: Callable[[], Resolver]) -> None:
        self.venue = Venue(time, random.Random(rng.random()), self._stream)
        self.connected = True
        self.storm = ""
        self.calm = False
        self.faults: dict[str, int] = {}
        self._time, self._rng = time, rng
        self._report, self._resolver = report, resolver
        self._session = 0
        self._since = 0
        self._terms: dict[str, int] = {}

    def reset(self) -> None:
        """The desk that was connected is gone, and what it remembered."""
        self._session += 1
        self._since = self._time.monotonic_ns()
        self._terms.clear()

    def let_go(self) -> None:
        """Nobody listens any more."""
        self._report = self._resolver = self.venue._say = None

    def connect(self) -> None:
        """A new connection."""
        self.connected = True
        self._since = self._time.monotonic_ns()

    def disconnect(self) -> None:
        """Everything under way is lost, except what has arrived."""
        self._count("disconnect")
        self.connected = False
        self.reset()

    def submit(self, intent: OrderIntent) -> None:
        cid = intent.client_order_id
        self._hear([events.OrderSent(self._time.now_ns(), cid)])
        lost = [events.OrderUnknown(self._time.now_ns(), cid, "the connection broke while it was sent")]
        refused = [events.OrderRejected(self._time.now_ns(), cid, "rate_limited", "429: too many requests, the venue did not take it")]
        self._request(lambda: self.venue.submit(intent), lost, refused)

    def cancel(self, cid: str) -> None:
        self._request(lambda: self.venue.cancel(cid), [], [events.OrderChangeRefused(self._time.now_ns(), cid, "cancel", "rate_limited", "429")])

    def amend(self, cid: str, qty: Decimal | None, price: Decimal | None) -> None:
        refused = [events.OrderChangeRefused(self._time.now_ns(), cid, "amend", "rate_limited", "429")]
        self._request(lambda: self.venue.amend(cid, qty, price), [], refused)

    def query(self, cid: str) -> None:
        stale = not self.calm and self._rng.random() < 0.3
        if stale:
            self._count("stale")
        self._request(lambda: self._answer(cid, stale), [], [])

    def _answer(self, cid: str, stale: bool) -> list:
        """An answer is one message: all of it comes, or nothing."""
        known, at = self.venue.query(cid, stale), self._time.monotonic_ns() - (STALE_NS if stale else 0)
        return [(0, (cid, known, at))]

    def _request(self, work: Callable[[], list], lost: list[Event], refused: list[Event]) -> None:
        if not self.connected:
            self._hear(lost)
            return
        if self.storm == "429":
            self._count("429")
            self._later([(0, event) for event in refused])
            return
        if self.storm == "5xx":
            self._count("5xx")
            if self._rng.random() < 0.5:
                self._time.call_later(self._delay(), work)
            self._later([(0, event) for event in lost])
            return
        session = self._session

        def arrive() -> None:
            # What was cut off on its way may still have arrived.
            if session != self._session and self._rng.random() < 0.5:
                return
            answer = work()
            if session != self._session:
                return
            if not self.calm and self._rng.random() < 0.12:
                self._count("lost_ack")
                return
            self._later(answer)

        self._time.call_later(self._delay(), arrive)

    def _stream(self, said: list[tuple[int, Event]]) -> None:
        if self.connected:
            self._later(said)

    def _later(self, said: list[tuple[int, Event]]) -> None:
        """Each message on its own way, some of them twice: late, reordered, duplicated."""
        rng, session = self._rng, self._session
        for message in said:
            copies = 1 if self.calm or rng.random() > 0.15 else 2
            for _ in range(copies):
                self._time.call_later(self._delay(), lambda message=message: self._arrive(session, message))
            if copies == 2:
                self._count("duplicate")

    def _arrive(self, session: int, message: tuple[int, Event]) -> None:
        if session != self._session:
            return
        version, event = message
        if isinstance(event, tuple):
            cid, known, at = event
            for part in known:
                self._take(*part)
            # What a copy knew before this connection began says nothing about what was missed.
            if known[0][0] >= 0 and at >= self._since:
                self._resolver().answered(cid, at)
            return
        if not self.calm and self._rng.random() < 0.02:
            # The connection breaks within the frame: what cannot be read is not guessed at.
            frame = to_json(event)
            try:
                from_json(frame[: self._rng.randrange(len(frame))])
            except EventError:
                self._count("cut")
                self.disconnect()
                return
            raise Broken("half a frame was read as a whole one")
        self._take(version, event)

    def _take(self, version: int, event: Event) -> None:
        if version < 0:
            self._hear(self._resolver().not_found(event.client_order_id))
        elif not isinstance(event, events.OrderAmended):
            self._hear([event])
        elif version >= self._terms.get(event.client_order_id, 0):
            self._terms[event.client_order_id] = version
            self._hear([event])

    def _hear(self, said: list[Event]) -> None:
        if said:
            now = self._time.now_ns()
            self._report([event if event.ts == now else _at(event, now) for event in said])

    def _delay(self) -> float:
        if self.calm or self._rng.random() < 0.7:
            return 0.01 + self._rng.random() * 0.05
        return self._rng.random() * 1.2

    def _count(self, what: str) -> None:
        self.faults[what] = self.faults.get(what, 0) + 1
