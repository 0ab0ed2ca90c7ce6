"""The proxy's cost beside its yardsticks in the same run: the way without it, npm cors-anywhere, nginx.

    python -m tests.bench.bench_proxy [http] [sockets] [page]

The proxy under test and each yardstick have one core; load and upstream have the other. They take turns, so that a busy machine is busy
for all of them. What is not installed and cannot be unpacked from Debian's packages is said and left out.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from urllib.parse import quote

import aiohttp

from tests.bench import proxy_peers as peers
from tests.bench.results import emit, percentile

ROUNDS = 3
SAMPLES = 1500
Reach = tuple[str, dict[str, str]]


def main() -> None:
    """The parts named, or all."""
    parts: dict[str, Callable[[], None]] = {"http": http, "sockets": sockets, "page": page}
    peers.pin(0, peers.OTHER_CORE)
    for name in sys.argv[1:] or parts:
        parts[name]()


def http() -> None:
    """Forwarding of 1 KiB over HTTP: milliseconds added, requests a second."""
    with ExitStack() as stack:
        upstream = stack.enter_context(peers.upstream())
        port, _ = stack.enter_context(peers.kontor(upstream))
        target = f"http://127.0.0.1:{upstream}/k"
        origin = {"origin": f"http://127.0.0.1:{port}"}
        ways: dict[str, Reach] = {
            "direct": (target, {}),
            "kontor": (f"http://127.0.0.1:{port}/api/fetch?url={quote(target, safe='')}", origin | {"x-kontor": "1"}),
            "cors-anywhere": (f"http://127.0.0.1:{stack.enter_context(peers.cors_anywhere())}/{target}", origin),
            "cors-anywhere, kept connections": (f"http://127.0.0.1:{stack.enter_context(peers.cors_anywhere(keep=True))}/{target}", origin),
        }
        if peers.NGINX is not None:
            ways["nginx proxy_pass"] = (f"http://127.0.0.1:{stack.enter_context(peers.passing(upstream))}/k", {})
        else:
            print("  nginx is not there: its figures are left out")
        _overhead(asyncio.run(_latencies(ways)))
        if peers.WRK is None:
            print("  wrk is not there: requests a second are left out")
        else:
            _throughput(ways)


async def _latencies(ways: dict[str, Reach]) -> dict[str, list[float]]:
    """Milliseconds of one request at a time, each way in turn."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for number in range(SAMPLES + 50):
            for name, (url, headers) in ways.items():
                started = time.perf_counter()
                async with session.get(url, headers=headers) as response:
                    body = await response.read()
                if response.status != 200 or len(body) != 1024:
                    raise RuntimeError(f"{name} answered {response.status} with {len(body)} bytes")
                if number >= 50:
                    took[name].append((time.perf_counter() - started) * 1000)
    return took


def _overhead(took: dict[str, list[float]]) -> None:
    for fraction, label in ((0.5, "p50"), (0.99, "p99")):
        direct = percentile(took["direct"], fraction)
        added = {name: percentile(samples, fraction) - direct for name, samples in took.items()}
        for name in took:
            if name not in ("direct", "kontor"):
                emit(f"proxied_fetch_added_{label}_vs_{peers.slug(name)}", added["kontor"], "ms", f"added by {name}", added["kontor"] / added[name], SAMPLES)
        emit(f"proxied_fetch_{label}", percentile(took["kontor"], fraction), "ms", "direct", percentile(took["kontor"], fraction) / direct, SAMPLES)


def _throughput(ways: dict[str, Reach]) -> None:
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, (url, headers) in ways.items():
            rates.setdefault(name, []).append(peers.requests_a_second(url, headers))
    own = median(rates["kontor"])
    for name, found in rates.items():
        if name not in ("direct", "kontor"):
            emit(f"requests_a_second_1kib_one_core_vs_{peers.slug(name)}", own, "1/s", name, own / median(found), ROUNDS)


def sockets() -> None:
    """The relay: memory of idle sockets, delay of a full stream."""
    from tests.bench.proxy_sockets import idle, stream

    idle()
    stream()


def page() -> None:
    """From a page in Chromium: the tunnel and the native form beside cors-anywhere."""
    from tests.bench.proxy_page import measure

    measure()


if __name__ == "__main__":
    main()
