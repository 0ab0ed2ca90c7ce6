"""One connection to Binance's WebSocket API: requests with ids, signed where the key is, paced, answered once.

Owns the socket, the queue in front of it and the venue's clock. Knows nothing of orders: it says of every request whether it was done,
refused, never sent, or sent without a usable answer, and never sends one twice.
"""

from __future__ import annotations

import asyncio
import json
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.net.backoff import Rng
from app.net.connection import Link, LinkPolicy, LinkStatus
from app.net.pacing import NS
from app.net.pulse import Pulse
from app.platform.interfaces import Cancellable, Clock, Scheduler, Sockets

from ..execution import Outcome, Rank, Reply
from ..wire import ERRORS, decode
from .limits import Budget
from .signing import SignerLike, signed

URL = "wss://ws-api.binance.com:443/ws-api/v3"
RECV_WINDOW_MS = 5000
POLICY = LinkPolicy(messages=200, messages_window_s=1.0)
SETUP_ANSWER_S = 10.0
READY_MS = 1000
"""So long what was signed ahead may be sent: far within the window that the venue allows."""
BAD_TIME = -1021
UNSURE = frozenset({-1000, -1001, -1006, -1007})
"""Codes with which the venue itself does not know what became of a request."""


@dataclass(eq=False, slots=True)
class Ready:
    """A request signed before it may leave: its ``text``, "" where there is none (yet), for this connection, key and offset of the clock only."""

    method: str
    params: dict
    of: tuple[int, Credentials | None, int]
    venue_ms: int
    number: int = 0
    text: str = ""
    signing: asyncio.Task | None = None


@dataclass(eq=False, slots=True)
class Request:
    """``on_sent`` is called when its bytes go to the socket, ``done`` once with the reply. ``until_ns`` (monotonic): not sent later than that."""

    method: str
    params: dict
    weight: int
    rank: Rank
    signed: bool
    done: Callable[[Reply], object]
    on_sent: Callable[[], object]
    until_ns: int | None
    ready: Ready | None = None
    sent_ns: int = 0


_to_text = json.JSONEncoder(separators=(",", ":")).encode


class Credentials(NamedTuple):
    """``api_key`` names the key at the venue, ``signer`` signs with its secret, wherever that is kept."""

    api_key: str
    signer: SignerLike


class Api:
    """``on_open`` is called with every connection, ``on_event`` with each event of the account, ``on_lost`` with the reason."""

    def __init__(
        self,
        url: str,
        sockets: Sockets,
        clock: Clock,
        scheduler: Scheduler,
        rng: Rng,
        *,
        on_open: Callable[[], object],
        on_event: Callable[[dict], object],
        on_lost: Callable[[str], object],
        on_status: Callable[[LinkStatus], object],
        policy: LinkPolicy = POLICY,
    ) -> None:
        self.credentials: Credentials | None = None
        self.logged_on = False
        self.held = True
        """Only what sets the connection up is sent."""
        self.offset_ms = 0
        self.budget = Budget()
        self._clock, self._scheduler = clock, scheduler
        self._on_open, self._on_event, self._on_lost = on_open, on_event, on_lost
        self._queue: list[Request] = []
        self._flying: dict[int, Request] = {}
        self._number = 0
        self._pumping = False
        self._timer: Cancellable | None = None
        self.link = Link(
            url,
            sockets,
            clock,
            scheduler,
            rng,
            on_open=self._opened,
            on_text=self._received,
            on_lost=self._lost,
            on_status=on_status,
            probe=lambda: json.dumps({"id": self._next(), "method": "ping"}),
            policy=policy,
        )
        self._pulse = Pulse(clock, scheduler, self.link.reconnect)

    def start(self, credentials: Credentials) -> None:
        """Connect, and stay connected."""
        self.credentials = credentials
        self._pulse.start()
        self.link.start()

    def stop(self) -> None:
        """Disconnect for good and forget the key."""
        self._pulse.stop()
        self.link.stop()
        self._forget("the connection was closed")
        self.credentials = None

    @property
    def venue_ms(self) -> int:
        """The venue's clock, as well as it is known, in ms UTC."""
        return self._clock.now_ns() // 1_000_000 + self.offset_ms

    def ask(
        self,
        method: str,
        params: dict,
        done: Callable[[Reply], object],
        *,
        rank: Rank,
        weight: int = 1,
        signed: bool = True,
        on_sent: Callable[[], object] = lambda: None,
        wait_s: float | None = None,
        ready: Ready | None = None,
    ) -> Request:
        """Send a request when its turn comes; after ``wait_s`` without a turn it is given up unsent. ``ready`` is the same, signed ahead."""
        until = None if wait_s is None else self._clock.monotonic_ns() + round(wait_s * NS)
        request = Request(method, params, weight, rank, signed, done, on_sent, until, ready)
        if not self.link.is_open:
            done(Reply(Outcome.UNSENT, text="there is no connection to the venue"))
            return request
        insort(self._queue, request, key=lambda each: each.rank)
        self._pump()
        return request

    def make_ready(self, method: str, params: dict) -> Ready:
        """Sign a request that may be asked for in a moment. Nothing leaves by this."""
        ready = Ready(method, params, self._present, self.venue_ms)
        ready.signing = self._scheduler.begin(self._make_ready(ready))
        return ready

    async def _make_ready(self, ready: Ready) -> None:
        try:
            ready.number, ready.text = await self._written(ready.method, ready.params, ready.venue_ms)
        except Exception:  # it is signed when it is sent, and then says why it cannot be
            return

    @property
    def _present(self) -> tuple[int, Credentials | None, int]:
        return self.link.connections, self.credentials, self.offset_ms

    def release(self) -> None:
        """The connection is set up: everything may be sent."""
        self.held = False
        self._pump()

    def waits(self, request: Request) -> bool:
        """Whether a request has not left yet."""
        return request in self._queue

    def withdraw(self, request: Request) -> bool:
        """Take a request back that has not been sent; False when it is too late. ``done`` is not called."""
        if request in self._queue:
            self._queue.remove(request)
            return True
        return False

    def measure_clock(self, sent_ns: int, server_ms: int) -> None:
        """The venue's time as an answer told it, asked for at ``sent_ns`` (monotonic)."""
        half_ms = (self._clock.monotonic_ns() - sent_ns) // 2_000_000
        self.offset_ms = server_ms + half_ms - self._clock.now_ns() // 1_000_000

    def later(self, delay_s: float, function: Callable[[], object]) -> Cancellable:
        """Run ``function`` after so many seconds."""
        return self._scheduler.call_later(delay_s, function)

    # sending

    def _pump(self) -> None:
        if not self._pumping and self._queue and self.link.is_open:
            self._pumping = True
            self._scheduler.begin(self._send_queued())

    async def _send_queued(self) -> None:
        """One after another, so that requests leave in the order of their turns whatever signing takes."""
        try:
            while (request := self._next_due()) is not None:
                await self._send(request)
        finally:
            self._pumping = False

    def _next_due(self) -> Request | None:
        now = self._clock.monotonic_ns()
        for request in [each for each in self._queue if each.until_ns is not None and each.until_ns <= now]:
            self._queue.remove(request)
            request.done(Reply(Outcome.UNSENT, text=self.budget.trouble or "the venue's limits left no room for it"))
        soonest: float | None = None
        for request in self._queue:
            if self.held and request.rank is not Rank.SETUP:
                break
            delay = self.budget.delay_s(request.rank, request.weight, now)
            if delay <= 0:
                self._queue.remove(request)
                self.budget.take(request.rank, request.weight, now)
                return request
            if request.until_ns is not None:
                delay = min(delay, (request.until_ns - now) / NS)
            soonest = delay if soonest is None else min(soonest, delay)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if soonest is not None:
            self._timer = self._scheduler.call_later(soonest, self._pump)
        return None

    async def _send(self, request: Request) -> None:
        connection = self.link.connections
        if request.signed and self.credentials is None:
            request.done(Reply(Outcome.UNSENT, text="there is no key for the venue"))
            return
        try:
            number, text = await self._text_of(request)
        except Exception as error:  # the vault was locked, or the browser refused: nothing has left
            request.done(Reply(Outcome.UNSENT, text=f"it could not be signed: {error}"))
            return
        if connection != self.link.connections or not self.link.send(text):
            request.done(Reply(Outcome.UNSENT, text="the connection was lost before it was sent"))
            return
        request.sent_ns = self._clock.monotonic_ns()
        self._flying[number] = request
        request.on_sent()

    async def _text_of(self, request: Request) -> tuple[int, str]:
        ready = request.ready
        if ready is not None and ready.signing is not None:
            await ready.signing  # mostly done by now: then nothing waits
            if ready.text and ready.of == self._present and 0 <= self.venue_ms - ready.venue_ms < READY_MS:
                return ready.number, ready.text
        return await self._written(request.method, request.params, self.venue_ms if request.signed else None)

    async def _written(self, method: str, params: dict, venue_ms: int | None) -> tuple[int, str]:
        """Number and text of a request; signed where there is a time stamp and the session does not speak for it."""
        if venue_ms is not None:
            credentials, params = self.credentials, {**params, "timestamp": venue_ms, "recvWindow": RECV_WINDOW_MS}
            if credentials is not None and (not self.logged_on or method == "session.logon"):
                params = await signed(params, credentials.api_key, credentials.signer)
        number = self._next()
        body: dict = {"id": number, "method": method}
        if params:
            body["params"] = params
        return number, _to_text(body)

    def _next(self) -> int:
        self._number += 1
        return self._number

    # receiving

    def _opened(self) -> None:
        self.held, self.logged_on = True, False
        self._on_open()

    def _received(self, texts: Sequence[str], _received_ns: int) -> None:
        self._pulse.check()
        for text in texts:
            if self.link.is_open:
                self._message(text)

    def _message(self, text: str) -> None:
        try:
            data = decode(text)
        except ERRORS:
            data = None
        if type(data) is not dict:
            self.link.reconnect("a frame could not be read: what it answered is asked about")
            return
        if type(data.get("event")) is dict:
            self._event(data["event"])
            return
        self.budget.learn(data.get("rateLimits"), self._clock.monotonic_ns())
        number = data.get("id")
        request = self._flying.pop(number, None) if type(number) is int else None
        reply = self._reply(data, request.sent_ns if request else 0)
        if request is not None:
            request.done(reply)
        elif number is None and data.get("status") == 401:
            self.link.reconnect(f"the venue ended the session: {reply.text}")
        self._pump()

    def _event(self, event: dict) -> None:
        if event.get("e") == "serverShutdown":
            self.link.reconnect("the venue is shutting this server down")
        elif event.get("e") == "eventStreamTerminated":
            self.link.reconnect("the venue ended the account's stream")
        else:
            self._on_event(event)

    def _reply(self, data: dict, sent_ns: int) -> Reply:
        status, error = data.get("status"), data.get("error")
        if status == 200 and "result" in data:
            return Reply(Outcome.DONE, data["result"], sent_ns=sent_ns)
        if type(status) is not int or type(error) is not dict or type(error.get("code")) is not int:
            return Reply(Outcome.UNSURE, text="an answer that could not be understood", sent_ns=sent_ns)
        code, text = error["code"], str(error.get("msg"))[:200]
        more = error["data"] if type(error.get("data")) is dict else {}
        if status in (418, 429):
            self.budget.refused(status, more.get("retryAfter"), self.venue_ms, self._clock.monotonic_ns())
        unsure = status >= 500 or status < 400 or code in UNSURE
        return Reply(Outcome.UNSURE if unsure else Outcome.REFUSED, more, code, text, sent_ns)

    def _lost(self, reason: str) -> None:
        self._forget(reason)
        self._on_lost(reason)

    def _forget(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        queued, self._queue = self._queue, []
        flying, self._flying = self._flying, {}
        self.held = True
        for request in queued:
            request.done(Reply(Outcome.UNSENT, text=f"the connection was lost before it was sent: {reason}"))
        for request in flying.values():
            request.done(Reply(Outcome.UNSURE, text=f"the connection was lost before the answer came: {reason}", sent_ns=request.sent_ns))
