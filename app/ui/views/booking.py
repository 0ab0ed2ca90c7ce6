"""Booking by hand what no fill does, on the portfolio page: a transfer, a dividend, interest, financing, a fee, a split, a roll."""

from __future__ import annotations

from typing import Any

from ..answers import not_done, split
from ..dom import el, listen
from ..format import group
from ..link import Refused

_KINDS = (
    ("transfer", "Transfer", "Into the account, or out of it with a minus: no profit, no loss"),
    ("dividend", "Dividend", "Received for a long position, paid with a minus for a short one"),
    ("interest", "Interest", "Received, or paid with a minus"),
    ("financing", "Financing", "Funding or borrowing: received, or paid with a minus"),
    ("fee", "Fee", "Paid with a minus; what is given back without"),
    (
        "split",
        "Split",
        "New units for old ones, such as 4 for 1; 1 for 10 makes them fewer. Cost and profit stay. Its working orders are cancelled first. "
        "Book it once prices are those after it",
    ),
    (
        "roll",
        "Roll of a future",
        "A continuous future went on to its next month: closed in the old one and opened in the new one at the prices of one moment. The spread, times "
        "position and contract, is booked against the jump of the mark, so that neither profit nor loss is left of it. Cost and orders stay as they are",
    ),
)
_FIELDS = (
    ("amount", "Amount"),
    ("currency", "Currency"),
    ("new", "New units"),
    ("old", "For old units"),
    ("symbol", "Instrument (may be empty)"),
    ("note", "Note (may be empty)"),
)
_ONLY = {"amount": False, "currency": False, "new": True, "old": True}
"""Fields that a split and a roll have alone, and those that they do not have."""
_NAMES = {"split": ("New units", "For old units"), "roll": ("Price of the new month", "Price of the old month")}


class BookingForm:
    """A card; ``root`` is its section."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._kind = el("select", {"id": "booking-kind", "data-testid": "booking-kind", "aria-describedby": "booking-hint"})
        self._kind.append(*[el("option", {"value": value}, label) for value, label, _hint in _KINDS])
        self._hint = el("p", {"class": "hint", "id": "booking-hint"})
        self._fields: dict[str, Any] = {}
        self._errors: dict[str, Any] = {}
        self._labels: dict[str, Any] = {}
        self._boxes: dict[str, Any] = {}
        form = el("form", {"class": "settings", "novalidate": True, "autocomplete": "off"})
        form.append(el("div", {"class": "field"}, el("label", {"for": "booking-kind"}, "What"), self._kind, self._hint))
        for name, label in _FIELDS:
            key = f"booking-{name}"
            self._fields[name] = el("input", {"id": key, "data-testid": key, "type": "text", "maxlength": "100", "aria-describedby": f"{key}-error"})
            self._errors[name] = el("p", {"class": "field-error", "id": f"{key}-error"})
            self._labels[name] = el("label", {"for": key}, label)
            self._boxes[name] = el("div", {"class": "field"}, self._labels[name], self._fields[name], self._errors[name])
            form.append(self._boxes[name])
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
        self.root = el("section", {"class": "card", "aria-label": "Booked by hand"}, el("h2", None, "Booked by hand"), form)

    def _describe(self) -> None:
        self._hint.textContent = next(hint for value, _label, hint in _KINDS if value == self._kind.value)
        splits = str(self._kind.value) in _NAMES
        for name, label in zip(("new", "old"), _NAMES.get(str(self._kind.value), _NAMES["split"]), strict=True):
            self._labels[name].textContent = label
        for name, of_split in _ONLY.items():
            self._boxes[name].hidden = of_split is not splits
        self._labels["symbol"].textContent = "Instrument" if splits else "Instrument (may be empty)"

    def _suggest(self, account: dict) -> None:
        if not self._fields["currency"].value:
            self._fields["currency"].value = account["currency"]

    def _save(self, event: Any) -> None:
        event.preventDefault()
        if self._button.disabled:
            return  # the one before is on its way: booked once a press
        self._button.disabled = True
        for node in self._errors.values():
            node.textContent = ""
        self._ctx.errors.run("Booking", self._send(), self._refused)

    async def _send(self) -> None:
        values = {name: field.value.strip() for name, field in self._fields.items() if not self._boxes[name].hidden}
        try:
            made = await self._ctx.link.ask("cash.book", kind=self._kind.value, **values)
        finally:
            self._button.disabled = False
        self._fields["amount"].value = self._fields["new"].value = self._fields["old"].value = ""
        if made["what"] == "split":
            self._say("good", split(made))
            return
        self._say("good", f"Booked {group(made['amount'])} {made['currency']}; the ledger has {group(made['balance'])} now.")

    def _refused(self, error: Refused) -> None:
        tone, text = not_done(error, "Nothing was booked")
        if error.field in self._errors and not self._boxes[error.field].hidden:
            self._errors[error.field].textContent = not_done(error, "")[1]
            self._fields[error.field].focus()
            self._say("danger", "Nothing was booked. See the marked field.")
        else:
            self._say(tone, text)

    def _say(self, tone: str, text: str) -> None:
        self._said.dataset.tone = tone
        self._said.textContent = text
