"""What the desk did, line by line, for the debug terminal: a bounded ring that never holds a secret.

Secrets are registered by value and replaced before a line is kept, wherever in it they stand. A line costs a dict; nothing is
posted until somebody follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

LEVELS = ("debug", "info", "good", "warn", "error")
AREAS = ("boot", "network", "oauth", "orders", "vault", "desk")
HIDDEN = "•••"
_SHORTEST = 6
_DEEPEST = 6


class Secrets:
    """Values that must never be shown. Short ones are not taken: replacing them would hide ordinary words."""

    def __init__(self) -> None:
        self._values: list[str] = []
        """Longest first: one may hold another."""

    def add(self, value: str) -> None:
        """Hide this value from now on, also in its URL-encoded form."""
        if len(value) >= _SHORTEST:
            self._values = sorted({*self._values, value, quote(value, safe="")}, key=len, reverse=True)

    def discard(self, value: str) -> None:
        """The value is no secret any more, such as a revoked token."""
        gone = {value, quote(value, safe="")}
        self._values = [each for each in self._values if each not in gone]

    def within(self, text: str) -> bool:
        """Whether the text holds a registered value."""
        return any(value in text for value in self._values)

    def redact(self, value: Any, depth: int = 0) -> Any:
        """The same with every registered value replaced; containers are copied, what is nested too deep becomes its type's name."""
        if isinstance(value, str):
            for secret in self._values:
                value = value.replace(secret, HIDDEN)
            return value
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= _DEEPEST:
            return type(value).__name__
        if isinstance(value, dict):
            return {self.redact(str(key)): self.redact(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact(item, depth + 1) for item in value]
        return self.redact(str(value))


class Trace:
    """The ring. ``on_line`` is called after each line, if set; the first line has the number after ``before``."""

    def __init__(self, epoch_ms: Callable[[], float], *, keep: int = 2_000, before: int = 0) -> None:
        self.secrets = Secrets()
        self.on_line: Callable[[], object] | None = None
        self._epoch_ms = epoch_ms
        self._lines: deque[dict] = deque(maxlen=keep)
        self._count = before

    def add(
        self,
        area: str,
        level: str,
        text: str,
        ms: float | None = None,
        step: str | None = None,
        rerun: dict | None = None,
        detail: dict | None = None,
    ) -> int:
        """Keep a line; returns its number. ``rerun`` is a request that does the same again; it is dropped if it holds a secret."""
        if area not in AREAS or level not in LEVELS:
            raise ValueError(f"there is no area {area!r} or no level {level!r}")
        redact = self.secrets.redact
        again = redact(rerun) if rerun is not None else None
        self._count += 1
        self._lines.append(
            {
                "id": self._count,
                "at_ms": round(self._epoch_ms(), 1),
                "level": level,
                "area": area,
                "text": redact(text),
                "ms": None if ms is None else round(ms, 1),
                "step": step,
                "rerun": again if again == rerun else None,
                "detail": redact(detail) if detail is not None else None,
            }
        )
        if self.on_line is not None:
            self.on_line()
        return self._count

    def since(self, after: int) -> list[dict]:
        """Lines with a greater number, oldest first."""
        fresh = []
        for line in reversed(self._lines):
            if line["id"] <= after:
                break
            fresh.append(line)
        return fresh[::-1]

    def line(self, number: int) -> dict | None:
        """One line, if the ring still holds it."""
        return next((line for line in self._lines if line["id"] == number), None)
