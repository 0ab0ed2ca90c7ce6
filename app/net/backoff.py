"""How long to wait before trying again.

Owns the delays between attempts: exponential, jittered so that many desks do not return at once, and
started over only after a connection has held for a while. Reads no clock and starts no timer.
"""

from __future__ import annotations

from typing import Protocol


class Rng(Protocol):
    """The one draw needed of a random generator."""

    def random(self) -> float:
        """A float from 0 up to, not including, 1."""


class Backoff:
    """Jittered exponential delays in seconds: attempt n waits between half and all of min(cap, first * factor^n)."""

    def __init__(
        self, rng: Rng, *, first_s: float = 0.5, cap_s: float = 60.0, factor: float = 2.0, stable_s: float = 60.0
    ) -> None:
        self._rng = rng
        self._first_s = first_s
        self._cap_s = cap_s
        self._factor = factor
        self._stable_s = stable_s
        self.attempts = 0

    def next_delay(self) -> float:
        """Seconds to wait before the next attempt; counts it."""
        # The exponent is bounded: a float power overflows long before a desk left alone for a year gives up.
        bound = min(self._cap_s, self._first_s * self._factor ** min(self.attempts, 60))
        self.attempts += 1
        return bound * (0.5 + 0.5 * self._rng.random())

    def held(self, seconds: float) -> None:
        """Tell how long the last connection lasted: a stable one forgives the failures before it."""
        if seconds >= self._stable_s:
            self.reset()

    def reset(self) -> None:
        """Forget the failures so far."""
        self.attempts = 0
