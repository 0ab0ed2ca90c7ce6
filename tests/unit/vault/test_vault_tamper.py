"""Changed, swapped, replayed, deleted and truncated bytes: always noticed, and the rest stays readable."""

from __future__ import annotations

import asyncio

import pytest

from app.platform.interfaces import Guard
from app.vault import NewSlot, Proof, Vault, VaultAuthFailed, VaultDamaged
from app.vault.format import FORM_LOG, FORM_TABLE
from app.vault.staging import Plain
from tests.unit.vault.kit import QUICK, Machine, contents_of, created, initial, opened, secret

Stored = dict[tuple[str, str], bytes]


async def fresh() -> tuple[Machine, Stored]:
    machine = Machine()
    await (await created(machine)).lock()
    return machine, dict(machine.store.records)


def flipped(value: bytes, offset: int) -> bytes:
    return value[:offset] + bytes([value[offset] ^ (1 << offset % 8)]) + value[offset + 1 :]


async def findings(vault: Vault) -> list[tuple[str, str, str]]:
    return [
        (damage.cls, damage.kind, damage.id)
        for cls in ("journal", "settings")
        for damage in (await vault.scan(cls)).damaged
    ]


@pytest.mark.parametrize("key", [("journal", "000000000002"), ("journal", "000000000004"), ("settings", "theme")])
def test_any_flipped_byte_of_a_record_is_reported_and_costs_nothing_else(key: tuple[str, str]) -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        expected = initial()
        del expected[key[0]][key[1]]
        vault = await opened(machine)
        for offset in range(len(stored[key])):
            bad = flipped(stored[key], offset)
            machine.store.records = stored | {key: bad}
            assert await contents_of(vault) == expected
            assert await findings(vault) == [(key[0], "unreadable", key[1])]
            assert (await vault.scan(key[0])).damaged[0].envelope == bad
            with pytest.raises(VaultDamaged):
                await vault.get(*key)
            assert machine.store.records[key] == bad, "kept in place"

    asyncio.run(scenario())


@pytest.mark.parametrize("key", [("journal", "000000000002"), ("settings", "theme")])
@pytest.mark.parametrize("plain", [bytes(50), b"short"])
def test_a_record_of_ours_that_is_none_of_its_class_is_reported_with_what_is_stored(key: tuple[str, str], plain: bytes) -> None:
    async def scenario() -> None:
        machine, _ = await fresh()
        vault = await opened(machine)
        writer = vault._session.writer
        form = FORM_TABLE if key[0] == "journal" else FORM_LOG
        sealed = await writer._to_seal([Plain("put", *key, form, 2, plain)], 1)
        guard = Guard("manifest", "manifest", writer._prefix)
        await machine.store.commit_sealed(machine.crypto, [], sealed, strict=True, guard=guard)
        damage = (await vault.scan(key[0])).damaged[0]
        assert (damage.kind, damage.id) == ("unreadable", key[1])
        assert damage.envelope == machine.store.records[key]
        with pytest.raises(VaultDamaged):
            await vault.get(*key)

    asyncio.run(scenario())


@pytest.mark.parametrize("key", [("journal", "000000000002"), ("settings", "theme")])
def test_any_truncation_of_a_record_is_reported(key: tuple[str, str]) -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        vault = await opened(machine)
        for length in range(len(stored[key])):
            machine.store.records = stored | {key: stored[key][:length]}
            assert await findings(vault) == [(key[0], "unreadable", key[1])]
        machine.store.records = stored | {key: stored[key] + b"\0"}
        assert await findings(vault) == [(key[0], "unreadable", key[1])]

    asyncio.run(scenario())


@pytest.mark.parametrize("copy", ["vault", "copy"])
def test_one_damaged_header_copy_costs_nothing(copy: str) -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        key = ("header", copy)
        for offset in range(len(stored[key])):
            machine.store.records = stored | {key: flipped(stored[key], offset)}
            vault = await opened(machine)
            assert [(damage.cls, damage.kind) for damage in vault.problems] == [("header", "unreadable")]
            assert await contents_of(vault) == initial() and not vault.read_only

    asyncio.run(scenario())


def test_any_flipped_byte_in_both_headers_fails_closed_as_a_wrong_passphrase_does() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        header = stored["header", "vault"]
        vault = await Vault.find(machine, QUICK)
        with pytest.raises(VaultAuthFailed) as wrong:
            await vault.unlock(secret(b"wrong passphrase"))
        for offset in range(len(header)):
            bad = flipped(header, offset)
            machine.store.records = stored | {("header", "vault"): bad, ("header", "copy"): bad}
            vault = Vault(machine.store, machine.crypto, machine.clock, machine.entropy, QUICK)
            with pytest.raises(VaultAuthFailed) as failure:
                await vault.unlock(secret())
            assert str(failure.value) == str(wrong.value)
            assert machine.store.records["header", "vault"] == bad, "untouched"

    asyncio.run(scenario())


def test_any_flipped_byte_of_a_header_with_every_kind_of_slot_fails_closed_for_each_of_them() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        prf = bytes(range(32))
        await vault.access.add(Proof(secret()), NewSlot("passkey", "Phone", bytearray(prf), b"credential", bytes(32)))
        _, code = await vault.access.add(Proof(secret()), NewSlot("recovery"))
        await vault.access.begin_rekey([Proof(secret()), Proof(bytearray(prf), "passkey"), Proof(bytearray(code), "recovery")])
        await vault.lock()
        stored = dict(machine.store.records)
        header = stored["header", "vault"]
        ways = [(prf, "passkey"), (bytes(code), "recovery")]
        for offset in range(len(header)):
            bad = flipped(header, offset)
            machine.store.records = stored | {("header", "vault"): bad, ("header", "copy"): bad}
            words, kind = ways[offset % 2]
            vault = Vault(machine.store, machine.crypto, machine.clock, machine.entropy, QUICK)
            with pytest.raises(VaultAuthFailed):
                await vault.unlock(bytearray(words), kind)
            assert machine.store.records["header", "vault"] == bad
        machine.store.records = stored
        for words, kind in ways:
            vault = Vault(machine.store, machine.crypto, machine.clock, machine.entropy, QUICK)
            await vault.unlock(bytearray(words), kind)
            assert await contents_of(vault) == initial()
            await vault.lock()

    asyncio.run(scenario())


@pytest.mark.parametrize("copy", ["manifest", "copy"])
def test_one_damaged_manifest_copy_costs_nothing_and_heals(copy: str) -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        key = ("manifest", copy)
        for offset in range(len(stored[key])):
            machine.store.records = stored | {key: flipped(stored[key], offset)}
            vault = await opened(machine)
            assert [damage.kind for damage in vault.problems] == ["unreadable"]
            assert await contents_of(vault) == initial() and await findings(vault) == []
        await vault.put("settings", "theme", b"light")
        assert (await opened(machine)).problems == ()

    asyncio.run(scenario())


def test_a_lost_manifest_keeps_everything_readable_and_writes_refused_until_accepted() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        manifest = stored["manifest", "manifest"]
        for bad in [flipped(manifest, offset) for offset in range(0, len(manifest), 7)] + [b"", None]:
            machine.store.records = dict(stored)
            for copy in ("manifest", "copy"):
                if bad is None:
                    del machine.store.records["manifest", copy]
                else:
                    machine.store.records["manifest", copy] = bad
            vault = await opened(machine)
            assert vault.read_only
            assert await contents_of(vault) == initial()
            with pytest.raises(VaultDamaged):
                await vault.append("journal", [("000000000005", b"five")])
        await vault.accept_damage()
        await vault.append("journal", [("000000000005", b"five")])
        again = await opened(machine)
        assert again.problems == () and await findings(again) == []
        assert len((await again.scan("journal")).records) == 5

    asyncio.run(scenario())


def test_accepting_a_damaged_tail_keeps_the_bytes_and_goes_on_after_it() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        key = ("journal", "000000000004")
        bad = flipped(stored[key], 50)
        machine.store.records = stored | {key: bad}
        vault = await opened(machine)
        await vault.append("journal", [("000000000005", b"five")])
        assert await findings(vault) == [("journal", "unreadable", key[1])]
        del machine.store.records["manifest", "manifest"], machine.store.records["manifest", "copy"]
        vault = await opened(machine)
        await vault.accept_damage()
        await vault.append("journal", [("000000000006", b"six")])
        again = await opened(machine)
        assert await findings(again) == [("journal", "unreadable", key[1])]
        assert machine.store.records[key] == bad

    asyncio.run(scenario())


def test_swapped_and_copied_records_do_not_open_elsewhere() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        vault = await opened(machine)
        first, second = ("journal", "000000000001"), ("journal", "000000000002")
        theme, symbols = ("settings", "theme"), ("settings", "symbols")
        machine.store.records = stored | {first: stored[second], second: stored[first]}
        assert await findings(vault) == [("journal", "unreadable", first[1]), ("journal", "unreadable", second[1])]
        machine.store.records = stored | {theme: stored[symbols], symbols: stored[theme]}
        assert await findings(vault) == [("settings", "unreadable", "symbols"), ("settings", "unreadable", "theme")]
        machine.store.records = stored | {theme: stored[first], first: stored[theme]}
        assert {kind for _, kind, _ in await findings(vault)} == {"unreadable"}
        machine.store.records = stored | {("journal", "000000000005"): stored["journal", "000000000004"]}
        assert ("journal", "unreadable", "000000000005") in await findings(vault)
        machine.store.records = stored | {("settings", "twin"): stored[theme]}
        assert ("settings", "unreadable", "twin") in await findings(vault)

    asyncio.run(scenario())


def test_another_vaults_records_do_not_open_here() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        _, other = await fresh()  # same passphrase, same ids
        vault = await opened(machine)
        for key in (("journal", "000000000002"), ("settings", "theme")):
            machine.store.records = stored | {key: other[key]}
            assert await findings(vault) == [(key[0], "unreadable", key[1])]
        headers = {("header", copy): other["header", "vault"] for copy in ("vault", "copy")}
        machine.store.records = stored | headers
        vault = await opened(machine)
        assert vault.read_only and await contents_of(vault) == {"journal": {}, "settings": {}}

    asyncio.run(scenario())


def test_deleted_journal_records_are_named() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        vault = await opened(machine)
        machine.store.records = {k: v for k, v in stored.items() if k not in (("journal", "000000000002"),)}
        result = await vault.scan("journal")
        assert [(d.kind, d.id, d.count) for d in result.damaged] == [("missing", "000000000003", 1)]
        assert len(result.records) == 3
        machine.store.records = {k: v for k, v in stored.items() if k[0] != "journal" or k[1] < "000000000003"}
        result = await vault.scan("journal")
        assert [(d.kind, d.id, d.count) for d in result.damaged] == [("missing", "000000000004", 2)]
        assert result.last_id == "000000000004"
        machine.store.records = {k: v for k, v in stored.items() if k[0] != "journal"}
        assert [(d.kind, d.count) for d in (await vault.scan("journal")).damaged] == [("missing", 4)]

    asyncio.run(scenario())


def test_replayed_and_deleted_table_records_are_noticed() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        vault = await opened(machine)
        await vault.put("settings", "theme", b"light")
        await vault.put("settings", "theme", b"high contrast")
        newest = dict(machine.store.records)
        machine.store.records = newest | {("settings", "theme"): stored["settings", "theme"]}
        assert await findings(vault) == [("settings", "stale", "")]
        del machine.store.records["settings", "theme"]
        assert await findings(vault) == [("settings", "missing", "")]
        await vault.accept_damage()
        assert await findings(vault) == []
        await vault.delete("settings", "symbols")
        machine.store.records["settings", "symbols"] = stored["settings", "symbols"]
        assert await findings(vault) == [("settings", "unexpected", "")]

    asyncio.run(scenario())


def test_a_rolled_back_tail_with_its_old_manifest_is_noticed() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        vault = await opened(machine)
        await vault.append("journal", [("000000000005", b"five")])
        await vault.lock()
        newest = dict(machine.store.records)
        old_manifest = {key: value for key, value in stored.items() if key[0] == "manifest"}
        machine.store.records = newest | old_manifest
        vault = await opened(machine)
        assert [damage.kind for damage in vault.problems] == ["rollback"] and vault.read_only
        assert await findings(vault) == [("journal", "unexpected", "000000000005")]
        machine.store.records = dict(stored)
        vault = await opened(machine)
        assert [damage.kind for damage in vault.problems] == ["rollback"]

    asyncio.run(scenario())


def test_overwriting_a_damaged_setting_keeps_its_bytes_for_export() -> None:
    async def scenario() -> None:
        machine, stored = await fresh()
        bad = flipped(stored["settings", "theme"], 40)
        machine.store.records = stored | {("settings", "theme"): bad}
        vault = await opened(machine)
        await vault.put_many("settings", [("size", b"small"), ("theme", b"light")])
        assert await findings(vault) == []
        assert [value for (cls, _), value in machine.store.records.items() if cls == "quarantine"] == [bad]
        again = await opened(machine)
        assert await findings(again) == []
        assert (await contents_of(again))["settings"] == {
            "symbols": b"BTCUSDT,ETHUSDT", "theme": b"light", "size": b"small"
        }
        settings = (await again.contents()).classes[1]
        assert settings.count == 3
        assert settings.bytes == sum(len(v) for (cls, _), v in machine.store.records.items() if cls == "settings")

    asyncio.run(scenario())
