"""Where an order of the ticket may be routed: several venues may list the same thing, and the trader may have named several accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import answers
from .. import ticket_rules as rules
from ..order_words import account


class TicketRoutes:
    """``changed()`` is called when another route is chosen or others can be."""

    def __init__(self, ctx: Any, form: Any, changed: Callable[[], None]) -> None:
        self._ctx, self._form, self._changed = ctx, form, changed
        self._symbol: str | None = None
        self._listings: list[list[str]] = []
        self._accounts: list[dict] = []
        ctx.store.subscribe("routing", self._take)
        for name, words in rules.ROUTE_WORDS.items():
            ctx.keys.bind("", f"Route orders: {words.lower()}", lambda name=name: self._choose(name), "Ticket")

    def offer(self, symbol: str | None) -> None:
        """The routes of this instrument."""
        self._symbol = symbol
        listings = next((names for names in self._listings if symbol in names), [])
        self._form.may_be_real = any(each["real"] for each in self._accounts)
        self._form.offer_routes(listings, [account(each) for each in self._accounts])

    def ask(self) -> None:
        """Ask the desk which listings are the same thing and which accounts it may use, where there can be any; while it takes orders."""
        rows, can = self._ctx.store.instruments.values(), (self._ctx.store.hello or {}).get("capabilities", {})
        if len(can.get("accounts", ())) > 1 or (not can.get("replay", True) and len({row["venue"] for row in rows}) > 1):
            self._ctx.errors.run("Ticket", self._find(), lambda _error: None)

    async def _find(self) -> None:
        self._take(await self._ctx.link.ask("routing"))

    def _take(self, state: dict) -> None:
        self._listings = state["listings"]
        shown = ((self._ctx.store.hello or {}).get("capabilities") or {}).get("account")
        named = [each for each in state["accounts"] if each["named"]]
        self._accounts = named if len(named) > 1 and any(each["name"] == shown for each in named) else []
        self.offer(self._symbol)
        self._changed()

    def followed(self, result: dict) -> str | None:
        """The order that a press has made, to be followed; None where the router gave it to accounts, which is said here."""
        if not result.get("accounts"):
            return result["client_order_id"]
        base = (self._ctx.store.instrument or {"base": ""})["base"]
        self._form.say(*answers.sent(result, base))
        return None

    def not_found(self, fields: dict) -> str:
        """What is said of a press without an answer that left no order in this account."""
        if "route" in fields and self._accounts:
            where = ", ".join(account(each) for each in self._accounts)
            return f"No answer, and no order in this account: look in each of those that the router may use ({where})."
        return "Not sent: the desk went away before it had written the order."

    def _choose(self, name: str) -> None:
        if not self._form.routes and name != "this":
            self._form.say("amber", "Only one venue lists this instrument: there is nothing to choose.")
            return
        self._form.set("route", name)
        self._changed()
