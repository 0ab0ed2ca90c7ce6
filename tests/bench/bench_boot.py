"""Cold and warm boot of the desk in Chromium, beside a bare loadPyodide page and a stock PyScript page on the same server.

    python -m tests.bench.bench_boot [runs]

Cold: a new profile, everything over loopback HTTP. Warm: the service worker holds the bundle; a new page in the same profile, on disk as
a trader's is, so that the browser keeps its compiled code, which it does once a desk has run for some seconds. The pages take turns, so
that a busy machine is busy for all of them, and the one before is gone first. Medians.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import BrowserContext, sync_playwright

from tests.bench.profile import profile
from tests.bench.results import emit
from tests.e2e.serving import ROOT, free_port
from tools.browsers import chromium

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 9
COLD_RUNS = max(3, RUNS // 3)
SITE = ROOT / "build" / "bench-boot"
ENDS = "() => Object.fromEntries(performance.getEntriesByType('measure').map((entry) => [entry.name, entry.startTime + entry.duration]))"
DESK = ("", ["kontor:boot:page", "kontor:boot:first-quote"])
BARE = ("bench/bare.html", ["bench:boot"])
STOCK = ("bench/stock.html", ["bench:page", "bench:boot"])
WAIT_MS = 90_000
POLL_MS = 50  # looking at every frame would make the browser draw frames
USED_MS = 10_000  # the browser keeps what it has compiled when little more comes
SETTLE_S = 0.5  # the process of the page before ends


def main() -> None:
    """Measure all pages, print and keep the figures."""
    shutil.copytree(ROOT / "build" / "site", SITE, dirs_exist_ok=True)
    shutil.copytree(Path(__file__).parent / "pages", SITE / "bench", dirs_exist_ok=True)
    path, arguments = chromium()
    with sync_playwright() as playwright, server() as url:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        cold: dict[str, list[dict[str, float]]] = {}
        for _ in range(COLD_RUNS):
            for page in (DESK, BARE, STOCK):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                cold.setdefault(page[0], []).append(visit(context, url, *page))
                context.close()
        browser.close()
        warm: dict[str, list[dict[str, float]]] = {}
        with profile(playwright) as context:
            fill(context, url)
            for number in range(RUNS + 1):
                for page in (DESK, BARE, STOCK):
                    ends = visit(context, url, *page)
                    if number:  # the first round keeps what is kept at first use
                        warm.setdefault(page[0], []).append(ends)
    for state, runs in (("warm", warm), ("cold", cold)):
        bare = middle(runs[BARE[0]], "bench:boot")
        stock = middle(runs[STOCK[0]], "bench:boot")
        up, quote = (middle(runs[DESK[0]], name) for name in DESK[1])
        count = len(runs[DESK[0]])
        emit(f"boot_{state}_page", up, "ms", f"bare loadPyodide ({bare:.0f} ms)", up / bare, count)
        emit(f"boot_{state}_first_quote", quote, "ms", f"stock PyScript, page and worker ({stock:.0f} ms)", quote / stock, count)


def middle(runs: list[dict[str, float]], name: str) -> float:
    """Median of one measure's end, ms since navigation."""
    return median(run[name] for run in runs)


def visit(context: BrowserContext, url: str, path: str, names: list[str]) -> dict[str, float]:
    """Open a page, wait for its measures, give the end of each."""
    page = context.new_page()
    page.goto(f"{url}/{path}")
    page.wait_for_function("(names) => names.every((name) => performance.getEntriesByName(name).length)", arg=names, timeout=WAIT_MS, polling=POLL_MS)
    ends = page.evaluate(ENDS)
    page.close()
    time.sleep(SETTLE_S)
    return ends


def fill(context: BrowserContext, url: str) -> None:
    """A first visit until the service worker holds the bundle, and a second one of some seconds."""
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("() => navigator.serviceWorker.controller?.state === 'activated'", timeout=WAIT_MS)
    page.goto(url)
    page.wait_for_timeout(USED_MS)
    page.close()


@contextmanager
def server() -> Iterator[str]:
    """The bench server in its own process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.boot_server", str(SITE), str(port)], cwd=ROOT)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
        yield url
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
