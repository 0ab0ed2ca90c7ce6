"""From a ticket that names no venue to the legs: planned, checked as a whole and one by one, and proposed as one intent.

Changes nothing but what the engine keeps of proposals, and takes that back when any leg is refused: either all legs are proposed or none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from app.model import events
from app.model.events import Event
from app.model.orders import OrderType, TimeInForce, leg_order_id
from app.model.units import shorten

from .. import checks, preview, terms, ticket
from ..errors import Denied
from ..money import ZERO, add, plain
from ..order import Order
from . import planning, rules
from .candidates import Wanted
from .plan import HOWS, SPLIT, Leg, Plan, lines

if TYPE_CHECKING:
    from ..engine import Engine

_SPLITS = (OrderType.MARKET, OrderType.LIMIT)


def plan(engine: Engine, fields: dict, how: object) -> Plan:
    """Where the order in ``fields`` would go now; Denied names what is wrong with it."""
    read, wanted = read_wanted(engine, fields, how)
    return planning.make(engine.view, positions_of(engine), read.instrument, wanted, how, rules.of(engine.routed.rules))


def read_wanted(engine: Engine, fields: dict, how: object) -> tuple[ticket.Ticket, Wanted]:
    """The ticket, and what it asks of the router; Denied names what is wrong with it."""
    if how not in HOWS:
        raise Denied("bad_route", "route", f"There is no route {shorten(how)}.", f"Use this, {' or '.join(HOWS)}.")
    read = ticket.read(fields, engine.view)
    _check(read, how)
    return read, Wanted(read.side, read.type, read.tif, read.qty, read.price, read.stop, read.post_only, read.reduce_only)


def positions_of(engine: Engine) -> dict[str, Decimal]:
    """Signed quantities by symbol."""
    return {symbol: position.qty for symbol, position in engine.portfolio.positions.items()}


def submit(engine: Engine, fields: dict, how: object, token: str, origin: str) -> list[Event]:
    """The routed order and its legs, to be journalled together. Denied when anything about it is refused; then nothing is proposed."""
    made = plan(engine, fields, how)
    ((route, sequence),) = engine.new_ids(1, origin)
    groups = _legs(engine, fields, made, route, origin, sequence)
    submitted = proposals(engine, groups)
    engine.remember(token, route)
    return [routed_event(engine, fields, made, groups, made.qty), *submitted]


def proposals(engine: Engine, groups: list[list[Order]], elsewhere: Sequence[Order] = ()) -> list[Event]:
    """Legs checked and proposed, all or none, as they are to be journalled; ``elsewhere`` are those of the same intent in other accounts."""
    engine.risk.check_whole([group[0] for group in groups], elsewhere)
    proposed: list[Order] = []
    submitted: list[Event] = []
    try:
        for group in groups:
            checks.check_power(engine, group[0])
            verdict = engine.risk.check(group)
            engine.propose(group)
            proposed += group
            submitted += engine.submissions(group, verdict)
    except Denied:
        for order in proposed:
            engine.abandon(order.client_order_id)
        raise
    return submitted


def routed_event(engine: Engine, fields: dict, made: Plan, groups: list[list[Order]], qty: Decimal) -> Event:
    """What the journal keeps of the whole beside these legs, which are ``qty`` of it."""
    first = groups[0][0]
    intent, price = first.intent, ticket.read(fields, engine.view).price
    return events.OrderRouted(
        *(first.created_ns, intent.route, engine.account, intent.origin, intent.sequence, made.asked, intent.side),
        *(OrderType(_type(fields)), TimeInForce(fields["tif"]), qty, price, made.how, made.to_json()),
    )


def preview_of(engine: Engine, fields: dict, how: object, origin: str) -> dict:
    """The result of ``order.preview`` for a routed order: the sums over its legs, the plan, and what speaks against it."""
    made = plan(engine, fields, how)
    groups = _legs(engine, fields, made, "", origin, 0)
    warnings = [*made.notes]
    if (objection := engine.risk.objection([group[0] for group in groups], whole=True)) is not None:
        warnings.append(str(objection))
    proposed: list[Order] = []
    for group in groups:  # as when they are submitted: each with those before it, and nothing stays
        if (objection := engine.risk.objection(group)) is not None:
            warnings.append(f"{group[0].symbol}: {objection}")
        try:
            checks.check_power(engine, group[0])
        except Denied as denied:
            warnings.append(f"{group[0].symbol}: {denied}")
        engine.propose(group)
        proposed += group
    for order in proposed:
        engine.abandon(order.client_order_id)
    return to_wire(made, [engine], preview.cash_after(engine, made.currency, made.cost), warnings)


def to_wire(made: Plan, engines: Sequence[Engine], cash: Decimal | None, warnings: list[str]) -> dict:
    """The result of ``order.preview``; positions are those of all ``engines`` together."""
    position = ZERO
    for symbol in dict.fromkeys(verdict.symbol for verdict in made.verdicts):
        for engine in engines:
            position = add(position, engine.portfolio.qty(symbol))
    signed = made.qty if made.side == "buy" else made.qty.copy_negate()
    wire = {name: None if value is None else plain(value) for name, value in (
        ("notional", made.notional), ("fee", made.fee), ("cash_after", cash), ("position_after", add(position, signed)),
        ("worst_price", made.worst), ("average_price", made.average), ("fillable_qty", made.fillable),
    )}  # fmt: skip
    shown = made.to_wire()
    return {**wire, "currency": made.currency, "warnings": warnings, "route": shown, "why": lines(shown)}


def _type(fields: dict) -> str:
    return OrderType.LIMIT.value if fields["type"] == terms.PAIR else fields["type"]


def _check(read: ticket.Ticket, how: object) -> None:
    if read.tif.is_session:
        raise Denied("bad_route", "route", "The router compares present books, not those of an open or a close.", "Choose this venue.")
    if how != SPLIT:
        return
    if read.type not in _SPLITS or read.more.pair_stop is not None:
        word = "A pair" if read.more.pair_stop is not None else f"A {read.type.value.replace('_', ' ')} order"
        raise Denied("bad_route", "route", f"{word} cannot be split.", "Choose the best venue, or a market or limit order.")
    if read.tif is TimeInForce.FOK:
        raise Denied("bad_route", "route", "Venues do not kill each other's fills: fill or kill cannot be split.", "Choose the best venue.")
    if read.more.take_profit is not None or read.more.stop_loss is not None:
        raise Denied("bad_route", "route", "Exits follow one entry: an order with exits cannot be split.", "Choose the best venue.")


def _legs(engine: Engine, fields: dict, made: Plan, route: str, origin: str, sequence: int) -> list[list[Order]]:
    """The legs, each with the exits that come with it. With no ``route`` they are for looking only."""
    make_id = ids(route, sequence)
    return [leg_of(engine, fields, leg, route, origin, make_id) for leg in made.legs]


def ids(route: str, sequence: int) -> Callable[[], tuple[str, int]]:
    """Gives the ids of the legs of a routed order, one after the other, with its sequence."""
    numbers = itertools.count(1)
    return lambda: (leg_order_id(route, next(numbers)), sequence)


def leg_of(engine: Engine, fields: dict, leg: Leg, route: str, origin: str, make_id: Callable[[], tuple[str, int]]) -> list[Order]:
    """One leg with the exits that come with it; Denied names what is wrong with it there."""
    paired = fields["type"] == terms.PAIR
    changed = {"symbol": leg.symbol, "qty": plain(leg.qty), "tif": leg.tif.value}
    changed |= {} if paired else {"type": leg.kind.value, "price": None if leg.price is None else plain(leg.price)}
    read = engine.read_ticket({**fields, **changed})
    cid, sequence = make_id()
    intent = read.intent(cid, engine.account, origin, sequence, route)
    return [Order.of(each, engine.now_ns()) for each in (intent, *terms.companions(read, intent, make_id))]
