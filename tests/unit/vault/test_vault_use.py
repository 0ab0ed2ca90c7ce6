"""What a vault does when nothing is wrong, and how it refuses what is not acceptable."""

from __future__ import annotations

import asyncio
import json

import pytest

from app.platform.memory import MemoryStore
from app.platform.native.sqlite import SqliteStore
from app.vault import (
    KdfPolicy,
    Vault,
    VaultAbsent,
    VaultAuthFailed,
    VaultConflict,
    VaultDamaged,
    VaultExists,
    VaultLocked,
    VaultRefused,
)
from tests.unit.vault.kit import JOURNAL, QUICK, WORDS, Machine, contents_of, created, initial, opened, secret


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_what_was_kept_is_there_after_reopening(machine: Machine) -> None:
    async def scenario() -> None:
        vault = await created(machine)
        await vault.append("journal", [("000000000009", b"nine"), ("000000000010", b"")])
        await vault.put("settings", "theme", b"light")
        await vault.delete("settings", "symbols")
        await vault.lock()
        assert vault.state == "locked"
        again = await opened(machine)
        expected = initial()
        expected["journal"] |= {"000000000009": b"nine", "000000000010": b""}
        expected["settings"] = {"theme": b"light"}
        assert await contents_of(again) == expected
        assert again.problems == ()
        assert await again.get("settings", "theme") == b"light"
        assert await again.get("journal", "000000000009") == b"nine"
        assert await again.get("settings", "symbols") is None

    asyncio.run(scenario())


def test_a_log_is_read_from_inside_and_verified_to_its_end(machine: Machine) -> None:
    async def scenario() -> None:
        vault = await created(machine)
        result = await vault.scan("journal", "000000000003")
        assert [record.id for record in result.records] == ["000000000003", "000000000004"]
        assert result.intact
        assert result.last_id == "000000000004"
        del machine.store.records["journal", "000000000004"]
        assert [(d.kind, d.count) for d in (await vault.scan("journal", "000000000003")).damaged] == [("missing", 1)]

    asyncio.run(scenario())


def test_state_before_and_after(machine: Machine) -> None:
    async def scenario() -> None:
        vault = await Vault.find(machine, QUICK)
        assert vault.state == "absent"
        with pytest.raises(VaultAbsent):
            await vault.unlock(secret())
        made = await created(machine)
        assert made.state == "open" and len(made.vault_id) == 32
        assert await vault.refresh() == "locked"
        assert vault.vault_id == made.vault_id and vault.created_ns == machine.clock.now_ns()
        with pytest.raises(VaultExists):
            await created(machine)
        await made.wipe()
        assert made.state == "absent" and machine.store.records == {}

    asyncio.run(scenario())


def test_an_evicted_vault_is_not_taken_for_a_first_run(machine: Machine) -> None:
    async def scenario() -> None:
        await created(machine)
        machine.store.records = {}
        vault = await Vault.find(machine, QUICK)
        assert vault.state == "damaged" and "removed" in vault.detail
        with pytest.raises(VaultDamaged):
            await vault.unlock(secret())
        with pytest.raises(VaultDamaged):
            await created(machine)
        await vault.wipe()
        assert (await created(machine)).state == "open"

    asyncio.run(scenario())


def test_records_without_a_header_are_not_taken_for_a_first_run(machine: Machine) -> None:
    async def scenario() -> None:
        await created(machine)
        for copy in ("vault", "copy"):
            del machine.store.records["header", copy]
        vault = await Vault.find(machine, QUICK)
        assert vault.state == "damaged" and "header is gone" in vault.detail

    asyncio.run(scenario())


def test_wrong_passphrase_leaves_everything_as_it_was(machine: Machine) -> None:
    async def scenario() -> None:
        await created(machine)
        before = dict(machine.store.records)
        vault = await Vault.find(machine, QUICK)
        for wrong in (b"correct horse batterx", b"Correct horse battery", b"correct horse battery ", b"\0" * 21):
            typed = secret(wrong)
            with pytest.raises(VaultAuthFailed) as failure:
                await vault.unlock(typed)
            assert typed == bytearray(len(wrong)), "the passphrase is wiped after a failure too"
            assert wrong.decode() not in str(failure.value)
        assert vault.state == "locked" and machine.store.records == before
        await vault.unlock(secret())
        assert vault.state == "open"

    asyncio.run(scenario())


def test_passphrases_are_wiped_and_their_length_is_held(machine: Machine) -> None:
    async def scenario() -> None:
        for unfit in (b"", b"seven77", b"x" * 1025):
            typed = secret(unfit)
            with pytest.raises(VaultRefused):
                await created(machine, bytes(typed))
            assert machine.store.records == {}
        typed = secret()
        await Vault.create(machine.store, machine.crypto, machine.clock, machine.entropy, typed, kdf=QUICK)
        assert typed == bytearray(len(WORDS))

    asyncio.run(scenario())


def test_locked_means_locked(machine: Machine) -> None:
    async def scenario() -> None:
        vault = await created(machine)
        written = asyncio.ensure_future(vault.append("journal", [("000000000005", b"in flight")]))
        await asyncio.sleep(0)
        await vault.lock()
        await written
        for call in (
            vault.append("journal", [("000000000006", b"late")]),
            vault.put("settings", "theme", b"late"),
            vault.delete("settings", "theme"),
            vault.get("settings", "theme"),
            vault.scan("journal"),
            vault.contents(),
            vault.accept_damage(),
        ):
            with pytest.raises(VaultLocked):
                await call
        assert (await (await opened(machine)).scan("journal")).records[-1].data == b"in flight"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("cls", "record_id", "payload"),
    [
        ("journal", "000000000004", b"id not above the last"),
        ("journal", "", b"empty id"),
        ("journal", "9\n", b"control character"),
        ("journal", "9" * 151, b"long id"),
        ("journal", "9\xe4", b"not ascii"),
        ("Journal", "9", b"class in capitals"),
        ("header", "vault", b"reserved"),
        ("manifest", "manifest", b"reserved"),
        ("settings", "9", b"a table is not appended to"),
        ("journal", "9", "text"),
    ],
)
def test_an_unacceptable_append_is_refused_and_changes_nothing(
    machine: Machine, cls: str, record_id: str, payload: bytes
) -> None:
    async def scenario() -> None:
        vault = await created(machine)
        before = dict(machine.store.records)
        with pytest.raises(VaultRefused):
            await vault.append(cls, [(record_id, payload)])
        assert machine.store.records == before
        await vault.append("journal", [("9", b"the next one is fine")])

    asyncio.run(scenario())


def test_a_refused_change_does_not_hold_back_those_it_was_joined_with(machine: Machine) -> None:
    async def scenario() -> None:
        vault = await created(machine)
        results = await asyncio.gather(
            vault.put("settings", "theme", b"light"),
            vault.put_many("settings", [("theme", b"never"), ("bad\x00id", b"never")]),
            vault.delete("settings", "symbols"),
            vault.put("journal", "000000000005", b"a log is not put to"),
            vault.append("journal", [("000000000005", b"five")]),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [type(None), VaultRefused, type(None), VaultRefused, type(None)]
        again = await opened(machine)
        assert await contents_of(again) == {
            "journal": initial()["journal"] | {"000000000005": b"five"},
            "settings": {"theme": b"light"},
        }
        assert (await again.scan("settings")).intact and (await again.scan("journal")).intact

    asyncio.run(scenario())


def test_waiting_writes_are_joined_into_one_transaction(machine: Machine) -> None:
    async def scenario() -> None:
        vault = await created(machine)
        before = machine.store.commits
        await asyncio.gather(
            *(vault.append("journal", [(f"{number:012d}", b"x")], strict=False) for number in range(5, 505))
        )
        assert machine.store.commits - before <= 3
        assert len((await vault.scan("journal")).records) == 504

    asyncio.run(scenario())


def test_every_seal_has_its_own_nonce(machine: Machine) -> None:
    class Recording(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.nonces: list[bytes] = []

        async def commit(self, writes, *, strict=True, guard=None) -> None:  # type: ignore[no-untyped-def]
            sealed = {write.value for write in writes if write.op != "delete" and write.cls != "header"}
            self.nonces += [value[18:30] for value in sealed]
            await super().commit(writes, strict=strict, guard=guard)

    async def scenario() -> None:
        store = Recording()
        vault = await created(Machine(store))
        for number in range(5, 1005):
            await vault.append("journal", [(f"{number:012d}", b"same payload")])
            await vault.put("settings", "theme", b"same payload")
        assert len(store.nonces) > 4_000 and len(set(store.nonces)) == len(store.nonces)

    asyncio.run(scenario())


def test_contents_tell_what_is_stored(machine: Machine) -> None:
    async def scenario() -> None:
        vault = await created(machine)
        machine.clock.advance(1_000)
        await vault.put("settings", "theme", b"longer than before")
        await vault.delete("settings", "symbols")
        contents = await vault.contents()
        journal, settings = contents.classes
        assert (journal.cls, journal.kind, journal.count) == ("journal", "log", len(JOURNAL))
        assert (settings.cls, settings.kind, settings.count) == ("settings", "table", 1)
        for part in contents.classes:
            assert part.bytes == sum(len(value) for (cls, _), value in machine.store.records.items() if cls == part.cls)
        assert settings.newest_ns - settings.oldest_ns == 1_000 and journal.newest_ns == journal.oldest_ns
        assert contents.commits == 3

    asyncio.run(scenario())


def test_a_second_writer_is_noticed_before_it_can_do_harm(machine: Machine) -> None:
    async def scenario() -> None:
        first = await created(machine)
        second = await opened(machine)
        await second.append("journal", [("000000000005", b"second")])
        with pytest.raises(VaultConflict):
            await first.put("settings", "theme", b"first")
        with pytest.raises(VaultConflict):
            await first.append("journal", [("000000000006", b"first")])
        again = await opened(machine)
        assert (await again.scan("journal")).records[-1].data == b"second"
        assert await again.get("settings", "theme") == b"dark" and (await again.scan("journal")).intact

    asyncio.run(scenario())


def test_stretching_takes_as_long_as_asked(machine: Machine) -> None:
    class SlowCrypto(type(machine.crypto)):  # type: ignore[misc]
        async def derive_kek(self, passphrase, kdf):  # type: ignore[no-untyped-def]
            machine.clock.advance(kdf.iterations * 100)  # 10,000 iterations a ms
            return await super().derive_kek(passphrase, kdf)

    async def scenario() -> None:
        machine.crypto = SlowCrypto()
        policy = KdfPolicy(floor=1_000, ceiling=100_000, target_s=0.005, memory_kib=0)
        vault = await Vault.create(machine.store, machine.crypto, machine.clock, machine.entropy, secret(), kdf=policy)
        await vault.lock()
        started = machine.clock.monotonic_ns()
        await vault.unlock(secret())
        assert 5_000_000 <= machine.clock.monotonic_ns() - started <= 6_000_000

    asyncio.run(scenario())


def test_a_vault_in_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async def scenario() -> None:
        machine = Machine(SqliteStore(tmp_path / "vault.db"))
        await machine.store.open()
        vault = await created(machine)
        await vault.append("journal", [("000000000005", b"five")])
        machine.store.close()
        again = await opened(Machine(SqliteStore(tmp_path / "vault.db")))
        assert (await again.scan("journal")).records[-1].data == b"five"

    asyncio.run(scenario())


class SlowToSettle(MemoryStore):
    """Its database is behind until it is let go on; ``ahead`` has marks that said more than the database had."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on, self.has, self.ahead = asyncio.Event(), 0, []

    async def settled(self) -> bool:
        goal = self.commits
        await self.goes_on.wait()
        self.has = max(self.has, goal)
        return True

    async def meta_put(self, key: str, value: str) -> None:
        if json.loads(value)["counter"] > self.has:
            self.ahead.append(value)
        await super().meta_put(key, value)


def test_no_commit_waits_for_the_mark_and_the_mark_is_never_ahead_of_the_database() -> None:
    async def scenario() -> None:
        store = SlowToSettle()
        store.goes_on.set()
        vault = await asyncio.wait_for(created(Machine(store)), 10)
        store.goes_on.clear()
        for number in range(10, 610):
            await asyncio.wait_for(vault.append("journal", [(f"{number:012d}", b"x")]), 10)
        assert not store.ahead
        asyncio.get_running_loop().call_later(0.01, store.goes_on.set)
        await asyncio.wait_for(vault.lock(), 10)
        assert not store.ahead and json.loads(await store.meta_get("vault"))["counter"] == store.commits

    asyncio.run(scenario())
