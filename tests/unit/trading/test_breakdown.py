"""Exposure by anything comes to the equity, to the last digit, whoever ordered what."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.desk.rows import account_view
from app.model.instrument import Instrument
from app.model.orders import Fill, Liquidity, Side
from app.trading.breakdown import ELSEWHERE, KINDS, StrategyBooks, breakdown
from app.trading.fx import Links, Rates
from app.trading.money import add
from app.trading.portfolio import Portfolio
from app.trading.valuation import DayStart, equity, valuation

ITEMS = {
    "BTCUSDT": Instrument("BTCUSDT", "t", "BTC", "BTC", "USDT", 2, 5),
    "ETHUSDT": Instrument("ETHUSDT", "t", "ETH", "ETH", "USDT", 2, 5),
    "ETHBTC": Instrument("ETHBTC", "t", "ETH", "ETH", "BTC", 6, 5),
}
PRICES = {"BTCUSDT": Decimal("61837.63"), "ETHUSDT": Decimal("2654.01"), "ETHBTC": Decimal("0.042917")}


class View:
    """Marks at fixed prices; ``without`` has none."""

    def __init__(self, without: str = "") -> None:
        self.instruments, self.without = ITEMS, without

    def mark(self, symbol: str):
        return None if symbol == self.without else SimpleNamespace(price=PRICES[symbol], stale=False)


RATES = Rates("USDT", Links(ITEMS), PRICES.get)
fills = st.lists(
    st.tuples(
        st.sampled_from(list(ITEMS)),
        st.booleans(),
        st.integers(1, 10**7),
        st.integers(1, 10**9),
        st.integers(0, 10**4),
        st.sampled_from(["desk", "grid", "kill"]),
    ),
    max_size=25,
)


def traded(rows) -> tuple[Portfolio, SimpleNamespace]:
    """A portfolio and the engine that it would belong to."""
    portfolio, engine = Portfolio(), SimpleNamespace(fills=[], orders={}, splits=[])
    portfolio.deposit("USDT", Decimal(100_000))
    for number, (symbol, buys, qty, price, fee, origin) in enumerate(rows):
        cid = f"o{number}"
        size, at = Decimal(qty).scaleb(-5), Decimal(price).scaleb(-4)
        side, paid = Side.BUY if buys else Side.SELL, Decimal(fee).scaleb(-4)
        fill = Fill(f"f{number}", cid, symbol, side, size, at, paid, ITEMS[symbol].quote, Liquidity.TAKER, number)
        portfolio.apply(fill)
        engine.fills.append(fill)
        engine.orders[cid] = SimpleNamespace(intent=SimpleNamespace(origin=origin))
    return portfolio, engine


@given(fills, st.sampled_from(KINDS), st.sampled_from(["", "ETHUSDT"]))
def test_cash_and_the_groups_of_any_kind_come_to_the_equity(rows, kind, without):
    portfolio, engine = traded(rows)
    view = View(without if kind != "strategy" else "")
    found = breakdown(kind, portfolio, StrategyBooks().update(engine), "paper-1", view, RATES)
    cash = Decimal(0)
    for currency, amount in portfolio.cash.items():
        cash = add(cash, RATES.convert(amount, currency))
    assert found.left_out == []
    worth = equity(portfolio, view.mark, RATES)
    assert abs(add(cash, found.total.net) - worth) <= abs(worth) * Decimal("1e-26"), "no more than the last of 28 digits"


@given(fills)
def test_strategies_sum_to_the_account(rows):
    portfolio, engine = traded([row for row in rows if row[0] == "BTCUSDT"])
    books = StrategyBooks().update(engine)
    by_account = breakdown("account", portfolio, books, "paper-1", View(), RATES).total
    by_strategy = breakdown("strategy", portfolio, books, "paper-1", View(), RATES).total
    assert by_strategy.net == by_account.net and by_strategy.fees == by_account.fees
    assert by_strategy.realised + by_strategy.unrealised == by_account.realised + by_account.unrealised, "split otherwise, the same together"


def test_an_account_that_sold_at_cost_shows_the_fees_it_paid():
    portfolio, engine = traded([("BTCUSDT", False, 1, 1, 0, "desk"), ("BTCUSDT", True, 1, 1, 1, "desk")])
    (group,) = breakdown("account", portfolio, StrategyBooks().update(engine), "paper-1", View(), RATES).groups
    assert (group.key, group.fees, group.realised) == ("paper-1", Decimal("0.0001"), 0)


def test_two_strategies_against_each_other_are_flat_together_and_not_alone():
    portfolio, engine = traded([("BTCUSDT", True, 100_000, 600_000_000, 0, "grid"), ("BTCUSDT", False, 100_000, 620_000_000, 0, "desk")])
    books = StrategyBooks().update(engine)
    groups = {group.key: group for group in breakdown("strategy", portfolio, books, "a", View(), RATES).groups}
    assert groups["grid"].long == PRICES["BTCUSDT"] and groups["desk"].short == -PRICES["BTCUSDT"]
    assert groups["grid"].unrealised == Decimal("1837.63") and groups["desk"].unrealised == Decimal("162.37")
    (whole,) = breakdown("account", portfolio, books, "a", View(), RATES).groups
    assert whole.gross == 0 and whole.realised == 2000


def test_what_no_order_explains_stands_apart():
    portfolio, engine = traded([("BTCUSDT", True, 100_000, 600_000_000, 0, "desk")])
    portfolio.adjust("BTCUSDT", "USDT", Decimal("0.5"), Decimal(60_000))
    groups = {group.key: group for group in breakdown("strategy", portfolio, StrategyBooks().update(engine), "a", View(), RATES).groups}
    assert groups[ELSEWHERE].long == PRICES["BTCUSDT"] / 2 and groups["desk"].long == PRICES["BTCUSDT"]


def test_groups_are_named_by_their_kind():
    rows = [("BTCUSDT", True, 100_000, 600_000_000, 10, "desk"), ("ETHUSDT", False, 100_000, 26_000_000, 10, "desk"), ("ETHBTC", True, 100_000, 430, 0, "grid")]
    portfolio, engine = traded(rows)
    books = StrategyBooks().update(engine)
    keys = {kind: {group.key for group in breakdown(kind, portfolio, books, "paper-1", View(), RATES).groups} for kind in KINDS}
    assert keys == {
        "symbol": set(ITEMS), "base": {"BTC", "ETH"}, "quote": {"USDT", "BTC"}, "side": {"long", "short"}, "account": {"paper-1"}, "strategy": {"desk", "grid"}
    }  # fmt: skip


def test_a_currency_without_a_rate_is_named():
    portfolio, engine = traded([("ETHBTC", True, 100_000, 430, 0, "desk")])
    rates = Rates("USDT", Links(ITEMS), lambda _symbol: None)
    for kind in ("symbol", "strategy"):
        assert breakdown(kind, portfolio, StrategyBooks().update(engine), "a", View(), rates).left_out == ["ETHBTC"]


def test_books_take_only_what_is_new_and_begin_anew_with_another_engine():
    portfolio, engine = traded([("BTCUSDT", True, 1, 1, 0, "desk")] * 3)
    books = StrategyBooks()
    assert books.update(engine)["desk"].qty("BTCUSDT") == Decimal("0.00003") == books.update(engine)["desk"].qty("BTCUSDT")
    _, other = traded([("BTCUSDT", False, 1, 1, 0, "grid")])
    assert list(books.update(other)) == ["grid"]
    with pytest.raises(KeyError):
        breakdown("weather", portfolio, {}, "a", View(), RATES)


@given(fills)
def test_what_the_page_is_told_of_each_position_comes_to_the_equity_with_the_cash(rows):
    portfolio, _engine = traded(rows)
    view = View()
    view.rates, view.is_stale = lambda _currency: RATES, lambda _symbol: False
    found = valuation(portfolio, portfolio, lambda _rates: Decimal(0), view, "USDT", DayStart(), 0)
    told = account_view(found, ITEMS)["positions"]
    worth = found.cash
    for row in told:
        worth = add(worth, Decimal(row["worth"]))
    assert abs(worth - found.equity) <= abs(found.equity) * Decimal("1e-26")


def test_what_is_worth_bitcoin_has_the_decimals_of_its_price():
    portfolio, _engine = traded([("ETHBTC", True, 100, 430, 0, "desk"), ("ETHUSDT", False, 100, 26_000_000, 0, "desk")])
    view = View()
    view.rates, view.is_stale = lambda _currency: RATES, lambda _symbol: False
    told = account_view(valuation(portfolio, portfolio, lambda _rates: Decimal(0), view, "USDT", DayStart(), 0), ITEMS)["positions"]
    assert {row["symbol"]: row["notional"] for row in told} == {"ETHBTC": "0.000043", "ETHUSDT": "\u22122.65"}
