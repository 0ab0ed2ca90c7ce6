"""One latency histogram as a card: bars over a logarithmic axis, with p50, p99 and the longest in words."""

from __future__ import annotations

import math

from .. import format as fmt
from ..dom import el, set_text, svg

_WIDTH, _HEIGHT, _BASE = 320, 72, 58
_BAR = 5
_FROM_MS, _TO_MS = 0.001, 10_000.0
_DECADES = round(math.log10(_TO_MS / _FROM_MS))
_LABELS = (0.001, 0.01, 0.1, 1, 10, 100, 1000)


def position(ms: float) -> float:
    """Where a duration lies on the axis, in units of the drawing."""
    share = math.log10(max(_FROM_MS, min(_TO_MS, ms)) / _FROM_MS) / _DECADES
    return 2 + share * (_WIDTH - 4)


def bars(buckets: list) -> str:
    """One SVG path of all bars; heights are the square root of the count, so that rare slow ones stay visible."""
    columns: dict[int, int] = {}
    for upper, count in buckets:
        column = int(position(upper) // _BAR)
        columns[column] = columns.get(column, 0) + count
    top = max(columns.values(), default=0)
    parts = []
    for column, count in columns.items():
        if count:
            height = max(1.5, math.sqrt(count / top) * (_BASE - 6))
            parts.append(f"M{column * _BAR} {_BASE}v-{height:.1f}h{_BAR - 1}v{height:.1f}z")
    return "".join(parts)


class HistogramCard:
    """``draw(wire)`` with the histogram as it comes in messages, or None when nothing was measured."""

    def __init__(self, title: str, meaning: str) -> None:
        self._path = svg("path", {"class": "bars"})
        self._mark = svg("line", {"class": "mark", "y1": 2, "y2": _BASE})
        picture = svg("svg", {"class": "histogram", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "img", "aria-label": title})
        picture.append(svg("line", {"class": "axis", "x1": 0, "x2": _WIDTH, "y1": _BASE, "y2": _BASE}))
        for ms in _LABELS:
            picture.append(svg("text", {"x": f"{position(ms):.0f}", "y": _HEIGHT - 3, "text-anchor": "start" if ms == _FROM_MS else "middle"}, _short(ms)))
        picture.append(self._path, self._mark)
        self._picture = picture
        self._title = title
        self._values = {name: el("b", None, fmt.NOTHING) for name in ("p50", "p99", "max", "count")}
        triple = el("p", {"class": "triple"})
        for name, node in self._values.items():
            triple.append(el("span", None, f"{name} ", node))
        self._meaning = el("p", {"class": "hint"}, f"{meaning} Nothing measured yet.")
        self._words = meaning
        self._measured = False
        self.root = el("section", {"class": "card"}, el("h2", None, title), triple, picture, self._meaning)

    def draw(self, wire: dict | None) -> None:
        """Show what was measured so far."""
        if not wire or not wire["count"]:
            self._mark.setAttribute("visibility", "hidden")
            return
        if not self._measured:
            self._measured = True
            set_text(self._meaning, self._words)
        for name, node in self._values.items():
            set_text(node, fmt.number(wire["count"]) if name == "count" else fmt.latency(wire[name]))
        self._path.setAttribute("d", bars(wire["buckets"]))
        self._mark.setAttribute("visibility", "visible")
        x = f"{position(wire['p99']):.1f}"
        self._mark.setAttribute("x1", x)
        self._mark.setAttribute("x2", x)
        self._picture.setAttribute("aria-label", f"{self._title}: p99 {fmt.latency(wire['p99'])}")


def _short(ms: float) -> str:
    if ms >= 1000:
        return f"{ms / 1000:g} s"
    return f"{ms:g} ms" if ms >= 1 else f"{ms * 1000:g} µs"
