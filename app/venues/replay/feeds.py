"""One recorded message to market events, venue by venue, through the venue's own parser and synchronisation.

A feed lives as long as one pass over a recording. It knows which REST answers are order books and which recorded lines mean
nothing to a market (subscriptions, trading rules). Raises nothing for bad content: that comes back as Rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, MarketEvent, Rejected

from ..binance.depth import DepthSync
from ..binance.parse import Parser as BinanceParser
from ..bitstamp.parse import Parser as BitstampParser
from ..coinbase.parse import Parser as CoinbaseParser
from ..kraken.parse import Parser as KrakenParser
from .recording import Message

Events = list[MarketEvent | Rejected]
_MAX_WAITING = 10_000


class Feed(Protocol):
    """Turns the messages of one recorded session into events, in order."""

    def events(self, message: Message) -> Events:
        """What one message means."""


class BinanceFeed:
    """Depth diffs go through DepthSync; REST depth answers start it."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._parser = BinanceParser(instruments)
        self._syncs = {item.symbol: DepthSync(item.symbol) for item in instruments}
        self._natives = [item.native for item in instruments]

    def events(self, message: Message) -> Events:
        """What one message means."""
        if message.direction == "http":
            return self._snapshot(message)
        if message.direction != "recv":
            return []
        found = self._parser.parse(message.raw, message.t)
        if len(found) == 1 and type(found[0]) is BookDelta:
            return self._syncs[found[0].symbol].on_delta(found[0])
        return found

    def _snapshot(self, message: Message) -> Events:
        if message.url and "/depth?" not in message.url:
            return []
        # A recording of one instrument alone may leave the address out.
        native = message.url.partition("symbol=")[2].partition("&")[0] or self._natives[0]
        found = self._parser.snapshot(native, message.raw, message.t)
        return [found] if isinstance(found, Rejected) else self._syncs[found.symbol].on_snapshot(found)


class BitstampFeed:
    """Differences wait for the REST order book of their pair; the book itself drops those it already holds."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._parser = BitstampParser(instruments)
        self._waiting: dict[str, list[BookDelta]] | None = {item.symbol: [] for item in instruments}

    def events(self, message: Message) -> Events:
        """What one message means."""
        if message.direction == "http":
            _, found, native = message.url.partition("/order_book/")
            return self._snapshot(native.strip("/"), message) if found else []
        if message.direction != "recv":
            return []
        found = self._parser.parse(message.raw, message.t)
        if self._waiting and found and type(found[0]) is BookDelta:
            waiting = self._waiting.get(found[0].symbol)
            if waiting is not None:
                if len(waiting) < _MAX_WAITING:
                    waiting.append(found[0])
                return []
        return found

    def _snapshot(self, native: str, message: Message) -> Events:
        found = self._parser.snapshot(native, message.raw, message.t)
        if not isinstance(found, BookSnapshot):
            return [found]
        return [found, *self._waiting.pop(found.symbol, ())]


class StreamFeed:
    """A venue whose stream carries everything: snapshots come over the socket."""

    def __init__(self, parser: CoinbaseParser | KrakenParser) -> None:
        self._parser = parser

    def events(self, message: Message) -> Events:
        """What one message means."""
        return self._parser.parse(message.raw, message.t) if message.direction == "recv" else []


def make_feed(venue: str, instruments: Sequence[Instrument]) -> Feed:
    """A fresh feed for one pass over a recording of ``venue``; KeyError for a venue that cannot be replayed."""
    return _FEEDS[venue](instruments)


_FEEDS = {
    "binance": BinanceFeed,
    "bitstamp": BitstampFeed,
    "coinbase": lambda instruments: StreamFeed(CoinbaseParser(instruments)),
    "kraken": lambda instruments: StreamFeed(KrakenParser(instruments)),
}
