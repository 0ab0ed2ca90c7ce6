"""A generator of market data that is not the bottleneck: `python -m tests.bench.tick_server`. Prints one JSON line with its address, then serves.

One WebSocket connection at a time gets frames of the recorded shapes (three quotes, one trade, and again) over 500 instruments. They are made
column by column with numpy, framed beforehand and written to the socket in pieces. The address's query says how: rate (ticks a second, 0: as fast as they are
taken), frame (ticks a frame), seconds. Then it closes with code 1000 and how many ticks were sent as the reason.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import sys
import time
from urllib.parse import parse_qs, urlsplit

import numpy as np

ROWS = 500
SLICE_S = 0.004
_MADE = 20_000
"""Ticks made at a time, at most."""
_QUOTE = (
    b'{"stream":"c###usdt@bookTicker","data":{"u":###########,"s":"C###USDT","b":"618##.##000000","B":"3.#####000","a":"618##.##000000","A":"1.#####000"}}'
)
_TRADE = (
    b'{"stream":"c###usdt@trade","data":{"e":"trade","E":#############,"s":"C###USDT","t":##########,"p":"618##.##000000","q":"1.#####000",'
    b'"T":#############,"m":true,"M":true}}'
)


class Frames:
    """Blocks of four frames of ``per_frame`` ticks, as bytes on the wire."""

    def __init__(self, per_frame: int) -> None:
        self.per_block = 4 * per_frame
        self._template, places = bytearray(), {kind: [] for kind in (_QUOTE, _TRADE)}
        for frame in range(4):
            kinds = [_TRADE if (frame * per_frame + n) % 4 == 0 else _QUOTE for n in range(per_frame)]
            length = sum(map(len, kinds)) + (per_frame + 1 if per_frame > 1 else 0)
            self._template += b"\x81\x7e" + length.to_bytes(2, "big")
            for n, kind in enumerate(kinds):
                self._template += b"" if per_frame == 1 else b"," if n else b"["
                places[kind].append((len(self._template), frame * per_frame + n))
                self._template += kind
            self._template += b"]" if per_frame > 1 else b""
        self._places = {kind: np.array(found).T for kind, found in places.items()}
        self._rng = np.random.default_rng(7)
        self._made = 0

    def make(self, blocks: int) -> bytes:
        """The next blocks."""
        rng = self._rng
        out = np.tile(np.frombuffer(bytes(self._template), np.uint8), (blocks, 1))
        for kind, (starts, ticks) in self._places.items():
            shape = (blocks, len(starts))
            number = self._made + np.arange(blocks)[:, None] * self.per_block + ticks
            row, cents = rng.integers(0, ROWS, shape), rng.integers(0, 9999, shape)
            sizes = [rng.integers(1, 99_999, shape) for _ in range(2)]
            now = np.full(shape, time.time_ns() // 1_000_000)
            if kind is _QUOTE:
                values = [row, 50_093_239_219 + number, row, cents // 100, cents % 100, sizes[0], (cents + 1) // 100, (cents + 1) % 100, sizes[1]]
            else:
                values = [row, now, row, 3_730_000_000 + number, cents // 100, cents % 100, sizes[0], now]
            for (offset, width), value in zip(_holes(kind), values, strict=True):
                for digit in range(width):
                    out[:, starts + offset + digit] = 48 + value // 10 ** (width - 1 - digit) % 10
        self._made += blocks * self.per_block
        return out.tobytes()


def _holes(kind: bytes) -> list[tuple[int, int]]:
    out, at = [], 0
    while (start := kind.find(b"#", at)) >= 0:
        at = start
        while kind[at : at + 1] == b"#":
            at += 1
        out.append((start, at - start))
    return out


def shake_hands(connection: socket.socket) -> str:
    """Answer a client's handshake; the path it asked for."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (part := connection.recv(4096)):
            raise ConnectionError("closed before the handshake was whole")
        head += part
    lines = head.decode().split("\r\n")
    key = next(line.partition(":")[2].strip() for line in lines if line.lower().startswith("sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
    return lines[0].split()[1]


def serve(connection: socket.socket) -> None:
    """One connection: shake hands, send, close."""
    path = shake_hands(connection)
    how = {name: float(values[0]) for name, values in parse_qs(urlsplit(path).query).items()}
    sent = send(connection, how.get("rate", 0), int(how.get("frame", 1)), how.get("seconds", 5))
    reason = str(sent).encode()
    connection.sendall(b"\x88" + bytes([len(reason) + 2]) + (1000).to_bytes(2, "big") + reason)
    connection.settimeout(60)
    connection.recv(4096)  # the other side's close, when it has read all of it; a browser then waits for up to two seconds until we end


def send(connection: socket.socket, rate: float, per_frame: int, seconds: float) -> int:
    """Send for so long; how many ticks went."""
    frames = Frames(per_frame)
    start, sent = time.monotonic(), 0
    while (passed := time.monotonic() - start) < seconds:
        due = int((passed + SLICE_S) * rate) - sent if rate else _MADE
        blocks = min(due, _MADE) // frames.per_block
        if blocks > 0:
            connection.sendall(frames.make(blocks))
            sent += blocks * frames.per_block
        if rate and (ahead := sent / rate - (time.monotonic() - start)) > 0:
            time.sleep(min(ahead, SLICE_S))
        elif rate and blocks <= 0:
            time.sleep(SLICE_S / 4)
    return sent


def main() -> None:
    """Serve until ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(json.dumps({"ws": f"ws://127.0.0.1:{server.getsockname()[1]}"}), flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    serve(connection)
                except OSError as error:
                    print(f"tick_server: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
