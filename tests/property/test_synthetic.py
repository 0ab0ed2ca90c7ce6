"""Synthetic fills over any position: quantity as the venue has it, average price kept or exact, profit and loss preserved, ids pure."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.model.events import AccountOpened, OrderFilled, from_dict, to_dict
from app.model.orders import Fill, Liquidity, OrderIntent, OrderStatus, OrderType, Side, TimeInForce, VenueWord
from app.trading.agreement import TOLERANCE, compare, same_price
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.order import Order
from app.trading.synthetic import adjustment, adjustment_id

PRICES = st.integers(1, 10**7).map(lambda units: Decimal(units).scaleb(-2))
SIZES = st.integers(1, 10**6).map(lambda units: Decimal(units).scaleb(-4))
TRADES = st.lists(st.tuples(st.sampled_from(list(Side)), SIZES, PRICES), max_size=6)
HELD = st.integers(-(10**6), 10**6).map(lambda units: Decimal(units).scaleb(-4))


class Clock:
    def now_ns(self) -> int:
        return 1


def traded(trades: list, multiplier: Decimal | None = None) -> Engine:
    engine = Engine("a", Clock())
    engine.apply(AccountOpened(1, "a", "USDT", Decimal(0)))
    for place, (side, qty, price) in enumerate(trades):
        fill = Fill(f"f{place}", f"o{place}", "BTCUSDT", side, qty, price, Decimal(0), "USDT", Liquidity.TAKER, place, multiplier=multiplier)
        engine.apply(OrderFilled(place, fill))
    return engine


@given(TRADES, HELD, PRICES, st.booleans())
def test_the_journal_holds_what_the_venue_holds_and_nobody_earned_anything(trades, theirs, mark, again):
    engine = traded(trades)
    position = engine.portfolio.positions.get("BTCUSDT")
    ours = engine.portfolio.qty("BTCUSDT")
    before = position.realised + position.qty * mark - position.cost if position is not None else Decimal(0)
    cash = dict(engine.portfolio.cash)
    event = adjustment(engine, 5, "BTC", ours, theirs, "taken", ("BTCUSDT", mark, "USDT"))
    assert event == adjustment(engine, 5, "BTC", ours, theirs, "taken", ("BTCUSDT", mark, "USDT")) == from_dict(to_dict(event))
    engine.apply(event)
    position = engine.portfolio.positions["BTCUSDT"]
    assert position.qty == theirs
    after = position.realised + position.qty * mark - position.cost
    assert abs(after - before) <= Decimal("1e-11")
    assert engine.portfolio.cash == cash
    if again:
        hashed = state_hash(engine)
        engine.apply(event)
        assert state_hash(engine) == hashed


@given(TRADES, HELD, PRICES, st.sampled_from([Decimal(50), Decimal("0.1"), Decimal(12_500_000)]))
def test_contracts_taken_over_earn_nothing_either(trades, theirs, mark, multiplier):
    engine = traded(trades, multiplier)
    position, ours = engine.portfolio.positions.get("BTCUSDT"), engine.portfolio.qty("BTCUSDT")
    before = position.realised + position.worth(mark) - position.cost if position is not None else Decimal(0)
    cash = dict(engine.portfolio.cash)
    event = adjustment(engine, 5, "BTC", ours, theirs, "taken", ("BTCUSDT", mark, "USDT"), multiplier)
    assert event == from_dict(to_dict(event)) and event.multiplier == multiplier
    engine.apply(event)
    position = engine.portfolio.positions["BTCUSDT"]
    assert position.qty == theirs and engine.portfolio.cash == cash and engine.anomalies == traded(trades, multiplier).anomalies
    assert abs(position.realised + position.worth(mark) - position.cost - before) <= Decimal("1e-11")


@given(TRADES, st.lists(HELD, min_size=2, max_size=5), PRICES)
def test_the_same_swing_twice_is_two_adjustments_with_ids_of_their_own(trades, turns, mark):
    engine, ids = traded(trades), []
    for theirs in [*turns, *turns]:
        ours = engine.portfolio.qty("BTCUSDT")
        event = adjustment(engine, 5, "BTC", ours, theirs, "taken", ("BTCUSDT", mark, "USDT"))
        ids.append(event.adjustment_id)
        engine.apply(event)
        assert engine.portfolio.qty("BTCUSDT") == theirs
    assert len(set(ids)) == len(ids) and all(name.startswith("ks-") and len(name) <= 36 for name in ids)


def test_an_id_is_a_pure_function_of_what_it_is_about():
    parts = ("a", "BTC", Decimal("1.50"), Decimal(2), 0)
    assert adjustment_id(*parts) == adjustment_id("a", "BTC", Decimal("1.5"), Decimal("2.0"), 0)
    others = [("b", *parts[1:]), ("a", "ETH", *parts[2:]), (*parts[:2], Decimal(1), *parts[3:]), (*parts[:3], Decimal(3), 0), (*parts[:4], 1)]
    assert len({adjustment_id(*parts), *(adjustment_id(*other) for other in others)}) == 6


@given(SIZES, PRICES, st.integers(-500, 500))
def test_prices_agree_within_a_hundredth_of_a_percent(qty, price, off):
    intent = OrderIntent("o", "a", "desk", 1, "BTCUSDT", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, qty, price)
    order = Order.of(intent, 1)
    order.filled, order.notional = qty, qty * price
    order._status = OrderStatus.FILLED
    theirs = price * (1 + Decimal(off) / 1_000_000)
    found = {row.what for row in compare(order, VenueWord("filled", False, qty, qty, theirs))}
    assert found == (set() if same_price(price, theirs) else {"average price"})
    assert same_price(price, theirs) == (abs(price - theirs) <= theirs * TOLERANCE)
    assert {row.what for row in compare(order, VenueWord("filled", False, qty, qty + 1, None))} == {"fills"}
    assert {row.what for row in compare(order, VenueWord("new", True, qty, qty, None))} == {"orders"}
