"""What tabs that follow cost: the process of the leading tab with 0, 1 and 3 of them, their own cost, and how soon they paint.

    python -m tests.bench.bench_tabs [seconds]
"""

from __future__ import annotations

import sys
import time

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.bench.bench_desk import COLLECT, _pss_mb, _renderers
from tests.bench.results import emit, percentile
from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, serving
from tools.browsers import chromium

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 15.0
PAINT = "kontor:tick-to-paint"


def main() -> None:
    """A recording at twenty times speed; every tab in sight and looking at the same instrument."""
    path, arguments = chromium()
    with sync_playwright() as playwright, serving(SITE) as server:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        lead = opened(context, server.url)
        cdp = browser.new_browser_cdp_session()
        (pid,) = [pid for pid, _cpu in sorted(_renderers(cdp).items(), key=lambda row: -row[1])][:1]
        alone, _others, samples = measured(browser, pid, [lead])
        emit("tabs_lead_cpu_0", alone, "% core", "none", None, 1)
        base = percentile(samples[0], 0.5), percentile(samples[0], 0.99)
        pages = [lead]
        for count in (1, 3):
            pages += [opened(context, server.url) for _ in range(count + 1 - len(pages))]
            cpu, others, samples = measured(browser, pid, pages)
            emit(f"tabs_lead_cpu_{count}", cpu, "% core", "the same with nobody following", cpu / alone, count)
            emit(f"tabs_follower_cpu_{count}", sum(others.values()) / count, "% core", "the leading tab", sum(others.values()) / count / cpu, count)
            for fraction, label, before in ((0.5, "p50", base[0]), (0.99, "p99", base[1])):
                value = percentile(samples[0], fraction)
                emit(f"tabs_lead_paint_{label}_{count}", value, "ms", "the same with nobody following", value / before, len(samples[0]))
                theirs = [sample for page in samples[1:] for sample in page]
                followed = percentile(theirs, fraction)
                emit(f"tabs_follower_paint_{label}_{count}", followed, "ms", "the leading tab", followed / value, len(theirs))
        own = [_pss_mb(each) for each in others]
        emit("tabs_follower_memory", max(own), "MB", "the leading tab", max(own) / _pss_mb(pid), len(own))
        browser.close()


def opened(context: BrowserContext, url: str) -> Page:
    """One more tab, painted."""
    page = context.new_page()
    DeskPage(page, url).open(speed=20)
    page.wait_for_timeout(4_000)
    return page


def measured(browser: Browser, pid: int, pages: list[Page]) -> tuple[float, dict[int, float], list[list[float]]]:
    """Share of a core of process ``pid``, that of the other renderers, and frame to paint in ms of each page."""
    cdp = browser.new_browser_cdp_session()
    for page in pages:
        page.evaluate(COLLECT, PAINT)
    start, began = _renderers(cdp), time.monotonic()
    pages[0].wait_for_timeout(SECONDS * 1000)
    took, end = time.monotonic() - began, _renderers(cdp)
    used = {each: (cpu - start.get(each, 0.0)) / took * 100 for each, cpu in end.items()}
    others = {each: share for each, share in used.items() if each != pid and share > 0.5}
    return used[pid], others, [page.evaluate("() => window.collected") for page in pages]


if __name__ == "__main__":
    main()
