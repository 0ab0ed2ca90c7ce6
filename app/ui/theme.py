"""Theme (dark, light, as the system), density and the colour-blind pair: attributes on the root element, kept.

The theme has its own key in localStorage because the boot module sets it before Python is there.
"""

from __future__ import annotations

from typing import Any

from js import document, localStorage
from pyodide.ffi import JsException

THEMES = ("system", "dark", "light")
_THEME_KEY = "kontor.theme"


class Theme:
    """Applies and remembers how the page looks."""

    def __init__(self, prefs: Any, changed: Any) -> None:
        self._prefs = prefs
        self._changed = changed
        self._root = document.documentElement
        self._attribute("theme", prefs.get("theme"))
        self._attribute("density", prefs.get("density"))
        self._attribute("pair", prefs.get("pair"))

    def bind(self, keys: Any) -> None:
        """Offer the settings as commands."""
        for name in THEMES:
            title = "Theme: as the system" if name == "system" else f"Theme: {name}"
            keys.bind("", title, lambda name=name: self.set_theme(name), "Look")
        keys.bind("mod+shift+l", "Switch between dark and light", self.toggle, "Look")
        keys.bind("", "Rows: dense or comfortable", lambda: self._flip("density", "comfortable"), "Look")
        keys.bind("", "Direction in blue and orange, or green and red", lambda: self._flip("pair", "blue-orange"), "Look")

    def set_theme(self, name: str) -> None:
        """dark, light or system."""
        value = None if name == "system" else name
        self._prefs.put("theme", value)
        self._attribute("theme", value)
        try:
            if value:
                localStorage.setItem(_THEME_KEY, value)
            else:
                localStorage.removeItem(_THEME_KEY)
        except JsException:
            self._prefs.kept = False
        self._changed()

    def toggle(self) -> None:
        """Dark to light and back, whatever the system says."""
        from js import matchMedia

        shown = self._prefs.get("theme") or ("light" if matchMedia("(prefers-color-scheme: light)").matches else "dark")
        self.set_theme("dark" if shown == "light" else "light")

    def _flip(self, name: str, value: str) -> None:
        kept = None if self._prefs.get(name) == value else value
        self._prefs.put(name, kept)
        self._attribute(name, kept)
        self._changed()

    def _attribute(self, name: str, value: str | None) -> None:
        if value:
            self._root.setAttribute(f"data-{name}", value)
        else:
            self._root.removeAttribute(f"data-{name}")
