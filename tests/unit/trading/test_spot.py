"""What a spot account can sell of a position: fees taken in the asset, and what went through other instruments, are not there."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from app.model.instrument import Instrument
from app.trading.errors import Denied
from app.trading.portfolio import Portfolio, Position
from app.trading.preview import preview
from app.trading.spot import dust, held, left, owed, sellable
from tests.unit.trading.kit import Rig, fields

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


def test_what_is_held_counts_through_every_instrument_of_the_asset():
    assert held(account("0.5", BTCUSDT="0.1", BTCEUR="0.2"), SPOT, "BTCUSDT") == Decimal("0.8")
    assert held(account("-1", BTCUSDT="0.1"), SPOT, "BTCEUR") == 0
    assert held(account("0", BTCUSDT="1"), SimpleNamespace(instruments=ITEMS, is_spot=False), "BTCUSDT") is None


def test_selling_more_than_a_spot_account_holds_is_told_as_that():
    """Not as a position turned round, which there is none of, nor with a quantity that the venue would refuse all the same."""
    rig = Rig()
    rig.book({"99.90": 9000}, {"100.10": 9000})
    rig.submit("buy", "market", "2")
    rig.view.is_spot = True
    (warning,) = preview(rig.engine, fields("sell", "market", "3")).warnings
    assert warning == "A spot account sells only what it holds, by the journal 2 TOY: the venue would refuse the order."
    assert preview(rig.engine, fields("sell", "market", "2")).warnings == ()
    with pytest.raises(Denied) as caught:
        rig.submit("sell", "market", "5000")
    assert caught.value.code == "not_held" and caught.value.field == "qty" and caught.value.remedy == "Use at most 2 TOY."
