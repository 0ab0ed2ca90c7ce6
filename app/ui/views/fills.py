"""Fills: every execution of this account, newest first, with what it cost and why it came about; the journal as a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import Date

from ..blotter import ORIGIN_WORDS
from ..dom import el, listen, save_text
from ..format import clock, plural, utc
from ..journal_words import by_subject, noted
from ..order_words import decimals, fixed, number, value
from .blotter_filter import FilterBar
from .empty import EmptyState
from .frame import OncePerFrame
from .rows import Column
from .table import Action, Table


class FillsView:
    """Owns the Fills tab."""

    title = "Fills"

    def __init__(self, ctx: Any) -> None:
        self._ctx, self._store = ctx, ctx.store
        self._notes = by_subject(ctx.store.notes)
        self._by = FilterBar(ctx.prefs, "fills", ("symbol", "side", "origin", "time"), self._draw)
        text = "No fills yet. A market order fills at once against the book."
        empty = EmptyState(ctx, "Fills are kept", text, "Buy at market", self._first)
        self._table = Table(
            "fills",
            "Fills, newest first",
            self._columns(),
            ctx.prefs,
            key=lambda row: row["fill_id"],
            attrs=lambda _row: {"data-testid": "fill-row"},
            actions=lambda row: (Action("why", "Why", f"What this fill of {row['symbol']} came from"),),
            on_action=lambda _name, row: self._explain(row),
            on_open=self._explain,
            filter_label="Filter fills",
            empty=empty.root,
        )
        export = el("button", {"type": "button", "class": "btn btn-quiet", "data-testid": "journal-export"}, "Export journal")
        listen(export, "click", lambda _event: self._export())
        save = el("button", {"type": "button", "class": "btn btn-quiet", "data-testid": "fills-csv", "title": "Save what is shown as CSV"}, "CSV")
        listen(save, "click", lambda _event: self._save_shown())
        self._said = el("p", {"class": "tool-said", "role": "status"})
        tools = el("div", {"class": "blotter-tools"}, export, self._said, self._by.opener, save, self._table.tools)
        self.root = el("div", {"class": "blotter"}, tools, self._by.root, self._table.root)
        ctx.store.subscribe("fills", OncePerFrame(self._draw))
        ctx.store.subscribe("notes", self._take_notes)
        ctx.keys.on_escape(lambda: self._table.close_detail(focus_row=True))
        ctx.keys.bind("", "Export the journal", self._export, "Orders")
        self._draw()

    def _columns(self) -> list[Column]:
        def num(key: str, title: str, **more: Any) -> Column:
            return Column(key, title, lambda row: number(row[key]), lambda row: value(row[key]), end=True, **more)

        def exact(key: str, title: str, places: Callable[[dict], int], **more: Any) -> Column:
            return Column(key, title, lambda row: fixed(row[key], places(row)), lambda row: value(row[key]), end=True, kept=lambda row: row[key], **more)

        return [
            Column("time", "Time", lambda row: clock(row["ts"], milliseconds=True), lambda row: row["ts"], title_of=_whole, kept=_whole),
            Column("symbol", "Instrument", lambda row: row["symbol"]),
            Column("side", "Side", lambda row: row["side"].capitalize(), tone=lambda row: row["side"]),
            num("qty", "Quantity"),
            exact("price", "Price", self._decimals),
            exact("fee", "Fee", lambda row: max(4, self._decimals(row)), hint="Positive is paid"),
            Column("fee_currency", "Fee in", lambda row: row["fee_currency"]),
            Column("liquidity", "Liquidity", lambda row: row["liquidity"].capitalize()),
            Column("note", "Notes", lambda row: noted(self._notes, row), hint="Tags and notes of the journal page"),
            Column("origin", "Strategy", lambda row: ORIGIN_WORDS.get(self._origin(row), self._origin(row)), optional=True),
            Column("order", "Client order id", lambda row: row["client_order_id"], optional=True),
            Column("fill", "Fill id", lambda row: row["fill_id"], optional=True),
        ]

    def _decimals(self, row: dict) -> int:
        instrument = self._store.instruments.get(row["symbol"])
        return decimals(instrument["tick"]) if instrument else 8

    def _take_notes(self, message: dict | None) -> None:
        before, self._notes = self._notes, by_subject(message)
        if before != self._notes:  # a row is drawn anew when it is another object
            self._store.fills = [dict(row) for row in self._store.fills]
            self._draw()

    def _draw(self) -> None:
        fills = self._store.fills
        rows = fills[::-1]
        if not self._by.root.hidden:
            self._by.offer([{**row, "origin": self._origin(row)} for row in rows])
        if self._by.filter.count:
            passes, now_ns = self._by.filter.passes, int(Date.now()) * 1_000_000
            rows = [row for row in rows if passes({**row, "origin": self._origin(row)}, now_ns, "ts")]
        self._table.set_rows(rows, of=len(fills))
        self._store.publish("badge", ("fills", len(fills)))

    def _origin(self, row: dict) -> str:
        order = self._store.orders.get(row["client_order_id"])
        return order["origin"] if order else ""

    def _save_shown(self) -> None:
        save_text("kontor-fills.csv", self._table.csv(), "text/csv;charset=utf-8")
        self._said.textContent = f"Saved {plural(len(self._table.shown), 'fill')}"

    def _explain(self, row: dict) -> None:
        self._ctx.errors.run("Fills", self._show_cause(row))

    async def _show_cause(self, row: dict) -> None:
        lines = (await self._ctx.link.ask("journal.fill", fill_id=row["fill_id"]))["lines"]
        text = el("ol", {"class": "fill-cause", "aria-label": "From this fill back to its cause", "data-testid": "fill-cause"})
        text.append(*[el("li", None, line) for line in lines])
        self._table.open_detail(row, text)

    def _export(self) -> None:
        self._ctx.errors.run("Journal", self._save())

    async def _save(self) -> None:
        text = (await self._ctx.link.ask("journal.export"))["text"]
        save_text("kontor-journal.jsonl", text, "application/jsonl")
        self._said.textContent = "Exported, readable by anybody: python -m app.trading.journal reads it."

    def _first(self) -> None:
        self._store.publish("pane", "trade")
        self._store.publish("ticket", {"side": "buy", "type": "market", "focus": True})


def _whole(row: dict) -> str:
    return utc(row["ts"])
