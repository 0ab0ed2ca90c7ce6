"""An exchange without a network: who is connected, what they listen to, what is sent to whom, and what goes wrong on the way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache

from .mill import Change, Mill

HTML = "<!doctype html><title>502 Bad Gateway</title>"
FAULTS = ("drop", "duplicate", "swap", "truncate", "html", "repeat_old")


class Client:
    """One connection. ``out`` are frames not sent yet; ``wake`` is called when there are some."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.topics: dict[str, None] = {}
        self.out: list[str] = []
        self.wake: Callable[[], object] = lambda: None
        self.drop: Callable[[], object] = lambda: None
        self.views: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
        self.depths: dict[str, int] = {}
        self.sequence = 0
        self.held: str | None = None
        self.last = ""


class Exchange:
    """``plan`` are faults of the next data frames; ``heard`` are the requests of all clients; ``refusing`` connections are turned away."""

    name = ""
    decimals = (2, 8)

    def __init__(self, natives: Iterable[str], seed: int = 1, levels: int = 40, reach: int = 60) -> None:
        self.seed = seed
        self.mills = {native: Mill(native, *self.decimals, seed, levels, reach) for native in natives}
        self.clients: list[Client] = []
        self.plan: list[str] = []
        self.heard: list[dict] = []
        self.asked: list[str] = []
        self.http_plan: list[tuple[int, str]] = []
        self.refusing = 0
        self.connects = 0
        self.deaf = False
        self.stalled: set[Client] = set()
        self.halted: dict[str, str] = {}
        self.rng = random.Random(seed)

    # connections

    def connect(self, path: str) -> Client:
        """A new connection; what the venue says first is in ``out``."""
        self.connects += 1
        client = Client(path)
        self.clients.append(client)
        self.greet(client)
        return client

    def leave(self, client: Client) -> None:
        """The connection is gone."""
        if client in self.clients:
            self.clients.remove(client)
        self.stalled.discard(client)

    def disconnect(self) -> None:
        """Drop every connection without a word."""
        for client in list(self.clients):
            self.leave(client)
            client.drop()

    def stall(self) -> None:
        """The connections of now say nothing any more."""
        self.stalled |= set(self.clients)

    def hear(self, client: Client, text: str) -> None:
        """A frame of a client."""
        request = json.loads(text)
        self.heard.append(request)
        if not self.deaf:
            self.obey(client, request)

    def answer(self, path: str) -> tuple[int, str]:
        """A REST request, with its query."""
        self.asked.append(path)
        if self.http_plan:
            return self.http_plan.pop(0)
        return self.rest(path)

    # time

    def step(self, count: int = 1) -> None:
        """Move every market ``count`` times and tell everybody."""
        for _ in range(count):
            for mill in self.mills.values():
                change = mill.step()
                self.changed(mill, change)
                for client in list(self.clients):
                    self.tell(client, mill, change)
            self.beat()

    def say(self, client: Client, frame: str, data: bool = True) -> None:
        """Send a frame, through the planned faults if it is market data."""
        if client in self.stalled:
            return
        for text in self._through(client, frame) if data else [frame]:
            client.out.append(text)
        client.wake()

    def _through(self, client: Client, frame: str) -> list[str]:
        fault = self.plan.pop(0) if self.plan else ""
        held, client.held = client.held, None
        out = [frame]
        if fault == "drop":
            out = []
        elif fault == "duplicate":
            out = [frame, frame]
        elif fault == "swap" and held is None:
            client.held, out = frame, []
        elif fault == "truncate":
            out = [frame[: self.rng.randrange(1, len(frame))]]
        elif fault == "html":
            out = [HTML]
        elif fault == "repeat_old" and client.last:
            out = [frame, client.last]
        client.last = frame
        return out + ([held] if held is not None else [])

    # particular to a venue

    def greet(self, client: Client) -> None:
        """What the venue says to a new connection."""

    def beat(self) -> None:
        """What the venue says now and then."""

    def changed(self, mill: Mill, change: Change) -> None:
        """A market moved."""

    def obey(self, client: Client, request: dict) -> None:
        """Do what a request asks, and answer."""
        raise NotImplementedError

    def tell(self, client: Client, mill: Mill, change: Change) -> None:
        """Send a client what it listens to."""
        raise NotImplementedError

    def rest(self, path: str) -> tuple[int, str]:
        """Status and body for a REST path with its query."""
        raise NotImplementedError


def dumps(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def iso(time_ns: int) -> str:
    """RFC 3339 with microseconds."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
