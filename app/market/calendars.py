"""When exchanges trade: sessions with half days and pauses, of each exchange by its code (an ISO 10383 MIC such as XNYS).

    calendar("XNYS").session_at(now_ns)       # the session under way, or None
    calendar("XNYS").next_open(now_ns)        # ns UTC of the next opening
    calendar("").session_at(now_ns)           # "" trades around the clock

The data (calendar_data.py) were made by tools/calendars.py and end on a known day: a question beyond it raises CalendarEnded, never a guess. They
are read when first asked for. Times are ns UTC; a session covers its opening, not its close.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from .frames import Session
from .zones import zone

NS = 1_000_000_000
_NEAR = 2
_LONGEST = 30  # days between two sessions; the longest known was 11


class UnknownCalendar(LookupError):
    """There is no calendar of this code."""


class CalendarEnded(LookupError):
    """The calendar says nothing about this time; the message says what it knows."""


class ExchangeSession(NamedTuple):
    """One session. ``day`` is its date at the exchange; ``pause`` the midday break (from, to) in ns UTC or None; ``short``: not the regular hours."""

    day: date
    open_ns: int
    close_ns: int
    pause: tuple[int, int] | None
    short: bool

    def trades_at(self, ns: int) -> bool:
        """Whether orders are matched then."""
        return self.open_ns <= ns < self.close_ns and not (self.pause and self.pause[0] <= ns < self.pause[1])


class Calendar:
    """An exchange's sessions. ``first`` and ``last`` are the days the data know."""

    always = False

    def __init__(self, code: str) -> None:
        from . import calendar_data as data

        found = data.CALENDARS[code]
        self.code, self.name = code, str(found["name"])
        self.zone: tzinfo = zone(found["zone"])
        self.zone_name = str(found["zone"])
        self.first, self.last = date.fromisoformat(data.FIRST), date.fromisoformat(data.LAST)
        start = self.first.toordinal()
        self._rules = [(date.fromisoformat(since).toordinal(), tuple(hours)) for since, *hours in found["rules"]]
        self._closed = frozenset(_days(found["closed"], start))
        self._odd = {day: tuple(map(int, hours.split())) for hours, days in found["odd"].items() for day in _days(days, start)}
        self._session = lru_cache(maxsize=512)(self._make)

    def session(self, day: date) -> ExchangeSession | None:
        """The session of a date at the exchange; None on a weekend or holiday. Raises CalendarEnded."""
        return self._session(day.toordinal())

    def session_at(self, ns: int) -> ExchangeSession | None:
        """The session that this moment lies in, its pause included. Raises CalendarEnded."""
        return next((item for item in self._from(ns, _NEAR) if item.open_ns <= ns < item.close_ns), None)

    def is_open(self, ns: int) -> bool:
        """Whether the exchange trades at this moment. Raises CalendarEnded."""
        found = self.session_at(ns)
        return found is not None and found.trades_at(ns)

    def next_session(self, ns: int) -> ExchangeSession:
        """The first session that opens after this moment. Raises CalendarEnded."""
        return next(item for item in self._from(ns, _LONGEST) if item.open_ns > ns)

    def next_open(self, ns: int) -> int | None:
        """When the exchange next opens, after this moment; None where it never closes. Raises CalendarEnded."""
        return self.next_session(ns).open_ns

    def next_close(self, ns: int) -> int | None:
        """When the session under way, or else the next one, closes; None where it never does. Raises CalendarEnded."""
        return next(item for item in self._from(ns, _LONGEST) if item.close_ns > ns).close_ns

    def previous_close(self, ns: int) -> int:
        """When the last session that is over closed. Raises CalendarEnded."""
        day = self._day(ns) + 1
        for ordinal in range(day, day - _LONGEST, -1):
            if ordinal <= self.last.toordinal() and (found := self._session(ordinal)) is not None and found.close_ns <= ns:
                return found.close_ns
        raise CalendarEnded(self._ended())

    def sessions(self, first: date, last: date) -> list[ExchangeSession]:
        """All sessions from one date to another, both included. Raises CalendarEnded."""
        found = map(self._session, range(first.toordinal(), last.toordinal() + 1))
        return [item for item in found if item is not None]

    def frame(self, ns: int) -> Session:
        """The session that bars are counted from (frames.py) by the rules of that time."""
        day = self._day(ns)
        hours = next((hours for since, hours in reversed(self._rules) if since <= day), self._rules[0][1])
        return Session(self.zone_name, hours[0] * 60)

    def _day(self, ns: int) -> int:
        return datetime.fromtimestamp(ns // NS, self.zone).date().toordinal()

    def _from(self, ns: int, days: int) -> Iterator[ExchangeSession]:
        """Sessions from the day before on: one may have begun the evening before, or end after midnight."""
        day = self._day(ns)
        if not self.first.toordinal() <= day <= self.last.toordinal():
            raise CalendarEnded(self._ended())
        for ordinal in range(max(day - 1, self.first.toordinal()), day + days):
            if ordinal > self.last.toordinal() and days == _NEAR:
                return
            if (found := self._session(ordinal)) is not None:
                yield found
        if days > _NEAR:
            raise CalendarEnded(self._ended())

    def _make(self, ordinal: int) -> ExchangeSession | None:
        if not self.first.toordinal() <= ordinal <= self.last.toordinal():
            raise CalendarEnded(self._ended())
        hours = self._odd.get(ordinal)
        short = hours is not None
        if hours is None:
            if ordinal in self._closed or date.fromordinal(ordinal).weekday() >= 5:
                return None
            hours = next(hours for since, hours in reversed(self._rules) if since <= ordinal)
        wall = datetime.combine(date.fromordinal(ordinal), datetime.min.time(), self.zone)
        opens, *pause, closes = [round((wall + timedelta(minutes=minutes)).astimezone(UTC).timestamp()) * NS for minutes in hours]
        return ExchangeSession(date.fromordinal(ordinal), opens, closes, (pause[0], pause[1]) if pause else None, short)

    def _ended(self) -> str:
        return f"the calendar of {self.name} ({self.code}) is known from {self.first} to {self.last}; a newer Kontor knows more"


class Around(Calendar):
    """The calendar of what trades day and night: its sessions are the days of UTC, and nothing opens or closes."""

    always = True

    def __init__(self) -> None:
        self.code, self.name, self.zone, self.zone_name = "", "around the clock", UTC, "UTC"
        self.first, self.last = date.min, date.max
        self._session = self._make

    def session_at(self, ns: int) -> ExchangeSession:
        """The day of UTC."""
        return self._make(self._day(ns))

    def next_session(self, ns: int) -> ExchangeSession:
        """The next day of UTC."""
        return self._make(self._day(ns) + 1)

    def next_open(self, ns: int) -> None:
        """It is open already."""

    def next_close(self, ns: int) -> None:
        """It does not close."""

    def previous_close(self, ns: int) -> int:
        """The last midnight of UTC."""
        return self._make(self._day(ns)).open_ns

    def frame(self, ns: int) -> Session:
        """Days of UTC."""
        return Session()

    def _make(self, ordinal: int) -> ExchangeSession:
        opens = (ordinal - date(1970, 1, 1).toordinal()) * 86_400 * NS
        return ExchangeSession(date.fromordinal(ordinal), opens, opens + 86_400 * NS, None, False)


@lru_cache(maxsize=32)
def calendar(code: str) -> Calendar:
    """The calendar of an exchange; of "" one that never closes. Raises UnknownCalendar."""
    if not code:
        return Around()
    if code not in codes():
        raise UnknownCalendar(f"there is no calendar of {code[:20]!r}; there are {', '.join(codes())}")
    return Calendar(code)


def codes() -> tuple[str, ...]:
    """The codes of all exchanges that are known."""
    from .calendar_data import CALENDARS

    return tuple(CALENDARS)


def _days(steps: str, start: int) -> Iterator[int]:
    day = start
    for step in steps.split():
        day += int(step)
        yield day
