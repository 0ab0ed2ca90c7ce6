"""Plays a session: keeps the markets up to date and publishes, at a pace or step by step.

Pass 0 sends the recorded text verbatim. Later passes (looping), and sessions moved to the present, shift times and ids;
between two passes one diff carries each book from its end back to its beginning, so that ids never have a hole.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from .derived import Derived, dumps
from .hub import Hub
from .market import Market
from .session import Record, Session

_BATCH = 200
_MAX_BACKLOG = 2_000


class Player:
    """``position`` counts records of the present pass. ``speed`` 0 is as fast as clients take it."""

    def __init__(self, session: Session, hub: Hub, *, speed: float, loop: bool, now_ms: int | None = None) -> None:
        self.session = session
        self.markets = {symbol: Market(listing) for symbol, listing in session.listings.items()}
        for market in self.markets.values():
            if market.listing.mirrors:
                market.book = self.markets[market.listing.mirrors].book
        self.speed = speed
        self.loop = loop
        self.position = 0
        self.passes = 0
        self.paused = False
        self.published = 0
        self.on_trade: Callable[[str, dict], object] = lambda _symbol, _trade: None
        """Called with each public trade of a symbol."""
        self._hub = hub
        self._derived = {symbol: Derived(market) for symbol, market in self.markets.items()}
        self._shift_ms = 0 if now_ms is None else now_ms - session.start_ns // 1_000_000
        self._shift_ids: dict[str, int] = {symbol: 0 for symbol in self.markets}
        self._shift_trades: dict[str, int] = {symbol: 0 for symbol in self.markets}
        self._changed = asyncio.Event()

    @property
    def now_ms(self) -> int:
        """Event time of what was last played."""
        newest = max(market.now_ms for market in self.markets.values())
        return newest or self.session.start_ns // 1_000_000 + self._shift_ms

    @property
    def at_end(self) -> bool:
        """Whether the pass is over and no other follows."""
        return self.position >= len(self.session.records) and not self.loop

    def change(self, *, speed: float | None = None, paused: bool | None = None) -> None:
        """Set the pace, or hold."""
        if speed is not None:
            self.speed = speed
        if paused is not None:
            self.paused = paused
        self._changed.set()

    def step(self, count: int = 1) -> int:
        """Publish the next records at once, returning how many there were."""
        for done in range(count):
            if not self._play_next():
                return done
        return count

    async def play(self, count: int) -> None:
        """Publish the next records as fast as the clients take them."""
        while count > 0:
            played = self.step(min(count, _BATCH))
            count -= played
            await self._drain()
            if not played:
                return

    async def run(self) -> None:
        """Publish at the pace set, until cancelled or the end."""
        while not self.at_end:
            if self.paused:
                await self._wait(None)
            elif self.speed <= 0:
                self.step(_BATCH)
                await self._drain()
            else:
                await self._paced()

    async def _paced(self) -> None:
        started, speed, first = time.monotonic_ns(), self.speed, self._next_offset()
        passes = self.passes
        while not self.paused and self.speed == speed and self.passes == passes and not self.at_end:
            due = started + (self._next_offset() - first) / speed
            if (delay := due - time.monotonic_ns()) > 0:
                await self._wait(delay / 1e9)
                continue
            # Everything due goes out in one turn; then the loop must breathe, or sockets would starve.
            for _ in range(_BATCH):
                if not self._play_next() or started + (self._next_offset() - first) / speed > time.monotonic_ns():
                    break
            await asyncio.sleep(0)

    async def _wait(self, seconds: float | None) -> None:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    async def _drain(self) -> None:
        await asyncio.sleep(0)
        while self._hub.backlog() > _MAX_BACKLOG:
            await asyncio.sleep(0)

    def _next_offset(self) -> int:
        records = self.session.records
        return records[self.position].offset_ns if self.position < len(records) else self.session.length_ns

    def _play_next(self) -> bool:
        if self.position >= len(self.session.records):
            if not self.loop:
                return False
            self._begin_again()
        record = self.session.records[self.position]
        self.position += 1
        text, data = self._shifted(record)
        self._publish(record.symbol, record.kind, text, data)
        return True

    def _shifted(self, record: Record) -> tuple[str, dict]:
        data = json.loads(record.text)
        ids, trades = self._shift_ids[record.symbol], self._shift_trades[record.symbol]
        if not (ids or self._shift_ms):
            return record.text, data
        for key in ("E", "T"):
            if key in data:
                data[key] += self._shift_ms
        for key in ("U", "u"):
            if key in data:
                data[key] += ids
        if "t" in data:
            data["t"] += trades
        return dumps(data), data

    def _publish(self, symbol: str, kind: str, text: str, data: dict) -> None:
        market, stem = self.markets[symbol], symbol.lower()
        market.apply(kind, data)
        if kind == "trade":
            self.on_trade(symbol, data)
        self._hub.publish(f"{stem}@{kind}", text)
        self.published += 1
        listeners = self._hub.listeners
        prefix = stem + "@"
        wanted = {name.removeprefix(prefix) for name in listeners if name.startswith(prefix)}
        for suffix, payload in self._derived[symbol].after(kind, data, wanted):
            self._hub.publish(prefix + suffix, payload)

    def _begin_again(self) -> None:
        self.passes += 1
        self.position = 0
        self._shift_ms += self.session.length_ns // 1_000_000 + 100
        for symbol, market in self.markets.items():
            if market.listing.mirrors:
                continue
            start = market.listing.snapshot
            bridge = market.book.update_id + 1
            if market.trades:
                first = next(json.loads(r.text)["t"] for r in self.session.records if r[1:3] == (symbol, "trade"))
                self._shift_trades[symbol] = market.trades[-1]["t"] + 1 - first
            self._shift_ids[symbol] = bridge - start["lastUpdateId"]
            diff = {"e": "depthUpdate", "E": market.now_ms + 50, "s": symbol, "U": bridge, "u": bridge}
            for key, side, rows in (("b", market.book.bids, start["bids"]), ("a", market.book.asks, start["asks"])):
                target = dict(map(tuple, rows))
                changes = [[price, "0.00000000"] for price in side if price not in target]
                diff[key] = changes + [[price, size] for price, size in target.items() if side.get(price) != size]
            self._publish(symbol, "depth@100ms", dumps(diff), diff)
