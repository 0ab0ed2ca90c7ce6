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
from app.model.market import MarketEvent, Restart, Trade, events_of
from app.model.orders import OrderStatus, OrderType, Side

from . import contingent, terms
from .order import Order

if TYPE_CHECKING:
    from .engine import Engine

_JOURNAL_NS = 1_000_000_000


class Holder:
    """``report`` takes what was seen, ``move`` decides events when their turn in the journal has come: where a stop then stands depends on what the
    trader has amended. ``engine`` is set by the desk, None while no account is open."""

    def __init__(self, clock: Any, report: Callable[[list[Event]], object], move: Callable[[Callable[[], list[Event]]], object]) -> None:
        self._clock, self._report, self._move = clock, report, move
        self.engine: Engine | None = None
        self._reported: set[str] = set()
        self._best: dict[str, Decimal] = {}
        self._journalled_ns: dict[str, int] = {}
        self._last_ts: dict[str, int] = {}

    def open(self, engine: Engine | None) -> None:
        """Watch for this engine's orders from now on."""
        self.engine = engine
        self._reported.clear()
        self._best.clear()
        self._journalled_ns.clear()
        if engine is not None:
            engine.best_seen = self._best.get

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
        moved: list[Order] = []
        for event in events_of(batch, symbols):
            if isinstance(event, Restart):
                self._last_ts.pop(event.symbol, None)
            elif isinstance(event, Trade) and self._is_news(event):
                price = engine.view.instruments[event.symbol].price(event.price)
                for order in held:
                    if order.symbol == event.symbol and order.client_order_id not in self._reported:
                        self._see(order, price, out, moved)
        if out:
            self._report(out)
        if moved:
            self._move(lambda: self._moves(engine, moved))

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

    def _see(self, order: Order, price: Decimal, out: list[Event], moved: list[Order]) -> None:
        intent, cid, now = order.intent, order.client_order_id, self._clock.now_ns()
        trails = intent.type is OrderType.TRAILING_STOP
        if _reached(intent.side, intent.type, self._stop(self.engine, order) if trails else order.stop, price):
            self._reported.add(cid)
            out.append(events.OrderTriggered(now, cid, price))
            return
        if not trails:
            return
        self._best[cid] = terms.nearer(intent.side, price, self._best.get(cid, price))
        if self._stop(self.engine, order) != order.stop and now - self._journalled_ns.get(cid, 0) >= _JOURNAL_NS:
            self._journalled_ns[cid] = now
            moved.append(order)

    def _stop(self, engine: Engine, order: Order) -> Decimal:
        """Where a trailing stop stands now: as journalled, or nearer by the best price seen since."""
        best = self._best.get(order.client_order_id)
        if best is None:
            return order.stop
        side, instrument = order.intent.side, engine.view.instruments[order.symbol]
        return terms.nearer(side, order.stop, terms.trailing_stop(side, best, order.trail, order.trail_percent, instrument))

    def _moves(self, engine: Engine, moved: list[Order]) -> list[Event]:
        now, held = self._clock.now_ns(), [order for order in moved if order.status is OrderStatus.HELD and not order.triggered]
        stops = [(order, self._stop(engine, order)) for order in held if engine is self.engine]
        return [events.OrderAmended(now, order.client_order_id, order.qty, order.price, stop) for order, stop in stops if stop != order.stop]


def _reached(side: Side, kind: OrderType, stop: Decimal, price: Decimal) -> bool:
    """True when a trade at ``price`` triggers: stops on the worse side of the market, if-touched orders on the better one."""
    above = (side is Side.BUY) is not kind.is_touch
    return price >= stop if above else price <= stop
