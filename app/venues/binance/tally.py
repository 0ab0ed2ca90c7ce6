"""What of each order has been reported already: its acceptance, its fills, and how the venue calls it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.model.orders import Fill

from .orders import State


class Tally:
    """``ledger`` is what the desk has applied; fills on their way into its journal are counted here."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self._filled: dict[str, Decimal] = {}
        self._fills: set[str] = set()
        self._accepted: set[str] = set()
        self._names: dict[tuple[str, int], str] = {}
        self._numbers: dict[str, int] = {}
        self._before: dict[str, Decimal] = {}
        self._ended: set[str] = set()

    def forget(self) -> None:
        """Another journal is open."""
        self._filled.clear()
        self._fills.clear()
        self._accepted.clear()
        self._names.clear()
        self._numbers.clear()
        self._before.clear()
        self._ended.clear()

    def begin(self, client_order_id: str) -> None:
        """An order whose first event is on its way into the journal."""
        self._filled.setdefault(client_order_id, Decimal(0))

    def filled(self, client_order_id: str) -> Decimal:
        """Quantity filled, as applied and as reported."""
        if client_order_id not in self._filled:
            order = self._ledger.order(client_order_id)
            self._filled[client_order_id] = order.filled if order is not None else Decimal(0)
        return self._filled[client_order_id]

    def take(self, fill: Fill) -> bool:
        """Count a fill; False when it was reported before."""
        if fill.fill_id in self._fills or self._ledger.knows_fill(fill.fill_id):
            return False
        self._filled[fill.client_order_id] = self.filled(fill.client_order_id) + fill.qty
        self._fills.add(fill.fill_id)
        return True

    def accept(self, client_order_id: str) -> bool:
        """Count an acceptance; False when it was reported before: answer and stream both tell of it."""
        if client_order_id in self._accepted:
            return False
        self._accepted.add(client_order_id)
        return True

    def end(self, client_order_id: str) -> None:
        """Count an end: it is on its way into the journal."""
        self._ended.add(client_order_id)

    def has_ended(self, client_order_id: str) -> bool:
        """Whether an end has been reported."""
        return client_order_id in self._ended

    def name(self, native: str, order_id: int, client_order_id: str) -> None:
        """The venue calls an order by this number."""
        self._names[native, order_id] = client_order_id

    def named(self, native: str, order_id: int) -> str | None:
        """The id of the order that the venue calls by this number."""
        return self._names.get((native, order_id))

    def number(self, client_order_id: str) -> int:
        """How the venue calls an order now, 0 where that is not known."""
        if client_order_id in self._numbers:
            return self._numbers[client_order_id]
        order = self._ledger.order(client_order_id)
        known = order.venue_order_id if order is not None else None
        return int(known) if known is not None and known.isdigit() else 0

    def replace(self, native: str, order_id: int, client_order_id: str, before: Decimal) -> None:
        """The venue calls an order by another number from now on; ``before`` is what was executed under those it had."""
        self.name(native, order_id, client_order_id)
        self._numbers[client_order_id], self._before[client_order_id] = order_id, before

    def before(self, client_order_id: str) -> Decimal:
        """What of an order was executed under the numbers that it had before its present one."""
        if client_order_id not in self._before:
            order = self._ledger.order(client_order_id)
            self._before[client_order_id] = (order.filled_before if order is not None else None) or Decimal(0)
        return self._before[client_order_id]

    def whole(self, client_order_id: str, state: State) -> State:
        """What the venue says of the order that works now, or was the last to, with what was executed before it: the desk's order is all of them."""
        before = self.before(client_order_id)
        if not before or state.order_id != self.number(client_order_id):
            return state
        return state._replace(qty=state.qty + before, executed=state.executed + before, worth=None)
