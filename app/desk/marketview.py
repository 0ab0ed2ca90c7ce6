"""Market state whose staleness is judged by the venue's own time of each instrument.

A replay has one recorded present for each session, so the age of a quote depends on the symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.market.state import MarketState
from app.model.instrument import Instrument


class TimedMarket(MarketState):
    """``present_of(symbol)`` is the venue's time in ns UTC; ``stale_after(symbol)`` after how many ns without a message an instrument is stale there,
    None where the usual limit holds."""

    def __init__(
        self, instruments: Iterable[Instrument], present_of: Callable[[str], int], stale_after: Callable[[str], int | None] | None = None
    ) -> None:
        super().__init__(instruments)
        self._present_of, self._stale_of = present_of, stale_after

    def is_stale(self, symbol: str, now_ns: int = 0) -> bool:
        """True when nothing was received for too long by the instrument's own clock; ``now_ns`` is not needed."""
        limit = self._stale_of(symbol) if self._stale_of is not None else None
        if limit is None:
            return super().is_stale(symbol, self._present_of(symbol))
        age = self.age_ns(symbol, self._present_of(symbol))
        return age is None or age > limit


def exchange_calendar(instruments: Callable[[], Mapping[str, Instrument]]) -> Callable[[str], Any]:
    """By symbol, the calendar of the exchange that an instrument trades by; None where it trades around the clock."""

    def calendar_of(symbol: str) -> Any:
        item = instruments().get(symbol)
        if item is None or not item.exchange:
            return None
        from app.market.calendars import calendar  # only where something has hours

        return calendar(item.exchange)

    return calendar_of
