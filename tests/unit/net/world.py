"""An internet in memory, seen through a browser's policy, in simulated time: hosts with and without CORS, a proxy, outages.

Every request that really arrives at a host is counted there, also when the browser then hides the answer. Nothing waits: the loop's
clock jumps to the next timer.
"""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from app.net.fetch import Chain
from app.net.trace import Trace
from app.platform.errors import HttpError, SocketError
from app.platform.interfaces import HttpAnswer, HttpCall
from app.platform.scheduler import LoopScheduler

SITE = "https://desk.example/"
SIMPLE = {"accept", "accept-language", "content-language"}


class _Jumping(selectors.SelectSelector):
    """Does not wait for a timer: tells the loop that its time has come."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list:
        found = super().select(0)
        if not found and timeout is None:
            raise RuntimeError("the test waits for something that will never happen")
        if not found and timeout:
            self.now += timeout
        return found


def simulate(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run ``work()`` in simulated time; returns its result."""
    selector = _Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(work())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


class LoopClock:
    """The simulated time as the desk's clock."""

    def now_ns(self) -> int:
        return 1_700_000_000_000_000_000 + self.monotonic_ns()

    def monotonic_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e9)


@dataclass
class Host:
    """``fate``: answer, hang, reset (arrives, no answer), refused, dns, tls. ``delay_s`` before an answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cors: bool = True
    fate: str = "answer"
    delay_s: float = 0.0
    hits: list[HttpCall] = field(default_factory=list)

    async def take(self, call: HttpCall) -> HttpAnswer:
        """What a machine that reaches this host gets."""
        if self.fate in ("dns", "tls", "refused"):
            raise HttpError("unreachable", self.fate, sent=False)
        self.hits.append(call)
        if self.fate == "hang":
            await asyncio.Event().wait()
        if self.fate == "reset":
            raise HttpError("reset", "network")
        await asyncio.sleep(self.delay_s)
        return HttpAnswer(self.status, {"content-type": "application/json", **self.headers}, self.body, call.url)


class World:
    """`Http` and `Sockets` of a browser in this internet. ``proxy``: up, none (plain files), down or hang."""

    hides_causes = True
    routes = frozenset({"here", "worker", "service_worker"})

    def __init__(self, proxy: str = "up", rules: tuple[str, ...] = ("*",)) -> None:
        self.hosts: dict[str, Host] = {}
        self.proxy, self.rules = proxy, rules
        self.online = True
        self.policy: tuple[str, ...] = ("*",)
        self.service_worker = True
        self.can_probe = True
        self.proxy_saw: list[HttpCall] = []
        self.under_way = self.most_under_way = 0

    def chain(self, text: str = "") -> Chain:
        """A desk's chain in this world."""
        chain = Chain(self, self, LoopClock(), LoopScheduler(), SITE, Trace(lambda: 0.0))
        chain.restore(text)
        return chain

    def arrived(self) -> int:
        """How many requests reached any host."""
        return sum(len(host.hits) for host in self.hosts.values())

    async def send(self, call: HttpCall, via: str = "here") -> HttpAnswer:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            async with asyncio.timeout(call.timeout_s):
                return await self._send(call, via)
        except TimeoutError as error:
            raise HttpError("late", "timeout") from error
        finally:
            self.under_way -= 1

    async def reaches(self, url: str, timeout_s: float = 1.0) -> bool | None:
        host = self.hosts.get(urlsplit(url).netloc)
        if host is not None and host.fate == "hang":
            await asyncio.Event().wait()
        return self.can_probe and host is not None and host.fate == "answer" and self.online

    async def _send(self, call: HttpCall, via: str) -> HttpAnswer:
        if not self.online:
            raise HttpError("offline", "offline", sent=False)
        if call.url.startswith(SITE):
            return await self._site(call)
        if via == "service_worker" and not self.service_worker:
            raise HttpError("no service worker", "unavailable", sent=False)
        name = urlsplit(call.url).netloc
        if "*" not in self.policy and name not in self.policy:
            raise HttpError("policy", "policy", sent=False)
        host = self.hosts.get(name, Host(fate="dns"))
        if not host.cors and (call.method not in ("GET", "HEAD", "POST") or any(header not in SIMPLE for header in call.headers)):
            raise HttpError("the preflight was refused", "network")  # nothing arrived, and the browser does not say so
        try:
            answer = await host.take(call)
        except HttpError as error:
            raise HttpError("it failed", "network") from error
        if not host.cors:
            raise HttpError("the answer is hidden", "network")
        return answer

    async def _site(self, call: HttpCall) -> HttpAnswer:
        if self.proxy == "down":
            raise HttpError("down", "network")
        if self.proxy == "hang":
            await asyncio.Event().wait()
        if self.proxy == "none":
            return HttpAnswer(404, {"content-type": "text/plain"}, b"Not found", call.url)
        path, _, query = call.url[len(SITE) :].partition("?")
        if path == "api/config":
            return HttpAnswer(200, {}, json.dumps({"rules": [{"name": rule} for rule in self.rules], "open": False}).encode(), call.url)
        self.proxy_saw.append(call)
        target = path if path.startswith("http") else parse_qs(query)["url"][0]
        if path.startswith("http") and query:
            target += f"?{query}"
        return await self.forward(call, unquote(target), path == "get")

    async def forward(self, call: HttpCall, url: str, as_json: bool = False) -> HttpAnswer:
        """What the proxy does."""
        name = urlsplit(url).netloc
        if "*" not in self.rules and name not in self.rules:
            return refusal("not_allowed", "no rule", sent=False)
        try:
            answer = await self.hosts.get(name, Host(fate="dns")).take(HttpCall(call.method, url, call.headers, call.body))
        except HttpError as error:
            code = {"network": "reset"}.get(error.reason, error.reason)
            return refusal(code, code, sent=error.sent)
        headers = {**answer.headers, "x-kontor-url": url}
        if as_json:
            status = {"url": url, "http_code": answer.status, "content_type": "application/json"}
            return HttpAnswer(200, headers, json.dumps({"contents": answer.body.decode(), "status": status}).encode(), call.url)
        return HttpAnswer(answer.status, headers, answer.body, call.url)

    def connect(self, url: str, **handlers: Any) -> Any:
        """The tunnel."""
        return _Tunnel(self, handlers)


class _Tunnel:
    def __init__(self, world: World, handlers: dict[str, Any]) -> None:
        self._world, self._handlers = world, handlers
        self._open = False
        asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        if self._world.proxy == "up" and self._world.online:
            self._open = True
            self._handlers["on_open"]()
        else:
            self._handlers["on_close"](1006, "")

    def send(self, text: str) -> None:
        if not self._open:
            raise SocketError("closed")
        message = json.loads(text)
        if "cancel" not in message:
            self._task = asyncio.ensure_future(self._answer(message))

    async def _answer(self, message: dict) -> None:
        body = message.get("body")
        call = HttpCall(message["method"], message["url"], message["headers"], body.encode() if body is not None else None)
        self._world.proxy_saw.append(call)
        answer = await self._world.forward(call, message["url"])
        if code := answer.headers.get("x-kontor-error"):
            reply = {"id": message["id"], "error": code, "detail": code}
        else:
            reply = {"id": message["id"], "status": answer.status, "headers": answer.headers, "body": answer.body.decode()}
        self._handlers["on_text"]([json.dumps(reply)], 0)

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self._open:
            self._open = False
            asyncio.get_running_loop().call_soon(self._handlers["on_close"], code, reason)


def refusal(code: str, detail: str, sent: bool) -> HttpAnswer:
    """The proxy speaking for itself."""
    return HttpAnswer(403, {"x-kontor-error": code}, json.dumps({"error": code, "detail": detail, "sent": sent}).encode(), SITE)
