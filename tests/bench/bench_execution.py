"""A real account in Chromium against the emulated exchange on loopback: press to the venue's answer, with either kind of key.

    python -m tests.bench.bench_execution [orders] [speed of the market]

The yardstick is a bare client in CPython that signs and places the same orders over its own socket, in the same run. Press to the wire is until the
exchange has read the request, by this computer's clock.
"""

from __future__ import annotations

import hmac
import json
import sys
import time
import urllib.request

from playwright.sync_api import Browser, sync_playwright
from websockets.sync.client import connect

from tests.bench.bench_desk import COLLECT, COLLECTED
from tests.bench.results import emit, percentile
from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, binance_emulator, serving
from tests.venues.exec_sdks import ED_KEY, ED_PEM, ED_PUBLIC, KEY, SECRET
from tools.browsers import chromium

ORDERS = int(sys.argv[1]) if len(sys.argv) > 1 else 150
SPEED = sys.argv[2] if len(sys.argv) > 2 else "1"
PRESSED = """() => {
  window.pressed = [];
  new PerformanceObserver((list) => {
    for (const m of list.getEntries()) if (m.name === "kontor:order-to-ack") window.pressed.push(performance.timeOrigin + m.startTime);
  }).observe({ type: "measure", buffered: false });
}"""
BALANCES = {"USDT": "1000000", "BTC": "2"}
KEYS = (("hmac", {"api_key": KEY, "secret": SECRET}), ("ed25519", {"api_key": ED_KEY, "public": ED_PUBLIC.decode()}))


def main() -> None:
    """Both keys, one after the other."""
    path, arguments = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        for name, about in KEYS:
            with binance_emulator("--speed", SPEED, "--now") as said:
                base = f"http://127.0.0.1:{said['port']}"
                body = json.dumps({**about, "uid": 1, "balances": BALANCES}).encode()
                urllib.request.urlopen(urllib.request.Request(f"{base}/admin/account", body), timeout=10).close()
                if name == "hmac":
                    bare = bare_client(said["api"])
                with serving(SITE, f"{base} ws://127.0.0.1:{said['port']}") as server:
                    acks, pressed, health = orders(browser, server.url, said, name)
                with urllib.request.urlopen(f"{base}/admin/orders", timeout=10) as answer:
                    arrived = [ns / 1e6 for ns in json.load(answer)["arrived_ns"][-ORDERS:]]
            for fraction, label in ((0.5, "p50"), (0.99, "p99")):
                ack = percentile(acks, fraction)
                emit(f"real_click_to_ack_{name}_{label}", ack, "ms", f"bare client {label}", ack / percentile(bare, fraction), len(acks))
            wire = [came - went for came, went in zip(arrived, pressed, strict=True)]
            for fraction, label in ((0.5, "p50"), (0.99, "p99")):
                emit(f"real_click_to_wire_{name}_{label}", percentile(wire, fraction), "ms", "none", None, len(wire))
            emit(f"real_ticks_{name}", health["ticks_per_s"], "1/s", "10,000 ticks a second", health["ticks_per_s"] / 1e4, 1)
            emit(f"real_click_to_journal_{name}_p99", health["click_to_journal"]["p99"], "ms", "none", None, health["click_to_journal"]["count"])
        browser.close()


def orders(browser: Browser, url: str, said: dict, name: str) -> tuple[list[float], list[float], dict]:
    """Limit orders far below the market, one after another; ms from press to the answer, when each was pressed (epoch ms), and the worker's histograms."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    desk = DeskPage(page, url)
    desk.open(venue="binance", account="binance", binance_symbols="BTCUSDT", binance_ws=said["ws"], binance_rest=said["rest"], binance_trade=said["api"])
    desk.create_vault()
    desk.go("vault")
    desk.by("real-kind").select_option("HMAC-SHA256" if name == "hmac" else "Ed25519")
    desk.by("real-api-key").fill(KEY if name == "hmac" else ED_KEY)
    desk.by("real-secret").fill(SECRET if name == "hmac" else ED_PEM.decode().replace("\n", ""))
    desk.by("real-key-keep").click()
    desk.by("real-state", state="ready").wait_for(timeout=30_000)
    desk.by("real-arm").click()
    desk.by("real-arm-confirm").click()
    desk.go("desk")
    price = desk.quote()[0] - 5000
    page.evaluate(COLLECT, "kontor:order-to-ack")
    page.evaluate(PRESSED)
    for number in range(ORDERS):
        desk.submit(kind="limit", qty="0.001", price=str(price))
        page.evaluate(COLLECTED, number + 1)
    acks = page.evaluate("() => window.collected")
    report, pressed = desk.ask("health"), page.evaluate("() => window.pressed")
    health = {row["name"]: row for row in report["histograms"]} | {"ticks_per_s": report["counters"]["ticks_per_s"]}
    context.close()
    return acks, pressed, health


def bare_client(url: str) -> list[float]:
    """The same orders by hand; ms from signing to the answer."""
    took = []
    with connect(url, proxy=None) as socket:
        for number in range(ORDERS):
            start = time.perf_counter()
            params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001", "price": "50000"}
            params |= {"newClientOrderId": f"bare-{number}", "timestamp": time.time_ns() // 10**6, "apiKey": KEY}
            text = "&".join(f"{key}={params[key]}" for key in sorted(params))
            params["signature"] = hmac.digest(SECRET.encode(), text.encode(), "sha256").hex()
            socket.send(json.dumps({"id": number, "method": "order.place", "params": params}))
            answer = json.loads(socket.recv())
            took.append((time.perf_counter() - start) * 1000)
            assert answer["status"] == 200, answer
            name = {"symbol": "BTCUSDT", "orderId": answer["result"]["orderId"], "timestamp": time.time_ns() // 10**6, "apiKey": KEY}
            text = "&".join(f"{key}={name[key]}" for key in sorted(name))
            name["signature"] = hmac.digest(SECRET.encode(), text.encode(), "sha256").hex()
            socket.send(json.dumps({"id": f"c{number}", "method": "order.cancel", "params": name}))
            socket.recv()
    return took


if __name__ == "__main__":
    main()
