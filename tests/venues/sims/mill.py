"""A market that moves at random, the same for the same seed: a book in integer units, never crossed, and trades."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import lru_cache

NS = 1_000_000_000
EPOCH_NS = 1_700_000_000 * NS


@dataclass(slots=True)
class Change:
    """What one step did: levels with their new size (0: gone), and a trade (price, size, the aggressor sold, number) or None."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    trade: tuple[int, int, bool, int] | None = None
    time_ns: int = 0


class Mill:
    """``bids`` and ``asks`` map price units to size units; new levels come within ``reach`` units of the best."""

    def __init__(self, native: str, price_scale: int, size_scale: int, seed: int, levels: int = 40, reach: int = 60) -> None:
        self.native, self.price_scale, self.size_scale = native, price_scale, size_scale
        self.rng = random.Random(f"{native}{seed}")
        self.time_ns = EPOCH_NS
        self.trades = 0
        self.steps = 0
        self._levels, self._reach = levels, reach
        middle = self.rng.randrange(20_000, 9_000_000)
        self.bids = {middle - 1 - 2 * n: self._size() for n in range(levels)}
        self.asks = {middle + 1 + 2 * n: self._size() for n in range(levels)}

    def step(self) -> Change:
        """Move on by up to 50 ms."""
        rng = self.rng
        self.steps += 1
        self.time_ns += rng.randrange(1_000_000, 50_000_000)
        change = Change(time_ns=self.time_ns)
        for _ in range(rng.randrange(1, 5)):
            self._touch(change, rng.random() < 0.5)
        if rng.random() < 0.3:
            self.trades += 1
            sold = rng.random() < 0.5
            change.trade = (max(self.bids) if sold else min(self.asks), self._size(), sold, self.trades)
        return change

    def best(self) -> tuple[int, int, int, int]:
        """Bid, its size, ask, its size."""
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]

    def top(self, side: str, depth: int) -> dict[int, int]:
        """The best ``depth`` levels of "bids" or "asks", best first."""
        levels = getattr(self, side)
        return {price: levels[price] for price in sorted(levels, reverse=side == "bids")[:depth]}

    def price(self, units: int) -> str:
        """Text with all the decimals."""
        return text(units, self.price_scale)

    def size(self, units: int) -> str:
        """Text with all the decimals."""
        return text(units, self.size_scale)

    def _touch(self, change: Change, bid: bool) -> None:
        rng = self.rng
        mine, told = (self.bids, change.bids) if bid else (self.asks, change.asks)
        best, other = (max(self.bids), min(self.asks)) if bid else (min(self.asks), max(self.bids))
        step = -1 if bid else 1
        if len(mine) > self._levels // 2 and rng.random() < (0.35 if len(mine) < self._levels * 1.3 else 0.8):
            near = sorted(mine, reverse=bid)[: max(5, len(mine) // 2)] if rng.random() < 0.8 else list(mine)
            price = rng.choice(near)
            del mine[price]
            told[price] = 0
            return
        price = best + step * (rng.randrange(-2, self._reach))
        if price <= 0 or (price >= other if bid else price <= other):
            price = best
        mine[price] = told[price] = self._size()

    def _size(self) -> int:
        return self.rng.randrange(1, 10 ** self.rng.randrange(1, 10))


@lru_cache(maxsize=200_000)
def text(units: int, scale: int) -> str:
    """Units of 10^-scale with exactly that many decimals."""
    digits = str(units).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
