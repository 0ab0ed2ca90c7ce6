"""Which rung of a price ladder holds what: prices grouped by a step, the market in the middle, own orders beside it.

A rung's price is one at which what it shows could be had, or better: it holds the bids from its price up to the next rung and the asks
from the rung below up to its price. Best bid and best ask never share a rung. Pure; prices and sizes are exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from .format import MINUS

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
"""Ticks a rung may be apart."""
ZERO = Decimal(0)


@dataclass(slots=True)
class Rung:
    """One price: sizes of the book, own working orders by side as (client order id, quantity left)."""

    price: Decimal
    bid: Decimal = ZERO
    ask: Decimal = ZERO
    buys: list[tuple[str, Decimal]] = field(default_factory=list)
    sells: list[tuple[str, Decimal]] = field(default_factory=list)


class Ladder:
    """``count`` rungs of ``step`` ticks; the highest has number ``top``, counted in rungs from zero. Levels are (price, size), best first."""

    def __init__(self, tick: Decimal, count: int) -> None:
        self.tick, self.count = tick, count
        self._places = max(0, -tick.normalize().as_tuple().exponent)
        self.step = 1
        self.top: int | None = None

    def choose_step(self, bids: list[tuple[Decimal, Decimal]], asks: list[tuple[Decimal, Decimal]]) -> int:
        """The smallest step at which the levels of both sides fit on the ladder; the widest when none does. Set and returned."""
        edges = [side[-1][0] for side in (bids, asks) if side]
        span = max(edges) - min(edges) if edges else ZERO
        self.step = next((step for step in STEPS if span <= self.tick * step * (self.count - 2)), STEPS[-1])
        self.top = None
        return self.step

    def use_step(self, step: int) -> None:
        """Another distance; the market has to be centred anew. ValueError for one that is not offered."""
        if step not in STEPS:
            raise ValueError(f"a step of {step} ticks is not offered")
        self.step, self.top = step, None

    def price_of(self, index: int) -> Decimal:
        """The price of the rung at ``index`` from above."""
        if self.top is None:
            raise ValueError("the ladder has no place yet")
        return (self.top - index) * self.step * self.tick

    def text_of(self, index: int) -> str:
        """That price with the decimals of the tick and separators."""
        return f"{self.price_of(index):,.{self._places}f}".replace("-", MINUS)

    def centre(self, bid: Decimal | None, ask: Decimal | None) -> bool:
        """Put the middle of the market in the middle of the ladder; True when it moved. Nothing happens without a market."""
        numbers = [n for n in (self._below(bid), self._above(ask)) if n is not None]
        if not numbers:
            return False
        top = sum(numbers) // len(numbers) + self.count // 2
        moved, self.top = top != self.top, top
        return moved

    def is_central(self, bid: Decimal | None, ask: Decimal | None) -> bool:
        """True while best bid and ask lie in the middle half."""
        if self.top is None:
            return False
        places = [self.top - n for n in (self._below(bid), self._above(ask)) if n is not None]
        quarter = self.count // 4
        return all(quarter <= place < self.count - quarter for place in places)

    def is_visible(self, bid: Decimal | None, ask: Decimal | None) -> bool:
        """True while some of best bid and ask is on the ladder, or there is no market."""
        places = [] if self.top is None else [self.top - n for n in (self._below(bid), self._above(ask)) if n is not None]
        return not places or any(0 <= place < self.count for place in places)

    def rungs(
        self, bids: Iterable[tuple[Decimal, Decimal]], asks: Iterable[tuple[Decimal, Decimal]], own: Iterable[tuple[str, str, Decimal, Decimal]]
    ) -> list[Rung]:
        """The ladder from above. ``own`` are (client order id, side, price, quantity left) of working orders."""
        if self.top is None:
            return []
        rows = [Rung(self.price_of(index)) for index in range(self.count)]
        for price, size in bids:
            if row := self._at(rows, self._below(price)):
                row.bid += size
        for price, size in asks:
            if row := self._at(rows, self._above(price)):
                row.ask += size
        for order_id, side, price, left in own:
            if row := self._at(rows, self._below(price) if side == "buy" else self._above(price)):
                (row.buys if side == "buy" else row.sells).append((order_id, left))
        return rows

    def _at(self, rows: list[Rung], number: int) -> Rung | None:
        index = self.top - number
        return rows[index] if 0 <= index < self.count else None

    def _below(self, price: Decimal | None) -> int | None:
        return None if price is None else int((price / (self.tick * self.step)).to_integral_value(ROUND_FLOOR))

    def _above(self, price: Decimal | None) -> int | None:
        return None if price is None else int((price / (self.tick * self.step)).to_integral_value(ROUND_CEILING))
