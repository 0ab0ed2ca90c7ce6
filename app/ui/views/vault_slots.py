"""The card of those who can open the vault: passphrases, recovery codes, passkeys; added, changed, renamed, removed; new keys for all.

Every change asks for a secret that opens the vault now. One form is open at a time, under the list.
"""

from __future__ import annotations

import json
from typing import Any

from pyodide.ffi import JsException

from .. import format as fmt
from .. import vault_words
from ..dom import clear, el, fill, listen, set_text
from ..format import refusal
from ..link import Refused
from .vault_code import CodeSheet
from .vault_fields import NewSecret, Outcome, SecretField, button, card, load, refill, row, table

_FORMS = {
    # action: (title, what it does, button)
    "passphrase": ("Add a passphrase", "Another passphrase that opens the same vault, such as one for a second person.", "Add it"),
    "recovery": ("Make a recovery code", "A long random code that is shown once. It opens the vault when the passphrase is lost.", "Make it"),
    "passkey": ("Add a passkey", "This device, a phone or a security key opens the vault. The passphrase stays.", "Choose the passkey"),
    "change": ("Change the passphrase", "The old one opens nothing any more. Records stay as they are, and exports keep their own passphrases.", "Change it"),
    "renew": ("Make a new recovery code", "The old code opens nothing any more.", "Make it"),
    "rename": ("Rename", "Only for you: it can be read while the vault is locked.", "Rename it"),
    "remove": ("Remove", "It opens nothing any more. Who copied vault and secret before can still read that copy: new keys end that.", "Remove it"),
    "rekey": (
        "New keys for everything",
        "Every record is encrypted anew under a new key, beside trading. Only what you give here stays: other passphrases and passkeys are "
        "removed, a recovery code is replaced. Do it when somebody may have seen a secret.",
        "Make new keys",
    ),
}
_REKEYED = "Everything is encrypted under new keys. Make a new export: older ones hold what they held."


class SlotsCard:
    """Drawn from the ``vault`` message."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._slots: list[dict] = []
        self._drawn: Any = None
        self._action, self._slot = "", None
        self._code = CodeSheet(ctx)
        self._advice = el("p", {"class": "stale"})
        self._list = el("div", {"data-testid": "vault-slots"})
        self._said = Outcome("vault-slots-said")
        self._progress = el("progress", {"max": "1", "aria-label": "New keys"})
        self._progress_text = el("span", {"class": "hint"})
        self._rekey = el("div", {"class": "row", "data-testid": "vault-rekey-progress", "hidden": True}, self._progress, self._progress_text)
        self._was_rekeying = self._rekeyed = False
        self._form = el("form", {"class": "vault-fields slot-form", "novalidate": True, "hidden": True})
        self._buttons = el(
            "div",
            {"class": "row"},
            button("Add a passphrase", "vault-add-passphrase", **{"data-do": "passphrase"}),
            button("Make a recovery code", "vault-add-recovery", **{"data-do": "recovery"}),
            button("Add a passkey", "vault-add-passkey", **{"data-do": "passkey"}),
            button("New keys for everything", "vault-rekey", **{"data-do": "rekey"}),
        )
        self.root = card("Who can open it", self._advice, self._list, self._buttons, self._form, self._rekey, self._code.root, self._said.root)
        listen(self.root, "click", self._click)
        listen(self._form, "submit", self._submit)

    def draw(self, vault: dict) -> None:
        """Show the slots of an open vault."""
        self.root.hidden = vault["state"] != "unlocked"
        if self.root.hidden:
            self._close()
            self._said.say("")
            return
        self._slots = vault.get("slots") or []
        self._draw_rekey(vault.get("rekey"))
        self._advice.textContent = vault_words.slots_advice(self._slots, bool(vault.get("rekey_due")))
        if self._slots != self._drawn:
            self._drawn = self._slots
            heads = ("What", "Kind", ("Made", "num"), "Stretched by", "Actions")
            refill(self._list, table(heads, [self._row(slot) for slot in self._slots], "Who can open the vault"))

    def _row(self, slot: dict) -> Any:
        name = vault_words.slot_name(slot)
        kind, _meaning = vault_words.KINDS.get(slot["kind"], (slot["kind"], ""))
        actions = {"passphrase": ("change",), "recovery": ("renew",)}.get(slot["kind"], ())
        names = {"change": "Change", "renew": "New code", "rename": "Rename", "remove": "Remove"}
        buttons = [
            button(names[do], f"vault-slot-{do}", "btn-quiet", **{"data-do": do, "data-slot": slot["id"], "aria-label": f"{names[do]}: {name}"})
            for do in (*actions, "rename", "remove")
        ]
        made = fmt.stamp(int(slot["created_ns"])) if slot.get("created_ns") else fmt.NOTHING
        drawn = row(name, kind, (made, {"class": "num"}), vault_words.kdf(slot), (el("span", {"class": "row"}, *buttons), None))
        fill(drawn, {"data-testid": "vault-slot", "data-kind": slot["kind"], "data-slot": slot["id"]})
        return drawn

    def _draw_rekey(self, rekey: dict | None) -> None:
        self._rekey.hidden = rekey is None
        if rekey is not None:
            total = rekey["total"] or 1
            self._progress.value = rekey["done"] / total
            set_text(self._progress_text, f"{fmt.number(rekey['done'])} of {fmt.number(rekey['total'])} records under the new key. The desk goes on meanwhile.")
        elif self._was_rekeying:
            self._rekeyed = True
            self._said.say(_REKEYED)
        self._was_rekeying = rekey is not None

    # The one form

    def _click(self, event: Any) -> None:
        node = event.target.closest("[data-do]")
        if not node:
            return
        do = node.getAttribute("data-do")
        if do == "cancel":
            self._close()
        else:
            slot = next((slot for slot in self._slots if slot["id"] == node.getAttribute("data-slot")), None)
            self._ctx.errors.run("Vault", self._open(do, slot))

    async def _open(self, action: str, slot: dict | None) -> None:
        self._close()
        self._said.say("")
        if action == "passkey":
            try:
                obstacle = await (await load("passkey")).obstacle()
            except JsException as error:
                obstacle = str(error)
            if obstacle:
                self._said.say(f"A passkey cannot be used here: {obstacle}.", "warn")
                return
        self._action, self._slot = action, slot
        title, text, label = _FORMS[action]
        if slot is not None:
            title = f"{title}: {vault_words.slot_name(slot)}"
        self._new = NewSecret("slot", "vault-new-passphrase", "New passphrase") if action in ("passphrase", "change") else None
        self._label = el("input", {"type": "text", "id": "slot-label", "maxlength": "60", "data-testid": "vault-label", "autocomplete": "off"})
        wants_label = action in ("passphrase", "recovery", "passkey", "rename")
        if slot is not None and wants_label:
            self._label.value = slot.get("label") or ""
        self._kind = el("select", {"id": "slot-current-kind", "data-testid": "vault-current-kind"})
        for kind in ("passphrase", "recovery"):
            if any(known["kind"] == kind for known in self._slots):
                self._kind.append(el("option", {"value": kind}, vault_words.KINDS[kind][0]))
        self._current = SecretField("slot-current", "Passphrase or code that opens it now", "vault-current", "current-password")
        self._send = el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "vault-slot-send"}, label)
        clear(self._form)
        fill(
            self._form,
            {"aria-label": title},
            el("h3", None, title),
            el("p", {"class": "hint"}, text),
            el("div", {"class": "field"}, el("label", {"for": "slot-label"}, "Name (may be left empty)"), self._label) if wants_label else None,
            self._new.root if self._new else None,
            None if action == "rename" else el("div", {"class": "field"}, el("label", {"for": "slot-current-kind"}, "Shown to be you by"), self._kind),
            None if action == "rename" else self._current.root,
            el("div", {"class": "row"}, self._send, button("Cancel", None, "btn-quiet", **{"data-do": "cancel"})),
        )
        self._form.hidden = False
        (self._label if wants_label else self._new.first.box if self._new else self._current.box).focus()

    def _close(self) -> None:
        if self._action:
            self._current.forget()
            if self._new:
                self._new.forget()
        self._action = ""
        self._form.hidden = True
        clear(self._form)

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if self._send.disabled or (self._new is not None and self._new.problem()):
            return
        if self._action != "rename" and not self._current.length:
            self._current.say("Type what opens the vault now.", focus=True)
            return
        self._ctx.errors.run("Vault", self._do())

    async def _do(self) -> None:
        self._send.disabled = True
        action = self._action
        try:
            if self._new is not None and not await self._new.accepted():
                return
            said, code = await getattr(self, f"_do_{action}")()
        except Refused as error:
            if self._action:
                (self._new.first if error.field == "secret" and self._new else self._current).say(refusal(error), focus=True)
                if action == "rename":
                    self._said.refused(error)
            return
        except JsException as error:
            self._said.say(f"The passkey was not made: {error.message or error}", "bad")
            return
        finally:
            self._send.disabled = False
        self._close()
        self._said.say(said)
        if code is not None:
            self._code.show(code)

    async def _ask(self, do: str, secret: Any = None, **arguments: Any) -> dict:
        if self._slot is not None:
            arguments.setdefault("slot", self._slot["id"])
        return await self._ctx.link.ask_secret(do, secret, current=self._current.take(), current_kind=str(self._kind.value), **arguments)

    async def _do_passphrase(self) -> tuple:
        result = await self._ask("vault.slot_add", self._new.take(), kind="passphrase", label=str(self._label.value))
        return f"{vault_words.slot_name(result['slot'])} opens the vault from now on.", None

    async def _do_recovery(self) -> tuple:
        result = await self._ask("vault.recovery", label=str(self._label.value))
        return "The recovery code is made. It opens the vault from now on.", result["secret"]

    async def _do_renew(self) -> tuple:
        result = await self._ask("vault.recovery", label=self._slot.get("label") or "")
        return "A new recovery code is made; the old one opens nothing any more.", result["secret"]

    async def _do_passkey(self) -> tuple:
        label = str(self._label.value) or "Passkey"
        made = await (await load("passkey")).make(label)
        await self._ask("vault.slot_add", made.secret, kind="passkey", label=label, credential=made.credential, prf_salt=made.prf_salt)
        return f"{label} opens the vault from now on.", None

    async def _do_change(self) -> tuple:
        await self._ask("vault.slot_change", self._new.take())
        return "The passphrase is changed. The old one opens nothing any more.", None

    async def _do_rename(self) -> tuple:
        await self._ctx.link.ask("vault.slot_rename", slot=self._slot["id"], label=str(self._label.value))
        return "Renamed.", None

    async def _do_remove(self) -> tuple:
        name = vault_words.slot_name(self._slot)
        await self._ask("vault.slot_remove")
        return f"{name} is removed and opens nothing any more.", None

    async def _do_rekey(self) -> tuple:
        passkeys = [slot for slot in self._slots if slot["kind"] == "passkey"]
        secret, arguments = None, {}
        if passkeys:
            try:
                found = await (await load("passkey")).ask(json.dumps(passkeys))
                secret = found.secret
                arguments["slot"] = next(slot["id"] for slot in passkeys if slot["credential"] == found.credential)
            except (JsException, StopIteration):
                secret, arguments = None, {}  # it is left out, and the answer says so
        self._rekeyed = False
        result = await self._ask("vault.rekey", secret, **arguments)
        left = ", ".join(vault_words.slot_name(slot) for slot in result["left_out"])
        said = _REKEYED if self._rekeyed else "New keys are being made."
        return said + (f" Not any more: {left}." if left else ""), result.get("secret")
