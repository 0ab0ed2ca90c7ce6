"""Answers kept for as long as they are good, and one request for all who want the same at the same time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

NS = 1_000_000_000
LIFETIMES = {"quote": 60.0, "search": 3_600.0, "days": 86_400.0, "company": 7 * 86_400.0}
"""Seconds; a price of a session that is over is good until the next one opens."""
_MOST = 2_000


class Kept(NamedTuple):
    """An answer, whose it is, when it came and until when it is good (wall clock, ns UTC)."""

    value: Any
    source: str
    at_ns: int
    until_ns: int


class Cache:
    """Bounded; the least recently kept goes first."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._flying: dict[tuple[str, str], asyncio.Future] = {}

    def get(self, kind: str, key: str) -> Kept | None:
        """What is kept and still good."""
        found = self._kept.get((kind, key))
        # a clock that was set back makes nothing good for longer
        return found if found is not None and found.at_ns <= self._now_ns() < found.until_ns else None

    def put(self, kind: str, key: str, value: Any, source: str, until_ns: int = 0) -> Kept:
        """Keep an answer for its kind's lifetime, or until a given moment."""
        now = self._now_ns()
        kept = Kept(value, source, now, until_ns or now + int(LIFETIMES[kind] * NS))
        self._kept.pop((kind, key), None)
        self._kept[kind, key] = kept
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return kept

    def drop(self, kind: str, key: str) -> None:
        """Forget an answer."""
        self._kept.pop((kind, key), None)

    async def once(self, kind: str, key: str, ask: Callable[[], Awaitable[tuple[Any, str]]]) -> Kept:
        """What is kept, else what ``ask()`` gives as (value, source); whoever wants it meanwhile waits for the same request."""
        if (found := self.get(kind, key)) is not None:
            return found
        flying = self._flying.get((kind, key))
        if flying is None:
            flying = self._flying[kind, key] = asyncio.ensure_future(self._asked(kind, key, ask))
            flying.add_done_callback(lambda done: (self._flying.pop((kind, key), None), done.cancelled() or done.exception()))
        return await asyncio.shield(flying)

    async def _asked(self, kind: str, key: str, ask: Callable[[], Awaitable[tuple[Any, str]]]) -> Kept:
        value, source = await ask()
        return self.put(kind, key, value, source)
