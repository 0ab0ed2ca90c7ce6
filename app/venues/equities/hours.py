"""What an exchange's calendar says of a moment, worked out anew when its session or the day of UTC changes: prices are looked at every second."""

from __future__ import annotations

from typing import NamedTuple

from app.market.calendars import Calendar, CalendarEnded

_DAY_NS = 86_400 * 1_000_000_000
_EVER = 2**63


class Now(NamedTuple):
    """Holds from ``since`` to ``until`` (ns UTC). ``began``: opening of the session under way, its pause included; ``over``: close of the last one
    that has ended; None for what there is not. ``trouble``: what the calendar does not know; where it has ended, the exchange is taken to trade."""

    since: int
    until: int
    is_open: bool
    began: int | None = None
    opens: int | None = None
    closes: int | None = None
    over: int | None = None
    trouble: str = ""


class Hours:
    """One exchange's; ``looked_up`` counts how often the calendar was asked."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.looked_up = 0
        self._now = Now(0, 0, False)

    def at(self, ns: int) -> Now:
        """What holds at this moment."""
        if not self._now.since <= ns < self._now.until:
            self.looked_up += 1
            self._now = self._look(ns)
        return self._now

    def _look(self, ns: int) -> Now:
        calendar = self.calendar
        if calendar.always:
            return Now(0, _EVER, True)
        is_open, began, over, opens, closes, trouble = True, None, None, None, None, ""
        changes = [(ns // _DAY_NS + 1) * _DAY_NS]
        try:
            session = calendar.session_at(ns)
            is_open = session is not None and session.trades_at(ns)
            if session is not None:
                began = session.open_ns
                changes += [session.close_ns, *(session.pause or ())]
            over, opens, closes = calendar.previous_close(ns), calendar.next_open(ns), calendar.next_close(ns)
            changes.append(opens)
        except CalendarEnded as error:
            trouble = str(error)
        return Now(ns, min(moment for moment in changes if moment > ns), is_open, began, opens, closes, over, trouble)
