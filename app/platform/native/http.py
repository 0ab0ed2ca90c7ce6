"""HTTP on CPython with any method, in the shapes the browser has.

Sends no cookies, takes no proxy from the environment and keeps connections for the next request. Knows exactly what a browser
only guesses: whether the name, the connection or the certificate failed, and so whether anything was sent.
"""

from __future__ import annotations

import asyncio
import ssl

import httpx

from app.platform.errors import HttpError
from app.platform.interfaces import SECRET_MARK, HttpAnswer, HttpCall

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class NativeHttp:
    """One pool of connections, made when first used; `close` ends it. ``origin``: what a page of that origin would say of itself."""

    routes = frozenset({"here"})
    hides_causes = False

    def __init__(self, origin: str = "") -> None:
        self._client: httpx.AsyncClient | None = None
        self._origin = origin

    async def send(self, call: HttpCall, via: str = "here") -> HttpAnswer:
        """The whole answer, whatever its status. Raises HttpError."""
        if via not in self.routes:
            raise HttpError(f"There is no {via} outside a browser.", "unavailable", sent=False)
        if self._client is None:
            self._client = httpx.AsyncClient(trust_env=False, timeout=None, limits=httpx.Limits(max_connections=100))
        try:
            async with asyncio.timeout(call.timeout_s):
                return await _exchange(self._client, call, self._told(call))
        except TimeoutError as error:
            raise HttpError(f"{call.url} did not answer within {call.timeout_s:g} s.", "timeout") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise HttpError(f"{call.url[:200]} is not a usable address: {error}", "address", sent=False) from error
        except httpx.TooManyRedirects as error:
            raise HttpError(f"{call.url} redirects again and again.", "redirect") from error
        except httpx.HTTPError as error:
            raise HttpError(f"{call.url} could not be reached: {error}", _reason(error), sent=not isinstance(error, _UNSENT)) from error

    async def reaches(self, url: str, timeout_s: float = 1.0) -> None:
        """Not asked for here: `send` says exactly what failed."""

    def _told(self, call: HttpCall) -> dict[str, str]:
        """The Origin header, where a browser sends one."""
        near = call.url.startswith(f"{self._origin}/") and call.method in ("GET", "HEAD")
        return {"origin": self._origin} if self._origin and not near else {}

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


async def _exchange(client: httpx.AsyncClient, call: HttpCall, more: dict[str, str]) -> HttpAnswer:
    client.cookies.clear()
    request = client.build_request(call.method, call.url, headers={**_filled(call), **more}, content=call.body)
    response = await client.send(request, stream=True, follow_redirects=call.redirects == "follow")
    try:
        if response.is_redirect and call.redirects == "error":
            raise HttpError(f"{call.url} redirects elsewhere, which is not followed.", "redirect")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > call.max_bytes:
                raise HttpError(f"{call.url} sent more than {call.max_bytes} bytes.", "too_large")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpAnswer(response.status_code, headers, bytes(body), str(response.url))
    finally:
        await response.aclose()


def _filled(call: HttpCall) -> dict[str, str]:
    if call.secret is None:
        return dict(call.headers)
    try:
        return {name: call.secret.fill(call.url, value) if value == SECRET_MARK else value for name, value in call.headers.items()}
    except ValueError:
        raise HttpError(f"The key in the vault was not kept for {call.url[:200]}.", "address", sent=False) from None


def _reason(error: BaseException) -> str:
    """What failed, by the error at the bottom of the chain: httpx wraps the cause twice."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        if isinstance(cause, ConnectionRefusedError):
            return "refused"
        text = str(cause)
        if "CERTIFICATE" in text or "SSL" in text:
            return "tls"
        if "Name or service not known" in text or "name resolution" in text or "No address associated" in text:
            return "dns"
        if "All connection attempts failed" in text and cause.__cause__ is None and cause.__context__ is None:
            return "refused"
        cause = cause.__cause__ or cause.__context__
    return "network"
