"""Sockets and HTTP on CPython, with the limits and shapes the browser has.

`NativeSockets` runs one reader task a connection and hands over whatever frames have queued; `NativeFetch`
follows no redirects, sends no credentials and takes no proxy from the environment.
"""

from __future__ import annotations

import asyncio

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Origin

from app.platform.columns import Layouts, NativeReader, Reader
from app.platform.errors import FetchError, SocketError
from app.platform.interfaces import Answer, Clock, OnClose, OnOpen, OnText
from app.platform.native.keywork import NativeInjector

_MAX_FRAME = 32 * 1024 * 1024


class NativeSocket:
    """One connection; made by `NativeSockets.connect`."""

    def __init__(self, url: str, clock: Clock, on_open: OnOpen, on_text: OnText, on_close: OnClose, origin: str = "") -> None:
        self._clock, self._url = clock, url
        self._origin = Origin(origin) if origin else None
        self._on_open, self._on_text, self._on_close = on_open, on_text, on_close
        self._outgoing: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        self._frames: list[str] = []
        self._first_ns = 0
        self._open = self._connecting = False
        self._closing: tuple[int, str] | None = None
        self._task = asyncio.get_running_loop().create_task(self._run(url))

    def send(self, text: str, secret: NativeInjector | None = None) -> None:
        """Queue a text frame, with an injector's secret in it. Raises SocketError when the connection is not open."""
        if not self._open or self._closing is not None:
            raise SocketError("The socket is not open.")
        if secret is not None:
            try:
                text = secret.fill(self._url, text)
            except ValueError as error:
                self.close(4000, str(error))
                return
        self._outgoing.put_nowait(text)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; `on_close` still comes, once."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        if self._open:
            self._outgoing.put_nowait((code, reason))
        elif self._connecting:
            self._task.cancel()

    async def _run(self, url: str) -> None:
        code, reason = 1006, ""
        if self._closing is not None:
            self._on_close(code, "closed before it opened")
            return
        self._connecting = True
        try:
            async with connect(url, max_size=_MAX_FRAME, proxy=None, origin=self._origin) as connection:
                self._open = True
                self._on_open()
                code, reason = await self._carry(connection)
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            reason = str(error)
        except asyncio.CancelledError:
            reason = "closed before it opened"
        finally:
            self._open = False
            self._deliver()
            self._on_close(code, reason)

    async def _carry(self, connection: ClientConnection) -> tuple[int, str]:
        writer = asyncio.get_running_loop().create_task(self._write(connection))
        try:
            while True:
                message = await connection.recv()
                text = message if isinstance(message, str) else bytes(message).decode("utf-8", "replace")
                if not self._frames:
                    self._first_ns = self._clock.monotonic_ns()
                    asyncio.get_running_loop().call_soon(self._deliver)
                self._frames.append(text)
        except ConnectionClosed as closed:
            frame = closed.rcvd or closed.sent
            return (frame.code, frame.reason) if frame is not None else (1006, "")
        finally:
            writer.cancel()

    async def _write(self, connection: ClientConnection) -> None:
        while True:
            item = await self._outgoing.get()
            if isinstance(item, tuple):
                await connection.close(*item)
                return
            try:
                await connection.send(item)
            except ConnectionClosed:
                return

    def _deliver(self) -> None:
        if self._frames:
            frames, self._frames = self._frames, []
            self._on_text(frames, self._first_ns)


class NativeSockets:
    """Opens WebSockets with the `websockets` library. ``origin``: what a page of that origin would say of itself."""

    def __init__(self, clock: Clock, origin: str = "") -> None:
        self._clock, self._origin = clock, origin

    def connect(self, url: str, *, on_open: OnOpen, on_text: OnText, on_close: OnClose, reader: Reader | None = None) -> NativeSocket:
        """Start connecting; needs a running loop. Whoever reads them, frames are read in this thread."""
        return NativeSocket(url, self._clock, on_open, on_text, on_close, self._origin)

    def columns(self, told: Layouts) -> Reader:
        """A reader of frames."""
        return NativeReader(told)

    def give_way(self, on: bool) -> None:
        """Nothing to do: every frame is a task of its own here."""


class NativeFetch:
    """HTTP GET with httpx."""

    async def fetch(self, url: str, *, timeout_s: float = 10.0, max_bytes: int = 8_000_000) -> Answer:
        """The whole answer, whatever its status. Raises FetchError."""
        try:
            async with (
                asyncio.timeout(timeout_s),
                httpx.AsyncClient(trust_env=False, timeout=timeout_s) as client,
                client.stream("GET", url) as response,
            ):
                if response.is_redirect:
                    raise FetchError(f"{url} redirects elsewhere, which is not followed.", "network")
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > max_bytes:
                        raise FetchError(f"{url} sent more than {max_bytes} bytes.", "too-large")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, body.decode("utf-8"), headers)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise FetchError(f"{url} did not answer within {timeout_s:g} s.", "timeout") from error
        except httpx.HTTPError as error:
            raise FetchError(f"{url} could not be reached: {error}", "network") from error
        except UnicodeDecodeError as error:
            raise FetchError(f"{url} sent a body that is not UTF-8.", "encoding") from error
