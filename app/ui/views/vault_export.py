"""The card of exports: one encrypted file that public tools open, when the last one was made, and when to be reminded."""

from __future__ import annotations

import time
from typing import Any

from .. import vault_words
from ..dom import el, listen
from ..format import refusal
from ..link import Refused
from .vault_fields import NewSecret, Outcome, card, load

_DAYS = ((1, "a day"), (7, "a week"), (14, "two weeks"), (30, "a month"), (0, "never"))
_ORDERS = ((20, "20 orders"), (50, "50 orders"), (100, "100 orders"), (500, "500 orders"), (0, "any number of orders"))


class ExportCard:
    """Shown while the vault is open."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._since: Any = None
        self._due: Any = None
        self._last = el("p", {"data-testid": "vault-last-export"})
        self._reminder = el("p", {"class": "stale", "role": "status"})
        self._secret = NewSecret("export", "vault-export-passphrase", "Passphrase of the file")
        self._send = el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "vault-export"}, "Make the encrypted file")
        self._said = Outcome("vault-export-said")
        self._days = self._select("backup-days", _DAYS)
        self._orders = self._select("backup-orders", _ORDERS)
        form = el(
            "form",
            {"class": "vault-fields", "aria-label": "Export the vault", "novalidate": True},
            self._secret.root,
            el("p", {"class": "hint"}, "The file has a passphrase of its own and is in the age format: the age command line tool opens it without Kontor."),
            el("div", {"class": "row"}, self._send),
        )
        remind = el(
            "div",
            {"class": "row remind"},
            el("label", {"for": "backup-days"}, "Remind me after"),
            self._days,
            el("label", {"for": "backup-orders"}, "or after"),
            self._orders,
        )
        self.root = card("Export", self._last, self._reminder, form, self._said.root, remind)
        listen(form, "submit", self._submit)
        listen(remind, "change", self._change)

    def draw(self, vault: dict) -> None:
        """Follow the state of the vault and its reminder."""
        opened = vault["state"] == "unlocked"
        self.root.hidden = not opened
        backup = vault.get("backup") or {}
        self._reminder.textContent = backup.get("reason") or "" if backup.get("due") else ""
        if not opened:
            self._secret.forget()
            self._said.say("")
            self._since = None
        elif self._since != vault["since_ns"] or self._due != backup.get("due"):
            self._since, self._due = vault["since_ns"], backup.get("due")
            self._ctx.errors.run("Exports", self._read())

    def _select(self, name: str, choices: tuple) -> Any:
        node = el("select", {"id": name, "data-testid": f"vault-{name}"})
        for value, text in choices:
            node.append(el("option", {"value": str(value)}, text))
        return node

    async def _read(self, **changed: int) -> None:
        backup = await self._ctx.link.ask("vault.backup", **changed)
        self._last.textContent = vault_words.last_export(backup, time.time_ns())
        for node, value, unit in ((self._days, backup["days"], "days"), (self._orders, backup["orders"], "orders")):
            if not node.querySelector(f'option[value="{value}"]'):
                node.append(el("option", {"value": str(value)}, f"{value} {unit}"))
            node.value = str(value)

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if not self._send.disabled and not self._secret.problem():
            self._ctx.errors.run("Exporting the vault", self._export())

    async def _export(self) -> None:
        self._send.disabled = True
        try:
            if not await self._secret.accepted():
                return
            self._said.say("Encrypting…", "plain")
            found = await self._ctx.link.ask_secret("vault.export", self._secret.take())
        except Refused as error:
            self._said.refused(error)
            return
        finally:
            self._send.disabled = False
        (await load("handing")).save(found["file"], found["name"])
        self._secret.forget()
        self._said.say(vault_words.exported(found), "warn" if found.get("damaged") else "good")
        await self._read()

    def _change(self, event: Any) -> None:
        name = "days" if event.target.id == "backup-days" else "orders"
        self._ctx.errors.run("Reminder", self._remind(name, int(event.target.value)))

    async def _remind(self, name: str, value: int) -> None:
        try:
            await self._read(**{name: value})
        except Refused as error:
            self._said.say(refusal(error), "bad")
        else:
            self._said.say("Kept: when to be reminded of an export.")
