"""A real account in Chromium against the emulated exchange on loopback: press to the wire and to the venue's answer, with either kind of key, in a quiet
market and with 10,000 ticks a second arriving.

    python -m tests.bench.bench_execution [orders] [speed of the quiet market] [ticks a second of the fast one]

The yardstick is a bare client in CPython that signs and places the same orders over its own socket, in the same run. Press to the wire is until the
exchange has read the request, by this computer's clock. In the fast market a generator (market_server.py) is the market socket of the desk; orders,
listings, snapshots and the account stay with the emulated exchange. There the desk has to keep up: what came a second while the orders were placed is
printed, and the run fails if that is less than nearly all that was sent.
"""

from __future__ import annotations

import hmac
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlencode

from websockets.sync.client import connect

from tests.bench.bare_browser import BarePage, bare_page
from tests.bench.results import emit, percentile
from tests.e2e.desk import PASSPHRASE
from tests.e2e.serving import SITE, binance_emulator, saying, serving
from tests.venues.exec_sdks import ED_KEY, ED_PEM, ED_PUBLIC, KEY, SECRET

ORDERS = int(sys.argv[1]) if len(sys.argv) > 1 else 150
SPEED = sys.argv[2] if len(sys.argv) > 2 else "1"
FAST = float(sys.argv[3]) if len(sys.argv) > 3 else 10_000.0
SYMBOLS = ["BTCUSDT", *(f"C{number:02}USDT" for number in range(1, 50))]
"""Of the fast market: so many have their books within the weight of requests that the desk takes in a minute."""
SENT = FAST + 10 * len(SYMBOLS)
"""Of the fast market a second: ten differences of each book come on top."""
KEPT_UP = 0.98
WARM_S = 30
HANDS = (Path(__file__).parent / "pages" / "hands.js").read_text()
"""What a trader's hands do in the page."""
BALANCES = {"USDT": "1000000", "BTC": "2"}
KEYS = (("hmac", {"api_key": KEY, "secret": SECRET}), ("ed25519", {"api_key": ED_KEY, "public": ED_PUBLIC.decode()}))


def main() -> None:
    """Both keys in both markets, one after the other."""
    for fast in (False, True):
        for name, about in KEYS:
            with market(fast) as (said, streams):
                one_key(name, about, said, streams)


@contextmanager
def market(fast: bool) -> Iterator[tuple[dict, dict]]:
    """The emulated exchange, and where the desk's market data comes from: {"ws", "pid"}; without "pid" from the exchange itself."""
    with ExitStack() as stack:
        said = stack.enter_context(binance_emulator("--speed", SPEED, "--now", "--mirrors", ",".join(SYMBOLS[1:]) if fast else ""))
        if not fast:
            yield said, {"ws": said["ws"]}
            return
        told = "--like", said["ws"], "--symbols", ",".join(SYMBOLS), "--rate", str(FAST)
        yield said, stack.enter_context(saying("tests.bench.market_server", *told))


def one_key(name: str, about: dict, said: dict, streams: dict) -> None:
    """Place the orders and print what they took."""
    base, fast = f"http://127.0.0.1:{said['port']}", "pid" in streams
    body = json.dumps({**about, "uid": 1, "balances": BALANCES}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{base}/admin/account", body), timeout=10).close()
    bare = bare_client(said["api"]) if name == "hmac" and not fast else None
    with serving(SITE, f"{base} ws://127.0.0.1:{said['port']} {streams['ws'].removesuffix('/stream')}") as server:
        with bare_page() as page:
            acks, pressed, found = orders(page, server.url, said, streams, name)
    with urllib.request.urlopen(f"{base}/admin/orders", timeout=10) as answer:
        arrived = [ns / 1e6 for ns in json.load(answer)["arrived_ns"][-ORDERS:]]
    wire = [came - went for came, went in zip(arrived, pressed, strict=True)]
    name = f"{name}_fast" if fast else name
    for fraction, label in ((0.5, "p50"), (0.99, "p99")):
        ack = percentile(acks, fraction)
        yardstick = (f"bare client {label}", ack / percentile(bare, fraction)) if bare else ("none", None)
        emit(f"real_click_to_ack_{name}_{label}", ack, "ms", *yardstick, len(acks))
    for fraction, label in ((0.5, "p50"), (0.99, "p99")):
        value = percentile(wire, fraction)
        emit(f"real_click_to_wire_{name}_{label}", value, "ms", "10 ms" if label == "p99" else "none", value / 10 if label == "p99" else None, len(wire))
    emit(f"real_ticks_{name}", found["ticks_per_s"], "1/s", f"{FAST:,.0f} ticks a second", found["ticks_per_s"] / FAST, 1)
    emit(f"real_click_to_journal_{name}_p99", found["click_to_journal"]["p99"], "ms", "none", None, found["click_to_journal"]["count"])
    if fast:
        emit(f"real_frame_to_engine_{name}_p99", found["frame_to_engine"]["p99"], "ms", "none", None, found["frame_to_engine"]["count"])
        emit(f"real_generator_{name}", 100 * found["generator"], "% core", "none", None, 1)
        if found["ticks_per_s"] < KEPT_UP * SENT:
            raise SystemExit(f"the desk did not keep up: {found['ticks_per_s']:,.0f} of {SENT:,.0f} events a second came")


def orders(page: BarePage, url: str, said: dict, streams: dict, name: str) -> tuple[list[float], list[float], dict]:
    """Limit orders far below the market, one after another; ms from press to the answer, when each was pressed (epoch ms), and the worker's histograms."""
    fast = "pid" in streams
    query = {"venue": "binance", "account": "binance", "binance_symbols": ",".join(SYMBOLS) if fast else SYMBOLS[0]}
    query |= {"binance_ws": streams["ws"], "binance_rest": said["rest"], "binance_trade": said["api"]}
    page.go(f"{url}/?{urlencode(query)}")
    page.until("document.readyState === 'complete' && location.protocol === 'http:'")
    page.run(HANDS)
    hmac_key = name == "hmac"
    kind, api_key, secret = ("HMAC-SHA256", KEY, SECRET) if hmac_key else ("Ed25519", ED_KEY, ED_PEM.decode().replace("\n", ""))
    page.run(f"hands.arm({json.dumps([PASSPHRASE, kind, api_key, secret])})")
    if fast:
        warm_up(page)
    before, began, spent = health(page)["counters"]["events"], time.monotonic(), cpu_s(streams.get("pid"))
    acks, pressed = page.run(f"hands.orders({ORDERS}, 5000)", 600)
    report, took = health(page), time.monotonic() - began
    found = {row["name"]: row for row in report["histograms"]}
    found |= {"ticks_per_s": (report["counters"]["events"] - before) / took, "generator": (cpu_s(streams.get("pid")) - spent) / took}
    return acks, pressed, found


def health(page: BarePage) -> dict:
    """What the desk's worker says of itself."""
    return page.run("hands.ask({ do: 'health' })")


def warm_up(page: BarePage) -> None:
    """Until the market comes in columns and as fast as it is sent; books are there by then."""
    until = time.monotonic() + WARM_S
    while (counters := health(page)["counters"])["ticks_per_s"] < KEPT_UP * FAST or counters["instruments_in_columns"] < len(SYMBOLS):
        if time.monotonic() > until:
            raise SystemExit(f"the fast market did not come within {WARM_S} s: {counters}")
        time.sleep(0.5)


def cpu_s(pid: int | None) -> float:
    """What a process has used of the processor; 0 without one."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
