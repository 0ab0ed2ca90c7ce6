"""What the desk computes between a press and its bytes: one limit order at a real account, from the text of the message to the signed request on
the socket; native CPython, emulated exchange in this process, a vault in memory.

    python -m tests.bench.bench_press [orders] [what]

200 orders are open, 100 positions held and 40 limits set. Of each leg: calls of Python functions and of built-in ones (in Pyodide time is nearly
proportional to these), and turns of the event loop in which a task goes on: each lets what has queued go first. Signing and the disk wait for some, as in
a browser. Then the least CPU time of the decision, and of applying and sending. ``what`` = functions lists every Python function with its calls.
The yardstick of the times is JSON alone of the same texts.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from types import CodeType, FrameType
from typing import Any

from app.desk.recorder import VaultRecorder
from app.desk.writer import Writer
from app.platform import scheduler
from app.platform.native.web import NativeSocket
from app.platform.scheduler import begun
from app.venues.binance.api import Api
from tests.bench.results import emit
from tests.unit.desk.conftest import Page, start_desk
from tests.venues.binance_sim.private import hmac_account
from tests.venues.binance_sim.server import Emulator
from tests.venues.exec_desk import PASSPHRASE
from tests.venues.exec_sdks import KEY, SECRET
from tests.venues.live_desk import emulating, until

ORDERS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
LISTED = sys.argv[2:] == ["functions"]
OPEN, POSITIONS = 200, 100
COUNTED = 11
SYMBOLS = ("BTCUSDT", *(f"C{number:02}USDT" for number in range(1, POSITIONS)))
LEGS: dict[CodeType, str] = {
    Writer.command.__code__: "decide",
    Writer._write.__code__: "encode",
    VaultRecorder.append.__code__: "vault",
    Writer._apply.__code__: "apply",
    Api.ask.__code__: "send",
}
"""Where a leg begins; the first one is the message."""
PARTS = ("message", *LEGS.values())
_TURN, _BEGUN = asyncio.Handle._run.__code__, scheduler.begun.__code__
TICKET = {"side": "buy", "type": "limit", "tif": "gtc", "qty": "0.001", "stop": None, "post_only": False, "reduce_only": False}


class Counted:
    """Calls and turns of one order by leg, until its bytes are on the socket."""

    def __init__(self) -> None:
        self.python, self.builtin, self.turns = Counter(), Counter(), Counter()
        self.functions: dict[str, Counter] = {}
        self.leg = "message"

    def __enter__(self) -> Counted:
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)

    def _event(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "c_call":
            self.builtin[self.leg] += 1
        elif event == "call":
            code = frame.f_code
            if code is _TURN:
                self.turns[self.leg] += "task" in repr(frame.f_locals["self"]._callback).lower()
                return
            if code is _BEGUN:  # on Python 3.12 and later (Pyodide's) it begins without a turn
                self.turns[self.leg] -= 1
            self.leg = LEGS.get(code, self.leg) if self.leg != "vault" or code is Writer._apply.__code__ else self.leg
            self.python[self.leg] += 1
            self.functions.setdefault(self.leg, Counter())[f"{code.co_qualname} {code.co_filename.rpartition('/kontor/')[2]}"] += 1
            if code is NativeSocket.send.__code__:
                sys.setprofile(None)


class Press:
    """A desk ready to send, and what a page does to it."""

    def __init__(self, page: Page, emulator: Emulator) -> None:
        self.page, self.emulator, self._id = page, emulator, 10**6

    @property
    def real(self) -> Any:
        return self.page.desk.real

    def text(self, symbol: str, price: str, token: str) -> str:
        """The message of a press."""
        self._id += 1
        return json.dumps({"do": "order.submit", "id": self._id, "symbol": symbol, "price": price, "token": token, "clicked_ms": 0.0, **TICKET})

    async def press(self, text: str) -> None:
        """As the worker does it; a refusal ends the run."""
        await begun(self.page.desk.receive(json.loads(text)))
        reply = next(message for message in reversed(self.page.messages) if message["t"] == "reply")
        if not reply["ok"] or reply["result"]["status"] != "accepted":
            raise SystemExit(f"not accepted: {reply}")

    async def cancel(self) -> None:
        """The newest order goes again."""
        trade = self.page.desk.trade
        await trade.cancel([*trade.engine.working][-1])
        await until(lambda: len(trade.engine.working) == OPEN, "the cancel")
        self.page.messages.clear()

    def wait_as_in_a_browser(self) -> None:
        """What signs there is no part of Python's thread, nor is the disk, which takes longer."""
        signer, recorder = self.real.execution.api.credentials.signer, self.page.desk.trade.writer.recorder
        sign, append = signer.sign, recorder.append

        async def sign_later(data: bytes) -> bytes:
            await asyncio.sleep(0)
            return await sign(data)

        async def append_later(first: int, record: bytes) -> None:
            await append(first, record)
            for _ in range(5):
                await asyncio.sleep(0)

        signer.sign, recorder.append = sign_later, append_later

    def room(self) -> None:
        """The exchange allows as many orders as the run takes."""
        row = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 10**6, "count": 0}
        self.real.execution.api.budget.learn([row], time.monotonic_ns())


async def ready(emulator: Emulator) -> Press:
    """Vault, key, market, positions, limits, open orders."""
    balances = {"USDT": "10000000", **{symbol.removesuffix("USDT"): "1" for symbol in SYMBOLS}}
    emulator.exchange.accounts[KEY] = hmac_account(KEY, SECRET, 1, balances)
    addresses = {"binance_ws": emulator.ws, "binance_rest": emulator.http, "binance_trade": emulator.api}
    page = await start_desk(None, venue="binance", account="binance", addresses=addresses, symbols={"binance": SYMBOLS})
    press = Press(page, emulator)
    await page.ask("vault.create", secret=bytearray(PASSPHRASE))
    market = page.desk.market
    while not all(market.quote(symbol) is not None for symbol in SYMBOLS):
        emulator.player.step(5)
        await asyncio.sleep(0.005)
    await page.ask("execution.key", secret=bytearray(SECRET.encode()), api_key=KEY, algorithm="HMAC-SHA256")
    await until(lambda: press.real.view()["state"] == "ready" and page.desk.trade.engine.balanced, "ready", 60)
    await page.ask("execution.arm", confirmed=True)
    names = [("desk", "order_notional"), ("account", "order_notional"), ("strategy:desk", "gross_exposure"), ("desk", "net_exposure")]
    names += [(f"instrument:{symbol}", name) for symbol in SYMBOLS[:12] for name in ("order_qty", "position", "collar")]
    for scope, name in [*names, ("desk", "order_rate"), ("desk", "duplicates")]:
        await page.ask("risk.limit", scope=scope, name=name, value="90000000" if name != "collar" else "90")
    press.room()
    press.wait_as_in_a_browser()
    for number in range(OPEN):
        await press.press(press.text(SYMBOLS[number % len(SYMBOLS)], price_of(number), f"open-{number}"))
    await asyncio.sleep(0.1)
    engine = page.desk.trade.engine
    held = sum(1 for position in engine.portfolio.positions.values() if position.qty)
    if (len(engine.working), held) != (OPEN, POSITIONS):
        raise SystemExit(f"{len(engine.working)} orders, {held} positions")
    page.messages.clear()
    return press


def price_of(number: int) -> str:
    """Prices that differ, so that no two orders are the same."""
    return str(Decimal(30_000 + number % 500))


async def counted(press: Press) -> Counted:
    """The middle one of some orders under the profiler: now and then something of the desk's own comes in between."""
    rows = []
    for number in range(COUNTED):
        text = press.text("BTCUSDT", price_of(number), f"counted-{number}")
        with Counted() as found:
            await press.press(text)
        await press.cancel()
        rows.append(found)
    return sorted(rows[2:], key=lambda each: sum(each.python.values()))[COUNTED // 2 - 1]


async def timed(press: Press) -> tuple[float, float]:
    """The least CPU time of an order up to the vault and from there to the socket, in microseconds."""
    marks: dict[str, int] = {}
    recorder = press.page.desk.trade.writer.recorder
    append, send = recorder.append, NativeSocket.send

    async def appending(first: int, record: bytes) -> None:
        marks.setdefault("decided", time.process_time_ns())
        await append(first, record)
        marks.setdefault("durable", time.process_time_ns())

    def sending(self: NativeSocket, *given: Any) -> None:
        if "durable" in marks:
            marks.setdefault("sent", time.process_time_ns())
        send(self, *given)

    recorder.append, NativeSocket.send = appending, sending
    decided, sent = [], []
    try:
        for number in range(ORDERS):
            text = press.text("BTCUSDT", price_of(number), f"timed-{number}")
            marks.clear()
            began = time.process_time_ns()
            await press.press(text)
            decided.append(marks["decided"] - began)
            sent.append(marks["sent"] - marks["durable"])
            await press.cancel()
    finally:
        recorder.append, NativeSocket.send = append, send
    return min(decided) / 1000, min(sent) / 1000


def least_us(work: Callable[[], object]) -> float:
    """The least CPU time of something, in microseconds."""
    found = []
    for _ in range(200):
        began = time.process_time_ns()
        work()
        found.append(time.process_time_ns() - began)
    return min(found) / 1000


async def measure() -> None:
    """Count, then time."""
    async with emulating(mirrors=SYMBOLS[1:], weight_limit=10**6) as emulator:
        press = await ready(emulator)
        found = await counted(press)
        for leg in PARTS:
            if LISTED:
                print(leg, *(f"{calls:5} {name}" for name, calls in found.functions[leg].most_common()), sep="\n")
            if leg != "vault":
                emit(f"press_python_calls_{leg}", found.python[leg], "calls", "none", None, 1)
                emit(f"press_builtin_calls_{leg}", found.builtin[leg], "calls", "none", None, 1)
                emit(f"press_turns_{leg}", found.turns[leg], "turns", "none", None, 1)
        ours = [leg for leg in PARTS if leg != "vault"]
        for name, calls in (("python_calls", found.python), ("builtin_calls", found.builtin), ("turns", found.turns)):
            emit(f"press_{name}", sum(calls[leg] for leg in ours), name.rpartition("_")[2], "none", None, 1)
        text = press.text("BTCUSDT", "30000", "x")
        value = json.loads(text)
        bare = least_us(lambda: (json.loads(text), json.dumps(value), json.dumps(value)))
        decided, sent = await timed(press)
        emit("press_decide_cpu", decided, "us", "JSON alone of the same texts", decided / bare, ORDERS)
        emit("press_send_cpu", sent, "us", "JSON alone of the same texts", sent / bare, ORDERS)
        await press.page.desk.stop()


def main() -> None:
    """Measure and record."""
    gc.set_threshold(50_000, 20, 20)  # as in the worker
    asyncio.run(measure())


if __name__ == "__main__":
    main()
