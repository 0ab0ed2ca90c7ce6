"""Who looks at the newest state of some instruments, at a rate of his own: what changed in columns since he last looked."""

from __future__ import annotations

from collections.abc import Set
from typing import Any


class News:
    """``stores`` are the market's quote stores; there may come more. ``rate``: looks a second at most, 0: whenever asked."""

    def __init__(self, stores: list) -> None:
        self.stores = stores
        """None while all comes as objects."""
        self._symbols: Set[str] = frozenset()
        self._parts: list[Any] = []
        self.rate = 0.0

    def look_at(self, symbols: Set[str], rate: float) -> None:
        """See these instruments, so often. Costs little where nothing is different."""
        if symbols != self._symbols or rate != self.rate or len(self._parts) != len(self.stores):
            import numpy as np  # there are stores, so there is numpy

            self._symbols, self.rate, before = frozenset(symbols), rate, self._parts
            rows = [np.array([store.row[symbol] for symbol in symbols if symbol in store.row], np.int64) for store in self.stores]
            self._parts = [store.subscribe(rate, mine) for store, mine in zip(self.stores, rows, strict=True)]
            for at, part in enumerate(self._parts):
                part.go_on(before[at] if at < len(before) else None)

    def wait_ns(self, now_ns: int) -> int | None:
        """How long until the rate allows a look at something that may have changed; 0: now; None: nothing came."""
        if len(self._parts) != len(self.stores):
            return 0
        wait = None
        for part in self._parts:
            if part.anything and (wait is None or part.next_ns - now_ns < wait):
                wait = max(0, part.next_ns - now_ns)
        return wait

    def take(self, now_ns: int) -> set[str]:
        """What changed since the last time, each once and only once the rate allows it; ``now_ns`` is monotonic."""
        out: set[str] = set()
        for store, part in zip(self.stores, self._parts, strict=False):
            out.update([store.symbols[row] for row in part.take(now_ns).tolist()])
        return out
