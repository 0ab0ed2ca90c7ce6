"""Choosing a watchlist, and the drawer under it in which lists are made, filled, read from and written to files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dom import clear, el, listen, save_text, set_text
from ..order_words import plural
from ..watch_columns import Look, read_look
from ..watchlists import LONGEST_FILE, BadList, Watchlists, read_symbols

ALL = ""


class WatchLists:
    """``choice`` stands in the panel's head, ``opener`` opens ``drawer``; ``changed()`` is called when other symbols are to be shown."""

    def __init__(self, ctx: Any, changed: Callable[[], None]) -> None:
        self._ctx, self._store, self._changed = ctx, ctx.store, changed
        self.lists = Watchlists.from_kept(ctx.prefs.get("watchlists"))
        kept = ctx.prefs.get("watchlist", ALL)
        self.name: str = kept if kept in self.lists.lists else ALL
        self._removed: tuple[str, list[str], Look] | None = None
        kept = ctx.prefs.get("watch.looks")
        self._looks: dict[str, Look] = {name: Look.from_kept(look) for name, look in kept.items()} if isinstance(kept, dict) else {}
        self.choice = el("select", {"class": "watch-choice", "aria-label": "Watchlist", "data-testid": "watch-choice"})
        attrs = {"type": "button", "class": "btn btn-quiet", "aria-expanded": "false", "aria-controls": "watch-drawer", "data-testid": "watch-lists"}
        self.opener = el("button", attrs, "Lists")
        self.drawer = el("div", {"class": "watch-drawer", "id": "watch-drawer", "role": "group", "aria-label": "Watchlists", "hidden": True})
        self._built = False
        listen(self.choice, "change", lambda _event: self._choose(self.choice.value))
        listen(self.opener, "click", lambda _event: self.open(self.drawer.hidden))
        ctx.keys.bind("w", "Put the instrument into this watchlist, or take it out", self.toggle, "Desk")
        self._store.subscribe("watch", self._added)
        self._offer()

    def symbols(self) -> list[str]:
        """What is to be shown, in its order."""
        instruments = self._store.instruments
        return self.lists.known(self.name, instruments) if self.name else list(instruments)

    @property
    def look(self) -> Look:
        """Columns and sort of what is shown."""
        return self._looks.get(self.name, Look())

    def use_look(self, look: Look, name: str | None = None) -> None:
        """Show and remember another look of this list, or of the one named."""
        self._looks[self.name if name is None else name] = look
        known = {name: kept for name, look in self._looks.items() if (kept := look.to_kept()) and (not name or name in self.lists.lists)}
        self._ctx.prefs.put("watch.looks", known or None)

    @property
    def away(self) -> int:
        """How many of the list this venue does not have."""
        return len(self.lists.lists[self.name]) - len(self.symbols()) if self.name else 0

    def open(self, wanted: bool) -> None:
        """Show the drawer, or put it away."""
        if wanted and not self._built:
            self._build()
        self.drawer.hidden = not wanted
        self.opener.setAttribute("aria-expanded", "true" if wanted else "false")
        if wanted:
            self._show()

    def toggle(self) -> None:
        """The instrument in focus into the chosen list, or out of it."""
        symbol = self._store.symbol
        if symbol is None:
            return
        if not self.name:
            self.open(True)
            self._name.focus()
            self._say("Choose a list first, or make one: all instruments are always all.", "amber")
            return
        self._try(lambda: self._say(f"{symbol} is in {self.name}." if self.lists.toggle(self.name, symbol) else f"{symbol} is out of {self.name}."))
        self._keep()

    def _added(self, symbol: str) -> None:
        """An instrument that was searched for goes into the list that shows."""
        if self.name and symbol not in self.lists.lists[self.name]:
            self._try(lambda: self.lists.toggle(self.name, symbol))
            self._keep()

    def _build(self) -> None:
        self._built = True
        self._name = el("input", {"id": "watch-name", "type": "text", "autocomplete": "off", "data-testid": "watch-name", "maxlength": "60"})
        self._file = el("input", {"id": "watch-file", "type": "file", "accept": ".txt,.csv,text/plain,text/csv", "data-testid": "watch-file"})
        self._said = el("p", {"class": "hint", "role": "status", "data-testid": "watch-said"})
        self._buttons: dict[str, Any] = {}

        def button(name: str, text: str, act: Callable[[], None]) -> Any:
            made = self._buttons[name] = el("button", {"type": "button", "class": "btn", "data-testid": f"watch-{name}"}, text)
            listen(made, "click", lambda _event: act())
            return made

        form = el("form", {"class": "watch-form", "novalidate": True}, el("label", {"for": "watch-name"}, "Name"), self._name)
        form.append(el("button", {"type": "submit", "class": "btn", "data-testid": "watch-make"}, "New list"), button("rename", "Rename", self._rename))
        listen(form, "submit", self._make)
        inside = el("p", {"class": "watch-form"}, button("toggle", "Add", self.toggle))
        inside.append(button("up", "Up", lambda: self._move(-1)), button("down", "Down", lambda: self._move(1)))
        inside.append(button("export", "Export", self._export), button("remove", "Remove list", self._remove), button("back", "Put it back", self._put_back))
        files = el("p", {"class": "watch-form"}, el("label", {"for": "watch-file"}, "Import"), self._file)
        listen(self._file, "change", lambda _event: self._ctx.errors.run("Watchlist", self._import()))
        self._store.subscribe("focus", lambda _focus: self._show())
        self.drawer.append(form, inside, files, self._said)

    def _offer(self) -> None:
        clear(self.choice)
        for name in (ALL, *self.lists.lists):
            self.choice.append(el("option", {"value": name}, name or "All instruments"))
        self.choice.value = self.name
        self._show()

    def _show(self) -> None:
        """What the buttons would do now."""
        if not self._built or self.drawer.hidden:
            return
        symbol, inside = self._store.symbol or "", self._store.symbol in self.lists.lists.get(self.name, ())
        set_text(self._buttons["toggle"], f"Take {symbol} out" if inside else f"Add {symbol}")
        for name in ("toggle", "up", "down", "export", "remove", "rename"):
            self._buttons[name].disabled = not self.name or (name in ("up", "down") and not inside)
        self._buttons["back"].hidden = self._removed is None

    def _choose(self, name: str) -> None:
        self.name = name
        self._ctx.prefs.put("watchlist", name or None)
        self._offer()
        self._changed()

    def _keep(self) -> None:
        self._ctx.prefs.put("watchlists", self.lists.to_kept() or None)
        self._show()
        self._changed()

    def _make(self, event: Any) -> None:
        event.preventDefault()
        self._try(lambda: self._made(self.lists.add_list(self._name.value)))

    def _made(self, name: str, more: str = "") -> None:
        self._name.value = ""
        self._choose(name)
        self._keep()
        self._say(more or f"{name} is made. W adds the instrument in focus.")

    def _rename(self) -> None:
        def act() -> None:
            look, before = self.look, self.name
            self.name = self.lists.rename(self.name, self._name.value)
            if self.name != before:
                self._looks.pop(before, None)
            self.use_look(look)
            self._made(self.name, f"The list is called {self.name} now.")

        self._try(act)

    def _move(self, by: int) -> None:
        if not self.lists.move(self.name, self._store.symbol, by):
            self._say(f"{self._store.symbol} is at the {'top' if by < 0 else 'end'} already.")
        self._keep()

    def _remove(self) -> None:
        name = self.name
        self._removed = (name, self.lists.lists[name], self.look)
        self.lists.remove(name)
        self._looks.pop(name, None)
        self._choose(ALL)
        self._keep()
        self._say(f"{name} is removed, with {plural(len(self._removed[1]), 'instrument')}.")
        self._buttons["back"].focus()

    def _put_back(self) -> None:
        name, symbols, look = self._removed

        def act() -> None:
            made = self.lists.add_list(name, symbols)
            self.use_look(look, made)
            self._made(made, f"{name} is back.")

        self._try(act)
        self._removed = None
        self._show()

    def _export(self) -> None:
        save_text(f"{self.name}.txt", self.look.to_line() + "".join(f"{symbol}\n" for symbol in self.lists.lists[self.name]), "text/plain;charset=utf-8")
        self._say(f"Saved {plural(len(self.lists.lists[self.name]), 'symbol')}, one a line.")

    async def _import(self) -> None:
        file = self._file.files.item(0)
        if not file:
            return
        try:
            if file.size > LONGEST_FILE:
                raise BadList(f"The file has {file.size:,} bytes: that is no watchlist. Choose another file.")
            text = str(await file.text())
            found = read_symbols(text, self._store.instruments)
            name, number = str(file.name).rpartition(".")[0][:36] or "Imported", 1
            while name.lower() in {other.lower() for other in self.lists.lists}:
                number += 1
                name = f"{name.rpartition(' ')[0] if number > 2 else name} {number}"
            name = self.lists.add_list(name, found.symbols)
            self.use_look(read_look(text), name)
        except BadList as error:
            self._say(str(error), "danger")
            return
        finally:
            self._file.value = ""
        unknown = sum(symbol not in self._store.instruments for symbol in found.symbols)
        parts = [f"{name}: {plural(len(found.symbols), 'instrument')}"]
        parts += [f"{unknown} not known to this venue, kept for one that knows them"] if unknown else []
        parts += [f"{plural(found.unreadable, 'word is', 'words are')} left out: no symbol"] if found.unreadable else []
        self._made(name, "; ".join(parts) + ".")

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BadList as error:
            self._say(str(error), "danger")
            self._name.focus()

    def _say(self, text: str, tone: str = "") -> None:
        if self._built:
            self._said.dataset.tone = tone
            set_text(self._said, text)
