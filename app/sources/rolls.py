"""When the months of a continuous future end: what `ES=F` shows goes on to the next one around then, and its price jumps by what the months differ.

Contract months and last trading days are those of CME Group's contract specifications ("listed contracts", "termination of trading"); its business days
are taken to be those of the New York Stock Exchange. No source says on which day its continuous symbol goes on: at the latest the day after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from app.market.calendars import Calendar, CalendarEnded, calendar

_LETTERS = "FGHJKMNQUVXZ"
_DAY = timedelta(days=1)
_FRIDAY, _WEDNESDAY = 4, 2
AHEAD = 4
"""How many months are told: a page that stays open for long still knows the next one."""


class _Days:
    """Business days; past the end of the calendar every weekday is one."""

    def __init__(self, found: Calendar) -> None:
        self._calendar = found

    def is_one(self, day: date) -> bool:
        if day.weekday() > _FRIDAY:
            return False
        try:
            return self._calendar.session(day) is not None
        except CalendarEnded:
            return True

    def before(self, day: date, count: int) -> date:
        """The business day so many before a date, which itself does not count."""
        while count:
            day -= _DAY
            count -= self.is_one(day)
        return day

    def until(self, day: date) -> date:
        """The date itself, or the business day before it."""
        return day if self.is_one(day) else self.before(day, 1)


_Last = Callable[[date, _Days], date]
"""(first of the contract month, business days) -> the last day of trading."""


def _next(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _nth(first: date, weekday: int, number: int) -> date:
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _third_friday(first: date, days: _Days) -> date:
    return days.until(_nth(first, _FRIDAY, 3))


def _last_friday(first: date, days: _Days) -> date:
    end = _next(first) - _DAY
    return days.until(end - timedelta(days=(end.weekday() - _FRIDAY) % 7))


def _third_wednesday(first: date, days: _Days) -> date:
    return days.before(_nth(first, _WEDNESDAY, 3), 2)


def _middle(first: date, days: _Days) -> date:
    return days.before(first.replace(day=15), 1)


def _from_end(count: int) -> _Last:
    return lambda first, days: days.before(_next(first), count)


def _of_month_before(count: int) -> _Last:
    return lambda first, days: days.before(first, count)


def _before_25th(count: int) -> _Last:
    def last(first: date, days: _Days) -> date:
        day = (first - _DAY).replace(day=25)
        return days.before(day, count if days.is_one(day) else count + 1)

    return last


class Cycle(NamedTuple):
    """Letters of the contract months, and the last day of each."""

    months: str
    last: _Last


_QUARTERS = "HMUZ"
_GROUPS = (
    ("ES MES NQ MNQ YM MYM RTY M2K", Cycle(_QUARTERS, _third_friday)),
    ("CL", Cycle(_LETTERS, _before_25th(3))),
    ("MCL", Cycle(_LETTERS, _before_25th(4))),
    ("NG", Cycle(_LETTERS, _of_month_before(3))),
    ("RB HO", Cycle(_LETTERS, _of_month_before(1))),
    ("GC MGC SI HG", Cycle(_LETTERS, _from_end(3))),
    ("ZN ZB", Cycle(_QUARTERS, _from_end(8))),
    ("ZF", Cycle(_QUARTERS, _from_end(1))),
    ("ZC ZW", Cycle("HKNUZ", _middle)),
    ("ZS", Cycle("FHKNQUX", _middle)),
    ("6E 6J 6B", Cycle(_QUARTERS, _third_wednesday)),
    ("BTC MBT ETH", Cycle(_LETTERS, _last_friday)),
)
CYCLES: Mapping[str, Cycle] = MappingProxyType({root: cycle for roots, cycle in _GROUPS for root in roots.split()})
"""By the root of the symbol, as `futures.CONTRACTS`."""


@lru_cache(maxsize=64)
def ends(root: str, today: date) -> tuple[tuple[str, date], ...]:
    """The next months that end, such as ("ESZ26", 18 December 2026), the first of them today or later; none where the product is not known."""
    cycle, found = CYCLES.get(root), []
    days, first = _Days(calendar("XNYS")), today.replace(day=1)
    while cycle is not None and len(found) < AHEAD:
        letter = _LETTERS[first.month - 1]
        if letter in cycle.months and (last := cycle.last(first, days)) >= today:
            found.append((f"{root}{letter}{first.year % 100:02d}", last))
        first = _next(first)
    return tuple(found)
