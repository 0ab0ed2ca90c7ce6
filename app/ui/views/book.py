"""The order book: up to 15 levels a side with depth bars, the spread, and whether it can be trusted, in words.

Rows are made once and recycled; only texts that differ are written. Pressing a level fills the ticket's price.
"""

from __future__ import annotations

from typing import Any

from js import ResizeObserver, document
from pyodide.ffi import create_proxy

from ..dom import by_id, el, listen, set_text
from ..format import plain
from .depth import Depth

_LEVELS = 15
_ROW_PX = 20
_STATE_WORDS = {
    "live": "Live",
    "stale": "Stale",
    "syncing": "Synchronising",
    "gap": "Gap: not to be trusted",
    "crossed": "Crossed: not to be trusted",
}


class _Level:
    """One recycled row: a button with price, size and its bar."""

    __slots__ = ("bar", "button", "drawn", "mine", "price", "shown", "size")

    def __init__(self, side: str, index: int) -> None:
        self.price = document.createTextNode("")
        self.size = document.createTextNode("")
        price = el("span", {"class": "level-price"})
        price.append(self.price)
        size = el("span", {"class": "level-size"})
        size.append(self.size)
        attrs = {"type": "button", "class": f"level {side}", "data-index": str(index), "tabindex": "-1", "hidden": True}
        self.button = el("button", attrs, price, size)
        self.bar = self.button.style
        self.drawn: list = ["", "", -1.0]
        self.shown = False
        self.mine = False

    def draw(self, level: list | None, mine: bool) -> None:
        if (level is not None) != self.shown:
            self.shown = level is not None
            self.button.hidden = not self.shown
        if level is None:
            return
        drawn = self.drawn
        if level[0] != drawn[0]:
            self.price.data = level[0]
        if level[1] != drawn[1]:
            self.size.data = level[1]
        if level[2] != drawn[2]:
            self.bar.backgroundSize = f"{level[2] * 100:.1f}% 18px"
        self.drawn = level
        if mine != self.mine:
            self.mine = mine
            self.button.classList.toggle("mine", mine)
            self.button.title = "Your order rests here" if mine else ""


class BookView:
    """Owns its panel; follows the instrument in focus."""

    title = "Book"

    def __init__(self, ctx: Any) -> None:
        self._store = ctx.store
        self._fits = _LEVELS
        self._book: dict | None = None
        self._own: dict[str, set[str]] = {"buy": set(), "sell": set()}
        self._current: tuple[str, int] = ("bid", 0)
        self._levels = {side: [_Level(side, index) for index in range(_LEVELS)] for side in ("ask", "bid")}
        self._sides = {
            "ask": el("div", {"class": "book-side asks", "role": "group", "aria-label": "Asks, best last: price and size"}),
            "bid": el("div", {"class": "book-side bids", "role": "group", "aria-label": "Bids, best first: price and size"}),
        }
        for side, holder in self._sides.items():
            holder.append(*[level.button for level in self._levels[side]])
        self._spread = el("span", {"class": "book-spread-value num"}, "–")
        self._bps = el("span", {"class": "book-bps num"})
        self._micro = el("span", {"class": "num", "title": "Microprice: the middle, weighted by the size on the other side of the best prices"}, "–")
        self._lean = el("span", {"class": "num book-lean", "title": "Imbalance of the best five levels: + more bids, − more asks"}, "–")
        self._figures = ("–", "", "–", "–")
        self._state = el("span", {"class": "book-state", "role": "status"}, "Waiting for the book")
        self._price_head, self._size_head = el("span", None, "Price"), el("span", None, "Size")
        middle = el("div", {"class": "book-spread"}, el("span", None, "Spread "), self._spread, self._bps)
        self._depth = Depth(ctx, "Depth", self._micro, self._lean)
        self.root = el(
            "div",
            {"class": "book", "data-state": "syncing"},
            el("div", {"class": "book-head", "aria-hidden": "true"}, self._price_head, self._size_head),
            self._sides["ask"],
            middle,
            self._sides["bid"],
            self._depth.root,
            el("p", {"class": "book-foot"}, self._state),
        )
        self._levels["bid"][0].button.tabIndex = 0
        self._pressed: tuple[tuple[str, int], str] | None = None
        listen(self.root, "pointerdown", self._press)
        listen(self.root, "click", self._click)
        listen(self.root, "keydown", self._keydown)
        listen(self.root, "focusin", self._focusin)
        ResizeObserver.new(create_proxy(self._resized)).observe(self._sides["ask"])
        self._ladder: Any = None
        self._switch = by_id("ladder-switch")
        listen(self._switch, "click", lambda _event: self._toggle_ladder(ctx))
        ctx.keys.bind("l", "Price ladder or book", lambda: self._toggle_ladder(ctx), "Desk")
        ctx.store.on_tick("book", self._take)
        ctx.store.subscribe("focus", self._focus)
        ctx.store.subscribe("orders", lambda _message: self._orders())
        self._focus((ctx.store.symbol, ctx.store.timeframe))
        self._orders()

    def _toggle_ladder(self, ctx: Any) -> None:
        """The ladder in the book's place, or the book again."""
        if self._ladder is None:
            from .ladder import LadderView

            self._ladder = LadderView(ctx)
            self.root.after(self._ladder.root)
        opens = bool(self._ladder.root.hidden)
        self.root.hidden, self._ladder.root.hidden = opens, not opens
        self._switch.setAttribute("aria-pressed", "true" if opens else "false")
        self.root.closest(".at-depth").dataset.ladder = "true" if opens else "false"  # it takes the place of the trades too
        if opens:
            self._ladder.shown()
        else:
            self._ladder.hidden()

    def _focus(self, focus: tuple) -> None:
        instrument = self._store.instrument
        if self._book is not None and self._book["symbol"] != focus[0]:
            self._book = None
            self._draw()
        if instrument is not None:
            set_text(self._price_head, f"Price {instrument['quote']}")
            set_text(self._size_head, f"Size {instrument['base']}")
            if self._book is None:
                self._say("syncing", f"Waiting for the book of {instrument['symbol']}")
        self._orders()

    def _orders(self) -> None:
        own: dict[str, set[str]] = {"buy": set(), "sell": set()}
        for row in self._store.orders.values():
            resting = row["status"] in ("accepted", "partially_filled") and row["price"]
            if row["symbol"] == self._store.symbol and resting:
                own[row["side"]].add(_bare(row["price"]))
        if own != self._own:
            self._own = own
            self._draw()

    def _take(self, book: dict) -> None:
        if book["symbol"] != self._store.symbol:
            return
        self._book = book
        self._draw()
        lean = book["imbalance"]
        texts = (
            book["spread"] or "–",
            f" · {book['spread_bps']} bps" if book["spread_bps"] else "",
            book["microprice"] or "–",
            "–" if lean is None else f"{'+' if lean > 0 else '−' if lean < 0 else ''}{abs(lean)} %",
        )
        if texts != self._figures:
            for node, text, before in zip((self._spread, self._bps, self._micro, self._lean), texts, self._figures, strict=True):
                if text != before:
                    set_text(node, text)
            self._figures = texts
        self._depth.moved()
        words = _STATE_WORDS.get(book["state"], book["state"])
        self._say(book["state"], f"{words}: {book['reason']}" if book.get("reason") else words)

    def _say(self, state: str, text: str) -> None:
        if self.root.dataset.state != state:
            self.root.dataset.state = state
        if self._state.textContent != text:
            self._state.textContent = text

    def _draw(self) -> None:
        book = self._book or {"asks": [], "bids": []}
        for side, key, own in (("ask", "asks", self._own["sell"]), ("bid", "bids", self._own["buy"])):
            rows = book[key]
            count = min(len(rows), self._fits)
            for index, level in enumerate(self._levels[side]):
                if index < count:
                    row = rows[index]
                    level.draw(row, bool(own) and _bare(row[0]) in own)
                elif level.shown:
                    level.draw(None, False)

    def _resized(self, entries: Any, _observer: Any) -> None:
        height = entries[0].contentRect.height
        fits = max(1, min(_LEVELS, int(height // _ROW_PX))) if height else _LEVELS
        if fits != self._fits:
            self._fits = fits
            self._draw()

    def _level_of(self, event: Any) -> tuple[str, int] | None:
        button = event.target.closest("button.level")
        if not button:
            return None
        return ("ask" if button.classList.contains("ask") else "bid"), int(button.dataset.index)

    def _press(self, event: Any) -> None:
        """Remember the price under the finger: the ladder may move before it is lifted."""
        found = self._level_of(event)
        self._pressed = found and (found, self._levels[found[0]][found[1]].drawn[0])

    def _click(self, event: Any) -> None:
        found = self._level_of(event)
        pressed, self._pressed = self._pressed, None
        if found is None:
            return
        shown = pressed[1] if pressed and pressed[0] == found else self._levels[found[0]][found[1]].drawn[0]
        price = plain(shown)
        self._store.publish("ticket", {"price": price, "type": "limit", "focus": True})
        self._store.publish("pane", "trade")

    def _focusin(self, event: Any) -> None:
        found = self._level_of(event)
        if found is not None and found != self._current:
            self._levels[self._current[0]][self._current[1]].button.tabIndex = -1
            self._levels[found[0]][found[1]].button.tabIndex = 0
            self._current = found

    def _keydown(self, event: Any) -> None:
        """Arrows walk the ladder from the worst ask on top to the worst bid at the bottom."""
        found = self._level_of(event)
        step = {"ArrowUp": -1, "ArrowDown": 1}.get(event.key)
        if found is None or step is None:
            return
        event.preventDefault()
        asks = [("ask", index) for index, level in enumerate(self._levels["ask"]) if level.shown]
        bids = [("bid", index) for index, level in enumerate(self._levels["bid"]) if level.shown]
        ladder = asks[::-1] + bids
        if found in ladder:
            place = min(len(ladder) - 1, max(0, ladder.index(found) + step))
            side, index = ladder[place]
            self._levels[side][index].button.focus()


def _bare(text: str) -> str:
    text = plain(text)
    return text.rstrip("0").rstrip(".") if "." in text else text
