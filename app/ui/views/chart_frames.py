"""The choice of bars in the chart's head: buttons for the usual time frames, a list for all others."""

from __future__ import annotations

from typing import Any

from ..dom import el, listen
from ..frames import MORE_FRAMES, TIMEFRAMES
from .bars import frame_text


class FrameChoice:
    """``nodes`` go into the head of the chart; a choice goes to the store."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._buttons = el("div", {"class": "seg", "role": "group", "aria-label": "Time frame"})
        for name in TIMEFRAMES:
            self._buttons.append(el("button", {"type": "button", "data-timeframe": name, "aria-pressed": "false"}, name))
        listen(self._buttons, "click", self._pick)
        groups = []
        for group, names in MORE_FRAMES.items():
            groups.append(el("optgroup", {"label": group}, *(el("option", {"value": name}, frame_text(name)) for name in names)))
        attrs = {"class": "chart-more", "aria-label": "More kinds of bars", "data-testid": "chart-more"}
        self._more = el("select", attrs, el("option", {"value": ""}, "More"), *groups)
        listen(self._more, "change", lambda _event: self._store.focus(timeframe=str(self._more.value) or None))
        self.nodes = (self._buttons, self._more)

    def show(self, timeframe: str) -> None:
        """Mark the one that the chart shows."""
        buttons = self._buttons.children
        for index, name in enumerate(TIMEFRAMES):
            buttons.item(index).setAttribute("aria-pressed", "true" if name == timeframe else "false")
        self._more.value = "" if timeframe in TIMEFRAMES else timeframe

    def _pick(self, event: Any) -> None:
        name = event.target.getAttribute("data-timeframe")
        if name:
            self._store.focus(timeframe=name)
