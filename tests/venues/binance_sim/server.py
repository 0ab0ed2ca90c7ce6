"""The emulator put together: one port for REST, streams and the test's own admin endpoints."""

from __future__ import annotations

import asyncio
import socket
import time
from decimal import Decimal
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .faults import BadFault, Faults
from .hub import Hub
from .ledger import Exchange, text
from .player import Player
from .private import PrivateApi, ed25519_account, hmac_account, told
from .rest import RestApi
from .session import Session, load

_HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"cache-control", b"no-store"),
]


class SocketProtocol(WebSocketsSansIOProtocol):
    """Lends the application the transport, to break it, and counts pongs, which the exchange limits too."""

    def handle_connect(self, event) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["extensions"]["transport"] = self.transport

    def handle_pong(self, event) -> None:
        super().handle_pong(event)
        count = self.scope["extensions"].get("on_pong")
        if count is not None:
            count()


class _Open:
    """Lets pages of any origin read, cross-origin isolated ones too."""

    def __init__(self, app) -> None:
        self._app = app

    async def __call__(self, scope, receive, send) -> None:
        async def send_open(message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_open if scope["type"] == "http" else send)


class Emulator:
    """One exchange on a loopback port. Start it, drive ``player`` and ``faults``, close it.

    ``ping_s`` is how often the server pings; ``wait`` holds the session until somebody subscribes.
    """

    def __init__(
        self,
        recording: Path,
        *,
        port: int = 0,
        speed: float = 1.0,
        loop: bool = True,
        paused: bool = False,
        wait: bool = False,
        now: bool = False,
        log: bool = False,
        clones: tuple[str, ...] = (),
        mirrors: tuple[str, ...] = (),
        session: Session | None = None,
        ping_s: float = 20.0,
        pong_s: float = 60.0,
        message_limit: int = 5,
        connect_limit: int = 300,
        weight_limit: int = 6000,
    ) -> None:
        session = session or load(recording, clones, mirrors)
        self.faults = Faults()
        self.hub = Hub(self.faults, set(session.listings), message_limit=message_limit, connect_limit=connect_limit)
        self.hub.log_on = log
        now_ms = time.time_ns() // 1_000_000 if now else None
        self.player = Player(session, self.hub, speed=speed, loop=loop, now_ms=now_ms)
        self.player.paused = paused
        self.rest = RestApi(self.player, self.faults, weight_limit=weight_limit)
        self.exchange = Exchange(self.player.markets)
        self.private = PrivateApi(self.exchange, self.rest, self.faults, weight_limit)
        self.player.on_trade = lambda symbol, trade: self.exchange.trade(symbol, Decimal(trade["p"]), Decimal(trade["q"]))
        self.port = port
        self._wait = wait
        self._ping = (ping_s, pong_s)
        self._server: uvicorn.Server | None = None
        self._tasks: list[asyncio.Task] = []

    @property
    def ws(self) -> str:
        """Address of the streams, without a path."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """Address of the WebSocket API."""
        return f"ws://127.0.0.1:{self.port}/ws-api/v3"

    @property
    def http(self) -> str:
        """Address of REST, without a path."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> Emulator:
        """Listen and begin to play."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app(),
            ws=SocketProtocol,
            ws_ping_interval=self._ping[0],
            ws_ping_timeout=self._ping[1],
            ws_per_message_deflate=False,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        # The server must not take over the signals of the process it is a guest in.
        serving = asyncio.create_task(self._server._serve([listener]))
        self._tasks = [serving, asyncio.create_task(self._play())]
        while not self._server.started:
            await asyncio.sleep(0)
            if serving.done():
                serving.result()
        return self

    async def close(self) -> None:
        """Drop every connection and stop listening."""
        self._tasks[1].cancel()
        self.hub.disconnect()
        self.private.disconnect()
        self._server.should_exit = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._server.server_state.connections):  # kept alive, or in the middle of a handshake
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)

    async def wait_closed(self) -> None:
        """Until the server ends."""
        await self._tasks[0]

    def app(self) -> _Open:
        """The ASGI application."""
        routes = [
            Mount("/api/v3", routes=[*self.rest.routes(), *self.private.routes()]),
            Route("/admin/account", self._account, methods=["POST"]),
            Route("/admin/trade", self._trade, methods=["POST"]),
            Route("/admin/orders", self._orders),
            WebSocketRoute("/ws-api/v3", self.private.serve),
            Route("/admin/fault", self._fault, methods=["POST"]),
            Route("/admin/control", self._steer, methods=["POST"]),
            Route("/admin/state", self._state),
            Route("/admin/log", self._log),
            WebSocketRoute("/ws", self.hub.serve),
            WebSocketRoute("/ws/{streams:path}", self.hub.serve),
            WebSocketRoute("/stream", self.hub.serve),
        ]
        return _Open(Starlette(routes=routes))

    async def _play(self) -> None:
        if self._wait:
            await self.hub.on_subscribed.wait()
        await self.player.run()

    def inject(self, kind: str, **options: object) -> None:
        """A fault now (disconnect, stall, resume, shutdown, refuse, clear) or planned (see faults)."""
        if kind == "disconnect":
            self.hub.disconnect()
        elif kind == "api_disconnect":
            self.private.disconnect()
        elif kind in ("stall", "resume"):
            self.hub.stall(kind == "stall")
        elif kind == "shutdown":
            self.hub.shutdown(self.player.now_ms, bool(options.get("close", True)))
        elif kind == "refuse":
            self.hub.refusing += [int(options.get("status", 503))] * int(options.get("count", 1))
        elif kind == "clear":
            self.faults.clear()
            self.hub.refusing.clear()
        else:
            self.faults.add(kind, **options)

    async def _fault(self, request: Request) -> Response:
        try:
            self.inject(**await request.json())
        except (BadFault, TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"planned": len(self.faults.plan), "done": self.faults.done})

    async def _steer(self, request: Request) -> Response:
        body = await request.json()
        self.player.change(speed=body.get("speed"), paused=body.get("paused"))
        stepped = self.player.step(int(body["step"])) if "step" in body else 0
        if "log" in body:
            self.hub.log_on = bool(body["log"])
        return JSONResponse({"stepped": stepped, **self.summary()})

    async def _state(self, request: Request) -> Response:
        return JSONResponse(self.summary())

    async def _account(self, request: Request) -> Response:
        """Open an account: ``api_key``, ``uid``, ``balances`` and ``secret`` (HMAC) or ``public`` (PEM of an Ed25519 key)."""
        body = await request.json()
        about = body["api_key"], body.get("secret") or body["public"].encode(), int(body.get("uid", 1)), body["balances"]
        account = hmac_account(*about) if body.get("secret") else ed25519_account(*about)
        self.exchange.accounts[account.api_key] = account
        return JSONResponse({"uid": account.uid})

    async def _trade(self, request: Request) -> Response:
        """A public trade that nobody sees but the orders of the accounts: ``symbol``, ``price``, ``qty``."""
        body = await request.json()
        self.exchange.trade(body["symbol"], Decimal(body["price"]), Decimal(body["qty"]))
        return JSONResponse({})

    async def _orders(self, request: Request) -> Response:
        """Every order of every account as the exchange has it, with its total balances by API key."""
        rows = [told(order) | {"replacedBy": order.replaced_by} for account in self.exchange.accounts.values() for order in account.orders]
        balances = {key: {asset: text(account.balance(asset)) for asset in {*account.free, *account.locked}} for key, account in self.exchange.accounts.items()}
        placed = {"placed": self.exchange.placed, "arrived_ns": self.exchange.arrived_ns}
        return JSONResponse({"orders": rows, "balances": balances, **placed, "connects": self.private.connects})

    async def _log(self, request: Request) -> Response:
        """When each update was first sent: rows of [stream, id, epoch ns, monotonic ns] from number ``after`` on."""
        after = int(request.query_params.get("after", "0"))
        hub = self.hub
        first = hub.logged - len(hub.log)
        rows = list(hub.log)[max(after - first, 0) :]
        return JSONResponse({"next": hub.logged, "lost": max(first - after, 0), "rows": rows})

    def summary(self) -> dict:
        """Where the session stands, and what was done to whom."""
        player, hub = self.player, self.hub
        return {
            "position": player.position,
            "records": len(player.session.records),
            "passes": player.passes,
            "speed": player.speed,
            "paused": player.paused,
            "published": player.published,
            "time_ms": player.now_ms,
            "books": {symbol: market.book.update_id for symbol, market in player.markets.items()},
            "clients": [{"streams": list(client.streams), "queue": len(client.queue)} for client in hub.clients],
            "connects": hub.connects,
            "limit_drops": hub.limit_drops,
            "requests": len(self.rest.requests),
            "faults": self.faults.done,
        }
