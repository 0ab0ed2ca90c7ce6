"""Splits: exact, without profit or loss, never with orders at the prices of before, the same in every replay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model import events
from app.model.events import SplitBooked, from_json, to_json
from app.model.orders import Fill, Liquidity, OrderStatus, Side
from app.trading.breakdown import StrategyBooks
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.flows import is_flow
from app.trading.lots import Lots
from app.trading.money import add, mul, scaled, scaled_parts, sub
from app.trading.portfolio import Portfolio, Position
from app.trading.settings import PaperSettings
from app.trading.statement import table
from app.trading.valuation import DAY_NS, DayStart, valuation
from tests.unit.trading.kit import ACCOUNT, Rig, fields
from tests.unit.trading.snapshots import through_snapshot

D = Decimal


def split(rig: Rig, new: int | str, old: int | str, symbol: str = "TOY", note: str = "") -> SplitBooked:
    (event,) = rig.engine.book_split({"symbol": symbol, "new": str(new), "old": str(old), "note": note})
    rig.take([event])
    return event


def total(amounts: Iterable[Decimal]) -> Decimal:
    """A sum that rounds nothing."""
    return reduce(add, amounts, D(0))


def held(qty: str = "10", settings: PaperSettings | None = None) -> Rig:
    """A rig with a position bought at 100."""
    rig = Rig(settings) if settings is not None else Rig()
    rig.book({"99.90": 500}, {"100": 500})
    rig.submit("buy", "market", qty)
    return rig


def value(rig: Rig, start: DayStart):
    engine, now = rig.engine, rig.time.now_ns()
    return valuation(engine.portfolio, engine.day_open(now), engine.risk.margins.bound, rig.view, engine.currency, start, now)


def test_quantity_follows_the_ratio_and_cost_cash_and_realised_stay():
    rig = held()
    rig.submit("sell", "market", "2")
    position = rig.engine.portfolio.positions["TOY"]
    before = (position.cost, position.realised, dict(rig.engine.portfolio.cash), rig.engine.bookings, len(rig.engine.fills))
    event = split(rig, 3, 2, note="3:2")
    assert (position.qty, position.average_price) == (D(12), position.cost / 12)
    assert (position.cost, position.realised, dict(rig.engine.portfolio.cash), rig.engine.bookings, len(rig.engine.fills)) == before
    assert not is_flow(event), "no peak moves with it"
    assert from_json(to_json(event)) == event
    # what comes after is traded in the new units, the paper venue's reduce-only orders included
    rig.book({"66.60": 500}, {"66.70": 500})
    assert rig.submit("sell", "market", "12", reduce_only=True).status is OrderStatus.FILLED
    assert rig.position() == 0 and rig.engine.anomalies == []


def test_the_day_begins_with_the_new_units_and_its_profit_stays_what_it_was():
    rig, start = held(), DayStart()
    rig.time.advance((DAY_NS - rig.time.now_ns() % DAY_NS) / 1e9 + 60)
    rig.book({"109.90": 500}, {"110.10": 500})
    assert value(rig, start).day_pnl == 0
    rig.take(rig.engine.note("day:2026-11-27", "a", "a new day in the journal"))
    rig.book({"119.90": 500}, {"120.10": 500})
    assert (value(rig, start).day_pnl, value(rig, start).equity) == (100, D(100_200))
    split(rig, 4, 1)
    rig.book({"29.90": 500}, {"30.10": 500})
    start.split("TOY", 4, 1, rig.view.mark("TOY").price)
    assert (value(rig, start).day_pnl, value(rig, start).equity) == (100, D(100_200))
    assert rig.engine.day_open(rig.time.now_ns()).qty("TOY") == 40


@pytest.mark.parametrize(("first", "mark", "after"), [("100", "51", "50"), ("50", "51", "50"), ("100", None, "50")])
def test_the_first_price_of_the_day_is_read_in_the_units_that_fit_the_present_price(first, mark, after):
    start = DayStart(1, {"TOY": D(first)})
    start.split("TOY", 2, 1, None if mark is None else D(mark))
    assert start.marks["TOY"] == D(after)
    start.split("OAK", 2, 1, None)
    assert set(start.marks) == {"TOY"}


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"new": "x"}, "new"),
        ({"new": "0"}, "new"),
        ({"new": "-2"}, "new"),
        ({"new": "1.5"}, "new"),
        ({"new": "10001"}, "new"),
        ({"new": "²"}, "new"),
        ({"new": 2}, "new"),
        ({"new": None}, "new"),
        ({"old": ""}, "old"),
        ({"old": "2"}, "new"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": ["TOY"]}, "symbol"),
        ({"note": "x" * 101}, "note"),
        ({"new": "1", "old": "3"}, "new"),
    ],
)
def test_what_makes_no_sense_is_refused_with_field_and_remedy(given_, field):
    rig = held()
    with pytest.raises(Denied) as caught:
        rig.engine.book_split({"symbol": "TOY", "new": "2", "old": "1", "note": "", **given_})
    assert caught.value.field == field and caught.value.remedy


def test_a_fraction_is_refused_with_what_has_to_be_closed_first():
    rig = held("10.001")
    with pytest.raises(Denied) as caught:
        split(rig, 1, 3)
    assert caught.value.code == "split_fraction" and "Close 0.002 TOY first" in caught.value.remedy
    rig.submit("sell", "market", "0.002")
    split(rig, 1, 3)
    assert rig.position() == D("3.333")


def test_no_order_may_work_at_the_prices_of_before():
    rig = held(settings=PaperSettings(latency_ms=D(30), maker_fee_bps=D(0), taker_fee_bps=D(0)))
    rig.time.advance(1)
    entry = rig.submit("buy", "limit", "2", "95", take_profit="120", stop_loss="90")
    exit_ = rig.submit("sell", "limit", "5", "130", reduce_only=True)
    rig.time.advance(1)
    two_for_one = {"symbol": "TOY", "new": "2", "old": "1"}
    with pytest.raises(Denied) as caught:
        rig.engine.book_split(two_for_one)
    assert caught.value.code == "orders_working" and "4 orders" in caught.value.reason
    rig.take(rig.engine.cancel_where(lambda order: order.symbol == "TOY", "TOY is split"))
    with pytest.raises(Denied):
        rig.engine.book_split(two_for_one)  # the venue has not confirmed them
    rig.time.advance(1)
    split(rig, 2, 1)
    orders = [order for order in rig.engine.orders.values() if order.intent.type.value != "market"]
    assert len(orders) == 4 and {(order.status, order.reason) for order in orders} == {(OrderStatus.CANCELLED, "TOY is split")}
    assert entry in orders and exit_ in orders and not rig.engine.working and rig.engine.anomalies == []


def test_a_cancel_that_was_refused_leaves_no_reason_behind():
    rig = held()
    order = rig.submit("sell", "limit", "1", "130")
    rig.engine.apply(events.OrderCancelRequested(1, order.client_order_id, "TOY is split"))
    rig.engine.apply(events.OrderChangeRefused(1, order.client_order_id, "cancel", "busy", "try later"))
    assert order.is_working and order.reason == ""
    rig.cancel(order)
    assert order.reason == "cancelled by the trader"


some_ratios = st.sampled_from([(2, 1), (3, 2), (1, 4), (1, 3), (7, 5)])


def test_an_order_that_filled_before_its_cancel_came_has_no_reason():
    rig = held(settings=PaperSettings(latency_ms=D(30), maker_fee_bps=D(0), taker_fee_bps=D(0)))
    order = rig.submit("buy", "limit", "1", "95")
    rig.time.advance(1)
    rig.take(rig.engine.cancel_where(lambda each: each is order, "TOY is split"))
    rig.book({"94.80": 5}, {"94.90": 5})
    assert order.status is OrderStatus.FILLED
    rig.time.advance(1)
    assert order.reason == "" and order.refused


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell", "split"]), st.integers(1, 40), some_ratios), max_size=12))
def test_a_replay_and_a_snapshot_are_the_live_state(steps):
    rig = held()
    for what, number, ratio in steps:
        try:
            if what == "split":
                split(rig, *ratio)
            else:
                rig.submit(what, "market", str(number))
        except Denied as denied:
            assert denied.remedy
    live, entries = state_hash(rig.engine), rig.entries()
    assert state_hash(Engine.replay(ACCOUNT, rig.time, entries)) == live
    assert state_hash(through_snapshot(ACCOUNT, rig.time, entries, len(entries) // 3, len(entries) * 2 // 3)) == live
    again = through_snapshot(ACCOUNT, rig.time, entries, len(entries) // 2, len(entries))
    assert {key: cell.pos for key, cell in again.risk.book.cells.items()} == {
        key: cell.pos for key, cell in rig.engine.risk.book.cells.items() if key in again.risk.book.cells
    }
    assert rig.engine.risk.book.cells["", "TOY"].pos == rig.engine.risk.book.cells["desk", "TOY"].pos == rig.position()
    assert StrategyBooks().update(rig.engine)["desk"].qty("TOY") == rig.position()


def test_a_position_booked_while_its_instrument_was_not_listed_harms_no_start():
    rig = held("0.001")
    rig.view.instruments = {}
    split(rig, 1, 2)
    assert rig.position() == D("0.0005")
    rig.view.instruments = rig.instruments
    rig.restart()
    assert rig.position() == D("0.0005") and rig.venue._account.positions == {"TOY": 0}, "less than a unit cannot be traded"


def test_an_event_that_cannot_be_right_is_listed_and_harms_nothing():
    rig = held()
    order = rig.submit("sell", "limit", "1", "130")
    odd = [(SplitBooked(1, "other", "TOY", 2, 1, ""), "foreign_account"), (SplitBooked(1, ACCOUNT, "TOY", 1, 3, ""), "bad_split")]
    odd += [(SplitBooked(1, ACCOUNT, "TOY", new, old, ""), "bad_split") for new, old in ((0, 1), (1, 0), (-2, 1), (10_001, 1))]
    for event, code in odd:
        rig.engine.apply(event)
        assert rig.engine.anomalies[-1].code == code and rig.position() == 10 and not rig.engine.splits
    rig.engine.apply(SplitBooked(1, ACCOUNT, "TOY", 2, 1, ""))
    assert rig.engine.anomalies[-1].code == "split_with_orders" and rig.position() == 20 and order.is_working
    rig.engine.apply(SplitBooked(1, ACCOUNT, "OAK", 2, 1, ""))
    assert "OAK" not in rig.engine.portfolio.positions, "a split of nothing is nothing"


amounts = st.decimals("-5000000", "5000000", places=8)
ratios = st.tuples(st.integers(1, 10_000), st.integers(1, 10_000))


@given(amounts, amounts, st.decimals("0.0001", "100000", places=4), ratios)
def test_the_value_at_a_mark_against_the_ratio_is_unchanged_and_the_inverse_restores_everything(qty, cost, mark, ratio):
    new, old = ratio
    portfolio = Portfolio(positions={"TOY": Position("TOY", "USDT", mul(qty, D(old)), cost, D(7))})
    before = portfolio.copy()
    position = portfolio.positions["TOY"]
    portfolio.split("TOY", new, old)
    # a mark of new x m, divided by the ratio, is old x m
    assert mul(position.qty, mul(mark, D(old))) == mul(before.qty("TOY"), mul(mark, D(new)))
    assert position.cost == cost and position.realised == 7
    portfolio.split("TOY", old, new)
    assert portfolio == before


@given(st.lists(st.decimals("-1000", "1000", places=8), max_size=8), ratios)
def test_parts_add_up_to_what_the_whole_comes_to(parts, ratio):
    new, old = ratio
    found = scaled_parts(parts, new, old)
    whole = scaled(total(parts), new, old)
    assert whole is None or total(found) == whole
    for part, after in zip(parts, found, strict=True):
        assert abs(Fraction(after) * old - Fraction(part) * new) <= old * Fraction(1, 10**23) and (part or not after)
        if all(scaled(each, new, old) is not None for each in parts):
            assert after == scaled(part, new, old)


def fill(number: int, side: str, qty: str, price: str, fee: str = "0") -> Fill:
    return Fill(f"f{number}", f"o{number}", "TOY", Side(side), D(qty), D(price), D(fee), "USDT", Liquidity.TAKER, number)


def test_lots_keep_their_cost_through_a_split_by_hand():
    # 10 at 90 and 20 at 120; 1 for 3: 10/3 and 20/3, 10 in all; 5 sold at 400
    fills = [fill(1, "buy", "10", "90", "3"), fill(2, "buy", "20", "120"), fill(3, "sell", "5", "400"), fill(4, "sell", "5", "300")]
    splits = [(2, SplitBooked(2, ACCOUNT, "TOY", 1, 3, ""))]
    head, *rows = table("lots", None, fills, 0, 9, splits=splits)
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["quantity"] for row in found] == ["3.333333333333333333333333", "1.666666666666666666666667", "5"]
    assert [row["open_price"] for row in found] == ["270", "360", "360"]
    # first lot: 10/3 x 400 - 900; then 5/3 x 400 - 5/3 x 360, and 5 x 300 - 1800: together 3500 - 3300
    assert [D(row["realised"]).quantize(D("1e-6")) for row in found] == [D("433.333333"), D("66.666667"), D("-300")]
    assert total(D(row["realised"]) for row in found) == 200 and total(D(row["fees"]) for row in found) == 3
    (left,) = table("open", None, fills[:3], 0, 9, splits=splits)[1:]
    assert left[3:6] == ["5", "360", "1800"], "quantity, price and cost of what is open"
    earlier = table("open", None, fills[:2], 0, 2, splits=splits)[1:]
    assert [row[3] for row in earlier] == ["10"], "a statement of the day before knows no split"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["buy", "sell"]), st.decimals("0.001", "50", places=3), st.decimals("-20", "900", places=2)),
            st.tuples(st.just("split"), st.integers(1, 30), st.integers(1, 30)),
        ),
        max_size=25,
    )
)
def test_first_in_first_out_and_average_cost_cut_the_same_result_through_splits(steps):
    portfolio, lots, made = Portfolio(), Lots(), D(0)
    for number, (what, one, other) in enumerate(steps):
        if what == "split":
            if scaled(portfolio.qty("TOY"), one, other) is not None:
                portfolio.split("TOY", one, other)
                lots.apply(SplitBooked(number, ACCOUNT, "TOY", one, other, ""))
            continue
        traded = fill(number, what, str(one), str(other))
        portfolio.apply(traded)
        made = add(made, total(row.realised for row in lots.apply(traded)))
    for symbol, position in portfolio.positions.items():
        assert total(lot.qty for lot in lots.open[symbol]) == position.qty
        assert sub(made, total(lot.cost for lot in lots.open[symbol])) == sub(position.realised, position.cost)


def test_what_strategies_hold_adds_up_whatever_the_order_of_looking():
    rig = held("1")
    other = rig.engine.submit(fields("buy", "market", "2", tif="ioc"), "grid")
    rig.take([_of(event, "grid") for event in other])
    looked = StrategyBooks()
    looked.update(rig.engine)
    split(rig, 1, 3)
    live, anew = looked.update(rig.engine), StrategyBooks().update(rig.engine)
    assert {name: book.qty("TOY") for name, book in live.items()} == {name: book.qty("TOY") for name, book in anew.items()}
    assert total(book.qty("TOY") for book in live.values()) == rig.position() == 1 and set(live) == {"desk", "grid"}
    cells = rig.engine.risk.book.cells
    assert {owner: cells[owner, "TOY"].pos for owner in live} == {name: book.qty("TOY") for name, book in live.items()}
    looked.update(rig.engine)
    assert live["desk"].qty("TOY") == anew["desk"].qty("TOY"), "a split counts once"


def _of(event, origin: str):
    return replace(event, intent=replace(event.intent, origin=origin))
