"""The bars a chart shows: rows in time order, gaps as empty slots, own fills as marks. Pure, drawing floats.

Knows neither the chart library nor the page. Times are integer seconds UTC until ``shift`` moves them to the
reader's clock for an axis that only knows UTC.
"""

from __future__ import annotations

import re
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from math import inf, isnan, nan
from typing import Any

from ..format import NOTHING, direction, group, minus, plain, tone

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_OF_DAYS = ("1w", "1M")
_CALENDAR = ("1d", *_OF_DAYS)
_GAP_SLOTS = 20
_DATED = re.compile(r"\d{4}-\d\d-\d\d \d")
PARTLY = "partly unknown"
_EVE_S = 3 * 3600
"""What opens in the last hours of a day of UTC (Sydney in summer, futures) has the next day's date."""

WIDTH = 6
Row = list
"""[time_s, open, high, low, close, volume]; NaN for a volume that is unknown (null in JSON)."""


def seconds(timeframe: str) -> int:
    """The width of a time frame; 0 where bars are not equally wide."""
    return int(timeframe[:-1]) * _UNITS[timeframe[-1]] if timeframe[-1] in _UNITS else 0


def has_days(timeframe: str) -> bool:
    """Whether a bar is a day or longer: its time is a date."""
    return timeframe in _CALENDAR


def has_seconds(timeframe: str) -> bool:
    """Whether bars may begin at any second."""
    return 0 < seconds(timeframe) < 60 or ":" in timeframe


def frame_text(timeframe: str) -> str:
    """A time frame in words: '5m', '1,000 ticks', 'volume 10'."""
    kind, _, amount = timeframe.partition(":")
    if not amount:
        return timeframe
    return f"{int(amount):,} ticks" if kind == "ticks" else f"{kind} {int(amount):,}"


class Bars:
    """One series, as the desk sent it. ``numbers`` are all bars one after the other, six floats each, as the drawing takes them;
    ``times`` are theirs, whole seconds."""

    def __init__(self) -> None:
        self.numbers = array("d")
        self.times = array("d")
        self.gaps: list[list] = []
        self.step = 1
        self._of_days = False

    def __len__(self) -> int:
        return len(self.times)

    def __contains__(self, moment: object) -> bool:
        return self._at(moment) is not None

    def reset(self, rows: Iterable[Row], gaps: Iterable[list], timeframe: str, packed: bytes = b"") -> None:
        """Begin anew with a whole series: rows in any order, or ``packed`` by the desk (little-endian floats, six a bar), oldest first."""
        self.step = seconds(timeframe)
        self._of_days = timeframe in _OF_DAYS
        self.gaps = list(gaps)
        self.numbers = array("d")
        if packed:
            self.numbers.frombytes(packed)
        else:
            by_time = {row[0]: row for row in rows}
            self.numbers.extend(chain.from_iterable([_numbers(by_time[moment]) for moment in sorted(by_time)]))
        self.times = self.numbers[::WIDTH]

    def update(self, row: Row) -> bool:
        """Take a changed or new bar; True when it is older than the newest one."""
        moment, numbers = row[0], array("d", _numbers(row))
        at = bisect_left(self.times, moment) if self.times and moment <= self.times[-1] else len(self.times)
        if at < len(self.times) and self.times[at] == moment:
            self.numbers[at * WIDTH : (at + 1) * WIDTH] = numbers
        else:
            self.times.insert(at, moment)
            self.numbers[at * WIDTH : at * WIDTH] = numbers
        return moment < self.times[-1]

    def at(self, index: int) -> Row:
        """The bar at this place, counted from the oldest."""
        return [int(self.times[index]), *self.numbers[index * WIDTH + 1 : (index + 1) * WIDTH]]

    def get(self, moment: int | None) -> Row | None:
        """The bar at this time."""
        index = None if moment is None else self._at(moment)
        return None if index is None else self.at(index)

    @property
    def last(self) -> Row | None:
        """The newest bar."""
        return self.at(len(self.times) - 1) if self.times else None

    def before(self, moment: int) -> Row | None:
        """The bar before the one at this time."""
        index = bisect_left(self.times, moment)
        return self.at(index - 1) if index else None

    def bar_time(self, moment: int) -> int | None:
        """Time of the newest bar that began at or before the moment; None when all bars are later."""
        index = bisect_right(self.times, moment)
        return int(self.times[index - 1]) if index else None

    def is_partly(self, moment: int) -> bool:
        """Whether a day or more is missing within the week or month that begins at this time."""
        if not self._of_days:
            return False
        after = bisect_right(self.times, moment)
        until = self.times[after] if after < len(self.times) else inf
        return any(min(end, until) - max(start, moment) >= _UNITS["d"] for start, end, _reason in self.gaps)

    def walked(self, moment: int | None, step: int) -> int | None:
        """The time so many bars from a bar (None: from beyond the newest), at most to either end; None without bars."""
        if not self.times:
            return None
        at = None if moment is None else self._at(moment)
        at = len(self.times) if at is None else at
        return int(self.times[min(len(self.times) - 1, max(0, at + step))])

    def _at(self, moment: Any) -> int | None:
        index = bisect_left(self.times, moment)
        return index if index < len(self.times) and self.times[index] == moment else None

    @property
    def _phase(self) -> int:
        """Bars of an exchange's session are counted from its opening."""
        return int(self.times[-1]) if self.times else 0

    def slots(self) -> list[int]:
        """Times to leave empty for the gaps, at most 20 for each, never where a bar is."""
        out: set[int] = set()
        if not self.step:
            return []
        for start, end, _reason in self.gaps:
            first = start - (start - self._phase) % self.step
            count = min(_GAP_SLOTS, max(1, (end - first) // self.step))
            out.update(first + index * self.step for index in range(count))
        newest = self.times[-1] if self.times else 0
        return sorted(moment for moment in out if moment < newest and moment not in self)

    def gap_at(self, moment: int) -> str | None:
        """Why there is no bar at this time, when a gap covers it."""
        for start, end, reason in self.gaps:
            if start - (start - self._phase) % max(1, self.step) <= moment <= end:
                return reason
        return None


def utc_shift(moment: int, timeframe: str) -> int:
    """Seconds to add so that an axis that shows UTC shows local time; of a day its date."""
    return _EVE_S if has_days(timeframe) else time.localtime(moment).tm_gmtoff


def date_text(moment: int) -> str:
    """The date of a day's bar."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment + _EVE_S))


def short_time(text: str) -> str:
    """The time of a bar where room is short: without the year before a time of day."""
    return text[5:] if _DATED.match(text) else text


def fill_marks(fills: Iterable[dict], symbol: str, bars: Bars) -> list[tuple[int, str, Decimal]]:
    """Own fills as (bar time, side, quantity), one for each bar and side, in time order."""
    found: dict[tuple[int, str], Decimal] = {}
    for fill in fills:
        if fill["symbol"] == symbol and (moment := _bar_of(fill, bars)) is not None:
            key = (moment, fill["side"])
            found[key] = found.get(key, Decimal(0)) + Decimal(plain(fill["qty"]))
    return [(moment, side, qty) for (moment, side), qty in sorted(found.items())]


def _bar_of(fill: dict, bars: Bars) -> int | None:
    """Time of the bar in which a fill was made; in a recording the desk says where in it that was, if it knows."""
    at = fill.get("bar_ns", fill["ts"])
    return None if at is None else bars.bar_time(at // 1_000_000_000)


def fill_texts(fills: Iterable[dict], symbol: str, bars: Bars) -> dict[int, str]:
    """Own fills in words by bar time: 'bought 0.01 at 61,800; sold 0.02 at 61,900'."""
    found: dict[int, list[str]] = {}
    for fill in fills:
        if fill["symbol"] == symbol and (moment := _bar_of(fill, bars)) is not None:
            did = "bought" if fill["side"] == "buy" else "sold"
            found.setdefault(moment, []).append(f"{did} {group(plain(fill['qty']))} at {group(plain(fill['price']))}")
    return {moment: "; ".join(texts) for moment, texts in found.items()}


def _numbers(row: Row) -> Row:
    return row if row[5] is not None else [*row[:5], nan]


def legend(row: Row, previous: Row | None, price_decimals: int, size_decimals: int) -> dict[str, str]:
    """Texts of the legend for a bar: open, high, low, close, volume and change against the bar before, in percent."""
    names = ("open", "high", "low", "close")
    texts = {name: price_text(value, price_decimals) for name, value in zip(names, row[1:5], strict=True)}
    texts["volume"] = NOTHING if isnan(row[5]) else f"{row[5]:,.{min(size_decimals, 4)}f}"
    base = previous[4] if previous is not None else row[1]
    change = (row[4] - base) / base * 100 if base else 0.0
    text = f"{change:+.2f}"
    texts["change"] = f"{minus(text) if direction(text) else text[1:]} %"
    return texts


def change_tone(texts: dict[str, str]) -> str:
    """The class of a change: that of its sign, whatever the bar itself did."""
    return tone(direction(texts["change"].removesuffix(" %")))


def spoken(row: Row, moment: str, texts: dict[str, str]) -> str:
    """One bar as a sentence for a screen reader."""
    way = "up" if row[4] > row[1] else "down" if row[4] < row[1] else "unchanged"
    volume = "not known" if texts["volume"] == NOTHING else texts["volume"]
    return f"{moment}: {way}, close {texts['close']}, open {texts['open']}, high {texts['high']}, low {texts['low']}, volume {volume}"


def price_text(value: float, decimals: int) -> str:
    """A drawn price with separators and the typographic minus."""
    return minus(f"{value:,.{decimals}f}")
