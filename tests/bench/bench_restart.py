"""A restart over a long journal in Chromium: from the unlock to orders being taken, with a journal of 100,000 events.

    python -m tests.bench.bench_restart [events]

The journal is made natively through the engine, restored into a vault through the page as any export, opened once so that its snapshots
are made as in production, and then opened again after a reload. The yardsticks of the same run: a vault with next to no journal, and the first
opening, which replays all of it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from app.model import events
from app.model.orders import Fill, Liquidity, OrderIntent, OrderType, Side, TimeInForce, client_order_id
from app.platform.native import build
from app.platform.native.age import NativeFiles
from app.trading.engine import Engine
from app.trading.journal import encode, number
from app.vault import KdfPolicy, Vault
from app.vault.exporting import export_vault
from tests.bench.results import emit
from tests.e2e.desk import PASSPHRASE, DeskPage
from tests.e2e.serving import SITE, serving
from tools.browsers import chromium

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
ROUNDS = 3
START_NS = 1_790_000_000 * 10**9

# ms from the unlock to the message that says that orders are taken.
UNLOCK = """(words) => new Promise((resolve, reject) => {
  const start = performance.now();
  const patience = setTimeout(() => reject(new Error("orders were never taken")), 120_000);
  kontor.desk.addEventListener("message", ({ data }) => {
    if (typeof data !== "string" || !data.includes('"order_state"')) return;
    const message = JSON.parse(data);
    if (message.t === "order_state" && message.accepting) { clearTimeout(patience); resolve(performance.now() - start); }
  });
  const secret = new TextEncoder().encode(words);
  kontor.desk.postMessage({ do: "vault.unlock", id: 7e12, args: "{}", secret }, [secret.buffer]);
})"""


class _Clock:
    def now_ns(self) -> int:
        return START_NS


def journal(count: int) -> Iterator[list[events.Event]]:
    """Orders one after another, each with the records a desk writes: intent, answer, and a fill or a cancel."""
    account, ts, done, sequence = "paper-bench", START_NS, 1, 0
    yield [events.AccountOpened(ts, account, "USDT", Decimal(100_000))]
    while done < count:
        sequence += 1
        ts += 700_000_000
        cid, side = client_order_id(account, "desk", sequence), Side.BUY if sequence % 2 else Side.SELL
        price, qty = Decimal(8_500_000 + sequence * 37 % 90_000).scaleb(-2), Decimal(1 + sequence % 7).scaleb(-3)
        yield [events.OrderSubmitted(ts, OrderIntent(cid, account, "desk", sequence, "BTCUSDT", side, OrderType.LIMIT, TimeInForce.GTC, qty, price))]
        yield [events.OrderSent(ts + 1, cid), events.OrderAccepted(ts + 2, cid, f"p{sequence}")]
        if sequence % 5 < 3:
            fee = (price * qty).scaleb(-3).quantize(Decimal("1e-8"))
            yield [events.OrderFilled(ts + 3, Fill(f"{cid}-1", cid, "BTCUSDT", side, qty, price, fee, "USDT", Liquidity.MAKER, ts + 3))]
            done += 4
        else:
            yield [events.OrderCancelRequested(ts + 3, cid)]
            yield [events.OrderCancelled(ts + 4, cid, "cancelled by the trader")]
            done += 5


async def made(count: int) -> bytes:
    """An export of a vault with that journal."""
    platform, records, first = build(None), [], 1
    engine = Engine("paper-bench", _Clock())
    for batch in journal(count):
        entries = number(batch, first)
        for entry in entries:
            engine.apply_entry(entry)
        records.append(("journal", f"{first:012d}", encode(entries)))
        first += len(entries)
    assert not engine.anomalies and engine.last_seq >= count
    quick = KdfPolicy(floor=1_000, target_s=0.0, memory_kib=0)
    await platform.store.open()
    vault = await Vault.create(platform.store, platform.crypto, platform.clock, platform.entropy, bytearray(PASSPHRASE.encode()), records, kdf=quick)
    exported = await export_vault(vault, NativeFiles(work_factor=10), platform.crypto, platform.clock, bytearray(PASSPHRASE.encode()), "bench")
    return bytes(exported.file)


def main() -> None:
    """Restore, open, reload, open."""
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        kept = Path(f"build/bench/journal-{EVENTS}.age")
        if not kept.exists():
            file = asyncio.run(made(EVENTS))
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(file)
        file = kept.read_bytes()
        print(f"an export of {len(file)} bytes, ready after {time.perf_counter() - began:.1f} s", file=sys.stderr)
        path, arguments = chromium()
        with sync_playwright() as playwright, serving(SITE, "") as server:
            for what in ("empty", "long"):
                context = playwright.chromium.launch_persistent_context(str(Path(folder) / what), executable_path=path, args=arguments)
                page = context.pages[0]
                desk = DeskPage(page, server.url)
                desk.open()
                first = None
                if what == "empty":
                    desk.create_vault()
                else:
                    preview, _ = desk.ask_with("vault.restore_preview", secret=PASSPHRASE, file=file)
                    desk.ask_with("vault.restore", secret=PASSPHRASE, preview=preview["preview"], choices={})
                    first = reopened(desk)
                    seconds = 0
                    while (state := desk.ask("journal.state")["snapshot"]) is None or state["behind"] > 1_000:
                        page.wait_for_timeout(500)
                        seconds += 0.5
                    print(f"snapshots were there {seconds} s after that opening: {state}", file=sys.stderr)
                took = sorted(reopened(desk) for _ in range(ROUNDS))
                if what == "empty":
                    empty = took[ROUNDS // 2]
                    emit("restart_empty_unlock_to_tradable", empty, "ms", "none", None, ROUNDS)
                else:
                    emit("restart_long_unlock_to_tradable", took[ROUNDS // 2], "ms", "next to no journal", took[ROUNDS // 2] / empty, ROUNDS)
                    emit("restart_long_without_snapshot", first, "ms", "next to no journal", first / empty, 1)
                context.close()


def reopened(desk: DeskPage) -> float:
    """Reload the page, unlock, wait until orders are taken; ms."""
    desk.page.reload()
    desk.wait_ready()
    return desk.page.evaluate(UNLOCK, PASSPHRASE)


if __name__ == "__main__":
    main()
