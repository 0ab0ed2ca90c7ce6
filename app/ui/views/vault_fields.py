"""What the vault's forms are made of: secret fields, the strength beside a new passphrase, the line that says what was done.

A secret never becomes a Python string: the boot module reads an input into bytes and clears it, and the bytes go straight to the desk.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from js import clearTimeout, kontor, setTimeout
from pyodide.ffi import JsException, create_proxy

from .. import vault_words, words
from ..dom import clear, el, fill, listen, set_text
from ..format import refusal

_METER_AFTER_MS = 250
_METER_PATIENCE_S = 4


async def load(name: str) -> Any:
    """A JavaScript module of app/ui/, fetched when it is first needed."""
    return await getattr(kontor, "import")(f"app/ui/{name}.mjs")


class SecretField:
    """A labelled input for a secret with room for its error. ``id_`` is unique on the page."""

    def __init__(self, id_: str, label: str, testid: str, autocomplete: str = "off", *, hidden: bool = True) -> None:
        self.error = el("p", {"class": "field-error", "id": f"{id_}-error", "role": "alert"})
        self.box = el(
            "input",
            {
                "type": "password" if hidden else "text",
                "id": id_,
                "data-testid": testid,
                "autocomplete": autocomplete,
                "spellcheck": "false",
                "autocapitalize": "none",
                "aria-describedby": f"{id_}-error",
            },
        )
        self.root = el("div", {"class": "field"}, el("label", {"for": id_}, label), self.box, self.error)

    @property
    def length(self) -> int:
        """Length in bytes of what is typed."""
        return int(kontor.secretLength(self.box))

    def take(self) -> Any:
        """The secret as a JS buffer; the input is empty from now on."""
        return kontor.secretBytes(self.box)

    def forget(self) -> None:
        """Empty the input."""
        self.box.value = ""

    def say(self, text: str, *, focus: bool = False) -> None:
        """Show an error, or none."""
        set_text(self.error, text)
        self.box.setAttribute("aria-invalid", "true" if text else "false")
        if text and focus:
            self.box.focus()


class NewSecret:
    """A new passphrase: twice, with its strength. A weak one is used only after a second press."""

    def __init__(self, id_: str, testid: str, label: str = "Passphrase", *, again: str = "") -> None:
        self.first = SecretField(f"{id_}-new", label, testid, "new-password")
        self.repeat = SecretField(again or f"{id_}-again", "The same again", f"{testid}-repeat", "new-password")
        self.meter = Meter(self.first, "vault-strength" if id_ == "vault" else f"vault-{id_}-strength")
        self.root = el("div", {"class": "new-secret"}, self.first.root, self.meter.root, self.repeat.root)
        self._warned = False
        listen(self.first.box, "change", lambda _event: self._check())
        listen(self.root, "input", lambda _event: self._typed())

    def problem(self) -> bool:
        """Whether it cannot be used as it stands; says why at its field."""
        same = bool(kontor.sameSecret(self.first.box, self.repeat.box))
        problem = words.passphrase_problem(self.first.length, self.repeat.length, same)
        for name, field in (("first", self.first), ("repeat", self.repeat)):
            field.say(problem[1] if problem and problem[0] == name else "", focus=True)
        return problem is not None

    async def accepted(self) -> bool:
        """False once for a weak one, with the warning at its field."""
        try:
            found = await asyncio.wait_for(self.meter.now(), _METER_PATIENCE_S)
        except (TimeoutError, JsException):
            found = None  # it cannot be known: that keeps nobody from making a vault
        if found is None or found["score"] >= vault_words.ENOUGH - 1 or self._warned:
            return True
        self._warned = True
        self.first.say("This one is easy to guess. Take another, or press again to use it all the same.", focus=True)
        return False

    def take(self) -> Any:
        """The passphrase as a JS buffer; both inputs are empty from now on, and the meter forgets what it saw."""
        self.repeat.forget()
        secret = self.first.take()
        self.meter.end()
        return secret

    def forget(self) -> None:
        """Empty both."""
        self.first.forget()
        self.repeat.forget()
        self.meter.end()
        self._warned = False

    def _typed(self) -> None:
        self.first.say("")
        self.repeat.say("")
        self._warned = False

    def _check(self) -> None:
        length = self.first.length
        problem = words.passphrase_problem(length, None, True) if length else None
        if problem is not None:
            self.first.say(problem[1])


class Meter:
    """How hard the passphrase in a field is to guess, why, and how to better it. The library comes when something is typed."""

    def __init__(self, field: SecretField, testid: str) -> None:
        self._field = field
        self._module: Any = None
        self._timer: Any = None
        self._task: asyncio.Task | None = None
        self._proxy = create_proxy(self._due)
        self._bar = el("i")
        self._word = el("strong")
        self._why = el("span", {"class": "hint"})
        self.root = el(
            "div",
            {"class": "strength", "data-testid": testid, "role": "status", "hidden": True},
            el("div", {"class": "meter", "aria-hidden": "true"}, self._bar),
            el("p", None, self._word, " ", self._why),
        )
        listen(field.box, "input", lambda _event: self._later())

    async def now(self) -> dict | None:
        """The strength of what is typed; None when it cannot be known."""
        if not self._field.length:
            return None
        if self._module is None:
            self._module = await load("strength")
        text = await self._module.measure(self._field.box)
        return json.loads(text) if text else None

    def end(self) -> None:
        """Forget what was typed."""
        if self._timer is not None:
            clearTimeout(self._timer)
            self._timer = None
        if self._module is not None:
            self._module.end()
        self.root.hidden = True

    def _later(self) -> None:
        if self._timer is not None:
            clearTimeout(self._timer)
        self._timer = setTimeout(self._proxy, _METER_AFTER_MS)

    def _due(self) -> None:
        self._timer = None
        self._task = asyncio.ensure_future(self._draw())

    async def _draw(self) -> None:
        try:
            found = await self.now()
        except JsException:
            found = None
        self.root.hidden = found is None
        if found is None:
            return
        word, tone, sentences = vault_words.strength(found)
        self.root.setAttribute("data-score", str(found["score"]))
        self.root.setAttribute("data-tone", tone)
        set_text(self._word, f"{word.capitalize()}.")
        set_text(self._why, " ".join(sentences))


class Outcome:
    """The line under a form that says what was done, or why it was not."""

    def __init__(self, testid: str = "vault-outcome") -> None:
        self.root = el("p", {"class": "outcome", "role": "status", "data-testid": testid})

    def say(self, text: str, tone: str = "good") -> None:
        """Show a sentence; tone is good, warn or bad."""
        self.root.setAttribute("data-tone", tone)
        self.root.textContent = text

    def refused(self, error: Any) -> None:
        """Show what the desk said."""
        self.say(refusal(error), "bad")


def card(title: str, *children: Any, testid: str | None = None) -> Any:
    """A section with a heading."""
    return el("section", {"class": "card", "aria-label": title, "data-testid": testid}, el("h2", None, title), *children)


def button(text: str, testid: str | None = None, kind: str = "", press: Any = None, **more: Any) -> Any:
    """A button that does not send a form."""
    return el("button", {"type": "button", "class": f"btn {kind}".strip(), "data-testid": testid, **more}, text, on={"click": press} if press else None)


def table(heads: tuple, rows: list[Any], caption: str = "") -> Any:
    """A table in a box that scrolls; heads are names, or (name, class)."""
    cells = [(head, None) if isinstance(head, str) else head for head in heads]
    head = el("tr", None, *(el("th", {"scope": "col", "class": kind}, name) for name, kind in cells))
    body = el("tbody", None, *rows)
    inside = el("table", {"class": "table"}, el("thead", None, head), body)
    return el("div", {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": caption}, inside)


def row(*cells: Any) -> Any:
    """A table row; a cell is text, an element, or (text or element, attributes)."""
    made = el("tr")
    for cell in cells:
        inside, attrs = cell if isinstance(cell, tuple) else (cell, None)
        made.append(el("td", attrs, inside))
    return made


def refill(node: Any, *children: Any) -> None:
    """Put other children in place of what is there."""
    clear(node)
    fill(node, None, *children)
