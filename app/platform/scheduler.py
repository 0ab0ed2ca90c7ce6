"""Timers and tasks on the asyncio loop, which Pyodide provides as well as CPython."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from app.platform.interfaces import Cancellable

_T = TypeVar("_T")
_EAGER = sys.version_info >= (3, 12)


def begun(coroutine: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """A task that does not wait its turn: it has gone as far as it can without waiting, where Python can do that (3.12 and later; Pyodide's)."""
    loop = asyncio.get_running_loop()
    return asyncio.Task(coroutine, loop=loop, eager_start=True) if _EAGER else loop.create_task(coroutine)


class LoopScheduler:
    """`Scheduler` over the current asyncio loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def call_later(self, delay_s: float, function: Callable[[], object]) -> Cancellable:
        """Run `function` after `delay_s` seconds; background tabs may be late."""
        return asyncio.get_event_loop().call_later(delay_s, function)

    def call_soon(self, function: Callable[[], object]) -> Cancellable:
        """Run `function` on the next turn of the loop."""
        return asyncio.get_event_loop().call_soon(function)

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a coroutine. The loop keeps only weak references, so it is held here until done."""
        return self._keep(asyncio.get_event_loop().create_task(coroutine))

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a coroutine at once: `begun`."""
        return self._keep(begun(coroutine))

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
