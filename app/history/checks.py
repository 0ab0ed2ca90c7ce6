"""What may be wrong with a series: looks, names, and offers repairs; changes nothing. The rules are in docs/history.md.

Each check is a generator that yields findings, and None between slices, so that the caller may pause.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from . import corporate
from .reading import STEPS
from .repairs import Repair
from .series import FOR_SPLITS, PRICES, SPLIT, UNKNOWN, Note, Series, scaled

ERROR, WARN, INFO = "error", "warn", "info"
ALWAYS, WEEKDAYS = "always", "weekdays"
SLICE = 1000
HUNDRED = "hundred"
_DAY = 86_400
_MOST_GAPS = 200
_LOW, _HIGH = 50, 200
"""A price this many times another one is taken for a hundred times it."""


class Finding(NamedTuple):
    """``rows`` are places in the series, oldest first; ``repair`` is offered, or None."""

    kind: str
    level: str
    rows: tuple[int, ...]
    text: str
    repair: Repair | None = None
    gaps: tuple[Note, ...] = ()


def check(series: Series, calendar: str = "") -> Iterator[Finding | None]:
    """All findings of a series. ``calendar``: ``always`` (24 hours, 7 days) or ``weekdays``; empty: judged by the bars themselves."""
    if not len(series):
        return
    for part in (hundreds, corporate.splits, corporate.dividends, shapes, signs, volumes):
        for finding in part(series):
            yield finding if finding is None or isinstance(finding, Finding) else Finding(*finding)
        yield None
    yield from gaps(series, calendar)


def hundreds(series: Series) -> Iterator[Finding | None]:
    """Prices a hundred times too high or too low: pence for pounds, cents for dollars."""
    columns = [series.columns[name] for name in PRICES]
    volume = series.columns["volume"]
    splits = {series.at(action.time): action.value for action in series.actions if action.kind == SPLIT and series.basis != FOR_SPLITS}
    levels: dict[int, dict[int, list[str]]] = {}
    weights: dict[int, list[int]] = {}
    reference = 0
    for row, prices in enumerate(zip(*columns, strict=True)):
        if row % SLICE == 0:
            yield None
        if row in splits:
            reference = scaled(reference, 1 / splits[row])
        found: list[int] = []
        for price in prices:
            found.append(_level(price, reference) if reference > 0 and price > 0 else 0)
        for name, level in zip(PRICES, found, strict=True):
            levels.setdefault(level, {}).setdefault(row, []).append(name)
        close = prices[3]
        if close > 0:
            reference = close * 100 if found[3] < 0 else close // 100 or close if found[3] > 0 else close
        weight = weights.setdefault(found[3], [0, 0])
        weight[0] += max(volume[row], 0)  # what is unknown weighs nothing
        weight[1] += 1
    if len(levels) == 1:
        return
    # which level is right: the one at which most was traded, then the one of most bars
    right = max(weights, key=lambda level: tuple(weights[level]))
    for level, rows in sorted(levels.items()):
        if level == right:
            continue
        factor = Fraction(100) ** (right - level)
        cells = {row: tuple(names) for row, names in rows.items()}
        word = "too low" if factor > 1 else "too high"
        times = 100 if abs(right - level) == 1 else 10_000
        what = "prices" if all(len(names) == 4 for names in cells.values()) else "single prices"
        repair = Repair("scale", f"{'multiply' if factor > 1 else 'divide'} them by {times:,}", factor=factor, cells=cells)
        text = f"{what} of {len(rows)} {_bars(len(rows))} are {times:,} times {word} against the others: pence and pounds, or cents and dollars"
        yield Finding(HUNDRED, ERROR, tuple(sorted(rows)), text, repair)


def _level(price: int, reference: int) -> int:
    if reference * _LOW < price < reference * _HIGH:
        return 1
    if price * _LOW < reference < price * _HIGH:
        return -1
    return 0


def shapes(series: Series) -> Iterator[Finding | None]:
    """High below low; open or close outside of high and low."""
    turned, outside = [], []
    for row, (opened, high, low, close) in enumerate(zip(*(series.columns[name] for name in PRICES), strict=True)):
        if row % SLICE == 0:
            yield None
        if high < low:
            turned.append(row)
        elif not (low <= opened <= high and low <= close <= high):
            outside.append(row)
    if turned:
        repair = Repair("widen", "make high the highest and low the lowest of the four", rows=tuple(turned))
        yield Finding("high_low", ERROR, tuple(turned), f"in {len(turned)} {_bars(len(turned))} the high is below the low", repair)
    if outside:
        repair = Repair("widen", "widen high and low to hold open and close", rows=tuple(outside))
        text = f"in {len(outside)} {_bars(len(outside))} open or close lies outside of high and low"
        yield Finding("outside", WARN, tuple(outside), text, repair)


def signs(series: Series) -> Iterator[Finding | None]:
    """Prices of zero and below: they happen, and may be a fault."""
    zero, negative = [], []
    for row, prices in enumerate(zip(*(series.columns[name] for name in PRICES), strict=True)):
        if row % SLICE == 0:
            yield None
        if min(prices) < 0:
            negative.append(row)
        elif min(prices) == 0:
            zero.append(row)
    for rows, word in ((zero, "zero"), (negative, "negative")):
        if rows:
            repair = Repair("drop", "leave these bars out", rows=tuple(rows)) if word == "zero" else None
            yield Finding(word, WARN, tuple(rows), f"{len(rows)} {_bars(len(rows))} {_have(len(rows))} a {word} price; they are kept as they are", repair)


def volumes(series: Series) -> Iterator[Finding | None]:
    """Volume that is unknown, zero or below."""
    volume = series.columns["volume"]
    unknown = tuple(row for row, value in enumerate(volume) if value == UNKNOWN)
    yield None
    if len(unknown) == len(volume):
        yield Finding("no_volume", INFO, (), "there is no volume: bars are kept without")
        return
    negative = tuple(row for row, value in enumerate(volume) if UNKNOWN < value < 0)
    yield None
    zero = tuple(row for row, value in enumerate(volume) if value == 0)
    yield None
    if unknown:
        text = f"of {len(unknown)} {_bars(len(unknown))} the volume is not known: it stays unknown, which is not zero"
        yield Finding("unknown_volume", INFO, unknown, text)
    if negative:
        yield Finding("negative_volume", ERROR, negative, f"{len(negative)} {_bars(len(negative))} {_have(len(negative))} a negative volume")
    if zero:
        text = f"{len(zero)} {_bars(len(zero))} {_have(len(zero))} a volume of zero: nothing was traded, or it was not reported"
        yield Finding("zero_volume", INFO, zero, text)


def gaps(series: Series, calendar: str = "") -> Iterator[Finding | None]:
    """Intervals without a bar where the calendar expects one, as one finding with the gaps to mark."""
    step, times = STEPS.get(series.timeframe, 0), series.columns["time"]
    if not step or len(times) < 3:
        return
    calendar = calendar or guess(series)
    found: list[Note] = []
    missing = 0
    for row in range(1, len(times)):
        if row % SLICE == 0:
            yield None
        start, end = times[row - 1] // 10**9 + step, times[row] // 10**9
        if end - start < step:
            continue
        count = (end - start) // step if calendar == ALWAYS else _expected(start, end, step)
        if count:
            missing += count
            if len(found) < _MOST_GAPS:
                found.append(Note(start, end, f"{count:,} {_bars(count)} missing in the stored history"))
    if found:
        what = "around the clock" if calendar == ALWAYS else "from Monday to Friday, holidays of one or two days aside"
        text = f"{missing:,} {_bars(missing)} are missing in {len(found)} {'place' if len(found) == 1 else 'places'}, where bars are expected {what}"
        rows = tuple(series.at(gap.end * 10**9) for gap in found)
        yield Finding("gap", WARN, rows, text, None, tuple(found))


def guess(series: Series) -> str:
    """Whether an instrument trades every day: whether a Saturday and a Sunday have bars as other days do."""
    times = series.columns["time"]
    if series.timeframe in ("1w", "1M") or times[-1] - times[0] < 6 * _DAY * 10**9:
        # too short to show a weekend: a market that never pauses has bars without a pause
        step = STEPS.get(series.timeframe, 0) * 10**9
        whole = step and (times[-1] - times[0]) // step + 1
        return ALWAYS if whole and len(times) >= 0.9 * whole else WEEKDAYS
    weekend = sum(1 for time in times if (time // 10**9 // _DAY + 3) % 7 >= 5)
    return ALWAYS if weekend * 7 >= len(times) else WEEKDAYS


def _expected(start: int, end: int, step: int) -> int:
    """Bars that are missing from ``start`` to ``end`` of a market that rests at night and on weekends: whole weekdays, or, within a
    day, what is shorter than the night."""
    if step < _DAY:
        if end - start < 6 * 3600:
            return (end - start) // step
        days = sum(1 for day in range(start // _DAY + 1, end // _DAY) if (day + 3) % 7 < 5)
        return days if days > 2 else 0
    days = sum(1 for day in range(start // _DAY, end // _DAY) if (day + 3) % 7 < 5)
    if step == _DAY:
        return days if days > 2 else 0
    return (end - start) // step


def _bars(count: int) -> str:
    return "bar" if count == 1 else "bars"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
