"""The forms that make and open a vault. There is one of each, moved to where it is needed: the vault's page or the desk's banner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from js import navigator
from pyodide.ffi import JsException

from .. import vault_words
from ..dom import el, listen, set_text
from ..format import refusal
from ..link import Refused
from .vault_fields import NewSecret, SecretField, load


class _Form:
    def __init__(self, ctx: Any, label: str, testid: str, busy: str) -> None:
        self._ctx = ctx
        self._label, self._busy = label, busy
        self.button = el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": testid}, label)

    def _working(self, working: bool) -> None:
        self.button.disabled = working
        set_text(self.button, self._busy if working else self._label)


class CreateForm(_Form):
    """Two fields and a button; asks the browser to keep its storage once the vault is made."""

    def __init__(self, ctx: Any) -> None:
        super().__init__(ctx, "Create the vault", "vault-create", "Creating…")
        self._secret = NewSecret("vault", "vault-passphrase")
        self.root = el(
            "form",
            {"class": "vault-form", "aria-label": "Create a vault", "novalidate": True},
            self._secret.root,
            el("p", {"class": "hint"}, "Nobody can read the vault without it, you neither. Write it down; a recovery code can be made afterwards."),
            el("div", {"class": "row"}, self.button),
        )
        listen(self.root, "submit", self._submit)

    def focus(self) -> None:
        """Put the cursor where typing starts."""
        self._secret.first.box.focus()

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if not self.button.disabled and not self._secret.problem():
            self._ctx.errors.run("Creating the vault", self._create())

    async def _create(self) -> None:
        self._working(True)
        try:
            if not await self._secret.accepted():
                return
            await self._ctx.link.ask_secret("vault.create", self._secret.take())
        except Refused as error:
            self._secret.first.say(refusal(error), focus=True)
            return
        finally:
            self._working(False)
        self._secret.forget()
        kept = False
        if hasattr(navigator, "storage") and hasattr(navigator.storage, "persist"):
            kept = await navigator.storage.persist()
        promise = " The browser promised to keep it." if kept else ""
        self._ctx.toasts.show("good", f"The vault is made. What happened so far is in it, encrypted.{promise} Make a recovery code next.")


class UnlockForm(_Form):
    """One field and a button: passphrase; on the vault's page also recovery code and passkey, where the vault has them.

    After several wrong ones the button counts down; that stops nobody who has a copy of the vault."""

    def __init__(self, ctx: Any) -> None:
        super().__init__(ctx, "Unlock", "vault-unlock", "Unlocking…")
        self._kind = "passphrase"
        self._wait: asyncio.Task | None = None
        self._fields = {
            "passphrase": SecretField("vault-open", "Passphrase", "vault-passphrase", "current-password"),
            "recovery": SecretField("vault-code", "Recovery code", "vault-recovery-code", hidden=False),
        }
        self._place = el("div", {"class": "unlock-field"}, self._fields["passphrase"].root)
        self._passkey_error = el("p", {"class": "field-error", "role": "alert"})
        self._kinds = el("div", {"class": "seg", "role": "group", "aria-label": "Unlock with", "data-testid": "vault-unlock-kind", "hidden": True})
        self._kind_buttons: dict[str, Any] = {}
        for kind, (name, _meaning) in vault_words.KINDS.items():
            self._kind_buttons[kind] = el("button", {"type": "button", "data-kind": kind, "aria-pressed": "false"}, name)
            self._kinds.append(self._kind_buttons[kind])
        self.root = el("form", {"class": "vault-form", "aria-label": "Unlock the vault", "novalidate": True}, self._kinds, self._place, self.button)
        listen(self.root, "submit", self._submit)
        listen(self.root, "input", lambda _event: self._say(""))
        self._use(self._kind)
        listen(self._kinds, "click", self._choose)
        ctx.store.subscribe("vault", self._vault)

    def focus(self) -> None:
        """Put the cursor where typing starts."""
        if self._kind in self._fields:
            self._fields[self._kind].box.focus()

    def wide(self, wide: bool) -> None:
        """Whether there is room for other ways than the passphrase."""
        slots = (self._ctx.store.vault or {}).get("slots") or []
        there = {slot["kind"] for slot in slots}
        for kind, node in self._kind_buttons.items():
            node.hidden = kind not in there
        self._kinds.hidden = not wide or there <= {"passphrase"}
        if self._kinds.hidden and self._kind != "passphrase":
            self._use("passphrase")

    def _use(self, kind: str) -> None:
        self._kind = kind
        self._say("")
        for name, node in self._kind_buttons.items():
            node.setAttribute("aria-pressed", "true" if name == kind else "false")
        for field in self._fields.values():
            field.forget()
        self._place.replaceChildren(self._fields[kind].root if kind in self._fields else self._passkey_error)
        self._label = "Use the passkey" if kind == "passkey" else "Unlock"
        if self._wait is None:
            set_text(self.button, self._label)

    def _choose(self, event: Any) -> None:
        node = event.target.closest("[data-kind]")
        if node:
            self._use(node.getAttribute("data-kind"))
            self.focus()

    def _say(self, text: str) -> None:
        field = self._fields.get(self._kind)
        if field is not None:
            field.say(text, focus=bool(text))
        else:
            set_text(self._passkey_error, text)

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        field = self._fields.get(self._kind)
        if self.button.disabled:
            return
        if field is not None and not field.length:
            self._say("Type the passphrase of this vault." if self._kind == "passphrase" else "Type the recovery code as it was shown.")
            return
        self._ctx.errors.run("Unlocking the vault", self._unlock())

    async def _unlock(self) -> None:
        self._working(True)
        said = ""
        try:
            await self._open()
        except Refused as error:
            said = refusal(error)
        except JsException as error:
            said = f"The passkey was not used: {error.message or error}"
        finally:
            if self._wait is None:
                self._working(False)
        self._say(said)
        if not said:
            self._ctx.store.lock = None
            self._ctx.toasts.show("good", "The vault is open. Orders, fills and positions are back as you left them.")

    async def _open(self) -> None:
        link = self._ctx.link
        if self._kind in self._fields:
            await link.ask_secret("vault.unlock", self._fields[self._kind].take(), kind=self._kind)
            return
        slots = [slot for slot in self._ctx.store.vault["slots"] if slot["kind"] == "passkey"]
        found = await (await load("passkey")).ask(json.dumps(slots))
        slot = next((slot["id"] for slot in slots if slot["credential"] == found.credential), None)
        await link.ask_secret("vault.unlock", found.secret, kind="passkey", slot=slot)

    def _vault(self, vault: dict) -> None:
        wait_s = vault.get("wait_s") or 0
        if vault["state"] != "locked":
            for field in self._fields.values():
                field.forget()
        if vault["state"] == "locked" and wait_s > 0 and self._wait is None:
            self._wait = asyncio.ensure_future(self._count_down(wait_s))

    async def _count_down(self, wait_s: float) -> None:
        clock: Callable[[], float] = asyncio.get_running_loop().time
        until = clock() + wait_s
        self.button.disabled = True
        while (left := until - clock()) > 0:
            set_text(self.button, f"Again in {max(1, round(left))} s")
            await asyncio.sleep(min(1.0, left))
        self._wait = None
        self._working(False)
