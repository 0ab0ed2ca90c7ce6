"""Noticing that the desk itself was away: asleep, throttled, or with its clock set.

Owns one slow timer. It compares how much monotonic and how much wall time went by between two beats: a late beat means
that nothing ran (sleep, a throttled or frozen tab), a wall clock that moved by itself means that the machine slept with the monotonic
clock stopped, or that somebody set it. What the network did meanwhile is unknown, so the owner has to treat it as a gap.
"""

from __future__ import annotations

from collections.abc import Callable

from app.platform.interfaces import Cancellable, Clock, Scheduler

from .pacing import NS

BEAT_S = 2.0
LATE_S = 8.0
"""A beat this much too late means suspension; less is a busy machine."""
JUMP_S = 2.0
"""Wall and monotonic time that part by more than this between two beats: a jump."""


class Pulse:
    """``on_away`` gets the reason in words. ``counts`` says how often each cause was seen."""

    def __init__(self, clock: Clock, scheduler: Scheduler, on_away: Callable[[str], object]) -> None:
        self.counts = {"suspended": 0, "clock": 0}
        self._clock, self._scheduler, self._on_away = clock, scheduler, on_away
        self._timer: Cancellable | None = None
        self._wall = self._mono = 0

    def start(self) -> None:
        """Begin to beat; once."""
        if self._timer is None:
            self._set()
            self._later()

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def check(self) -> None:
        """Look now: called before what came out of a socket is believed, since a frame may run before the late beat."""
        if self._timer is None:
            return
        mono = self._clock.monotonic_ns()
        late_s = (mono - self._mono) / NS - BEAT_S
        if late_s > LATE_S:
            self._away("suspended", f"the desk was suspended for {late_s + BEAT_S:.0f} s")

    def _beat(self) -> None:
        self._later()
        wall, mono = self._clock.now_ns(), self._clock.monotonic_ns()
        passed_s, walled_s = (mono - self._mono) / NS, (wall - self._wall) / NS
        if passed_s - BEAT_S > LATE_S:
            self._away("suspended", f"the desk was suspended for {passed_s:.0f} s")
        elif abs(jump_s := walled_s - passed_s) > JUMP_S:
            way = "ahead" if jump_s > 0 else "back"
            self._away("clock", f"the clock jumped {way} by {abs(jump_s):.0f} s: the computer slept, or its clock was set")
        else:
            self._set()

    def _away(self, cause: str, reason: str) -> None:
        self.counts[cause] += 1
        self._set()
        self._on_away(reason)

    def _set(self) -> None:
        self._wall, self._mono = self._clock.now_ns(), self._clock.monotonic_ns()

    def _later(self) -> None:
        self._timer = self._scheduler.call_later(BEAT_S, self._beat)
