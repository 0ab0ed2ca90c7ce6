"""Tables under load in Chromium: a watchlist of 500 instruments that all change, and rows a second into a live view of 500 rows.

    python -m tests.bench.bench_tables [seconds]

The watchlist is a whole desk on an emulated exchange over a real socket: frames drawn a second, and the share of its time that the page's
thread works. Rows a second: the same messages of 500 rows each to the page's own code, text nodes and all, and to a table with a view of
@perspective-dev/client in the same browser, which is asked for the rows in sight and draws nothing.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.bench.results import emit
from tests.e2e.desk import DeskPage
from tests.e2e.serving import ROOT, binance_emulator, serving
from tools.browsers import chromium

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 15.0
ROWS = 500
RECORDING = ROOT / "recordings" / "binance-btcusdt-2024.jsonl.gz"
QUOTE_EVERY_NS, TRADE_EVERY_NS, LENGTH_NS = 250_000_000, 500_000_000, 60_000_000_000

INSTRUMENTS = """(count) => kontor.desk.dispatchEvent(new MessageEvent("message", { data: JSON.stringify({ t: "instruments", rows:
  Array.from({ length: count }, (_, at) => ({ symbol: `COIN${at}USDT`, venue: "many", base: `COIN${at}`, quote: "USDT", price_scale: 2,
    size_scale: 5, tick: "0.01", lot: "0.00001", min_size: "0.00001", min_notional: "5" })) }) }))"""
MESSAGES = """(rows) => {
  const text = (value) => value.toFixed(2);
  window.messages = Array.from({ length: 40 }, (_, round) => JSON.stringify({ t: "tick", seq: 1e9 + round, recv_ms: null,
    quotes: Array.from({ length: rows }, (_, at) => {
      const price = 100 + at + ((round * 7 + at) % 40) / 10;
      return [`COIN${at}USDT`, text(price - 0.01), text(price + 0.01), text(price), "+" + text(1 + (round % 9) / 10), round % 2 ? 1 : -1, null];
    }) }));
}"""
INTO_PAGE = """async (seconds) => {
  const frame = () => new Promise(requestAnimationFrame);
  let count = 0;
  const start = performance.now();
  while (performance.now() - start < seconds * 1000) {
    const until = performance.now() + 14;
    while (performance.now() < until) {
      kontor.desk.dispatchEvent(new MessageEvent("message", { data: window.messages[count % window.messages.length] }));
      count++;
    }
    await frame();
  }
  return count / ((performance.now() - start) / 1000);
}"""
INTO_PERSPECTIVE = """async (seconds) => {
  const { default: perspective } = await import(new URL("bench/@perspective-dev/client/dist/cdn/perspective.js", document.baseURI));
  const client = await perspective.worker();
  const names = ["symbol", "bid", "ask", "last", "change", "direction"];
  const columns = (text) => {
    const quotes = JSON.parse(text).quotes;
    return Object.fromEntries(names.map((name, at) => [name, quotes.map((quote) => quote[at])]));
  };
  const table = await client.table(columns(window.messages[0]), { index: "symbol" });
  const view = await table.view();
  let count = 0;
  const start = performance.now();
  while (performance.now() - start < seconds * 1000) {
    await table.update(columns(window.messages[count % window.messages.length]));
    const seen = await view.to_columns({ start_row: 0, end_row: 40 });
    if (seen.symbol.length !== 40) throw new Error("the view is not live");
    count++;
  }
  return count / ((performance.now() - start) / 1000);
}"""
FRAMES = """(seconds) => new Promise((resolve) => {
  let frames = 0, changes = 0;
  const observer = new MutationObserver((records) => { changes += records.length; });
  observer.observe(document.querySelector(".watch-body"), { subtree: true, characterData: true });
  const start = performance.now();
  const next = (now) => {
    frames++;
    if (now - start < seconds * 1000) requestAnimationFrame(next);
    else { observer.disconnect(); resolve([frames * 1000 / (now - start), changes * 1000 / (now - start)]); }
  };
  requestAnimationFrame(next);
})"""


def main() -> None:
    """Print the figures."""
    site = ROOT / "build" / "bench-site"
    shutil.copytree(ROOT / "build" / "site", site, dirs_exist_ok=True)
    shutil.copytree(ROOT / "node_modules" / "@perspective-dev", site / "bench" / "@perspective-dev", dirs_exist_ok=True)
    path, arguments = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        with serving(site) as server:
            rows_a_second(browser, server.url)
        with tempfile.TemporaryDirectory() as folder:
            clones = [f"C{number:03}USDT" for number in range(ROWS - 1)]
            recording = thinned(Path(folder) / "many.jsonl")
            with binance_emulator("--recording", str(recording), "--clones", ",".join(clones), "--now") as emulator:
                origins = f"{emulator['ws'].rsplit('/', 1)[0]} {emulator['rest'].split('/api')[0]}"
                with serving(site, origins) as server:
                    all_changing(browser, server.url, emulator, ["BTCUSDT", *clones])
        browser.close()


def thinned(path: Path) -> Path:
    """The recorded session with a quote every quarter and a trade every half of a second, and no depth: for many instruments at once."""
    due = {"bookTicker": 0, "trade": 0}
    every = {"bookTicker": QUOTE_EVERY_NS, "trade": TRADE_EVERY_NS}
    first = None
    with gzip.open(RECORDING, "rt") as source, path.open("w") as out:
        for line in source:
            row = json.loads(line)
            if row["dir"] == "recv":
                kind = row["raw"][: row["raw"].index('",')].partition("@")[2] if row["raw"].startswith('{"stream":"') else ""
                first = row["t"] if first is None else first
                if kind not in due or row["t"] < due[kind] or row["t"] - first > LENGTH_NS:
                    continue
                due[kind] = row["t"] + every[kind]
            out.write(line)
    return path


def rows_a_second(browser: Browser, url: str) -> None:
    """The same messages into the page and into the yardstick, each alone."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page = context.new_page()
    desk = DeskPage(page, url)
    desk.open(speed=1)
    page.wait_for_function("() => document.querySelector('[data-testid=ticket-submit]')?.disabled === false")
    desk.pause()
    page.evaluate(INSTRUMENTS, ROWS)
    page.evaluate(MESSAGES, ROWS)
    page.evaluate(INTO_PAGE, 1)
    ours = page.evaluate(INTO_PAGE, SECONDS / 3) * ROWS
    theirs = page.evaluate(INTO_PERSPECTIVE, SECONDS / 3) * ROWS
    context.close()
    emit("rows_into_live_view", ours, "rows/s", "@perspective-dev/client table and view, drawing nothing", ours / theirs, ROWS)


def all_changing(browser: Browser, url: str, emulator: dict, symbols: list[str]) -> None:
    """Every row four quotes and two trades a second, sorted by a moving column, with a line in each row and without."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    desk = DeskPage(page, url)
    desk.open(venue="binance", binance_ws=emulator["ws"], binance_rest=emulator["rest"], binance_symbols=",".join(symbols))
    page.wait_for_function("count => document.querySelector('.watch-grid').getAttribute('aria-rowcount') === String(count + 1)", arg=len(symbols))
    desk.follow()
    page.wait_for_timeout(8_000)  # the first rush
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    for name in ("", "_chosen_columns"):
        if name:
            page.locator("[data-testid=watch-columns] summary").click()
            for key in ("spark", "hour", "spread", "volume"):
                page.locator(f"[data-testid=watch-columns] input[value={key}]").check()
            page.keyboard.press("Escape")
            page.locator(".watch-head [data-sort=change]").click()
            page.mouse.move(700, 300)
            page.wait_for_timeout(2_000)
        before, at = _busy(session)
        frames, changes = page.evaluate(FRAMES, SECONDS)
        after, end = _busy(session)
        share = (after - before) / (end - at) * 100
        emit(f"watchlist_500_frames{name}", frames, "fps", "goal 55", frames / 55, round(changes))
        emit(f"watchlist_500_page_thread{name}", share, "%", "goal 40", share / 40, round(desk.seen()["latest"]["stats"]["ticks_per_s"]))
    page.close()


def _busy(session) -> tuple[float, float]:
    rows = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}
    return rows["TaskDuration"], rows["Timestamp"]


if __name__ == "__main__":
    main()
