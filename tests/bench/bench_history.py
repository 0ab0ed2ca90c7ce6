"""Stored history, native: `python -m tests.bench.bench_history`. Yardsticks of the same run: gzipped CSV of the same bars, written and read by
the standard library. CPU time, medians of REPEATS runs over a walk of BARS minutes and over AAPL's days from 2000 to 2013.
"""

from __future__ import annotations

import asyncio
import csv
import gc
import gzip
import io
import itertools
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from app.history.backfill import MOST, drawn, merge
from app.history.checks import check
from app.history.export import csv_lines
from app.history.reading import read
from app.history.series import Series
from app.history.store import READABLE, HistoryStore
from app.platform.memory import MemoryStore
from tests.bench.results import emit
from tests.unit.history.kit import file, walk

REPEATS = 5
BARS = 200_000


def main() -> None:
    """Print the figures."""
    figures("minutes", walk(BARS))
    figures("days", file("AAPL-2000-2013-wiki").series)
    series = walk(BARS)
    live = drawn(series.part(BARS - 5_000, BARS), "1m").rows
    held = drawn(series.part(BARS - 10_000, BARS - 4_000), "1m")
    took, _ = timed(lambda: merge(held, live, (), 0))
    emit("history_merge_for_chart", took * 1e3, "ms", f"{MOST} stored and 5,000 live bars", None, REPEATS)


def figures(name: str, series: Series) -> None:
    """Figures of one series."""
    count = len(series)
    text = "".join(csv_lines(series)).encode()
    packed_s, packed = timed(lambda: gzip.compress(text, 6, mtime=0))
    csv_write, _ = timed(lambda: "".join(csv_lines(series)))
    csv_read, _ = timed(lambda: deque(csv.reader(io.StringIO(gzip.decompress(packed).decode())), maxlen=0))
    numbers = itertools.count()
    history = HistoryStore(MemoryStore(), lambda: None, lambda: f"{next(numbers):016x}", lambda: 0)
    write, item = timed(lambda: asyncio.run(history.keep(series, READABLE)))
    whole, _ = timed(lambda: asyncio.run(history.read(item)))
    size, yard = item.bytes / count, len(packed) / count
    emit(f"history_{name}_bytes_a_bar", size, "B", "gzipped CSV", size / yard, count)
    emit(f"history_{name}_write", count / write, "bars/s", "CSV written and gzipped", (csv_write + packed_s) / write, count)
    emit(f"history_{name}_read", count / whole, "bars/s", "gunzipped and split by csv.reader, no numbers made", csv_read / whole, count)
    parse, _ = timed(lambda: deque(read(packed), maxlen=1))
    emit(f"history_{name}_import", count / parse, "bars/s", "gunzipped and split by csv.reader, no numbers made", csv_read / parse, count)
    checked, _ = timed(lambda: deque(check(series), maxlen=0))
    emit(f"history_{name}_check", count / checked, "bars/s", "its import", parse / checked, count)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """(median CPU seconds, result)."""
    took, result = [], None
    for _ in range(REPEATS):
        gc.collect()
        start = time.process_time()
        result = work()
        took.append(time.process_time() - start)
    return statistics.median(took), result


if __name__ == "__main__":
    main()
