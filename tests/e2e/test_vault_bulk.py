"""Sealing, storing, reading and opening in one go in JavaScript against the same step by step in Python, in one Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.vaultpage import VaultPage, vault_page

pytestmark = pytest.mark.e2e

WORDS = os.urandom(20)
COMMON = """
import random
from app.platform.records import RecordStore
from app.platform.errors import StoreError

async def both(cls, opener, from_id=None, limit=None):
    found = []
    for scan in (store.scan_opened, lambda *given: RecordStore.scan_opened(store, *given)):
        ids, heads, values, closed = [], b"", [], []
        async for batch in scan(platform.crypto, cls, opener, from_id, limit):
            closed += [len(ids) + index for index in sorted(batch.closed)]
            ids, heads, values = ids + list(batch.ids), heads + batch.heads, values + list(batch.values)
        found.append((ids, heads, values, closed))
    assert found[0] == found[1], (cls, [len(part) for part in found[0]], found[0][3], found[1][3])
    return found[0]

async def agree_on(cls, opener, record_id):
    one = await store.get_opened(platform.crypto, cls, record_id, opener)
    assert one == await RecordStore.get_opened(store, platform.crypto, cls, record_id, opener), record_id
    return one
"""


@pytest.fixture(scope="module")
def chrome(browser: Browser) -> Iterator[VaultPage]:
    with vault_page(browser) as page:
        yield page


@pytest.mark.parametrize("records_at_once", [True, False], ids=["getAllRecords", "getAllKeys and getAll"])
def test_both_open_the_same_whatever_was_done_to_what_is_stored(chrome: VaultPage, records_at_once: bool) -> None:
    if not records_at_once:
        chrome.restart()
    closed, tried, opened_of_two, left = chrome.run(
        COMMON
        + """
if not given.at_once:
    del js.IDBObjectStore.prototype.getAllRecords
assert hasattr(js.IDBObjectStore.prototype, "getAllRecords") == given.at_once
platform = await platform_of(f"parity-{given.at_once}")
store, chance = platform.store, random.Random(5)
rows = [("journal", f"{n:04}", b"payload %d" % n) for n in range(700)]
vault = await made(platform, logs=rows, tables={"t": [(name, name.encode() * 9) for name in ("a", "a b", "~" * 150, "!")]})
await vault.put_column("history", "btc", bytes(600_000))
ring = vault._session.ring
openers = {cls: await ring.opener(cls) for cls in ("journal", "t", "history", "manifest", "none")}
for cls, opener in openers.items():
    ids, _, _, closed = await both(cls, opener)
    assert closed == ([0] if cls == "manifest" else []), cls  # its copy is sealed under the other's id
    for record_id in [*ids[:5], "missing"]:
        await agree_on(cls, opener, record_id)
assert len((await both("journal", openers["journal"]))[0]) == 700
for from_id, limit in (("0100", None), ("0100", 7), (None, 3), ("0699", 1), ("07", 5), (None, 251)):
    await both("journal", openers["journal"], from_id, limit)

# every byte of a head and of the id's neighbourhood, the tag, the length
whole, tried = await store.get("journal", "0003"), 0
for at in [*range(30), 30, 61, 62, len(whole) - 17, len(whole) - 16, len(whole) - 1]:
    for bit in (1, 128):
        raw = bytearray(whole)
        raw[at] ^= bit
        await store.put("journal", "0003", bytes(raw))
        assert (await agree_on("journal", openers["journal"], "0003")).closed, at
        tried += 1
for value in (b"", b"\\1", whole[:29], whole[:30], whole[:45], whole[:46], whole[:-1], whole + b"\\0", bytes(len(whole))):
    await store.put("journal", "0003", value)
    assert (await agree_on("journal", openers["journal"], "0003")).closed
    tried += 1
await store.put("journal", "0004", await store.get("journal", "0005"))
await store.put("t", "a", await store.get("journal", "0005"))
db = store._db
def put_raw(value, key):
    transaction = db.transaction("records", "readwrite")
    transaction.objectStore("records").put(value, key)
    return transaction
from pyodide.ffi import to_js
for copied, key in (("0106", "\\u0130106"), ("0007", "0\\u013007"), ("0006", "00\\n6"), ("0006", "00\\u00006"), ("0006", "\\u00fc"), ("0006", "000")):
    put_raw(to_js(await store.get("journal", copied)), f"journal/{key}")  # cut to a byte 0130 is the digit 0
ids, _, _, closed = await both("journal", openers["journal"])
opened_ids = {record_id for index, record_id in enumerate(ids) if index not in closed}
assert opened_ids == {f"{n:04}" for n in range(700)} - {"0003", "0004"}
closed_now = len(closed)

# other epochs
proof = [Proof(copy_of(given.words))]
await vault.access.begin_rekey(proof)
await vault.append("more", [("1", b"under the new key")])
await vault.put("t", "new", b"under the new key")
opener = await ring.opener("t")
assert len(opener.keys) == 2
two = await both("t", opener)
old = await both("t", await ring.opener("t", but=ring.epoch))
json.dumps([closed_now, tried, len(two[0]) - len(two[3]), len(old[0]) - len(old[3])])
""",
        words=WORDS,
        at_once=records_at_once,
    )
    assert closed == 2 + 6 and tried == 72 + 9
    assert (opened_of_two, left) == (4, 3), "of five records one is another's, and one is of the new epoch"


def test_what_is_no_bytes_is_reported_and_harms_nothing_else(chrome: VaultPage) -> None:
    chrome.restart()
    assert chrome.run(
        """
platform = await uncopied("no-bytes")
vault = await made(platform, logs=[("journal", f"{n:04}", b"payload") for n in range(5)], tables={"t": [("a", b"1"), ("b", b"2")]})
for key, value in (("journal/0002", "a text"), ("t/a", 7), ("t/c", js.Object.new())):
    transaction = platform.store._db.transaction("records", "readwrite")
    transaction.objectStore("records").put(value, key)
journal, table = await vault.scan("journal"), await vault.scan("t")
json.dumps([shown(journal)["damaged"], len(journal.records), shown(table)["damaged"], len(table.records)])
""",
        words=WORDS,
    ) == [[["unreadable", "0002", 1]], 4, [["unreadable", "a", 1], ["unreadable", "c", 1], ["unexpected", "", 1]], 1]


def test_both_seal_and_keep_the_same(chrome: VaultPage) -> None:
    chrome.restart()
    refused, same, kept = chrome.run(
        """
from app.platform.interfaces import SealedWrite
from app.platform.records import RecordStore
platform = await platform_of("sealing")
store, crypto = platform.store, platform.crypto
await store.clear()
keys = [await crypto._subtle.generateKey(crypto._aes, False, js.Array.of("encrypt", "decrypt")) for _ in range(2)]
heads = [bytes([n]) * 18 + bytes(11) + bytes([n]) for n in range(5)]
def writes(under):
    return [
        SealedWrite("add", under, "1", keys[0], heads[0], b"aad", b"one"),
        Write("delete", under, "gone"),
        SealedWrite("put", under, "2", keys[1], heads[1], b"", b"", "copy"),
        SealedWrite("put", under, "3", keys[0], heads[2], b"another", bytes(100_000)),
        Write("put", under, "4", b"not sealed"),
    ]
said = []
for cls, commit in (("js", store.commit_sealed), ("py", lambda *given, **named: RecordStore.commit_sealed(store, *given, **named))):
    await store.put(cls, "gone", b"x")
    plain = [Write("put", cls, "raw", b"as it is"), Write("add", cls, "empty", b"")]
    for guard in (Guard(cls, "gone", b"y"), Guard(cls, "gone", None), Guard(cls, "none", b""), Guard(cls, "gone", b"x" * 9)):
        try:
            await commit(crypto, plain, writes(cls), strict=True, guard=guard)
        except StoreConflict:
            said.append(await store.count(cls))
    await commit(crypto, plain, writes(cls), strict=True, guard=Guard(cls, "gone", b"x"))
    try:
        await commit(crypto, [], writes(cls), strict=False, guard=Guard(cls, "raw", b"as"))
    except StoreConflict:
        said.append("there already")
    try:
        await commit(crypto, [Write("put", "Bad Class", "1", b"")], [], strict=False, guard=Guard(cls, "raw", b"as"))
    except ValueError:
        said.append("refused")
first, second = await store.scan("js"), await store.scan("py")
opened = await crypto.open_many([Sealing(keys[0], heads[0][-12:], b"aad", dict(first)["1"][30:])])
json.dumps([said, first == second and opened == [b"one"], [record_id for record_id, _ in first]])
""",
        words=WORDS,
    )
    assert refused == [1, 1, 1, 1, "there already", "refused"] * 2
    assert same and kept == ["1", "2", "3", "4", "copy", "empty", "raw"]


def test_a_scan_is_of_one_moment_though_writes_come_between_its_pieces(chrome: VaultPage) -> None:
    chrome.restart()
    pieces, seen, damaged, after = chrome.run(
        """
platform = await platform_of("moment")
rows = [("journal", f"{n:06}", b"x" * 300) for n in range(9_000)]
vault = await made(platform, logs=rows)
scanning = asyncio.ensure_future(vault.scan("journal"))
writing = [asyncio.ensure_future(vault.append("journal", [(f"{n:06}", b"later")])) for n in range(9_000, 9_020)]
result = await scanning
await asyncio.gather(*writing)
later = await vault.scan("journal")
pieces = 0
async for _ in platform.store.scan_opened(platform.crypto, "journal", await vault._session.ring.opener("journal")):
    pieces += 1
json.dumps([pieces, len(result.records), len(result.damaged) + len(later.damaged), len(later.records)])
""",
        words=WORDS,
    )
    assert pieces > 2 and damaged == 0 and after == 9_020
    assert seen in (9_000, 9_020)


def test_a_connection_lost_in_the_middle_is_told(chrome: VaultPage) -> None:
    chrome.restart()
    assert chrome.run(
        """
platform = await platform_of("lost")
vault = await made(platform, logs=[("journal", f"{n:06}", b"x" * 300) for n in range(9_000)])
opener = await vault._session.ring.opener("journal")
said = []
platform.store.close()
for attempt in (vault.scan("journal"), vault.get("journal", "000001", fresh=True), vault.append("journal", [("9", b"")])):
    try:
        await attempt
    except VaultError as error:
        said.append(error.code)
again = await platform_of("lost")
reading = again.store.scan_opened(again.crypto, "journal", opener)
await anext(reading)
again.store._db.close()  # a close waits for what is under way: what was begun is read to its end
count = 0
async for batch in reading:
    count += len(batch.ids)
json.dumps([said, count])
""",
        words=WORDS,
    ) == [["vault-closed"] * 3, 8_750]
