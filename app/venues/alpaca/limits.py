"""Alpaca's limit of requests, and how long to keep still after a refusal.

Cancels may use everything, then come orders that reduce, then others; questions leave room for all of them. Reads no clock: the caller
gives monotonic nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.net.pacing import NS, RateWindow

from ..execution import Rank

PER_MINUTE = 200
DEFAULT_WAIT_S = 10.0
MAX_WAIT_S = 120.0
_SHARE = {Rank.SETUP: 1.0, Rank.CANCEL: 1.0, Rank.REDUCE: 0.95, Rank.ORDER: 0.9, Rank.QUERY: 0.7}


class Budget:
    """What may be sent now. ``trouble`` says what is being waited for, "" when nothing."""

    def __init__(self) -> None:
        self._window = RateWindow(PER_MINUTE, 60.0)
        self._still_until_ns = 0
        self._words = ""

    def trouble(self, now_ns: int) -> str:
        """What is being waited for; "" when nothing."""
        return self._words if self._still_until_ns > now_ns else ""

    def delay_s(self, rank: Rank, now_ns: int) -> float:
        """Seconds until a request may leave; 0: now."""
        kept = round(self._window.limit * (1 - _SHARE[rank]))
        return max(0.0, (self._still_until_ns - now_ns) / NS, self._window.delay_s(now_ns, 1 + kept))

    def take(self, now_ns: int) -> None:
        """A request leaves."""
        self._window.take(now_ns)

    def learn(self, headers: Mapping[str, str], now_ns: int) -> None:
        """What an answer says of the limit, where the browser shows it."""
        limit, left = _number(headers.get("x-ratelimit-limit")), _number(headers.get("x-ratelimit-remaining"))
        if limit:
            self._window.limit = limit
            if left is not None:
                self._window.raise_to(now_ns, limit - left)

    def refused(self, headers: Mapping[str, str], utc_s: float, now_ns: int) -> None:
        """429: keep still for as long as is said, or as is usual."""
        wait_s = _number(headers.get("retry-after"))
        reset = _number(headers.get("x-ratelimit-reset"))
        found = float(wait_s) if wait_s is not None else reset - utc_s if reset is not None else DEFAULT_WAIT_S
        found = min(max(found, 0.1), MAX_WAIT_S)
        self._still_until_ns = max(self._still_until_ns, now_ns + round(found * NS))
        self._words = f"Alpaca answered 429, too many requests; nothing is sent for {found:.0f} s"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
