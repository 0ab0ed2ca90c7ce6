"""The quote store at full stretch, in Chromium: a socket, 500 instruments, bars of two widths, five indicators each, text of a page.

    python -m tests.bench.bench_quotes [seconds at 100,000 ticks a second]

Yardstick: JavaScript by hand that does the same in the same kind of worker, on the same stream, one after the other. First the ceilings: how
fast the generator is, and how many frames a second a worker takes that only counts them, one by one as they come, while its page rests.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from statistics import median
from urllib.parse import urlencode, urlsplit

import numpy as np
from playwright.sync_api import sync_playwright

from app.desk.publisher import LOOKS
from app.market.columntape import ColumnTape
from app.market.indicators import find
from app.market.readers import Reader
from app.market.trades import Tape
from app.model.market import Ticks
from tests.bench.pages.barcolumns import BarColumns, BarredStore, Following
from tests.bench.results import emit, percentile
from tests.e2e.serving import ROOT, free_port, saying, serving
from tools.browsers import ALONE, chromium

LONG_S = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
TICKS = 10_000_000
SHORT_S = min(LONG_S, 10.0)
TURNS = 9
PORT = free_port()
TO = f"http://127.0.0.1:{PORT}"
RECEIVED, HANDED, TAKEN, ASKED, READY, GOT, WRITTEN, PAINTED = range(8)
LEGS = {
    "frame_to_text": (RECEIVED, WRITTEN),
    "frame_to_paint": (RECEIVED, PAINTED),
    "leg_queued": (RECEIVED, HANDED),
    "leg_taken_in": (HANDED, TAKEN),
    "leg_credit": (TAKEN, ASKED),
    "leg_rows": (ASKED, READY),
    "leg_message": (READY, GOT),
    "leg_text": (GOT, WRITTEN),
    "leg_paint": (WRITTEN, PAINTED),
}
"""From which mark of an update to which (see quotes.mjs)."""


def main() -> None:
    """Run all of it."""
    site = ROOT / "build" / "bench-site"
    shutil.copytree(ROOT / "build" / "site", site, dirs_exist_ok=True)
    shutil.copytree(Path(__file__).parent / "pages", site / "bench", dirs_exist_ok=True)
    memory()
    with saying("tests.bench.tick_server") as generator:
        ticks = ceiling(generator["ws"], 50)
        emit("quotes_generator_ceiling", ticks, "1/s", "100,000 ticks a second", ticks / 1e5, 1)
        with serving(site, f"{generator['ws']} {TO}") as server:
            frames_alone(server.url, generator["ws"])
            for rate, frame, seconds in ((10_000, 10, SHORT_S), (100_000, 50, LONG_S)):
                stretch(server.url, generator["ws"], rate, frame, seconds)


def memory() -> None:
    """Ten million ticks through the store with a subscriber and one who reads every trade of an instrument, in this process."""
    rows, bars = 500, [BarColumns(500, 1), BarColumns(500, 60)]
    store = BarredStore(tuple(str(row) for row in range(rows)), bars)
    following, seen = Following(bars[0], [find("SMA").build(), find("RSI").build()], [(8, 8)] * rows), store.subscribe(30)
    tape = ColumnTape(store, 0, Tape(), None)
    reader, read = Reader(lambda: tape), 0
    rng, early, ticks = np.random.default_rng(1), 0.0, 0
    while ticks < TICKS:
        now, order = 10**18 + ticks * 10_000, np.arange(1250)
        row, price = rng.integers(0, rows, 1250), rng.integers(6_180_000, 6_190_000, 1250)
        trades = np.column_stack((order, row, ticks // 4 + order, price, price, np.full(1250, now), row & 1))
        order = np.arange(3750)
        row, price = rng.integers(0, rows, 3750), rng.integers(6_180_000, 6_190_000, 3750)
        store.put(Ticks(store.symbols, now, memoryview(trades.ravel()), memoryview(np.column_stack((order, row, price, price, price, price)).ravel()), 1))
        ticks += 5000
        changed = seen.take(now)
        if len(changed):
            following.values(changed)
        read += len(reader.read().ticks)
        if not early and ticks >= TICKS // 5:
            early = resident()
    if reader.lost or read != tape.count:
        raise SystemExit(f"a reader that kept up lost {reader.lost} trades")
    emit("quotes_store_memory", resident(), "MB", "the same process after the first fifth", resident() / early, ticks)


def resident() -> float:
    """Memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def ceiling(address: str, frame: int) -> float:
    """How many ticks a second the generator can send to somebody who only reads, ``frame`` of them in one."""
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port)) as reader:
        reader.sendall(b"GET /?rate=0&frame=%d&seconds=2 HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % frame)
        start = time.monotonic()
        tail = b""
        while (part := reader.recv(1 << 20)) and not (tail := (tail + part)[-40:]).rpartition(b"\x03\xe8")[2].isdigit():
            pass
        seconds = time.monotonic() - start
    return int(tail.rpartition(b"\x03\xe8")[2]) / seconds


def frames_alone(url: str, ws: str) -> None:
    """One tick a frame, as fast as it goes: what a worker takes that only counts, and what the store takes where rows are shown as often as a page paints.

    In turns, the one or the other first, because the machine is not the bench's alone: the ratio is that of the middle turn.
    """
    turns = []
    for turn in range(TURNS):
        found = {}
        for job in ("count", "store") if turn % 2 else ("store", "count"):
            got = played(url, job, f"{ws}/?rate=0&frame=1&seconds={SHORT_S / 3}", looks=LOOKS["active"])
            check(got, got["frames"])
            found[job] = got["frames"] / got["seconds"]
        turns.append((found["store"] / found["count"], found["store"], found["count"]))
    ratio, ours, counted = sorted(turns)[TURNS // 2]
    emit("quotes_one_a_frame", ours, "1/s", "a worker that only counts frames", ratio, TURNS)
    most = ceiling(ws, 1)
    emit("quotes_one_a_frame_generator", most, "1/s", "what that worker took", most / counted, 1)


def stretch(url: str, ws: str, rate: int, frame: int, seconds: float) -> None:
    """A steady stream; what came, how late it was shown, what it cost, whether a queue grew."""
    found = {}
    for job in ("plain", "store"):
        stream = f"{ws}/?rate={rate}&frame={frame}&seconds="
        found[job] = played(url, job, f"{stream}2", f"{stream}{seconds}")  # the first to warm up
        check(found[job], found[job]["ticks"])
    ours, plain = found["store"], found["plain"]
    name, yardstick = f"quotes_{rate // 1000}k", "the same by hand in JavaScript"
    emit(f"{name}_ticks", ours["ticks"] / ours["seconds"], "1/s", yardstick, ours["ticks"] / ours["seconds"] * plain["seconds"] / plain["ticks"], ours["ticks"])
    for leg, (start, end) in LEGS.items():
        for fraction, label in ((0.5, "p50"), (0.99, "p99")):
            value, other = (percentile([marks[end] - marks[start] for marks in one["samples"]], fraction) for one in (ours, plain))
            emit(f"{name}_{leg}_{label}", value, "ms", yardstick, value / other if other else None, len(ours["samples"]))
    costs = {"cost_a_tick": ("reading", "taking", "looking"), "of_it_beside": ("reading",), "of_it_taken_in": ("reading", "taking"), "of_it_rows": ("looking",)}
    for what, parts in costs.items():
        value, other = (sum(one[part] for part in parts) / one["ticks"] * 1000 for one in (ours, plain))
        emit(f"{name}_{what}", value, "us", yardstick, value / other if other else None, ours["ticks"])
    for what, times in {"handed_over": "takes", "rows_gathered": "looks"}.items():
        value, other = (one[times] / one["seconds"] for one in (ours, plain))
        emit(f"{name}_{what}", value, "1/s", yardstick, value / other, ours[times])
    samples = [marks[WRITTEN] - marks[RECEIVED] for marks in ours["samples"]]
    third = len(samples) // 3
    first, last = median(samples[:third]), median(samples[-third:])
    emit(f"{name}_queue", last, "ms", "the first third of the same run (p50)", last / first, third)
    emit(f"{name}_memory", ours["heaps"][-1] / 2**20, "MB", "the same after the first second", ours["heaps"][-1] / ours["heaps"][0], len(ours["heaps"]))


def played(url: str, job: str, *streams: str, looks: float | None = None) -> dict:
    """What came of the last of these streams, in a browser of its own; its page is shown what is new at most ``looks`` times a second."""
    path, arguments = chromium()
    with tempfile.TemporaryDirectory() as home, HTTPServer(("127.0.0.1", PORT), _Told) as told, sync_playwright() as playwright:
        most = [("looks", looks)] if looks else []
        asked = urlencode([("job", job), *(("play", stream) for stream in streams), *most, ("to", TO)])
        command = [path or playwright.chromium.executable_path, *arguments, *ALONE, "--headless", "--enable-precise-memory-info", f"--user-data-dir={home}"]
        with subprocess.Popen([*command, f"{url}/bench/quotes.html?{asked}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                told.timeout = 120
                told.found = None
                told.handle_request()
            finally:
                process.terminate()
    if told.found is None:
        raise SystemExit(f"the page ({job}) told nothing within two minutes")
    return told.found


class _Told(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.found = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(204)
        self.send_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def check(got: dict, ticks: int) -> None:
    """Every tick that was sent came."""
    if got["code"] != 1000 or ticks != got["sent"]:
        raise SystemExit(f"{got['sent']} ticks were sent, {ticks} came (close code {got['code']})")


if __name__ == "__main__":
    main()
