"""When a session opens and closes, and when this desk sends an order that waits for it.

``session_of(symbol, ns)`` is the desk's: it gives (open_ns, close_ns) of the session that a moment lies in, or of the next one. Without a
calendar a market is open day and night, and its session is the UTC day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from app.model.orders import TimeInForce

DAY_NS = 86_400 * 1_000_000_000
LEAD_NS = 10 * 1_000_000_000
"""An at-close order is sent so long before the close."""
LATE_NS = 300 * 1_000_000_000
"""An at-open order is not sent any more so long after the open."""
SessionOf = Callable[[str, int], tuple[int, int]]


def utc_day(_symbol: str, ns: int) -> tuple[int, int]:
    """The UTC day of a moment."""
    start = ns // DAY_NS * DAY_NS
    return start, start + DAY_NS


class CalendarLike(Protocol):
    """The part of an exchange's calendar that is read here; LookupError where it knows nothing of a time."""

    def session_at(self, ns: int) -> Any:
        """The session under way (``open_ns``, ``close_ns``), or None."""

    def next_session(self, ns: int) -> Any:
        """The first one that opens after this moment."""


def by_calendar(calendar_of: Callable[[str], CalendarLike | None]) -> SessionOf:
    """Sessions by each instrument's calendar; an instrument without one (None) is open day and night."""

    def session_of(symbol: str, ns: int) -> tuple[int, int]:
        calendar = calendar_of(symbol)
        if calendar is None:
            return utc_day(symbol, ns)
        found = calendar.session_at(ns) or calendar.next_session(ns)
        return found.open_ns, found.close_ns

    return session_of


def window(tif: TimeInForce, symbol: str, now_ns: int, session_of: SessionOf) -> tuple[int, int]:
    """[from, until) in which an at-open or at-close order given now is to be sent."""
    opens, closes = session_of(symbol, now_ns)
    if tif is TimeInForce.AT_CLOSE:
        if closes - LEAD_NS <= now_ns:
            opens, closes = session_of(symbol, closes)
        return max(closes - LEAD_NS, opens), closes
    if opens <= now_ns:
        opens, closes = session_of(symbol, closes)
    return opens, min(opens + LATE_NS, closes)
