"""An event loop that does one thing when it is told to, on virtual time: what runs on it can be stopped between any two of them.

Nothing of it waits, reads or threads; `kill` drops whatever was under way as a closed tab does, so that no line of it runs again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from tests.unit.manual import NS, ManualTime


class StepLoop(asyncio.BaseEventLoop):
    """``time``: its clock, whose timers put work into the line and never do it themselves. A task may end with one of the ``usual`` errors; any other
    is raised by the next `step`."""

    def __init__(self, time: ManualTime, usual: tuple[type[Exception], ...] = ()) -> None:
        super().__init__()
        self._manual, self._usual = time, usual
        self._held: set[asyncio.Task] = set()
        self.dead = False
        self.failed: list[BaseException] = []
        self.set_exception_handler(self._note)
        self.set_task_factory(self._make)

    def time(self) -> float:
        """Virtual seconds."""
        return self._manual.monotonic_ns() / NS

    def call_at(self, when: float, callback: Callable, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        """Put it into the line once virtual time is there."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._manual.call_later(max(0.0, when - self.time()), lambda: self._due(handle))
        return handle

    def step(self) -> bool:
        """Do the next thing in the line; False where there is none."""
        while self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                with self.running():
                    handle._run()
                self.raise_failed()
                return True
        return False

    def raise_failed(self) -> None:
        """The first error that nothing has handled."""
        if self.failed:
            raise self.failed[0]

    @property
    def idle(self) -> bool:
        """Whether nothing is in the line."""
        return all(handle.cancelled() for handle in self._ready)

    @contextmanager
    def running(self) -> Iterator[None]:
        """What is called within finds this loop running."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            yield
        finally:
            asyncio._set_running_loop(before)

    def kill(self) -> None:
        """Nothing of it runs again."""
        self.dead = True
        self._ready.clear()
        with self.running():
            for task in [*self._held]:
                with contextlib.suppress(BaseException):
                    task.get_coro().close()
        self._ready.clear()
        self.close()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A timer looks for itself when it is due."""

    def _due(self, handle: asyncio.TimerHandle) -> None:
        if not self.dead:
            self._ready.append(handle)

    def _make(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine, **more: Any) -> asyncio.Task:
        task = asyncio.Task(coroutine, loop=loop, **more)
        task._log_destroy_pending = False  # a tab that is gone logs nothing
        self._held.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task) -> None:
        self._held.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, self._usual):
            self.failed.append(error)

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict) -> None:
        if not self.dead:
            self.failed.append(context.get("exception") or RuntimeError(context["message"]))
