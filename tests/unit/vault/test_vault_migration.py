"""Vaults that earlier versions wrote open, hold what they held, and are carried forward; an older one put back is noticed."""

from __future__ import annotations

import asyncio

import pytest

from app.platform.memory import MemoryStore
from app.vault import KdfPolicy, NewSlot, Proof, Vault, VaultAuthFailed
from app.vault.header import VERSION, split
from tests.unit.vault.kit import QUICK, WORDS, Machine, secret
from tests.unit.vault.old import FOLDER, restored
from tests.unit.vault.reader import Reader

FORMATS = sorted(path.stem for path in FOLDER.glob("format-*.json"))


def version_of(store: MemoryStore) -> int:
    return split(store.records["header", "vault"])[0][8]


@pytest.mark.parametrize("name", FORMATS)
def test_an_earlier_format_is_read_and_carried_forward(name: str) -> None:
    async def scenario() -> None:
        machine = Machine()
        holds = restored(machine.store, name)
        records = {key: value for key, value in machine.store.records.items() if key[0] not in ("header", "manifest")}
        assert version_of(machine.store) == int(name.removeprefix("format-"))
        vault = await Vault.find(machine, QUICK)
        with pytest.raises(VaultAuthFailed):
            await vault.unlock(secret(b"not the passphrase"))
        assert version_of(machine.store) == int(name.removeprefix("format-")), "nothing changes before it is open"
        assert await vault.unlock(secret()) == ()
        assert version_of(machine.store) == VERSION
        for cls, held in holds.items():
            result = await vault.scan(cls)
            assert result.intact and dict(result.records) == held
        assert {key: value for key, value in machine.store.records.items() if key[0] not in ("header", "manifest")} == records
        assert Reader(machine.store.records, WORDS).log("journal") == holds["journal"]
        await vault.append("journal", [("000000000009", b"after")])
        await vault.access.add(Proof(secret()), NewSlot("recovery"))
        await vault.access.begin_rekey([Proof(secret())])
        await vault.access.rekey()
        await vault.lock()
        again = await Vault.find(machine, QUICK)
        assert await again.unlock(secret()) == ()
        assert dict((await again.scan("journal")).records) == holds["journal"] | {"000000000009": b"after"}

    asyncio.run(scenario())


@pytest.mark.parametrize("name", FORMATS)
def test_the_second_reader_opens_an_earlier_format_too(name: str) -> None:
    store = MemoryStore()
    holds = restored(store, name)
    reader = Reader(store.records, WORDS)
    assert reader.log("journal") == holds["journal"]
    assert reader.table("settings") == holds["settings"] and reader.table("oauth") == holds["oauth"]


def test_an_earlier_header_put_back_is_noticed() -> None:
    async def scenario() -> None:
        machine = Machine()
        restored(machine.store)
        before = dict(machine.store.records)
        vault = await Vault.find(machine, QUICK)
        await vault.unlock(secret())
        await vault.lock()
        for copy in ("vault", "copy"):
            machine.store.records["header", copy] = before["header", copy]
        again = await Vault.find(machine, QUICK)
        assert [damage.kind for damage in await again.unlock(secret())] == ["rollback"] and again.read_only
        assert version_of(machine.store) == 1, "a vault that is not to be trusted is not carried forward"

    asyncio.run(scenario())


def test_a_quota_that_leaves_no_room_does_not_keep_an_earlier_format_from_opening() -> None:
    async def scenario() -> None:
        machine = Machine()
        holds = restored(machine.store)
        machine.store.quota = 100
        vault = await Vault.find(machine, QUICK)
        assert await vault.unlock(secret()) == ()
        assert version_of(machine.store) == 1 and dict((await vault.scan("journal")).records) == holds["journal"]
        machine.store.quota = None
        await vault.put("settings", "theme", b"light")

    asyncio.run(scenario())


def test_parameters_below_the_minimum_are_not_accepted_from_an_earlier_format() -> None:
    async def scenario() -> None:
        machine = Machine()
        restored(machine.store)
        vault = await Vault.find(machine, KdfPolicy())
        assert vault.state == "damaged"

    asyncio.run(scenario())
