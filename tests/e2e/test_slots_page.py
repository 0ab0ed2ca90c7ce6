"""Secrets between the page and the desk worker: buffers there, a recovery code back, none of it text in a message."""

from __future__ import annotations

import json

import pytest

from tests.e2e.desk import PASSPHRASE, DeskPage

pytestmark = pytest.mark.e2e

# Asks the worker with secret buffers, as app/ui/link.py does.
ASK = """([id, request, secrets]) => new Promise((resolve, reject) => {
  const { do: what, ...args } = request;
  const patience = setTimeout(() => reject(new Error(`no reply to ${what}`)), 60_000);
  const hear = ({ data }) => {
    const text = typeof data === "string" ? data : data?.text;
    if (!text?.includes(`"id":${id},`)) return;
    clearTimeout(patience);
    kontor.desk.removeEventListener("message", hear);
    resolve([JSON.parse(text), data.secret ? new TextDecoder().decode(data.secret) : null]);
  };
  kontor.desk.addEventListener("message", hear);
  const message = { do: what, id, args: JSON.stringify(args) };
  for (const [name, text] of Object.entries(secrets)) message[name] = new TextEncoder().encode(text);
  kontor.desk.postMessage(message, Object.keys(secrets).map((name) => message[name].buffer));
})"""


def asked(desk: DeskPage, number: int, request: dict, **secrets: str) -> tuple[dict, str | None]:
    reply, secret = desk.page.evaluate(ASK, [9 * 10**12 + number, request, secrets])
    assert reply["ok"], reply
    return reply["result"], secret


def test_a_recovery_code_opens_the_vault_of_a_page(desk: DeskPage) -> None:
    desk.open()
    asked(desk, 1, {"do": "vault.create"}, secret=PASSPHRASE)
    slots, _ = asked(desk, 2, {"do": "vault.slots"})
    assert [slot["kdf"]["name"] for slot in slots["slots"]] == ["Argon2id"]
    result, code = asked(desk, 3, {"do": "vault.recovery", "label": "Safe"}, current=PASSPHRASE)
    assert code is not None and len(code) == 39 and code not in json.dumps(result) and result["slot"]["label"] == "Safe"
    begun, newer = asked(desk, 4, {"do": "vault.rekey"}, current=PASSPHRASE)
    assert begun["left_out"] == [] and newer not in (None, code)
    desk.page.reload()
    desk.wait_ready()
    opened, _ = asked(desk, 5, {"do": "vault.unlock", "kind": "recovery"}, secret=newer.lower())
    assert opened["vault"]["state"] == "unlocked" and opened["vault"]["slots"][-1]["kind"] == "recovery"
    assert not desk.errors, desk.errors
