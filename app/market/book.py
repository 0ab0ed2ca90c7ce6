"""An L2 order book in exact units that knows whether it can be trusted.

Owns the levels of one instrument. A delta changes the book only while it is live: before the first snapshot, after a hole
in the sequence, a wrong checksum or a crossed top, deltas are ignored (and counted) until the next snapshot. The levels
last known stay readable meanwhile, marked by `state` and `reason`. Old deltas (ids already applied) change nothing.
Levels beyond MAX_LEVELS a side are forgotten: a venue's far tail grows without end.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from zlib import crc32

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Level
from app.model.orders import Side

MAX_LEVELS = 20_000
_SLACK = 64
_CHECKED = 10


class Book:
    """``state`` is syncing, live, gap or crossed; ``reason`` says why it is not live; ``sequence`` is the last update id."""

    __slots__ = (
        "_ask_keys",
        "_asks",
        "_bid_keys",
        "_bids",
        "_depth",
        "ignored",
        "instrument",
        "reason",
        "sequence",
        "state",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.ignored = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything; wait for a snapshot."""
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        # Sorted so that the best of either side is last (asks negated): changes near the top move few entries.
        self._bid_keys: list[int] = []
        self._ask_keys: list[int] = []
        self._depth = 0
        self.sequence = 0
        self.state = "syncing"
        self.reason = "waiting for the snapshot"

    @property
    def is_trusted(self) -> bool:
        """True while the levels are the venue's own, with nothing missing as far as can be known."""
        return self.state == "live"

    def apply_snapshot(self, snapshot: BookSnapshot) -> None:
        """Replace all levels; the book is live afterwards unless the snapshot is crossed or has another checksum than it says."""
        self._bids = {price: size for price, size in snapshot.bids if size}
        self._asks = {price: size for price, size in snapshot.asks if size}
        self._bid_keys = sorted(self._bids)
        self._ask_keys = sorted([-price for price in self._asks])
        self._depth = snapshot.max_depth
        self.sequence = snapshot.sequence
        self.state, self.reason = "live", ""
        self._bound()
        if snapshot.checksum is not None and self.checksum() != snapshot.checksum:
            self.mark_gap(f"checksum {snapshot.checksum} announced, {self.checksum()} computed")
            return
        self._check_crossed()

    def apply_delta(self, delta: BookDelta) -> bool:
        """Apply if it continues the book; False when it was ignored or broke the book (see ``state``)."""
        if self.state != "live":
            self.ignored += 1
            return False
        last = delta.last
        if last:
            sequence = self.sequence
            if last <= sequence:
                self.ignored += 1
                return False
            if delta.first > sequence + 1 and sequence:
                self.mark_gap(f"update {sequence + 1} expected, {delta.first} received")
                return False
            self.sequence = last
        if delta.bids:
            levels, keys = self._bids, self._bid_keys
            for price, size in delta.bids:
                if size:
                    if price not in levels:
                        insort(keys, price)
                    levels[price] = size
                elif price in levels:
                    del levels[price]
                    del keys[bisect_left(keys, price)]
        if delta.asks:
            levels, keys = self._asks, self._ask_keys
            for price, size in delta.asks:
                if size:
                    if price not in levels:
                        insort(keys, -price)
                    levels[price] = size
                elif price in levels:
                    del levels[price]
                    del keys[bisect_left(keys, -price)]
        if self._depth or len(self._bid_keys) > MAX_LEVELS or len(self._ask_keys) > MAX_LEVELS:
            self._bound()
        if delta.checksum is not None and self.checksum() != delta.checksum:
            self.mark_gap(f"checksum {delta.checksum} announced, {self.checksum()} computed")
            return False
        if self._bid_keys and self._ask_keys and self._bid_keys[-1] >= -self._ask_keys[-1]:
            self._check_crossed()
            return False
        return True

    def mark_gap(self, reason: str) -> None:
        """Something was lost: keep the levels for the eye, trust none of them."""
        if self.state != "syncing":
            self.state, self.reason = "gap", reason

    def best_bid(self) -> Level | None:
        """The highest bid, or None on an empty side."""
        if not self._bid_keys:
            return None
        price = self._bid_keys[-1]
        return price, self._bids[price]

    def best_ask(self) -> Level | None:
        """The lowest ask, or None on an empty side."""
        if not self._ask_keys:
            return None
        price = -self._ask_keys[-1]
        return price, self._asks[price]

    def levels(self, side: Side, limit: int) -> list[Level]:
        """At most ``limit`` levels, best first; BUY gives the bids."""
        if limit <= 0:
            return []
        if side is Side.BUY:
            bids = self._bids
            return [(price, bids[price]) for price in self._bid_keys[: -limit - 1 : -1]]
        asks = self._asks
        return [(-key, asks[-key]) for key in self._ask_keys[: -limit - 1 : -1]]

    def size_at(self, side: Side, price: int) -> int:
        """Size shown at a price in units, 0 if none."""
        return (self._bids if side is Side.BUY else self._asks).get(price, 0)

    def depth(self, side: Side) -> int:
        """How many levels a side has."""
        return len(self._bid_keys if side is Side.BUY else self._ask_keys)

    def checksum(self) -> int:
        """CRC32 over the ten best asks, then bids: digits of price and size without point and leading zeros.

        Units have as many decimals as the wire text, so their digits are those of the text.
        """
        parts = []
        asks, bids = self._asks, self._bids
        for key in self._ask_keys[: -_CHECKED - 1 : -1]:
            parts.append(f"{-key}{asks[-key]}")
        for key in self._bid_keys[: -_CHECKED - 1 : -1]:
            parts.append(f"{key}{bids[key]}")
        return crc32("".join(parts).encode())

    def _check_crossed(self) -> None:
        bid, ask = self.best_bid(), self.best_ask()
        if bid is not None and ask is not None and bid[0] >= ask[0]:
            price = self.instrument.price
            self.state, self.reason = "crossed", f"bid {price(bid[0])} is not below ask {price(ask[0])}"

    def _bound(self) -> None:
        # An announced depth is exact: the venue deletes nothing below it. Our own bound only limits memory.
        limit = self._depth or MAX_LEVELS
        for keys, levels, sign in ((self._bid_keys, self._bids, 1), (self._ask_keys, self._asks, -1)):
            excess = len(keys) - limit
            if excess > 0 and (self._depth or excess > _SLACK):
                for key in keys[:excess]:
                    del levels[sign * key]
                del keys[:excess]
