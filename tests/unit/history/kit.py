"""Shared by the tests of stored history."""

from __future__ import annotations

import gzip
import random
from collections import deque
from pathlib import Path

from app.history.adjust import adjusted as adjusted_in_slices
from app.history.checks import Finding, check
from app.history.reading import Reading, read
from app.history.repairs import Repair
from app.history.repairs import repaired as in_slices
from app.history.series import Series, column, finished

DATA = Path(__file__).resolve().parents[2] / "data" / "history"
MINUTE = 60 * 10**9
START = 1_700_000_040 * 10**9


def reading_of(text: str | bytes, **options) -> Reading:
    """What is found in this file."""
    return deque(read(text.encode() if isinstance(text, str) else text, options), maxlen=1).pop()


def file(name: str) -> Reading:
    """What is found in a file of tests/data/history."""
    return reading_of((DATA / f"{name}.csv.gz").read_bytes())


def lines(name: str) -> list[str]:
    """The lines of such a file."""
    return gzip.decompress((DATA / f"{name}.csv.gz").read_bytes()).decode().splitlines()


def findings(series: Series, *kinds: str, calendar: str = "") -> list[Finding]:
    """What the checks find, of these kinds or of all."""
    return [item for item in check(series, calendar) if item is not None and (not kinds or item.kind in kinds)]


def repaired(series: Series, repairs: list[Repair]) -> Series:
    """The series with these repairs."""
    return finished(in_slices(series, repairs))


def adjusted(series: Series, mode: str) -> Series:
    """The series adjusted."""
    return finished(adjusted_in_slices(series, mode))


def walk(count: int, seed: int = 1, start: int = START, step: int = MINUTE, symbol: str = "BTCUSDT", timeframe: str = "1m") -> Series:
    """Bars of a random walk."""
    chance, price = random.Random(seed), 1_000_000
    columns = {name: column() for name in ("time", "open", "high", "low", "close", "volume")}
    for place in range(count):
        opened = price + chance.randint(-3, 3)
        close = opened + chance.randint(-30, 30)
        values = (start + place * step, opened, max(opened, close) + chance.randint(0, 9), min(opened, close) - chance.randint(0, 9), close)
        for name, value in zip(columns, (*values, chance.randint(1, 10**6)), strict=True):
            columns[name].append(value)
        price = close
    return Series("test", symbol, timeframe, 2, 3, columns)
