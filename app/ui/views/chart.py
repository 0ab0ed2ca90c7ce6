"""The chart of the instrument in focus, and its accessible twin: bars walked by key, spoken, or read as a table.

The drawing library is fetched after the first quote is painted, so that it never delays the desk. Until then, and
if it cannot be fetched, legend, keys and table work on the same bars.
"""

from __future__ import annotations

from typing import Any

from js import performance, requestAnimationFrame, setTimeout
from pyodide.ffi import create_once_callable

from ..dom import clear, el, listen, set_text
from ..format import clock, stamp, utc
from ..order_words import decimals
from .bars import Bars, fill_marks, frame_text, has_days, has_seconds, legend, nearest, order_lines, price_text, spoken, utc_shift
from .chart_frames import FrameChoice
from .chart_indicators import ChartIndicators
from .frame import OncePerFrame
from .rows import Column
from .table import Table

_LEGEND = (("open", "O"), ("high", "H"), ("low", "L"), ("close", "C"), ("volume", "V"), ("change", ""))
_LINES = 12
_TABLE_BARS = 500
_TABLE_EVERY_MS = 1000.0


class ChartView:
    """Owns its panel with its own head: time frames, legend, the switch to the table."""

    title = "Chart"

    def __init__(self, ctx: Any) -> None:
        self._ctx, self._store = ctx, ctx.store
        self._bars = Bars()
        self._symbol: str | None = None
        self._timeframe = ctx.store.timeframe
        self._canvas: Any = None
        self._asked = False
        self._held: tuple | None = None
        self._walk: int | None = None
        self._hover: int | None = None
        self._table: Table | None = None
        self._table_at = 0.0
        self._indicators = ChartIndicators(ctx, self._indicators_changed, self._price_decimals)
        self._indicators.accept(lambda message: (message["symbol"], message["timeframe"]) == (self._symbol, self._timeframe))
        self._build()
        ctx.store.subscribe("focus", self._focus)
        ctx.store.on_tick("quotes", self._first_quotes)
        ctx.store.on_tick("bar", self._take_bar)
        ctx.link.on("bars", self._take_bars)
        ctx.store.subscribe("fills", OncePerFrame(self._draw_marks))
        ctx.store.subscribe("orders", OncePerFrame(self._draw_lines))
        ctx.store.subscribe("account", self._average_changed)
        ctx.keys.bind("", "Chart: show the bars as a table", self._toggle_table, "Chart")
        ctx.keys.bind("i", "Add an indicator to the chart", self._indicators.open, "Chart")
        self._focus((ctx.store.symbol, ctx.store.timeframe))
        if ctx.store.quotes:
            self._first_quotes(None)

    def _build(self) -> None:
        self._name = el("h2", {"class": "chart-name"}, "Chart")
        self._frames = FrameChoice(self._store)
        self._table_button = el("button", {"type": "button", "class": "btn btn-quiet", "aria-pressed": "false"}, "Table")
        listen(self._table_button, "click", lambda _event: self._toggle_table())
        latest = el("button", {"type": "button", "class": "btn btn-quiet chart-latest"}, "Latest")
        listen(latest, "click", lambda _event: self._latest())
        buttons = (latest, self._table_button)
        head = el("div", {"class": "panel-head chart-head"}, self._name, *self._frames.nodes, el("span", {"class": "grow"}), *buttons)
        self._texts: dict[str, Any] = {}
        self._shown: dict[str, str] = {}
        self._moment = el("span", {"class": "legend-time"})
        line = el("div", {"class": "chart-legend", "aria-hidden": "true"}, self._moment)
        for name, letter in _LEGEND:
            self._texts[name] = el("span", {"class": f"legend-value legend-{name}"}, "")
            line.append(el("span", {"class": "legend-part"}, f"{letter} " if letter else None, self._texts[name]))
        self._note = el("p", {"class": "chart-note", "role": "status"}, "Waiting for bars")
        self._spoken = el("div", {"class": "away", "role": "status"})
        attrs = {"class": "chart-canvas", "tabindex": "0", "role": "application", "aria-label": "Chart"}
        self._holder = el("div", attrs)
        listen(self._holder, "keydown", self._keydown)
        listen(self._holder, "blur", lambda _event: self._stop_walk())
        self._twin = el("div", {"class": "chart-table", "hidden": True})
        add = el("button", {"type": "button", "class": "study-name study-add", "data-testid": "indicator-add"}, "+ Indicator")
        listen(add, "click", lambda _event: self._indicators.open())
        over = el("div", {"class": "chart-over"}, line, self._indicators.root, add)
        self.root = el("div", {"class": "chart"}, head, over, self._note, self._holder, self._twin, self._spoken)

    def _focus(self, focus: tuple) -> None:
        symbol, timeframe = focus
        if symbol is None or (symbol, timeframe) == (self._symbol, self._timeframe):
            return
        self._symbol, self._timeframe = symbol, timeframe
        self._frames.show(timeframe)
        set_text(self._name, symbol)
        self._holder.setAttribute(
            "aria-label",
            f"{symbol}, bars of {frame_text(timeframe)}. Left and right arrows walk the bars, T shows them as a table.",
        )
        self._bars.reset([], [], timeframe)
        self._indicators.series_gone()
        self._walk = self._hover = None
        self._whole()
        self._note.hidden = False
        set_text(self._note, f"Waiting for bars of {symbol}")

    def _first_quotes(self, _rows: Any) -> None:
        if not self._asked:
            self._asked = True
            after_paint = create_once_callable(lambda: self._ctx.errors.run("Chart", self._load()))
            requestAnimationFrame(create_once_callable(lambda _time: setTimeout(after_paint, 0)))

    async def _load(self) -> None:
        from .chart_canvas import ChartCanvas

        self._canvas = await ChartCanvas.load(self._holder, self._hovered)
        self._indicators.attach(self._canvas.studies)
        performance.mark("kontor:chart")
        self._whole()
        await self._indicators.restore()

    def _take_bars(self, message: dict) -> None:
        if message["symbol"] != self._symbol or message["timeframe"] != self._timeframe:
            return
        self._bars.reset(message["rows"], message.get("gaps", ()), message["timeframe"])
        self._indicators.series_gone()
        self._whole()

    def _take_bar(self, message: dict) -> None:
        if message["symbol"] != self._symbol or message["timeframe"] != self._timeframe:
            return
        fresh = not self._bars.times
        for row in message["rows"]:
            old = self._bars.update(row)
            if self._canvas is not None and not fresh:
                self._canvas.update(row, old=old)
        if fresh:
            self._whole()
        if values := message.get("studies"):
            self._indicators.take_bar(values)
        if self._hover is None and self._walk is None:
            self._show_legend(self._bars.last)
        self._show_table()

    def _whole(self) -> None:
        """Draw everything anew: another series, a restart, or the library has just come."""
        last = self._bars.last
        self._note.hidden = last is not None
        if self._canvas is not None:
            instrument = self._store.instrument
            if instrument is not None:
                self._canvas.set_instrument(decimals(instrument["tick"]), instrument["tick"])
            shift = utc_shift(last[0], self._timeframe) if last else 0
            self._canvas.set_bars(self._bars, shift, timed=not has_days(self._timeframe), seconds=has_seconds(self._timeframe))
            self._draw_marks()
            self._draw_lines()
            self._indicators.draw(shift)
        self._show_legend(last)
        self._show_table(at_once=True)

    def _latest(self) -> None:
        if self._canvas is not None:
            self._canvas.latest()

    def _draw_marks(self) -> None:
        if self._canvas is not None and self._symbol:
            self._canvas.set_marks(fill_marks(self._store.fills, self._symbol, self._bars))

    def _draw_lines(self) -> None:
        if self._canvas is not None and self._symbol:
            lines = order_lines(self._store.orders.values(), self._store.account, self._symbol)
            last = self._bars.last
            self._canvas.set_lines(nearest(lines, last[4] if last else None, _LINES))

    def _average_changed(self, account: dict) -> None:
        """The account is told several times a second; its line moves only with quantity or average price."""
        position = next((row for row in account["positions"] if row["symbol"] == self._symbol), None)
        held = (position["qty"], position["average_price"]) if position else None
        if held != self._held:
            self._held = held
            self._draw_lines()

    def _hovered(self, moment: int | None) -> None:
        if moment == self._hover:
            return
        self._hover = moment
        if moment is None:
            self._show_legend(self._bars.last)
        elif moment in self._bars.rows:
            self._show_legend(self._bars.rows[moment])
        elif reason := self._bars.gap_at(moment):
            self._show_legend(None)
            self._put(self._moment, "time", f"{self._when(moment)} no data: {reason}")

    def _show_legend(self, row: list | None) -> None:
        self._indicators.point_at(row[0] if row is not None else None)
        if row is None:
            for name, node in {**self._texts, "time": self._moment}.items():
                self._put(node, name, "")
            return
        texts = self._describe(row)
        for name, node in self._texts.items():
            self._put(node, name, texts[name])
        self._put(self._moment, "time", self._when(row[0]))
        tone = "up" if row[4] > row[1] else "down" if row[4] < row[1] else "flat"
        if self._shown.get("tone") != tone:
            self._shown["tone"] = tone
            self._texts["change"].className = f"legend-value legend-change {tone}"

    def _put(self, node: Any, name: str, text: str) -> None:
        if self._shown.get(name) != text:
            self._shown[name] = text
            set_text(node, text)

    def _describe(self, row: list) -> dict[str, str]:
        instrument = self._store.instrument or {"tick": "0.01", "lot": "0.0001"}
        return legend(row, self._bars.before(row[0]), decimals(instrument["tick"]), decimals(instrument["lot"]))

    def _when(self, moment: int) -> str:
        ns = moment * 1_000_000_000
        if has_days(self._timeframe):
            return utc(ns)[:10]
        return clock(ns) if has_seconds(self._timeframe) else stamp(ns)[:-3]

    def _keydown(self, event: Any) -> None:
        times = self._bars.times
        if event.ctrlKey or event.metaKey or event.altKey:
            return
        if event.key.lower() == "t":
            event.preventDefault()
            self._toggle_table()
            return
        if event.key == "Escape":
            self._stop_walk()
            return
        wide = 10 if event.shiftKey else 1
        step = {"ArrowLeft": -wide, "ArrowRight": wide, "Home": -len(times), "End": len(times)}.get(event.key)
        if step is None or not times:
            return
        event.preventDefault()
        at = times.index(self._walk) if self._walk in self._bars.rows else len(times)
        self._walk = times[min(len(times) - 1, max(0, at + step))]
        row = self._bars.rows[self._walk]
        self._show_legend(row)
        told = [spoken(row, self._when(row[0]), self._describe(row)), *self._indicators.spoken(row[0])]
        set_text(self._spoken, "; ".join(told))
        if self._canvas is not None:
            self._canvas.point_at(row)

    def _stop_walk(self) -> None:
        if self._walk is not None:
            self._walk = None
            if self._canvas is not None:
                self._canvas.point_at(None)
            self._show_legend(self._bars.last)

    def _toggle_table(self) -> None:
        shown = self._twin.hidden
        if self._table is None:
            self._table = self._make_table()
            self._twin.append(self._table.tools, self._table.root)
        self._twin.hidden = not shown
        self._holder.hidden = shown
        self._table_button.setAttribute("aria-pressed", "true" if shown else "false")
        self._show_table(at_once=True)
        if shown:
            self._twin.querySelector("th button").focus()
        else:
            self._holder.focus()

    def _make_table(self) -> Table:
        def price(name: str, index: int) -> Column:
            return Column(name.lower(), name, lambda row: self._price(row["bar"][index]), lambda row: row["bar"][index], end=True)

        columns = [
            Column("time", "Time", lambda row: self._when(row["bar"][0]), lambda row: row["bar"][0]),
            price("Open", 1),
            price("High", 2),
            price("Low", 3),
            price("Close", 4),
            Column("volume", "Volume", lambda row: self._describe(row["bar"])["volume"], lambda row: row["bar"][5], end=True),
            Column("change", "Change", lambda row: self._describe(row["bar"])["change"], end=True, tone=_tone),
            *self._study_columns(),
        ]
        return Table(
            "bars",
            "Bars, newest first",
            columns,
            self._ctx.prefs,
            key=lambda row: str(row["bar"][0]),
            attrs=lambda _row: {},
        )

    def _study_columns(self) -> list[Column]:
        def column(study: Any, at: int, place: int, output: dict) -> Column:
            title = study.name if len(study.lines) == 1 else f"{study.name} {output['name']}"

            def text(row: dict) -> str:
                return study.texts(row["bar"][0], self._price_decimals())[at]

            return Column(f"{study.id}-{output['name']}", title, text, lambda row: study.values(row["bar"][0])[place] or 0.0, end=True)

        return [column(study, at, place, output) for study in self._indicators.studies for at, (place, output) in enumerate(study.lines)]

    def _indicators_changed(self) -> None:
        """The table has a column for each line of an indicator."""
        if self._table is not None:
            self._table = self._make_table()
            clear(self._twin)
            self._twin.append(self._table.tools, self._table.root)
            self._show_table(at_once=True)

    def _price_decimals(self) -> int:
        instrument = self._store.instrument
        return decimals(instrument["tick"]) if instrument else 2

    def _price(self, value: float) -> str:
        return price_text(value, self._price_decimals())

    def _show_table(self, *, at_once: bool = False) -> None:
        if self._table is None or self._twin.hidden:
            return
        now = performance.now()
        if at_once or now - self._table_at >= _TABLE_EVERY_MS:
            self._table_at = now
            self._table.set_rows([{"bar": self._bars.rows[moment]} for moment in self._bars.times[: -_TABLE_BARS - 1 : -1]])


def _tone(row: dict) -> str:
    bar = row["bar"]
    return "up" if bar[4] > bar[1] else "down" if bar[4] < bar[1] else "flat"
