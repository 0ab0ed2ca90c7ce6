"""What one contract of a future is: its size, its tick, what a tick is worth, and how its prices are read."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from app.desk.sourceview import contract_facts
from app.sources.answers import Reply, SourceError
from app.sources.futures import CONTRACTS
from app.sources.listing import listing
from app.venues.binance.parse import instruments_from_exchange_info
from app.venues.usdm.parse import VENUE
from app.venues.yahoo import parse as yahoo
from tests.venues.usdm_sim import UsdM

D = Decimal
PUBLISHED = {
    "ES": ("50", "0.25", "12.50"),
    "MES": ("5", "0.25", "1.25"),
    "NQ": ("20", "0.25", "5.00"),
    "MNQ": ("2", "0.25", "0.50"),
    "YM": ("5", "1", "5.00"),
    "MYM": ("0.5", "1", "0.50"),
    "RTY": ("50", "0.1", "5.00"),
    "M2K": ("5", "0.1", "0.50"),
    "CL": ("1000", "0.01", "10.00"),
    "MCL": ("100", "0.01", "1.00"),
    "NG": ("10000", "0.001", "10.00"),
    "RB": ("42000", "0.0001", "4.20"),
    "HO": ("42000", "0.0001", "4.20"),
    "GC": ("100", "0.1", "10.00"),
    "MGC": ("10", "0.1", "1.00"),
    "SI": ("5000", "0.005", "25.00"),
    "HG": ("25000", "0.0005", "12.50"),
    "ZN": ("1000", "0.015625", "15.625"),
    "ZF": ("1000", "0.0078125", "7.8125"),
    "ZB": ("1000", "0.03125", "31.25"),
    "ZC": ("50", "0.25", "12.50"),
    "ZS": ("50", "0.25", "12.50"),
    "ZW": ("50", "0.25", "12.50"),
    "6E": ("125000", "0.00005", "6.25"),
    "6J": ("12500000", "0.0000005", "6.25"),
    "6B": ("62500", "0.0001", "6.25"),
    "BTC": ("5", "5", "25.00"),
    "MBT": ("0.1", "5", "0.50"),
    "ETH": ("50", "0.5", "25.00"),
}
"""Multiplier, tick, and what CME Group publishes as the worth of a tick."""


def chart(symbol: str, price: float, currency: str, hint: int = 2) -> Reply:
    meta = {"currency": currency, "symbol": symbol, "regularMarketTime": 1_700_000_000, "regularMarketPrice": price, "priceHint": hint}
    return Reply(200, json.dumps({"chart": {"result": [{"meta": meta}], "error": None}}))


@pytest.mark.parametrize("root", PUBLISHED)
def test_the_contract_is_as_published(root: str) -> None:
    multiplier, tick, worth = map(D, PUBLISHED[root])
    item = listing(f"{root}=F").instrument("equities")
    assert (item.multiplier, item.tick_size, item.tick_size * item.multiplier) == (multiplier, tick, worth)
    assert (item.quote, item.lot_size, item.min_size) == ("USD", 1, 1)
    assert item.tick_size == round(item.tick_size, item.price_decimals), "a price on the tick is shown whole"


def test_every_contract_of_the_table_is_checked() -> None:
    assert PUBLISHED.keys() == CONTRACTS.keys()


def test_another_future_has_no_multiplier_and_everything_else_has_one() -> None:
    assert listing("KC=F").instrument("equities").multiplier == 0
    for symbol in ("AAPL", "ES", "SAP.DE", "^GSPC", "EURUSD=X", "BTC-USD"):
        assert listing(symbol).instrument("equities").multiplier == 1, symbol


def test_prices_keep_the_decimals_of_the_tick_whatever_a_source_hints() -> None:
    assert listing("ZN=F").exact(D("110.515625"), 2) == D("110.515625")
    assert listing("6J=F").exact(D("0.006690499931573868"), 4) == D("0.0066905")
    assert listing("ES=F").exact(D("5000.2500012"), 2) == D("5000.25")
    assert listing("KC=F").exact(D("187.349998"), 2) == D("187.35")


def test_grains_are_in_cents_and_nothing_else_is() -> None:
    assert yahoo.price_of_chart(chart("ZC=F", 450.25, "USX"), listing("ZC=F")).last == D("450.25")
    for symbol, currency in (("ZC=F", "USD"), ("ES=F", "USX"), ("ES=F", "EUR")):
        with pytest.raises(SourceError) as caught:
            yahoo.price_of_chart(chart(symbol, 450.25, currency), listing(symbol))
        assert caught.value.kind == "bad_content" and f"is in {currency}" in str(caught.value)


def test_the_facts_of_a_listing_begin_with_its_contract() -> None:
    assert contract_facts(listing("ES=F")) == [("Contract", "1 contract = 50 x price, in USD"), ("Tick", "0.25, worth 12.5 USD a contract")]
    assert contract_facts(listing("KC=F")) == [("Contract", "its size is not known here: it cannot be traded")]
    assert contract_facts(listing("AAPL")) == []


def test_perpetual_contracts_of_binance_are_in_coin_and_count_once() -> None:
    sim = UsdM()
    _status, body = sim.rest("/fapi/v1/exchangeInfo")
    found = instruments_from_exchange_info(body, VENUE)
    assert found and {item.multiplier for item in found} == {1} and json.loads(body)["symbols"][0]["contractType"] == "PERPETUAL"
