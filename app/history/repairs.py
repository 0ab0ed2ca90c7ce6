"""Repairs: offered by the checks, carried out only when the trader says so. Each gives a new series; the old one stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from .series import ADJUSTED, PRICES, UNKNOWN, Action, Series, Slices, column, fitting_scale, largest, rescaled

_MORE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Repair:
    """``do`` is scale (cells by a factor), rescale (all prices of rows by a factor, volume by its inverse), widen, drop (rows),
    forget_adjusted (the source's adjusted close), or actions (others in the place of some). ``text`` says it to the trader."""

    do: str
    text: str
    rows: tuple[int, ...] = ()
    factor: Fraction = Fraction(1)
    cells: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    without: tuple[Action, ...] = ()
    plus: tuple[Action, ...] = ()


def repaired(series: Series, repairs: Iterable[Repair]) -> Slices[Series]:
    """The series with these repairs. Rows mean those of the series that was checked: they are dropped last."""
    dropped: set[int] = set()
    for repair in repairs:
        yield
        if repair.do == "drop":
            dropped |= set(repair.rows)
        else:
            series = yield from _DO[repair.do](series, repair)
    if dropped:
        kept = [row for row in range(len(series)) if row not in dropped]
        columns = {}
        for name, values in series.columns.items():
            columns[name] = column(values[row] for row in kept)
            yield
        series = replace(series, columns=columns)
    return series


def _scale(series: Series, repair: Repair) -> Slices[Series]:
    rows: dict[str, list[int]] = {name: [row for row, names in repair.cells.items() if name in names] for name in PRICES}
    return (yield from _times(series, rows | {ADJUSTED: rows["close"]}, repair.factor))


def _rescale(series: Series, repair: Repair) -> Slices[Series]:
    series = yield from _times(series, dict.fromkeys((*PRICES, ADJUSTED), repair.rows), repair.factor)
    volume, scale = series.columns["volume"], series.volume_scale
    known = [volume[row] for row in repair.rows if volume[row] != UNKNOWN]
    digits = 0 if all(value * repair.factor.denominator % repair.factor.numerator == 0 for value in known) else 2
    scale = fitting_scale(scale + digits, int(max(largest(volume), largest(known) / repair.factor)) + 1, scale)
    grown = Fraction(10) ** (scale - series.volume_scale)
    volume = yield from rescaled(volume, _stretches(repair.rows, len(series), grown / repair.factor, grown))
    return replace(series, volume_scale=scale, columns={**series.columns, "volume": volume})


def _times(series: Series, rows: Mapping[str, Sequence[int]], factor: Fraction) -> Slices[Series]:
    """These rows of each column times a factor, with as many more decimals as that takes, if they fit."""
    biggest = max(series.largest_price, abs(int(series.largest_price * factor)) + 1)
    more = next((digits for digits in range(_MORE_DIGITS) if 10**digits % factor.denominator == 0), _MORE_DIGITS)
    scale = fitting_scale(series.price_scale + more, biggest, series.price_scale)
    grown = Fraction(10) ** (scale - series.price_scale)
    columns = dict(series.columns)
    for name in PRICES:
        columns[name] = yield from rescaled(columns[name], _stretches(rows[name], len(series), grown * factor, grown))
    if ADJUSTED in columns:
        columns[ADJUSTED] = yield from rescaled(columns[ADJUSTED], _stretches(rows[ADJUSTED], len(series), factor, Fraction(1)))
    return replace(series, price_scale=scale, columns=columns)


def _stretches(rows: Iterable[int], count: int, factor: Fraction, other: Fraction) -> Iterator[tuple[int, int, Fraction]]:
    """The whole column in stretches: ``factor`` for these rows, ``other`` for the rest."""
    done = 0
    for row in sorted(rows):
        if row > done:
            yield done, row, other
        yield row, row + 1, factor
        done = row + 1
    if done < count:
        yield done, count, other


def _widen(series: Series, repair: Repair) -> Slices[Series]:
    columns = {**series.columns, "high": series.columns["high"][:], "low": series.columns["low"][:]}
    yield
    for row in repair.rows:
        prices = [series.columns[name][row] for name in PRICES]
        columns["high"][row], columns["low"][row] = max(prices), min(prices)
    return replace(series, columns=columns)


def _actions(series: Series, repair: Repair) -> Slices[Series]:
    kept = [action for action in series.actions if action not in repair.without]
    if repair.without:
        series = yield from _forget_adjusted(series, repair)  # the source computed it with what is now gone
    return replace(series, actions=sorted([*kept, *repair.plus]))


def _forget_adjusted(series: Series, _repair: Repair) -> Slices[Series]:
    yield
    return replace(series, columns={name: values for name, values in series.columns.items() if name != ADJUSTED})


_DO = {"forget_adjusted": _forget_adjusted, "scale": _scale, "rescale": _rescale, "widen": _widen, "actions": _actions}
