"""Sign-in on behalf of pages that can keep no client secret: the endpoints, and the frame around each of their calls.

Endpoints of providers come from the provider table, the callback address from the configuration, scopes only from what the table allows.
Every call has a deadline, every answer tells its `steps`. Tokens pass through and are neither logged nor stored. The flows themselves
are in webflow.py, deviceflow.py and renewal.py.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from throttled import RateLimiterType, Throttled, per_min
from throttled.store import MemoryStore

from .access import identity
from .call import Call
from .config import Config
from .deviceflow import DeviceFlow
from .errors import Refused
from .granting import Granting
from .observe import Observer
from .providers import Provider
from .renewal import Renewal
from .sealing import Sealer
from .tokens import TRY_AGAIN, Speaker
from .webflow import WebFlow

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
Step = Callable[[Call], Awaitable[dict[str, Any]]]


class OAuth:
    """The endpoints. ``allowed`` refuses what no page of ours sent; ``session`` gives the guarded client session."""

    def __init__(
        self,
        config: Config,
        session: Callable[[], aiohttp.ClientSession],
        allowed: Callable[[Request], None],
        observer: Observer,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config, self._allowed, self._observer = config, allowed, observer
        self._providers = {provider.id: provider for provider in config.oauth}
        self._bucket = Throttled(using=RateLimiterType.GCRA.value, quota=per_min(config.limits.sign_in), store=MemoryStore())
        sealer, self._speaker = Sealer(config.sealing_keys, now), Speaker(config, session)
        granting = Granting(config, sealer, self._speaker)
        web, device = WebFlow(config, sealer, self._speaker, granting), DeviceFlow(config, sealer, self._speaker, granting)
        renewal = Renewal(sealer, self._speaker, granting)
        self._back = web.callback
        steps: dict[str, Step] = {"start": web.start, "token": web.token, "device": device.begin, "device/poll": device.poll}
        steps |= {"refresh": renewal.refresh, "revoke": renewal.revoke}
        self.routes = [Route(f"/api/oauth/{{provider}}/{name}", self._endpoint(name, step), methods=["POST"]) for name, step in steps.items()]
        self.routes.append(Route("/oauth/callback/{provider}", self._callback, methods=["GET"]))
        self.routes[-1].methods = {"GET"}  # a HEAD request must not use a callback up

    def _endpoint(self, name: str, step: Step) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            call: Call | None = None
            try:
                with self._observer.request(f"oauth {name}", method="POST", host="") as line:
                    self._allowed(request)
                    self._limit(request)
                    call = Call(request, self._provider(request), self._home(request))
                    line["rule"] = call.provider.id
                    content = await self._in_time(call, step)
                response = _answer(200, content, call, {"cache-control": "no-store"})
            except Refused as error:
                self._observer.refuse(error)
                response = _answer(error.status, error.body(), call, error.headers())
            return response

        return answer

    async def _in_time(self, call: Call, step: Step) -> dict[str, Any]:
        try:
            async with asyncio.timeout(call.provider.deadline_s):
                await call.read()
                return await step(call)
        except TimeoutError as error:
            raise Refused("timeout", f"{call.provider.name} did not answer within {call.provider.deadline_s:g} s.", TRY_AGAIN) from error

    async def _callback(self, request: Request) -> Response:
        try:
            call = Call(request, self._provider(request), self._home(request))
        except Refused as error:
            return self._observer.refuse(error)
        return await self._back(call)

    def _limit(self, request: Request) -> None:
        found = self._bucket.limit(identity(request))
        if found.limited:
            said = f"More than {self._config.limits.sign_in} calls of sign-in a minute."
            raise Refused("rate_limited", said, f"Wait {found.state.retry_after:.0f} s.", retry_after=found.state.retry_after)

    def _provider(self, request: Request) -> Provider:
        provider = self._providers.get(request.path_params["provider"])
        if provider is None:
            raise Refused("not_found", "There is no such sign-in provider.", "GET /api/config lists them.", status=404)
        if not provider.usable(self._config.secret):
            missing = provider.public(self._config.secret)["missing"][0]
            raise Refused("not_configured", f"{provider.name} has no client id here.", f"Set {missing} in the proxy's environment.", status=503)
        return provider

    def _home(self, request: Request) -> str:
        """The desk's origin: as configured, or loopback. Never what a Host header claims; without TLS nothing begins."""
        host = request.headers.get("host", "")
        home = self._config.url or (f"http://{host}" if _LOOPBACK.fullmatch(host) else "")
        parts = urlsplit(home)
        if parts.scheme != "https" and not _LOOPBACK.fullmatch(parts.netloc):
            remedy = "Serve the desk by https and set KONTOR_URL to its address."
            raise Refused("needs_tls", "Sign-in works over https or on this computer only.", remedy, status=403)
        return home


def _answer(status: int, content: dict[str, Any], call: Call | None, headers: dict[str, str]) -> Response:
    """JSON in plain ASCII (a provider's texts may be no text at all), with the steps and cookies of the call."""
    body = json.dumps({**content, "steps": call.steps if call else []})
    response = Response(body, status, headers, "application/json")
    return call.answer(response) if call else response
