"""Exposure grouped by anything, with its sum, and how it comes to the equity."""

from __future__ import annotations

from typing import Any

from ..blotter import ORIGIN_WORDS
from ..dom import el, listen, set_text
from ..equity_curve import check_words, money
from ..format import direction, refusal, signed
from ..order_words import value
from .rows import Column
from .table import Table

_KINDS = {"symbol": "Instrument", "base": "Base asset", "quote": "Quote currency", "side": "Side", "account": "Account", "strategy": "Strategy"}
_WITH_FEES = ("account", "strategy")
_ELSEWHERE = "Elsewhere: no order of this desk"


class ExposureTable:
    """``root`` holds all of it; ``show()`` asks the desk worker anew."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        kept = ctx.prefs.get("exposure.by", "symbol")
        self._by = el("select", {"data-testid": "exposure-by"}, *[el("option", {"value": key}, words) for key, words in _KINDS.items()])
        self._by.value = kept if kept in _KINDS else "symbol"
        listen(self._by, "change", lambda _event: self._chosen())
        self._table = Table(
            "exposure",
            "Exposure, the largest first",
            self._columns(),
            ctx.prefs,
            key=lambda row: row["id"],
            attrs=lambda row: {"data-testid": "exposure-total" if row["id"] == "=" else "exposure-group", "data-key": row["id"]},
            empty=el("p", {"class": "hint"}, "No exposure: all of the equity is cash."),
        )
        self._check = el("p", {"class": "hint", "data-testid": "exposure-check"})
        self._unit = el("span", {"class": "hint"})
        by = el("label", {"class": "tool-check"}, "By", self._by)
        tools = el("div", {"class": "blotter-tools"}, by, self._unit, el("span", {"class": "grow"}), self._table.tools)
        self.root = el("div", {"class": "blotter exposure-by"}, tools, self._table.root, self._check)

    def show(self) -> None:
        """Ask for the groups and show them."""
        self._ctx.errors.run("Exposure", self._ask(), self._refused)

    def clear(self) -> None:
        """Show nothing."""
        self._table.set_rows([])
        set_text(self._check, "")

    def _refused(self, error: Any) -> None:
        self._table.set_rows([])
        set_text(self._check, refusal(error))

    def _chosen(self) -> None:
        self._ctx.prefs.put("exposure.by", str(self._by.value))
        self.show()

    async def _ask(self) -> None:
        found = await self._ctx.link.ask("portfolio.exposure", by=str(self._by.value))
        by = found["by"]
        rows = [{**row, "id": row["key"], "name": _name(by, row["key"]), "fees_known": by in _WITH_FEES} for row in found["rows"]]
        if len(rows) > 1:
            rows.append({**found["total"], "id": "=", "name": "All together", "fees_known": by in _WITH_FEES})
        self._table.set_rows(rows)
        set_text(self._unit, f"in {found['currency']}")
        set_text(self._check, check_words(found))

    def _columns(self) -> list[Column]:
        def amount(key: str, title: str, hint: str = "", **more: Any) -> Column:
            return Column(key, title, lambda row: money(row[key]), lambda row: value(row[key]), end=True, hint=hint, kept=lambda row: row[key], **more)

        def result(key: str, title: str, **more: Any) -> Column:
            def tone(row: dict) -> str:
                return {1: "up", -1: "down"}.get(direction(row[key]), "")

            return Column(key, title, lambda row: signed(money(row[key])), lambda row: value(row[key]), end=True, tone=tone, kept=lambda row: row[key], **more)

        return [
            Column("name", "Group", lambda row: row["name"]),
            amount("long", "Long"),
            amount("short", "Short"),
            amount("net", "Net", "Long and short together"),
            amount("gross", "Gross", "Long and short, both counted up"),
            Column("share", "% of equity", lambda row: row["share"] or "–", lambda row: value(row["share"]), end=True),
            result("unrealised", "Unrealised"),
            result("realised", "Realised", optional=True),
            Column("fees", "Fees", lambda row: money(row["fees"]) if row["fees_known"] else "–", lambda row: value(row["fees"]), end=True, optional=True),
            Column("result", "Result", lambda row: row["result_text"], lambda row: value(row["result"]), end=True, kept=lambda row: row["result"]),
        ]


def _name(by: str, key: str) -> str:
    if by == "strategy":
        return _ELSEWHERE if key == "elsewhere" else ORIGIN_WORDS.get(key, key)
    return key.capitalize() if by == "side" else key
