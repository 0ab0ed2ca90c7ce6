"""The depth curve under the book: how much lies within so many basis points of the middle, and what a size would cost.

It is asked for only while it is open.
"""

from __future__ import annotations

from typing import Any

from js import performance

from ..dom import clear, el, listen, svg
from ..heat import area, depth_range
from ..link import Refused

_REFRESH_MS = 1_000
_WIDE, _HIGH = 200.0, 60.0


class Depth:
    """A disclosure whose summary is ``summary`` (nodes); `moved` says that the book changed."""

    def __init__(self, ctx: Any, *summary: Any) -> None:
        self._ctx = ctx
        self._asked_ms = 0.0
        self._body = el("tbody")
        heads = [el("th", {"scope": "col"}, name) for name in ("Within", "Bids", "Asks")]
        table = el("table", {"class": "table num"}, el("thead", None, el("tr", None, *heads)), self._body)
        self._hint = el("p", {"class": "hint"})
        self._size = el("input", {"id": "depth-size", "class": "input num", "inputmode": "decimal", "autocomplete": "off", "data-testid": "depth-size"})
        self._cost = el("p", {"class": "hint", "data-testid": "depth-cost"})
        scroll = el("div", {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Depth of the book"}, table)
        form = el("p", {"class": "book-cost"}, el("label", {"for": "depth-size"}, "Cost of"), self._size)
        attrs = {"class": "depth-curve", "viewBox": f"0 0 {_WIDE} {_HIGH}", "preserveAspectRatio": "none", "role": "img", "data-testid": "depth-curve"}
        self._sides = {side: svg("path", {"class": f"depth-{side}"}) for side in ("bids", "asks")}
        self._curve = svg("svg", attrs, *self._sides.values())
        self._edges = [el("span", None) for _ in range(3)]
        axis = el("p", {"class": "depth-axis hint num", "aria-hidden": "true"}, *self._edges)
        inside = el("div", {"class": "book-depth-inside"}, self._curve, axis, scroll, self._hint, form, self._cost)
        self.root = el("details", {"class": "book-depth", "data-testid": "depth"}, el("summary", None, *summary), inside)
        listen(self.root, "toggle", lambda _event: self._toggled())
        listen(self._size, "input", lambda _event: self._ask())

    def moved(self) -> None:
        """Ask anew, at most once a second, while the table can be seen."""
        if self.root.open and performance.now() - self._asked_ms > _REFRESH_MS:
            self._ask()

    def _toggled(self) -> None:
        if self.root.open:
            self._ask()

    def _ask(self) -> None:
        self._asked_ms = performance.now()
        self._ctx.errors.run("Depth", self._fill())

    async def _fill(self) -> None:
        symbol, size = self._ctx.store.symbol, str(self._size.value).strip()
        try:
            found = await self._ctx.link.ask("depth", symbol=symbol, size=size or None)
        except Refused as error:
            self._cost.textContent = error.reason
            self._size.setAttribute("aria-invalid", "true")
            return
        if symbol != self._ctx.store.symbol:
            return
        self._size.removeAttribute("aria-invalid")
        self._draw(found["curve"])
        clear(self._body)
        item = self._ctx.store.instrument or {"base": "", "quote": ""}
        for bps, bids, bids_worth, asks, asks_worth, whole in found["rows"]:
            head = el("th", {"scope": "row"}, f"{bps} bps" if whole else f"{bps} bps ≥")
            cells = [el("td", {"title": f"worth {worth} {item['quote']}"}, size) for size, worth in ((bids, bids_worth), (asks, asks_worth))]
            self._body.append(el("tr", None, head, *cells))
        short = any(not row[-1] for row in found["rows"])
        self._hint.textContent = f"Sizes in {item['base']} from the middle on." + (" ≥: the book that is sent ends before." if short else "")
        self._cost.textContent = _cost_words(found.get("cost"), size)

    def _draw(self, curve: dict) -> None:
        """Both sides of the curve, as wide to either side of the middle; the table says the same."""
        seen = depth_range(curve)
        for side, path in self._sides.items():
            path.setAttribute("d", area(curve[side], *seen, _WIDE, _HIGH) if seen else "")
        if seen is None:
            self._curve.setAttribute("aria-label", "No depth curve: a side of the book is empty.")
            return
        low, high, most = seen
        places = _places((self._ctx.store.instrument or {"tick": "0.01"})["tick"])
        texts = [f"{price:,.{places}f}" for price in (low, (low + high) / 2, high)]
        for node, text in zip(self._edges, texts, strict=True):
            node.textContent = text
        self._curve.setAttribute("aria-label", f"Depth curve from {texts[0]} to {texts[2]}, at most {most:,.6g} on a side; the table says the same.")


def _places(tick: str) -> int:
    return len(tick.rstrip("0").partition(".")[2])


def _cost_words(cost: dict | None, size: str) -> str:
    if not cost:
        return ""
    parts = []
    for side, verb in (("buy", "Buying"), ("sell", "selling")):
        one = cost[side]
        if one is None:
            return "The book is empty on a side."
        held = "" if one["filled"].replace(",", "") == size else f", of which the book holds {one['filled']}"
        parts.append(f"{verb}: {one['average']} on average, {one['slippage_bps']} bps from the middle{held}")
    return "; ".join(parts) + "."
