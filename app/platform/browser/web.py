"""WebSockets and HTTP of a browser thread. Frames are gathered in JavaScript (app/platform/sockets.mjs) and cross into Python together."""

from __future__ import annotations

import asyncio
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from app.platform.browser.columns import BrowserFrames, BrowserReader, ReadFrames
from app.platform.columns import Layouts
from app.platform.errors import FetchError, SocketError
from app.platform.interfaces import Answer, OnClose, OnOpen, OnText

_OPEN = 1


class BrowserSocket:
    """One connection; made by `BrowserSockets.connect`."""

    def __init__(self, url: str, on_open: OnOpen, on_text: OnText, on_close: OnClose, reader: BrowserReader | None) -> None:
        self._on_open, self._on_text, self._on_close, self._reader = on_open, on_text, on_close, reader
        deliver = self._deliver if reader is None else self._deliver_read
        self._proxies = [create_proxy(method) for method in (self._opened, deliver, self._closed)]
        try:
            if reader is None:
                self._socket = js.kontor.sockets.connect(url, *self._proxies)
            else:
                self._socket = js.kontor.sockets.connectMarket(url, reader.told, *self._proxies)
        except JsException as error:
            self._destroy()
            raise SocketError(f"The address {url} is not acceptable: {error}") from error

    def send(self, text: str, secret: Any = None) -> None:
        """Queue a text frame, with an injector's secret in it. Raises SocketError when the connection is not open."""
        if self._socket.readyState != _OPEN:
            raise SocketError("The socket is not open.")
        if secret is None:
            self._socket.send(text)
        elif self._reader is not None:
            raise SocketError("Secrets do not go to the sockets of markets.")
        else:
            asyncio.get_running_loop().create_task(self._send_secret(text, secret))

    async def _send_secret(self, text: str, secret: Any) -> None:
        try:
            await secret.send(self._socket, text)
        except JsException:
            self.close(4000, "the secret does not go to this address")

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; `on_close` still comes, once. Browsers allow code 1000 and 3000 to 4999."""
        self._socket.close(code, reason)

    def _opened(self) -> None:
        self._on_open()

    def _deliver(self, frames: Any, first_ms: float) -> None:
        self._on_text(BrowserFrames(frames), int(first_ms * 1e6))

    def _deliver_read(self, count: int, words: Any, left: Any, first_ms: float) -> None:
        self._on_text(ReadFrames(count, words, left), int(first_ms * 1e6))

    def _closed(self, code: int, reason: str) -> None:
        asyncio.get_event_loop().call_soon(self._destroy)  # not while one of them is running
        self._on_close(code, reason)

    def _destroy(self) -> None:
        for proxy in self._proxies:
            proxy.destroy()
        self._proxies = []


class BrowserSockets:
    """Opens WebSockets; the page's policy decides where they may lead."""

    def connect(self, url: str, *, on_open: OnOpen, on_text: OnText, on_close: OnClose, reader: BrowserReader | None = None) -> BrowserSocket:
        """Start connecting, for a ``reader`` in the market worker. Raises SocketError for an address no socket may be opened to."""
        return BrowserSocket(url, on_open, on_text, on_close, reader)

    def columns(self, told: Layouts) -> BrowserReader:
        """A reader of frames that takes them before they are Python's."""
        return BrowserReader(told)

    def give_way(self, on: bool) -> None:
        """Let orders go before what comes of markets."""
        js.kontor.sockets.giveWay(on)


class BrowserFetch:
    """HTTP GET with fetch, without credentials or referrer."""

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
