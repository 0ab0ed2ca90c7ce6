"""Real sockets for the relay's and the tunnel's tests: the proxy under uvicorn and venues that ask for headers or secrets, all on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PAGE = "http://127.0.0.1:8000"
PATIENCE_S = 10.0


@asynccontextmanager
async def running(app: Any, **options: Any) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    """``app`` under uvicorn on a free port of loopback; gives the port and the server."""
    listener = socket.create_server(("127.0.0.1", 0))
    settings = {"ws": "websockets-sansio", "ws_per_message_deflate": False, "lifespan": "off", "log_level": "error", "timeout_graceful_shutdown": 5}
    server = uvicorn.Server(uvicorn.Config(app, **settings | options))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not server.started:
                await asyncio.sleep(0)
        yield listener.getsockname()[1], server
    finally:
        server.should_exit = True
        await task
        listener.close()


def page(port: int, path: str, origin: str | None = PAGE, **options: Any) -> connect:
    """A page's WebSocket to the proxy. No pings of its own, no compression."""
    return connect(f"ws://127.0.0.1:{port}{path}", origin=origin, **{"compression": None, "ping_interval": None, "proxy": None} | options)


async def closed(socket: ClientConnection | ServerConnection) -> tuple[int, str]:
    """The close code and reason, once the socket is closed."""
    async with asyncio.timeout(PATIENCE_S):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason


class Venue:
    """A venue that keeps what it hears. Messages in brackets are commands; with ``header`` it wants that header at the handshake.

    ``[close 4001 why]`` closes, ``[abort]`` cuts the connection, ``[echo]`` does nothing; all else comes back as it was received. With
    ``ctrader`` it speaks as cTrader does: nothing but 2100 with the right client before 2101, and it repeats the secret in an error.
    """

    def __init__(self, header: tuple[str, str] | None = None, ctrader: tuple[str, str] | None = None, subprotocols: list[str] | None = None) -> None:
        self.header, self.ctrader, self.subprotocols = header, ctrader, subprotocols
        self.heard: list[str | bytes] = []
        self.sockets: list[ServerConnection] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"ws://127.0.0.1:{self.port}/stream"

    @asynccontextmanager
    async def listening(self, **options: Any) -> AsyncIterator[Venue]:
        """Until the end of the block."""
        settings = {"compression": None, "ping_interval": None, "subprotocols": self.subprotocols, "process_request": self._admit}
        async with serve(self._speak, "127.0.0.1", 0, **settings | options) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def connected(self, count: int = 1) -> ServerConnection:
        """The latest socket, once there have been ``count``."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.sockets) < count:
                await asyncio.sleep(0.001)
        return self.sockets[-1]

    async def _admit(self, connection: ServerConnection, request: Any) -> Any:
        if self.header is not None and request.headers.get(self.header[0]) != self.header[1]:
            return connection.respond(401, "who are you?\n")
        return None

    async def _speak(self, connection: ServerConnection) -> None:
        self.sockets.append(connection)
        known = self.ctrader is None
        try:
            async for message in connection:
                self.heard.append(message)
                if not known:
                    known = await self._introduce(connection, json.loads(message))
                elif isinstance(message, str) and message.startswith("[close"):
                    _, *rest = message.strip("[]").split(" ", 2)
                    await connection.close(*([int(rest[0]), rest[1]] if rest else []))
                elif message == "[abort]":
                    connection.transport.abort()
                else:
                    await connection.send(message)
        except ConnectionClosed:
            return

    async def _introduce(self, connection: ServerConnection, message: dict[str, Any]) -> bool:
        client, secret = self.ctrader or ("", "")
        given = message.get("payload") or {}
        right = message.get("payloadType") == 2100 and given.get("clientId") == client and given.get("clientSecret") == secret
        answer: dict[str, Any] = {"payloadType": 2101} if right else {"payloadType": 2142, "payload": {"errorCode": "CH_CLIENT_AUTH_FAILURE", "given": given}}
        await connection.send(json.dumps(answer | ({"clientMsgId": message["clientMsgId"]} if "clientMsgId" in message else {})))
        return right
