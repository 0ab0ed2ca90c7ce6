"""One supervised WebSocket: connected, watched, reconnected.

Owns the life of a connection: connect with a deadline, notice silence and probe it, rotate before the server
drops a day-old socket, back off with jitter, pace what is sent, stop for good. Never looks into a frame and
never raises into its owner: whatever happens becomes a `LinkStatus`. Browsers hide protocol pings and
pongs from the page, so liveness is judged by data, and by an answer to a harmless request when data stops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.platform.columns import Reader
from app.platform.errors import PlatformError, SocketError
from app.platform.interfaces import Cancellable, Clock, Scheduler, Socket, Sockets

from .backoff import Backoff, Rng
from .pacing import NS, RateWindow


class LinkState(StrEnum):
    OFFLINE = "offline"
    """Never started."""
    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"
    """Lost or refused; the next attempt is scheduled."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """``attempts`` counts failures since the last stable connection; ``next_try_s`` runs from ``since_ns`` (UTC)."""

    state: LinkState
    since_ns: int
    detail: str = ""
    attempts: int = 0
    next_try_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """Deadlines in seconds and limits; the defaults are those of Binance's market streams."""

    connect_timeout_s: float = 10.0
    silence_s: float = 10.0
    """Without a frame for so long, the probe is sent."""
    probe_timeout_s: float = 5.0
    """Without a frame for so long after the probe, the connection counts as dead."""
    rotate_s: float = 23.5 * 3600
    stable_s: float = 60.0
    first_delay_s: float = 0.5
    max_delay_s: float = 60.0
    connects: int = 290
    connects_window_s: float = 300.0
    messages: int = 4
    """Control messages a window: one below the limit of five, because the pongs a browser sends count too."""
    messages_window_s: float = 1.0

    def connect_window(self) -> RateWindow:
        """A fresh count of connection attempts."""
        return RateWindow(self.connects, self.connects_window_s)

    def message_window(self) -> RateWindow:
        """A fresh count of control messages."""
        return RateWindow(self.messages, self.messages_window_s)


class Link:
    """A socket that is kept open from `start` to `stop`.

    ``on_open`` is the place to subscribe, on every connection anew. ``on_text`` gets frames and the monotonic ns at
    which the first arrived. ``on_lost`` gets the reason; what was queued for sending is dropped with the connection.
    """

    def __init__(
        self,
        url: str,
        sockets: Sockets,
        clock: Clock,
        scheduler: Scheduler,
        rng: Rng,
        *,
        on_open: Callable[[], object],
        on_text: Callable[[Sequence[str], int], object],
        on_lost: Callable[[str], object],
        on_status: Callable[[LinkStatus], object],
        probe: Callable[[], str] | None = None,
        policy: LinkPolicy | None = None,
        connects: RateWindow | None = None,
        messages: RateWindow | None = None,
        reader: Callable[[], Reader | None] = lambda: None,
    ) -> None:
        """``connects`` and ``messages`` are windows shared with other links, where the venue counts by address. ``reader``: who reads the frames
        of a market, asked for with every connection."""
        self.policy = policy or LinkPolicy()
        self.status = LinkStatus(LinkState.OFFLINE, clock.now_ns())
        self.connections = 0
        self.losses = 0
        self._url = url
        self._sockets = sockets
        self._clock = clock
        self._scheduler = scheduler
        self._on_open, self._on_text, self._on_lost, self._on_status = on_open, on_text, on_lost, on_status
        self._probe = probe
        self._backoff = Backoff(
            rng,
            first_s=self.policy.first_delay_s,
            cap_s=self.policy.max_delay_s,
            stable_s=self.policy.stable_s,
        )
        self._connects = connects or self.policy.connect_window()
        self._messages = messages or self.policy.message_window()
        self._reader = reader
        self._outbox: deque[tuple[str, Any]] = deque()
        self._socket: Socket | None = None
        self._generation = 0
        self._timers: dict[str, Cancellable] = {}
        self._opened_ns = 0
        self._last_text_ns = 0
        self._probed_ns = 0

    @property
    def is_open(self) -> bool:
        """Whether frames can pass right now."""
        return self.status.state is LinkState.OPEN

    def start(self) -> None:
        """Connect, and stay connected."""
        if self.status.state in (LinkState.OFFLINE, LinkState.STOPPED):
            self._backoff.reset()
            self._connect()

    def stop(self) -> None:
        """Close for good; no callback but the final status follows."""
        self._drop_socket(1000, "stopped")
        self._set(LinkState.STOPPED, "stopped")

    def send(self, text: str, secret: Any = None) -> bool:
        """Queue a control message, paced; with an injector its secret goes into it. False when there is no connection: it is then
        dropped, not kept."""
        if not self.is_open:
            return False
        self._outbox.append((text, secret))
        self._flush()
        return True

    def reconnect(self, reason: str) -> None:
        """Give this connection up and open another at once; backs off when it was itself only just opened."""
        if self.status.state in (LinkState.CONNECTING, LinkState.OPEN):
            self._lose(reason, at_once=True)

    def retry_now(self) -> None:
        """Cut a wait short, because something says that the network is back."""
        if self.status.state is LinkState.WAITING:
            self._connect()

    def _connect(self) -> None:
        now = self._clock.monotonic_ns()
        if (delay := self._connects.delay_s(now)) > 0:
            self._wait(delay, "too many connection attempts, waiting for room under the venue's limit")
            return
        self._connects.take(now)
        self._cancel_timers()
        self._generation += 1
        generation = self._generation
        self._set(LinkState.CONNECTING, self._url)
        self._later("deadline", self.policy.connect_timeout_s, lambda: self._lose("connecting took too long"))
        try:
            self._socket = self._sockets.connect(
                self._url,
                on_open=lambda: self._opened(generation),
                on_text=lambda texts, received_ns: self._text(generation, texts, received_ns),
                on_close=lambda code, reason: self._closed(generation, code, reason),
                reader=self._reader(),
            )
        except (PlatformError, OSError, ValueError) as error:
            self._lose(f"could not connect: {error}")

    def _opened(self, generation: int) -> None:
        if generation != self._generation or self.status.state is not LinkState.CONNECTING:
            return
        self.connections += 1
        self._opened_ns = self._last_text_ns = self._clock.monotonic_ns()
        self._probed_ns = 0
        self._cancel_timers()
        self._later("rotate", self.policy.rotate_s, lambda: self._lose("daily rotation", at_once=True))
        self._later("silence", self.policy.silence_s, self._check_silence)
        self._set(LinkState.OPEN, "")
        self._on_open()

    def _text(self, generation: int, texts: Sequence[str], received_ns: int) -> None:
        if generation == self._generation and self.is_open:
            self._last_text_ns = self._clock.monotonic_ns()
            self._on_text(texts, received_ns)

    def _closed(self, generation: int, code: int, reason: str) -> None:
        if generation == self._generation:
            self._socket = None
            words = f"closed with code {code}" + (f": {reason[:120]}" if reason else "")
            self._lose(words if self.is_open else f"could not connect ({words})")

    def _check_silence(self) -> None:
        # One timer a silence, not one a frame: it looks at the last frame when it fires, and sleeps for the rest.
        now = self._clock.monotonic_ns()
        silent_s = (now - max(self._last_text_ns, self._opened_ns)) / NS
        policy = self.policy
        if self._probed_ns and self._last_text_ns < self._probed_ns:
            waited_s = (now - self._probed_ns) / NS
            if waited_s >= policy.probe_timeout_s:
                self._lose(f"silent for {silent_s:.0f} s, the probe was not answered")
            else:
                self._later("silence", policy.probe_timeout_s - waited_s, self._check_silence)
            return
        self._probed_ns = 0
        if silent_s < policy.silence_s:
            self._later("silence", policy.silence_s - silent_s, self._check_silence)
        elif self._probe is None:
            self._lose(f"silent for {silent_s:.0f} s")
        else:
            self._probed_ns = now
            self._later("silence", policy.probe_timeout_s, self._check_silence)
            self.send(self._probe())

    def _flush(self) -> None:
        while self._outbox and self._socket is not None:
            now = self._clock.monotonic_ns()
            if (delay := self._messages.delay_s(now)) > 0:
                self._later("outbox", delay, self._flush)
                return
            self._messages.take(now)
            try:
                text, secret = self._outbox.popleft()
                self._socket.send(text) if secret is None else self._socket.send(text, secret)
            except SocketError as error:
                # The close is on its way with a better reason; until then nothing more can be sent.
                self._outbox.clear()
                self._later("deadline", self.policy.probe_timeout_s, lambda why=str(error): self._lose(why))

    def _lose(self, reason: str, at_once: bool = False) -> None:
        was_open = self.is_open
        held_s = (self._clock.monotonic_ns() - self._opened_ns) / NS if was_open else 0.0
        self._drop_socket(1000, "reconnecting")
        self.losses += 1
        self._backoff.held(held_s)
        # A server that asks to come back at once is obeyed, unless it does so again and again.
        obeyed = at_once and held_s >= min(5.0, self.policy.stable_s)
        delay = 0.0 if obeyed else self._backoff.next_delay()
        delay = max(delay, self._connects.delay_s(self._clock.monotonic_ns()))
        self._wait(delay, reason)
        if was_open:
            self._on_lost(reason)

    def _wait(self, delay_s: float, reason: str) -> None:
        self._later("retry", delay_s, self._connect)
        self._set(LinkState.WAITING, reason, delay_s)

    def _drop_socket(self, code: int, reason: str) -> None:
        self._generation += 1
        self._cancel_timers()
        self._outbox.clear()
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close(code, reason)

    def _later(self, name: str, delay_s: float, function: Callable[[], object]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._scheduler.call_later(delay_s, function)

    def _cancel_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _set(self, state: LinkState, detail: str, next_try_s: float = 0.0) -> None:
        self.status = LinkStatus(state, self._clock.now_ns(), detail, self._backoff.attempts, next_try_s)
        self._on_status(self.status)
