"""Routes in the hash: which view of the page shows. Plain links do the navigation; this follows them.

A view is built when its route is first visited. The router knows names and elements, nothing about content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import document, location, window

from .dom import by_id, listen, set_text

TITLES = {
    **{"desk": "Desk", "charts": "Charts", "portfolio": "Portfolio", "risk": "Risk", "reconciliation": "Reconciliation"},
    **{"journal": "Journal", "vault": "Vault", "network": "Network", "sources": "Sources", "history": "History", "health": "Health"},
}


class Router:
    """Shows one ``#view-…`` element at a time and marks its links as current."""

    def __init__(self) -> None:
        self.current = "desk"
        self.changed: Callable[[str], None] = lambda _route: None
        self._builders: dict[str, Callable[[], Any]] = {}
        self._views: dict[str, Any] = {}
        self._mark = ""

    def bind(self, route: str, build: Callable[[], Any]) -> None:
        """Build the view of a route with ``build()`` (returning a view or None) when it is first visited."""
        self._builders[route] = build

    def start(self) -> None:
        """Follow the address bar from now on."""
        listen(window, "hashchange", lambda _event: self._follow())
        self._follow()

    def go(self, route: str) -> None:
        """Visit a route by its name."""
        location.hash = f"#/{route}"

    def view(self, route: str) -> Any:
        """The view of a route, built if it is wanted for the first time; None before its builder came."""
        if route not in self._views and route in self._builders:
            view = self._builders[route]()
            if view is not None:
                by_id(f"view-{route}").append(view.root)
            self._views[route] = view
        return self._views.get(route)

    def mark(self, words: str) -> None:
        """Say this of the whole page in its title, behind the name; empty: nothing."""
        self._mark = words
        self._say_title()

    def _say_title(self) -> None:
        document.title = f"{TITLES[self.current]} · Kontor" + (f" ({self._mark})" if self._mark else "")

    def refresh(self) -> None:
        """Build the current view if its builder came after the visit."""
        self._enter(self.current)

    def _follow(self) -> None:
        text = str(location.hash)
        if text and not text.startswith("#/"):
            return
        route = text[2:].partition("?")[0] or "desk"
        if route not in TITLES:
            route = "desk"
        before = self.current
        if before != route:
            self._tell(before, "hidden")
        self.current = route
        for name in TITLES:
            by_id(f"view-{name}").hidden = name != route
        links = document.querySelectorAll("a[data-route]")
        for index in range(links.length):
            link = links.item(index)
            if link.getAttribute("data-route") == route:
                link.setAttribute("aria-current", "page")
            else:
                link.removeAttribute("aria-current")
        self._say_title()
        set_text(by_id("view-title"), TITLES[route])
        if before != route:
            by_id("main").focus()  # before the view comes, which may want the focus in a place of its own
        self._enter(route)
        self.changed(route)

    def _enter(self, route: str) -> None:
        self.view(route)
        self._tell(route, "shown")

    def _tell(self, route: str, what: str) -> None:
        hook = getattr(self._views.get(route), what, None)
        if hook is not None:
            hook()
