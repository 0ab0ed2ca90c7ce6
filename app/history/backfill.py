"""Stored bars and live bars as one series, by the rules H1 to H10 of docs/bars.md. Rows are (time in s, open, high, low, close, volume);
a volume that is unknown is NaN. Weeks and months are put together in periods.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import nan
from typing import NamedTuple

from app.market.frames import CALENDAR, UTC_DAY, WIDTHS, Session, bounds, dated

from .series import UNKNOWN, Note, Series
from .store import Stored

MOST = 5_000
"""Stored bars that are shown before live ones."""
BETWEEN = "no data between the stored history and what was received"
_DATES = ("1d", "1w", "1M")
"""Bars whose time stands for a date."""
_DAYS = {"1w": 7, "1M": 31}
"""At most so many stored days make one."""
_MOST_FINE = 60
"""At most this many stored bars make one."""

Row = tuple


class Held(NamedTuple):
    """Stored bars of one instrument and time frame, as they are drawn. ``step``: seconds of a bar, 0 where they differ. Of weeks and months,
    ``days`` are the stored days, if there are any, and ``own`` says that the bars were stored so, not made of days."""

    symbol: str
    timeframe: str
    rows: list[Row]
    gaps: list[Note]
    step: int
    days: Held | None = None
    own: bool = False


class Merged(NamedTuple):
    """``kept``: times of live bars in whose place a stored one stands."""

    rows: list[Row]
    gaps: list[Note]
    kept: frozenset[int]


def choose(stored: Iterable[Stored], symbol: str, timeframe: str) -> Stored | None:
    """H1: what to show for an instrument's time frame: the same, else the widest finer one that divides it (days make
    weeks and months); the newest of several."""
    width = WIDTHS.get(timeframe, 0)

    def rank(item: Stored) -> tuple | None:
        if item.symbol != symbol or not item.rows:
            return None
        if item.timeframe == timeframe:
            return (1, 0, item.last)
        finer = WIDTHS.get(item.timeframe, 0)
        if timeframe in CALENDAR and item.timeframe == "1d":
            return (0, finer, item.last)
        if width and finer and finer < width and width % finer == 0 and width // finer <= _MOST_FINE:
            return (0, finer, item.last)
        return None

    ranked = [(place, item) for item in stored if (place := rank(item)) is not None]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


def fine(item: Stored, timeframe: str) -> int:
    """How many stored bars make one of this time frame, at most."""
    if timeframe in CALENDAR and item.timeframe != timeframe:
        return _DAYS[timeframe]
    return 1 if item.timeframe == timeframe else WIDTHS[timeframe] // WIDTHS[item.timeframe]


def drawn(series: Series, timeframe: str, session: Session = UTC_DAY) -> Held:
    """The bars of a series as they are drawn, made wider where they are finer; where the session begins the day, counted from it."""
    price, volume = 10**series.price_scale, 10**series.volume_scale
    rows: list[Row] = [
        (time // 10**9, o / price, h / price, low / price, c / price, nan if v == UNKNOWN else v / volume) for time, o, h, low, c, v in series.rows()
    ]
    step = WIDTHS.get(timeframe, 0)
    dates, days = series.timeframe in _DATES, None
    if dates and session != UTC_DAY:
        rows = [(dated(session, row[0]), *row[1:]) for row in rows]
    if timeframe != series.timeframe and dates:
        days = Held(series.symbol, series.timeframe, rows, list(series.gaps), WIDTHS["1d"])
        rows = joined((bounds(timeframe, session, row[0])[0], row) for row in rows)
    elif timeframe != series.timeframe:
        rows = _wider(rows, timeframe, WIDTHS[series.timeframe], session)
    return Held(series.symbol, timeframe, rows, list(series.gaps), step, days, timeframe in CALENDAR and days is None)


def _wider(rows: Sequence[Row], timeframe: str, finer: int, session: Session) -> list[Row]:
    step = WIDTHS[timeframe]

    def starts() -> Iterator[tuple[int, Row]]:
        start = end = 0
        for row in rows:
            if session == UTC_DAY:
                start = row[0] - row[0] % step
            elif not start <= (last := row[0] + finer - 1) < end:  # one that begins before the opening and ends after it is the session's
                start, end = bounds(timeframe, session, last)
            yield start, row

    return joined(starts())


def joined(rows: Iterable[tuple[int, Row]]) -> list[Row]:
    """One bar of all that have the same start, in order of time."""
    out: list[list] = []
    for start, (_, o, h, low, c, v) in rows:
        if out and out[-1][0] == start:
            into = out[-1]
            into[2], into[3], into[4], into[5] = max(into[2], h), min(into[3], low), c, into[5] + v
        else:
            out.append([start, o, h, low, c, v])
    return [tuple(row) for row in out]


def merge(held: Held, live: Sequence[Row], gaps: Sequence[tuple], present: int) -> Merged:
    """One series of stored and live bars. ``gaps`` are those of the live series, ``present`` the instrument's time in s."""
    step = held.step
    newest = live[-1][0] if live else present - step + 1  # without a live bar: stored ones that have closed
    rows = [row for row in held.rows if row[0] < newest]
    mine = {row[0]: row for row in rows}
    kept = set()
    if live and live[0][0] in mine:
        kept.add(live[0][0])
    for start, end, *_ in gaps:
        kept |= {row[0] for row in live if row[0] in mine and row[0] < end and row[0] + max(step, 1) > start}
    both = mine | {row[0]: row for row in live if row[0] not in kept}
    merged = [both[time] for time in sorted(both)]
    if len(live) < len(merged):
        before = len(merged) - len(live)
        merged = merged[max(0, before - MOST) :]
    first_live = live[0][0] if live else None
    marked = [Note(*gap) for gap in gaps if not _covered(held, rows, gap, step)]
    marked += [gap for gap in held.gaps if merged and merged[0][0] <= gap.end and gap.start < newest and (first_live is None or gap.start < first_live)]
    until = first_live if first_live is not None else present
    before = [row[0] for row in rows if row[0] < until]
    if before and step and until - (before[-1] + step) >= step:
        marked.append(Note(before[-1] + step, until, BETWEEN))
    return Merged(merged, sorted(marked), frozenset(kept))


def _covered(held: Held, rows: Sequence[Row], gap: tuple, step: int) -> bool:
    """Whether stored bars reach over a live gap without a gap of their own."""
    start, end = gap[0], gap[1]
    if not rows or not step or rows[0][0] > start or rows[-1][0] + step < end:
        return False
    return not any(own.start < end and own.end > start for own in held.gaps)
