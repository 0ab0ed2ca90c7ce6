"""Bitstamp from the live public feed. Its books are sent whole, the hundred best levels a side, several times a second.

The venue's differences carry nothing that would show a loss, so whole books are taken instead: none can be wrong for longer than until the next one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.model.instrument import Instrument
from app.net.connection import LinkPolicy
from app.net.streams import Limits
from app.platform.columns import Layouts

from ..dialect import Ask, Dialect, Learnt
from ..live import LiveVenue
from ..rest import Quota
from ..session import VenueSession
from ..wire import WireError
from .columns import layouts
from .parse import VENUE, Parser, rules


class BitstampSession(VenueSession):
    """Topics are the venue's channels; each is asked for and answered by itself."""

    def requests(self, topics: Sequence[str]) -> list[str]:
        """One message a channel."""
        return [_request("bts:subscribe", topic) for topic in topics]

    def farewells(self, topics: Sequence[str]) -> list[str]:
        """The same to unsubscribe."""
        return [_request("bts:unsubscribe", topic) for topic in topics]

    def probe(self) -> str:
        """Answered with a heartbeat."""
        return '{"event":"bts:heartbeat"}'

    def control(self, data: dict) -> None:
        """Answers to subscribing, and notices."""
        kind = data["event"]
        if kind == "bts:request_reconnect":
            self.goodbye = "the venue asks for another connection"
        elif kind == "bts:error":
            said = data.get("data")
            channel = data.get("channel")
            topics = [channel] if channel in self._waiting else list(self._waiting)
            self.refused("a request", said.get("message") if isinstance(said, dict) else None, topics)
        elif kind == "bts:subscription_succeeded" and isinstance(data.get("channel"), str):
            self.confirmed(data["channel"])


class Bitstamp(Dialect):
    """Bitstamp spot."""

    name = VENUE
    ws = "wss://ws.bitstamp.net"
    rest, rest_path = "https://www.bitstamp.net/api/v2", "/api/v2"
    symbols = ("BTC/USD", "ETH/USD", "XRP/USD", "SOL/USD", "ADA/USD", "LTC/USD")
    limits = Limits(topics=80, sockets=4, policy=LinkPolicy(connects=60, messages=20))
    quota = Quota(600)
    session = BitstampSession

    async def learn(self, ask: Ask, symbols: Sequence[str]) -> Learnt:
        """The list of all pairs."""
        answer = await ask("/trading-pairs-info/", 1)
        if answer.error:
            raise WireError(answer.error)
        return Learnt(*rules(answer.text, symbols))

    def parser(self, instruments: Sequence[Instrument]) -> Parser:
        """Reads the feed."""
        return Parser(instruments)

    def layouts(self, instruments: Sequence[Instrument]) -> Layouts:
        """Trades and books as they are streamed."""
        return layouts(instruments)

    def topics(self, instrument: Instrument, route: str) -> tuple[str, ...]:
        """Book and trades."""
        return (f"order_book_{instrument.native}", f"live_trades_{instrument.native}")


class BitstampLive(LiveVenue):
    """Bitstamp over sockets and REST; arguments as LiveVenue's."""

    def __init__(self, **around: Any) -> None:
        super().__init__(Bitstamp(), **around)


def _request(event: str, channel: str) -> str:
    return json.dumps({"event": event, "data": {"channel": channel}}, separators=(",", ":"))
