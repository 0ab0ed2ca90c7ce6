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


class _Link(NamedTuple):
    """An instrument between two currencies; ``inverse``: its price is that of the first one in the other."""

    other: str
    symbol: str
    inverse: bool


class Links:
    """Which instruments connect currencies: the same for as long as the instruments are."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.instruments = instruments
        self.of: dict[str, list[_Link]] = {}
        """By currency, in the order of the instruments."""
        self.between: dict[tuple[str, str], list[_Link]] = {}
        for symbol, instrument in instruments.items():
            base, quote = _name(instrument.base), _name(instrument.quote)
            for name, link in ((base, _Link(quote, symbol, False)), (quote, _Link(base, symbol, True))):
                self.of.setdefault(name, []).append(link)
                self.between.setdefault((name, link.other), []).append(link)


class Rates:
    """Rates into one currency, looked up once each."""

    def __init__(self, currency: str, links: Links, middle: Callable[[str], Decimal | None]) -> None:
        """``middle`` gives the middle price of a symbol, or None where there is no usable quote."""
        self.currency = currency
        self._links = links
        self._middle = middle
        self._known: dict[str, Rate | None] = {currency: Rate(_ONE, False)}

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
        start, goal = _name(currency), _name(self.currency)
        found = self._walk(start, goal, pegged=False)
        if found is not None:
            return Rate(found[0], False, found[1])
        found = self._walk(start, goal, pegged=True)
        return None if found is None else Rate(found[0], True, found[1])

    def _walk(self, start: str, goal: str, pegged: bool) -> tuple[Decimal, tuple[str, ...]] | None:
        reached: dict[str, tuple[Decimal, tuple[str, ...]]] = {start: (_ONE, ())}
        front = [start]
        while front and goal not in reached:
            following = []
            for name in front:
                steps = [_Link(other, "", False) for other in _PEGGED - {name}] if pegged and name in _PEGGED else []
                steps += self._links.between.get((name, goal), ())  # the last step needs no price of another
                for link in (*steps, *self._links.of.get(name, ())):
                    if link.other not in reached and (price := self._price(link)) is not None:
                        value, via = reached[name]
                        reached[link.other] = (convert(value, price), (*via, link.symbol) if link.symbol else via)
                        following.append(link.other)
                        if link.other == goal:
                            return reached[goal]
            front = following
        return reached.get(goal)

    def _price(self, link: _Link) -> Decimal | None:
        """What one unit is worth in the other currency now."""
        price = self._middle(link.symbol) if link.symbol else _ONE
        if price is None or price <= 0:
            return None
        return ratio(_ONE, price) if link.inverse else price


def _name(currency: str) -> str:
    return ALIASES.get(currency, currency)
