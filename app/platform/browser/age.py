"""Encrypted files in the age format, made and opened by a worker of their own (worker/age.mjs) that ends with its file.

An encrypted file is a JS Uint8Array and never becomes a Python value; only what is in it crosses, piece by piece. Plain files may.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from app.platform.errors import FileLocked, FileRefused


class BrowserFiles:
    """``site``: absolute address of the site's folder."""

    def __init__(self, site: str) -> None:
        self._site = site

    def size(self, file: Any) -> int:
        """Its bytes."""
        return int(file.byteLength)

    def read(self, file: Any) -> bytes:
        """The bytes of a plain file."""
        return file.to_bytes()

    def make(self, data: bytes) -> Any:
        """A plain file of these bytes."""
        return to_js(data)

    async def csv_of_parquet(self, data: bytes) -> bytes:
        """A Parquet file as CSV. Raises FileRefused."""
        try:
            module = await getattr(js.kontor, "import")("app/platform/parquet.mjs")
            return (await module.csv(to_js(data))).to_bytes()
        except JsException as error:
            raise FileRefused(f"The Parquet file cannot be read: {error.message}.") from error

    async def seal(self, secret: Any, chunks: AsyncIterator[bytes]) -> Any:
        """The file that holds what the chunks hold, as a Uint8Array."""
        helper = _Helper(self._site)
        try:
            helper.post(secret=secret)
            async for chunk in chunks:
                helper.check()
                helper.post(chunk=to_js(chunk))
            helper.post(end=True)
            return (await helper.answer()).file
        finally:
            helper.close()

    async def open(self, secret: Any, file: Any) -> AsyncIterator[bytes]:
        """What it holds, piece by piece. Raises FileLocked, FileRefused. Uses the file up, too."""
        helper = _Helper(self._site)
        try:
            helper.post(secret=secret, file=file)
            while not hasattr(data := await helper.answer(), "end"):
                yield data.chunk.to_bytes()
        finally:
            helper.close()


class _Helper:
    """The worker. What it says is kept in order; failures come out of `answer`."""

    def __init__(self, site: str) -> None:
        options = to_js({"type": "module", "name": "kontor-age"}, dict_converter=js.Object.fromEntries)
        self._worker = js.Worker.new(f"{site}worker/age.mjs", options)
        self._said: asyncio.Queue[Any] = asyncio.Queue()
        self._failure: Exception | None = None
        self._proxies = [create_proxy(self._arrived), create_proxy(self._broken)]
        self._worker.onmessage, self._worker.onerror = self._proxies

    def post(self, **fields: Any) -> None:
        """Send fields; buffers are given away."""
        message, given = js.Object.new(), []
        for name, value in fields.items():
            setattr(message, name, value)
            if value is not True:
                given.append(value.buffer)
        self._worker.postMessage(message, to_js(given))

    async def answer(self) -> Any:
        """The next thing it says."""
        data = await self._said.get()
        self.check()
        return data

    def check(self) -> None:
        """Raises what went wrong so far."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End it, with everything it holds."""
        self._worker.terminate()
        self._worker.onmessage = self._worker.onerror = None
        for proxy in self._proxies:
            proxy.destroy()

    def _arrived(self, event: Any) -> None:
        data = event.data
        if hasattr(data, "error"):
            self._failure = (FileLocked if data.kind == "auth" else FileRefused)(str(data.error))
        self._said.put_nowait(data)

    def _broken(self, _event: Any) -> None:
        remedy = "Reload the page and try again; if it happens again, connect to the network once."
        self._failure = FileRefused("The part that reads and writes encrypted files could not be loaded.", remedy=remedy)
        self._said.put_nowait(None)
