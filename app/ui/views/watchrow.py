"""One recycled row of the watchlist: cached text nodes of the columns chosen and what they show, so that unchanged text costs nothing."""

from __future__ import annotations

from typing import Any

from .. import format as fmt
from ..dom import el, svg
from ..watch_columns import BY_KEY

_AT = {"bid": 1, "ask": 2, "last": 3}
"""Where a quote has the text of a column."""
_SIGNED = ("hour", "short")


def template(columns: tuple[str, ...]) -> Any:
    """An empty row to clone."""
    row = el("div", {"class": "watch-row", "role": "row"}, el("span", {"class": "cell-symbol", "role": "gridcell"}, fmt.NOTHING))
    for name in columns:
        kind = "" if BY_KEY[name].text else " num"
        cell = el("span", {"class": f"cell-{name}{kind}", "role": "gridcell", "data-testid": name if name in _AT else f"watch-{name}"})
        if name == "spark":
            line = svg("path", {"fill": "none", "vector-effect": "non-scaling-stroke"})
            cell.append(svg("svg", {"viewBox": "0 0 60 16", "preserveAspectRatio": "none", "role": "img", "aria-label": "No line yet"}, line))
        else:
            cell.append(fmt.NOTHING)
        row.append(cell)
    return row


class WatchRow:
    """Shows one symbol at one index; ``index`` is -1 while it shows none."""

    __slots__ = (
        "_age",
        "_cells",
        "_choice",
        "_columns",
        "_explained",
        "_flash",
        "_heard",
        "_stale",
        "_symbol_text",
        "_texts",
        "_tones",
        "_told",
        "_values",
        "flashed_at",
        "index",
        "root",
        "symbol",
    )

    def __init__(self, number: int, pattern: Any, columns: tuple[str, ...]) -> None:
        self.root = pattern.cloneNode(True)
        self.root.id = f"quote-{number}"
        cells = self.root.children
        self._symbol_text = cells.item(0).firstChild
        self._columns = columns
        self._cells = {name: cells.item(at) for at, name in enumerate(columns, 1)}
        self._texts = [(_AT[name], self._cells[name].firstChild) for name in columns if name in _AT]
        self._values: dict[int | str, str] = {}
        self._told: dict[str, Any] = {}
        self._explained: set[str] = set()
        self._age: tuple[float, float] | None = None
        self._heard: tuple[float, float] | None = None
        self._choice = (False, False)
        self._stale = False
        self._flash = ""
        self.flashed_at = 0.0
        self._tones: dict[str, str] = {}
        self.index = -1
        self.symbol = ""

    def bind(self, index: int, symbol: str, instrument: dict, height: int) -> None:
        """Show this symbol at this index from now on."""
        root = self.root
        root.style.transform = f"translateY({index * height}px)"
        root.setAttribute("aria-rowindex", str(index + 2))
        root.setAttribute("data-symbol", symbol)
        root.setAttribute("data-testid", "quote-row")
        self.describe(instrument)
        if self.index < 0:
            root.hidden = False
        self.index, self.symbol = index, symbol
        self._symbol_text.data = symbol
        if "source" in self._cells:
            self._cells["source"].firstChild.data = instrument["venue"]
        self.calm()

    def describe(self, instrument: dict) -> None:
        """What it is, for a pointer that rests on it."""
        name = f"{instrument['name']}: " if instrument.get("name") else ""
        self.root.title = f"{name}{instrument['base']}/{instrument['quote']} on {instrument['venue']}"

    def release(self) -> None:
        """Show nothing; the row waits for its next symbol."""
        if self.index >= 0:
            self.index, self.symbol = -1, ""
            self.choose(False)
            self.root.hidden = True
            self.root.removeAttribute("data-symbol")
            self.root.removeAttribute("data-testid")

    def paint(self, quote: list | None, flash: bool, now: float) -> bool:
        """Show a quote [symbol, bid, ask, last, change_pct, direction, age_ms]; True when the last price began to flash."""
        values = self._values
        flashes = False
        if quote is None:
            quote = [self.symbol, None, None, None, None, 0, None]
        for at, node in self._texts:
            text = quote[at] or fmt.NOTHING
            if values.get(at) != text:
                values[at] = text
                node.data = text
                if at == 3 and flash and quote[5] and quote[3]:
                    flashes = self._begin_flash("up" if quote[5] > 0 else "down", now)
        age = quote[6]
        self._age = None if age is None else (age, now)
        if (age is not None) != self._stale:
            self._stale = age is not None
            self.root.toggleAttribute("data-stale", self._stale)
        if age is not None:
            self._say("change", f"stale {fmt.age(age)}", "stale")
        else:
            text = fmt.signed(quote[4]) if quote[4] else fmt.NOTHING
            if values.get("change") != text:
                self._say("change", text, fmt.tone(fmt.direction(text)))
        return flashes

    def tell(self, values: dict[str, Any] | None, now: float) -> None:
        """Show what the worker told of the columns beside the quote."""
        told, values = self._told, values or {}
        for name in self._columns:
            if not BY_KEY[name].told or (name in told and told[name] == values.get(name)):
                continue
            value = told[name] = values.get(name)
            if name == "spark":
                self._draw(value)
            elif name == "age":
                self._heard = None if value is None else (value, now)
                self._say("age", fmt.NOTHING if value is None else fmt.age(value), "")
            elif isinstance(value, list):
                self._explain(name, *value)
            else:
                self._explain(name)
                text = value or fmt.NOTHING
                if name in _SIGNED and value:
                    text = fmt.signed(value)
                self._say(name, text, fmt.tone(fmt.direction(text)) if name in _SIGNED else "")

    def calm(self) -> None:
        """End the flash."""
        if self._flash:
            self._flash = ""
            if "last" in self._cells:
                self._cells["last"].removeAttribute("data-flash")

    def grow_older(self, now: float) -> None:
        """Count on the ages for which nothing new comes."""
        if self._age is not None and self._age[1]:
            self._say("change", f"stale {fmt.age(self._age[0] + now - self._age[1])}", "stale")
        if self._heard is not None and "age" in self._cells:
            self._say("age", fmt.age(self._heard[0] + now - self._heard[1]), "")

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
            self._cells["last"].setAttribute("data-flash", side)
        self.flashed_at = now
        return begins

    def _say(self, name: str, text: str, tone: str) -> None:
        cell = self._cells.get(name)
        if cell is None or self._values.get(name) == text:
            return
        self._values[name] = text
        cell.firstChild.data = text
        if tone != self._tones.get(name):
            self._tones[name] = tone
            cell.className = f"cell-{name} num {tone}".strip()

    def _explain(self, name: str, text: str = "", why: str = "") -> None:
        """Why there is no value, for a pointer and for screen readers; no longer, where nothing is said."""
        cell = self._cells[name]
        if why:
            self._say(name, text or fmt.NOTHING, "few")
            cell.title = why
            cell.setAttribute("aria-label", f"{BY_KEY[name].title}: {why}")
        elif name in self._explained:
            cell.removeAttribute("title")
            cell.removeAttribute("aria-label")
        (self._explained.add if why else self._explained.discard)(name)

    def _draw(self, line: list | None) -> None:
        cell = self._cells["spark"]
        drawing = cell.firstChild
        path, words = line or ("", "No line yet")
        drawing.firstChild.setAttribute("d", path)
        drawing.setAttribute("aria-label", words)
        cell.title = words
        tone = "up" if "(+" in words else "down" if f"({fmt.MINUS}" in words else "flat"
        if tone != self._tones.get("spark"):
            self._tones["spark"] = tone
            cell.className = f"cell-spark num {tone}"
