"""Toasts: short news of things that finished elsewhere. Errors that belong to a field are shown there, not here.

Good and plain news go after eight seconds; warnings and errors stay until closed, with their code to copy.
"""

from __future__ import annotations

from typing import Any

from js import setTimeout
from pyodide.ffi import create_once_callable

from .dom import by_id, el, listen
from .format import refusal

_STAY_MS = 8000
_AT_MOST = 4
_WORDS = {"info": "Note", "good": "Done", "warn": "Warning", "error": "Error"}


class Toasts:
    """Owns the live region in the corner."""

    def __init__(self) -> None:
        self._root = by_id("toasts")
        listen(self._root, "click", self._click)

    def show(self, level: str, text: str, code: str = "") -> Any:
        """Show news; level is info, good, warn or error. Returns the element."""
        level = level if level in _WORDS else "info"
        toast = el(
            "div",
            {"class": f"toast toast-{level}", "data-testid": "toast", "data-level": level},
            el("strong", {"class": "toast-level"}, _WORDS[level]),
            el("span", {"class": "toast-text"}, text),
            el("code", {"class": "toast-code"}, code) if code and level in ("warn", "error") else None,
            el("button", {"type": "button", "class": "toast-close", "aria-label": "Close this message"}, "×"),
        )
        while self._root.childElementCount >= _AT_MOST:
            self._root.firstElementChild.remove()
        self._root.append(toast)
        if level in ("info", "good"):
            setTimeout(create_once_callable(lambda: toast.remove()), _STAY_MS)
        return toast

    def _click(self, event: Any) -> None:
        if event.target.closest(".toast-close"):
            event.target.closest(".toast").remove()

    def refused(self, error: Any) -> None:
        """Show a Refused answer for which no field is at hand."""
        self.show("error", refusal(error), error.code)
