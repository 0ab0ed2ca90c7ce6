"""Contracts worth more than their price: value = quantity x price x multiplier, in the quote currency (linear contracts only).

The multiplier goes into the journal with each order and each fill, so that a replay needs no instrument: None there stands for 1, as in every journal
from before there were multipliers. What is open in an instrument counts at one multiplier; while that is another than the instrument's is now, orders may
only reduce it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from app.model.instrument import Instrument
from app.model.orders import Fill

from .errors import Denied
from .money import mul, plain

if TYPE_CHECKING:
    from .engine import Engine
    from .portfolio import Portfolio
    from .ticket import Ticket

ONE = Decimal(1)


def of_contract(price: Decimal, multiplier: Decimal | None) -> Decimal:
    """What one contract is worth at a price, exactly."""
    return price if multiplier is None else mul(price, multiplier)


def journalled(instrument: Instrument) -> Decimal | None:
    """An instrument's multiplier as orders and fills have it."""
    return None if instrument.multiplier == ONE else instrument.multiplier


def multiplier_in(portfolio: Portfolio, instrument: Instrument) -> Decimal | None:
    """What an instrument counts at now: as what is held in it was opened, else as it says itself."""
    position = portfolio.positions.get(instrument.symbol)
    return position.multiplier if position is not None and position.qty else journalled(instrument)


def differ(one: Decimal | None, other: Decimal | None) -> bool:
    """True when they are not the same multiplier."""
    return one != other and (ONE if one is None else one) != (ONE if other is None else other)


def misfit(fill: Fill, ordered: Decimal | None, portfolio: Portfolio) -> str | None:
    """What is impossible about the multiplier of a fill of an order, or None."""
    if fill.multiplier is not None and fill.multiplier <= 0:
        return f"at a multiplier of {plain(fill.multiplier)}"
    if differ(fill.multiplier, ordered):
        return f"at a multiplier of {shown(fill.multiplier)}, while the order is at {shown(ordered)},"
    position = portfolio.positions.get(fill.symbol)
    if position is not None and position.qty and differ(fill.multiplier, position.multiplier):
        return f"at a multiplier of {shown(fill.multiplier)}, while the position is at {shown(position.multiplier)},"
    return None


def counted(engine: Engine, read: Ticket) -> Ticket:
    """A ticket with the multiplier it counts at. Denied where that is not known, or another than that of what is open."""
    instrument, known = read.instrument, journalled(read.instrument)
    position = engine.portfolio.positions.get(instrument.symbol)
    held = position is not None and bool(position.qty)
    if known is None and not (held and differ(position.multiplier, known)):
        return read
    found = [position.multiplier] if held else []
    found += [order.intent.multiplier for order in engine.claims() if order.symbol == instrument.symbol]
    other = next((each for each in found if differ(each, known)), known)
    if differ(other, known):
        if read.reduce_only and held:
            return replace(read, multiplier=position.multiplier)
        now = "not known" if known == 0 else shown(known)
        reason = f"What is open in {instrument.symbol} counts at a multiplier of {shown(other)}, its contract's is {now} now: they cannot be one position."
        raise Denied("other_multiplier", "symbol", reason, "Cancel its orders, and close the position with a reduce-only order first.")
    if not known:
        reason = f"The contract size of {instrument.symbol} is not known here: what an order would be worth cannot be said, so it is not taken."
        raise Denied("no_multiplier", "symbol", reason, "Choose a future whose contract is known, such as ES=F, NQ=F, CL=F or GC=F.")
    return replace(read, multiplier=known)


def shown(multiplier: Decimal | None) -> str:
    """A multiplier in words."""
    return plain(ONE if multiplier is None else multiplier)
