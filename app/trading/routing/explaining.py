"""Says in numbers and words what the router chose and why, and what spoke against every other listing."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from app.model.instrument import Instrument
from app.model.orders import OrderType, Side, TimeInForce

from ..money import ZERO, plain, ratio
from .candidates import Candidate
from .plan import Leg, Part, Plan, Verdict, amount
from .rules import AVOID, PREFER

if TYPE_CHECKING:
    from .planning import Choice, Router


def explain(router: Router, choice: Choice, asked: Instrument) -> Plan:
    """The plan that a choice is, with a verdict on every listing."""
    wanted, found = router.wanted, router.found
    whole = len(choice.legs) < 2
    legs = [index for index in (choice.legs or [*choice.takes])]
    made = [_leg(router, choice, index, whole) for index in legs]
    caps = router.caps(share=False)
    alone = {index: router.fill([index], caps) for index in router.open}
    complete = {index: each.cost for index, each in alone.items() if each is not None and not each.missing}
    notional = sum(router.notional(index, choice) for index in legs)
    worth = router.worth(notional)
    cost = router.money(sum(router.cost(index, choice) for index in legs))
    filled = router.qty(sum(choice.total(index) for index in legs))
    worsts = [router.worst(index, choice) for index in legs if choice.total(index)]
    worst = (max(worsts) if wanted.side is Side.BUY else min(worsts)) if worsts else None
    parts = {each.account: Part(each.account, each.title, False) for each in found if each.account}
    for leg, index in zip(made, legs, strict=True):
        if leg.account:
            part = parts[leg.account]
            parts[leg.account] = replace(part, qty=part.qty + leg.qty, cost=part.cost + router.money(router.cost(index, choice)))
    return Plan(
        how=router.how,
        asked=asked.symbol,
        side=wanted.side.value,
        qty=wanted.qty,
        base=asked.base,
        currency=asked.quote,
        legs=tuple(made),
        verdicts=tuple(_verdict(router, choice, index, alone.get(index), sum(router.cost(leg, choice) for leg in legs)) for index in range(len(found))),
        notional=worth,
        fee=cost - worth * wanted.side.sign,
        cost=cost,
        average=ratio(Decimal(notional).scaleb(-(router.price_scale + router.size_scale)), filled) if filled else None,
        worst=Decimal(worst).scaleb(-router.price_scale) if worst is not None else None,
        fillable=router.qty(sum(choice.takes.get(index, 0) for index in legs)),
        alone=router.money(min(complete.values())) if complete else None,
        notes=tuple(_notes(router, choice, legs)),
        parts=tuple(parts.values()),
    )


def _leg(router: Router, choice: Choice, index: int, whole: bool) -> Leg:
    wanted, item = router.wanted, router.found[index].instrument
    qty = wanted.qty if whole else router.qty(choice.total(index))
    kind, tif, price = wanted.kind, wanted.tif, wanted.price
    if router.protected is not None:
        rounding = ROUND_FLOOR if wanted.side is Side.BUY else ROUND_CEILING
        price = (router.protected / item.tick_size).to_integral_value(rounding) * item.tick_size
        kind, tif = OrderType.LIMIT, TimeInForce.FOK if wanted.tif is TimeInForce.FOK else TimeInForce.IOC
    return Leg(item.symbol, item.venue, qty, router.qty(choice.rests.get(index, 0)), kind, tif, price, router.found[index].account)


def _verdict(router: Router, choice: Choice, index: int, alone: Choice | None, cost: int) -> Verdict:
    each = router.found[index]
    fillable = sum(size for _, size in router.levels.get(index, ()))
    sent = router.wanted.qty if len(choice.legs) < 2 else router.qty(choice.total(index))
    chosen = index in (choice.legs or [*choice.takes])
    whole = alone is not None and not alone.missing
    code, words = each.code, each.against
    if chosen:
        code, words = "chosen", _why(router, choice, index, sent)
    elif not code:
        code, words = _why_not(router, each, alone, cost)
    return Verdict(
        symbol=each.symbol,
        venue=each.instrument.venue,
        code=code,
        words=words,
        qty=sent if chosen else ZERO,
        alone=router.money(alone.cost) if whole else None,
        fillable=router.qty(min(fillable, router.want)),
        maker_bps=each.fees.maker_bps,
        taker_bps=each.fees.taker_bps,
        account=each.account,
    )


def _why(router: Router, choice: Choice, index: int, sent: Decimal) -> str:
    each = router.found[index]
    base, parts = each.instrument.base, []
    if takes := choice.takes.get(index, 0):
        average = ratio(Decimal(router.notional(index, choice._replace(rests={}))).scaleb(-router.price_scale), Decimal(takes))
        much = "all" if takes == choice.total(index) and router.qty(takes) == sent else plain(router.qty(takes))
        parts.append(f"{much} at once at {amount(average, each.instrument.price_decimals + 1)} on average, taker fee {plain(each.fees.taker_bps)} bps")
    if rests := choice.rests.get(index, 0):
        ahead = each.instrument.size(each.ahead)
        queue = f"behind {plain(ahead)} {base}" if ahead else "in front of everybody"
        parts.append(f"{plain(router.qty(rests))} to rest {queue}, maker fee {plain(each.fees.maker_bps)} bps")
    if not parts:
        parts.append(f"taker fee {plain(each.fees.taker_bps)} bps")
    word = {PREFER: "preferred by your rules; ", AVOID: "avoided by your rules, but needed; "}.get(each.word, "")
    return f"gets {plain(sent)} {base}: {word}{'; '.join(parts)}"


def _why_not(router: Router, each: Candidate, alone: Choice | None, cost: int) -> tuple[str, str]:
    if each.word == AVOID:
        return "avoid", "your rules avoid it, and the others do without it"
    if alone is None:
        return "min", "the order is too small for it"
    if alone.missing:
        had = plain(router.qty(router.want - alone.missing))
        if router.is_short(router.found.index(each), alone):
            return "power", f"the account can carry {had} {each.instrument.base} of it"
        return "depth", f"only {had} {each.instrument.base} can be had there"
    more = router.money(alone.cost - cost)
    if more > 0:
        bps = ratio(more * 10_000, abs(router.money(cost))) if cost else ZERO
        verb = "cost" if router.wanted.side is Side.BUY else "bring"
        much = "more" if router.wanted.side is Side.BUY else "less"
        return "dearer", f"all of it there would {verb} {amount(more)} {each.instrument.quote} {much} ({amount(bps, 1)} bps), fees included"
    if more < 0:
        return "dearer", "cheaper by less than your rules give a preferred venue"
    if each.account:
        return "tie", "no better: preferred venues, shorter queues, then the account that the order is for, then names decide"
    return "tie", "no better: preferred venues, shorter queues, then names decide"


def _notes(router: Router, choice: Choice, legs: list[int]) -> list[str]:
    wanted, found = router.wanted, []
    if router.closes and not wanted.reduce_only:
        found.append("What is held there is closed before anything is opened.")
    if router.protected is not None:
        found.append(f"Sent as limits within {plain(router.rules.max_slippage_bps)} bps of the best price: what is not there in that moment is cancelled.")
    if choice.missing and not wanted.waits:
        base = router.found[legs[0]].instrument.base
        found.append(f"Only {plain(router.qty(router.want - choice.missing))} {base} are displayed there; the rest would be cancelled.")
    if wanted.waits:
        found.append("Compared at the present books; it trades when it is triggered, at that moment's.")
    if len(legs) > 1:
        found.append("Each leg is an order of its own: one may fill while another fails, and nothing is sent again elsewhere by itself.")
    return found
