"""How far a source can be relied on: a score from 0 to 1, with two thresholds, so that a source that wavers is not switched to and fro.

A source is well until its score falls below FALLEN; from then on it is ill until the score is above RISEN again. While it is ill it is not
used, but tried with a single request now and then. After failures in a row it rests, each time twice as long.
"""

from __future__ import annotations

from typing import Protocol

FALLEN, RISEN = 0.4, 0.8
_UP, _DOWN = 0.4, 0.55
_REST_S, _LONGEST_S = 20.0, 600.0
_TRY_S = 15.0
_ROW = 2
_QUOTA_S = 60.0
_REFUSED_S = 900.0
NS = 1_000_000_000
WORDS = {
    "timeout": ("time-out", "time-outs"),
    "network": ("failed connection", "failed connections"),
    "server": ("server error", "server errors"),
    "web_page": ("web page instead of data", "web pages instead of data"),
    "bad_content": ("unusable answer", "unusable answers"),
    "quota": ("refusal for too many requests", "refusals for too many requests"),
    "refused": ("refusal", "refusals"),
}


class Rng(Protocol):
    """Randomness for jitter."""

    def random(self) -> float:
        """From 0 to 1."""


class Health:
    """One source's. ``detail`` is what it said last when it failed; monotonic times in ns."""

    def __init__(self, rng: Rng) -> None:
        self.score = 1.0
        self.is_well = True
        self.ok = self.failed = 0
        self.detail = ""
        self._rng = rng
        self._kind = ""
        self._row = 0
        self._until = 0
        self._try_at = 0

    def succeeded(self, now_ns: int) -> None:
        """It answered."""
        self.ok += 1
        self._row, self._until = 0, 0
        self._try_at = now_ns + int(_TRY_S * NS)
        self.score += (1 - self.score) * _UP
        if self.score > RISEN:
            self.is_well, self._kind, self.detail = True, "", ""

    def fell(self, now_ns: int, kind: str, detail: str, wait_s: float | None = None) -> None:
        """It did not; ``wait_s`` is how long it wants to be left alone."""
        self.failed += 1
        self._row = self._row + 1 if kind == self._kind else 1
        self._kind, self.detail = kind, detail
        self.score *= _DOWN
        if kind in ("quota", "refused"):
            rest = wait_s or (_QUOTA_S if kind == "quota" else _REFUSED_S)
        elif self._row >= _ROW or wait_s:
            rest = wait_s or min(_LONGEST_S, _REST_S * 2 ** (self._row - _ROW)) * (0.75 + 0.5 * self._rng.random())
        else:
            rest = 0.0
        if self.score < FALLEN:
            self.is_well = False
        if rest:
            self.is_well = False
            self._until = now_ns + int(rest * NS)
        self._try_at = max(now_ns + int(_TRY_S * NS), self._until)

    def rests_s(self, now_ns: int) -> float:
        """Seconds it is left alone."""
        return max(0.0, (self._until - now_ns) / NS)

    def may_try(self, now_ns: int) -> bool:
        """Whether an ill source may be tried with one request now; says yes once in a while."""
        if now_ns < self._until or now_ns < self._try_at:
            return False
        self._try_at = now_ns + int(_TRY_S * NS)
        return True

    def again(self) -> None:
        """A person wants it tried now, or its key has changed: nothing is waited for. The score stays."""
        self._until = self._try_at = 0

    def sentence(self, now_ns: int) -> str:
        """How it is, in words; empty when all is well."""
        if not self._kind:
            return ""
        one, many = WORDS.get(self._kind, (self._kind, self._kind))
        said = f"{self._row} {many}" if self._row > 1 else f"a {one}" if one[0] not in "aeiou" else f"an {one}"
        rest = self.rests_s(now_ns)
        if rest:
            return f"{said}, resting {round(rest)} s"
        return f"{said}, being tried again" if not self.is_well else said
