"""Cost of a market tick in the desk's own interpreter, Pyodide, from socket text to the state of 500 instruments: `python -m tests.bench.bench_ingest`.

Yardstick: hand-written JavaScript that decodes, routes and keeps the same numbers in typed arrays, on the same frames in the same process; what
both know in the end is compared. Node stands for the browser: the same engine, without a page.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.bench.results import emit

ROOT = Path(__file__).resolve().parents[2]
TICKS, ROUNDS = 40_000, 5
BATCHES = (1, 10, 50)
"""Ticks a frame event."""


def main() -> None:
    """Print the figures."""
    site = ROOT / "build" / "site"
    for batch in BATCHES:
        command = ["node", str(ROOT / "tests" / "bench" / "ingest.mjs"), str(site), str(TICKS), str(batch), str(ROUNDS)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        if not found["same"]:
            raise SystemExit("the desk and the yardstick do not know the same in the end")
        for name in ("desk", "parse"):
            value = found[f"{name}_us"]
            emit(f"ingest_{name}_{batch}_a_frame", value, "us", "the same job in JavaScript", value / found["plain_us"], TICKS)


if __name__ == "__main__":
    main()
