"""An exchange on a loopback port: sockets and GET requests on one."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from .exchange import Client, Exchange


class Served:
    """Start it, move the exchange, close it. ``every_s`` moves it by itself. GET /admin/step, /admin/state and the like steer it from outside."""

    def __init__(self, exchange: Exchange, port: int = 0, every_s: float = 0.0) -> None:
        self.exchange = exchange
        self.port = port
        self._every_s = every_s
        self._server: Server | None = None
        self._task: asyncio.Task | None = None

    @property
    def ws(self) -> str:
        """Address of the sockets, without a path."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http(self) -> str:
        """Address of REST, without a path."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Served:
        self._server = await serve(self._serve, "127.0.0.1", self.port, process_request=self._request, ping_interval=None, compression=None)
        self.port = self._server.sockets[0].getsockname()[1]
        if self._every_s:
            self._task = asyncio.create_task(self._move())
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._task is not None:
            self._task.cancel()
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    async def _move(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            self.exchange.step()

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        exchange = self.exchange
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if not exchange.refusing:
                return None
            exchange.refusing -= 1
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "refused\n")
        status, body = self._admin(request.path) if request.path.startswith("/admin/") else exchange.answer(request.path)
        data = body.encode()
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data)), "Access-Control-Allow-Origin": "*", "Connection": "close"})
        return Response(status, HTTPStatus(status).phrase, headers, data)

    def _admin(self, path: str) -> tuple[int, str]:
        exchange, word = self.exchange, path.removeprefix("/admin/")
        name, _, value = word.partition("/")
        if name == "step":
            exchange.step(int(value or 1))
        elif name == "fault":
            exchange.plan.append(value)
        elif name == "refuse":
            exchange.refusing = int(value)
        elif name in ("disconnect", "stall"):
            getattr(exchange, name)()
        books = {native: [mill.price(mill.best()[0]), mill.price(mill.best()[2])] for native, mill in exchange.mills.items()}
        return 200, json.dumps({"connects": exchange.connects, "clients": [list(client.topics) for client in exchange.clients], "best": books})

    async def _serve(self, connection: ServerConnection) -> None:
        client = self.exchange.connect(connection.request.path)
        news = asyncio.Event()
        client.wake = news.set
        client.drop = connection.transport.abort
        news.set()
        writer = asyncio.create_task(self._write(connection, client, news))
        try:
            async for text in connection:
                self.exchange.hear(client, text)
        except ConnectionClosed:
            pass
        finally:
            writer.cancel()
            self.exchange.leave(client)

    @staticmethod
    async def _write(connection: ServerConnection, client: Client, news: asyncio.Event) -> None:
        try:
            while True:
                await news.wait()
                news.clear()
                while client.out:
                    await connection.send(client.out.pop(0))
        except ConnectionClosed:
            client.out.clear()
