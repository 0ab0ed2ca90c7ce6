"""The filter of the tape: side, least and large amount, runs. Remembered, and told to the desk worker, which knows more trades than the page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..dom import el, listen, set_text
from ..format import refusal
from ..link import Refused
from ..tape_rules import TapeLook


class TapeFilterBar:
    """``opener`` opens ``root``."""

    def __init__(self, ctx: Any) -> None:
        self._ctx, self._store = ctx, ctx.store
        self.look = TapeLook.from_kept(ctx.prefs.get("tape"))
        self._told: dict | None = None
        attrs = {"type": "button", "class": "btn btn-quiet panel-switch", "aria-expanded": "false", "aria-controls": "tape-bar", "data-testid": "tape-filter"}
        self.opener = el("button", attrs, "Filter")
        self._side = _select("tape-side", [("", "Both"), ("buy", "Buys"), ("sell", "Sells")])
        self._unit = _select("tape-unit", [("base", ""), ("quote", "")])
        self._least = el("input", {"type": "text", "inputmode": "decimal", "class": "num", "autocomplete": "off", "data-testid": "tape-least"})
        self._large = el("input", {"type": "text", "inputmode": "decimal", "class": "num", "autocomplete": "off", "data-testid": "tape-large"})
        self._runs = el("input", {"type": "checkbox", "data-testid": "tape-runs"})
        self._said = el("p", {"class": "field-error", "role": "status", "data-testid": "tape-said"})
        runs = el("label", {"class": "tape-runs"}, self._runs, "Runs at one price as one")
        self._large.title = "Empty: one trade in fifty"
        fields = (("Side", self._side), ("In", self._unit), ("Least", self._least), ("Large from", self._large))
        parts = [el("label", None, words, field) for words, field in fields]
        self.root = el("div", {"class": "tape-filter", "id": "tape-bar", "role": "group", "aria-label": "Filter of the trades", "hidden": True})
        self.root.append(*parts, runs, self._said)
        listen(self.opener, "click", lambda _event: self._open())
        listen(self.root, "change", lambda _event: self._changed())
        ctx.link.on("again", lambda _message: self._again())

    def show(self) -> None:
        """The instrument in focus is another, or known now."""
        instrument = self._store.instrument
        if instrument is None:
            return
        for option, name in zip(self._unit.options, ("base", "quote"), strict=True):
            option.textContent = instrument[name]
        self._side.value, self._unit.value, self._runs.checked = self.look.side, self.look.unit, self.look.runs
        self._least.value, self._large.value = self.look.least_and_large(instrument)
        count = self.look.count(instrument)
        set_text(self.opener, f"Filter ({count})" if count else "Filter")
        self._tell(instrument)

    def _open(self) -> None:
        self.root.hidden = not self.root.hidden
        self.opener.setAttribute("aria-expanded", "false" if self.root.hidden else "true")
        if not self.root.hidden:
            self._side.focus()

    def _changed(self) -> None:
        instrument = self._store.instrument
        if instrument is None:
            return
        unit = str(self._unit.value)
        look = replace(self.look, side=str(self._side.value), unit=unit, runs=bool(self._runs.checked))
        if unit == self.look.unit:
            look = look.with_amounts(instrument, str(self._least.value).strip(), str(self._large.value).strip())
        self.look = look
        self.show()

    def _again(self) -> None:
        self._told = None
        self.show()

    def _tell(self, instrument: dict) -> None:
        wanted = self.look.request(instrument)
        usual = TapeLook().request(instrument)
        if wanted != (self._told or usual):
            self._told = wanted
            self._ctx.errors.run("Trades", self._ask(wanted), self._refused)

    async def _ask(self, wanted: dict) -> None:
        await self._ctx.link.ask("tape.filter", **wanted)
        self._refuse("", "")
        self._ctx.prefs.put("tape", self.look.to_kept())

    def _refused(self, error: Refused) -> None:
        self._told = None
        self._refuse(error.field or "", refusal(error))

    def _refuse(self, name: str, text: str) -> None:
        for key, field in (("least", self._least), ("large", self._large)):
            if key == name:
                field.setAttribute("aria-invalid", "true")
            else:
                field.removeAttribute("aria-invalid")
        self._said.textContent = text


def _select(name: str, options: list[tuple[str, str]]) -> Any:
    return el("select", {"data-testid": name}, *[el("option", {"value": value}, words) for value, words in options])
