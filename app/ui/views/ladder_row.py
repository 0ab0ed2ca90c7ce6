"""One rung of the ladder on the page: five cells of which only what differs is written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from js import document

from ..dom import el
from ..order_words import plural
from ..rungs import Rung
from ..ticket_rules import plain

ROW_PX = 20
CELLS = ("buys", "bid", "price", "ask", "sells")
_HINTS = {"buys": "your buy orders: press to cancel", "bid": "buy here", "price": "", "ask": "sell here", "sells": "your sell orders: press to cancel"}


class LadderRow:
    """``root`` is a grid row; ``rung`` what it shows now."""

    def __init__(self, index: int) -> None:
        self.rung: Rung | None = None
        self.cells: dict[str, Any] = {}
        self._texts = {cell: document.createTextNode("") for cell in CELLS}
        self._shown: dict[str, tuple] = {}
        self.root = el("div", {"class": "ladder-row", "role": "row", "data-index": str(index)})
        for cell in CELLS:
            first = index == 0 and cell == "price"
            node = el("button", {"type": "button", "role": "gridcell", "class": f"rung {cell}", "data-cell": cell, "tabindex": "0" if first else "-1"})
            node.append(self._texts[cell])
            self.cells[cell] = node
            self.root.append(node)

    def draw(self, rung: Rung | None, price: str, deepest: Decimal) -> None:
        """Show a rung; ``deepest`` is the largest size on the ladder, for the bars."""
        self.rung = rung
        self._put("price", price, price or "No price yet", 0.0)
        for side in ("bid", "ask"):
            size = getattr(rung, side) if rung is not None else Decimal(0)
            text = short(size) if size else ""
            self._put(side, text, f"{price}, {_HINTS[side]}{f', {text} in the book' if text else ''}", round(float(size / deepest), 2))
        for side in ("buys", "sells"):
            own = getattr(rung, side) if rung is not None else []
            total = sum((left for _order, left in own), Decimal(0))
            hint = f"{price}, {plural(len(own), 'order')} of yours, {plain(total)}: press to cancel" if own else f"{price}, no order of yours"
            self._put(side, short(total) if own else "", hint, 0.0)

    def _put(self, cell: str, text: str, label: str, bar: float) -> None:
        now, before = (text, label, bar), self._shown.get(cell)
        if now == before:
            return
        self._shown[cell] = now
        node = self.cells[cell]
        if before is None or text != before[0]:
            self._texts[cell].data = text
        node.setAttribute("aria-label", label)
        if before is None or bar != before[2]:
            node.style.backgroundSize = f"{bar * 100:.0f}% 18px"


def short(size: Decimal) -> str:
    """A size in at most about six characters; the exact one is in the book."""
    if size >= 1_000_000:
        return f"{size / 1_000_000:.1f}M"
    if size >= 10_000:
        return f"{size / 1_000:.1f}k"
    places = 0 if size >= 1_000 else 2 if size >= 10 else 4
    near = round(size, places)
    return plain(near) if near else "<0.0001"
