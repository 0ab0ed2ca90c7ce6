"""Indicators over a million bars in a worker of the tab against TA-Lib in CPython, and the chart's drawing against its library fed by hand.

    python -m tests.bench.bench_chart [indicators] [candles]
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import talib
from playwright.sync_api import Page, sync_playwright
from talib import abstract

from app.market.indicators import catalogue
from proxy.policy import headers
from tests.bench.results import emit, percentile
from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, serving
from tools.browsers import chromium

BARS = 1_000_000
REPEATS = 3
SLOW_MS = 400.0
"""One run is enough of what takes longer."""
CANDLES = 100_000
BAR_BY_BAR = ("HT_", "MAMA")
"""Left out of the figure over a million bars unless asked for with `all`: they go bar by bar, for minutes."""

MEASURE = f"""
import json, time
import numpy as np
from app.market.indicators import catalogue
size = {BARS}
rng = np.random.default_rng(11)
close = np.maximum(5.0, np.round(100 + np.cumsum(rng.normal(size=size)) * 0.02, 2))
opened = np.concatenate((close[:1], close[:-1]))
high = np.maximum(opened, close) + np.round(rng.random(size) * 0.1, 2)
low = np.minimum(opened, close) - np.round(rng.random(size) * 0.1, 2)
volume = np.round(rng.random(size) * 100, 1)
cols = dict(time=1.6e9 + 60.0 * np.arange(size), open=opened, high=high, low=low, close=close, volume=volume)

def best(work, repeats={REPEATS}):
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        took.append((time.perf_counter() - start) * 1000)
        if took[-1] > {SLOW_MS}:
            break
    return min(took)
"""
COMPILED = """
from app.market.indicators.compiled import Compiler
from app.platform.browser.wasm import Loaded
compiler = Compiler(type("Machine", (), {"load": staticmethod(Loaded)}))
"""
ALL = """
json.dumps({name: best(lambda item=item: item.build().array(cols, compiler)) for name, item in catalogue().items() if not name.startswith(left_out)})
"""
WORKER = """
import { loadPackages, loadPyodide } from "../app/platform/interpreter.mjs";
onmessage = async ({ data }) => {
  try {
    const pyodide = await loadPyodide();
    await loadPackages(pyodide, ["numpy"]);
    postMessage(pyodide.runPython(data));
  } catch (error) {
    postMessage(JSON.stringify({ failed: String(error) }));
  }
};
"""
RUN = """(code) => new Promise((resolve, reject) => {
  const worker = new Worker("worker/bench.mjs", { type: "module" });
  worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
  worker.onerror = (event) => reject(new Error(event.message));
  worker.postMessage(code);
})"""

# Until the frame after the change was drawn: the first callback runs before it, the second after.
FRAME = "const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));"
ROWS = """const rows = (count) => { const out = []; let price = 60000;
  for (let at = 0; at < count; at++) { const open = price; price += Math.sin(at / 9) * 5 + (at % 7) - 3;
    out.push([1600000000 + 60 * at, open, Math.max(open, price) + 4, Math.min(open, price) - 4, price, 1 + (at % 13)]); } return out; };"""
DESK_CHART = f"""async ([count, bars]) => {{
  {FRAME} {ROWS}
  const say = (message) => kontor.desk.dispatchEvent(new MessageEvent("message", {{ data: JSON.stringify(message) }}));
  const all = rows(count + bars), series = {{ symbol: "BTCUSDT", timeframe: "1m" }};
  const file = new Uint8Array(new Float64Array(all.slice(0, count).flat()).buffer);  // as the desk sends so many
  const whole = {{ text: JSON.stringify({{ t: "bars", ...series, reset: true, rows: [], gaps: [] }}), file }};
  await frame();
  const start = performance.now();
  kontor.desk.dispatchEvent(new MessageEvent("message", {{ data: whole }}));
  const handled = performance.now() - start;
  await frame();
  const first = performance.now() - start, took = [];
  for (let at = 0; at < bars; at++) {{
    await frame();
    const begin = performance.now();
    say({{ t: "tick", seq: 1e9 + at, recv_ms: null, quotes: [], bar: {{ ...series, rows: [all[count + at]] }} }});
    took.push(performance.now() - begin);
  }}
  return {{ first, handled, took }};
}}"""
BY_HAND = f"""async ([count, bars]) => {{
  {FRAME} {ROWS}
  const library = await import(new URL("vendor/lightweight-charts/lightweight-charts.standalone.production.mjs", document.baseURI).href);
  const place = document.createElement("div");
  place.setAttribute("data-bench", "");
  Object.assign(place.style, {{ position: "fixed", inset: "0", zIndex: 9, width: "530px", height: "480px" }});
  document.body.append(place);
  const chart = library.createChart(place, {{ autoSize: true }});
  const candles = chart.addSeries(library.CandlestickSeries, {{}}), volume = chart.addSeries(library.HistogramSeries, {{ priceScaleId: "volume" }});
  const all = rows(count + bars), text = JSON.stringify(all.slice(0, count));
  const candle = ([time, open, high, low, close]) => ({{ time, open, high, low, close }}), part = ([time, , , , , value]) => ({{ time, value }});
  await frame();
  const start = performance.now(), parsed = JSON.parse(text);
  candles.setData(parsed.map(candle));
  volume.setData(parsed.map(part));
  await frame();
  const first = performance.now() - start, took = [];
  for (let at = 0; at < bars; at++) {{
    await frame();
    const begin = performance.now(), row = JSON.parse(JSON.stringify(all[count + at]));
    candles.update(candle(row));
    volume.update(part(row));
    took.push(performance.now() - begin);
  }}
  chart.remove();
  place.remove();
  return {{ first, took }};
}}"""


def main() -> None:
    """Print the figures."""
    wanted = sys.argv[1:] or ["indicators", "candles"]
    path, arguments = chromium()
    with serving(SITE) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        desk = DeskPage(page, server.url)
        desk.open()
        desk.pause()
        if "indicators" in wanted:
            indicators(page, () if "all" in wanted else BAR_BY_BAR)
        if "candles" in wanted:
            candles(page)
        browser.close()


def indicators(page: Page, left_out: tuple[str, ...]) -> None:
    """Every indicator in the tab; those that TA-Lib has against it."""
    kind = {**headers("bench.mjs"), "content-type": "text/javascript"}
    page.route("**/worker/bench.mjs", lambda route: route.fulfill(headers=kind, body=WORKER))
    ours = json.loads(page.evaluate(RUN, f"left_out = {left_out!r} or ('?',)\n{MEASURE}{COMPILED}{ALL}"))
    if "failed" in ours:
        raise RuntimeError(ours["failed"])
    space: dict = {}
    exec(compile(MEASURE, "measure", "exec"), space)
    cols = {name: value for name, value in space["cols"].items() if name != "time"}
    theirs = {}
    for name in sorted(set(talib.get_functions()) & ours.keys()):
        theirs[name] = space["best"](lambda name=name: abstract.Function(name)(cols))
    ratios = sorted((ours[name] / took, name) for name, took in theirs.items())
    median = statistics.median(ratio for ratio, _name in ratios)
    middle = ratios[len(ratios) // 2][1]
    emit(f"indicators_1m_bars_median ({middle})", ours[middle], "ms", "TA-Lib in CPython, the same bars", median, len(ratios))
    for at in (0.25, 0.75, 0.9):
        ratio, name = ratios[int(at * len(ratios))]
        emit(f"indicators_1m_bars_p{at * 100:.0f} ({name})", ours[name], "ms", "TA-Lib in CPython, the same bars", ratio, len(ratios))
    ratio, name = ratios[-1]
    emit(f"indicators_1m_bars_slowest_ratio ({name})", ours[name], "ms", "TA-Lib in CPython, the same bars", ratio, 1)
    took, name = max((took, name) for name, took in ours.items())
    emit(f"indicators_1m_bars_slowest ({name})", took, "ms", "none", None, len(ours))
    steps()


def steps() -> None:
    """The bar by bar form, in CPython: microseconds a bar and indicator."""
    bars = [(60 * at, 100.0 + at % 7, 103.0 + at % 5, 97.0 + at % 3, 101.0 + at % 6, 5.0 + at % 11) for at in range(3000)]
    took = []
    for item in catalogue().values():
        running = item.build().start()
        start = time.perf_counter()
        for bar in bars:
            running.step(bar)
        took.append(((time.perf_counter() - start) / len(bars) * 1e6, item.name))
    took.sort()
    emit("indicator_step_median_cpython", took[len(took) // 2][0], "us", "none", None, len(took))
    emit(f"indicator_step_slowest_cpython ({took[-1][1]})", took[-1][0], "us", "none", None, 1)


def candles(page: Page) -> None:
    """First paint of many candles, and a new bar."""
    page.locator(".chart-canvas canvas").first.wait_for()
    page.locator('[data-timeframe="1m"]').click()
    hand = page.evaluate(BY_HAND, [CANDLES, 100])
    ours = page.evaluate(DESK_CHART, [CANDLES, 100])
    yardstick = "lightweight-charts fed from JavaScript"
    emit("chart_100k_first_paint", ours["first"], "ms", yardstick, ours["first"] / hand["first"], 1)
    for name, fraction in (("p50", 0.5), ("p99", 0.99)):
        mine, by_hand = percentile(ours["took"], fraction), percentile(hand["took"], fraction)
        emit(f"chart_100k_new_bar_{name}", mine, "ms", yardstick, mine / max(by_hand, 0.005), len(ours["took"]))


if __name__ == "__main__":
    main()
