"""Several accounts of one desk over the same books, for tests of the router: an engine, a journal and an execution each."""

from __future__ import annotations

from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.routing import accounts
from app.trading.routing.accounts import Place, Pool, Sending
from app.trading.routing.plan import LeftOut, Plan
from tests.unit.trading.kit import Rig
from tests.unit.trading.venues_kit import A, B, C, Venues, settings

ORIGIN = "desk"


class Several:
    """Accounts by name; ``first`` is the one that orders are for, and "real" the one for real money."""

    def __init__(self, first: Venues, **others: tuple[str, dict[str, tuple[str, str]]]) -> None:
        """``others``: cash, and (maker, taker) basis points by venue."""
        self.rigs: dict[str, Rig] = {"first": first}
        self._tokens = 0
        instruments = tuple(first.instruments.values())
        for name, (cash, fees) in others.items():
            self.rigs[name] = Rig(settings(**fees), instruments, cash, f"paper-{name}", first)
        self.left_out: list[LeftOut] = []

    @property
    def first(self) -> Venues:
        return self.rigs["first"]

    def rule(self, **found: str) -> None:
        self.first.rule(**found)

    def place(self, name: str) -> Place:
        rig = self.rigs[name]
        types, tifs = frozenset(rig.venue.order_types), frozenset(rig.venue.tifs)
        return Place(name, name.capitalize(), name == "real", rig.engine, types, tifs, rig.venue.refusal)

    def pool(self, *names: str) -> Pool:
        """What the rule of the trader names; all of them where nothing is given."""
        return Pool(self.first.engine, [self.place(name) for name in names or self.rigs], self.left_out)

    def ticket(self, side: str, qty: str, type: str = "market", price: str | None = None, **more) -> dict:
        found = self.first.ticket(side, qty, type, price, **more)
        return {name: value for name, value in found.items() if name != "route"}

    def plan(self, side: str, qty: str, type: str = "market", price: str | None = None, how: str = "split", names=(), **more) -> Plan:
        return accounts.plan(self.pool(*names), self.ticket(side, qty, type, price, **more), how, ORIGIN)

    def propose(self, side: str, qty: str, type: str = "market", price: str | None = None, how: str = "split", names=(), **more) -> list[Sending]:
        self._tokens += 1
        return accounts.submit(self.pool(*names), self.ticket(side, qty, type, price, **more), how, f"press-{self._tokens}", ORIGIN)

    def send(self, *args, **more) -> dict:
        """The routed orders by account after everything that happens at once."""
        sends = self.propose(*args, **more)
        for each in sends:
            self.rigs[each.place.name].take(each.events)
        return {each.place.name: self.rigs[each.place.name].engine.routed.by_id[each.part.client_order_id] for each in sends}

    def check_replays(self) -> None:
        """Each journal alone gives the same account again."""
        for rig in self.rigs.values():
            assert state_hash(Engine.replay(rig.account, rig.time, rig.entries(), rig.view)) == state_hash(rig.engine)


def several(cash: str = "1000000", **others) -> Several:
    """A: 100.00 x 1, 100.10 x 5; B: 100.0 x 2, 100.5 x 5; C: 99.90 x 1, 102 x 9. Bids one below. Nobody pays fees, but what ``others`` pay."""
    rig = Venues(cash)
    rig.book({"99.00": 3, "98.90": 5}, {"100.00": 1, "100.10": 5}, A.symbol)
    rig.book({"98.9": 2, "98.0": 5}, {"100.0": 2, "100.5": 5}, B.symbol)
    rig.book({"98.80": 9}, {"99.90": 1, "102.00": 9}, C.symbol)
    return Several(rig, **others)


def legs(plan: Plan) -> dict[tuple[str, str], str]:
    """Quantity by account and symbol."""
    return {(leg.account, leg.symbol): format(leg.qty.normalize(), "f") for leg in plan.legs}


def codes(plan: Plan) -> dict[tuple[str, str], str]:
    """Code by account and symbol."""
    return {(row.account, row.symbol): row.code for row in plan.verdicts}
