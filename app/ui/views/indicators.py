"""The dialog that adds an indicator to a chart or changes one: a search first, then the parameters. Made for the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import document

from ..dom import clear, el, listen, set_text
from ..format import refusal
from ..fuzzy import score
from ..link import Refused
from .studies import Study, read_number

_NOT_FOUND = "Nothing by that name. Try a name such as RSI, or a word such as volume."


class IndicatorDialog:
    """One dialog for all charts, at the service of the one that opened it."""

    _one: IndicatorDialog | None = None

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._apply: Callable = lambda *_args: None
        self._remove: Callable = lambda *_args: None
        self._entries: list[dict] = []
        self._found: list[dict] = []
        self._at = 0
        self._entry: dict | None = None
        self._study: Study | None = None
        self._fields: dict[str, Any] = {}
        self._notes: dict[str, Any] = {}
        self._input = el(
            "input",
            {
                "type": "text",
                "class": "palette-input",
                "role": "combobox",
                "aria-label": "Search indicators",
                "aria-controls": "indicator-list",
                "aria-expanded": "true",
                "aria-autocomplete": "list",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "Indicator",
                "data-testid": "indicator-search",
            },
        )
        self._list = el("div", {"class": "palette-list", "id": "indicator-list", "role": "listbox", "aria-label": "Indicators"})
        self._count = el("p", {"class": "away", "role": "status"})
        self._search_part = el("div", None, self._input, self._list, self._count)
        self._form = el("form", {"class": "dialog-body indicator-form", "hidden": True, "novalidate": True})
        attrs = {"class": "palette", "aria-label": "Indicators", "data-testid": "indicator-dialog"}
        self._dialog = el("dialog", attrs, self._search_part, self._form)
        document.body.append(self._dialog)
        listen(self._input, "input", lambda _event: self._search())
        listen(self._input, "keydown", self._keydown)
        listen(self._dialog, "click", self._click)
        listen(self._form, "submit", self._submit)

    @classmethod
    def shared(cls, ctx: Any) -> IndicatorDialog:
        """The page's; made when it is first wanted."""
        if cls._one is None:
            cls._one = cls(ctx)
        return cls._one

    def serve(self, apply: Callable, remove: Callable) -> None:
        """``apply(study, entry, params)`` (study None: a new one) and ``remove(study)`` are coroutines; a refusal is shown at its field."""
        self._apply, self._remove = apply, remove

    def leave(self, apply: Callable) -> None:
        """The chart that is served with ``apply`` is gone."""
        if self._apply == apply:
            self._dialog.close()
            self._apply = self._remove = lambda *_args: None
            self._study = None

    def add(self, entries: list[dict]) -> None:
        """Choose one of the catalogue."""
        self._entries = entries
        self._study = None
        self._form.hidden, self._search_part.hidden = True, False
        self._input.value = ""
        self._show()
        self._search()
        self._input.focus()

    def change(self, study: Study) -> None:
        """Change or remove one that is on the chart."""
        self._study = study
        self._open_form(study.entry, study.params)
        self._show()
        self._focus_first()

    def _show(self) -> None:
        if not self._dialog.open:
            self._dialog.showModal()

    def _search(self) -> None:
        wanted = str(self._input.value).strip().lower()
        found = []
        for entry in self._entries:
            points = max(score(wanted, entry["name"]) * 2, score(wanted, entry["title"]), score(wanted, entry["family"]) // 2)
            if points:
                found.append((points, entry))
        if wanted:
            found.sort(key=lambda pair: -pair[0])
        self._found = [entry for _points, entry in found]
        clear(self._list)
        for index, entry in enumerate(self._found):
            attrs = {"class": "palette-row", "role": "option", "id": f"indicator-{index}", "data-index": str(index), "data-testid": "indicator-option"}
            name, title = el("span", {"class": "palette-title"}, entry["title"]), el("span", {"class": "hint"}, entry["name"])
            self._list.append(el("div", attrs, name, title, el("span", {"class": "palette-keys hint"}, entry["family"])))
        count = len(self._found)
        set_text(self._count, f"{count} found" if count else "Nothing found")
        if not count:
            self._list.append(el("p", {"class": "empty"}, _NOT_FOUND))
        self._at = 0
        self._select(0)

    def _select(self, index: int) -> None:
        rows = self._list.children
        if self._at < rows.length:
            rows.item(self._at).removeAttribute("aria-selected")
        if not self._found:
            self._input.removeAttribute("aria-activedescendant")
            return
        self._at = index % len(self._found)
        row = rows.item(self._at)
        row.setAttribute("aria-selected", "true")
        row.scrollIntoView(block="nearest")
        self._input.setAttribute("aria-activedescendant", f"indicator-{self._at}")

    def _keydown(self, event: Any) -> None:
        step = {"ArrowDown": 1, "ArrowUp": -1, "PageDown": 8, "PageUp": -8}.get(event.key)
        if step:
            self._select(self._at + step if abs(step) == 1 else max(0, min(len(self._found) - 1, self._at + step)))
        elif event.key == "Enter":
            self._choose(self._at)
        else:
            return
        event.preventDefault()
        event.stopPropagation()

    def _choose(self, index: int) -> None:
        if index < len(self._found):
            self._open_form(self._found[index], {})
            self._focus_first()

    def _open_form(self, entry: dict, params: dict) -> None:
        self._entry = entry
        self._fields, self._notes = {}, {}
        clear(self._form)
        self._form.append(el("h2", {"id": "indicator-title"}, f"{entry['title']} ({entry['name']})"))
        about = "On the prices" if entry["pane"] == "overlay" else "In a pane of its own"
        reads = f"{about}. Reads {', '.join(entry['inputs'])}."
        self._form.append(el("p", {"class": "hint"}, f"{entry['notes']} {reads}".replace("\n", " ").strip()))
        for param in entry["params"]:
            self._form.append(self._field(param, params.get(param["name"], param["default"])))
        self._trouble = el("p", {"class": "field-error", "role": "alert"})
        editing = self._study is not None
        buttons = [
            el("button", {"type": "button", "class": "btn", "data-do": "remove", "data-testid": "indicator-remove"}, "Remove")
            if editing
            else el("button", {"type": "button", "class": "btn", "data-do": "back"}, "Back"),
            el("button", {"type": "button", "class": "btn", "data-do": "close"}, "Cancel"),
            el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "indicator-save"}, "Save" if editing else "Add to the chart"),
        ]
        self._form.append(self._trouble)
        self._form.append(el("div", {"class": "dialog-foot"}, *buttons))
        self._search_part.hidden, self._form.hidden = True, False

    def _field(self, param: dict, value: Any) -> Any:
        name = f"indicator-{param['name']}"
        attrs = {"id": name, "data-testid": "indicator-param", "data-param": param["name"], "aria-describedby": f"{name}-error"}
        if param["kind"] == "choice":
            options = [el("option", {"value": choice, "selected": choice == value}, choice) for choice in param["choices"]]
            field = el("select", attrs, *options)
        else:
            mode = "numeric" if param["kind"] == "int" else "decimal"
            field = el("input", {**attrs, "type": "text", "inputmode": mode, "autocomplete": "off", "value": f"{value:g}"})
        self._fields[param["name"]] = field
        self._notes[param["name"]] = el("span", {"class": "field-error", "id": f"{name}-error"})
        return el("div", {"class": "indicator-field"}, el("label", {"for": name}, param["label"]), field, self._notes[param["name"]])

    def _focus_first(self) -> None:
        field = self._form.querySelector("input, select, button[type=submit]")
        field.focus()
        if field.tagName == "INPUT":
            field.select()

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        params, wrong = {}, None
        for param in self._entry["params"]:
            field, problem = self._fields[param["name"]], ""
            value = str(field.value)
            if param["kind"] != "choice":
                value, problem = read_number(value, param)
            self._say(param["name"], problem)
            if problem:
                wrong = wrong or field
            else:
                params[param["name"]] = value
        if wrong is not None:
            wrong.focus()
            return
        self._ctx.errors.run("Indicators", self._save(params))

    async def _save(self, params: dict) -> None:
        set_text(self._trouble, "")
        try:
            await self._apply(self._study, self._entry, params)
        except Refused as refused:
            if refused.field in self._fields:
                self._say(refused.field, refusal(refused))
                self._fields[refused.field].focus()
            else:
                set_text(self._trouble, refusal(refused))
            return
        self._dialog.close()

    def _say(self, name: str, problem: str) -> None:
        set_text(self._notes[name], problem)
        if problem:
            self._fields[name].setAttribute("aria-invalid", "true")
        else:
            self._fields[name].removeAttribute("aria-invalid")

    def _click(self, event: Any) -> None:
        row, button = event.target.closest("[data-index]"), event.target.closest("[data-do]")
        if row:
            self._choose(int(row.getAttribute("data-index")))
        elif event.target == self._dialog:
            self._dialog.close()
        elif button:
            what = button.getAttribute("data-do")
            if what == "back":
                self._form.hidden, self._search_part.hidden = True, False
                self._input.focus()
                return
            self._dialog.close()
            if what == "remove":
                self._ctx.errors.run("Indicators", self._remove(self._study))
