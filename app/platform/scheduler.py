"""Timers and tasks on the asyncio loop, which Pyodide provides as well as CPython."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

from app.platform.interfaces import Cancellable

_T = TypeVar("_T")
_EAGER = sys.version_info >= (3, 12)
URGENT_S = 1.0
"""So long what an order began is urgent."""
MOST_URGENT = 64
"""So many turns may go before what the browser has queued until it has had its turn."""
_urgent_until: ContextVar[float] = ContextVar("urgent until", default=0.0)


def hurry() -> None:
    """What goes on in this context, and what it begins, is an order on its way or a venue's answer: see `Turns`."""
    _urgent_until.set(time.monotonic() + URGENT_S)


def hurried() -> Context:
    """A context like this one that is urgent."""
    context = copy_context()
    context.run(hurry)
    return context


def begun(coroutine: Coroutine[Any, Any, _T], context: Context | None = None) -> asyncio.Task[_T]:
    """A task that does not wait its turn: it has gone as far as it can without waiting, where Python can do that (3.12 and later; Pyodide's)."""
    loop = asyncio.get_running_loop()
    return asyncio.Task(coroutine, loop=loop, eager_start=True, context=context) if _EAGER else loop.create_task(coroutine, context=context)


class Turns:
    """The callbacks of a loop whose turns are a browser's tasks, in the order in which they were asked for.

    Each turn waits behind all that the browser has queued, which in a fast market is much, and an order takes many. What is urgent (`hurry`) therefore goes
    on as soon as nothing of ours runs, and with it what waited before it. ``later`` has `come_later` called as a task of the browser's, ``soon`` has
    `come_soon` called as soon as nothing of ours runs."""

    def __init__(self, loop: Any, later: Callable[[], object], soon: Callable[[], object]) -> None:
        self._loop, self._later, self._soon = loop, later, soon
        self._waiting: deque[asyncio.Handle] = deque()
        self._asked_later = self._asked_soon = False
        self._left = MOST_URGENT

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """As a loop's."""
        if context is None:
            context = copy_context()
        handle = asyncio.Handle(callback, args, self._loop, context)
        self._waiting.append(handle)
        if not self._asked_soon:
            self._ask(context.get(_urgent_until, 0.0))
        return handle

    def come_soon(self) -> None:
        """Nothing of ours runs."""
        self._asked_soon = False
        self._run()

    def come_later(self) -> None:
        """The browser had its turn."""
        self._asked_later, self._left = False, MOST_URGENT
        self._run()

    def _ask(self, until: float) -> None:
        if until and self._left and time.monotonic() < until:
            self._left -= 1
            self._asked_soon = True
            self._soon()
        elif not self._asked_later:
            self._asked_later = True
            self._later()

    def _run(self) -> None:
        waiting = self._waiting
        try:
            for _ in range(len(waiting)):
                handle = waiting.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            if waiting and not self._asked_soon:  # asked for meanwhile, or one of them ended the program
                self._ask(0.0)


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
