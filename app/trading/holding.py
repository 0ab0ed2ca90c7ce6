"""Watches the market for the orders that this desk holds: if-touched orders and trailing stops.

Sees every public trade while the desk runs, and only then: what happens while no desk is open triggers nothing. What it
sees is reported as events; only the journal makes it so. A trailing stop moves in memory with every better price and is journalled at most
once a second, so a desk that was killed goes on at most a second behind.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.model import events
from app.model.events import Event
from app.model.market import MarketEvent, Restart, Trade
from app.model.orders import OrderStatus, OrderType, Side

from . import contingent, terms
from .order import Order

if TYPE_CHECKING:
    from .engine import Engine

_JOURNAL_NS = 1_000_000_000


class Holder:
    """``report`` takes the events; ``engine`` is set by the desk, None while no account is open."""

    def __init__(self, clock: Any, report: Callable[[list[Event]], object]) -> None:
        self._clock, self._report = clock, report
        self.engine: Engine | None = None
        self._reported: set[str] = set()
        self._stops: dict[str, Decimal] = {}
        self._journalled_ns: dict[str, int] = {}
        self._last_ts: dict[str, int] = {}

    def open(self, engine: Engine | None) -> None:
        """Watch for this engine's orders from now on."""
        self.engine = engine
        self._reported.clear()
        self._stops.clear()
        self._journalled_ns.clear()

    def on_market(self, batch: list[MarketEvent]) -> None:
        """Market events in their order."""
        engine = self.engine
        if engine is None or not engine.linked:
            return
        held = [order for order in engine.linked.values() if self._is_watched(engine, order)]
        if not held:
            return
        symbols = {order.symbol for order in held}
        out: list[Event] = []
        for event in batch:
            if event.symbol not in symbols:
                continue
            if isinstance(event, Restart):
                self._last_ts.pop(event.symbol, None)
            elif isinstance(event, Trade) and self._is_news(event):
                price = engine.view.instruments[event.symbol].price(event.price)
                for order in held:
                    if order.symbol == event.symbol and order.client_order_id not in self._reported:
                        self._see(order, price, out)
        if out:
            self._report(out)

    def _is_watched(self, engine: Engine, order: Order) -> bool:
        intent = order.intent
        if order.status is not OrderStatus.HELD or not intent.held or intent.release_ns is not None or order.triggered:
            return False
        if order.client_order_id in self._reported:
            return False
        return not contingent.is_waiting(engine, order)

    def _is_news(self, trade: Trade) -> bool:
        if trade.ts and trade.ts < self._last_ts.get(trade.symbol, 0):
            return False
        self._last_ts[trade.symbol] = trade.ts
        return True

    def _see(self, order: Order, price: Decimal, out: list[Event]) -> None:
        intent, cid, now = order.intent, order.client_order_id, self._clock.now_ns()
        trails = intent.type is OrderType.TRAILING_STOP
        stop = self._stops.get(cid, order.stop) if trails else order.stop
        if _reached(intent.side, intent.type, stop, price):
            self._reported.add(cid)
            out.append(events.OrderTriggered(now, cid, price))
            return
        if not trails:
            return
        instrument = self.engine.view.instruments[order.symbol]
        moved = terms.trailing_stop(intent.side, price, intent.trail, intent.trail_percent, instrument)
        if moved > stop if intent.side is Side.SELL else moved < stop:
            self._stops[cid] = moved
            if now - self._journalled_ns.get(cid, 0) >= _JOURNAL_NS:
                self._journalled_ns[cid] = now
                out.append(events.OrderAmended(now, cid, order.qty, order.price, moved))


def _reached(side: Side, kind: OrderType, stop: Decimal, price: Decimal) -> bool:
    """True when a trade at ``price`` triggers: stops on the worse side of the market, if-touched orders on the better one."""
    above = (side is Side.BUY) is not kind.is_touch
    return price >= stop if above else price <= stop
