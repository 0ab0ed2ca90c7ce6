"""The two sockets: the account's (trade_updates, binary frames of JSON as paper accounts get) and that of stock data (JSON or msgpack)."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import msgpack
from starlette.websockets import WebSocket, WebSocketDisconnect

from .faults import EVENTS, Faults
from .ledger import Account, Broker, Stock, stamp


class Streams:
    """``one_at_a_time``: a second connection for market data with the same key is refused, as the venue does."""

    def __init__(self, broker: Broker, faults: Faults) -> None:
        self.broker, self.faults = broker, faults
        self.connects = self.data_connects = self.listening = 0
        self.one_at_a_time = True
        self.deaf = False
        self._open: list[WebSocket] = []
        self._data: dict[WebSocket, _Watcher] = {}
        broker.on_market = self._market

    def disconnect(self, data: bool = False) -> None:
        """Drop every connection without a word."""
        for socket in [*self._open] if not data else [*self._data]:
            socket.scope["extensions"]["transport"].abort()

    async def updates(self, socket: WebSocket) -> None:
        """/stream."""
        await socket.accept()
        self.connects += 1
        self._open.append(socket)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        account: Account | None = None
        streams: list[str] = []

        def say(message: dict) -> None:
            queue.put_nowait(json.dumps(message, separators=(",", ":")).encode())

        def listener(event: str, data: dict) -> None:
            if "trade_updates" not in streams:
                return
            fault = self.faults.take(EVENTS, event)
            for _ in range({"event_drop": 0, "event_duplicate": 2}.get(fault.kind if fault else "", 1)):
                if fault is not None and fault.kind == "event_garbage":
                    queue.put_nowait(b"<html>502 Bad Gateway</html>")
                else:
                    say({"stream": "trade_updates", "data": data})

        writer = asyncio.create_task(_write(socket, queue))
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                request = json.loads(message.get("text") or message.get("bytes"))
                if self.deaf:
                    continue
                action, data = request.get("action"), request.get("data") or {}
                if action in ("auth", "authenticate"):
                    key, secret = (request["key"], request["secret"]) if action == "auth" else (data["key_id"], data["secret_key"])
                    found = self.broker.accounts.get(key)
                    account = found if found is not None and found.secret == secret else None
                    if account is not None:
                        account.listeners.append(listener)
                    status = "authorized" if account is not None else "unauthorized"
                    say({"stream": "authorization", "data": {"status": status, "action": "authenticate"}})
                elif action == "listen":
                    if account is None:
                        say({"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}})
                        continue
                    streams[:] = data["streams"]
                    self.listening += 1
                    say({"stream": "listening", "data": {"streams": streams}})
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            writer.cancel()
            self._open.remove(socket)
            if account is not None:
                account.listeners.remove(listener)

    async def data(self, socket: WebSocket) -> None:
        """/v2/iex."""
        await socket.accept()
        self.data_connects += 1
        watcher = _Watcher("msgpack" in socket.headers.get("content-type", ""))
        watcher.say([{"T": "success", "msg": "connected"}])
        writer = asyncio.create_task(_write(socket, watcher.queue))
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                raw = message.get("text") or message.get("bytes")
                watcher.say([self._obey(socket, watcher, msgpack.unpackb(raw) if watcher.packed else json.loads(raw))])
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            writer.cancel()
            self._data.pop(socket, None)

    def _obey(self, socket: WebSocket, watcher: _Watcher, request: dict) -> dict:
        action = request.get("action")
        if action == "auth":
            found = self.broker.accounts.get(request.get("key"))
            if found is None or found.secret != request.get("secret"):
                return {"T": "error", "code": 402, "msg": "auth failed"}
            if self.one_at_a_time and any(each.key == found.key_id for each in self._data.values()):
                return {"T": "error", "code": 406, "msg": "connection limit exceeded"}
            watcher.key = found.key_id
            self._data[socket] = watcher
            return {"T": "success", "msg": "authenticated"}
        if not watcher.key:
            return {"T": "error", "code": 401, "msg": "not authenticated"}
        for channel, names in watcher.channels.items():
            for name in request.get(channel, []):
                names.add(name) if action == "subscribe" else names.discard(name)
        return {"T": "subscription", **{channel: sorted(names) for channel, names in watcher.channels.items()}}

    def _market(self, stock: Stock, kind: str, size: Decimal) -> None:
        now = self.broker.now_ns()
        for watcher in self._data.values():
            if {stock.symbol, "*"} & watcher.channels["quotes" if kind == "q" else "trades"]:
                watcher.tell(quote(stock, now) if kind == "q" else trade(stock, size, now), now)


class _Watcher:
    def __init__(self, packed: bool) -> None:
        self.packed = packed
        self.key = ""
        self.channels: dict[str, set[str]] = {name: set() for name in ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")}
        self.queue: asyncio.Queue[bytes | str] = asyncio.Queue()

    def say(self, messages: list[dict]) -> None:
        self.queue.put_nowait(msgpack.packb(messages) if self.packed else json.dumps(messages, separators=(",", ":")))

    def tell(self, message: dict, time_ns: int) -> None:
        self.say([{**message, "t": msgpack.Timestamp.from_unix_nano(time_ns)} if self.packed else message])


def quote(stock: Stock, time_ns: int) -> dict:
    """A quote, as the stream tells it."""
    size = float(stock.size) if stock.size % 1 else int(stock.size)
    sides = {"bx": "V", "bp": float(stock.bid), "bs": size, "ax": "V", "ap": float(stock.ask), "as": size}
    return {"T": "q", "S": stock.symbol, **sides, "c": ["R"], "z": "C", "t": stamp(time_ns)}


def trade(stock: Stock, size: Decimal, time_ns: int) -> dict:
    """A trade, as the stream tells it."""
    shown = float(size) if size % 1 else int(size)
    return {"T": "t", "S": stock.symbol, "i": stock.trades, "x": "V", "p": float(stock.last), "s": shown, "c": ["@"], "z": "C", "t": stamp(time_ns)}


async def _write(socket: WebSocket, queue: asyncio.Queue) -> None:
    while True:
        frame = await queue.get()
        await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_text(frame))
