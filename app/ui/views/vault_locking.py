"""The card of locking: when the vault locks by itself, locking it now, and what goes on while it is locked."""

from __future__ import annotations

from typing import Any

from .. import vault_words
from ..dom import el, fill, listen
from ..link import Refused
from .vault_fields import Outcome, card, row, table


class LockingCard:
    """The settings lie in the vault: they show while it is open."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._since: Any = None
        self._said = Outcome("vault-lock-said")
        self._idle = self._select("vault-idle", vault_words.IDLE_CHOICES)
        self._hidden = self._select("vault-hidden", vault_words.HIDDEN_CHOICES)
        self._sleep = el("input", {"type": "checkbox", "id": "vault-sleep", "data-testid": "vault-sleep"})
        self._settings = el(
            "div",
            {"class": "vault-fields"},
            el("div", {"class": "field"}, el("label", {"for": "vault-idle"}, "When nobody has used the desk for"), self._idle),
            el("div", {"class": "field"}, el("label", {"for": "vault-hidden"}, "When no tab of the desk was in sight for"), self._hidden),
            el("label", {"class": "check"}, self._sleep, "After the computer slept"),
        )
        rows = [row((what, None), ("goes on" if on else "stops", {"class": "good" if on else "stale"}), how) for what, on, how in vault_words.WHILE_LOCKED]
        what = el(
            "details",
            {"class": "while-locked"},
            el("summary", None, "What goes on while it is locked"),
            table(("What", "While locked", "How"), rows, "What goes on while the vault is locked"),
            el(
                "p",
                {"class": "hint"},
                "All tabs lock together. Ctrl Shift K locks at once. The worker that held the keys ends and its memory with it; "
                "this page never had keys, tokens or passphrases, but text of orders it showed may stay in its memory until it is reloaded.",
            ),
        )
        self.root = card("Locking", self._settings, self._said.root, what)
        listen(self._settings, "change", self._change)

    def draw(self, vault: dict) -> None:
        """Show the settings of an open vault."""
        opened = vault["state"] == "unlocked"
        self._settings.hidden = not opened
        if opened and self._since != vault["since_ns"]:
            self._since = vault["since_ns"]
            self._said.say("")
            self._ctx.errors.run("Settings for locking", self._read())
        elif not opened:
            self._since = None

    def _select(self, name: str, choices: tuple) -> Any:
        node = el("select", {"id": name, "data-testid": name})
        for seconds in choices:
            node.append(el("option", {"value": str(seconds)}, vault_words.duration(seconds)))
        return node

    async def _read(self) -> None:
        self._show(await self._ctx.link.ask("vault.lock_settings"))

    def _show(self, settings: dict) -> None:
        for node, seconds in ((self._idle, settings["idle_s"]), (self._hidden, settings["hidden_s"])):
            if not node.querySelector(f'option[value="{seconds}"]'):
                fill(node, None, el("option", {"value": str(seconds)}, vault_words.duration(seconds)))
            node.value = str(seconds)
        self._sleep.checked = settings["sleep"]

    def _change(self, event: Any) -> None:
        name = event.target.id
        if name == "vault-sleep":
            changed = {"sleep": bool(self._sleep.checked)}
            said = "It locks after sleep." if changed["sleep"] else "It stays open over a sleep."
        else:
            seconds = None if event.target.value == "None" else int(event.target.value)
            changed = {"idle_s" if name == "vault-idle" else "hidden_s": seconds}
            said = f"Kept: {vault_words.duration(seconds)}."
        self._ctx.errors.run("Settings for locking", self._keep(changed, said))

    async def _keep(self, changed: dict, said: str) -> None:
        try:
            self._show(await self._ctx.link.ask("vault.lock_settings", **changed))
        except Refused as error:
            self._said.refused(error)
        else:
            self._said.say(said)
