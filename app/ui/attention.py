"""How much the trader attends to the page: at work, not touching it, or looking elsewhere. Tells the desk worker on change.

While somebody is at work, a movement is noticed about once in ten seconds; in between nothing listens.
"""

from __future__ import annotations

from typing import Any

from js import clearTimeout, document, setTimeout, window
from pyodide.ffi import create_proxy, to_js

_SIGNS = ("pointermove", "pointerdown", "keydown", "wheel", "focus", "touchstart")
_AT_WORK_MS = 10_000
_PATIENCE_MS = 5_000


class Attention:
    """One per page. ``state`` is active, resting or hidden."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self.state = "active"
        self._timer: Any = None
        self._listening = False
        self._sign = create_proxy(lambda _event: self._touched())
        self._wait = create_proxy(self._listen)
        self._rest = create_proxy(self._rested)
        self._options = to_js({"capture": True, "passive": True}, dict_converter=window.Object.fromEntries)
        link.on("again", lambda _message: link.tell("attend", attention=self.state))
        document.addEventListener("visibilitychange", self._sign)
        self._touched()

    def _touched(self) -> None:
        if self._listening:
            self._listening = False
            for name in _SIGNS:
                window.removeEventListener(name, self._sign, self._options)
        self._say("hidden" if document.hidden else "active")
        self._again(self._wait, _AT_WORK_MS)

    def _listen(self) -> None:
        """The next sign of work, or none for a while."""
        if not self._listening:
            self._listening = True
            for name in _SIGNS:
                window.addEventListener(name, self._sign, self._options)
        if self.state == "active":
            self._again(self._rest, _PATIENCE_MS)

    def _rested(self) -> None:
        if self.state == "active":
            self._say("resting")

    def _again(self, what: Any, after_ms: int) -> None:
        if self._timer is not None:
            clearTimeout(self._timer)
        self._timer = setTimeout(what, after_ms)

    def _say(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._link.tell("attend", attention=state)
