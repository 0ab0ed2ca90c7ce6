"""The editor under an order's row: new quantity, limit, stop or distance, checked like a ticket, refused beside the field.

Sends only what changed, and closes when the venue has answered. Nothing typed is lost when it refuses. Says what a change costs before the press.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..amend_words import cost, too_little
from ..answers import ENDED, amended, not_done
from ..dom import el, listen
from ..format import group
from ..link import Refused
from ..order_words import account, amendable, decimals, in_account, order_text, value
from ..ticket_rules import FIELD_WORDS, Draft, Rules, check, plain, read_number


class AmendForm:
    """One editor; ``done()`` closes it."""

    def __init__(self, ctx: Any, row: dict, instrument: dict | None, done: Callable[[], Any]) -> None:
        self._ctx, self._row, self._instrument, self._done = ctx, row, instrument, done
        self._present = {**row, "trail": row.get("trail") or row.get("trail_percent")}
        self._percent = bool(row.get("trail_percent"))
        self._inputs: dict[str, Any] = {}
        self._errors: dict[str, Any] = {}
        self._places = decimals(instrument["tick"]) if instrument else 0
        fields = [self._field(name) for name in amendable(row)]
        self._send = el("button", {"type": "submit", "class": "btn btn-primary"}, "Amend")
        back = el("button", {"type": "button", "class": "btn"}, "Keep as it is")
        listen(back, "click", lambda _event: done())
        self._said = el("p", {"class": "field-error", "role": "status"})
        self._cost = el("p", {"class": "amend-cost", "role": "status", "data-testid": "amend-cost"})
        self.root = el(
            "form",
            {"class": "amend", "novalidate": True, "aria-label": f"Amend {order_text(row, places=self._places)}"},
            *fields,
            el("p", {"class": "amber" if row.get("real") else ""}, f"In the {account(row)} account, which is not shown.") if row.get("account") else None,
            el("div", {"class": "amend-buttons"}, self._send, back),
            self._cost,
            self._said,
        )
        listen(self.root, "submit", self._submit)
        listen(self.root, "input", lambda _event: self._check())

    def focus(self) -> None:
        """Put the cursor into the value most often changed."""
        field = self._inputs.get("price") or self._inputs.get("stop") or self._inputs.get("trail") or self._inputs.get("qty")
        field.focus()
        field.select()

    def _field(self, name: str) -> Any:
        key = f"amend-{name}"
        unit = ""
        if name == "trail" and self._percent:
            unit = " %"
        elif self._instrument is not None:
            unit = " " + self._instrument["base" if name == "qty" else "quote"]
        attrs = {"id": key, "name": name, "type": "text", "inputmode": "decimal", "class": "num", "aria-describedby": f"{key}-error"}
        field = self._inputs[name] = el("input", attrs)
        field.value = self._present[name] or ""
        self._errors[name] = el("p", {"class": "field-error", "id": f"{key}-error"})
        return el("div", {"class": "field"}, el("label", {"for": key}, FIELD_WORDS[name] + unit), field, self._errors[name])

    def _draft(self) -> Draft:
        text = {name: field.value for name, field in self._inputs.items()}
        row = self._row
        kind = {"iceberg": "limit"}.get(row["type"], row["type"])
        tif = "gtc" if row["tif"] == "gtd" else row["tif"]
        trail = {"trail": text.get("trail", ""), "trail_unit": "percent" if self._percent else "amount"}
        return Draft(row["symbol"], row["side"], kind, tif, text.get("qty", row["qty"]), text.get("price", ""), text.get("stop", ""), **trail)

    def _check(self) -> bool:
        problems = {}
        if self._instrument is not None:
            for problem in check(self._draft(), Rules.from_row(self._instrument)):
                problems.setdefault(problem.field, problem.text)
        filled = value(self._row["filled"]) or Decimal(0)
        if "qty" not in problems and "qty" in self._inputs and read_number(self._inputs["qty"].value) <= filled:
            problems["qty"] = f"{group(plain(filled))} is filled already. Use more than that, or cancel the rest."
        self._cost.textContent = "" if problems else self._weigh(problems)
        for name, field in self._inputs.items():
            text = problems.get(name, "")
            self._errors[name].textContent = text
            if text:
                field.setAttribute("aria-invalid", "true")
            else:
                field.removeAttribute("aria-invalid")
        return not problems

    def _weigh(self, problems: dict[str, str]) -> str:
        """What the change costs; what may not be placed anew becomes a problem."""
        field, row = self._inputs.get("price"), self._row
        if field is None:
            return ""
        qty = read_number(self._inputs["qty"].value) if "qty" in self._inputs else value(row["qty"])
        price = read_number(field.value)
        if self._instrument is not None and (found := too_little(row, qty, price, Rules.from_row(self._instrument))) is not None:
            problems.setdefault(found.field if found.field in self._inputs else "price", found.text)
            return ""
        return cost(row, qty, price)

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if self._send.disabled or not self._check():
            return
        changes: dict[str, str | None] = {"qty": None, "price": None, "stop": None, "trail": None}
        for name, field in self._inputs.items():
            wanted = read_number(field.value)
            if wanted != value(self._present[name]):
                changes[name] = plain(wanted)
        if not any(changes.values()):
            self._done()
            return
        self._send.disabled = True
        self._said.textContent = "Asking the venue …"
        self._ctx.errors.run("Amend", self._ask(changes), self._refused)

    async def _ask(self, changes: dict[str, str | None]) -> None:
        try:
            found = await self._ctx.link.ask("order.amend", client_order_id=self._row["client_order_id"], **in_account(self._row), **changes)
        finally:
            self._send.disabled = False
            self._said.textContent = ""
        new = {name: text for name, text in changes.items() if text}
        if distance := new.get("trail"):  # where the stop is then, the venue says
            new |= {"stop": None, "trail": None if self._percent else distance, "trail_percent": distance if self._percent else None}
        tone, text = amended(found, order_text({**self._row, **new}, places=self._places))
        if found["outcome"] == "refused":
            self._said.textContent = text
            return
        self._ctx.toasts.show({"good": "good", "amber": "warn"}[tone], text, found["code"])
        self._done()

    def _refused(self, error: Refused) -> None:
        _tone, text = not_done(error, "")
        place = self._errors.get(error.field or "")
        if place is not None:
            place.textContent = text
            self._inputs[error.field].setAttribute("aria-invalid", "true")
            self._inputs[error.field].focus()
        else:
            self._said.textContent = text if error.code == ENDED else f"Not amended; the order stands as it was. {text}"
