"""Booking cash that no fill moves, on the portfolio page: a transfer, a dividend, interest, financing, a fee."""

from __future__ import annotations

from typing import Any

from ..answers import not_done
from ..dom import el, listen
from ..format import group
from ..link import Refused

_KINDS = (
    ("transfer", "Transfer", "Into the account, or out of it with a minus: no profit, no loss"),
    ("dividend", "Dividend", "Received for a long position, paid with a minus for a short one"),
    ("interest", "Interest", "Received, or paid with a minus"),
    ("financing", "Financing", "Funding or borrowing: received, or paid with a minus"),
    ("fee", "Fee", "Paid with a minus; what is given back without"),
)
_FIELDS = (("amount", "Amount"), ("currency", "Currency"), ("symbol", "Instrument (may be empty)"), ("note", "Note (may be empty)"))


class BookingForm:
    """A card; ``root`` is its section."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._kind = el("select", {"id": "booking-kind", "data-testid": "booking-kind", "aria-describedby": "booking-hint"})
        self._kind.append(*[el("option", {"value": value}, label) for value, label, _hint in _KINDS])
        self._hint = el("p", {"class": "hint", "id": "booking-hint"})
        self._fields: dict[str, Any] = {}
        self._errors: dict[str, Any] = {}
        form = el("form", {"class": "settings", "novalidate": True, "autocomplete": "off"})
        form.append(el("div", {"class": "field"}, el("label", {"for": "booking-kind"}, "What"), self._kind, self._hint))
        for name, label in _FIELDS:
            key = f"booking-{name}"
            self._fields[name] = el("input", {"id": key, "data-testid": key, "type": "text", "maxlength": "100", "aria-describedby": f"{key}-error"})
            self._errors[name] = el("p", {"class": "field-error", "id": f"{key}-error"})
            form.append(el("div", {"class": "field"}, el("label", {"for": key}, label), self._fields[name], self._errors[name]))
        self._said = el("p", {"class": "tool-said", "role": "status", "data-testid": "booking-said"})
        self._button = el("button", {"type": "submit", "class": "btn", "data-testid": "booking-save"}, "Book it")
        form.append(self._button, self._said)
        listen(form, "submit", self._save)
        listen(self._button, "click", lambda event: event.detail > 1 and event.preventDefault())
        listen(self._kind, "change", lambda _event: self._describe())
        ctx.store.subscribe("account", self._suggest)
        if ctx.store.account is not None:
            self._suggest(ctx.store.account)
        self._describe()
        self.root = el("section", {"class": "card", "aria-label": "Cash without a fill"}, el("h2", None, "Cash without a fill"), form)

    def _describe(self) -> None:
        self._hint.textContent = next(hint for value, _label, hint in _KINDS if value == self._kind.value)

    def _suggest(self, account: dict) -> None:
        if not self._fields["currency"].value:
            self._fields["currency"].value = account["currency"]

    def _save(self, event: Any) -> None:
        event.preventDefault()
        if self._button.disabled:
            return  # the one before is on its way: cash is booked once a press
        self._button.disabled = True
        for node in self._errors.values():
            node.textContent = ""
        self._ctx.errors.run("Cash", self._send(), self._refused)

    async def _send(self) -> None:
        values = {name: field.value.strip() for name, field in self._fields.items()}
        try:
            made = await self._ctx.link.ask("cash.book", kind=self._kind.value, **values)
        finally:
            self._button.disabled = False
        self._fields["amount"].value = ""
        self._say("good", f"Booked {group(made['amount'])} {made['currency']}; the ledger has {group(made['balance'])} now.")

    def _refused(self, error: Refused) -> None:
        tone, text = not_done(error, "Nothing was booked")
        if error.field in self._errors:
            self._errors[error.field].textContent = not_done(error, "")[1]
            self._fields[error.field].focus()
            self._say("danger", "Nothing was booked. See the marked field.")
        else:
            self._say(tone, text)

    def _say(self, tone: str, text: str) -> None:
        self._said.dataset.tone = tone
        self._said.textContent = text
