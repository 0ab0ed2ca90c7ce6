"""The accessible twin of a chart: the same bars, indicators and own fills as a table, and own lines as a list in words."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

from js import performance

from ..dom import clear, el, gathered
from .bars import PARTLY, Bars, change_tone, fill_texts, price_text, short_time
from .rows import Column
from .table import Table

_BARS = 500
_EVERY_MS = 1000.0


class ChartTwin:
    """Hidden until ``show``. ``describe(row)`` gives the texts of a bar, ``when(moment)`` its time, ``decimals()`` those of the price."""

    def __init__(self, ctx: Any, feed: Any, bars: Bars, studies: Callable[[], list], describe: Callable, when: Callable, decimals: Callable) -> None:
        self._ctx, self._feed, self._bars, self._studies = ctx, feed, bars, studies
        self._describe, self._when, self._decimals = describe, when, decimals
        self._table: Table | None = None
        self._stops: list[Callable[[], None]] = []
        self._drawn_at = 0.0
        self._fills: dict[int, str] = {}
        self._own = el("ul", {"class": "chart-own-list", "aria-label": "Own on this chart", "data-testid": "chart-own"})
        self._place = el("div", {"class": "chart-table-place"})
        self.root = el("div", {"class": "chart-table", "hidden": True}, self._own, self._place)

    def show(self, shown: bool, lines: list[str]) -> None:
        """Take the place of the drawing, or give it back."""
        self.root.hidden = not shown
        if shown:
            if self._table is None:
                self.renew()
            self.say_lines(lines)
            self.fill(at_once=True)
            self.root.querySelector("th button").focus()

    def renew(self) -> None:
        """Other indicators: the table has a column for each of their lines."""
        self.close()
        self._table = None if self.root.hidden else self._make()
        if self._table is None:
            return
        self._place.append(self._table.tools, self._table.root)
        self.fill(at_once=True)

    def close(self) -> None:
        """Let go of the table."""
        for stop in self._stops:
            stop()
        self._stops = []
        self._table = None
        clear(self._place)

    def say_lines(self, lines: list[str]) -> None:
        """Own orders, average price and draft, in words."""
        if self.root.hidden:
            return
        self._own.replaceChildren(*[el("li", None, text) for text in lines or ["No own order, position or draft at a price."]])

    def fill(self, *, at_once: bool = False) -> None:
        """The newest bars, at most once a second unless ``at_once``."""
        if self._table is None or self.root.hidden:
            return
        now = performance.now()
        if at_once or now - self._drawn_at >= _EVERY_MS:
            self._drawn_at = now
            self._fills = fill_texts(self._ctx.store.fills, self._feed.symbol, self._bars)
            newest = len(self._bars)
            self._table.set_rows([{"bar": self._bars.at(index)} for index in range(newest - 1, max(-1, newest - 1 - _BARS), -1)])

    def own_at(self, moment: int) -> str:
        """Own fills within a bar, in words."""
        return fill_texts(self._ctx.store.fills, self._feed.symbol, self._bars).get(moment, "")

    def _make(self) -> Table:
        def price(name: str, index: int) -> Column:
            return Column(name.lower(), name, lambda row: price_text(row["bar"][index], self._decimals()), lambda row: row["bar"][index], end=True)

        def whole(row: dict) -> str:
            return self._when(row["bar"][0])

        def notes(row: dict) -> str:
            moment = row["bar"][0]
            return "; ".join(filter(None, (PARTLY if self._bars.is_partly(moment) else "", self._fills.get(moment, ""))))

        columns = [
            Column("time", "Time", lambda row: short_time(whole(row)), lambda row: row["bar"][0], title_of=whole, kept=whole),
            price("Open", 1),
            price("High", 2),
            price("Low", 3),
            price("Close", 4),
            Column("volume", "Volume", lambda row: self._describe(row["bar"])["volume"], _volume, end=True),
            Column("change", "Change", lambda row: self._describe(row["bar"])["change"], end=True, tone=self._tone),
            Column("own", "Notes", notes, title_of=notes, hint="Own fills, and whether a part of the bar is unknown"),
            *self._study_columns(),
        ]
        attrs: dict[str, str] = {}
        with gathered() as self._stops:
            return Table("bars", "Bars, newest first", columns, self._ctx.prefs, key=lambda row: str(row["bar"][0]), attrs=lambda _row: attrs)

    def _study_columns(self) -> list[Column]:
        def column(study: Any, at: int, place: int, output: dict) -> Column:
            title = study.name if len(study.lines) == 1 else f"{study.name} {output['name']}"

            def text(row: dict) -> str:
                return study.texts(row["bar"][0], self._decimals())[at]

            return Column(f"{study.id}-{output['name']}", title, text, lambda row: study.values(row["bar"][0])[place] or 0.0, end=True)

        return [column(study, at, place, output) for study in self._studies() for at, (place, output) in enumerate(study.lines)]

    def _tone(self, row: dict) -> str:
        return change_tone(self._describe(row["bar"]))


def _volume(row: dict) -> float | None:
    volume = row["bar"][5]
    return None if isnan(volume) else volume
