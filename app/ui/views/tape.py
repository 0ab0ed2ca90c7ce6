"""The tape: the latest public trades of the instrument in focus, newest first, the aggressor's side in a word, own fills among them.

Rows are recycled: a new trade takes the oldest row to the top. Only rows in sight are drawn until the trader scrolls: a busy
market changes all of them ten times a second. Under the pointer, scrolled, or held by a key it stands still and says how many came.
"""

from __future__ import annotations

from typing import Any

from js import ResizeObserver, document
from pyodide.ffi import create_proxy

from ..dom import el, listen, set_text
from ..format import clock, group, utc
from ..tape_rules import ROWS, OwnFills, TapeRows, own_row
from .tape_filter import TapeFilterBar

_ROW_PX = 20
_SPARE = 3
"""Rows beyond those in sight, so that there is something to scroll to."""
_SIDES = {"buy": "Buy", "sell": "Sell"}
_LARGE, _OWN = "◆", "●"


class _Row:
    __slots__ = ("classes", "mark", "number", "price", "side", "side_name", "size", "stamp", "time", "tr", "words")

    def __init__(self, number: int) -> None:
        texts = [document.createTextNode("") for _ in range(4)]
        self.time, self.side, self.price, self.size = texts
        self.tr = el("tr", {"data-number": str(number)})
        for index, text in enumerate(texts):
            cell = el("td", {"class": "num" if index > 1 else None})
            cell.append(text)
            self.tr.append(cell)
        self.mark: Any = None
        self.side_name = self.classes = self.words = ""
        self.number: Any = None
        self.stamp = 0

    def draw(self, trade: list, own: bool) -> None:
        stamp, price, size, side, large, count, self.number = trade
        self.stamp = stamp
        self.time.data = clock(stamp)
        self.price.data = price
        self.size.data = size
        name = f"{_OWN if own else ''}{_LARGE if large else ''}{_SIDES.get(side, side)}"
        if count > 1:
            name = f"{name} ×{count}"
        if name != self.side_name:
            self.side_name = self.side.data = name
        classes = f"{'up' if side == 'buy' else 'down'}{' large' if large else ''}{' own' if own else ''}"
        if classes != self.classes:
            self.classes = self.tr.className = classes
        self._say(", ".join(word for word, holds in (("your fill", own), ("large", large)) if holds))

    def _say(self, words: str) -> None:
        """The marks in words, for who cannot see them."""
        if words == self.words:
            return
        self.words = words
        if self.mark is None:
            self.mark = el("span", {"class": "away"})
            self.tr.children.item(1).append(self.mark)
        self.mark.textContent = f" {words}" if words else ""


class TapeView:
    """Owns its panel; follows the instrument in focus."""

    title = "Trades"

    def __init__(self, ctx: Any) -> None:
        self._store = ctx.store
        self._rows = [_Row(number) for number in range(ROWS)]
        self._symbol: str | None = None
        self._order: list[_Row] = []
        self._free = list(self._rows)
        self._tape = TapeRows()
        self._own = OwnFills()
        self._on_paper = True
        self._most = self._in_sight = ROWS
        self._over = self._by_key = False
        self._body = el("tbody")
        self._heads = [el("th", {"scope": "col", "class": "num" if i > 1 else None}, t) for i, t in enumerate(("Time", "Side", "Price", "Size"))]
        table = el(
            "table", {"class": "table tape-table", "aria-label": "Latest trades, newest first"}, el("thead", None, el("tr", None, *self._heads)), self._body
        )
        self._waiting = el("p", {"class": "empty"}, "Waiting for a trade")
        self._came = el("button", {"type": "button", "class": "btn tape-held", "hidden": True, "data-testid": "tape-held"}, "Held")
        self._missed = el("p", {"class": "tape-missed", "role": "status", "hidden": True, "data-testid": "tape-missed"})
        self._lost = 0
        self._scroll = el("div", {"class": "tape", "tabindex": "0", "role": "region", "aria-label": "Trades"}, table, self._waiting)
        self._scroll.setAttribute("aria-keyshortcuts", "Space")
        self._scroll.title = "Space holds the trades still"
        self._bar = TapeFilterBar(ctx)
        self.root = el("div", {"class": "tape-panel"}, self._bar.root, self._missed, self._scroll, self._came)
        head = document.querySelector('[data-head="tape"]')
        if head:
            head.append(self._bar.opener)
        listen(self._body, "mouseover", self._hover)
        listen(self._scroll, "pointerenter", lambda event: self._pointer(event.pointerType == "mouse"))
        listen(self._scroll, "pointerleave", lambda _event: self._pointer(False))
        listen(self._scroll, "scroll", lambda _event: self._fit())
        listen(self._scroll, "keydown", self._key)
        listen(self._came, "click", lambda _event: self._go_on())
        ResizeObserver.new(create_proxy(self._resized)).observe(self._scroll)
        ctx.store.on_tick("tape", self._take)
        ctx.store.subscribe("focus", self._focus)
        ctx.store.subscribe("instruments", lambda _rows: self._bar.show())
        ctx.store.subscribe("fills", self._fills)
        ctx.store.subscribe("hello", self._hello)
        if ctx.store.hello is not None:
            self._hello(ctx.store.hello)
        self._focus((ctx.store.symbol, ctx.store.timeframe))

    def _hello(self, message: dict) -> None:
        self._on_paper = message["capabilities"].get("account", "paper") == "paper"

    def _focus(self, focus: tuple) -> None:
        symbol = focus[0]
        if symbol != self._symbol:
            self._symbol = symbol
            self._forget()
            self._by_key = False
            self._scroll.scrollTop = 0
            instrument = self._store.instrument
            if instrument is not None:
                self._heads[2].textContent = f"Price {instrument['quote']}"
                self._heads[3].textContent = f"Size {instrument['base']}"
                self._waiting.textContent = f"Waiting for a trade in {symbol}"
                self._bar.show()

    def _forget(self) -> None:
        self._miss(-self._lost)
        self._tape.clear()
        self._clear()
        self._say()

    def _clear(self) -> None:
        self._body.replaceChildren()
        self._order.clear()
        self._free = list(self._rows)
        self._waiting.hidden = bool(self._tape.rows)

    def _resized(self, entries: Any, _observer: Any) -> None:
        height = entries[0].contentRect.height
        self._in_sight = min(ROWS, int(height // _ROW_PX) + _SPARE) if height else ROWS
        self._fit()

    def _fit(self) -> None:
        """All rows once the trader scrolls, those in sight otherwise."""
        scrolled = self._scroll.scrollTop > 0
        most = ROWS if scrolled else self._in_sight
        if most != self._most:
            self._most = most
            if scrolled and not self._tape.held:
                self._redraw()
        self._hold(scrolled or self._over or self._by_key)

    # Held still

    def _pointer(self, over: bool) -> None:
        self._over = over
        self._hold(over or self._by_key or self._scroll.scrollTop > 0)

    def _key(self, event: Any) -> None:
        if event.key == " " and event.target.tagName == "DIV":
            event.preventDefault()
            self._by_key = not self._by_key
            self._pointer(self._over)

    def _hold(self, held: bool) -> None:
        if held == self._tape.held:
            return
        if held:
            self._tape.held = True
        else:
            self._tape.release()
            self._redraw()
        self._say()

    def _go_on(self) -> None:
        self._by_key = self._over = False
        self._scroll.scrollTop = 0
        self._hold(False)
        self._scroll.focus()

    def _say(self) -> None:
        held, count = self._tape.held, self._tape.waiting
        self._came.hidden = not held or not (count or self._by_key)
        if not self._came.hidden:
            set_text(self._came, f"Held, {count:,} new: go on")

    def _miss(self, count: int) -> None:
        """So many more trades came too fast for the desk to list them."""
        if count:
            self._lost += count
            self._missed.hidden = not self._lost
            set_text(self._missed, f"{self._lost:,} trades came too fast to be listed. Bars and volume have them." if self._lost else "")

    # Drawing

    def _redraw(self) -> None:
        self._clear()
        self._draw(self._tape.rows[-self._most :])

    def _take(self, tape: dict) -> None:
        if tape["symbol"] != self._symbol:
            return
        if tape.get("reset"):
            self._forget()
        self._miss(tape.get("lost", 0))
        rows = tape["rows"]
        for row in rows:
            self._own.mark(row, self._symbol)
        drawn = self._tape.take(rows)
        if self._tape.held and not self._order:
            drawn = self._tape.rows  # there is nothing yet that could be held
        if drawn and not self._order:
            self._waiting.hidden = True
        self._draw(drawn[-self._most :])
        if self._tape.held:
            self._say()

    def _draw(self, trades: list[list]) -> None:
        for trade in trades:
            row = next((row for row in self._order if row.number == trade[6]), None) if trade[5] > 1 else None
            if row is None:
                row = self._order.pop(0) if len(self._order) >= self._most else self._free.pop()
                self._body.prepend(row.tr)
                self._order.append(row)
            row.draw(trade, self._own.is_own(trade))

    def _fills(self, message: dict) -> None:
        if message["reset"]:
            self._own.reset()
            if self._tape.forget_own():
                self._redraw()
            return
        instrument = self._store.instrument
        for fill in message["rows"]:
            if fill["symbol"] != self._symbol or instrument is None:
                continue
            if self._own.note(fill, self._tape.rows):
                self._redraw()
            elif self._on_paper:
                row = own_row(fill, group(fill["price"]), group(fill["qty"]))
                self._own.marked.add(row[6])
                self._draw(self._tape.take([row]))

    def _hover(self, event: Any) -> None:
        tr = event.target.closest("tr")
        if tr:
            row = self._rows[int(tr.dataset.number)]
            tr.title = f"{utc(row.stamp)}{': ' + row.words if row.words else ''}"
