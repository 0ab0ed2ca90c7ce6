"""The page of charts: one to eight side by side, each linked to the instrument in focus or pinned to its own.

They are served by the desk only while this page shows. What stands here is remembered.
"""

from __future__ import annotations

from typing import Any

from ..chart_feeds import GridFeed
from ..chart_grid import COLUMNS, LAYOUTS, MOST, Cell, Grid
from ..dom import clear, el, gathered, listen, need_style, set_text
from .chart import ChartView

_PREF = "charts"
_LINKED = "*"


class _Place:
    """One chart with its head."""

    def __init__(self, view: ChartsView, ctx: Any, cell: Cell) -> None:
        self._store, self.cell = ctx.store, cell
        self.feed = GridFeed(ctx, cell, view.save, lambda: view.grid.current)
        self._names: tuple = ()
        self._pick = el("select", {"class": "chart-pick", "data-testid": "chart-pick"})
        close = el("button", {"type": "button", "class": "btn btn-quiet chart-close", "data-testid": "chart-close"}, "×")
        self._close = close
        with gathered() as self._stops:
            listen(self._pick, "change", lambda _event: self.pin(None if self._pick.value == _LINKED else str(self._pick.value)))
            listen(close, "click", lambda _event: view.remove(cell.id))
            self.chart = ChartView(ctx, self.feed, (self._pick,), (close,))
            attrs = {"class": "panel chart-place", "data-testid": "chart-place", "data-chart": cell.id}
            self.root = el("section", attrs, self.chart.root)
            listen(self.root, "focusin", lambda _event: view.choose(cell.id))
            listen(self.root, "pointerdown", lambda _event: view.choose(cell.id))

    def close(self) -> None:
        """Take it off the page, and let go of everything that it listens to."""
        self.root.remove()
        self.chart.close()
        for stop in self._stops:
            stop()

    def pin(self, symbol: str | None) -> None:
        """To an instrument, or to the one in focus."""
        self.feed.use_symbol(symbol)
        self.describe(self.root.dataset.current == "true")

    def describe(self, current: bool, at: int = 0) -> None:
        """Names, choices and the frame of the current one."""
        if at:
            self.root.dataset.number = str(at)
        number, symbol = self.root.dataset.number, self.feed.symbol or ""
        self.root.dataset.current = "true" if current else "false"
        self.root.dataset.linked = "true" if self.cell.symbol is None else "false"
        self.root.setAttribute("aria-label", f"Chart {number}: {symbol}, {'linked to the focus' if self.cell.symbol is None else 'pinned'}")
        self._pick.setAttribute("aria-label", f"Instrument of chart {number}")
        self._close.setAttribute("aria-label", f"Remove chart {number}")
        names = (self._store.symbol, *self._store.instruments)
        if names != self._names:
            self._names = names
            linked = el("option", {"value": _LINKED}, f"Linked: {self._store.symbol or ''}")
            clear(self._pick)
            self._pick.append(linked, *[el("option", {"value": name}, name) for name in names[1:]])
        self._pick.value = _LINKED if self.cell.symbol is None else self.cell.symbol


class ChartsView:
    """Owns the page of charts."""

    title = "Charts"

    def __init__(self, ctx: Any) -> None:
        need_style("charts.css")
        self._ctx, self._store = ctx, ctx.store
        self.grid = Grid.remembered(ctx.prefs.get(_PREF))
        self._places: dict[str, _Place] = {}
        self._shown = False
        self._layouts = el("div", {"class": "seg", "role": "group", "aria-label": "Places for charts", "data-testid": "chart-layouts"})
        for count in LAYOUTS:
            self._layouts.append(el("button", {"type": "button", "data-places": str(count), "aria-pressed": "false"}, str(count)))
        self._add = el("button", {"type": "button", "class": "btn", "data-testid": "chart-add"}, "Add a chart")
        self._said = el("p", {"class": "tool-said", "role": "status"})
        tools = el("div", {"class": "charts-tools"}, el("span", {"class": "hint"}, "Places"), self._layouts, self._add, self._said)
        self._field = el("div", {"class": "charts-field", "data-testid": "charts"})
        self.root = el("div", {"class": "charts"}, tools, self._field)
        listen(self._layouts, "click", self._pick_layout)
        listen(self._add, "click", lambda _event: self.add())
        ctx.store.subscribe("focus", lambda _focus: self._describe())
        ctx.store.subscribe("instruments", lambda _rows: self._describe())
        self._draw()

    def shown(self) -> None:
        """The page shows: the desk serves its charts."""
        self._shown = True
        for place in self._places.values():
            place.feed.show()

    def hidden(self) -> None:
        """Another page shows: the desk need not serve them."""
        self._shown = False
        for place in self._places.values():
            place.feed.hide()

    def save(self) -> None:
        """Remember what stands here."""
        self._ctx.prefs.put(_PREF, self.grid.state())

    def choose(self, name: str) -> None:
        """Commands go to this chart."""
        if name != self.grid.current:
            self.grid.choose(name)
            self.save()
            self._describe()

    def add(self) -> None:
        """One more chart, pinned to an instrument that none is pinned to."""
        cell = self.grid.add([symbol for symbol in self._store.instruments if symbol != self._store.symbol])
        if cell is None:
            self._say(f"There are {MOST} charts already: remove one first.")
            return
        self._changed(f"Chart added: {cell.symbol or 'linked to the focus'}.")

    def remove(self, name: str) -> None:
        """Take a chart away."""
        held = self._places[name].root.contains(self._field.ownerDocument.activeElement)
        if not self.grid.remove(name):
            self._say("The last chart stays.")
            return
        self._changed("Chart removed.")
        if held:
            self._places[self.grid.current].chart.focus()

    def command(self, name: str) -> None:
        """One of COMMANDS by its name."""
        if name.isdigit():
            self._arrange(int(name))
            return
        remove, step = (lambda: self.remove(self.grid.current)), self._step
        {"add": self.add, "remove": remove, "link": self._toggle_link, "next": lambda: step(1), "previous": lambda: step(-1)}[name]()

    def _toggle_link(self) -> None:
        place = self._places[self.grid.current]
        place.pin(self._store.symbol if place.cell.symbol is None else None)
        self._say("Linked to the focus." if place.cell.symbol is None else f"Pinned to {place.cell.symbol}.")

    def _step(self, by: int) -> None:
        self.grid.step(by)
        self.save()
        self._describe()
        self._places[self.grid.current].chart.focus()

    def _pick_layout(self, event: Any) -> None:
        places = event.target.getAttribute("data-places")
        if places:
            self._arrange(int(places))

    def _arrange(self, count: int) -> None:
        self.grid.arrange(count, [symbol for symbol in self._store.instruments if symbol != self._store.symbol])
        self._changed("1 place." if count == 1 else f"{count} places.")

    def _changed(self, text: str) -> None:
        self.save()
        self._draw()
        self._say(text)

    def _draw(self) -> None:
        """Places as the grid has them; charts that stay are not touched."""
        wanted = [cell.id for cell in self.grid.cells]
        for place in [self._places.pop(name) for name in tuple(self._places) if name not in wanted]:
            place.close()
        for cell in self.grid.cells:
            if cell.id not in self._places:
                place = self._places[cell.id] = _Place(self, self._ctx, cell)
                self._field.append(place.root)
                if self._shown:
                    place.feed.show()
        self._field.dataset.places = str(self.grid.places)
        self._field.style.setProperty("--columns", str(COLUMNS[self.grid.places]))
        self._field.style.setProperty("--rows", str(self.grid.places // COLUMNS[self.grid.places]))
        self._describe()

    def _describe(self) -> None:
        for at, cell in enumerate(self.grid.cells, 1):
            self._places[cell.id].describe(cell.id == self.grid.current, at)
        buttons = self._layouts.children
        for index, count in enumerate(LAYOUTS):
            buttons.item(index).setAttribute("aria-pressed", "true" if count == self.grid.places else "false")
        self._add.disabled = len(self.grid.cells) >= MOST

    def _say(self, text: str) -> None:
        set_text(self._said, text)
