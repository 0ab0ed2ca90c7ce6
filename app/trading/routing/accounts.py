"""One ticket over several accounts: each is compared with its own fees, positions, buying power and limits, and what it takes is proposed to its own engine.

An account whose check refuses its leg is left out with the reason, and the rest is planned anew; the plan is the same for the preview and the press.
Either all legs are proposed or none. Each account's journal gets the whole plan and a routed order of its own with the legs that it holds, so that each
can be replayed alone and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from app.model.events import Event
from app.model.instrument import Instrument
from app.model.orders import OrderIntent

from .. import checks, preview, terms
from ..errors import Denied
from ..money import ZERO
from ..order import Order
from . import candidates, planning, rules, sending
from .candidates import Candidate, Wanted
from .plan import BEST, LeftOut, Part, Plan, lines, titled

if TYPE_CHECKING:
    from ..engine import Engine

Refused = tuple[str, str | None, str, str]
_WHOLE = ""
"""Instead of a symbol: all that an account would get."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """An account that the router may use now. ``types`` and ``tifs`` are what its execution has of its own, ``refusal`` says why that would not take an
    order; ``real``: it is for real money."""

    name: str
    title: str
    real: bool
    engine: Engine
    types: frozenset[str]
    tifs: frozenset[str]
    refusal: Callable[[OrderIntent], Refused | None]


class Pool(NamedTuple):
    """Where an order may go: ``home`` is the engine of the account that it is for, which is the first of the places where it is one of them."""

    home: Engine
    places: Sequence[Place]
    left_out: Sequence[LeftOut]


class Sending(NamedTuple):
    """What one account is to journal and send: its routed order first, then the legs."""

    place: Place
    part: Part
    events: list[Event]
    orders: list[Order]

    def abandon(self) -> None:
        """It is not journalled: free what the proposal held."""
        for order in self.orders:
            self.place.engine.withdraw(order)


def plan(pool: Pool, fields: dict, how: object, origin: str) -> Plan:
    """Where the order in ``fields`` would go now; Denied names what is wrong with it, and every account that was left out."""
    read, wanted = sending.read_wanted(pool.home, fields, how)
    kept, asked = rules.of(pool.home.routed.rules), _in_whole(read.instrument, wanted)
    refused: dict[tuple[str, str], Denied] = {}
    while True:
        found = [each for place in pool.places for each in _candidates(place, fields, read.instrument, wanted, kept, how, refused)]
        try:
            if not any(each.is_open for each in found):
                raise _nowhere(found, pool.left_out, refused)
            made = planning.decide(found, asked, wanted, how, kept)
        except Denied as denied:
            raise _with_accounts(denied, pool, refused) from None
        objection = _objection(pool, fields, made, origin)
        if objection is None:
            return replace(made, parts=tuple(_named(part, pool) for part in made.parts), left_out=tuple(pool.left_out))
        account, symbol, denied = objection
        refused[account, symbol] = denied


def submit(pool: Pool, fields: dict, how: object, token: str, origin: str) -> list[Sending]:
    """All legs proposed, each account's to be journalled by its own writer. Denied when anything is refused; then nothing is proposed."""
    made = plan(pool, fields, how, origin)
    used = _used(pool, made)
    routes = {place.name: place.engine.new_ids(1, origin)[0] for place in used}
    parts = [replace(part, client_order_id=routes[part.account][0]) if part.account in routes else part for part in made.parts]
    made = replace(made, parts=tuple(parts))
    groups: dict[str, list[list[Order]]] = {}
    for place in used:
        route, sequence = routes[place.name]
        make_id = sending.ids(route, sequence)
        groups[place.name] = [sending.leg_of(place.engine, fields, leg, route, origin, make_id) for leg in made.legs if leg.account == place.name]
    done: list[Sending] = []
    try:
        for place in used:
            part = next(each for each in parts if each.account == place.name)
            mine = groups[place.name]
            elsewhere = [group[0] for name, others in groups.items() if name != place.name for group in others]
            submitted = sending.proposals(place.engine, mine, elsewhere)
            done.append(Sending(place, part, submitted, [order for group in mine for order in group]))
            place.engine.remember(token, part.client_order_id)
            submitted.insert(0, sending.routed_event(place.engine, fields, made, mine, part.qty))
    except Denied:
        for each in done:
            each.abandon()
        raise
    return done


def preview_of(pool: Pool, fields: dict, how: object, origin: str) -> dict:
    """The result of ``order.preview``: sums over all accounts; the cash is that of the account that the order is for."""
    made = plan(pool, fields, how, origin)
    home = next((part.cost for part in made.parts if _is_home(pool, part.account)), ZERO)
    cash = preview.cash_after(pool.home, made.currency, home)
    wire = sending.to_wire(made, list(dict.fromkeys([pool.home, *(place.engine for place in pool.places)])), cash, [*made.notes])
    return {**wire, "why": lines(wire["route"])}


def _is_home(pool: Pool, account: str) -> bool:
    return any(place.name == account and place.engine is pool.home for place in pool.places)


def _used(pool: Pool, made: Plan) -> list[Place]:
    """The accounts that get something, in their order."""
    names = {leg.account for leg in made.legs}
    return [place for place in pool.places if place.name in names]


def _named(part: Part, pool: Pool) -> Part:
    return replace(part, real=next(place.real for place in pool.places if place.name == part.account))


def _candidates(
    place: Place, fields: dict, asked: Instrument, wanted: Wanted, kept: rules.Rules, how: object, refused: dict[tuple[str, str], Denied]
) -> list[Candidate]:
    """Every listing in one account, with what speaks against it and how much of the order the account carries there."""
    engine = place.engine
    found = candidates.find(engine.view, sending.positions_of(engine), asked, wanted, kept, how == BEST)
    here = [replace(each, account=place.name, title=place.title, instrument=_in_whole(each.instrument, wanted)) for each in found]
    return [_judged(place, each, fields, wanted, refused) for each in here]


def _in_whole(item: Instrument, wanted: Wanted) -> Instrument:
    """An order for whole shares is not cut into fractions: brokers take those for the day only."""
    share = 10**item.size_scale
    return replace(item, lot=share) if item.exchange and item.lot < share and wanted.qty % 1 == 0 else item


def _judged(place: Place, each: Candidate, fields: dict, wanted: Wanted, refused: dict[tuple[str, str], Denied]) -> Candidate:
    if not each.is_open:
        return each
    if lacks := _lacks(place, fields, wanted):
        return replace(each, code="lacks", against=lacks)
    if (denied := refused.get((place.name, each.symbol)) or refused.get((place.name, _WHOLE))) is not None:
        return replace(each, code="refused", against=denied.reason.rstrip("."))
    try:
        room = _room(place.engine, each, wanted)
    except Denied as denied:
        return replace(each, code=denied.code, against=denied.reason.rstrip("."))
    if room is not None and room <= 0:
        return replace(each, code="power", against="its buying power carries nothing of it")
    return replace(each, room=room)


def _lacks(place: Place, fields: dict, wanted: Wanted) -> str:
    """The order type or time in force that the account's venue does not have and this desk does not hold for it."""
    needed = [wanted.kind]
    if fields["type"] == terms.PAIR:
        needed.append(terms.OrderType.STOP)
    for kind in needed:
        if kind.value not in place.types and kind not in terms.HELD:
            return f"it takes no {kind.value.replace('_', '-')} orders"
    if wanted.tif.value not in place.tifs and wanted.tif not in terms.HELD_TIFS:
        return f"it takes no {wanted.tif.value.upper()} orders"
    return ""


def _room(engine: Engine, each: Candidate, wanted: Wanted) -> Decimal | None:
    """The most of the order that the account's buying power carries at this listing; None: all of it."""
    intent = OrderIntent("", engine.account, "", 0, each.symbol, wanted.side, wanted.kind, wanted.tif, wanted.qty, wanted.price, wanted.stop)
    return checks.most_carried(engine, Order.of(replace(intent, reduce_only=wanted.reduce_only), engine.now_ns()))


def _objection(pool: Pool, fields: dict, made: Plan, origin: str) -> tuple[str, str, Denied] | None:
    """The first leg that its account refuses, by account and symbol, as if all were proposed; nothing stays of it. Denied when no plan would do."""
    proposed: list[tuple[Engine, Order]] = []
    firsts: dict[str, list[Order]] = {}
    try:
        for place in _used(pool, made):
            make_id = sending.ids("", 0)
            for leg in made.legs:
                if leg.account != place.name:
                    continue
                try:
                    group = sending.leg_of(place.engine, fields, leg, "", origin, make_id)
                    _ask(place, group)
                except Denied as denied:
                    return place.name, leg.symbol, denied
                place.engine.propose(group)
                proposed += [(place.engine, order) for order in group]
                firsts.setdefault(place.name, []).append(group[0])
    finally:
        for engine, order in proposed:
            engine.abandon(order.client_order_id)
    for place in _used(pool, made):
        elsewhere = [order for name, orders in firsts.items() if name != place.name for order in orders]
        if (denied := place.engine.risk.objection(firsts[place.name], whole=True, elsewhere=elsewhere)) is not None:
            return place.name, _WHOLE, denied
    return None


def _ask(place: Place, group: list[Order]) -> None:
    """Denied when the account, its limits or its execution would not take the order."""
    checks.check_power(place.engine, group[0])
    if (denied := place.engine.risk.objection(group)) is not None:
        raise denied
    for order in group:
        if (refused := place.refusal(order.intent)) is not None:
            raise Denied(*refused)


def _nowhere(found: list[Candidate], left_out: Sequence[LeftOut], refused: dict[tuple[str, str], Denied]) -> Denied:
    if len(refused) == 1 and all(each.code == "refused" for each in found) and not left_out:
        return next(iter(refused.values()))  # there was one way only: its own refusal says most
    words = "; ".join(f"{each.where}: {each.against}" for each in found)
    reason = f"The order can go nowhere ({words})." if words else "None of the accounts that your rules name takes it now."
    return Denied("route_nowhere", "route", reason, "Wait, choose this venue, or change the routing rules.")


def _with_accounts(denied: Denied, pool: Pool, refused: dict[tuple[str, str], Denied]) -> Denied:
    """The same refusal with the accounts that could not help."""
    if any(denied is each for each in refused.values()):
        return denied
    words = [f"{titled(each.title, each.real)} ({each.words.rstrip('.')})" for each in pool.left_out]
    if denied.code != "route_nowhere":
        titles = {place.name: place.title for place in pool.places}
        words += [f"{f'{symbol} in ' if symbol else ''}{titles[name]} ({each.reason.rstrip('.')})" for (name, symbol), each in refused.items()]
    if not words:
        return denied
    return Denied(denied.code, denied.field, f"{denied.reason} Left out: {'; '.join(words)}.", denied.remedy)
