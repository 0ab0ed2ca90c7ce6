"""Requests to Alpaca's REST: paced, the urgent first, each sent at most once and answered in one of four ways.

Knows nothing of orders. Only a JSON answer with the venue's own words is a refusal; whatever else came back after sending is unsure.
A cancel or a question that met the limit (429) waits and goes again: it was not done, and doing it twice does no harm.
"""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.net.pacing import NS
from app.platform.errors import HttpError, PlatformError
from app.platform.interfaces import Cancellable, Clock, HttpAnswer, Scheduler

from ..execution import Outcome, Rank, Reply
from ..wire import ERRORS, decode
from .limits import Budget
from .places import Credentials
from .way import Way

AT_ONCE = 6
"""Questions under way at the same time; orders and cancels do not wait for one another."""
_AGAIN = (Rank.SETUP, Rank.CANCEL, Rank.QUERY)


@dataclass(eq=False, slots=True)
class Request:
    """``on_sent`` is called when it leaves, ``done`` once with the reply. ``until_ns`` (monotonic): not sent later than that."""

    method: str
    path: str
    body: bytes | None
    rank: Rank
    done: Callable[[Reply], object]
    on_sent: Callable[[], object]
    until_ns: int | None


class Api:
    """REST with one key. ``held``: only what sets the connection up is sent."""

    def __init__(self, way: Way, clock: Clock, scheduler: Scheduler) -> None:
        self.credentials: Credentials | None = None
        self.held = True
        self.budget = Budget()
        self.way = way
        self._clock, self._scheduler = clock, scheduler
        self._queue: list[Request] = []
        self._asking = 0
        self._timer: Cancellable | None = None

    @property
    def trouble(self) -> str:
        """What is being waited for; "" when nothing."""
        return self.budget.trouble(self._clock.monotonic_ns())

    def ask(
        self,
        method: str,
        path: str,
        done: Callable[[Reply], object],
        *,
        rank: Rank,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        on_sent: Callable[[], object] = lambda: None,
        wait_s: float | None = None,
    ) -> Request:
        """Send a request when its turn comes; after ``wait_s`` without a turn it is given up unsent."""
        until = None if wait_s is None else self._clock.monotonic_ns() + round(wait_s * NS)
        whole = f"{path}?{urlencode(query)}" if query else path
        data = json.dumps(body, separators=(",", ":")).encode() if body is not None else None
        request = Request(method, whole, data, rank, done, on_sent, until)
        if self.credentials is None:
            done(Reply(Outcome.UNSENT, text="there is no key for Alpaca"))
            return request
        insort(self._queue, request, key=lambda each: each.rank)
        self._pump()
        return request

    def release(self) -> None:
        """The connection is set up: everything may be sent."""
        self.held = False
        self._pump()

    def hold(self, reason: str) -> None:
        """The connection is gone: what was not sent is given up, what was is still answered."""
        self.held = True
        self.way.forget()
        queued, self._queue = self._queue, []
        for request in queued:
            request.done(Reply(Outcome.UNSENT, text=f"the connection was lost before it was sent: {reason}"))

    def waits(self, request: Request) -> bool:
        """Whether a request has not left yet."""
        return request in self._queue

    def withdraw(self, request: Request) -> bool:
        """Take a request back that has not been sent; False when it is too late. ``done`` is not called."""
        if request in self._queue:
            self._queue.remove(request)
            return True
        return False

    def _pump(self) -> None:
        now = self._clock.monotonic_ns()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for request in [each for each in self._queue if each.until_ns is not None and each.until_ns <= now]:
            self._queue.remove(request)
            request.done(Reply(Outcome.UNSENT, text=self.trouble or "the venue's limits left no room for it"))
        soonest: float | None = None
        for request in [*self._queue]:
            if self.held and request.rank is not Rank.SETUP:
                break
            if request.rank is Rank.QUERY and self._asking >= AT_ONCE:
                continue
            delay = self.budget.delay_s(request.rank, now)
            if delay <= 0:
                self._queue.remove(request)
                self.budget.take(now)
                self._asking += request.rank is Rank.QUERY
                self._scheduler.create_task(self._send(request))
                continue
            if request.until_ns is not None:
                delay = min(delay, (request.until_ns - now) / NS)
            soonest = delay if soonest is None else min(soonest, delay)
        if soonest is not None:
            self._timer = self._scheduler.call_later(soonest, self._pump)

    async def _send(self, request: Request) -> None:
        credentials, sent_ns = self.credentials, self._clock.monotonic_ns()
        try:
            if credentials is None:
                reply = Reply(Outcome.UNSENT, text="there is no key for Alpaca")
            else:
                request.on_sent()
                answer = await self.way.send(request.method, credentials.places.trade + request.path, request.body, credentials)
                reply = self._reply(answer, sent_ns)
        except HttpError as error:
            reply = Reply(Outcome.UNSURE if error.sent else Outcome.UNSENT, text=str(error), sent_ns=sent_ns if error.sent else 0)
        except PlatformError as error:
            reply = Reply(Outcome.UNSURE, text=str(error), sent_ns=sent_ns)
        finally:
            self._asking -= request.rank is Rank.QUERY
        again = reply.status == 429 and request.rank in _AGAIN and not (self.held and request.rank is not Rank.SETUP)
        try:
            if again:
                insort(self._queue, request, key=lambda each: each.rank)
            else:
                request.done(reply)
        finally:  # whatever becomes of one answer, the others get theirs
            self._pump()

    def _reply(self, answer: HttpAnswer, sent_ns: int) -> Reply:
        now, status = self._clock.monotonic_ns(), answer.status
        self.budget.learn(answer.headers, now)
        if status == 204:
            return Reply(Outcome.DONE, sent_ns=sent_ns, status=status)
        try:
            data = decode(answer.body.decode("utf-8"), exact=True)
        except ERRORS:
            data = None
        if status in (200, 201, 207):
            if type(data) in (dict, list):
                return Reply(Outcome.DONE, data, sent_ns=sent_ns, status=status)
            return Reply(Outcome.UNSURE, text="an answer that could not be read", sent_ns=sent_ns, status=status)
        if status == 429:
            self.budget.refused(answer.headers, self._clock.now_ns() / NS, now)
            return Reply(Outcome.REFUSED, None, 429, "too many requests", sent_ns, status)
        if status < 400 or status >= 500 or type(data) is not dict or type(data.get("message")) is not str:
            words = data["message"] if type(data) is dict and type(data.get("message")) is str else "no words of Alpaca's"
            return Reply(Outcome.UNSURE, data, status, f"it answered {status}: {words[:200]}", sent_ns, status)
        code = data.get("code")
        return Reply(Outcome.REFUSED, data, code if type(code) is int else status, data["message"][:200], sent_ns, status)
