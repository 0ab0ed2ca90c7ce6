"""What the account is worth now: equity, P&L and buying power from ledgers, positions and marks.

Pure but for `DayStart`, which remembers the first prices it saw of a UTC day. A position without a mark is carried at
cost; a currency without a rate is left out of every total and named in ``unconverted``. Day P&L = equity now - value of
the portfolio as it was at 00:00 UTC, at the first marks and rates known of that day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from .fx import Rate, Rates
from .marks import DeskView, Mark
from .money import ZERO, convert, ratio, sub
from .portfolio import Portfolio

_ONE = Decimal(1)
DAY_NS = 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class PositionValue:
    """One open position; amounts in ``currency``, ``worth`` in the account's (None where there is no rate), short below zero.

    ``mark`` is None where no price is known (carried at cost).
    """

    symbol: str
    side: str
    qty: Decimal
    average_price: Decimal
    mark: Decimal | None
    unrealised: Decimal
    realised: Decimal
    notional: Decimal
    worth: Decimal | None
    stale: bool
    currency: str
    multiplier: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """One cash ledger; ``value`` in the account currency, None where there is no rate."""

    currency: str
    amount: Decimal
    value: Decimal | None
    assumed: bool


@dataclass(frozen=True, slots=True)
class Valuation:
    """The account in its currency, with what had to be left out or assumed."""

    currency: str
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    realised: Decimal
    unrealised: Decimal
    day_pnl: Decimal
    fees: Decimal
    positions: tuple[PositionValue, ...]
    ledgers: tuple[Ledger, ...]
    unconverted: tuple[str, ...]
    assumed: tuple[str, ...]
    unmarked: tuple[str, ...]
    margin_used: Decimal
    margin_free: Decimal
    leverage: Decimal
    income: Decimal


@dataclass(slots=True)
class DayStart:
    """First marks and rates of the running UTC day, kept in memory."""

    day: int = -1
    marks: dict[str, Decimal] = field(default_factory=dict)
    rates: dict[str, Decimal] = field(default_factory=dict)

    def roll(self, now_ns: int) -> None:
        """Forget yesterday's prices when the day has changed."""
        day = now_ns // DAY_NS
        if day != self.day:
            self.day = day
            self.marks.clear()
            self.rates.clear()

    def split(self, symbol: str, new: int, old: int, mark: Decimal | None) -> None:
        """``new`` units stand for ``old`` ones. The day's first price may have been of either: the reading nearer to the present price counts."""
        first = self.marks.get(symbol)
        if first is None or first <= 0:
            return
        after = ratio(convert(first, Decimal(old)), Decimal(new))
        if mark is None or mark <= 0 or _apart(after, mark) < _apart(first, mark):
            self.marks[symbol] = after


def _apart(one: Decimal, other: Decimal) -> Decimal:
    return ratio(max(one, other), min(one, other))


def equity(portfolio: Portfolio, mark_of: Callable[[str], Mark | None], rates: Rates) -> Decimal:
    """Cash and positions in the account currency, without what cannot be converted."""
    total = ZERO
    for currency, amount in portfolio.cash.items():
        total += rates.convert(amount, currency) or ZERO
    for position in portfolio.positions.values():
        if position.qty:
            mark = mark_of(position.symbol)
            value = position.worth(mark.price) if mark is not None else position.cost
            total += rates.convert(value, position.currency) or ZERO
    return total


def valuation(
    portfolio: Portfolio,
    day_open: Portfolio,
    bound_at: Callable[[Rates], Decimal],
    view: DeskView,
    currency: str,
    day_start: DayStart,
    now_ns: int,
    leverage_of: Callable[[str], Decimal] = lambda _symbol: _ONE,
) -> Valuation:
    """Everything the account panel shows. ``day_open`` is the portfolio at 00:00 UTC, ``now_ns`` the wall clock; the account's leverage is that of "".

    ``bound_at`` gives what positions and orders bind (`margin.Margins.bound`).
    """
    rates = view.rates(currency)
    marks = {symbol: view.mark(symbol) for symbol, position in portfolio.positions.items() if position.qty}
    mark_of = marks.get
    ledgers = tuple(_ledger(name, amount, rates) for name, amount in portfolio.cash.items())
    rows = []
    realised = unrealised = ZERO
    for position in portfolio.positions.values():
        realised += rates.convert(position.realised, position.currency) or ZERO
        if not position.qty:
            continue
        mark = marks[position.symbol]
        notional = position.worth(mark.price) if mark is not None else position.cost
        gain = sub(notional, position.cost)
        unrealised += rates.convert(gain, position.currency) or ZERO
        rows.append(
            PositionValue(
                symbol=position.symbol,
                side=position.side,
                qty=position.qty,
                average_price=position.average_price,
                mark=mark.price if mark is not None else None,
                unrealised=gain,
                realised=position.realised,
                notional=notional,
                worth=rates.convert(notional, position.currency),
                stale=mark is None or view.is_stale(position.symbol),
                currency=position.currency,
                multiplier=position.multiplier,
            )
        )
    worth = equity(portfolio, mark_of, rates)
    bound = bound_at(rates)
    free = max(worth - bound, ZERO)
    gross = sum((row.worth.copy_abs() for row in rows if row.worth is not None), ZERO)
    names = {*portfolio.cash, *(row.currency for row in rows)}
    found = {name: rates.rate(name) for name in sorted(names)}
    return Valuation(
        currency=currency,
        cash=sum((ledger.value for ledger in ledgers if ledger.value is not None), ZERO),
        equity=worth,
        buying_power=convert(free, leverage_of("")),
        realised=realised,
        unrealised=unrealised,
        day_pnl=worth - _opening(day_open, marks, view, found, rates, day_start, now_ns),
        fees=sum((rates.convert(paid, name) or ZERO for name, paid in portfolio.fees.items()), ZERO),
        positions=tuple(rows),
        ledgers=ledgers,
        unconverted=tuple(name for name, rate in found.items() if rate is None),
        assumed=tuple(name for name, rate in found.items() if rate is not None and rate.assumed),
        unmarked=tuple(row.symbol for row in rows if row.mark is None),
        margin_used=bound,
        margin_free=free,
        income=sum((rates.convert(amount, name) or ZERO for name, amount in portfolio.income.items()), ZERO),
        leverage=ratio(gross, worth) if worth > 0 else ZERO,
    )


def _opening(
    day_open: Portfolio,
    marks: dict[str, Mark | None],
    view: DeskView,
    found: dict[str, Rate | None],
    rates: Rates,
    start: DayStart,
    now_ns: int,
) -> Decimal:
    start.roll(now_ns)
    for name, rate in found.items():
        if rate is not None:
            start.rates.setdefault(name, rate.value)
    total = ZERO
    for name, amount in day_open.cash.items():
        total += _at(amount, name, start, rates)
    for position in day_open.positions.values():
        if position.qty:
            mark = marks.get(position.symbol) or view.mark(position.symbol)
            if mark is not None:
                start.marks.setdefault(position.symbol, mark.price)
            price = start.marks.get(position.symbol)
            value = position.worth(price) if price is not None else position.cost
            total += _at(value, position.currency, start, rates)
    return total


def _at(amount: Decimal, currency: str, start: DayStart, rates: Rates) -> Decimal:
    if currency == rates.currency:
        return amount
    rate = start.rates.get(currency)
    return convert(amount, rate) if rate is not None else ZERO


def _ledger(currency: str, amount: Decimal, rates: Rates) -> Ledger:
    rate = rates.rate(currency)
    return Ledger(currency, amount, rates.convert(amount, currency), rate is not None and rate.assumed)
