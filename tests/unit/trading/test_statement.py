"""Statements: lots first in, first out, a ledger that ends at the account's cash, periods, CSV."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.events import AccountOpened, BalanceAdjusted, SplitBooked
from app.model.orders import Fill, Liquidity, Side
from app.trading.engine import Engine
from app.trading.inspection import main
from app.trading.portfolio import Portfolio
from app.trading.splits import in_order
from app.trading.statement import STATEMENTS, BadPeriod, Lots, as_csv, ledger, period, table
from tests.unit.manual import ManualTime
from tests.unit.trading.kit import Rig

D = Decimal
DAY = 86_400 * 10**9
OPENED = AccountOpened(0, "paper-test", "USDT", D("1000"))
EVER = (0, 2**63)


def fill(side: str, qty: str, price: str, fee: str = "0", number: int = 1, symbol: str = "TOY", ts: int = 1, paid: str = "USDT") -> Fill:
    return Fill(f"f-{number}", f"kt-{number}", symbol, Side(side), D(qty), D(price), D(fee), paid, Liquidity.TAKER, ts)


def rows(what: str, fills: list[Fill], start: int = 0, end: int = 2**63) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(table(what, OPENED, fills, start, end)))))


def test_lots_close_first_in_first_out_and_turn_through_zero():
    fills = [fill("buy", "2", "100", "2", 1), fill("buy", "2", "110", "4", 2), fill("sell", "3", "120", "3", 3), fill("sell", "2", "90", "1", 4)]
    found = rows("lots", fills)
    assert [(row["quantity"], row["open_price"], row["close_price"], row["realised"], row["fees"], row["net"]) for row in found] == [
        ("2", "100", "120", "40", "4", "36"),
        ("1", "110", "120", "10", "3", "7"),
        ("1", "110", "90", "-20", "2.5", "-22.5"),
    ]
    assert {row["side"] for row in found} == {"long"} and found[-1]["close_fill_id"] == "f-4"
    (left,) = rows("open", fills)
    assert (left["side"], left["quantity"], left["price"], left["cost"], left["fees"]) == ("short", "1", "90", "90", "0.5")
    (short,) = rows("lots", [*fills, fill("buy", "1", "80", "0", 5)])[3:]
    assert (short["side"], short["realised"]) == ("short", "10")


def test_a_period_takes_what_closed_in_it_and_still_knows_what_came_before():
    fills = [fill("buy", "1", "100", number=1, ts=5), fill("sell", "1", "130", number=2, ts=DAY + 5), fill("buy", "1", "90", number=3, ts=2 * DAY)]
    start, end = period("1970-01-02", "1970-01-02")
    assert (start, end) == (DAY, 2 * DAY)
    (lot,) = rows("lots", fills, start, end)
    assert lot["realised"] == "30" and lot["opened"] == "1970-01-01T00:00:00.000000005Z" and lot["closed"].startswith("1970-01-02")
    assert rows("open", fills, start, end) == [] and [row["price"] for row in rows("open", fills)] == ["90"]
    assert [row["fill_id"] for row in rows("fills", fills, start, end)] == ["f-2"]
    (moved,) = rows("ledger", fills, start, end)
    assert (moved["amount"], moved["balance"]) == ("130", "1030"), "the balance counts everything before"


@pytest.mark.parametrize(
    ("first", "last", "field"), [("2026-02-30", None, "from"), ("yesterday", None, "from"), (None, "2026-1-1", "to"), ("2026-03-02", "2026-03-01", "to")]
)
def test_a_period_that_is_none_names_the_field(first, last, field):
    with pytest.raises(BadPeriod) as caught:
        period(first, last)
    assert caught.value.field == field


def test_fees_in_another_currency_are_in_the_ledger_and_not_in_a_lot():
    fills = [fill("buy", "1", "100", number=1), fill("sell", "1", "101", "0.01", 2, paid="BNB")]
    assert rows("lots", fills)[0]["fees"] == "0"
    assert ("fee", "BNB", "-0.01", "-0.01") in {(row["kind"], row["currency"], row["amount"], row["balance"]) for row in rows("ledger", fills)}
    rebate = rows("ledger", [fill("buy", "1", "100", "-0.5")])[-1]
    assert (rebate["kind"], rebate["amount"]) == ("rebate", "0.5")


amounts = st.decimals("0.001", "50", places=3)
prices = st.decimals("-20", "900", places=2)
costs = st.decimals("-0.5", "2", places=8)
some = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), amounts, prices, costs, st.sampled_from(["TOY", "OAK"])), max_size=30)


@given(some)
def test_first_in_first_out_and_average_cost_cut_the_same_result(trades):
    fills = [fill(side, str(qty), str(price), str(paid), number, symbol) for number, (side, qty, price, paid, symbol) in enumerate(trades)]
    portfolio, lots, closed = Portfolio(), Lots(), []
    portfolio.deposit("USDT", OPENED.cash)
    for one in fills:
        portfolio.apply(one)
        closed += lots.apply(one)
    for symbol, position in portfolio.positions.items():
        left = lots.open[symbol]
        assert sum((lot.qty for lot in left), D(0)) == position.qty
        made = sum((row.realised for row in closed if row.symbol == symbol), D(0))
        assert made - sum((lot.qty * lot.fill.price for lot in left), D(0)) == position.realised - position.cost
    in_lots = sum((row.fees for row in closed), D(0)) + sum((lot.fee for left in lots.open.values() for lot in left), D(0))
    assert in_lots == portfolio.fees.get("USDT", D(0))
    balances = {row.currency: row.balance for row in ledger(OPENED, fills)}
    assert balances == portfolio.cash


@given(some, st.lists(st.tuples(st.integers(0, 30), st.decimals("-20", "20", places=3), prices, st.sampled_from(["TOY", "USDT"])), max_size=6))
def test_what_was_taken_over_is_in_lots_and_ledger_as_it_is_in_the_account(trades, taken):
    fills = [fill(side, str(qty), str(price), str(paid), number, symbol) for number, (side, qty, price, paid, symbol) in enumerate(trades)]
    events = [(min(at, len(fills)), taken_over(amount, price, asset, number)) for number, (at, amount, price, asset) in enumerate(sorted(taken))]
    engine, portfolio = Engine(OPENED.account, ManualTime()), Portfolio()
    portfolio.deposit("USDT", OPENED.cash)
    engine.apply(OPENED)
    for _at, event in events:
        engine.apply(event)
    assert engine.adjusted == [(0, event) for _at, event in events]
    for item in in_order(fills, events):
        if not isinstance(item, BalanceAdjusted):
            portfolio.apply(item)
        elif item.is_cash:
            portfolio.deposit(item.asset, item.amount)
        else:
            portfolio.adjust(item.symbol, item.currency, item.amount, item.price)

    def statement(what):
        return list(csv.DictReader(io.StringIO(as_csv(table(what, OPENED, fills, *EVER, adjusted=events)))))

    assert {row["currency"]: D(row["balance"]) for row in statement("ledger")} == portfolio.cash
    lots, left = statement("lots"), statement("open")
    for symbol, position in portfolio.positions.items():
        signed = [D(row["quantity"]) * (1 if row["side"] == "long" else -1) for row in left if row["instrument"] == symbol]
        cost = [D(row["cost"]) * (1 if row["side"] == "long" else -1) for row in left if row["instrument"] == symbol]
        made = [D(row["realised"]) for row in lots if row["instrument"] == symbol]
        assert sum(signed) == position.qty and sum(made) - sum(cost) == position.realised - position.cost


def test_a_coin_that_was_there_at_first_is_sold_and_not_short():
    events = [(0, taken_over(D("2"), D("100"), "TOY", 1)), (0, taken_over(D("50"), D("1"), "USDT", 2))]
    sold = [fill("sell", "0.5", "120", ts=9)]
    (lot,) = csv.DictReader(io.StringIO(as_csv(table("lots", OPENED, sold, *EVER, adjusted=events))))
    assert (lot["side"], lot["quantity"], lot["realised"], lot["open_fill_id"]) == ("long", "0.5", "10", "ks-1")
    (left,) = csv.DictReader(io.StringIO(as_csv(table("open", OPENED, sold, *EVER, adjusted=events))))
    assert (left["side"], left["quantity"], left["cost"], left["fill_id"]) == ("long", "1.5", "150", "ks-1")
    moved = list(csv.DictReader(io.StringIO(as_csv(table("ledger", OPENED, sold, *EVER, adjusted=events)))))
    assert [(row["kind"], row["amount"], row["reference"]) for row in moved[1:]] == [("taken_over", "50", "ks-2"), ("sell", "60", "f-1")]


@pytest.mark.parametrize(("split_ns", "left"), [(2, "4"), (0, "2")], ids=["split later", "split before"])
def test_a_split_between_the_same_fills_counts_for_what_was_there_before_it(split_ns, left):
    events, splits = [(0, taken_over(D("2"), D("100"), "TOY", 1))], [(0, SplitBooked(split_ns, OPENED.account, "TOY", 2, 1, ""))]
    (lot,) = csv.DictReader(io.StringIO(as_csv(table("open", OPENED, [], *EVER, splits=splits, adjusted=events))))
    assert (lot["quantity"], lot["cost"]) == (left, "200")


def taken_over(amount: Decimal, price: Decimal, asset: str, number: int) -> BalanceAdjusted:
    of = ("TOY", price, "USDT") if asset == "TOY" else (None, None, None)
    return BalanceAdjusted(number, OPENED.account, asset, amount, *of, "held at the venue", f"ks-{number}")


def test_a_fee_taken_in_kind_is_what_that_part_cost():
    bought = Fill("f-1", "kt-1", "BTCUSDT", Side.BUY, D("0.1"), D("60000"), D("0.0001"), "BTC", Liquidity.TAKER, 1, "USDT", in_kind=True)
    sold = Fill("f-2", "kt-2", "BTCUSDT", Side.SELL, D("0.0999"), D("61000"), D("6.0939"), "USDT", Liquidity.TAKER, 2, "USDT")
    portfolio = Portfolio()
    portfolio.apply(bought)
    position = portfolio.positions["BTCUSDT"]
    assert (position.qty, position.cost, position.average_price) == (D("0.0999"), D("5994"), D("60000"))
    assert portfolio.cash == {"USDT": D("-6000")} and portfolio.fees == {"USDT": D("6")}, "no ledger of the coin: the position is all there is of it"
    (open_lot,) = rows("open", [bought])
    assert (open_lot["quantity"], open_lot["price"], open_lot["cost"], open_lot["fees"]) == ("0.0999", "60000", "5994", "6")
    portfolio.apply(sold)
    assert (position.qty, position.cost, position.realised) == (0, 0, D("99.9"))
    assert {row.currency: row.balance for row in ledger(None, [bought, sold])} == portfolio.cash
    (lot,) = rows("lots", [bought, sold])
    assert (lot["quantity"], lot["realised"], lot["fees"], lot["net"]) == ("0.0999", "99.9", "12.0939", "87.8061")
    assert rows("open", [bought, sold]) == []
    first = rows("fills", [bought])[0]
    assert (first["quantity"], first["fee"], first["fee_currency"]) == ("0.1", "0.0001", "BTC"), "fills say what the venue did"


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(1, 9_999), st.integers(0, 100)), min_size=1, max_size=40))
def test_with_fees_in_kind_the_position_is_what_the_venue_holds_and_every_sum_is_exact(trades):
    portfolio, lots, closed, fills, held, paid = Portfolio(), Lots(), [], [], D(0), D(0)
    for number, (buys, qty, price, bps) in enumerate(trades):
        qty, price = D(qty) / 1000, D(price) / 100
        fee = (qty * bps / 10_000).quantize(D("1e-8"))
        one = Fill(f"f-{number}", f"kt-{number}", "A", Side.BUY if buys else Side.SELL, qty, price, fee, "BASE", Liquidity.TAKER, 1, "USDT", in_kind=True)
        fills.append(one)
        portfolio.apply(one)
        closed += lots.apply(one)
        held += (qty if buys else -qty) - fee
        paid += -qty * price if buys else qty * price
    position = portfolio.positions["A"]
    assert position.qty == held == sum((lot.qty for lot in lots.open["A"]), D(0))
    assert portfolio.cash.get("BASE", 0) == 0 and portfolio.cash["USDT"] == paid, "what changed hands is what changed hands"
    fees = portfolio.fees.get("USDT", D(0))
    assert paid + fees == position.realised - position.cost and portfolio.fees.keys() <= {"USDT"}
    made = sum((row.realised for row in closed), D(0))
    assert made - sum((lot.cost for lot in lots.open["A"]), D(0)) == position.realised - position.cost
    assert sum((row.fees for row in closed), D(0)) + sum((lot.fee for lot in lots.open["A"]), D(0)) == fees
    assert {row.currency: row.balance for row in ledger(None, fills)}["USDT"] == paid


def test_the_exported_journal_gives_the_same_statement_natively(tmp_path, capsys):
    rig = Rig()
    rig.book({"99.90": 50}, {"100.10": 50})
    rig.submit("buy", "market", "2")
    rig.submit("sell", "market", "1")
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"\n".join(rig.records) + b"\n")
    for what in STATEMENTS:
        assert main([str(path), "--statement", what]) == 0
        assert capsys.readouterr().out.splitlines() == as_csv(table(what, rig.engine.opening, rig.engine.fills, *EVER)).splitlines()
    lots = list(csv.DictReader(io.StringIO(as_csv(table("lots", rig.engine.opening, rig.engine.fills, *EVER)))))
    assert [row["realised"] for row in lots] == ["-0.2"]
    with pytest.raises(SystemExit):
        main([str(path), "--statement", "lots", "--from", "31.1.2026"])
    assert "--from" in capsys.readouterr().err


def test_a_fee_in_the_base_currency_leaves_position_and_proceeds_in_the_quote_currency():
    paid_in_base = Fill("f-1", "kt-1", "BTCUSDT", Side.BUY, D("0.1"), D("60000"), D("0.0001"), "BTC", Liquidity.TAKER, 1, "USDT")
    sold = Fill("f-2", "kt-2", "BTCUSDT", Side.SELL, D("0.1"), D("61000"), D("6.1"), "USDT", Liquidity.TAKER, 2, "USDT")
    portfolio = Portfolio()
    for each in (paid_in_base, sold):
        portfolio.apply(each)
    assert portfolio.cash == {"USDT": D("93.9"), "BTC": D("-0.0001")} and portfolio.positions["BTCUSDT"].currency == "USDT"
    balances = {row.currency: row.balance for row in ledger(None, [paid_in_base, sold])}
    assert balances == portfolio.cash
    (lot,) = rows("lots", [paid_in_base, sold])
    assert (lot["realised"], lot["fees"], lot["currency"]) == ("100", "6.1", "USDT")
