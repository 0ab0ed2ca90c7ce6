"""The equity over time on the portfolio: drawn with the day's start and the falls from the peak, in words, and as a table."""

from __future__ import annotations

from typing import Any

from ..dom import el, listen, set_text, svg
from ..equity_curve import FALL_HEIGHT, HEIGHT, SPANS, WIDTH, draw, money, words
from ..format import refusal, stamp, utc
from ..order_words import value
from .rows import Column
from .table import Table


class EquityCard:
    """``root`` is a card; ``show()`` asks the desk worker anew."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        kept = ctx.prefs.get("equity.span", "day")
        self._span = el("select", {"aria-label": "Time of the equity curve", "data-testid": "equity-span"})
        self._span.append(*[el("option", {"value": key}, text) for key, text in SPANS.items()])
        self._span.value = kept if kept in SPANS else "day"
        listen(self._span, "change", lambda _event: self._chosen())
        self._band = svg("path", {"class": "curve-band"})
        self._line = svg("path", {"class": "curve-line", "fill": "none", "vector-effect": "non-scaling-stroke"})
        self._day = svg("line", {"class": "curve-day", "x1": "0", "x2": str(WIDTH), "vector-effect": "non-scaling-stroke"})
        self._fall = svg("path", {"class": "curve-fall"})
        box = {"preserveAspectRatio": "none", "aria-hidden": "true"}
        equity = svg("svg", {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "class": "curve-equity", **box}, self._band, self._day, self._line)
        falls = svg("svg", {"viewBox": f"0 0 {WIDTH} {FALL_HEIGHT}", "class": "curve-falls", **box}, self._fall)
        self._high, self._low, self._deep = (el("span", {"class": "num"}) for _ in range(3))
        self._begin = el("span", {"class": "curve-begin"}, "Day's start")
        scale = el("div", {"class": "curve-scale", "aria-hidden": "true"}, self._high, self._low, self._deep, self._begin)
        self._chart = el("div", {"class": "curve", "role": "img", "data-testid": "equity-chart", "hidden": True}, equity, falls, scale)
        self._words = el("p", {"class": "hint", "data-testid": "equity-words"})
        self._table = Table(
            "equity",
            "Equity over time, newest first",
            [
                Column("time", "From", lambda row: stamp(row["at"]), lambda row: row["at"], title_of=_whole, kept=_whole),
                *(self._amount(key, title) for key, title in (("low", "Lowest"), ("high", "Highest"), ("last", "Last"))),
            ],
            ctx.prefs,
            key=lambda row: str(row["at"]),
            attrs=lambda _row: {},
        )
        inside = (el("summary", None, "As a table"), self._table.tools, self._table.root)
        self._details = el("details", {"class": "curve-table", "data-testid": "equity-table"}, *inside)
        listen(self._details, "toggle", lambda _event: self._fill())
        self._rows: list = []
        head = el("div", {"class": "card-head"}, el("h2", None, "Equity over time"), self._span)
        self.root = el("section", {"class": "card portfolio-wide", "aria-label": "Equity over time"}, head, self._chart, self._words, self._details)

    def show(self) -> None:
        """Ask for the curve and draw it."""
        self._ctx.errors.run("Equity over time", self._ask(), lambda error: set_text(self._words, refusal(error)))

    def clear(self) -> None:
        """Show nothing."""
        self._rows = []
        self._table.set_rows([])
        self._chart.hidden = True
        for node in (self._words, self._high, self._low, self._deep):
            set_text(node, "")
        for path in (self._line, self._band, self._fall):
            path.setAttribute("d", "")
        self._chart.removeAttribute("aria-label")

    def _chosen(self) -> None:
        self._ctx.prefs.put("equity.span", str(self._span.value))
        self.show()

    async def _ask(self) -> None:
        view = await self._ctx.link.ask("equity.curve", span=str(self._span.value))
        drawing = draw(view["rows"], view["day_open"])
        text = words(view)
        set_text(self._words, text)
        self._chart.hidden = drawing is None
        self._rows = view["rows"]
        self._fill()
        if drawing is None:
            return
        self._chart.setAttribute("aria-label", text)
        self._line.setAttribute("d", drawing.line)
        self._band.setAttribute("d", drawing.band)
        self._fall.setAttribute("d", drawing.fall)
        for name in ("y1", "y2"):
            self._day.setAttribute(name, str(drawing.day_y if drawing.day_y is not None else -9))
        self._begin.hidden = drawing.day_y is None
        for node, y in ((self._high, drawing.high_y), (self._low, drawing.low_y), (self._begin, drawing.day_y)):
            if y is not None:
                node.style.top = f"{min(HEIGHT - 18, max(0, y - 9)):.0f}px"
        set_text(self._high, drawing.highest)
        set_text(self._low, drawing.lowest)
        set_text(self._deep, f"{drawing.deepest} below the peak")

    def _fill(self) -> None:
        if self._details.open:
            self._table.set_rows([{"at": at * 10**9, "low": low, "high": high, "last": last} for at, low, high, last, _fall in reversed(self._rows)])

    @staticmethod
    def _amount(key: str, title: str) -> Column:
        return Column(key, title, lambda row: money(row[key]), lambda row: value(row[key]), end=True, kept=lambda row: row[key])


def _whole(row: dict) -> str:
    return utc(row["at"])
