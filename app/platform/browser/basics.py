"""Clock, randomness, locks and the message port of a browser thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import JsProxy, create_once_callable, create_proxy

from app.platform.scheduler import Turns

_MAX_RANDOM = 65_536
_DRIFT_NS = 50_000_000


class BrowserClock:
    """performance.now on top of its time origin, put right when the system clock has moved away from it."""

    def __init__(self) -> None:
        self._elapsed_ms, self._date_ms = js.performance.now, js.Date.now  # found once: it is asked dozens of times an order
        self._origin_ns = int(js.performance.timeOrigin * 1e6)

    def now_ns(self) -> int:
        """UTC wall time in ns since 1970; resolution some microseconds."""
        elapsed_ns = self.monotonic_ns()
        drift_ns = int(self._date_ms() * 1e6) - self._origin_ns - elapsed_ns
        if abs(drift_ns) > _DRIFT_NS:  # sleep, or the clock was set
            self._origin_ns += drift_ns
        return self._origin_ns + elapsed_ns

    def monotonic_ns(self) -> int:
        """Ns since this thread's time origin."""
        return int(self._elapsed_ms() * 1e6)


class BrowserEntropy:
    """crypto.getRandomValues."""

    def random_bytes(self, count: int) -> bytes:
        """`count` random bytes."""
        parts = []
        for start in range(0, count, _MAX_RANDOM):
            buffer = js.Uint8Array.new(min(_MAX_RANDOM, count - start))
            js.crypto.getRandomValues(buffer)
            parts.append(buffer.to_bytes())
        return b"".join(parts)


class BrowserLease:
    """A held Web Lock; it is also given back when the thread ends."""

    def __init__(self, release: JsProxy) -> None:
        self._release: JsProxy | None = release

    def release(self) -> None:
        """Give the lock back; twice is harmless."""
        release, self._release = self._release, None
        if release is not None:
            release()


class BrowserLocks:
    """Web Locks: exclusive over all tabs and workers of this origin."""

    async def acquire(self, name: str, if_available: bool = False, steal: bool = False) -> BrowserLease | None:
        """Hold the lock; None if `if_available` and somebody else has it. `steal` takes it from whoever has it, before all who wait."""
        held = js.Promise.withResolvers()
        answer = js.Promise.withResolvers()

        def granted(lock: Any) -> Any:
            taken = isinstance(lock, JsProxy)  # null when it is not available
            answer.resolve(taken)
            return held.promise if taken else None

        options = js.Object.new()
        options.ifAvailable = if_available
        options.steal = steal
        js.navigator.locks.request(name, options, create_once_callable(granted)).catch(answer.reject)
        return BrowserLease(held.resolve) if await answer.promise else None


class BrowserChannel:
    """A BroadcastChannel that carries texts."""

    def __init__(self, name: str) -> None:
        self._channel = js.BroadcastChannel.new(name)
        self._proxy: JsProxy | None = None

    def post(self, text: str) -> None:
        """Tell every other tab and worker of this origin."""
        self._channel.postMessage(text)

    def on_message(self, handler: Callable[[str], object]) -> None:
        """Set the receiver; what is no text is not for us."""

        def receive(event: Any) -> None:
            if isinstance(event.data, str):
                handler(event.data)

        if self._proxy is not None:
            self._proxy.destroy()
        self._proxy = create_proxy(receive)
        self._channel.onmessage = self._proxy

    def close(self) -> None:
        """Leave; twice is harmless."""
        self._channel.close()


def use_turns() -> None:
    """Let this thread's loop take its turns by `Turns`; once, when it starts. Nothing on it may wait for another task without awaiting."""
    loop: Any = asyncio.get_event_loop()
    channel, ask = js.MessageChannel.new(), js.queueMicrotask
    later, post = create_proxy(lambda _event: turns.come_later()), channel.port2.postMessage
    turns = Turns(loop, lambda: post(None), lambda: ask(soon))
    soon = create_proxy(turns.come_soon)
    channel.port1.onmessage = later
    loop.call_soon = loop.call_soon_threadsafe = turns.call_soon
