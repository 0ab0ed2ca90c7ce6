"""When the vault locks by itself, and how long a trader waits after wrong passphrases. Pure rules over an injected clock.

Time is taken from the wall and from the monotonic clock, whichever has gone further: the first one counts the hours of a sleeping
computer, the second cannot be set back. Whoever attacks a copy of the vault does not wait; the waits only stop somebody at this screen.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from .errors import Refusal

SLEEP_S = 60
"""Nothing ran for this long: the computer slept, or the browser froze the tab."""
SHORTEST_S, LONGEST_S = 5, 24 * 3600
_FREE_ATTEMPTS = 2
_LONGEST_WAIT_S = 60
_FIELDS = ("idle_s", "hidden_s", "sleep")
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LockSettings:
    """``idle_s``: seconds without a sign of work in any tab; ``hidden_s``: seconds with no tab in sight (None: never);
    ``sleep``: after the computer slept."""

    idle_s: int | None = 30 * 60
    hidden_s: int | None = 15 * 60
    sleep: bool = True

    def changed(self, fields: dict) -> LockSettings:
        """With other values for some fields; Refusal names the field."""
        for name, value in fields.items():
            if name not in _FIELDS:
                raise Refusal("bad_setting", f"there is no setting {str(name)[:40]!r}", f"use {', '.join(_FIELDS)}", str(name)[:40])
            if name == "sleep":
                if not isinstance(value, bool):
                    raise Refusal("bad_setting", "sleep has to be true or false", "choose one of the two", name)
            elif value is not None and (not isinstance(value, int) or isinstance(value, bool) or not SHORTEST_S <= value <= LONGEST_S):
                limits = f"whole seconds from {SHORTEST_S} to {LONGEST_S}"
                raise Refusal("bad_setting", f"{name} has to be {limits}, or null for never", "choose another time", name)
        return replace(self, **fields)

    def to_wire(self) -> dict:
        """As ``vault.lock_settings`` answers."""
        return asdict(self)

    def to_record(self) -> bytes:
        """As a vault record."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_record(cls, record: bytes) -> LockSettings:
        """From a vault record; ValueError when it is not one."""
        fields = json.loads(record)
        if not isinstance(fields, dict):
            raise ValueError("the record is no object")
        try:
            return cls().changed({name: fields[name] for name in _FIELDS if name in fields})
        except Refusal as error:
            raise ValueError(error.reason) from error


class LockRules:
    """``due()`` says why to lock now: ``idle``, ``hidden``, ``sleep``, or nothing. Ask it often, and before anything else is done."""

    def __init__(self, clock: Any, settings: LockSettings | None = None) -> None:
        self._clock = clock
        self.settings = settings or LockSettings()
        self.begin()

    def begin(self) -> None:
        """The vault was opened now, by somebody at work."""
        self._looked = self._worked = self._in_sight = self._now()

    def due(self) -> str:
        """Why to lock now, or an empty text."""
        now, looked = self._now(), self._looked
        self._looked = now
        settings = self.settings
        if settings.sleep and _gone(looked, now, SLEEP_S):
            return "sleep"
        if settings.idle_s is not None and _gone(self._worked, now, settings.idle_s):
            return "idle"
        if settings.hidden_s is not None and _gone(self._in_sight, now, settings.hidden_s):
            return "hidden"
        return ""

    def sign(self, work: bool) -> str:
        """A tab is in sight and, with ``work``, used. What was due before it stays due: the reason comes back."""
        reason = self.due()
        if not reason:
            self._in_sight = self._now()
            if work:
                self._worked = self._in_sight
        return reason

    def _now(self) -> tuple[int, int]:
        return self._clock.now_ns(), self._clock.monotonic_ns()


def _gone(then: tuple[int, int], now: tuple[int, int], seconds: int) -> bool:
    """Whether so much time has gone by either clock."""
    return now[0] - then[0] >= seconds * _NS or now[1] - then[1] >= seconds * _NS


class Attempts:
    """Wrong passphrases in a row: the first ones cost nothing, then each doubles the wait."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.failed = 0
        self._until_ns = 0

    @property
    def wait_s(self) -> float:
        """Seconds until the next attempt is taken."""
        return max(0, self._until_ns - self._clock.monotonic_ns()) / _NS

    def check(self) -> None:
        """Refusal while it is too soon; the vault is not asked."""
        if wait_s := self.wait_s:
            reason = f"{self.failed} attempts in a row did not open the vault: the next one is taken in {wait_s:.0f} s"
            raise Refusal("too_soon", reason, "wait; nothing is lost", "secret")

    def wrong(self) -> None:
        """One more did not open it."""
        self.failed += 1
        over = self.failed - _FREE_ATTEMPTS
        if over > 0:
            self._until_ns = self._clock.monotonic_ns() + min(_LONGEST_WAIT_S, 2 ** min(over - 1, 30)) * _NS

    def right(self) -> None:
        """It opened."""
        self.failed = self._until_ns = 0
