"""How many calls a source has left: by the minute in memory, by the day also over restarts.

A part of the day's calls is kept back for what a person asks for, so that polling never uses up the last ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from .answers import DAY_S, Allowance

NS = 1_000_000_000
_KEPT_BACK = 5
"""One in so many of a day's calls is for people only."""


class Ledger:
    """Calls of one source. ``changed`` is called when the count of the day changes; wall times in ns UTC."""

    def __init__(self, allowances: Sequence[Allowance], changed: Callable[[], object] = lambda: None) -> None:
        self._windows = [(each, deque[int]()) for each in allowances if each.window_s < DAY_S]
        self.per_day = next((each.calls for each in allowances if each.window_s >= DAY_S), None)
        self._changed = changed
        self._day, self._used = "", 0

    def take(self, now_ns: int, calls: int = 1) -> None:
        """So many calls are made now."""
        for each, made in self._windows:
            while made and made[0] <= now_ns - each.window_s * NS:
                made.popleft()
            made.extend([now_ns] * calls)
        self._turn(now_ns)
        self._used += calls
        if self.per_day is not None:
            self._changed()

    def wait_s(self, now_ns: int, calls: int = 1, person: bool = False) -> float:
        """Seconds until so many calls are allowed, 0 when they are; polling leaves the calls that are kept for people."""
        wait = 0.0
        for each, made in self._windows:
            window_ns = int(each.window_s * NS)
            within = [at for at in made if now_ns - window_ns < at <= now_ns]  # a clock that was set back forgets what seems to come
            over = len(within) + calls - each.calls
            if over > 0:
                wait = max(wait, (within[min(over, len(within)) - 1] + window_ns - now_ns) / NS if within else each.window_s)
        left = self.left(now_ns)
        if left is not None and left - calls < (0 if person else self.kept_back):
            wait = max(wait, DAY_S - now_ns / NS % DAY_S)
        return wait

    def left(self, now_ns: int) -> int | None:
        """Calls left today; None where the day has no limit."""
        self._turn(now_ns)
        return None if self.per_day is None else max(0, self.per_day - self._used)

    @property
    def kept_back(self) -> int:
        """Calls of a day that polling does not use."""
        return 0 if self.per_day is None else self.per_day // _KEPT_BACK

    def exhausted(self, now_ns: int) -> None:
        """The source says that the day's calls are used up, whatever was counted here."""
        self._turn(now_ns)
        if self.per_day is not None and self._used < self.per_day:
            self._used = self.per_day
            self._changed()

    def kept(self) -> dict:
        """What is to be kept over a restart."""
        return {"day": self._day, "used": self._used}

    def restore(self, kept: object) -> None:
        """Take over what was kept; nonsense is left out."""
        if isinstance(kept, dict) and isinstance(kept.get("day"), str) and type(kept.get("used")) is int and kept["used"] >= 0:
            if kept["day"] > self._day:
                self._day, self._used = kept["day"], kept["used"]
            elif kept["day"] == self._day:
                self._used += kept["used"]

    def _turn(self, now_ns: int) -> None:
        day = datetime.fromtimestamp(now_ns // NS, UTC).date().isoformat()
        if day != self._day:
            self._day, self._used = day, 0
