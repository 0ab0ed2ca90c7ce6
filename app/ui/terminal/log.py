"""The lines the terminal holds: newest last, bounded, filtered. Pure, the same in CPython."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from . import redact
from .filters import EVERYTHING, Filter
from .lines import Line

KEPT = 5000


class Log:
    """``last_id`` is the newest id of the desk's own lines, ``count`` how many lines pass the filter; lines beyond KEPT fall off."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lines: deque[Line] = deque(maxlen=kept)
        self._filter = EVERYTHING
        self.last_id = 0
        self.count = 0

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def filter(self) -> Filter:
        """What is being shown."""
        return self._filter

    def add(self, rows: Iterable[dict]) -> list[Line]:
        """Take rows, each id once; returns the new lines that pass the filter."""
        new = []
        for row in rows:
            line = Line(row)
            if line.id:
                if line.id <= self.last_id:
                    continue
                self.last_id = line.id
            if len(self._lines) == self._lines.maxlen and self._filter.match(self._lines[0]):
                self.count -= 1
            self._lines.append(line)
            if self._filter.match(line):
                self.count += 1
                new.append(line)
        return new

    def show(self, chosen: Filter) -> list[Line]:
        """Use another filter; returns every line that passes it, oldest first."""
        self._filter = chosen
        lines = self.shown()
        self.count = len(lines)
        return lines

    def shown(self) -> list[Line]:
        """Every line that passes the filter, in the order of time."""
        lines = [line for line in self._lines if self._filter.match(line)]
        lines.sort(key=lambda line: line.at_ms)
        return lines

    def clear(self) -> None:
        """Forget the lines; ids that were seen do not come again."""
        self._lines.clear()
        self.count = 0

    def find(self, number: int) -> Line | None:
        """The line with this id."""
        return next((line for line in reversed(self._lines) if line.id == number), None)

    def copied(self) -> str:
        """What is shown, as text, without anything that looks like a secret."""
        return "".join(redact.text(line.plain) + "\n" for line in self.shown())

    def exported(self, head: str) -> str:
        """Every line with its whole stamp and detail, the filter aside, without anything that looks like a secret."""
        lines = sorted(self._lines, key=lambda line: line.at_ms)
        return head + "\n" + "".join(redact.text(line.exported()) + "\n" for line in lines)
