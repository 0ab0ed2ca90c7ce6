"""Signing happens where the key is: vectors of RFC 8032 and Wycheproof, secrets that no record shows, signers that a lock stops."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.platform.interfaces import ED25519, HMAC_SHA256, SENT_AS_IS
from app.vault import Proof, VaultDamaged, VaultLocked, VaultRefused
from tests.unit.vault.kit import WORDS, Machine, created, opened, secret
from tests.unit.vault.reader import Reader

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "data" / "wycheproof"
# RFC 8032, 7.1: secret key, public key, message, signature.
RFC_8032 = json.loads((Path(__file__).parents[2] / "data" / "ed25519_rfc8032.json").read_text())
SEED = bytes.fromhex(RFC_8032[0]["secret"])


def forms(seed: bytes) -> list[bytes]:
    """The forms in which a private key is handed out."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return [seed, *(key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption()) for encoding in (Encoding.DER, Encoding.PEM))]


@pytest.mark.parametrize("vector", RFC_8032, ids=lambda vector: vector["name"])
def test_ed25519_signs_as_rfc_8032_says(vector: dict[str, str]) -> None:
    async def scenario() -> None:
        vault = await created(Machine())
        for form in forms(bytes.fromhex(vector["secret"])):
            await vault.keep_signing_secret("venue", ED25519, bytearray(form))
            signer = await vault.signer("venue")
            assert (await signer.sign(bytes.fromhex(vector["message"]))).hex() == vector["signature"]

    asyncio.run(scenario())


def test_hmac_signs_as_wycheproof_says() -> None:
    async def scenario() -> int:
        vault, checked = await created(Machine()), 0
        for group in json.loads(gzip.decompress((VECTORS / "hmac_sha256_test.json.gz").read_bytes()))["testGroups"]:
            for case in group["tests"]:
                if not case["key"]:
                    continue
                await vault.keep_signing_secret("venue", HMAC_SHA256, bytearray.fromhex(case["key"]))
                made = await (await vault.signer("venue")).sign(bytes.fromhex(case["msg"]))
                assert (made.hex()[: len(case["tag"])] == case["tag"]) == (case["result"] == "valid")
                checked += 1
        return checked

    assert asyncio.run(scenario()) > 150


def test_the_secret_is_wiped_and_is_in_no_record_and_no_reading() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        given = bytearray(b"an api secret of a venue")
        await vault.keep_signing_secret("binance", HMAC_SHA256, given)
        assert not any(given)
        payload = await vault.get("secrets", "binance")
        plain = b"an api secret of a venue"
        assert plain not in payload and plain.hex().encode() not in payload
        assert Reader(machine.store.records, WORDS).signing_secret("binance") == (HMAC_SHA256, plain)
        assert "secret" not in repr(await vault.signer("binance")).lower().replace("signer", "")

    asyncio.run(scenario())


NOT_PROXIED = (
    "/api/fetch?url=https://evil/",
    "/api/fetch?url=https%3A%2F%2Fvenue.example%2Fv2&url=https%3A%2F%2Fevil%2F",
    "/api/fetch?x=1&url=https%3A%2F%2Fvenue.example%2Fv2",
    "/api/fetch?url=https%3A%2F%2Fvenue.example%2Fv2&x=1",
    "/api/fetch?u%72l=https%3A%2F%2Fvenue.example%2Fv2",
    "/api/fetch?url=https%3A%2F%2Fvenue.example%40evil%2F",
    "/api/fetch",
    "/https://evil/api/fetch?url=https%3A%2F%2Fvenue.example%2Fv2",
    "/https%3A//evil/api/fetch?url=https%3A%2F%2Fvenue.example%2Fv2",
)
"""What this site's own proxy is asked for in a form that does not end at the venue, or that two readers may take for two addresses."""


def test_the_page_puts_a_secret_into_what_the_proxy_takes_to_its_addresses_only() -> None:
    script = """
        globalThis.location = new URL("http://127.0.0.1:8000/app/worker.js");
        const sent = [];
        globalThis.fetch = async (url, { headers }) => sent.push([url, headers.k]);
        const { injector } = await import(process.argv[1]);
        const { subtle } = globalThis.crypto;
        const key = await subtle.importKey("raw", new TextEncoder().encode("a-key"), { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
        const given = injector(key, ["https://venue.example"]);
        for (const url of JSON.parse(process.argv[2])) {
          try { await given.fetch(url, { headers: { k: "{secret}" } }); } catch { sent.push([url, null]); }
        }
        console.log(JSON.stringify(sent));
    """
    good = ["https://venue.example/v2?x=1", "/api/fetch?url=https%3A%2F%2Fvenue.example%2Fv2%3Fa%3D1%26b%3D2", "/sub/api/fetch?url=https://venue.example/v2"]
    bad = [*NOT_PROXIED, "/api/fetch?url=https%3A%2F%2Fevil%5C%40venue.example%2F", "https://evil/api/fetch?url=https%3A%2F%2Fvenue.example%2F"]
    asked = ["node", "--input-type=module", "-e", script, (ROOT / "app/platform/injecting.mjs").as_uri(), json.dumps([*good, *bad])]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == [[url, "a-key"] for url in good] + [[url, None] for url in bad]


def test_a_secret_that_is_sent_as_it_is_goes_to_its_addresses_only_and_ends_with_the_lock() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        given = bytearray(b"  a-key/of+a=venue\n")
        await vault.keep_signing_secret("venue", SENT_AS_IS, given)
        assert not any(given) and b"a-key" not in await vault.get("secrets", "venue")
        signer = await vault.signer("venue")
        injector = await signer.injector(["https://venue.example", "wss://venue.example:444"])
        assert injector.fill("https://venue.example/v2?x=1", "{secret}") == "a-key/of+a=venue"
        assert injector.fill("wss://venue.example:444/stream", '{"secret":"{secret}"}') == '{"secret":"a-key/of+a=venue"}'
        assert injector.fill("http://127.0.0.1:8000/api/fetch?url=https%3A%2F%2Fvenue.example%2Fv2", "{secret}") == "a-key/of+a=venue"
        elsewhere = ("http://venue.example/", "https://venue.example.evil/", "wss://venue.example/", "https://evil/api/fetch?url=https://venue.example/")
        proxied = [f"http://127.0.0.1{rest}" for rest in NOT_PROXIED]
        for url in (*elsewhere, *proxied, "https://venue.example@evil/"):
            with pytest.raises(ValueError, match="does not go to this address"):
                injector.fill(url, "{secret}")
        assert "a-key" not in repr(injector)
        await vault.access.begin_rekey([Proof(secret())])
        await vault.access.rekey()
        assert (await (await vault.signer("venue")).injector(["https://a"])).fill("https://a/", "{secret}") == "a-key/of+a=venue"
        for wrong in (b"", b" ", b"two words", b'a"quote', b"back\\slash", b"x" * 513, "\u00fcmlaut".encode(), b"line\nbreak"):
            with pytest.raises(VaultRefused):
                await vault.keep_signing_secret("other", SENT_AS_IS, bytearray(wrong))
        await vault.lock()
        with pytest.raises(VaultLocked):
            await signer.injector(["https://venue.example"])

    asyncio.run(scenario())


def test_a_lock_stops_every_signer() -> None:
    async def scenario() -> None:
        vault = await created(Machine())
        await vault.keep_signing_secret("venue", HMAC_SHA256, bytearray(b"secret"))
        signers = [await vault.signer("venue"), await vault.session_signer()]
        for signer in signers:
            assert await signer.sign(b"order")
        await vault.lock()
        for signer in signers:
            with pytest.raises(VaultLocked):
                await signer.sign(b"order")

    asyncio.run(scenario())


def test_each_session_has_a_signing_key_of_its_own() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        first = await vault.session_signer()
        assert await vault.session_signer() is first and len(first.public) == 32
        signature = await first.sign(b"export")
        Ed25519PublicKey.from_public_bytes(first.public).verify(signature, b"export")
        with pytest.raises(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(first.public).verify(signature, b"another")
        await vault.lock()
        assert (await (await opened(machine)).session_signer()).public != first.public

    asyncio.run(scenario())


def test_secrets_outlive_a_rekey_and_do_not_open_elsewhere() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.keep_signing_secret("a", ED25519, bytearray(SEED))
        await vault.keep_signing_secret("b", HMAC_SHA256, bytearray(b"secret"))
        before = {name: await (await vault.signer(name)).sign(b"x") for name in "ab"}
        old = await vault.get("secrets", "a")
        await vault.access.begin_rekey([Proof(secret())])
        assert {name: await (await vault.signer(name)).sign(b"x") for name in "ab"} == before
        await vault.access.rekey()
        assert {name: await (await vault.signer(name)).sign(b"x") for name in "ab"} == before, "also what was read before the rekey"
        await vault.lock()
        again = await opened(machine)
        assert {name: await (await again.signer(name)).sign(b"x") for name in "ab"} == before
        assert (await again.scan("secrets")).intact and await again.get("secrets", "a") != old
        await again.put("secrets", "a", old)
        with pytest.raises(VaultDamaged):
            await again.signer("a")
        await again.put("secrets", "c", await again.get("secrets", "b"))
        with pytest.raises(VaultDamaged):
            await again.signer("c")

    asyncio.run(scenario())


def test_what_is_no_key_is_refused_without_a_word_of_it() -> None:
    async def scenario() -> None:
        vault = await created(Machine())
        other = X25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        for algorithm, given in (
            (ED25519, b""),
            (ED25519, b"hunter2"),
            (ED25519, b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----"),
            (ED25519, other),
            (HMAC_SHA256, b""),
            (HMAC_SHA256, bytes(5_000)),
            ("RSA", b"hunter2"),
        ):
            with pytest.raises(VaultRefused) as failure:
                await vault.keep_signing_secret("venue", algorithm, bytearray(given))
            assert "hunter2" not in str(failure.value) and failure.value.__cause__ is None
        with pytest.raises(VaultRefused):
            await vault.signer("venue")

    asyncio.run(scenario())


def test_any_flipped_byte_of_a_kept_secret_fails_closed() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.keep_signing_secret("venue", HMAC_SHA256, bytearray(b"secret"))
        payload = await vault.get("secrets", "venue")
        for offset in range(len(payload)):
            bad = bytearray(payload)
            bad[offset] ^= 1
            await vault.put("secrets", "venue", bytes(bad))
            with pytest.raises(VaultDamaged):
                await vault.signer("venue")

    asyncio.run(scenario())
