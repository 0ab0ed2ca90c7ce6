"""The bytes are those docs/vault.md says: an independent reader opens them, and limits hold before any key work."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import struct

import pytest

from app.vault import KdfPolicy, Vault, VaultAuthFailed
from tests.unit.vault.kit import QUICK, WORDS, Machine, created, initial, opened, secret
from tests.unit.vault.reader import Reader, lp, u32


def test_an_independent_reader_opens_everything() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.append("journal", [("000000000005", b"five"), ("000000000006", b"\x00\xff" * 500)])
        await vault.put("settings", "theme", b"light")
        await vault.delete("settings", "symbols")
        reader = Reader(machine.store.records, WORDS)
        expected = initial()
        expected["journal"] |= {"000000000005": b"five", "000000000006": b"\x00\xff" * 500}
        assert reader.log("journal") == expected["journal"]
        assert reader.table("settings") == {"theme": b"light"}
        assert reader.manifest["counter"] == 4

    asyncio.run(scenario())


def test_header_holds_nothing_but_what_is_documented() -> None:
    async def scenario() -> None:
        machine = Machine()
        await created(machine)
        header = Reader(machine.store.records, WORDS).header
        assert set(header) == {"created_ns", "epoch", "leaving", "revision", "slots", "vault"}
        (slot,) = header["slots"]
        assert set(slot) == {"created_ns", "id", "kind", "kdf", "label", "wraps"} and slot["kind"] == "passphrase"
        assert slot["kdf"]["name"] == "PBKDF2-HMAC-SHA256" and len(slot["kdf"]["salt"]) == 64
        assert WORDS not in b"".join(machine.store.records.values())

    asyncio.run(scenario())


def remade(machine: Machine, **changes: object) -> None:
    """Store a header with other stretching parameters, wrapped and authenticated as its author would."""
    reader = Reader(machine.store.records, WORDS)
    header = reader.header
    (slot,) = header["slots"]
    slot["kdf"] |= changes
    kdf = slot["kdf"]
    salt = bytes.fromhex(kdf["salt"])
    if isinstance(kdf["iterations"], int) and 0 < kdf["iterations"] < 10_000 and kdf["name"].startswith("PBKDF2"):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        kek = hashlib.pbkdf2_hmac("sha256", WORDS, salt, kdf["iterations"], 32)
        bound = lp(kdf["name"].encode(), u32(kdf["iterations"]), salt)
        slot_id = bytes.fromhex(slot["id"])
        aad = lp(reader.vault_id, b"kontor-wrap/1", slot_id, b"passphrase", bound, u32(1))
        nonce = bytes.fromhex(slot["wraps"][0]["nonce"])
        slot["wraps"][0]["key"] = AESGCM(kek).encrypt(nonce, reader.data_keys[1], aad).hex()
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    body = struct.pack(">8sBI", b"KONTORVH", reader.version, len(text)) + text
    stored = body + hmac.digest(reader.derive("header", "", 1), body, "sha256")
    for copy in ("vault", "copy"):
        machine.store.records["header", copy] = stored


ARGON2_OUTSIDE = (
    {"iterations": 2},
    {"iterations": 65},
    {"memory_kib": 65_535},
    {"memory_kib": 262_145},
    {"memory_kib": 2**40},
    {"memory_kib": 65_536.0},
    {"lanes": 0},
    {"lanes": 2},
    {"salt": "00" * 15},
    {"lanes": None},
)


@pytest.mark.parametrize(
    "changes",
    [
        {"iterations": 999},
        {"iterations": 1},
        {"iterations": 0},
        {"iterations": -1},
        {"iterations": 100_001},
        {"iterations": 2**31},
        {"iterations": 10**30},
        {"iterations": 1000.0},
        {"iterations": True},
        {"iterations": "1000"},
        {"salt": "00" * 15},
        {"salt": "00" * 65},
        {"name": "PBKDF2-HMAC-SHA1"},
        {"name": "none"},
        {"name": "HKDF-SHA256"},
        *({"name": "Argon2id", "iterations": 3, "memory_kib": 65_536, "lanes": 1} | changes for changes in ARGON2_OUTSIDE),
    ],
)
def test_stretching_outside_the_limits_is_refused_before_any_work(changes: dict[str, object]) -> None:
    async def scenario() -> None:
        machine = Machine()
        await created(machine)
        remade(machine, **changes)

        async def never(*_: object) -> None:
            raise AssertionError("no key may be derived with such parameters")

        machine.crypto.derive_kek = never  # type: ignore[method-assign, assignment]
        policy = KdfPolicy() if changes.get("name") == "Argon2id" else QUICK
        vault = Vault(machine.store, machine.crypto, machine.clock, machine.entropy, policy)
        with pytest.raises(VaultAuthFailed):
            await vault.unlock(secret())

    asyncio.run(scenario())


def test_a_header_remade_within_the_limits_opens_only_with_its_own_manifest() -> None:
    async def scenario() -> None:
        machine = Machine()
        await created(machine)
        remade(machine, iterations=2_000)
        vault = await opened(machine)
        assert [damage.kind for damage in vault.problems] == ["rollback"] and vault.read_only
        await vault.accept_damage()
        await vault.lock()
        assert (await opened(machine)).problems == (), "accepted, it goes with its manifest again"

    asyncio.run(scenario())


def test_the_default_policy_is_the_documented_one() -> None:
    assert KdfPolicy() == KdfPolicy(
        floor=600_000, ceiling=50_000_000, target_s=0.5, memory_kib=64 * 1024, max_memory_kib=256 * 1024, passes=3, max_passes=64
    )


def test_a_slot_of_an_unknown_kind_is_carried_along() -> None:
    async def scenario() -> None:
        machine = Machine()
        await created(machine)
        reader = Reader(machine.store.records, WORDS)
        reader.header["slots"].append({"id": "00" * 8, "kind": "passkey-prf", "anything": [1, 2]})
        text = json.dumps(reader.header, sort_keys=True, separators=(",", ":")).encode()
        body = struct.pack(">8sBI", b"KONTORVH", reader.version, len(text)) + text
        stored = body + hmac.digest(reader.derive("header", "", 1), body, "sha256")
        for copy in ("vault", "copy"):
            machine.store.records["header", copy] = stored
        vault = await opened(machine)
        assert vault.state == "open"

    asyncio.run(scenario())
