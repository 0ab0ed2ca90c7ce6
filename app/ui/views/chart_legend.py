"""The line over a chart that says what a bar is: its time, prices, volume and change. Only texts that differ are written."""

from __future__ import annotations

from typing import Any

from ..dom import el, set_text

_PARTS = (("open", "O"), ("high", "H"), ("low", "L"), ("close", "C"), ("volume", "V"), ("change", ""))


class ChartLegend:
    """One line; ``root`` is its element."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._nodes: dict[str, Any] = {"time": el("span", {"class": "legend-time"})}
        self.root = el("div", {"class": "chart-legend", "aria-hidden": "true"}, self._nodes["time"])
        for name, letter in _PARTS:
            self._nodes[name] = el("span", {"class": f"legend-value legend-{name}"}, "")
            self.root.append(el("span", {"class": "legend-part"}, f"{letter} " if letter else None, self._nodes[name]))

    def show(self, texts: dict[str, str], tone: str = "flat") -> None:
        """Texts by part (open, high, low, close, volume, change, time); a part that is not there is empty."""
        for name, node in self._nodes.items():
            text = texts.get(name, "")
            if self._shown.get(name) != text:
                self._shown[name] = text
                set_text(node, text)
        if self._shown.get("tone") != tone:
            self._shown["tone"] = tone
            self._nodes["change"].className = f"legend-value legend-change {tone}"
