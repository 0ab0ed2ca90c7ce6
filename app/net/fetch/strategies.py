"""The eleven ways to an answer by name, those straight to the target, and the gate for credentials.

Adding a way means one class (here or in `proxied`) and its place in `ALL`.
"""

from __future__ import annotations

from app.platform.errors import HttpError
from app.platform.interfaces import HttpAnswer

from .messages import READS, Request
from .proxied import AllOrigins, AllOriginsRaw, CorsProxy, CorsSh, Native, Tunnelled
from .ways import DROPPABLE, Means, Strategy, call_of, is_safe, trouble_of


class Direct(Strategy):
    """As it is."""


class Simple(Strategy):
    """Without what makes a browser ask first (the preflight), where leaving that out changes nothing."""

    id = "simple"

    def unfit(self, request: Request, means: Means) -> tuple[str, str] | None:
        """Also when the request is simple already, or a header is needed."""
        if request.method not in (*READS, "POST"):
            return "unknown", f"a {request.method} always needs a preflight"
        extra = [name for name, value in request.headers.items() if not is_safe(name, value)]
        if not extra:
            return "unknown", "the request is simple already"
        needed = [name for name in extra if name not in DROPPABLE]
        if needed:
            return "unknown", f"the header {needed[0]} is needed"
        if "content-type" in extra and request.body is not None and not request.repeatable:
            return "unknown", "the content type is needed"
        return super().unfit(request, means)

    async def send(self, request: Request, means: Means, timeout_s: float, credentialed: bool) -> HttpAnswer:
        """With the safe headers only; a body goes as plain text."""
        headers = {name: value for name, value in request.headers.items() if is_safe(name, value)}
        if request.body is not None and "content-type" not in headers:
            headers["content-type"] = "text/plain"
        call = call_of(request, request.url, headers, timeout_s, "error" if credentialed or not request.repeatable else "follow")
        try:
            return await means.http.send(call)
        except HttpError as error:
            raise trouble_of(error, means) from error


class ByServiceWorker(Strategy):
    """Through the service worker. Before it looks after the desk, the site's server would see the request."""

    id = "service_worker"
    via = "service_worker"

    def unfit(self, request: Request, means: Means) -> tuple[str, str] | None:
        """Also for requests that the site's server must not see by accident."""
        if request.method != "GET":
            return "unknown", "only reads go through the service worker"
        return super().unfit(request, means)


class ByWorker(Strategy):
    """From a worker of its own."""

    id = "worker"
    via = "worker"


class Stale(Strategy):
    """The last good copy, marked as old. Never before everything else failed."""

    id = "stale"

    def unfit(self, request: Request, means: Means) -> tuple[str, str] | None:
        """When there is none."""
        if not request.stale_ok:
            return "unknown", "an old copy is not wanted"
        return None if means.copies.find(request) else ("unknown", "no earlier answer was kept")


ALL: tuple[Strategy, ...] = (
    *(Direct(), Simple(), ByServiceWorker(), ByWorker(), Native(), AllOrigins(), AllOriginsRaw(), CorsProxy(), CorsSh(), Tunnelled(), Stale()),
)
STRATEGIES: dict[str, Strategy] = {strategy.id: strategy for strategy in ALL}
"""By id, in the order in which they are tried where nothing is known."""


def allowed(strategy: Strategy, means: Means, credentialed: bool) -> str:
    """Why a request with credentials may not go this way, or an empty text. The one gate for all strategies."""
    if not credentialed:
        return ""
    if strategy.id == "stale":
        return "answers to requests with credentials are never kept"
    if strategy.id == "service_worker" and means.proxies.site not in means.proxies.own:
        return "it carries credentials, and the server of this site is not marked as your own"
    if strategy.through_proxy and not means.proxies.is_own(strategy.id):
        return "it carries credentials, and the proxy is not marked as your own"
    return ""
