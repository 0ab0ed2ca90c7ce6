"""WebCrypto as the vault uses it: Wycheproof's vectors, and keys that cannot be taken out."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.vaultpage import VaultPage, vault_page

pytestmark = pytest.mark.e2e

WORDS = os.urandom(20)
VECTORS = Path(__file__).parent.parent / "data" / "wycheproof"


@pytest.fixture(scope="module")
def chrome(browser: Browser) -> Iterator[VaultPage]:
    with vault_page(browser) as page:
        yield page


def test_wycheproof_vectors_through_webcrypto(chrome: VaultPage) -> None:
    def vectors(name: str) -> str:
        return gzip.decompress((VECTORS / f"{name}_test.json.gz").read_bytes()).decode()

    checked = chrome.run(
        """
from pyodide.ffi import JsException, to_js
crypto, subtle = browser_platform("x").crypto, js.crypto.subtle
checked = {}
async def imported(raw, algorithm, usages):
    return await subtle.importKey("raw", to_js(raw), to_js(algorithm, dict_converter=js.Object.fromEntries), False, to_js(usages))
h = bytes.fromhex
for group in json.loads(given.aes)["testGroups"]:
    if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
        continue
    for case in group["tests"]:
        key = await imported(h(case["key"]), {"name": "AES-GCM"}, ["encrypt", "decrypt"])
        item = Sealing(key, h(case["iv"]), h(case["aad"]), h(case["ct"]) + h(case["tag"]))
        opened = (await crypto.open_many([item]))[0]
        assert opened == (h(case["msg"]) if case["result"] == "valid" else None), case
        if opened is not None:
            assert (await crypto.seal_many([item._replace(data=opened)]))[0] == item.data, case
        checked["aes"] = checked.get("aes", 0) + 1
for group in json.loads(given.hkdf)["testGroups"]:
    for case in group["tests"]:
        if case["result"] != "valid" or case["size"] < 32:
            continue
        base = await imported(h(case["ikm"]), {"name": "HKDF"}, ["deriveKey"])
        key = await crypto.mac_key(base, h(case["salt"]), h(case["info"]))
        known = await imported(h(case["okm"])[:32], {"name": "HMAC", "hash": "SHA-256"}, ["sign"])
        assert await crypto.mac(key, b"x") == await crypto.mac(known, b"x"), case
        record = await crypto.record_key(base, h(case["salt"]), h(case["info"]))
        direct = await imported(h(case["okm"])[:32], {"name": "AES-GCM"}, ["encrypt"])
        sealed = await crypto.seal_many([Sealing(key, bytes(12), b"", b"x") for key in (record, direct)])
        assert sealed[0] == sealed[1], case
        checked["hkdf"] = checked.get("hkdf", 0) + 1
for group in json.loads(given.hmac)["testGroups"]:
    for case in group["tests"]:
        if group["tagSize"] != 256 or not case["key"]:
            continue
        key = await imported(h(case["key"]), {"name": "HMAC", "hash": "SHA-256"}, ["sign", "verify"])
        assert await crypto.mac_matches(key, h(case["msg"]), h(case["tag"])) == (case["result"] == "valid"), case
        checked["hmac"] = checked.get("hmac", 0) + 1
for group in json.loads(given.pbkdf2)["testGroups"]:
    for case in group["tests"]:
        if case["dkLen"] < 32 or case["iterationCount"] > 100_000 or case["result"] != "valid":
            continue
        kek = await crypto.derive_kek(to_js(h(case["password"])), Kdf("PBKDF2-HMAC-SHA256", case["iterationCount"], h(case["salt"])))
        known = await imported(h(case["dk"])[:32], {"name": "AES-GCM"}, ["encrypt"])
        wrapped = (await crypto.seal_many([Sealing(known, bytes(12), b"aad", bytes(32))]))[0]
        await crypto.unwrap_data_key(kek, bytes(12), b"aad", wrapped)
        try:
            await crypto.unwrap_data_key(kek, bytes(12), b"other", wrapped)
        except CryptoAuthError:
            checked["pbkdf2"] = checked.get("pbkdf2", 0) + 1
json.dumps(checked)
""",
        aes=vectors("aes_gcm"),
        hkdf=vectors("hkdf_sha256"),
        hmac=vectors("hmac_sha256"),
        pbkdf2=vectors("pbkdf2_hmacsha256"),
    )
    assert checked["aes"] > 60 and checked["hkdf"] > 40 and checked["hmac"] > 80 and checked["pbkdf2"] > 10, checked


def test_keys_cannot_be_taken_out(chrome: VaultPage) -> None:
    result = chrome.run(
        """
crypto = browser_platform("x").crypto
kek = await crypto.derive_kek(copy_of(given.words), Kdf("PBKDF2-HMAC-SHA256", 1000, bytes(16)))
data_key, wrapped = await crypto.new_data_key(kek, bytes(12), b"")
again = await crypto.unwrap_data_key(kek, bytes(12), b"", wrapped)
keys = [kek, data_key, again, await crypto.record_key(again, b"s", b"i"), await crypto.mac_key(again, b"s", b"i")]
said = []
for key in keys:
    said.append(key.extractable)
    try:
        await js.crypto.subtle.exportKey("raw", key)
        said.append("exported")
    except Exception as error:
        said.append("refused")
json.dumps(said)
""",
        words=WORDS,
    )
    assert result == [False, "refused"] * 5
