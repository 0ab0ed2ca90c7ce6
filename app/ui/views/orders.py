"""The blotter: working and recent orders, newest first, with cancel, amend, and asking about unknown ones.

An unknown order shows its evidence and a button that asks the venue; nothing here ever sends an order again.
"""

from __future__ import annotations

from typing import Any

from js import Date

from ..answers import not_done
from ..blotter import ORIGIN_WORDS, expanded
from ..dom import el, listen, save_text
from ..format import clock, plural, utc
from ..link import Refused
from ..order_words import (
    STATUS_WORDS,
    TYPE_WORDS,
    WORKING,
    account,
    amendable,
    blotter,
    decimals,
    fixed,
    in_account,
    marks,
    number,
    order_text,
    price_text,
    status_tone,
    status_word,
    value,
    why,
)
from ..ticket_rules import TIF_WORDS
from .amend import AmendForm
from .blotter_filter import FilterBar
from .bulk_cancel import BulkCancel
from .empty import EmptyState
from .frame import OncePerFrame
from .rows import Column
from .table import Action, Table
from .table_choice import Choice

_AGE_EVERY = 10
_AMENDABLE = ("held", "accepted", "partially_filled")


def _tif(row: dict) -> str:
    return row["tif"].upper().replace("_", " ")


def _sorted_by(row: dict) -> Any:
    return value(row["price"] or row["stop"])


def _type(row: dict) -> str:
    word = TYPE_WORDS.get(row["type"], row["type"])
    several = f", {len(row['parts'])} accounts" if len(row.get("parts") or ()) > 1 else ""
    return f"{word}, {row['how']}{several}" if row.get("legs") else word


def _instrument(row: dict) -> str:
    place = f" in {row['title']}" if row.get("account") else ""
    return f"\u21b3 {row['symbol']}{place}" if row.get("route") else row["symbol"]


def _place(row: dict) -> str:
    return f"In the {account(row)} account, which is not shown" if row.get("account") else ""


def _money(row: dict) -> str:
    return "amber" if row.get("account") and row["real"] else ""


class OrdersView:
    """Owns the Orders tab."""

    title = "Orders"

    def __init__(self, ctx: Any) -> None:
        self._ctx, self._store = ctx, ctx.store
        self._can_amend = True
        self._beats = 0
        self._by = FilterBar(ctx.prefs, "orders", ("symbol", "side", "status", "type", "origin", "time"), self._draw)
        self._bulk = BulkCancel(ctx, self._meant, self._answered)
        text = "No orders yet. Orders you send stand here with what became of them."
        empty = EmptyState(ctx, "Orders are kept", text, "Write the first order", self._first_order, primary=True)
        self._table = Table(
            "orders",
            "Orders, newest first",
            self._columns(),
            ctx.prefs,
            key=lambda row: row["client_order_id"],
            attrs=lambda row: {
                "data-testid": "order-row",
                "data-status": row["status"],
                "data-client-order-id": row["client_order_id"],
                "data-routed": "whole" if row.get("legs") else "leg" if row.get("route") else "",
                "data-account": row.get("account", ""),
            },
            actions=self._actions,
            on_action=self._act,
            on_open=self._open,
            delete_action="cancel",
            filter_label="Filter orders",
            empty=empty.root,
            choice=Choice(lambda row: f"Choose {self._text(row)} {row['symbol']}", self._chosen),
            filtered=self._bulk.show,
        )
        self._all = el("button", {"type": "button", "class": "btn btn-quiet btn-danger", "hidden": True}, "Cancel all")
        listen(self._all, "click", lambda _event: self._cancel_all())
        self._working_only = el("input", {"type": "checkbox"})
        self._working_only.checked = bool(ctx.prefs.get("orders.working", False))
        listen(self._working_only, "change", lambda _event: self._filtered())
        only = el("label", {"class": "tool-check"}, self._working_only, "Working only")
        self._said = el("p", {"class": "tool-said", "role": "status"})
        save = el("button", {"type": "button", "class": "btn btn-quiet", "data-testid": "orders-csv", "title": "Save what is shown as CSV"}, "CSV")
        listen(save, "click", lambda _event: self._save())
        tools = el("div", {"class": "blotter-tools"}, self._all, self._bulk.button, only, self._said, self._by.opener, save, self._table.tools)
        self.root = el("div", {"class": "blotter"}, tools, self._by.root, self._bulk.root, self._table.root)
        ctx.store.subscribe("orders", OncePerFrame(self._draw))
        ctx.store.subscribe("hello", self._hello)
        ctx.keys.on_escape(lambda: self._bulk.close() or self._table.close_detail(focus_row=True) or self._table.choice.clear())
        ctx.keys.bind("", "Cancel all working orders", self._cancel_all, "Orders")
        ctx.keys.bind("", "Cancel the chosen orders, or those that the filter shows", self._bulk.ask, "Orders")
        ctx.keys.bind("q", "Ask the venue about every unknown order", self._ask_unknown, "Orders")
        if ctx.store.hello is not None:
            self._hello(ctx.store.hello)
        ctx.store.subscribe("stats", lambda _stats: self._age())
        self._draw()

    def _hello(self, message: dict) -> None:
        self._can_amend = message["capabilities"].get("amend", True)

    def _columns(self) -> list[Column]:
        def num(key: str, title: str, **more: Any) -> Column:
            return Column(key, title, lambda row: number(row[key]), lambda row: value(row[key]), end=True, **more)

        def price(key: str, title: str, **more: Any) -> Column:
            return Column(key, title, lambda row: self._price(row, key), lambda row: value(row[key]), end=True, kept=lambda row: row[key], **more)

        def moment(key: str, name: str, title: str, **more: Any) -> Column:
            def whole(row: dict) -> str:
                return utc(row[key])

            return Column(name, title, lambda row: clock(row[key]), lambda row: row[key], title_of=whole, kept=whole, **more)

        return [
            moment("created_ns", "time", "Time"),
            Column("symbol", "Instrument", _instrument, title_of=_place, tone=_money),
            Column("side", "Side", lambda row: row["side"].capitalize(), tone=lambda row: row["side"]),
            Column("type", "Type", _type),
            num("qty", "Quantity"),
            num("filled", "Filled"),
            Column("price", "Price", self._prices, _sorted_by, end=True, title_of=self._text, kept=lambda row: row["price"] or row["stop"]),
            price("stop", "Stop", optional=True),
            price("average_price", "Average", optional=True),
            Column("tif", "In force", _tif, title_of=lambda row: TIF_WORDS.get(row["tif"], row["tif"]), optional=True),
            Column("flags", "Flags", marks, title_of=marks, optional=True),
            Column("status", "Status", status_word, tone=status_tone),
            Column("why", "Reason", why, title_of=why),
            num("remaining", "Remaining", optional=True),
            Column("origin", "Strategy", lambda row: ORIGIN_WORDS.get(row["origin"], row["origin"]), optional=True),
            moment("updated_ns", "updated", "Updated", optional=True),
            Column("id", "Client order id", lambda row: row["client_order_id"], optional=True),
        ]

    def _price(self, row: dict, key: str) -> str:
        instrument = self._store.instruments.get(row["symbol"])
        return fixed(row[key], decimals(instrument["tick"])) if instrument else number(row[key])

    def _places(self, row: dict) -> int:
        instrument = self._store.instruments.get(row["symbol"])
        return decimals(instrument["tick"]) if instrument else 0

    def _prices(self, row: dict) -> str:
        return price_text(row, self._places(row))

    def _text(self, row: dict) -> str:
        return order_text(row, places=self._places(row))

    def _actions(self, row: dict) -> tuple[Action, ...]:
        what = self._text(row)
        reasons = [Action("why", "Why", f"Why it went there: {what}")] if row.get("legs") or row.get("route") else []
        if row["status"] not in WORKING:
            return tuple(reasons)
        if row.get("legs"):
            return (*reasons, Action("cancel", "Cancel", f"Cancel every leg: {what}"))
        if row.get("account"):
            what = f"{what}, in the {account(row)} account"
        actions = [*reasons]
        if row["status"] == "unknown":
            actions.append(Action("query", "Query now", f"Ask the venue now about: {what}", "amber"))
        if row["status"] in _AMENDABLE and self._can_amend and not row.get("amending") and amendable(row):
            actions.append(Action("amend", "Amend", f"Amend: {what}"))
        if row["status"] != "unknown":
            actions.append(Action("cancel", "Cancel", f"Cancel: {what}"))
        return tuple(actions)

    def _draw(self) -> None:
        orders = self._store.orders
        working = sum(row["status"] in WORKING for row in orders.values())
        self._all.hidden = working == 0
        rows = blotter(orders, self._store.routed, self._store.elsewhere)
        rows.reverse()
        self._by.offer(rows)
        if self._working_only.checked:
            rows = [row for row in rows if row["status"] in WORKING]
        if self._by.filter.count:
            passes, now_ns = self._by.filter.passes, int(Date.now()) * 1_000_000
            rows = [row for row in rows if passes(row, now_ns)]
        self._table.set_rows(rows, of=len(orders) + len(self._store.elsewhere))
        self._bulk.show()
        self._store.publish("badge", ("orders", working))

    def _meant(self) -> tuple[list[dict], str]:
        """The orders that cancelling many is about: the chosen, else those that a filter shows, else none; a routed one is its legs."""
        orders, routed, elsewhere = self._store.orders, self._store.routed, self._store.elsewhere
        if chosen := [row for key in self._table.choice.keys if (row := orders.get(key) or routed.get(key) or elsewhere.get(key))]:
            return expanded(chosen, orders), "chosen"
        return (expanded(self._table.shown, orders), "shown") if self._by.filter.count or self._table.words else ([], "")

    def _chosen(self) -> None:
        self._bulk.show()

    def _answered(self) -> None:
        self._table.choice.clear()
        self._table.focus()

    def _save(self) -> None:
        save_text("kontor-orders.csv", self._table.csv(), "text/csv;charset=utf-8")
        self._say(f"Saved {plural(len(self._table.shown), 'order')}")

    def _age(self) -> None:
        """What was in the last minutes leaves them as time goes by."""
        self._beats += 1
        if self._by.filter.time and self._beats % _AGE_EVERY == 0:
            self._draw()

    def _filtered(self) -> None:
        self._ctx.prefs.put("orders.working", bool(self._working_only.checked))
        self._draw()

    def _first_order(self) -> None:
        self._store.publish("pane", "trade")
        self._store.publish("ticket", {"side": "buy", "focus": True})

    def _open(self, row: dict) -> None:
        actions = [action.name for action in self._actions(row)]
        if "amend" in actions:
            self._act("amend", row)
        elif "query" in actions:
            self._act("query", row)

    def _act(self, name: str, row: dict) -> None:
        order_id = row["client_order_id"]
        if name == "cancel":
            self._say(f"Cancelling: {self._text(row)}")
            self._run(self._ask("order.cancel", client_order_id=order_id, **in_account(row)))
        elif name == "why":
            self._run(self._explain(row))
        elif name == "query":
            self._say(f"Asking the venue about {self._text(row)}")
            self._run(self._query(row))
        elif name == "amend":
            instrument = self._store.instruments.get(row["symbol"])
            form = AmendForm(self._ctx, row, instrument, lambda: self._table.close_detail(focus_row=True))
            self._table.open_detail(row, form.root)
            form.focus()

    async def _explain(self, row: dict) -> None:
        lines = (await self._ctx.link.ask("order.why", client_order_id=row["client_order_id"]))["lines"]
        self._table.open_detail(row, el("ul", {"class": "order-why", "data-testid": "order-why"}, *[el("li", None, line) for line in lines]))

    def _ask_unknown(self) -> None:
        self._run(self._query_unknown())

    async def _query_unknown(self) -> None:
        count = (await self._ctx.link.ask("order.query_unknown"))["count"]
        self._say(f"Asked about {plural(count, 'unknown order')}" if count else "No order is unknown")

    def _cancel_all(self) -> None:
        self._say("Cancelling all working orders")
        self._run(self._cancel_every())

    async def _cancel_every(self) -> None:
        result = await self._ctx.link.ask("order.cancel_all", symbol=None)
        self._say(f"Asked to cancel {result['count']} orders" if result["count"] != 1 else "Asked to cancel 1 order")

    async def _ask(self, do: str, **arguments: Any) -> None:
        await self._ctx.link.ask(do, **arguments)
        self._say("")

    async def _query(self, row: dict) -> None:
        result = await self._ctx.link.ask("order.query", client_order_id=row["client_order_id"], **in_account(row))
        words = STATUS_WORDS.get(result["status"], result["status"])
        self._say(f"{words}: {result['evidence']}" if result.get("evidence") else f"The venue says: {words.lower()}")

    def _run(self, work: Any) -> None:
        self._ctx.errors.run("Orders", work, self._refused)

    def _refused(self, error: Refused) -> None:
        tone, text = not_done(error, "")
        self._say(text, tone)

    def _say(self, text: str, tone: str = "") -> None:
        self._said.dataset.tone = tone
        self._said.textContent = text
