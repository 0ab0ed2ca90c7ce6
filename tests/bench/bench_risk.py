"""Buying power and limits of one order with 200 open orders, 100 positions and 40 limits, short history and long; native CPython.

The yardstick is the same order checked against one limit with nothing held: what an engine without a portfolio would pay.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from decimal import Decimal

from app.model import events
from app.model.orders import Fill, Liquidity, OrderIntent, OrderType, Side, TimeInForce
from app.trading.checks import check_power
from app.trading.order import Order
from tests.bench.results import emit
from tests.unit.trading.kit import ACCOUNT, NO_FEES, TOY, Rig

POSITIONS, ORDERS, LIMITS, CHECKS = 100, 200, 40, 2000


def rig_with(positions: int, orders: int, limits: int, history: int) -> Rig:
    """A desk with that much on it; ``history`` fills came before."""
    symbols = [f"T{number}" for number in range(max(positions, 1))]
    rig = Rig(NO_FEES, tuple(replace(TOY, symbol=symbol) for symbol in symbols), cash="100000000")
    for symbol in symbols:
        rig.book({"99.90": 500}, {"100.10": 500}, symbol)
    engine = rig.engine
    for number in range(history + positions):
        symbol = symbols[number % len(symbols)]
        cid = f"kt-h{number}"
        side = Side.BUY if number < positions or number % 2 else Side.SELL
        intent = OrderIntent(cid, ACCOUNT, "desk", number + 1, symbol, side, OrderType.MARKET, TimeInForce.IOC, Decimal(2))
        fill = Fill(f"f{number}", cid, symbol, side, Decimal(2), Decimal(100), Decimal(0), "USDT", Liquidity.TAKER, 1)
        for event in (events.OrderSubmitted(1, intent), events.OrderFilled(1, fill)):
            engine.apply(event)
    for number in range(orders):
        rig.submit("buy", "limit", "1", "99", symbol=symbols[number % len(symbols)])
        rig.time.advance(0.05)
    names = [("desk", "order_notional"), ("account", "order_notional"), ("strategy:desk", "gross_exposure"), ("desk", "net_exposure")]
    names += [(f"instrument:{symbol}", name) for symbol in symbols[:12] for name in ("order_qty", "position", "collar")]
    for scope, name in names[:limits]:
        rig.take(engine.risk.limit(scope, name, "9000000", 1))
    engine.risk.book.refresh_all()
    return rig


def check_us(rig: Rig) -> float:
    """Median microseconds of one check: buying power, every limit, and the words that are journalled of it. Prices move in between."""
    intent = OrderIntent("kt-x", ACCOUNT, "desk", 10**6, "T0", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, Decimal(1), Decimal(99))
    order, check, decision = Order.of(intent, rig.time.now_ns()), rig.engine.risk.check, rig.engine.decision
    taken = []
    for number in range(CHECKS):
        symbol = f"T{number % max(len(rig.instruments), 1)}"
        rig.book({"99.90": 500}, {"100.10" if number % 2 else "100.12": 500}, symbol)
        start = time.perf_counter_ns()
        check_power(rig.engine, order)
        decision("T0", check([order]))
        taken.append(time.perf_counter_ns() - start)
    return statistics.median(taken) / 1000


def main() -> None:
    """Measure and record."""
    bare = check_us(rig_with(1, 0, 1, 0))
    for history in (0, 20_000):
        found = check_us(rig_with(POSITIONS, ORDERS, LIMITS, history))
        name = f"risk_check_after_{history}_fills"
        emit(name, found, "us", "the check with one limit and an empty account", found / bare, CHECKS)


if __name__ == "__main__":
    main()
