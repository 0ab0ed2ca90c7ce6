"""Binance USD-M futures from the live public streams. Books and quotes come on one route of sockets, trades on another, as the venue wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.model.instrument import Instrument
from app.net.backoff import Backoff
from app.net.connection import LinkPolicy
from app.net.streams import Limits
from app.platform.columns import Layouts

from ..binance.parse import instruments_from_exchange_info, not_trading
from ..binance.session import BinanceSession
from ..binance.snapshots import SnapshotFeed
from ..dialect import Ask, Dialect, Learnt
from ..live import LiveVenue
from ..rest import Quota
from ..wire import WireError
from .columns import layouts
from .parse import VENUE, Parser

PUBLIC, MARKET = "/public/stream", "/market/stream"
STREAMS = {PUBLIC: ("depth@100ms", "bookTicker"), MARKET: ("aggTrade",)}
DEPTH_LIMIT = 1000
_RULES_WEIGHT, _DEPTH_WEIGHT = 1, 20


class UsdM(Dialect):
    """Binance USD-M futures."""

    name = VENUE
    ws = "wss://fstream.binance.com"
    rest, rest_path = "https://fapi.binance.com/fapi/v1", "/fapi/v1"
    routes = (PUBLIC, MARKET)
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "DOGEUSDT")
    limits = Limits(topics=200, sockets=5, policy=LinkPolicy(messages=8))
    quota = Quota(1200, 60.0, "x-mbx-used-weight-1m")
    session = BinanceSession

    async def learn(self, ask: Ask, symbols: Sequence[str]) -> Learnt:
        """exchangeInfo knows no selection: all instruments come."""
        answer = await ask("/exchangeInfo", _RULES_WEIGHT)
        if answer.error:
            raise WireError(answer.error)
        return Learnt(instruments_from_exchange_info(answer.text, VENUE, symbols), not_trading(answer.text))

    def parser(self, instruments: Sequence[Instrument]) -> Parser:
        """Reads futures streams."""
        return Parser(instruments)

    def layouts(self, instruments: Sequence[Instrument]) -> Layouts:
        """Quotes, trades and depth as they are streamed."""
        return layouts(instruments)

    def topics(self, instrument: Instrument, route: str) -> tuple[str, ...]:
        """Depth and quotes, or trades."""
        return tuple([f"{instrument.native.lower()}@{kind}" for kind in STREAMS[route]])

    def feed(self, instrument: Instrument, venue: LiveVenue, backoff: Backoff) -> SnapshotFeed:
        """Differences on a REST snapshot."""
        return SnapshotFeed(instrument, venue.parser, venue.rest, venue.clock, venue.scheduler, backoff, DEPTH_LIMIT, _DEPTH_WEIGHT, venue)


class UsdMLive(LiveVenue):
    """Binance USD-M futures over sockets and REST; arguments as LiveVenue's."""

    def __init__(self, **around: Any) -> None:
        super().__init__(UsdM(), **around)
