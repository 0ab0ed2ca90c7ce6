"""The tape of one instrument: its last trades, without duplicates.

A trade is a duplicate when the venue's trade id was seen among the last REMEMBERED ones; trades without an id are all kept.
``last`` is the trade with the latest time, so that one that comes late never moves the last price backwards in time.
"""

from __future__ import annotations

from collections import deque

from app.model.market import Trade

KEPT = 500
REMEMBERED = 2000


class Tape:
    """``rows`` in order of arrival, newest last; ``duplicates`` counts what was dropped."""

    __slots__ = ("_newest", "_older", "duplicates", "last", "rows")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all trades."""
        self.rows: deque[Trade] = deque(maxlen=KEPT)
        self.last: Trade | None = None
        self.duplicates = 0
        self._newest: set[str] = set()
        self._older: set[str] = set()

    def add(self, trade: Trade) -> bool:
        """Keep a trade; False when it is a duplicate."""
        number = trade.trade_id
        if number:
            newest = self._newest
            if number in newest or number in self._older:
                self.duplicates += 1
                return False
            newest.add(number)
            if len(newest) >= REMEMBERED:
                self._older, self._newest = newest, set()
        self.rows.append(trade)
        last = self.last
        if last is None or (trade.ts or trade.recv) >= (last.ts or last.recv):
            self.last = trade
        return True
