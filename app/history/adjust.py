"""Back-adjusted prices: as if splits and dividends before the newest bar had not been. The formulas are in docs/history.md."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

from .errors import HistoryError
from .series import ADJUSTED, FOR_SPLITS, PRICES, SPLIT, Action, Series, Slices, fitting_scale, largest, rescaled, text

NONE, SPLITS, ALL = "none", "splits", "all"
MODES = (NONE, SPLITS, ALL)
MORE_DECIMALS = 4
_DIGITS = 40


def factors(series: Series, mode: str) -> list[tuple[int, Fraction, Fraction]]:
    """(first row, factor of prices, factor of volume) of each stretch, newest first. Raises HistoryError for what cannot be."""
    close, out = series.columns["close"], []
    price = volume = Fraction(1)
    by_row: dict[int, list[Action]] = {}
    for action in series.actions:
        row = series.at(action.time)
        if 0 < row < len(series):
            by_row.setdefault(row, []).append(action)
    for row in sorted(by_row, reverse=True):
        out.append((row, price, volume))
        split = Fraction(1)
        for action in by_row[row]:
            if action.kind == SPLIT and series.basis != FOR_SPLITS:
                split *= action.value
        for action in by_row[row]:
            if action.kind == SPLIT or mode != ALL:
                continue
            # the close before, in the shares that the dividend is paid on
            before = Fraction(series.price(close[row - 1])) / split
            if not 0 < action.value < before:
                raise HistoryError(
                    f"the dividend {text(action.value)} cannot be taken off a price of {text(before)}",
                    "look at the checks: it may be a hundred times too large",
                )
            price = _short(price * (1 - action.value / before))
        price, volume = price / split, volume * split
    out.append((0, price, volume))
    return out


def adjusted(series: Series, mode: str) -> Slices[Series]:
    """The series adjusted for ``splits``, for ``all`` (splits and dividends), or for nothing (``none``).

    By splits alone prices and volume are exact where the scale allows; otherwise they are rounded half to even at MORE_DECIMALS decimals
    beyond those of the source."""
    if mode == NONE:
        return series
    if mode not in MODES:
        raise HistoryError(f"there is no adjustment {str(mode)[:20]!r}", f"use one of {', '.join(MODES)}", "adjust")
    yield
    stretches = factors(series, mode)
    if all(price == 1 and volume == 1 for _, price, volume in stretches):
        return series
    biggest = int(series.largest_price * max(price for _, price, _ in stretches)) + 1
    scale = fitting_scale(series.price_scale + MORE_DECIMALS, biggest, series.price_scale)
    grown = Fraction(10) ** (scale - series.price_scale)
    columns = {name: values for name, values in series.columns.items() if name != ADJUSTED}
    ends = [*(row for row, _, _ in reversed(stretches[:-1])), len(series)]
    oldest_first = list(zip(reversed(stretches), ends, strict=True))
    for name in PRICES:
        pieces = [(row, end, price * grown) for (row, price, _), end in oldest_first]
        columns[name] = yield from rescaled(series.columns[name], pieces)
    volume = series.columns["volume"]
    most = largest(volume) * max(factor for _, _, factor in stretches)
    whole = all(factor.denominator == 1 for _, _, factor in stretches)
    volume_scale = fitting_scale(series.volume_scale + (0 if whole else 2), int(most) + 1, series.volume_scale)
    grown = Fraction(10) ** (volume_scale - series.volume_scale)
    columns["volume"] = yield from rescaled(volume, [(row, end, factor * grown) for (row, _, factor), end in oldest_first])
    return replace(series, columns=columns, price_scale=scale, volume_scale=volume_scale, basis=FOR_SPLITS)


def _short(value: Fraction) -> Fraction:
    """To 40 digits: exact fractions of many dividends would grow without end."""
    with localcontext() as context:
        context.prec = _DIGITS
        return Fraction(Decimal(value.numerator) / Decimal(value.denominator))
