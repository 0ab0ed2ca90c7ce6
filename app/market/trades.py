"""The tape of one instrument: its last trades, without duplicates.

A trade is a duplicate when the venue's trade id was seen among the last REMEMBERED ones; trades without an id are all kept.
``last`` is the trade with the latest time, so that one that comes late never moves the last price backwards in time. A trade among the
last KEPT can be corrected or cancelled.
"""

from __future__ import annotations

from collections import deque

from app.model.market import Correction, Trade

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

    def correct(self, event: Correction) -> tuple[Trade, Trade | None] | None:
        """Put a kept trade right: (as it was, as it is or None). None when it is not kept."""
        rows = self.rows
        at = next((place for place in range(len(rows) - 1, -1, -1) if event.trade_id and rows[place].trade_id == event.trade_id), None)
        if at is None:
            return None
        old, new = rows[at], None
        if event.size:
            new = rows[at] = old._replace(price=event.price, size=event.size, trade_id=event.new_id or old.trade_id)
            self._newest.add(new.trade_id)
        else:
            del rows[at]
        if self.last is old:
            # of equal times the one that came last
            self.last = new or max(reversed(rows), key=time_of, default=None)
        return old, new


def time_of(trade: Trade) -> int:
    """When it was made, as far as the venue says; ns."""
    return trade.ts or trade.recv
