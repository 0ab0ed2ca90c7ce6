"""What the shipped recordings must give: whole books, right checksums, bars equal to an independent reckoning."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from decimal import Decimal

import pytest

from app.market.bars import TIMEFRAMES
from app.market.state import MarketState
from app.model.market import BookDelta, BookSnapshot, Gap, Quote, Rejected, Trade
from app.model.orders import Side
from app.venues.binance.depth import DepthSync
from app.venues.binance.parse import Parser
from tests.unit.venues.recorded import FOLDER, events, messages, sessions
from tools.recordings import SESSIONS, describe

NAMES = [name for name, _ in SESSIONS]


def state_after(name: str, check: object = None) -> MarketState:
    state = MarketState(sessions()[name].instruments)
    for event in events(name):
        state.apply([event])
        if check is not None:
            check(state, event)
    return state


def test_the_index_is_what_the_recordings_give() -> None:
    assert [describe(name, venue) for name, venue in SESSIONS] == list(sessions().values())


def test_there_is_a_watchlist() -> None:
    symbols = [item.symbol for info in sessions().values() for item in info.instruments]
    assert symbols[0] == "BTCUSDT"
    assert len(symbols) == len(set(symbols)) == 35


def test_files_are_untouched_and_their_licences_are_with_them() -> None:
    for info in sessions().values():
        assert hashlib.sha256((FOLDER / info.file).read_bytes()).hexdigest() == info.sha256
    sentence = "This product includes software developed by Bryant Moscon (http://www.bryantmoscon.com/)"
    for name in ("NOTICE.txt", "SOURCE.md"):
        assert sentence in (FOLDER / name).read_text()
    assert "Permission is hereby granted" in (FOLDER / "licences" / "cryptofeed.txt").read_text()
    assert "MIT License" in (FOLDER / "licences" / "hftbacktest.txt").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_message_is_understood_and_no_book_ever_breaks(name: str) -> None:
    def never_broken(state: MarketState, event: object) -> None:
        book = state.book(event.symbol)
        assert book.state in ("syncing", "live"), book.reason

    state = state_after(name, never_broken)
    kinds = Counter(type(event) for event in events(name))
    assert kinds[Rejected] == kinds[Gap] == 0
    assert state.counters["broken_books"] == state.counters["gaps"] == 0
    for item in sessions()[name].instruments:
        assert state.book(item.symbol).is_trusted
        assert state.quote(item.symbol) is not None


def test_btcusdt_diffs_follow_the_snapshot_without_a_gap() -> None:
    parser, sync = Parser(sessions()["binance-btcusdt-2024"].instruments), DepthSync("BTCUSDT")
    before = after = 0
    for message in messages("binance-btcusdt-2024"):
        if message.direction == "http":
            before = len(sync.on_snapshot(parser.snapshot("BTCUSDT", message.raw, message.t))) - 1
        elif "@depth" in message.raw[:40]:
            after += len(sync.on_delta(parser.parse(message.raw, message.t)[0]))
    # The one before is the diff that the snapshot falls into.
    assert (before, after, sync.gaps, sync.dropped) == (1, 3448, 0, 2)
    assert sync.applied == 3449


def test_btcusdt_quotes_agree_with_the_book_where_both_are_of_one_moment() -> None:
    """bookTicker carries the update id of the book it was taken from."""
    ids = {}
    for message in messages("binance-btcusdt-2024"):
        if "@bookTicker" in message.raw[:40]:
            data = json.loads(message.raw)["data"]
            ids[data["u"]] = (data["b"], data["B"], data["a"], data["A"])
    state = MarketState(sessions()["binance-btcusdt-2024"].instruments)
    item = state.instrument("BTCUSDT")
    compared = 0
    for event in events("binance-btcusdt-2024"):
        state.apply([event])
        if type(event) is BookDelta and event.last in ids:
            bid, bid_size, ask, ask_size = (Decimal(text) for text in ids[event.last])
            book = state.book("BTCUSDT")
            assert book.best_bid() == (item.price_units(bid), item.size_units(bid_size))
            assert book.best_ask() == (item.price_units(ask), item.size_units(ask_size))
            compared += 1
    assert compared > 100


def test_kraken_checksums_are_all_reproduced() -> None:
    checked = [event for event in events("kraken-2021") if type(event) is BookDelta]
    assert len(checked) == 4269
    assert all(event.checksum is not None for event in checked)
    assert state_after("kraken-2021").counters["broken_books"] == 0


def test_coinbase_books() -> None:
    kinds = Counter(type(event) for event in events("coinbase-2021"))
    assert (kinds[BookSnapshot], kinds[BookDelta]) == (10, 9719)


def test_nknusdt_diffs() -> None:
    applied = [event for event in events("binance-2021") if type(event) is BookDelta and event.symbol == "NKNUSDT"]
    assert len(applied) == 149


def test_bitstamp_books_agree_with_a_naive_reckoning() -> None:
    reference: dict[str, dict[str, dict[int, int]]] = {}
    at: dict[str, int] = {}
    for event in events("bitstamp-2022"):
        if type(event) is BookSnapshot:
            reference[event.symbol] = {"bids": dict(event.bids), "asks": dict(event.asks)}
            at[event.symbol] = event.sequence
        elif type(event) is BookDelta and event.last > at[event.symbol]:
            reference[event.symbol]["bids"].update(event.bids)
            reference[event.symbol]["asks"].update(event.asks)
    state = state_after("bitstamp-2022")
    for symbol, sides in reference.items():
        bids = sorted(((p, q) for p, q in sides["bids"].items() if q), reverse=True)
        asks = sorted((p, q) for p, q in sides["asks"].items() if q)
        assert state.book(symbol).levels(Side.BUY, 10**6) == bids
        assert state.book(symbol).levels(Side.SELL, 10**6) == asks


def reckon(name: str, symbol: str, width: int) -> list[tuple]:
    """Bars from the raw text with Decimals, in the plainest way."""
    rows = []
    for message in messages(name):
        if f"{symbol.lower()}@trade" not in message.raw[:60]:
            continue
        data = json.loads(message.raw)["data"]
        rows.append((data["T"] * 10**6, Decimal(data["p"]), Decimal(data["q"])))
    bars: dict[int, list[tuple]] = {}
    for row in sorted(rows, key=lambda row: row[0]):
        bars.setdefault(row[0] // 10**9 // width * width, []).append(row)
    return [
        (
            start,
            inside[0][1],
            max(row[1] for row in inside),
            min(row[1] for row in inside),
            inside[-1][1],
            sum(row[2] for row in inside),
        )
        for start, inside in sorted(bars.items())
    ]


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_bars_equal_an_independent_reckoning(timeframe: str) -> None:
    state = state_after("binance-btcusdt-2024")
    item = state.instrument("BTCUSDT")
    rows = [
        (row[0], *(item.price(units) for units in row[1:5]), item.size(row[5]))
        for row in state.bars("BTCUSDT", timeframe).rows()
    ]
    assert rows == reckon("binance-btcusdt-2024", "BTCUSDT", TIMEFRAMES[timeframe])


def test_klines_of_the_venue_agree_where_their_trades_were_recorded() -> None:
    """A recorded kline counts from the start of its minute: only its last trade and its time can be compared."""
    state = state_after("binance-2021")
    compared = 0
    for message in messages("binance-2021"):
        if "@kline_1m" in message.raw[:40]:
            kline = json.loads(message.raw)["data"]["k"]
            item = state.instrument(kline["s"])
            (time_s, _, high, low, close, volume) = state.bars(kline["s"], "1m").rows()[-1]
            assert time_s * 1000 == kline["t"]
            assert item.price(close) == Decimal(kline["c"])
            assert Decimal(kline["l"]) <= item.price(low) <= item.price(high) <= Decimal(kline["h"])
            assert item.size(volume) <= Decimal(kline["v"])
            compared += 1
            if kline["f"] == kline["L"]:
                assert item.size(volume) == Decimal(kline["v"])
    assert compared == 2


def test_trades_and_quotes_keep_the_venues_times() -> None:
    trades = [event for event in events("binance-btcusdt-2024") if type(event) is Trade]
    assert len(trades) == 9757
    assert trades[0].ts == 1723161255342000000
    assert all(event.ts == 0 for event in events("binance-btcusdt-2024") if type(event) is Quote)
