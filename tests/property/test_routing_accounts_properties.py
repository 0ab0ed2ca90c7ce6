"""The router between accounts over arbitrary books, fees, cash, positions and rules: what must hold of every plan, and of every journal afterwards."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.trading.errors import Denied
from tests.property.test_routing_properties import RULES, TICKETS, displayed, markets
from tests.unit.trading.accounts_kit import Several

D = Decimal
NAMES = ("first", "real", "third")
FEES = st.sampled_from(["0", "5", "12.25", "40"])


@st.composite
def desks(draw):
    """Two or three accounts over one market, some poor, some with positions, each with its own fees; one may not trade everywhere."""
    rig = draw(markets())
    venues = [item.venue for item in rig.instruments.values()]
    others = {}
    for name in NAMES[1 : draw(st.integers(2, 3))]:
        cash = draw(st.sampled_from(["50", "2000", "100000000"]))
        others[name] = (cash, {venue: (draw(FEES), draw(FEES)) for venue in venues})
    found = Several(rig, **others)
    if draw(st.booleans()):
        poor = draw(st.sampled_from(["50", "3000"]))
        rig.take(rig.engine.book_cash({"kind": "transfer", "currency": "USDT", "amount": f"-{100_000_000 - int(poor)}"}))
    for name, each in found.rigs.items():
        for symbol in each.instruments:
            if draw(st.booleans()):
                fields = found.ticket(draw(st.sampled_from(["buy", "sell"])), str(draw(st.integers(1, 4)) * 5), symbol=symbol, tif="ioc")
                try:
                    each.take(each.engine.submit(fields, f"held-{name}-{symbol}"))
                except Denied:
                    continue
        if name != "first" and draw(st.booleans()):
            each.view.trades_at = frozenset(venues[:1])
    return found


POOLS = st.sampled_from([("first",), ("first", "real"), ("first", "real", "third"), ("real", "first"), ("real",)])


def asked(found: Several, ticket: dict, reduce_only: bool) -> dict:
    price = ticket["price"] if ticket["kind"] == "limit" else None
    return {
        **{"side": ticket["side"], "qty": ticket["qty"], "type": ticket["kind"], "price": price, "how": ticket["how"]},
        **{"tif": ticket["tif"], "symbol": "X.a", "reduce_only": reduce_only},
    }


@given(desks(), TICKETS, RULES, POOLS, st.booleans(), st.booleans())
def test_all_of_it_goes_to_accounts_that_were_named_and_each_journal_replays(found, ticket, kept, pool, reduce_only, cancel):
    found.rule(**kept)
    names = tuple(name for name in pool if name in found.rigs)
    before = {name: {symbol: rig.position(symbol) for symbol in rig.instruments} for name, rig in found.rigs.items()}
    wanted = asked(found, ticket, reduce_only)
    try:
        plan = found.plan(names=names, **wanted)
    except Denied as denied:
        assert denied.reason and denied.remedy
        assert not any(order.intent.route == "" for rig in found.rigs.values() for order in rig.engine.claims()), "a question leaves nothing"
        return
    qty = D(ticket["qty"])
    assert plan == found.plan(names=names, **wanted), "the same again"
    assert sum(leg.qty for leg in plan.legs) == sum(part.qty for part in plan.parts) == sum(row.qty for row in plan.verdicts) == qty
    assert {leg.account for leg in plan.legs} <= set(names) == {part.account for part in plan.parts}
    assert len({(leg.account, leg.symbol) for leg in plan.legs}) == len(plan.legs)
    assert sum(part.cost for part in plan.parts) == plan.cost
    for leg in plan.legs:
        item, rig = found.first.instruments[leg.symbol], found.rigs[leg.account]
        assert leg.qty > 0 and not leg.qty % item.lot_size
        assert rig.view.trades_at is None or item.venue in rig.view.trades_at
        assert not (item.venue == "a" and kept.get("a") == "never")
        held = before[leg.account][leg.symbol] * (1 if ticket["side"] == "sell" else -1)
        assert not reduce_only or leg.qty <= held, "reduce-only goes to the account that holds the position"
    if ticket["how"] == "split":
        for symbol in {leg.symbol for leg in plan.legs}:
            there = [leg for leg in plan.legs if leg.symbol == symbol]
            shown = displayed(found.first, there[0], ticket["side"], there[0].price)
            assert sum(leg.qty - leg.rests for leg in there) <= shown, "what is displayed counts once"
            assert "max_share" not in kept or sum(leg.qty for leg in there) <= qty * D(kept["max_share"]) / 100
    done = found.send(names=names, **wanted)
    assert set(done) == {leg.account for leg in plan.legs}
    assert sum(routed.event.qty for routed in done.values()) == qty
    for name, routed in done.items():
        assert sum(leg.intent.qty for leg in routed.legs) == routed.event.qty and routed.filled <= routed.event.qty
        assert all(leg.intent.account == found.rigs[name].account for leg in routed.legs)
        if cancel and routed.is_working:
            found.rigs[name].take(found.rigs[name].engine.cancel(routed.client_order_id))
    found.check_replays()
    for rig in found.rigs.values():
        rig.restart()
    found.check_replays()
