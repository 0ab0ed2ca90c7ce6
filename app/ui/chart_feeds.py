"""Where a chart's bars come from: the desk's own follows the focus; one of several has a name, an instrument or the focus's, and its own bars.

A view follows a feed with four functions: ``moved()`` when it shows something else from now on, ``whole(message)`` for a whole series,
``changed(message)`` for changed bars, ``studies(message)`` for a whole indicator; ``again()`` when the desk has forgotten the chart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .chart_grid import Cell

_INDICATORS = "indicators"


class DeskFeed:
    """The chart of the desk: instrument and time frame are those in focus."""

    name = ""

    def __init__(self, ctx: Any) -> None:
        self._ctx, self._store = ctx, ctx.store
        self._stops: list[Callable[[], None]] = []

    @property
    def symbol(self) -> str | None:
        """The instrument shown, None before there is one."""
        return self._store.symbol

    @property
    def timeframe(self) -> str:
        """The kind of bars."""
        return self._store.timeframe

    @property
    def instrument(self) -> dict | None:
        """Its wire row."""
        return self._store.instruments.get(self.symbol) if self.symbol else None

    @property
    def active(self) -> bool:
        """Whether commands for "the chart" are for this one."""
        return self._ctx.router.current != "charts"

    def use_frame(self, timeframe: str) -> None:
        """Show bars of another kind."""
        self._store.focus(timeframe=timeframe)

    def follow(self, moved: Callable, whole: Callable, changed: Callable, studies: Callable, again: Callable) -> None:
        """Tell a view of everything from now on."""
        self._stops += [
            self._store.subscribe("focus", lambda _focus: moved()),
            self._ctx.link.on("bars", self._mine(whole)),
            self._ctx.link.on("studies", self._mine(studies)),
            self._ctx.link.on("again", lambda _message: again()),
            *self._follow_bars(self._mine(changed)),
        ]

    async def set_indicators(self, rows: list[dict]) -> dict:
        """Ask the desk for these indicators; raises Refused."""
        return await self._ctx.link.ask("indicators.set", rows=rows)

    def kept_indicators(self) -> list[dict]:
        """What stood on the chart when it was last seen."""
        return self._ctx.prefs.get(_INDICATORS) or []

    def keep_indicators(self, rows: list[dict]) -> None:
        """Remember what stands on the chart."""
        self._ctx.prefs.put(_INDICATORS, rows or None)

    def close(self) -> None:
        """Tell nobody any more."""
        for stop in self._stops:
            stop()
        self._stops.clear()

    def _follow_bars(self, changed: Callable) -> list[Callable[[], None]]:
        return [self._store.on_tick("bar", changed)]

    def _mine(self, take: Callable[[dict], None]) -> Callable[[dict], None]:
        """Only what belongs to what is shown now: an answer to an older wish may still be on its way."""

        def check(message: dict) -> None:
            if message.get("chart", "") == self.name and (message["symbol"], message["timeframe"]) == (self.symbol, self.timeframe):
                take(message)

        return check


class GridFeed(DeskFeed):
    """One of several charts; ``save()`` remembers a change of its cell, ``current()`` names the chart that commands go to."""

    def __init__(self, ctx: Any, cell: Cell, save: Callable[[], None], current: Callable[[], str]) -> None:
        super().__init__(ctx)
        self.cell, self._save, self._current = cell, save, current
        self.name = cell.id
        self._open = False
        self._moved: Callable[[], None] = lambda: None
        self._again: Callable[[], None] = lambda: None
        self._told: tuple = ()

    @property
    def symbol(self) -> str | None:
        """The instrument it is pinned to, while the desk knows it; else the one in focus."""
        return self.cell.symbol if self.cell.symbol in self._store.instruments else self._store.symbol

    @property
    def timeframe(self) -> str:
        """The kind of bars."""
        return self.cell.timeframe

    @property
    def active(self) -> bool:
        """Whether commands for "the chart" are for this one."""
        return self._ctx.router.current == "charts" and self._current() == self.name

    def follow(self, moved: Callable, whole: Callable, changed: Callable, studies: Callable, again: Callable) -> None:
        """As of the desk's."""
        self._moved, self._again = moved, again
        super().follow(self._look, whole, changed, studies, self._lost)
        self._stops.append(self._store.subscribe("instruments", lambda _rows: self._look()))

    def show(self) -> None:
        """It can be seen: ask the desk for its bars."""
        if not self._open:
            self._open = True
            self._told = ()
            self._look()
            self._again()

    def hide(self) -> None:
        """It cannot be seen: the desk need not serve it."""
        if self._open:
            self._open = False
            self._ctx.link.tell("chart.close", chart=self.name)

    def use_frame(self, timeframe: str) -> None:
        """Show bars of another kind."""
        self.cell.timeframe = timeframe
        self._save()
        self._look()

    def use_symbol(self, symbol: str | None) -> None:
        """Pin it to an instrument, or link it to the focus with None."""
        self.cell.symbol = symbol
        self._save()
        self._look()

    async def set_indicators(self, rows: list[dict]) -> dict:
        """Ask the desk for these indicators; raises Refused."""
        return await self._ctx.link.ask("indicators.set", rows=rows, chart=self.name)

    def kept_indicators(self) -> list[dict]:
        """What stood on the chart when it was last seen."""
        return self.cell.indicators

    def keep_indicators(self, rows: list[dict]) -> None:
        """Remember what stands on the chart."""
        self.cell.indicators = rows
        self._save()

    def close(self) -> None:
        """The chart is gone."""
        self.hide()
        super().close()

    def _look(self) -> None:
        """Tell the desk what is wanted now, when that is something else than before."""
        wanted = (self.symbol, self.timeframe)
        if self._open and self.symbol is not None and wanted != self._told:
            self._told = wanted
            self._ctx.link.tell("chart.open", chart=self.name, symbol=self.symbol, timeframe=self.timeframe)
        self._moved()

    def _lost(self) -> None:
        """Another worker is the desk: it knows no chart yet."""
        self._told = ()
        self._look()
        if self._open:
            self._again()

    def _follow_bars(self, changed: Callable) -> list[Callable[[], None]]:
        def each(parts: list[dict]) -> None:
            for part in parts:
                changed(part)

        return [self._store.on_tick("charts", each)]
