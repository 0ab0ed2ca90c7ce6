"""Many HTTP requests over one warm WebSocket: no preflight, no new connection, answers in the order they are ready.

A text frame from the page is a JSON request or the word to cancel one; a frame to the page is a whole answer or a refusal. Rules,
guards and limits are those of /api/fetch, as both ask the same `Upstream`. Bodies are held whole, so they are small: what is large or
goes on without end belongs to /api/fetch, which streams. It never sends a request twice.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from .config import Config
from .errors import Refused
from .observe import Observer
from .relay import IDLE, STALL_S, Places, close, refuse
from .upstream import Call, Upstream

SOCKETS = 8
"""Tunnels of one reader at once."""
_Name = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", max_length=100)]
_Value = Annotated[str, Field(pattern=r"^[\t\x20-\x7e\x80-\x{ff}]*$", max_length=8192)]


class Ask(BaseModel):
    """A frame of the page: a request with ``method`` and ``url``, or ``cancel`` with the id of one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: int | None = Field(None, ge=0, le=2**53)
    method: str = "GET"
    url: str = ""
    headers: dict[_Name, _Value] = {}
    body: str | None = None
    body64: str | None = None
    cancel: int | None = None

    def content(self, most: int) -> bytes | None:
        """The body, `Refused` when it is none or larger than ``most`` bytes."""
        try:
            data = base64.b64decode(self.body64, validate=True) if self.body64 is not None else (self.body or "").encode()
        except (binascii.Error, ValueError) as error:
            raise Refused("bad_request", "body64 is not base64.", "Encode it in the standard alphabet, with padding.") from error
        if self.body is not None and self.body64 is not None:
            raise Refused("bad_request", "There are two bodies.", "Send body or body64.")
        if len(data) > most:
            raise Refused("body_too_large", f"A request's body may have {most} bytes.", "Send less at once.")
        return data or None


class _Line:
    """One page's tunnel and the requests under way on it, by id."""

    def __init__(self, config: Config, upstream: Upstream, who: str, receive: Receive, send: Send) -> None:
        self._limits, self._upstream, self._who, self._receive, self._send = config.limits, upstream, who, receive, send
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()  # one frame at a time: what waits is bounded by what may be under way
        self._leave, self._stuck = asyncio.timeout(None), False

    async def run(self) -> None:
        """Until the page leaves or takes no answers any more; ends the requests under way."""
        try:
            async with self._leave:
                while (message := await self._receive())["type"] != "websocket.disconnect":
                    await self._take(message.get("text") or "")
        except TimeoutError:
            self._stuck = True
        finally:
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._stuck:
            await close(self._send, IDLE, f"The page took nothing for {STALL_S:g} s.")

    async def _take(self, text: str) -> None:
        number = None
        try:
            ask = Ask.model_validate_json(text)
            if ask.cancel is not None:
                if ask.cancel in self._under_way:
                    self._under_way[ask.cancel].cancel()
                return
            number = ask.id
            if number is None or number in self._under_way:
                raise Refused("bad_request", "A request needs an id of its own.", "Count up.")
            if len(self._under_way) >= self._limits.tunnel:
                raise Refused("busy", f"{self._limits.tunnel} requests are under way on this tunnel.", "Wait for answers.")
            headers = [("accept-encoding", "gzip"), *((name.lower(), value) for name, value in ask.headers.items())]
            call = Call("tunnel", self._who, ask.method, ask.url, headers, ask.content(self._limits.request_bytes))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in problem["loc"]) or "The frame"
            await self._tell({"id": None} | Refused("bad_request", f"{where}: {problem['msg']}.", "Send JSON text as documented.").body())
        except Refused as error:
            await self._tell({"id": number} | error.body())
        else:
            task = self._under_way[number] = asyncio.create_task(self._answer(number, call))
            task.add_done_callback(lambda _: self._under_way.pop(number))

    async def _answer(self, number: int, call: Call) -> None:
        try:
            async with self._upstream.send(call) as found:
                parts, size = [], 0
                async for part in found.chunks(plain=True):
                    parts.append(part)
                    size += len(part)
                    if size > self._limits.tunnel_bytes:
                        raise Refused("too_large", f"An answer over the tunnel may have {self._limits.tunnel_bytes} bytes.", "Ask /api/fetch, which streams.")
                head = {"id": number, "status": found.status, "headers": dict(found.headers(plain=True))}
                await self._tell(head | _body(b"".join(parts)))
        except Refused as error:
            await self._tell({"id": number} | error.body())

    async def _tell(self, frame: dict[str, Any]) -> None:
        text = json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
        try:
            async with self._turn, asyncio.timeout(STALL_S):
                await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError):  # gone, or as good as gone
            if not self._stuck:
                self._stuck = True
                self._leave.reschedule(0)


def _body(data: bytes) -> dict[str, str]:
    try:
        return {"body": data.decode()}
    except UnicodeDecodeError:
        return {"body64": base64.b64encode(data).decode()}


class Tunnel:
    """ASGI application for /api/tunnel. ``allowed`` refuses pages that may not, ``identity`` says whom limits count."""

    def __init__(
        self,
        config: Config,
        upstream: Upstream,
        allowed: Callable[[HTTPConnection], object],
        identity: Callable[[HTTPConnection], str],
        observer: Observer,
    ) -> None:
        self._config, self._upstream, self._allowed, self._identity, self._observer = config, upstream, allowed, identity, observer
        self.places = Places()
        self.routes = [WebSocketRoute("/api/tunnel", self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One page's socket from its handshake to its end."""
        connection = HTTPConnection(scope)
        await receive()  # websocket.connect
        try:
            self._allowed(connection)
            who = self._identity(connection)
            with self.places.take(who, "the tunnel", SOCKETS):
                await send({"type": "websocket.accept"})
                await _Line(self._config, self._upstream, who, receive, send).run()
        except Refused as error:
            self._observer.refuse(error)
            await refuse(send, error)
