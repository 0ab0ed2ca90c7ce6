"""What the filter box and the ``filter`` command understand. Pure, the same in CPython.

Words have to be in the line, ``-word`` must not; ``"two words"`` belong together. ``area:oauth,network`` and ``level:warn``
(that level and worse) choose, ``>200`` or ``>2s`` asks for steps that took longer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .lines import AREAS, LEVELS, Line

_PARTS = re.compile(r'(-?)(?:(area|level):)?(?:"([^"]*)"?|(\S+))', re.IGNORECASE)
_LONGER = re.compile(r">(\d+(?:\.\d+)?)(ms|s)?$", re.IGNORECASE)


class FilterError(ValueError):
    """The filter says something unknown; the message names it and what is possible."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; ``match`` says whether a line passes."""

    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    areas: frozenset[str] = frozenset()
    not_areas: frozenset[str] = frozenset()
    level: int = 0
    longer_ms: float | None = None

    def match(self, line: Line) -> bool:
        """Whether the line is to be seen."""
        if line.rank < self.level or (self.areas and line.area not in self.areas) or line.area in self.not_areas:
            return False
        if self.longer_ms is not None and (not isinstance(line.ms, (int, float)) or line.ms <= self.longer_ms):
            return False
        lower = line.lower
        return all(word in lower for word in self.words) and not any(word in lower for word in self.without)


EVERYTHING = Filter()


def parse(text: str, least: str = "debug") -> Filter:
    """The filter that a text asks for, showing at least level ``least``; FilterError says what is wrong with it."""
    words, without, areas, not_areas = [], [], set(), set()
    level, longer = LEVELS.index(least), None
    for minus, kind, quoted, bare in _PARTS.findall(text):
        value = (quoted or bare).lower()
        kind = kind.lower()
        if not value:
            continue
        if kind == "area":
            names = {name for name in value.split(",") if name}
            unknown = sorted(names - set(AREAS))
            if unknown:
                raise FilterError(f"There is no area {unknown[0]}. There are {_list(AREAS)}.")
            (not_areas if minus else areas).update(names)
        elif kind == "level":
            value = {"ok": "good", "warning": "warn"}.get(value, value)
            if value not in LEVELS:
                raise FilterError(f"There is no level {value}. There are {_list(LEVELS)}.")
            level = LEVELS.index(value)
        elif (found := _LONGER.match(value)) and not quoted:
            longer = float(found.group(1)) * (1000 if found.group(2) == "s" else 1)
        else:
            (without if minus else words).append(value)
    return Filter(tuple(words), tuple(without), frozenset(areas), frozenset(not_areas), level, longer)


def _list(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
