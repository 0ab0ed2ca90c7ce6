"""Splits: ``new`` units of an instrument stand for ``old`` ones from now on. Booked by hand on a paper account, kept in the journal, exact.

Quantities change by the ratio, the average price against it; cost, realised P&L and cash do not. What the day began with changes along, so that no
profit comes of it. A position that would not be whole lots is refused: the fraction is closed first, as it is paid out in the market. Parts of a position
(lots, strategies) are cut at 24 decimals where the ratio gives them no end, and add up to it. No order may work at the prices of before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from math import gcd
from typing import TYPE_CHECKING, TypeVar

from app.model.events import SplitBooked
from app.model.instrument import Instrument
from app.model.units import shorten

from .booking import SPLIT, read_note
from .effects import Effect, HoldPosition, Notify
from .errors import Denied
from .money import ZERO, mul, plain, remainder, scaled, scaled_parts

if TYPE_CHECKING:
    from .engine import Engine
    from .portfolio import Portfolio

MOST = 10_000
"""Of either number of a ratio."""
_Item = TypeVar("_Item")
_Event = TypeVar("_Event")


def read(engine: Engine, fields: dict) -> SplitBooked:
    """The split in ``fields``: symbol, new and old (text), note. Denied names what is wrong with it, orders aside."""
    new, old = _count(fields.get("new"), "new"), _count(fields.get("old"), "old")
    if new == old:
        raise Denied("bad_split", "new", f"{new} for {old} changes nothing.", "Give the new units for so many old ones, such as 2 for 1.")
    symbol = fields.get("symbol")
    if symbol in (None, ""):
        raise Denied("bad_split", "symbol", "A split is of an instrument.", "Give the symbol of a position.")
    held = engine.portfolio.qty(symbol) if isinstance(symbol, str) else ZERO
    if not held:
        raise Denied("no_position", "symbol", f"There is no position in {shorten(symbol)}.", "Only what is held can be split: give the symbol of a position.")
    note = read_note(fields.get("note"))
    instrument = engine.view.instruments.get(symbol) if engine.view is not None else None
    qty = scaled(held, new, old)
    if qty is None or (instrument is not None and remainder(qty, instrument.lot_size)):
        reason = f"{plain(held)} {symbol} are no whole lots after {new} for {old}."
        raise Denied("split_fraction", "new", reason, _remedy(held, new, old, instrument))
    return SplitBooked(engine.now_ns(), engine.account, symbol, new, old, note)


def book(engine: Engine, fields: dict) -> SplitBooked:
    """As `read`; Denied too while an order in the instrument may still fill."""
    event = read(engine, fields)
    waiting = sum(1 for order in engine.claims() if order.symbol == event.symbol)
    if waiting:
        reason = f"{waiting} order{'s' if waiting > 1 else ''} in {event.symbol} may still fill at the old price."
        raise Denied("orders_working", "symbol", reason, "Cancel them, or wait for their end, then book the split again.")
    return event


def reason_of(event: SplitBooked) -> str:
    """Why orders in its instrument are cancelled."""
    return f"{event.symbol} is split {event.new} for {event.old}: orders at the prices of before are cancelled"


def take(engine: Engine, event: SplitBooked) -> list[Effect]:
    """A split out of the journal."""
    symbol, new, old = event.symbol, event.new, event.old
    if event.account != engine.account:
        return engine._anomaly(event.ts, "", "foreign_account", f"a split of account {event.account}")
    held = engine.portfolio.qty(symbol)
    qty = scaled(held, new, old) if 0 < new <= MOST and 0 < old <= MOST else None
    if qty is None:
        return engine._anomaly(event.ts, "", "bad_split", f"a split of {plain(held)} {symbol}, {new} for {old}, was not applied")
    effects: list[Effect] = []
    if any(order.symbol == symbol for order in engine.working.values()):
        effects = engine._anomaly(event.ts, "", "split_with_orders", f"{symbol} was split {new} for {old} while orders in it worked; it was applied")
    for portfolio in (engine.portfolio, engine._day_open):
        portfolio.split(symbol, new, old)
    engine.risk.split(symbol, new, old)
    engine.splits.append((len(engine.fills), event))
    return [*effects, HoldPosition(symbol, qty), Notify("good", f"{symbol} split {new} for {old}: {plain(held)} are {plain(qty)} now", SPLIT)]


def split_books(books: dict[str, Portfolio], event: SplitBooked) -> None:
    """The parts of a position that strategies hold, so that they add up to what the whole comes to."""
    held = [book.positions[event.symbol] for _origin, book in sorted(books.items()) if event.symbol in book.positions]
    for position, qty in zip(held, scaled_parts([position.qty for position in held], event.new, event.old), strict=True):
        position.qty = qty


def in_order(items: Iterable[_Item], among: Sequence[tuple[int, _Event]], start: int = 0) -> Iterator[_Item | _Event]:
    """Fills, the first of which has the number ``start``, and events as the journal has them; events each with the number of fills before it."""
    at = 0
    for count, item in enumerate(items, start):
        while at < len(among) and among[at][0] <= count:
            yield among[at][1]
            at += 1
        yield item
    for _count, event in among[at:]:
        yield event


def _count(value: object, field: str) -> int:
    text = value.strip() if isinstance(value, str) else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST)) and 0 < int(text) <= MOST):
        raise Denied("bad_split", field, f"This is no number of units: {shorten(value)}.", f"Use a whole number from 1 to {MOST}, such as 2 for 1.")
    return int(text)


def _remedy(held: Decimal, new: int, old: int, instrument: Instrument | None) -> str:
    if instrument is None:
        return "Close the position first, or check the two numbers."
    step = mul(instrument.lot_size, Decimal(old // gcd(new, old)))
    rest = remainder(held.copy_abs(), step)
    if not rest:
        return "Check the two numbers, or close the position first."
    return f"Close {plain(rest)} {instrument.base} first, as the market pays a fraction out, or check the two numbers."
