"""Alpaca's market data: quotes and trades of US equities over its own stream, with the key from the vault.

Without the key nothing is connected, and the connection says so. Instruments are known at once, since what an order may look like is
learnt by the account. Quotes are those of one feed (IEX where nothing is paid), as books of one level.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Gap, MarketEvent
from app.net.backoff import Backoff
from app.net.connection import LinkPolicy
from app.net.streams import Limits
from app.platform.errors import HttpError
from app.platform.interfaces import SECRET_MARK

from ..base import ConnectionState, MarketSink
from ..dialect import Ask, Dialect, Learnt
from ..live import LiveVenue
from ..rest import Quota
from ..session import VenueSession, by_channel
from ..wire import ERRORS, decode, reject
from .parse import Parser
from .places import DATA, MARKET, Credentials
from .rules import VENUE, instrument
from .way import Way

SYMBOLS_AT_ONCE = 30
"""What the free feed streams of quotes and trades."""
NO_KEY = "Alpaca's quotes need its key: open the vault, or enter the key on the Vault page of a desk with account=alpaca"
AUTH_FAILED, TOO_MANY, ALREADY, SYMBOL_LIMIT = 402, 406, 403, 405


class AlpacaSession(VenueSession):
    """Log on, then subscribe. Topics are channel:symbol."""

    _authorized = False

    def opened(self) -> None:
        """The venue speaks first."""
        self.clear()
        self._authorized = False
        self.await_answers(1)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for topics, once logged on."""
        if self._authorized:
            super().subscribe(topics)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Ask for an end of topics, once logged on."""
        if self._authorized:
            super().unsubscribe(topics)

    @property
    def is_waiting(self) -> bool:
        """Whether anything asked for has not been answered."""
        return not self._authorized or bool(self._waiting)

    def requests(self, topics: Sequence[str]) -> list[str]:
        """All in one message."""
        return [_request("subscribe", topics)]

    def farewells(self, topics: Sequence[str]) -> list[str]:
        """The same to unsubscribe."""
        return [_request("unsubscribe", topics)]

    def probe(self) -> str:
        """Subscribing again to what is subscribed is answered with the list of subscriptions."""
        return _request("subscribe", self._lane.topics)

    def control(self, data: dict) -> None:
        """Greeting, log-on, answers to subscribing, errors."""
        if data["T"] == "success":
            if data.get("msg") == "connected":
                self._log_on()
            elif data.get("msg") == "authenticated" and not self._authorized:
                self._authorized = True
                self.subscribe(self._lane.topics)
                self._venue.opened(self._lane)
                self._venue.authorized(self._lane)
        elif data["T"] == "subscription":
            for channel in ("quotes", "trades"):
                names = data.get(channel)
                for name in names if isinstance(names, list) else ():
                    self.confirmed(f"{channel}:{name}")
        else:
            self._error(data.get("code"), data.get("msg"))

    def _log_on(self) -> None:
        credentials = self._venue.credentials
        if credentials is not None:
            text = json.dumps({"action": "auth", "key": credentials.key_id, "secret": SECRET_MARK}, separators=(",", ":"))
            self._lane.link.send(text, credentials.injector)

    def _error(self, code: object, said: object) -> None:
        if code == AUTH_FAILED:
            self._venue.key_refused("Alpaca refused the key for market data: enter it again on the Vault page")
        elif code == TOO_MANY:
            self.goodbye = "Alpaca allows one connection for market data with a key, and another one is open"
        elif code != ALREADY:
            self.refused("a request", said, list(self._waiting) if code == SYMBOL_LIMIT else ())


class QuoteFeed:
    """An instrument whose quotes come as they change: in step from the moment they are subscribed, even while none comes."""

    def __init__(self, symbol: str, owner: Any) -> None:
        self.symbol, self.rank, self.is_live = symbol, 0, False
        self._owner = owner

    @property
    def problem(self) -> str:
        """Why it is not in step."""
        return "" if self.is_live else f"{self.symbol}: not subscribed yet"

    def connected(self) -> None:
        """Quotes come from now on."""
        self.is_live = True
        self._owner.on_in_step()

    def on_book(self, event: BookDelta | BookSnapshot) -> list[MarketEvent]:
        """Every quote is whole."""
        return [event]

    def reset(self, reason: str, now_ns: int) -> list[MarketEvent]:
        """The quote cannot be right: the next one will be."""
        return [Gap(self.symbol, now_ns, reason)]

    def lost(self, reason: str, now_ns: int) -> list[MarketEvent]:
        """The connection is gone."""
        was, self.is_live = self.is_live, False
        if was:
            self._owner.on_resync("connection lost")
        return [Gap(self.symbol, now_ns, reason)] if was else []

    def stop(self) -> None:
        """Nothing is asked for."""


class Alpaca(Dialect):
    """US equities at Alpaca."""

    name = VENUE
    ws = MARKET
    rest = DATA
    symbols = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "TSLA", "SPY", "QQQ")
    limits = Limits(topics=2 * SYMBOLS_AT_ONCE, sockets=1, policy=LinkPolicy(silence_s=30.0, probe_timeout_s=10.0, connects=30, connects_window_s=60.0))
    quota = Quota(200)
    session = AlpacaSession

    async def learn(self, ask: Ask, symbols: Sequence[str]) -> Learnt:
        """Every stock trades in cents and whole shares until its own rules are known."""
        return Learnt([instrument(name) for name in symbols])

    def parser(self, instruments: Sequence[Instrument]) -> Parser:
        """Reads the stream."""
        return Parser(instruments)

    def topics(self, instrument: Instrument, route: str) -> tuple[str, ...]:
        """Quotes and trades."""
        return (f"quotes:{instrument.native}", f"trades:{instrument.native}")

    def feed(self, instrument: Instrument, venue: LiveVenue, backoff: Backoff) -> QuoteFeed:
        """Nothing has to be kept in step."""
        return QuoteFeed(instrument.symbol, venue)


class AlpacaLive(LiveVenue):
    """Alpaca's stream; arguments as LiveVenue's. ``use_key`` connects it."""

    def __init__(self, **around: Any) -> None:
        self.credentials: Credentials | None = None
        self._way: Way | None = None
        self._refused = ""
        self._feed_name = (around.get("ws") or MARKET).rstrip("/").rpartition("/")[2] or "iex"
        super().__init__(Alpaca(), **around)

    @property
    def needs_key(self) -> bool:
        """Whether nothing comes before a key is entered or the vault opened."""
        return self.credentials is None

    def start(self, sink: MarketSink) -> None:
        """Deliver to ``sink``, as soon as there is a key."""
        self._sink, self._stopped = sink, False
        sink.on_connection(self.connection)
        self._begin()

    def use_key(self, credentials: Credentials | None, way: Way) -> None:
        """Connect with a key, or end because there is none any more."""
        if self._stopped:
            return
        for pool in self.pools.values():
            for lane in pool.lanes:
                if lane.link.is_open:
                    lane.session.lost("another key")
                    self._lost(lane, "the key has changed")
            self._streams.remove(pool)
        self.credentials, self._way, self._refused = credentials, way, ""
        self._begin()
        self._report()

    def refine(self, instruments: Sequence[Instrument]) -> None:
        """What is known better by now: steps of prices and quantities; scales stay."""
        better = {item.symbol: item for item in instruments}
        self._instruments = [better.get(item.symbol, item) for item in self._instruments]

    def key_refused(self, words: str) -> None:
        """The venue does not take the key: it is not tried again by itself."""
        self._refused = words
        self.scheduler.call_soon(self._end)

    def authorized(self, lane: Any) -> None:
        """Logged on: the present, which is not told until it changes, is asked for."""
        self.scheduler.create_task(self._present([symbol.partition(":")[2] for symbol in lane.topics if symbol.startswith("quotes:")]))

    def _begin(self) -> None:
        if self._sink is not None and self.credentials is not None:
            for pool in self.pools.values():
                self._streams.add(pool)

    def _end(self) -> None:
        for pool in self.pools.values():
            self._streams.remove(pool)
        self._report()

    async def _present(self, natives: list[str]) -> None:
        credentials, way = self.credentials, self._way
        if credentials is None or way is None or not natives:
            return
        url = f"{credentials.places.data}/v2/stocks/snapshots?{urlencode({'symbols': ','.join(natives), 'feed': self._feed_name})}"
        try:
            answer = await way.send("GET", url, None, credentials)
            if answer.status != 200:
                raise ValueError(f"it answered {answer.status}")
            found = self.parser.snapshots(decode(answer.body.decode("utf-8"), exact=True), self.clock.now_ns())
        except (HttpError, *ERRORS) as error:
            self.on_rejected(reject(VENUE, self.clock.now_ns(), f"the present quotes could not be read: {error}", ""))
            return
        if self._sink is not None and self.credentials is credentials:
            self.take(found, self.clock.monotonic_ns())

    def _state(self) -> tuple[ConnectionState, str, int, float | None]:
        if not self._stopped and (self.credentials is None or self._refused):
            return ConnectionState.OFFLINE, self._refused or NO_KEY, 0, None
        return super()._state()


def _request(action: str, topics: Sequence[str]) -> str:
    return json.dumps({"action": action, **by_channel(topics)}, separators=(",", ":"))
