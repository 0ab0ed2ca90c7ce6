"""What a spot account can sell of a position: fees taken in the asset, and what went through other instruments, are not there."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from app.model.instrument import Instrument
from app.trading.portfolio import Portfolio, Position
from app.trading.spot import dust, left, owed, sellable

ITEMS = {symbol: Instrument(symbol, "binance", symbol, "BTC", quote, 8, 8, 10**6, 1000) for symbol, quote in (("BTCUSDT", "USDT"), ("BTCEUR", "EUR"))}
SPOT = SimpleNamespace(instruments=ITEMS, is_spot=True, too_little=lambda _symbol, qty, _price: "worth less than 5" if qty < Decimal("0.0001") else "")


def account(cash: str, **positions: str) -> Portfolio:
    held = {symbol: Position(symbol, ITEMS[symbol].quote, Decimal(qty)) for symbol, qty in positions.items()}
    return Portfolio({"BTC": Decimal(cash), "USDT": Decimal(5)}, {}, held)


@pytest.mark.parametrize(
    ("cash", "positions", "left"),
    [
        ("0", {"BTCUSDT": "0.1"}, "0.1"),
        ("-0.0001", {"BTCUSDT": "0.1"}, "0.0999"),
        ("-0.000123", {"BTCUSDT": "0.1"}, "0.09987"),
        ("2", {"BTCUSDT": "0.1"}, "0.1"),
        ("-0.0001", {"BTCUSDT": "0.1", "BTCEUR": "0.1"}, "0.0999"),
        ("0", {"BTCUSDT": "0.1", "BTCEUR": "-0.04"}, "0.06"),
        ("-0.0001", {"BTCUSDT": "0.0001"}, "0"),
        ("-1", {"BTCUSDT": "0.1"}, "0"),
    ],
)
def test_what_is_owed_is_not_there_and_lots_are_whole(cash, positions, left):
    portfolio = account(cash, **positions)
    assert sellable(portfolio, SPOT, "BTCUSDT") == Decimal(left) == sellable(portfolio, SPOT, "BTCUSDT", owed(portfolio, SPOT))


def test_paper_and_what_is_not_known_are_not_bound():
    portfolio = account("-1", BTCUSDT="0.1")
    assert sellable(portfolio, SimpleNamespace(instruments=ITEMS, is_spot=False), "BTCUSDT") is None
    assert sellable(portfolio, SPOT, "ETHUSDT") is None and sellable(portfolio, None, "BTCUSDT") is None


@pytest.mark.parametrize(
    ("cash", "qty", "words"),
    [
        ("0", "0.1", ""),
        ("0", "0.00000766", "below the lot, cannot be sold alone"),
        ("0", "0.00005", "worth less than 5, cannot be sold alone"),
        ("-0.0001", "0.0001", "nothing of it is held: fees were taken in it"),
        ("0", "-0.00000766", ""),
        ("0", "0", ""),
    ],
)
def test_what_cannot_be_sold_alone_says_why(cash, qty, words):
    portfolio = account(cash, BTCUSDT=qty)
    assert dust(portfolio, SPOT, "BTCUSDT") == words
    assert left(portfolio, SPOT, "BTCUSDT") == max(Decimal(qty) + Decimal(cash), 0)
    assert dust(portfolio, SimpleNamespace(instruments=ITEMS, is_spot=False), "BTCUSDT") == ""
