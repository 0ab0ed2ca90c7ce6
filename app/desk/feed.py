"""The market data side of the desk: from a venue's events to market state, paper execution and the page.

Implements MarketSink. Counts what venues sent, what was refused and what was lost; keeps the last errors for the health page.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from app.health.histogram import Histogram
from app.model.market import Correction, Gap, MarketEvent, Rejected, Restart, Ticks

MAX_REASONS = 50


class Feed:
    """``paper`` is told of every batch after the market state has it; ``connection_changed`` of every change of state."""

    def __init__(self, market: Any, publisher: Any, clock: Any, epoch_ms: Callable[[], float], connection_changed: Callable[[Any], None]) -> None:
        self._market, self._publisher = market, publisher
        self._clock, self._epoch_ms = clock, epoch_ms
        self._connection_changed = connection_changed
        self.on_batch: Callable[[list[MarketEvent]], None] | None = None
        self.followed: Callable[[set[str], set[str], float], None] | None = None
        """Tells the tabs that follow, after the page of this one: instruments whose tape and bars come anew (after a gap, a restart, a
        correction), those that changed, when the oldest frame came."""
        self.frame_to_engine = Histogram("frame_to_engine")
        self.events = self.batches = self.gaps = self.rejected = 0
        self.rejects: deque[Rejected] = deque(maxlen=50)
        self.gap_reasons: dict[str, int] = {}
        self.reject_reasons: dict[str, int] = {}

    def on_events(self, events: list[MarketEvent], received_ns: int) -> None:
        """A parsed batch whose oldest frame was received at ``received_ns`` (monotonic)."""
        market, publisher = self._market, self._publisher
        market.apply(events)
        if self.on_batch is not None:
            self.on_batch(events)
        rebuilt: set[str] = set()
        for event in events:
            kind = type(event)
            if kind is Ticks:
                self.events += len(event) - 1
            elif kind is Gap:
                self.gaps += 1
                count_reason(self.gap_reasons, event.reason)
                rebuilt.add(event.symbol)
            elif kind is Restart or kind is Correction:
                rebuilt.add(event.symbol)
        if rebuilt:
            publisher.rebuilt(rebuilt)
        self.events += len(events)
        self.batches += 1
        waited_ms = (self._clock.monotonic_ns() - received_ns) / 1e6
        self.frame_to_engine.record(waited_ms)
        changed, received_ms = market.take_changed(), self._epoch_ms() - waited_ms
        publisher.changed(changed, received_ms)
        if self.followed is not None:
            self.followed(rebuilt, changed, received_ms)

    def on_rejected(self, rejected: Rejected) -> None:
        """A venue message that could not be used: counted and shown, nothing else changes."""
        self.rejected += 1
        self.rejects.append(rejected)
        count_reason(self.reject_reasons, rejected.reason)

    def on_connection(self, connection: Any) -> None:
        """The venue's connection state changed."""
        self._connection_changed(connection)


def count_reason(reasons: dict[str, int], reason: str, count: int = 1) -> None:
    """Add to the count of a cause."""
    # Update ids and prices differ every time: without digits the same cause has the same name.
    name = re.sub(r"\d+(?:[.,]\d+)*", "n", reason)[:120]
    if name not in reasons and len(reasons) >= MAX_REASONS:
        name = "other"
    reasons[name] = reasons.get(name, 0) + count
