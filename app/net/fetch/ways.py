"""What a strategy is: when it cannot serve a request, how it sends one, and what it has to work with.

`Strategy.unfit` says in words why it is left out, before anything is sent. `send` gives the target's answer, of any status, or raises
`Trouble`. A strategy sends a request at most once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from app.platform.errors import HttpError
from app.platform.interfaces import Clock, Http, HttpAnswer, HttpCall, Scheduler, Sockets

from ..trace import Secrets
from .cache import Copies
from .messages import Request
from .proxies import THROUGH_PROXY, Proxies
from .tunnel import Tunnel

SAFE_HEADERS = frozenset({"accept", "accept-language", "content-language"})
SIMPLE_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
DROPPABLE = frozenset({"cache-control", "pragma", "if-none-match", "if-modified-since", "x-requested-with", "content-type"})


class Trouble(Exception):
    """No answer by this strategy. ``sent``: the target may have received the request."""

    def __init__(self, cause: str, detail: str = "", *, sent: bool = True, hidden: bool = False, by_rule: bool = False) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause, self.detail, self.sent = cause, detail, sent
        self.by_rule = by_rule
        """The proxy's rules are against it, and so against every other form of asking the same proxy."""
        self.hidden = hidden
        """The platform does not say what it was: CORS, the name, the connection or the certificate."""


@dataclass(slots=True)
class Means:
    """What strategies work with."""

    http: Http
    sockets: Sockets
    clock: Clock
    scheduler: Scheduler
    proxies: Proxies
    copies: Copies
    secrets: Secrets
    tunnels: dict[str, Tunnel] = field(default_factory=dict)

    def tunnel(self, base: str) -> Tunnel:
        """The tunnel to a proxy."""
        url = f"ws{base[4:]}api/tunnel"
        if url not in self.tunnels:
            self.tunnels[url] = Tunnel(url, self.sockets, self.scheduler)
        return self.tunnels[url]


class Strategy:
    """Sends from this machine straight to the target."""

    id: ClassVar[str] = "direct"
    via: ClassVar[str] = "here"

    @property
    def through_proxy(self) -> bool:
        """Whether somebody else's machine sees the request."""
        return self.id in THROUGH_PROXY

    def unfit(self, request: Request, means: Means) -> tuple[str, str] | None:
        """(cause, why) when this cannot serve the request; nothing has been sent then."""
        if self.via not in means.http.routes:
            return "unknown", "this platform has no such route"
        return _mixed(request, means)

    async def ready(self, means: Means) -> Trouble | None:
        """What has to be known before: whether the proxy is there."""
        return None

    async def send(self, request: Request, means: Means, timeout_s: float, credentialed: bool) -> HttpAnswer:
        """The target's answer, of any status. Raises Trouble."""
        careful = credentialed or not request.repeatable
        call = call_of(request, request.url, request.headers, timeout_s, "error" if careful else "follow")
        try:
            return await means.http.send(call, self.via)
        except HttpError as error:
            raise trouble_of(error, means) from error


def call_of(request: Request, url: str, headers: object, timeout_s: float, redirects: str, at_site: bool = False) -> HttpCall:
    return HttpCall(
        request.method,
        url,
        dict(headers),  # type: ignore[call-overload]
        request.body,
        "same-origin" if at_site else "omit",
        redirects,  # type: ignore[arg-type]
        timeout_s,
        request.max_bytes,
    )


def trouble_of(error: HttpError, means: Means) -> Trouble:
    causes = {"network": "unknown", "redirect": "bad_content", "address": "bad_content", "unavailable": "unknown"}
    hidden = error.reason == "network" and getattr(means.http, "hides_causes", False)
    detail = {"redirect": "it redirects elsewhere", "address": "the address is not usable", "unavailable": str(error)}.get(error.reason, "")
    return Trouble(causes.get(error.reason, error.reason), detail, sent=error.sent, hidden=hidden)


def _mixed(request: Request, means: Means) -> tuple[str, str] | None:
    parts = urlsplit(request.url)
    host = parts.hostname or ""
    near = host == "localhost" or host.endswith(".localhost") or host == "::1" or host.startswith("127.")
    if parts.scheme == "http" and means.proxies.site.startswith("https:") and not near:
        return "mixed_content", ""
    return None


def is_safe(name: str, value: str) -> bool:
    if name == "content-type":
        return value.partition(";")[0].strip().lower() in SIMPLE_TYPES
    return name in SAFE_HEADERS and len(value) <= 128 and not any(char in value for char in '"():<>?@[\\]{}')
