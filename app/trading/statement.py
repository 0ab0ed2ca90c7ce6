"""Statements: what an account did in a period, as rows to hand to an accountant or a spreadsheet. All of it follows from the journal.

``fills``    every execution.
``lots``     every closed piece of a position by first in, first out, with what it made: what most tax offices ask for. The desk's own
             average cost is another way to cut the same result: realised minus cost of what is open is the same by both, to the last unit.
``open``     the lots that are open at the end of the period.
``ledger``   every movement of cash by currency with the balance after it, what was booked by hand or taken over from a venue too; its last balances are
             the account's cash.

Amounts are exact Decimals without exponent; times are UTC. Each row says besides what it was worth in the account's currency at the rate of its time
(`dated`), rounded to 8 decimals; what is not known stays empty. ``multiplier`` is that of the
contract: a notional, a cost and what was made are quantity x price x multiplier. Fees of a lot are its shares of the fees of the two fills, rounded to 12
decimals, the last share taking what is left, so that they add up to the fees paid; only fees in the position's own currency are in lots. ``fills`` says what
the venue did; everywhere else a fee that was taken in kind counts as `inkind` says.
"""

from __future__ import annotations

import csv
import io
import re
import time
from calendar import timegm
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from app.model.events import AccountOpened, BalanceAdjusted, CashBooked, NoteSet, SplitBooked
from app.model.orders import Fill

from .contracts import of_contract, shown
from .dated import Dated, about_cash, about_fill
from .inkind import booked_as
from .lots import Closed, Lots
from .money import ZERO, add, mul, plain, sub
from .notes import of_fill
from .splits import in_order

DAY_NS = 86_400 * 10**9
_Of = TypeVar("_Of")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class BadPeriod(ValueError):
    """``field`` is from or to."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the ledger."""

    ts: int
    kind: str
    ref: str
    currency: str
    amount: Decimal
    balance: Decimal
    about: str
    """What its rate is about; empty for the deposit and for what was taken over."""


Counted = tuple[int, _Of]
"""Something with the number of fills before it."""
_Among = Counted[SplitBooked | BalanceAdjusted]


def ledger(opening: AccountOpened | None, fills: Iterable[Fill], bookings: Iterable[Counted[CashBooked | BalanceAdjusted]] = ()) -> Iterator[Movement]:
    """Every movement of cash, in order; ``bookings`` in their own order."""
    balances: dict[str, Decimal] = {}
    currencies: dict[str, str] = {}

    def move(ts: int, kind: str, ref: str, currency: str, amount: Decimal, about: str = "") -> Movement:
        balances[currency] = add(balances.get(currency, ZERO), amount)
        return Movement(ts, kind, ref, currency, amount, balances[currency], about)

    if opening is not None:
        yield move(opening.ts, "deposit", opening.account, opening.currency, opening.cash)
    waiting = deque(bookings)

    def booked(before: float) -> Iterator[Movement]:
        while waiting and waiting[0][0] <= before:
            _, event = waiting.popleft()
            if isinstance(event, BalanceAdjusted):
                if event.is_cash:
                    yield move(event.ts, "taken_over", event.adjustment_id or "", event.asset, event.amount)
                continue
            ref = " ".join(part for part in (event.symbol, event.note) if part)
            yield move(event.ts, event.what, _as_text(ref), event.currency, event.amount, about_cash(event))

    for count, fill in enumerate(fills):
        yield from booked(count)
        taken = booked_as(fill)
        worth, about = _worth(taken.qty, fill), about_fill(fill)
        amount = sub(ZERO, worth) if fill.side.sign > 0 else worth
        yield move(fill.ts, fill.side.value, fill.fill_id, currencies.setdefault(fill.symbol, fill.priced_in), amount, about)
        if taken.fee:
            yield move(fill.ts, "fee" if taken.fee > 0 else "rebate", fill.fill_id, taken.currency, sub(ZERO, taken.fee), about)
    yield from booked(float("inf"))


def period(first: str | None, last: str | None) -> tuple[int, int]:
    """[start, end) in ns from two UTC dates like 2026-01-31, both included; None leaves that side open. Raises BadPeriod."""
    start, end = _day(first, "from"), _day(last, "to")
    begin = 0 if start is None else start
    until = 2**63 if end is None else end + DAY_NS
    if begin >= until:
        raise BadPeriod("to", f"{last} is before {first}")
    return begin, until


def table(
    what: str,
    opening: AccountOpened | None,
    fills: Sequence[Fill],
    start: int,
    end: int,
    notes: Mapping[str, NoteSet] | None = None,
    bookings: Sequence[Counted[CashBooked]] = (),
    splits: Sequence[Counted[SplitBooked]] = (),
    dated: Dated | None = None,
    adjusted: Sequence[Counted[BalanceAdjusted]] = (),
) -> list[list[str]]:
    """The rows of a statement with its header first; KeyError when there is no such statement. ``notes`` of the trader go with the fills, ``bookings``
    into the ledger, ``splits`` into the lots, all of them with what they were worth in the account's currency as ``dated`` knows; ``adjusted`` is what
    was taken over from a venue, cash into the ledger and positions into the lots."""
    head = list(_HEADS[what])
    dated = dated or Dated(opening.currency if opening is not None else "")
    if what == "fills":
        return [head, *_fills(fills, start, end, notes or {}, dated)]
    if what == "ledger":
        return [head, *_ledger(opening, fills, start, end, _as_journalled(bookings, adjusted), dated)]
    return [head, *_ROWS[what](fills, _as_journalled(splits, adjusted), start, end, dated)]


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """RFC 4180 text. Every cell is a number, a time, a word of this module or an id; what people wrote is marked as text where a spreadsheet
    would take it for a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def utc(ns: int) -> str:
    """2026-11-27T08:30:00.123456789Z; the fraction only as long as needed."""
    seconds, rest = divmod(ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"


def _fills(fills: Sequence[Fill], start: int, end: int, notes: Mapping[str, NoteSet], dated: Dated) -> Iterator[list[str]]:
    for fill in fills:
        if start <= fill.ts < end:
            tags, text = of_fill(notes, fill)
            worth, about, currency = _worth(fill.qty, fill), about_fill(fill), fill.priced_in
            yield [
                *(utc(fill.ts), fill.symbol, fill.side.value, plain(fill.qty), plain(fill.price), plain(worth), plain(fill.fee), fill.fee_currency),
                *(fill.liquidity.value, fill.client_order_id, fill.fill_id, tags, _as_text(text)),
                *dated.cells((dated.rate(about, currency), dated.worth(worth, about, currency), dated.worth(fill.fee, about, fill.fee_currency))),
                shown(fill.multiplier),
            ]


def _worth(qty: Decimal, fill: Fill) -> Decimal:
    """What a quantity was worth at the price of a fill."""
    return mul(qty, of_contract(fill.price, fill.multiplier))


def _as_journalled(one: Sequence[Counted], other: Sequence[Counted]) -> list[Counted]:
    return sorted((*one, *other), key=lambda counted: (counted[0], counted[1].ts))  # several may stand between two fills


def _as_text(written: str) -> str:
    return f"'{written}" if written[:1] in ("=", "+", "-", "@", "\t", "\r") else written


def _closed(fills: Sequence[Fill], among: Sequence[_Among], start: int, end: int, dated: Dated) -> Iterator[list[str]]:
    lots = Lots()
    for item in in_order(fills, among):
        for row in lots.apply(item):
            if start <= row.closed.ts < end:
                yield [
                    *(utc(row.opened.ts), utc(row.closed.ts), row.symbol, row.side, plain(row.qty), plain(row.open_price), plain(row.closed.price)),
                    *(plain(row.realised), plain(row.fees), plain(sub(row.realised, row.fees)), row.currency, row.opened.fill_id, row.closed.fill_id),
                    *dated.cells(_made(row, dated)),
                    shown(row.opened.multiplier),
                ]


def _made(row: Closed, dated: Dated) -> tuple[Decimal | None, ...]:
    """Rates, cost, proceeds, realised, fees and net in the account's currency: what opened it at the rate of then, what closed it at the rate of then."""
    opened, closed = about_fill(row.opened), about_fill(row.closed)
    first = dated.worth(row.cost, opened, row.currency)
    last = dated.worth(_worth(row.qty, row.closed), closed, row.currency)
    cost, proceeds = (first, last) if row.side == "long" else (last, first)
    realised = _both(sub, proceeds, cost)
    fees = _both(add, dated.worth(row.opening_fee, opened, row.currency), dated.worth(row.closing_fee, closed, row.currency))
    return (dated.rate(opened, row.currency), dated.rate(closed, row.currency), cost, proceeds, realised, fees, _both(sub, realised, fees))


def _both(work: Callable[[Decimal, Decimal], Decimal], one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else work(one, other)


def _still_open(fills: Sequence[Fill], among: Sequence[_Among], _start: int, end: int, dated: Dated) -> Iterator[list[str]]:
    lots = Lots()
    for item in in_order(fills, among):
        if item.ts < end:
            lots.apply(item)
    for symbol in sorted(lots.open):
        for lot in lots.open[symbol]:
            side, about = ("long" if lot.qty > 0 else "short"), about_fill(lot.fill)
            cost = lot.cost if lot.qty > 0 else lot.cost.copy_negate()
            yield [
                *(utc(lot.fill.ts), symbol, side, plain(lot.qty.copy_abs()), plain(lot.price), plain(cost), plain(lot.fee), lot.currency, lot.fill.fill_id),
                *dated.cells((dated.rate(about, lot.currency), dated.worth(cost, about, lot.currency))),
                shown(lot.fill.multiplier),
            ]


def _ledger(
    opening: AccountOpened | None, fills: Sequence[Fill], start: int, end: int, bookings: Sequence[Counted[CashBooked | BalanceAdjusted]], dated: Dated
) -> Iterator[list[str]]:
    for row in ledger(opening, fills, bookings):
        if start <= row.ts < end:
            worth = (dated.rate(row.about, row.currency), dated.worth(row.amount, row.about, row.currency))
            yield [utc(row.ts), row.kind, row.currency, plain(row.amount), plain(row.balance), row.ref, *dated.cells(worth)]


_HEADS = {
    "fills": (
        *("time", "instrument", "side", "quantity", "price", "notional", "fee", "fee_currency", "liquidity"),
        *("client_order_id", "fill_id", "tags", "note"),
        *("account_currency", "rate", "account_notional", "account_fee", "multiplier"),
    ),
    "lots": (
        *("opened", "closed", "instrument", "side", "quantity", "open_price", "close_price", "realised", "fees", "net", "currency"),
        *("open_fill_id", "close_fill_id"),
        *("account_currency", "open_rate", "close_rate", "account_cost", "account_proceeds", "account_realised", "account_fees", "account_net"),
        "multiplier",
    ),
    "open": (
        *("opened", "instrument", "side", "quantity", "price", "cost", "fees", "currency", "fill_id"),
        *("account_currency", "rate", "account_cost", "multiplier"),
    ),
    "ledger": ("time", "kind", "currency", "amount", "balance", "reference", "account_currency", "rate", "account_amount"),
}
_ROWS = {"lots": _closed, "open": _still_open}
STATEMENTS = tuple(_HEADS)
"""What a statement can be of."""


def _day(text: str | None, field: str) -> int | None:
    if text is None:
        return None
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        parsed = time.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise BadPeriod(field, f"{text[:20]!r} is no date") from None
    return timegm(parsed) * 10**9
