"""What goes wrong with history, each with a code, the reason and the remedy."""

from __future__ import annotations


class HistoryError(Exception):
    """Nothing was changed. ``field`` names what is to blame, where something is."""

    code = "history"
    kept = "Nothing that is stored was changed."

    def __init__(self, reason: str, remedy: str = "", field: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.remedy, self.field = reason, remedy, field


class Unreadable(HistoryError):
    """A file that cannot be taken as bars."""

    code = "history_unreadable"


class Undecided(Unreadable):
    """A file of which somebody has to say something first: its columns, the order in its dates, whose bars are meant. ``reading`` is what was
    found so far."""

    def __init__(self, reason: str, remedy: str, field: str | None, reading: object) -> None:
        super().__init__(reason, remedy, field)
        self.reading = reading


class Damaged(HistoryError):
    """Something stored does not verify."""

    code = "history_damaged"


class Missing(HistoryError):
    """There is no such series here, or it cannot be read now."""

    code = "history_missing"
