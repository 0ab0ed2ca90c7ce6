"""The table every blotter uses: real rows, sorted, filtered, columns chosen, virtual when long, copied as TSV.

Rows are dictionaries with a key; they are kept and updated in place, so focus, selection and an open editor survive
new data. Knows nothing of orders or positions: columns, actions and attributes are given by the view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from js import document, navigator, window
from pyodide.ffi import create_once_callable

from ..dom import el, listen, set_text, watch_size
from .column_menu import ColumnMenu
from .rows import Column, arrange, csv, shown_columns, tsv
from .table_choice import Choice

__all__ = ["Action", "Column", "Table"]

_VIRTUAL_FROM = 120
_MARGIN = 12
_SORT_WORDS = {1: "ascending", -1: "descending"}


@dataclass(frozen=True, slots=True)
class Action:
    """A button in a row: ``name`` goes to the handler, ``label`` is for a screen reader, ``text`` is seen."""

    name: str
    text: str
    label: str
    tone: str = ""
    disabled: bool = False


class _Row:
    __slots__ = ("actions", "attrs", "cells", "data", "key", "texts", "tr")

    def __init__(self, key: str) -> None:
        self.key = key
        self.tr = el("tr", {"class": "row", "tabindex": "-1", "data-key": key})
        self.data: dict | None = None
        self.cells: dict[str, Any] = {}
        self.texts: dict[str, tuple] = {}
        self.attrs: dict[str, str] = {}
        self.actions: tuple = ()


class Table:
    """One table; ``root`` holds it with its scroll area, ``tools`` the filter, column choice and copy button."""

    def __init__(
        self,
        name: str,
        label: str,
        columns: list[Column],
        prefs: Any,
        *,
        key: Callable[[dict], str],
        attrs: Callable[[dict], dict[str, str]],
        actions: Callable[[dict], tuple[Action, ...]] | None = None,
        on_action: Callable[[str, dict], None] | None = None,
        on_open: Callable[[dict], None] | None = None,
        delete_action: str = "",
        sort: tuple[str, int] | None = None,
        filter_label: str = "",
        empty: Any = None,
        choice: Choice | None = None,
        filtered: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._columns, self._prefs = name, columns, prefs
        self._key, self._attrs, self._actions = key, attrs, actions
        self._on_action, self._on_open, self._delete = on_action, on_open, delete_action
        self._sort: tuple[str, int] | None = tuple(prefs.get(f"sort.{name}", sort) or ()) or None
        self._hidden: set[str] = set(prefs.get(f"hidden.{name}", [c.key for c in columns if c.optional]))
        self._filter = ""
        self._data: list[dict] = []
        self._all = 0
        self._ordered: list[dict] = []
        self._rows: dict[str, _Row] = {}
        self._placed: list[str] = []
        self._active: str | None = None
        self._detail: tuple[str, Any] | None = None
        self._row_height = 0.0
        self._asked_scroll = False
        self._top = self._view = 0.0  # px, told by events: reading them would lay the page out at every update
        self._empty = empty
        self.choice, self._filtered = choice, filtered
        self._build(label, filter_label)
        self._head()

    def set_rows(self, rows: list[dict], of: int | None = None) -> None:
        """Show these rows; known keys are updated in place. ``of``: how many there are without the view's own filter."""
        self._data = rows
        self._all = len(rows) if of is None else of
        self._render()

    @property
    def shown(self) -> list[dict]:
        """The rows that pass the filter, in their order."""
        return self._ordered

    @property
    def words(self) -> str:
        """What is typed into the filter."""
        return self._filter

    def focus(self) -> None:
        """Put the keyboard onto the active row."""
        if self._active is not None:
            self._focus(self._active)

    def csv(self) -> str:
        """What is shown as CSV: the rows that pass the filter, the columns chosen."""
        return csv(self._visible(), self._ordered)

    def open_detail(self, row: dict, node: Any) -> None:
        """Show a node under a row, such as an editor or a question; one at a time."""
        self.close_detail()
        holder = el("tr", {"class": "detail"}, el("td", {"colspan": str(len(self._visible()) + 1 + (self.choice is not None))}, node))
        self._detail = (self._key(row), holder)
        self._place_detail()

    def close_detail(self, *, focus_row: bool = False) -> bool:
        """Close what open_detail opened; True when something was open."""
        if self._detail is None:
            return False
        key, holder = self._detail
        self._detail = None
        holder.remove()
        if focus_row:
            self._focus(key)
        return True

    def _build(self, label: str, filter_label: str) -> None:
        self._tr_head = el("tr")
        self._body = el("tbody")
        self._above = el("tr", {"class": "spacer", "aria-hidden": "true"}, el("td"))
        self._below = el("tr", {"class": "spacer", "aria-hidden": "true"}, el("td"))
        attrs = {"class": "table", "aria-label": label, "data-table": self._name}
        self._table = el("table", attrs, el("thead", None, self._tr_head), self._body)
        self._scroll = el("div", {"class": "grid-scroll", "tabindex": "-1"}, self._table)
        watch_size(self._scroll, self._resized)
        self._holder = el("div", {"class": "grid-empty"}, self._empty)
        self._none = el("p", {"class": "grid-none", "hidden": True}, "No row matches the filter.")
        self.root = el("div", {"class": "grid-root"}, self._scroll, self._none, self._holder)
        self.tools = el("div", {"class": "grid-tools"})
        if filter_label:
            box = el("input", {"type": "search", "class": "grid-filter", "aria-label": filter_label, "placeholder": "Filter"})
            listen(box, "input", lambda event: self._set_filter(event.target.value))
            self.tools.append(box)
        self._copied = el("span", {"class": "away", "role": "status"})
        copy = el("button", {"type": "button", "class": "btn btn-quiet"}, "Copy")
        copy.title = "Copy the rows as tab-separated text"
        listen(copy, "click", lambda _event: self.copy())
        menu = ColumnMenu([(column.key, column.title or column.key) for column in self._columns], self._shows, self._column_chosen)
        self.tools.append(menu.root, copy, self._copied)
        listen(self._tr_head, "click", self._head_click)
        listen(self._body, "click", self._body_click)
        listen(self._body, "keydown", self._keydown)
        listen(self._body, "focusin", self._focused)
        listen(self._scroll, "scroll", self._scrolled)

    def _visible(self) -> list[Column]:
        return shown_columns(self._columns, self._hidden)

    def _head(self) -> None:
        self._tr_head.replaceChildren()
        if self.choice is not None:
            self._tr_head.append(self.choice.head)
        for column in self._visible():
            direction = self._sort[1] if self._sort and self._sort[0] == column.key else 0
            mark = "▲" if direction > 0 else "▼" if direction < 0 else ""
            button = el("button", {"type": "button", "data-sort": column.key, "title": column.hint or None}, column.title)
            button.append(el("span", {"class": "sort-mark", "aria-hidden": "true"}, mark))
            attrs = {
                "scope": "col",
                "class": "num" if column.end else None,
                "aria-sort": _SORT_WORDS.get(direction),
                "data-column": column.key,
            }
            self._tr_head.append(el("th", attrs, button))
        if self._actions is not None:
            self._tr_head.append(el("th", {"scope": "col", "class": "num actions"}, el("span", {"class": "away"}, "Actions")))

    def _head_click(self, event: Any) -> None:
        button = event.target.closest("button[data-sort]")
        if not button:
            return
        key = button.dataset.sort
        now = self._sort[1] if self._sort and self._sort[0] == key else 0
        self._sort = (key, -1) if now == 0 else (key, 1) if now < 0 else None
        self._prefs.put(f"sort.{self._name}", list(self._sort) if self._sort else [])
        self._head()
        again = self._tr_head.querySelector(f'button[data-sort="{key}"]')
        again.focus()
        self._render()

    def _shows(self, key: str) -> bool:
        return key not in self._hidden

    def _column_chosen(self, key: str, wanted: bool) -> bool:
        if wanted:
            self._hidden.discard(key)
        elif len(self._visible()) > 1:
            self._hidden.add(key)
        else:
            return False
        self._prefs.put(f"hidden.{self._name}", sorted(self._hidden))
        self._head()
        self._rows.clear()
        if self.choice is not None:
            self.choice.forget()
        self._placed.clear()
        self._body.replaceChildren()
        self._render()
        return True

    def _set_filter(self, text: str) -> None:
        self._filter = text.strip().lower()
        self._scroll.scrollTop = self._top = 0
        self._render()
        self._filtered()

    def copy(self) -> None:
        """Put the rows that pass the filter on the clipboard, tab separated, with a header line."""
        navigator.clipboard.writeText(tsv(self._visible(), self._ordered))
        self._copied.textContent = f"{len(self._ordered)} rows copied"

    def _render(self) -> None:
        self._ordered = arrange(self._data, self._columns, self._sort, self._filter, self._visible())
        empty = not self._all
        self._holder.hidden = not empty or self._empty is None
        self._none.hidden = empty or bool(self._ordered)
        self._scroll.hidden = empty and self._empty is not None
        if self.choice is not None:
            self.choice.show([self._key(row) for row in self._ordered])
        first, last = self._window()
        wanted = [(self._key(row), row) for row in self._ordered[first:last]]
        self._update(wanted)
        self._arrange([key for key, _row in wanted])
        self._spacers(first, len(self._ordered) - last)
        self._place_detail()

    def _window(self) -> tuple[int, int]:
        count = len(self._ordered)
        if count <= _VIRTUAL_FROM:
            return 0, count
        height = self._height()
        first = max(0, int(self._top / height) - _MARGIN)
        return first, min(count, first + int(self._view / height) + 2 * _MARGIN + 1)

    def _height(self) -> float:
        if not self._row_height:
            sample = self._body.querySelector("tr.row")
            self._row_height = sample.offsetHeight if sample else 0.0
        return self._row_height or 24.0

    def _update(self, wanted: list[tuple[str, dict]]) -> None:
        gone = self._rows.keys() - {key for key, _row in wanted}
        for key in gone:
            self._rows.pop(key).tr.remove()
            if self.choice is not None:
                self.choice.dropped(key)
        if gone:
            self._placed = [key for key in self._placed if key not in gone]
        columns = self._visible()
        for key, data in wanted:
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = self._new_row(key, columns)
            if row.data is not data:
                self._fill(row, data, columns)

    def _new_row(self, key: str, columns: list[Column]) -> _Row:
        row = _Row(key)
        if self.choice is not None:
            row.tr.append(self.choice.cell(key))
        for column in columns:
            cell = row.cells[column.key] = el("td", {"class": "num" if column.end else None, "data-column": column.key})
            row.tr.append(cell)
        if self._actions is not None:
            cell = row.cells["\0actions"] = el("td", {"class": "num actions"})
            row.tr.append(cell)
        return row

    def _fill(self, row: _Row, data: dict, columns: list[Column]) -> None:
        row.data = data
        for name, value in self._attrs(data).items():
            if row.attrs.get(name) != value:
                row.attrs[name] = value
                row.tr.setAttribute(name, value)
        for column in columns:
            self._fill_cell(row, column, data)
        if self.choice is not None:
            self.choice.name(row.key, data)
        if self._actions is not None and (actions := self._actions(data)) != row.actions:
            row.actions = actions
            row.cells["\0actions"].replaceChildren(*[self._button(action) for action in actions])

    def _fill_cell(self, row: _Row, column: Column, data: dict) -> None:
        tone = column.tone(data) if column.tone is not None else ""
        title = column.title_of(data) if column.title_of is not None else ""
        now = (column.text(data), tone, title)
        before = row.texts.get(column.key, ("", "", ""))
        if now == before:
            return
        row.texts[column.key] = now
        cell = row.cells[column.key]
        if now[0] != before[0]:
            set_text(cell, now[0])
        if tone != before[1]:
            cell.dataset.tone = tone
        if title != before[2]:
            cell.title = title

    def _button(self, action: Action) -> Any:
        attrs = {
            "type": "button",
            "class": f"row-action {action.tone}".strip(),
            "data-action": action.name,
            "aria-label": action.label,
            "title": action.label,
            "disabled": action.disabled,
        }
        return el("button", attrs, action.text)

    def _arrange(self, keys: list[str]) -> None:
        placed = self._placed
        if placed == keys:
            return
        comes_first = bool(keys) and keys[0] not in placed
        for index, key in enumerate(keys):
            if index < len(placed) and placed[index] == key:
                continue
            if key in placed:
                placed.remove(key)
            before = self._rows[placed[index]].tr if index < len(placed) else None
            self._body.insertBefore(self._rows[key].tr, before)
            placed.insert(index, key)
        # Tab comes to the row that came last, unless somebody is at another one
        if keys and (self._active not in self._rows or (comes_first and not self._body.contains(document.activeElement))):
            self._make_active(keys[0])

    def _spacers(self, above: int, below: int) -> None:
        height = self._height()
        for node, rows, last in ((self._above, above, False), (self._below, below, True)):
            if rows:
                node.style.height = f"{rows * height:.0f}px"
                if last:
                    self._body.append(node)
                else:
                    self._body.prepend(node)
            else:
                node.remove()

    def _place_detail(self) -> None:
        if self._detail is None:
            return
        key, holder = self._detail
        row = self._rows.get(key)
        if row is None:
            if not any(self._key(data) == key for data in self._ordered):
                self.close_detail()
        elif not holder.previousSibling or holder.previousSibling != row.tr:
            row.tr.after(holder)

    def _scrolled(self, _event: Any) -> None:
        if self._asked_scroll:
            return
        self._asked_scroll = True
        window.requestAnimationFrame(create_once_callable(self._scroll_frame))

    def _scroll_frame(self, _time: float) -> None:
        self._asked_scroll = False
        self._top = self._scroll.scrollTop
        self._render()

    def _resized(self, entries: Any, _observer: Any) -> None:
        view = entries[0].contentRect.height
        if view != self._view:
            self._view = view
            if len(self._ordered) > _VIRTUAL_FROM:
                self._render()

    def _row_of(self, target: Any) -> _Row | None:
        tr = target.closest("tr.row")
        return self._rows.get(tr.dataset.key) if tr else None

    def _body_click(self, event: Any) -> None:
        row = self._row_of(event.target)
        button = event.target.closest("button[data-action]")
        if row is not None and self.choice is not None and self.choice.clicked(row.key, event):
            return
        if row is not None and button and self._on_action is not None:
            self._on_action(button.dataset.action, row.data)

    def _focused(self, event: Any) -> None:
        row = self._row_of(event.target)
        if row is not None:
            self._make_active(row.key)

    def _make_active(self, key: str) -> None:
        old = self._rows.get(self._active) if self._active else None
        if old is not None:
            old.tr.tabIndex = -1
        self._active = key
        self._rows[key].tr.tabIndex = 0

    def _keydown(self, event: Any) -> None:
        row = self._row_of(event.target)
        if row is None:
            return
        if event.ctrlKey or event.metaKey:
            if event.key == "c" and not str(document.getSelection()):
                event.preventDefault()
                self.copy()
            elif event.key == "a" and self.choice is not None:
                event.preventDefault()
                self.choice.choose_all(True)
            return
        on_row = event.target.tagName == "TR"
        step = {"ArrowDown": 1, "ArrowUp": -1, "PageDown": 10, "PageUp": -10, "Home": -(10**9), "End": 10**9}.get(event.key)
        if step is not None:
            event.preventDefault()
            ranged = event.shiftKey and self.choice is not None
            if ranged:
                self.choice.extend(row.key)
            key = self._move(row.key, step)
            if ranged:
                self.choice.extend(key)
        elif on_row and event.key == " " and self.choice is not None:
            event.preventDefault()
            self.choice.toggle(row.key)
        elif on_row and event.key == "Enter" and self._on_open is not None:
            event.preventDefault()
            self._on_open(row.data)
        elif on_row and event.key == "Delete" and any(a.name == self._delete and not a.disabled for a in row.actions):
            event.preventDefault()
            self._on_action(self._delete, row.data)

    def _move(self, key: str, step: int) -> str:
        keys = [self._key(row) for row in self._ordered]
        index = min(len(keys) - 1, max(0, keys.index(key) + step))
        if keys[index] not in self._rows:
            self._scroll.scrollTop = self._top = index * self._height()
            self._render()
        self._focus(keys[index])
        return keys[index]

    def _focus(self, key: str) -> None:
        row = self._rows.get(key)
        if row is not None:
            row.tr.focus()
