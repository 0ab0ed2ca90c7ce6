"""The cost of the order on the ticket, asked of the desk and shown beside the button with what it is the cost of.

An answer for other inputs than those typed now is never shown: while a new one is awaited the old one is marked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..dom import el, set_text, today
from ..format import refusal
from ..link import Refused
from ..order_words import accounts_text, contract_text, decimals, fixed, legs_text, number, rolls

_DELAY_S = 0.12
_AGAIN_S = 1.0
_ROWS = (
    ("contract", "Contract"),
    ("rolls", "Rolls"),
    ("notional", "Worth"),
    ("fee", "Fee"),
    ("average_price", "Average price"),
    ("worst_price", "Worst price"),
    ("position_after", "Position after"),
    ("cash_after", "Cash after"),
)


class Cost:
    """``ask`` prices new inputs; ``on_refused(error, fields)`` is told when the desk will not price them."""

    def __init__(self, ctx: Any, on_refused: Callable[[Refused, dict], bool]) -> None:
        self._ctx, self._on_refused = ctx, on_refused
        self._fields: dict | None = None
        self._title = ""
        self._asked = 0
        self._timer: Any = None
        self._waiting = False
        self._due_s = _DELAY_S
        self._head = el("p", {"class": "cost-head"})
        self._values = {}
        self._list = el("dl", {"class": "cost-list"})
        for name, label in _ROWS:
            self._values[name] = el("dd", {"class": "num"}, "–")
            self._list.append(el("div", {"class": f"cost-{name}", "hidden": name in ("contract", "rolls")}, el("dt", None, label), self._values[name]))
        self._legs = el("summary")
        self._why = el("ul")
        self._accounts = el("p", {"class": "cost-accounts", "data-testid": "ticket-accounts", "hidden": True})
        self._plan = el("details", {"class": "cost-plan", "data-testid": "ticket-plan", "hidden": True}, self._legs, self._why)
        self._warnings = el("ul", {"class": "cost-warnings"})
        attrs = {"class": "cost", "role": "group", "aria-label": "Cost of this order", "data-state": "empty"}
        self.root = el("div", attrs, self._head, self._list, self._accounts, self._plan, self._warnings)

    def clear(self, why: str) -> None:
        """No complete order: say what is missing instead of numbers."""
        self._fields = None
        self._asked += 1
        self._cancel()
        self._state("empty")
        self._plan.hidden = self._accounts.hidden = True
        set_text(self._head, why)

    def ask(self, fields: dict, title: str) -> None:
        """Price these inputs after a pause in typing."""
        if fields == self._fields:
            return
        self._fields, self._title = fields, title
        self._asked += 1
        self._state("waiting")
        self._later(_DELAY_S)

    def again(self) -> None:
        """Prices, the account or rules changed: ask again within a second, for the same inputs."""
        if self._fields is not None and self._timer is None and not self._waiting:
            self._later(_AGAIN_S)

    def _later(self, delay_s: float) -> None:
        self._cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._go)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go(self) -> None:
        self._timer = None
        fields = self._fields
        if fields is None:
            return
        self._waiting = True
        self._ctx.errors.run("Cost", self._price(fields, self._asked))

    async def _price(self, fields: dict, number: int) -> None:
        try:
            result = await self._ctx.link.ask("order.preview", **fields)
        except Refused as error:
            if number == self._asked:
                self._state("empty")
                shown = self._on_refused(error, fields)
                set_text(self._head, "The cost stands here once the order is complete." if shown else refusal(error))
        else:
            if number == self._asked:
                self._show(result)
        finally:
            self._waiting = False

    def _show(self, result: dict) -> None:
        instrument = self._ctx.store.instrument or {"quote": "", "base": "", "tick": "0.01"}
        account = self._ctx.store.account or {}
        quote, prices = instrument["quote"], decimals(instrument["tick"])
        contract = contract_text(instrument)
        money = 2 if contract else max(2, prices)
        self._values["contract"].parentNode.hidden = not contract
        tone, month, rolls_text = rolls(instrument, today())
        self._values["rolls"].parentNode.hidden = not month
        self._values["rolls"].dataset.tone = tone
        self._values["rolls"].title = rolls_text
        texts = {
            "contract": contract,
            "rolls": month,
            "notional": f"{fixed(result.get('notional'), money)} {quote}",
            "fee": f"{fixed(result.get('fee'), money + 2)} {quote}",
            "average_price": fixed(result.get("average_price"), prices),
            "worst_price": fixed(result.get("worst_price"), prices),
            "position_after": f"{number(result.get('position_after'))} {instrument['base']}",
            "cash_after": f"{fixed(result.get('cash_after'), money)} {account.get('currency', quote)}",
        }
        self.root.setAttribute("aria-label", f"Cost of: {self._title}")
        for name, node in self._values.items():
            set_text(node, texts[name])
        lines = result.get("why") or ()
        notes = (result.get("route") or {}).get("notes", ())  # they stand with the warnings
        self._plan.hidden = not lines
        set_text(self._legs, legs_text(result["route"], instrument["base"]) if lines else "")
        where = accounts_text(result["route"], instrument["base"]) if lines else ""
        self._accounts.hidden = not where
        self._accounts.dataset.real = "true" if any(part["real"] and part["qty"] != "0" for part in result.get("route", {}).get("parts", ())) else "false"
        set_text(self._accounts, where)
        self._why.replaceChildren(*[el("li", None, text) for text in lines if text not in notes])
        warnings = result.get("warnings") or ()
        self._warnings.replaceChildren(*[el("li", None, text) for text in warnings])
        self._state("fresh")

    def _state(self, state: str) -> None:
        if self.root.dataset.state != state:
            self.root.dataset.state = state
