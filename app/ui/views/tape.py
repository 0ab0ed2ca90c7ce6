"""The tape: the latest public trades of the instrument in focus, newest first, the aggressor's side in a word.

Rows are recycled: a new trade takes the oldest row to the top. Only rows in sight are drawn until the trader scrolls: a busy
market changes all of them ten times a second. Nothing is computed from the trades here.
"""

from __future__ import annotations

from typing import Any

from js import ResizeObserver, document
from pyodide.ffi import create_proxy

from ..dom import el, listen
from ..format import clock, utc

_ROWS = 30
_ROW_PX = 20
_SPARE = 3
"""Rows beyond those in sight, so that there is something to scroll to."""
_SIDES = {"buy": "Buy", "sell": "Sell"}


class _Row:
    __slots__ = ("time", "price", "side", "side_name", "size", "stamp", "tr")

    def __init__(self, number: int) -> None:
        texts = [document.createTextNode("") for _ in range(4)]
        self.time, self.side, self.price, self.size = texts
        self.tr = el("tr", {"data-number": str(number)})
        for index, text in enumerate(texts):
            cell = el("td", {"class": "num" if index > 1 else None})
            cell.append(text)
            self.tr.append(cell)
        self.side_name = ""
        self.stamp = 0

    def draw(self, trade: list) -> None:
        self.stamp = trade[0]
        self.time.data = clock(trade[0])
        self.price.data = trade[1]
        self.size.data = trade[2]
        if trade[3] != self.side_name:
            self.side_name = trade[3]
            self.side.data = _SIDES.get(trade[3], trade[3])
            self.tr.className = "up" if trade[3] == "buy" else "down"


class TapeView:
    """Owns its panel; follows the instrument in focus."""

    title = "Trades"

    def __init__(self, ctx: Any) -> None:
        self._store = ctx.store
        self._rows = [_Row(number) for number in range(_ROWS)]
        self._symbol: str | None = None
        self._order: list[_Row] = []
        self._free = list(self._rows)
        self._trades: list[list] = []
        self._most = self._in_sight = _ROWS
        self._body = el("tbody")
        self._heads = [el("th", {"scope": "col", "class": "num" if i > 1 else None}, t) for i, t in enumerate(("Time", "Side", "Price", "Size"))]
        table = el(
            "table", {"class": "table tape-table", "aria-label": "Latest trades, newest first"}, el("thead", None, el("tr", None, *self._heads)), self._body
        )
        self._waiting = el("p", {"class": "empty"}, "Waiting for a trade")
        self.root = el("div", {"class": "tape", "tabindex": "0", "role": "region", "aria-label": "Trades"}, table, self._waiting)
        listen(self._body, "mouseover", self._hover)
        listen(self.root, "scroll", lambda _event: self._fit())
        ResizeObserver.new(create_proxy(self._resized)).observe(self.root)
        ctx.store.on_tick("tape", self._take)
        ctx.store.subscribe("focus", self._focus)
        self._focus((ctx.store.symbol, ctx.store.timeframe))

    def _focus(self, focus: tuple) -> None:
        symbol = focus[0]
        if symbol != self._symbol:
            self._symbol = symbol
            self._forget()
            instrument = self._store.instrument
            if instrument is not None:
                self._heads[2].textContent = f"Price {instrument['quote']}"
                self._heads[3].textContent = f"Size {instrument['base']}"
                self._waiting.textContent = f"Waiting for a trade in {symbol}"

    def _forget(self) -> None:
        self._trades = []
        self._clear()

    def _clear(self) -> None:
        self._body.replaceChildren()
        self._order.clear()
        self._free = list(self._rows)
        self._waiting.hidden = bool(self._trades)

    def _resized(self, entries: Any, _observer: Any) -> None:
        height = entries[0].contentRect.height
        self._in_sight = min(_ROWS, int(height // _ROW_PX) + _SPARE) if height else _ROWS
        self._fit()

    def _fit(self) -> None:
        """All rows once the trader scrolls, those in sight otherwise."""
        most = _ROWS if self.root.scrollTop > 0 else self._in_sight
        if most != self._most:
            self._most = most
            self._clear()
            self._draw(self._trades[-most:])

    def _take(self, tape: dict) -> None:
        if tape["symbol"] != self._symbol:
            return
        if tape.get("reset"):
            self._forget()
        trades = tape["rows"][-_ROWS:]
        self._trades = (self._trades + trades)[-_ROWS:]
        if trades and not self._order:
            self._waiting.hidden = True
        self._draw(trades[-self._most :])

    def _draw(self, trades: list[list]) -> None:
        for trade in trades:
            row = self._order.pop(0) if len(self._order) >= self._most else self._free.pop()
            row.draw(trade)
            self._body.prepend(row.tr)
            self._order.append(row)

    def _hover(self, event: Any) -> None:
        tr = event.target.closest("tr")
        if tr:
            tr.title = utc(self._rows[int(tr.dataset.number)].stamp)
