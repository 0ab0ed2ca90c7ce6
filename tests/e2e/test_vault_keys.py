"""Slots, rekeying and signing over WebCrypto, hash-wasm and a virtual authenticator in a real Chromium, against the native side."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from playwright.sync_api import Browser

from app.platform.memory import MemoryStore
from app.vault import KdfPolicy, Vault
from tests.e2e.test_vault_browser import in_wire_form, natively, records_of
from tests.e2e.vaultpage import VaultPage, vault_page
from tests.unit.vault.kit import Machine, contents_of, created, initial
from tests.unit.vault.old import restored
from tests.unit.vault.reader import Reader, recovery_bytes

pytestmark = pytest.mark.e2e

DATA = Path(__file__).parents[1] / "data"
WORDS, OTHER = b"correct horse battery", os.urandom(24)
KILLS = int(os.environ.get("KONTOR_KILLS", "6"))
SEED = int(os.environ.get("KONTOR_SEED", "0")) or random.randrange(10**6)


@pytest.fixture(scope="module")
def chrome(browser: Browser) -> Iterator[VaultPage]:
    with vault_page(browser) as page:
        yield page


def test_argon2id_is_the_same_in_both_implementations(chrome: VaultPage) -> None:
    dice = random.Random(SEED)
    # The first is the reference implementation's own vector.
    cases = [[b"password".hex(), b"somesalt".hex(), 2, 65_536, 1, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"]]
    for _ in range(12):
        secret, salt = dice.randbytes(dice.randint(1, 80)), dice.randbytes(dice.randint(16, 64))
        passes, memory, lanes = dice.randint(1, 4), dice.randint(32, 600), dice.randint(1, 4)
        made = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(secret)
        cases.append([secret.hex(), salt.hex(), passes, memory, lanes, made.hex()])
    for case in cases:
        case[5] = AESGCM(bytes.fromhex(case[5])).encrypt(bytes(12), bytes(32), b"").hex()
    opened = chrome.run(
        """
from pyodide.ffi import to_js
crypto, h, opened = (await platform_of("argon")).crypto, bytes.fromhex, 0
for secret, salt, passes, memory, lanes, wrapped in json.loads(given.cases):
    kek = await crypto.derive_kek(to_js(h(secret)), Kdf(ARGON2ID, passes, h(salt), memory, lanes))
    assert not kek.extractable
    await crypto.unwrap_data_key(kek, bytes(12), b"", h(wrapped))
    opened += 1
json.dumps(opened)
""",
        cases=json.dumps(cases),
    )
    assert opened == 13, SEED


def test_slots_and_new_keys_made_in_the_browser_are_read_natively(chrome: VaultPage) -> None:
    code, left_out, wiped, slots, dump = chrome.run(
        """
platform = await platform_of("slots")
policy = KdfPolicy(floor=1_000, target_s=0, memory_kib=1_024, passes=1)
vault = await made(platform, policy, logs=[("journal", f"{n:04}", b"%d" % n) for n in range(1_200)], tables={"settings": [("theme", b"dark")]})
await vault.put_column("history", "btc", bytes(600_000))
proof = lambda: Proof(copy_of(given.words))
other = copy_of(given.other)
await vault.access.add(proof(), NewSlot("passphrase", "Second", other))
_, first = await vault.access.add(proof(), NewSlot("recovery"))
await vault.keep_signing_secret("venue", HMAC_SHA256, copy_of(given.other))
signed = await (await vault.signer("venue")).sign(b"order")
begun = await vault.access.begin_rekey([proof()])
job = asyncio.ensure_future(vault.access.rekey())
await vault.append("journal", [("1200", b"1200")])
await job
assert await (await vault.signer("venue")).sign(b"order") == signed
typed = copy_of(begun.code)
await vault.lock()
await vault.unlock(typed, "recovery")
result = await vault.scan("journal")
assert result.intact and len(result.records) == 1_201
slots = [[slot.kind, slot.kdf.name] for slot in vault.slots]
json.dumps([js.TextDecoder.new().decode(begun.code), [slot.label for slot in begun.left_out],
            not any(other.to_py()) and not any(typed.to_py()), slots, json.loads(await dumped(platform.store))])
""",
        words=WORDS,
        other=OTHER,
    )
    assert wiped and left_out == ["Second"] and slots == [["passphrase", "Argon2id"], ["recovery", "HKDF-SHA256"]]
    records = records_of(dump)
    for reader in (Reader(records, WORDS), Reader(records, recovery_bytes(code), "recovery")):
        assert reader.header["epoch"] == 2 and list(reader.data_keys) == [2]
        assert len(reader.log("journal")) == 1_201 and reader.table("history") == {"btc": bytes(600_000)}
        assert reader.signing_secret("venue") == ("HMAC-SHA256", OTHER)

    async def read() -> None:
        store = MemoryStore()
        store.records = records
        vault = await Vault.find(Machine(store), KdfPolicy(floor=1_000, target_s=0, memory_kib=1_024, passes=1))
        await vault.unlock(bytearray(code.lower().encode()), "recovery")
        assert (await vault.scan("journal")).intact and await vault.get_column("history", "btc") == bytes(600_000)

    natively(read())


def test_signing_agrees_with_the_vectors_and_keys_stay_inside(chrome: VaultPage) -> None:
    checked, extractable = chrome.run(
        """
from pyodide.ffi import to_js
platform = await platform_of("signing")
vault, h = await made(platform), bytes.fromhex
checked, extractable = {"hmac": 0, "ed25519": 0}, []
async def signs(algorithm, secret, message):
    await vault.keep_signing_secret("venue", algorithm, to_js(secret))
    signer = await vault.signer("venue")
    extractable.append(signer._key.extractable)
    return (await signer.sign(message)).hex()
for vector in json.loads(given.rfc8032):
    seed = h(vector["secret"])
    der = h("302e020100300506032b657004220420") + seed
    pem = b"-----BEGIN PRIVATE KEY-----\\n" + base64.encodebytes(der) + b"-----END PRIVATE KEY-----\\n"
    for form in (seed, der, pem):
        assert await signs(ED25519, form, h(vector["message"])) == vector["signature"]
        checked["ed25519"] += 1
for key, message, tag, valid in json.loads(given.hmac):
    assert ((await signs(HMAC_SHA256, h(key), h(message)))[: len(tag)] == tag) == valid
    checked["hmac"] += 1
for bad in (b"", b"hunter2", b"-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----", bytes(48)):
    try:
        await signs(ED25519, bad, b"")
    except VaultRefused as error:
        assert "hunter2" not in str(error)
    else:
        raise AssertionError(bad)
own = await vault.session_signer()
extractable.append(own._key.extractable)
public = await js.crypto.subtle.importKey("raw", to_js(own.public), "Ed25519", False, to_js(["verify"]))
assert await js.crypto.subtle.verify("Ed25519", public, to_js(await own.sign(b"export")), to_js(b"export"))
json.dumps([checked, any(extractable)])
""",
        words=WORDS,
        rfc8032=(DATA / "ed25519_rfc8032.json").read_text(),
        hmac=json.dumps(_hmac_cases()),
    )
    assert checked["ed25519"] == 12 and checked["hmac"] > 80 and not extractable


def _hmac_cases() -> list[list[Any]]:
    groups = json.loads(gzip.decompress((DATA / "wycheproof" / "hmac_sha256_test.json.gz").read_bytes()))["testGroups"]
    cases = [case for group in groups for case in group["tests"] if case["key"]]
    return [[case["key"], case["msg"], case["tag"], case["result"] == "valid"] for case in cases]


def test_recovery_codes_are_the_same_in_both_implementations(chrome: VaultPage) -> None:
    work = Machine().crypto.keys

    async def codes() -> list[str]:
        return [bytes(await work.new_recovery()).decode() for _ in range(8)]

    native = natively(codes())
    made, read, bad = chrome.run(
        """
keys = (await platform_of("codes")).crypto.keys
text = js.TextEncoder.new()
made = [js.TextDecoder.new().decode(await keys.new_recovery()) for _ in range(8)]
read = [(await keys.read_recovery(text.encode(code.lower()))).to_py().tobytes().hex() for code in json.loads(given.codes)]
bad = [await keys.read_recovery(text.encode(code[:-1] + ("0" if code[-1] != "0" else "1"))) for code in made]
bad += [await keys.read_recovery(text.encode(code)) for code in ("", made[0][:-1], made[0] + "0", "Ünïcode")]
json.dumps([made, read, bad])
""",
        codes=json.dumps(native),
    )
    assert read == [recovery_bytes(code).hex() for code in native] and not any(bad)

    async def natively_read() -> list[str]:
        return [bytes(await work.read_recovery(bytearray(code.encode()))).hex() for code in made]

    assert natively(natively_read()) == [recovery_bytes(code).hex() for code in made]


def test_no_secret_of_a_slot_is_in_the_interpreters_heap(chrome: VaultPage) -> None:
    chrome.restart()
    venue = os.urandom(24)
    chrome.run(
        """
platform = await platform_of("heap-slots")
vault = await made(platform, KdfPolicy(floor=1_000, target_s=0, memory_kib=1_024, passes=1))
await vault.access.add(Proof(copy_of(given.words)), NewSlot("passphrase", "", copy_of(given.other)))
_, js.shown = await vault.access.add(Proof(copy_of(given.words)), NewSlot("recovery"))
await vault.keep_signing_secret("venue", HMAC_SHA256, copy_of(given.venue))
assert await (await vault.signer("venue")).sign(b"a message to be found")
await vault.access.begin_rekey([Proof(copy_of(given.words))])
await vault.access.rekey()
say(js.shown)
'null'
""",
        words=OTHER[::-1],
        other=OTHER,
        venue=venue,
    )
    code = bytes(chrome.page.evaluate("() => [...said.at(-1)]"))
    assert len(code) == 39
    needles = [OTHER, OTHER[::-1], venue, code, code.replace(b"-", b""), recovery_bytes(code.decode())]
    found = chrome.occurrences(b"a message to be found", *needles)
    assert found[0] > 0 and found[1:] == [0] * len(needles), found


def test_a_passkey_of_an_authenticator_with_prf_opens_the_vault(browser: Browser) -> None:
    with vault_page(browser) as lab:
        page = lab.page
        port = lab.url.rpartition(":")[2]
        lab = VaultPage(page, f"http://localhost:{port}")  # an address of numbers has no passkeys
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        options |= {"isUserVerified": True, "hasPrf": True, "automaticPresenceSimulation": True}
        session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        credential, first = page.evaluate(
            """async (salt) => {
  const prf = { eval: { first: Uint8Array.from(salt) } };
  const made = await navigator.credentials.create({ publicKey: {
    rp: { name: "Kontor" }, user: { id: crypto.getRandomValues(new Uint8Array(16)), name: "trader", displayName: "trader" },
    challenge: crypto.getRandomValues(new Uint8Array(32)), pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }],
    authenticatorSelection: { residentKey: "required", userVerification: "required" }, extensions: { prf } } });
  globalThis.ask = async (id, salt) => {
    const got = await navigator.credentials.get({ publicKey: { challenge: crypto.getRandomValues(new Uint8Array(32)),
      allowCredentials: [{ type: "public-key", id: Uint8Array.from(id) }], userVerification: "required",
      extensions: { prf: { eval: { first: Uint8Array.from(salt) } } } } });
    return [...new Uint8Array(got.getClientExtensionResults().prf.results.first)];
  };
  const id = [...new Uint8Array(made.rawId)];
  return [id, await ask(id, salt)];
}""",
            list(salt := os.urandom(32)),
        )
        ask = lambda credential, salt: bytes(page.evaluate("([id, salt]) => ask(id, salt)", [credential, list(salt)]))  # noqa: E731
        assert len(first) == 32
        kinds, kept_salt, kept_credential = lab.run(
            """
platform = await platform_of("passkey")
vault = await made(platform, logs=[("journal", "1", b"one")])
wanted = NewSlot("passkey", "This device", copy_of(given.prf), given.credential.to_py().tobytes(), given.salt.to_py().tobytes())
await vault.access.add(Proof(copy_of(given.words)), wanted)
await vault.lock()
slot = vault.slots[1]
json.dumps([[slot.kind for slot in vault.slots], slot.prf_salt.hex(), slot.credential.hex()])
""",
            words=WORDS,
            prf=bytes(first),
            credential=bytes(credential),
            salt=salt,
        )
        assert kinds == ["passphrase", "passkey"]
        again = ask(list(bytes.fromhex(kept_credential)), bytes.fromhex(kept_salt))
        other = ask(credential, os.urandom(32))
        opened, refused = lab.run(
            """
vault = await Vault.find(await platform_of("passkey"), QUICK)
await vault.unlock(copy_of(given.prf), "passkey")
opened = [record.data.decode() for record in (await vault.scan("journal")).records]
await vault.lock()
try:
    await vault.unlock(copy_of(given.other), "passkey")
except VaultAuthFailed as error:
    refused = error.code
json.dumps([opened, refused])
""",
            prf=again,
            other=other,
        )
        assert opened == ["one"] and refused == "vault-auth"


def test_a_vault_of_the_first_format_is_carried_forward_in_the_browser(chrome: VaultPage) -> None:
    store = MemoryStore()
    holds = restored(store)
    journal, dump = chrome.run(
        """
platform = await platform_of("old")
await platform.store.commit([Write("put", *key, value) for key, value in records_from(given.records).items()])
vault = await Vault.find(platform, KdfPolicy(floor=1_000, target_s=0, memory_kib=1_024, passes=1))
await vault.unlock(copy_of(given.words))
json.dumps([shown(await vault.scan("journal")), json.loads(await dumped(platform.store))])
""",
        words=WORDS,
        records=in_wire_form(store.records),
    )
    assert {record_id: base64.b64decode(data) for record_id, data in journal["records"]} == holds["journal"]
    reader = Reader(records_of(dump), WORDS)
    assert reader.version == 2 and reader.header["slots"][0]["kdf"]["name"] == "Argon2id"


def test_a_worker_killed_while_making_migrating_or_rekeying_loses_nothing(chrome: VaultPage) -> None:
    """KONTOR_KILLS=200 for many, KONTOR_SEED for the same again."""
    dice, old = random.Random(SEED), MemoryStore()
    restored(old)
    for number in range(KILLS):
        work = ("make", "migrate", "rekey")[number % 3]
        name = f"killed-{work}-{number}"
        if work == "rekey":
            rows = '[("journal", f"{n:06}", b"x" * 300) for n in range(3_000)]'
            chrome.run(f"vault = await made(await platform_of('{name}'), logs={rows})\nawait vault.lock()\n'null'", words=WORDS)
        elif work == "migrate":
            fill = "for key, value in records_from(given.records).items(): await platform.store.put(*key, value)"
            chrome.run(f"platform = await platform_of('{name}')\n{fill}\n'null'", records=in_wire_form(old.records))
        source = {
            "make": "say('go'); vault = await made(platform, logs=[('journal', '1', b'one')])",
            "migrate": "vault = await Vault.find(platform, QUICK); say('go'); await vault.unlock(copy_of(given.words))",
            "rekey": "vault = await reopened(platform); say('go'); await vault.access.begin_rekey([Proof(copy_of(given.words))]); await vault.access.rekey()",
        }[work]
        code = (Path(__file__).parent / "vault_in_browser.py").read_text() + f"\nplatform = await platform_of('{name}')\n{source}\nsay('done')"
        chrome.page.evaluate("() => { said.length = 0 }")
        chrome.page.evaluate("([code, given]) => { run(code, given); }", [code, {"words": {"bytes": list(WORDS)}}])
        chrome.page.wait_for_function("() => said.length > 0")
        longest = {"make": 0.06, "migrate": 0.06, "rekey": 2.0}[work]
        time.sleep(dice.random() * longest)  # the point at which it dies, not a wait for anything
        chrome.page.evaluate("() => { end(); begin(); }")
        state, found, damaged, leaving = chrome.run(
            f"""
vault = await Vault.find(await platform_of("{name}"), QUICK)
state, result = vault.state, None
if state == "locked":
    problems = await vault.unlock(copy_of(given.words))
    await vault.access.rekey()
    result = await vault.scan("journal")
    assert not problems
json.dumps([state, len(result.records) if result else 0, len(result.damaged) if result else 0, vault.access.leaving if result else False])
""",
            words=WORDS,
        )
        expected = {"make": 1, "migrate": 8, "rekey": 3_000}[work]
        assert (state, found) == ("locked", expected) or (work == "make" and (state, found) == ("absent", 0)), (SEED, number, work, state, found)
        assert not damaged and not leaving, (SEED, number)


def test_two_workers_that_write_one_vault_do_not_mix(chrome: VaultPage) -> None:
    kept, outcome = chrome.run(
        """
first_platform, second_platform = await uncopied("two"), await uncopied("two")  # where no lease of the log tells them apart
first = await made(first_platform, logs=[("journal", "1", b"one")])
second = await reopened(second_platform)
await first.append("journal", [("2", b"two")])
outcome = []
for attempt in (second.append("journal", [("2", b"other")]), second.put("settings", "theme", b"dark"),
                second.access.add(Proof(copy_of(given.words)), NewSlot("recovery")), second.access.begin_rekey([Proof(copy_of(given.words))])):
    try:
        await attempt
    except VaultConflict:
        outcome.append("conflict")
await first.access.add(Proof(copy_of(given.words)), NewSlot("recovery"))
await first.append("journal", [("3", b"three")])
await first.lock()
again = await reopened(await uncopied("two"))
result = await again.scan("journal")
json.dumps([[record.data.decode() for record in result.records], outcome + [result.intact, len(again.slots)]])
""",
        words=WORDS,
    )
    assert kept == ["one", "two", "three"] and outcome == ["conflict"] * 4 + [True, 2]


def test_what_is_written_natively_with_every_slot_opens_in_the_browser(chrome: VaultPage) -> None:
    async def write() -> tuple[Machine, bytes]:
        from app.vault import NewSlot, Proof

        machine = Machine()
        vault = await created(machine, WORDS)
        _, code = await vault.access.add(Proof(bytearray(WORDS)), NewSlot("recovery"))
        await vault.access.begin_rekey([Proof(bytearray(WORDS)), Proof(bytearray(code), "recovery")])
        await vault.lock()  # in the middle of a rekey
        return machine, bytes(code)

    machine, code = natively(write())
    dump = chrome.run(
        """
platform = await platform_of("native-slots")
await platform.store.commit([Write("put", *key, value) for key, value in records_from(given.records).items()])
vault = await Vault.find(platform, QUICK)
await vault.unlock(copy_of(given.typed), "recovery")
assert vault.access.leaving
await vault.access.rekey()
await dumped(platform.store)
""",
        typed=code,
        records=in_wire_form(machine.store.records),
    )

    async def read() -> None:
        from tests.unit.vault.kit import opened

        machine.store.records = records_of(dump)
        vault = await opened(machine, WORDS)
        assert await contents_of(vault) == initial() and not vault.access.leaving

    natively(read())
