"""Several accounts on one desk: which one orders are for, and all of them beside each other."""

from __future__ import annotations

from typing import Any

from js import document

from .. import account_words as words
from ..dom import by_id, el, listen, set_text
from ..equity_curve import money
from ..format import direction, minus, signed
from .vault_fields import refill, row, table


class AccountChoice:
    """A select in the head of the ticket, and a command for each account. There only where there are several."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._names: list[str] = []
        self._select = el("select", {"class": "account-choose", "data-testid": "account-choose", "aria-label": "Account that orders are for"})
        head = document.querySelector('[data-panel="ticket"] > .panel-head')
        head.querySelector(".grow").after(self._select)
        listen(self._select, "change", lambda _event: choose(ctx, str(self._select.value)))
        ctx.store.subscribe("accounts", self._draw)
        self._draw(ctx.store.accounts)

    def _draw(self, message: dict) -> None:
        names = [each["name"] for each in message["rows"]]
        if names != self._names:
            self._names = names
            refill(self._select, *(el("option", {"value": each["name"]}, words.option(each)) for each in message["rows"]))
            for each in message["rows"]:
                self._ctx.keys.bind("", f"Account: {each['title']}", lambda name=each["name"]: choose(self._ctx, name), "Ticket")
        if str(self._select.value) != message["shown"]:
            self._select.value = message["shown"]
        shown = next(each for each in message["rows"] if each["name"] == message["shown"])
        self._select.setAttribute("data-real", "true" if shown["real"] else "false")
        set_text(by_id("equity-name"), f"{shown['title']} equity")


class AccountsCard:
    """All accounts in a table, and what they are worth together. ``root`` is hidden while there is only one."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._place = el("div")
        self._total = el("p", {"class": "hint", "data-testid": "accounts-total"})
        self._drawn = ""
        self.root = el(
            "section", {"class": "card portfolio-wide", "aria-label": "Accounts", "hidden": True}, el("h2", None, "Accounts"), self._place, self._total
        )
        listen(self._place, "click", self._click)
        ctx.store.subscribe("accounts", self._draw)
        self._draw(ctx.store.accounts)

    def _draw(self, message: dict | None) -> None:
        if message is None or repr(message) == self._drawn or self._ctx.router.current != "portfolio":
            return
        self._drawn = repr(message)
        self.root.hidden = False
        focused = document.activeElement
        held = str(focused.dataset.choose) if focused is not None and self._place.contains(focused) and focused.dataset.choose else ""
        heads = ("Account", ("Equity", "num"), ("Cash", "num"), ("Day P&L", "num"), ("Working orders", "num"), ("Positions", "num"), "Orders", "")
        refill(self._place, table(heads, [self._row(each, message["shown"]) for each in message["rows"]], "Accounts of this desk"))
        if held and (again := self._place.querySelector(f'[data-choose="{held}"]')) is not None:
            again.focus()
        set_text(self._total, words.total(message))

    def _row(self, each: dict, shown: str) -> Any:
        number = {"class": "num"}
        way = direction(minus(each["day_pnl"])) if each["day_pnl"] else 0
        chosen = each["name"] == shown
        about = {"data-choose": each["name"], "data-testid": "account-show", "aria-pressed": "true" if chosen else "false"}
        press = el("button", {"type": "button", "class": "btn btn-quiet", **about}, "Shown" if chosen else "Show")
        made = row(
            words.option(each),
            (words.amount(each["equity"], each["currency"]), number),
            (words.amount(each["cash"], each["currency"]), number),
            (signed(money(each["day_pnl"])), {"class": "num", "data-tone": "up" if way > 0 else "down" if way < 0 else ""}),
            (str(each["orders"]), number),
            (str(each["positions"]), number),
            words.orders(each),
            press,
        )
        made.setAttribute("data-testid", "account-row")
        made.setAttribute("data-account", each["name"])
        return made

    def _click(self, event: Any) -> None:
        pressed = event.target.closest("[data-choose]")
        if pressed is not None:
            choose(self._ctx, str(pressed.dataset.choose))

    def shown(self) -> None:
        """The route appears."""
        self._drawn = ""
        self._draw(self._ctx.store.accounts)


def choose(ctx: Any, name: str) -> None:
    """Show another account."""
    ctx.errors.run("Accounts", ctx.link.ask("account.choose", account=name))
