"""Which rows of a table are chosen: one by one, in ranges, all that are shown. Pure; rows are known by their keys.

A chosen row that is not shown any more (filtered out, or gone) is not chosen: nothing is ever done to what cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterable


class Selection:
    """``keys`` in the order in which they are shown; ``anchor`` is where a range begins."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._chosen: set[str] = set()
        self._anchor: str | None = None

    def __len__(self) -> int:
        return len(self._chosen)

    def __contains__(self, key: str) -> bool:
        return key in self._chosen

    @property
    def keys(self) -> list[str]:
        """What is chosen, in the order shown."""
        return [key for key in self._shown if key in self._chosen]

    @property
    def whole(self) -> bool | None:
        """True when all that is shown is chosen, None for a part of it, False for nothing."""
        if not self._chosen:
            return False
        return True if len(self._chosen) == len(self._shown) else None

    def show(self, keys: Iterable[str]) -> bool:
        """These rows are shown now, in this order; True when a chosen one is gone."""
        self._shown = list(keys)
        kept = self._chosen.intersection(self._shown) if self._chosen else self._chosen
        changed = len(kept) != len(self._chosen)
        self._chosen = kept
        return changed

    def toggle(self, key: str) -> None:
        """Choose a row, or no longer; a range begins here."""
        if key not in self._shown:
            return
        self._chosen ^= {key}
        self._anchor = key

    def extend(self, key: str) -> None:
        """Choose everything from where the range began to this row."""
        if key not in self._shown:
            return
        start = self._shown.index(self._anchor) if self._anchor in self._shown else self._shown.index(key)
        end = self._shown.index(key)
        self._anchor = self._shown[start]
        self._chosen.update(self._shown[min(start, end) : max(start, end) + 1])

    def choose_all(self, wanted: bool = True) -> None:
        """Choose all that is shown, or nothing."""
        self._chosen = set(self._shown) if wanted else set()
        self._anchor = None
