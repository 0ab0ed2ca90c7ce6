"""Where on a recording's own time a fill belongs: its ``ts`` is the moment at which it was made, long after what was recorded."""

from __future__ import annotations

from collections.abc import Callable

KEPT = 5_000


class FillTimes:
    """``now_of(symbol)`` is the recorded present of an instrument in ns."""

    def __init__(self, now_of: Callable[[str], int]) -> None:
        self._now_of = now_of
        self._known: dict[str, int] = {}

    def mark(self, message: dict) -> dict:
        """A ``fills`` message whose rows say as ``bar_ns`` where charts show them: None for fills of another run; other messages as they are."""
        if message["t"] != "fills":
            return message
        known = self._known
        for row in message["rows"]:
            if not message["reset"]:
                known.setdefault(row["fill_id"], self._now_of(row["symbol"]))
            row["bar_ns"] = known.get(row["fill_id"])
        while len(known) > KEPT:
            del known[next(iter(known))]
        return message
