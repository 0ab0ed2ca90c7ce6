"""Latency, cost and memory of the whole desk in Chromium; every figure beside a yardstick measured in the same run.

    python -m tests.bench.bench_desk [seconds]
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.bench.bare_browser import bare_page
from tests.bench.profile import profile
from tests.bench.results import emit, percentile
from tests.e2e.desk import DeskPage
from tests.e2e.serving import ROOT, binance_emulator, serving
from tools.browsers import chromium

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
ORDERS = 200
READS = 500

COLLECT = """(name) => {
  window.collected = [];
  window.collecting = new EventTarget();
  new PerformanceObserver((list) => {
    for (const m of list.getEntries()) if (m.name === name) window.collected.push(m.duration);
    window.collecting.dispatchEvent(new Event("more"));
  }).observe({ type: "measure", buffered: false });
}"""
# Waits without polling: frames asked for by the measuring would be measured as well.
COLLECTED = """(count) => new Promise((resolve) => {
  const look = () => { if (window.collected.length >= count) { window.collecting.removeEventListener("more", look); resolve(); } };
  window.collecting.addEventListener("more", look);
  look();
})"""

ROUND_TRIPS = """async ([reads, symbol]) => {
  const took = [];
  for (let n = 0; n < reads; n++) {
    const id = 1e12 + n, start = performance.now();
    await new Promise((resolve) => {
      const hear = ({ data }) => {
        if (typeof data === "string" && data.includes(`"id":${id}`)) { kontor.desk.removeEventListener("message", hear); resolve(); }
      };
      kontor.desk.addEventListener("message", hear);
      kontor.desk.postMessage(JSON.stringify({ do: "quote", id, symbol }));
    });
    took.push(performance.now() - start);
  }
  return took;
}"""

ECHO = """async (reads) => {
  const worker = new Worker("bench/echo.mjs", { type: "module" });
  const took = [];
  for (let n = 0; n < reads; n++) {
    const start = performance.now();
    await new Promise((resolve) => { worker.onmessage = resolve; worker.postMessage(`{"n":${n}}`); });
    if (n > 20) took.push(performance.now() - start);
  }
  worker.terminate();
  return took;
}"""

RAW_STORE = """async ([count, size]) => {
  const open = indexedDB.open("bench-raw", 1);
  open.onupgradeneeded = () => open.result.createObjectStore("r");
  await new Promise((resolve) => (open.onsuccess = resolve));
  const db = open.result, puts = [], gets = [], bytes = crypto.getRandomValues(new Uint8Array(size));
  const done = (tx) => new Promise((resolve) => (tx.oncomplete = resolve));
  for (let n = 0; n < count; n++) {
    let start = performance.now();
    let tx = db.transaction("r", "readwrite", { durability: "strict" });
    tx.objectStore("r").put(bytes, n);
    await done(tx);
    puts.push(performance.now() - start);
    start = performance.now();
    tx = db.transaction("r");
    tx.objectStore("r").get(n);
    await done(tx);
    gets.push(performance.now() - start);
  }
  db.close();
  indexedDB.deleteDatabase("bench-raw");
  return [puts, gets];
}"""


def main() -> None:
    """Run every benchmark of the desk."""
    site = ROOT / "build" / "bench-site"
    shutil.copytree(ROOT / "build" / "site", site, dirs_exist_ok=True)
    shutil.copytree(Path(__file__).parent / "pages", site / "bench", dirs_exist_ok=True)
    with binance_emulator("--speed", "20", "--now") as emulator:
        origins = f"{emulator['ws'].rsplit('/', 1)[0]} {emulator['rest'].split('/api')[0]}"
        with serving(site, origins) as server:
            frame_to_text(server.url, emulator)
    with sync_playwright() as playwright, serving(site) as server, profile(playwright) as context:
        orders_and_store(context.pages[0], server.url)
    path, arguments = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*arguments, "--enable-precise-memory-info"])
        with serving(site) as server:
            at_rest(browser, server.url)
        browser.close()


def frame_to_text(url: str, emulator: dict) -> None:
    """Recorded BTCUSDT session at twenty times speed, socket frame to DOM text. In browsers that no debugger watches: it would be told of every frame."""
    with bare_page() as page:
        page.go(f"{url}/bench/socket.html?ws={emulator['ws']}")
        page.until("window.samples?.length > 50")
        page.run("window.samples = []; 0")
        time.sleep(SECONDS / 2)
        plain = page.run("window.samples")
    with bare_page() as page:
        page.go(f"{url}/?{urlencode({'venue': 'binance', 'binance_ws': emulator['ws'], 'binance_rest': emulator['rest']})}")
        page.until("document.documentElement?.dataset.desk === 'ready'")
        time.sleep(5)
        page.run(f"({COLLECT})('kontor:tick-to-paint')")
        time.sleep(SECONDS)
        samples = page.run("window.collected")
    for fraction, label in ((0.5, "p50"), (0.99, "p99")):
        value, other = percentile(samples, fraction), percentile(plain, fraction)
        emit(f"frame_to_dom_text_{label}", value, "ms", "the same by hand in JavaScript", value / other, len(samples))


def orders_and_store(page: Page, url: str) -> None:
    """Click to durable and acknowledged; quote reads; journal reads back."""
    desk = DeskPage(page, url)
    desk.open(speed=1)
    desk.create_vault()
    page.evaluate(COLLECT, "kontor:order-to-ack")
    for number in range(ORDERS):
        desk.submit(side="buy" if number % 2 == 0 else "sell", kind="market", qty="0.001")
        page.evaluate(COLLECTED, number + 1)
    acks = page.evaluate("() => window.collected")
    page.evaluate("(reads) => kontor.desk.postMessage(JSON.stringify({ do: 'health.probe', id: 0, reads }))", READS)
    trips = page.evaluate(ROUND_TRIPS, [READS, "BTCUSDT"])
    echoes = page.evaluate(ECHO, READS)
    puts, gets = page.evaluate(RAW_STORE, [READS, 900])
    health = health_of(page)
    for fraction, label in ((0.5, "p50"), (0.99, "p99")):
        ack, put = percentile(acks, fraction), percentile(puts, fraction)
        emit(f"click_to_ack_{label}", ack, "ms", f"raw IndexedDB strict put {label}", ack / put, len(acks))
    journal = health["click_to_journal"]
    ratio = journal["p99"] / percentile(puts, 0.99)
    emit("click_to_journal_p99", journal["p99"], "ms", "raw IndexedDB strict put p99", ratio, journal["count"])
    read, write = health["store_read"], health["store_write"]
    emit("store_read_p50", read["p50"], "ms", "raw IndexedDB get p50", read["p50"] / percentile(gets, 0.5), read["count"])
    emit("store_read_p99", read["p99"], "ms", "raw IndexedDB get p99", read["p99"] / percentile(gets, 0.99), read["count"])
    emit("store_write_strict_p99", write["p99"], "ms", "raw IndexedDB strict put p99", write["p99"] / percentile(puts, 0.99), write["count"])
    emit("quote_read_engine", health["quote_read"]["p50"] * 1000, "us", "none", None, health["quote_read"]["count"])
    emit("quote_read_page_p50", percentile(trips, 0.5), "ms", "worker echo p50", percentile(trips, 0.5) / percentile(echoes, 0.5), len(trips))
    emit("quote_read_page_p99", percentile(trips, 0.99), "ms", "worker echo p99", percentile(trips, 0.99) / percentile(echoes, 0.99), len(trips))


def health_of(page: Page) -> dict:
    """The worker's histograms by name."""
    rows = page.evaluate(
        """() => new Promise((resolve) => {
          const id = 2e12;
          kontor.desk.addEventListener("message", ({ data }) => {
            if (typeof data === "string" && data.includes(`"id":${id}`)) resolve(JSON.parse(data).result.histograms);
          });
          kontor.desk.postMessage(JSON.stringify({ do: "health", id }));
        })"""
    )
    return {row["name"]: row for row in rows}


def at_rest(browser: Browser, url: str) -> None:
    """Replay at real speed, nobody touching it: share of one core and memory of the tab's process."""
    empty_cpu, empty_mb = _cost(browser, f"{url}/bench/empty.html")
    cpu, mb = _cost(browser, f"{url}/?speed=1")
    pyodide_cpu, pyodide_mb = _cost(browser, f"{url}/bench/bare.html")
    emit("rest_cpu", cpu, "% core", "a bare loadPyodide() page doing nothing (its % of a core)", cpu / max(pyodide_cpu, 0.1), 1)
    emit("rest_memory", mb, "MB", "a bare loadPyodide() page", mb / pyodide_mb, 1)
    print(f"  (empty page: {empty_cpu:.1f} % core, {empty_mb:.0f} MB; bare Pyodide: {pyodide_cpu:.1f} % core, {pyodide_mb:.0f} MB)")


def _cost(browser: Browser, address: str) -> tuple[float, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    cdp = browser.new_browser_cdp_session()
    page.goto(address)
    page.locator("html:is([data-desk=ready], [data-bench=ready])").wait_for(state="attached", timeout=60_000)
    page.wait_for_timeout(18_000)  # nobody has touched it by then
    # The tab is the only page open, so its process is the one that uses the most.
    start, began = _renderers(cdp), time.monotonic()
    page.wait_for_timeout(SECONDS * 1000)
    took, end = time.monotonic() - began, _renderers(cdp)
    used = {pid: cpu - start.get(pid, 0.0) for pid, cpu in end.items()}
    memory = max(_pss_mb(pid) for pid in end)
    context.close()
    return sum(used.values()) / took * 100, memory


def _renderers(cdp: CDPSession) -> dict[int, float]:
    rows = cdp.send("SystemInfo.getProcessInfo")["processInfo"]
    return {row["id"]: row["cpuTime"] for row in rows if row["type"] == "renderer"}


def _pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
