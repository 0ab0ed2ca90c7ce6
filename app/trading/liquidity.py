"""What our own fills have taken from the displayed book.

The real book does not know of paper fills, so the same displayed size must not fill twice. Per side and price the
size taken is remembered together with the size displayed then; it is forgotten when the displayed size changes,
and all of it when the book starts anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.model.market import Level
from app.model.orders import Side

from .marks import BookLike

_FIRST_LEVELS = 16


class Consumed:
    """Liquidity taken from one instrument's book, in size units."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: dict[tuple[Side, int], tuple[int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._taken)

    def forget(self) -> None:
        """The book started anew."""
        self._taken.clear()

    def resized(self, side: Side, price: int, displayed: int) -> None:
        """A level's displayed size is now this: when it changed, it is new liquidity."""
        known = self._taken.get((side, price))
        if known is not None and known[0] != displayed:
            del self._taken[side, price]

    def left(self, side: Side, price: int, displayed: int) -> int:
        """What is still there of a level's displayed size."""
        known = self._taken.get((side, price))
        if known is None:
            return displayed
        if known[0] != displayed:
            del self._taken[side, price]
            return displayed
        return max(displayed - known[1], 0)

    def take(self, side: Side, price: int, displayed: int, size: int) -> None:
        """Remember that ``size`` of a level was filled."""
        before = displayed - self.left(side, price, displayed)
        self._taken[side, price] = (displayed, before + size)

    def levels(self, book: BookLike, side: Side) -> Iterator[Level]:
        """What is left of a side of the book, best first; reads only as deep as it is iterated."""
        count, done = _FIRST_LEVELS, 0
        while True:
            shown = book.levels(side, count)
            for price, displayed in shown[done:]:
                yield price, self.left(side, price, displayed)
            if len(shown) < count:
                return
            done, count = len(shown), count * 8
