"""Choosing rows of a table: a box in each row and one over them all, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dom import el, listen
from ..selection import Selection


class Choice:
    """``label(row)`` names a row for a screen reader, ``changed()`` is called when others are chosen."""

    def __init__(self, label: Callable[[dict], str], changed: Callable[[], None]) -> None:
        self._label, self._changed = label, changed
        self._selection = Selection()
        self._boxes: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._all = el("input", {"type": "checkbox", "aria-label": "Choose all rows that are shown"})
        self._all.title = "Choose all rows that are shown (Ctrl A)"
        self.head = el("th", {"scope": "col", "class": "choice"}, self._all)
        listen(self._all, "change", lambda _event: self.choose_all(bool(self._all.checked)))

    @property
    def keys(self) -> list[str]:
        """The chosen rows, in the order shown."""
        return self._selection.keys

    def show(self, keys: list[str]) -> None:
        """These rows are shown now."""
        gone = self._selection.show(keys)
        self._mark_head()
        if gone:
            self._changed()

    def cell(self, key: str) -> Any:
        """The cell of a new row."""
        box = self._boxes[key] = el("input", {"type": "checkbox", "tabindex": "-1"})
        box.checked = key in self._selection
        return el("td", {"class": "choice"}, box)

    def name(self, key: str, row: dict) -> None:
        """What a screen reader calls the row."""
        text = self._label(row)
        if self._names.get(key) != text:
            self._names[key] = text
            self._boxes[key].setAttribute("aria-label", text)

    def dropped(self, key: str) -> None:
        """The row is no element any more."""
        self._boxes.pop(key, None)
        self._names.pop(key, None)

    def forget(self) -> None:
        """No row is an element any more."""
        self._boxes.clear()
        self._names.clear()

    def clicked(self, key: str, event: Any) -> bool:
        """Take a click on a row's box; False when it was elsewhere."""
        if event.target.tagName != "INPUT" or not event.target.closest("td.choice"):
            return False
        if event.shiftKey:
            self._selection.extend(key)
        else:
            self._selection.toggle(key)
        self._mark()
        return True

    def toggle(self, key: str) -> None:
        """Choose a row, or no longer."""
        self._selection.toggle(key)
        self._mark()

    def extend(self, key: str) -> None:
        """Choose up to this row."""
        self._selection.extend(key)
        self._mark()

    def choose_all(self, wanted: bool) -> None:
        """Choose all that is shown, or nothing."""
        self._selection.choose_all(wanted)
        self._mark()

    def clear(self) -> bool:
        """Choose nothing; False when nothing was chosen."""
        if not len(self._selection):
            return False
        self.choose_all(False)
        return True

    def _mark(self) -> None:
        for key, box in self._boxes.items():
            box.checked = key in self._selection
        self._mark_head()
        self._changed()

    def _mark_head(self) -> None:
        whole = self._selection.whole
        self._all.checked = whole is True
        self._all.indeterminate = whole is None
