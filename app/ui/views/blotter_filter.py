"""The filter of a blotter: a button that says how many conditions hold, and the fields it opens. Remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ..blotter import Filter, choices
from ..dom import clear, el, listen, set_text

_TITLES = {"symbol": "Instrument", "side": "Side", "status": "Status", "type": "Type", "origin": "Strategy", "time": "Time"}


class FilterBar:
    """``opener`` opens ``root``; ``names`` are the fields of Filter that are offered, ``changed()`` is called when others hold."""

    def __init__(self, prefs: Any, name: str, names: tuple[str, ...], changed: Callable[[], None]) -> None:
        self._prefs, self._name, self._names, self._changed = prefs, name, names, changed
        self.filter = Filter.from_kept(prefs.get(f"filter.{name}"))
        self._offered: dict[str, list] = {}
        self._fields: dict[str, Any] = {}
        key = f"{name}-filter"
        self.opener = el("button", {"type": "button", "class": "btn btn-quiet", "aria-expanded": "false", "aria-controls": key, "data-testid": key}, "Filter")
        self.root = el("div", {"class": "filter-bar", "id": key, "role": "group", "aria-label": f"Filter of {name}", "hidden": True})
        for field in names:
            select = self._fields[field] = el("select", {"data-field": field, "data-testid": f"{key}-{field}"})
            self.root.append(el("label", None, _TITLES[field], select))
        self._none = el("button", {"type": "button", "class": "btn btn-quiet", "data-testid": f"{key}-none"}, "No filter")
        self.root.append(self._none)
        listen(self.opener, "click", lambda _event: self._open())
        listen(self.root, "change", lambda event: self._choose(event.target.getAttribute("data-field"), str(event.target.value)))
        listen(self._none, "click", lambda _event: self._use(Filter()))
        self._tell()

    def offer(self, rows: Iterable[dict]) -> None:
        """Offer what is among these rows; only while the fields can be seen."""
        if self.root.hidden:
            return
        rows = list(rows)
        for name, select in self._fields.items():
            value = getattr(self.filter, name)
            found = choices(name, rows, value)
            if self._offered.get(name) != found:
                self._offered[name] = found
                clear(select)
                select.append(*[el("option", {"value": key}, words) for key, words in [("", "All"), *found]])
            if select.value != value:
                select.value = value

    def _open(self) -> None:
        self.root.hidden = not self.root.hidden
        self.opener.setAttribute("aria-expanded", "false" if self.root.hidden else "true")
        if not self.root.hidden:
            self._changed()
            self._fields[self._names[0]].focus()

    def _choose(self, name: str, value: str) -> None:
        self._use(replace(self.filter, **{name: value}))

    def _use(self, wanted: Filter) -> None:
        self.filter = wanted
        self._prefs.put(f"filter.{self._name}", wanted.to_kept())
        self._tell()
        self._changed()

    def _tell(self) -> None:
        count = self.filter.count
        set_text(self.opener, f"Filter ({count})" if count else "Filter")
        self.opener.setAttribute("aria-label", f"Filter, {count} set" if count else "Filter")
        self._none.disabled = not count
