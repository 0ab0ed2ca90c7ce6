"""Limits of the form "at most so much in any window of so many seconds".

Owns the count of what was spent and when room comes back. Serves control messages, connection attempts and
request weights alike. Reads no clock: the caller gives monotonic nanoseconds.
"""

from __future__ import annotations

import math
from collections import deque

NS = 1_000_000_000


class RateWindow:
    """A sliding window: the cost spent within the last ``window_s`` seconds never exceeds ``limit``."""

    def __init__(self, limit: int, window_s: float) -> None:
        self.limit = limit
        self._window_ns = math.ceil(window_s * NS)
        self._spent: deque[tuple[int, int]] = deque()
        self._sum = 0

    def used(self, now_ns: int) -> int:
        """Cost spent within the window that ends now."""
        edge = now_ns - self._window_ns
        while self._spent and self._spent[0][0] <= edge:
            self._sum -= self._spent.popleft()[1]
        return self._sum

    def delay_s(self, now_ns: int, cost: int = 1) -> float:
        """Seconds until ``cost`` may be spent, 0 when it may be now; one above the limit waits for an empty window."""
        over = self.used(now_ns) + cost - self.limit
        if over <= 0 or not self._spent:
            return 0.0
        until = self._spent[-1][0]
        for when, amount in self._spent:
            over -= amount
            if over <= 0:
                until = when
                break
        return (until + self._window_ns - now_ns) / NS

    def take(self, now_ns: int, cost: int = 1) -> None:
        """Spend ``cost`` now."""
        self._spent.append((now_ns, cost))
        self._sum += cost

    def raise_to(self, now_ns: int, used: int) -> None:
        """The other side counted more than we did: believe it."""
        if (missing := used - self.used(now_ns)) > 0:
            self.take(now_ns, missing)
