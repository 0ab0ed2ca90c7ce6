"""Forty strategies that each submit and cancel an order every second on a desk with a vault, while the recorded market is played fast.

    python -m tests.bench.bench_strategies [seconds] [speed of the recording]

A strategy here is what the desk sees of one: requests over the worker's port, each with a token of its own. Order to acknowledged is from posting
the request to its answer, which comes once the order is durable and the venue has answered. The yardstick is the same requests by one strategy alone,
in the same run. Whether a queue grows: the answers of the first and of the last third.
"""

from __future__ import annotations

import sys
from statistics import median

from playwright.sync_api import Playwright, sync_playwright

from tests.bench.profile import profile
from tests.bench.results import emit, percentile
from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, serving

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
SPEED = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
STRATEGIES = 40

# Each strategy begins at its own place in the second. An answer that is late makes the next order late, as it would a strategy's.
STRATEGIES_RUN = """async ([count, seconds, price]) => {
  const waiting = new Map();
  let id = 5e12;
  const hear = ({ data }) => {
    if (typeof data !== "string" || !data.includes('"t":"reply"')) return;
    const reply = JSON.parse(data);
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  };
  kontor.desk.addEventListener("message", hear);
  const ask = (request) => new Promise((resolve) => {
    waiting.set(++id, resolve);
    kontor.desk.postMessage(JSON.stringify({ ...request, id }));
  });
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const order = { symbol: "BTCUSDT", side: "buy", type: "limit", tif: "gtc", qty: "0.001", stop: null, post_only: false, reduce_only: false };
  const acks = [], cancels = [], failures = [], end = performance.now() + seconds * 1000;
  const strategy = async (number) => {
    await sleep((number * 1000) / count);
    for (let round = 0; performance.now() < end; round++) {
      const start = performance.now();
      const placed = await ask({ do: "order.submit", token: `s${count}-${number}-${round}`, ...order, price: String(price - number) });
      acks.push([start, performance.now() - start]);
      if (!placed.ok || placed.result.status !== "accepted") { failures.push(JSON.stringify(placed)); break; }
      await sleep(200);
      const asked = performance.now();
      const cancelled = await ask({ do: "order.cancel", client_order_id: placed.result.client_order_id });
      cancels.push(performance.now() - asked);
      if (!cancelled.ok) { failures.push(JSON.stringify(cancelled)); break; }
      await sleep(Math.max(0, start + 1000 - performance.now()));
    }
  };
  await Promise.all(Array.from({ length: count }, (_, number) => strategy(number)));
  kontor.desk.removeEventListener("message", hear);
  return { acks, cancels, failures };
}"""


def main() -> None:
    """One strategy, then forty."""
    with sync_playwright() as playwright, serving(SITE) as server:
        alone, _rate = run(playwright, server.url, 1)
        many, rate = run(playwright, server.url, STRATEGIES)
    emit("strategies_ticks", rate, "1/s", "10,000 ticks a second", rate / 10_000, 1)
    for fraction, label in ((0.5, "p50"), (0.99, "p99")):
        value, other = (percentile([took for _at, took in each["acks"]], fraction) for each in (many, alone))
        emit(f"strategies_order_to_ack_{label}", value, "ms", "one strategy alone", value / other, len(many["acks"]))
    value = percentile(many["cancels"], 0.99)
    emit("strategies_cancel_p99", value, "ms", "one strategy alone", value / percentile(alone["cancels"], 0.99), len(many["cancels"]))
    took = [took for _at, took in sorted(many["acks"])]
    third = len(took) // 3
    first, last = median(took[:third]), median(took[-third:])
    emit("strategies_queue", last, "ms", "the first third of the same run (p50)", last / first, third)


def run(playwright: Playwright, url: str, strategies: int) -> tuple[dict, float]:
    """What the strategies saw, and market events a second meanwhile."""
    with profile(playwright) as context:
        desk = DeskPage(context.pages[0], url)
        desk.open(speed=SPEED)
        desk.create_vault()
        desk.ask("paper.settings", latency_ms="0")
        price = int(desk.quote()[0]) - 5000
        before = desk.ask("health")
        found = context.pages[0].evaluate(STRATEGIES_RUN, [strategies, SECONDS, price])
        after = desk.ask("health")
    if found["failures"]:
        raise SystemExit(f"a strategy was refused: {found['failures'][:3]}")
    return found, (after["counters"]["events"] - before["counters"]["events"]) / SECONDS


if __name__ == "__main__":
    main()
