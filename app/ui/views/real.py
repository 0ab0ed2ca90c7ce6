"""The card of the account at a real venue: its key, arming real orders, and where journal and venue differ.

The secret goes from its field to the desk worker as bytes and is never a Python value. Arming asks, and says what it does.
"""

from __future__ import annotations

from typing import Any

from js import document

from .. import real_words
from ..dom import el, listen, set_text
from ..link import Refused
from .vault_fields import Outcome, SecretField, button, card, refill


class RealCard:
    """Shows what the ``execution`` message of the account called ``name`` says."""

    def __init__(self, ctx: Any, name: str) -> None:
        self._ctx = ctx
        self._said = Outcome("real-said")
        self._state = el("p", {"data-testid": "real-state", "role": "status"})
        self._key_text = el("p", {"class": "hint"})
        self._found = el("p", {"class": "stale"})
        about = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        self._name = name
        title = self._title = name.capitalize()
        self._api_key = el("input", {"type": "text", "id": f"real-{name}-api-key", "data-testid": "real-api-key", **about})
        self._kind = _choice(f"real-{name}-kind", "real-kind", real_words.KINDS[name])
        self._live = _choice(f"real-{name}-live", "real-live", real_words.LIVE.get(name, ()))
        self._secret = SecretField(f"real-{name}-secret", "Secret", "real-secret")
        self._form = el(
            "form",
            {"class": "vault-form", "aria-label": f"Key of the {title} account", "novalidate": True},
            el("p", {"class": "hint"}, real_words.ADVICE[name]),
            _field(f"real-{name}-kind", "Kind of key", self._kind, len(real_words.KINDS[name]) > 1),
            _field(f"real-{name}-live", "Account", self._live, name in real_words.LIVE),
            _field(f"real-{name}-api-key", real_words.KEY_NAMES[name], self._api_key),
            self._secret.root,
            el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "real-key-keep"}, "Put the key into the vault"),
        )
        self._forget = button("Remove the key", "real-key-forget", press=lambda _event: self._do("execution.forget", "The key is gone from the vault."))
        self._arm = button("Arm real orders…", "real-arm", "btn-stop", press=lambda _event: self._ask_to_arm())
        self._disarm = button("Disarm", "real-disarm", press=lambda _event: self._do("execution.disarm", "Disarmed: no new order leaves."))
        self._differences = el("ul", {"data-testid": "real-differences"})
        self._settle = button(
            "Take the venue's balances", "real-settle", press=lambda _event: self._do("execution.settle", "The journal holds what the venue holds.")
        )
        self._open = el(
            "div",
            {"class": "vault-fields"},
            self._found,
            self._differences,
            el("p", {"class": "hint"}, "What was compared, found and settled: ", el("a", {"href": "#/reconciliation"}, "reconciliation"), "."),
            el("div", {"class": "row"}, self._arm, self._disarm, self._settle, self._forget),
        )
        self.root = card(f"{title} account", self._state, self._key_text, self._form, self._open, self._said.root, testid=f"real-{name}")
        self._means = el("p")
        self._dialog = el(
            "dialog",
            {"class": "explain", "aria-labelledby": f"real-{name}-arm-title"},
            el(
                "div",
                {"class": "dialog-body"},
                el("h2", {"id": f"real-{name}-arm-title"}, "Real orders will be sent"),
                self._means,
                el(
                    "div",
                    {"class": "dialog-foot"},
                    button("Arm: send real orders", "real-arm-confirm", "btn-stop", press=lambda _event: self._confirmed()),
                    button("Stay disarmed", "real-arm-back", press=lambda _event: self._dialog.close()),
                ),
            ),
        )
        document.body.append(self._dialog)
        listen(self._form, "submit", self._submit)
        ctx.store.subscribe("execution", lambda _view: self.draw(ctx.store.vault))

    def draw(self, vault: dict) -> None:
        """Show the account while the vault is open."""
        view = self._ctx.store.executions.get(self._name)
        opened = vault is not None and vault["state"] == "unlocked"
        if view is None:
            return
        word, tone, sentence = real_words.state(view)
        self._state.setAttribute("data-state", view["state"])
        self._state.setAttribute("data-armed", "true" if view["armed"] else "false")
        self._state.setAttribute("class", {"bad": "danger", "warn": "stale", "good": "good"}.get(tone, ""))
        self._state.setAttribute("title", word)
        set_text(self._state, sentence if opened else "The key of the account lies in the vault: make one or unlock it first.")
        set_text(self._key_text, real_words.key(view))
        set_text(self._found, real_words.found(view))
        has_key = view["key"] is not None
        self._form.hidden = not opened or has_key
        self._open.hidden = not opened or not has_key
        self._arm.hidden, self._disarm.hidden = view["armed"], not view["armed"]
        self._settle.hidden = not view["differences"]
        refill(self._differences, *(el("li", None, real_words.difference(row)) for row in view["differences"]))

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if not self._secret.length:
            self._secret.say("Paste the secret.", focus=True)
            return
        self._ctx.errors.run("Keeping the key", self._keep())

    async def _keep(self) -> None:
        arguments = {"api_key": str(self._api_key.value).strip(), "algorithm": str(self._kind.value)}
        if self._name in real_words.LIVE:
            arguments["live"] = str(self._live.value) == "live"
        try:
            await self._ctx.link.ask_secret("execution.key", self._secret.take(), account=self._name, **arguments)
        except Refused as error:
            self._said.refused(error)
        else:
            self._api_key.value = ""
            self._said.say("The key is in the vault. Nothing is sent before you arm.")

    def _ask_to_arm(self) -> None:
        set_text(self._means, real_words.arming(self._ctx.store.executions.get(self._name)))
        self._dialog.showModal()

    def _confirmed(self) -> None:
        self._dialog.close()
        self._do("execution.arm", "Armed: orders are real from now on.", confirmed=True)

    def _do(self, what: str, done: str, **arguments: Any) -> None:
        self._ctx.errors.run(f"{self._title} account", self._ask(what, done, arguments))

    async def _ask(self, what: str, done: str, arguments: dict) -> None:
        try:
            await self._ctx.link.ask(what, account=self._name, **arguments)
        except Refused as error:
            self._said.refused(error)
        else:
            self._said.say(done)


def _choice(id_: str, testid: str, options: tuple) -> Any:
    """A select, the first option chosen."""
    found = el("select", {"id": id_, "data-testid": testid})
    for value, text in options:
        found.append(el("option", {"value": value}, text))
    return found


def _field(id_: str, label: str, control: Any, shown: bool = True) -> Any:
    root = el("div", {"class": "field"}, el("label", {"for": id_}, label), control)
    root.hidden = not shown
    return root
