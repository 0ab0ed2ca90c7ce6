"""Any history of writes, joins and reopenings leaves what a plain dict would hold; any tampering is noticed."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.vault import Proof, Vault, VaultAuthFailed
from tests.unit.vault.kit import QUICK, Machine, opened, secret
from tests.unit.vault.reader import Reader

payloads = st.binary(max_size=40)
names = st.sampled_from(["a", "b", "c"])
tables = st.sampled_from(["settings", "layout"])
changes = st.one_of(
    st.tuples(st.just("append"), st.just("journal"), st.lists(payloads, min_size=1, max_size=3)),
    st.tuples(st.just("put"), tables, names, payloads),
    st.tuples(st.just("delete"), tables, names),
)
columns = st.tuples(st.just("column"), tables, st.sampled_from(["long", "longer"]), st.sampled_from([0, 1, 300_000, 600_000]))
joint = st.lists(st.one_of(changes, columns), min_size=1, max_size=5)
histories = st.lists(st.one_of(joint, st.sampled_from(["reopen", "rekey", "begin rekey"])), max_size=8)
Model = dict[str, dict[str, bytes]]

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


async def played(history: list[Any]) -> tuple[Machine, Vault, Model, list[dict[tuple[str, str], bytes]]]:
    """The vault after a history, the model of it, and what was stored after each step."""
    machine = Machine()
    parts = machine.store, machine.crypto, machine.clock, machine.entropy
    vault = await Vault.create(*parts, secret(), kdf=QUICK)
    model: Model = {"journal": {}, "settings": {}, "layout": {}}
    past = [dict(machine.store.records)]
    for step in history:
        if step == "reopen":
            await vault.lock()
            vault = await opened(machine)
            continue
        if step in ("rekey", "begin rekey"):
            if not vault.access.leaving:
                await vault.access.begin_rekey([Proof(secret())])
            if step == "rekey":
                await vault.access.rekey()
            past.append(dict(machine.store.records))
            continue
        await asyncio.gather(*(applied(vault, model, change) for change in step))
        past.append(dict(machine.store.records))
    return machine, vault, model, past


def applied(vault: Vault, model: Model, change: Any) -> Any:
    """The change to the model at once, to the vault when awaited: those of one step are joined."""
    kind, cls, *rest = change
    held = model[cls]
    if kind == "append":
        records = [(f"{len(held) + index:06}", payload) for index, payload in enumerate(rest[0], 1)]
        held.update(records)
        return vault.append(cls, records)
    if kind == "column":
        held[rest[0]] = data = bytes(rest[1])
        return vault.put_column(cls, rest[0], data)
    if kind == "put":
        held[rest[0]] = rest[1]
        return vault.put(cls, *rest)
    held.pop(rest[0], None)
    return vault.delete(cls, rest[0])


async def readable(vault: Vault, model: Model) -> tuple[Model, bool]:
    """Everything that verifies, and whether anything at all was reported."""
    results = {cls: await vault.scan(cls) for cls in model}
    reported = bool(vault.problems) or any(result.damaged for result in results.values())
    return {cls: dict(result.records) for cls, result in results.items()}, reported


@quick
@given(histories)
def test_the_vault_holds_what_a_dict_would(history: list[Any]) -> None:
    async def scenario() -> None:
        machine, vault, model, _ = await played(history)
        for reading in (vault, await opened(machine)):
            assert await readable(reading, model) == (model, False)
        contents = {part.cls: (part.count, part.bytes) for part in (await vault.contents()).classes}
        for cls in model:
            stored = [len(value) for (its_class, _), value in machine.store.records.items() if its_class == cls]
            assert contents.get(cls, (0, 0)) == (len(stored), sum(stored))
        reader = Reader(machine.store.records, bytes(secret()))
        for cls in reader.manifest["classes"]:
            entry = reader.manifest["classes"][cls]
            if entry["count"]:
                assert (reader.log if entry["kind"] == "log" else reader.table)(cls) == model[cls]

    asyncio.run(scenario())


@quick
@given(histories.filter(lambda history: any(isinstance(step, list) for step in history)), st.data())
def test_no_mixture_of_past_and_present_passes_unnoticed(history: list[Any], data: st.DataObject) -> None:
    """An attacker with every past version of every record replaces, removes and restores them at will."""

    async def scenario() -> None:
        machine, vault, model, past = await played(history)
        await vault.lock()
        present = dict(machine.store.records)
        keys = sorted({key for records in past for key in records if key[0] != "header"})
        mixture = dict(present)
        for key in data.draw(st.lists(st.sampled_from(keys), min_size=1, max_size=6, unique=True)):
            versions: list[bytes | None] = list(dict.fromkeys(records.get(key) for records in past))
            version = data.draw(st.sampled_from(versions))
            if version is None:
                mixture.pop(key, None)
            else:
                mixture[key] = version
        machine.store.records = mixture
        reading = await opened(machine)
        found, reported = await readable(reading, model)
        assert reported or found == model
        for cls, held in found.items():
            written = {(record_id, payload) for record_id, payload in _ever(history)[cls]}
            assert set(held.items()) <= written, "nothing is read that was never written"

    asyncio.run(scenario())


@quick
@given(histories, st.data())
def test_random_damage_never_changes_what_is_read(history: list[Any], data: st.DataObject) -> None:
    async def scenario() -> None:
        machine, vault, model, _ = await played(history)
        await vault.lock()
        key = data.draw(st.sampled_from(sorted(machine.store.records)))
        value = bytearray(machine.store.records[key])
        for _ in range(data.draw(st.integers(1, 3))):
            value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
        unchanged = bytes(value) == machine.store.records[key]
        machine.store.records = machine.store.records | {key: bytes(value)}
        reading = await Vault.find(machine, QUICK)
        try:
            await reading.unlock(secret())
        except VaultAuthFailed:
            raise AssertionError("there are two headers") from None
        found, reported = await readable(reading, model)
        assert reported or unchanged
        for cls, held in model.items():
            name = key[1].rpartition("/")[0] if key[1].startswith("long") else key[1]
            assert found[cls] == {kept: payload for kept, payload in held.items() if (cls, kept) != (key[0], name) or unchanged}

    asyncio.run(scenario())



def _ever(history: list[Any]) -> dict[str, list[tuple[str, bytes]]]:
    """Every record a history ever wrote."""
    written: dict[str, list[tuple[str, bytes]]] = {"journal": [], "settings": [], "layout": []}
    for step in history:
        for kind, cls, *rest in step if isinstance(step, list) else ():
            if kind == "append":
                start = len(written[cls]) + 1
                written[cls] += [(f"{start + index:06}", payload) for index, payload in enumerate(rest[0])]
            elif kind == "column":
                written[cls].append((rest[0], bytes(rest[1])))
            elif kind == "put":
                written[cls].append((rest[0], rest[1]))
    return written
