"""The bars a chart shows: rows in time order, gaps as empty slots, own fills and orders as marks. Pure, drawing floats.

Knows neither the chart library nor the page. Times are integer seconds UTC until ``shift`` moves them to the
reader's clock for an axis that only knows UTC.
"""

from __future__ import annotations

import time
from bisect import bisect_right, insort
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from ..format import minus, plain

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_CALENDAR = ("1d", "1w", "1M")
WORKING = frozenset({"new", "pending", "accepted", "partially_filled", "unknown"})
_GAP_SLOTS = 20

Row = list
"""[time_s, open, high, low, close, volume]"""


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
    """One series, as the desk sent it."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.times: list[int] = []
        self.gaps: list[list] = []
        self.step = 1

    def reset(self, rows: Iterable[Row], gaps: Iterable[list], timeframe: str) -> None:
        """Begin anew with a whole series."""
        self.step = seconds(timeframe)
        self.rows = {row[0]: row for row in rows}
        self.times = sorted(self.rows)
        self.gaps = list(gaps)

    def update(self, row: Row) -> bool:
        """Take a changed or new bar; True when it is older than the newest one."""
        moment = row[0]
        if moment not in self.rows:
            if not self.times or moment > self.times[-1]:
                self.times.append(moment)
            else:
                insort(self.times, moment)
        self.rows[moment] = row
        return moment < self.times[-1]

    @property
    def last(self) -> Row | None:
        """The newest bar."""
        return self.rows[self.times[-1]] if self.times else None

    def before(self, moment: int) -> Row | None:
        """The bar before the one at this time."""
        index = bisect_right(self.times, moment - 1)
        return self.rows[self.times[index - 1]] if index else None

    def bar_time(self, moment: int) -> int | None:
        """Time of the newest bar that began at or before the moment; None when all bars are later."""
        index = bisect_right(self.times, moment)
        return self.times[index - 1] if index else None

    def slots(self) -> list[int]:
        """Times to leave empty for the gaps, at most 20 for each, never where a bar is."""
        out: set[int] = set()
        if not self.step:
            return []
        for start, end, _reason in self.gaps:
            first = start - start % self.step
            count = min(_GAP_SLOTS, max(1, (end - first) // self.step))
            out.update(first + index * self.step for index in range(count))
        newest = self.times[-1] if self.times else 0
        return sorted(moment for moment in out if moment not in self.rows and moment < newest)

    def gap_at(self, moment: int) -> str | None:
        """Why there is no bar at this time, when a gap covers it."""
        for start, end, reason in self.gaps:
            if start - start % max(1, self.step) <= moment <= end:
                return reason
        return None


def utc_shift(moment: int, timeframe: str) -> int:
    """Seconds to add so that an axis that shows UTC shows local time; days stay UTC days."""
    return 0 if has_days(timeframe) else time.localtime(moment).tm_gmtoff


def fill_marks(fills: Iterable[dict], symbol: str, bars: Bars) -> list[tuple[int, str, Decimal]]:
    """Own fills as (bar time, side, quantity), one for each bar and side, in time order."""
    found: dict[tuple[int, str], Decimal] = {}
    for fill in fills:
        if fill["symbol"] == symbol and (moment := bars.bar_time(fill["ts"] // 1_000_000_000)) is not None:
            key = (moment, fill["side"])
            found[key] = found.get(key, Decimal(0)) + Decimal(plain(fill["qty"]))
    return [(moment, side, qty) for (moment, side), qty in sorted(found.items())]


def order_lines(orders: Iterable[dict], account: dict | None, symbol: str) -> dict[str, tuple[float, str, str]]:
    """Lines to draw: key -> (price, kind, title); kinds are buy, sell, stop and average."""
    lines: dict[str, tuple[float, str, str]] = {}
    for row in orders:
        if row["symbol"] != symbol or row["status"] not in WORKING:
            continue
        verb = "Buy" if row["side"] == "buy" else "Sell"
        left = row["remaining"] or row["qty"]
        if (price := _float(row["price"])) is not None:
            lines[f"{row['client_order_id']}/price"] = (price, row["side"], f"{verb} {left}")
        if (stop := _float(row["stop"])) is not None:
            lines[f"{row['client_order_id']}/stop"] = (stop, "stop", f"{verb} stop {left}")
    for position in (account or {}).get("positions", ()):
        if position["symbol"] == symbol and (average := _float(position["average_price"])) is not None:
            lines["average"] = (average, "average", f"Average {position['qty']}")
    return lines


def nearest(lines: dict[str, tuple[float, str, str]], price: float | None, count: int) -> dict[str, tuple[float, str, str]]:
    """At most ``count`` lines, those nearest to the price; the average price always stays."""
    if len(lines) <= count or price is None:
        return lines
    ordered = sorted(lines, key=lambda key: (key != "average", abs(lines[key][0] - price)))
    return {key: lines[key] for key in ordered[:count]}


def legend(row: Row, previous: Row | None, price_decimals: int, size_decimals: int) -> dict[str, str]:
    """Texts of the legend for a bar: open, high, low, close, volume and change against the bar before, in percent."""
    names = ("open", "high", "low", "close")
    texts = {name: price_text(value, price_decimals) for name, value in zip(names, row[1:5], strict=True)}
    texts["volume"] = f"{row[5]:,.{min(size_decimals, 4)}f}"
    base = previous[4] if previous is not None else row[1]
    change = (row[4] - base) / base * 100 if base else 0.0
    texts["change"] = minus(f"{change:+.2f} %")
    return texts


def spoken(row: Row, moment: str, texts: dict[str, str]) -> str:
    """One bar as a sentence for a screen reader."""
    way = "up" if row[4] > row[1] else "down" if row[4] < row[1] else "unchanged"
    return f"{moment}: {way}, close {texts['close']}, open {texts['open']}, high {texts['high']}, low {texts['low']}, volume {texts['volume']}"


def price_text(value: float, decimals: int) -> str:
    """A drawn price with separators and the typographic minus."""
    return minus(f"{value:,.{decimals}f}")


def _float(text: str | None) -> float | None:
    if not text:
        return None
    try:
        number = Decimal(plain(text))
    except InvalidOperation:
        return None
    return float(number) if number.is_finite() else None
