"""The router's rules, the accounts that it may use, and the venues' paper fees, as a card of the risk page. Hidden where nothing can be routed."""

from __future__ import annotations

from typing import Any

from ..dom import el, listen
from ..format import refusal
from ..link import Refused
from ..order_words import account

_WORDS = {"": "no rule", "prefer": "prefer", "avoid": "avoid", "never": "never"}
_NUMBERS = (
    ("max_share", "Largest share of one venue (%)", "Of a split; empty: any"),
    ("max_slippage_bps", "Most slippage (bps)", "Of market orders, from the best price anywhere; empty: any"),
    ("prefer_bps", "A preferred venue may cost more (bps)", "Than the cheapest, fees included; empty: nothing"),
)


class RoutingRules:
    """``root`` is the card; ``shown()`` asks the desk anew."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._fields: dict[str, Any] = {}
        self._fees: dict[str, dict[str, Any]] = {}
        self._rows = el("tbody")
        heads = ("Venue", "Orders", "In force", "Your rule", "Maker bps", "Taker bps")
        table = el(
            "table", {"class": "risk-table", "aria-label": "Venues"}, el("thead", None, el("tr", None, *[el("th", None, head) for head in heads])), self._rows
        )
        self._accounts: dict[str, Any] = {}
        self._account_rows = el("div", {"class": "routing-accounts"})
        hint = "Empty, or one alone: only the account that an order is for. Orders of an account that is not chosen stay in it."
        legend = el("legend", None, "Accounts that the router may use for one order")
        self._choice = el("fieldset", {"class": "field routing-choice", "hidden": True}, legend, self._account_rows, el("p", {"class": "hint"}, hint))
        self._said = el("p", {"class": "tool-said", "role": "status", "data-testid": "routing-said"})
        numbers = el("div", {"class": "settings routing-numbers"})
        for name, label, hint in _NUMBERS:
            key = f"routing-{name}"
            self._fields[name] = el("input", {"id": key, "data-testid": key, "type": "text", "inputmode": "decimal", "class": "num"})
            numbers.append(el("div", {"class": "field"}, el("label", {"for": key}, label), self._fields[name], el("p", {"class": "hint"}, hint)))
        form = el("form", {"novalidate": True}, el("div", {"class": "risk-scroll"}, table), numbers, self._choice)
        use = el("button", {"type": "submit", "class": "btn", "data-testid": "routing-save"}, "Use these")
        form.append(el("div", {"class": "row"}, use, self._said))
        listen(form, "submit", self._save)
        why = "Where an order goes when its route is the best venue or a split. Fees are those of paper fills there, the venues' usual ones at first."
        self.root = el("section", {"class": "card", "aria-label": "Routing", "hidden": True}, el("h2", None, "Routing"), el("p", {"class": "hint"}, why), form)

    def shown(self) -> None:
        """The page appears."""
        self._ctx.errors.run("Routing", self._load(), lambda _error: None)

    async def _load(self) -> None:
        self._show(await self._ctx.link.ask("routing"), await self._ctx.link.ask("paper.settings"))

    def _show(self, state: dict, paper: dict) -> None:
        self.root.hidden = not paper["venue_fees"] and len(state["accounts"]) < 2
        self._show_accounts(state["accounts"])
        for name, _label, _hint in _NUMBERS:
            self._fields[name].value = state["rules"].get(name, "")
        self._fees = {}
        rows = []
        for venue in state["venues"]:
            name, title = venue["venue"], venue["title"]
            key = f"venue:{name}"
            field = self._fields[key] = el("select", {"data-testid": "routing-venue", "data-venue": name, "aria-label": f"Rule for {title}"})
            field.append(*[el("option", {"value": value}, word) for value, word in _WORDS.items()])
            field.value = state["rules"].get(key, "")
            cells = [
                el("th", {"scope": "row"}, title),
                el("td", None, _list(venue["orders"])),
                el("td", None, _list(venue["tifs"]).upper()),
                el("td", None, field),
            ]
            fees = self._fees[name] = {} if name in paper["venue_fees"] else None
            for rate, word in (("maker_bps", "Maker"), ("taker_bps", "Taker")):
                box = el("input", {"type": "text", "inputmode": "decimal", "class": "num", "size": "5", "aria-label": f"{word} fee of {title} in bps"})
                box.value, box.disabled = venue[rate], fees is None
                if fees is not None:
                    fees[rate] = box
                cells.append(el("td", None, box))
            rows.append(el("tr", None, *cells))
        self._rows.replaceChildren(*rows)

    def _show_accounts(self, rows: list[dict]) -> None:
        self._choice.hidden = len(rows) < 2
        self._accounts = {}
        for row in rows:
            key = f"routing-account-{row['name']}"
            self._accounts[row["name"]] = box = el("input", {"type": "checkbox", "id": key, "data-testid": "routing-account", "data-account": row["name"]})
            box.checked = row["named"]
        labels = [el("label", {"for": f"routing-account-{row['name']}"}, self._accounts[row["name"]], f" {account(row)}") for row in rows]
        self._account_rows.replaceChildren(*labels)

    def _save(self, event: Any) -> None:
        event.preventDefault()
        self._ctx.errors.run("Routing", self._send(), self._refused)

    async def _send(self) -> None:
        rules = {name: field.value.strip() or None for name, field in self._fields.items()}
        if len(self._accounts) > 1:
            rules["accounts"] = ",".join(name for name, box in self._accounts.items() if box.checked) or None
        fees = {venue: {rate: box.value.strip() for rate, box in pair.items()} for venue, pair in self._fees.items() if pair}
        paper = await self._ctx.link.ask("paper.settings", venue_fees=fees)
        state = await self._ctx.link.ask("routing", rules=rules)
        self._show(state, paper)
        self._ctx.store.publish("routing", state)
        self._say("good", "In use for orders sent from now on.")

    def _refused(self, error: Refused) -> None:
        self._say("danger", refusal(error))
        if error.field in self._fields:
            self._fields[error.field].focus()

    def _say(self, tone: str, text: str) -> None:
        self._said.dataset.tone = tone
        self._said.textContent = text


def _list(names: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
