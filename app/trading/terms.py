"""The parts of a ticket that only some orders have: trailing distance, displayed part, end, exits, pairs.

What the execution venue lacks (if-touched orders, trailing stops at most) is held by this desk; exits of an entry order and the second
order of a pair are orders of their own, linked by `parent` and `group`. `contingent` acts on the links.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderType, Side, TimeInForce
from app.model.units import shorten

from .errors import Denied
from .marks import Mark
from .money import plain, ratio, remainder
from .sessions import SessionOf, window

if TYPE_CHECKING:
    from .order import Order
    from .ticket import Ticket

FIELDS = ("trail", "trail_unit", "display", "expires_ns", "take_profit", "stop_loss")
PAIR = "oco"
"""A ticket type that makes two orders, a limit and a stop, of which one cancels the other."""
HELD = frozenset({OrderType.TRAILING_STOP, OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
"""Held where the venue has no such type of its own."""
HELD_TIFS = frozenset({TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE})
"""Held where the venue has no auction of its own."""
_KINDS = HELD | {OrderType.ICEBERG}
_TIFS = HELD_TIFS | {TimeInForce.GTD}
MAX_TRAIL_PERCENT = Decimal(50)
MAX_LIFE_NS = 366 * 86_400 * 1_000_000_000


class Terms(NamedTuple):
    """What a ticket says beyond type, quantity and prices; None where it says nothing."""

    trail: Decimal | None = None
    trail_percent: Decimal | None = None
    display: Decimal | None = None
    expires_ns: int | None = None
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    pair_stop: Decimal | None = None
    release_ns: int | None = None
    held: bool = False
    apart: bool = False
    """The venue does not take both exits at once."""


NONE = Terms()


class Reading(NamedTuple):
    """The ticket so far, and how its numbers are read."""

    instrument: Instrument
    mark: Mark
    side: Side
    kind: OrderType
    tif: TimeInForce
    qty: Decimal
    price: Decimal | None
    stop: Decimal | None
    paired: bool
    number: Callable[[str, object], Decimal]
    price_of: Callable[..., Decimal | None]
    now_ns: int
    session_of: SessionOf
    native_tifs: frozenset[str]
    native_types: frozenset[str]
    takes_pairs: bool


def says_more(fields: dict, kind: OrderType, tif: TimeInForce) -> bool:
    """Whether there may be terms in ``fields`` at all: most orders have none."""
    return kind in _KINDS or tif in _TIFS or not fields.keys().isdisjoint(FIELDS) or fields.get("type") == PAIR


def read(fields: dict, so_far: Reading) -> Terms:
    """The terms in ``fields``; Denied names what is wrong."""
    trail, percent = _trail(fields, so_far)
    release, too_late = _session(so_far)
    return Terms(
        trail,
        percent,
        _display(fields.get("display"), so_far),
        _expiry(fields.get("expires_ns"), so_far) if too_late is None else too_late,
        _exit("take_profit", fields.get("take_profit"), so_far),
        _exit("stop_loss", fields.get("stop_loss"), so_far),
        _pair_stop(so_far),
        release,
        release is not None or (so_far.kind in HELD and so_far.kind.value not in so_far.native_types),
        not so_far.takes_pairs,
    )


def companions(ticket: Ticket, first: OrderIntent, make_id: Callable[[], tuple[str, int]]) -> list[OrderIntent]:
    """The orders that come with a ticket's first one: exits that wait for it, or the other order of its pair."""
    more, found = ticket.more, []

    def other(side: Side, kind: OrderType, price: Decimal | None, stop: Decimal | None, **rest: object) -> OrderIntent:
        cid, sequence = make_id()
        tif = first.tif if ticket.more.pair_stop is not None else TimeInForce.GTC
        same = (first.account, first.origin, sequence, first.symbol)
        return OrderIntent(cid, *same, side, kind, tif, first.qty, price, stop, multiplier=first.multiplier, **rest)

    if more.pair_stop is not None:
        found.append(
            other(
                first.side, OrderType.STOP, None, more.pair_stop, reduce_only=first.reduce_only, group=first.client_order_id, expires_ns=first.expires_ns
            )
        )
    group = first.client_order_id if more.take_profit is not None and more.stop_loss is not None else None
    away = Side.SELL if first.side is Side.BUY else Side.BUY
    links = {"reduce_only": True, "parent": first.client_order_id, "group": group}
    if more.take_profit is not None and group is not None and more.apart:  # the stop works at the venue, also while this desk is closed
        found.append(other(away, OrderType.MARKET_IF_TOUCHED, None, more.take_profit, held=True, **links))
    elif more.take_profit is not None:
        found.append(other(away, OrderType.LIMIT, more.take_profit, None, **links))
    if more.stop_loss is not None:
        found.append(other(away, OrderType.STOP, None, more.stop_loss, **links))
    return found


def trailing_stop(side: Side, last: Decimal, trail: Decimal | None, percent: Decimal | None, instrument: Instrument) -> Decimal:
    """Where a trailing stop stands while ``last`` is the best price seen, on the tick farther from it; at least one tick."""
    away = trail if trail is not None else last * percent / 100
    tick = instrument.tick_size
    raw = last - away if side is Side.SELL else last + away
    return max(_on_tick(raw, tick, ROUND_FLOOR if side is Side.SELL else ROUND_CEILING), tick)


def followed_stop(order: Order, best: Decimal | None, trail: Decimal | None, percent: Decimal | None, instrument: Instrument) -> Decimal:
    """Where a trailing stop stands at a new distance from ``best``, the best price seen (None: as its stop tells it). It only ever goes nearer to
    the market, unless the distance is wider than before."""
    side, before = order.intent.side, order.trail or order.trail_percent
    stop = trailing_stop(side, _best(order, best, instrument), trail, percent, instrument)
    return stop if (trail or percent) > before else nearer(side, stop, order.stop)


def nearer(side: Side, first: Decimal, second: Decimal) -> Decimal:
    """The one of two stops that is nearer to the market."""
    return max(first, second) if side is Side.SELL else min(first, second)


def _best(order: Order, seen: Decimal | None, instrument: Instrument) -> Decimal:
    """The best price that a trailing stop has followed: the one seen, or better where its stop says so."""
    side, sign = order.intent.side, -order.intent.side.sign
    if order.trail is not None:
        told = order.stop + sign * order.trail
    else:
        raw = ratio(order.stop * 100, 100 - sign * order.trail_percent)
        told = _on_tick(raw, instrument.tick_size, ROUND_CEILING if side is Side.SELL else ROUND_FLOOR)
    return told if seen is None else nearer(side, seen, told)


def _on_tick(price: Decimal, tick: Decimal, rounding: str) -> Decimal:
    return (price / tick).to_integral_value(rounding) * tick


def check_touch(side: Side, stop: Decimal, mark: Mark) -> None:
    """Denied when an if-touched order would be triggered by the present price."""
    if side is Side.BUY and mark.bid is not None and stop >= mark.bid:
        reason = f"A buy if touched at {plain(stop)} would trigger at once: the bid is {plain(mark.bid)}."
        raise Denied("touch_would_trigger", "stop", reason, "Use a price below the bid, or a stop to buy higher.")
    if side is Side.SELL and mark.ask is not None and stop <= mark.ask:
        reason = f"A sell if touched at {plain(stop)} would trigger at once: the ask is {plain(mark.ask)}."
        raise Denied("touch_would_trigger", "stop", reason, "Use a price above the ask, or a stop to sell lower.")


def _none(value: object) -> bool:
    return value is None or value == ""


def _superfluous(field: str, reason: str) -> Denied:
    return Denied(f"superfluous_{field}", field, reason, "Clear it.")


def _trail(fields: dict, so_far: Reading) -> tuple[Decimal | None, Decimal | None]:
    value = fields.get("trail")
    if so_far.kind is not OrderType.TRAILING_STOP:
        if not _none(value):
            raise _superfluous("trail", "Only a trailing stop has a distance.")
        return None, None
    if so_far.tif in (TimeInForce.IOC, TimeInForce.FOK):
        reason = f"A stop waits for its price, it cannot be {so_far.tif.value.upper()}."
        raise Denied("bad_tif", "tif", reason, "Use good till cancelled or day.")
    unit = fields.get("trail_unit", "amount")
    if unit not in ("amount", "percent"):
        raise Denied("bad_trail_unit", "trail_unit", f"Unknown unit of the distance: {shorten(unit)}.", "Use amount or percent.")
    number = so_far.number("trail", value)
    last = so_far.mark.last or so_far.mark.price
    if unit == "percent":
        if number > MAX_TRAIL_PERCENT:
            raise Denied("absurd_trail", "trail", f"{plain(number)} % is too far.", f"Use at most {plain(MAX_TRAIL_PERCENT)} %.")
        return None, number
    tick = so_far.instrument.tick_size
    if remainder(number, tick):
        raise Denied("bad_tick", "trail", f"The distance moves in steps of {plain(tick)}.", f"Use a multiple of {plain(tick)}.")
    if number * 2 > last:
        raise Denied("absurd_trail", "trail", f"{plain(number)} is more than half of the price {plain(last)}.", "Use a smaller distance.")
    return number, None


def _display(value: object, so_far: Reading) -> Decimal | None:
    if so_far.kind is not OrderType.ICEBERG:
        if not _none(value):
            raise _superfluous("display", "Only an iceberg shows a part of itself.")
        return None
    if so_far.tif in (TimeInForce.IOC, TimeInForce.FOK):
        raise Denied("bad_tif", "tif", f"An iceberg rests, it cannot be {so_far.tif.value.upper()}.", "Use good till cancelled or day.")
    shown = so_far.number("display", value)
    lot = so_far.instrument.lot_size
    if remainder(shown, lot):
        raise Denied("bad_lot", "display", f"Displayed quantity moves in steps of {plain(lot)}.", f"Use a multiple of {plain(lot)}.")
    if shown >= so_far.qty:
        reason = f"The displayed quantity {plain(shown)} hides nothing of {plain(so_far.qty)}."
        raise Denied("bad_display", "display", reason, "Use less than the quantity, or a limit order.")
    return shown


def _session(so_far: Reading) -> tuple[int | None, int | None]:
    """When this desk sends an order for an open or a close, and when it is too late; None where it does not hold it."""
    if so_far.tif not in HELD_TIFS:
        return None, None
    if so_far.kind not in (OrderType.MARKET, OrderType.LIMIT) or so_far.paired:
        word = so_far.tif.value.replace("_", "-")
        raise Denied("bad_tif", "tif", f"Only a market or limit order can be {word}.", "Choose another type, or good till cancelled.")
    if so_far.tif.value in so_far.native_tifs:
        return None, None
    try:
        return window(so_far.tif, so_far.instrument.symbol, so_far.now_ns, so_far.session_of)
    except LookupError as error:
        reason = f"The sessions of {so_far.instrument.symbol} are not known for that time: {error}."
        raise Denied("no_session", "tif", reason, "Choose another time in force.") from error


def _expiry(value: object, so_far: Reading) -> int | None:
    if so_far.tif is not TimeInForce.GTD:
        if value is not None:
            raise _superfluous("expires_ns", "Only a good-till-date order has an end.")
        return None
    if type(value) is not int:
        raise Denied("missing_expires_ns", "expires_ns", "The end of the order is missing.", "Choose date and time.")
    if not so_far.now_ns < value <= so_far.now_ns + MAX_LIFE_NS:
        raise Denied("bad_expires_ns", "expires_ns", "The end is in the past, or more than a year away.", "Choose a time within the next year.")
    return value


def _exit(field: str, value: object, so_far: Reading) -> Decimal | None:
    if _none(value):
        return None
    if so_far.paired:
        raise _superfluous(field, "A pair of orders has no exits of its own.")
    price = so_far.price_of(field, value, True, so_far.kind, so_far.instrument, so_far.mark)
    entry = so_far.price or so_far.stop or so_far.mark.price
    above = (field == "take_profit") is (so_far.side is Side.BUY)
    if (price > entry) is not above or price == entry:
        where = "above" if above else "below"
        what = "take profit" if field == "take_profit" else "stop loss"
        reason = f"The {what} of a {so_far.side.value} at {plain(entry)} has to be {where} it, received {plain(price)}."
        raise Denied(f"bad_{field}", field, reason, f"Use a price {where} {plain(entry)}.")
    return price


def _pair_stop(so_far: Reading) -> Decimal | None:
    if not so_far.paired:
        return None
    if (so_far.stop > so_far.price) is not (so_far.side is Side.BUY) or so_far.stop == so_far.price:
        reason = f"The limit of a pair is on the other side of the market than its stop, received {plain(so_far.price)} and {plain(so_far.stop)}."
        word = "above" if so_far.side is Side.BUY else "below"
        raise Denied("bad_pair", "stop", reason, f"Use a stop {word} the limit.")
    return so_far.stop
