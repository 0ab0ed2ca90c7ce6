"""What is known of polled sources over a restart: prices, counts of calls, orders of sources, added listings; in the store's plain texts.

What could not be read is not known to be nothing: it is read again before anything is written over it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from app.platform.errors import PlatformError
from app.platform.records import opening
from app.sources.listing import BadListing

from . import sourceview

KEY = "sources"


class SourcesKept:
    """``sources`` is the desk's. ``added`` are the symbols of listings that were added by search."""

    def __init__(self, desk: Any, sources: Any) -> None:
        self._desk, self._sources = desk, sources
        self.added: dict[str, None] = {}
        self.loaded = False
        self._text = self._told = ""
        self._reading = asyncio.Lock()

    async def load(self) -> None:
        """Take over what was kept, once; when it cannot be read it may be tried again."""
        async with self._reading:
            if self.loaded:
                return
            store = self._desk.around.store
            try:
                text = await opening(store, lambda: store.meta_get(KEY))
            except PlatformError as error:
                self._warn(f"What is known of sources cannot be read: {error}")
                return
            self.loaded = True
            try:
                kept = json.loads(text) if text else {}
            except (ValueError, RecursionError) as error:
                self._warn(f"What was known of sources is no JSON and begins anew: {error}")
                return
            if isinstance(kept, dict):
                self._restore(kept)

    def _restore(self, kept: dict) -> None:
        kinds = {"ledgers": dict, "orders": dict, "added": list, "prices": list}
        ledgers, orders, added, prices = (found if isinstance(found := kept.get(name), kind) else kind() for name, kind in kinds.items())
        chain = self._sources.chain
        for name, link in chain.links.items():
            link.ledger.restore(ledgers.get(name))
        for symbol, order in orders.items():
            if isinstance(order, list) and order and all(isinstance(name, str) and name in chain.links for name in order):
                chain.orders[symbol] = tuple(dict.fromkeys(order))
        for symbol in added:
            try:
                self._sources.watch(str(symbol))
            except BadListing as error:
                self._warn(f"A listing that was added is left out: {error}")
        for row in prices:
            if (found := sourceview.price_of(row)) is not None:
                self._sources.restore(row[0], *found)

    async def save(self) -> None:
        """Keep what has changed; nothing before it is known what was kept."""
        if not self.loaded:
            await self.load()
        links = self._sources.chain.links.items()
        ledgers = {name: link.ledger.kept() for name, link in links if link.ledger.per_day is not None}
        prices = [sourceview.price_row(row.listing.symbol, row) for row in self._sources.rows.values() if row.price is not None]
        kept = {"v": 1, "ledgers": ledgers, "added": list(self.added), "orders": self._sources.chain.orders, "prices": prices}
        text = json.dumps(kept, separators=(",", ":"))
        if text == self._text or not self.loaded:
            return
        try:
            await self._desk.around.store.meta_put(KEY, text)
        except PlatformError as error:
            self._warn(f"What is known of sources is not kept: {error}")
        else:
            self._text = text

    def _warn(self, words: str) -> None:
        if words != self._told:
            self._told = words
            self._desk.trace.add("network", "warn", words)
