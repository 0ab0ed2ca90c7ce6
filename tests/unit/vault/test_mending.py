"""Damage that the store's second copy puts right: found at unlock, while reading, and by the check of a whole log."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.platform.interfaces import Guard, Write
from app.platform.memory import MemoryStore
from app.vault import VaultAuthFailed, VaultDamaged
from tests.unit.vault.kit import Machine, contents_of, created, initial, opened


class CopiedStore(MemoryStore):
    """A store with a copy of what was committed under a guard."""

    def __init__(self) -> None:
        super().__init__()
        self.copy: dict[tuple[str, str], bytes] = {}
        self.mends: list[str] = []

    async def commit(self, writes: Sequence[Write], *, strict: bool = True, guard: Guard | None = None) -> None:
        await super().commit(writes, strict=strict, guard=guard)
        for op, cls, record_id, value in writes:
            self.copy.pop((cls, record_id), None)
            if op != "delete":
                self.copy[cls, record_id] = bytes(value)

    async def mend(self, cls: str) -> int:
        self.mends.append(cls)
        before = {key: value for key, value in self.records.items() if key[0] == cls}
        after = {key: value for key, value in self.copy.items() if key[0] == cls}
        self.records = {key: value for key, value in self.records.items() if key[0] != cls} | after
        return len({key for key in before.keys() | after.keys() if before.get(key) != after.get(key)})

    def flip(self, cls: str, record_id: str) -> None:
        stored = bytearray(self.records[cls, record_id])
        stored[-3] ^= 1
        self.records[cls, record_id] = bytes(stored)


@pytest.fixture
def machine() -> Machine:
    return Machine(CopiedStore())


async def test_records_are_put_right_while_they_are_read(machine: Machine) -> None:
    await created(machine)
    vault = await opened(machine)
    machine.store.flip("journal", "000000000002")
    del machine.store.records["journal", "000000000003"]
    machine.store.flip("settings", "theme")
    assert await contents_of(vault) == initial() and vault.mended == 3
    machine.store.flip("settings", "theme")
    assert await vault.get("settings", "theme", fresh=True) == b"dark" and vault.mended == 4
    machine.store.flip("journal", "000000000004")
    assert await vault.check_log("journal") == (4, []) and vault.mended == 5
    assert await contents_of(vault) == initial() and vault.mended == 5


@pytest.mark.parametrize(("cls", "ids"), [("header", ("vault", "copy")), ("manifest", ("manifest", "copy")), ("header", ("vault",)), ("manifest", ("copy",))])
async def test_the_vaults_own_records_are_put_right_at_unlock(machine: Machine, cls: str, ids: tuple[str, ...]) -> None:
    await created(machine)
    for record_id in ids:
        machine.store.flip(cls, record_id)
    vault = await opened(machine)
    assert not vault.problems and not vault.read_only and await contents_of(vault) == initial()
    assert vault.mended == len(ids)
    await vault.put("settings", "theme", b"light")
    assert not await vault.examine()


async def test_what_the_copy_lacks_too_is_damage(machine: Machine) -> None:
    await created(machine)
    vault = await opened(machine)
    machine.store.flip("journal", "000000000002")
    machine.store.flip("settings", "theme")
    machine.store.copy = dict(machine.store.records)
    assert [item.id for item in (await vault.scan("journal")).damaged] == ["000000000002"]
    with pytest.raises(VaultDamaged):
        await vault.get("settings", "theme", fresh=True)
    assert vault.mended == 0


async def test_a_wrong_passphrase_stays_wrong_and_nothing_is_looked_up_while_all_is_well(machine: Machine) -> None:
    await created(machine)
    vault = await opened(machine)
    await contents_of(vault)
    assert machine.store.mends == []
    with pytest.raises(VaultAuthFailed):
        await opened(machine, b"another passphrase")
    assert machine.store.mends == ["header"]
