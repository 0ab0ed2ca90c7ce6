"""Positions: what is held, what it is worth, and closing or reversing it in two presses that say what they do."""

from __future__ import annotations

from typing import Any

from js import crypto, performance

from ..answers import not_done
from ..dom import el, listen, today
from ..format import arrow, direction, minus, signed
from ..link import Refused
from ..order_words import close_text, decimals, number, outcome, position_side, reverse_text, rolls, unsigned, value
from .empty import EmptyState
from .rows import Column
from .table import Action, Table

_MEASURE = "kontor:order-to-ack"


class PositionsView:
    """A table of positions; the desk's has test ids on its rows (``marked``), the portfolio's has none."""

    title = "Positions"

    def __init__(self, ctx: Any, *, marked: bool = True) -> None:
        self._ctx, self._store, self._marked = ctx, ctx.store, marked
        self._sending = False
        text = "No positions. A filled order makes one."
        empty = EmptyState(ctx, "Positions are kept", text, "Open the ticket", self._to_ticket)
        self._table = Table(
            "positions" if marked else "portfolio",
            "Positions",
            self._columns(),
            ctx.prefs,
            key=lambda row: row["symbol"],
            attrs=self._attrs,
            actions=self._actions,
            on_action=self._question,
            on_open=lambda row: self._store.focus(row["symbol"]),
            empty=empty.root,
        )
        self._said = el("p", {"class": "tool-said", "role": "status"})
        tools = el("div", {"class": "blotter-tools"}, self._said, self._table.tools)
        self.root = el("div", {"class": "blotter"}, tools, self._table.root)
        ctx.store.subscribe("account", self._draw)
        ctx.keys.on_escape(lambda: self._table.close_detail(focus_row=True))
        self._draw(ctx.store.account)

    def _attrs(self, row: dict) -> dict[str, str]:
        attrs = {"data-symbol": row["symbol"], "data-stale": "true" if row.get("stale") else "false"}
        return {"data-testid": "position-row", **attrs} if self._marked else attrs

    def _columns(self) -> list[Column]:
        def num(key: str, title: str, **more: Any) -> Column:
            return Column(key, title, lambda row: number(row[key]), lambda row: value(row[key]), end=True, **more)

        def result(key: str, title: str, hint: str, *, optional: bool = False) -> Column:
            def text(row: dict) -> str:
                return _result(row[key]) + self._unit(row)

            return Column(key, title, text, lambda row: value(row[key]), end=True, tone=lambda row: _tone(row[key]), hint=hint, optional=optional)

        return [
            Column("symbol", "Instrument", self._name, tone=lambda row: self._rolls(row)[0], title_of=lambda row: self._rolls(row)[2]),
            Column("side", "Side", position_side, tone=lambda row: "sell" if position_side(row) == "Short" else "buy"),
            Column("qty", "Quantity", lambda row: unsigned(number(row["qty"])), lambda row: value(row["qty"]), end=True),
            num("average_price", "Average"),
            Column("mark", "Mark", _mark, lambda row: value(row["mark"]), end=True, tone=lambda row: "amber" if row.get("stale") else ""),
            result("unrealised", "Unrealised", "At the mark, before fees of closing"),
            result("realised", "Realised", "From quantity already closed", optional=self._marked),
            Column("notional", "Worth", lambda row: number(row["notional"]) + self._unit(row), _worth, end=True, optional=self._marked),
        ]

    def _unit(self, row: dict) -> str:
        """The currency of a position's own amounts, where the account counts in another."""
        own = row.get("currency")
        return f" {own}" if own and own != (self._store.account or {}).get("currency") else ""

    def _rolls(self, row: dict) -> tuple[str, str, str]:
        item = self._store.instruments.get(row["symbol"])
        return rolls(item, today()) if item and "rolls" in item else ("", "", "")  # a row changes with every tick; few roll

    def _name(self, row: dict) -> str:
        more = row.get("dust") or self._rolls(row)[1]
        return f"{row['symbol']}, {more}" if more else row["symbol"]

    def _actions(self, row: dict) -> tuple[Action, ...]:
        symbol, can = row["symbol"], (self._store.hello or {}).get("capabilities", {})
        found = []
        if row.get("closes") != "0":
            found.append(Action("close", "Close", f"Close the position in {symbol}: asks before it sends"))
        if can.get("reverse", True):
            found.append(Action("reverse", "Reverse", f"Reverse the position in {symbol}: asks before it sends"))
        return tuple(found)

    def _draw(self, account: dict | None) -> None:
        rows = list((account or {}).get("positions", ()))
        self._table.set_rows(rows)
        if self._marked:
            self._store.publish("badge", ("positions", sum(not row.get("dust") for row in rows)))

    def _to_ticket(self) -> None:
        self._ctx.router.go("desk")
        self._store.publish("pane", "trade")
        self._store.publish("ticket", {"focus": True})

    def _question(self, name: str, row: dict) -> None:
        """The second press, in place: says what it will do."""
        if self._sending:
            return
        instrument = self._store.instruments.get(row["symbol"])
        base = instrument["base"] if instrument else row["symbol"]
        words = close_text(row, base) if name == "close" else reverse_text(row, base)
        side = "buy" if words.startswith("Buy") else "sell"
        yes = el("button", {"type": "button", "class": f"btn btn-{side}"}, words)
        no = el("button", {"type": "button", "class": "btn"}, "Keep the position")
        listen(yes, "click", lambda event: self._send(name, row, base, event))
        listen(no, "click", lambda _event: self._table.close_detail(focus_row=True))
        question = el("div", {"class": "question", "role": "group", "aria-label": f"{name.capitalize()} {row['symbol']}"}, yes, no)
        self._table.open_detail(row, question)
        yes.focus()

    def _send(self, name: str, row: dict, base: str, event: Any) -> None:
        if self._sending or event.detail > 1:
            return
        self._sending = True
        event.currentTarget.disabled = True
        work = self._ask(name, row["symbol"], base, event.timeStamp)
        self._ctx.errors.run("Positions", work, self._refused)

    async def _ask(self, name: str, symbol: str, base: str, pressed: float) -> None:
        try:
            result = await self._ctx.link.ask(f"position.{name}", symbol=symbol, token=str(crypto.randomUUID()), clicked_ms=performance.timeOrigin + pressed)
        finally:
            self._sending = False
            self._table.close_detail(focus_row=True)
        performance.measure(_MEASURE, start=pressed, end=result["received_ms"])
        order = self._store.orders.get(result["client_order_id"])
        if order is not None:
            instrument = self._ctx.store.instruments.get(symbol)
            self._say(*outcome(order, base, decimals(instrument["tick"]) if instrument else 0))

    def _refused(self, error: Refused) -> None:
        self._say(*not_done(error, "Not sent"))

    def _say(self, tone: str, text: str) -> None:
        self._said.dataset.tone = tone
        self._said.textContent = text


def _worth(row: dict) -> Any:
    """In the account's currency, so that positions in several sort by what they are worth."""
    return value(row["worth"])


def _result(text: str | None) -> str:
    if not text:
        return "–"
    return f"{arrow(direction(minus(text)))} {signed(text)}"


def _mark(row: dict) -> str:
    return f"{number(row['mark'])} stale" if row.get("stale") else number(row["mark"])


def _tone(text: str | None) -> str:
    way = direction(minus(text)) if text else 0
    return "up" if way > 0 else "down" if way < 0 else ""
