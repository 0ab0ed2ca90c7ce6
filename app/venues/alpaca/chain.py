"""Orders that replace one another at Alpaca: which of its orders are one of ours, and what of each has been reported already.

An amendment makes a new order with a new id there; a fill may still land on the old one. Executions are counted by order and by what the
order had filled after them, so that each counts once, whichever way and however often it is told.
"""

from __future__ import annotations

from decimal import Decimal

from app.model.orders import VenueWord

from ..execution import Ledger
from .orders import Execution, State, fill_id

ZERO = Decimal(0)


class Chain:
    """``ledger`` is what the desk has applied; executions on their way into its journal are counted here."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.forget()

    def forget(self) -> None:
        """Another journal is open."""
        self._owner: dict[str, str] = {}
        self._parts: dict[str, list[str]] = {}
        self._filled: dict[str, Decimal] = {}
        self._accepted: set[str] = set()
        self._whole: set[str] = set()
        self._carried: set[str] = set()
        self._states: dict[str, State] = {}

    def name(self, order_id: str, client_order_id: str) -> None:
        """One of Alpaca's orders is part of an order of ours; the last named is the present one, unless `order` says otherwise."""
        if self._owner.get(order_id) != client_order_id:
            self._owner[order_id] = client_order_id
            self._parts.setdefault(client_order_id, []).append(order_id)

    def order(self, client_order_id: str, order_ids: list[str]) -> None:
        """How these replaced one another, the first of them first: reports name them in any order."""
        for order_id in order_ids:
            self.name(order_id, client_order_id)
        parts = self._parts[client_order_id]
        first = min(map(parts.index, order_ids))
        self._parts[client_order_id] = [*parts[:first], *order_ids, *(part for part in parts[first:] if part not in order_ids)]

    def see(self, state: State) -> None:
        """What Alpaca said of one of its orders; what is older than what is known is passed over."""
        known = self._states.get(state.order_id)
        if known is None or (state.filled >= known.filled and (known.works or not state.works)):
            self._states[state.order_id] = state

    def word(self, client_order_id: str) -> VenueWord | None:
        """What Alpaca said last of an order of ours, all its parts together; None while a part has not been heard of."""
        parts = self._parts.get(client_order_id, [])
        states = [self._states[part] for part in parts if part in self._states]
        if not states or len(states) < len(parts) or states[-1].qty is None:
            return None
        filled = worth = ZERO
        for state in states:
            if state.order_id not in self._carried:
                filled += state.filled
                worth += state.filled * (state.average or ZERO)
        last = states[-1]
        return VenueWord(last.status, last.works, filled + last.left, filled, worth / filled if filled and worth else None)

    def owner(self, order_id: str | None) -> str | None:
        """The order of ours that one of Alpaca's belongs to."""
        return self._owner.get(order_id) if order_id is not None else None

    def last(self, client_order_id: str) -> str | None:
        """What Alpaca calls an order of ours now."""
        parts = self._parts.get(client_order_id)
        return parts[-1] if parts else None

    def after(self, order_id: str) -> str | None:
        """The order that replaced one of Alpaca's, where that is known."""
        parts = self._parts.get(self._owner.get(order_id, ""), [])
        return next((part for part, following in zip(parts[1:], parts, strict=False) if following == order_id), None)

    def accept(self, order_id: str) -> bool:
        """Count an acceptance; False when it was reported before: answer and stream both tell of it."""
        if order_id in self._accepted:
            return False
        self._accepted.add(order_id)
        return True

    def filled(self, order_id: str) -> Decimal:
        """What one of Alpaca's orders has filled, as applied and as reported."""
        if order_id not in self._filled:
            cid, mark = self._owner.get(order_id), f"{order_id}-"
            found = [Decimal(fill.fill_id.removeprefix(mark)) for fill in self._ledger.fills(cid or "") if fill.fill_id.startswith(mark)]
            self._filled[order_id] = max(found, default=ZERO)
        return self._filled[order_id]

    def before(self, order_id: str) -> Decimal:
        """What the orders that it replaced had filled."""
        parts = self._parts.get(self._owner.get(order_id, ""), [])
        return sum((self.filled(part) for part in parts[: parts.index(order_id)]), ZERO) if order_id in parts else ZERO

    def follows(self, execution: Execution) -> bool:
        """Whether nothing is missing between what is known of an order and an execution of it."""
        start, known = execution.cumulative - execution.qty, self.filled(execution.order_id)
        return start == known or (known == ZERO and start == self.before(execution.order_id))

    def take(self, execution: Execution) -> bool:
        """Count an execution; False when it was reported before."""
        if execution.cumulative <= self.filled(execution.order_id):
            return False
        self._filled[execution.order_id] = execution.cumulative
        self._carried.discard(execution.order_id)
        return not self._ledger.knows_fill(fill_id(execution.order_id, execution.cumulative))

    def is_whole(self, state: State) -> bool:
        """Whether every execution of one of Alpaca's orders is here."""
        return state.order_id in self._carried or self.filled(state.order_id) == state.filled

    def no_more(self, state: State) -> None:
        """All executions have been asked for: what an order has filled without one it took over from the order that it replaced."""
        if self.filled(state.order_id) == ZERO and ZERO < state.filled == self.before(state.order_id):
            self._carried.add(state.order_id)

    def close(self, state: State) -> None:
        """An order has ended and is whole: it need not be asked about again."""
        self._whole.add(state.order_id)

    def first_open(self, client_order_id: str) -> str | None:
        """The first of Alpaca's orders behind one of ours that has to be asked about; None: by our own id."""
        parts = self._parts.get(client_order_id, [])
        order = self._ledger.order(client_order_id)
        if order is None or not parts or parts[0] not in self._whole:
            return None
        return next((part for part in parts if part not in self._whole), parts[-1])

    def journalled(self, client_order_id: str) -> Decimal:
        """All that is filled of an order of ours, as applied and as reported."""
        order = self._ledger.order(client_order_id)
        applied = order.filled if order is not None else ZERO
        return max(applied, sum((self._own(part) for part in self._parts.get(client_order_id, ())), ZERO))

    def _own(self, order_id: str) -> Decimal:
        """What an order filled itself: without what it took over."""
        known = self.filled(order_id)
        first = next((fill for fill in self._ledger.fills(self._owner.get(order_id, "")) if fill.fill_id.startswith(f"{order_id}-")), None)
        if first is None:
            return known
        return known - (Decimal(first.fill_id.removeprefix(f"{order_id}-")) - first.qty)
