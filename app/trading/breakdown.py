"""Exposure of the account by anything: instrument, base asset, quote currency, side, account, strategy (the origin of orders).

Every position is valued once, as equity values it; groups add up those very amounts, exactly. So cash and the groups of any kind come to
the equity, to the last digit. By strategy a position is split as its fills were ordered; what no order of this desk explains is `ELSEWHERE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.model.events import SplitBooked

from .fx import Rates
from .marks import DeskView, Mark
from .money import ZERO, add, sub
from .portfolio import Portfolio
from .splits import in_order, split_books

KINDS = ("symbol", "base", "quote", "side", "account", "strategy")
ELSEWHERE = "elsewhere"


@dataclass(slots=True)
class Group:
    """Amounts in the account currency: worth of long and short positions (short below zero), P&L, fees paid."""

    key: str
    long: Decimal = ZERO
    short: Decimal = ZERO
    realised: Decimal = ZERO
    unrealised: Decimal = ZERO
    fees: Decimal = ZERO
    positions: int = 0

    @property
    def net(self) -> Decimal:
        """Long and short together."""
        return add(self.long, self.short)

    @property
    def gross(self) -> Decimal:
        """Long and short, both counted up."""
        return sub(self.long, self.short)

    def take(self, worth: Decimal) -> None:
        """Count a position."""
        self.positions += 1
        if worth < 0:
            self.short = add(self.short, worth)
        else:
            self.long = add(self.long, worth)


class StrategyBooks:
    """A portfolio for each origin of orders, kept up to date with the fills of an engine."""

    def __init__(self) -> None:
        self._engine: Any = None
        self._counted = self._split = 0
        self.books: dict[str, Portfolio] = {}

    def update(self, engine: Any) -> dict[str, Portfolio]:
        """Take the fills and splits that are new; all of them where the engine is another."""
        if engine is not self._engine or self._counted > len(engine.fills):
            self._engine, self._counted, self._split, self.books = engine, 0, 0, {}
        for item in in_order(engine.fills[self._counted :], engine.splits[self._split :], self._counted):
            if isinstance(item, SplitBooked):
                split_books(self.books, item)
                continue
            order = engine.orders.get(item.client_order_id)
            origin = order.intent.origin if order is not None else ELSEWHERE
            self.books.setdefault(origin, Portfolio()).apply(item)
        self._counted, self._split = len(engine.fills), len(engine.splits)
        return self.books


@dataclass(slots=True)
class Breakdown:
    """``left_out`` are positions in a currency without a rate: equity does not count them either."""

    groups: list[Group]
    left_out: list[str] = field(default_factory=list)

    @property
    def total(self) -> Group:
        """All groups together."""
        found = Group("")
        for group in self.groups:
            for name in ("long", "short", "realised", "unrealised", "fees"):
                setattr(found, name, add(getattr(found, name), getattr(group, name)))
            found.positions += group.positions
        return found


def breakdown(kind: str, portfolio: Portfolio, books: dict[str, Portfolio], account: str, view: DeskView, rates: Rates) -> Breakdown:
    """The groups of a kind (see KINDS), the largest gross first."""
    marks = {symbol: view.mark(symbol) for symbol, position in portfolio.positions.items()}
    for book in books.values():
        marks.update({symbol: view.mark(symbol) for symbol in book.positions if symbol not in marks})
    if kind == "strategy":
        return _by_strategy(portfolio, books, marks, rates)
    name = _namer(kind, account, view)
    groups: dict[str, Group] = {}
    left_out = []
    for position in portfolio.positions.values():
        realised = rates.convert(position.realised, position.currency)
        worth = _worth(position, marks.get(position.symbol), rates)
        if realised is None or worth is None:
            if position.qty:
                left_out.append(position.symbol)
            continue
        if not position.qty and not position.realised:
            continue
        key = name(position)
        group = groups.setdefault(key, Group(key))
        group.realised = add(group.realised, realised)
        if position.qty:
            group.take(worth)
            group.unrealised = add(group.unrealised, sub(worth, rates.convert(position.cost, position.currency)))
    if kind == "account" and (groups or portfolio.fees):  # what came to nothing may have cost fees
        groups.setdefault(account, Group(account)).fees = _fees(portfolio, rates)
    return Breakdown(_ordered(groups.values()), left_out)


def _by_strategy(portfolio: Portfolio, books: dict[str, Portfolio], marks: dict[str, Mark | None], rates: Rates) -> Breakdown:
    groups: dict[str, Group] = {}
    left_out: list[str] = []
    explained: dict[str, list[tuple[str, Decimal, Decimal]]] = {}
    for origin, book in books.items():
        group = groups.setdefault(origin, Group(origin, fees=_fees(book, rates)))
        for position in book.positions.values():
            worth, cost = _worth(position, marks.get(position.symbol), rates), rates.convert(position.cost, position.currency)
            realised = rates.convert(position.realised, position.currency)
            if worth is None or cost is None or realised is None:
                if position.qty:
                    left_out.append(position.symbol)
                continue
            group.realised = add(group.realised, realised)
            explained.setdefault(position.symbol, []).append((origin, position.qty, worth))
            group.unrealised = add(group.unrealised, sub(worth, cost))
    for symbol in {*explained, *(s for s, position in portfolio.positions.items() if position.qty)}:
        position = portfolio.positions.get(symbol)
        whole = _worth(position, marks.get(symbol), rates) if position is not None else ZERO
        if whole is None:
            left_out.append(symbol)
            continue
        lines = [line for line in explained.get(symbol, ()) if line[1]]
        rest = whole
        for _origin, _qty, worth in lines:
            rest = sub(rest, worth)
        qty = position.qty if position is not None else ZERO
        for _origin, part, _worth_of in lines:
            qty = sub(qty, part)
        for number, (origin, _qty, worth) in enumerate(lines):
            # a rounded rate may leave the 28th digit over: it stays with the first
            groups[origin].take(add(worth, rest) if number == 0 and not qty else worth)
        if qty:
            groups.setdefault(ELSEWHERE, Group(ELSEWHERE)).take(rest)
    return Breakdown(_ordered(groups.values()), list(dict.fromkeys(left_out)))


def _worth(position: Any, mark: Mark | None, rates: Rates) -> Decimal | None:
    value = position.worth(mark.price) if mark is not None else position.cost
    return rates.convert(value, position.currency)


def _fees(portfolio: Portfolio, rates: Rates) -> Decimal:
    total = ZERO
    for currency, paid in portfolio.fees.items():
        total = add(total, rates.convert(paid, currency) or ZERO)
    return total


def _namer(kind: str, account: str, view: DeskView) -> Callable[[Any], str]:
    def base(position: Any) -> str:
        instrument = view.instruments.get(position.symbol)
        return instrument.base if instrument is not None else position.symbol

    return {
        "symbol": lambda position: position.symbol,
        "base": base,
        "quote": lambda position: position.currency,
        "side": lambda position: position.side,
        "account": lambda _position: account,
    }[kind]


def _ordered(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (-group.gross, group.key))
