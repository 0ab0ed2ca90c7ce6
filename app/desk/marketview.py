"""Market state whose staleness is judged by the venue's own time of each instrument, and whose days are those of an instrument's exchange.

A replay has one recorded present for each session, so the age of a quote depends on the symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.market.frames import UTC_DAY, Session
from app.market.state import MarketState
from app.model.instrument import Instrument


class TimedMarket(MarketState):
    """``present_of(symbol)`` is the venue's time in ns UTC; ``stale_after(symbol)`` after how many ns without a message an instrument is stale there,
    None where the usual limit holds; ``close_before(symbol)`` the close of the session before, None where the venue says none."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        present_of: Callable[[str], int],
        stale_after: Callable[[str], int | None] | None = None,
        close_before: Callable[[str], Decimal | None] | None = None,
    ) -> None:
        super().__init__(instruments, session_of=lambda item: _session(item, present_of))
        self._present_of, self._stale_of, self._close_of = present_of, stale_after, close_before

    def is_stale(self, symbol: str, now_ns: int = 0) -> bool:
        """True when nothing was received for too long by the instrument's own clock; ``now_ns`` is not needed."""
        limit = self._stale_of(symbol) if self._stale_of is not None else None
        if limit is None:
            return super().is_stale(symbol, self._present_of(symbol))
        age = self.age_ns(symbol)
        return age is None or age > limit

    def age_ns(self, symbol: str, now_ns: int = 0) -> int | None:
        """ns since anything was received for the instrument by its own clock, None if nothing ever was; ``now_ns`` is not needed."""
        return super().age_ns(symbol, self._present_of(symbol))

    def base(self, symbol: str) -> int | None:
        """The price that the day's change counts from, in units: the previous close, else that of the day's first trade known."""
        close = self._close_of(symbol) if self._close_of is not None else None
        return self.instrument(symbol).price_units(close) if close is not None else super().base(symbol)


def _session(item: Instrument, present_of: Callable[[str], int]) -> Session:
    if not item.exchange:
        return UTC_DAY
    from app.market.calendars import calendar  # only where something has hours

    return calendar(item.exchange).frame(present_of(item.symbol))


def exchange_calendar(instruments: Callable[[], Mapping[str, Instrument]]) -> Callable[[str], Any]:
    """By symbol, the calendar of the exchange that an instrument trades by; None where it trades around the clock."""

    def calendar_of(symbol: str) -> Any:
        item = instruments().get(symbol)
        if item is None or not item.exchange:
            return None
        from app.market.calendars import calendar  # only where something has hours

        return calendar(item.exchange)

    return calendar_of
