"""The choice of bars in a chart's head: buttons for the usual time frames and a list for all others, or one list where room is short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dom import el, listen
from ..frames import MORE_FRAMES, TIMEFRAMES
from .bars import frame_text


class FrameChoice:
    """``nodes`` go into the head of the chart; ``choose(timeframe)`` takes what was chosen. ``narrow``: one list, no buttons."""

    def __init__(self, choose: Callable[[str], None], *, narrow: bool = False) -> None:
        self._choose, self._narrow = choose, narrow
        groups = {"Usual": TIMEFRAMES, **MORE_FRAMES} if narrow else MORE_FRAMES
        lists = [el("optgroup", {"label": group}, *(el("option", {"value": name}, frame_text(name)) for name in names)) for group, names in groups.items()]
        label = "Kind of bars" if narrow else "More kinds of bars"
        attrs = {"class": "chart-more", "aria-label": label, "data-testid": "chart-frame" if narrow else "chart-more"}
        self._more = el("select", attrs, None if narrow else el("option", {"value": ""}, "More"), *lists)
        listen(self._more, "change", lambda _event: self._more.value and choose(str(self._more.value)))
        self._buttons = el("div", {"class": "seg", "role": "group", "aria-label": "Time frame"})
        for name in TIMEFRAMES:
            self._buttons.append(el("button", {"type": "button", "data-timeframe": name, "aria-pressed": "false"}, name))
        listen(self._buttons, "click", self._pick)
        self.nodes = (self._more,) if narrow else (self._buttons, self._more)

    def show(self, timeframe: str) -> None:
        """Mark the one that the chart shows."""
        if self._narrow:
            self._more.value = timeframe
            return
        buttons = self._buttons.children
        for index, name in enumerate(TIMEFRAMES):
            buttons.item(index).setAttribute("aria-pressed", "true" if name == timeframe else "false")
        self._more.value = "" if timeframe in TIMEFRAMES else timeframe

    def _pick(self, event: Any) -> None:
        name = event.target.getAttribute("data-timeframe")
        if name:
            self._choose(name)
