"""Fetching from a page in Chromium: the tunnel and the native form, beside cors-anywhere and the way without a proxy."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.bench import proxy_peers as peers
from tests.bench.results import emit, percentile
from tools.browsers import chromium

TOGETHER, ROUNDS, SINGLE = 50, 20, 500


def measure() -> None:
    """All figures of the page."""
    site = peers.WORK / "page-site"
    shutil.copytree(Path(__file__).parent / "pages", site / "bench", dirs_exist_ok=True)
    (site / "index.html").write_text("<!doctype html><title>bench</title>")
    path, arguments = chromium()
    with ExitStack() as stack:
        upstream = stack.enter_context(peers.upstream())
        port, _ = stack.enter_context(peers.kontor(upstream, module=("-m", "tests.bench.boot_server"), site=site))
        others = {
            "cors-anywhere": f"http://127.0.0.1:{stack.enter_context(peers.cors_anywhere())}/",
            "cors-anywhere, kept connections": f"http://127.0.0.1:{stack.enter_context(peers.cors_anywhere(keep=True))}/",
        }
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=path, args=arguments)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/bench/proxy.html")
        page.locator("html[data-bench=ready]").wait_for(state="attached")
        target = f"http://127.0.0.1:{upstream}/k"
        page.evaluate("([url, others, count]) => together(url, others, count, 3)", [target, others, TOGETHER])
        took = page.evaluate("([url, others, count, rounds]) => together(url, others, count, rounds)", [target, others, TOGETHER, ROUNDS])
        single = page.evaluate("([url, count]) => single(url, count)", [target, SINGLE])
        browser.close()
    for own, label in (("tunnel", "page_50_requests_over_the_tunnel"), ("native", "page_50_requests_through_the_proxy")):
        value = percentile(took[own], 0.5)
        for other in others:
            emit(f"{label}_p50_vs_{peers.slug(other)}", value, "ms", other, value / percentile(took[other], 0.5), ROUNDS)
    for fraction, label in ((0.5, "p50"), (0.99, "p99")):
        value = percentile(single["native"], fraction)
        emit(f"page_fetch_through_the_proxy_{label}", value, "ms", f"direct {label}", value / percentile(single["direct"], fraction), SINGLE)
