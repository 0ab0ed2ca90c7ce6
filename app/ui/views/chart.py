"""One chart of bars, and its accessible twin: bars walked by key, spoken, or read as a table.

The drawing library is fetched after the first quote is painted, so that it never delays the desk. Until then, and
if it cannot be fetched, legend, keys and table work on the same bars.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from js import performance, requestAnimationFrame, setTimeout
from pyodide.ffi import create_once_callable

from ..chart_feeds import DeskFeed
from ..dom import by_id, el, listen, set_text
from ..format import clock, stamp
from ..order_words import decimals
from .bars import PARTLY, Bars, change_tone, date_text, frame_text, has_days, has_seconds, legend, spoken, utc_shift
from .chart_frames import FrameChoice
from .chart_indicators import ChartIndicators
from .chart_legend import ChartLegend
from .chart_own import ChartOwn
from .chart_twin import ChartTwin

_STEPS = {"ArrowLeft": -1, "ArrowRight": 1}
_FAR = 10**9


class ChartView:
    """The desk's chart; or that of ``feed``, with ``before`` and ``after`` in its head instead of its name."""

    title = "Chart"

    def __init__(self, ctx: Any, feed: Any = None, before: Iterable[Any] = (), after: Iterable[Any] = ()) -> None:
        self._ctx, self._store = ctx, ctx.store
        self._feed = feed or DeskFeed(ctx)
        self._bars = Bars()
        self._shows: tuple = ()
        self._canvas: Any = None
        self._asked = self._closed = False
        self._walk: int | None = None
        self._hover: int | None = None
        self._indicators = ChartIndicators(ctx, self._feed, lambda: self._twin.renew(), self._price_decimals)
        self._legend = ChartLegend()
        self._twin = ChartTwin(ctx, self._feed, self._bars, lambda: self._indicators.studies, self._describe, self._when, self._price_decimals)
        self._holder = el("div", {"class": "chart-canvas", "tabindex": "0", "role": "application", "aria-label": "Chart", "data-near": "false"})
        self._own = ChartOwn(ctx, self._feed, self._bars, self._holder, self._twin.say_lines)
        self._build(before, after, narrow=feed is not None)
        self._stops = [
            ctx.store.on_tick("quotes", self._first_quotes),
            ctx.store.subscribe("chart", self._command),
            ctx.store.subscribe("fills", lambda _message: self._twin.fill()),
        ]
        self._heat: Any = None
        if feed is None:
            self._bind_keys()
        self._feed.follow(self._moved, self._take_bars, self._take_bar, self._indicators.take_whole, self._lost)
        self._moved()
        if ctx.store.quotes:
            self._first_quotes(None)

    def close(self) -> None:
        """For good: the desk need not serve it any more."""
        self._closed = True
        for stop in self._stops:
            stop()
        self._feed.close()
        self._own.close()
        self._twin.close()
        self._indicators.close()
        if self._canvas is not None:
            self._canvas.close()

    def focus(self) -> None:
        """Go to the drawing, or to the table in its place."""
        (self._holder if self._twin.root.hidden else self._twin.root.querySelector("th button")).focus()

    def _bind_keys(self) -> None:
        """Commands for the chart that is looked at, here or among several; the switch of the heatmap stands in the book's head."""
        self._heat_button = by_id("heat-switch")
        listen(self._heat_button, "click", lambda _event: self._toggle_heat())
        publish, keys = self._store.publish, self._ctx.keys
        keys.bind("", "Chart: show the bars as a table", lambda: publish("chart", "table"), "Chart")
        keys.bind("h", "Heatmap of the book under the chart", self._toggle_heat, "Chart")
        keys.bind("i", "Add an indicator to the chart", lambda: publish("chart", "indicator"), "Chart")

    def _command(self, what: str) -> None:
        if self._feed.active:
            {"table": self._toggle_table, "indicator": self._indicators.open}[what]()

    def _build(self, before: Iterable[Any], after: Iterable[Any], *, narrow: bool) -> None:
        self._name = el("h2", {"class": "chart-name"}, "Chart")
        self._frames = FrameChoice(self._feed.use_frame, narrow=narrow)
        self._table_button = el("button", {"type": "button", "class": "btn btn-quiet", "aria-pressed": "false"}, "Table")
        listen(self._table_button, "click", lambda _event: self._toggle_table())
        latest = el("button", {"type": "button", "class": "btn btn-quiet chart-latest"}, "Latest")
        listen(latest, "click", lambda _event: self._latest())
        first = tuple(before) or (self._name,)
        last = (self._own.arm, latest, self._table_button, *after)
        head = el("div", {"class": "panel-head chart-head"}, *first, *self._frames.nodes, el("span", {"class": "grow"}), *last)
        self._note = el("p", {"class": "chart-note", "role": "status"}, "Waiting for bars")
        self._spoken = el("div", {"class": "away", "role": "status"})
        listen(self._holder, "keydown", self._keydown)
        listen(self._holder, "blur", lambda _event: self._stop_walk())
        add = el("button", {"type": "button", "class": "study-name study-add", "data-testid": "indicator-add"}, "+ Indicator")
        listen(add, "click", lambda _event: self._indicators.open())
        over = el("div", {"class": "chart-over"}, self._legend.root, self._indicators.root, add)
        self.root = el("div", {"class": "chart"}, head, over, self._note, self._holder, self._twin.root, self._own.said, self._spoken)

    def _moved(self) -> None:
        shows = (self._feed.symbol, self._feed.timeframe)
        if shows[0] is None or shows == self._shows:
            return
        self._shows = shows
        symbol, timeframe = shows
        self._frames.show(timeframe)
        set_text(self._name, symbol)
        words = "Left and right arrows walk the bars, up and down own orders, Enter moves one, T shows them as a table."
        self._holder.setAttribute("aria-label", f"{symbol}, bars of {frame_text(timeframe)}. {words}")
        self._bars.reset([], [], timeframe)
        self._indicators.series_gone()
        self._own.moved()
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

        canvas = await ChartCanvas.load(self._holder, self._hovered, self._more_drawn)
        if self._closed:  # removed while the library came
            canvas.close()
            return
        self._canvas = canvas
        self._indicators.attach(self._canvas.studies)
        performance.mark("kontor:chart")
        self._whole()
        self._own.attach(self._canvas)
        if not self._feed.name and self._ctx.prefs.get("heat"):
            self._toggle_heat()
        await self._indicators.restore()

    def _lost(self) -> None:
        """The desk does not know this chart's indicators (any more)."""
        if self._canvas is not None:
            self._ctx.errors.run("Indicators", self._indicators.restore())

    def _take_bars(self, message: dict) -> None:
        packed = message["file"].to_bytes() if "file" in message else b""
        self._bars.reset(message["rows"], message["gaps"], message["timeframe"], packed)
        self._indicators.series_gone()
        self._whole()

    def _take_bar(self, message: dict) -> None:
        fresh = not len(self._bars)
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
        self._twin.fill()

    def _whole(self) -> None:
        """Draw everything anew: another series, a restart, or the library has just come."""
        last = self._bars.last
        self._note.hidden = last is not None
        if self._canvas is not None:
            timeframe, instrument = self._feed.timeframe, self._feed.instrument
            if instrument is not None:
                self._canvas.set_instrument(decimals(instrument["tick"]), instrument["tick"])
            shift = utc_shift(last[0], timeframe) if last else 0
            self._canvas.set_bars(self._bars, shift, timed=not has_days(timeframe), seconds=has_seconds(timeframe))
            self._own.whole()
            self._indicators.draw(shift, self._canvas.since)
        self._show_legend(last)
        self._twin.fill(at_once=True)

    def _more_drawn(self) -> None:
        """Older bars stand on the drawing: so do older fills, and values of indicators."""
        self._own.whole()
        self._indicators.draw(utc_shift(self._bars.last[0], self._feed.timeframe), self._canvas.since)

    def _latest(self) -> None:
        if self._canvas is not None:
            self._canvas.latest()

    def _hovered(self, moment: int | None) -> None:
        if moment == self._hover:
            return
        self._hover = moment
        row = self._bars.last if moment is None else self._bars.get(moment)
        if row is not None or moment is None:
            self._show_legend(row)
        elif reason := self._bars.gap_at(moment):
            self._indicators.point_at(None)
            self._legend.show({"time": f"{self._when(moment)} no data: {reason}"})

    def _show_legend(self, row: list | None) -> None:
        self._indicators.point_at(row[0] if row is not None else None)
        if row is None:
            self._legend.show({})
            return
        texts = self._describe(row)
        self._legend.show({**texts, "time": self._bar_time(row[0])}, change_tone(texts))

    def _describe(self, row: list) -> dict[str, str]:
        instrument = self._feed.instrument or {"tick": "0.01", "lot": "0.0001"}
        return legend(row, self._bars.before(row[0]), decimals(instrument["tick"]), decimals(instrument["lot"]))

    def _bar_time(self, moment: int) -> str:
        return self._when(moment) + (f", {PARTLY}" if self._bars.is_partly(moment) else "")

    def _when(self, moment: int) -> str:
        ns, timeframe = moment * 1_000_000_000, self._feed.timeframe
        if has_days(timeframe):
            return date_text(moment)
        return clock(ns) if has_seconds(timeframe) else stamp(ns)[:-3]

    def _keydown(self, event: Any) -> None:
        if event.ctrlKey or event.metaKey or event.altKey:
            return
        if self._own.keydown(event):
            event.preventDefault()
        elif event.key.lower() == "t" and not self._ctx.keys.is_sequence(event.timeStamp):
            event.preventDefault()
            event.stopPropagation()  # it begins no sequence such as T O
            self._toggle_table()
        elif event.key == "Escape":
            self._stop_walk()
        elif event.key in _STEPS or event.key in ("Home", "End"):
            far = {"Home": -_FAR, "End": _FAR}.get(event.key)
            self._walk_bars(event, far or _STEPS[event.key] * (10 if event.shiftKey else 1))

    def _walk_bars(self, event: Any, step: int) -> None:
        moment = self._bars.walked(self._walk, step)
        if moment is None:
            return
        event.preventDefault()
        self._walk = moment
        row = self._bars.get(moment)
        self._show_legend(row)
        own = self._twin.own_at(moment)
        told = [spoken(row, self._bar_time(moment), self._describe(row)), *([f"you {own}"] if own else []), *self._indicators.spoken(moment)]
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
        shown = self._twin.root.hidden
        self._holder.hidden = shown
        self._table_button.setAttribute("aria-pressed", "true" if shown else "false")
        self._twin.show(shown, self._own.texts)
        if not shown:
            self._holder.focus()

    def _toggle_heat(self) -> None:
        """The book over time, under the chart."""
        if self._heat is None:
            from .heat import HeatView

            self._heat = HeatView(self._ctx)
            self._own.said.before(self._heat.root)
        opens = bool(self._heat.root.hidden)
        self._heat_button.setAttribute("aria-pressed", "true" if opens else "false")
        self._ctx.prefs.put("heat", opens or None)
        if opens:
            self._heat.show()
        else:
            self._heat.hide()

    def _price_decimals(self) -> int:
        instrument = self._feed.instrument
        return decimals(instrument["tick"]) if instrument else 2
