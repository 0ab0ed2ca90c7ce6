"""The relay under load, beside nginx and the way without a relay: memory of idle sockets, delay of a full stream.

Run as a program it is the venue: `python -m tests.bench.proxy_sockets` prints its port; a socket that hears {"rate", "seconds"} gets so
many messages a second, each with the time it was sent. All processes of one machine share that clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import aiohttp
import trustme
import uvloop
from aiohttp import web

from tests.bench import proxy_peers as peers
from tests.bench.results import emit, percentile

IDLE = 2000
RATE, SOCKETS, SECONDS = 10_000, 20, 3
ROUNDS = 5
PADDING = "x" * 150  # a message is then as long as a trade of a venue


def idle() -> None:
    """Memory of the proxy with many sockets on which nothing happens, to a venue with TLS as venues have it, and to one without."""
    for secure, label in ((False, ""), (True, "_to_a_tls_venue")):
        with venue(secure) as there, peers.kontor(venue_port=there, secure=secure) as (port, pid):
            before, after = uvloop.run(_hold(f"ws://127.0.0.1:{port}/api/relay/bench", f"http://127.0.0.1:{port}", pid))
        ratio = None
        if peers.NGINX is not None:
            with venue(secure) as there, peers.socket_passing(there, secure) as (port, pid):
                ratio = after / uvloop.run(_hold(f"ws://127.0.0.1:{port}/", None, pid))[1]
        emit(f"relay_memory_2000_idle_sockets{label}", after, "MB", "nginx with as many", ratio, IDLE)
        emit(f"relay_memory_a_socket{label}", (after - before) / IDLE * 1024, "kB", "none", None, IDLE)


async def _hold(url: str, origin: str | None, pid: int) -> tuple[float, float]:
    """The process's memory before, and with all sockets open and answering."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        before, held = peers.memory_mb(pid), []
        for _ in range(IDLE // 50):
            held += await asyncio.gather(*(session.ws_connect(url, origin=origin) for _ in range(50)))
        for socket in held:
            await socket.send_str("here")
        for socket in held:
            if await socket.receive_str() != "here":
                raise RuntimeError(f"{url} answered something else")
        after = peers.memory_mb(pid)
        await asyncio.gather(*(socket.close() for socket in held))
    return before, after


def stream() -> None:
    """Delay of 10,000 messages a second, from the venue's send to the page's receive."""
    found: dict[str, list[list[float]]] = {}
    with venue() as there, peers.kontor(venue_port=there) as (port, _):
        own = f"ws://127.0.0.1:{port}/api/relay/bench", f"http://127.0.0.1:{port}"
        ways: dict[str, tuple[str, str | None]] = {"kontor": own, "direct": (f"ws://127.0.0.1:{there}/", None)}
        with _nginx(there) as passing:
            if passing:
                ways["nginx"] = (f"ws://127.0.0.1:{passing}/", None)
            for _ in range(ROUNDS):
                for name, (url, origin) in ways.items():
                    found.setdefault(name, []).append(uvloop.run(_listen(url, origin)))
    for fraction, label in ((0.5, "p50"), (0.99, "p99")):
        at = {name: median(percentile(delays, fraction) for delays in rounds) for name, rounds in found.items()}
        for other in ("direct", "nginx"):
            if other in at:
                name, count = f"relay_10000_messages_a_second_{label}_vs_{other}", RATE * SECONDS * ROUNDS
                emit(name, at["kontor"], "ms", f"{other} {label}", at["kontor"] / at[other], count)


@contextmanager
def _nginx(there: int) -> Iterator[int]:
    if peers.NGINX is None:
        yield 0
        return
    with peers.socket_passing(there) as (port, _):
        yield port


async def _listen(url: str, origin: str | None) -> list[float]:
    """Milliseconds each message took; raises when some are missing."""
    delays: list[float] = []
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(url, origin=origin) for _ in range(SOCKETS)]
        await asyncio.gather(*(_one(socket, delays) for socket in sockets))
    if len(delays) != RATE * SECONDS:
        raise RuntimeError(f"{len(delays)} of {RATE * SECONDS} messages came through {url}")
    return delays


async def _one(socket: aiohttp.ClientWebSocketResponse, delays: list[float]) -> None:
    await socket.send_str(json.dumps({"rate": RATE / SOCKETS, "seconds": SECONDS}))
    async for message in socket:
        delays.append((time.monotonic_ns() - int(message.data[:20])) / 1e6)


@contextmanager
def venue(secure: bool = False) -> Iterator[int]:
    """The venue in a process of its own, with TLS when ``secure``; gives its port."""
    command = [sys.executable, "-m", "tests.bench.proxy_sockets", *(["tls"] if secure else [])]
    with peers.process(command, peers.OTHER_CORE, dict(os.environ), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())


async def _serve(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if not message.data.startswith("{"):
            await socket.send_str(message.data)
            continue
        asked = json.loads(message.data)
        await _send(socket, int(asked["rate"] * asked["seconds"]), 1 / asked["rate"])
        await socket.close()
    return socket


async def _send(socket: web.WebSocketResponse, count: int, gap: float) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(count):
        if (wait := start + number * gap - loop.time()) > 0:
            await asyncio.sleep(wait)
        await socket.send_str(f"{time.monotonic_ns():020d}{PADDING}")


async def _venue(secure: bool) -> None:
    context = None
    if secure:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(peers.CA_FILE))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    app = web.Application()
    app.router.add_get("/", _serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096, ssl_context=context)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    uvloop.run(_venue("tls" in sys.argv))
