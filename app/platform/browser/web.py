"""WebSockets and HTTP of a browser thread.

Frames are taken off their events at once and handed over together by a message to ourselves, which the browser
delivers after the frames already waiting: whatever has queued goes in one list. In a burst it does so only when the burst is
over; then the first frames are handed over as soon as they have waited for MOST_WAIT_NS, whatever is still to come.
"""

from __future__ import annotations

import asyncio
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from app.platform.errors import FetchError, SocketError
from app.platform.interfaces import Answer, Clock, OnClose, OnOpen, OnText

MOST_WAIT_NS = 3_000_000
_LOOK_EVERY = 8
"""Frames from one look at the clock to the next."""
_OPEN, _CLOSED = 1, 3


class BrowserSocket:
    """One connection; made by `BrowserSockets.connect`."""

    def __init__(self, url: str, clock: Clock, on_open: OnOpen, on_text: OnText, on_close: OnClose) -> None:
        self._clock = clock
        self._on_open, self._on_text, self._on_close = on_open, on_text, on_close
        self._frames: list[str] = []
        self._first_ns = 0
        self._proxies = [create_proxy(method) for method in (self._opened, self._frame, self._deliver, self._closed)]
        opened, frame, deliver, closed = self._proxies
        channel = js.MessageChannel.new()
        self._receiver = channel.port1
        self._sender = channel.port2
        self._receiver.onmessage = deliver
        try:
            self._socket = js.WebSocket.new(url)
        except JsException as error:
            self._release()
            raise SocketError(f"The address {url} is not acceptable: {error}") from error
        self._socket.onopen = opened
        self._socket.onmessage = frame
        self._socket.onclose = closed
        if self._socket.readyState == _CLOSED:  # refused by the content security policy: no close event will come
            asyncio.get_event_loop().call_soon(self._finish, 1006, "the page's policy does not allow this address")

    def send(self, text: str) -> None:
        """Queue a text frame. Raises SocketError when the connection is not open."""
        if self._socket.readyState != _OPEN:
            raise SocketError("The socket is not open.")
        self._socket.send(text)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; `on_close` still comes, once. Browsers allow code 1000 and 3000 to 4999."""
        self._socket.close(code, reason)

    def _opened(self, _event: Any) -> None:
        self._on_open()

    def _frame(self, event: Any) -> None:
        if not self._frames:
            self._first_ns = self._clock.monotonic_ns()
            self._sender.postMessage(None)
        data = event.data
        frames = self._frames
        frames.append(data if isinstance(data, str) else "")
        if len(frames) % _LOOK_EVERY == 0 and self._clock.monotonic_ns() - self._first_ns > MOST_WAIT_NS:
            self._deliver(None)

    def _deliver(self, _event: Any) -> None:
        frames, self._frames = self._frames, []
        if frames:
            self._on_text(frames, self._first_ns)

    def _closed(self, event: Any) -> None:
        self._finish(event.code, event.reason)

    def _finish(self, code: int, reason: str) -> None:
        self._deliver(None)
        self._socket.onopen = self._socket.onmessage = self._socket.onclose = None
        self._release()
        self._on_close(code, reason)

    def _release(self) -> None:
        self._receiver.onmessage = None
        self._receiver.close()
        self._sender.close()
        asyncio.get_event_loop().call_soon(self._destroy)  # not while one of them is running

    def _destroy(self) -> None:
        for proxy in self._proxies:
            proxy.destroy()
        self._proxies = []


class BrowserSockets:
    """Opens WebSockets; the page's policy decides where they may lead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def connect(self, url: str, *, on_open: OnOpen, on_text: OnText, on_close: OnClose) -> BrowserSocket:
        """Start connecting. Raises SocketError for an address no socket may be opened to."""
        return BrowserSocket(url, self._clock, on_open, on_text, on_close)


class BrowserFetch:
    """HTTP GET with fetch, without credentials or referrer."""

    async def fetch_text(self, url: str, *, timeout_s: float = 10.0, max_bytes: int = 8_000_000) -> tuple[int, str]:
        """(status, body). Raises FetchError."""
        answer = await self.fetch(url, timeout_s=timeout_s, max_bytes=max_bytes)
        return answer.status, answer.text

    async def fetch(self, url: str, *, timeout_s: float = 10.0, max_bytes: int = 8_000_000) -> Answer:
        """The whole answer, whatever its status. Raises FetchError."""
        abort = js.AbortController.new()
        timer = asyncio.get_event_loop().call_later(timeout_s, abort.abort)
        try:
            response = await js.fetch(url, _options(abort.signal))
            headers = {pair[0]: pair[1] for pair in js.Array.from_(response.headers.entries())}
            body = await read_body(response, max_bytes)
            if body is None:
                raise FetchError(f"{response.url} sent more than {max_bytes} bytes.", "too-large")
            return Answer(int(response.status), body.decode("utf-8"), headers)
        except JsException as error:
            if error.name == "AbortError":
                raise FetchError(f"{url} did not answer within {timeout_s:g} s.", "timeout") from error
            raise FetchError(f"{url} could not be reached: {error}", "network") from error
        except UnicodeDecodeError as error:
            raise FetchError(f"{url} sent a body that is not UTF-8.", "encoding") from error
        except FetchError:
            abort.abort()
            raise
        finally:
            timer.cancel()


def _options(signal: Any) -> Any:
    fields = {"credentials": "omit", "referrerPolicy": "no-referrer", "redirect": "error", "cache": "no-store"}
    options = to_js(fields, dict_converter=js.Object.fromEntries)
    options.signal = signal
    return options


async def read_body(response: Any, most: int) -> bytes | None:
    """The body of a Response; None as soon as it is longer than ``most`` bytes."""
    if not hasattr(response.body, "getReader"):
        return b""
    reader = response.body.getReader()
    body = bytearray()
    while True:
        chunk = await reader.read()
        if chunk.done:
            return bytes(body)
        body += chunk.value.to_bytes()
        if len(body) > most:
            return None
