"""One recycled row of the watchlist: six cached text nodes and what they show, so that unchanged text costs nothing."""

from __future__ import annotations

from typing import Any

from .. import format as fmt
from ..dom import el

_SAME = ("", "", "", "", "")


def _cell(name: str, testid: str | None = None, extra: str = "") -> Any:
    return el("span", {"class": f"cell-{name} {extra}".strip(), "role": "gridcell", "data-testid": testid}, fmt.NOTHING)


def template() -> Any:
    """An empty row to clone."""
    return el(
        "div",
        {"class": "watch-row", "role": "row"},
        _cell("symbol"),
        _cell("last", "last", "num"),
        _cell("change", None, "num"),
        _cell("bid", "bid", "num"),
        _cell("ask", "ask", "num"),
    )


class WatchRow:
    """Shows one symbol at one index; ``index`` is -1 while it shows none."""

    __slots__ = (
        "_age",
        "_change",
        "_change_cell",
        "_choice",
        "_flash",
        "_last_cell",
        "_texts",
        "_tone",
        "_values",
        "flashed_at",
        "index",
        "root",
        "symbol",
    )

    def __init__(self, number: int, pattern: Any) -> None:
        self.root = pattern.cloneNode(True)
        self.root.id = f"quote-{number}"
        cells = self.root.children
        self._last_cell = cells.item(1)
        self._change_cell = cells.item(2)
        # in the order symbol, bid, ask, last: as a quote has them; the change is written apart
        self._texts = [cells.item(at).firstChild for at in (0, 3, 4, 1)]
        self._change = self._change_cell.firstChild
        self._values: list[str] = list(_SAME)
        self._age: tuple[float, float] | None = None
        self._choice = (False, False)
        self._flash = ""
        self.flashed_at = 0.0
        self._tone = ""
        self.index = -1
        self.symbol = ""

    def bind(self, index: int, symbol: str, instrument: dict, height: int) -> None:
        """Show this symbol at this index from now on."""
        root = self.root
        root.style.transform = f"translateY({index * height}px)"
        root.setAttribute("aria-rowindex", str(index + 2))
        root.setAttribute("data-symbol", symbol)
        root.setAttribute("data-testid", "quote-row")
        root.title = f"{instrument['base']}/{instrument['quote']} on {instrument['venue']}"
        if self.index < 0:
            root.hidden = False
        self.index, self.symbol = index, symbol
        self.calm()

    def release(self) -> None:
        """Show nothing; the row waits for its next symbol."""
        if self.index >= 0:
            self.index, self.symbol = -1, ""
            self.root.hidden = True
            self.root.removeAttribute("data-symbol")
            self.root.removeAttribute("data-testid")

    def paint(self, quote: list | None, flash: bool, now: float) -> bool:
        """Show a quote [symbol, bid, ask, last, change_pct, direction, age_ms]; True when the last price began to flash."""
        values = self._values
        flashes = False
        if quote is None:
            quote = [self.symbol, None, None, None, None, 0, None]
        for at in range(4):
            text = quote[at] or fmt.NOTHING
            if values[at] != text:
                values[at] = text
                self._texts[at].data = text
                if at == 3 and flash and quote[5]:
                    flashes = self._begin_flash("up" if quote[5] > 0 else "down", now)
        age = quote[6]
        if age is None:
            self._age = None
            self._say_change(fmt.signed(quote[4]) if quote[4] else fmt.NOTHING, "")
        else:
            self._age = (age, now)
            self._say_change(f"stale {fmt.age(age)}", "stale")
        return flashes

    def calm(self) -> None:
        """End the flash."""
        if self._flash:
            self._flash = ""
            self._last_cell.removeAttribute("data-flash")

    def grow_older(self, now: float) -> None:
        """Count on the age of a stale quote for which nothing new comes."""
        if self._age is not None and self._age[1]:
            self._say_change(f"stale {fmt.age(self._age[0] + now - self._age[1])}", "stale")

    def choose(self, chosen: bool) -> None:
        """Mark the row of the instrument in focus."""
        if chosen != self._choice[0]:
            self._choice = (chosen, self._choice[1])
            self.root.setAttribute("aria-selected", "true" if chosen else "false")

    def mark(self, active: bool) -> None:
        """Mark the row the keyboard is on."""
        if active != self._choice[1]:
            self._choice = (self._choice[0], active)
            self.root.classList.toggle("active", active)

    def _begin_flash(self, side: str, now: float) -> bool:
        begins = not self._flash
        if self._flash != side:
            self._flash = side
            self._last_cell.setAttribute("data-flash", side)
        self.flashed_at = now
        return begins

    def _say_change(self, text: str, state: str) -> None:
        if text != self._values[4]:
            self._values[4] = text
            sign = 0 if state else fmt.direction(text)
            self._change.data = text
            tone = state or fmt.tone(sign)
            if tone != self._tone:
                self._tone = tone
                self._change_cell.className = f"cell-change num {tone}"
