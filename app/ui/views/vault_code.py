"""A recovery code, shown once: to print, to copy, to write down. It leaves the page when the trader says so, and at every lock."""

from __future__ import annotations

from typing import Any

from js import kontor
from pyodide.ffi import JsException

from ..dom import el
from .vault_fields import Outcome, button, load


class CodeSheet:
    """``root`` stands where the code is shown; hidden while there is none."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._code = el("code", {"class": "code", "data-testid": "vault-code", "tabindex": "0"})
        self._said = Outcome("vault-code-said")
        self._sheet = el(
            "div",
            {"class": "code-sheet"},
            el("h3", None, "Recovery code of the vault"),
            el("p", None, "It opens the vault without the passphrase. This is the only time it is shown. Keep it on paper, away from this computer."),
            self._code,
            el("p", {"class": "hint"}, "Case, spaces and dashes do not matter when it is typed."),
        )
        self.root = el(
            "div",
            {"class": "code-box", "role": "group", "aria-label": "Recovery code", "hidden": True},
            self._sheet,
            el(
                "div",
                {"class": "row"},
                button("Print it", "vault-code-print", press=lambda _event: self._run("print", self._sheet)),
                button("Copy it", "vault-code-copy", press=lambda _event: self._run("copy", self._code)),
                button("I have kept it", "vault-code-done", "btn-primary", press=lambda _event: self.forget()),
            ),
            self._said.root,
        )
        ctx.store.subscribe("vault", lambda vault: self.forget() if vault["state"] != "unlocked" else None)

    def show(self, secret: Any) -> None:
        """Show the code in these bytes (a JS buffer), which are wiped."""
        kontor.showSecret(self._code, secret)
        self._said.say("", "good")
        self.root.hidden = False
        self._code.focus()

    def forget(self) -> None:
        """Take it off the page."""
        self._code.textContent = ""
        self.root.hidden = True

    def _run(self, what: str, node: Any) -> None:
        self._ctx.errors.run("Recovery code", self._hand(what, node))

    async def _hand(self, what: str, node: Any) -> None:
        try:
            await getattr(await load("handing"), what)(node)
        except JsException as error:
            self._said.say(f"The browser did not do it ({error.message or error}). Write the code down.", "bad")
            return
        if what == "copy":
            self._said.say("It is on the clipboard. Empty the clipboard once it is where it belongs: other programs can read it.", "warn")
