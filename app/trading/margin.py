"""The free margin, kept by instrument: what its position adds to the equity and binds, and what each of its orders binds.

A check costs a look at the prices of what is held and worked on, and what has changed since the last one is reckoned anew, by the rules of `exposure`: an
order where it, the part of the position that it closes, or a price that it counts at has changed. Sums are exact and in the instrument's currency;
kept figures are those that `valuation` finds.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from app.model.orders import Side

from .exposure import need_of, room
from .fx import Rates
from .money import ZERO, add, ratio, sub
from .order import Order

if TYPE_CHECKING:
    from .engine import Engine
    from .marks import Mark


_SIDES = tuple(Side)


class _Claim(NamedTuple):
    """What an order binds, and the price above which the market changes that; None where the market does not matter to it."""

    margin: Decimal
    until: Decimal | None


class _Cell:
    """One instrument: the price it was reckoned at, its position's worth and what that binds (in ``currency``), and what its orders bind."""

    __slots__ = ("bound", "claims", "closing", "currency", "held", "mark", "rising", "worth")

    def __init__(self) -> None:
        self.mark: Decimal | None = None
        self.currency = ""
        self.worth = self.held = self.bound = ZERO
        self.claims: dict[str, _Claim] = {}
        self.closing: dict[str, Decimal] = {}
        """What of the position orders close, by their ids."""
        self.rising: list[tuple[Decimal, str]] = []
        """The orders that the market matters to, sorted by the price above which it does."""

    def moved_by(self, mark: Decimal | None) -> set[str]:
        """The orders that count otherwise while the market is there."""
        if mark == self.mark:
            return set()
        if mark is None or self.mark is None:
            return set(self.claims)
        return {cid for _until, cid in self.rising[: bisect_left(self.rising, (max(mark, self.mark),))]}

    def drop(self, cid: str) -> None:
        """An order binds nothing any more."""
        if (claim := self.claims.pop(cid, None)) is not None:
            self.bound = sub(self.bound, claim.margin)
            if claim.until is not None:
                del self.rising[bisect_left(self.rising, (claim.until, cid))]

    def take(self, cid: str, claim: _Claim) -> None:
        """An order binds so much."""
        self.claims[cid] = claim
        self.bound = add(self.bound, claim.margin)
        if claim.until is not None:
            insort(self.rising, (claim.until, cid))


class Margins:
    """One engine's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changed: dict[str, set[str]] = {}
        """The instruments to be reckoned anew, and which of their orders."""
        self._cells: dict[str, _Cell] = {}
        self._seen: dict[str, tuple[Any, Any]] = {}
        """Quote and last trade that each cell was reckoned at; without those of instruments that are not known here."""
        self._worth: dict[str, Decimal] = {}
        self._bound: dict[str, Decimal] = {}
        """Sums over the instruments, by currency."""
        self._known: tuple = ()

    def forget(self) -> None:
        """Leverage has changed: everything is reckoned anew."""
        self._known = ()

    def order_changed(self, order: Order) -> None:
        """An order came, changed or ended, and with it perhaps the position in its instrument."""
        self._changed.setdefault(order.intent.symbol, set()).add(order.intent.client_order_id)

    def position_changed(self, symbol: str) -> None:
        """A position changed by other means than an order."""
        self._changed.setdefault(symbol, set())

    def free(self, rates: Rates) -> Decimal:
        """Equity less what positions and orders bind, in the account currency; below zero where more is bound."""
        self._settle()
        amounts = dict(self._engine.portfolio.cash)
        for currency, amount in self._worth.items():
            amounts[currency] = add(amounts.get(currency, ZERO), amount)
        for currency, amount in self._bound.items():
            amounts[currency] = sub(amounts.get(currency, ZERO), amount)
        return _converted(amounts, rates)

    def bound(self, rates: Rates) -> Decimal:
        """What positions and orders bind, in the account currency."""
        self._settle()
        return _converted(self._bound, rates)

    def _settle(self) -> None:
        engine = self._engine
        view, portfolio, changed = engine.view, engine.portfolio, self._changed
        known, before = (view, view.settings, view.instruments, portfolio), self._known
        if not (before and view is before[0] and known[1] is before[1] and known[2] is before[2] and portfolio is before[3]):
            self._cells, self._seen, self._worth, self._bound, self._known = {}, {}, {}, {}, known
            changed.clear()
            for symbol in portfolio.positions:
                self.position_changed(symbol)
            for order in engine.claims():
                self.order_changed(order)
        for symbol in view.market.moved(self._seen):
            if symbol not in changed and not self._revalued(symbol, self._cells[symbol]):
                changed[symbol] = set()
        while changed:
            self._reckon(*changed.popitem())

    def _revalued(self, symbol: str, cell: _Cell) -> bool:
        """The market of an instrument has moved and nothing else: what is held is worth something else. False where its orders may bind something else too."""
        mark = self._engine.view.mark(symbol)
        if mark is None or cell.mark is None or cell.rising:
            return False
        if mark.price != cell.mark:
            self._count_position(cell, sub)
            cell.mark = mark.price
            self._hold(symbol, cell, mark)
            self._count_position(cell, add)
        return True

    def _reckon(self, symbol: str, order_ids: set[str]) -> None:
        engine = self._engine
        view, cell = engine.view, self._cells.get(symbol)
        if cell is None:
            cell = self._cells[symbol] = _Cell()
            if symbol in view.instruments:
                self._seen[symbol] = view.market.quote(symbol), view.market.last(symbol)
        self._count(symbol, cell, sub)
        mark, closing = view.mark(symbol), self._closing(symbol)
        price = mark.price if mark is not None else None
        order_ids |= cell.moved_by(price)
        order_ids |= {cid for cid in {**cell.closing, **closing} if cell.closing.get(cid) != closing.get(cid)}
        cell.mark, cell.closing = price, closing
        self._hold(symbol, cell, mark)
        leverage, bps = engine.risk.leverage_of(symbol), view.taker_bps(symbol)
        for cid in order_ids:
            cell.drop(cid)
            if (order := engine.claim(cid)) is not None:
                margin = need_of(order, closing.get(cid, ZERO), mark, bps).margin(leverage)
                cell.take(cid, _Claim(margin, _until(order)))
        if cell.currency or cell.claims:
            self._count(symbol, cell, add)
        else:
            del self._cells[symbol]
            self._seen.pop(symbol, None)

    def _hold(self, symbol: str, cell: _Cell, mark: Mark | None) -> None:
        """What the position is worth and binds now; at cost where there is no mark."""
        position = self._engine.portfolio.positions.get(symbol)
        cell.currency, cell.worth, cell.held = "", ZERO, ZERO
        if position is not None and position.qty:
            value = position.worth(mark.price) if mark is not None else position.cost
            cell.currency, cell.worth = position.currency, value
            cell.held = ratio(value.copy_abs(), self._engine.risk.leverage_of(symbol))

    def _closing(self, symbol: str) -> dict[str, Decimal]:
        """What of the position its orders close: the first ones first."""
        engine, found = self._engine, {}
        for side in _SIDES:
            if left := room(engine.portfolio, symbol, side):
                for order in [order for order in engine.claims() if order.intent.symbol == symbol]:
                    if order.intent.side is side:
                        found[order.client_order_id] = part = min(order.remaining, left)
                        if not (left := left - part):
                            break
        return found

    def _count(self, symbol: str, cell: _Cell, how: Callable[[Decimal, Decimal], Decimal]) -> None:
        """Take an instrument into the sums, or out of them; what has no currency cannot be counted."""
        self._count_position(cell, how)
        instrument = self._engine.view.instruments.get(symbol)
        if cell.bound and instrument is not None:
            self._bound[instrument.quote] = how(self._bound.get(instrument.quote, ZERO), cell.bound)

    def _count_position(self, cell: _Cell, how: Callable[[Decimal, Decimal], Decimal]) -> None:
        if currency := cell.currency:
            self._worth[currency] = how(self._worth.get(currency, ZERO), cell.worth)
            self._bound[currency] = how(self._bound.get(currency, ZERO), cell.held)


def _converted(amounts: Mapping[str, Decimal], rates: Rates) -> Decimal:
    return sum([rates.convert(amount, currency) or ZERO for currency, amount in amounts.items()], ZERO)


def _until(order: Order) -> Decimal | None:
    """Up to which price of the market an order counts at its own; None: at any (see `exposure.worst_price`)."""
    intent = order.intent
    if intent.side is Side.BUY and intent.type.has_limit and order.price is not None:
        return None
    return order.price or order.stop or ZERO
