"""Exports as files: the age format against another implementation, hostile files, and restores cut short."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.platform.errors import FileLocked, FileRefused
from app.platform.native.age import CHUNK, NativeFiles
from app.vault import Vault, VaultClosed, VaultError
from app.vault.checking import verify
from app.vault.exportform import Export, ExportHead, ExportRecord, Writer
from app.vault.exporting import export_vault, read_export
from app.vault.exportreader import MAX_LINE, ExportRefused, Reader
from app.vault.restoring import compare, decide, first_contents, held_by, restore
from app.vault.staging import Append, Put, Replace
from tests.unit.vault.kit import QUICK, Machine, created, opened, secret
from tests.unit.vault.test_vault_faults import BreakingStore

WORDS = b"words for the file"
FILES = NativeFiles(work_factor=4)


async def in_pieces(data: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def sealed(data: bytes, words: bytes = WORDS) -> bytes:
    return asyncio.run(FILES.seal(bytearray(words), in_pieces(data)))


def opened_file(file: bytes, words: bytes = WORDS) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in FILES.open(bytearray(words), file)])

    return asyncio.run(read())


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_000])
def test_another_age_implementation_reads_and_makes_the_same_files(size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    file = sealed(data)
    assert pyrage.passphrase.decrypt(file, WORDS.decode()) == data
    assert opened_file(file) == data
    if size in (1, CHUNK + 1):
        assert opened_file(pyrage.passphrase.encrypt(data, WORDS.decode())) == data


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.text(min_size=1, max_size=20))
def test_any_content_and_any_words(data: bytes, words: str) -> None:
    file = sealed(data, words.encode())
    assert pyrage.passphrase.decrypt(file, words) == data
    assert opened_file(file, words.encode()) == data


def test_every_changed_byte_of_a_file_is_noticed() -> None:
    file = sealed(b"the quick brown fox")
    for at in range(len(file)):
        spoilt = bytearray(file)
        spoilt[at] ^= 1
        if at == file.index(b" 4\n") + 1:
            continue  # another work factor; tried below
        with pytest.raises(FileRefused):
            opened_file(bytes(spoilt))
    for end in range(len(file)):
        with pytest.raises(FileRefused):
            opened_file(file[:end])
    with pytest.raises(FileRefused):
        opened_file(file + b"\0")
    two = sealed(bytes(2 * CHUNK))
    step = CHUNK + 16
    body = len(two) - 2 * step
    for spoilt in (two[: body + step], two[:body] + two[body + step :] + two[body : body + step], two[:body] + two[body : body + step] * 2):
        with pytest.raises(FileRefused):
            opened_file(spoilt)


def test_a_wrong_passphrase_and_a_costly_head_are_told_apart() -> None:
    file = sealed(b"x")
    with pytest.raises(FileLocked):
        opened_file(file, b"other words")
    for factor in (b"21", b"64", b"999999", b"04", b"0", b"-1", b"1e1"):
        with pytest.raises(FileRefused) as refusal:
            opened_file(file.replace(b" 4\n", b" %s\n" % factor, 1))
        assert not isinstance(refusal.value, FileLocked)
    key = pyrage.x25519.Identity.generate()
    with pytest.raises(FileRefused, match="not protected by a passphrase"):
        opened_file(pyrage.encrypt(b"x", [key.to_public()]))


def test_the_passphrase_is_wiped_whatever_happens() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        good, short = bytearray(WORDS), bytearray(b"short")
        made = await export_vault(vault, FILES, machine.crypto, machine.clock, good, "test")
        assert not any(good)
        with pytest.raises(VaultError, match="too short"):
            await export_vault(vault, FILES, machine.crypto, machine.clock, short, "test")
        assert not any(short)
        for words in (bytearray(WORDS), bytearray(b"wrong words")):
            try:
                await read_export(FILES, words, made.file)
            except FileLocked:
                pass
            assert not any(words)
        lost = bytearray(WORDS)
        with pytest.raises(FileRefused):
            await read_export(FILES, lost, b"nothing")
        assert not any(lost)

    asyncio.run(scenario())


HEAD = ExportHead("ab" * 16, 3, 1, 2, "test")


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


HEAD_ROW = {"kontor-export": 1, "vault": "ab" * 16, "counter": 3, "created_ns": 1, "exported_ns": 2, "app": "test"}
RECORD = {"class": "journal", "id": "1", "version": 1, "text": "x"}


def read(plain: bytes, limit: int = 10**6) -> Export:
    reader = Reader(limit)
    reader.feed(plain)
    return reader.finish()


@pytest.mark.parametrize(
    ("plain", "complaint"),
    [
        (b"", "cut short"),
        (lines({"hello": 1}), "not the start"),
        (lines({**HEAD_ROW, "kontor-export": 2}), "form 2"),
        (lines({**HEAD_ROW, "vault": "x"}), "id"),
        (lines({**HEAD_ROW, "counter": -1}), "number"),
        (lines({**HEAD_ROW, "counter": 2**70}), "number"),
        (lines({**HEAD_ROW, "counter": True}), "number"),
        (lines(HEAD_ROW), "last line"),
        (lines(HEAD_ROW, RECORD, RECORD), "twice"),
        (lines(HEAD_ROW, {**RECORD, "class": "header"}), "belongs to the vault itself"),
        (lines(HEAD_ROW, {**RECORD, "class": "No Class"}), "record class"),
        (lines(HEAD_ROW, {**RECORD, "id": "x" * 151}), "150"),
        (lines(HEAD_ROW, {**RECORD, "id": "\n"}), "ASCII"),
        (lines(HEAD_ROW, {**RECORD, "more": 1}), "unknown"),
        (lines(HEAD_ROW, {**RECORD, "text": "\ud800"}), "wrong kind"),
        (lines(HEAD_ROW, {"class": "a", "id": "1", "version": 1, "base64": "??"}), "wrong kind"),
        (lines(HEAD_ROW, *({**RECORD, "class": f"c{number}"} for number in range(1001))), "too many classes"),
        (lines(HEAD_ROW, {"end": {}, "records": 10**12, "damaged": 0, "sha256": "0"}), "digest"),
        (lines(HEAD_ROW) + b"[" * 100_000, "last line"),
        (lines(HEAD_ROW) + b"[" * 100_000 + b"\n", "not JSON"),
        (lines(HEAD_ROW) + b"1" * 100_000 + b"\n", "not JSON"),
        (lines(HEAD_ROW) + b"\xff\xfe\n", "not JSON"),
        (lines(HEAD_ROW, 7), "not an object"),
    ],
)
def test_what_is_not_exactly_an_export_is_refused_in_words(plain: bytes, complaint: str) -> None:
    with pytest.raises(ExportRefused, match=complaint) as refusal:
        read(plain)
    assert len(str(refusal.value)) < 400


def ended(*rows: dict, **changes: Any) -> bytes:
    """Lines with a right end, changed."""
    writer = Writer()
    writer.begin(HEAD)
    records = [ExportRecord(row["id"], row["version"], row["text"].encode()) for row in rows]
    body = b"".join([*writer.add_class("journal", "log", records, ()), *writer.finish()]).splitlines(keepends=True)
    end = json.loads(body[-1])
    for name in changes.keys() - {"sha256"}:
        end[name] = changes[name](end[name])
    end["sha256"] = changes.get("sha256", lambda _: hashlib.sha256(b"".join(body[:-1])).hexdigest())(end["sha256"])
    return b"".join(body[:-1]) + lines(end)


def test_an_end_that_claims_something_else_is_refused() -> None:
    assert read(ended(RECORD)).records == 1
    claims = [
        {"records": lambda n: n + 10**15},
        {"damaged": lambda n: n + 1},
        {"end": lambda end: {}},
        {"end": lambda end: {**end, "ghost": end["journal"]}},
        {"end": lambda end: {"journal": {**end["journal"], "count": 10**15}}},
        {"end": lambda end: {"journal": {**end["journal"], "sha256": "0" * 64}}},
        {"end": lambda end: {"journal": {**end["journal"], "kind": "heap"}}},
        {"end": lambda end: {"journal": 1}},
        {"sha256": lambda text: text[::-1]},
    ]
    for claim in claims:
        with pytest.raises(ExportRefused):
            read(ended(RECORD, **claim))
    with pytest.raises(ExportRefused, match="after the end"):
        read(ended(RECORD) + lines(RECORD))


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    with pytest.raises(ExportRefused, match="more than"):
        read(lines(HEAD_ROW) + b" " * 2_000_000)
    reader = Reader(10**9)
    reader.feed(lines(HEAD_ROW))
    with pytest.raises(ExportRefused, match="too long"):
        for _ in range(MAX_LINE // 1_000_000 + 2):
            reader.feed(b"x" * 1_000_000)


def test_every_kind_of_record_comes_back_byte_for_byte() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        rows = [("bin", bytes(range(256))), ("empty", b""), ("lines", b'a\n{"b":1}\r\n\0'), ("text", "Übermäßig — 日本\u2028".encode())]
        rows.append(("~", b"\xed\xa0\x80"))
        await vault.put_many("odd", rows)
        await vault.put_column("odd", "history", bytes(range(256)) * 20_000)
        made = await export_vault(vault, FILES, machine.crypto, machine.clock, bytearray(WORDS), "test")
        plain = pyrage.passphrase.decrypt(made.file, WORDS.decode())
        # as docs/export.md tells a reader with nothing but Python
        data = {}
        for line in plain.split(b"\n")[:-1]:
            row = json.loads(line)
            if row.get("class") == "odd" and "piece" not in row:
                data[row["id"]] = row["text"].encode() if "text" in row else base64.b64decode(row["base64"])
        assert data == dict(rows)
        export = await read_export(FILES, bytearray(WORDS), made.file)
        again = Machine()
        parts = again.store, again.crypto, again.clock, again.entropy
        other = await Vault.create(*parts, secret(), more=first_contents(decide(compare(export, {}), {}, 5), {}), kdf=QUICK)
        for name in await vault.classes():
            assert (await other.scan(name)).records == (await vault.scan(name)).records
        assert await other.get_column("odd", "history") == bytes(range(256)) * 20_000
        assert (await verify(other, again.clock)).damaged == ()

    asyncio.run(scenario())


@pytest.mark.parametrize("kept", [False, True])
def test_a_restore_cut_short_leaves_the_old_state_or_the_new_one(kept: bool) -> None:
    """Created (1 commit), then restored over with everything there is to change: the only other commit is lost, before or after it."""

    async def scenario() -> None:
        source = Machine()
        vault = await created(source)
        await vault.put("settings", "theme", b"light")
        await vault.append("journal", [("000000000005", b"more"), ("000000000006", b"and more")])
        await vault.put("extra", "x", b"y")
        made = await export_vault(vault, FILES, source.crypto, source.clock, bytearray(WORDS), "test")
        export = await read_export(FILES, bytearray(WORDS), made.file)
        machine = Machine(BreakingStore(3, kept))
        target = await created(machine)
        await target.append("journal", [("000000000005", b"other")])
        before = {name: dict((await target.scan(name)).records) for name in await target.classes()}
        with pytest.raises(VaultClosed):
            await restore(target, export, {"journal": "file", "settings": "file"}, 7)
        again = await opened(machine)
        assert (await verify(again, machine.clock)).damaged == ()
        after = {name: dict((await again.scan(name)).records) for name in await again.classes()}
        if not kept:
            assert after == before
            return
        assert after["journal"] == {record.id: record.data for record in export.classes["journal"].records}
        assert after["settings"]["theme"] == b"light" and after["extra"] == {"x": b"y"}
        assert len(after["setaside"]) == 6  # five of the journal, one setting

    asyncio.run(scenario())


def test_a_log_can_be_written_anew_and_appended_to() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.apply([Replace("journal", [("000000000002", b"two"), ("000000000009", b"nine")]), Put("settings", [("a", b"b")])])
        await vault.append("journal", [("000000000010", b"ten")])
        with pytest.raises(VaultError):
            await vault.apply([Put("settings", [("never", b"kept")]), Append("journal", [("000000000001", b"too late")])])
        vault = await opened(machine)
        found = await vault.scan("journal")
        assert found.intact and [record.data for record in found.records] == [b"two", b"nine", b"ten"] and list(found.versions.values()) == [1, 2, 3]
        assert await vault.get("settings", "never") is None and await vault.get("settings", "a") == b"b"

    asyncio.run(scenario())


def test_a_vault_put_back_to_before_its_export_is_reported() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        early = dict(machine.store.records)
        for number in range(5, 8):
            await vault.append("journal", [(f"{number:012d}", b"later")])
        made = await export_vault(vault, FILES, machine.crypto, machine.clock, bytearray(WORDS), "test")
        await vault.set_note("export", "made")  # brings the mark up to date, as the desk does
        export = await read_export(FILES, bytearray(WORDS), made.file)
        assert not compare(export, await held_by(vault), vault.vault_id, vault.commits).rolled_back
        machine.store.records = early
        again = await Vault.find(machine, QUICK)
        assert [damage.kind for damage in await again.unlock(secret())] == ["rollback"] and again.read_only
        preview = compare(export, await held_by(again), again.vault_id, again.commits)
        assert preview.rolled_back and preview.plans["journal"].relation == "longer"
        await again.accept_damage()
        assert (await restore(again, export, {}, 7)).taken == {"journal": 3}
        assert (await again.scan("journal")).records == (await vault.scan("journal")).records

    asyncio.run(scenario())
