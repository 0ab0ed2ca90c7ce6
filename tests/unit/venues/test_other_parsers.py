"""Coinbase, Kraken and Bitstamp: forms of their messages, and what is refused."""

from __future__ import annotations

import pytest

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Rejected, Trade
from app.venues.bitstamp.parse import Parser as Bitstamp
from app.venues.bitstamp.parse import instrument_from_rules as bitstamp_rules
from app.venues.coinbase.parse import Parser as Coinbase
from app.venues.coinbase.parse import instrument_from_rules as coinbase_rules
from app.venues.kraken.parse import Parser as Kraken
from app.venues.kraken.parse import instrument_from_rules as kraken_rules
from app.venues.wire import WireError

SKL = Instrument("SKL-BTC", "coinbase", "SKL-BTC", "SKL", "BTC", 8, 1)
XMR = Instrument("XMR/USD", "kraken", "XMR/USD", "XMR", "USD", 8, 8, tick=10**6)
ETH = Instrument("ETH/USD", "bitstamp", "ethusd", "ETH", "USD", 2, 8)

CB_UPDATE = (
    '{"type":"l2update","product_id":"SKL-BTC","changes":[["sell","0.00001306","660.5"],["buy","0.00001300","0.0"]],'
    '"time":"2021-04-17T16:43:37.075687Z"}'
)
CB_MATCH = (
    '{"type":"match","trade_id":280232,"maker_order_id":"a","taker_order_id":"b","side":"sell","size":"985",'
    '"price":"0.00001305","product_id":"SKL-BTC","sequence":1,"time":"2021-04-17T16:43:37.089723Z"}'
)
KR_UPDATE = '[992,{"b":[["354.15000000","5.00000000","1618678133.365913"]],"c":"2583817756"},"book-1000","XMR/USD"]'
KR_BOTH = (
    '[992,{"a":[["355.00000000","1.00000000","1618678133.1"]]},{"b":[["354.15000000","0.00000000","1618678133.2","r"]],'
    '"c":"7"},"book-1000","XMR/USD"]'
)
KR_SNAPSHOT = (
    '[992,{"as":[["354.80000000","1.40000000","1618678133.020508"]],"bs":[["354.10000000","2.00000000",'
    '"1618678133.120508"]]},"book-10","XMR/USD"]'
)
KR_TRADE = '[993,[["354.11000000","0.89594024","1618678142.557535","s","l",""]],"trade","XMR/USD"]'
BS_UPDATE = (
    '{"data":{"timestamp":"1641343691","microtimestamp":"1641343691406478","bids":[["3800.71","1.76200000"]],'
    '"asks":[["3801.00","0.00000000"]]},"channel":"diff_order_book_ethusd","event":"data"}'
)
BS_TRADE = (
    '{"data":{"id":216000477,"timestamp":"1641343699","amount":0.0792,"amount_str":"0.07920000","price":3805.44,'
    '"price_str":"3805.44","type":0,"microtimestamp":"1641343699596000"},"channel":"live_trades_ethusd","event":"trade"}'
)


def only(found: list) -> object:
    assert len(found) == 1
    return found[0]


def test_coinbase_level2() -> None:
    parser = Coinbase([SKL])
    expected = BookDelta("SKL-BTC", 1618677817075687000, 9, ((1300, 0),), ((1306, 6605),))
    assert only(parser.parse(CB_UPDATE, 9)) == expected
    text = '{"type":"snapshot","product_id":"SKL-BTC","asks":[["0.00001306","1"]],"bids":[["0.00001300","2.5"]]}'
    assert only(parser.parse(text, 9)) == BookSnapshot("SKL-BTC", 0, 9, ((1300, 25),), ((1306, 10),))


def test_coinbase_names_the_makers_side() -> None:
    parser = Coinbase([SKL])
    assert only(parser.parse(CB_MATCH, 9)) == Trade("SKL-BTC", 1618677817089723000, 9, 1305, 9850, False, "280232")
    assert only(parser.parse(CB_MATCH.replace("sell", "buy"), 9)).buyer_maker
    assert only(parser.parse(CB_MATCH.replace('"match"', '"last_match"'), 9)).trade_id == "280232"


def test_kraken_book() -> None:
    parser = Kraken([XMR])
    expected = BookDelta("XMR/USD", 1618678133365913000, 9, ((35415000000, 500000000),), (), checksum=2583817756)
    assert only(parser.parse(KR_UPDATE, 9)) == expected
    both = only(parser.parse(KR_BOTH, 9))
    assert (both.bids, both.asks, both.checksum) == (((35415000000, 0),), ((35500000000, 100000000),), 7)
    full = only(parser.parse(KR_SNAPSHOT, 9))
    assert full == BookSnapshot(
        "XMR/USD", 1618678133120508000, 9, ((35410000000, 200000000),), ((35480000000, 140000000),), max_depth=10
    )


def test_kraken_trades() -> None:
    assert only(Kraken([XMR]).parse(KR_TRADE, 9)) == Trade(
        "XMR/USD", 1618678142557535000, 9, 35411000000, 89594024, True, ""
    )


def test_bitstamp_book_and_trade_use_text_not_floats() -> None:
    parser = Bitstamp([ETH])
    assert only(parser.parse(BS_UPDATE, 9)) == BookDelta(
        "ETH/USD", 1641343691406478000, 9, ((380071, 176200000),), ((380100, 0),), 0, 1641343691406478
    )
    expected = Trade("ETH/USD", 1641343699596000000, 9, 380544, 7920000, False, "216000477")
    assert only(parser.parse(BS_TRADE, 9)) == expected
    assert only(parser.parse(BS_TRADE.replace('"type":0', '"type":1'), 9)).buyer_maker
    rest = '{"timestamp":"1","microtimestamp":"1641343695572693","bids":[["3800.00","1"]],"asks":[["3801.00","2"]]}'
    assert parser.snapshot("ethusd", rest, 9).sequence == 1641343695572693
    assert isinstance(parser.snapshot("btcusd", rest, 9), Rejected)


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        (Coinbase([SKL]), '{"type":"subscriptions","channels":[]}'),
        (Coinbase([SKL]), '{"type":"ticker","product_id":"SKL-BTC"}'),
        (Kraken([XMR]), '{"event":"heartbeat"}'),
        (Kraken([XMR]), '{"event":"systemStatus","status":"online"}'),
        (Kraken([XMR]), '{"event":"subscriptionStatus","status":"subscribed"}'),
        (Kraken([XMR]), '[992,{"a":["1",2,"3"]},"ticker","XMR/USD"]'),
        (Bitstamp([ETH]), '{"event":"bts:subscription_succeeded","channel":"x","data":{}}'),
    ],
)
def test_messages_without_market_news(parser: object, text: str) -> None:
    assert parser.parse(text, 1) == []


COMMON = ["", "null", "5", '"x"', "[]", "[1,2]", "[1,{},3,4]", "{}", "<html>", "NaN", "[" * 10_000, '"' + "x" * 9_000_000 + '"']


@pytest.mark.parametrize(
    ("parser", "text"),
    [(parser, text) for parser in (Coinbase([SKL]), Kraken([XMR]), Bitstamp([ETH])) for text in COMMON]
    + [
        (Coinbase([SKL]), CB_UPDATE.replace("SKL-BTC", "SKL-USD")),
        (Coinbase([SKL]), CB_UPDATE.replace('"buy"', '"bid"')),
        (Coinbase([SKL]), CB_UPDATE.replace("660.5", "-660.5")),
        (Coinbase([SKL]), CB_UPDATE.replace('["buy","0.00001300","0.0"]', '"abc"')),
        (Coinbase([SKL]), CB_UPDATE.replace("0.00001306", "0.000013061")),
        (Coinbase([SKL]), CB_UPDATE.replace("2021-04-17T", "2021-99-17T")),
        (Coinbase([SKL]), CB_UPDATE.replace('"l2update"', '"l3update"')),
        (Coinbase([SKL]), CB_MATCH.replace('"985"', '"0"')),
        (Coinbase([SKL]), CB_MATCH.replace('"sell"', "null")),
        (Coinbase([SKL]), CB_MATCH.replace('"985"', "985.0")),
        (Coinbase([SKL]), '{"type":"error","message":"no"}'),
        (Coinbase([SKL]), '{"type":"snapshot","product_id":"SKL-BTC","asks":{},"bids":[]}'),
        (Kraken([XMR]), KR_UPDATE.replace("XMR/USD", "XBT/USD")),
        (Kraken([XMR]), KR_UPDATE.replace("book-1000", "book-77")),
        (Kraken([XMR]), KR_UPDATE.replace('"2583817756"', '"99999999999"')),
        (Kraken([XMR]), KR_UPDATE.replace('"2583817756"', "2583817756")),
        (Kraken([XMR]), KR_UPDATE.replace('"c"', '"d"')),
        (Kraken([XMR]), KR_UPDATE.replace(',"c":"2583817756"', "")),
        (Kraken([XMR]), KR_UPDATE.replace("354.15000000", "1e400")),
        (Kraken([XMR]), KR_SNAPSHOT.replace("book-10", "book-1")),
        (Kraken([XMR]), KR_TRADE.replace('"s"', '"x"')),
        (Kraken([XMR]), '[993,["1231s"],"trade","XMR/USD"]'),
        (Kraken([XMR]), KR_UPDATE.replace('["354.15000000","5.00000000","1618678133.365913"]', '"345"')),
        (Kraken([XMR]), KR_TRADE.replace("0.89594024", "0.00000000")),
        (Kraken([XMR]), '{"event":"subscriptionStatus","status":"error","errorMessage":"no"}'),
        (Kraken([XMR]), '{"event":"other"}'),
        (Bitstamp([ETH]), BS_UPDATE.replace("ethusd", "btcusd")),
        (Bitstamp([ETH]), BS_UPDATE.replace("1641343691406478", "-5")),
        (Bitstamp([ETH]), BS_UPDATE.replace('"1641343691406478"', "1641343691406478")),
        (Bitstamp([ETH]), BS_UPDATE.replace("3800.71", "NaN")),
        (Bitstamp([ETH]), BS_UPDATE.replace('["3800.71","1.76200000"]', '"34"')),
        (Bitstamp([ETH]), BS_UPDATE.replace('["3800.71","1.76200000"]', '{"3":1,"4":2}')),
        (Bitstamp([ETH]), BS_TRADE.replace('"type":0', '"type":true')),
        (Bitstamp([ETH]), BS_TRADE.replace('"0.07920000"', '"0.00000000"')),
        (Bitstamp([ETH]), BS_TRADE.replace("live_trades_ethusd", "live_trades_x")),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else type(value).__module__.split(".")[2],
)
def test_bad_messages_are_rejected(parser: object, text: str) -> None:
    rejected = only(parser.parse(text, 7))
    assert isinstance(rejected, Rejected)
    assert rejected.recv == 7
    assert len(rejected.sample) < 300


@pytest.mark.parametrize("make", [coinbase_rules, bitstamp_rules, lambda row: kraken_rules(row, 8)])
@pytest.mark.parametrize("row", [{}, None, [], {"wsname": 5, "id": 5, "name": 5}])
def test_unusable_trading_rules(make: object, row: object) -> None:
    with pytest.raises(WireError):
        make(row)


def test_a_kraken_tick_may_be_coarser_than_the_wire() -> None:
    row = {"wsname": "XMR/USD", "pair_decimals": 2, "lot_decimals": 8, "ordermin": "0.05"}
    item = kraken_rules(row, 8)
    assert (item.tick, item.price_decimals, item.price_scale) == (10**6, 2, 8)
