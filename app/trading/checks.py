"""Whether the account can carry an order: buying power, and reduce-only against the position held.

Reads the engine and its view, changes nothing, and raises Denied with the largest quantity that would do.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from app.model.orders import OrderType, Side

from . import matching, spot
from .errors import Denied
from .exposure import need_of, room
from .fx import Rates
from .marks import DeskView
from .money import ZERO, convert, plain, ratio, remainder
from .order import Order
from .risk.gate import RiskDenied

if TYPE_CHECKING:
    from .engine import Engine
    from .ticket import Ticket


def power(engine: Engine, rates: Rates) -> Decimal:
    """Free margin in the account currency, less what working orders and those being journalled may open; never below zero."""
    return max(engine.risk.margins.free(rates), ZERO)


def check_reduces(engine: Engine, read: Ticket, filled: Decimal = ZERO) -> None:
    """Denied when a reduce-only ticket would do anything but reduce the position."""
    if not read.reduce_only:
        return
    symbol = read.instrument.symbol
    held = engine.portfolio.qty(symbol)
    room = max(held if read.side is Side.SELL else held.copy_negate(), ZERO)
    if room == 0:
        reason = f"There is no {'long' if read.side is Side.SELL else 'short'} position in {symbol} to reduce."
        raise Denied("not_reducing", "reduce_only", reason, "Clear reduce-only, or choose the other side.")
    if read.qty - filled > room:
        reason = f"Reduce-only, but the position is only {plain(room)} {read.instrument.base}."
        raise Denied("not_reducing", "qty", reason, f"Use at most {plain(room + filled)}.")


def check_power(engine: Engine, order: Order) -> None:
    """Denied when the order would bind more margin than is free, at its worst price and with the taker fee; a cash account's leverage is 1."""
    if (found := _shortage(engine, order)) is not None:
        raise found[1]


def most_carried(engine: Engine, order: Order) -> Decimal | None:
    """The most of the order that the buying power carries, None when all of it; Denied where that cannot be known now."""
    found = _shortage(engine, order)
    return None if found is None else found[0]


def _shortage(engine: Engine, order: Order) -> tuple[Decimal, Denied] | None:
    view, symbol = engine.view, order.intent.symbol
    instrument, taker_bps = view.instruments[symbol], view.taker_bps(symbol)
    rates = view.rates(engine.currency)
    rate = rates.rate(instrument.quote)
    counted = order if order.price is not None or order.stop is not None else replace(order, price=_deepest(order, view))
    mark = view.mark(symbol)
    need = need_of(counted, _left(engine, order), mark, taker_bps)
    leverage = engine.risk.leverage_of(symbol)
    wanted = need.margin(leverage) - ratio(need.released, leverage)
    if need.opening <= 0 or (rate is not None and wanted <= 0):
        return None
    if rate is None:
        reason = f"{instrument.quote} cannot be converted to {engine.currency} now, so the buying power cannot be checked."
        raise Denied("no_conversion", "symbol", reason, "Wait for quotes of the instruments between them.")
    available = power(engine, rates)
    if convert(wanted, rate.value) <= available:
        return None
    each = convert(need.price, ratio(Decimal(1), leverage) + taker_bps / 10_000)
    carried = ratio(ratio(available, rate.value) + ratio(need.released, leverage), each)
    lot = instrument.lot_size
    most = need.closing + max((carried / lot).to_integral_value(ROUND_FLOOR) * lot, ZERO)
    needed, have = _money(convert(wanted, rate.value)), _money(available)
    if leverage != 1:
        numbers = {"scope": "account", "limit": plain(round(available, 8)), "used": plain(round(convert(wanted, rate.value), 8)), "unit": "money"}
        reason = f"It needs a margin of {needed} {engine.currency} at a leverage of {plain(leverage)}, free are {have} {engine.currency}."
        remedy = f"Use at most {plain(most)} {instrument.base}." if most > 0 else "Close a position or cancel an order first."
        return most, RiskDenied("margin", "qty", reason, remedy, numbers)
    whole = spot.held(engine.portfolio, view, symbol)
    if whole is not None and order.intent.side is Side.SELL and order.qty > whole:
        most = min(most, whole - remainder(whole, lot))
        reason = f"A spot account sells only what it holds, by the journal {plain(whole)} {instrument.base}."
        return most, Denied("not_held", "qty", reason, f"Use at most {plain(most)} {instrument.base}." if most > 0 else "Choose what the account holds.")
    reason = f"It needs {needed} {engine.currency} with the fee, the buying power is {have} {engine.currency}."
    remedy = f"Use at most {plain(most)} {instrument.base}." if most > 0 else "Close a position or cancel an order first."
    if order.intent.multiplier is not None and most <= 0:
        remedy = "Give the account a leverage on the risk page: without one it carries the whole worth of a contract."
    return most, Denied("buying_power", "qty", reason, remedy)


def check_amendment(engine: Engine, order: Order, new: Ticket) -> None:
    """Denied when the amended order would open more than the buying power carries, or not reduce any more."""
    check_reduces(engine, new, order.filled)
    view = engine.view
    rates = view.rates(engine.currency)
    left, mark, bps = _left(engine, order), view.mark(order.symbol), view.taker_bps(order.symbol)
    before = need_of(order, left, mark, bps)
    after = need_of(replace(order, qty=new.qty, price=new.price, stop=new.stop), left, mark, bps)
    leverage = engine.risk.leverage_of(order.symbol)
    extra = rates.convert(after.margin(leverage) - before.margin(leverage), new.instrument.quote)
    if after.bound <= before.bound:
        return
    if extra is None:
        reason = f"{new.instrument.quote} cannot be converted to {engine.currency} now."
        raise Denied("no_conversion", "symbol", reason, "Wait for quotes of the instruments between them.")
    available = power(engine, rates)
    if extra > available:
        reason = f"It needs {_money(extra)} {engine.currency} more, the buying power is {_money(available)} {engine.currency}."
        raise Denied("buying_power", "qty", reason, "Use a smaller quantity or a price nearer to the present one.")


def _left(engine: Engine, order: Order) -> Decimal:
    """What of the position those before an order leave for it to close."""
    symbol, side = order.intent.symbol, order.intent.side
    left = room(engine.portfolio, symbol, side)
    for other in engine.claims() if left else ():
        if other is order or not left:
            break
        if other.intent.side is side and other.intent.symbol == symbol:
            left -= min(left, other.remaining)
    return left


def _deepest(order: Order, view: DeskView) -> Decimal | None:
    if order.intent.type is not OrderType.MARKET:
        return None
    instrument = view.instruments[order.symbol]
    book = view.market.book(order.symbol)
    against = matching.opposite(order.intent.side)
    taken = matching.walk(book.levels(against, 200), order.intent.side, None, instrument.size_units(order.qty))
    return instrument.price(taken[-1][0]) if taken else None


def _money(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.01")), ",f")
