"""The live feeds' parsers on recorded messages, the venues' own examples and golden vectors."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import pytest

from app.market.book import Book
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Gap, Quote, Rejected, Trade
from app.venues.binance.depth import DepthSync
from app.venues.binance.parse import instruments_from_exchange_info, not_trading
from app.venues.bitstamp.parse import Parser as Bitstamp
from app.venues.bitstamp.parse import rules as bitstamp_rules
from app.venues.coinbase.advanced import Parser as Coinbase
from app.venues.coinbase.advanced import rules as coinbase_rules
from app.venues.kraken.v2 import Parser as Kraken
from app.venues.kraken.v2 import rest_name
from app.venues.kraken.v2 import rules as kraken_rules
from app.venues.usdm.parse import Parser as UsdM
from app.venues.wire import WireError
from tests.unit.venues.recorded import messages, sessions

DATA = Path(__file__).resolve().parents[2] / "data"
BTCUSD = Instrument("BTC/USD", "kraken", "BTC/USD", "BTC", "USD", 1, 8)
COIN = Instrument("BTC-USD", "coinbase", "BTC-USD", "BTC", "USD", 8, 8, tick=10**6)
PERP = Instrument("BTCUSDT", "usdm", "BTCUSDT", "BTC", "USDT", 2, 3)
STAMP = Instrument("BTC/USD", "bitstamp", "btcusd", "BTC", "USD", 2, 8)


@cache
def samples() -> dict[tuple[str, str], str]:
    rows = map(json.loads, (DATA / "venue_messages" / "messages.jsonl").read_text().splitlines())
    return {(row["venue"], row["file"]): row["raw"] for row in rows}


def only(found: list) -> object:
    assert len(found) == 1, found
    return found[0]


# Kraken v2

_GOLDEN_ASKS = (
    "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 "
    "45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
)
_GOLDEN_BIDS = (
    "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 "
    "45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"
)


def golden(rewrite=lambda text: text, checksum: int = 3310070434) -> str:
    """The venue's own example of a checksum, as a snapshot; ``rewrite`` changes how a number is written."""
    sides = {
        side: "[" + ",".join(f'{{"price":{rewrite(p)},"qty":{rewrite(q)}}}' for p, q in (pair.split("/") for pair in text.split())) + "]"
        for side, text in (("bids", _GOLDEN_BIDS), ("asks", _GOLDEN_ASKS))
    }
    row = f'{{"symbol":"BTC/USD","bids":{sides["bids"]},"asks":{sides["asks"]},"checksum":{checksum},"timestamp":"2023-10-06T17:35:55.440295Z"}}'
    return f'{{"channel":"book","type":"snapshot","data":[{row}]}}'


def exponent(text: str) -> str:
    return f"{int(text.replace('.', ''))}e-{len(text.partition('.')[2])}"


@pytest.mark.parametrize("rewrite", [str, lambda text: text.rstrip("0").rstrip("."), exponent], ids=["whole", "short", "exponent"])
def test_kraken_the_golden_checksum_holds_however_the_numbers_are_written(rewrite):
    book = Book(BTCUSD)
    book.apply_snapshot(only(Kraken([BTCUSD]).parse(golden(rewrite), 1)))
    assert book.is_trusted and book.checksum() == 3310070434
    assert book.best_bid() == (452835, 10_000_000) and book.best_ask() == (452852, 100_000)


def test_kraken_a_snapshot_with_another_checksum_is_not_trusted():
    book = Book(BTCUSD)
    book.apply_snapshot(only(Kraken([BTCUSD]).parse(golden(checksum=3310070435), 1)))
    assert book.state == "gap" and "3310070435 announced, 3310070434 computed" in book.reason


@cache
def kraken_recorded() -> tuple[str, ...]:
    """The recorded v1 session told in v2: every number with its recorded digits."""
    out = []
    for message in messages("kraken-2021"):
        data = json.loads(message.raw) if message.direction == "recv" else None
        if type(data) is not list or not data[-2].startswith("book"):
            continue
        parts = data[1:-2]
        sides = {"b": [], "a": []}
        for part in parts:
            for key, rows in part.items():
                if key[0] in sides:
                    sides[key[0]] += [f'{{"price":{row[0]},"qty":{row[1]}}}' for row in rows]
        kind = "snapshot" if "as" in parts[0] else "update"
        checksum = next((part["c"] for part in parts if "c" in part), None)
        if checksum is None:  # the old feed's snapshots have none
            checksum = "0"
        out.append(
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{data[-1]}","bids":[{",".join(sides["b"])}],"asks":[{",".join(sides["a"])}],'
            f'"checksum":{checksum},"timestamp":"2021-04-17T16:48:53.000000Z"}}]}}'
        )
    return tuple(out)


def test_kraken_every_recorded_checksum_is_reproduced_from_the_v2_form():
    items = sessions()["kraken-2021"].instruments
    parser, books, checked = Kraken(items, depth=1000), {item.symbol: Book(item) for item in items}, 0
    for text in kraken_recorded():
        event = only(parser.parse(text, 1))
        if type(event) is BookSnapshot:
            books[event.symbol].apply_snapshot(event._replace(checksum=None))
        else:
            assert books[event.symbol].apply_delta(event), books[event.symbol].reason
            checked += 1
    assert checked > 4000 and all(book.is_trusted for book in books.values())


def test_kraken_trades_answers_and_silence():
    parser = Kraken([BTCUSD])
    buy, sell = parser.parse(samples()["kraken", "ws_trade_update.json"], 7)
    assert buy == Trade("BTC/USD", 1696613755440295000, 7, 1059442, 27625, False, "10218208")
    assert sell.buyer_maker and sell.size == 12460
    for name in ("ws_pong.json", "ws_subscribe_response.json"):
        assert parser.parse(samples()["kraken", name], 1) == []
    assert [data["method"] for data in parser.take_control()] == ["pong", "subscribe"]
    assert parser.parse('{"channel":"heartbeat"}', 1) == parser.parse(samples()["kraken", "ws_ticker_snapshot.json"], 1) == []


def test_kraken_the_rules_name_pairs_as_the_feed_does():
    found, halted = kraken_rules(samples()["kraken", "http_asset_pairs.json"])
    assert found[0].symbol == found[0].native == "BTC/USDT"
    assert (found[0].price_scale, found[0].size_scale, halted) == (1, 8, {})
    assert rest_name("BTC/USD") == "XBTUSD" and rest_name("DOGE/EUR") == "XDGEUR"
    with pytest.raises(WireError, match="Unknown asset pair"):
        kraken_rules('{"error":["EQuery:Unknown asset pair"]}')


# Coinbase Advanced Trade


def test_coinbase_books_and_trades():
    parser = Coinbase([COIN])
    number, found = parser.frame(samples()["coinbase", "ws_l2_data_snapshot.json"], 5)
    snapshot = only(found)
    assert number == 0 and type(snapshot) is BookSnapshot and len(snapshot.bids) == len(snapshot.asks) == 3
    assert snapshot.bids[0] == (6_890_000_000_000, 150_000_000) and snapshot.ts == 1775572200123456000
    number, found = parser.frame(samples()["coinbase", "ws_l2_data_update.json"], 5)
    assert number == 1 and only(found).asks == ((6_890_100_000_000, 0),)
    number, found = parser.frame(samples()["coinbase", "ws_market_trades.json"], 5)
    assert number == 5 and [(trade.trade_id, trade.buyer_maker) for trade in found] == [("995098700", True), ("995098701", False)]


def test_coinbase_says_ask_or_offer_and_usd_for_usdc():
    usdc = Instrument("BTC-USDC", "coinbase", "BTC-USDC", "BTC", "USDC", 8, 8)
    text = samples()["coinbase", "ws_l2_data_snapshot.json"]
    assert only(Coinbase([usdc]).parse(text, 1)).symbol == "BTC-USDC"
    assert Coinbase([COIN]).parse(text.replace('"offer"', '"ask"'), 1) == Coinbase([COIN]).parse(text, 1)


def test_coinbase_other_channels_only_count():
    parser = Coinbase([COIN])
    for name, number in (("ws_heartbeats.json", 0), ("ws_ticker.json", 12), ("ws_subscriptions.json", 0)):
        assert parser.frame(samples()["coinbase", name], 1) == (number, [])
    assert [data["channel"] for data in parser.take_control()] == ["subscriptions"]
    assert parser.frame('{"type":"error","message":"no"}', 1) == (None, []) and parser.take_control()[0]["message"] == "no"


def test_coinbase_a_book_message_that_cannot_be_read_is_a_gap_at_once():
    text = samples()["coinbase", "ws_l2_data_update.json"].replace("2.00000000", "-2")
    rejected, gap = Coinbase([COIN]).parse(text, 9)
    assert type(rejected) is Rejected and gap == Gap("BTC-USD", 9, "a message about the book could not be read")


def test_coinbase_rules():
    found, halted = coinbase_rules(samples()["coinbase", "http_products.json"])
    item = found[0]
    assert (item.symbol, item.base, item.quote, item.price_decimals, item.size_decimals) == ("BTC-USD", "BTC", "USD", 2, 8)
    assert str(item.tick_size) == "0.01000000" and halted == {}
    closed = samples()["coinbase", "http_products.json"].replace('"trading_disabled": false', '"trading_disabled": true')
    closed = closed.replace('"trading_disabled":false', '"trading_disabled":true')
    assert coinbase_rules(closed)[1]["BTC-USD"] == "trading disabled"


# Binance USD-M


@cache
def usdm_recorded() -> tuple[dict, ...]:
    return tuple(map(json.loads, gzip.open(DATA / "usdm_btcusdt" / "session.jsonl.gz", "rt")))


def test_usdm_the_recorded_chain_has_no_hole_and_the_book_never_crosses():
    parser, sync, state = UsdM([PERP]), DepthSync("BTCUSDT"), MarketState([PERP])
    kinds = dict.fromkeys((BookDelta, Quote, Trade), 0)
    for row in usdm_recorded():
        if row["dir"] == "http":
            state.apply(sync.on_snapshot(parser.snapshot("BTCUSDT", row["raw"], row["t"])))
            continue
        event = only(parser.parse(row["raw"], row["t"]))
        kinds[type(event)] += 1
        state.apply(sync.on_delta(event) if type(event) is BookDelta else [event])
    assert sync.gaps == 0 and sync.is_live and sync.applied > 700
    assert state.book("BTCUSDT").is_trusted and all(count > 100 for count in kinds.values())


def test_usdm_a_lost_difference_shows_though_ids_jump_anyway():
    parser, sync, out = UsdM([PERP]), DepthSync("BTCUSDT"), []
    rows = [row for row in usdm_recorded() if row["dir"] == "http" or "@depth" in row["raw"][:60]]
    start = next(n for n, row in enumerate(rows) if row["dir"] == "http")
    for row in rows[: start + 40] + rows[start + 41 : start + 50]:
        is_rest = row["dir"] == "http"
        out += sync.on_snapshot(parser.snapshot("BTCUSDT", row["raw"], 1)) if is_rest else sync.on_delta(only(parser.parse(row["raw"], 1)))
    assert sync.gaps == 1 and type(out[-1]) is Gap


def test_usdm_what_the_insurance_fund_did_is_no_trade():
    trade = next(row["raw"] for row in usdm_recorded() if "@trade" in row["raw"][:60])
    assert type(only(UsdM([PERP]).parse(trade, 1))) is Trade
    assert UsdM([PERP]).parse(trade.replace('"MARKET"', '"INSURANCE_FUND"'), 1) == []


def test_exchange_info_of_the_futures_gives_wanted_instruments_and_their_state():
    row = {"symbol": "BTCUSDT", "status": "SETTLING", "baseAsset": "BTC", "quoteAsset": "USDT", "baseAssetPrecision": 8, "pricePrecision": 2}
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}, {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001"}]
    row["filters"] = [*filters, {"filterType": "MIN_NOTIONAL", "notional": "100"}]
    text = json.dumps({"symbols": [row, {**row, "symbol": "ETHUSDT"}, 5, {"symbol": []}]})
    item = only(instruments_from_exchange_info(text, "usdm", ("BTCUSDT",)))
    assert (item.venue, str(item.tick_size), str(item.min_notional)) == ("usdm", "0.10", "100")
    assert not_trading(text) == {"BTCUSDT": "SETTLING", "ETHUSDT": "SETTLING"}


# Bitstamp


def test_bitstamp_a_whole_book_is_a_snapshot_in_the_order_of_its_time():
    data = {"timestamp": "1", "microtimestamp": "1700000000000001", "bids": [["100.00", "1.5"]], "asks": [["100.01", "2"]]}
    event = only(Bitstamp([STAMP]).parse(json.dumps({"event": "data", "channel": "order_book_btcusd", "data": data}), 3))
    assert event == BookSnapshot("BTC/USD", 1700000000000001000, 3, ((10000, 150_000_000),), ((10001, 200_000_000),), 1700000000000001)


def test_bitstamp_errors_and_goodbyes_are_control():
    parser = Bitstamp([STAMP])
    for text in ('{"event":"bts:error","channel":"","data":{}}', '{"event":"bts:request_reconnect"}', '{"event":"bts:subscription_succeeded"}'):
        assert parser.parse(text, 1) == []
    assert len(parser.take_control()) == 3 and parser.take_control() == []


def test_bitstamp_rules_of_the_wanted_pairs():
    row = {"name": "BTC/USD", "url_symbol": "btcusd", "base_decimals": 8, "counter_decimals": 2, "minimum_order": "10.00 USD", "trading": "Disabled"}
    found, halted = bitstamp_rules(json.dumps([row, {**row, "name": "ETH/USD"}]), ("BTC/USD",))
    assert only(found).native == "btcusd" and halted == {"BTC/USD": "trading disabled"}


# nonsense, whatever the venue

BAD = ("-1", "0", "1e400", "NaN", "null", '"x"', "true", "1e-30", "9" * 40, "[]")


@pytest.mark.parametrize("value", BAD)
def test_prices_that_make_no_sense_are_refused_named_and_a_gap(value):
    rejected, gap = Kraken([BTCUSD]).parse(golden().replace('"price":45285.2', f'"price":{value}'), 1)
    assert type(rejected) is Rejected and rejected.reason and type(gap) is Gap
    text = samples()["coinbase", "ws_l2_data_snapshot.json"].replace('"68901.00"', value if value.startswith('"') else f'"{value}"')
    rejected, gap = Coinbase([COIN]).parse(text, 1)
    assert type(rejected) is Rejected and type(gap) is Gap


def test_a_trade_of_nothing_and_one_at_a_negative_price_are_refused():
    text = samples()["kraken", "ws_trade_update.json"]
    assert only(Kraken([BTCUSD]).parse(text.replace("0.00027625", "0"), 1)).reason == "a trade of nothing"
    assert "out of range" in only(Kraken([BTCUSD]).parse(text.replace("105944.2", "-105944.2"), 1)).reason
    text = samples()["coinbase", "ws_market_trades.json"]
    assert only(Coinbase([COIN]).parse(text.replace("0.00150000", "0"), 1)).reason == "a trade of nothing"
