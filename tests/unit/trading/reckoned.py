"""What positions and orders bind, reckoned anew from all of them: what the sums that are kept have to come to."""

from __future__ import annotations

from decimal import Decimal

from app.model.orders import Side
from app.trading.engine import Engine
from app.trading.exposure import need_of, room
from app.trading.fx import Rates
from app.trading.money import ZERO, ratio


def margin_used(engine: Engine, rates: Rates) -> Decimal:
    """In the account currency; what cannot be converted is left out."""
    return _by_positions(engine, rates) + _by_orders(engine, rates)


def _by_positions(engine: Engine, rates: Rates) -> Decimal:
    total = ZERO
    for position in engine.portfolio.positions.values():
        if position.qty:
            mark = engine.view.mark(position.symbol)
            value = position.worth(mark.price) if mark is not None else position.cost
            total += rates.convert(ratio(value.copy_abs(), engine.risk.leverage_of(position.symbol)), position.currency) or ZERO
    return total


def _by_orders(engine: Engine, rates: Rates) -> Decimal:
    """Earlier orders use up the position to close first."""
    view, left, total = engine.view, dict[tuple[str, Side], Decimal](), ZERO
    for order in engine.claims():
        key = symbol, side = order.symbol, order.intent.side
        if key not in left:
            left[key] = room(engine.portfolio, symbol, side)
        need = need_of(order, left[key], view.mark(symbol), view.taker_bps(symbol))
        left[key] -= need.closing
        if (instrument := view.instruments.get(symbol)) is not None:
            total += rates.convert(need.margin(engine.risk.leverage_of(symbol)), instrument.quote) or ZERO
    return total
