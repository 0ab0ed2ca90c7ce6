"""Reading an order ticket: every field checked, every refusal with its field and a remedy.

Pure: looks at the fields, the instrument and its mark. Whether the account can carry the order is the engine's
question. Everything is refused that could only be a mistake: nothing is rounded, capped or guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Any, TypeVar

from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderType, Side, TimeInForce
from app.model.units import BadNumber, parse_decimal, shorten

from . import terms
from .contracts import journalled, of_contract
from .errors import Denied
from .marks import DeskView, Mark
from .money import mul, plain, remainder
from .order import Order

FIELDS = frozenset({"symbol", "side", "type", "tif", "qty", "price", "stop", "post_only", "reduce_only", *terms.FIELDS})
MAX_QTY = Decimal(10) ** 12
MAX_PRICE_RATIO = 10
MAX_PLACES = 18
_E = TypeVar("_E", bound=StrEnum)
_CHOICES: dict[type, dict[str, Any]] = {kind: {item.value: item for item in kind} for kind in (Side, OrderType, TimeInForce)}
_WORDS = {
    "qty": "Quantity",
    "price": "Limit price",
    "stop": "Stop price",
    "trail": "Trailing distance",
    "display": "Displayed quantity",
    "take_profit": "Take profit",
    "stop_loss": "Stop loss",
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that makes sense for its instrument."""

    instrument: Instrument
    mark: Mark
    side: Side
    type: OrderType
    tif: TimeInForce
    qty: Decimal
    price: Decimal | None
    stop: Decimal | None
    post_only: bool
    reduce_only: bool
    more: terms.Terms = terms.NONE
    multiplier: Decimal | None = None
    """What it counts at (`contracts.counted`); None is 1."""

    def intent(self, client_order_id: str, account: str, origin: str, sequence: int, route: str | None = None) -> OrderIntent:
        """The intent this ticket becomes; `terms.companions` are the others that come with it."""
        paired = self.more.pair_stop is not None
        held = self.more.held or (paired and self.more.apart)  # the stop of the pair works at the venue
        return OrderIntent(
            client_order_id=client_order_id,
            account=account,
            origin=origin,
            sequence=sequence,
            symbol=self.instrument.symbol,
            side=self.side,
            type=OrderType.LIMIT_IF_TOUCHED if paired and held else self.type,
            tif=self.tif,
            qty=self.qty,
            price=self.price,
            stop=self.price if paired and held else self.stop,
            post_only=self.post_only,
            reduce_only=self.reduce_only,
            trail=self.more.trail,
            trail_percent=self.more.trail_percent,
            display=self.more.display,
            expires_ns=self.more.expires_ns,
            group=client_order_id if paired else None,
            held=True if held else None,
            route=route,
            release_ns=self.more.release_ns,
            multiplier=self.multiplier,
        )


def routing_of(fields: dict) -> tuple[object, dict]:
    """What ``route`` asks for (None: nothing, the venue is given) and the other fields."""
    if not isinstance(fields, dict) or "route" not in fields:
        return None, fields
    how = fields["route"]
    return (None if how in (None, "", "this") else how), {name: value for name, value in fields.items() if name != "route"}


def read(fields: dict, view: DeskView) -> Ticket:
    """The ticket in ``fields`` (text and booleans as in docs/messages.md); Denied names what is wrong."""
    if not isinstance(fields, dict):
        raise Denied("bad_order", None, "An order is an object with fields.", "Send symbol, side, type, tif and qty.")
    if not fields.keys() <= FIELDS:
        extra = sorted(str(name) for name in fields.keys() - FIELDS)
        raise Denied("unknown_field", shorten(extra[0]), f"An order has no field {shorten(extra[0])}.", "Leave it out.")
    instrument = _instrument(fields.get("symbol"), view)
    side = _choice(Side, "side", fields.get("side"))
    paired = fields.get("type") == terms.PAIR
    kind = OrderType.LIMIT if paired else _choice(OrderType, "type", fields.get("type"))
    tif = _choice(TimeInForce, "tif", fields.get("tif"))
    post_only, reduce_only = _flag("post_only", fields), _flag("reduce_only", fields)
    mark = view.mark(instrument.symbol)
    if mark is None:
        raise Denied("no_market", "symbol", f"No price of {instrument.symbol} is known yet.", "Wait for its first quote.")
    qty = _qty(fields.get("qty"), instrument)
    price = _price("price", fields.get("price"), kind.has_limit, kind, instrument, mark)
    stop = _price("stop", fields.get("stop"), kind.has_stop or paired, kind, instrument, mark)
    if stop is not None:
        _check_stop(side, kind, tif, stop, mark)
    if post_only:
        _check_post_only(kind, tif)
    more = terms.NONE
    if terms.says_more(fields, kind, tif):
        so_far = terms.Reading(
            *(instrument, mark, side, kind, tif, qty, price, stop, paired, _number, _price),
            *(view.wall_ns(), view.session_of, view.native_tifs, view.native_types, view.takes_pairs),
        )
        more = terms.read(fields, so_far)
    if reduce_only and (more.take_profit is not None or more.stop_loss is not None):
        reason = "A reduce-only order opens nothing that exits could close."
        raise Denied("reduces", "take_profit" if more.take_profit is not None else "stop_loss", reason, "Clear the exits, or reduce-only.")
    if kind is OrderType.TRAILING_STOP:
        stop = terms.trailing_stop(side, mark.last or mark.price, more.trail, more.trail_percent, instrument)
    ticket = Ticket(instrument, mark, side, kind, tif, qty, price, None if paired else stop, post_only, reduce_only, more)
    if not reduce_only:
        _check_size(ticket)
    return ticket


def read_amendment(order: Order, qty: object, price: object, stop: object, trail: object, view: DeskView, best: Decimal | None = None) -> Ticket:
    """The ticket an amended order would be; None leaves a value as it is. ``best`` is the best price that a trailing stop held by this desk has seen,
    None where only the journal says it. Denied names what is wrong."""
    if qty is None and price is None and stop is None and trail is None:
        raise Denied("nothing_to_amend", "qty", "The amendment changes nothing.", "Give a new quantity, price or stop.")
    if stop is not None and order.triggered:
        raise Denied("already_triggered", "stop", "The stop has been triggered.", "Change the price or quantity, or cancel.")
    if trail is not None and order.triggered:
        raise Denied("already_triggered", "trail", "The stop has been triggered.", "Change the quantity, or cancel.")
    intent = order.intent
    kind = intent.type
    if kind is OrderType.TRAILING_STOP and (price is not None or stop is not None):
        raise Denied("superfluous_stop", "stop", "A trailing stop moves by itself.", "Change the quantity, or cancel it and send another.")
    if trail is not None and kind is not OrderType.TRAILING_STOP:
        raise Denied("superfluous_trail", "trail", "Only a trailing stop has a distance.", "Clear it.")
    if (kind is OrderType.TRAILING_STOP and trail is None) or kind is OrderType.ICEBERG:
        kind = OrderType.MARKET if kind is OrderType.TRAILING_STOP else OrderType.LIMIT
    fields = {
        "symbol": intent.symbol,
        "side": intent.side,
        "type": kind,
        "tif": TimeInForce.GTC if intent.tif is TimeInForce.GTD or intent.tif.is_session else intent.tif,
        "qty": qty if qty is not None else plain(order.qty),
        "price": price if price is not None else _text(order.price),
        "stop": stop if stop is not None else (_text(order.stop) if kind.has_stop else None),
        "post_only": intent.post_only,
        "reduce_only": intent.reduce_only,
    }
    if trail is not None:
        fields |= {"trail": trail, "trail_unit": "amount" if intent.trail is not None else "percent"}
    if order.triggered and kind.has_stop:
        fields.update(type=OrderType.LIMIT if intent.type.has_limit else OrderType.MARKET, stop=None)
    ticket = read(fields, view)
    if ticket.qty <= order.filled:
        reason = f"{plain(order.filled)} is filled already, the new total of {plain(ticket.qty)} is not above it."
        raise Denied("below_filled", "qty", reason, "Use a larger total quantity, or cancel the rest.")
    return ticket if trail is None or not intent.held else replace(ticket, stop=_followed(order, ticket, best))


def _followed(order: Order, ticket: Ticket, best: Decimal | None) -> Decimal:
    """Where the stop stands at the new distance; Denied when the last trade would trigger it there."""
    more, side, last = ticket.more, ticket.side, ticket.mark.last
    stop = terms.followed_stop(order, best, more.trail, more.trail_percent, ticket.instrument)
    if last is not None and (last <= stop if side is Side.SELL else last >= stop):
        reason = f"The stop would stand at {plain(stop)} and trigger at once: the last trade was at {plain(last)}."
        raise Denied("stop_would_trigger", "trail", reason, "Use a larger distance, or cancel it and send a market order.")
    return stop


def _text(value: Decimal | None) -> str | None:
    return plain(value) if value is not None else None


def _instrument(symbol: object, view: DeskView) -> Instrument:
    instrument = view.instruments.get(symbol) if isinstance(symbol, str) else None
    if instrument is None:
        raise Denied("unknown_symbol", "symbol", f"There is no instrument {shorten(symbol)}.", "Choose one from the watchlist.")
    return instrument


def _choice(kind: type[_E], field: str, value: object) -> _E:
    found = _CHOICES[kind].get(value) if isinstance(value, str) else None
    if found is None:
        raise Denied(f"bad_{field}", field, f"Unknown {field}: {shorten(value)}.", f"Use one of {', '.join(_CHOICES[kind])}.")
    return found


def _flag(name: str, fields: dict) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise Denied(f"bad_{name}", name, f"{name} is neither true nor false: {shorten(value)}.", "Tick or clear the box.")
    return value


def _number(field: str, value: object) -> Decimal:
    word = _WORDS[field]
    if value is None or value == "":
        raise Denied(f"missing_{field}", field, f"{word} is missing.", f"Enter a {word.lower()}.")
    try:
        number = parse_decimal(value)
    except BadNumber as error:
        reason = f"{word} is not a plain number: {shorten(value)}."
        raise Denied(f"bad_{field}", field, reason, "Use digits and one point, such as 0.25.") from error
    if number <= 0:
        raise Denied(f"bad_{field}", field, f"{word} must be above zero, received {plain(number)}.", "Enter a number above zero.")
    if number > MAX_QTY or -number.normalize().as_tuple().exponent > MAX_PLACES:
        raise Denied(f"absurd_{field}", field, f"{word} {shorten(value)} cannot be meant.", "Check the number of digits.")
    return number


def _qty(value: object, instrument: Instrument) -> Decimal:
    qty = _number("qty", value)
    lot = instrument.lot_size
    if remainder(qty, lot):
        below, above = _around(qty, lot)
        near = f"{below} or {above}" if below != "0" else above
        raise Denied("bad_lot", "qty", f"Quantity moves in steps of {plain(lot)} {instrument.base}.", f"Use {near}.")
    return qty


def _price(field: str, value: object, wanted: bool, kind: OrderType, instrument: Instrument, mark: Mark) -> Decimal | None:
    word = _WORDS[field]
    if not wanted:
        if value is None or value == "":
            return None
        raise Denied(f"superfluous_{field}", field, f"A {kind.value.replace('_', '-')} order has no {word.lower()}.", "Clear it.")
    price = _number(field, value)
    tick = instrument.tick_size
    if remainder(price, tick):
        below, above = _around(price, tick)
        near = f"{below} or {above}" if below != "0" else above
        raise Denied("bad_tick", field, f"{word} moves in steps of {plain(tick)} {instrument.quote}.", f"Use {near}.")
    if price > mark.price * MAX_PRICE_RATIO or price * MAX_PRICE_RATIO < mark.price:
        reason = f"{word} {plain(price)} is more than {MAX_PRICE_RATIO} times away from the market at {plain(mark.price)}."
        raise Denied(f"absurd_{field}", field, reason, "Check the decimal point.")
    return price


def _check_stop(side: Side, kind: OrderType, tif: TimeInForce, stop: Decimal, mark: Mark) -> None:
    if tif in (TimeInForce.IOC, TimeInForce.FOK):
        reason = f"A stop waits for its price, it cannot be {tif.value.upper()}."
        raise Denied("bad_tif", "tif", reason, "Use good till cancelled or day.")
    if kind.is_touch:
        terms.check_touch(side, stop, mark)
        return
    if side is Side.BUY and mark.ask is not None and stop <= mark.ask:
        reason = f"A buy stop at {plain(stop)} would trigger at once: the ask is {plain(mark.ask)}."
        raise Denied("stop_would_trigger", "stop", reason, "Use a stop above the ask, or a limit order to buy lower.")
    if side is Side.SELL and mark.bid is not None and stop >= mark.bid:
        reason = f"A sell stop at {plain(stop)} would trigger at once: the bid is {plain(mark.bid)}."
        raise Denied("stop_would_trigger", "stop", reason, "Use a stop below the bid, or a limit order to sell higher.")


def _check_post_only(kind: OrderType, tif: TimeInForce) -> None:
    if kind not in (OrderType.LIMIT, OrderType.ICEBERG):
        raise Denied("bad_post_only", "post_only", "Post-only needs a limit order.", "Choose limit, or clear post-only.")
    if tif in (TimeInForce.IOC, TimeInForce.FOK) or tif.is_session:
        word = tif.value.upper().replace("_", "-")
        raise Denied("bad_tif", "tif", f"Post-only cannot be {word}.", "Use good till cancelled or day.")


def _check_size(ticket: Ticket) -> None:
    instrument = ticket.instrument
    least = instrument.size(instrument.min_size)
    if ticket.qty < least:
        reason = f"Quantity is below the smallest order of {plain(least)} {instrument.base}."
        raise Denied("below_min_size", "qty", reason, f"Use at least {plain(least)}.")
    worth = of_contract(ticket.price or ticket.stop or ticket.mark.price, journalled(instrument))
    if mul(ticket.qty, worth) < instrument.min_notional:
        needed = _steps(instrument.min_notional / worth, instrument.lot_size, ROUND_CEILING)
        reason = f"The order is worth less than the smallest allowed, {plain(instrument.min_notional)} {instrument.quote}."
        raise Denied("below_min_notional", "qty", reason, f"Use at least {plain(needed)} {instrument.base}.")


def _around(value: Decimal, step: Decimal) -> tuple[str, str]:
    return plain(_steps(value, step, ROUND_FLOOR)), plain(_steps(value, step, ROUND_CEILING))


def _steps(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step
