"""Market state whose staleness is judged by the venue's own time of each instrument.

A replay has one recorded present for each session, so the age of a quote depends on the symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.market.state import MarketState
from app.model.instrument import Instrument


class TimedMarket(MarketState):
    """``present_of(symbol)`` is the venue's time in ns UTC."""

    def __init__(self, instruments: Iterable[Instrument], present_of: Callable[[str], int]) -> None:
        super().__init__(instruments)
        self._present_of = present_of

    def is_stale(self, symbol: str, now_ns: int = 0) -> bool:
        """True when nothing was received for too long by the instrument's own clock; ``now_ns`` is not needed."""
        return super().is_stale(symbol, self._present_of(symbol))
