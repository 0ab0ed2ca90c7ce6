"""The socket side: connections, their subscriptions, control messages, limits, and sending at the right moment."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from .derived import dumps
from .faults import Faults
from .streams import BadRequest, check_stream, read_request

MAX_STREAMS = 1024
MAX_QUEUE = 50_000
MAX_LOG = 1_000_000


class Client:
    """One connection. ``combined`` frames carry their stream's name."""

    def __init__(self, socket: WebSocket, combined: bool) -> None:
        self.socket = socket
        self.combined = combined
        self.streams: dict[str, None] = {}
        self.queue: deque[tuple[str, str | None, int | None]] = deque()
        self.ready = asyncio.Event()
        self.stalled = False
        self.received: deque[float] = deque()
        self.transport: asyncio.Transport = socket.scope["extensions"]["transport"]

    def put(self, stream: str, text: str | None, cut: int | None = None) -> None:
        """Queue a frame; ``text`` None closes the connection after what is queued."""
        self.queue.append((stream, text, cut))
        self.ready.set()


class Hub:
    """All connections of one emulator. ``log`` holds (stream, id, epoch ns, monotonic ns) of each first sending."""

    def __init__(self, faults: Faults, symbols: set[str], *, message_limit: int, connect_limit: int) -> None:
        self.clients: set[Client] = set()
        self.listeners: dict[str, set[Client]] = {}
        self.log: deque[tuple[str, int, int, int]] = deque(maxlen=MAX_LOG)
        self.logged = 0
        self.log_on = False
        self.connects = 0
        self.limit_drops = 0
        self.refusing: list[int] = []
        self.on_subscribed = asyncio.Event()
        self._faults = faults
        self._symbols = symbols
        self._message_limit = message_limit
        self._connect_limit = connect_limit
        self._connect_times: deque[float] = deque()
        self._logged_ids: dict[str, int] = {}

    async def serve(self, socket: WebSocket) -> None:
        """One connection from handshake to close."""
        if self.refusing:
            await socket.send_denial_response(PlainTextResponse("refused", self.refusing.pop(0)))
            return
        if not self._may_connect():
            await socket.send_denial_response(PlainTextResponse("too many connections", 429))
            return
        combined = socket.url.path.startswith("/stream")
        wanted = socket.query_params.get("streams", "") if combined else socket.path_params.get("streams", "")
        names = [name for name in wanted.split("/") if name]
        if len(names) > MAX_STREAMS:
            await socket.send_denial_response(PlainTextResponse("too many streams", 400))
            return
        await socket.accept()
        self.connects += 1
        client = Client(socket, combined)
        client.socket.scope["extensions"]["on_pong"] = lambda: self._count(client)
        self.clients.add(client)
        self.subscribe(client, names)
        writer = asyncio.create_task(self._write(client))
        try:
            while True:
                text = await socket.receive_text()
                if not self._count(client):
                    break
                self._control(client, text)
        except (WebSocketDisconnect, KeyError):
            # KeyError: a binary frame, which the exchange does not take either.
            pass
        finally:
            writer.cancel()
            self._forget(client)

    def publish(self, stream: str, text: str) -> None:
        """Send one payload to whoever listens to ``stream``, through the planned faults."""
        listeners = self.listeners.get(stream)
        if not listeners:
            return
        for name, payload, cut in self._faults.frames(stream, text):
            for client in list(listeners):
                if len(client.queue) > MAX_QUEUE:
                    client.transport.abort()
                else:
                    client.put(name, payload, cut)

    def subscribe(self, client: Client, names: list[str]) -> None:
        """Add streams to a connection."""
        for name in names:
            client.streams[name] = None
            self.listeners.setdefault(name, set()).add(client)
        if names:
            self.on_subscribed.set()

    def unsubscribe(self, client: Client, names: list[str]) -> None:
        """Take streams from a connection."""
        for name in names:
            client.streams.pop(name, None)
            if listeners := self.listeners.get(name):
                listeners.discard(client)
                if not listeners:
                    del self.listeners[name]

    def disconnect(self) -> None:
        """Drop every connection without a word."""
        for client in list(self.clients):
            client.transport.abort()

    def stall(self, stalled: bool = True) -> None:
        """Connections open now go silent, or speak again; new ones are not touched."""
        for client in self.clients:
            client.stalled = stalled
            client.ready.set()

    def shutdown(self, now_ms: int, close: bool = True) -> None:
        """Announce the end of this server to everybody, then close."""
        for client in self.clients:
            client.put("!serverShutdown", dumps({"e": "serverShutdown", "E": now_ms}))
            if close:
                client.put("", None)

    def backlog(self) -> int:
        """Frames queued on the slowest connection that is not stalled on purpose."""
        return max((len(client.queue) for client in self.clients if not client.stalled), default=0)

    def _may_connect(self) -> bool:
        now = time.monotonic()
        while self._connect_times and self._connect_times[0] < now - 300:
            self._connect_times.popleft()
        self._connect_times.append(now)
        return len(self._connect_times) <= self._connect_limit

    def _forget(self, client: Client) -> None:
        self.clients.discard(client)
        self.unsubscribe(client, list(client.streams))

    def _count(self, client: Client) -> bool:
        now = time.monotonic()
        client.received.append(now)
        while client.received[0] <= now - 1:
            client.received.popleft()
        if len(client.received) > self._message_limit:
            self.limit_drops += 1
            client.transport.abort()
            return False
        return True

    def _control(self, client: Client, text: str) -> None:
        try:
            request = read_request(text)
            answer: dict[str, Any] = {"result": self._obey(client, request), "id": request["id"]}
        except BadRequest as error:
            answer = error.answer
        client.put("", dumps(answer))

    def _obey(self, client: Client, request: dict) -> object:
        method, params = request["method"], request["params"]
        if method == "SUBSCRIBE":
            for name in params:
                check_stream(name, self._symbols, request["id"])
            if len(client.streams.keys() | set(params)) > MAX_STREAMS:
                raise BadRequest(2, "Invalid request: too many streams", request["id"])
            self.subscribe(client, params)
        elif method == "UNSUBSCRIBE":
            self.unsubscribe(client, params)
        elif method == "LIST_SUBSCRIPTIONS":
            return list(client.streams)
        elif method == "SET_PROPERTY":
            client.combined = params[1]
        elif method == "GET_PROPERTY":
            return client.combined
        return None

    async def _write(self, client: Client) -> None:
        try:
            await self._write_all(client)
        except WebSocketDisconnect:
            client.queue.clear()

    async def _write_all(self, client: Client) -> None:
        while True:
            while client.queue and not client.stalled:
                if client.transport.is_closing():
                    return
                stream, text, cut = client.queue.popleft()
                if text is None:
                    await client.socket.close(1001)
                    return
                frame = f'{{"stream":"{stream}","data":{text}}}' if stream and client.combined else text
                if cut is not None:
                    self._cut(client, frame, cut)
                    return
                if self.log_on and stream:
                    self._note(stream, text)
                await client.socket.send_text(frame)
            client.ready.clear()
            await client.ready.wait()

    @staticmethod
    def _cut(client: Client, frame: str, at: int) -> None:
        body = frame.encode()
        size = len(body)
        head = bytes([0x81, size]) if size < 126 else bytes([0x81, 126]) + size.to_bytes(2, "big")
        client.transport.write((head + body)[:at])
        client.transport.close()

    def _note(self, stream: str, text: str) -> None:
        at = text.find('"t":' if stream.endswith("@trade") else '"u":')
        if at < 0:
            return
        digits = text[at + 4 : at + 30].partition(",")[0]
        if not digits.isdigit() or self._logged_ids.get(stream, -1) >= int(digits):
            return
        self._logged_ids[stream] = int(digits)
        self.log.append((stream, int(digits), time.time_ns(), time.monotonic_ns()))
        self.logged += 1
