"""Weeks and months of stored days and live ones, by the rules H2 and H11 of docs/bars.md: the two are put together day by day, and what is shown
is made of that. Rows are those of backfill.py."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from app.market.frames import UTC_DAY, Session, bounds, day_of

from .backfill import BETWEEN, MOST, Held, Merged, Row, joined, merge
from .series import Note

_DAY = 86_400


def merge_periods(held: Held, live: Sequence[Row], gaps: Sequence[tuple], present: int, session: Session = UTC_DAY) -> Merged:
    """One series of weeks or months. ``live`` are the live days, ``gaps`` those of live data, ``present`` the instrument's time in s."""
    first = live[0][0] if live else present
    since = bounds(held.timeframe, session, first)[0]
    newer, marked = _since(held, live, gaps, present, session, since)
    running = bounds(held.timeframe, session, live[-1][0])[0] if live else since
    shown = {row[0]: row for row in held.rows if row[0] < (running if held.own else since)}
    kept = {row[0] for row in newer if row[0] in shown and (row[0] == since or _touched(held, row[0], gaps, session))}
    shown |= {row[0]: row for row in newer if row[0] not in kept}
    rows = [shown[time] for time in sorted(shown)]
    rows = rows[max(0, len(rows) - len(newer) - MOST) :]
    marks = {gap for gap in marked if gap.reason != BETWEEN}
    marks |= {gap for gap in held.gaps if rows and rows[0][0] <= gap.end and gap.start < since}
    if (known := _known(held, first, session)) is not None and _days_missing(known, first, session):
        marks.add(Note(known, first, BETWEEN))
    whole = [bounds(held.timeframe, session, time) for time in kept]
    return Merged(rows, sorted(gap for gap in marks if not any(start <= gap.start and gap.end <= end for start, end in whole)), frozenset(kept))


def periods(held: Held, live: Sequence[Row], gaps: Sequence[tuple], present: int, session: Session, since: int) -> list[Row]:
    """The weeks or months from the one that begins at ``since``. ``live``: the first live day, and all from ``since`` on."""
    return _since(held, live, gaps, present, session, since)[0]


def _since(held: Held, live: Sequence[Row], gaps: Sequence[tuple], present: int, session: Session, since: int) -> tuple[list[Row], list[Note]]:
    days = held.days or Held(held.symbol, "1d", [], [], _DAY)
    part = days._replace(rows=days.rows[bisect_left(days.rows, since, key=lambda row: row[0]) :])
    merged = merge(part, live, gaps, present)

    def starts() -> Iterator[tuple[int, Row]]:
        start = end = 0
        for row in merged.rows:
            if row[0] >= since:
                if not start <= row[0] < end:
                    start, end = bounds(held.timeframe, session, row[0])
                yield start, row

    return joined(starts()), merged.gaps


def _touched(held: Held, time: int, gaps: Sequence[tuple], session: Session) -> bool:
    end = bounds(held.timeframe, session, time)[1]
    return any(gap[0] < end and gap[1] > time for gap in gaps)


def _known(held: Held, first: int, session: Session) -> int | None:
    """Up to when something is stored of the time before the first live day; None where nothing is."""
    ends = [row[0] + _DAY for row in held.days.rows if row[0] < first][-1:] if held.days is not None else []
    if held.own:
        before = [row[0] for row in held.rows if row[0] < bounds(held.timeframe, session, first)[0]]
        ends += [bounds(held.timeframe, session, time)[1] for time in before[-1:]]
    return max(ends, default=None)


def _days_missing(start: int, end: int, session: Session) -> bool:
    """Whether a day without bars is missing within; an exchange rests on Saturdays and Sundays."""
    whole = range(start, end - _DAY + 1, _DAY)
    return bool(whole) if session == UTC_DAY else any(day_of(time, session).weekday() < 5 for time in whole)
