"""Several ways to one read: the next starts when one fails, or, as a hedge, when one is slow; the first answer wins.

Owns the bounds in time: nothing here waits longer than it was told to, even for work that does not stop when it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
MOST_AT_ONCE = 2


async def within(work: Awaitable[T], seconds: float) -> T:
    """The result of ``work``, or TimeoutError after so long. Ends the work; does not wait for it to end."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=max(0.0, seconds))
    except asyncio.CancelledError:
        _end(task)
        raise
    if not done:
        _end(task)
        raise TimeoutError
    return task.result()


async def race(
    ways: Sequence[Callable[[], Awaitable[T | None]]], seconds: float, hedge_s: Callable[[int], float | None], hedged: Callable[[], object]
) -> T | None:
    """The first result that is not None, within ``seconds``.

    ``hedge_s`` says how long way number n may take before the next is started beside it (None: never); ``hedged`` counts each.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    running: set[asyncio.Future[Any]] = set()
    following = 0
    patience: float | None = None
    try:
        while running or following < len(ways):
            if not running:
                running.add(asyncio.ensure_future(ways[following]()))
                patience = _at(loop.time(), hedge_s(following))
                following += 1
            may_hedge = patience is not None and len(running) < MOST_AT_ONCE and following < len(ways)
            until = min(end, patience) if may_hedge and patience is not None else end
            done, running = await asyncio.wait(running, timeout=max(0.0, until - loop.time()), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (result := task.result()) is not None:
                    return result
            if loop.time() >= end:
                return None
            if not done and may_hedge:
                hedged()
                running.add(asyncio.ensure_future(ways[following]()))
                patience = _at(loop.time(), hedge_s(following))
                following += 1
        return None
    finally:
        for task in running:
            _end(task)


def _at(now: float, delay: float | None) -> float | None:
    return None if delay is None else now + delay


def _end(task: asyncio.Future[Any]) -> None:
    task.cancel()
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
