"""The write-ahead log of the vault's store in a real Chromium: what it has when the worker, the database or the log itself is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.vaultpage import VaultPage, vault_page

pytestmark = pytest.mark.e2e

WORDS = os.urandom(20)
COMMON = """
from dataclasses import asdict
hands = await js.beside("wal_hands.mjs")
name = given.name

async def said(store=None):
    return asdict((store or platform.store).second_copy())

async def bare():
    return (await uncopied(name)).store

def journal(vault):
    return vault.scan("journal")
"""


@pytest.fixture(scope="module")
def chrome(browser: Browser) -> Iterator[VaultPage]:
    with vault_page(browser, beside={"wal_hands.mjs": Path(__file__).parent / "wal_hands.mjs"}) as page:
        yield page


def run(chrome: VaultPage, name: str, code: str, **given: object) -> object:
    """In a worker of its own: the one before ended at once, whatever it was doing."""
    chrome.restart()
    return chrome.run(COMMON + code, name=name, words=WORDS, **given)


MAKE = """
platform = await platform_of(name)
vault = await made(platform, logs=[("journal", "0", b"zero")], tables={"settings": [("theme", b"dark"), ("gone", b"x")]})
"""
OPEN = """
platform = await platform_of(name)
vault = await reopened(platform)
"""
NEW_FILES = """
await hands.write(f"{name}.wal-a", given.content)
await hands.write(f"{name}.wal-b", js.Uint8Array.new(0))
"""
LOOK = """
platform = await platform_of(name)
copy = await said()
vault = await reopened(platform)
found, table = await journal(vault), await vault.scan("settings")
json.dumps({"copy": copy, "mended": vault.mended, "ids": [record.id for record in found.records], "table": {r.id: r.data.decode() for r in table.records},
            "damaged": [d.detail for d in [*vault.problems, *found.damaged, *table.damaged]]})
"""


def test_what_was_acknowledged_is_there_after_the_worker_died_in_the_same_moment(chrome: VaultPage) -> None:
    forward = 0
    run(chrome, "dies", MAKE + "0")
    for number in range(1, 9):
        chrome.restart()
        # said aloud the moment the append is answered, and the worker ended then, with the database's transaction on its way
        page = chrome.page
        page.evaluate("() => { said.length = 0; }")
        source = COMMON + OPEN + f'await vault.append("journal", [("{number}", b"x")])\nsay("written")'
        page.evaluate(
            "([code, given]) => { run(code, given); }",
            [(Path(__file__).parent / "vault_in_browser.py").read_text() + "\n" + source, {"name": "dies", "words": {"bytes": list(WORDS)}}],
        )
        page.wait_for_function("() => said.length", polling=1)
        found = run(chrome, "dies", LOOK)
        assert found["ids"] == [str(each) for each in range(number + 1)] and not found["damaged"], found
        assert found["copy"]["kept"] and found["copy"]["ahead"] and not found["copy"]["restored"]
        forward += found["copy"]["forward"]


PUT_BACK = """
store = await bare()
await store.clear()
await store.commit([Write("put", *key, value) for key, value in records_from(given.before).items()])
0
"""


@pytest.mark.parametrize("torn", [False, True])
def test_commits_that_only_the_log_has_are_written_into_the_database(chrome: VaultPage, torn: bool) -> None:
    name = f"behind-{torn}"
    run(chrome, name, MAKE + "0")
    before = run(chrome, name, "store = await bare()\nawait dumped(store)")
    run(chrome, name, OPEN + CHANGES + "await vault.lock()\n0")
    # the computer lost power: of the database's last transactions nothing is left, and perhaps not all of the log's last frame
    run(chrome, name, PUT_BACK, before=json.dumps(before))
    if torn:
        content = bytearray(run(chrome, name, "json.dumps(list((await hands.read(f'{name}.wal-a')).to_bytes()))"))
        content[-5] ^= 1
        run(chrome, name, NEW_FILES + "0", content=bytes(content))
    found = run(chrome, name, LOOK)
    assert found["copy"]["forward"] == 4 - torn and not found["copy"]["restored"] and not found["mended"]
    assert found["ids"] == ["0", "1", "2"] and found["table"] == {"theme": "light"} and not found["damaged"]


CHANGES = """
await vault.append("journal", [("1", b"one"), ("2", b"two")])
await vault.put("settings", "theme", b"light")
await vault.delete("settings", "gone")
await vault.apply([])
"""


def test_a_database_that_went_back_behind_the_log_is_replaced(chrome: VaultPage) -> None:
    run(chrome, "older", MAKE + "0")
    before = run(chrome, "older", "store = await bare()\nawait dumped(store)")
    # a new header makes the log begin anew: it does not know the earlier state any more
    change = "await vault.access.change(Proof(copy_of(given.words)), vault.slots[0].id, copy_of(given.words))\n"
    settle = """
for _ in range(500):
    if not (await hands.read(f"{name}.wal-a")).length:
        break
    await asyncio.sleep(0.01)
"""
    run(chrome, "older", OPEN + CHANGES + change + settle + "await vault.lock()\n0")
    stray = 'await store.commit([Write("put", "journal", "9", b"of nobody")])\n0'
    run(chrome, "older", PUT_BACK + stray, before=json.dumps(before))
    found = run(chrome, "older", LOOK)
    assert found["copy"]["restored"] and not found["copy"]["lost"] and not found["mended"]
    assert found["ids"] == ["0", "1", "2"] and found["table"] == {"theme": "light"} and not found["damaged"]


@pytest.mark.parametrize("alone", [False, True], ids=["beside others", "held alone"])
def test_a_lost_database_is_put_back(chrome: VaultPage, alone: bool) -> None:
    name = f"lost-{alone}"
    way = "hands.alone()\n" if alone else ""
    run(chrome, name, way + MAKE + CHANGES + "await vault.lock()\n0")
    before = run(chrome, name, way + "store = await bare()\nwhole = await dumped(store)\nstore.close()\nawait hands.loseDatabases(name)\nwhole")
    began = run(chrome, name, "json.dumps(js.Date.now())")
    found = run(chrome, name, way + "await hands.loseDatabases(name)\n" + LOOK)
    assert began - 60_000 < found["copy"]["modified"] < began, "the time of its last commit"
    assert found["copy"]["restored"] and found["copy"]["lost"] and found["copy"]["ahead"] is not alone
    assert found["ids"] == ["0", "1", "2"] and found["table"] == {"theme": "light"} and not found["damaged"]
    again = run(chrome, name, way + LOOK)
    assert not again["copy"]["restored"] and not again["copy"]["forward"]
    assert len(run(chrome, name, "store = await bare()\nawait dumped(store)")) == len(before)


DAMAGE = """
store = await bare()
for cls, record_id in json.loads(given.which):
    stored = bytearray(await store.get(cls, record_id))
    stored[-5] ^= 1
    await store.put(cls, record_id, bytes(stored))
await store.delete("journal", "1")
0
"""


@pytest.mark.parametrize(
    ("name", "which"),
    [
        ("records", [("journal", "2"), ("settings", "theme")]),
        ("manifest", [("manifest", "manifest"), ("manifest", "copy")]),
        ("header", [("header", "vault"), ("header", "copy")]),
        ("a-copy", [("header", "vault"), ("manifest", "copy")]),
    ],
)
def test_what_is_damaged_in_the_database_is_put_right_from_the_log(chrome: VaultPage, name: str, which: list) -> None:
    run(chrome, f"mend-{name}", MAKE + CHANGES + "await vault.lock()\n0")
    run(chrome, f"mend-{name}", DAMAGE, which=json.dumps(which))
    found = run(chrome, f"mend-{name}", LOOK)
    assert found["mended"] == len(which) + 1 and not found["damaged"], found
    assert found["ids"] == ["0", "1", "2"] and found["table"] == {"theme": "light"}
    again = run(chrome, f"mend-{name}", LOOK)
    assert not again["mended"] and again["ids"] == ["0", "1", "2"]


def test_a_restore_that_was_cut_short_begins_again(chrome: VaultPage) -> None:
    run(chrome, "cut", MAKE + CHANGES + "await vault.lock()\n0")
    run(
        chrome,
        "cut",
        """
store = await bare()
for key in [("header", "vault"), ("header", "copy"), ("manifest", "manifest"), ("manifest", "copy"), ("journal", "1")]:
    await store.delete(*key)
0
""",
    )
    found = run(chrome, "cut", LOOK)
    assert found["copy"]["restored"] and found["ids"] == ["0", "1", "2"] and not found["damaged"]


def test_a_log_that_is_damaged_gives_what_was_before_the_damage_and_never_anything_else(chrome: VaultPage) -> None:
    run(chrome, "torn", MAKE + "".join(f'await vault.append("journal", [("{n}", b"x" * 40)])\n' for n in range(1, 6)) + "await vault.lock()\n0")
    whole = bytes(run(chrome, "torn", "json.dumps(list((await hands.read(f'{name}.wal-a')).to_bytes()))"))
    assert len(whole) > 4_000
    seen = set()
    for cut in (len(whole) - 1, len(whole) - 900, len(whole) * 2 // 3, -len(whole) * 2 // 3, -(len(whole) - 300)):
        changed = whole[:cut] if cut > 0 else whole[:-cut] + bytes([whole[-cut] ^ 1]) + whole[-cut + 1 :]
        found = run(chrome, "torn", "await hands.loseDatabases(name)\n" + NEW_FILES + LOOK, content=changed)
        ids = found["ids"]
        assert ids == [str(n) for n in range(len(ids))] and not found["damaged"] and found["copy"]["restored"], (cut, found)
        seen.add(len(ids))
    assert len(seen) > 2


def test_a_log_that_is_behind_or_gone_is_made_anew(chrome: VaultPage) -> None:
    run(chrome, "old", MAKE + "await vault.lock()\n0")
    old = run(chrome, "old", "json.dumps(list((await hands.read(f'{name}.wal-a')).to_bytes()))")
    run(chrome, "old", OPEN + CHANGES + "await vault.lock()\n0")
    for content in (bytes(old), b"", b"KONTORWLnonsense" * 40):
        found = run(chrome, "old", NEW_FILES + LOOK, content=content)
        assert found["ids"] == ["0", "1", "2"] and not found["damaged"] and found["copy"]["kept"] and not found["copy"]["restored"]
        put_back = run(chrome, "old", "await hands.loseDatabases(name)\n" + LOOK)
        assert put_back["copy"]["restored"] and put_back["ids"] == ["0", "1", "2"] and not put_back["damaged"]


def test_a_log_that_has_grown_is_tidied_and_holds_the_same(chrome: VaultPage) -> None:
    sizes = run(
        chrome,
        "grown",
        MAKE
        + """
sizes = []
for number in range(60):
    await vault.put_column("settings", "big", bytes([number]) * 300_000)
    await vault.append("journal", [(f"1{number:03}", b"x")])
    sizes.append((await said())["bytes"])
while (await said())["bytes"] > 12_000_000:
    await asyncio.sleep(0.01)
await vault.append("journal", [("2", b"x")])
await vault.lock()
json.dumps(sizes)
""",
    )
    assert max(sizes) > 8_400_000
    found = run(chrome, "grown", "await hands.loseDatabases(name)\n" + LOOK.replace("r.data.decode()", "len(r.data)"))
    assert found["copy"]["restored"] and len(found["ids"]) == 62 and not found["damaged"]


def test_a_header_that_was_replaced_is_in_no_log(chrome: VaultPage) -> None:
    left = run(
        chrome,
        "header",
        MAKE
        + """
old = (await platform.store.get("header", "vault"))
await vault.access.change(Proof(copy_of(given.words)), vault.slots[0].id, copy_of(given.words))
new = (await platform.store.get("header", "vault"))
for _ in range(200):
    files = [(await hands.read(f"{name}.wal-{part}")).to_bytes() for part in "ab"]
    if not any(old in each for each in files):
        break
    await asyncio.sleep(0.02)
json.dumps([old != new, any(old in each for each in files), any(new in each for each in files)])
""",
    )
    assert left == [True, False, True]


def test_what_was_wiped_is_not_put_back(chrome: VaultPage) -> None:
    run(chrome, "wiped", MAKE + CHANGES + "await vault.wipe()\n0")
    find = "platform = await platform_of(name)\nvault = await Vault.find(platform)\njson.dumps([vault.state, (await said())['bytes']])"
    state, size = run(chrome, "wiped", "await hands.loseDatabases(name)\n" + find)
    assert state == "absent" and size < 100


def test_whoever_opens_the_store_last_is_the_one_that_writes(chrome: VaultPage) -> None:
    outcome = run(
        chrome,
        "two",
        MAKE
        + """
other = await platform_of(name)
second = await reopened(other)
try:
    await vault.append("journal", [("1", b"of the first")])
    outcome = "written"
except VaultConflict:
    outcome = "refused"
await second.append("journal", [("1", b"of the second")])
json.dumps([outcome, [record.data.decode() for record in (await journal(second)).records]])
""",
    )
    assert outcome == ["refused", ["zero", "of the second"]]


def test_where_one_worker_alone_may_have_the_file_the_database_tells_writers_apart(chrome: VaultPage) -> None:
    outcome = run(
        chrome,
        "two-alone",
        "hands.alone()\n"
        + MAKE
        + """
other = await uncopied(name)  # as one that does not get the file
second = await reopened(other)
await second.append("journal", [("1", b"of the second")])
try:
    await vault.append("journal", [("1", b"of the first")])
    outcome = "written"
except VaultConflict:
    outcome = "refused"
json.dumps([outcome, [record.data.decode() for record in (await journal(second)).records]])
""",
    )
    assert outcome == ["refused", ["zero", "of the second"]]


def test_a_database_without_room_is_told_with_the_next_commit_and_loses_nothing(chrome: VaultPage) -> None:
    outcome = run(
        chrome,
        "full",
        MAKE
        + """
hands.room(False)
await vault.append("journal", [("1", b"one")])  # durable in the log
assert not await platform.store.settled()
refused = []
for number in range(2):
    try:
        await vault.append("journal", [("2", b"two")])
    except VaultFull as error:
        refused.append(error.code)
try:
    await vault.get("journal", "1", fresh=True)
except VaultError as error:
    refused.append(error.code)
hands.room(True)
try:
    await vault.append("journal", [("2", b"two")])
except VaultFull as error:
    refused.append(error.code)
    await vault.append("journal", [("2", b"two")])
json.dumps([refused, [record.id for record in (await journal(vault)).records]])
""",
    )
    assert outcome[1] == ["0", "1", "2"] and outcome[0][:3] == ["vault-full"] * 3


def test_commits_that_gathered_for_a_database_without_room_are_taken_when_it_has_some(chrome: VaultPage) -> None:
    run(
        chrome,
        "gathered",
        MAKE
        + """
hands.room(False)
for number in range(1, 5):
    await vault.append("journal", [(str(number), b"x")])
    await vault.put("settings", "theme", str(number).encode())
assert not await platform.store.settled()
try:
    await vault.append("journal", [("5", b"x")])
except VaultFull:
    hands.room(True)
assert await platform.store.settled()
await vault.append("journal", [("5", b"x")])
assert [record.id for record in (await journal(vault)).records] == [str(each) for each in range(6)]
await vault.lock()
0
""",
    )
    found = run(chrome, "gathered", LOOK)
    assert found["ids"] == [str(each) for each in range(6)] and found["table"]["theme"] == "4" and not found["damaged"]
    assert not found["copy"]["forward"] and not found["copy"]["restored"], "the database has it all"


def test_what_gathers_is_found_by_whoever_reads_and_goes_into_one_transaction(chrome: VaultPage) -> None:
    found = run(
        chrome,
        "gathers",
        MAKE
        + """
assert await platform.store.settled()
begun = hands.transactions()
for number in range(1, 30):
    await vault.append("journal", [(f"{number:02}", b"x")])
    await vault.put("settings", "theme", str(number).encode())
gathered = hands.transactions() - begun
ids = [record.id for record in (await journal(vault)).records]
raw = await platform.store.count("settings")
await vault.put("settings", "last", b"z")
last = await platform.store.get("settings", "last")
await vault.put("settings", "last", b"zz")
fresh = await vault.get("settings", "last", fresh=True)
json.dumps([gathered, ids, raw, last is not None, fresh.decode(), await platform.store.settled()])
""",
    )
    assert found[0] < 15 and found[1] == ["0", *(f"{each:02}" for each in range(1, 30))] and found[2:] == [2, True, "zz", True], found


def test_the_database_has_it_soon_and_at_once_where_it_has_to(chrome: VaultPage) -> None:
    found = run(
        chrome,
        "soon",
        MAKE
        + """
other = await bare()
await vault.append("journal", [("1", b"x")])
for _ in range(500):  # nobody asks the store itself
    if (await other.get("journal", "1")) is not None:
        break
    await asyncio.sleep(0.01)
soon = await other.get("journal", "1") is not None
await vault.append("journal", [("2", b"x")])
await vault.append("journal", [("3", bytes(100_000))])  # too large to go ahead, and it follows on what only the log has
large = await other.count("journal")
await vault.append("journal", [("4", b"x")])
platform.store.close()
json.dumps([soon, large, await other.count("journal")])
""",
    )
    assert found == [True, 4, 5]


def test_a_commit_that_failed_while_it_was_waited_for_leaves_no_trace(chrome: VaultPage) -> None:
    run(
        chrome,
        "fails",
        MAKE
        + """
hands.room(False, "UnknownError")
failed = ""
try:
    await vault.put("settings", "big", bytes(100_000))  # too large to go ahead
except VaultError as error:
    failed = error.code
hands.room(True)
await vault.lock()
vault = await reopened(platform)
await vault.append("journal", [("1", b"one")])
await vault.lock()
assert failed and (await said())["kept"], failed
0
""",
    )
    found = run(chrome, "fails", "await hands.loseDatabases(name)\n" + LOOK)
    assert found["copy"]["restored"] and found["ids"] == ["0", "1"] and "big" not in found["table"] and not found["damaged"]


def test_a_worker_that_died_without_room_left_goes_on_where_it_was(chrome: VaultPage) -> None:
    run(chrome, "full-dies", MAKE + 'hands.room(False)\nawait vault.append("journal", [("1", b"one")])\n0')
    found = run(chrome, "full-dies", LOOK)
    assert found["copy"]["forward"] == 1 and found["ids"] == ["0", "1"] and not found["damaged"]


def test_without_files_the_store_works_as_it_did(chrome: VaultPage) -> None:
    run(chrome, "bare", "hands.noFiles()\n" + MAKE + CHANGES + "await vault.lock()\n0")
    found = run(chrome, "bare", "hands.noFiles()\n" + LOOK)
    assert found["ids"] == ["0", "1", "2"] and not found["copy"]["kept"] and "SecurityError" in found["copy"]["why"]
