"""The watchlist: thousands of instruments, of which only the rows in sight are elements, recycled while scrolling.

The hot path (``_quotes``) compares texts and sets text nodes; it reads no layout. By a moving column the desk worker sorts, which knows
all instruments: again every two seconds, not with every tick, and less often while the pointer is on the rows, so that none jumps under it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from js import ResizeObserver, clearTimeout, matchMedia, performance, setTimeout
from pyodide.ffi import create_proxy

from ..dom import el, fill, listen
from ..watch_columns import BY_KEY, COLUMNS, DEFAULT, Look, by_text
from .column_menu import ColumnMenu
from .watch_lists import WatchLists
from .watch_order import WatchOrder
from .watchrow import WatchRow, template

_SPAN = "span"
_OVERSCAN = 4
_WATCH_AFTER_MS = 150
_RESORT_S = 2
_RESORT_POINTED_S = 10
_FLASH_MS = 260
_CALM_EVERY_MS = 80


class WatchlistView:
    """Owns its panel head, filter, grid and the list of symbols the worker is asked to watch."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._store = ctx.store
        self._order: list[str] = []
        self._rows: list[WatchRow] = []
        self._told: dict[str, dict] = {}
        self._pointed = False
        self._seen: dict[str, WatchRow] = {}
        self._wanted = ""
        self._active: str | None = None
        self._row_height = 24
        self._height = 0
        self._watch_timer: Any = None
        self._flashing: list[WatchRow] = []
        self._watched: tuple[list[str], list[str], str] = ([], [], "hour")
        still = matchMedia("(prefers-reduced-motion: reduce)")
        self._flash = not still.matches
        listen(still, "change", lambda event: setattr(self, "_flash", not event.matches))
        self._lists = WatchLists(ctx, self._relist)
        self._look = self._lists.look
        self._order_by = WatchOrder(ctx, self._lists, lambda: self._arrange())
        self._order_by.use(self._look.sort)
        self._build()
        self._dress()
        self._calming = False
        self._calm = create_proxy(self._end_flashes)
        self._tell_watch = create_proxy(self._send_watch)
        self._sized = create_proxy(lambda *_: self._resize())
        ResizeObserver.new(self._sized).observe(self._grid)
        store = self._store
        store.on_tick("quotes", self._quotes)
        store.subscribe("instruments", self._learnt)
        ctx.link.on("again", lambda _message: self._tell_worker())
        store.on_tick("summary", self._summaries)
        store.subscribe("focus", self._focused)
        store.subscribe("theme", lambda _value: self._resize())
        ctx.keys.bind("/", "Filter the watchlist", self._open_filter, "Desk")
        ctx.keys.on_escape(self._escape)
        self._task = asyncio.ensure_future(self._every_second())
        if store.instruments:
            self._arrange()

    def _build(self) -> None:
        self._count = el("span", {"class": "hint"})
        self._filter = el(
            "input",
            {
                "type": "search",
                "class": "watch-filter",
                "placeholder": "Filter  /",
                "aria-label": "Filter the watchlist",
                "autocomplete": "off",
                "spellcheck": "false",
            },
        )
        self._heads = {}
        self._head = el("div", {"class": "watch-head watch-row", "role": "row", "aria-rowindex": "1"})
        offered = [*((column.key, column.name) for column in COLUMNS), (_SPAN, "Line since midnight UTC")]
        self._menu = ColumnMenu(offered, self._shows, self._column_chosen)
        self._menu.root.setAttribute("data-testid", "watch-columns")
        self._body = el("div", {"class": "watch-body", "role": "rowgroup"})
        self._grid = el(
            "div",
            {"class": "watch-grid", "role": "grid", "tabindex": "0", "aria-label": "Quotes"},
            el("div", {"class": "watch-heads", "role": "rowgroup"}, self._head),
            self._body,
        )
        self._nothing = el(
            "div",
            {"class": "empty", "hidden": True},
            el("p", {"data-when": "filter"}, "No instrument matches the filter."),
            el("button", {"type": "button", "class": "btn", "data-when": "filter", "data-clear": True}, "Clear the filter"),
            el("p", {"data-when": "list"}, "Nothing stands in this list here. Press W to add the instrument on the chart."),
        )
        self.root = el("div", {"class": "watch"})
        fill(
            self.root,
            None,
            el(
                "div",
                {"class": "panel-head"},
                el("h2", {"class": "away"}, "Watchlist"),
                self._lists.choice,
                self._count,
                el("span", {"class": "grow"}),
                self._filter,
                self._menu.root,
                self._lists.opener,
            ),
            self._lists.drawer,
            self._grid,
            self._nothing,
        )
        listen(self._filter, "input", lambda _event: self._filtered())
        listen(self._filter, "keydown", self._filter_key)
        listen(self._grid, "scroll", lambda _event: self._place())
        listen(self._grid, "keydown", self._key)
        listen(self._grid, "click", self._click)
        listen(self._body, "pointerenter", lambda _event: setattr(self, "_pointed", True))
        listen(self._body, "pointerleave", lambda _event: setattr(self, "_pointed", False))
        listen(self._nothing, "click", lambda _event: self._escape())

    def _learnt(self, rows: dict) -> None:
        """More instruments, or more about those that are shown."""
        self._arrange()
        for symbol, row in self._seen.items():
            if symbol in rows:
                row.describe(rows[symbol])

    # What is shown, and in which order

    def _dress(self) -> None:
        """Columns and heads of the look."""
        look = self._look
        for row in self._rows:
            row.root.remove()
        self._rows, self._seen, self._flashing = [], {}, []
        self._pattern = template(look.columns)
        self._heads.clear()
        self._head.replaceChildren()
        for name, title, hint in [("symbol", "Symbol", None), *((name, BY_KEY[name].title, BY_KEY[name].name) for name in look.columns)]:
            text = BY_KEY[name].text if name in BY_KEY else True
            inside = title if name == "spark" else el("button", {"type": "button", "data-sort": name}, title)
            attrs = {"role": "columnheader", "class": f"cell-{name}{'' if text else ' num'}", "aria-sort": None if name == "spark" else "none", "title": hint}
            self._heads[name] = el("span", attrs, inside)
            self._head.append(self._heads[name])
        self._grid.setAttribute("aria-colcount", str(1 + len(look.columns)))
        self._grid.classList.toggle("chosen", look.columns != DEFAULT)
        self._show_sort()
        self._menu.show()

    def _show_sort(self) -> None:
        column, falling = self._look.sort
        for key, cell in self._heads.items():
            if key != "spark":
                cell.setAttribute("aria-sort", "none" if key != column else "descending" if falling else "ascending")

    def _use(self, look: Look, *, keep: bool = True) -> None:
        before, self._look = self._look, look
        if keep:
            self._lists.use_look(look)
        if look.columns != before.columns:
            self._dress()
        else:
            self._show_sort()
            self._menu.show()
        self._told = {} if look.span != before.span else self._told
        self._order_by.use(look.sort)
        self._arrange()
        self._send_watch()

    def _shows(self, key: str) -> bool:
        return self._look.span == "day" if key == _SPAN else key in self._look.columns

    def _column_chosen(self, key: str, wanted: bool) -> bool:
        look = replace(self._look, span="day" if wanted else "hour") if key == _SPAN else self._look.with_column(key, wanted)
        if look == self._look:
            return False
        self._use(look)
        return True

    def _arrange(self) -> None:
        symbols = by_text(self._order_by.apply(self._lists.symbols()), self._store.instruments, self._wanted)
        if symbols == self._order and self._seen:
            return
        self._order = symbols
        total, away = len(self._lists.symbols()), self._lists.away
        wide = any(len(symbol) > 10 for symbol in symbols)
        self._grid.classList.toggle("wide-symbols", wide)
        columns, least = self._look.widths(wide)
        self._grid.style.setProperty("--watch-columns", columns)
        self._grid.style.setProperty("--watch-least", f"{least}px")
        self._count.textContent = f"{len(symbols):,} of {total:,}" if self._wanted else f"{total:,}"
        self._count.title = f"{away} more of this list are not known to this venue" if away else ""
        self._nothing.hidden = bool(symbols) or not self._store.instruments
        self._nothing.dataset.why = "filter" if total else "list"
        self._grid.hidden = not symbols
        self._grid.setAttribute("aria-rowcount", str(len(symbols) + 1))
        self._body.style.height = f"{len(symbols) * self._row_height}px"
        self._place(anew=True)

    def _relist(self) -> None:
        self._grid.scrollTop = 0
        self._use(self._lists.look, keep=False)

    def _resize(self) -> None:
        self._height = self._grid.clientHeight
        shown = next(iter(self._seen.values()), None)
        if shown is not None:
            height = shown.root.offsetHeight
            if height and height != self._row_height:
                self._row_height = height
                self._body.style.height = f"{len(self._order) * height}px"
                for row in self._rows:
                    row.release()
        self._place()

    def _place(self, *, anew: bool = False) -> None:
        """Give every index in sight a row; rows out of sight are given away. ``anew``: the order is another."""
        height = self._row_height
        first = max(0, int(self._grid.scrollTop // height) - _OVERSCAN)
        last = min(len(self._order), first + int(self._height // height) + 2 + 2 * _OVERSCAN)
        need = last - first
        while len(self._rows) < need:
            row = WatchRow(len(self._rows), self._pattern, self._look.columns)
            self._rows.append(row)
            self._body.append(row.root)
        store, order = self._store, self._order
        keep, free = set(), []
        for number, row in enumerate(self._rows):
            # in another order the rows stand in the document as they are seen
            fits = first <= row.index < last and not (anew and (row.index != first + number or order[row.index] != row.symbol))
            if fits:
                keep.add(row.index)
            else:
                free.append(row)
        free.reverse()
        for index in range(first, last):
            if index not in keep:
                row = free.pop()
                symbol = order[index]
                row.bind(index, symbol, store.instruments[symbol], height)
                row.choose(symbol == store.symbol)
                row.paint(store.quotes.get(symbol), False, 0.0)
                row.tell(self._told.get(symbol), performance.now())
                if store.sources is not None:
                    store.publish("row", row.root)
        for row in free:
            row.release()
        self._seen = {row.symbol: row for row in self._rows if row.index >= 0}
        self._mark_active()
        if self._watch_timer is not None:
            clearTimeout(self._watch_timer)
        self._watch_timer = setTimeout(self._tell_watch, _WATCH_AFTER_MS)

    def _send_watch(self) -> None:
        symbols = sorted(row.symbol for row in self._rows if row.index >= 0)
        watched = (symbols, self._look.told, self._look.span)
        if watched != self._watched:
            self._watched = watched
            self._tell_worker()

    def _tell_worker(self) -> None:
        symbols, columns, span = self._watched
        self._ctx.link.tell("watch", symbols=symbols, **({"columns": columns, "spark": span} if columns else {}))

    # Live

    def _quotes(self, rows: list) -> None:
        seen, flash, now = self._seen, self._flash, performance.now()
        flashing = self._flashing
        for quote in rows:
            row = seen.get(quote[0])
            if row is not None and row.paint(quote, flash, now):
                flashing.append(row)
        if flashing and not self._calming:
            self._calming = True
            setTimeout(self._calm, _CALM_EVERY_MS)

    def _summaries(self, summary: dict) -> None:
        columns, now = summary["columns"], performance.now()
        for symbol, *values in summary["rows"]:
            told = self._told[symbol] = dict(zip(columns, values, strict=True))
            row = self._seen.get(symbol)
            if row is not None:
                row.tell(told, now)

    def _end_flashes(self) -> None:
        # timers instead of an animation: an animation would make the browser draw 60 frames a second for nothing
        before = performance.now() - _FLASH_MS
        still = []
        for row in self._flashing:
            if row.flashed_at > before:
                still.append(row)
            else:
                row.calm()
        self._flashing = still
        self._calming = bool(still)
        if still:
            setTimeout(self._calm, _CALM_EVERY_MS)

    async def _every_second(self) -> None:
        beat = 0
        while True:
            await asyncio.sleep(1)
            beat += 1
            now = performance.now()
            for row in self._seen.values():
                row.grow_older(now)
            if beat % (_RESORT_POINTED_S if self._pointed else _RESORT_S) == 0:
                self._order_by.rank()

    # Acting

    def _focused(self, focus: tuple) -> None:
        for symbol, row in self._seen.items():
            row.choose(symbol == focus[0])

    def _open(self, index: int) -> None:
        if 0 <= index < len(self._order):
            self._active = self._order[index]
            self._store.focus(self._order[index])
            self._mark_active()

    def _click(self, event: Any) -> None:
        head = event.target.closest("[data-sort]")
        if head:
            self._sort_by(head.getAttribute("data-sort"))
            return
        node = event.target.closest("[data-symbol]")
        if node:
            self._open(int(node.getAttribute("aria-rowindex")) - 2)
            self._store.publish("pane", "chart")

    def _sort_by(self, name: str) -> None:
        self._use(self._look.sorted_by(name))

    def _key(self, event: Any) -> None:
        page = max(1, int(self._height // self._row_height) - 1)
        if event.target.closest("[data-sort]"):
            return
        last, at = len(self._order) - 1, self._active_index
        step = {"ArrowDown": 1, "ArrowUp": -1, "PageDown": page, "PageUp": -page, "Home": -last, "End": last}.get(event.key)
        if step is not None:
            self._active = self._order[max(0, min(last, at + step))]
            self._reveal()
        elif event.key == "Enter":
            self._open(at)
        else:
            return
        event.preventDefault()

    def _reveal(self) -> None:
        top = self._active_index * self._row_height
        head = 24
        grid = self._grid
        if top < grid.scrollTop:
            grid.scrollTop = top
        elif top + self._row_height > grid.scrollTop + self._height - head:
            grid.scrollTop = top + self._row_height - self._height + head
        self._place()

    @property
    def _active_index(self) -> int:
        """Where the keyboard is: it stays with its instrument when the order changes."""
        for symbol in (self._active, self._store.symbol):
            if symbol in self._order:
                return self._order.index(symbol)
        return 0

    def _mark_active(self) -> None:
        active = self._order[self._active_index] if self._order else None
        for symbol, row in self._seen.items():
            row.mark(symbol == active)
        row = self._seen.get(active) if active else None
        if row is not None:
            self._grid.setAttribute("aria-activedescendant", row.root.id)

    # Filter

    def _open_filter(self) -> None:
        if self._ctx.router.current != "desk":
            self._ctx.router.go("desk")
        self._store.publish("pane", "market")
        self._filter.focus()
        self._filter.select()

    def _filtered(self) -> None:
        self._wanted = str(self._filter.value).strip().lower()
        self._grid.scrollTop = 0
        self._arrange()

    def _filter_key(self, event: Any) -> None:
        if event.key in ("ArrowDown", "Enter"):
            self._grid.focus()
            if event.key == "Enter":
                self._open(0)
            event.preventDefault()

    def _escape(self) -> bool:
        if not self._wanted:
            return False
        self._filter.value = ""
        self._filtered()
        self._grid.focus()
        return True
