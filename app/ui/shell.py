"""The shell: everything of the page that is there before any view is. Adopts the markup painted by index.html.

Owns routes, keys, palette, layout, banners and the update bar. Views come later, one by one, through ``mount``.
"""

from __future__ import annotations

from typing import Any

from js import document, kontor, window

from .chart_grid import COMMANDS
from .dom import by_id, clear, el, fill, listen
from .explain import Explain
from .frames import FRAMES
from .layout import Layout
from .theme import Theme
from .tracing import Tracing
from .views.bars import frame_text

_TYPING = ("INPUT", "TEXTAREA", "SELECT")


class Shell:
    """Makes the painted page answer clicks and keys."""

    def __init__(self, ctx: Any) -> None:
        self.ctx = ctx
        self.explain = Explain()
        self._palette: Any = None
        self._shortcuts: Any = None
        self._terminal: Any = None
        self._kill: Any = None
        self.tracing = Tracing(ctx)
        self._update = by_id("update")
        self.theme = Theme(ctx.prefs, lambda: ctx.store.publish("theme"))
        self.layout = Layout(ctx, self._more)
        self._bind_keys()
        ctx.router.start()
        listen(document, "keydown", self._keydown)
        listen(by_id("more-routes"), "click", lambda _event: self._more())
        listen(by_id("search"), "click", lambda _event: self.open_palette())
        listen(document.querySelector(".skip"), "click", self._skip)
        listen(window, "kontor:update", self._offer_update)
        listen(self._update, "click", self._update_click)
        ctx.store.subscribe("palette", self.open_palette)
        ctx.store.subscribe("terminal", lambda wanted: self.terminal.open(wanted or ""))

    def mount(self, slot: str, view: Any) -> None:
        """Put a view in place of its grey shape."""
        place = document.querySelector(f'[data-slot="{slot}"]')
        place.classList.remove("ghost", "ghost-chart")
        place.append(view.root)
        if slot in ("orders", "positions", "fills"):
            self.layout.tab_views[slot] = view
            if self.layout.tab == slot and hasattr(view, "shown"):
                view.shown()

    def failed(self, slot: str, reason: str) -> None:
        """Say in the place of a view that it did not start; the rest of the desk goes on."""
        place = document.querySelector(f'[data-slot="{slot}"]')
        place.classList.remove("ghost", "ghost-chart")
        place.append(
            el(
                "div",
                {"class": "empty", "role": "alert"},
                el("p", None, f"This panel did not start: {reason}."),
                el("p", {"class": "hint"}, "Orders and records are not touched by this. Reload the page; Health has the details."),
            )
        )

    def open_palette(self, text: str = "") -> None:
        """Open search and commands."""
        if self._palette is None:
            from .palette import Palette

            self._palette = Palette(self.ctx)
        self._palette.open(text)

    @property
    def terminal(self) -> Any:
        """The debug terminal, made when it is first wanted."""
        if self._terminal is None:
            from .terminal.view import Terminal

            self._terminal = Terminal(self.ctx, self.tracing)
        return self._terminal

    @property
    def kill(self) -> Any:
        """The kill switch, made when it is first wanted."""
        if self._kill is None:
            from .views.kill import KillSwitch

            self._kill = KillSwitch(self.ctx)
        return self._kill

    def _bind_keys(self) -> None:
        keys, router, store = self.ctx.keys, self.ctx.router, self.ctx.store
        keys.bind("mod+k", "Search instruments or commands", self.open_palette, "Anywhere")
        keys.bind("?", "List of keyboard shortcuts", self._open_shortcuts, "Anywhere")
        keys.bind("g d", "Go to the desk", lambda: router.go("desk"), "Anywhere")
        keys.bind("g c", "Go to the charts", lambda: router.go("charts"), "Anywhere")
        keys.bind("g p", "Go to the portfolio", lambda: router.go("portfolio"), "Anywhere")
        keys.bind("g r", "Go to risk", lambda: router.go("risk"), "Anywhere")
        keys.bind("mod+shift+x", "Kill switch: cancel all and halt", lambda: self.kill.open(), "Anywhere")
        keys.bind("g v", "Go to the vault", lambda: router.go("vault"), "Anywhere")
        keys.bind("g j", "Go to the journal", lambda: router.go("journal"), "Anywhere")
        keys.bind("g a", "Go to reconciliation", lambda: router.go("reconciliation"), "Anywhere")
        keys.bind("g n", "Go to the network", lambda: router.go("network"), "Anywhere")
        keys.bind("g u", "Go to the sources of prices", lambda: router.go("sources"), "Anywhere")
        keys.bind("g y", "Go to the stored history", lambda: router.go("history"), "Anywhere")
        keys.bind("g h", "Go to health", lambda: router.go("health"), "Anywhere")
        keys.bind("mod+`", "Open or close the debug terminal", lambda: self.terminal.toggle(), "Anywhere")
        keys.bind("g t", "Go to the debug terminal", lambda: self.terminal.open(), "Anywhere")
        keys.bind("b", "Open the ticket to buy", lambda: self._ticket("buy"), "Desk")
        keys.bind("s", "Open the ticket to sell", lambda: self._ticket("sell"), "Desk")
        keys.bind("g o", "Show orders", lambda: self._tab("orders"), "Desk")
        keys.bind("g i", "Show positions", lambda: self._tab("positions"), "Desk")
        keys.bind("g f", "Show fills", lambda: self._tab("fills"), "Desk")
        for frame in FRAMES:
            keys.bind("", f"Bars of {frame_text(frame)}", lambda frame=frame: store.focus(timeframe=frame), "Chart")
        for pressed, title, name in COMMANDS:
            keys.bind(pressed, title, lambda name=name: self._charts(name), "Charts")
        keys.bind("", "Reset the sizes of panels", self.layout.reset, "Look")
        self.theme.bind(keys)

    def _ticket(self, side: str) -> None:
        if self.ctx.router.current != "desk":
            self.ctx.router.go("desk")
        self.ctx.store.publish("pane", "trade")
        self.ctx.store.publish("ticket", {"side": side, "focus": True})

    def _charts(self, name: str) -> None:
        if (view := self.ctx.router.view("charts")) is not None:
            self.ctx.router.go("charts")
            view.command(name)

    def _tab(self, name: str) -> None:
        self.ctx.store.publish("pane", "positions")
        self.layout.show_tab(name)
        by_id(f"tab-{name}").focus()

    def _open_shortcuts(self) -> None:
        if self._shortcuts is None:
            from .palette import Shortcuts

            self._shortcuts = Shortcuts(self.ctx)
        self._shortcuts.open()

    def _more(self) -> None:
        router = self.ctx.router
        self.explain.open(
            "More",
            (),
            [
                ("Search", self.open_palette),
                ("Charts", lambda: router.go("charts")),
                ("Portfolio", lambda: router.go("portfolio")),
                ("Risk", lambda: router.go("risk")),
                ("Kill switch", lambda: self.kill.open()),
                ("Journal", lambda: router.go("journal")),
                ("Reconciliation", lambda: router.go("reconciliation")),
                ("Vault", lambda: router.go("vault")),
                ("Network", lambda: router.go("network")),
                ("Sources", lambda: router.go("sources")),
                ("History", lambda: router.go("history")),
                ("Debug terminal", lambda: self.terminal.open()),
                ("Health", lambda: router.go("health")),
                ("Dark or light", self.theme.toggle),
                ("Shortcuts", self._open_shortcuts),
            ],
        )

    def _keydown(self, event: Any) -> None:
        dialog = event.target.closest("dialog")
        if dialog and dialog.open:
            if event.ctrlKey or event.metaKey:
                self.ctx.keys.press(event, typing=True)
            return  # an open dialog has its own keys
        # a dialog that has just closed may still hold the focus: nobody types there
        typing = not dialog and event.target.tagName in _TYPING
        if not self.ctx.keys.press(event, typing=typing) and typing and event.key == "Escape" and not self._keeps(event):
            event.target.blur()  # out of the field: single keys are shortcuts again, and Tab goes on from there

    @staticmethod
    def _keeps(event: Any) -> bool:
        """Whether Escape is for the field itself: it ends a composition, or empties a search."""
        return event.isComposing or (event.target.type == "search" and bool(event.target.value))

    def _skip(self, event: Any) -> None:
        event.preventDefault()
        by_id("main").focus()

    def _offer_update(self, _event: Any) -> None:
        clear(self._update)
        self._update.hidden = False
        fill(
            self._update,
            None,
            el("span", {"class": "grow"}, "A new version is ready. This one stays whole until you take the new one; orders and records are kept."),
            el("button", {"type": "button", "class": "btn btn-primary", "data-do": "accept"}, "Take the new version"),
            el("button", {"type": "button", "class": "btn", "data-do": "later"}, "Later"),
        )

    def _update_click(self, event: Any) -> None:
        button = event.target.closest("[data-do]")
        if not button:
            return
        if button.getAttribute("data-do") == "accept":
            button.disabled = True
            kontor.acceptUpdate()
        else:
            self._update.hidden = True
