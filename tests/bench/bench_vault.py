"""The vault's figures in a real Chromium with its profile on the disk, each beside the same bytes through bare IndexedDB in the same
run, driven from JavaScript and from Python, and beside npm secure-ls.

`python -m tests.bench.bench_vault` needs the built site. RECORDS=n for another size than 100,000 records.
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.bench.profile import profile
from tests.bench.results import emit, percentile
from tests.e2e.vaultpage import VaultPage, vault_page

ROUNDS = 3
RECORDS = int(os.environ.get("RECORDS", "100000"))
BARE = Path(__file__).parent / "bare.mjs"
SECURE_LS = Path(__file__).resolve().parents[2] / "node_modules" / "secure-ls" / "dist" / "secure-ls.min.js"
PAYLOAD = '{"e":"OrderSubmitted","ts":1700000000000000000,"account":"paper","symbol":"BTCUSDT"}' * 4
COMMON = """
import gc
gc.set_threshold(50_000, 20, 20)  # as the desk worker does
platform = await platform_of("bench")
store, now = platform.store, js.performance.now
bare, db = await js.beside("bare.mjs"), platform.store._db
payload = given.payload.encode()
value = js.Uint8Array.new(payload)

async def timed(count, operation):
    samples = []
    for number in range(count):
        start = now()
        await operation(number)
        samples.append(now() - start)
    return samples

async def once(operation):
    start = now()
    await operation
    return now() - start

async def raw_put(number):
    await store.put("raw", f"{number:012d}", payload)

async def raw_get(number):
    assert await store.get("raw", f"{number:012d}") == payload
"""
SMALL = (
    COMMON
    + """
vault = await made(platform, KdfPolicy())
await vault.lock()
figures = {"unlock": []}
for _ in range(given.rounds):
    figures["unlock"].append(await once(vault.unlock(copy_of(given.words))))
    figures["kdf"] = vault.slots[0].kdf.name
    await vault.lock()
await vault.unlock(copy_of(given.words))

async def append(number):
    await vault.append("journal", [(f"{number:012d}", payload)])

async def cold(number):
    assert await vault.get("journal", f"{number:012d}", fresh=True) == payload

async def warm(number):
    assert await vault.get("journal", f"{number:012d}") == payload

await timed(50, append)
for number in range(given.rounds):
    first = 100 + number * 1000
    for name, operation in (("append", append), ("raw put", raw_put), ("cold", cold), ("raw get", raw_get), ("first", warm), ("warm", warm)):
        figures.setdefault(name, [])
        figures[name] += await timed(300, lambda number: operation(first + number))
    figures["bare put"] = figures.get("bare put", []) + (await bare.puts(db, value, first, 300)).to_py()
    figures["bare get"] = figures.get("bare get", []) + (await bare.gets(db, first, 300)).to_py()
figures["batch"], figures["raw batch"], figures["bare batch"] = [], [], []
for number in range(given.rounds):
    many = [(f"{100_000 + number * 10_000 + place:012d}", payload) for place in range(10_000)]
    figures["batch"].append(await once(vault.append("journal", many)))
    figures["raw batch"].append(await once(store.append("raw", many)))
    figures["bare batch"].append(await bare.batch(db, value, 100_000 + number * 10_000, 10_000, "strict"))
await vault.lock()
json.dumps(figures)
"""
)
LARGE = (
    COMMON
    + """
await store.clear()
vault = await made(platform)
for first in range(0, given.records, 10_000):
    many = [(f"{first + place:012d}", payload) for place in range(min(10_000, given.records - first))]
    await vault.append("journal", many, strict=False)
    await store.append("raw", many, strict=False)
    await bare.batch(db, value, first, len(many), "relaxed")
await vault.lock()
vault = await reopened(platform)
figures = {"open": [], "raw scan": [], "bare scan": []}
for _ in range(given.rounds):
    start = now()
    result = await vault.scan("journal")
    figures["open"].append(now() - start)
    assert result.intact and len(result.records) == given.records
    del result
    start = now()
    found = await store.scan("raw")
    figures["raw scan"].append(now() - start)
    del found
    figures["bare scan"].append(await bare.scan(db, given.records))
start = now()
await vault.access.begin_rekey([Proof(copy_of(given.words))])
await vault.access.rekey()
figures["rekey"] = now() - start
start = now()
for first in range(0, given.records, 250):
    some = await store.scan("raw", f"{first:012d}", 250)
    await store.commit([Write("put", "raw", record_id, value) for record_id, value in some], strict=False)
figures["raw rekey"] = now() - start
figures["bare rekey"] = await bare.rewrite(db, given.records, 250)
json.dumps(figures)
"""
)
# What npm's secure-ls does with the same bytes: AES by crypto-js, into localStorage.
PEER = """
([payload, count]) => {
  const keeper = new SecureLS.default({ encodingType: "aes", isCompression: false, encryptionSecret: "a passphrase" });
  const samples = { put: [], get: [] };
  for (let at = 0; at < count; at++) {
    let start = performance.now();
    keeper.set(`r${at}`, payload);
    samples.put.push(performance.now() - start);
    start = performance.now();
    keeper.get(`r${at}`);
    samples.get.push(performance.now() - start);
  }
  localStorage.clear();
  return samples;
}
"""


def main() -> None:
    """Measure and report."""
    words = os.urandom(20)
    with sync_playwright() as playwright, profile(playwright) as context, vault_page(context, beside={"bare.mjs": BARE}) as page:
        small = page.run(SMALL, words=words, rounds=ROUNDS, payload=PAYLOAD)
        peer = peer_figures(page)
        page.restart()
        large = page.run(LARGE, words=words, rounds=ROUNDS, payload=PAYLOAD, records=RECORDS)
    unlock = percentile(small["unlock"], 0.5)
    emit("vault unlock", unlock, "ms", f"500 ms by design ({small['kdf']})", unlock / 500, ROUNDS)
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        bare = percentile(small["bare put"], share)
        emit(f"bare strict IndexedDB put {label}", bare, "ms", "-", None, len(small["bare put"]))
    for name, yard, other in (("append", "put", "put"), ("cold", "get", "get"), ("warm", "get", "get")):
        title = "vault append" if name == "append" else f"vault read {name}"
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            value = percentile(small[name], share)
            for way, language in (("bare", ""), ("raw", " from Python")):
                bare = percentile(small[f"{way} {yard}"], share)
                beside = f" beside a {yard}{language}" if language else ""
                emit(f"{title} {label}{beside}", value, "ms", f"bare IndexedDB {yard}{language}", value / bare, len(small[name]))
            theirs = percentile(peer[other], share)
            emit(f"{title} {label} beside secure-ls", value, "ms", f"npm secure-ls {other}", value / theirs, len(peer[other]))
    for way, language in (("bare", ""), ("raw", " from Python")):
        batch, bare = percentile(small["batch"], 0.5), percentile(small[f"{way} batch"], 0.5)
        title = "vault journal appends a second, batched" + (f", beside IndexedDB{language}" if language else "")
        emit(title, 10_000 / batch * 1000, "1/s", f"bare IndexedDB{language}", bare / batch, ROUNDS)
    for name, key, yard, n in (("opened and verified", "open", "scan", ROUNDS), ("rekeyed", "rekey", "rekey", 1)):
        for way, language in (("bare", ""), ("raw", " from Python")):
            value, bare = (percentile(large[which] if n > 1 else [large[which]], 0.5) for which in (key, f"{way} {yard}"))
            done = "read" if n > 1 else "read and written"
            beside = f", beside IndexedDB{language}" if language else ""
            emit(f"vault {RECORDS:,} records {name}{beside}", value, "ms", f"bare IndexedDB{language}, {done}", value / bare, n)


def peer_figures(page: VaultPage) -> dict[str, list[float]]:
    """The peer's samples, on the page itself: a worker has no localStorage."""
    page.page.evaluate(f"(function () {{ {SECURE_LS.read_text()}\n }}).call(window)")
    return dict(page.page.evaluate(PEER, [PAYLOAD, 300]))


if __name__ == "__main__":
    main()
