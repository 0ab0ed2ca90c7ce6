"""The reconciliation page: whether journal and venue agree, what differs until it is settled, orders nobody is sure of, and what was done before."""

from __future__ import annotations

from typing import Any

from .. import format as fmt
from .. import reconciliation_words as words
from ..dom import el, listen, need_style, set_text
from ..format import refusal
from ..link import Refused
from ..order_words import decimals, order_text, status_word
from .vault_fields import Outcome, button, card, refill, row, table

_LISTS = ("differences", "unresolved", "adopted", "synthetic", "history")


class ReconciliationView:
    """Owns #/reconciliation; asks once a second while it shows."""

    title = "Reconciliation"

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        need_style("vault.css")
        need_style("journal.css")
        self._visible = self._asking = False
        self._state = el("p", {"data-testid": "recon-state", "role": "status"})
        self._checked = el("p", {"class": "hint", "data-testid": "recon-checked"})
        self._said = Outcome("recon-said")
        self._ask = button("Ask about every unknown order", "recon-ask", press=lambda _event: self._do("order.query_unknown", "The venue was asked."))
        done = "The journal holds what the venue holds."
        self._settle = button("Take the venue's balances", "recon-settle", press=lambda _event: self._do("execution.settle", done))
        self._places: dict[str, Any] = {name: el("div", {"data-testid": f"recon-{name}"}) for name in _LISTS}
        self._texts: dict[str, str] = {}
        self.root = el(
            "div",
            {"class": "page vault journal"},
            el("h2", {"class": "page-title"}, "Reconciliation"),
            card("State", self._state, self._checked, el("div", {"class": "row"}, self._ask, self._settle), self._said.root),
            card("Differences", self._places["differences"]),
            card("Unresolved orders", self._places["unresolved"]),
            card("Orders found at the venue", self._places["adopted"]),
            card("Taken over from the venue", el("p", {"class": "hint"}, words.SYNTHETIC), self._places["synthetic"]),
            card("History", self._places["history"]),
        )
        listen(self.root, "click", self._click)
        ctx.link.on("again", lambda _message: self._forget())
        for topic in ("stats", "execution", "vault", "switched"):
            ctx.store.subscribe(topic, lambda _message: self._again())

    def shown(self) -> None:
        """The route appears."""
        self._visible = True
        self._again()

    def hidden(self) -> None:
        """The route goes."""
        self._visible = False

    def _again(self) -> None:
        if self._visible and not self._asking:
            self._asking = True
            self._ctx.errors.run("Reconciliation", self._load())

    async def _load(self) -> None:
        try:
            found = await self._ctx.link.ask("reconciliation.state")
        except Refused as error:
            self._closed(refusal(error))
            return
        finally:
            self._asking = False
        text, tone = words.state(found)
        self._put("state", self._state, text)
        self._state.setAttribute("class", tone)
        self._state.setAttribute("data-state", found["state"])
        self._put("checked", self._checked, words.checked(found))
        self._ask.hidden = not found["unresolved"]
        self._settle.hidden = not (found["real"] and any(item["what"] in ("positions", "balances") for item in found["differences"]))
        self._fill("differences", found["differences"], self._differences, words.AGREE)
        self._fill("unresolved", found["unresolved"], self._unresolved, words.RESOLVED)
        self._fill("adopted", found["adopted"], self._adopted, words.NONE_ADOPTED)
        self._fill("synthetic", found["synthetic"], self._synthetic, "Nothing was taken over.")
        self._fill("history", found["history"], self._history, words.NO_HISTORY if found["real"] else words.PAPER_HISTORY)

    def _closed(self, text: str) -> None:
        self._put("state", self._state, text)
        self._state.setAttribute("data-state", "closed")
        self._put("checked", self._checked, "")
        self._ask.hidden = self._settle.hidden = True
        for name, place in self._places.items():
            self._texts.pop(name, None)
            refill(place)

    def _forget(self) -> None:
        """Another desk worker begins: nothing of the account stays here, whether this page shows or not."""
        self._closed("")
        self._said.say("", "plain")

    def _put(self, name: str, node: Any, text: str) -> None:
        if self._texts.get(name) != text:
            self._texts[name] = text
            set_text(node, text)

    def _fill(self, name: str, rows: list[dict], draw: Any, empty: str) -> None:
        """Draw a list only when it has changed: what has the focus stays."""
        key = repr(rows) + empty
        if self._texts.get(name) != key:
            self._texts[name] = key
            refill(self._places[name], draw(rows) if rows else el("p", {"class": "hint"}, empty))

    def _differences(self, rows: list[dict]) -> Any:
        made = [
            row(
                item["what"].capitalize(),
                f"{item['symbol']} {item['about']}".strip(),
                *((fmt.group(item[side]), {"class": "num"}) for side in ("ours", "theirs")),
                fmt.stamp(item["since_ns"]),
            )
            for item in rows
        ]
        return table(("What", "Of", ("Journal", "num"), ("Venue", "num"), "Since"), made, "Differences between journal and venue")

    def _unresolved(self, rows: list[dict]) -> Any:
        made = []
        for item in rows:
            ask = button("Ask now", None, "btn-quiet", **{"data-ask": item["client_order_id"], "aria-label": f"Ask now about {item['client_order_id']}"})
            cells = (item["symbol"], item["client_order_id"], status_word(item), (words.evidence(item), {"class": "said"}), ask)
            made.append(row(*cells))
        return table(("Instrument", "Client order id", "State", "Evidence", "Do"), made, "Orders that are asked about")

    def _adopted(self, rows: list[dict]) -> Any:
        made = []
        for item in rows:
            label = f"Cancel {item['client_order_id']}"
            cancel = button("Cancel", None, "btn-quiet", **{"data-cancel": item["client_order_id"], "aria-label": label})
            filled = (fmt.group(item["filled"]), {"class": "num"})
            made.append(row(item["symbol"], item["client_order_id"], self._terms(item), filled, status_word(item), cancel))
        return table(("Instrument", "Id", "Terms", ("Filled", "num"), "State", "Do"), made, "Orders that this desk did not send")

    def _terms(self, item: dict) -> str:
        instrument = self._ctx.store.instruments.get(item["symbol"])
        return order_text(item, instrument["base"] if instrument else item["symbol"], decimals(instrument["tick"]) if instrument else 0)

    def _synthetic(self, rows: list[dict]) -> Any:
        made = [
            row(
                fmt.stamp(item["ts"]),
                item["asset"],
                (fmt.signed(fmt.group(item["amount"])), {"class": "num"}),
                (f"{fmt.group(item['price'])} {item['currency']}" if item["price"] else "–", {"class": "num"}),
                (item["reason"], {"class": "said"}),
                item["id"] or "–",
            )
            for item in rows
        ]
        return table(("When", "Of", ("Amount", "num"), ("Price", "num"), "Why", "Id"), made, "Synthetic fills")

    def _history(self, rows: list[dict]) -> Any:
        made = [
            row(
                fmt.stamp(item["ts"]),
                words.CAUSES.get(item["cause"], item["cause"]),
                (f"{fmt.number(item['took_ms'])} ms", {"class": "num"}),
                *((fmt.number(item[name]), {"class": "num"}) for name in ("asked", "orders", "fills", "adopted")),
                item["differences"] or "none",
            )
            for item in rows
        ]
        numbers = (("Took", "num"), ("Asked", "num"), ("Orders changed", "num"), ("Fills found", "num"), ("Adopted", "num"))
        return table(("When", "Why", *numbers, "Differences"), made, "The last reconciliations, newest first")

    def _click(self, event: Any) -> None:
        pressed = event.target.closest("button")
        if pressed and pressed.hasAttribute("data-ask"):
            self._do("order.query", "The venue was asked.", client_order_id=str(pressed.getAttribute("data-ask")))
        elif pressed and pressed.hasAttribute("data-cancel"):
            self._do("order.cancel", "A cancel was asked for.", client_order_id=str(pressed.getAttribute("data-cancel")))

    def _do(self, what: str, done: str, **arguments: Any) -> None:
        self._ctx.errors.run("Reconciliation", self._send(what, done, arguments))

    async def _send(self, what: str, done: str, arguments: dict) -> None:
        try:
            await self._ctx.link.ask(what, **arguments)
        except Refused as error:
            self._said.refused(error)
        else:
            self._said.say(done)
        self._again()

