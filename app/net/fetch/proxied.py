"""The ways through a proxy: Kontor's own form, the three compatible ones, and the tunnel.

Tells the target's answer from the proxy's own words, and both from those of a plain file server. What a proxy must never see is not
decided here but in `strategies.allowed`, for all of them at once.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

from app.platform.errors import HttpError
from app.platform.interfaces import HttpAnswer

from .messages import Request, cause_of
from .tunnel import TunnelRefused
from .ways import DROPPABLE, SAFE_HEADERS, Means, Strategy, Trouble, call_of

_NOT_SENT = frozenset(
    "bad_request bad_url not_found method_not_allowed not_allowed bad_origin needs_header bad_key private_address body_too_large "
    "rate_limited busy dns tls refused connect_timeout offline not_configured".split()
)
_BY_RULE = ("not_allowed", "private_address", "bad_url")
_CAUSES = {
    **{"dns": "dns", "tls": "tls", "refused": "refused", "connect_timeout": "timeout", "timeout": "timeout"},
    **{"too_large": "too_large", "bad_answer": "bad_content", "reset": "unknown", "bad_redirect": "bad_content"},
    **{"offline": "proxy_down", "not_configured": "proxy_down", "busy": "quota", "rate_limited": "quota"},
}


class Native(Strategy):
    """The proxy's own form: the address in the query, everything else as it is."""

    id = "proxy"

    def unfit(self, request: Request, means: Means) -> tuple[str, str] | None:
        """Nothing is said against it before the proxy has been asked."""
        return None

    async def ready(self, means: Means) -> Trouble | None:
        """The site's proxy has to be there; another one is found out about by using it."""
        if means.proxies.base(self.id) != means.proxies.site or await means.proxies.present():
            return None
        return Trouble("proxy_down", means.proxies.detail, sent=False)

    def target(self, base: str, url: str) -> str:
        """Where the request goes."""
        return f"{base}api/fetch?url={quote(url, safe='')}"

    def headers(self, request: Request, base: str, means: Means) -> dict[str, str]:
        """The request's own, and the mark of the desk for the site's proxy."""
        own = {} if self.id != "proxy" and base != means.proxies.site else {"x-kontor": "1"}
        return {**request.headers, **own}

    async def send(self, request: Request, means: Means, timeout_s: float, credentialed: bool) -> HttpAnswer:
        """The target's answer, as the proxy hands it on."""
        base = means.proxies.base(self.id)
        at_site = base == means.proxies.site
        call = call_of(request, self.target(base, request.url), self.headers(request, base, means), timeout_s, "error", at_site)
        try:
            answer = await means.http.send(call)
        except HttpError as error:
            if at_site and error.reason in ("network", "refused", "offline"):
                means.proxies.failed("the server of this desk does not answer")
            raise _proxy_trouble(error) from error
        return self.unwrap(relayed(answer, means.proxies, at_site), request)

    def unwrap(self, answer: HttpAnswer, request: Request) -> HttpAnswer:
        """The target's answer inside the proxy's."""
        return answer


class AllOrigins(Native):
    """AllOrigins' form: a read, its answer inside JSON."""

    id = "allorigins"

    def unfit(self, request: Request, means: Means) -> tuple[str, str] | None:
        """It knows neither other methods nor headers."""
        if request.method != "GET":
            return "unknown", "this form only reads"
        needed = [name for name in request.headers if name not in DROPPABLE and name not in SAFE_HEADERS]
        return ("unknown", f"this form cannot send the header {needed[0]}") if needed else None

    def headers(self, request: Request, base: str, means: Means) -> dict[str, str]:
        """None of the request's: this form does not hand them on."""
        return {"x-kontor": "1"} if base == means.proxies.site else {}

    def target(self, base: str, url: str) -> str:
        """Where the request goes."""
        return f"{base}get?url={quote(url, safe='')}"

    def unwrap(self, answer: HttpAnswer, request: Request) -> HttpAnswer:
        """The content and status inside the JSON."""
        try:
            message = json.loads(answer.body)
            status, contents = message["status"], message["contents"]
            code = int(status["http_code"])
            headers = {"content-type": str(status.get("content_type") or "text/plain")}
            if not isinstance(contents, str) or not 100 <= code <= 599:
                raise ValueError("no contents")
            body = _plain(contents, status.get("content_length"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Trouble("bad_content", "the proxy did not answer in AllOrigins' form") from error
        return HttpAnswer(code, headers, body, str(status.get("url") or request.url))


class AllOriginsRaw(AllOrigins):
    """AllOrigins' raw form."""

    id = "allorigins_raw"

    def target(self, base: str, url: str) -> str:
        """Where the request goes."""
        return f"{base}raw?url={quote(url, safe='')}"

    def unwrap(self, answer: HttpAnswer, request: Request) -> HttpAnswer:
        """The answer itself."""
        return answer


class CorsProxy(Native):
    """CORSProxy's form: the address as the query of the root."""

    id = "corsproxy"

    def target(self, base: str, url: str) -> str:
        """Where the request goes."""
        return f"{base}?url={quote(url, safe='')}"


class CorsSh(Native):
    """CORS.SH's form: the address as the path."""

    id = "corssh"

    def target(self, base: str, url: str) -> str:
        """Where the request goes."""
        return f"{base}{url.partition('#')[0]}"


class Tunnelled(Native):
    """Over the warm socket to the proxy."""

    id = "tunnel"

    async def send(self, request: Request, means: Means, timeout_s: float, credentialed: bool) -> HttpAnswer:
        """The target's answer, as the proxy hands it on."""
        base = means.proxies.base(self.id)
        call = call_of(request, request.url.partition("#")[0], request.headers, timeout_s, "error")
        try:
            return await means.tunnel(base).send(call)
        except TunnelRefused as error:
            unsent = not error.sent or error.code in _NOT_SENT
            cause = _CAUSES.get(error.code, "proxy_refused")
            raise Trouble(cause, error.detail, sent=not unsent, by_rule=error.code in _BY_RULE) from error
        except HttpError as error:
            raise _proxy_trouble(error) from error


def relayed(answer: HttpAnswer, proxies: Any, at_site: bool) -> HttpAnswer:
    """The answer if the target gave it. Raises Trouble when the proxy itself spoke, or no proxy at all."""
    headers = answer.headers
    if "x-kontor-stale" in headers:
        proxies.failed("the server of this desk cannot be reached")
        raise Trouble("proxy_down", proxies.detail, sent=False)
    if code := headers.get("x-kontor-error"):
        said = _said(answer.body)
        unsent = code in _NOT_SENT or said.get("sent") is False
        detail = str(said.get("detail") or code)
        raise Trouble(_CAUSES.get(code, "proxy_refused"), detail, sent=not (unsent and at_site), by_rule=code in _BY_RULE)
    if "x-kontor-url" in headers:
        return answer
    if at_site:
        proxies.failed("this desk is served as plain files: there is no proxy behind it", missing=True)
        raise Trouble("proxy_down", proxies.detail, sent=False)
    if cause_of(answer.status) is not None:  # a foreign proxy does not say whether it or the target spoke
        raise Trouble("proxy_refused", f"it answered {answer.status}")
    return answer


def _plain(contents: str, length: object) -> bytes:
    """The bytes of AllOrigins' contents: text, or base64 in a data address where the body was no text."""
    body = contents.encode("utf-8", "surrogatepass")
    head, mark, _ = contents[:200].partition(";base64,")
    if head.startswith("data:") and mark and len(body) != length:
        return base64.b64decode(contents[len(head) + len(mark) :], validate=True)
    return body


def _said(body: bytes) -> dict:
    try:
        message = json.loads(body[:65_536])
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _proxy_trouble(error: HttpError) -> Trouble:
    if error.reason in ("timeout", "too_large", "offline"):
        return Trouble(error.reason, "", sent=error.sent)
    if error.reason == "redirect":
        return Trouble("proxy_refused", "it redirects elsewhere", sent=error.sent)
    return Trouble("proxy_down", "it does not answer" if error.reason != "policy" else "the desk may not reach it", sent=error.sent)
