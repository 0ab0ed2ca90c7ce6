"""The heatmap of the book in focus under the desk's chart: a drawing that grows to the right, and the same in words.

The desk samples the book only while this can be seen. Loaded when it is first opened.
"""

from __future__ import annotations

from typing import Any

from js import ImageData, MutationObserver, Object, Uint8ClampedArray, document, getComputedStyle
from pyodide.ffi import create_proxy, to_js

from ..dom import el, listen, need_style, set_text
from ..format import sentences
from ..heat import HeatModel, colour
from ..link import Refused

_INKS = ("up", "down", "amber", "text-0")
_TOLD_EVERY = 4


class HeatView:
    """A strip with its own head; ``show`` and ``hide`` begin and end it."""

    def __init__(self, ctx: Any) -> None:
        need_style("heat.css")
        self._ctx, self._store = ctx, ctx.store
        self._model: HeatModel | None = None
        self._open = False
        self._symbol: str | None = None
        self._count = 0
        self._inks = self._read_inks()
        self._build()
        ctx.store.on_tick("heat", self._take)
        ctx.store.subscribe("focus", lambda _focus: self._follow())
        ctx.store.subscribe("route", lambda _route: self._follow())
        ctx.link.on("again", lambda _message: self._lost())
        observer = MutationObserver.new(create_proxy(lambda _changes, _observer: self._recolour()))
        filters = {"attributes": True, "attributeFilter": ["data-theme", "data-pair"]}
        observer.observe(document.documentElement, to_js(filters, dict_converter=Object.fromEntries))

    def show(self) -> None:
        """Sample the book from now on."""
        self._open, self.root.hidden = True, False
        self._follow()

    def hide(self) -> None:
        """Sample it no more."""
        self._open, self.root.hidden = False, True
        self._follow()

    def _build(self) -> None:
        self._canvas = el("canvas", {"class": "heat-canvas", "role": "img", "aria-label": "Heatmap of the book", "data-testid": "heat"})
        self._canvas.width, self._canvas.height = 240, 96
        self._brush = self._canvas.getContext("2d")
        self._top, self._bottom = el("span", {"class": "heat-price num"}), el("span", {"class": "heat-price num"})
        self._words = el("p", {"class": "hint", "data-testid": "heat-words"}, "Waiting for samples of the book.")
        self._body = el("tbody")
        heads = [el("th", {"scope": "col"}, name) for name in ("Side", "Price", "Size", "Stands")]
        table = el("table", {"class": "table num"}, el("thead", None, el("tr", None, *heads)), self._body)
        self._gaps = el("ul", {"class": "heat-gaps hint"})
        self._told = el("details", {"class": "heat-told"}, el("summary", None, "In words"), table, self._gaps)
        axis = el("div", {"class": "heat-axis", "aria-hidden": "true"}, self._top, self._bottom)
        attrs = {"class": "heat", "hidden": True, "tabindex": "0", "role": "region", "aria-label": "The book over time"}
        self.root = el("div", attrs, el("div", {"class": "heat-drawing"}, self._canvas, axis), self._words, self._told)
        listen(self._told, "toggle", lambda _event: self._tell())

    def _follow(self) -> None:
        """Ask the desk for what can be seen now, or for nothing."""
        wanted = self._store.symbol if self._open and self._ctx.router.current == "desk" else None
        if wanted == self._symbol:
            return
        self._symbol = wanted
        self._model = None
        if wanted is None:
            self._ctx.link.tell("heat.close")
            return
        set_text(self._words, f"Waiting for samples of the book of {wanted}.")
        self._brush.clearRect(0, 0, self._canvas.width, self._canvas.height)
        self._ctx.errors.run("Heatmap", self._begin(wanted), self._refused)

    async def _begin(self, symbol: str) -> None:
        found = await self._ctx.link.ask("heat.open", symbol=symbol)
        if symbol == self._symbol and self._model is None:
            self._make(found["columns"], found["rows"])

    def _make(self, columns: int, rows: int) -> None:
        self._model = HeatModel(columns, rows)
        self._canvas.width, self._canvas.height = columns, rows

    def _refused(self, error: Refused) -> None:
        self._symbol = None
        set_text(self._words, sentences(f"No heatmap: {error.reason}", error.remedy))

    def _lost(self) -> None:
        """Another worker is the desk: it samples nothing yet."""
        self._symbol = None
        self._follow()

    def _take(self, message: dict) -> None:
        if message["symbol"] != self._symbol:
            return
        if self._model is None:
            self._make(self._canvas.width, self._canvas.height)  # samples may come before the reply
        fresh, anew = self._model.take(message)
        if anew:
            self._draw()
        else:
            for column in fresh:
                self._add(column)
        self._count += 1
        if anew or self._count % _TOLD_EVERY == 0:
            self._tell()

    def _draw(self) -> None:
        model = self._model
        self._put(model.image(*self._inks), model.columns.maxlen, 0)
        for node, text in zip((self._top, self._bottom), model.edges, strict=True):
            set_text(node, text)

    def _add(self, column: list) -> None:
        """Everything a pixel to the left, the new column on the right."""
        brush, width = self._brush, self._canvas.width
        brush.globalCompositeOperation = "copy"
        brush.drawImage(self._canvas, -1, 0)
        brush.globalCompositeOperation = "source-over"
        self._put(self._model.pixels(column, *self._inks), 1, width - 1)

    def _put(self, pixels: bytes, width: int, x: int) -> None:
        data = Uint8ClampedArray.new(len(pixels))
        data.assign(pixels)
        self._brush.putImageData(ImageData.new(data, width, self._model.rows), x, 0)

    def _tell(self) -> None:
        if self._model is None:
            return
        text = self._model.text
        set_text(self._words, text)
        self._canvas.setAttribute("aria-label", f"Heatmap of the book of {self._symbol}. {text}")
        if not self._told.open:
            return
        rows = []
        for side, price, size, samples in self._model.thickest():
            cells = [side.capitalize(), price, size, f"{samples / 2:g} s"]
            rows.append(el("tr", None, el("th", {"scope": "row"}, cells[0]), *[el("td", None, cell) for cell in cells[1:]]))
        self._body.replaceChildren(*rows)
        self._gaps.replaceChildren(*[el("li", None, f"Gap at {gap}") for gap in self._model.gaps])

    def _read_inks(self) -> list:
        style = getComputedStyle(document.documentElement)
        return [colour(style.getPropertyValue(f"--{name}")) for name in _INKS]

    def _recolour(self) -> None:
        self._inks = self._read_inks()
        if self._model is not None and self._model.columns:
            self._draw()
