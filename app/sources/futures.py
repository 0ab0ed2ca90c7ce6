"""What one contract of a future is: so many units of what its price is of, and the smallest step of that price.

Source: the contract specifications of CME Group (CME, CBOT, NYMEX, COMEX), "contract unit" and "minimum price fluctuation" of outrights,
https://www.cmegroup.com/markets/products.html; all in US dollars. Prices are quoted as the exchange does: index points, dollars a barrel, points of a
bond's par, US cents a bushel. A future that is not here can be looked at, and not traded: what its contract is worth is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

CENTS = "USX"
"""US cents, as Yahoo names the unit of a price."""


class Contract(NamedTuple):
    """A price of 1 is worth ``multiplier`` dollars a contract. ``unit`` is what a source calls the unit of the price where that is not the dollar."""

    multiplier: Decimal
    tick: Decimal
    unit: str = ""

    @property
    def decimals(self) -> int:
        """Decimals that the tick is written with."""
        return -self.tick.as_tuple().exponent


_ROWS = (
    # index points
    ("ES", "50", "0.25"),
    ("MES", "5", "0.25"),
    ("NQ", "20", "0.25"),
    ("MNQ", "2", "0.25"),
    ("YM", "5", "1"),
    ("MYM", "0.5", "1"),
    ("RTY", "50", "0.10"),
    ("M2K", "5", "0.10"),
    # barrels, gallons (42,000), million British thermal units
    ("CL", "1000", "0.01"),
    ("MCL", "100", "0.01"),
    ("NG", "10000", "0.001"),
    ("RB", "42000", "0.0001"),
    ("HO", "42000", "0.0001"),
    # troy ounces, pounds of copper
    ("GC", "100", "0.10"),
    ("MGC", "10", "0.10"),
    ("SI", "5000", "0.005"),
    ("HG", "25000", "0.0005"),
    # points of a par of 100,000: 1/64, 1/128 and 1/32 of a point
    ("ZN", "1000", "0.015625"),
    ("ZF", "1000", "0.0078125"),
    ("ZB", "1000", "0.03125"),
    # 5,000 bushels at cents a bushel, in steps of a quarter
    ("ZC", "50", "0.25", CENTS),
    ("ZS", "50", "0.25", CENTS),
    ("ZW", "50", "0.25", CENTS),
    # euros, yen, pounds
    ("6E", "125000", "0.00005"),
    ("6J", "12500000", "0.0000005"),
    ("6B", "62500", "0.0001"),
    # bitcoin, ether
    ("BTC", "5", "5"),
    ("MBT", "0.1", "5"),
    ("ETH", "50", "0.50"),
)
CONTRACTS: Mapping[str, Contract] = MappingProxyType({root: Contract(Decimal(size), Decimal(tick), *unit) for root, size, tick, *unit in _ROWS})
"""By the root of the symbol: ES of `ES=F`."""
