"""The height of the terminal: dragged or moved by arrow keys at its upper edge, remembered."""

from __future__ import annotations

from typing import Any

from js import document, window

from ..dom import listen

_PROPERTY = "--terminal-height"
_DEFAULT, _LEAST, _LEFT = 280, 140, 160
_STEP = 16


class Height:
    """Pixels, kept between a least height and what leaves room for the view above."""

    def __init__(self, root: Any, grip: Any, prefs: Any) -> None:
        self._prefs = prefs
        self._grip = grip
        self._drag: tuple[float, float] | None = None
        self._set(prefs.get("terminal.height", _DEFAULT))
        listen(grip, "pointerdown", self._grab)
        listen(grip, "pointermove", self._move)
        listen(grip, "pointerup", self._drop)
        listen(grip, "pointercancel", self._drop)
        listen(grip, "keydown", self._keydown)

    def _set(self, height: float) -> None:
        most = max(_LEAST, int(window.innerHeight) - _LEFT)
        self._height = min(max(int(height), _LEAST), most)
        document.documentElement.style.setProperty(_PROPERTY, f"{self._height}px")
        for name, value in (("valuenow", self._height), ("valuemin", _LEAST), ("valuemax", most)):
            self._grip.setAttribute(f"aria-{name}", str(value))

    def _grab(self, event: Any) -> None:
        event.preventDefault()
        self._drag = (event.clientY, self._height)
        self._grip.setPointerCapture(event.pointerId)

    def _move(self, event: Any) -> None:
        if self._drag is not None:
            self._set(self._drag[1] + self._drag[0] - event.clientY)

    def _drop(self, _event: Any) -> None:
        if self._drag is not None:
            self._drag = None
            self._prefs.put("terminal.height", self._height)

    def _keydown(self, event: Any) -> None:
        step = {"ArrowUp": _STEP, "ArrowDown": -_STEP}.get(event.key)
        if step:
            event.preventDefault()
            self._set(self._height + step)
            self._prefs.put("terminal.height", self._height)
