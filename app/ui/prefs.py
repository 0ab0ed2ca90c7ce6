"""Preferences of this browser: theme, density, panel sizes, watchlists, last focus. Kept in localStorage as one JSON text.

Never secrets, orders or anything about money: those live in the vault. Where storage is refused
(private windows) preferences last as long as the page, and ``kept`` says so.
"""

from __future__ import annotations

import json
from typing import Any

from js import localStorage
from pyodide.ffi import JsException

_KEY = "kontor.prefs"


class Prefs:
    """A small dictionary that survives a reload."""

    def __init__(self) -> None:
        self.kept = True
        self._values: dict[str, Any] = self._read()

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default when never set."""
        return self._values.get(name, default)

    def put(self, name: str, value: Any) -> None:
        """Set and keep a JSON-able value; None forgets it. What other tabs have kept meanwhile stays."""
        if self._values.get(name) == value:
            return
        kept = self._read()
        for values in (self._values, kept):
            if value is None:
                values.pop(name, None)
            else:
                values[name] = value
        try:
            localStorage.setItem(_KEY, json.dumps(kept))
        except JsException:
            self.kept = False

    def _read(self) -> dict[str, Any]:
        try:
            text = localStorage.getItem(_KEY)
            values = json.loads(text) if text else {}
        except (JsException, ValueError):
            self.kept = False
            return {}
        return values if isinstance(values, dict) else {}
