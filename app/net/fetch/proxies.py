"""The proxies that strategies go through: where each is, whether the trader marked it as their own, and whether it is there.

By default all of them are the server of this site; a strategy may be given another base address. Asks `api/config` at most
once a minute, and again after a failure. A site served by a plain file server has no proxy: that is a state, not an error.
"""

from __future__ import annotations

import asyncio
from typing import Any

from app.platform.errors import HttpError
from app.platform.interfaces import Clock, Http, HttpCall

from .inbound import BadContent, flag, maybe, parse, record, rows, text
from .messages import FetchFailed, url_trouble

THROUGH_PROXY = ("proxy", "allorigins", "allorigins_raw", "corsproxy", "corssh", "tunnel")
_ASK_AGAIN_NS = 60_000_000_000
_AFTER_FAILURE_NS = 10_000_000_000
_ASK_S = 4.0
_LARGEST = 1_000_000


def _entry(value: Any, place: str) -> dict[str, Any]:
    """An object of which the page is shown what it knows."""
    if not isinstance(value, dict):
        raise BadContent(f"{place} has to be an object", place)
    return value


CONFIG = record(
    {"version": maybe(text(40)), "open": maybe(flag), "rules": rows(_entry, 1_000), "providers": maybe(rows(_entry, 100))}
)
"""What `api/config` tells."""


class Proxies:
    """``site`` is the address of the site's folder, ending with a slash. ``state``: unknown, up, down (no answer) or none (no proxy)."""

    def __init__(self, http: Http, clock: Clock, site: str) -> None:
        self.site = site
        self.state = "unknown"
        self.detail = ""
        self.config: dict[str, Any] = {}
        self.own: set[str] = set()
        self.bases: dict[str, str] = {}
        self._http, self._clock = http, clock
        self._asked_ns: int | None = None
        self._asking: asyncio.Future[None] | None = None

    def base(self, strategy: str) -> str:
        """Where this strategy's proxy is."""
        return self.bases.get(strategy, self.site)

    def is_own(self, strategy: str) -> bool:
        """Whether the trader marked this strategy's proxy as their own."""
        return self.base(strategy) in self.own

    def mark(self, base: str, own: bool) -> None:
        """Mark a proxy as the trader's own, or take the mark back."""
        self.own = self.own | {base} if own else self.own - {base}

    def use(self, strategy: str, base: str | None) -> None:
        """Send a strategy through another proxy (None: this site's). Raises FetchFailed for an unusable address."""
        if base is None:
            self.bases.pop(strategy, None)
            return
        secure = base.startswith("https://") or base.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:"))
        trouble = url_trouble(base) or ("" if secure else "a proxy has to be reached by https, or on this computer")
        if trouble or "?" in base or "#" in base:
            raise FetchFailed("address", trouble or "a proxy's address has no query", "give an address such as https://proxy.example/", field="base")
        self.bases[strategy] = base if base.endswith("/") else base + "/"

    async def present(self) -> bool:
        """Whether this site's server is a Kontor proxy; asks it when that is not known."""
        now = self._clock.monotonic_ns()
        wait = _ASK_AGAIN_NS if self.state in ("up", "none") else _AFTER_FAILURE_NS
        if self._asked_ns is None or now - self._asked_ns > wait:
            if self._asking is None:
                self._asking = asyncio.ensure_future(self._ask())
                self._asking.add_done_callback(self._asked)
            await asyncio.shield(self._asking)
        return self.state == "up"

    def failed(self, detail: str, *, missing: bool = False) -> None:
        """A request through this site's proxy did not get as far as the proxy."""
        self.state, self.detail, self._asked_ns = ("none" if missing else "down"), detail, self._clock.monotonic_ns()

    def forget(self) -> None:
        """Ask again at the next chance."""
        self._asked_ns = None

    def _asked(self, asking: asyncio.Future[None]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # _ask tells its failures by the state

    async def _ask(self) -> None:
        try:
            answer = await self._http.send(HttpCall("GET", f"{self.site}api/config", {"x-kontor": "1"}, None, "same-origin", timeout_s=_ASK_S))
            stale = "x-kontor-stale" in answer.headers or answer.headers.get("x-kontor-error") == "offline" or answer.status == 504
            config = CONFIG(parse(answer.body, most_bytes=_LARGEST), "") if answer.status == 200 and not stale else None
        except HttpError as error:
            self.failed(f"the server of this desk does not answer: {error.reason}")
            return
        except BadContent:
            config = None  # such as the page that a file server sends for every address
        if config is not None:
            self.state, self.detail, self.config = "up", "", config
            self._asked_ns = self._clock.monotonic_ns()
        elif stale:
            self.failed("the server of this desk cannot be reached")
        else:
            self.failed("this desk is served as plain files: there is no proxy behind it", missing=True)
