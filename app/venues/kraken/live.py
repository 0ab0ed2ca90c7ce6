"""Kraken from the live public feed, WebSocket v2: books that begin with a snapshot on the stream and prove themselves by checksums."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from app.model.instrument import Instrument
from app.net.connection import LinkPolicy
from app.net.streams import Limits
from app.platform.columns import Layouts

from ..dialect import Ask, Dialect, Learnt
from ..live import LiveVenue
from ..rest import Quota
from ..session import VenueSession, by_channel, chunks
from ..wire import WireError
from .columns import layouts
from .parse import VENUE
from .v2 import DEPTH, Parser, rest_name, rules

CHUNK = 10
_UNKNOWN_PAIR = "Unknown asset pair"


class KrakenSession(VenueSession):
    """Topics are channel:pair; every pair is answered by itself."""

    def requests(self, topics: Sequence[str]) -> list[str]:
        """One channel a message; books first."""
        return _requests("subscribe", topics)

    def farewells(self, topics: Sequence[str]) -> list[str]:
        """The same to unsubscribe."""
        return _requests("unsubscribe", topics)

    def probe(self) -> str:
        """Answered with a pong."""
        return '{"method":"ping"}'

    def control(self, data: dict) -> None:
        """Answers to subscribing, and notices."""
        if data.get("channel") == "status":
            rows = data.get("data")
            said = rows[0].get("system") if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None
            if isinstance(said, str):
                self.notice = "" if said == "online" else f"the venue says: {said[:40]}"
                self._venue.changed()
            return
        if data.get("method") == "pong":
            return
        result = data.get("result")
        if data.get("success") is True and isinstance(result, dict):
            self.confirmed(f"{result.get('channel')}:{result.get('symbol')}")
        elif "error" in data and data.get("method") != "unsubscribe":
            pair = data.get("symbol")
            topics = [topic for topic in self._waiting if topic.endswith(f":{pair}")] if isinstance(pair, str) else list(self._waiting)
            self.refused(str(data.get("method", "a request"))[:30], data["error"], topics)


class Kraken(Dialect):
    """Kraken spot."""

    name = VENUE
    ws, ws_path = "wss://ws.kraken.com/v2", "/v2"
    rest, rest_path = "https://api.kraken.com/0/public", "/0/public"
    symbols = ("BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "DOGE/USD", "ADA/USD", "LINK/USD", "LTC/USD")
    # 150 connects in ten minutes from one address.
    limits = Limits(topics=100, sockets=4, policy=LinkPolicy(silence_s=8.0, connects=120, connects_window_s=600.0, messages=5))
    quota = Quota(50)
    session = KrakenSession

    async def learn(self, ask: Ask, symbols: Sequence[str]) -> Learnt:
        """AssetPairs for all, or one by one when one of them is unknown: it spoils the answer for all."""
        names = [rest_name(name) for name in symbols]
        answer = await ask("/AssetPairs?pair=" + quote(",".join(names)), 1)
        texts = [answer.text]
        if answer.error:
            raise WireError(answer.error)
        if _UNKNOWN_PAIR in answer.text[:200]:
            texts = [each.text for name in names if not (each := await ask("/AssetPairs?pair=" + quote(name), 1)).error]
            texts = [text for text in texts if _UNKNOWN_PAIR not in text[:200]]
        out = Learnt([])
        for text in texts:
            found, halted = rules(text)
            out.instruments += found
            out.halted |= halted
        return out

    def parser(self, instruments: Sequence[Instrument]) -> Parser:
        """Reads the v2 feed."""
        return Parser(instruments)

    def layouts(self, instruments: Sequence[Instrument]) -> Layouts:
        """Trades and books as they are streamed."""
        return layouts(instruments)

    def topics(self, instrument: Instrument, route: str) -> tuple[str, ...]:
        """Book and trades."""
        return (f"book:{instrument.native}", f"trade:{instrument.native}")


class KrakenLive(LiveVenue):
    """Kraken over sockets and REST; arguments as LiveVenue's."""

    def __init__(self, **around: Any) -> None:
        super().__init__(Kraken(), **around)


def _requests(method: str, topics: Sequence[str]) -> list[str]:
    out = []
    for channel, pairs in by_channel(topics).items():
        for part in chunks(pairs, CHUNK):
            params: dict = {"channel": channel, "symbol": list(part)}
            if channel == "book":
                params["depth"] = DEPTH
            if method == "subscribe":
                params["snapshot"] = channel == "book"
            out.append(json.dumps({"method": method, "params": params}, separators=(",", ":")))
    return out
