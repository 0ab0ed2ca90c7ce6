"""Slots and rekeying: who can open the vault, without touching a record; new keys for all of them, whatever interrupts."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from app.platform.errors import CryptoUnavailable
from app.platform.interfaces import ARGON2ID, PBKDF2
from app.platform.native.crypto import NativeCrypto
from app.vault import KdfPolicy, NewSlot, Proof, Vault, VaultAuthFailed, VaultLocked, VaultRefused
from tests.unit.vault.kit import JOURNAL, QUICK, WORDS, Machine, contents_of, created, epoch_of, initial, opened, secret

OTHER = b"another long passphrase"
PRF, SALT = bytes(range(32)), bytes(32)
PASSKEY = {"credential": b"credential", "prf_salt": SALT}


def proof(words: bytes = WORDS, kind: str = "passphrase") -> Proof:
    return Proof(secret(words), kind)


async def found(machine: Machine, words: bytes, kind: str = "passphrase") -> Vault:
    vault = await Vault.find(machine, QUICK)
    await vault.unlock(bytearray(words), kind)
    return vault


def outside(machine: Machine) -> dict:
    return {key: value for key, value in machine.store.records.items() if key[0] not in ("header", "manifest")}


def test_every_kind_of_slot_opens_the_vault_and_no_record_is_touched() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        before = outside(machine)
        buffers = [secret(OTHER), secret(), bytearray(PRF)]
        await vault.access.add(Proof(buffers[1]), NewSlot("passphrase", "Second", buffers[0]))
        await vault.access.add(proof(), NewSlot("passkey", "Phone", buffers[2], **PASSKEY))
        slot, code = await vault.access.add(proof(), NewSlot("recovery"))
        assert not any(any(buffer) for buffer in buffers), "secrets handed in are wiped"
        assert slot.label == "Recovery code" and len(code) == 39 and code.count(b"-") == 7
        assert outside(machine) == before
        await vault.lock()
        typed = bytes(code).lower().replace(b"-", b" ").replace(b"0", b"o").replace(b"1", b"l")
        for words, kind in ((WORDS, "passphrase"), (OTHER, "passphrase"), (PRF, "passkey"), (bytes(code), "recovery"), (typed, "recovery")):
            again = await found(machine, words, kind)
            assert await contents_of(again) == initial() and again.problems == ()
            assert [entry.kind for entry in again.slots] == ["passphrase", "passphrase", "passkey", "recovery"]
            await again.lock()
        with pytest.raises(VaultAuthFailed):
            await found(machine, PRF[::-1], "passkey")

    asyncio.run(scenario())


def test_a_mistyped_recovery_code_is_told_from_a_wrong_one() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        code = bytes((await vault.access.add(proof(), NewSlot("recovery")))[1])
        await vault.lock()
        for at in range(len(code)):
            if code[at] == ord("-"):
                continue
            bad = code[:at] + (b"2" if code[at] != ord("2") else b"3") + code[at + 1 :]
            with pytest.raises(VaultRefused):
                await found(machine, bad, "recovery")
        for bad in (b"", code[:-1], code + b"A", code.replace(b"-", b"_"), "Ünïcode".encode()):
            with pytest.raises(VaultRefused):
                await found(machine, bad, "recovery")
        with pytest.raises(VaultAuthFailed):
            await found(machine, bytes(await machine.crypto.keys.new_recovery()), "recovery")

    asyncio.run(scenario())


def test_recovery_codes_hold_136_random_bits() -> None:
    async def scenario() -> None:
        work = Machine().crypto.keys
        seen = set()
        for _ in range(200):
            raw = bytes(await work.read_recovery(await work.new_recovery()))
            assert len(raw) == 17
            seen.add(raw)
        assert len(seen) == 200

    asyncio.run(scenario())


def test_a_changed_passphrase_replaces_the_old_one() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        before = outside(machine)
        slot, code = await vault.access.change(proof(), vault.slots[0].id, secret(OTHER))
        assert code is None and slot.label == "Passphrase" and outside(machine) == before
        await vault.lock()
        with pytest.raises(VaultAuthFailed):
            await found(machine, WORDS)
        assert await contents_of(await found(machine, OTHER)) == initial()

    asyncio.run(scenario())


def test_a_new_recovery_code_replaces_the_old_one() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        slot, first = await vault.access.add(proof(), NewSlot("recovery", "Safe at home"))
        slot, second = await vault.access.change(Proof(bytearray(first), "recovery"), slot.id, None)
        assert slot.label == "Safe at home" and first != second
        await vault.lock()
        with pytest.raises(VaultAuthFailed):
            await found(machine, bytes(first), "recovery")
        await found(machine, bytes(second), "recovery")

    asyncio.run(scenario())


def test_changes_ask_for_a_secret_that_opens_the_vault_now() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        stored = dict(machine.store.records)
        slot_id = vault.slots[0].id
        wrong = lambda: proof(b"not the passphrase")  # noqa: E731
        for change in (
            vault.access.add(wrong(), NewSlot("passphrase", "", secret(OTHER))),
            vault.access.add(wrong(), NewSlot("recovery")),
            vault.access.change(wrong(), slot_id, secret(OTHER)),
            vault.access.begin_rekey([wrong()]),
        ):
            with pytest.raises(VaultAuthFailed):
                await change
        assert machine.store.records == stored

    asyncio.run(scenario())


def test_a_passphrase_or_a_recovery_code_always_remains() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.access.add(proof(), NewSlot("passkey", "", bytearray(PRF), **PASSKEY))
        phrase = vault.slots[0].id
        with pytest.raises(VaultRefused):
            await vault.access.remove(proof(), phrase)
        _, code = await vault.access.add(proof(), NewSlot("recovery"))
        await vault.access.remove(proof(), phrase)
        assert [slot.kind for slot in vault.slots] == ["passkey", "recovery"]
        with pytest.raises(VaultRefused):
            await vault.access.remove(Proof(bytearray(PRF), "passkey"), vault.slots[1].id)
        await vault.lock()
        with pytest.raises(VaultAuthFailed):
            await found(machine, WORDS)
        await found(machine, bytes(code), "recovery")

    asyncio.run(scenario())


def test_what_cannot_be_a_slot_is_refused_before_any_work() -> None:
    async def scenario() -> None:
        vault = await created(Machine())
        for wanted in (
            NewSlot("passphrase", "", secret(b"short")),
            NewSlot("passphrase", "x" * 61, secret(OTHER)),
            NewSlot("passphrase", "two\nlines", secret(OTHER)),
            NewSlot("passkey", "", bytearray(31), **PASSKEY),
            NewSlot("passkey", "", bytearray(32), b"", SALT),
            NewSlot("passkey", "", bytearray(32), b"x", SALT[:-1]),
            NewSlot("telepathy", "", secret(OTHER)),
        ):
            with pytest.raises(VaultRefused):
                await vault.access.add(proof(), wanted)
        await vault.access.add(proof(), NewSlot("passkey", "", bytearray(PRF), **PASSKEY))
        with pytest.raises(VaultRefused):
            await vault.access.add(proof(), NewSlot("passkey", "", bytearray(PRF), **PASSKEY))
        for _ in range(14):
            await vault.access.add(proof(), NewSlot("recovery"))
        with pytest.raises(VaultRefused):
            await vault.access.add(proof(), NewSlot("recovery"))
        with pytest.raises(VaultRefused):
            await vault.access.rename(bytes(8), "Nobody")
        await vault.access.rename(vault.slots[0].id, "Mine")
        assert vault.slots[0].label == "Mine"

    asyncio.run(scenario())


def test_a_passphrase_is_stretched_harder_silently_where_the_device_can() -> None:
    async def scenario() -> None:
        machine = Machine()
        await (await created(machine)).lock()
        better = KdfPolicy(floor=1_000, ceiling=100_000, target_s=0, memory_kib=64, passes=1)
        vault = await Vault.find(machine, better)
        assert vault.slots[0].kdf.name == PBKDF2
        await vault.unlock(secret())
        kdf = vault.slots[0].kdf
        assert (kdf.name, kdf.memory_kib, kdf.lanes) == (ARGON2ID, 64, 1)
        assert await contents_of(vault) == initial() and vault.slots[0].label == "Passphrase"
        await vault.lock()
        stored = machine.store.records["header", "vault"]
        await vault.unlock(secret())
        assert machine.store.records["header", "vault"] == stored, "once is enough"
        await vault.lock()
        with pytest.raises(VaultAuthFailed):
            await vault.unlock(secret(OTHER))
        stricter = await Vault.find(machine, KdfPolicy())
        assert stricter.state == "damaged", "less memory than is accepted"

    asyncio.run(scenario())


def test_without_argon2id_only_the_iterations_grow_and_never_shrink() -> None:
    class NoArgon(NativeCrypto):
        derived = 0

        async def derive_kek(self, secret, kdf):  # type: ignore[no-untyped-def]
            if kdf.name == ARGON2ID:
                raise CryptoUnavailable("no memory")
            self.derived += 1
            clock.advance(kdf.iterations * 10)  # 10 ns each
            return await super().derive_kek(secret, kdf)

    machine = Machine()
    clock = machine.clock
    machine.crypto = NoArgon()

    async def scenario() -> None:
        await (await created(machine)).lock()
        policy = KdfPolicy(floor=1_000, ceiling=100_000, target_s=0.0002)  # 20,000 iterations
        vault = await Vault.find(machine, policy)
        found = []
        for _ in range(3):
            machine.crypto.derived = 0
            await vault.unlock(secret())
            found.append((vault.slots[0].kdf.iterations, machine.crypto.derived))
            await vault.lock()
        assert found == [(24_000, 2), (24_000, 1), (24_000, 1)]
        weaker = await Vault.find(machine, KdfPolicy(floor=1_000, ceiling=100_000, target_s=0.0001))
        await weaker.unlock(secret())
        assert weaker.slots[0].kdf.iterations == 24_000
        with pytest.raises(VaultRefused) as failure:
            await (await argon_vault()).unlock(secret())
        assert "memory" in str(failure.value)

    async def argon_vault() -> Vault:
        other = Machine()
        policy = KdfPolicy(floor=1_000, target_s=0, memory_kib=64, passes=1)
        vault = await Vault.create(other.store, other.crypto, other.clock, other.entropy, secret(), kdf=policy)
        await vault.lock()
        return Vault(other.store, machine.crypto, other.clock, other.entropy, policy)

    asyncio.run(scenario())


def test_a_rekey_seals_everything_anew_and_the_old_key_is_gone() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        _, old_code = await vault.access.add(proof(), NewSlot("recovery"))
        await vault.access.add(proof(), NewSlot("passkey", "Phone", bytearray(PRF), **PASSKEY))
        await vault.access.add(proof(), NewSlot("passphrase", "Second", secret(OTHER)))
        await vault.put("settings", "theme", b"light")
        before = outside(machine)
        begun = await vault.access.begin_rekey([proof(), Proof(bytearray(PRF), "passkey")])
        assert [slot.label for slot in begun.left_out] == ["Second"] and begun.code is not None
        assert vault.access.leaving and outside(machine) == before
        told: list[tuple[int, int]] = []
        await vault.access.rekey(lambda done, total: told.append((done, total)))
        assert told[-1] == (6, 6) and not vault.access.leaving
        after = outside(machine)
        assert before.keys() == after.keys() and not set(before.values()) & set(after.values())
        assert {epoch_of(value) for value in after.values()} == {2}
        expected = initial()
        expected["settings"]["theme"] = b"light"
        assert await contents_of(vault) == expected
        await vault.lock()
        for words, kind in ((WORDS, "passphrase"), (PRF, "passkey"), (bytes(begun.code), "recovery")):
            again = await found(machine, words, kind)
            assert await contents_of(again) == expected and (await again.scan("journal")).intact
            assert all(len(slot.wraps) == 1 for slot in again.slots)
            await again.lock()
        for words, kind in ((OTHER, "passphrase"), (bytes(old_code), "recovery")):
            with pytest.raises(VaultAuthFailed):
                await found(machine, words, kind)
        machine.store.records |= {key: value for key, value in before.items() if key[0] == "journal"}
        assert {damage.kind for damage in (await (await opened(machine)).scan("journal")).damaged} == {"unreadable"}

    asyncio.run(scenario())


def test_writes_go_on_while_a_vault_is_rekeyed() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.put_many("settings", [(f"s{number:04}", os.urandom(20)) for number in range(1_200)])
        expected = dict((await vault.scan("settings")).records)
        await vault.access.begin_rekey([proof()])
        job = asyncio.ensure_future(vault.access.rekey())
        number = 5
        while not job.done():
            await vault.append("journal", [(f"{number:012d}", b"during")])
            await vault.put("settings", f"s{number % 1_200:04}", b"%d" % number)
            expected[f"s{number % 1_200:04}"] = b"%d" % number
            await vault.delete("settings", "s1000")
            expected.pop("s1000", None)
            number += 1
        await job
        await vault.lock()
        again = await opened(machine)
        settings, journal = await again.scan("settings"), await again.scan("journal")
        assert settings.intact and journal.intact and dict(settings.records) == expected
        assert len(journal.records) == len(JOURNAL) + number - 5
        assert {epoch_of(value) for value in outside(machine).values()} == {2}
        classes = {item.cls: item for item in (await again.contents()).classes}
        assert classes["settings"].bytes == sum(len(v) for (cls, _), v in machine.store.records.items() if cls == "settings")

    asyncio.run(scenario())


def test_slots_can_be_changed_while_a_vault_is_rekeyed_but_no_second_rekey_begins() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.access.begin_rekey([proof()])
        with pytest.raises(VaultRefused):
            await vault.access.begin_rekey([proof()])
        _, code = await vault.access.add(proof(), NewSlot("recovery"))
        await vault.lock()
        again = await found(machine, bytes(code), "recovery")
        assert again.access.leaving and await contents_of(again) == initial()
        await again.access.rekey()
        await again.lock()
        assert await contents_of(await found(machine, bytes(code), "recovery")) == initial()
        with pytest.raises(VaultRefused):
            vault = await opened(machine)
            await vault.access.begin_rekey([Proof(bytearray(PRF), "passkey")])

    asyncio.run(scenario())


def test_new_keys_are_proposed_in_time_and_asked_for_in_the_end() -> None:
    async def scenario() -> None:
        vault = await created(Machine())

        def sealed(seals: int) -> None:
            classes = vault._session.writer.manifest.classes
            classes["settings"] = replace(classes["settings"], seals=seals)

        assert not vault.rekey_due
        sealed(2**28)
        assert vault.rekey_due
        sealed(2**32)
        with pytest.raises(VaultRefused):
            await vault.put("settings", "theme", b"light")
        await vault.access.begin_rekey([proof()])
        await vault.access.rekey()
        assert not vault.rekey_due
        await vault.put("settings", "theme", b"light")

    asyncio.run(scenario())


def test_a_lock_that_comes_while_a_secret_is_stretched_ends_the_change() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        stored = dict(machine.store.records)
        change = asyncio.ensure_future(vault.access.add(proof(), NewSlot("passphrase", "", secret(OTHER))))
        rekey = asyncio.ensure_future(vault.access.begin_rekey([proof()]))
        await asyncio.sleep(0)
        await vault.lock()
        await vault.unlock(secret())
        for ended in (change, rekey):
            with pytest.raises(VaultLocked):
                await ended
        assert machine.store.records == stored and len(vault.slots) == 1 and not vault.access.leaving
        await vault.put("settings", "theme", b"no conflict")

    asyncio.run(scenario())
