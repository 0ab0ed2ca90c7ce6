"""The drawing of the chart: lightweight-charts wrapped so that the view speaks in bars, marks and lines.

Owns the library's objects and the colours they get from the page's tokens. Whole series cross into JavaScript as one
buffer of numbers; a tick changes single points only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from js import JSON, URL, MutationObserver, Object, clearTimeout, document, getComputedStyle, kontor, matchMedia, setTimeout
from pyodide.ffi import create_proxy, to_js

from ..dom import listen, watch_size
from ..own_lines import Line
from . import chart_style as style
from .bars import WIDTH, Bars, price_text
from .chart_studies import ChartStudies, floats

_LIBRARY = "vendor/lightweight-charts/lightweight-charts.standalone.production.mjs"
_SERIES = "app/ui/series.mjs"
WINDOW = 4_000
"""Bars that are drawn of a long series at first: more than fit on a screen at a pixel each."""
_NEAR = 400
_TRANSLUCENT = "59"


def _parse(value: Any) -> Any:
    return JSON.parse(json.dumps(value, separators=(",", ":")))


class ChartCanvas:
    """Candles, volume, gap bands, own fills and price lines in one element."""

    def __init__(self, library: Any, series: Any, holder: Any, on_hover: Callable[[int | None], None], on_more: Callable[[], None]) -> None:
        self._series, self._on_more = series, on_more
        self.since: int | None = None
        """Time of the oldest bar drawn, None where all are."""
        self._window = WINDOW
        self._asked = 0
        self._decimals = 2
        self._shift = 0
        self._lines: dict[str, tuple[tuple[Line, bool], Any]] = {}
        self._marks: list = []
        self._last: tuple[tuple, Any] | None = None
        self._bars: Bars | None = None
        self._on_hover = on_hover
        self._colours = self._read_colours()
        self._chart = library.createChart(holder, _parse(style.chart_options(self._colours, getComputedStyle(document.body).fontFamily)))
        self._bands = self._chart.addSeries(library.HistogramSeries, _parse(style.band_options(self._colours)))
        self._bands.priceScale().applyOptions(_parse({"scaleMargins": {"top": 0, "bottom": 0}}))
        self._volume = self._chart.addSeries(library.HistogramSeries, _parse(style.volume_options()))
        self._volume.priceScale().applyOptions(_parse({"scaleMargins": {"top": 0.82, "bottom": 0}}))
        self._candles = self._chart.addSeries(library.CandlestickSeries, _parse(style.candle_options(self._colours)))
        self._markers = library.createSeriesMarkers(self._candles, _parse([]))
        self._price = create_proxy(lambda value, *_rest: price_text(value, self._decimals))
        self.studies = ChartStudies(library, series, self._chart, lambda name: self._colours[name])
        self._wide = False
        self._hover = create_proxy(self._hovered)
        self._chart.subscribeCrosshairMove(self._hover)
        self._more = create_proxy(self._draw_more)
        self._scrolled = create_proxy(self._moved)
        self._chart.timeScale().subscribeVisibleLogicalRangeChange(self._scrolled)
        self._restyled = create_proxy(lambda _changes, _observer: self._recolour())
        self._themed = MutationObserver.new(self._restyled)
        filters = {"attributes": True, "attributeFilter": ["data-theme", "data-pair"]}
        self._themed.observe(document.documentElement, to_js(filters, dict_converter=Object.fromEntries))
        scheme = matchMedia("(prefers-color-scheme: light)")
        self._stops = (listen(scheme, "change", lambda _event: self._recolour()), watch_size(holder, self._resized))

    def close(self) -> None:
        """Draw nothing any more, and let go of everything."""
        for stop in self._stops:
            stop()
        self._themed.disconnect()
        clearTimeout(self._asked)
        self._chart.unsubscribeCrosshairMove(self._hover)
        self._chart.timeScale().unsubscribeVisibleLogicalRangeChange(self._scrolled)
        self._chart.remove()
        self.studies.close()
        for proxy in (self._price, self._hover, self._more, self._scrolled, self._restyled):
            proxy.destroy()

    @classmethod
    async def load(cls, holder: Any, on_hover: Callable[[int | None], None], on_more: Callable[[], None]) -> ChartCanvas:
        """Fetch the library and draw an empty chart in the element; ``on_more()`` is called when older bars are drawn than before."""
        load = getattr(kontor, "import")
        series = await load(URL.new(_SERIES, document.baseURI).href)
        library = await load(URL.new(_LIBRARY, document.baseURI).href)
        return cls(library, series, holder, on_hover, on_more)

    def set_instrument(self, price_decimals: int, tick: str) -> None:
        """Decimals and smallest step of the price axis."""
        self._decimals = price_decimals
        form = {"priceFormat": {"type": "custom", "formatter": self._price, "minMove": float(Decimal(tick))}}
        self._candles.applyOptions(to_js(form, dict_converter=Object.fromEntries))

    def set_bars(self, bars: Bars, shift: int, *, timed: bool, seconds: bool) -> None:
        """Draw a series; ``shift`` moves UTC seconds to the axis's clock. Of a long one only the newest bars are drawn, more when the trader
        comes near their beginning: every bar that the library holds costs it time with every new one."""
        self._bars, self._shift, self._window = bars, shift, WINDOW
        self._chart.applyOptions(_parse({"timeScale": {"timeVisible": timed, "secondsVisible": seconds}}))
        self._fill()

    def _fill(self) -> None:
        bars = self._bars
        first = max(0, len(bars) - self._window)
        self.since = int(bars.times[first]) if first else None
        numbers = floats(bars.numbers[first * WIDTH :] if first else bars.numbers)
        slots = [moment for moment in bars.slots() if not first or moment > self.since]
        self._candles.setData(self._series.candles(numbers, floats(slots), self._shift))
        self._set_volume(numbers)
        self._draw_last(bars.last)
        self._bands.setData(_parse([{"time": moment + self._shift, "value": 1} for moment in slots]))

    def _moved(self, place: Any, *_rest: Any) -> None:
        """Near the oldest bar drawn: draw more, once the library is done with what it does."""
        if self.since is not None and not self._asked and place and getattr(place, "from") < _NEAR:
            self._asked = setTimeout(self._more, 0)

    def _draw_more(self) -> None:
        self._asked = 0
        if self.since is not None:
            self.reach(None)

    def reach(self, moment: int | None) -> None:
        """Draw so many more bars that this one is there (None: one step more)."""
        before = self._window
        while self.since is not None and (moment is None or moment < self.since):
            self._window *= 4
            if self._window >= len(self._bars) or moment is None:
                break
            self.since = int(self._bars.times[len(self._bars) - self._window])
        if self._window != before:
            self._fill()
            self._on_more()

    def update(self, row: list, *, old: bool) -> None:
        """Change one bar or add the next one."""
        moment, opened, high, low, close, volume = row
        if self.since is not None and moment < self.since:
            return
        colour = self._colours["up" if close >= opened else "down"] + _TRANSLUCENT
        self._series.update(self._candles, self._volume, moment + self._shift, opened, high, low, close, volume, colour, old)
        if not old:
            self._draw_last(row)

    def latest(self) -> None:
        """Show the newest bars at the default width."""
        self._chart.timeScale().applyOptions(_parse({"barSpacing": 7}))
        self._chart.timeScale().scrollToRealTime()

    def point_at(self, row: list | None) -> None:
        """Put the crosshair on a bar, or take it away."""
        if row is None:
            self._chart.clearCrosshairPosition()
        else:
            self.reach(row[0])
            self._chart.setCrosshairPosition(row[4], row[0] + self._shift, self._candles)

    def set_marks(self, marks: list[tuple[int, str, Decimal]]) -> None:
        """Own fills: triangles below for bought, above for sold."""
        self._marks = marks
        self._markers.setMarkers(
            _parse(
                [
                    {
                        "time": moment + self._shift,
                        "position": "belowBar" if side == "buy" else "aboveBar",
                        "shape": "arrowUp" if side == "buy" else "arrowDown",
                        "color": self._colours["up" if side == "buy" else "down"],
                        "text": f"{'B' if side == 'buy' else 'S'} {qty.normalize():f}",
                    }
                    for moment, side, qty in marks
                    if self.since is None or moment >= self.since
                ]
            )
        )

    def set_lines(self, wanted: list[Line], chosen: str = "") -> None:
        """Own orders, average price and draft; lines that stay are changed in place. ``chosen``: the key of one that stands out."""
        keys = {line.key for line in wanted}
        for key in self._lines.keys() - keys:
            self._candles.removePriceLine(self._lines.pop(key)[1])
        for line in wanted:
            drawn, look = self._lines.get(line.key), (line, line.key == chosen)
            if drawn is None:
                self._lines[line.key] = (look, self._candles.createPriceLine(_parse(style.line_options(self._colours, *look))))
            elif drawn[0] != look:
                drawn[1].applyOptions(_parse(style.line_options(self._colours, *look)))
                self._lines[line.key] = (look, drawn[1])

    def height_of(self, price: Decimal) -> float | None:
        """How far below the top of the drawing a price stands, in CSS pixels; None where it cannot be seen."""
        at = self._candles.priceToCoordinate(float(price))
        return float(at) if isinstance(at, int | float) and 0 <= at <= self._chart.paneSize(0).height else None

    def price_at(self, height: float) -> float | None:
        """The drawn price at a height within the pane of prices; None without bars."""
        price = self._candles.coordinateToPrice(max(0.0, min(height, float(self._chart.paneSize(0).height))))
        return float(price) if isinstance(price, int | float) else None

    def view(self) -> tuple[float, float] | None:
        """The lowest and the highest price in sight."""
        low, high = self.price_at(float(self._chart.paneSize(0).height)), self.price_at(0.0)
        return None if low is None or high is None else (low, high)

    def _draw_last(self, row: list | None) -> None:
        """The label of the newest price; the library's own would take a hollow candle's empty colour."""
        if row is None:
            if self._last is not None:
                self._candles.removePriceLine(self._last[1])
                self._last = None
            return
        wanted = (row[4], "down" if row[4] < row[1] else "up")
        if self._last is None:
            self._last = (wanted, self._candles.createPriceLine(_parse(style.last_options(self._colours, wanted))))
        elif self._last[0] != wanted:
            self._series.place(self._last[1], wanted[0], self._colours[wanted[1]])
            self._last = (wanted, self._last[1])

    def _set_volume(self, numbers: Any) -> None:
        up, down = (self._colours[name] + _TRANSLUCENT for name in ("up", "down"))
        self._volume.setData(self._series.volumes(numbers, self._shift, up, down))

    def _resized(self, entries: Any, *_rest: Any) -> None:
        """A chart that was not shown (another pane, another route) did not follow the bars: go to the newest."""
        wide = entries[0].contentRect.width > 0
        if wide and not self._wide:
            self._chart.timeScale().scrollToPosition(style.RIGHT_BARS, False)
        self._wide = wide

    def _hovered(self, event: Any, *_rest: Any) -> None:
        moment = getattr(event, "time", None)
        self._on_hover(int(moment) - self._shift if moment else None)

    def _read_colours(self) -> dict[str, str]:
        computed = getComputedStyle(document.documentElement)
        return {name: computed.getPropertyValue(f"--{name}").strip() for name in style.COLOURS}

    def _recolour(self) -> None:
        self._colours = self._read_colours()
        self._chart.applyOptions(_parse(style.chart_options(self._colours, getComputedStyle(document.body).fontFamily)))
        self._candles.applyOptions(_parse(style.candle_options(self._colours)))
        self._bands.applyOptions(_parse(style.band_options(self._colours)))
        self.studies.recolour()
        if self._bars is not None:
            self._fill()
        self.set_marks(self._marks)
        for look, handle in self._lines.values():
            handle.applyOptions(_parse(style.line_options(self._colours, *look)))
        if self._last is not None:
            self._last[1].applyOptions(_parse(style.last_options(self._colours, self._last[0])))
