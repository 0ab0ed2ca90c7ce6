"""A clock moved by hand, its scheduler, and sockets that a test opens, feeds and closes."""

from __future__ import annotations

from app.platform.columns import NativeReader
from app.platform.errors import SocketError
from app.platform.native.basics import ManualClock, ManualScheduler

NS = 1_000_000_000


class ManualTime(ManualScheduler):
    """Clock and scheduler in one, moved by the second."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        super().__init__(self.clock)

    def now_ns(self) -> int:
        return self.clock.now_ns()

    def monotonic_ns(self) -> int:
        return self.clock.monotonic_ns()

    def advance(self, seconds: float) -> None:
        self.run_for(round(seconds * NS))

    def forget(self) -> None:
        """No timer will run."""
        self._timers.clear()

    def pending(self) -> int:
        """Timers that would still run."""
        return sum(not timer.cancelled for _, _, timer in self._timers)


class ManualSocket:
    """One connection, the far end of which is the test."""

    def __init__(self, url: str, on_open, on_text, on_close) -> None:
        self.url = url
        self.sent: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.is_open = False
        self._on_open, self._on_text, self._on_close = on_open, on_text, on_close

    def send(self, text: str) -> None:
        if not self.is_open:
            raise SocketError("the socket is not open")
        self.sent.append(text)

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = (code, reason)
        self.is_open = False

    def accept(self) -> None:
        self.is_open = True
        self._on_open()

    def deliver(self, *texts: str, received_ns: int = 0) -> None:
        self._on_text(list(texts), received_ns)

    def drop(self, code: int = 1006, reason: str = "") -> None:
        self.is_open = False
        self._on_close(code, reason)


class ManualSockets:
    """Every connection that was asked for, newest last."""

    def __init__(self) -> None:
        self.opened: list[ManualSocket] = []
        self.refuse: Exception | None = None

    @property
    def last(self) -> ManualSocket:
        return self.opened[-1]

    columns = staticmethod(NativeReader)

    def connect(self, url: str, *, on_open, on_text, on_close, reader=None) -> ManualSocket:
        if self.refuse is not None:
            raise self.refuse
        self.opened.append(ManualSocket(url, on_open, on_text, on_close))
        return self.last
