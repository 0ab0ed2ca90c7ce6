"""The application: its parts, its routes and its life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import VERSION
from .access import Access, identity
from .config import METHODS, Config
from .errors import Refused
from .forward import FORMS, Forward, path_form, query_form
from .guard import guarded_connector
from .limiting import Limiter
from .oauth import OAuth
from .observe import Observer
from .openapi import document
from .policy import headers
from .relay import Relays
from .site import Site
from .tunnel import Tunnel
from .upstream import Upstream

_NO_STORE = {"cache-control": "no-store"}


async def nothing(_: Request) -> Response:
    """In place of the site where none is served."""
    raise HTTPException(404)


def create_app(config: Config, observer: Observer | None = None) -> Starlette:
    """The ASGI application."""
    observer = observer or Observer()
    access = Access(config)
    upstream = Upstream(config, Limiter(config), observer)
    relays = Relays(config, lambda: guarded_connector(config), access.socket, identity, observer)
    tunnel = Tunnel(config, upstream, access.socket, identity, observer)
    oauth = OAuth(config, lambda: upstream.writing, access.act, observer)
    site = Route("/{path:path}", Site(config.folder, config.direct).__call__ if config.folder else nothing, methods=["GET", "HEAD"])

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    async def described(_: Request) -> Response:
        return JSONResponse(document(VERSION), headers=_NO_STORE)

    async def about(_: Request) -> Response:
        """What a page may know of the configuration; never a secret."""
        body = {
            "version": VERSION,
            "open": config.open,
            "rules": [{"name": rule.name, "hosts": rule.hosts, "methods": rule.methods} for rule in config.all_rules],
            "relays": [relay.name for relay in config.relays],
            "providers": [provider.public(config.secret) for provider in config.oauth],
            "limits": config.limits.model_dump(),
        }
        return JSONResponse(body, headers=_NO_STORE)

    async def missing(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        if request.url.path.startswith(("/api/", "/oauth/")):
            code = "not_found" if status == 404 else "method_not_allowed"
            return observer.refuse(Refused(code, f"There is no {request.method} {request.url.path}.", "GET /openapi.json lists what there is."))
        return PlainTextResponse("Not found", status_code=status, headers=headers(request.url.path))

    def cors(app: ASGIApp) -> ASGIApp:
        """``app`` for the listed pages of other origins too, without cookies. The site's own files are for nobody else."""
        more = {name for rule in config.all_rules for name in rule.request_headers}
        asked = sorted({"x-kontor", "x-requested-with", "x-cors-api-key", "authorization", "range", *more})
        return CORSMiddleware(app, allow_origins=config.origins, allow_methods=METHODS, allow_headers=asked, expose_headers=["*"], max_age=600)

    forms = {form: cors(Forward(form, config, access, upstream, observer)) for form in FORMS}

    class Rest:
        """Paths and queries that are addresses are forwarded; all else is a file of the site."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            form = "cors.sh" if path_form(scope) else "corsproxy" if query_form(scope) else None
            await (forms[form](scope, receive, send) if form else site.handle(scope, receive, send))

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await upstream.start()
        try:
            yield
        finally:
            await relays.close()
            await upstream.close()

    return Starlette(
        routes=[
            Route("/api/fetch", forms["native"]),
            Route("/get", forms["allorigins"]),
            Route("/raw", forms["allorigins-raw"]),
            Route("/health", health),
            Route("/metrics", observer.metrics),
            Route("/openapi.json", described),
            Route("/api/config", cors(request_response(about)), methods=["GET", "OPTIONS"]),
            *tunnel.routes,
            *relays.routes,
            *oauth.routes,
            Route("/{path:path}", Rest()),
        ],
        exception_handlers={404: missing, 405: missing},
        lifespan=life,
    )


class BoundedHead(HttpToolsProtocol):
    """uvicorn's quick protocol, which by itself would keep a head of any size."""

    most = 2**15
    _received, _in_head = 0, True

    def data_received(self, data: bytes) -> None:
        """Take ``data`` in, unless it makes the head too large."""
        self._received += len(data)
        if self._received > self.most + 2**18 and self._in_head:  # one read may bring the head and up to 256 KiB of body
            return self.send_400_response("The head of the request is too large.")
        return super().data_received(data)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is here."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next head is counted anew."""
        self._received = 0
        super().on_message_complete()


def server_config(config: Config, app: Starlette) -> uvicorn.Config:
    """How it is served: the quick loop and parser where they are installed, sockets without compression, an end that waits a little."""
    largest = max([config.limits.request_bytes * 2, *(relay.max_message for relay in config.relays)])
    return uvicorn.Config(
        app,
        host=config.host,
        port=config.port,
        ws="websockets-sansio",
        ws_max_size=largest,
        ws_per_message_deflate=False,
        http=type("Protocol", (BoundedHead,), {"most": config.limits.header_bytes}),
        proxy_headers=bool(config.trusted_proxies),
        forwarded_allow_ips=list(config.trusted_proxies),
        timeout_graceful_shutdown=5,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
