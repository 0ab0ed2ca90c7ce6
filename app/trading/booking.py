"""Cash that no fill moves: transfers, dividends, interest, financing, fees. Booked by hand, kept in the journal, exact.

A transfer is no profit and no loss; everything else is income (below zero: cost) and counts in the day's P&L. What a real account holds is its
venue's word, so only a paper account is booked by hand. What positions and orders bind cannot be taken out.
A roll takes the jump of a continuous future out of what is made with it.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from app.model.events import CashBooked
from app.model.units import BadNumber, parse_decimal, shorten, ungrouped

from .checks import power
from .contracts import of_contract
from .errors import Denied
from .money import ZERO, convert, plain, ratio

if TYPE_CHECKING:
    from .engine import Engine

TRANSFER = "transfer"
SPLIT = "split"
"""Booked beside these, by `splits`."""
ROLL = "roll"
"""The months of a continuous future differ: what the jump of its price made of a position is no profit, and is taken out again."""
KINDS = (TRANSFER, "dividend", "interest", "financing", "fee")
MAX_NOTE = 100
MOST = Decimal(10) ** 12
_CURRENCY_LENGTH = 10
_LEAST = Decimal("0.00000001")


def book(engine: Engine, fields: dict) -> list[CashBooked]:
    """The entry in ``fields``: kind, currency, amount (signed text), symbol or None, note. Denied names what is wrong."""
    kind, currency, symbol, note = (fields.get(name) for name in ("kind", "currency", "symbol", "note"))
    if kind == ROLL:
        return [_roll(engine, symbol, fields.get("old"), fields.get("new"), read_note(note))]
    if kind not in KINDS:
        raise Denied("bad_booking", "kind", f"There is no entry {shorten(kind)}.", f"Use one of {', '.join((*KINDS, SPLIT, ROLL))}.")
    if not isinstance(currency, str) or not 0 < len(currency) <= _CURRENCY_LENGTH or not currency.isalnum() or not currency.isascii():
        raise Denied("bad_booking", "currency", f"This is no currency: {shorten(currency)}.", "Use letters such as USD.")
    currency = currency.upper()
    if symbol in (None, ""):
        symbol = None
    elif not isinstance(symbol, str) or (symbol not in engine.portfolio.positions and symbol not in engine.view.instruments):
        raise Denied("unknown_symbol", "symbol", f"There is no instrument {shorten(symbol)}.", "Leave it empty, or give one of the watchlist.")
    note = read_note(note)
    amount = _amount(fields.get("amount"))
    if kind == TRANSFER and amount < 0:
        _check_out(engine, currency, -amount)
    return [CashBooked(engine.now_ns(), engine.account, kind, currency, amount, symbol, note)]


def _roll(engine: Engine, symbol: object, old: object, new: object, note: str) -> CashBooked:
    """Closed in the old month and opened in the new one at the prices of one moment: the position costs the spread, as the mark went up by it."""
    position = engine.portfolio.positions.get(symbol) if isinstance(symbol, str) else None
    if position is None or not position.qty:
        raise Denied("no_position", "symbol", f"There is no position in {shorten(symbol)} to roll.", "Give the future that is held, such as ES=F.")
    before, after = _price("old", old), _price("new", new)
    amount = convert(position.qty, of_contract(before - after, position.multiplier))
    if not amount:
        raise Denied("bad_booking", "new", "Both months have the same price: there is nothing to book.", "Give the two prices of one moment.")
    what = f"{plain(position.qty)} at {plain(before)} of the old month, at {plain(after)} of the new one"
    return CashBooked(engine.now_ns(), engine.account, ROLL, position.currency, amount, position.symbol, f"{what}; {note}" if note else what)


def _price(name: str, text: object) -> Decimal:
    try:
        price = parse_decimal(ungrouped(text) if isinstance(text, str) else text)
    except BadNumber as error:
        raise Denied("bad_booking", name, f"The price of the {name} month is not a number: {shorten(text)}.", "Use digits and one point.") from error
    if abs(price) > MOST:
        raise Denied("bad_booking", name, f"The price of the {name} month cannot be {plain(price)}.", f"Use a number up to {plain(MOST)}.")
    return price


def read_note(note: object) -> str:
    """What the trader wrote with an entry."""
    note = note or ""
    if not isinstance(note, str) or len(note) > MAX_NOTE or not note.isprintable():
        raise Denied("bad_booking", "note", "The note cannot be kept.", f"Use at most {MAX_NOTE} printable characters.")
    return note.strip()


def _check_out(engine: Engine, currency: str, amount: Decimal) -> None:
    have = max(engine.portfolio.cash.get(currency, ZERO), ZERO)
    if amount > have:
        reason = f"{plain(amount)} {currency} cannot be taken out: there are {plain(have)}."
        raise Denied("bad_booking", "amount", reason, f"Use at most {plain(have)}.")
    rates = engine.view.rates(engine.currency)
    rate = rates.rate(currency)
    if rate is None:
        return  # it counts in no margin
    free = power(engine, rates)
    if convert(amount, rate.value) > free:
        most = plain(min(ratio(free, rate.value), have).quantize(_LEAST, ROUND_FLOOR))
        reason = f"{plain(amount)} {currency} cannot be taken out: positions and orders leave {most} of the equity free."
        raise Denied("bad_booking", "amount", reason, f"Use at most {most}, or close a position or cancel an order first.")


def _amount(value: object) -> Decimal:
    text = ungrouped(value.replace("\u2212", "-")) if isinstance(value, str) else value
    try:
        amount = parse_decimal(text)
    except BadNumber as error:
        raise Denied("bad_booking", "amount", f"Amount is not a number: {shorten(value)}.", "Use digits and one point, a minus for what was paid.") from error
    if not amount or abs(amount) > MOST:
        raise Denied("bad_booking", "amount", f"Amount cannot be {plain(amount)}.", f"Use a number up to {plain(MOST)}, below zero for what was paid.")
    return amount
