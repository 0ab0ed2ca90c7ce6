"""Cost of a market tick in the desk's own interpreter, Pyodide, from socket text to what is known of 500 instruments: `python -m tests.bench.bench_ingest`.

Yardstick: hand-written JavaScript (JSON.parse, Map, typed arrays) that does the same job on the same frames in the same process; what both know
in the end is compared. `state`: the desk's market state of objects. `store`: the same in columns; both with looks at a watchlist. `full`: the
quote store with bars of two widths and five indicators an instrument. Node stands for the browser: the same engine, without a page.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.bench.results import emit

ROOT = Path(__file__).resolve().parents[2]
TICKS, ROUNDS = 20_000, 5
BATCHES = (1, 10, 50, 500)
"""Ticks that are handed over at once: what has queued while the loop was busy."""
JOBS = {"state": "plain", "store": "plain", "full": "full_plain"}


def main() -> None:
    """Print the figures."""
    site = ROOT / "build" / "site"
    for batch in BATCHES:
        command = ["node", str(ROOT / "tests" / "bench" / "ingest.mjs"), str(site), str(TICKS), str(batch), str(ROUNDS)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        if not found["same"]:
            raise SystemExit("the desk and the yardstick do not know the same in the end")
        for name, yardstick in JOBS.items():
            value, other = found[f"{name}_us"], found[f"{yardstick}_us"]
            emit(f"ingest_{name}_{batch}_at_once", value, "us", "the same job in JavaScript", value / other, TICKS)


if __name__ == "__main__":
    main()
