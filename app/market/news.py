"""Who looks at the newest state of some instruments, at a rate of his own: what changed in columns since he last looked."""

from __future__ import annotations

from collections.abc import Set
from typing import Any


class News:
    """``stores`` are the market's quote stores; there may come more. ``rate``: looks a second at most, 0: whenever asked."""

    def __init__(self, stores: list) -> None:
        self._stores = stores
        self._symbols: Set[str] = frozenset()
        self._parts: list[Any] = []
        self.rate = 0.0

    def look_at(self, symbols: Set[str], rate: float) -> None:
        """See these instruments, so often. Costs little where nothing is different."""
        if symbols != self._symbols or rate != self.rate or len(self._parts) != len(self._stores):
            import numpy as np  # there are stores, so there is numpy

            self._symbols, self.rate, before = frozenset(symbols), rate, self._parts
            rows = [np.array([store.row[symbol] for symbol in symbols if symbol in store.row], np.int64) for store in self._stores]
            self._parts = [store.subscribe(rate, mine) for store, mine in zip(self._stores, rows, strict=True)]
            for old, new in zip(before, self._parts, strict=False):
                new.go_on(old)

    def wait_ns(self, now_ns: int) -> int | None:
        """How long until the rate allows a look at something that may have changed; 0: now; None: nothing came."""
        waits = [part.wait_ns(now_ns) for part in self._parts if part.anything]
        return min(waits, default=None)

    def take(self, now_ns: int) -> set[str]:
        """What changed since the last time, each once and only once the rate allows it; ``now_ns`` is monotonic."""
        out: set[str] = set()
        for store, part in zip(self._stores, self._parts, strict=False):
            out.update([store.symbols[row] for row in part.take(now_ns).tolist()])
        return out
