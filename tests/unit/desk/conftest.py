"""A whole desk in CPython: real engine, replay, paper venue and vault; only the page is a list of messages."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from app.desk.service import Desk
from app.desk.settings import Settings
from app.desk.surroundings import Surroundings
from app.platform.native import build
from app.platform.native.age import NativeFiles
from app.platform.native.sqlite import SqliteStore
from app.vault import KdfPolicy

ROOT = Path(__file__).resolve().parents[3]
QUICK = KdfPolicy(floor=1_000, target_s=0.0, memory_kib=0)


class Page:
    """The page's end: asks, collects, paints at once."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.secrets: list[bytes] = []
        self.files: list[bytes] = []
        self.desk: Desk | None = None
        self._id = 0
        self._news = asyncio.Event()

    def post(self, text: str) -> None:
        message = json.loads(text)
        self.messages.append(message)
        self._news.set()
        if message["t"] == "tick":
            asyncio.get_running_loop().call_soon(self.desk.painted, message["seq"])

    def post_file(self, text: str, file: bytes) -> None:
        self.post(text)
        self.files.append(file)

    def post_secret(self, text: str, secret: bytearray) -> None:
        self.secrets.append(bytes(secret))
        self.post(text)

    async def ask(self, do: str, secret: bytearray | None = None, current: bytearray | None = None, **arguments) -> dict:
        """The result, or the error under "error"."""
        self._id += 1
        number = self._id
        await self.desk.receive({"do": do, "id": number, **arguments}, secret, current)
        await asyncio.sleep(0)  # what the request changed is told in the turn after the reply
        reply = next(m for m in self.messages if m["t"] == "reply" and m["id"] == number)
        return reply["result"] if reply["ok"] else {"error": reply["error"]}

    async def until(self, wanted, what: str, seconds: float = 20.0):
        """The first message for which ``wanted(message)`` holds, past or to come."""
        deadline = time.monotonic() + seconds
        seen = 0
        while True:
            while seen < len(self.messages):
                message = self.messages[seen]
                seen += 1
                if wanted(message):
                    return message
            self._news.clear()
            left = deadline - time.monotonic()
            assert left > 0, f"never saw {what}"
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                pytest.fail(f"never saw {what}")

    def latest(self, topic: str) -> dict:
        """The newest message of a topic."""
        return next(m for m in reversed(self.messages) if m["t"] == topic)

    def orders(self) -> dict[str, dict]:
        """The blotter as the page would have it."""
        rows: dict[str, dict] = {}
        for message in self.messages:
            if message["t"] == "orders":
                if message["reset"]:
                    rows = {}
                rows.update((row["client_order_id"], row) for row in message["rows"])
        return rows


async def start_desk(store: Path | SqliteStore | None = None, **settings) -> Page:
    """A started desk over a store (a file, or memory)."""
    platform = build(SqliteStore(store) if isinstance(store, Path) else store)
    page = Page()

    async def read_bytes(path: str) -> bytes:
        return (ROOT / path).read_bytes()

    around = Surroundings.on(
        platform,
        post=page.post,
        post_file=page.post_file,
        post_secret=page.post_secret,
        read_bytes=read_bytes,
        memory=lambda: 0,
        epoch_ms=lambda: time.time_ns() / 1e6,
        kdf=QUICK,
    )
    around.files = NativeFiles(work_factor=8)
    page.desk = Desk(around, Settings(**{"speed": 20.0, **settings}))
    await page.desk.start()
    return page


@pytest.fixture
async def desk_page():
    """A desk in memory, stopped at the end."""
    started = await start_desk()
    yield started
    await started.desk.stop()


BUY = {"symbol": "BTCUSDT", "side": "buy", "type": "market", "tif": "ioc", "qty": "0.01", "price": None, "stop": None, "post_only": False, "reduce_only": False}
