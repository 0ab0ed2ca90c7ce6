"""The free margin, kept by instrument: what each adds to the equity and binds counts until its prices, its position or its orders change.

A check costs a look at the prices of what is held and worked on; only what has changed since the last one is reckoned anew, by the rules of
`exposure`, so that kept figures are those that `valuation` finds.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .exposure import bound_by_orders, bound_by_positions
from .fx import Rates
from .money import ZERO

if TYPE_CHECKING:
    from .engine import Engine
    from .marks import DeskView


class _Cell:
    """One instrument: the prices it was reckoned at, what it is worth, what it binds, and the foreign currencies of that."""

    __slots__ = ("bound", "currencies", "last", "listed", "prices", "quote", "worth")

    def __init__(self) -> None:
        self.listed = False
        self.quote: Any = None
        self.last: Any = None
        self.prices: tuple = ()
        self.worth = self.bound = ZERO
        self.currencies: frozenset[str] = frozenset()


class Margins:
    """One engine's. ``changed`` holds the instruments whose position or orders have changed since they were reckoned."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.changed: set[str] = set()
        self._cells: dict[str, _Cell] = {}
        self._rates: dict[str, Decimal | None] = {}
        self._known: tuple = ()

    def forget(self) -> None:
        """Leverage has changed: everything is reckoned anew."""
        self._known = ()

    def free(self, rates: Rates) -> Decimal:
        """Equity less what positions and orders bind, in the account currency; below zero where more is bound."""
        engine = self._engine
        view, portfolio = engine.view, engine.portfolio
        known = (view, view.settings, view.instruments, portfolio)
        if len(known) != len(self._known) or any(now is not before for now, before in zip(known, self._known, strict=True)):
            self._cells, self._known = {}, known
            self.changed = {*portfolio.positions, *(order.symbol for order in engine.claims())}
        self._find_changed(view, rates)
        while self.changed:
            self._reckon(self.changed.pop(), rates)
        free = ZERO
        for currency, amount in portfolio.cash.items():
            free += rates.convert(amount, currency) or ZERO
        for cell in self._cells.values():
            free += cell.worth
            free -= cell.bound
        return free

    def _find_changed(self, view: DeskView, rates: Rates) -> None:
        moved = set()
        for currency, before in self._rates.items():
            rate = rates.rate(currency)
            now = rate.value if rate is not None else None
            if now != before:
                moved.add(currency)
                self._rates[currency] = now
        market = view.market
        for symbol, cell in self._cells.items():
            if cell.listed:
                quote, last = market.quote(symbol), market.last(symbol)
                if (quote is not cell.quote or last is not cell.last) and _prices(quote, last) != cell.prices:
                    self.changed.add(symbol)
                cell.quote, cell.last = quote, last
            if moved and not moved.isdisjoint(cell.currencies):
                self.changed.add(symbol)

    def _reckon(self, symbol: str, rates: Rates) -> None:
        engine = self._engine
        view, portfolio, leverage_of = engine.view, engine.portfolio, engine.risk.leverage_of
        position, instrument = portfolio.positions.get(symbol), view.instruments.get(symbol)
        held = position is not None and bool(position.qty)
        orders = [order for order in engine.claims() if order.symbol == symbol]
        if not held and not orders:
            self._cells.pop(symbol, None)
            return
        cell = self._cells[symbol] = _Cell()
        cell.listed = instrument is not None
        if cell.listed:
            cell.quote, cell.last = view.market.quote(symbol), view.market.last(symbol)
            cell.prices = _prices(cell.quote, cell.last)
        mark, quote_currency = view.mark(symbol), instrument.quote if instrument is not None else None
        if held:
            value = position.worth(mark.price) if mark is not None else position.cost
            cell.worth = rates.convert(value, position.currency) or ZERO
            cell.bound = bound_by_positions({symbol: position}, lambda _symbol: mark, rates, leverage_of)
        if orders:
            cell.bound += bound_by_orders(orders, portfolio, lambda _symbol: mark, lambda _symbol: quote_currency, rates, view.taker_bps, leverage_of)
        used = {position.currency if held else None, quote_currency} - {None, rates.currency}
        cell.currencies = frozenset(used)
        for currency in used:
            rate = rates.rate(currency)
            self._rates[currency] = rate.value if rate is not None else None


def _prices(quote: Any, last: Any) -> tuple:
    return (None if quote is None else (quote.bid, quote.ask), None if last is None else last.price)
