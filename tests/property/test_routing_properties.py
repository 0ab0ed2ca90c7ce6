"""The router over arbitrary books, fees, lots and rules: what must hold of every plan, and of every routed order to its end."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.model.instrument import Instrument
from app.model.orders import Side
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied
from tests.unit.trading.kit import ACCOUNT
from tests.unit.trading.venues_kit import Venues

D = Decimal
NAMES = ("a", "b", "c", "d")


@st.composite
def markets(draw):
    """A desk with two to four listings of one thing, each with its own scales, lot, minimum, fees and book."""
    items, fees = [], {}
    for name in NAMES[: draw(st.integers(2, 4))]:
        scale = draw(st.sampled_from([1, 2, 3]))
        lot, least = draw(st.sampled_from([1, 5])), draw(st.sampled_from([0, 10**scale]))
        items.append(Instrument(f"X.{name}", name, "X", "X", "USD", draw(st.sampled_from([1, 2])), scale, lot=lot, min_size=least))
        fees[name] = (draw(st.sampled_from(["0", "1.5", "25"])), draw(st.sampled_from(["0", "5", "12.25", "40"])))
    rig = Venues("100000000", tuple(items), **fees)
    for item in items:
        sides = {}
        for side, base, step in (("bids", 99, -1), ("asks", 100, 1)):
            depth = draw(st.integers(0, 5))
            rows, price = {}, D(base) + step * D(draw(st.integers(0, 5))) / 10
            for _ in range(depth):
                rows[price] = D(draw(st.integers(1, 150))) / 10
                price += step * D(draw(st.integers(1, 9))) / 10
            sides[side] = rows
        rig.book(sides["bids"], sides["asks"], item.symbol)
        rig.quote(99, 100, item.symbol)
    return rig


TICKETS = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["buy", "sell"]),
        "qty": st.integers(1, 80).map(lambda lots: format(D(lots * 5) / 10, "f")),
        "kind": st.sampled_from(["market", "limit"]),
        "price": st.integers(975, 1025).map(lambda tenths: format(D(tenths) / 10, "f")),
        "tif": st.sampled_from(["gtc", "ioc"]),
        "how": st.sampled_from(["best", "split"]),
    }
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from(["never", "avoid", "prefer"]),
        "max_share": st.sampled_from(["40", "60"]),
        "max_slippage_bps": st.sampled_from(["5", "50", "200"]),
    },
)


def ask(rig: Venues, ticket: dict, how: str | None = None):
    price = ticket["price"] if ticket["kind"] == "limit" else None
    return rig.plan(ticket["side"], ticket["qty"], ticket["kind"], price, how or ticket["how"], tif=ticket["tif"], symbol="X.a")


def displayed(rig: Venues, leg, side: str, limit: Decimal | None) -> Decimal:
    """What the leg's book shows within its price."""
    item = rig.instruments[leg.symbol]
    rows = rig.market.book(leg.symbol).levels(Side.SELL if side == "buy" else Side.BUY, 200)
    inside = [size for price, size in rows if limit is None or (item.price(price) <= limit if side == "buy" else item.price(price) >= limit)]
    return item.size(sum(inside))


@given(markets(), TICKETS, RULES)
def test_a_plan_is_whole_within_depth_and_rules_and_the_same_again(rig, ticket, found):
    rig.rule(**found)
    try:
        plan = ask(rig, ticket)
    except Denied as denied:
        assert denied.reason and denied.remedy
        return
    qty = D(ticket["qty"])
    assert sum(leg.qty for leg in plan.legs) == qty
    assert plan == ask(rig, ticket) and plan.to_json() == ask(rig, ticket).to_json()
    for leg in plan.legs:
        item = rig.instruments[leg.symbol]
        assert leg.qty > 0 and not leg.qty % item.lot_size and leg.qty >= item.size(item.min_size)
        assert leg.price is None or not leg.price % item.tick_size
        assert not (item.venue == "a" and found.get("a") == "never")
        if ticket["how"] == "split":
            assert leg.qty - leg.rests <= displayed(rig, leg, ticket["side"], leg.price)
            assert "max_share" not in found or leg.qty <= qty * D(found["max_share"]) / 100
    assert sum((row.qty for row in plan.verdicts), D(0)) == qty
    assert all(row.words and row.code for row in plan.verdicts)


@given(markets(), TICKETS)
def test_a_split_is_never_worse_than_the_best_single_venue(rig, ticket):
    try:
        split = ask(rig, ticket, "split")
    except Denied:
        return
    try:
        best = ask(rig, ticket, "best")
    except Denied:
        return
    if split.fillable == best.fillable and sum(leg.rests for leg in split.legs) == sum(leg.rests for leg in best.legs):
        assert split.cost <= best.cost
    else:
        assert split.fillable > best.fillable
    assert split.alone is None or ticket["kind"] == "limit" or split.cost <= split.alone


@given(markets(), TICKETS, RULES, st.booleans())
def test_a_routed_order_never_fills_more_than_it_was_given_and_costs_what_it_said(rig, ticket, found, cancel):
    rig.rule(**found)
    price = ticket["price"] if ticket["kind"] == "limit" else None
    try:
        plan = ask(rig, ticket)
        routed = rig.send(ticket["side"], ticket["qty"], ticket["kind"], price, ticket["how"], tif=ticket["tif"], symbol="X.a")
    except Denied:
        assert not rig.engine.claims()
        return
    assert routed.filled <= D(ticket["qty"]) and sum(leg.qty for leg in routed.legs) == D(ticket["qty"])
    if ticket["how"] == "split" and not any(leg.rests for leg in plan.legs):
        # Books stand still: what was said is what it costs, but for the fee's eighth decimal of each fill.
        paid = sum((fill.qty * fill.price * fill.side.sign + fill.fee for fill in rig.engine.fills), D(0))
        assert abs(paid - plan.cost) <= D("1e-8") * len(rig.engine.fills)
    if cancel and routed.is_working:
        rig.take(rig.engine.cancel(routed.client_order_id))
        assert not routed.is_working
    assert state_hash(Engine.replay(ACCOUNT, rig.time, rig.entries(), rig.view)) == state_hash(rig.engine)
