"""Beside every price that was asked for: whose it is and how old, in the rows of the watchlist and, for the chart's instrument, in the status bar."""

from __future__ import annotations

import asyncio
from typing import Any

from js import Date, document

from .. import source_words
from ..dom import by_id, el, listen, need_style, set_text

_REFRESH_S = 1.0


class SourceMarks:
    """Owns `data-source`, `data-age` and the title of such rows, and #status-source."""

    def __init__(self, ctx: Any) -> None:
        self._ctx, self._store = ctx, ctx.store
        need_style("sources.css")
        self._word = el("button", {"type": "button", "class": "word", "id": "status-source", "data-testid": "status-source", "title": "Source"}, el("span"))
        by_id("status-time").after(self._word)
        if grid := document.querySelector(".watch-grid"):
            grid.classList.add("sourced")
        listen(self._word, "click", lambda _event: ctx.router.go("sources"))
        self._store.subscribe("sources", lambda _message: self._draw())
        self._store.subscribe("focus", lambda _focus: self._draw())
        self._store.subscribe("row", self._mark)
        self._task = asyncio.ensure_future(self._each_second())
        self._draw()

    async def _each_second(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_S)
            self._draw()

    def _draw(self) -> None:
        for node in document.querySelectorAll(".watch-body > [data-symbol]"):
            self._mark(node)
        row = self._store.sources["rows"].get(self._store.symbol)
        self._word.hidden = row is None
        if row is not None:
            now = _now()
            set_text(self._word.firstChild, source_words.line(row, now))
            self._word.title = source_words.title(self._store.symbol, row, now)
            self._word.setAttribute("data-source", row["source"])
            self._word.setAttribute("data-tone", "" if row["source"] else "warn")

    def _mark(self, node: Any) -> None:
        symbol = node.getAttribute("data-symbol")
        row = self._store.sources["rows"].get(symbol)
        cell = node.firstChild
        if row is None:
            if node.hasAttribute("data-source"):
                for name in ("data-source", "data-open"):
                    node.removeAttribute(name)
                cell.removeAttribute("data-age")
            return
        now = _now()
        text = source_words.short(row, now)
        if cell.getAttribute("data-age") != text:
            cell.setAttribute("data-age", text)
        title = source_words.title(symbol, row, now)
        if node.title != title:
            node.title = title
        if node.getAttribute("data-source") != row["source"]:
            node.setAttribute("data-source", row["source"])
        node.setAttribute("data-open", "true" if row["open"] else "false")


def _now() -> int:
    return int(Date.now()) * 1_000_000
