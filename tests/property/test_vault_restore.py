"""Restoring over generated vaults and exports: nothing is lost, logs are never mixed, doing it twice is doing it once; and no file,
however spoilt, is taken for an export that it is not."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.vault import Vault, VaultError
from app.vault.exportform import Export, ExportClass, ExportHead, ExportRecord, Writer, records_of
from app.vault.exportreader import ExportRefused, Reader
from app.vault.merging import RESTORED, SET_ASIDE, Held, plan
from app.vault.reading import Damage
from app.vault.restoring import RestoreUndecided, compare, decide, held_by, restore
from app.vault.staging import Append, Put, PutColumn, Replace
from tests.unit.vault.kit import QUICK, Machine, secret

HERE, ELSEWHERE = "11" * 16, "22" * 16
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

payloads = st.one_of(st.binary(max_size=6), st.text(max_size=4).map(str.encode))
table_ids = st.sampled_from(["a", "b", "c/d", "e"])
keys = st.one_of(table_ids.map(lambda name: (False, name)), st.sampled_from(["F", "g"]).map(lambda name: (True, name)))  # whether it is a column
tables = st.dictionaries(keys, st.tuples(st.integers(1, 9), payloads), max_size=4)
tails = st.lists(st.sampled_from([b"x", b"y", b"z"]), max_size=4)


def rows_of(table: dict) -> list[ExportRecord]:
    return [ExportRecord(record_id, *value, column) for (column, record_id), value in sorted(table.items())]


def numbered(payloads_: list[bytes]) -> list[ExportRecord]:
    return [ExportRecord(f"{number:012d}", number, data) for number, data in enumerate(payloads_, 1)]


@st.composite
def logs(draw: Any) -> tuple[list[ExportRecord], list[ExportRecord]]:
    """Two logs with a history in common, perhaps."""
    common = draw(tails)
    return numbered([b"opened", *common, *draw(tails)]) if draw(st.booleans()) else [], numbered([b"opened", *common, *draw(tails)])


@st.composite
def meetings(draw: Any) -> tuple[dict[str, Held], Export]:
    """What a vault holds, and an export of it or of another one."""
    ours, theirs = draw(logs())
    mine, other = draw(tables), draw(tables)
    held = {"journal": Held("log", ours, len(ours), ours[-1].id if ours else "")}
    if mine:
        held["settings"] = Held("table", rows_of(mine), len(mine))
    classes = {"journal": ExportClass("journal", "log", theirs)}
    if other:
        classes["settings"] = ExportClass("settings", "table", rows_of(other))
    head = ExportHead(draw(st.sampled_from([HERE, ELSEWHERE])), draw(st.integers(1, 20)), 1, 2, "test")
    return held, Export(head, classes)


def chosen(draw: Any, held: dict[str, Held], export: Export) -> dict[str, str]:
    return {name: draw(st.sampled_from(item.choices), label=name) for name, item in compare(export, held, HERE, 5).plans.items()}


State = dict[str, dict[tuple[bool, str], bytes]]


def state_of(held: dict[str, Held]) -> State:
    return {name: {record.key: record.data for record in item.records} for name, item in held.items()}


def after(held: dict[str, Held], changes: list) -> State:
    """The classes once the changes are made."""
    result = state_of(held)
    for change in changes:
        if isinstance(change, PutColumn):
            result.setdefault(change.cls, {})[True, change.column] = change.data
            continue
        assert isinstance(change, (Replace, Append, Put))
        if isinstance(change, Replace):
            result[change.cls] = {}
        rows = {(False, record_id): data for record_id, data in change.records}
        if isinstance(change, Append):
            assert all(key > max(result.get(change.cls, {}), default=(False, "")) for key in rows)
        result.setdefault(change.cls, {}).update(rows)
    return result


def set_aside(state: State) -> set[tuple[str, str, bytes]]:
    rows = [json.loads(line) for line in state.get(SET_ASIDE, {}).values()]
    return {(row["class"], row.get("id", row.get("column")), data_of(row)) for row in rows}


def data_of(row: dict) -> bytes:
    return row["text"].encode() if "text" in row else base64.b64decode(row["base64"])


def everything(state: State) -> set[tuple[str, str, bytes]]:
    live = {(name, key[1], data) for name, rows in state.items() if name not in (SET_ASIDE, RESTORED) for key, data in rows.items()}
    return live | set_aside(state)


@quick
@given(meetings(), st.data())
def test_nothing_is_lost_and_logs_are_never_mixed(meeting: tuple[dict[str, Held], Export], data: Any) -> None:
    held, export = meeting
    choices = chosen(data.draw, held, export)
    preview = compare(export, held, HERE, 5)
    state = after(held, decide(preview, choices, 7).changes)
    kept = everything(state)
    for name, item in held.items():
        assert {(name, record.id, record.data) for record in item.records} <= kept, "of the vault"
    ours = {record.key: record.data for record in held["journal"].records}
    theirs = {record.key: record.data for record in export.classes["journal"].records}
    assert state["journal"] in (ours, theirs)
    if preview.plans["journal"].relation == "diverged":
        assert {("journal", key[1], payload) for key, payload in theirs.items()} <= kept
        assert state["journal"] == (ours if choices["journal"] == "vault" else theirs)
    elif choices["journal"] == "merge":
        assert state["journal"] == max(ours, theirs, key=len)
    if "settings" in export.classes and choices["settings"] != "vault":
        mine = {record.key: record for record in held["settings"].records} if "settings" in held else {}
        for record in export.classes["settings"].records:
            older = preview.same_vault and record.key in mine and record.version < mine[record.key].version
            assert older or ("settings", record.id, record.data) in kept, "of the file"
            if choices["settings"] == "file":
                assert state["settings"][record.key] == record.data


@quick
@given(meetings(), st.data())
def test_doing_it_again_changes_nothing_more(meeting: tuple[dict[str, Held], Export], data: Any) -> None:
    held, export = meeting
    choices = chosen(data.draw, held, export)
    state = after(held, decide(compare(export, held, HERE, 5), choices, 7).changes)
    again = {
        name: Held(
            "log" if name == "journal" else "table",
            [ExportRecord(record_id, 99, payload, column) for (column, record_id), payload in sorted(rows.items())],
            len(rows),
            max(rows, default=(False, ""))[1] if name == "journal" else "",
        )
        for name, rows in state.items()
    }
    preview = compare(export, again, HERE, 100)
    repeated = {name: choices[name] if choices[name] in item.choices else "vault" for name, item in preview.plans.items()}
    once_more = after(again, decide(preview, repeated, 8).changes)
    for name in ("journal", "settings"):
        assert once_more.get(name) == state.get(name)
    assert set_aside(once_more) == set_aside(state)


@quick
@given(meetings())
def test_what_has_no_default_has_to_be_chosen(meeting: tuple[dict[str, Held], Export]) -> None:
    held, export = meeting
    preview = compare(export, held, HERE, 5)
    open_questions = [item for item in preview.plans.values() if item.default is None]
    if not open_questions:
        decide(preview, {}, 7)
        return
    with pytest.raises(RestoreUndecided):
        decide(preview, {}, 7)
    assert [item.relation for item in open_questions] == ["diverged"]
    with pytest.raises(RestoreUndecided):
        decide(preview, {"journal": "merge"}, 7)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(meetings(), st.data())
def test_a_real_vault_holds_afterwards_what_the_rules_say(meeting: tuple[dict[str, Held], Export], data: Any) -> None:
    held, export = meeting

    async def scenario() -> None:
        machine = Machine()
        rows = [("journal", record.id, record.data) for record in held["journal"].records]
        mine = held["settings"].records if "settings" in held else []
        columns = [PutColumn("settings", record.id, record.data) for record in mine if record.column]
        plain = {"settings": [(record.id, record.data) for record in mine if not record.column]}
        parts = machine.store, machine.crypto, machine.clock, machine.entropy
        vault = await Vault.create(*parts, secret(), rows, tables=plain, more=columns, kdf=QUICK)
        real = await held_by(vault)
        foreign = replace(export, head=replace(export.head, vault=ELSEWHERE))
        choices = {name: data.draw(st.sampled_from(item.choices)) for name, item in compare(foreign, real, vault.vault_id, 9).plans.items()}
        expected = after(real, decide(compare(foreign, real, vault.vault_id, 9), choices, 7).changes)
        before = vault.commits
        done = await restore(vault, foreign, choices, 7)
        assert vault.commits - before == (1 if done.changes else 0)  # one transaction
        await vault.lock()
        vault = await Vault.find(machine, QUICK)
        assert await vault.unlock(secret()) == ()
        for name in await vault.classes():
            found = await vault.scan(name)
            assert found.intact and {record.key: record.data for record in records_of(found)} == expected.get(name, {})

    asyncio.run(scenario())


def written(export: Export, damaged: list[Damage] | None = None) -> bytes:
    writer = Writer()
    writer.begin(export.head)
    parts = []
    for name, item in sorted(export.classes.items()):
        parts += writer.add_class(name, item.kind, item.records, damaged or [])
    return b"".join([*parts, *writer.finish()])


def read(plain: bytes, cuts: list[int] | None = None) -> Export:
    reader = Reader()
    places = sorted({0, len(plain), *(cut % (len(plain) + 1) for cut in cuts or [])})
    for begin, end in itertools.pairwise(places):
        reader.feed(plain[begin:end])
    return reader.finish()


@quick
@given(meetings(), st.lists(st.integers(0, 10_000), max_size=5), st.booleans())
def test_what_is_written_is_read_however_it_comes(meeting: tuple[dict[str, Held], Export], cuts: list[int], broken: bool) -> None:
    export = meeting[1]
    damaged = [Damage("", "unreadable", "changed", "id", envelope=b"\0\xff"), Damage("", "missing", "lost", count=3)] if broken else []
    found = read(written(export, damaged), cuts)
    assert found.head == export.head
    assert {name: (item.kind, item.records) for name, item in found.classes.items()} == {
        name: (item.kind, item.records) for name, item in export.classes.items()
    }
    assert all([lost.stored for lost in item.lost] == ([b"\0\xff", None] if broken else []) for item in found.classes.values())


@quick
@given(meetings(), st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 30))
def test_a_spoilt_export_is_refused(meeting: tuple[dict[str, Held], Export], at: int, put: bytes, cut: int) -> None:
    plain = written(meeting[1])
    at %= len(plain)
    spoilt = plain[:at] + put + plain[at + cut :]
    assume(spoilt != plain)
    try:
        found = read(spoilt)
    except ExportRefused:
        return
    assert found == read(plain)  # such as a space between two fields of the last line


@quick
@given(st.binary(max_size=200))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ExportRefused):
        read(data)


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5)
fields = st.sampled_from(["class", "id", "version", "text", "base64", "damaged", "kind", "count", "detail", "end", "records", "sha256", "kontor-export"])


@quick
@given(st.lists(st.dictionaries(fields, json_values, max_size=6), max_size=4), meetings())
def test_lines_of_any_shape_are_refused_in_words(rows: list[dict], meeting: tuple[dict[str, Held], Export]) -> None:
    head, rest = written(meeting[1]).split(b"\n", 1)
    plain = b"\n".join([head, *(json.dumps(row).encode() for row in rows), rest])
    assume(rows)
    with pytest.raises(VaultError) as refusal:
        read(plain)
    assert refusal.value.code == "export-refused" and len(str(refusal.value)) < 400


@quick
@given(logs(), st.sets(st.integers(0, 8)), st.booleans())
def test_damage_never_makes_two_histories_of_one(both: tuple[list, list], lost: set[int], unreadable: bool) -> None:
    whole = both[1]
    kept = [record for index, record in enumerate(whole) if index == 0 or index not in lost]
    gone = {record.id: b"sealed" for record in whole if record not in kept} if unreadable else {}
    held = Held("log", kept, len(whole), whole[-1].id, len(kept) < len(whole), gone)
    found = plan(ExportClass("journal", "log", whole), held, True)
    assert found.relation != "diverged" and found.mended == len(whole) - len(kept)
    if found.mended:
        export = Export(ExportHead(HERE, 1, 1, 1, ""), {"journal": ExportClass("journal", "log", whole)})
        state = after({"journal": held}, decide(compare(export, {"journal": held}, HERE, 5), {}, 7).changes)
        assert list(state["journal"].items()) == [(record.key, record.data) for record in whole]
