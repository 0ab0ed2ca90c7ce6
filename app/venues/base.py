"""The interfaces every venue fulfils, market data and execution apart, and what they report.

Owns the vocabulary of connections and capabilities. Never does I/O: sockets, timers and clocks are injected
into the venues themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from app.model.events import Event
from app.model.instrument import Instrument
from app.model.market import MarketEvent, Rejected
from app.model.orders import OrderIntent, OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue can do; what it cannot is refused before it is sent."""

    market_data: bool = False
    execution: bool = False
    order_types: frozenset[OrderType] = frozenset()
    tifs: frozenset[TimeInForce] = frozenset()
    amend: bool = False
    post_only: bool = False
    reduce_only: bool = False
    replay: bool = False


class ConnectionState(StrEnum):
    OFFLINE = "offline"
    CONNECTING = "connecting"
    SYNCING = "syncing"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Connection:
    """The state of one venue's connection, since when (ns UTC), and why, in words for people."""

    venue: str
    state: ConnectionState
    since_ns: int
    detail: str = ""
    attempts: int = 0
    next_try_s: float | None = None


class MarketSink(Protocol):
    """Who receives what a market data venue hears. Called on the venue's own thread, in order, never re-entered."""

    def on_events(self, events: list[MarketEvent], received_ns: int) -> None:
        """Parsed events; ``received_ns`` is the monotonic time at which the oldest frame among them came in."""

    def on_rejected(self, rejected: Rejected) -> None:
        """A frame that could not be used."""

    def on_connection(self, connection: Connection) -> None:
        """The connection changed."""


class MarketDataVenue(Protocol):
    """A source of market data. ``instruments`` is valid once ``prepare`` has returned."""

    name: str
    capabilities: Capabilities
    connection: Connection

    async def prepare(self) -> None:
        """Learn the instruments."""

    def instruments(self) -> list[Instrument]:
        """Every instrument offered, in the order of the watchlist."""

    def start(self, sink: MarketSink) -> None:
        """Begin to deliver to ``sink``."""

    def stop(self) -> None:
        """End; nothing is delivered afterwards."""

    def now_ns(self, symbol: str = "") -> int:
        """The venue's present in ns UTC, to measure staleness by; a replay has one for each recorded session."""


class ExecutionVenue(Protocol):
    """Where orders go. Answers come as lists of events through the ``report`` callback given at construction.

    ``order_types`` and ``tifs`` are what it takes, by value; ``answered(client_order_id, as_of_ns)`` is set by the desk and called after each
    whole answer to a query. ``moves_anew``: to change the price of a partly filled order it is cancelled, and what is left placed anew.
    ``takes_orders`` is false while the orders that the desk holds could not be released. One that signs its orders may have ``make_ready(intents)``, which is
    called while these are being journalled: they are submitted in a moment, or never.
    """

    name: str
    order_types: Sequence[str]
    tifs: Sequence[str]
    is_spot: bool
    takes_pairs: bool
    moves_anew: bool
    answered: Callable[..., object]
    takes_orders: bool

    def know(self, instruments: Iterable[Instrument]) -> None:
        """More instruments are known."""

    def adopt(self, orders: Iterable[Any], positions: Mapping[str, Decimal] | None = None) -> None:
        """Another journal is open: these orders of it work."""

    def on_market(self, batch: list[MarketEvent]) -> None:
        """Market events, after the market state has applied them."""

    def close(self) -> None:
        """The journal is being closed: nothing is reported afterwards that the next one could not learn by asking."""

    def refusal(self, intent: OrderIntent) -> tuple[str, str | None, str, str] | None:
        """Why an order would not be sent: code, field, reason, remedy; None when it would. Asked before the intent is journalled."""

    def amend_refusal(self, order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> tuple[str, str | None, str, str] | None:
        """The same for an amendment."""

    def submit(self, intent: OrderIntent) -> None:
        """Send a new order, at most once; one that is not sent is reported as rejected."""

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel."""

    def amend(
        self, client_order_id: str, qty: Decimal | None, price: Decimal | None, stop: Decimal | None, trail: Decimal | None = None
    ) -> None:
        """Ask for a change; None leaves a value as it is, ``qty`` is the new total quantity, ``trail`` the distance of a trailing stop that the
        venue has of its own."""

    def query(self, client_order_id: str) -> bool | None:
        """Ask what became of an order. False: a question about it waits for its turn already."""


Report = Callable[[list[Event]], None]
