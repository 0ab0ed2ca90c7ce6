"""What the health page shows: histograms, rates, counters, connection states, the last errors."""

from __future__ import annotations

import traceback
from collections import deque
from typing import Any

from app.health.histogram import Histogram

from .feed import count_reason

QUOTE_READS = 200


class HealthReport:
    """Reads from the desk's parts when asked; ``second`` is called once a second."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk
        self.page_histograms: list = []
        self.quote_read = Histogram("quote_read")
        self.loop_lag = Histogram("loop_lag")
        self._errors: deque[dict] = deque(maxlen=50)
        self._events = self._frames = 0
        self._at = desk.around.clock.monotonic_ns()
        self._rates = (0.0, 0.0)
        self._lag_ms = 0.0

    def note(self, error: BaseException) -> None:
        """Keep an unexpected error for the page, with its place but without values."""
        place = traceback.extract_tb(error.__traceback__)[-1:] or [None]
        where = f"{place[0].filename.rsplit('/', 1)[-1]}:{place[0].lineno}" if place[0] else ""
        self._errors.append({"at_ns": self._desk.around.clock.now_ns(), "error": f"{type(error).__name__}: {error}"[:300], "where": where})

    @property
    def ticks_per_s(self) -> float:
        """What came in the last second."""
        return self._rates[0]

    def second(self) -> dict:
        """The ``stats`` message; also measures the cost of an in-memory quote read."""
        desk = self._desk
        now = desk.around.clock.monotonic_ns()
        seconds = max(1e-3, (now - self._at) / 1e9)
        self._lag_ms = max(0.0, (seconds - 1) * 1000)
        self.loop_lag.record(self._lag_ms)
        feed = desk.feed
        events = self._all_events()
        self._rates = ((events - self._events) / seconds, (feed.batches - self._frames) / seconds)
        self._events, self._frames, self._at = events, feed.batches, now
        self._measure_quote_read()
        frames = feed.frame_to_engine
        return {
            "ticks_per_s": round(self._rates[0], 1),
            "frames_per_s": round(self._rates[1], 1),
            "queue": desk.trade.writer.queued,
            "frame_to_engine": {"p50": frames.percentile(0.5), "p99": frames.percentile(0.99), "max": frames.max},
            "loop_lag_ms": round(self._lag_ms, 1),
            "rejected": feed.rejected,
            "gaps": feed.gaps,
            "heap_mb": round(desk.around.memory() / 2**20, 1),
        }

    def _all_events(self) -> int:
        """What came, quotes that were replaced before anybody could see them included."""
        return self._desk.feed.events + getattr(self._desk.venue, "replaced", 0)

    def report(self) -> dict:
        """The answer to ``health``."""
        desk = self._desk
        feed = desk.feed
        trade = desk.trade
        histograms = [
            feed.frame_to_engine,
            trade.click_to_journal,
            trade.click_to_ack,
            desk.store_read,
            desk.store_write,
            self.quote_read,
            self.loop_lag,
        ]
        anomalies = list(desk.trade.engine.anomalies)[-50:] if desk.trade.engine else []
        return {
            "histograms": [item.to_wire() for item in histograms],
            "page": self.page_histograms,
            "counters": {
                "events": self._all_events(),
                "batches": feed.batches,
                "ticks_sent": desk.publisher.sent,
                "ticks_per_s": round(self._rates[0], 1),
                "rejected": feed.rejected,
                "gaps": feed.gaps,
                "broken_books": desk.market.counters["broken_books"],
                "duplicate_trades": desk.market.duplicates,
                "trades_corrected": desk.market.counters["corrected"],
                "corrections_too_late": desk.market.counters["not_corrected"],
                "instruments_in_columns": desk.market.in_columns,
                "queue": desk.trade.writer.queued,
                "journal_entries": desk.trade.engine.last_seq if desk.trade.engine else 0,
            },
            "gap_reasons": feed.gap_reasons,
            "reject_reasons": feed.reject_reasons,
            "connections": self._connections(),
            "resyncs": self._resyncs(),
            "errors": [
                *self._errors,
                *({"at_ns": item.recv, "error": f"{item.venue}: {item.reason}", "where": item.sample[:120]} for item in feed.rejects),
                *({"at_ns": item.ts, "error": f"{item.code}: {item.text}", "where": "journal"} for item in anomalies),
            ],
            "memory": {"heap_bytes": desk.around.memory()},
        }

    def _connections(self) -> list[dict]:
        """One row a socket; a venue without sockets of its own is one row."""
        venue = self._desk.venue
        one = venue.connection
        row = {"venue": venue.name, "state": str(one.state), "since_ns": one.since_ns, "detail": one.detail, "attempts": one.attempts}
        sockets = getattr(venue, "sockets", list)()
        if len(sockets) == 1:
            return [{**sockets[0], **row}]
        return [row, *sockets]

    def _resyncs(self) -> dict[str, int]:
        """Why books were built anew, counted."""
        venue, out = self._desk.venue, {}
        for one in getattr(venue, "venues", [venue]):
            for cause, count in getattr(one, "resyncs", {}).items():
                count_reason(out, cause, count)
        return out

    def _measure_quote_read(self) -> None:
        clock, market, symbol = self._desk.around.clock, self._desk.market, self._desk.publisher.focus
        if not symbol:
            return
        read = market.quote
        start = clock.monotonic_ns()
        for _ in range(QUOTE_READS):
            read(symbol)
        self.quote_read.record((clock.monotonic_ns() - start) / 1e6 / QUOTE_READS, QUOTE_READS)
