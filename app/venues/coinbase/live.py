"""Coinbase from the live public Advanced Trade feed: books that begin with a snapshot on the stream, numbered messages, heartbeats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from app.model.instrument import Instrument
from app.model.market import MarketEvent, Rejected
from app.net.connection import LinkPolicy
from app.net.streams import Limits
from app.platform.columns import Layouts

from ..dialect import Ask, Dialect, Learnt
from ..live import LiveVenue
from ..rest import Quota
from ..session import VenueSession, by_channel, chunks
from ..wire import WireError
from .advanced import Parser, rules
from .columns import layouts
from .parse import VENUE

CHUNK = 10
_RULES_WEIGHT = 1


class CoinbaseSession(VenueSession):
    """Topics are channel:product. A hole in the numbers means that anything may be missing: the connection is given up."""

    _next: int | None = None

    def begin(self) -> None:
        """Without heartbeats quiet channels are closed."""
        self._next = None
        self.send([_request("subscribe", "heartbeats", None)])

    def read(self, texts: Sequence[str], recv_ns: int) -> list[MarketEvent | Rejected]:
        """Events up to a hole in the numbers; what came before and is repeated is dropped."""
        columns = self._venue.reader.read(texts)
        out, self._next, self.goodbye = self._venue.parser.columns.numbered(columns, recv_ns, self._next)
        return out

    def requests(self, topics: Sequence[str]) -> list[str]:
        """One channel a message; books first."""
        return _requests("subscribe", topics)

    def farewells(self, topics: Sequence[str]) -> list[str]:
        """The same to unsubscribe."""
        return _requests("unsubscribe", topics)

    def probe(self) -> str:
        """Subscribing again to what is subscribed is answered with the list of subscriptions."""
        return _request("subscribe", "heartbeats", None)

    def control(self, data: dict) -> None:
        """Answers to subscribing, and notices."""
        if data.get("type") == "error":
            self.refused("a request", data.get("message"), list(self._waiting))
            return
        events = data.get("events")
        for event in events if isinstance(events, list) else ():
            listed = event.get("subscriptions") if isinstance(event, dict) else None
            for channel, products in listed.items() if isinstance(listed, dict) else ():
                for product in products if isinstance(products, list) else ():
                    self.confirmed(f"{channel}:{product}")
                    self.confirmed(f"{channel}:{product}C")


class Coinbase(Dialect):
    """Coinbase Advanced Trade."""

    name = VENUE
    ws = "wss://advanced-trade-ws.coinbase.com"
    rest, rest_path = "https://api.coinbase.com/api/v3/brokerage", "/api/v3/brokerage"
    symbols = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "DOGE-USD", "ADA-USD", "LINK-USD", "LTC-USD")
    # 8 messages a second without a key, from one address.
    limits = Limits(topics=40, sockets=5, by_address=True, policy=LinkPolicy(silence_s=8.0, connects=100, messages=6))
    quota = Quota(300)
    session = CoinbaseSession

    async def learn(self, ask: Ask, symbols: Sequence[str]) -> Learnt:
        """The public list of products, of these only."""
        answer = await ask("/market/products?" + urlencode([("product_ids", name) for name in symbols]), _RULES_WEIGHT)
        if answer.error:
            raise WireError(answer.error)
        return Learnt(*rules(answer.text))

    def parser(self, instruments: Sequence[Instrument]) -> Parser:
        """Reads the Advanced Trade feed."""
        return Parser(instruments)

    def layouts(self, instruments: Sequence[Instrument]) -> Layouts:
        """Trades and books as they are streamed."""
        return layouts(instruments)

    def topics(self, instrument: Instrument, route: str) -> tuple[str, ...]:
        """Book and trades."""
        return (f"level2:{instrument.native}", f"market_trades:{instrument.native}")


class CoinbaseLive(LiveVenue):
    """Coinbase over sockets and REST; arguments as LiveVenue's."""

    def __init__(self, **around: Any) -> None:
        super().__init__(Coinbase(), **around)


def _requests(kind: str, topics: Sequence[str]) -> list[str]:
    return [_request(kind, channel, part) for channel, products in by_channel(topics).items() for part in chunks(products, CHUNK)]


def _request(kind: str, channel: str, products: Sequence[str] | None) -> str:
    body: dict = {"type": kind, "channel": channel}
    if products is not None:
        body["product_ids"] = list(products)
    return json.dumps(body, separators=(",", ":"))
