"""Where panels are: splitters that resize and remember, the tabs of the bottom panel, panes on narrow screens.

Sizes are custom properties on the root element, in CSS pixels; nothing here reads or writes panel contents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import document, matchMedia, window

from .dom import by_id, listen, set_text

_SPLITS = {
    # name: (property, default px, least, most, +1 when dragging right or down makes it larger)
    "watch": ("--watch-width", 384, 200, 520, 1),
    "book": ("--book-width", 232, 200, 420, -1),
    "bottom": ("--bottom-height", 232, 120, 560, -1),
}
_STEP = 16
TABS = ("orders", "positions", "fills")
_WIDE = "(min-width: 1280px)"
PANES = ("market", "chart", "trade", "positions")


class Layout:
    """Panel sizes, the chosen tab and the chosen pane."""

    def __init__(self, ctx: Any, more: Callable[[], None]) -> None:
        self._ctx = ctx
        self._more = more
        self._root = document.documentElement
        self._desk = by_id("view-desk")
        self._sizes: dict[str, float] = {}
        self._drag: tuple[str, float, float] | None = None
        self._wide = matchMedia(_WIDE)
        self.tab = "orders"
        self.tab_views: dict[str, Any] = {}
        for name in _SPLITS:
            self._size(name, ctx.prefs.get(f"split.{name}", _SPLITS[name][1]))
        listen(self._desk, "pointerdown", self._grab)
        listen(self._desk, "keydown", self._keydown)
        listen(self._desk, "click", self._click)
        listen(document.querySelector(".panes"), "click", self._pane_click)
        listen(window, "pointermove", self._move)
        listen(window, "pointerup", self._drop)
        listen(window, "pointercancel", self._drop)
        listen(self._wide, "change", lambda _event: self.show_tab(self.tab))
        ctx.store.subscribe("badge", self._badge)
        ctx.store.subscribe("pane", self.show_pane)
        ctx.store.subscribe("tab", self.show_tab)
        ctx.store.subscribe("route", lambda _route: self._mark_bar())
        self.show_tab(ctx.prefs.get("tab", "orders"))
        self.show_pane(ctx.prefs.get("pane", "market"))

    def show_tab(self, name: str) -> None:
        """Bring a tab of the bottom panel forward; on wide screens positions always stand beside it."""
        if name not in TABS:
            return
        wide = self._wide.matches
        if wide and name == "positions":
            name = self.tab if self.tab != "positions" else "orders"
        before = self.tab_views.get(self.tab)
        if name != self.tab and hasattr(before, "hidden"):
            before.hidden()
        self.tab = name
        for tab in TABS:
            chosen = tab == name
            button = by_id(f"tab-{tab}")
            button.setAttribute("aria-selected", "true" if chosen else "false")
            button.tabIndex = 0 if chosen else -1
            beside = wide and tab == "positions"
            button.hidden = beside
            by_id(f"tabpanel-{tab}").hidden = not (chosen or beside)
        self._ctx.prefs.put("tab", name)
        view = self.tab_views.get(name)
        if hasattr(view, "shown"):
            view.shown()

    def show_pane(self, name: str) -> None:
        """Choose what a narrow screen shows; wide screens show everything."""
        if name not in PANES:
            return
        if self._ctx.router.current != "desk":
            self._ctx.router.go("desk")
        self._desk.setAttribute("data-pane", name)
        self._mark_bar()
        self._ctx.prefs.put("pane", name)

    def _mark_bar(self) -> None:
        """The bar of a narrow screen marks the pane that shows, on every other page More, which leads there."""
        shown = self._desk.getAttribute("data-pane") if self._ctx.router.current == "desk" else "more"
        buttons = document.querySelectorAll(".panes > button")
        for index in range(buttons.length):
            button = buttons.item(index)
            button.setAttribute("aria-pressed", "true" if button.getAttribute("data-pane") == shown else "false")

    def reset(self) -> None:
        """All panels back to their first sizes."""
        for name, (_prop, default, *_rest) in _SPLITS.items():
            self._size(name, default)
            self._ctx.prefs.put(f"split.{name}", None)

    def _badge(self, value: tuple[str, int]) -> None:
        name, count = value
        badges = document.querySelectorAll(f'[data-badge="{name}"]')
        for index in range(badges.length):
            set_text(badges.item(index), f"{count:,}" if count else "")

    def _size(self, name: str, pixels: float) -> None:
        prop, _default, least, most, _sign = _SPLITS[name]
        size = max(least, min(most, round(pixels)))
        self._sizes[name] = size
        self._root.style.setProperty(prop, f"{size}px")
        handle = document.querySelector(f'[data-split="{name}"]')
        for attribute, value in (("valuenow", size), ("valuemin", least), ("valuemax", most)):
            handle.setAttribute(f"aria-{attribute}", str(value))

    def _grab(self, event: Any) -> None:
        name = event.target.getAttribute("data-split")
        if name in _SPLITS:
            horizontal = name != "bottom"
            self._drag = (name, event.clientX if horizontal else event.clientY, self._sizes[name])
            event.target.setAttribute("data-active", "")
            event.preventDefault()

    def _move(self, event: Any) -> None:
        if self._drag is None:
            return
        name, start, size = self._drag
        here = event.clientY if name == "bottom" else event.clientX
        self._size(name, size + (here - start) * _SPLITS[name][4])

    def _drop(self, _event: Any) -> None:
        if self._drag is None:
            return
        name = self._drag[0]
        self._drag = None
        document.querySelector(f'[data-split="{name}"]').removeAttribute("data-active")
        self._ctx.prefs.put(f"split.{name}", self._sizes[name])

    def _keydown(self, event: Any) -> None:
        name = event.target.getAttribute("data-split")
        if name in _SPLITS:
            step = {"ArrowRight": 1, "ArrowDown": 1, "ArrowLeft": -1, "ArrowUp": -1}.get(event.key)
            if step:
                self._size(name, self._sizes[name] + step * _STEP * _SPLITS[name][4])
                self._ctx.prefs.put(f"split.{name}", self._sizes[name])
                event.preventDefault()
            return
        tab = event.target.getAttribute("data-tab")
        if tab in TABS and event.key in ("ArrowLeft", "ArrowRight", "Home", "End"):
            tabs = [name for name in TABS if not by_id(f"tab-{name}").hidden]
            at = {"Home": 0, "End": len(tabs) - 1}.get(event.key)
            if at is None:
                at = (tabs.index(tab) + (1 if event.key == "ArrowRight" else -1)) % len(tabs)
            self.show_tab(tabs[at])
            by_id(f"tab-{tabs[at]}").focus()
            event.preventDefault()

    def _click(self, event: Any) -> None:
        button = event.target.closest("[data-tab]")
        if button:
            self.show_tab(button.getAttribute("data-tab"))

    def _pane_click(self, event: Any) -> None:
        button = event.target.closest("button")
        if not button:
            return
        name = button.getAttribute("data-pane")
        if name == "more":
            self._more()
        else:
            self.show_pane(name)
