"""The watchlist: thousands of instruments, of which only the rows in sight are elements, recycled while scrolling.

The hot path (``_quotes``) compares texts and sets text nodes; it reads no layout. Sorting by a moving column is redone
every two seconds, not with every tick, so that rows do not jump under the pointer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from js import ResizeObserver, clearTimeout, matchMedia, performance, setTimeout
from pyodide.ffi import create_proxy

from .. import format as fmt
from ..dom import el, fill, listen
from .watch_lists import WatchLists
from .watchrow import WatchRow, template

_COLUMNS = (("symbol", "Symbol"), ("last", "Last"), ("change", "Chg %"), ("bid", "Bid"), ("ask", "Ask"))
_OVERSCAN = 4
_WATCH_AFTER_MS = 150
_RESORT_S = 2
_FLASH_MS = 260
_CALM_EVERY_MS = 80


class WatchlistView:
    """Owns its panel head, filter, grid and the list of symbols the worker is asked to watch."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._store = ctx.store
        self._order: list[str] = []
        self._pattern = template()
        self._rows: list[WatchRow] = []
        self._seen: dict[str, WatchRow] = {}
        self._sort: tuple[str, bool] = ("", False)
        self._wanted = ""
        self._active = 0
        self._row_height = 24
        self._height = 0
        self._watch_timer: Any = None
        self._watched: list[str] = []
        still = matchMedia("(prefers-reduced-motion: reduce)")
        self._flash = not still.matches
        listen(still, "change", lambda event: setattr(self, "_flash", not event.matches))
        self._lists = WatchLists(ctx, self._relist)
        self._build()
        self._flashing: list[WatchRow] = []
        self._calming = False
        self._calm = create_proxy(self._end_flashes)
        self._tell_watch = create_proxy(self._send_watch)
        self._sized = create_proxy(lambda *_: self._resize())
        ResizeObserver.new(self._sized).observe(self._grid)
        store = self._store
        store.on_tick("quotes", self._quotes)
        store.subscribe("instruments", lambda _rows: self._arrange())
        ctx.link.on("again", lambda _message: ctx.link.tell("watch", symbols=self._watched))
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
        head = el("div", {"class": "watch-head watch-row", "role": "row", "aria-rowindex": "1"})
        for name, title in _COLUMNS:
            button = el("button", {"type": "button", "data-sort": name, "tabindex": "-1"}, title)
            cell = el("span", {"role": "columnheader", "class": f"cell-{name}", "aria-sort": "none"}, button)
            self._heads[name] = cell
            head.append(cell)
        self._body = el("div", {"class": "watch-body", "role": "rowgroup"})
        self._grid = el(
            "div",
            {"class": "watch-grid", "role": "grid", "tabindex": "0", "aria-label": "Quotes", "aria-colcount": len(_COLUMNS)},
            el("div", {"class": "watch-heads", "role": "rowgroup"}, head),
            self._body,
        )
        self._nothing = el(
            "div",
            {"class": "empty", "hidden": True},
            el("p", {"data-when": "filter"}, "No instrument matches the filter."),
            el("button", {"type": "button", "class": "btn", "data-when": "filter", "data-clear": True}, "Clear the filter"),
            el("p", {"data-when": "list"}, "Nothing of this list is known here. Press W to add the instrument on the chart."),
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
        listen(self._nothing, "click", lambda _event: self._escape())

    # What is shown, and in which order

    def _arrange(self) -> None:
        wanted = self._wanted
        symbols = self._lists.symbols()
        if wanted:
            rows = self._store.instruments
            symbols = [s for s in symbols if wanted in f"{s} {rows[s]['base']} {rows[s]['quote']} {rows[s]['venue']}".lower()]
        column, falling = self._sort
        if column == "symbol":
            symbols.sort(reverse=falling)
        elif column:
            at = {"bid": 1, "ask": 2, "last": 3, "change": 4}[column]
            symbols = self._by_number(symbols, at, falling)
        if symbols == self._order and self._seen:
            return
        self._order = symbols
        total, away = len(self._lists.symbols()), self._lists.away
        self._grid.classList.toggle("wide-symbols", any(len(symbol) > 10 for symbol in symbols))
        self._count.textContent = f"{len(symbols):,} of {total:,}" if wanted else f"{total:,}"
        self._count.title = f"{away} more of this list are not known to this venue" if away else ""
        self._nothing.hidden = bool(symbols) or not self._store.instruments
        self._nothing.dataset.why = "filter" if total else "list"
        self._grid.hidden = not symbols
        self._grid.setAttribute("aria-rowcount", str(len(symbols) + 1))
        self._body.style.height = f"{len(symbols) * self._row_height}px"
        self._active = self._order.index(self._store.symbol) if self._store.symbol in self._order else 0
        for row in self._rows:
            row.release()
        self._place()

    def _relist(self) -> None:
        self._grid.scrollTop = 0
        self._arrange()

    def _by_number(self, symbols: list[str], at: int, falling: bool) -> list[str]:
        quotes = self._store.quotes
        known, unknown = [], []
        for symbol in symbols:
            quote = quotes.get(symbol)
            text = quote[at] if quote else None
            if text:
                known.append((float(fmt.plain(text)), symbol))
            else:
                unknown.append(symbol)
        known.sort(key=lambda pair: pair[0], reverse=falling)
        return [symbol for _value, symbol in known] + unknown

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

    def _place(self) -> None:
        """Give every index in sight a row; rows out of sight are given away."""
        height = self._row_height
        first = max(0, int(self._grid.scrollTop // height) - _OVERSCAN)
        last = min(len(self._order), first + int(self._height // height) + 2 + 2 * _OVERSCAN)
        need = last - first
        while len(self._rows) < need:
            row = WatchRow(len(self._rows), self._pattern)
            self._rows.append(row)
            self._body.append(row.root)
        free = [row for row in reversed(self._rows) if not first <= row.index < last]
        held = {row.index for row in self._rows if first <= row.index < last}
        store = self._store
        for index in range(first, last):
            if index not in held:
                row = free.pop()
                symbol = self._order[index]
                row.bind(index, symbol, store.instruments[symbol], height)
                row.choose(symbol == store.symbol)
                row.paint(store.quotes.get(symbol), False, 0.0)
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
        symbols = [row.symbol for row in sorted(self._rows, key=lambda row: row.index) if row.index >= 0]
        if symbols != self._watched:
            self._watched = symbols
            self._ctx.link.tell("watch", symbols=symbols)

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
            if self._sort[0] not in ("", "symbol") and beat % _RESORT_S == 0:
                self._arrange()

    # Acting

    def _focused(self, focus: tuple) -> None:
        for symbol, row in self._seen.items():
            row.choose(symbol == focus[0])

    def _open(self, index: int) -> None:
        if 0 <= index < len(self._order):
            self._active = index
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
        column, falling = self._sort
        self._sort = (name, name != "symbol") if column != name else (name, not falling) if falling == (name != "symbol") else ("", False)
        for key, cell in self._heads.items():
            kind = "none" if key != self._sort[0] else "descending" if self._sort[1] else "ascending"
            cell.setAttribute("aria-sort", kind)
        self._arrange()

    def _key(self, event: Any) -> None:
        page = max(1, int(self._height // self._row_height) - 1)
        last = len(self._order) - 1
        step = {"ArrowDown": 1, "ArrowUp": -1, "PageDown": page, "PageUp": -page, "Home": -last, "End": last}.get(event.key)
        if step is not None:
            self._active = max(0, min(last, self._active + step))
            self._reveal()
        elif event.key == "Enter":
            self._open(self._active)
        else:
            return
        event.preventDefault()

    def _reveal(self) -> None:
        top = self._active * self._row_height
        head = 24
        grid = self._grid
        if top < grid.scrollTop:
            grid.scrollTop = top
        elif top + self._row_height > grid.scrollTop + self._height - head:
            grid.scrollTop = top + self._row_height - self._height + head
        self._place()

    def _mark_active(self) -> None:
        active = self._order[self._active] if self._active < len(self._order) else None
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
