"""The native primitives against Wycheproof's vectors; tests/e2e runs the same through WebCrypto."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.platform.errors import CryptoAuthError
from app.platform.interfaces import Kdf, Sealing
from app.platform.native.crypto import NativeCrypto, NativeKey

VECTORS = Path(__file__).parents[2] / "data" / "wycheproof"
NONCE = bytes(12)
h = bytes.fromhex


def cases(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(group, case) of one file of vectors."""
    with gzip.open(VECTORS / f"{name}_test.json.gz") as file:
        for group in json.load(file)["testGroups"]:
            for case in group["tests"]:
                yield group, case


async def test_aes_gcm() -> None:
    crypto, checked = NativeCrypto(), 0
    for group, case in cases("aes_gcm"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        item = Sealing(AESGCM(h(case["key"])), h(case["iv"]), h(case["aad"]), h(case["ct"]) + h(case["tag"]))
        opened = (await crypto.open_many([item]))[0]
        assert opened == (h(case["msg"]) if case["result"] == "valid" else None), case
        if opened is not None:
            assert await crypto.seal_many([item._replace(data=opened)]) == [item.data], case
        checked += 1
    assert checked > 60


async def test_hkdf() -> None:
    crypto, checked = NativeCrypto(), 0
    for _, case in cases("hkdf_sha256"):
        if case["result"] != "valid" or case["size"] < 32:
            continue
        key, salt, info = NativeKey(h(case["ikm"])), h(case["salt"]), h(case["info"])
        expected = h(case["okm"])[:32]
        assert (await crypto.mac_key(key, salt, info)).raw == expected
        sealed = (await crypto.record_key(key, salt, info)).encrypt(NONCE, b"x", b"")
        assert sealed == AESGCM(expected).encrypt(NONCE, b"x", b"")
        checked += 1
    assert checked > 40


async def test_hmac() -> None:
    crypto, checked = NativeCrypto(), 0
    for group, case in cases("hmac_sha256"):
        if group["tagSize"] != 256:
            continue
        key, message, tag = NativeKey(h(case["key"])), h(case["msg"]), h(case["tag"])
        assert await crypto.mac_matches(key, message, tag) == (case["result"] == "valid"), case
        assert (await crypto.mac(key, message) == tag) == (case["result"] == "valid"), case
        checked += 1
    assert checked > 80


async def test_pbkdf2() -> None:
    crypto, checked = NativeCrypto(), 0
    for _, case in cases("pbkdf2_hmacsha256"):
        if case["dkLen"] < 32 or case["iterationCount"] > 100_000 or case["result"] != "valid":
            continue
        kdf = Kdf("PBKDF2-HMAC-SHA256", case["iterationCount"], h(case["salt"]))
        assert (await crypto.derive_kek(h(case["password"]), kdf)).raw == h(case["dk"])[:32], case
        checked += 1
    assert checked > 10


async def test_wrapping_a_data_key() -> None:
    crypto = NativeCrypto()
    kek = await crypto.derive_kek(bytearray(b"correct horse"), Kdf("PBKDF2-HMAC-SHA256", 1, bytes(16)))
    data_key, wrapped = await crypto.new_data_key(kek, NONCE, b"aad")
    assert await crypto.unwrap_data_key(kek, NONCE, b"aad", wrapped) == data_key
    for nonce, aad, changed in ((b"1" * 12, b"aad", wrapped), (NONCE, b"add", wrapped), (NONCE, b"aad", wrapped[:-1])):
        with pytest.raises(CryptoAuthError):
            await crypto.unwrap_data_key(kek, nonce, aad, changed)
    assert data_key.raw.hex() not in repr(data_key)


async def test_secrets_are_measured_and_wiped() -> None:
    crypto, secret = NativeCrypto(), bytearray("pässwort".encode())
    assert crypto.secret_length(secret) == 9
    crypto.wipe(secret)
    assert secret == bytearray(9)


async def test_one_item_that_fails_leaves_the_others() -> None:
    crypto = NativeCrypto()
    key = await crypto.record_key(NativeKey(bytes(32)), b"salt", b"info")
    items = [Sealing(key, bytes([number]) * 12, b"aad", b"%d" % number) for number in range(5)]
    sealed = await crypto.seal_many(items)
    back = [item._replace(data=data) for item, data in zip(items, sealed, strict=True)]
    back[2] = back[2]._replace(aad=b"other")
    assert await crypto.open_many(back) == [b"0", b"1", None, b"3", b"4"]
    assert await crypto.open_many([]) == [] and await crypto.seal_many([]) == []


async def test_argon2id_has_the_reference_implementations_own_values() -> None:
    crypto = NativeCrypto()
    for secret, passes, memory_kib, expected in (
        (b"password", 2, 65_536, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"),
        (b"password", 1, 65_536, "f6a5adc1ba723dddef9b5ac1d464e180fcd9dffc9d1cbf76cca2fed795d9ca98"),
        (b"password", 4, 65_536, "9025d48e68ef7395cca9079da4c4ec3affb3c8911fe4f86d1a2520856f63172c"),
        (b"password", 2, 256, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"),
    ):
        assert (await crypto.derive_kek(secret, Kdf("Argon2id", passes, b"somesalt", memory_kib, 1))).raw.hex() == expected
