"""Clock, randomness, timers and locks on CPython, with repeatable stand-ins for tests and simulation."""

from __future__ import annotations

import asyncio
import heapq
import os
import time
from collections import deque
from collections.abc import Callable

from app.platform.interfaces import Cancellable
from app.platform.scheduler import LoopScheduler


class SystemClock:
    """The machine's clocks."""

    def now_ns(self) -> int:
        """UTC wall time in ns since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Ns since an arbitrary start."""
        return time.monotonic_ns()


class ManualClock:
    """A clock that moves only when told to; both readings advance together."""

    def __init__(self, now_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now_ns = now_ns
        self._monotonic_ns = 0

    def now_ns(self) -> int:
        """UTC wall time in ns since 1970."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """Ns since the clock was made."""
        return self._monotonic_ns

    def advance(self, delta_ns: int) -> None:
        """Move forward by `delta_ns` >= 0."""
        if delta_ns < 0:
            raise ValueError(f"time cannot go back, was {delta_ns} ns")
        self._now_ns += delta_ns
        self._monotonic_ns += delta_ns

    def set_wall(self, now_ns: int) -> None:
        """Step the wall clock, as an operator or NTP would; monotonic time stays."""
        self._now_ns = now_ns


class SystemEntropy:
    """The operating system's randomness."""

    def random_bytes(self, count: int) -> bytes:
        """`count` random bytes."""
        return os.urandom(count)


class _ManualTimer:
    __slots__ = ("cancelled", "function")

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualScheduler(LoopScheduler):
    """Timers that fire only as `run_for` moves a `ManualClock`; tasks run on asyncio as usual."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self._sequence = 0
        self._timers: list[tuple[int, int, _ManualTimer]] = []

    def call_later(self, delay_s: float, function: Callable[[], object]) -> Cancellable:
        """Run `function` once the clock has moved `delay_s` seconds."""
        timer = _ManualTimer(function)
        self._sequence += 1
        due = self._clock.monotonic_ns() + max(0, round(delay_s * 1e9))
        heapq.heappush(self._timers, (due, self._sequence, timer))
        return timer

    def call_soon(self, function: Callable[[], object]) -> Cancellable:
        """Run `function` at the present instant, in order."""
        return self.call_later(0.0, function)

    def run_for(self, delta_ns: int) -> None:
        """Move the clock by `delta_ns`, firing what falls due in order, also what the fired set up."""
        clock, timers = self._clock, self._timers
        end = clock.monotonic_ns() + delta_ns
        while timers and timers[0][0] <= end:
            due, _, timer = heapq.heappop(timers)
            if (left := due - clock.monotonic_ns()) > 0:
                clock.advance(left)
            if not timer.cancelled:
                timer.function()
        clock.advance(end - clock.monotonic_ns())


class LocalLease:
    """A lock held within this process."""

    def __init__(self, release: Callable[[LocalLease], None]) -> None:
        self._release = release

    def release(self) -> None:
        """Give the lock back; twice is harmless, and so is one that was stolen."""
        self._release(self)


class LocalLocks:
    """Named locks within this process and loop."""

    def __init__(self) -> None:
        self._held: dict[str, LocalLease] = {}
        self._waiting: dict[str, deque[asyncio.Future[LocalLease]]] = {}

    async def acquire(self, name: str, if_available: bool = False, steal: bool = False) -> LocalLease | None:
        """Hold the lock; None if `if_available` and it is taken. `steal` takes it from whoever has it, before all who wait."""
        if steal or name not in self._held:
            return self._grant(name)
        if if_available:
            return None
        future: asyncio.Future[LocalLease] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, deque()).append(future)
        return await future

    def _grant(self, name: str) -> LocalLease:
        lease = self._held[name] = LocalLease(lambda given: self._give_back(name, given))
        return lease

    def _give_back(self, name: str, lease: LocalLease) -> None:
        if self._held.get(name) is not lease:
            return
        del self._held[name]
        waiting = self._waiting.get(name, ())
        while waiting:
            future = waiting.popleft()
            if not future.done():
                future.set_result(self._grant(name))
                return
