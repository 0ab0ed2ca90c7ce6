"""In which order a watchlist stands. By what moves the desk worker sorts: it knows all instruments, also those out of sight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..link import Refused
from ..watch_columns import UNSORTED

_STILL = ("", "symbol", "source")
"""Sorts that nothing moves."""


class WatchOrder:
    """``lists`` are the WatchLists; ``changed()`` is called when another order is known."""

    def __init__(self, ctx: Any, lists: Any, changed: Callable[[], None]) -> None:
        self._ctx, self._lists, self._changed = ctx, lists, changed
        self._sort: tuple[str, bool] = UNSORTED
        self._ranked: list[str] = []
        self._asking: Any = None

    def use(self, sort: tuple[str, bool]) -> None:
        """Another list or another sort: (column, falling)."""
        self._sort, self._ranked = sort, []
        self.rank()

    def apply(self, symbols: list[str]) -> list[str]:
        """The symbols in order; equal ones stay as the list has them."""
        column, falling = self._sort
        if column == "symbol":
            return sorted(symbols, reverse=falling)
        if column == "source":
            return sorted(symbols, key=lambda symbol: self._ctx.store.instruments[symbol]["venue"], reverse=falling)
        if not column or not self._ranked:
            return list(symbols)
        place = {symbol: at for at, symbol in enumerate(self._ranked)}
        return sorted(symbols, key=lambda symbol: place.get(symbol, len(place)))

    def rank(self) -> None:
        """Ask for the present order, where it is one that moves."""
        if self._sort[0] not in _STILL and self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())

    async def _ask(self) -> None:
        sort, name = self._sort, self._lists.name
        symbols = self._lists.symbols() if name else None
        try:
            found = await self._ctx.link.ask("rank", column=sort[0], falling=sort[1], symbols=symbols)
        except Refused:
            return  # another desk worker begins: asked again in a moment
        finally:
            self._asking = None
        if sort == self._sort and name == self._lists.name:
            self._ranked = found["symbols"]
            self._changed()
        else:
            self.rank()
