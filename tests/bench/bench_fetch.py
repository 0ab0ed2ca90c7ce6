"""The fetch chain as Python in the page's worker uses it, to a site that has no CORS: directly it cannot be read at all.

    python -m tests.bench.bench_fetch

The yardstick is the browser's own fetch of the same body through the same proxy, in the same worker and run.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.bench.results import emit, percentile
from tests.e2e.lab import laboratory, run
from tests.e2e.peers import running_peer
from tools.browsers import chromium

N = 500
MEASURE = """
import time
from urllib.parse import quote
url, result = given.url, {}
options = js.Object.fromEntries(js.Object.entries(js.JSON.parse('{"headers":{"x-kontor":"1"},"cache":"no-store"}')))
async def plain():
    response = await js.fetch(f"{site}api/fetch?url={quote(url, safe='')}", options)
    await response.bytes() if hasattr(response, "bytes") else await response.arrayBuffer()
async def chained():
    answer = await chain.fetch(Request(url))
    assert answer.status == 200 and answer.strategy == strategy, answer
for strategy, work in (("yardstick", plain), ("proxy", chained), ("tunnel", chained)):
    if strategy != "yardstick":
        chain.learning.set_order(Request(url).host, [strategy])
    for _ in range(20):
        await work()
    took = result[strategy] = []
    for _ in range(given.n):
        start = js.performance.now()
        await work()
        took.append(js.performance.now() - start)
"""


def main() -> None:
    """Measure and emit."""
    path, arguments = chromium()
    with tempfile.TemporaryDirectory() as folder, running_peer() as peer, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        with laboratory(browser, peer, Path(folder), "per_minute = 100000") as lab:
            took = run(lab, MEASURE, url=f"{peer.url}/strict/time", n=N)
        browser.close()
    for strategy in ("proxy", "tunnel"):
        for fraction, label in ((0.5, "p50"), (0.99, "p99")):
            value, plain = percentile(took[strategy], fraction), percentile(took["yardstick"], fraction)
            emit(f"chain_fetch_without_cors_by_{strategy}_{label}", value, "ms", f"the browser's fetch through the proxy, {label}", value / plain, N)


if __name__ == "__main__":
    main()
