"""Which charts stand on the page of charts, and how: one to eight in 1, 2, 4, 6 or 8 places, each linked to the focus or pinned.

Pure: knows neither the page nor the desk. What is remembered of it is ``state()``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .frames import FRAMES

LAYOUTS = (1, 2, 4, 6, 8)
COLUMNS = {1: 1, 2: 2, 4: 2, 6: 3, 8: 4}
MOST = LAYOUTS[-1]
COMMANDS = (
    ("c a", "Charts: add a chart", "add"),
    ("c x", "Charts: remove the current chart", "remove"),
    ("c l", "Charts: link the current chart to the focus, or pin it", "link"),
    ("c n", "Charts: next chart", "next"),
    ("c p", "Charts: previous chart", "previous"),
    *((f"c {count}", f"Charts: {count} {'place' if count == 1 else 'places'}", str(count)) for count in LAYOUTS),
)
"""Keys, title and name of what the page of charts can be told to do."""
_FIRST = ("1s", "1m", "5m", "15m")


@dataclass(slots=True)
class Cell:
    """One chart. ``symbol`` None: it is linked and shows the instrument in focus."""

    id: str
    symbol: str | None = None
    timeframe: str = "1m"
    indicators: list[dict] = field(default_factory=list)


class Grid:
    """The charts in their order, the number of places, and which chart is the current one."""

    def __init__(self) -> None:
        self.cells = [Cell(f"c{number}", None, frame) for number, frame in enumerate(_FIRST, 1)]
        self.places = 4
        self.current = "c1"

    @classmethod
    def remembered(cls, state: Any) -> Grid:
        """As it was when last seen; what cannot be read is left out."""
        grid = cls()
        rows = state.get("cells") if isinstance(state, dict) else None
        if not isinstance(rows, list):
            return grid
        cells = [cell for row in rows if isinstance(row, dict) and (cell := _cell(row)) is not None]
        cells = list({cell.id: cell for cell in cells}.values())[:MOST]
        if cells:
            grid.cells = cells
            grid.places = _fitting(max(len(cells), state["places"] if state.get("places") in LAYOUTS else 1))
            grid.choose(str(state.get("current")))
            grid.choose(grid.current if grid.has(grid.current) else cells[0].id)
        return grid

    def state(self) -> dict:
        """What to remember."""
        rows = [{"id": cell.id, "symbol": cell.symbol, "timeframe": cell.timeframe, "indicators": cell.indicators} for cell in self.cells]
        return {"places": self.places, "current": self.current, "cells": rows}

    def has(self, name: str) -> bool:
        """Whether there is such a chart."""
        return any(cell.id == name for cell in self.cells)

    def choose(self, name: str) -> None:
        """Make a chart the current one; commands go to it."""
        if self.has(name):
            self.current = name

    def add(self, symbols: Iterable[str] = (), timeframe: str = "1m") -> Cell | None:
        """One more chart, pinned to the first of ``symbols`` that no chart is pinned to, else linked; None when there are eight."""
        if len(self.cells) >= MOST:
            return None
        pinned = {cell.symbol for cell in self.cells}
        symbol = next((symbol for symbol in symbols if symbol not in pinned), None)
        taken = {cell.id for cell in self.cells}
        name = next(f"c{number}" for number in range(1, MOST + 1) if f"c{number}" not in taken)
        cell = Cell(name, symbol, timeframe)
        self.cells.append(cell)
        self.places = max(self.places, _fitting(len(self.cells)))
        self.current = name
        return cell

    def remove(self, name: str) -> bool:
        """Take a chart away, and places that are no longer needed; the last one stays."""
        if len(self.cells) == 1 or not self.has(name):
            return False
        at = next(at for at, cell in enumerate(self.cells) if cell.id == name)
        del self.cells[at]
        self.places = _fitting(len(self.cells))
        if self.current == name:
            self.current = self.cells[min(at, len(self.cells) - 1)].id
        return True

    def arrange(self, places: int, symbols: Iterable[str] = ()) -> None:
        """So many places, each with a chart: new ones are pinned to ``symbols``, the last ones go where there are too many."""
        if places not in LAYOUTS:
            raise ValueError(f"{places} places are not offered")
        symbols, current = list(symbols), self.current
        del self.cells[places:]
        while len(self.cells) < places:
            self.add(symbols)
        self.places = places
        self.current = current if self.has(current) else self.cells[0].id

    def step(self, by: int) -> str:
        """Make the next or a former chart the current one; its name."""
        at = next(at for at, cell in enumerate(self.cells) if cell.id == self.current)
        self.current = self.cells[(at + by) % len(self.cells)].id
        return self.current


def _fitting(count: int) -> int:
    return next(places for places in LAYOUTS if places >= min(count, MOST))


def _cell(row: dict) -> Cell | None:
    name, symbol, timeframe = row.get("id"), row.get("symbol"), row.get("timeframe")
    if not isinstance(name, str) or not 0 < len(name) <= 40 or not isinstance(symbol, str | None) or timeframe not in FRAMES:
        return None
    indicators = row.get("indicators")
    return Cell(name, symbol, timeframe, indicators if isinstance(indicators, list) else [])
