"""The tape of one instrument: its last trades, without duplicates.

A trade is a duplicate when the venue's trade id is among those that came last (`Seen`); trades without an id are all kept.
``last`` is the trade with the latest time, so that one that comes late never moves the last price backwards in time. A trade among the
last KEPT can be corrected or cancelled.
"""

from __future__ import annotations

from collections import deque

from app.model.market import Correction, Seen, Trade

KEPT = 500


class Tape:
    """``rows`` in order of arrival, newest last; ``count`` is how many were ever kept."""

    __slots__ = ("_seen", "count", "last", "rows")

    def __init__(self) -> None:
        self.rows: deque[Trade] = deque(maxlen=KEPT)
        self.count = 0
        self.clear()

    def clear(self) -> None:
        """Forget all trades."""
        self.rows.clear()
        self.last: Trade | None = None
        self._seen = Seen()

    def add(self, trade: Trade) -> bool:
        """Keep a trade; False when it is a duplicate."""
        if not self._seen.add(trade.trade_id):
            return False
        self.rows.append(trade)
        self.count += 1
        last = self.last
        if last is None or (trade.ts or trade.recv) >= (last.ts or last.recv):
            self.last = trade
        return True

    @property
    def counted(self) -> int:
        """As ``count``."""
        return self.count

    def newest(self, count: int) -> list[Trade]:
        """At most so many, oldest first."""
        rows = self.rows
        return [rows[at] for at in range(max(0, len(rows) - count), len(rows))]

    def correct(self, event: Correction) -> tuple[Trade, Trade | None] | None:
        """Put a kept trade right: (as it was, as it is or None). None when it is not kept."""
        rows = self.rows
        at = next((place for place in range(len(rows) - 1, -1, -1) if event.trade_id and rows[place].trade_id == event.trade_id), None)
        if at is None:
            return None
        old, new = rows[at], None
        if event.size:
            new = rows[at] = old._replace(price=event.price, size=event.size, trade_id=event.new_id or old.trade_id)
            self._seen.add(new.trade_id)
        else:
            del rows[at]
        if self.last is old:
            # of equal times the one that came last
            self.last = new or max(reversed(rows), key=time_of, default=None)
        return old, new


def time_of(trade: Trade) -> int:
    """When it was made, as far as the venue says; ns."""
    return trade.ts or trade.recv
