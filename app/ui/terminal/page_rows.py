"""What the page itself has to tell the terminal: how the boot went, step by step, and the errors of the page's own code."""

from __future__ import annotations

from typing import Any

from js import performance

_STEPS = {
    "worker": ("The desk worker started", "info"),
    "python": ("Python started", "info"),
    "restore": ("Python restored from its snapshot", "debug"),
    "plain": ("Python started without its snapshot", "warn"),
    "pyscript": ("PyScript started", "debug"),
    "page": ("The page answers", "info"),
    "views": ("Every view is there", "info"),
    "first-quote": ("First quote painted: the desk is ready", "good"),
}
_PREFIX = "kontor:boot:"


def boot(wanted: bool) -> list[dict]:
    """A row a step of the boot, each with its duration; empty unless ``wanted``."""
    if not wanted:
        return []
    found = performance.getEntriesByType("measure")
    rows = []
    for index in range(found.length):
        measure = found[index]
        name = str(measure.name)
        if not name.startswith(_PREFIX):
            continue
        step = name[len(_PREFIX) :]
        text, level = _STEPS.get(step, (f"Fetched {step.removeprefix('parts-')}", "debug"))
        ended = performance.timeOrigin + measure.startTime + measure.duration
        rows.append({"id": 0, "at_ms": ended, "level": level, "area": "boot", "text": text, "ms": measure.duration})
    return rows


class Errors:
    """The page's errors, each told once."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._told_ns = 0

    def new(self) -> list[dict]:
        """Those since the last time."""
        rows = [row for row in self._log.rows if row["ts"] > self._told_ns]
        if rows:
            self._told_ns = rows[-1]["ts"]
        return [{"id": 0, "at_ms": row["ts"] / 1e6, "level": "error", "area": "page", "text": f"{row['where']}: {row['text']}"} for row in rows]
