"""Real bars and the two forms of an indicator over them."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

from app.market.indicators import Study
from app.market.indicators.spec import COLUMNS

DATA = Path(__file__).resolve().parents[3] / "data" / "indicators"


@cache
def columns(name: str = "quotes") -> dict[str, np.ndarray]:
    """Columns of one of the files of bars."""
    with gzip.open(DATA / f"{name}.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    out = {name: np.array([float(row[name]) for row in rows]) for name in COLUMNS[1:]}
    out["time"] = np.array([datetime.fromisoformat(row["date"]).replace(tzinfo=UTC).timestamp() for row in rows])
    return out


def lines(name: str) -> list[dict]:
    """A file of JSON lines."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def bars(cols: dict[str, np.ndarray]) -> list[tuple]:
    """The same bars one by one."""
    return list(zip(*(cols[name].tolist() for name in COLUMNS), strict=True))


def stepped(study: Study, cols: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every output, bar by bar."""
    running = study.start()
    rows = np.array([running.step(bar) for bar in bars(cols)], dtype=float).reshape(-1, len(study.outputs))
    return {name: rows[:, at] for at, name in enumerate(study.outputs)}


def assert_same(got: np.ndarray, wanted: np.ndarray, tolerance: float, label: str, least: float = 1e-12) -> None:
    """Numbers in the same places, apart by ``tolerance`` of the greatest (or of ``least``) at most."""
    assert np.array_equal(np.isnan(got), np.isnan(wanted)), f"{label}: numbers at other bars, first at {np.flatnonzero(np.isnan(got) != np.isnan(wanted))[:3]}"
    there = ~np.isnan(wanted)
    if there.any():
        scale = max(least, float(np.abs(wanted[there]).max()))
        apart = np.abs(got[there] - wanted[there]).max()
        assert apart <= tolerance * scale, f"{label}: apart by {apart} of {scale}"
