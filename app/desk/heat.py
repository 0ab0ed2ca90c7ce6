"""The heatmap of one book for the page: sampled while it is open there, sent with the ticks, forgotten when it is closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.market.heat import COLUMNS, ROWS, Column, HeatMap

from . import display

EVERY_S = 0.5


class Heat:
    """``due()`` asks for the next tick to carry what is new."""

    def __init__(self, market: Any, scheduler: Any, venue_now: Callable[[str], int], due: Callable[[], None]) -> None:
        self._market, self._scheduler, self._venue_now, self._due = market, scheduler, venue_now, due
        self.symbol = ""
        self._map: HeatMap | None = None
        self._fresh: list[Column] = []
        self._reset = True
        self._timer: Any = None

    def open(self, symbol: str) -> dict:
        """Begin to sample an instrument's book; what the page has to know."""
        if symbol != self.symbol:
            self.close()
            self.symbol, self._map, self._reset = symbol, HeatMap(round(EVERY_S * 1e9)), True
            self._sample()
        else:
            self._fresh, self._reset = list(self._map.columns), True
        return {"symbol": symbol, "columns": COLUMNS, "rows": ROWS, "every_ms": round(EVERY_S * 1000)}

    def close(self) -> None:
        """Forget it."""
        if self._timer is not None:
            self._timer.cancel()
        self.symbol, self._map, self._timer = "", None, None
        self._fresh.clear()

    def take(self) -> dict | None:
        """What is new since the last call, for the page."""
        if self._map is None or not (self._fresh or self._reset):
            return None
        item = self._market.instrument(self.symbol)
        fresh, self._fresh = self._fresh[-COLUMNS:], []
        reset, self._reset = self._reset, False
        step = display.price(self._map.step, item).replace(",", "") if self._map.step else None
        return {"symbol": self.symbol, "reset": reset, "step": step, "columns": [self._row(column, item) for column in fresh]}

    def _row(self, column: Column, item: Any) -> list:
        if column.reason:
            return [column.ts // 1_000_000, column.reason]
        unit, step = float(item.size(1)), self._map.step
        sizes = [round(size * unit, 8) for size in column.sizes]
        return [column.ts // 1_000_000, column.first, sizes, round(column.bid / step, 3), round(column.ask / step, 3)]

    def _sample(self) -> None:
        self._timer = self._scheduler.call_later(EVERY_S, self._sample)
        now, book = self._venue_now(self.symbol), self._market.book(self.symbol)
        stale = book.state == "live" and self._market.is_stale(self.symbol, now)
        reason = "nothing was received for too long" if stale else book.reason
        if self._map.is_before(now):
            self._fresh, self._reset = [], True
        fresh = self._map.sample(book, now, trusted=book.state == "live" and not stale, reason=reason)
        if fresh:
            self._fresh = (self._fresh + fresh)[-COLUMNS:]
            self._due()
