"""Binance USD-M futures public market data: stream frames and REST answers to market events.

Pure, and the spot parser but for the chain of depth differences: update ids jump, and each difference names the id of the one before it (`pu`).
A BookDelta spans pu + 1 .. u, which makes the chain that of spot: what continues it is what begins right after it.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta

from ..binance.columns import ColumnEvents
from ..binance.parse import Parser as SpotParser
from ..wire import Route, WireError, levels, time_ms, whole

VENUE = "usdm"
_MARKET = frozenset({"MARKET", None})
"""How a trade came about, where it says: what the insurance fund or a deleveraging did is no trade in the book."""


class Parser(SpotParser):
    """Parses for the given instruments only; anything about another symbol is Rejected."""

    venue = VENUE

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        super().__init__(instruments)
        self.columns = ColumnEvents(instruments, self.parse, chained=True)
        for native, route in self._symbols.items():
            for suffix in ("depth@0ms", "depth@500ms"):
                self._streams[f"{native.lower()}@{suffix}"] = (native, route, self._depth)

    @staticmethod
    def _depth(route: Route, data: dict, recv: int) -> BookDelta:
        before, first, last = whole(data["pu"]), whole(data["U"]), whole(data["u"])
        if not before < first <= last:
            raise WireError(f"update ids {before}, {first}..{last}")
        return BookDelta(route.symbol, time_ms(data["E"]), recv, levels(data["b"], route), levels(data["a"], route), before + 1, last)

    def _message(self, message: object, recv: int) -> list:
        data = message.get("data", message)
        if data.get("e") in ("trade", "aggTrade") and data.get("X") not in _MARKET:
            return []
        return super()._message(message, recv)
