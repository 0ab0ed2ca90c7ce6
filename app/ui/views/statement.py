"""Saving a statement: what it is of, from and to which day, and a CSV file."""

from __future__ import annotations

from typing import Any

from ..dom import el, listen, save_text
from ..format import refusal
from ..link import Refused

_KINDS = (
    ("lots", "Closed lots", "Each closed piece of a position, first in, first out, with what it made"),
    ("open", "Open lots", "What was open at the end of the last day, first in, first out"),
    ("fills", "Fills", "Every execution"),
    ("ledger", "Cash ledger", "Every movement of cash and the balance after it"),
)
_FIELDS = {"from": "First day (UTC)", "to": "Last day (UTC)"}


class StatementForm:
    """A card of the portfolio; ``root`` is its section."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._kind = el("select", {"id": "statement-kind", "data-testid": "statement-kind", "aria-describedby": "statement-hint"})
        self._kind.append(*[el("option", {"value": value}, label) for value, label, _hint in _KINDS])
        self._hint = el("p", {"class": "hint", "id": "statement-hint"})
        self._days: dict[str, Any] = {}
        self._errors: dict[str, Any] = {}
        form = el("form", {"class": "settings", "novalidate": True})
        form.append(el("div", {"class": "field"}, el("label", {"for": "statement-kind"}, "Of what"), self._kind, self._hint))
        for name, label in _FIELDS.items():
            key = f"statement-{name}"
            field = self._days[name] = el("input", {"id": key, "data-testid": key, "type": "date", "aria-describedby": f"{key}-error"})
            self._errors[name] = el("p", {"class": "field-error", "id": f"{key}-error"})
            form.append(el("div", {"class": "field"}, el("label", {"for": key}, label), field, self._errors[name]))
        self._said = el("p", {"class": "tool-said", "role": "status", "data-testid": "statement-said"})
        form.append(el("button", {"type": "submit", "class": "btn", "data-testid": "statement-save"}, "Save as CSV"), self._said)
        listen(form, "submit", self._save)
        listen(self._kind, "change", lambda _event: self._describe())
        self._describe()
        self.root = el("section", {"class": "card", "aria-label": "Statement"}, el("h2", None, "Statement"), form)

    def _describe(self) -> None:
        self._hint.textContent = next(hint for value, _label, hint in _KINDS if value == self._kind.value)

    def _save(self, event: Any) -> None:
        event.preventDefault()
        for name in _FIELDS:
            bad = self._days[name].validity.badInput
            self._mark(name, "This is no date. Give a day, or leave it empty for all." if bad else "")
            if bad:
                self._days[name].focus()
                return
        self._ctx.errors.run("Statement", self._ask(), self._refused)

    async def _ask(self) -> None:
        days = {name: field.value for name, field in self._days.items()}
        made = await self._ctx.link.ask("statement", what=self._kind.value, **days)
        save_text(made["name"], made["text"], "text/csv;charset=utf-8")
        text = f"{made['name']}, {made['rows']} {'row' if made['rows'] == 1 else 'rows'}, readable by anybody."
        self._say("amber" if made["unknown"] else "good", f"{text} {made['unknown']}".strip())

    def _refused(self, error: Refused) -> None:
        text = refusal(error)
        if error.field in self._days:
            self._mark(error.field, text)
            self._days[error.field].focus()
        else:
            self._say("danger", text)

    def _say(self, tone: str, text: str) -> None:
        self._said.dataset.tone = tone
        self._said.textContent = text

    def _mark(self, name: str, text: str) -> None:
        self._errors[name].textContent = text
        if text:
            self._days[name].setAttribute("aria-invalid", "true")
        else:
            self._days[name].removeAttribute("aria-invalid")
