"""Where benchmarks put their figures: one JSON object a line in bench/results.json, and on the screen."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "bench" / "results.json"


def emit(name: str, value: float, unit: str, yardstick: str, ratio: float | None, n: int) -> None:
    """Write one figure; ``ratio`` is value over the yardstick's value in the same run."""
    row = {"name": name, "value": round(value, 4), "unit": unit, "yardstick": yardstick, "ratio": None if ratio is None else round(ratio, 3), "n": n}
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    shown = "" if ratio is None else f"   {ratio:.2f} x {yardstick}"
    print(f"{name:44} {value:10.3f} {unit:6} n={n}{shown}", flush=True)


def percentile(samples: Iterable[float], fraction: float) -> float:
    """The sample at this rank (nearest rank)."""
    ordered = sorted(samples)
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, max(0, math.ceil(fraction * len(ordered)) - 1))]
