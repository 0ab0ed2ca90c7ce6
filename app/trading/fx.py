"""Conversion rates between currencies, found in the desk's own quotes.

The rate is the product of middle prices along the path with the fewest instruments. USD and USDT are connected by a
live USDT/USD quote; without one they count 1:1 and the rate is marked as assumed. A currency without a path has no
rate and is shown as not converted. For display, equity and buying power only: cash ledgers never see a rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from app.model.instrument import Instrument

from .money import convert, ratio

ALIASES = {"XBT": "BTC"}
_ONE = Decimal(1)
_PEGGED = frozenset({"USD", "USDT"})


class Rate(NamedTuple):
    """Account currency per unit. ``assumed`` when USD = USDT had to be assumed; ``via`` are the instruments whose prices made it."""

    value: Decimal
    assumed: bool
    via: tuple[str, ...] = ()


class Rates:
    """Rates into one currency, looked up once each."""

    def __init__(
        self, currency: str, instruments: Mapping[str, Instrument], middle: Callable[[str], Decimal | None]
    ) -> None:
        """``middle`` gives the middle price of a symbol, or None where there is no usable quote."""
        self.currency = currency
        self._instruments = instruments
        self._middle = middle
        self._known: dict[str, Rate | None] = {currency: Rate(_ONE, False)}
        self._edges: dict[str, list[tuple[str, Decimal, str]]] | None = None

    def rate(self, currency: str) -> Rate | None:
        """Units of the account currency per unit of ``currency``, or None."""
        if currency not in self._known:
            self._known[currency] = self._search(currency)
        return self._known[currency]

    def convert(self, amount: Decimal, currency: str) -> Decimal | None:
        """An amount in the account currency (28 digits), or None where there is no rate."""
        if currency == self.currency:
            return amount
        rate = self.rate(currency)
        return None if rate is None else convert(amount, rate.value)

    def _search(self, currency: str) -> Rate | None:
        if self._edges is None:
            self._edges = self._read()
        start, goal = _name(currency), _name(self.currency)
        found = self._walk(start, goal, pegged=False)
        if found is not None:
            return Rate(found[0], False, found[1])
        found = self._walk(start, goal, pegged=True)
        return None if found is None else Rate(found[0], True, found[1])

    def _read(self) -> dict[str, list[tuple[str, Decimal, str]]]:
        edges: dict[str, list[tuple[str, Decimal, str]]] = {}
        for symbol, instrument in self._instruments.items():
            price = self._middle(symbol)
            if price is not None and price > 0:
                base, quote = _name(instrument.base), _name(instrument.quote)
                edges.setdefault(base, []).append((quote, price, symbol))
                edges.setdefault(quote, []).append((base, ratio(_ONE, price), symbol))
        return edges

    def _walk(self, start: str, goal: str, pegged: bool) -> tuple[Decimal, tuple[str, ...]] | None:
        reached: dict[str, tuple[Decimal, tuple[str, ...]]] = {start: (_ONE, ())}
        front = [start]
        while front and goal not in reached:
            following = []
            for name in front:
                steps = self._edges.get(name, [])
                if pegged and name in _PEGGED:
                    steps = [*((other, _ONE, "") for other in _PEGGED - {name}), *steps]
                value, via = reached[name]
                for other, price, symbol in steps:
                    if other not in reached:
                        reached[other] = (convert(value, price), (*via, symbol) if symbol else via)
                        following.append(other)
            front = following
        return reached.get(goal)


def _name(currency: str) -> str:
    return ALIASES.get(currency, currency)
