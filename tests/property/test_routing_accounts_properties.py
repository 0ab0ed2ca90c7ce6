"""The router between accounts over arbitrary books, fees, cash, positions and rules: what must hold of every plan, and of every journal afterwards."""

from __future__ import annotations

import contextlib
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
def desks(draw, cash=("600", "1200", "100000000"), holds=True):
    """Two or three accounts over one market, some with positions, each with its own fees; one may not trade everywhere."""
    rig = draw(markets())
    venues = [item.venue for item in rig.instruments.values()]
    names = NAMES[: draw(st.integers(2, 3))]
    cash = {name: draw(st.sampled_from(cash)) for name in names}
    found = Several(rig, **{name: (cash[name], {venue: (draw(FEES), draw(FEES)) for venue in venues}) for name in names[1:]})
    if (out := 100_000_000 - int(cash["first"])) > 0:
        rig.take(rig.engine.book_cash({"kind": "transfer", "currency": "USDT", "amount": f"-{out}"}))
    for name, each in found.rigs.items():
        if holds and draw(st.integers(0, 2)) == 0:
            symbol = draw(st.sampled_from([*each.instruments]))
            fields = found.ticket(draw(st.sampled_from(["buy", "sell"])), draw(st.sampled_from(["1", "5"])), symbol=symbol, tif="ioc")
            with contextlib.suppress(Denied):
                each.take(each.engine.submit(fields, f"held-{name}"))
        if name != "first" and draw(st.integers(0, 3)) == 0:
            each.view.trades_at = frozenset(venues[:1])
    return found


POOLS = st.sampled_from([NAMES, NAMES, NAMES, ("first", "real"), ("real", "first"), ("first",), ("real",)])
MOSTLY_SPLIT = st.builds(lambda ticket, how: {**ticket, "how": how}, TICKETS, st.sampled_from(["split", "split", "split", "best"]))


def asked(found: Several, ticket: dict, reduce_only: bool) -> dict:
    price = ticket["price"] if ticket["kind"] == "limit" else None
    return {
        **{"side": ticket["side"], "qty": ticket["qty"], "type": ticket["kind"], "price": price, "how": ticket["how"]},
        **{"tif": ticket["tif"], "symbol": "X.a", "reduce_only": reduce_only},
    }


POOR = desks(cash=("600", "1200", "2000"), holds=False)


@given(st.one_of(desks(), POOR, POOR), MOSTLY_SPLIT, RULES, POOLS, st.sampled_from([False, False, False, True]), st.booleans())
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
