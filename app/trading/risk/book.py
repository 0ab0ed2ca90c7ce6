"""Exposure, kept up to date with every event, so that a check costs the same however long the history is.

One cell an owner and instrument: position, and what working orders would buy or sell. The owner "" is the whole account, others are the
origins of orders (strategies). A cell's worth uses the price of its last refresh: the instrument of an order is refreshed
before its check, all of them once a second.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ..money import ZERO, add, convert, scaled_parts, sub
from ..order import Order

WHOLE = ""


class Cell:
    """Base quantities, the price they count at (account currency), and what they are worth."""

    __slots__ = ("buys", "closing_buys", "closing_sells", "gross", "long", "pos", "price", "sells", "short")

    def __init__(self) -> None:
        self.pos = self.buys = self.sells = ZERO
        self.closing_buys = self.closing_sells = ZERO
        self.price = ZERO
        self.gross = self.long = self.short = ZERO

    def worth(self, buys: Decimal, sells: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        """(gross, long side, short side) with other working quantities than the present ones.

        Reduce-only orders open nothing, but what they close makes room for the others: at worst they fill first.
        """
        above = self.pos if self.pos >= 0 else min(add(self.pos, self.closing_buys), ZERO)
        below = self.pos if self.pos <= 0 else max(sub(self.pos, self.closing_sells), ZERO)
        long, short = convert(add(above, buys), self.price), convert(sub(below, sells), self.price)
        return max(long.copy_abs(), short.copy_abs()), long, short


class Totals:
    """Sums over the instruments of one owner, in the account currency."""

    __slots__ = ("gross", "long", "short")

    def __init__(self) -> None:
        self.gross = self.long = self.short = ZERO

    def take(self, gross: Decimal, long: Decimal, short: Decimal) -> None:
        """Count in more."""
        self.gross, self.long, self.short = add(self.gross, gross), add(self.long, long), add(self.short, short)

    @property
    def net(self) -> Decimal:
        """The larger of what the account would be net long or short."""
        return max(self.long.copy_abs(), self.short.copy_abs())


class Book:
    """``price_of(symbol)`` is what one unit (contract) is worth in the account currency, or None while that is not known."""

    def __init__(self, price_of: Callable[[str], Decimal | None]) -> None:
        self.cells: dict[tuple[str, str], Cell] = {}
        self._totals: dict[str, Totals] = {}
        self._price_of = price_of
        self.elsewhere: Callable[[], Totals] = Totals
        """What other accounts of the desk have, in this account's currency: it counts for the whole desk."""
        self._open: dict[str, tuple[str, str, int, Decimal]] = {}
        self._dirty: set[tuple[str, str]] = set()

    def cell(self, owner: str, symbol: str) -> Cell:
        """The cell, made when there is none."""
        key = (owner, symbol)
        found = self.cells.get(key)
        if found is None:
            found = self.cells[key] = Cell()
        return found

    def traded(self, origin: str, symbol: str, signed: Decimal) -> None:
        """A fill changed a position."""
        for owner in (WHOLE, origin):
            cell = self.cell(owner, symbol)
            cell.pos = add(cell.pos, signed)
            self._dirty.add((owner, symbol))

    def holds(self, owner: str, symbol: str, qty: str) -> None:
        """A position out of a snapshot."""
        self.cell(owner, symbol).pos = Decimal(qty)
        self._dirty.add((owner, symbol))

    def split(self, symbol: str, new: int, old: int) -> None:
        """``new`` units stand for ``old`` ones; the parts of the owners add up to what the whole comes to."""
        whole = [WHOLE] if (WHOLE, symbol) in self.cells else []
        others = sorted(owner for owner, name in self.cells if name == symbol and owner != WHOLE)
        for owners in (whole, others):
            for owner, pos in zip(owners, scaled_parts([self.cells[owner, symbol].pos for owner in owners], new, old), strict=True):
                self.cells[owner, symbol].pos = pos
                self._dirty.add((owner, symbol))

    def working(self, order: Order, qty: Decimal) -> None:
        """An order may still trade this much; 0 when it is over."""
        cid, intent = order.client_order_id, order.intent
        before = self._open.get(cid)
        if not qty if before is None else qty == before[3]:
            return
        more = sub(qty, before[3]) if before is not None else qty
        if qty:
            self._open[cid] = (intent.origin, intent.symbol, intent.side.sign, qty)
        else:
            del self._open[cid]
        for owner in (WHOLE, intent.origin):
            cell = self.cells.get((owner, intent.symbol)) or self.cell(owner, intent.symbol)
            if intent.reduce_only:
                if intent.side.sign > 0:
                    cell.closing_buys = add(cell.closing_buys, more)
                else:
                    cell.closing_sells = add(cell.closing_sells, more)
            elif intent.side.sign > 0:
                cell.buys = add(cell.buys, more)
            else:
                cell.sells = add(cell.sells, more)
            self._dirty.add((owner, intent.symbol))

    def totals(self, owner: str) -> Totals:
        """Sums of an owner, everything counted."""
        self._settle()
        found = self._totals.get(owner)
        if found is None:
            found = self._totals[owner] = Totals()
        return found

    def totals_in(self, scope: str, owner: str) -> Totals:
        """Sums of an owner that count in a scope: those of other accounts too where it is the whole desk."""
        found = self.totals(owner)
        if scope != "desk" or self.elsewhere is Totals:
            return found
        whole = self.elsewhere()
        whole.take(found.gross, found.long, found.short)
        return whole

    def refresh(self, symbol: str, owner: str = WHOLE) -> Cell:
        """The cell at the present price."""
        cell = self.cells.get((owner, symbol)) or self.cell(owner, symbol)
        price = self._price_of(symbol)
        if price is not None and price != cell.price:
            cell.price = price
            self._dirty.add((owner, symbol))
        self._settle()
        return cell

    def refresh_all(self) -> None:
        """Every cell that holds something at the present price."""
        prices: dict[str, Decimal | None] = {}
        for key, cell in self.cells.items():
            if cell.pos or cell.buys or cell.sells:
                symbol = key[1]
                if symbol not in prices:
                    prices[symbol] = self._price_of(symbol)
                price = prices[symbol]
                if price is not None and price != cell.price:
                    cell.price = price
                    self._dirty.add(key)
        self._settle()

    def _settle(self) -> None:
        dirty = self._dirty
        while dirty:
            owner, symbol = dirty.pop()
            cell = self.cells[owner, symbol]
            if not cell.price:
                price = self._price_of(symbol)
                if price is None:
                    continue
                cell.price = price
            gross, long, short = cell.worth(cell.buys, cell.sells)
            totals = self._totals.get(owner)
            if totals is None:
                totals = self._totals[owner] = Totals()
            totals.gross += gross - cell.gross
            totals.long += long - cell.long
            totals.short += short - cell.short
            cell.gross, cell.long, cell.short = gross, long, short
