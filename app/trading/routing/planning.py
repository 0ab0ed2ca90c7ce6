"""Chooses one venue, or several, for an order: the least all-in cost over the real books, in exact integers.

Every set of listings is filled from its merged books, cheapest after fees first, in whole lots; what no book gives within the limit rests where it is
likeliest to be filled cheaply. Of the sets whose legs all satisfy their venues the one is taken that trades most at once, then the cheapest; single listings
are sets too, so a split is never worse than the best of them. Ties go to preferred venues, then to fewer legs, then by name: equal books give equal plans.

Where the router chooses between accounts (`accounts`) a listing is there once for each of them. They share its book: who pays the lower fee takes first, and
nothing that is displayed counts twice. An account gets no more of the whole than it can carry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from itertools import combinations
from typing import NamedTuple

from app.model.instrument import Instrument
from app.model.orders import OrderType, TimeInForce

from ..contracts import journalled, of_contract
from ..errors import Denied
from ..marks import DeskView
from ..money import ZERO, mul, plain
from . import candidates
from .candidates import Candidate, Wanted
from .explaining import explain
from .plan import BEST, SPLIT, Plan
from .rules import AVOID, PREFER, Rules

MOST_LISTINGS = 6
"""As many listings are combined; there are 63 sets of six."""


class Choice(NamedTuple):
    """A filled set: size units missing, all-in cost units, what each listing takes now and rests, by its number."""

    missing: int
    cost: int
    takes: dict[int, int]
    rests: dict[int, int]

    def total(self, index: int) -> int:
        """All of a listing's leg."""
        return self.takes.get(index, 0) + self.rests.get(index, 0)

    @property
    def resting(self) -> int:
        """Size units that would rest."""
        return sum(self.rests.values())

    @property
    def legs(self) -> list[int]:
        """Listings that get something."""
        return sorted(index for index in self.takes.keys() | self.rests.keys() if self.total(index))


class Router:
    """One decision. ``found`` are the listings with what speaks against them; prices and sizes are brought to common units."""

    def __init__(self, wanted: Wanted, rules: Rules, found: Sequence[Candidate], how: str) -> None:
        self.wanted, self.rules, self.found, self.how = wanted, rules, found, how
        self.open = [index for index, each in enumerate(found) if each.is_open]
        items = [each.instrument for each in found]
        bps = [rate for each in found for rate in each.fees]
        self._multiplier = journalled(items[0])  # that of all of them
        self.price_scale = max(item.price_scale for item in items)
        self.size_scale = max(item.size_scale for item in items)
        self._fee_scale = max(max(-rate.as_tuple().exponent, 0) for rate in bps)
        self._whole = 10 ** (4 + self._fee_scale)
        self._sign = wanted.side.sign
        self.limit = wanted.price if wanted.kind.has_limit else None
        self.protected = self._protection()
        self.want = self._size(wanted.qty)
        self.levels = {index: self._walkable(index) for index in self.open}
        self._merged = sorted(
            (self._all_in(price, self.found[index].fees.taker_bps), self._rank(index), index, size)
            for index in self.open
            for price, size in self.levels[index]
        )
        self._lots = {index: items[index].lot * 10 ** (self.size_scale - items[index].size_scale) for index in self.open}
        self._fellows = self._same_book()
        self.purses = self._purses()

    # In and out of common units.

    def _size(self, qty: Decimal) -> int:
        return int(qty.scaleb(self.size_scale))

    def qty(self, units: int) -> Decimal:
        """A quantity from size units."""
        return Decimal(units).scaleb(-self.size_scale)

    def money(self, units: int) -> Decimal:
        """An amount from cost units."""
        return of_contract(Decimal(units).scaleb(-(self.price_scale + self.size_scale + 4 + self._fee_scale)), self._multiplier)

    def worth(self, units: int) -> Decimal:
        """An amount from price times size units."""
        return of_contract(Decimal(units).scaleb(-(self.price_scale + self.size_scale)), self._multiplier)

    def _price(self, price: Decimal) -> int:
        return int(price.scaleb(self.price_scale))

    def _all_in(self, price: int, bps: Decimal) -> int:
        """Cost units a size unit: above zero for a purchase, below for a sale."""
        return price * (self._sign * self._whole + int(bps.scaleb(self._fee_scale)))

    def _protection(self) -> Decimal | None:
        """The worst price that the most slippage leaves a market order."""
        bps = self.rules.max_slippage_bps
        if bps is None or self.wanted.kind is not OrderType.MARKET or self.wanted.waits:
            return None
        best = [each.instrument.price(each.levels[0][0]) for each in self.found if each.is_open and each.levels]
        if not best:
            return None
        first = min(best) if self._sign > 0 else max(best)
        return mul(first, 1 + self._sign * bps / 10_000)

    def _walkable(self, index: int) -> list[tuple[int, int]]:
        """(price, size) units that the order may take of a listing's book, best first, as far as it could need."""
        item = self.found[index].instrument
        up, wide = 10 ** (self.price_scale - item.price_scale), 10 ** (self.size_scale - item.size_scale)
        limit = self.limit if self.limit is not None else self.protected
        rows, seen = [], 0
        for price, size in self.found[index].levels:
            if seen >= self.want or (limit is not None and (item.price(price) - limit) * self._sign > 0):
                break
            rows.append((price * up, size * wide))
            seen += size * wide
        return rows

    def _same_book(self) -> dict[int, list[int]]:
        """By number: the others that trade in the same book, for other accounts."""
        found = {index: [other for other in self.open if other != index and self.found[other].symbol == self.found[index].symbol] for index in self.open}
        return {index: others for index, others in found.items() if others}

    def _purses(self) -> dict[str, int]:
        """Size units of the whole that each account can carry; accounts that carry all of it are not in it."""
        rooms: dict[str, int] = {}
        for index in self.open:
            each = self.found[index]
            if each.room is not None:
                rooms[each.account] = min(self._size(each.room), rooms.get(each.account, self.want))
        return rooms

    def _before(self, index: int, choice: Choice) -> int:
        """Size units that others take of the same book before it."""
        place = (self.found[index].fees.taker_bps, index)
        return sum(choice.takes.get(other, 0) for other in self._fellows.get(index, ()) if (self.found[other].fees.taker_bps, other) < place)

    # Filling sets.

    def caps(self, share: bool) -> dict[int, int]:
        """The most of the order that each open listing may get."""
        caps = dict.fromkeys(self.open, self.want)
        held = {index: self._size(self.found[index].held) for index in self.open}
        if self.wanted.reduce_only or self.closes:
            caps = {index: min(cap, held[index]) for index, cap in caps.items()}
        if share and self.rules.max_share is not None:
            most = int(self.want * self.rules.max_share / 100)
            caps = {index: min(cap, most) for index, cap in caps.items()}
        return {index: cap - cap % self._lots[index] for index, cap in caps.items()}

    @property
    def closes(self) -> bool:
        """True when what is held there covers the order: it closes before it opens anything."""
        held = [self._size(self.found[index].held) for index in self.open]
        return bool(held) and (max(held) if self.how == BEST else sum(held)) >= self.want

    def fill(self, chosen: Sequence[int], caps: Mapping[int, int]) -> Choice | None:
        """The set's legs, or None where one would be too small for its venue."""
        takes, seen, left = dict.fromkeys(chosen, 0), dict.fromkeys(chosen, 0), self.want
        purses, most = dict(self.purses), self._most_of_one()
        for _key, _rank, index, size in self._merged:
            if not left:
                break
            if index not in takes:
                continue
            seen[index] += size
            room = min(seen[index], caps[index], takes[index] + left)
            if self._fellows or purses:
                others = sum(takes.get(other, 0) for other in self._fellows.get(index, ()))
                room = min(room, seen[index] - others, most - others, takes[index] + purses.get(self.found[index].account, left))
            more = room - room % self._lots[index] - takes[index]
            if more > 0:
                takes[index] += more
                left -= more
                self._spend(purses, index, more)
        rests: dict[int, int] = {}
        if left and not self.wanted.takes and not self.wanted.waits:
            for index in sorted(chosen, key=self.resting_key):
                room = min(left, caps[index] - takes[index])
                if self._fellows or purses:
                    others = sum(takes.get(other, 0) + rests.get(other, 0) for other in self._fellows.get(index, ()))
                    room = max(min(room, most - others - takes[index], purses.get(self.found[index].account, left)), 0)
                rests[index] = room - room % self._lots[index]
                left -= rests[index]
                self._spend(purses, index, rests[index])
        choice = Choice(left, 0, takes, rests)
        if self.how == SPLIT and not self.wanted.reduce_only and any(self._too_small(index, choice) for index in choice.legs):
            return None
        return choice._replace(cost=sum(self.cost(index, choice) for index in choice.legs))

    def _most_of_one(self) -> int:
        """The most of one listing over all accounts."""
        share = self.rules.max_share if self.how == SPLIT else None
        return self.want if share is None else int(self.want * share / 100)

    def is_short(self, index: int, choice: Choice) -> bool:
        """True when it is the account that carries no more, not the book that shows no more."""
        purse = self.purses.get(self.found[index].account, self.want)
        return purse < self.want and purse < choice.total(index) + self._lots[index]

    def _spend(self, purses: dict[str, int], index: int, units: int) -> None:
        account = self.found[index].account
        if account in purses:
            purses[account] -= units

    def _walk(self, index: int, choice: Choice) -> list[tuple[int, int]]:
        """(price, size) units that a leg takes of its book, after those that others take of the same before it."""
        skip, left, found = self._before(index, choice), choice.takes.get(index, 0), []
        for price, size in self.levels[index]:
            passed = min(skip, size)
            part = min(size - passed, left)
            skip, left = skip - passed, left - part
            if part:
                found.append((price, part))
        return found

    def cost(self, index: int, choice: Choice) -> int:
        """All-in cost units of one leg: its own book walked, and what rests at the limit."""
        fees = self.found[index].fees
        total = sum(part * self._all_in(price, fees.taker_bps) for price, part in self._walk(index, choice))
        if rests := choice.rests.get(index, 0):
            total += rests * self._all_in(self._price(self.limit), fees.maker_bps)
        return total

    def notional(self, index: int, choice: Choice) -> int:
        """Price times size units of one leg, without fees."""
        total = sum(part * price for price, part in self._walk(index, choice))
        rests = choice.rests.get(index, 0)
        return total + (rests * self._price(self.limit) if rests else 0)

    def worst(self, index: int, choice: Choice) -> int:
        """The last price a leg reaches."""
        taken = self._walk(index, choice)
        return self._price(self.limit) if choice.rests.get(index) else taken[-1][0] if taken else 0

    def resting_key(self, index: int) -> tuple:
        """Where a resting order does best: the lowest maker fee, then least before it in the queue, then the narrowest spread."""
        each = self.found[index]
        ahead = each.ahead * 10 ** (self.size_scale - each.instrument.size_scale)
        mark = each.mark
        spread = mark.ask - mark.bid if mark is not None and mark.ask is not None and mark.bid is not None else Decimal("Infinity")
        return (each.fees.maker_bps, ahead, spread, self._rank(index), each.symbol, index)

    def choose(self) -> Choice | None:
        """The best set, avoided venues only where it cannot be done without them; None where no set does."""
        caps = self.caps(share=self.how == SPLIT)
        usable = self.open
        if len(usable) > MOST_LISTINGS:
            alone = {index: self.fill([index], caps) for index in usable}
            usable = sorted(sorted(usable, key=lambda index: (alone[index] is None, alone[index] and self._sort_key(alone[index])))[:MOST_LISTINGS])
        found = None
        for allowed in ([index for index in usable if self.found[index].word != AVOID], usable):
            found = self._best_of(allowed, caps) or found
            if found is not None and not found.missing:
                break
        return found

    def _best_of(self, allowed: list[int], caps: Mapping[int, int]) -> Choice | None:
        most = len(allowed) if self.how == SPLIT else 1
        choices = [
            choice
            for count in range(1, most + 1)
            for chosen in combinations(allowed, count)
            if (choice := self.fill(chosen, caps)) is not None and (choice.legs or self.how == BEST)
        ]
        if not choices:
            return None
        best = min(choices, key=self._sort_key)
        slack = abs(best.cost) * self.rules.prefer_bps / 10_000
        alike = [each for each in choices if (each.missing, each.resting) == (best.missing, best.resting)]
        liked = [each for each in alike if each.cost <= best.cost + slack and self._all_preferred(each)]
        return min(liked, key=self._sort_key) if liked else best

    def _sort_key(self, choice: Choice) -> tuple:
        return (choice.missing, choice.resting, choice.cost, sum(self._rank(index) for index in choice.legs), len(choice.legs), choice.legs)

    def _all_preferred(self, choice: Choice) -> bool:
        return bool(choice.legs) and all(self.found[index].word == PREFER for index in choice.legs)

    def _rank(self, index: int) -> int:
        return {PREFER: 0, AVOID: 2}.get(self.found[index].word, 1)

    def _too_small(self, index: int, choice: Choice) -> bool:
        item, total = self.found[index].instrument, choice.total(index)
        if self.qty(total) < item.size(item.min_size):
            return True
        return self.worth(self.notional(index, choice)) < item.min_notional


def make(view: DeskView, positions: Mapping[str, Decimal], asked: Instrument, wanted: Wanted, how: str, rules: Rules) -> Plan:
    """The plan for an order; Denied names what stands in the way."""
    return decide(candidates.find(view, positions, asked, wanted, rules, how == BEST), asked, wanted, how, rules)


def decide(found: Sequence[Candidate], asked: Instrument, wanted: Wanted, how: str, rules: Rules) -> Plan:
    """The plan for an order that can go to these; Denied names what stands in the way."""
    router = Router(wanted, rules, found, how)
    if not router.open:
        words = "; ".join(f"{each.where}: {each.against}" for each in found)
        raise Denied("route_nowhere", "route", f"The order can go nowhere ({words}).", "Wait, choose this venue, or change the routing rules.")
    choice = router.choose()
    if choice is None or (choice.missing and (how == SPLIT or wanted.tif is TimeInForce.FOK) and not wanted.waits):
        raise _too_little(router, choice, asked)
    if how == BEST and (choice.missing or not choice.legs):
        choice = _whole(router, choice)
    return explain(router, choice, asked)


def _whole(router: Router, choice: Choice) -> Choice:
    """All of it to the one listing that gives the most, as an order without a router would do."""
    index = choice.legs[0] if choice.legs else min(router.open, key=lambda each: (router.found[each].word == AVOID, router.resting_key(each)))
    return choice._replace(takes={index: choice.takes.get(index, 0)}, rests={index: 0})


def _too_little(router: Router, choice: Choice | None, asked: Instrument) -> Denied:
    most = router.qty(router.want - choice.missing) if choice is not None else ZERO
    step = asked.lot_size
    most = (most / step).to_integral_value(ROUND_FLOOR) * step
    wanted, rules = router.wanted, router.rules
    bounds = [f"the largest share of {plain(rules.max_share)} %"] if router.how == SPLIT and rules.max_share is not None else []
    if router.protected is not None:
        bounds.append(f"the most slippage of {plain(rules.max_slippage_bps)} bps")
    if any(room < router.want for room in router.purses.values()):
        bounds.append("what the accounts can carry")
    within = f" within {' and '.join(bounds)}" if bounds else " within its price" if wanted.price is not None else ""
    reason = f"Only {plain(most)} of {plain(wanted.qty)} {asked.base} can be had{within}."
    use = f"Use at most {plain(most)}" if most > 0 else "Use another quantity"
    return Denied("route_depth", "qty", reason, f"{use}, change the routing rules, or choose this venue.")
