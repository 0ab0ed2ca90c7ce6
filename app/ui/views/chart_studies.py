"""Indicators in the drawing: each output a series of the chart, on the prices or in a pane of its own."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from math import nan
from typing import Any

from js import JSON, Float64Array, Object
from pyodide.ffi import create_proxy, to_js

from .studies import Study, number_text

_WHOLE, _PANE = 3.0, 1.0
"""How much height the prices get for each pane's share."""


def _parse(value: Any) -> Any:
    return JSON.parse(json.dumps(value, separators=(",", ":")))


def floats(values: Iterable[float]) -> Any:
    """A Float64Array of numbers."""
    numbers = array("d", values)
    out = Float64Array.new(len(numbers))
    out.assign(numbers)
    return out


def _by_sign(output: dict) -> bool:
    """Whether each point has the colour of its direction."""
    return output["draw"] == "histogram" and not output["tone"]


class ChartStudies:
    """Draws studies on ``chart``; ``colour`` gives a colour by its name."""

    def __init__(self, library: Any, series: Any, chart: Any, colour: Callable[[str], str]) -> None:
        self._library, self._series, self._chart, self._colour = library, series, chart, colour
        self._drawn: dict[str, tuple[Study, list[Any]]] = {}
        self._proxies: dict[str, list[Any]] = {}
        self._shift = 0
        self._since: int | None = None
        self._format = create_proxy(lambda value, *_rest: number_text(value, None))

    def show(self, studies: list[Study], shift: int, since: int | None = None) -> None:
        """Draw these, whole or from the bar at ``since`` on; ``shift`` moves UTC seconds to the axis's clock."""
        self._shift, self._since = shift, since
        for number in [number for number, (study, _series) in self._drawn.items() if study not in studies]:
            self._remove(number)
        for study in studies:
            if study.id not in self._drawn:
                self._add(study)
            self.fill(study)

    def fill(self, study: Study) -> None:
        """Draw a study's whole series."""
        drawn = self._drawn.get(study.id)
        if drawn is None:
            return
        first = bisect_left(study.times, self._since) if self._since is not None else 0
        times = floats(study.times[first:])
        for (at, output), series in zip(study.lines, drawn[1], strict=True):
            column = study.columns[at] if study.columns else []
            values = floats([nan if value is None else value for value in column[first:]])
            tones = (self._colour("up") + "99", self._colour("down") + "99") if _by_sign(output) else ()
            series.setData(self._series.line(times, values, self._shift, *tones))

    def update(self, study: Study, row: list, *, old: bool) -> None:
        """Change the values of one bar or add the next one's."""
        drawn = self._drawn.get(study.id)
        if drawn is not None and (self._since is None or row[0] >= self._since):
            for (at, output), series in zip(study.lines, drawn[1], strict=True):
                series.update(_parse(self._point(row[0], row[1 + at], output)), old)

    def recolour(self) -> None:
        """The page's colours changed."""
        for study, series in self._drawn.values():
            for (at, output), one in zip(study.lines, series, strict=True):
                one.applyOptions(_parse(self._options(study, at, output)))

    def close(self) -> None:
        """The chart is gone: let go of what it called."""
        for proxies in self._proxies.values():
            for proxy in proxies:
                proxy.destroy()
        self._format.destroy()

    def _point(self, moment: int, value: float | None, output: dict) -> dict:
        if value is None:
            return {"time": moment + self._shift}
        point = {"time": moment + self._shift, "value": value}
        if _by_sign(output):
            point["color"] = self._colour("up" if value >= 0 else "down") + "99"
        return point

    def _add(self, study: Study) -> None:
        pane = 0 if study.entry["pane"] == "overlay" else int(self._chart.panes().length)
        made: list[Any] = []
        self._proxies[study.id] = []
        for at, output in study.lines:
            kind = self._library.HistogramSeries if output["draw"] == "histogram" else self._library.LineSeries
            made.append(self._chart.addSeries(kind, _parse(self._options(study, at, output)), pane))
        if pane:
            self._hint(study, made[0])
        self._drawn[study.id] = (study, made)
        self._share()

    def _hint(self, study: Study, series: Any) -> None:
        """The fixed scale and the levels of a pane of its own."""
        form = {"type": "custom", "formatter": self._format, "minMove": 1e-8}
        series.applyOptions(to_js({"priceFormat": form}, dict_converter=Object.fromEntries))
        for level in study.entry["levels"]:
            line = {"price": level, "color": self._colour("text-2"), "lineWidth": 1, "lineStyle": 1, "axisLabelVisible": False, "title": ""}
            series.createPriceLine(_parse(line))
        if study.entry["scale"]:
            low, high = study.entry["scale"]
            fixed = _parse({"priceRange": {"minValue": low, "maxValue": high}})
            proxy = create_proxy(lambda *_rest: fixed)
            self._proxies[study.id].append(proxy)
            series.applyOptions(to_js({"autoscaleInfoProvider": proxy}, dict_converter=Object.fromEntries))

    def _remove(self, number: str) -> None:
        _study, series = self._drawn.pop(number)
        for one in series:
            self._chart.removeSeries(one)
        for proxy in self._proxies.pop(number, ()):
            proxy.destroy()
        self._share()

    def _share(self) -> None:
        panes = self._chart.panes()
        for at in range(panes.length):
            panes[at].setStretchFactor(_PANE if at else _WHOLE)

    def _options(self, study: Study, at: int, output: dict) -> dict:
        quiet = {"priceLineVisible": False, "lastValueVisible": study.entry["pane"] != "overlay" and at == study.lines[0][0]}
        colour = self._colour(study.colour(at))
        if output["draw"] == "histogram":
            return {"color": colour + "99", "base": 0, **quiet}
        if output["draw"] == "dots":
            return {"color": colour, "lineVisible": False, "pointMarkersVisible": True, "pointMarkersRadius": 1.5, "crosshairMarkerVisible": False, **quiet}
        width = 2 if at == study.lines[0][0] and output["tone"] != "band" else 1
        return {"color": colour, "lineWidth": width, "crosshairMarkerVisible": False, **quiet}
