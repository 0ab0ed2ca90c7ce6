"""How much stands before a resting order at its price.

On arrival everything displayed at the price is ahead. Trades at the price by the other side shorten the queue. A
displayed size that shrinks without a trade is taken from behind us, except that what is ahead can never exceed
what is displayed. Depth and trade feeds race: where the depth update came first, the trade that explains it must
not count twice, so what such an update took from the queue is owed to trades not younger than it. The place is
therefore never better than the truth. It is unknown (nothing fills at the price) while the level is not in view.
"""

from __future__ import annotations


class QueuePlace:
    """The place of one order; all figures are size units."""

    __slots__ = ("_owed", "_owed_ts", "ahead")

    def __init__(self, displayed: int | None) -> None:
        """``displayed``: size at the price on arrival; None when it is not known."""
        self.ahead = displayed
        self._owed = 0
        self._owed_ts = 0

    def forget(self) -> None:
        """The book was lost: the place is unknown until ``see``."""
        self.ahead = None
        self._owed = 0

    def see(self, displayed: int) -> None:
        """Take the back of the queue when the place is unknown."""
        if self.ahead is None:
            self.ahead = displayed
            self._owed = 0

    def resized(self, displayed: int, ts: int) -> None:
        """The displayed size at the price is now this, by an update of venue time ``ts`` (0: unknown)."""
        if self.ahead is not None and displayed < self.ahead:
            self._owed += self.ahead - displayed
            self._owed_ts = ts
            self.ahead = displayed

    def traded(self, size: int, ts: int) -> int:
        """A trade at the price by the other side: shortens the queue, returns what is left for us and those behind."""
        if self.ahead is None:
            return 0
        if self._owed and ts and self._owed_ts and ts > self._owed_ts:
            self._owed = 0
        explained = min(size, self._owed)
        self._owed -= explained
        size -= explained
        passed = min(size, self.ahead)
        self.ahead -= passed
        return size - passed
