"""Why a command was not carried out.

    TradingError
    ├── Denied          refused by this desk before anything was journalled; names the field and the remedy
    └── JournalError    a journal record that is not what `journal.encode` wrote
"""

from __future__ import annotations


class TradingError(Exception):
    """Any refusal or damage inside trading."""


class Denied(TradingError):
    """A command this desk refuses. ``code`` is stable, ``field`` may be None, the rest is for people."""

    def __init__(self, code: str, field: str | None, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}".strip())
        self.code = code
        self.field = field
        self.reason = reason
        self.remedy = remedy

    def to_wire(self) -> dict:
        """The ``error`` of a reply to the page."""
        return {"code": self.code, "field": self.field, "reason": self.reason, "remedy": self.remedy}


class JournalError(TradingError):
    """A journal record that cannot be read; the message says what is wrong with it."""
