"""The page's end of the line to the desk worker, of this tab or of the one it follows: requests with replies, and topics. See docs/messages.md."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from js import Object, kontor, performance
from pyodide.ffi import create_proxy, to_js

_ENDED = {
    "code": "ended",
    "reason": "the vault was locked, or another tab became the desk, before the answer came",
    "remedy": "look what stands there now: what was written is kept, an order among it is not sent again",
}


_OF_ACCOUNT = {
    *("order.submit", "order.preview", "order.cancel", "order.cancel_all", "order.cancel_many", "order.amend", "order.query"),
    *("position.close", "position.reverse", "cash.book"),
}
"""Requests that are for the account which the page showed when they were made."""


class Refused(Exception):
    """The desk answered no: ``code``, ``field`` (or None), ``reason`` and ``remedy`` are for the trader."""

    def __init__(self, error: dict) -> None:
        super().__init__(error.get("reason", "refused"))
        self.code = error.get("code", "")
        self.field = error.get("field")
        self.reason = error.get("reason", "")
        self.remedy = error.get("remedy", "")


class Link:
    """One per page. Topics are the ``t`` of the worker's messages."""

    def __init__(self) -> None:
        self._worker: Any = None
        self.account = ""
        """The name of the account that the page shows, "" before it is known."""
        self._topics: dict[str, list[Callable[[dict], None]]] = {}
        self._waiting: dict[int, asyncio.Future] = {}
        self.on("again", lambda _message: self._begin_again())
        self._last_id = 0
        self._proxy = create_proxy(self._receive)

    def start(self) -> None:
        """Begin to receive; what the worker said before this is delivered first."""
        self._worker = kontor.desk
        kontor.listen(self._proxy)

    def on(self, topic: str, handler: Callable[[dict], None]) -> Callable[[], None]:
        """Call ``handler(message)`` for each message of the topic; returns a function that stops it."""
        handlers = self._topics.setdefault(topic, [])
        handlers.append(handler)
        return lambda: handlers.remove(handler)

    def tell(self, do: str, **arguments: Any) -> None:
        """Send without waiting for the reply (used by ``painted``)."""
        self._worker.postMessage(json.dumps({"do": do, "id": 0, **arguments}))

    async def ask(self, do: str, **arguments: Any) -> dict:
        """Send a request; returns its result, with the page's time at which it came as ``received_ms``, or raises Refused."""
        number, future = self._expect()
        if do in _OF_ACCOUNT and self.account:
            arguments.setdefault("account", self.account)
        self._worker.postMessage(json.dumps({"do": do, "id": number, **arguments}))
        return await future

    async def ask_secret(self, do: str, secret: Any = None, current: Any = None, file: Any = None, **arguments: Any) -> dict:
        """Send a request with secret bytes (JS Uint8Arrays from kontor.secretBytes) or a file, whose buffers are given away.

        What the reply brings beside its text is in the result as ``secret`` (for kontor.showSecret) or ``file``, JS Uint8Arrays."""
        number, future = self._expect()
        message = to_js({"do": do, "id": number, "args": json.dumps(arguments)}, dict_converter=Object.fromEntries)
        buffers = []
        for name, given in (("secret", secret), ("current", current), ("file", file)):
            if given is not None:
                setattr(message, name, given)
                buffers.append(given.buffer)
        self._worker.postMessage(message, to_js(buffers))
        return await future

    def _begin_again(self) -> None:
        """Another worker is the desk now; the one that was asked is gone."""
        self._worker = kontor.desk
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(Refused(_ENDED))

    def _expect(self) -> tuple[int, asyncio.Future]:
        self._last_id += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = future
        return self._last_id, future

    def _receive(self, data: Any) -> None:
        message = json.loads(data if isinstance(data, str) else data.text)
        topic = message["t"]
        if topic == "reply":
            future = self._waiting.pop(message["id"], None)
            if future is not None and not future.done():
                if message["ok"]:
                    result = {**message["result"], "received_ms": performance.now()}
                    if not isinstance(data, str):
                        result |= {name: getattr(data, name) for name in ("secret", "file") if hasattr(data, name)}
                    future.set_result(result)
                else:
                    future.set_exception(Refused(message["error"]))
            return
        if not isinstance(data, str):
            message["file"] = data.file
        for handler in tuple(self._topics.get(topic, ())):
            handler(message)
