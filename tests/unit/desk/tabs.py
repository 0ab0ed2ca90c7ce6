"""Several tabs of one browser in one process: channels by name, whole desks over one store, pages that follow, a clock the test moves."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Any

from app.desk.followers import CHANNEL as OWN
from app.desk.followers import WATCHED_BY
from app.desk.locking import CHANNEL
from app.desk.service import Desk
from app.desk.settings import Settings
from app.desk.surroundings import Surroundings
from app.platform.memory import MemoryStore
from app.platform.native import build
from tests.unit.desk.conftest import QUICK, ROOT, Page

PASSPHRASE = b"correct horse battery staple"


class Channels:
    """What BroadcastChannel is between tabs: texts to everybody else on the same name."""

    def __init__(self) -> None:
        self.ends: dict[str, list[End]] = defaultdict(list)

    def open(self, name: str) -> End:
        made = End(self, name)
        self.ends[name].append(made)
        return made

    def end(self) -> End:
        return self.open(CHANNEL)


class End:
    def __init__(self, channels: Channels, name: str) -> None:
        self.channels, self.name, self.handler, self.posted = channels, name, None, []

    def post(self, text: str) -> None:
        assert isinstance(text, str), "only texts cross"
        assert self in self.channels.ends[self.name], "the channel is closed"
        self.posted.append(text)
        for end in list(self.channels.ends[self.name]):
            if end is not self and end.handler:
                end.handler(text)

    def on_message(self, handler) -> None:
        self.handler = handler

    def close(self) -> None:
        if self in self.channels.ends[self.name]:
            self.channels.ends[self.name].remove(self)


class Shifted:
    """The machine's clocks, moved on by what the test says."""

    def __init__(self, clock) -> None:
        self.clock, self.by_ns = clock, 0

    def now_ns(self) -> int:
        return self.clock.now_ns() + self.by_ns

    def monotonic_ns(self) -> int:
        return self.clock.monotonic_ns()


async def start(tabs: Channels | None = None, platform=None, settings: dict | None = None, **more) -> Page:
    """The page and desk of a tab that leads; ``platform`` is another tab's for one of the same browser."""
    platform = platform or build(MemoryStore())
    page = Page()

    async def read_bytes(path: str) -> bytes:
        return (ROOT / path).read_bytes()

    ways = {name: getattr(page, name) for name in ("post", "post_secret", "post_file")}
    around = Surroundings.on(
        platform, **ways, read_bytes=read_bytes, memory=lambda: 0, epoch_ms=lambda: 0.0, kdf=QUICK, tabs=tabs.end() if tabs else None, **more
    )
    around.channel = tabs.open if tabs else None
    around.clock = page.clock = Shifted(around.clock)
    page.platform = platform
    page.desk = Desk(around, Settings(**{"speed": 20.0, **(settings or {})}))
    await page.desk.start()
    return page


async def quoted(page: Any) -> None:
    """Wait until the page has a quote of BTCUSDT."""
    await page.ask("watch", symbols=["BTCUSDT"])
    await page.until(lambda m: m["t"] == "tick" and any(row[1] for row in m["quotes"]), "a quote")


async def unlocked(**more) -> Page:
    """A tab that leads, with an open vault and quotes."""
    page = await start(**more)
    await quoted(page)
    await page.ask("vault.create", secret=bytearray(PASSPHRASE))
    assert page.latest("vault")["state"] == "unlocked"
    return page


class Window(Page):
    """A page that follows, as app/platform/tabs.mjs does it. ``paints`` false: it does not paint, so it owes its credits."""

    def __init__(self, tabs: Channels, platform: Any, name: str) -> None:
        super().__init__()
        self.tabs, self.platform, self.name, self.paints = tabs, platform, name, True
        self.bytes = 0
        self._count = 0
        self.own, self.everybody = tabs.open(OWN + name), tabs.open(CHANNEL)
        self.own.on_message(self._hear)
        self.everybody.on_message(lambda text: self.join() if json.loads(text)["t"] == "desk" else None)
        self.lease: Any = None

    async def follow(self) -> Window:
        self.lease = await self.platform.locks.acquire(WATCHED_BY + self.name)
        self.join()
        return self

    def join(self) -> None:
        self.everybody.post(json.dumps({"t": "follow", "id": self.name}))

    def _hear(self, text: str) -> None:
        self.bytes += len(text)
        message = json.loads(text)
        self.messages.append(message)
        self._news.set()
        if message["t"] == "tick" and self.paints:
            asyncio.get_running_loop().call_soon(self.tell, "painted", message["seq"])

    def tell(self, do: str, seq: int) -> None:
        if self.own in self.tabs.ends[self.own.name]:
            self.own.post(json.dumps({"do": do, "seq": seq, "id": 0}))

    async def ask(self, do: str, **arguments) -> dict:
        self._count += 1
        number = self._count
        self.own.post(json.dumps({"do": do, "id": number, **arguments}))
        reply = await self.until(lambda m: m["t"] == "reply" and m["id"] == number, f"a reply to {do}")
        return reply["result"] if reply["ok"] else {"error": reply["error"]}

    def close(self) -> None:
        """The tab is closed."""
        self.own.close()
        self.everybody.close()
        self.lease.release()


async def following(tabs: Channels, desk: Page, name: str = "one") -> Window:
    """A tab that follows this desk."""
    return await Window(tabs, desk.platform, name).follow()
