"""Binance's market socket in a fast market: `python -m tests.bench.market_server --like ws://... --symbols A,B --rate 10000`.

Stands in for the streams of an emulated exchange that cannot itself send so much and answer orders in time. What the desk subscribes to comes as the
exchange sends it, one event a frame: best quotes and trades of the instruments subscribed to, together ``rate`` a second, made column by column with
numpy around the present price of the emulator at ``like``; and its differences of depth, for every instrument those of its first, so that snapshots
asked for there fit (its ``--mirrors``). Low numbers of the instruments have most of the ticks. Prints one JSON line with its address and process,
then serves one connection at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import sys
import threading
import time
from collections import deque

import numpy as np
from websockets.sync.client import connect

from tests.bench.tick_server import shake_hands

SLICE_S = 0.002
"""So often is written what is due: what comes to a computer from far away comes in pieces as well."""
BLOCK = 4
"""Three quotes and a trade, and again."""
MADE = 50
"""Blocks made at a time: for some milliseconds."""
NAMES = (b"$", b"%")
"""Where a name stands, as the exchange writes it and as its streams do."""
QUOTE = (
    b'{"stream":"%@bookTicker","data":{"u":###########,"s":"$","b":"#####.##000000","B":"#.#####000","a":"#####.##000000","A":"#.#####000"}}'
)
TRADE = (
    b'{"stream":"%@trade","data":{"e":"trade","E":#############,"s":"$","t":##########,"p":"#####.##000000","q":"#.#####000",'
    b'"T":#############,"m":true,"M":true}}'
)


class Ticks:
    """Frames of quotes and trades of ``symbols``, all names of one length, as bytes on the wire."""

    def __init__(self, symbols: list[str]) -> None:
        self.symbols = symbols
        self.home = 61_800_00
        """The price that all of them stay near, in cents."""
        width = len(symbols[0])
        self._names = {b"$": letters(symbols), b"%": letters([symbol.lower() for symbol in symbols])}
        self._kinds = []
        self._template, self._ends = bytearray(), []
        for kind in (QUOTE, QUOTE, TRADE, QUOTE):
            body = kind
            for mark in NAMES:
                body = body.replace(mark, mark * width)
            self._template += b"\x81\x7e" + len(body).to_bytes(2, "big")
            self._kinds.append((kind is TRADE, [(len(self._template) + at, length, mark) for at, length, mark in holes(body)]))
            self._template += body
        self._level = np.zeros(len(symbols), np.int64)
        self._rng = np.random.default_rng(7)
        self._made = 0

    def make(self, blocks: int, rows: np.ndarray) -> bytes:
        """The next blocks, of these rows."""
        rng = self._rng
        self._level += rng.integers(-9, 10, len(self._level)) - self._level // 64  # cents from home: a walk that is drawn back
        out = np.tile(np.frombuffer(bytes(self._template), np.uint8), (blocks, 1))
        for place, (is_trade, found) in enumerate(self._kinds):
            row = rows[(len(rows) * rng.random(blocks) ** 2).astype(np.int64)]
            number = self._made + BLOCK * np.arange(blocks) + place
            bid = self.home + self._level[row] + rng.integers(-2, 3, blocks)
            price, (first, second) = bid + is_trade * (number & 1), rng.integers(1, 99_999, (2, blocks))
            now = np.full(blocks, time.time_ns() // 1_000_000)
            size, level = [first // 50_000, first], [price // 100, price % 100]
            if is_trade:
                values = [row, now, row, 3_730_000_000 + number, *level, *size, now]
            else:
                values = [row, 50_093_239_219 + number, row, *level, *size, (price + 1) // 100, (price + 1) % 100, second // 50_000, second]
            for (at, width, mark), value in zip(found, values, strict=True):
                if mark in NAMES:
                    out[:, at : at + width] = self._names[mark][value]
                    continue
                for digit in range(width):
                    out[:, at + digit] = 48 + value // 10 ** (width - 1 - digit) % 10
        self._made += BLOCK * blocks
        return out.tobytes()

    @property
    def block_bytes(self) -> int:
        """Bytes of a block."""
        return len(self._template)


def letters(names: list[str]) -> np.ndarray:
    """Names of one length, a row each."""
    return np.array([[*name.encode()] for name in names], np.uint8)


def holes(text: bytes) -> list[tuple[int, int, bytes]]:
    """Where something is to be filled in: start, length, mark."""
    out: list[tuple[int, int, bytes]] = []
    for at in range(len(text)):
        mark = text[at : at + 1]
        if mark not in (b"#", *NAMES):
            continue
        if out and out[-1][0] + out[-1][1] == at and out[-1][2] == mark:
            out[-1] = (out[-1][0], out[-1][1] + 1, mark)
        else:
            out.append((at, 1, mark))
    return out


class Emulated:
    """What the emulator streams of its first instrument, read in a thread of its own."""

    def __init__(self, url: str, symbol: str) -> None:
        self.symbol = symbol
        self.depth: deque[str] = deque(maxlen=1000)
        self.price = 0
        threading.Thread(target=self._read, args=(url,), daemon=True).start()

    def _read(self, url: str) -> None:
        with connect(url, proxy=None) as emulator:
            emulator.send(json.dumps({"method": "SUBSCRIBE", "id": 1, "params": [f"{self.symbol.lower()}@{kind}" for kind in ("depth@100ms", "bookTicker")]}))
            for text in emulator:
                if "@depth" in text[:40]:
                    self.depth.append(text)
                elif "@bookTicker" in text[:40]:
                    self.price = round(100 * float(json.loads(text)["data"]["b"]))


class Client:
    """One connection of a desk: what it asks for, and what is due to it."""

    def __init__(self, connection: socket.socket, ticks: Ticks, emulated: Emulated, rate: float) -> None:
        self._connection, self._ticks, self._emulated, self._rate = connection, ticks, emulated, rate
        self._topics: dict[str, None] = {}
        self._rows = np.empty(0, np.int64)
        self._depth_of: list[str] = []
        self._pending = b""
        self._depth: deque[bytes] = deque()
        self._ready, self._at = b"", 0

    def serve(self) -> None:
        """Until it goes."""
        self._emulated.depth.clear()
        begun, blocks = 0.0, 0
        while self._listen():
            now = time.monotonic()
            if len(self._rows) == 0 or not begun:
                begun, blocks = now, 0
                continue
            due = min(int((now - begun) * self._rate / BLOCK) - blocks, MADE)
            out = self._take(due) if due > 0 else b""
            blocks += max(due, 0)
            self._mirror()
            share = -(-len(self._depth_of) * SLICE_S // 0.1)
            while self._depth and share > 0:
                out += self._depth.popleft()
                share -= 0.5  # twice as fast as they come
            if out:
                self._connection.sendall(out)

    def _take(self, blocks: int) -> bytes:
        if self._emulated.price:
            self._ticks.home = self._emulated.price
        size = blocks * self._ticks.block_bytes
        if len(self._ready) - self._at < size:
            self._ready, self._at = self._ready[self._at :] + self._ticks.make(MADE, self._rows), 0
        self._at += size
        return self._ready[self._at - size : self._at]

    def _mirror(self) -> None:
        first = self._emulated.symbol
        while self._emulated.depth:
            text = self._emulated.depth.popleft()
            for symbol in self._depth_of:
                told = text.replace(f'{first.lower()}@', f"{symbol.lower()}@", 1).replace(f'"s":"{first}"', f'"s":"{symbol}"', 1)
                self._depth.append(frame(told.encode()))

    def _listen(self) -> bool:
        """Read what the desk says, for a slice of time; False when it is gone."""
        until = time.monotonic() + SLICE_S
        while (left := until - time.monotonic()) > 0:
            if not select.select([self._connection], [], [], left)[0]:
                break
            part = self._connection.recv(1 << 16)
            if not part:
                return False
            self._pending += part
            while (found := unframed(self._pending)) is not None:
                opcode, body, self._pending = found
                if opcode == 8:
                    self._connection.sendall(b"\x88" + bytes([len(body)]) + body)
                    return False
                if opcode == 1:
                    self._connection.sendall(frame(json.dumps(self._answer(json.loads(body)), separators=(",", ":")).encode()))
        return True

    def _answer(self, asked: dict) -> dict:
        topics, method = asked.get("params") or [], asked["method"]
        if method == "SUBSCRIBE":
            self._topics.update(dict.fromkeys(topics))
        elif method == "UNSUBSCRIBE":
            for topic in topics:
                self._topics.pop(topic, None)
        wanted = [(row, symbol) for row, symbol in enumerate(self._ticks.symbols)]
        self._rows = np.array([row for row, symbol in wanted if f"{symbol.lower()}@bookTicker" in self._topics], np.int64)
        self._depth_of = [symbol for _, symbol in wanted if f"{symbol.lower()}@depth@100ms" in self._topics]
        return {"result": list(self._topics) if method == "LIST_SUBSCRIPTIONS" else None, "id": asked["id"]}


def frame(body: bytes) -> bytes:
    """A text frame of a server."""
    size = len(body)
    if size < 126:
        return b"\x81" + bytes([size]) + body
    return (b"\x81\x7e" + size.to_bytes(2, "big") if size < 1 << 16 else b"\x81\x7f" + size.to_bytes(8, "big")) + body


def unframed(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Opcode and body of a client's first frame, and what follows it; None while it is not whole."""
    if len(data) < 6:
        return None
    size, at = data[1] & 127, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    if len(data) < at + 4 + size:
        return None
    mask, body = data[at : at + 4], data[at + 4 : at + 4 + size]
    return data[0] & 15, bytes([byte ^ mask[n & 3] for n, byte in enumerate(body)]), data[at + 4 + size :]


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--like", required=True, help="the streams of the emulator whose first instrument is that of --symbols")
    parser.add_argument("--symbols", required=True)
    parser.add_argument("--rate", type=float, required=True, help="quotes and trades a second")
    options = parser.parse_args()
    symbols = options.symbols.split(",")
    ticks, emulated = Ticks(symbols), Emulated(options.like, symbols[0])
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(json.dumps({"ws": f"ws://127.0.0.1:{server.getsockname()[1]}/stream", "pid": os.getpid()}), flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    shake_hands(connection)
                    Client(connection, ticks, emulated, options.rate).serve()
                except OSError as error:
                    print(f"market_server: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
