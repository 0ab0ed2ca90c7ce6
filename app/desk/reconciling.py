"""What the desk knows of its agreement with the venue: every reconciliation with what it took and found, every difference until it is gone.

Watches the execution from outside; asking, adopting and settling are the venue's and the account's. A reconciliation of a real account is
journalled, as is the coming and going of differences. A query that failed says nothing: only what the venue said is compared.
"""

from __future__ import annotations

from typing import Any

from app.model.events import Reconciled
from app.model.orders import OrderStatus
from app.trading.agreement import Difference, compare
from app.trading.resolving import MISSED_TWICE_NS

from .rows import order_row, plain

BUSY = ("connecting", "reconciling", "waiting")
PAPER_EVERY_NS = 10 * 10**9
"""The paper venue is this desk's own: it is compared less often."""


class _Run:
    def __init__(self, cause: str, start_ns: int, engine: Any) -> None:
        self.cause, self.start_ns, self.asked = cause, start_ns, 0
        self.fills, self.orders = len(engine.fills), len(engine.orders)
        self.before = {cid: (order.status, order.filled, order.qty) for cid, order in engine.working.items()}


class Reconciling:
    """One per desk. ``look`` is called when the state of the execution may have changed, ``second`` once a second; paper is compared every ten."""

    def __init__(self, desk: Any) -> None:
        self._desk, self._clock = desk, desk.around.clock
        self._engine: Any = None
        self._run: _Run | None = None
        self._reconciled = 0
        self._seen: frozenset[Difference] = frozenset()
        self._since: dict[Difference, int] = {}
        self._told = ""
        self._compared_ns = 0
        self._next_ns = 0
        self._counts = {"orders": 0, "fills": 0, "positions": 0, "balances": 0}

    def look(self) -> None:
        """Follow the account's state from one reconciliation to the next."""
        trade, real = self._desk.trade, self._desk.real
        engine = trade.engine if trade is not None else None
        if engine is not self._engine:
            self._engine, self._run, self._reconciled, self._told = engine, None, 0, ""
            self._since, self._seen, self._next_ns = {}, frozenset(), 0
        if engine is None or real is None:
            return
        word = real.view()["state"]
        if word in BUSY and self._run is None:
            self._run = _Run("reconnect" if self._reconciled else "start", self._clock.monotonic_ns(), engine)
        if self._run is not None:
            self._run.asked = max(self._run.asked, len(trade.resolver.owed))
            if word == "ready" and not trade.resolver.owed and not trade.writer.queued:
                self._end(engine, self._run)
            elif word in ("off", "refused"):
                self._run = None

    def _end(self, engine: Any, run: _Run) -> None:
        self._run = None
        self._reconciled += 1
        self._journal(engine, run.cause, run)

    def _journal(self, engine: Any, cause: str, run: _Run | None) -> None:
        now, changed = self._clock.monotonic_ns(), 0
        if run is not None:
            after = ((cid, engine.orders[cid]) for cid in run.before)
            changed = sum(run.before[cid] != (order.status, order.filled, order.qty) for cid, order in after)
        fresh = [*engine.orders][run.orders :] if run is not None else []
        event = Reconciled(
            self._clock.now_ns(),
            self._desk.trade.execution.name,
            cause,
            (now - run.start_ns) // 1_000_000 if run is not None else 0,
            run.asked if run is not None else 0,
            changed,
            len(engine.fills) - run.fills if run is not None else 0,
            sum(engine.orders[cid].intent.origin == "venue" for cid in fresh),
            self._told,
        )
        self._desk.trade.writer.report([event])

    def second(self) -> None:
        """Compare what is known of both sides; a difference counts once it was seen twice."""
        self.look()
        trade, engine = self._desk.trade, self._engine
        now = self._clock.monotonic_ns()
        if engine is None or not engine.opened or trade.writer.queued or not self._ready() or now < self._next_ns:
            return
        self._next_ns = now + PAPER_EVERY_NS if self._desk.real is None else 0
        found = frozenset(self._found(engine))
        lasting = found & self._seen
        self._seen, self._compared_ns = found, self._clock.now_ns()
        self._since = {item: self._since.get(item, self._compared_ns) for item in lasting}
        told = ", ".join(sorted({f"{item.what} {item.symbol or item.about}" for item in lasting}))[:300]
        if self._desk.real is not None and told != self._told and self._run is None:
            self._told = told
            self._journal(engine, "difference", None)

    def _ready(self) -> bool:
        return self._desk.real is None or self._desk.real.view()["state"] == "ready"

    def _found(self, engine: Any) -> list[Difference]:
        words = getattr(self._desk.trade.execution, "words", dict)()  # not every venue says more than it reports
        owed = self._desk.trade.resolver.owed
        found: list[Difference] = []
        for cid, word in words.items():
            order = engine.orders.get(cid)
            if order is not None:
                found += compare(order, word)
        for cid, order in engine.working.items():
            if self._desk.real is None and order.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED) and cid not in words and cid not in owed:
                found.append(Difference("orders", cid, order.symbol, order.status.value, "not there"))
        rows = self._desk.real.view()["differences"] if self._desk.real is not None else ()
        bases = {item.base for item in self._desk.trade.view.instruments.values()} if rows else set()
        found += [Difference("positions" if row["asset"] in bases else "balances", row["asset"], "", row["ours"], row["theirs"]) for row in rows]
        held = sum(1 for position in engine.portfolio.positions.values() if position.qty)
        self._counts = {"orders": len(engine.working), "fills": len(engine.fills), "positions": held, "balances": len(engine.portfolio.cash)}
        return found

    def view(self) -> dict:
        """What the reconciliation page shows."""
        trade, real, engine = self._desk.trade, self._desk.real, self._desk.trade.readable_engine()
        self.look()
        shown = real.view() if real is not None else {"state": "ready", "detail": "", "armed": None}
        asked = trade.resolver.asked
        working = [*engine.working.values()]
        return {
            "venue": trade.execution.name,
            "account": engine.account,
            "real": real is not None,
            "state": shown["state"],
            "detail": shown["detail"],
            "now_ns": self._clock.now_ns(),
            "compared_ns": self._compared_ns or None,
            "checked": self._counts,
            "differences": [{**item._asdict(), "since_ns": since} for item, since in self._since.items()],
            "unresolved": [self._order(order, asked) for order in working if self._is_open(order)],
            "adopted": [self._order(order, asked) for order in working if order.intent.origin == "venue" or order.adopted],
            "synthetic": [_synthetic(event) for _at, event in reversed(engine.adjusted[-50:])],
            "history": [_wire(event) for event in reversed(engine.reconciled)],
            "twice_s": MISSED_TWICE_NS // 10**9,
        }

    def _is_open(self, order: Any) -> bool:
        return order.status is OrderStatus.UNKNOWN or order.client_order_id in self._desk.trade.resolver.owed

    def _order(self, order: Any, asked: dict) -> dict:
        row = order_row(order, asked.get(order.client_order_id))
        return {**row, "missed": getattr(asked.get(order.client_order_id), "missed_ns", None) is not None}


def _wire(event: Reconciled) -> dict:
    return {name: getattr(event, name) for name in ("ts", "venue", "cause", "took_ms", "asked", "orders", "fills", "adopted", "differences")}


def _synthetic(event: Any) -> dict:
    return {
        "id": event.adjustment_id,
        "ts": event.ts,
        "asset": event.asset,
        "symbol": event.symbol,
        "amount": plain(event.amount),
        "price": plain(event.price),
        "currency": event.currency,
        "reason": event.reason,
    }
