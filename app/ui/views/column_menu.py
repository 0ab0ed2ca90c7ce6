"""The menu in which a table's columns are chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dom import el, listen


class ColumnMenu:
    """``columns`` are (key, title); ``shows(key)`` says what is chosen now, ``chosen(key, wanted)`` takes a choice, or not (False)."""

    def __init__(self, columns: list[tuple[str, str]], shows: Callable[[str], bool], chosen: Callable[[str, bool], bool], words: str = "Columns") -> None:
        self._shows, self._chosen = shows, chosen
        self._boxes: dict[str, Any] = {}
        menu = el("div", {"class": "menu-list"})
        for key, title in columns:
            box = self._boxes[key] = el("input", {"type": "checkbox", "value": key})
            menu.append(el("label", None, box, title))
        listen(menu, "change", self._changed)
        self.root = el("details", {"class": "menu"}, el("summary", {"class": "btn btn-quiet"}, words), menu)
        listen(self.root, "keydown", self._leave)
        listen(self.root, "focusout", self._leave)
        self.show()

    def show(self) -> None:
        """Tick what is chosen now."""
        for key, box in self._boxes.items():
            box.checked = self._shows(key)

    def _changed(self, event: Any) -> None:
        if not self._chosen(event.target.value, bool(event.target.checked)):
            event.target.checked = not event.target.checked

    def _leave(self, event: Any) -> None:
        if event.type == "keydown" and event.key != "Escape":
            return
        if event.type == "focusout" and (not event.relatedTarget or self.root.contains(event.relatedTarget)):
            return
        if self.root.open:
            event.stopPropagation()
            self.root.open = False
