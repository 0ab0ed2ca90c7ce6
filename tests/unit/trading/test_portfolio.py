"""Portfolio arithmetic, valuation in the account currency, conversion rates, exact money."""

from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal, Inexact

import pytest

from app.model.instrument import Instrument
from app.model.orders import Fill, Liquidity, Side
from app.trading import money
from app.trading.fx import Links, Rates
from app.trading.marks import DeskView
from app.trading.portfolio import Portfolio
from app.trading.settings import PaperSettings
from app.trading.valuation import DAY_NS, DayStart, valuation
from tests.unit.trading.kit import TOY, Rig

D = Decimal


def fill(side: str, qty: str, price: str, fee: str = "0", number: int = 1, symbol: str = "TOY", currency: str = "USDT") -> Fill:
    return Fill(f"f-{number}", "kt-x", symbol, Side(side), D(qty), D(price), D(fee), currency, Liquidity.TAKER, 1)


def after(*fills: Fill) -> Portfolio:
    portfolio = Portfolio()
    for one in fills:
        portfolio.apply(one)
    return portfolio


def value(rig: Rig, day: DayStart | None = None):
    engine, now = rig.engine, rig.time.now_ns()
    return valuation(engine.portfolio, engine.day_open(now), engine.risk.margins.bound, rig.view, "USDT", day or DayStart(), now)


def test_average_cost_over_adding_reducing_and_turning():
    portfolio = after(fill("buy", "2", "100"), fill("buy", "2", "110"))
    position = portfolio.positions["TOY"]
    assert (position.qty, position.cost, position.average_price) == (4, 420, 105)
    portfolio.apply(fill("sell", "1", "120"))
    assert (position.qty, position.cost, position.realised) == (3, 315, 15)
    portfolio.apply(fill("sell", "5", "100"))
    assert (position.qty, position.cost, position.realised, position.side) == (-2, -200, 0, "short")
    portfolio.apply(fill("buy", "2", "90"))
    assert (position.qty, position.cost, position.realised, position.side) == (0, 0, 20, "flat")
    assert position.average_price is None and portfolio.cash == {"USDT": 20}


def test_a_cost_that_does_not_divide_is_never_lost():
    portfolio = after(fill("buy", "3", "100.01"), fill("sell", "1", "100.01"), fill("sell", "1", "100.01"), fill("sell", "1", "100.01"))
    position = portfolio.positions["TOY"]
    assert position.cost == 0 and position.realised == 0 and portfolio.cash["USDT"] == 0
    odd = after(fill("buy", "0.7", "1"), fill("buy", "2.3", "3"), fill("sell", "1", "2"))
    assert odd.cash["USDT"] == odd.positions["TOY"].realised - odd.positions["TOY"].cost


def test_fees_are_paid_from_cash_and_kept_apart():
    portfolio = after(fill("buy", "1", "100", "0.05"))
    assert portfolio.cash == {"USDT": D("-100.05")} and portfolio.fees == {"USDT": D("0.05")}
    assert portfolio.positions["TOY"].cost == 100
    other = after(fill("buy", "1", "100"), replace(fill("sell", "1", "100", "0.1"), fee_currency="BNB"))
    assert other.cash == {"USDT": 0, "BNB": D("-0.1")}


def test_money_is_exact_or_refuses():
    left, right = 12345678901234567812345678, 98765432112345678
    assert money.mul(D(left).scaleb(-8), D(right).scaleb(-8)) == D(left * right).scaleb(-16, Context(prec=60))
    big = D("1" * 150)
    with pytest.raises(Inexact):
        money.mul(big, big)
    assert money.fee(D("0.00000001"), D(5)) == 0 and money.fee(D("1234.5678"), D("2.5")) == D("0.30864195")
    assert [money.plain(D(text)) for text in ("0", "-0", "1E+3", "0.500", "-2.50", "100")] == ["0", "0", "1000", "0.5", "-2.5", "100"]


def test_equity_is_cash_and_positions_at_the_middle():
    rig = Rig(PaperSettings(taker_fee_bps=D(10)))
    rig.book({"99.90": 50}, {"100.10": 50})
    day = DayStart()
    assert value(rig, day).day_pnl == 0
    rig.submit("buy", "market", "10")
    now = value(rig, day)
    assert now.cash == 100_000 - 1001 - D("1.001") and now.equity == now.cash + 1000
    assert (now.unrealised, now.realised, now.fees, now.day_pnl) == (-1, 0, D("1.001"), D("-2.001"))
    (row,) = now.positions
    assert (row.side, row.qty, row.average_price, row.mark, row.notional) == ("long", 10, D("100.10"), 100, 1000)
    assert now.buying_power == now.equity - 1000
    rig.book({"109.90": 50}, {"110.10": 50})
    rig.submit("sell", "market", "10")
    later = value(rig, day)
    assert later.positions == () and later.realised == 98 and later.equity == later.cash


def test_a_short_position_binds_buying_power_and_loses_when_the_price_rises():
    rig = Rig()
    rig.book({"99.90": 50}, {"100.10": 50})
    rig.submit("sell", "market", "10")
    rig.book({"119.90": 50}, {"120.10": 50})
    now = value(rig)
    assert now.positions[0].side == "short" and now.unrealised == -201 and now.buying_power == now.equity - 1200


def test_a_position_without_a_price_is_carried_at_cost_and_named():
    rig = Rig()
    rig.book({"99.90": 50}, {"100.10": 50})
    rig.submit("buy", "market", "10")
    rig.new_stream()
    now = value(rig)
    assert now.unmarked == () and now.equity == 99_999 and now.positions[0].stale
    rig.view = DeskView(rig.instruments, rig.market, rig.time.now_ns)
    now = value(rig)
    assert now.unmarked == ("TOY",) and now.equity == 100_000 and now.positions[0].stale


def test_day_pnl_starts_over_at_midnight():
    rig = Rig()
    rig.book({"99.90": 50}, {"100.10": 50})
    day = DayStart()
    rig.submit("buy", "market", "10")
    assert value(rig, day).day_pnl == -1
    rig.time.advance((DAY_NS - rig.time.now_ns() % DAY_NS) / 1e9)
    rig.book({"109.90": 50}, {"110.10": 50})
    assert value(rig, day).day_pnl == 0
    rig.book({"119.90": 50}, {"120.10": 50})
    assert value(rig, day).day_pnl == 100
    rig.submit("sell", "market", "10")
    assert value(rig, day).day_pnl == 99


def instrument(symbol: str, base: str, quote: str) -> Instrument:
    return Instrument(symbol, "test", symbol, base, quote, price_scale=2, size_scale=3)


def rates(prices: dict[tuple[str, str], str], currency: str = "USDT") -> Rates:
    instruments = {f"{base}/{quote}": instrument(f"{base}/{quote}", base, quote) for base, quote in prices}
    return Rates(currency, Links(instruments), lambda symbol: D(prices[tuple(symbol.split("/"))]))


def test_rates_follow_the_shortest_path_both_ways():
    found = rates({("BTC", "USDT"): "60000", ("USDT", "EUR"): "0.8", ("ADA", "XBT"): "0.00001", ("BAND", "GBP"): "5", ("BAND", "BTC"): "0.0001"})
    assert found.rate("BTC") == (60_000, False, ("BTC/USDT",))
    assert found.rate("EUR") == (D("1.25"), False, ("USDT/EUR",))
    assert found.rate("XBT") == (60_000, False, ("BTC/USDT",)) and found.rate("GBP").via == ("BAND/GBP", "BAND/BTC", "BTC/USDT")
    assert found.convert(D(2), "GBP") == D("2.4")
    assert found.rate("JPY") is None and found.convert(D(1), "JPY") is None
    assert found.convert(D(3), "USDT") == 3


def test_usd_counts_one_to_one_only_without_a_quote():
    assert rates({("ETH", "USD"): "3000"}).rate("USD") == (1, True, ())
    assert rates({("ETH", "USD"): "3000"}).rate("ETH") == (3000, True, ("ETH/USD",))
    assert rates({("USDT", "USD"): "0.5"}).rate("USD") == (2, False, ("USDT/USD",))


def test_foreign_ledgers_are_converted_or_left_out_and_named():
    foreign = replace(TOY, symbol="TOY/EUR", quote="EUR")
    bridge = Instrument("USDT/EUR", "test", "USDT/EUR", "USDT", "EUR", price_scale=2, size_scale=3)
    rig = Rig(instruments=(foreign, bridge))
    rig.book({"0.79": 50}, {"0.81": 50}, "USDT/EUR")
    rig.book({"99.90": 50}, {"100.10": 50}, "TOY/EUR")
    order = rig.submit("buy", "market", "10", symbol="TOY/EUR")
    assert order.filled == 10 and rig.engine.portfolio.cash == {"USDT": 100_000, "EUR": -1001}
    now = value(rig)
    assert now.equity == 100_000 - D("1.25") and now.unconverted == ()
    assert [(ledger.currency, ledger.value) for ledger in now.ledgers] == [("USDT", 100_000), ("EUR", D("-1251.25"))]
    rig.new_stream("USDT/EUR")
    assert value(rig).unconverted == ()
    rig.view = DeskView(rig.instruments, rig.market, rig.time.now_ns)
    now = value(rig)
    assert now.unconverted == ("EUR",) and now.equity == now.cash == 100_000


def test_an_assumed_rate_is_named():
    rig = Rig(instruments=(replace(TOY, quote="USD"),))
    rig.book({"99.90": 50}, {"100.10": 50})
    rig.submit("buy", "market", "10")
    assert value(rig).assumed == ("USD",) and value(rig).equity == 99_999


@pytest.mark.parametrize("text", ["0", "-0.10", "0E+90", "0E-90", "1E+25", "-9.9E+25", "1E-25", "9" * 26, f"1.{'0' * 38}1", f"0.{'0' * 24}{'7' * 40}"])
def test_amounts_whose_sums_stay_exact_are_bearable(text):
    assert money.is_bearable(Decimal(text))


@pytest.mark.parametrize("text", ["1E+26", "-1E+26", "9.9E-26", "9" * 27, f"1.{'0' * 39}1", f"1.{'0' * 40}", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_amounts_too_large_small_long_or_no_numbers_are_not(text):
    assert not money.is_bearable(Decimal(text))
