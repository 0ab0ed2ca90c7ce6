"""Every kind of bar by its name: fixed widths, calendar weeks and months, session-aligned widths, and bars by activity.

`1s` to `1d` are fixed widths of UTC (of the session's day where an instrument has one, see Session), `1w` and `1M` calendar weeks from
Monday and months. `ticks:100`, `volume:10` and `value:50000` are bars by activity: 100 trades, 10 of the base, 50,000 of the quote
currency. The rules are in docs/bars.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from app.model.instrument import Instrument
from app.model.market import Trade

from .bars import DEFAULT_LIMIT, TIMEFRAMES, BarSeries

WIDTHS: dict[str, int] = {
    **{"1s": 1, "5s": 5, "15s": 15, "30s": 30, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800},
    **{"1h": 3600, "2h": 7200, "4h": 14_400, "6h": 21_600, "12h": 43_200, "1d": 86_400},
}
"""Width of each fixed time frame in seconds."""
CALENDAR = ("1w", "1M")
_ACTIVITY = re.compile(r"(ticks|volume|value):(\d{1,12}(?:\.\d{1,8})?)")
_SECOND = 1_000_000_000
_TIME, _OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _OPENED, _CLOSED = range(8)


class BadFrame(ValueError):
    """There is no such time frame."""


class Session(NamedTuple):
    """When an instrument's day begins: ``opens_s`` seconds after midnight in ``zone`` (an IANA name)."""

    zone: str = "UTC"
    opens_s: int = 0


UTC_DAY = Session()


def make_series(name: str, instrument: Instrument, session: Session = UTC_DAY, limit: int = DEFAULT_LIMIT) -> BarSeries:
    """An empty series of this kind. Raises BadFrame."""
    if name in WIDTHS and (session == UTC_DAY or WIDTHS[name] < 60):
        return BarSeries(name, limit, WIDTHS[name])
    if name in WIDTHS or name in CALENDAR:
        return CalendarSeries(name, limit, session)
    found = _ACTIVITY.fullmatch(name)
    if found is None or not Decimal(found[2]):
        kinds = ", ".join((*WIDTHS, *CALENDAR))
        raise BadFrame(f"there is no time frame {name[:40]!r}; use one of {kinds}, or ticks:100, volume:10, value:50000")
    kind, amount = found[1], Decimal(found[2])
    if kind == "ticks" and amount != int(amount):
        raise BadFrame(f"ticks:{amount} is not whole; use a whole number of trades")
    scale = {"ticks": 0, "volume": instrument.size_scale, "value": instrument.size_scale + instrument.price_scale}[kind]
    return ActivitySeries(name, limit, kind, max(1, int(amount.scaleb(scale))))


def fill(series: BarSeries, kept: Callable[[str], BarSeries], trades: Iterable[Trade]) -> None:
    """Give a new series what is known already: ``kept(name)`` are the series of TIMEFRAMES, of the same session; ``trades`` the last ones,
    oldest first."""
    if isinstance(series, ActivitySeries):
        for trade in trades:
            series.add(trade)
    else:
        for bar in kept(_base(series)).whole():
            series.absorb(bar)
    finest = kept("1s")
    for start, end, reason in finest.gaps:
        series.mark_gap(start * _SECOND, reason)
        if not (finest.is_in_gap and (start, end, reason) == finest.gaps[-1]):
            series.end_gap(end * _SECOND)
    series.take_changed()


def _base(series: BarSeries) -> str:
    """The widest of the kept series whose bars never straddle one of these."""
    return max((name for name, width in TIMEFRAMES.items() if series.width_s % width == 0), key=TIMEFRAMES.__getitem__)


class CalendarSeries(BarSeries):
    """Bars of sessions' days, weeks, months, or of widths counted from the session's opening."""

    __slots__ = ("session",)

    def __init__(self, name: str, limit: int, session: Session) -> None:
        self.session = session
        super().__init__(name, limit, WIDTHS.get(name, 86_400))

    def bounds(self, ts: int) -> tuple[int, int]:
        """(start, end) in ns UTC of the bar that holds this moment."""
        start_s, end_s = bounds(self.timeframe, self.session, ts // _SECOND)
        return start_s * _SECOND, end_s * _SECOND


class ActivitySeries(BarSeries):
    """Bars that close when enough was traded. A bar's time is its first trade's second, or the next free one."""

    __slots__ = ("_done", "_enough", "_kind")

    def __init__(self, name: str, limit: int, kind: str, enough: int) -> None:
        self._kind, self._enough = kind, enough
        super().__init__(name, limit, 1)

    def clear(self) -> None:
        """Forget all bars and gaps."""
        super().clear()
        self._done = self._enough  # the first trade opens a bar

    def amend(self, ts: int, more: int, finer: Sequence[list[list[int]]]) -> None:
        """What came stays as it came: where a bar ended followed from it."""

    def add_many(self, trades: Sequence[tuple[int, int, int]]) -> None:
        """Count in (ts, price, size) of several trades in order of arrival."""
        for trade in trades:
            self.add_at(*trade)

    def add_at(self, ts: int, price: int, size: int) -> None:
        """Count in the next trade to arrive."""
        bars = self._bars
        if self._done >= self._enough:
            time_s = ts // _SECOND
            if bars and time_s <= bars[-1][_TIME]:
                time_s = bars[-1][_TIME] + 1
            self._append(time_s, (time_s + 1) * _SECOND, ts, price, size)
            self._done = 0
        else:
            bar = bars[-1]
            bar[_HIGH], bar[_LOW] = max(bar[_HIGH], price), min(bar[_LOW], price)
            bar[_CLOSE], bar[_CLOSED] = price, ts
            bar[_VOLUME] += size
            self._changed.add(bar[_TIME])
        self._done += 1 if self._kind == "ticks" else size if self._kind == "volume" else size * price


def _zone(name: str) -> Any:
    if name == "UTC":
        return UTC
    from .zones import zone

    return zone(name)


def _opening(day: date, session: Session) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=_zone(session.zone))
    return int((midnight + timedelta(seconds=session.opens_s)).timestamp())  # wall time: right on days of 23 and 25 hours


def day_of(moment_s: int, session: Session) -> date:
    """The session's day that holds the moment; the evening before belongs to one that opens then."""
    day = datetime.fromtimestamp(moment_s, _zone(session.zone)).date()
    if moment_s < _opening(day, session):
        return day - timedelta(days=1)
    return day + timedelta(days=1) if moment_s >= _opening(day + timedelta(days=1), session) else day


def dated(session: Session, time_s: int) -> int:
    """When the session opens whose date a daily bar from elsewhere carries: as midnight of UTC, or as a time of that day at the exchange."""
    if time_s % 86_400 == 0:
        return _opening(datetime.fromtimestamp(time_s, UTC).date(), session)
    day = datetime.fromtimestamp(time_s, _zone(session.zone)).date()
    return _opening(max(day, day_of(time_s, session)), session)


def bounds(name: str, session: Session, moment_s: int) -> tuple[int, int]:
    """(start, end) in s UTC of the bar of this kind that holds the moment."""
    day = day_of(moment_s, session)
    if name == "1w":
        first = day - timedelta(days=day.weekday())
        return _opening(first, session), _opening(first + timedelta(days=7), session)
    if name == "1M":
        first = day.replace(day=1)
        return _opening(first, session), _opening((first + timedelta(days=32)).replace(day=1), session)
    opening, closing = _opening(day, session), _opening(day + timedelta(days=1), session)
    width = WIDTHS[name]
    if width >= 86_400:
        return opening, closing
    start = opening + (moment_s - opening) // width * width
    return start, min(start + width, closing)
