"""Instruments: what can be quoted and traded, and how exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from .units import to_decimal, to_units


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable pair.

    ``symbol`` is unique over the whole desk; ``native`` is what the venue calls it on the wire. Prices are integers of
    10^-price_scale ``quote``; sizes integers of 10^-size_scale ``base``. ``tick`` and ``lot`` are in the same units.
    The scales are those of the venue's wire text, often finer than tick and lot: books keep orders from before a tick
    grew, and show sizes finer than a lot. To display, use price_decimals and size_decimals. ``exchange`` is the code of the calendar it
    trades by (app/market/calendars.py), "" where it trades around the clock.
    """

    symbol: str
    venue: str
    native: str
    base: str
    quote: str
    price_scale: int
    size_scale: int
    tick: int = 1
    lot: int = 1
    min_size: int = 0
    min_notional: Decimal = Decimal(0)
    exchange: str = ""
    name: str = ""
    """What people call it, where the venue says more than its symbol."""
    multiplier: Decimal = Decimal(1)
    """A size of 1 at a price of 1 is worth so many units of ``quote``: the size of a futures contract. 0: not known, so it cannot be traded."""

    tick_size: Decimal = field(init=False, repr=False, compare=False)
    """Smallest price step in the quote currency."""
    lot_size: Decimal = field(init=False, repr=False, compare=False)
    """Smallest quantity step in the base currency."""

    def __post_init__(self) -> None:
        """The steps, reckoned once: every order asks for them several times."""
        object.__setattr__(self, "tick_size", self.price(self.tick))
        object.__setattr__(self, "lot_size", self.size(self.lot))

    def price(self, units: int) -> Decimal:
        """Price units as a Decimal in the quote currency."""
        return to_decimal(units, self.price_scale)

    def size(self, units: int) -> Decimal:
        """Size units as a Decimal in the base currency."""
        return to_decimal(units, self.size_scale)

    def price_units(self, price: Decimal) -> int:
        """Exact units of a price; BadNumber when it has too many decimals."""
        return to_units(price, self.price_scale)

    def size_units(self, size: Decimal) -> int:
        """Exact units of a size; BadNumber when it has too many decimals."""
        return to_units(size, self.size_scale)

    @property
    def price_decimals(self) -> int:
        """Decimals that a price on the tick has: how many to show."""
        return _decimals(self.tick, self.price_scale)

    @property
    def size_decimals(self) -> int:
        """Decimals that a size of whole lots has: how many to show."""
        return _decimals(self.lot, self.size_scale)


@lru_cache(maxsize=256)
def _decimals(step: int, scale: int) -> int:
    while scale and step % 10 == 0:
        step //= 10
        scale -= 1
    return scale
