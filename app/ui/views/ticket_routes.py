"""Where an order of the ticket may be routed: several live venues may list the same thing, and the desk knows which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ticket_rules as rules


class TicketRoutes:
    """``changed()`` is called when another route is chosen or others can be."""

    def __init__(self, ctx: Any, form: Any, changed: Callable[[], None]) -> None:
        self._ctx, self._form, self._changed = ctx, form, changed
        self._symbol: str | None = None
        self._listings: list[list[str]] = []
        for name, words in rules.ROUTE_WORDS.items():
            ctx.keys.bind("", f"Route orders: {words.lower()}", lambda name=name: self._choose(name), "Ticket")

    def offer(self, symbol: str | None) -> None:
        """The routes of this instrument."""
        self._symbol = symbol
        self._form.offer_routes(next((names for names in self._listings if symbol in names), []))

    def ask(self) -> None:
        """Ask the desk which listings are the same thing, where there can be any; while it takes orders."""
        rows = self._ctx.store.instruments.values()
        replayed = (self._ctx.store.hello or {}).get("capabilities", {}).get("replay", True)
        if not replayed and len({row["venue"] for row in rows}) > 1:
            self._ctx.errors.run("Ticket", self._find(), lambda _error: None)

    async def _find(self) -> None:
        self._listings = (await self._ctx.link.ask("routing"))["listings"]
        self.offer(self._symbol)
        self._changed()

    def _choose(self, name: str) -> None:
        if not self._form.routes and name != "this":
            self._form.say("amber", "Only one venue lists this instrument: there is nothing to choose.")
            return
        self._form.set("route", name)
        self._changed()
