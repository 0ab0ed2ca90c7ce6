"""The drawing of the chart: lightweight-charts wrapped so that the view speaks in bars, marks and lines.

Owns the library's objects and the colours they get from the page's tokens. Whole series cross into JavaScript as one
buffer of numbers; a tick changes single points only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from typing import Any

from js import JSON, URL, MutationObserver, Object, ResizeObserver, document, getComputedStyle, kontor, matchMedia
from pyodide.ffi import create_proxy, to_js

from .bars import Bars, price_text
from .chart_studies import ChartStudies, floats

_LIBRARY = "vendor/lightweight-charts/lightweight-charts.standalone.production.mjs"
_SERIES = "app/ui/series.mjs"
_LINE_DASHED = 2
_RIGHT_BARS = 4
_TRANSLUCENT = "59"
_COLOURS = ("surface-1", "line", "text-0", "text-1", "text-2", "up", "down", "amber", "accent", *(f"study-{number}" for number in range(1, 7)))


def _parse(value: Any) -> Any:
    return JSON.parse(json.dumps(value, separators=(",", ":")))


class ChartCanvas:
    """Candles, volume, gap bands, own fills and price lines in one element."""

    def __init__(self, library: Any, series: Any, holder: Any, on_hover: Callable[[int | None], None]) -> None:
        self._series = series
        self._decimals = 2
        self._shift = 0
        self._lines: dict[str, tuple[tuple, Any]] = {}
        self._marks: list = []
        self._last: tuple[tuple, Any] | None = None
        self._bars: Bars | None = None
        self._on_hover = on_hover
        self._colours = self._read_colours()
        self._chart = library.createChart(holder, _parse(self._options()))
        self._bands = self._chart.addSeries(library.HistogramSeries, _parse(self._band_options()))
        self._bands.priceScale().applyOptions(_parse({"scaleMargins": {"top": 0, "bottom": 0}}))
        self._volume = self._chart.addSeries(library.HistogramSeries, _parse(self._volume_options()))
        self._volume.priceScale().applyOptions(_parse({"scaleMargins": {"top": 0.82, "bottom": 0}}))
        self._candles = self._chart.addSeries(library.CandlestickSeries, _parse(self._candle_options()))
        self._markers = library.createSeriesMarkers(self._candles, _parse([]))
        self._price = create_proxy(lambda value, *_rest: price_text(value, self._decimals))
        self.studies = ChartStudies(library, series, self._chart, lambda name: self._colours[name])
        self._wide = False
        ResizeObserver.new(create_proxy(self._resized)).observe(holder)
        self._chart.subscribeCrosshairMove(create_proxy(self._hovered))
        observer = MutationObserver.new(create_proxy(lambda _changes, _observer: self._recolour()))
        filters = {"attributes": True, "attributeFilter": ["data-theme", "data-pair"]}
        observer.observe(document.documentElement, to_js(filters, dict_converter=Object.fromEntries))
        matchMedia("(prefers-color-scheme: light)").addEventListener("change", create_proxy(lambda _e: self._recolour()))

    @classmethod
    async def load(cls, holder: Any, on_hover: Callable[[int | None], None]) -> ChartCanvas:
        """Fetch the library and draw an empty chart in the element."""
        load = getattr(kontor, "import")
        series = await load(URL.new(_SERIES, document.baseURI).href)
        library = await load(URL.new(_LIBRARY, document.baseURI).href)
        return cls(library, series, holder, on_hover)

    def set_instrument(self, price_decimals: int, tick: str) -> None:
        """Decimals and smallest step of the price axis."""
        self._decimals = price_decimals
        form = {"priceFormat": {"type": "custom", "formatter": self._price, "minMove": float(Decimal(tick))}}
        self._candles.applyOptions(to_js(form, dict_converter=Object.fromEntries))

    def set_bars(self, bars: Bars, shift: int, *, timed: bool, seconds: bool) -> None:
        """Draw a whole series; ``shift`` moves UTC seconds to the axis's clock."""
        self._bars, self._shift = bars, shift
        self._chart.applyOptions(_parse({"timeScale": {"timeVisible": timed, "secondsVisible": seconds}}))
        slots = bars.slots()
        self._candles.setData(self._series.candles(self._rows(), floats(slots), shift))
        self._set_volume()
        self._draw_last(bars.last)
        self._bands.setData(_parse([{"time": moment + shift, "value": 1} for moment in slots]))

    def update(self, row: list, *, old: bool) -> None:
        """Change one bar or add the next one."""
        self._candles.update(_parse(self._candle(row)), old)
        self._volume.update(_parse(self._volume_point(row)), old)
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
                ]
            )
        )

    def set_lines(self, wanted: dict[str, tuple[float, str, str]]) -> None:
        """Open orders and the average price; lines that stay are changed in place."""
        for key in self._lines.keys() - wanted.keys():
            self._candles.removePriceLine(self._lines.pop(key)[1])
        for key, line in wanted.items():
            drawn = self._lines.get(key)
            if drawn is None:
                self._lines[key] = (line, self._candles.createPriceLine(_parse(self._line_options(line))))
            elif drawn[0] != line:
                drawn[1].applyOptions(_parse(self._line_options(line)))
                self._lines[key] = (line, drawn[1])

    def _draw_last(self, row: list | None) -> None:
        """The label of the newest price; the library's own would take a hollow candle's empty colour."""
        if row is None:
            if self._last is not None:
                self._candles.removePriceLine(self._last[1])
                self._last = None
            return
        wanted = (row[4], "down" if row[4] < row[1] else "up")
        if self._last is None:
            self._last = (wanted, self._candles.createPriceLine(_parse(self._last_options(wanted))))
        elif self._last[0] != wanted:
            self._last[1].applyOptions(_parse(self._last_options(wanted)))
            self._last = (wanted, self._last[1])

    def _candle(self, row: list) -> dict:
        return {"time": row[0] + self._shift, "open": row[1], "high": row[2], "low": row[3], "close": row[4]}

    def _volume_point(self, row: list) -> dict:
        colour = self._colours["up" if row[4] >= row[1] else "down"] + _TRANSLUCENT
        return {"time": row[0] + self._shift, "value": row[5], "color": colour}

    def _rows(self) -> Any:
        bars = self._bars
        return floats(chain.from_iterable([bars.rows[moment] for moment in bars.times]))

    def _set_volume(self) -> None:
        up, down = (self._colours[name] + _TRANSLUCENT for name in ("up", "down"))
        self._volume.setData(self._series.volumes(self._rows(), self._shift, up, down))

    def _resized(self, entries: Any, *_rest: Any) -> None:
        """A chart that was not shown (another pane, another route) did not follow the bars: go to the newest."""
        wide = entries[0].contentRect.width > 0
        if wide and not self._wide:
            self._chart.timeScale().scrollToPosition(_RIGHT_BARS, False)
        self._wide = wide

    def _hovered(self, event: Any, *_rest: Any) -> None:
        moment = getattr(event, "time", None)
        self._on_hover(int(moment) - self._shift if moment else None)

    def _read_colours(self) -> dict[str, str]:
        style = getComputedStyle(document.documentElement)
        return {name: style.getPropertyValue(f"--{name}").strip() for name in _COLOURS}

    def _recolour(self) -> None:
        self._colours = self._read_colours()
        self._chart.applyOptions(_parse(self._options()))
        self._candles.applyOptions(_parse(self._candle_options()))
        self._bands.applyOptions(_parse(self._band_options()))
        self.studies.recolour()
        if self._bars is not None:
            self._set_volume()
        self.set_marks(self._marks)
        for _line, handle in self._lines.values():
            handle.applyOptions(_parse(self._line_options(_line)))
        if self._last is not None:
            self._last[1].applyOptions(_parse(self._last_options(self._last[0])))

    def _options(self) -> dict:
        c = self._colours
        faint = c["line"] + "80"
        cross = {"color": c["text-2"], "labelBackgroundColor": c["text-2"]}
        return {
            "autoSize": True,
            "layout": {
                "background": {"type": "solid", "color": c["surface-1"]},
                "textColor": c["text-1"],
                "fontSize": 12,
                "fontFamily": getComputedStyle(document.body).fontFamily,
                "attributionLogo": False,
                "panes": {"separatorColor": c["line"], "separatorHoverColor": c["line"] + "80"},
            },
            "grid": {"vertLines": {"color": faint}, "horzLines": {"color": faint}},
            "crosshair": {"mode": 0, "vertLine": cross, "horzLine": cross},
            "rightPriceScale": {"borderColor": c["line"], "scaleMargins": {"top": 0.08, "bottom": 0.22}},
            "timeScale": {"borderColor": c["line"], "rightOffset": _RIGHT_BARS, "barSpacing": 7, "minBarSpacing": 1},
            "localization": {"dateFormat": "yyyy-MM-dd"},
        }

    def _candle_options(self) -> dict:
        up, down = self._colours["up"], self._colours["down"]
        return {
            "upColor": self._colours["surface-1"],
            "downColor": down,
            "borderUpColor": up,
            "borderDownColor": down,
            "wickUpColor": up,
            "wickDownColor": down,
            "lastValueVisible": False,
            "priceLineVisible": False,
        }

    def _last_options(self, last: tuple[float, str]) -> dict:
        colour = self._colours[last[1]]
        label = {"axisLabelVisible": True, "axisLabelTextColor": self._colours["surface-1"]}
        return {"price": last[0], "color": colour, "lineWidth": 1, "lineStyle": 1, "title": "", **label}

    def _volume_options(self) -> dict:
        quiet = {"priceLineVisible": False, "lastValueVisible": False}
        return {"priceScaleId": "volume", "priceFormat": {"type": "volume"}, **quiet}

    def _band_options(self) -> dict:
        colour = self._colours["amber"] + "33"
        return {"priceScaleId": "gaps", "color": colour, "priceLineVisible": False, "lastValueVisible": False}

    def _line_options(self, line: tuple[float, str, str]) -> dict:
        price, kind, title = line
        colour = self._colours[{"buy": "up", "sell": "down", "stop": "amber"}.get(kind, "accent")]
        return {
            "price": price,
            "color": colour,
            "lineWidth": 1,
            "lineStyle": 0 if kind == "average" else _LINE_DASHED,
            "axisLabelVisible": True,
            "axisLabelTextColor": self._colours["surface-1"],
            "title": title,
        }
