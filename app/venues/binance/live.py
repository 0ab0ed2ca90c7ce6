"""Binance spot market data from the live public streams: depth differences on top of REST snapshots, best quotes, trades."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from app.model.instrument import Instrument
from app.net.backoff import Backoff
from app.net.streams import Limits
from app.platform.columns import Layouts

from ..dialect import Ask, Dialect, Learnt
from ..live import LiveVenue
from ..rest import Quota
from ..wire import WireError
from .columns import layouts
from .parse import VENUE, Parser, instruments_from_exchange_info, not_trading
from .session import BinanceSession
from .snapshots import SnapshotFeed

STREAMS = ("depth@100ms", "bookTicker", "trade")
_RULES_WEIGHT = 20
_BAD_SYMBOL = -1121


class Spot(Dialect):
    """Binance spot. ``depth_limit`` is the number of levels a side in a snapshot (up to 5000)."""

    name = VENUE
    ws, ws_path = "wss://stream.binance.com:9443/stream", "/stream"
    rest, rest_path = "https://data-api.binance.vision/api/v3", "/api/v3"
    symbols = (
        "BTCUSDT",
        "ETHUSDT",
        "SOLUSDT",
        "BNBUSDT",
        "XRPUSDT",
        "DOGEUSDT",
        "ADAUSDT",
        "LINKUSDT",
        "AVAXUSDT",
        "LTCUSDT",
        "TRXUSDT",
        "DOTUSDT",
    )
    limits = Limits(topics=1000, sockets=4)
    # Half of the 6000 a minute the venue allows one address: other programs of the trader share it.
    quota = Quota(3000, 60.0, "x-mbx-used-weight-1m")
    session = BinanceSession

    def __init__(self, depth_limit: int = 1000) -> None:
        self._depth_limit = depth_limit

    async def learn(self, ask: Ask, symbols: Sequence[str]) -> Learnt:
        """exchangeInfo for all symbols, or one by one when one of them is unknown: it spoils the answer for all."""
        names = quote(json.dumps(tuple(symbols), separators=(",", ":")))
        answer = await ask(f"/exchangeInfo?symbols={names}", _RULES_WEIGHT)
        texts = [answer.text]
        if answer.code == _BAD_SYMBOL:
            answers = [await ask(f"/exchangeInfo?symbol={quote(name)}", _RULES_WEIGHT) for name in symbols]
            texts = [each.text for each in answers if not each.error]
        elif answer.error:
            raise WireError(answer.error)
        out = Learnt([])
        for text in texts:
            out.instruments += instruments_from_exchange_info(text)
            out.halted |= not_trading(text)
        return out

    def parser(self, instruments: Sequence[Instrument]) -> Parser:
        """Reads spot streams."""
        return Parser(instruments)

    def layouts(self, instruments: Sequence[Instrument]) -> Layouts:
        """Quotes, trades and depth as they are streamed."""
        return layouts(instruments)

    def topics(self, instrument: Instrument, route: str) -> tuple[str, ...]:
        """Depth, quotes, trades."""
        return tuple([f"{instrument.native.lower()}@{kind}" for kind in STREAMS])

    def feed(self, instrument: Instrument, venue: LiveVenue, backoff: Backoff) -> SnapshotFeed:
        """Differences on a REST snapshot."""
        weight = snapshot_weight(self._depth_limit)
        return SnapshotFeed(instrument, venue.parser, venue.rest, venue.clock, venue.scheduler, backoff, self._depth_limit, weight, venue)


class BinanceLive(LiveVenue):
    """Binance spot over sockets and REST; arguments as LiveVenue's, and ``depth_limit``."""

    def __init__(self, *, depth_limit: int = 1000, **around: Any) -> None:
        super().__init__(Spot(depth_limit), **around)


def snapshot_weight(limit: int) -> int:
    """Request weight of a depth snapshot of ``limit`` levels a side."""
    for most, weight in ((100, 5), (500, 25), (1000, 50)):
        if limit <= most:
            return weight
    return 250
