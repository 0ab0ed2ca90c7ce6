"""How Alpaca's REST is reached: straight, or through this site's own proxy where a browser is not let through.

Found out with a request that only reads, and kept to until `forget`. A request is sent at most once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from urllib.parse import quote

from app.net.fetch.proxied import relayed
from app.net.fetch.ways import Trouble
from app.platform.errors import HttpError
from app.platform.interfaces import Http, HttpAnswer, HttpCall

from .places import Credentials

TIMEOUT_S = 10.0
_CLOSED = ("network", "policy")
"""What a browser says where it is not let through, whatever the cause."""


class Way:
    """``own_proxy()`` is the address of the trader's own proxy, "" where there is none."""

    def __init__(self, http: Http, own_proxy: Callable[[], Awaitable[str]]) -> None:
        self._http, self._own_proxy = http, own_proxy
        self._proxy: str | None = None

    def forget(self) -> None:
        """Find out anew with the next request that reads."""
        self._proxy = None

    async def send(self, method: str, url: str, body: bytes | None, credentials: Credentials) -> HttpAnswer:
        """The answer, of any status. Raises HttpError."""
        headers = dict(credentials.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        call = HttpCall(method, url, headers, body, timeout_s=TIMEOUT_S, secret=credentials.injector)
        if self._proxy is None and method == "GET":
            return await self._find(call)
        return await (self._proxied(call, self._proxy) if self._proxy else self._http.send(call))

    async def _find(self, call: HttpCall) -> HttpAnswer:
        try:
            answer = await self._http.send(call)
        except HttpError as error:
            if error.reason not in _CLOSED or not self._http.hides_causes:
                raise
            proxy = await self._own_proxy()
            if not proxy:
                text = f"{error} If the browser is not let through, mark this site's proxy as your own on the Network page: it may carry the key then."
                raise HttpError(text, error.reason, sent=error.sent) from error
            answer = await self._proxied(call, proxy)
            self._proxy = proxy
        else:
            self._proxy = ""
        return answer

    async def _proxied(self, call: HttpCall, proxy: str) -> HttpAnswer:
        said: list[str] = []
        proxies = SimpleNamespace(detail="", failed=lambda detail, **_more: said.append(detail))
        through = HttpCall(
            call.method,
            f"{proxy}api/fetch?url={quote(call.url, safe='')}",
            {**call.headers, "x-kontor": "1"},
            call.body,
            "same-origin",
            timeout_s=call.timeout_s + 5,
            secret=call.secret,
        )
        try:
            return relayed(await self._http.send(through), proxies, True)
        except Trouble as trouble:
            text = f"the proxy could not reach Alpaca: {trouble.detail or (said[0] if said else trouble.cause)}"
            raise HttpError(text, "network", sent=trouble.sent) from trouble
