"""Checks of splits and dividends, against the prices and, where the file has one, against the source's own adjusted close.

An adjusted close that the source computed says which corporate actions it knew of: from one bar to the next the ratio of adjusted close
and close changes only where there was one. Results are tuples in the order of checks.Finding.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from math import log

from .repairs import Repair
from .series import ADJUSTED, DIVIDEND, FOR_SPLITS, SPLIT, Action, Series, text

ERROR, WARN, INFO = "error", "warn", "info"
SLICE = 1000
NEAR_BARS = 30
"""How far from its date a wrongly applied split is looked for."""
_SAME_DAYS = 7
_NS_DAY = 86_400_000_000_000
_LEAST = 0.0004
"""Changes of the adjusted close's ratio below this are rounding."""
_COMMON = [Fraction(ratio) for ratio in (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50, "3/2", "4/3", "5/2")]
_COMMON += [1 / ratio for ratio in _COMMON]


def splits(series: Series) -> Iterator[tuple | None]:
    """Splits that were not applied to all bars before them, or were applied twice; splits that are missing."""
    close, opened = series.columns["close"], series.columns["open"]
    recorded = [action for action in series.actions if action.kind == SPLIT]
    explained: set[int] = set()
    wrong: dict[Fraction, list[tuple[int, int]]] = {}
    for action in recorded:
        yield None
        place, big = series.at(action.time), max(action.value, 1 / action.value)
        if big < Fraction(5, 4):
            continue  # too small to be told from a move of the market
        jumps = []
        for row in range(max(1, place - NEAR_BARS), min(len(series), place + NEAR_BARS + 1)):
            jump = _jump(close, opened, row)
            if abs(jump) > 0.75 * log(big) and abs(jump) > log(1.25):
                jumps.append((row, 1 if jump > 0 else -1))
        if series.basis != FOR_SPLITS and (place, -1 if action.value > 1 else 1) in jumps:
            explained.add(place)  # prices as traded: the split is where it belongs
            jumps = [item for item in jumps if item[0] != place]
        if jumps:
            wrong.setdefault(big, []).extend(item for item in jumps if item not in wrong.get(big, ()))
            explained |= {row for row, _ in jumps}
    for big, jumps in wrong.items():
        yield _not_applied(series, big, jumps)
    yield from _missing_splits(series, explained)


def _not_applied(series: Series, big: Fraction, jumps: list[tuple[int, int]]) -> tuple:
    """Going back from the newest bar, each jump changes by what the bars before it are off."""
    level, until, levels = 0, len(series), []
    for row, way in sorted(jumps, reverse=True):
        levels.append((row, until, level))
        level, until = level + way, row
    levels.append((0, until, level))
    rows = tuple(sorted(row for start, end, level in levels if level for row in range(start, end)))
    off = {level for _, _, level in levels if level}
    where = _day(series, max(row for row, _ in jumps))
    said = f"the split {text(big)} : 1 is not applied alike: prices jump by about that at {where}, and {len(rows)} bars are on another scale than the newest"
    repair = None
    if len(off) == 1:
        level = off.pop()
        factor = Fraction(big) ** level
        verb = f"divide prices by {text(1 / factor)} and multiply volume" if factor < 1 else f"multiply prices by {text(factor)} and divide volume"
        repair = Repair("rescale", f"{verb} in these bars", rows=rows, factor=factor)
    return "split", ERROR, rows, said, repair


def _missing_splits(series: Series, explained: set[int]) -> Iterator[tuple | None]:
    """Splits that the adjusted close knows of, or that a jump looks like, and that are not in the list."""
    recorded = {series.at(action.time) for action in series.actions if action.kind == SPLIT} | explained
    close, opened, adjusted = series.columns["close"], series.columns["open"], series.columns.get(ADJUSTED)
    for row in range(1, len(series)):
        if row % SLICE == 0:
            yield None
        if row in recorded:
            continue
        if adjusted is not None:
            if min(close[row - 1], close[row], adjusted[row - 1], adjusted[row]) <= 0:
                continue
            step = adjusted[row] * close[row - 1] / (close[row] * adjusted[row - 1])
            known = next((ratio for ratio in _COMMON if abs(step / ratio - 1) < 0.02), None) if abs(step - 1) > 0.2 else None
            if known is None or abs(_jump(close, opened, row) + log(known)) > 0.25:
                continue
            said = f"a split {_ratio(known)} at {_day(series, row)} is missing from the list of splits: the adjusted close has it, and the price jumps"
            action = Action(series.columns["time"][row], SPLIT, known)
            yield "missing_split", ERROR, (row,), said, Repair("actions", "add the split", plus=(action,))
        else:
            jump = _jump(close, opened, row)
            near = min(_COMMON, key=lambda ratio: abs(jump + log(ratio)))
            if abs(jump) > 0.5 and abs(jump + log(near)) < 0.12:
                said = f"the price jumps at {_day(series, row)} as by a split {_ratio(near)}, and no split is listed: it may be one, or news"
                action = Action(series.columns["time"][row], SPLIT, near)
                yield "missing_split", WARN, (row,), said, Repair("actions", "add the split", plus=(action,))


def dividends(series: Series) -> Iterator[tuple | None]:
    """Dividends that stand twice, are a hundred times too large, or are missing."""
    listed = [action for action in series.actions if action.kind == DIVIDEND]
    told: set[Action] = set()
    for first, second in itertools.pairwise(listed):
        if second.time - first.time <= _SAME_DAYS * _NS_DAY and Fraction(4, 5) <= second.value / first.value <= Fraction(5, 4):
            # the real one is where the price fell by it
            gone = min((first, second), key=lambda action: _fall(series, action))
            told.add(gone)
            said = f"the dividends {text(first.value)} at {_date(first)} and {text(second.value)} at {_date(second)} look like one that stands twice"
            rows = (series.at(gone.time),)
            yield "dividend", ERROR, rows, said, Repair("actions", f"remove that of {_date(gone)}", without=(gone,))
    for action in listed:
        row = series.at(action.time)
        if action in told or not 0 < row < len(series) or series.columns["close"][row - 1] <= 0:
            continue
        part = action.value / Fraction(series.price(series.columns["close"][row - 1]))
        fell = _fall(series, action)
        if part > Fraction(2, 5) and fell < float(part) / 2:
            said = f"the dividend {text(action.value)} at {_date(action)} is {float(part):.0%} of the price, which fell by {max(fell, 0.0):.0%}:"
            said += " it looks 100 times too large"
            smaller = Action(action.time, DIVIDEND, action.value / 100)
            told.add(action)
            yield "dividend", ERROR, (row,), said, Repair("actions", f"make it {text(smaller.value)}", without=(action,), plus=(smaller,))
    yield None
    if ADJUSTED in series.columns:
        yield from _against_adjusted(series, {series.at(action.time): action for action in listed}, told)


def _against_adjusted(series: Series, listed: dict[int, Action], told: set[Action]) -> Iterator[tuple | None]:
    close, adjusted = series.columns["close"], series.columns[ADJUSTED]
    split_at = {series.at(action.time): action.value for action in series.actions if action.kind == SPLIT}
    any_listed = bool(listed)
    for row in range(1, len(series)):
        if row % SLICE == 0:
            yield None
        if min(close[row - 1], close[row], adjusted[row - 1], adjusted[row]) <= 0:
            continue
        step = adjusted[row - 1] * close[row] / (close[row - 1] * adjusted[row])
        ratio = split_at.get(row)
        if ratio is not None and abs(step * float(ratio) - 1) < abs(step - 1):
            step *= float(ratio)
        action = listed.get(row)
        if action in told:
            continue
        if action is None:
            missing = 1 - step
            if any_listed and _LEAST < missing < 0.3 and abs(log(step)) < 0.5 and not _near(row, listed):
                value = (Fraction(series.price(close[row - 1])) * Fraction(missing)).limit_denominator(10_000)
                value = Fraction(round(value * 10_000), 10_000)
                said = f"a dividend of about {text(value)} at {_day(series, row)} is missing from the list: the adjusted close has it"
                plus = (Action(series.columns["time"][row], DIVIDEND, value),)
                yield "missing_dividend", ERROR, (row,), said, Repair("actions", "add it", plus=plus)
            continue
        part = float(action.value / Fraction(series.price(close[row - 1])))
        if part >= 1 or abs((1 - step) - part) <= _LEAST + 0.1 * part:
            continue
        if abs(1 - step) <= _LEAST:
            said = f"the dividend {text(action.value)} at {_date(action)} is not in the adjusted close"
            yield "adjusted", WARN, (row,), said, Repair("forget_adjusted", "compute it from the dividends instead")
            continue
        for factor in (100, Fraction(1, 100)):
            if abs((1 - step) - part * float(factor)) <= _LEAST + 0.1 * part * float(factor):
                other = Action(action.time, DIVIDEND, action.value * factor)
                said = f"the dividend {text(action.value)} at {_date(action)} is {text(other.value)} in the adjusted close: one is 100 times the other"
                yield "dividend", ERROR, (row,), said, Repair("actions", f"make it {text(other.value)}", without=(action,), plus=(other,))


def _jump(close, opened, row: int) -> float:
    """The logarithm of the change into a bar, of open or close whichever is smaller; 0 where it cannot be said."""
    before = close[row - 1]
    if before <= 0 or close[row] <= 0 or opened[row] <= 0:
        return 0.0
    return min(log(close[row] / before), log(opened[row] / before), key=abs)


def _fall(series: Series, action: Action) -> float:
    """By what part of the close before the price fell with the dividend; by the open, where markets take it off."""
    row = series.at(action.time)
    if not 0 < row < len(series) or series.columns["close"][row - 1] <= 0:
        return 0.0
    return 1 - min(series.columns["open"][row], series.columns["close"][row]) / series.columns["close"][row - 1]


def _near(row: int, listed: dict[int, Action]) -> bool:
    return any(near in listed for near in range(row - 2, row + 3))


def _ratio(value: Fraction) -> str:
    return f"{value.numerator} : {value.denominator}"


def _date(action: Action) -> str:
    return _text_of(action.time)


def _day(series: Series, row: int) -> str:
    return _text_of(series.columns["time"][row])


def _text_of(ns: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%d")
