"""Binance's limits as its answers tell them: request weight, orders, and how long to keep still after a refusal.

Cancels may use everything, orders that only reduce a position nearly so, other orders leave room for both, and questions for all. Reads no
clock: the caller gives monotonic nanoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.net.pacing import NS, RateWindow

from ..execution import Rank

_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}
_WEIGHT, _ORDERS = "REQUEST_WEIGHT", "ORDERS"
_DEFAULTS = ((_WEIGHT, 60, 6000), (_ORDERS, 10, 50), (_ORDERS, 86_400, 160_000))
DEFAULT_WAIT_S = {429: 60.0, 418: 120.0}
MAX_WAIT_S = 3 * 86_400.0


_SHARE = {Rank.SETUP: 1.0, Rank.CANCEL: 1.0, Rank.REDUCE: 0.95, Rank.ORDER: 0.9, Rank.QUERY: 0.7}
_ORDERING = (Rank.REDUCE, Rank.ORDER)


class Budget:
    """What may be sent now. ``trouble`` says what is being waited for, "" when nothing."""

    def __init__(self) -> None:
        self._windows = {(kind, seconds): RateWindow(limit, seconds) for kind, seconds, limit in _DEFAULTS}
        self._still_until_ns = 0
        self.trouble = ""

    def delay_s(self, rank: Rank, weight: int, now_ns: int) -> float:
        """Seconds until a request of this weight may leave; 0: now. An order counts one against the limits of orders too."""
        delays = [(self._still_until_ns - now_ns) / NS]
        for (kind, _seconds), window in self._windows.items():
            if kind == _WEIGHT:
                kept = round(window.limit * (1 - _SHARE[rank]))
                delays.append(window.delay_s(now_ns, weight + kept))
            elif rank in _ORDERING:
                delays.append(window.delay_s(now_ns, 1))
        return max(0.0, *delays)

    def take(self, rank: Rank, weight: int, now_ns: int) -> None:
        """A request leaves."""
        for (kind, _seconds), window in self._windows.items():
            if kind == _WEIGHT or rank in _ORDERING:
                window.take(now_ns, weight if kind == _WEIGHT else 1)

    def learn(self, rows: Any, now_ns: int) -> None:
        """The ``rateLimits`` of an answer: the venue's own limits and counts; what is not of the known form is passed over."""
        for row in rows if isinstance(rows, Sequence) else ():
            if not isinstance(row, dict) or row.get("rateLimitType") not in (_WEIGHT, _ORDERS):
                continue
            every, limit, count, interval = row.get("intervalNum"), row.get("limit"), row.get("count", 0), row.get("interval")
            unit = _SECONDS.get(interval) if type(interval) is str else None
            if unit is None or not all(type(value) is int and value >= 0 for value in (every, limit, count)) or not every or not limit:
                continue
            key = (row["rateLimitType"], every * unit)
            window = self._windows.setdefault(key, RateWindow(limit, key[1]))
            window.limit = limit
            window.raise_to(now_ns, count)

    def refused(self, status: int, retry_after_ms: Any, venue_ms: int, now_ns: int) -> None:
        """429 or 418: keep still until ``retry_after_ms`` (venue's epoch ms), or for as long as is usual where it is not said."""
        wait_s = DEFAULT_WAIT_S.get(status, 60.0)
        if type(retry_after_ms) is int:
            wait_s = min(max((retry_after_ms - venue_ms) / 1000, 0.1), MAX_WAIT_S)
        self._still_until_ns = max(self._still_until_ns, now_ns + round(wait_s * NS))
        self.trouble = f"the venue answered {status}: too many requests; nothing is sent for {wait_s:g} s"
