"""Questions about an order at a venue without room for them: one of each order waits for its turn, however often the desk would ask."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderType, Side, TimeInForce
from app.net.connection import LinkPolicy
from app.platform.interfaces import HttpAnswer
from app.trading.order import Order
from app.trading.resolving import Resolver
from app.venues.alpaca import places
from app.venues.alpaca.trading import AlpacaTrading
from app.venues.binance import api
from app.venues.binance.trading import BinanceTrading
from app.venues.real import RealExecution
from tests.unit.manual import ManualSockets, ManualTime

INTENT = OrderIntent("kt-1", "a", "desk", 1, "X", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, Decimal(1), Decimal(100))


class Ledger:
    """What the desk knows: two orders."""

    account = "a"

    def __init__(self) -> None:
        self.orders = {cid: Order.of(replace(INTENT, client_order_id=cid), 1) for cid in ("kt-1", "kt-2")}

    def order(self, client_order_id: str) -> Order | None:
        return self.orders.get(client_order_id)

    def fills(self, _client_order_id: str) -> list:
        return []

    def working(self) -> list[Order]:
        return [*self.orders.values()]


class Asking:
    """A venue whose limits leave no room and that never answers, and the desk that asks it. ``asked`` are the orders of the questions that left."""

    def __init__(self) -> None:
        self.time, self.sockets, self.ledger, self.left = ManualTime(), ManualSockets(), Ledger(), []
        self.venue = self.build()
        self.resolver = Resolver(self.time, self.venue.query)
        self.venue.answered = self.resolver.answered
        self.engine = SimpleNamespace(working=self.ledger.orders)

    def build(self) -> RealExecution:
        raise NotImplementedError

    def common(self) -> dict:
        item = Instrument("X", self.name, "X", "X", "USD", 2, 0)
        told = {"ledger": self.ledger, "report": lambda _events: None, "changed": lambda: None, "rng": random.Random(1)}
        return {"sockets": self.sockets, "clock": self.time, "scheduler": self.time, "instruments": {"X": item}, **told}

    async def seconds(self, count: int) -> None:
        """Let time pass; the desk looks once a second."""
        for _ in range(count):
            self.time.advance(1)
            self.resolver.look(self.engine, 10**18)
            await self.turn()

    async def turn(self) -> None:
        for _ in range(10):
            self.time.run_for(0)
            await asyncio.sleep(0)

    def waiting(self) -> int:
        """Requests that have not left."""
        return len(self.venue.api._queue)


class AtBinance(Asking):
    name = "binance"

    def build(self) -> BinanceTrading:
        async def done() -> None:
            pass

        venue = BinanceTrading(**self.common(), policy=LinkPolicy(silence_s=10**6))
        venue._setup.run = done  # the connection is set up
        venue.start(api.Credentials("key", self))
        self.sockets.last.accept()
        venue.api.release()
        return venue

    algorithm = "HMAC-SHA256"

    async def sign(self, _data: bytes) -> bytes:
        return b""

    def full(self, seconds: int) -> None:
        venue_ms = self.venue.api.venue_ms
        self.venue.api.budget.refused(429, venue_ms + 1000 * seconds, venue_ms, self.time.monotonic_ns())

    @property
    def asked(self) -> list[str]:
        return [text.partition('origClientOrderId":"')[2][:4] for text in self.sockets.last.sent if "order.status" in text]


class AtAlpaca(Asking):
    name = "alpaca"

    def build(self) -> AlpacaTrading:
        async def nowhere() -> str:
            return ""

        venue = AlpacaTrading(**self.common(), http=None, own_proxy=nowhere)
        venue.api.way = self
        venue.api.credentials = places.Credentials("PK", None, places.Places.of(False, {}))
        venue.api.release()
        return venue

    async def send(self, _method, url, _body, _credentials) -> HttpAnswer:
        self.left.append(url[-4:])
        return await asyncio.Future()

    def forget(self) -> None:
        pass

    def full(self, seconds: int) -> None:
        self.venue.api.budget.refused({"retry-after": str(seconds)}, 0.0, self.time.monotonic_ns())

    @property
    def asked(self) -> list[str]:
        return self.left


@pytest.mark.parametrize("kind", [AtBinance, AtAlpaca])
async def test_one_question_per_order_waits_and_one_that_left_unanswered_is_asked_again_after_its_pause(kind):
    desk = kind()
    await desk.turn()
    desk.full(60)
    before = desk.waiting()
    for cid in desk.ledger.orders:
        desk.resolver.owe(cid)
    await desk.seconds(40)
    desk.resolver.owe("kt-1")  # something new is heard of it
    assert desk.waiting() == before + 2 and not desk.asked
    assert {asked.count for asked in desk.resolver.asked.values()} == {1}, "what only waits was not asked"
    await desk.seconds(26)
    assert desk.waiting() == before and len(desk.asked) <= 6
    for cid, asked in desk.resolver.asked.items():
        assert asked.count == desk.asked.count(cid) >= 2, "nothing came back: it is asked again"
