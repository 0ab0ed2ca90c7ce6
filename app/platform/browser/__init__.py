"""The platform in a browser: Web APIs driven from Pyodide, in a worker or on the page.

`browser_platform` gives a whole `Platform`. Only this package (and app/ui) may import js and pyodide. Key
material stays in CryptoKey handles and JS buffers; none of it is ever converted to Python.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.platform.browser.basics import BrowserClock, BrowserEntropy, BrowserLocks
from app.platform.browser.crypto import BrowserCrypto
from app.platform.browser.store import BrowserStore
from app.platform.browser.web import BrowserFetch, BrowserSockets
from app.platform.interfaces import File, Files, Http, HttpAnswer, HttpCall, Loaded, Platform, Secret
from app.platform.scheduler import LoopScheduler


class _LateHttp:
    """`Http` whose module is loaded with the first request: nothing of it costs the start of the desk."""

    hides_causes = True

    def __init__(self, site: str) -> None:
        self.routes = frozenset({"here", "worker", "service_worker"} if site else {"here"})
        self._site = site
        self._http: Http | None = None

    async def send(self, call: HttpCall, via: str = "here") -> HttpAnswer:
        """The whole answer, whatever its status. Raises HttpError."""
        return await self._real().send(call, via)

    async def reaches(self, url: str, timeout_s: float = 1.0) -> bool | None:
        """Whether the host of this address answers anything at all; None where that cannot be known."""
        return await self._real().reaches(url, timeout_s)

    def _real(self) -> Http:
        if self._http is None:
            from app.platform.browser.http import BrowserHttp

            self._http = BrowserHttp(self._site)
        return self._http


class _LateFiles:
    """`Files` whose module is loaded with the first file."""

    def __init__(self, site: str) -> None:
        self._site = site

    def size(self, file: File) -> int:
        """Its bytes."""
        return self._real().size(file)

    async def seal(self, secret: Secret, chunks: AsyncIterator[bytes]) -> File:
        """The file that holds what the chunks hold. Raises FileRefused."""
        return await self._real().seal(secret, chunks)

    def open(self, secret: Secret, file: File) -> AsyncIterator[bytes]:
        """What it holds, piece by piece. Raises FileLocked, FileRefused."""
        return self._real().open(secret, file)

    def read(self, file: File) -> bytes:
        """The bytes of a plain file."""
        return file.to_bytes()

    def make(self, data: bytes) -> File:
        """A plain file of these bytes."""
        return self._real().make(data)

    async def csv_of_parquet(self, data: bytes) -> bytes:
        """A Parquet file as CSV. Raises FileRefused."""
        return await self._real().csv_of_parquet(data)

    def _real(self) -> Files:
        from app.platform.browser.age import BrowserFiles

        return BrowserFiles(self._site)


class _LateMachine:
    """What runs small WebAssembly modules; its module is loaded with the first of them."""

    def load(self, code: bytes) -> Loaded:
        """Compile and instantiate."""
        from app.platform.browser.wasm import Loaded

        return Loaded(code)


def browser_platform(database: str = "kontor", site: str = "") -> Platform:
    """The platform of this thread; the store is named but not opened yet. ``site``: absolute address of the site's folder."""
    clock = BrowserClock()
    return Platform(
        clock=clock,
        entropy=BrowserEntropy(),
        scheduler=LoopScheduler(),
        store=BrowserStore(database, logged=True),
        crypto=BrowserCrypto(site),
        locks=BrowserLocks(),
        sockets=BrowserSockets(),
        fetch=BrowserFetch(),
        http=_LateHttp(site),
        files=_LateFiles(site),
        history=BrowserStore(f"{database}-history", marked=False),
        machine=_LateMachine(),
    )
