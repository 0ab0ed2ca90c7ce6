"""Check a file of bars in a terminal.

    python -m app.history FILE.csv[.gz|.zip] [--zone ZONE] [--calendar always|weekdays]

Prints what was read and every finding; the status is 1 where something looks wrong (errors, rows left out), 2 where it cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from .checks import ERROR, check
from .errors import HistoryError
from .reading import read


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m app.history", description="Check a file of bars: CSV, also gzipped or in a zip.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--zone", default="UTC", help="time zone of times without an offset (UTC)")
    parser.add_argument("--calendar", choices=("always", "weekdays"), default="", help="when bars are expected (judged by the bars)")
    given = parser.parse_args(arguments)
    try:
        reading = deque(read(given.file.read_bytes(), {"zone": given.zone}), maxlen=1).pop()
    except OSError as error:
        print(f"{given.file}: {error.strerror}", file=sys.stderr)
        return 2
    except HistoryError as error:
        print(f"{given.file}: {error.reason}; {error.remedy}", file=sys.stderr)
        return 2
    series = reading.series
    first, last = (datetime.fromtimestamp(series.columns["time"][place] // 10**9, UTC) for place in (0, -1))
    print(f"{given.file.name}: {len(series):,} bars of {series.timeframe or 'unknown width'}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")
    for name, count in reading.order.items():
        if count:
            print(f"  order: {name.replace('_', ' ')} {count if name != 'newest_first' else ''}".rstrip())
    for problem in reading.problems:
        print(f"  line {problem.line}, {problem.column or 'row'}: {problem.reason}; {problem.remedy}")
    bad = reading.left_out > 0
    for finding in check(series, given.calendar):
        if finding is not None:
            bad = bad or finding.level == ERROR
            print(f"  {finding.level}: {finding.text}" + (f" (repair: {finding.repair.text})" if finding.repair else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
