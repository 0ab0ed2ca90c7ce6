"""Slots, recovery codes and rekeying as the page asks for them; secrets only ever as buffers."""

from __future__ import annotations

import base64
import json

from tests.unit.desk.conftest import BUY, start_desk

WORDS, OTHER, PRF = b"correct horse battery", b"another long passphrase", bytes(range(32))


def secret(words: bytes = WORDS) -> bytearray:
    return bytearray(words)


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_every_slot_the_page_makes_opens_the_vault_after_a_restart(tmp_path):
    page = await start_desk(tmp_path / "vault.sqlite")
    await page.until(lambda m: m["t"] == "tick" and m["quotes"], "quotes")
    assert page.latest("vault")["id"] == "" and (await page.ask("vault.slots"))["slots"] == []
    await page.ask("vault.create", secret())
    given = [secret(OTHER), secret()]
    added = await page.ask("vault.slot_add", given[0], given[1], kind="passphrase", label="Second")
    assert added["slot"]["label"] == "Second" and not any(map(any, given))
    passkey = {"credential": text(b"\xff" * 20), "prf_salt": text(bytes(32))}
    added = await page.ask("vault.slot_add", bytearray(PRF), secret(), kind="passkey", label="Phone", **passkey)
    assert {name: added["slot"][name] for name in passkey} == passkey
    made = await page.ask("vault.recovery", current=secret())
    assert made["slot"]["kind"] == "recovery" and len(page.secrets) == 1 and len(page.secrets[0]) == 39
    sent = json.dumps(page.messages)
    assert page.secrets[0].decode() not in sent and WORDS.decode() not in sent and OTHER.decode() not in sent
    await page.ask("order.submit", token="t1", clicked_ms=None, **BUY)
    await page.desk.stop()

    for words, kind in ((WORDS, None), (OTHER, "passphrase"), (PRF, "passkey"), (page.secrets[0].lower(), "recovery")):
        again = await start_desk(tmp_path / "vault.sqlite")
        told = again.latest("vault")
        assert told["state"] == "locked" and told["id"] and [slot["kind"] for slot in told["slots"]] == ["passphrase", "passphrase", "passkey", "recovery"]
        opened = await again.ask("vault.unlock", bytearray(words), **({"kind": kind} if kind else {}))
        assert opened["vault"]["state"] == "unlocked" and len(again.orders()) == 1
        await again.desk.stop()


async def test_slots_are_changed_renamed_and_removed(tmp_path):
    page = await start_desk()
    await page.ask("vault.create", secret())
    (first,) = (await page.ask("vault.slots"))["slots"]
    refused = await page.ask("vault.slot_remove", current=secret(), slot=first["id"])
    assert refused["error"]["code"] == "vault-refused" and "remain" in refused["error"]["reason"]
    assert (await page.ask("vault.slot_change", secret(OTHER), slot=first["id"]))["error"]["code"] == "proof_needed"
    assert (await page.ask("vault.slot_change", secret(OTHER), secret(b"wrong passphrase"), slot=first["id"]))["error"]["code"] == "vault-auth"
    changed = await page.ask("vault.slot_change", secret(OTHER), secret(), slot=first["id"])
    renamed = await page.ask("vault.slot_rename", slot=changed["slot"]["id"], label="  At home ")
    assert [slot["label"] for slot in renamed["slots"]] == ["At home"]
    made = await page.ask("vault.recovery", current=secret(OTHER), label="Safe")
    again = await page.ask("vault.recovery", current=bytearray(page.secrets[0]), current_kind="recovery", slot=made["slot"]["id"])
    assert len(page.secrets) == 2 and page.secrets[0] != page.secrets[1] and again["slot"]["label"] == "Safe"
    typed = [secret(OTHER), secret(OTHER)]
    for do, more in (("vault.slot_add", {"kind": "recovery"}), ("vault.slot_change", {"slot": again["slot"]["id"]})):
        assert "error" in await page.ask(do, *typed, **more) and not any(map(any, typed))
        typed = [secret(OTHER), secret(OTHER)]
    assert "error" in await page.ask("vault.recovery", current=typed[0], slot=changed["slot"]["id"])
    left = await page.ask("vault.slot_remove", current=bytearray(page.secrets[1]), current_kind="recovery", slot=changed["slot"]["id"])
    assert [slot["label"] for slot in left["slots"]] == ["Safe"]
    assert page.latest("vault")["slots"] == left["slots"]
    for bad in ({"slot": "zz"}, {"slot": None}, {"slot": "00" * 8}):
        assert "error" in await page.ask("vault.slot_rename", label="x", **bad)
    await page.ask("vault.lock")
    assert (await page.ask("vault.slot_rename", slot=left["slots"][0]["id"], label="x"))["error"]["code"] == "not_unlocked"
    given = [secret(OTHER), secret()]
    assert (await page.ask("vault.slot_add", *given, kind="passphrase"))["error"]["code"] == "not_unlocked" and not any(map(any, given))
    assert (await page.ask("vault.unlock", bytearray(b"no code"), kind="recovery"))["error"]["code"] == "vault-refused"
    await page.desk.stop()


async def test_a_rekey_runs_beside_trading_and_goes_on_after_a_restart(tmp_path):
    page = await start_desk(tmp_path / "vault.sqlite")
    await page.until(lambda m: m["t"] == "tick" and m["quotes"], "quotes")
    await page.ask("vault.create", secret())
    await page.ask("vault.recovery", current=secret())
    begun = await page.ask("vault.rekey", current=secret())
    assert begun["left_out"] == [] and len(page.secrets) == 2
    assert page.latest("vault")["rekey"] is not None
    placed = await page.ask("order.submit", token="t1", clicked_ms=None, **BUY)
    assert placed["status"] in ("accepted", "filled", "pending")
    await page.until(lambda m: m["t"] == "vault" and m["slots"] and m["rekey"] is None and m["slots"][-1]["kind"] == "recovery", "its end")
    refused = await page.ask("vault.rekey", bytearray(32), secret(), slot="00" * 8)
    assert refused["error"]["code"] == "vault-auth"
    # Begun, and cut off before anything was sealed anew.
    page.desk.keeping.keys.go_on = lambda: None
    await page.ask("vault.rekey", current=secret())
    assert page.desk.keeping.vault.access.leaving
    await page.desk.stop()

    again = await start_desk(tmp_path / "vault.sqlite")
    await again.ask("vault.unlock", bytearray(page.secrets[-1]), kind="recovery")
    assert len(again.orders()) == 1
    await again.until(lambda m: m["t"] == "vault" and m["state"] == "unlocked" and m["rekey"] is not None, "the rekey that goes on")
    while again.desk.keeping.keys.progress() is not None:
        await again.desk.keeping.keys.stopped()
    assert not again.desk.keeping.vault.access.leaving and again.latest("vault")["rekey"] is None
    await again.desk.stop()
