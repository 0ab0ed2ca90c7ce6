"""Many requests over one warm socket to the proxy: no preflight, no handshake for each.

Opens the socket with the first request and lets it go after a minute without any. A socket that breaks fails what was under way,
and says so honestly: those requests may have had their effect.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

from app.platform.errors import HttpError, PlatformError, SocketError
from app.platform.interfaces import Cancellable, HttpAnswer, HttpCall, Scheduler, Socket, Sockets

_IDLE_S = 60.0
_MOST = 64


class TunnelRefused(Exception):
    """The proxy answered with an error of its own. ``sent`` False: it says that the target received nothing."""

    def __init__(self, code: str, detail: str, sent: bool = True) -> None:
        super().__init__(detail)
        self.code, self.detail, self.sent = code, detail, sent


class Tunnel:
    """A client of ``/api/tunnel`` at one address (ws or wss)."""

    def __init__(self, url: str, sockets: Sockets, scheduler: Scheduler) -> None:
        self.url = url
        self.connections = 0
        self._sockets, self._scheduler = sockets, scheduler
        self._socket: Socket | None = None
        self._opening: asyncio.Future[None] | None = None
        self._waiting: dict[int, asyncio.Future[dict]] = {}
        self._room = asyncio.Semaphore(_MOST)
        self._count = 0
        self._generation = 0
        self._idle: Cancellable | None = None

    async def send(self, call: HttpCall) -> HttpAnswer:
        """The answer. Raises HttpError when the socket fails, TunnelRefused when the proxy says no."""
        async with self._room:
            try:
                await asyncio.wait_for(self._open(), call.timeout_s)
            except TimeoutError:
                self.close()  # the next request tries a new socket
                raise HttpError("The tunnel to the proxy did not open in time.", "timeout", sent=False) from None
            return await self._exchange(call)

    async def _exchange(self, call: HttpCall) -> HttpAnswer:
        self._count += 1
        number, done = self._count, asyncio.get_running_loop().create_future()
        self._waiting[number] = done
        try:
            self._post({"id": number, "method": call.method, "url": call.url, "headers": dict(call.headers), **_wire(call.body)})
            answer = await done
        finally:
            self._waiting.pop(number, None)
            if not done.done() or done.cancelled():
                self._cancel(number)
            self._rest()
        if "error" in answer:
            raise TunnelRefused(str(answer["error"]), str(answer.get("detail") or ""), answer.get("sent") is not False)
        return _answer(answer, call)

    def close(self) -> None:
        """Let the socket go; what is under way fails."""
        if self._socket is not None:
            self._socket.close(1000, "not needed")
        self._lost("closed")

    async def _open(self) -> None:
        if self._opening is None:
            self._generation += 1
            generation = self._generation
            self._opening = asyncio.get_running_loop().create_future()
            self._opening.add_done_callback(lambda done: done.cancelled() or done.exception())
            try:
                self._socket = self._sockets.connect(
                    self.url,
                    on_open=lambda: self._opened(generation),
                    on_text=lambda texts, _: self._texts(generation, texts),
                    on_close=lambda code, reason: self._closed(generation, code, reason),
                )
            except (PlatformError, OSError, ValueError) as error:
                self._lost(str(error))
                raise HttpError(f"The tunnel to the proxy cannot be opened: {error}", "network", sent=False) from error
        await asyncio.shield(self._opening)

    def _opened(self, generation: int) -> None:
        if generation == self._generation and self._opening is not None and not self._opening.done():
            self.connections += 1
            self._opening.set_result(None)

    def _texts(self, generation: int, texts: Sequence[str]) -> None:
        for text in texts if generation == self._generation else ():
            try:
                message = json.loads(text)
                waiting = self._waiting.get(message["id"])
            except (ValueError, KeyError, TypeError, RecursionError):
                continue  # not an answer to anything that was asked: there is nobody to tell
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    def _closed(self, generation: int, code: int, reason: str) -> None:
        if generation == self._generation:
            self._lost(f"closed with code {code}" + (f": {reason[:80]}" if reason else ""))

    def _lost(self, why: str) -> None:
        self._generation += 1
        opening, self._opening, self._socket = self._opening, None, None
        if opening is not None and not opening.done():
            opening.set_exception(HttpError(f"The tunnel to the proxy did not open ({why}).", "network", sent=False))
        for waiting in list(self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(HttpError(f"The tunnel to the proxy broke ({why}).", "network"))
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _post(self, message: dict[str, Any]) -> None:
        if self._socket is None:
            raise HttpError("The tunnel to the proxy is closed.", "network", sent=False)
        try:
            self._socket.send(json.dumps(message, separators=(",", ":")))
        except SocketError as error:
            self._lost(str(error))
            raise HttpError(f"The tunnel to the proxy is closed: {error}", "network", sent=False) from error

    def _cancel(self, number: int) -> None:
        if self._socket is not None and self._opening is not None and self._opening.done():
            try:
                self._socket.send(json.dumps({"cancel": number}))
            except SocketError:
                self._lost("closed")

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._scheduler.call_later(_IDLE_S, self._let_go)

    def _let_go(self) -> None:
        if not self._waiting:
            self.close()


def _wire(body: bytes | None) -> dict[str, str | None]:
    if body is None:
        return {"body": None}
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body64": base64.b64encode(body).decode()}


def _answer(message: dict, call: HttpCall) -> HttpAnswer:
    """The answer in a frame. Raises HttpError when it is malformed or too large: the proxy is not believed blindly."""
    try:
        body = message.get("body")
        data = body.encode("utf-8") if isinstance(body, str) else base64.b64decode(message.get("body64") or "", validate=True)
        headers = {str(name).lower(): str(value) for name, value in message["headers"].items()}
        status = message["status"]
        if not isinstance(status, int) or not 100 <= status <= 599:
            raise ValueError(f"the status is {status!r}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HttpError(f"The tunnel sent something that is no answer: {error}", "network") from error
    if len(data) > call.max_bytes:
        raise HttpError(f"{call.url} sent more than {call.max_bytes} bytes.", "too_large")
    return HttpAnswer(status, headers, data, headers.get("x-kontor-url") or call.url)
