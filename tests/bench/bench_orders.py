"""What the desk computes for one limit order and its cancel, with 200 others open on paper; native CPython, journal in memory.

    python -m tests.bench.bench_orders [orders] [open]

From the request's text as the worker gets it to everything posted to the page: CPU time of the whole process, market data standing still or moving.
The yardstick is JSON alone: the same requests read, and the same records, replies and rows written, by the standard library.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from app.desk.service import Desk
from app.desk.settings import Settings
from app.desk.surroundings import Surroundings
from app.model.market import BookDelta
from app.platform.native import build
from app.platform.scheduler import begun
from tests.bench.results import emit

ROOT = Path(__file__).resolve().parents[2]
ORDERS = int(sys.argv[1]) if len(sys.argv) > 1 else 400
OPEN = int(sys.argv[2]) if len(sys.argv) > 2 else 200
SYMBOL = "BTCUSDT"
TICKET = {"symbol": SYMBOL, "side": "buy", "type": "limit", "tif": "gtc", "qty": "0.001", "stop": None, "post_only": False, "reduce_only": False}


class Page:
    """The page's end of the port: counts what comes, paints at once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.requests: list[str] = []
        self.desk: Desk | None = None
        self._id = 0

    def post(self, text: str) -> None:
        self.texts.append(text)
        if text.startswith('{"t":"tick"'):
            asyncio.get_running_loop().call_soon(self.desk.painted, json.loads(text)["seq"])

    async def ask(self, do: str, **arguments: object) -> dict:
        """The result of a request, which goes the way that the worker's do."""
        self._id += 1
        text = json.dumps({"do": do, "id": self._id, **arguments})
        self.requests.append(text)
        await begun(self.desk.receive(json.loads(text)))
        start = f'{{"t":"reply","id":{self._id},'
        reply = json.loads(next(text for text in reversed(self.texts) if text.startswith(start)))
        await asyncio.sleep(0)  # what the request changed is told in the turn after the reply
        if not reply["ok"]:
            raise SystemExit(f"{do} was refused: {reply['error']}")
        return reply["result"]


async def desk_with(orders: int) -> Page:
    """A desk with so many limit orders at work, far below the market, whose recording is paused."""
    page = Page()

    async def read_bytes(path: str) -> bytes:
        return (ROOT / path).read_bytes()

    around = Surroundings.on(
        build(),
        post=page.post,
        post_file=lambda text, _file: page.post(text),
        post_secret=lambda text, _secret: page.post(text),
        read_bytes=read_bytes,
        memory=lambda: 0,
        epoch_ms=lambda: time.time_ns() / 1e6,
    )
    page.desk = desk = Desk(around, Settings(speed=20.0))
    await desk.start()
    await page.ask("watch", symbols=[SYMBOL])
    while desk.market.quote(SYMBOL) is None or desk.market.book(SYMBOL).state != "live":
        await asyncio.sleep(0.01)
    await page.ask("replay.control", action="pause")
    await page.ask("paper.settings", latency_ms="0")
    for scope, name in (("desk", "order_rate"), ("desk", "duplicates")):
        await page.ask("risk.limit", scope=scope, name=name, value="100000")
    for number in range(orders):
        await page.ask("order.submit", token=f"open-{number}", price=str(price_of(number)), **TICKET)
    return page


def price_of(number: int) -> int:
    """Prices that differ, so that no two orders are the same."""
    return 30_000 + number % 500


async def trade(page: Page, orders: int, name: str, between: Callable[[int], object]) -> float:
    """Microseconds of CPU time for a submit, its answer and its cancel; ``between`` happens first and does not count."""
    spent = 0.0
    for number in range(orders):
        between(number)
        await asyncio.sleep(0)
        start = time.process_time()
        placed = await page.ask("order.submit", token=f"{name}-{number}", clicked_ms=0, price=str(price_of(number)), **TICKET)
        await page.ask("order.cancel", client_order_id=placed["client_order_id"])
        spent += time.process_time() - start
        if placed["status"] != "accepted":
            raise SystemExit(f"not accepted: {placed}")
    return spent / orders * 1e6


def moving(desk: Desk) -> Callable[[int], object]:
    """The best bid goes up and down a tick."""
    best, _size = desk.market.book(SYMBOL).best_bid()
    tick = desk.market.instrument(SYMBOL).tick

    def move(number: int) -> None:
        now = desk.venue.now_ns(SYMBOL)
        size = 100_000 if number % 2 else 0
        desk.feed.on_events([BookDelta(SYMBOL, now, now, ((best + tick, size),), ())], desk.around.clock.monotonic_ns())

    return move


def json_us(read: Iterable[str | bytes], written: Iterable[str | bytes], orders: int) -> float:
    """Microseconds that JSON alone takes to read and write these."""
    read, values = [*read], [json.loads(text) for text in written]
    start = time.process_time()
    for text in read:
        json.loads(text)
    for value in values:
        json.dumps(value, separators=(",", ":"))
    return (time.process_time() - start) / orders * 1e6


async def measure() -> None:
    """Standing still, then moving."""
    page = await desk_with(OPEN)
    desk = page.desk
    await trade(page, 50, "warm", lambda _number: None)
    records = desk.keeping.shown.memory.records
    for name, between in (("still", lambda _number: None), ("moving", moving(desk))):
        page.texts.clear()
        page.requests.clear()
        before = len(records)
        taken = await trade(page, ORDERS, name, between)
        bare = json_us(page.requests, [*page.texts, *(record for _, record in records[before:])], ORDERS)
        emit(f"order_and_cancel_cpu_{name}", taken, "us", "JSON alone of the same messages", taken / bare, ORDERS)
    await desk.stop()


def main() -> None:
    """Measure and record."""
    gc.set_threshold(50_000, 20, 20)  # as in the worker
    asyncio.run(measure())


if __name__ == "__main__":
    main()
