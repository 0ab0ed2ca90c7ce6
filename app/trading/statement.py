"""Statements: what an account did in a period, as rows to hand to an accountant or a spreadsheet. All of it follows from the journal.

``fills``    every execution.
``lots``     every closed piece of a position by first in, first out, with what it made: what most tax offices ask for. The desk's own
             average cost is another way to cut the same result: realised minus cost of what is open is the same by both, to the last unit.
``open``     the lots that are open at the end of the period.
``ledger``   every movement of cash by currency with the balance after it, what was booked by hand too; its last balances are the account's cash.

Amounts are exact Decimals without exponent; times are UTC. Fees of a lot are its shares of the fees of the two fills, rounded to 12
decimals, the last share taking what is left, so that they add up to the fees paid; only fees in the position's own currency are in lots.
"""

from __future__ import annotations

import csv
import io
import re
import time
from calendar import timegm
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.model.events import AccountOpened, CashBooked, NoteSet
from app.model.orders import Fill

from .money import ZERO, add, mul, plain, share, sub
from .notes import of_fill

DAY_NS = 86_400 * 10**9
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class BadPeriod(ValueError):
    """``field`` is from or to."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(slots=True)
class Lot:
    """An open piece of a position: signed quantity left, price, and what is left of the opening fill's fee."""

    fill: Fill
    currency: str
    qty: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Closed:
    """A piece opened by one fill and closed by another. ``qty`` is above zero; ``realised`` is before fees."""

    symbol: str
    side: str
    qty: Decimal
    opened: Fill
    closed: Fill
    currency: str
    realised: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the ledger."""

    ts: int
    kind: str
    ref: str
    currency: str
    amount: Decimal
    balance: Decimal


class Lots:
    """Positions as lots, first in, first out. Feed it every fill of the account in order."""

    def __init__(self) -> None:
        self.open: dict[str, deque[Lot]] = {}
        self._currency: dict[str, str] = {}

    def apply(self, fill: Fill) -> list[Closed]:
        """Take one fill; returns what it closed."""
        currency = self._currency.setdefault(fill.symbol, fill.priced_in)
        lots = self.open.setdefault(fill.symbol, deque())
        left, fee_left = fill.qty, fill.fee if fill.fee_currency == currency else ZERO
        sign = fill.side.sign
        closed = []
        while left and lots and (lots[0].qty > 0) != (sign > 0):
            lot = lots[0]
            held = lot.qty.copy_abs()
            qty = min(left, held)
            opening, closing = share(lot.fee, qty, held), share(fee_left, qty, left)
            made = mul(qty, sub(fill.price, lot.fill.price))
            realised = made if lot.qty > 0 else sub(ZERO, made)
            side = "long" if lot.qty > 0 else "short"
            closed.append(Closed(fill.symbol, side, qty, lot.fill, fill, currency, realised, add(opening, closing)))
            left, fee_left = sub(left, qty), sub(fee_left, closing)
            lot.qty, lot.fee = sub(lot.qty, qty.copy_sign(lot.qty)), sub(lot.fee, opening)
            if not lot.qty:
                lots.popleft()
        if left:
            lots.append(Lot(fill, currency, left if sign > 0 else left.copy_negate(), fee_left))
        return closed


def ledger(opening: AccountOpened | None, fills: Iterable[Fill], bookings: Iterable[tuple[int, CashBooked]] = ()) -> Iterator[Movement]:
    """Every movement of cash, in order; ``bookings`` each with the number of fills before it."""
    balances: dict[str, Decimal] = {}
    currencies: dict[str, str] = {}

    def move(ts: int, kind: str, ref: str, currency: str, amount: Decimal) -> Movement:
        balances[currency] = add(balances.get(currency, ZERO), amount)
        return Movement(ts, kind, ref, currency, amount, balances[currency])

    if opening is not None:
        yield move(opening.ts, "deposit", opening.account, opening.currency, opening.cash)
    waiting = deque(bookings)

    def booked(before: float) -> Iterator[Movement]:
        while waiting and waiting[0][0] <= before:
            _, event = waiting.popleft()
            ref = " ".join(part for part in (event.symbol, event.note) if part)
            yield move(event.ts, event.what, _as_text(ref), event.currency, event.amount)

    for count, fill in enumerate(fills):
        yield from booked(count)
        worth = mul(fill.qty, fill.price)
        amount = sub(ZERO, worth) if fill.side.sign > 0 else worth
        yield move(fill.ts, fill.side.value, fill.fill_id, currencies.setdefault(fill.symbol, fill.priced_in), amount)
        if fill.fee:
            yield move(fill.ts, "fee" if fill.fee > 0 else "rebate", fill.fill_id, fill.fee_currency, sub(ZERO, fill.fee))
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
    bookings: Sequence[tuple[int, CashBooked]] = (),
) -> list[list[str]]:
    """The rows of a statement with its header first; KeyError when there is no such statement. ``notes`` of the trader go with the fills, ``bookings``
    into the ledger."""
    if what == "fills":
        return [list(_HEADS[what]), *_fills(fills, start, end, notes or {})]
    if what == "ledger":
        return [list(_HEADS[what]), *_ledger(opening, fills, start, end, bookings)]
    return [list(_HEADS[what]), *_ROWS[what](opening, fills, start, end)]


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


def _fills(fills: Sequence[Fill], start: int, end: int, notes: Mapping[str, NoteSet]) -> Iterator[list[str]]:
    for fill in fills:
        if start <= fill.ts < end:
            tags, text = of_fill(notes, fill)
            worth = plain(mul(fill.qty, fill.price))
            yield [
                *(utc(fill.ts), fill.symbol, fill.side.value, plain(fill.qty), plain(fill.price), worth, plain(fill.fee), fill.fee_currency),
                *(fill.liquidity.value, fill.client_order_id, fill.fill_id, tags, _as_text(text)),
            ]


def _as_text(written: str) -> str:
    return f"'{written}" if written[:1] in ("=", "+", "-", "@", "\t", "\r") else written


def _closed(_opening: AccountOpened | None, fills: Sequence[Fill], start: int, end: int) -> Iterator[list[str]]:
    lots = Lots()
    for fill in fills:
        for row in lots.apply(fill):
            if start <= fill.ts < end:
                yield [
                    *(utc(row.opened.ts), utc(row.closed.ts), row.symbol, row.side, plain(row.qty), plain(row.opened.price), plain(row.closed.price)),
                    *(plain(row.realised), plain(row.fees), plain(sub(row.realised, row.fees)), row.currency, row.opened.fill_id, row.closed.fill_id),
                ]


def _still_open(_opening: AccountOpened | None, fills: Sequence[Fill], _start: int, end: int) -> Iterator[list[str]]:
    lots = Lots()
    for fill in fills:
        if fill.ts < end:
            lots.apply(fill)
    for symbol in sorted(lots.open):
        for lot in lots.open[symbol]:
            side = "long" if lot.qty > 0 else "short"
            qty = lot.qty.copy_abs()
            cost = plain(mul(qty, lot.fill.price))
            yield [utc(lot.fill.ts), symbol, side, plain(qty), plain(lot.fill.price), cost, plain(lot.fee), lot.currency, lot.fill.fill_id]


def _ledger(
    opening: AccountOpened | None, fills: Sequence[Fill], start: int, end: int, bookings: Sequence[tuple[int, CashBooked]]
) -> Iterator[list[str]]:
    for row in ledger(opening, fills, bookings):
        if start <= row.ts < end:
            yield [utc(row.ts), row.kind, row.currency, plain(row.amount), plain(row.balance), row.ref]


_HEADS = {
    "fills": (
        *("time", "instrument", "side", "quantity", "price", "notional", "fee", "fee_currency", "liquidity"),
        *("client_order_id", "fill_id", "tags", "note"),
    ),
    "lots": (
        *("opened", "closed", "instrument", "side", "quantity", "open_price", "close_price", "realised", "fees", "net", "currency"),
        *("open_fill_id", "close_fill_id"),
    ),
    "open": ("opened", "instrument", "side", "quantity", "price", "cost", "fees", "currency", "fill_id"),
    "ledger": ("time", "kind", "currency", "amount", "balance", "reference"),
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
