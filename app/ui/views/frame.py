"""Drawing at most once a frame, however many messages ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import cancelAnimationFrame, document, requestAnimationFrame
from pyodide.ffi import create_proxy

from ..dom import once


class OncePerFrame:
    """Calling it asks for ``draw()`` before the next paint; at once where nothing is painted (a hidden tab), and for a message
    that resets what was there: nothing of a locked account stays for a frame."""

    def __init__(self, draw: Callable[[], None]) -> None:
        self._draw = draw
        self._asked = False
        self._proxy = create_proxy(self._frame)
        self._next = 0
        self.close = once(self._close)
        """Draw no more."""

    def __call__(self, message: Any = None) -> None:
        if document.hidden or (isinstance(message, dict) and message.get("reset")):
            self._asked = False
            self._draw()
        elif not self._asked:
            self._asked = True
            self._next = requestAnimationFrame(self._proxy)

    def _close(self) -> None:
        cancelAnimationFrame(self._next)
        self._asked = True
        self._proxy.destroy()

    def _frame(self, _time: float) -> None:
        if self._asked:
            self._asked = False
            self._draw()
