"""One symbol of Binance's live streams: its depth sequence and the REST snapshots that start it.

Owns when a snapshot is asked for, how long to wait before asking again, and why. The sequence rules themselves
are DepthSync's; the queue and weights are Rest's.
"""

from __future__ import annotations

from typing import Any

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, MarketEvent, Rejected
from app.net.backoff import Backoff
from app.platform.interfaces import Cancellable, Clock, Scheduler

from ..feed import Owner
from ..rest import Rest, RestAnswer
from .depth import DepthSync

QUIET_S = 3.0
"""A market without a single diff for so long after subscribing gets its snapshot all the same."""


class SnapshotFeed:
    """A BookFeed. ``parser.snapshot`` reads the REST answer; ``weight`` is what the venue counts for asking."""

    def __init__(
        self,
        instrument: Instrument,
        parser: Any,
        rest: Rest,
        clock: Clock,
        scheduler: Scheduler,
        backoff: Backoff,
        depth_limit: int,
        weight: int,
        owner: Owner,
    ) -> None:
        self.symbol = instrument.symbol
        self.rank = 0
        self.sync = DepthSync(instrument.symbol)
        self._native = instrument.native
        self._parser = parser
        self._rest = rest
        self._clock = clock
        self._scheduler = scheduler
        self._backoff = backoff
        self._owner = owner
        self._limit = depth_limit
        self._weight = weight
        self._request: Cancellable | None = None
        self._failure = ""
        self._asked = 0
        self._busy = False
        self._timer: Cancellable | None = None
        self._live_since_ns = 0

    @property
    def is_live(self) -> bool:
        """Whether diffs follow one another on top of a snapshot."""
        return self.sync.is_live

    @property
    def problem(self) -> str:
        """Why the book is not live."""
        sync = self.sync
        if sync.is_live:
            return ""
        waiting = "waiting for a snapshot" + (f" ({sync.reason})" if sync.gaps else "")
        return f"{sync.symbol}: {self._failure or waiting}"

    def connected(self) -> None:
        """The stream is being subscribed: a snapshot is due with the first diff, or after a while without any."""
        if not self.sync.is_live:
            self._later(QUIET_S)

    def on_book(self, event: BookDelta | BookSnapshot) -> list[MarketEvent]:
        """What the book may apply now."""
        out = self.sync.on_delta(event)
        if self.sync.needs_snapshot:
            if out:
                self._broke("update ids jumped")
            self._want()
        return out

    def reset(self, reason: str, now_ns: int) -> list[MarketEvent]:
        """Give the book up and build it anew on the same connection."""
        out = self.sync.reset(reason, now_ns)
        if out:
            self._broke(reason)
            self._want()
        return out

    def lost(self, reason: str, now_ns: int) -> list[MarketEvent]:
        """The connection is gone, and with it every request under way."""
        self.stop()
        out = self.sync.reset(reason, now_ns)
        if out:
            self._broke("connection lost")
        self._failure = ""
        return out

    def stop(self) -> None:
        """Ask for nothing more; an answer under way is not waited for."""
        self._asked = 0
        self._busy = False
        self._cancel()
        if self._request is not None:
            self._request.cancel()
            self._request = None

    def _broke(self, cause: str) -> None:
        self._backoff.held((self._clock.monotonic_ns() - self._live_since_ns) / 1e9)
        self._owner.on_resync(cause)

    def _want(self) -> None:
        if not self._busy:
            self._busy = True
            if self._asked:
                self._later(self._backoff.next_delay())
            else:
                self._ask()

    def _ask(self) -> None:
        self._cancel()
        self._busy = True
        self._asked += 1
        path = f"/depth?symbol={self._native}&limit={self._limit}"
        self._request = self._rest.get(path, self._weight, self._answered, self.rank)

    def _answered(self, answer: RestAnswer) -> None:
        self._busy = False
        self._request = None
        self._failure = answer.error
        out: list[MarketEvent] = []
        if not answer.error:
            snapshot = self._parser.snapshot(self._native, answer.text, self._clock.now_ns())
            if isinstance(snapshot, Rejected):
                self._failure = f"snapshot refused: {snapshot.reason}"
                self._owner.on_rejected(snapshot)
            else:
                out = self.sync.on_snapshot(snapshot)
        if self.sync.is_live:
            self._live_since_ns = self._clock.monotonic_ns()
        else:
            self._want()
        self._owner.on_snapshot(out)

    def _later(self, delay_s: float) -> None:
        self._cancel()
        self._timer = self._scheduler.call_later(delay_s, self._ask)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
