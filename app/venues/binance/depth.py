"""Binance depth synchronisation: one snapshot and a stream of diffs become a gapless sequence, or a shown gap.

The documented procedure, pure: buffer diffs, take a REST snapshot, refetch when it is older than the first diff, drop
what it already holds, require the next to continue it (U <= lastUpdateId + 1 <= u), then require each diff to
continue the last. Used alike by the live socket and the replay. Never asks for a snapshot itself: the owner
watches ``needs_snapshot``.
"""

from __future__ import annotations

from app.model.market import BookDelta, BookSnapshot, Gap, MarketEvent

MAX_BUFFER = 10_000


class DepthSync:
    """The sequence of one symbol.

    ``needs_snapshot`` is True while a snapshot has to be fetched; ``reason`` says why the book is not live ("" when
    live); ``gaps`` counts breaks since construction; ``applied`` and ``dropped`` count diffs.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.needs_snapshot = True
        self.reason = "waiting for the snapshot"
        self.gaps = 0
        self.applied = 0
        self.dropped = 0
        self._book_id: int | None = None
        self._buffer: list[BookDelta] = []

    @property
    def is_live(self) -> bool:
        """True while diffs follow one another on top of a snapshot."""
        return self._book_id is not None

    def on_delta(self, delta: BookDelta) -> list[MarketEvent]:
        """What may be applied now that ``delta`` came: itself, nothing (old or buffered), or a Gap."""
        book_id = self._book_id
        if book_id is None:
            return self._buffered(delta)
        if delta.last <= book_id:
            self.dropped += 1
            return []
        if delta.first > book_id + 1:
            return self._broken(delta, f"update {book_id + 1} expected, {delta.first} received")
        self._book_id = delta.last
        self.applied += 1
        return [delta]

    def on_snapshot(self, snapshot: BookSnapshot) -> list[MarketEvent]:
        """The snapshot and the buffered diffs that follow it; [] when it is too old (``needs_snapshot`` stays True)."""
        if self._book_id is not None and snapshot.sequence <= self._book_id:
            return []
        buffer = self._buffer
        if buffer and snapshot.sequence + 1 < buffer[0].first:
            self.needs_snapshot = True
            self.reason = f"snapshot {snapshot.sequence} is older than the first update {buffer[0].first}"
            return []
        self._buffer = []
        self._book_id = snapshot.sequence
        self.needs_snapshot = False
        self.reason = ""
        out: list[MarketEvent] = [snapshot]
        for delta in buffer:
            out += self.on_delta(delta)
        return out

    def reset(self, reason: str, recv_ns: int) -> list[MarketEvent]:
        """The stream broke (disconnect): a Gap when the book was live, and everything begins anew."""
        self._buffer = []
        self.needs_snapshot = True
        was_live, self._book_id, self.reason = self._book_id is not None, None, reason
        if not was_live:
            return []
        self.gaps += 1
        return [Gap(self.symbol, recv_ns, reason)]

    def _buffered(self, delta: BookDelta) -> list[MarketEvent]:
        buffer = self._buffer
        if buffer and delta.first > buffer[-1].last + 1:
            # What came before the hole can no longer be continued by a snapshot taken before it.
            self.dropped += len(buffer)
            buffer.clear()
            self.needs_snapshot = True
        if len(buffer) >= MAX_BUFFER:
            self.dropped += len(buffer)
            buffer.clear()
            self.needs_snapshot = True
        if buffer and delta.last <= buffer[-1].last:
            self.dropped += 1
            return []
        buffer.append(delta)
        return []

    def _broken(self, delta: BookDelta, reason: str) -> list[MarketEvent]:
        out = self.reset(reason, delta.recv)
        self._buffer.append(delta)
        return out
