"""Stores that fail at the worst moment: what was confirmed stays, what was not is all there or not at all."""

from __future__ import annotations

import asyncio

import pytest

from app.platform.errors import StoreClosed, StoreFull
from app.platform.memory import MemoryStore
from app.vault import NewSlot, Proof, Vault, VaultClosed, VaultError, VaultFull
from tests.unit.vault.kit import QUICK, Machine, contents_of, created, initial, opened, secret


class BreakingStore(MemoryStore):
    """Loses its connection at a chosen commit, having kept the transaction or not."""

    def __init__(self, at: int, kept: bool) -> None:
        super().__init__()
        self._at, self._kept = at, kept

    async def commit(self, writes, *, strict=True, guard=None) -> None:  # type: ignore[no-untyped-def]
        self._at -= 1
        if self._at == 0:
            if self._kept:
                await super().commit(writes, strict=strict, guard=guard)
            raise StoreClosed("The connection was lost.")
        await super().commit(writes, strict=strict, guard=guard)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("at", range(1, 9))
def test_a_connection_lost_at_any_commit_leaves_the_last_committed_state(at: int, kept: bool) -> None:
    async def scenario() -> None:
        machine = Machine(BreakingStore(at, kept))
        confirmed = initial()
        unsure = initial() if at == 1 else None
        try:
            vault = await created(machine)
            for number in range(5, 9):
                change = {f"{number:012d}": b"x" * number, f"{number:012d}b": b""}
                unsure = {"journal": confirmed["journal"] | change, "settings": confirmed["settings"]}
                await vault.append("journal", list(change.items()))
                confirmed = unsure
                setting = {f"s{number}": b"y" * number}
                unsure = {"journal": confirmed["journal"], "settings": confirmed["settings"] | setting}
                await vault.put("settings", f"s{number}", b"y" * number)
                confirmed = unsure
        except VaultClosed:
            pass
        state = (await Vault.find(machine, QUICK)).state
        if at == 1 and not kept:
            assert state == "absent"
            return
        again = await opened(machine)
        found = await contents_of(again)
        assert found == (unsure if kept else confirmed)
        assert (await again.scan("journal")).intact and (await again.scan("settings")).intact

    asyncio.run(scenario())


def test_after_an_unknown_outcome_nothing_more_is_written_until_unlocked_again() -> None:
    async def scenario() -> None:
        machine = Machine(BreakingStore(2, True))
        vault = await created(machine)
        with pytest.raises(VaultClosed):
            await vault.append("journal", [("000000000005", b"five")])
        with pytest.raises(VaultClosed):
            await vault.append("journal", [("000000000005", b"five again")])
        vault = await opened(machine)
        assert (await vault.scan("journal")).records[-1].data == b"five"

    asyncio.run(scenario())


def test_a_full_disk_refuses_the_write_whole_and_says_so() -> None:
    async def scenario() -> None:
        machine = Machine(MemoryStore(quota=8_000))
        vault = await created(machine)
        before = dict(machine.store.records)
        with pytest.raises(VaultFull) as failure:
            await vault.append("journal", [("000000000005", b"small"), ("000000000006", b"x" * 8_000)])
        assert machine.store.records == before
        assert "intact" in failure.value.kept and failure.value.remedy and failure.value.code == "vault-full"
        await vault.append("journal", [("000000000005", b"small")])
        assert (await (await opened(machine)).scan("journal")).intact

    asyncio.run(scenario())


def test_a_large_write_that_does_not_fit_takes_no_small_one_with_it() -> None:
    async def scenario() -> None:
        machine = Machine(MemoryStore(quota=8_000))
        vault = await created(machine)
        results = await asyncio.gather(
            vault.put("history", "2026", b"x" * 8_000),
            vault.append("journal", [("000000000005", b"an order")]),
            vault.put("history", "2027", b"after a failed write of its class"),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [VaultFull, type(None), VaultFull]
        again = await opened(machine)
        assert (await again.scan("journal")).records[-1].data == b"an order"
        assert (await again.scan("history")).records == []

    asyncio.run(scenario())


def test_a_vault_that_does_not_fit_is_not_made() -> None:
    async def scenario() -> None:
        machine = Machine(MemoryStore(quota=500))
        with pytest.raises(VaultFull):
            await created(machine)
        assert machine.store.records == {} and (await Vault.find(machine, QUICK)).state == "absent"

    asyncio.run(scenario())


def test_a_full_disk_stops_a_rekey_that_goes_on_once_there_is_room() -> None:
    class Filling(MemoryStore):
        left = 10**9

        async def commit(self, writes, *, strict=True, guard=None) -> None:  # type: ignore[no-untyped-def]
            self.left -= 1
            if self.left < 0:
                raise StoreFull("no room")
            await super().commit(writes, strict=strict, guard=guard)

    async def scenario() -> None:
        for left in range(4):
            machine = Machine(Filling())
            vault = await created(machine)
            machine.store.left = left
            with pytest.raises(VaultFull):
                await vault.access.begin_rekey([Proof(secret())])
                await vault.access.rekey()
            assert await contents_of(vault) == initial()
            machine.store.left = 10**9
            await vault.append("journal", [("000000000005", b"five")])
            if left == 0:
                assert not vault.access.leaving
                await vault.access.begin_rekey([Proof(secret())])
            await vault.access.rekey()
            await vault.lock()
            again = await opened(machine)
            assert not again.access.leaving and (await again.scan("journal")).intact and len((await again.scan("journal")).records) == 5

    asyncio.run(scenario())


def test_a_slot_that_could_not_be_kept_does_not_open() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        machine.store.quota = 1
        with pytest.raises(VaultFull):
            await vault.access.add(Proof(secret()), NewSlot("passphrase", "", secret(b"another passphrase")))
        machine.store.quota = None
        assert len(vault.slots) == 1
        await vault.put("settings", "theme", b"light")
        assert len((await opened(machine)).slots) == 1

    asyncio.run(scenario())


def test_a_failing_read_is_told_in_the_vaults_words() -> None:
    class Closing(MemoryStore):
        async def get(self, cls: str, record_id: str) -> bytes | None:
            raise StoreClosed("The connection was lost.")

    async def scenario() -> None:
        with pytest.raises(VaultError):
            await Vault.find(Machine(Closing()), QUICK)

    asyncio.run(scenario())


def test_a_cancelled_caller_does_not_undo_or_disturb_the_write() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        impatient = asyncio.ensure_future(vault.append("journal", [("000000000005", b"five")]))
        patient = asyncio.ensure_future(vault.append("journal", [("000000000006", b"six")]))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        records = (await (await opened(machine)).scan("journal")).records
        assert [record.data for record in records[-2:]] == [b"five", b"six"]

    asyncio.run(scenario())


def test_an_unexpected_failure_stops_writing_and_keeps_its_cause() -> None:
    class Odd(MemoryStore):
        async def commit(self, writes, *, strict=True, guard=None) -> None:  # type: ignore[no-untyped-def]
            if self.commits:
                raise RuntimeError("odd")
            await super().commit(writes, strict=strict, guard=guard)

    async def scenario() -> None:
        vault = await created(Machine(Odd()))
        with pytest.raises(VaultClosed) as failure:
            await vault.put("settings", "theme", b"light")
        assert isinstance(failure.value.__cause__, RuntimeError)
        with pytest.raises(VaultClosed):
            await vault.put("settings", "theme", b"light")

    asyncio.run(scenario())


def test_store_errors_say_what_was_kept_and_what_to_do() -> None:
    for error in (StoreFull("full"), StoreClosed("gone")):
        assert error.kept and error.remedy and error.code.startswith("store-")
