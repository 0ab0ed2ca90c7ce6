"""A series as CSV that the import reads back to the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction

from .series import ADJUSTED, DIVIDEND, PRICES, SPLIT, UNKNOWN, Series, largest, text

SLICE = 500


def csv_lines(series: Series) -> Iterator[str]:
    """The file in pieces of some lines each: time (UTC; a date for days and longer), prices and volume (where there is any; a cell is empty where it
    is unknown) with all their decimals, and, where there are any, dividends and splits at their bars."""
    daily = series.timeframe in ("1d", "1w", "1M") and all(time % 86_400_000_000_000 == 0 for time in series.columns["time"])
    splits, dividends = _by_time(series, SPLIT), _by_time(series, DIVIDEND)
    adjusted = series.columns.get(ADJUSTED)
    traded = ["volume"] if largest(series.columns["volume"]) else []  # none at all: a column of zeros would say that nothing was ever traded
    names = ["date" if daily else "time", *PRICES, *traded]
    names += ["adj_close"] if adjusted is not None else []
    names += ["dividend", "split"] if series.actions else []
    lines = [",".join(names)]
    scales = [series.price_scale] * len(PRICES) + [series.volume_scale]
    columns = [series.columns[name] for name in ("time", *PRICES, *traded)]
    for row, (time, *values) in enumerate(zip(*columns, strict=True)):
        cells = [_time(time, daily), *map(_plain, values, scales)]
        if adjusted is not None:
            cells.append(_plain(adjusted[row], series.adjusted_scale))
        if series.actions:
            cells += [text(dividends.get(time, Fraction(0))), text(splits.get(time, Fraction(1)))]
        lines.append(",".join(cells))
        if len(lines) >= SLICE:
            yield "\n".join(lines) + "\n"
            lines = []
    yield "\n".join([*lines, ""])


def file_name(series: Series, mode: str) -> str:
    """A name that says what is in it."""
    parts = [series.symbol, series.timeframe, *([f"adjusted-{mode}"] if mode != "none" else [])]
    plain = "-".join(parts).replace("/", "-").replace(":", "-")
    return "".join(char if char.isalnum() or char in "-._" else "-" for char in plain) + ".csv"


def _by_time(series: Series, kind: str) -> dict[int, Fraction]:
    """The actions of a kind by the time of the bar that has them."""
    found: dict[int, Fraction] = {}
    for action in series.actions:
        row = series.at(action.time)
        if action.kind == kind and row < len(series):
            time = series.columns["time"][row]
            found[time] = found.get(time, Fraction(1)) * action.value if kind == SPLIT else found.get(time, Fraction(0)) + action.value
    return found


def _time(ns: int, daily: bool) -> str:
    seconds, part = divmod(ns, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC)
    if daily:
        return moment.strftime("%Y-%m-%d")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{part:09d}".rstrip("0") if part else "") + "Z"


def _plain(units: int, scale: int) -> str:
    if units == UNKNOWN:
        return ""
    if not scale:
        return str(units)
    sign = "-" if units < 0 else ""
    digits = str(abs(units)).rjust(scale + 1, "0")
    part = digits[-scale:].rstrip("0")
    return f"{sign}{digits[:-scale]}.{part}" if part else sign + digits[:-scale]
