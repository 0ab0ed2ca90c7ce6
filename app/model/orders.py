"""Orders, fills and positions in the field's words. Prices, quantities and cash are Decimal; times are integer ns UTC."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

LATER = {"later": True}
"""Metadata of fields younger than the first journals: they may be absent there, and are left out while None."""


# What follows from a member is an attribute of it and no property: every order asks dozens of times.


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    sign: int
    """+1 for buy, -1 for sell."""


Side.BUY.sign, Side.SELL.sign = 1, -1


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    """A stop that follows the last trade at a distance, never back."""
    MARKET_IF_TOUCHED = "market_if_touched"
    """Waits for a better price than the present one, then trades at market."""
    LIMIT_IF_TOUCHED = "limit_if_touched"
    ICEBERG = "iceberg"
    """A limit order that shows only a part of itself."""

    has_limit: bool
    """True when the order carries a limit price."""
    has_stop: bool
    """True when the order carries a trigger price that the trader gives."""
    is_touch: bool
    """True when the trigger is on the favourable side: a buy waits for a lower price."""


for _type in OrderType:
    _type.has_limit = _type in (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED, OrderType.ICEBERG)
    _type.is_touch = _type in (OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED)
    _type.has_stop = _type.is_touch or _type in (OrderType.STOP, OrderType.STOP_LIMIT)


class TimeInForce(StrEnum):
    GTC = "gtc"
    DAY = "day"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"
    """Good till a moment that the order names."""
    AT_OPEN = "at_open"
    """For the opening of the next session only."""
    AT_CLOSE = "at_close"
    """For the close of the session only."""

    is_session: bool
    """True when it waits for the open or the close of a session."""


for _tif in TimeInForce:
    _tif.is_session = _tif in (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)


class OrderStatus(StrEnum):
    HELD = "held"
    """Journalled and held by this desk, not by the venue: it waits for its trigger or for its entry order."""
    NEW = "new"
    """Journalled here, not yet sent."""
    PENDING = "pending"
    """Handed to the venue, no answer yet."""
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DENIED = "denied"
    """Refused by this desk at the moment it was to be sent: the venue never saw it."""
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    """Sent, and what became of it is not known: to be resolved by query, never by sending again."""

    is_final: bool
    """True when nothing more can happen to the order."""
    is_working: bool
    """True when the venue may still fill it, or may have it without our knowing."""


for _status in OrderStatus:
    _status.is_final = _status in (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.DENIED, OrderStatus.EXPIRED)
    _status.is_working = not _status.is_final


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What the trader (or a strategy) asked for. ``price`` is the limit, ``stop`` the trigger, None where unused.

    ``trail`` (quote currency) or ``trail_percent`` is the distance of a trailing stop, ``display`` what an iceberg shows,
    ``expires_ns`` the end of a GTD order. ``parent`` is the order that has to fill first, ``group`` what the orders of which one
    cancels the other have in common. ``held``: this desk watches for the trigger, the venue does not know of it before; with ``release_ns`` the
    trigger is that moment (an open or a close), and after ``expires_ns`` it is too late. ``route``: the routed order that this is a leg of.
    ``multiplier``: what its instrument's was, None for 1.
    """

    client_order_id: str
    account: str
    origin: str
    sequence: int
    symbol: str
    side: Side
    type: OrderType
    tif: TimeInForce
    qty: Decimal
    price: Decimal | None = None
    stop: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False
    trail: Decimal | None = field(default=None, metadata=LATER)
    trail_percent: Decimal | None = field(default=None, metadata=LATER)
    display: Decimal | None = field(default=None, metadata=LATER)
    expires_ns: int | None = field(default=None, metadata=LATER)
    parent: str | None = field(default=None, metadata=LATER)
    group: str | None = field(default=None, metadata=LATER)
    held: bool | None = field(default=None, metadata=LATER)
    route: str | None = field(default=None, metadata=LATER)
    release_ns: int | None = field(default=None, metadata=LATER)
    multiplier: Decimal | None = field(default=None, metadata=LATER)

    @property
    def starts_held(self) -> bool:
        """True when it is not sent at once."""
        return bool(self.held) or self.parent is not None

    @property
    def is_linked(self) -> bool:
        """True when this desk has to act on it later: held, waiting for an entry, or one of a pair."""
        return bool(self.held) or self.parent is not None or self.group is not None


def client_order_id(account: str, origin: str, sequence: int) -> str:
    """The id an intent gets: a pure function of (account, origin, intent sequence); matches [a-z0-9-]{1,36}.

    Pure, so that a desk that lost its memory of sending asks about the very same id instead of making a new one.
    """
    text = f"{len(account)}:{account}|{len(origin)}:{origin}|{sequence}".encode()
    return "kt-" + b32encode(hashlib.sha256(text).digest()[:15]).decode().lower()


def leg_order_id(route: str, leg: int) -> str:
    """The id of a leg of a routed order: a pure function of the routed order's id and the leg's number."""
    return client_order_id(route, "leg", leg)


class VenueWord(NamedTuple):
    """What a venue said last of an order: whether it works there, its total, what is filled and at what average (None: not said)."""

    status: str
    works: bool
    qty: Decimal
    filled: Decimal
    average: Decimal | None


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. ``fee`` is in ``fee_currency``, positive when paid. ``fill_id`` is unique per account.

    ``currency`` is what ``price`` counts in; None: the same as the fee. It is worth ``qty`` x ``price`` x ``multiplier`` (None: 1). ``in_kind``: the fee
    is in what was traded, and so much less (or more) of it is held; None for any other.
    """

    fill_id: str
    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    ts: int
    currency: str | None = field(default=None, metadata=LATER)
    multiplier: Decimal | None = field(default=None, metadata=LATER)
    in_kind: bool | None = field(default=None, metadata=LATER)

    @property
    def priced_in(self) -> str:
        """The currency of its price."""
        return self.currency or self.fee_currency
