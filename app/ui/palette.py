"""The command palette (Ctrl or Cmd with K), instrument search in the same box, and the list of shortcuts.

Entries are the commands of ``Keys`` and the instruments of the store. Nothing here knows what a command does.
"""

from __future__ import annotations

from typing import Any

from js import document, navigator

from .dom import clear, el, listen, set_text
from .fuzzy import key_names, score

_AT_MOST = 60


def _kbd(keys: str) -> list[Any]:
    return [el("kbd", None, name) for name in key_names(keys, "Mac" in str(navigator.platform))]


class Palette:
    """One dialog with a combobox; and one with all shortcuts."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._entries: list[tuple[str, str, str, Any]] = []
        self._own = 0
        self._at = 0
        self._everywhere: Any = None
        self._input = el(
            "input",
            {
                "type": "text",
                "class": "palette-input",
                "role": "combobox",
                "aria-label": "Search instruments or commands",
                "aria-controls": "palette-list",
                "aria-expanded": "true",
                "aria-autocomplete": "list",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "Instrument or command",
            },
        )
        self._list = el("div", {"class": "palette-list", "id": "palette-list", "role": "listbox", "aria-label": "Results"})
        self._count = el("p", {"class": "away", "role": "status"})
        self._dialog = el("dialog", {"class": "palette", "aria-label": "Command palette"}, self._input, self._list, self._count)
        document.body.append(self._dialog)
        listen(self._input, "input", lambda _event: self._search())
        listen(self._input, "keydown", self._keydown)
        listen(self._dialog, "click", self._click)

    def open(self, text: str = "") -> None:
        """Show the palette with some text already typed."""
        if not self._dialog.open:
            self._dialog.showModal()
        self._input.value = text
        self._search()
        self._input.focus()

    def more(self, text: str, rows: list[tuple[str, str, str, Any]], said: str) -> None:
        """What was found elsewhere for this text stands below what is known here; ``said`` is for the line under it."""
        if self._dialog.open and text == str(self._input.value).strip().lower():
            own = self._entries[: self._own]
            known = {entry[0] for entry in own}
            self._draw([*own, *(row for row in rows if row[0] not in known)], said, self._at)

    def _search(self) -> None:
        wanted = str(self._input.value).strip().lower()
        found: list[tuple[int, str, str, str, Any]] = []
        for symbol, row in self._ctx.store.instruments.items():
            points = score(wanted, symbol) if wanted else 0
            if points:
                found.append((points + 5, symbol, f"{row['base']}/{row['quote']} · {row['venue']}", "", self._opener(symbol)))
        for command in self._ctx.keys.commands:
            points = score(wanted, command.title)
            if points:
                found.append((points, command.title, command.group, command.keys, command.run))
        if wanted:
            found.sort(key=lambda entry: -entry[0])
        entries = [entry[1:] for entry in found[:_AT_MOST]]
        self._own = len(entries)
        searching = False
        if self._ctx.store.sources is not None:
            if self._everywhere is None:
                from .views.search import Everywhere

                self._everywhere = Everywhere(self._ctx, self.more)
            searching = self._everywhere.typed(wanted)
        self._draw(entries, "searching the sources" if searching else "")

    def _opener(self, symbol: str) -> Any:
        def run() -> None:
            self._ctx.store.focus(symbol)
            if self._ctx.router.current != "desk":
                self._ctx.router.go("desk")

        return run

    def _draw(self, entries: list[tuple[str, str, str, Any]], said: str, at: int = 0) -> None:
        self._entries = entries
        clear(self._list)
        for index, (title, hint, keys, _run) in enumerate(self._entries):
            self._list.append(
                el(
                    "div",
                    {"class": "palette-row", "role": "option", "id": f"palette-{index}", "data-index": str(index)},
                    el("span", {"class": "palette-title"}, title),
                    el("span", {"class": "hint"}, hint),
                    el("span", {"class": "palette-keys"}, *_kbd(keys)) if keys else None,
                )
            )
        count = len(self._entries)
        set_text(self._count, f"{f'{count} found' if count else 'Nothing found'}{'; ' + said if said else ''}")
        if said:
            self._list.append(el("p", {"class": "hint palette-said", "data-testid": "search-said"}, f"{said[:1].upper()}{said[1:]}."))
        elif not count:
            self._list.append(el("p", {"class": "empty"}, "Nothing by that name. Try a symbol such as BTC, or a word such as theme."))
        self._select(min(at, max(count - 1, 0)))

    def _select(self, index: int) -> None:
        for row in self._list.querySelectorAll("[aria-selected]"):
            row.removeAttribute("aria-selected")
        if not self._entries:
            self._input.removeAttribute("aria-activedescendant")
            return
        self._at = index % len(self._entries)
        row = self._list.children.item(self._at)
        row.setAttribute("aria-selected", "true")
        row.scrollIntoView(block="nearest")
        self._input.setAttribute("aria-activedescendant", f"palette-{self._at}")

    def _keydown(self, event: Any) -> None:
        step = {"ArrowDown": 1, "ArrowUp": -1, "PageDown": 8, "PageUp": -8}.get(event.key)
        if step:
            self._select(self._at + step if abs(step) == 1 else max(0, min(len(self._entries) - 1, self._at + step)))
        elif event.key == "Enter":
            self._run(self._at)
        else:
            return
        event.preventDefault()
        event.stopPropagation()

    def _click(self, event: Any) -> None:
        row = event.target.closest("[data-index]")
        if row:
            self._run(int(row.getAttribute("data-index")))
        elif event.target == self._dialog:
            self._dialog.close()

    def _run(self, index: int) -> None:
        if index < len(self._entries):
            self._dialog.close()
            self._entries[index][3]()


class Shortcuts:
    """The list behind ``?``."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._body = el("div", {"class": "dialog-body"})
        self._dialog = el("dialog", {"aria-labelledby": "shortcuts-title"}, self._body)
        document.body.append(self._dialog)
        listen(self._dialog, "click", self._click)

    def open(self) -> None:
        """Show every command that has a key, by group."""
        clear(self._body)
        self._body.append(el("h2", {"id": "shortcuts-title"}, "Keyboard shortcuts"))
        groups: dict[str, list[Any]] = {}
        for command in self._ctx.keys.commands:
            if command.keys:
                groups.setdefault(command.group, []).append(command)
        for group, commands in groups.items():
            rows = []
            for command in commands:
                rows.append(el("dt", None, *_kbd(command.keys)))
                rows.append(el("dd", None, command.title))
            self._body.append(el("h3", None, group))
            self._body.append(el("dl", {"class": "shortcuts"}, *rows))
        self._body.append(el("p", {"class": "hint"}, "Arrows walk tables and chart bars. Esc backs out. No single key sends an order."))
        self._body.append(
            el(
                "div",
                {"class": "dialog-foot"},
                el("button", {"type": "button", "class": "btn btn-primary", "data-close": True, "autofocus": True}, "Close"),
            )
        )
        if not self._dialog.open:
            self._dialog.showModal()

    def _click(self, event: Any) -> None:
        if event.target == self._dialog or event.target.closest("[data-close]"):
            self._dialog.close()
