"""One instrument of a live venue: whether its book is in step, and what is done to get it there.

`BookFeed` is what every venue's feed can do. `StreamFeed` is for venues that send the whole book over the socket when asked (and again when asked
again), or all the time. `SnapshotFeed` of the Binance package gets it by REST.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from app.model.market import BookDelta, BookSnapshot, Gap, MarketEvent, Rejected
from app.net.backoff import Backoff
from app.platform.interfaces import Cancellable, Clock, Scheduler

SNAPSHOT_S = 10.0
"""A subscribed book whose snapshot has not come after so long is asked for again."""


class Owner(Protocol):
    """Who is told what became of a feed."""

    def on_snapshot(self, events: list[MarketEvent]) -> None:
        """A snapshot that did not come over the socket, and the diffs that waited for it."""

    def on_rejected(self, rejected: Rejected) -> None:
        """A snapshot that could not be used."""

    def on_resync(self, cause: str) -> None:
        """The book has to be built anew."""

    def on_in_step(self) -> None:
        """The book is in step again."""


class BookFeed(Protocol):
    """Keeps one book in step. ``problem`` says in words why it is not, "" when it is; ``rank`` is its place in the order of importance."""

    symbol: str
    rank: int
    is_live: bool
    problem: str

    def connected(self) -> None:
        """The streams are being subscribed."""

    def on_book(self, event: BookDelta | BookSnapshot) -> list[MarketEvent]:
        """What the book may apply now."""

    def reset(self, reason: str, now_ns: int) -> list[MarketEvent]:
        """Give the book up and build it anew on the same connection."""

    def lost(self, reason: str, now_ns: int) -> list[MarketEvent]:
        """The connection is gone, and with it every request under way."""

    def stop(self) -> None:
        """Ask for nothing more."""


class StreamFeed:
    """``ask_again`` has the book sent anew. Snapshots with a sequence that is not newer are dropped."""

    def __init__(
        self, symbol: str, clock: Clock, scheduler: Scheduler, backoff: Backoff, ask_again: Callable[[str], object], owner: Owner
    ) -> None:
        self.symbol = symbol
        self.rank = 0
        self.is_live = False
        self.dropped = 0
        self._clock, self._scheduler, self._backoff = clock, scheduler, backoff
        self._ask_again, self._owner = ask_again, owner
        self._reason = ""
        self._sequence = 0
        self._tried = False
        self._timer: Cancellable | None = None
        self._live_since_ns = 0

    @property
    def problem(self) -> str:
        """Why the book is not live."""
        if self.is_live:
            return ""
        return f"{self.symbol}: waiting for a snapshot" + (f" ({self._reason})" if self._reason else "")

    def connected(self) -> None:
        """The snapshot comes by itself; if it does not, it is asked for."""
        if not self.is_live:
            self._later(SNAPSHOT_S)

    def on_book(self, event: BookDelta | BookSnapshot) -> list[MarketEvent]:
        """A snapshot begins the book; differences before one are of no use."""
        if type(event) is BookSnapshot:
            sequence = event.sequence
            if self.is_live:
                if sequence and sequence <= self._sequence:
                    self.dropped += 1
                    return []
                self._sequence = sequence
                return [event]
            self.is_live, self._reason, self._sequence = True, "", sequence
            self._live_since_ns = self._clock.monotonic_ns()
            self._cancel()
            self._owner.on_in_step()
            return [event]
        if self.is_live:
            return [event]
        self.dropped += 1
        return []

    def reset(self, reason: str, now_ns: int) -> list[MarketEvent]:
        """Give the book up; ask for it at once, or after a while if it was only just asked for."""
        if not self.is_live:
            return []
        out = self._break(reason, now_ns)
        self._backoff.held((self._clock.monotonic_ns() - self._live_since_ns) / 1e9)
        if self._tried or self._backoff.attempts:
            self._later(self._backoff.next_delay())
        else:
            self._ask()
        return out

    def lost(self, reason: str, now_ns: int) -> list[MarketEvent]:
        """The next connection begins with a snapshot."""
        self.stop()
        self._sequence = 0
        return self._break(reason, now_ns, "connection lost") if self.is_live else []

    def stop(self) -> None:
        """Ask for nothing more."""
        self._tried = False
        self._cancel()

    def _break(self, reason: str, now_ns: int, cause: str = "") -> list[MarketEvent]:
        self.is_live, self._reason = False, reason
        self._owner.on_resync(cause or reason)
        return [Gap(self.symbol, now_ns, reason)]

    def _ask(self) -> None:
        self._tried = True
        self._later(SNAPSHOT_S + self._backoff.next_delay())
        self._ask_again(self.symbol)

    def _later(self, delay_s: float) -> None:
        self._cancel()
        self._timer = self._scheduler.call_later(delay_s, self._ask)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
