"""Contracts worth more than their price: one multiplier from the ticket to the statement, and none where there was none before."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.desk.balancing import Balancing
from app.desk.rows import account_view, fill_row
from app.model.events import AccountOpened, BalanceAdjusted, OrderFilled, OrderSubmitted, from_json, to_dict, to_json
from app.model.orders import Fill, Liquidity, OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from app.sources.listing import listing
from app.trading.breakdown import KINDS, StrategyBooks, breakdown
from app.trading.canonical import canonical, state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.flows import worth
from app.trading.inspection import read
from app.trading.journal import decode, encode, number
from app.trading.lots import Lots
from app.trading.order import Order
from app.trading.portfolio import Portfolio
from app.trading.preview import preview
from app.trading.retelling import said
from app.trading.settings import PaperSettings
from app.trading.statement import as_csv, ledger, table
from app.trading.synthetic import adjustment
from app.trading.valuation import DayStart, Valuation, valuation
from tests.unit.trading.kit import ACCOUNT, TOY, Rig, fields
from tests.unit.trading.snapshots import through_snapshot

D = Decimal
DATA = Path(__file__).resolve().parents[2] / "data" / "journal" / "before-multipliers.jsonl"
HASH_BEFORE = "72a4a2dd8796518c0f7597bae44ba9fd521a70ac7196eee977749844555d60e3"
ES = replace(listing("ES=F").instrument("test"), quote="USDT")
COFFEE = replace(listing("KC=F").instrument("test"), quote="USDT")
FEES = PaperSettings(maker_fee_bps=D(2), taker_fee_bps=D(5))


def desk(leverage: str = "20") -> Rig:
    """100,000 of cash and the E-mini at 5000 and 5000.25, ten contracts a side."""
    rig = Rig(FEES, (ES, TOY, COFFEE))
    rig.book({"5000": 10}, {"5000.25": 10}, "ES=F")
    rig.book({"99": 1000}, {"100": 1000})
    rig.book({"200": 10}, {"201": 10}, "KC=F")
    limit(rig, "leverage", leverage)
    return rig


def limit(rig: Rig, name: str, value: str, scope: str = "account") -> None:
    rig.take(rig.engine.risk.limit(scope, name, value, rig.time.now_ns()))


def buy(rig: Rig, qty: str = "2", **more) -> Order:
    return rig.submit("buy", "market", qty, symbol="ES=F", **more)


def value(rig: Rig, day: DayStart | None = None) -> Valuation:
    engine, now = rig.engine, rig.time.now_ns()
    return valuation(engine.portfolio, engine.day_open(now), engine.risk.margins.bound, rig.view, "USDT", day or DayStart(), now, engine.risk.leverage_of)


def rows(what: str, rig: Rig) -> list[dict[str, str]]:
    engine = rig.engine
    return list(csv.DictReader(io.StringIO(as_csv(table(what, engine.opening, engine.fills, 0, 2**63, splits=engine.splits)))))


def denied(rig: Rig, side: str = "buy", qty: str = "1", symbol: str = "ES=F", **more) -> Denied:
    with pytest.raises(Denied) as caught:
        rig.submit(side, "market", qty, symbol=symbol, **more)
    assert caught.value.reason and caught.value.remedy
    return caught.value


def test_an_e_mini_by_hand_from_the_ticket_to_the_statement():
    rig, day = desk(), DayStart()
    assert value(rig, day).day_pnl == 0
    shown = preview(rig.engine, fields("buy", "market", "2", symbol="ES=F"))
    # 2 x 5000.25 x 50 = 500,025; 5 bps of it are 250.0125
    assert (shown.notional, shown.fee, shown.average_price, shown.worst_price) == (D("500025"), D("250.0125"), D("5000.25"), D("5000.25"))
    assert (shown.cash_after, shown.position_after, shown.warnings) == (D("-400275.0125"), 2, ())

    order = buy(rig)
    (filled,) = rig.engine.fills
    assert (order.status, order.average_price, order.intent.multiplier, filled.multiplier) == (OrderStatus.FILLED, D("5000.25"), 50, 50)
    assert (filled.qty, filled.price, filled.fee) == (2, D("5000.25"), D("250.0125"))
    assert rig.engine.portfolio.cash == {"USDT": D("-400275.0125")}
    now = value(rig, day)
    (row,) = now.positions
    # the middle is 5000.125: 2 x 5000.125 x 50 = 500,012.50
    assert (row.qty, row.average_price, row.mark, row.notional, row.unrealised) == (2, D("5000.25"), D("5000.125"), D("500012.5"), D("-12.5"))
    assert (now.equity, now.day_pnl, now.fees) == (D("99737.4875"), D("-262.5125"), D("250.0125"))
    assert now.margin_used == D("25000.625") and now.margin_free == D("74736.8625"), "a twentieth of its worth is bound, not its worth"

    rig.book({"5010": 10}, {"5010.25": 10}, "ES=F")
    rig.submit("sell", "market", "1", symbol="ES=F")
    # (5010 - 5000.25) x 50 = 487.50; the fee is 5 bps of 250,500
    position = rig.engine.portfolio.positions["ES=F"]
    assert (position.realised, position.cost, position.average_price) == (D("487.5"), D("250012.5"), D("5000.25"))
    assert rig.engine.portfolio.cash == {"USDT": D("-400275.0125") + D("250500") - D("125.25")}
    now = value(rig, day)
    assert (now.realised, now.unrealised) == (D("487.5"), D("493.75"))
    assert now.day_pnl == now.equity - 100_000 == D("487.5") + D("493.75") - D("375.2625")

    (lot,) = rows("lots", rig)
    assert (lot["quantity"], lot["open_price"], lot["close_price"], lot["multiplier"]) == ("1", "5000.25", "5010", "50")
    assert (lot["realised"], lot["fees"], lot["net"]) == ("487.5", "250.25625", "237.24375")
    assert (lot["account_cost"], lot["account_proceeds"]) == ("250012.5", "250500")
    (left,) = rows("open", rig)
    assert (left["quantity"], left["price"], left["cost"], left["fees"], left["multiplier"]) == ("1", "5000.25", "250012.5", "125.00625", "50")
    assert [(fill["notional"], fill["multiplier"]) for fill in rows("fills", rig)] == [("500025", "50"), ("250500", "50")]
    moved = [(row["kind"], row["amount"]) for row in rows("ledger", rig)]
    assert moved == [("deposit", "100000"), ("buy", "-500025"), ("fee", "-250.0125"), ("sell", "250500"), ("fee", "-125.25")]
    assert D(rows("ledger", rig)[-1]["balance"]) == rig.engine.portfolio.cash["USDT"]


def test_a_short_loses_its_multiplier_when_the_price_rises_and_turns_through_zero():
    rig = desk()
    rig.submit("sell", "market", "3", symbol="ES=F")
    rig.book({"5001": 10}, {"5002": 10}, "ES=F")
    assert value(rig).unrealised == D("-1.5") * 3 * 50
    rig.submit("buy", "market", "5", symbol="ES=F")
    position = rig.engine.portfolio.positions["ES=F"]
    assert (position.qty, position.realised, position.cost, position.multiplier) == (2, -300, D("500200"), 50)
    assert position.average_price == 5002


def test_every_limit_counts_the_contract_at_its_worth():
    for name, scope, most in (
        ("order_notional", "account", "300000"),
        ("position", "instrument:ES=F", "300000"),
        ("gross_exposure", "account", "300000"),
        ("net_exposure", "account", "300000"),
    ):
        rig = desk()
        limit(rig, name, most, scope)
        error = denied(rig, qty="2")
        assert error.code == f"risk_{name}" and D(error.numbers["used"]) > 500_000, name
        assert buy(rig, "1").status is OrderStatus.FILLED
        rig.engine.risk.book.refresh_all()
        assert rig.engine.risk.book.totals("").gross == D("250006.25")


def test_an_order_that_waits_counts_at_its_worth_too():
    rig = desk()
    rig.submit("buy", "limit", "4", "4900", symbol="ES=F")
    # 4 x 4900 x 50 / 20, and 5 bps of it whole
    assert value(rig).margin_used == 49_000 + 490
    error = denied(rig, qty="5")
    assert error.code == "risk_margin" and error.remedy == "Use at most 4 ES=F." and error.numbers["used"] == "63128.15625"


def test_without_leverage_an_account_carries_the_whole_worth():
    rig = desk(leverage="1")
    error = denied(rig)
    assert error.code == "buying_power" and "250,137.51" in error.reason and "leverage" in error.remedy
    limit(rig, "leverage", "10")
    assert buy(rig, "1").status is OrderStatus.FILLED


def test_exposure_by_anything_adds_up_to_the_equity():
    rig = desk()
    buy(rig)
    rig.submit("sell", "market", "50")
    now, rates, engine = value(rig), rig.view.rates("USDT"), rig.engine
    for kind in KINDS:
        total = breakdown(kind, engine.portfolio, StrategyBooks().update(engine), engine.account, rig.view, rates).total
        assert now.cash + total.net == now.equity and total.gross == D("500012.5") + D("4975"), kind


def test_the_page_s_rows_name_the_multiplier_where_it_is_not_one():
    rig = desk()
    buy(rig)
    rig.submit("buy", "market", "1")
    first, second = account_view(value(rig), rig.instruments)["positions"]
    assert (first["average_price"], first["notional"], first["unrealised"], first["multiplier"]) == ("5,000.25", "500,012.50", "\u221212.50", "50")
    assert "multiplier" not in second
    assert [row.get("multiplier") for row in map(fill_row, rig.engine.fills)] == ["50", None]
    yen = replace(listing("6J=F").instrument("test"), quote="USDT")
    rig = Rig(FEES, (yen,))
    limit(rig, "leverage", "20")
    rig.book({"0.0066900": 10}, {"0.0066905": 10}, "6J=F")
    rig.submit("buy", "market", "1", symbol="6J=F")
    (row,) = account_view(value(rig), rig.instruments)["positions"]
    # 12,500,000 yen at 0.00669025; half a tick of 6.25 is lost
    assert (row["notional"], row["unrealised"], row["average_price"]) == ("83,628.12", "\u22123.12", "0.0066905")


def test_exits_trailing_stops_and_the_kill_switch_carry_it_along():
    rig = desk()
    rig.submit("buy", "limit", "1", "5000.25", symbol="ES=F", take_profit="5100", stop_loss="4900")
    rig.submit("sell", "trailing_stop", "1", trail="10", symbol="ES=F")
    rig.take(rig.engine.kill(flatten=True))
    assert [order.intent.multiplier for order in rig.engine.orders.values()] == [50] * 5
    assert rig.position("ES=F") == 0 and rig.engine.anomalies == []
    position = rig.engine.portfolio.positions["ES=F"]
    assert position.realised == D("-12.5") and position.cost == 0


def test_the_best_venue_is_chosen_and_shown_at_its_worth():
    rig = desk()
    made = rig.engine.submit(fields("buy", "market", "2", symbol="ES=F", route="best"), "routed")
    plan = json.loads(made[0].plan)
    assert (plan["notional"], plan["fee"], plan["cost"], plan["average"]) == ("500025", "250.0125", "500275.0125", "5000.25")
    rig.take(made)
    assert rig.engine.portfolio.cash == {"USDT": D("-400275.0125")}


def test_a_future_whose_contract_is_not_known_is_looked_at_and_not_traded():
    rig = desk()
    assert COFFEE.multiplier == 0 and rig.view.mark("KC=F").price == D("200.5")
    for more in ({}, {"reduce_only": False, "route": "best"}):
        error = denied(rig, symbol="KC=F", **more)
        assert (error.code, error.field) == ("no_multiplier", "symbol") and "contract size of KC=F is not known" in error.reason
    with pytest.raises(Denied) as caught:
        preview(rig.engine, fields("buy", "limit", "1", "200", symbol="KC=F"))
    assert caught.value.code == "no_multiplier"


@pytest.mark.parametrize("symbol", ["ES=F", "KC=F"])
def test_what_was_opened_before_there_were_multipliers_can_only_be_closed(symbol):
    rig = desk()
    now = rig.time.now_ns()
    intent = OrderIntent("kt-old", ACCOUNT, "desk", 1, symbol, Side.BUY, OrderType.MARKET, TimeInForce.IOC, D(2))
    bid, ask = {"ES=F": (D(5000), D("5000.25")), "KC=F": (D(200), D(201))}[symbol]
    rig.take([OrderSubmitted(now, intent)])
    assert rig.engine.portfolio.cash == {"USDT": 100_000 - 2 * ask * D("1.0005")}
    for side in ("buy", "sell"):
        error = denied(rig, side, symbol=symbol)
        assert error.code == "other_multiplier" and "counts at a multiplier of 1" in error.reason
    rig.restart()
    rig.take(rig.engine.submit(rig.engine.closing(symbol), "close"))
    position = rig.engine.portfolio.positions[symbol]
    assert (position.qty, position.realised, rig.last_fill().multiplier) == (0, 2 * (bid - ask), None)
    if symbol == "ES=F":
        assert buy(rig, "1").intent.multiplier == 50 and position.multiplier == 50
    assert rig.engine.anomalies == []


def test_orders_at_another_multiplier_that_still_work_keep_new_ones_out():
    rig = desk()
    now = rig.time.now_ns()
    rig.take([OrderSubmitted(now, OrderIntent("kt-old", ACCOUNT, "desk", 1, "ES=F", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, D(1), D(4990)))])
    assert denied(rig).code == "other_multiplier"
    rig.take(rig.engine.cancel("kt-old"))
    assert buy(rig, "1").status is OrderStatus.FILLED


def fill(name: str, side: str, qty: str, price: str, multiplier: str | None, symbol: str = "ES=F") -> Fill:
    size = None if multiplier is None else D(multiplier)
    return Fill(name, f"kt-{name}", symbol, Side(side), D(qty), D(price), D("1.25"), "USDT", Liquidity.TAKER, 1, multiplier=size)


def opened() -> Engine:
    engine = Engine(ACCOUNT, Rig().time)
    engine.apply(AccountOpened(0, ACCOUNT, "USDT", D(1000)))
    return engine


@pytest.mark.parametrize(("multiplier", "word"), [("0", "multiplier of 0"), ("-50", "multiplier of -50"), ("1E+60", "absurd"), ("5", "position is at 50")])
def test_a_fill_at_an_impossible_multiplier_is_an_anomaly_and_moves_nothing(multiplier, word):
    engine = opened()
    engine.apply(OrderFilled(1, fill("a", "buy", "1", "5000", "50")))
    before = canonical(engine)["portfolio"]
    engine.apply(OrderFilled(2, fill("b", "buy", "1", "5000", multiplier)))
    assert canonical(engine)["portfolio"] == before and word in engine.anomalies[-1].text


def test_a_fill_at_another_multiplier_than_its_order_s_is_not_applied():
    engine = opened()
    intent = OrderIntent("kt-b", ACCOUNT, "desk", 1, "ES=F", Side.BUY, OrderType.MARKET, TimeInForce.IOC, D(1), multiplier=D(50))
    engine.apply(OrderSubmitted(1, intent))
    engine.apply(OrderFilled(2, fill("b", "buy", "1", "5000", None)))
    assert engine.fills == [] and engine.anomalies[-1].code == "bad_fill" and "while the order is at 50" in engine.anomalies[-1].text
    engine.apply(OrderFilled(2, fill("c", "sell", "1", "5000", "1")))
    engine.apply(OrderFilled(3, fill("d", "sell", "1", "5000", None)))
    assert engine.portfolio.qty("ES=F") == -2, "a multiplier of 1 that is written out is none"


def test_a_priced_balance_of_contracts_makes_no_profit():
    rig = desk()
    buy(rig)
    position = rig.engine.portfolio.positions["ES=F"]
    before, cash = value(rig), dict(rig.engine.portfolio.cash)
    event = adjustment(rig.engine, rig.time.now_ns(), "ES=F", D(2), D(5), "taken", ("ES=F", D("5000.125"), "USDT"), position.multiplier)
    assert from_json(to_json(event)) == event and event.multiplier == 50 and "at 5,000.125 x 50 USDT" in said(event)
    rig.take([event])
    after = value(rig)
    assert (position.qty, position.cost) == (5, D("500025") + D("750018.75")) and rig.engine.portfolio.cash == cash
    assert after.unrealised == before.unrealised and after.realised == before.realised and after.day_pnl == before.day_pnl
    assert after.equity - before.equity == worth([event], rig.view, rig.view.rates("USDT")) == D("750018.75")
    rig.take([replace(event, multiplier=D(-1), adjustment_id="other")])
    assert position.qty == 5 and rig.engine.anomalies[-1].code == "bad_adjustment"


def test_the_venue_s_word_is_taken_at_the_multiplier_of_what_is_held():
    rig = desk()
    buy(rig)
    execution = SimpleNamespace(entry_price=lambda _asset: None)
    real = SimpleNamespace(trade=SimpleNamespace(engine=rig.engine), execution=execution, mark=lambda symbol: rig.view.mark(symbol).price)
    event = Balancing(real, SimpleNamespace(clock=rig.time), rig.view)._adjustment("ES=F", D(2), D(3), "taken")
    assert (event.symbol, event.price, event.amount, event.multiplier) == ("ES=F", D("5000.125"), 1, 50)


def test_a_journal_from_before_gives_the_state_and_the_bytes_that_it_gave():
    lines = DATA.read_bytes().splitlines()
    entries, problems = read(lines)
    engine = Engine.replay(ACCOUNT, Rig().time, entries)
    assert not problems and len(engine.fills) == 6 and state_hash(engine) == HASH_BEFORE
    assert [encode(decode(line)) for line in lines] == lines
    assert b"multiplier" not in DATA.read_bytes() and "multiplier" not in json.dumps(canonical(engine))
    assert state_hash(through_snapshot(ACCOUNT, Rig().time, entries, 20, 30)) == HASH_BEFORE
    assert {row[-1] for row in table("fills", engine.opening, engine.fills, 0, 2**63)[1:]} == {"1"}


def test_what_is_journalled_of_a_plain_instrument_has_no_multiplier():
    rig = desk()
    rig.submit("buy", "limit", "1", "100", take_profit="110")
    assert b"multiplier" not in b"".join(rig.records)
    buy(rig)
    assert b"".join(rig.records).count(b'"multiplier":"50"') == 2, "its order and its fill have it"
    assert "multiplier" not in to_dict(BalanceAdjusted(1, ACCOUNT, "BTC", D(1), None, None, None, "x"))
    assert said(OrderFilled(1, rig.last_fill())).startswith("Bought 2 ES=F at 5,000.25 x 50, taker")


multipliers = {"ES=F": "50", "6J=F": "12500000", "MBT=F": "0.1", "TOY": None}
trades = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 40).map(str),
        st.decimals("0.0000005", "9000", places=7).map(str),
        st.decimals("-0.5", "2", places=8),
        st.sampled_from(sorted(multipliers)),
    ),
    max_size=30,
)


@given(trades)
def test_sums_reconcile_to_the_last_unit_and_a_replay_is_the_same(some):
    engine, lots, closed = opened(), Lots(), []
    for count, (side, qty, price, paid, symbol) in enumerate(some):
        engine.apply(OrderFilled(1, replace(fill(f"f{count}", side, qty, price, multipliers[symbol], symbol), fee=paid)))
    assert len(engine.fills) == len(some)
    expected = D(1000)
    for one in engine.fills:
        closed += lots.apply(one)
        expected -= one.qty * one.price * (one.multiplier or 1) * one.side.sign + one.fee
    portfolio = engine.portfolio
    made, cost = (sum((getattr(each, name) for each in portfolio.positions.values()), D(0)) for name in ("realised", "cost"))
    assert portfolio.cash == {"USDT": expected} and expected == 1000 + made - cost - portfolio.fees.get("USDT", D(0))
    assert {row.currency: row.balance for row in ledger(engine.opening, engine.fills)} == portfolio.cash
    for symbol, position in portfolio.positions.items():
        left = lots.open[symbol]
        size = D(multipliers[symbol] or 1)
        assert sum((lot.qty for lot in left), D(0)) == position.qty
        assert all(lot.cost == lot.qty * lot.price * size for lot in left)
        realised = sum((row.realised for row in closed if row.symbol == symbol), D(0))
        assert realised - sum((lot.cost for lot in left), D(0)) == position.realised - position.cost
        if not position.qty:
            assert realised == position.realised and position.cost == 0, "first in, first out is the average once all is closed"
    entries = number([engine.opening, *(OrderFilled(1, one) for one in engine.fills)], 1)
    again = [entry for entry in decode(encode(entries))]
    assert state_hash(Engine.replay(ACCOUNT, Rig().time, again)) == state_hash(Engine.replay(ACCOUNT, Rig().time, entries))
    assert state_hash(through_snapshot(ACCOUNT, Rig().time, again, len(again) // 3, len(again) // 2)) == state_hash(Engine.replay(ACCOUNT, Rig().time, entries))
    assert canonical(Engine.replay(ACCOUNT, Rig().time, again))["portfolio"] == canonical(engine)["portfolio"]


@given(trades)
def test_a_contract_is_so_many_units_of_what_its_price_is_of(some):
    contracts, units = Portfolio(), Portfolio()
    for count, (side, qty, price, paid, symbol) in enumerate(some):
        one = replace(fill(f"f{count}", side, qty, price, multipliers[symbol], symbol), fee=paid)
        contracts.apply(one)
        units.apply(replace(one, qty=one.qty * (one.multiplier or 1), multiplier=None))
    assert contracts.cash == units.cash
    for symbol, position in contracts.positions.items():
        other = units.positions[symbol]
        assert (position.realised, position.cost, position.average_price) == (other.realised, other.cost, other.average_price)
        assert position.worth(D("1.5")) == other.worth(D("1.5"))
