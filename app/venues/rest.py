"""A venue's public REST requests: one after another, the urgent first, within its weight, obedient to its refusals.

Owns the queue, the weight budget and the waiting that HTTP 429 (too fast) and 418 (banned) demand; requests that
were refused that way are repeated by itself once the wait is over. Every other failure is handed to the caller
as an answer with an error in words. Never raises into its caller and never reads the body of a good answer.
"""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass

from app.model.units import shorten
from app.net.pacing import NS, RateWindow
from app.platform.errors import PlatformError
from app.platform.interfaces import Cancellable, Clock, Fetch, Scheduler

DEFAULT_WAIT_S = {429: 60.0, 418: 120.0}
MAX_WAIT_S = 3 * 86_400.0
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """``error`` is empty when ``text`` is a JSON answer of status 200; ``code`` is the venue's own error code or 0."""

    text: str
    error: str = ""
    status: int = 0
    code: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """What a venue allows one address: ``weight`` in a window; ``header`` (lower case) says what it has counted, "" if none does."""

    weight: int
    window_s: float = 60.0
    header: str = ""


@dataclass(slots=True, eq=False)
class _Request:
    path: str
    weight: int
    done: Callable[[RestAnswer], object]
    rank: int
    drop: Callable[[_Request], None]

    def cancel(self) -> None:
        """Do not ask any more; an answer under way is not waited for."""
        self.drop(self)


class Rest:
    """GET requests under one base address.

    ``trouble`` says, in words, what is being waited for ("" when nothing); ``on_trouble`` is called when it changes.
    ``failures`` counts unusable answers, ``refusals`` those with 429 or 418.
    """

    def __init__(
        self,
        base: str,
        fetch: Fetch,
        clock: Clock,
        scheduler: Scheduler,
        quota: Quota,
        *,
        on_trouble: Callable[[], object] = lambda: None,
    ) -> None:
        self.trouble = ""
        self.failures = 0
        self.refusals = 0
        self._base = base.rstrip("/")
        self._fetch = fetch
        self._clock = clock
        self._scheduler = scheduler
        self._on_trouble = on_trouble
        self._window = RateWindow(quota.weight, quota.window_s)
        self._header = quota.header
        self._queue: list[_Request] = []
        self._flying: _Request | None = None
        self._task: Cancellable | None = None
        self._timer: Cancellable | None = None
        self._blocked_until_ns = 0

    def get(self, path: str, weight: int, done: Callable[[RestAnswer], object], rank: int = 0) -> Cancellable:
        """Ask for ``path`` (with its query), before all that wait with a higher ``rank``; ``done`` is called once, unless
        it is cancelled before or `clear` comes first."""
        request = _Request(path, weight, done, rank, self._drop)
        insort(self._queue, request, key=lambda each: each.rank)
        self._pump()
        return request

    def clear(self) -> None:
        """Drop everything asked for and not answered; the wait a refusal demands stays in force."""
        self._queue.clear()
        self._flying = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop(self, request: _Request) -> None:
        if request is self._flying:
            self._flying = None
            if self._task is not None:
                self._task.cancel()
                self._task = None
            self._pump()
        elif request in self._queue:
            self._queue.remove(request)

    def _pump(self) -> None:
        if self._flying is not None or not self._queue or self._timer is not None:
            return
        now = self._clock.monotonic_ns()
        delay_s = max((self._blocked_until_ns - now) / NS, self._window.delay_s(now, self._queue[0].weight))
        if delay_s > 0:
            self._timer = self._scheduler.call_later(delay_s, self._wake)
            return
        self._say("")
        request = self._flying = self._queue.pop(0)
        self._window.take(now, request.weight)
        self._task = self._scheduler.create_task(self._run(request))

    def _wake(self) -> None:
        self._timer = None
        self._pump()

    async def _run(self, request: _Request) -> None:
        headers: dict[str, str] = {}
        try:
            found = await self._fetch.fetch(self._base + request.path, timeout_s=_TIMEOUT_S)
            answer, headers = judge(found.status, found.text), found.headers
        except PlatformError as error:
            answer = RestAnswer("", str(error))
        if self._flying is not request:
            return
        self._flying = self._task = None
        self._heed(answer, headers)
        if answer.status in DEFAULT_WAIT_S:
            self._queue.insert(0, request)
        else:
            self.failures += bool(answer.error)
            request.done(answer)
        self._pump()

    def _heed(self, answer: RestAnswer, headers: dict[str, str]) -> None:
        now = self._clock.monotonic_ns()
        used = headers.get(self._header, "")
        if used.isascii() and used.isdigit() and len(used) < 10:
            self._window.raise_to(now, int(used))
        if answer.status in DEFAULT_WAIT_S:
            self.refusals += 1
            wait_s = retry_after_s(headers.get("retry-after", ""), DEFAULT_WAIT_S[answer.status])
            self._blocked_until_ns = now + round(wait_s * NS)
            self._say(f"{answer.error}; waiting {wait_s:g} s as told")

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._on_trouble()


def judge(status: int, text: str) -> RestAnswer:
    """What an HTTP answer amounts to; anything but 200 with something like JSON is an error in words."""
    start = text[:64].lstrip()[:1]
    if status == 200 and start in ("{", "["):
        return RestAnswer(text, "", status)
    if start == "<":
        return RestAnswer("", f"HTTP {status}: a web page came instead of data", status)
    code, message = _venue_error(text)
    words = {429: "too many requests", 418: "this address is banned for a while", 403: "refused by the firewall"}
    detail = message or words.get(status, "") or ("no data" if status == 200 else "")
    return RestAnswer("", f"HTTP {status}" + (f": {detail}" if detail else ""), status, code)


def retry_after_s(text: str, default_s: float) -> float:
    """Seconds of a Retry-After header, bounded; the default when it is hidden from us or not a number."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(max(float(text), 1.0), MAX_WAIT_S)
    return default_s


def _venue_error(text: str) -> tuple[int, str]:
    if len(text) > 4096:
        return 0, ""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return 0, ""
    if not isinstance(data, dict):
        return 0, ""
    code, message = data.get("code"), data.get("msg")
    return (code if type(code) is int else 0), (shorten(message, 120) if isinstance(message, str) else "")
