"""One recorded session on the replay clock: which message is due when, over any number of passes.

Positions are ns on the replay clock. Pass k of a session begins at k * length. Every pass after the first, and every pass begun by
a seek, is announced with Restart for each instrument, before its messages are played again from the beginning: times are
always the recorded ones. Owns no clock and no timer.
"""

from __future__ import annotations

from app.model.market import MarketEvent, Rejected, Restart

from .catalogue import SessionInfo
from .feeds import Feed, make_feed
from .recording import Message, Recording, RecordingError

NEVER = 1 << 100


class Session:
    """``due`` is the position of the next message (NEVER when there is none); ``play`` takes it, of ``taken`` characters."""

    def __init__(self, info: SessionInfo, data: bytes, position: int, loop: bool) -> None:
        self.info = info
        self.length = info.end_ns - info.start_ns
        self.loop = loop
        self.passes = 0
        self.damage = ""
        self.taken = 0
        self._data = data
        self._begin(position // self.length if loop else 0)

    @property
    def due(self) -> int:
        """Where on the replay clock the next message belongs."""
        if self._next is not None:
            return self._due
        return (self.passes + 1) * self.length if self.loop and not self.damage else NEVER

    def play(self) -> list[MarketEvent | Rejected]:
        """The events of the next message; a Restart for each instrument where a new pass begins."""
        message = self._next
        if message is None:
            if not self.loop or self.damage:
                return []
            return self._restart(self.passes + 1, "the recording begins anew")
        self._advance()
        self.taken = len(message.raw)
        return self._feed.events(message)

    def seek(self, position: int) -> list[MarketEvent]:
        """Be ready to play up to ``position``: Restarts when that lies behind, or in another pass; [] when ahead."""
        wanted = position // self.length if self.loop else min(position // self.length, self.passes)
        if wanted == self.passes and position >= self._played:
            return []
        return self._restart(wanted, "the replay was moved")

    def time_at(self, position: int) -> int:
        """The session's own time (ns UTC) at a position."""
        return self.info.start_ns + position - self.passes * self.length

    def _restart(self, number: int, reason: str) -> list[MarketEvent]:
        self._begin(number)
        recv = self._next.t if self._next is not None else self.info.start_ns
        return [Restart(item.symbol, recv, reason) for item in self.info.instruments]

    def _begin(self, number: int) -> None:
        self.passes = number
        self._feed: Feed = make_feed(self.info.venue, self.info.instruments)
        self._recording = Recording(self._data)
        self._due = self._played = number * self.length
        self._next: Message | None = None
        self._advance()

    def _advance(self) -> None:
        self._played = self._due
        try:
            message = self._recording.next()
            while message is not None and not message.t:
                message = self._recording.next()
        except RecordingError as error:
            self.damage, message = str(error), None
        self._next = message
        if message is not None:
            begin = self.passes * self.length
            self._due = max(self._due, begin, begin + message.t - self.info.start_ns)
