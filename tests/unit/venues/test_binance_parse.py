from __future__ import annotations

import json

import pytest

from app.model.market import BookDelta, BookSnapshot, Quote, Rejected, Trade
from app.venues.binance.parse import Parser, instrument_from_rules, instruments_from_exchange_info
from app.venues.wire import WireError
from tests.unit.market.kit import BTC

BOOK_TICKER = (
    '{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",'
    '"a":"61837.64000000","A":"1.54698000"}}'
)
TRADE = (
    '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000",'
    '"q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
DEPTH = (
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,'
    '"u":50093239202,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"]]}}'
)
SNAPSHOT = '{"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"]],"asks":[["61837.64000000","1.92853000"]]}'


@pytest.fixture
def parser() -> Parser:
    return Parser([BTC])


def only(found: list) -> object:
    assert len(found) == 1
    return found[0]


def test_book_ticker(parser: Parser) -> None:
    expected = Quote("BTCUSDT", 0, 9, 6183763000000, 378826000, 6183764000000, 154698000)
    assert only(parser.parse(BOOK_TICKER, 9)) == expected


def test_trade_and_aggregate_trade(parser: Parser) -> None:
    expected = Trade("BTCUSDT", 1723161255342000000, 9, 6183763000000, 2000000, True, "3735683259")
    assert only(parser.parse(TRADE, 9)) == expected
    aggregate = TRADE.replace("@trade", "@aggTrade").replace('"e":"trade"', '"e":"aggTrade"').replace('"t":', '"a":')
    assert only(parser.parse(aggregate, 9)) == expected


def test_depth_diff(parser: Parser) -> None:
    expected = BookDelta(
        "BTCUSDT",
        1723161255208000000,
        9,
        ((6173763000000, 0),),
        ((6183764000000, 154698000),),
        50093239189,
        50093239202,
    )
    assert only(parser.parse(DEPTH, 9)) == expected


@pytest.mark.parametrize("frame", [BOOK_TICKER, TRADE, DEPTH])
def test_raw_frames_mean_the_same_as_wrapped_ones(parser: Parser, frame: str) -> None:
    assert parser.parse(json.dumps(json.loads(frame)["data"]), 9) == parser.parse(frame, 9)


def test_rest_snapshot(parser: Parser) -> None:
    found = parser.snapshot("BTCUSDT", SNAPSHOT, 9)
    assert found == BookSnapshot(
        "BTCUSDT", 0, 9, ((6183763000000, 378826000),), ((6183764000000, 192853000),), 50093239218
    )
    assert isinstance(parser.snapshot("ETHUSDT", SNAPSHOT, 9), Rejected)
    assert isinstance(parser.snapshot("BTCUSDT", "<html>", 9), Rejected)


def test_an_empty_side_of_the_quote(parser: Parser) -> None:
    text = BOOK_TICKER.replace('"b":"61837.63000000","B":"3.78826000"', '"b":"0.00000000","B":"0.00000000"')
    assert only(parser.parse(text, 9))[3:5] == (0, 0)


def test_answers_and_shutdown_go_to_control_not_to_the_market() -> None:
    parser = Parser([BTC])
    frames = [
        '{"result":null,"id":1}',
        '{"error":{"code":2,"msg":"Invalid request"},"id":2}',
        '{"code":2,"msg":"Invalid request","id":3}',
        '{"e":"serverShutdown","E":1}',
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}',
    ]
    for frame in frames:
        assert parser.parse(frame, 1) == []
    assert len(parser.take_control()) == 5 and parser.take_control() == []


def test_streams_that_are_not_used_yield_nothing(parser: Parser) -> None:
    assert parser.parse('{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{}}}', 1) == []


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "[]",
        "5",
        '"text"',
        "{}",
        "<!doctype html><title>502 Bad Gateway</title>",
        BOOK_TICKER[:-7],
        BOOK_TICKER.replace('"61837.63000000"', "61837.63"),
        BOOK_TICKER.replace('"61837.63000000"', "NaN"),
        BOOK_TICKER.replace("61837.63000000", "NaN"),
        BOOK_TICKER.replace("61837.63000000", "1e400"),
        BOOK_TICKER.replace("61837.63000000", "-1.00000000"),
        BOOK_TICKER.replace("61837.63000000", "61837.64000000"),
        BOOK_TICKER.replace('"s":"BTCUSDT"', '"s":"ETHUSDT"'),
        BOOK_TICKER.replace("BTCUSDT", "ETHUSDT").replace("btcusdt", "ethusdt"),
        BOOK_TICKER.replace("btcusdt@bookTicker", "btcusdt@nonsense").replace('"u"', '"x"'),
        TRADE.replace('"m":true', '"m":1'),
        TRADE.replace("0.02000000", "0.00000000"),
        TRADE.replace("3735683259", '"3735683259"'),
        TRADE.replace("1723161255342", "17231612553420000000"),
        DEPTH.replace("50093239202", "50093239188"),
        DEPTH.replace("50093239202", "4611686018427387904"),
        DEPTH.replace('[["61737.63000000","0.00000000"]]', '{"61737.63000000":"0"}'),
        DEPTH.replace('["61737.63000000","0.00000000"]', '["61737.63000000"]'),
        DEPTH.replace('"0.00000000"', '"-0.10000000"'),
        '{"stream":["btcusdt@trade"],"data":{}}',
        '{"stream":"btcusdt@trade"}',
        '{"stream":"btcusdt@trade","data":null}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 10_000,
        '{"e":' + "9" * 5000 + "}",
        "\x00\ud800",
        '"' + "x" * 10_000_000 + '"',
    ],
    ids=lambda text: text[:40],
)
def test_bad_frames_are_rejected_and_leave_no_trace(parser: Parser, frame: str) -> None:
    rejected = only(parser.parse(frame, 7))
    assert isinstance(rejected, Rejected)
    assert (rejected.venue, rejected.recv) == ("binance", 7)
    assert len(rejected.sample) < 300
    assert isinstance(only(parser.parse(BOOK_TICKER, 8)), Quote)


@pytest.mark.parametrize("value", [None, 5, b"{}", ["x"]])
def test_what_is_not_text_is_rejected(parser: Parser, value: object) -> None:
    assert isinstance(only(parser.parse(value, 7)), Rejected)


def test_a_duplicate_key_takes_its_last_value(parser: Parser) -> None:
    text = BOOK_TICKER.replace('"b":', '"b":"1.00000000","b":')
    assert parser.parse(text, 9) == parser.parse(BOOK_TICKER, 9)


def rules(**changes: object) -> dict:
    row = {
        "symbol": "NKNUSDT",
        "baseAsset": "NKN",
        "quoteAsset": "USDT",
        "baseAssetPrecision": 8,
        "quoteAssetPrecision": 8,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.00010000"},
            {"filterType": "LOT_SIZE", "minQty": "1.00000000", "stepSize": "1.00000000"},
            {"filterType": "MIN_NOTIONAL", "minNotional": "10.00000000"},
        ],
    }
    return row | changes


def test_trading_rules() -> None:
    item = instrument_from_rules(rules())
    assert (item.symbol, item.price_scale, item.size_scale, item.tick, item.lot) == ("NKNUSDT", 8, 8, 10_000, 10**8)
    assert (item.price_decimals, item.size_decimals) == (4, 0)
    assert (format(item.tick_size.normalize(), "f"), item.size(item.min_size), item.min_notional) == ("0.0001", 1, 10)


@pytest.mark.parametrize(
    "changes", [{"filters": []}, {"filters": None}, {"baseAssetPrecision": "8"}, {"quoteAssetPrecision": 99}, {"symbol": 5}]
)
def test_unusable_trading_rules(changes: dict) -> None:
    row = rules(**changes)
    if changes == {"symbol": 5}:
        row["filters"][0]["tickSize"] = "0.00000000"
    with pytest.raises(WireError):
        instrument_from_rules(row)


def test_one_odd_listing_does_not_hide_the_others() -> None:
    text = json.dumps({"symbols": [rules(), rules(filters=None), "odd"]})
    assert [item.symbol for item in instruments_from_exchange_info(text)] == ["NKNUSDT"]
    for bad in ("<html>", "[]", "{}", "null"):
        with pytest.raises(WireError):
            instruments_from_exchange_info(bad)
