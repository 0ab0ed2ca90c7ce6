"""Drawing at most once a frame, however many messages ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import document, requestAnimationFrame
from pyodide.ffi import create_proxy


class OncePerFrame:
    """Calling it asks for ``draw()`` before the next paint; at once where nothing is painted (a hidden tab), and for a message
    that resets what was there: nothing of a locked account stays for a frame."""

    def __init__(self, draw: Callable[[], None]) -> None:
        self._draw = draw
        self._asked = False
        self._proxy = create_proxy(self._frame)

    def __call__(self, message: Any = None) -> None:
        if document.hidden or (isinstance(message, dict) and message.get("reset")):
            self._asked = False
            self._draw()
        elif not self._asked:
            self._asked = True
            requestAnimationFrame(self._proxy)

    def _frame(self, _time: float) -> None:
        if self._asked:
            self._asked = False
            self._draw()
