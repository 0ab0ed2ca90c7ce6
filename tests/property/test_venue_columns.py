"""Venues whose quotes come from their books: whatever comes, the events made of columns are those that the parser makes frame by frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, MarketEvent, Rejected, Trade
from app.platform.columns import NativeReader
from app.venues.bitstamp.columns import layouts as bitstamp_layouts
from app.venues.bitstamp.parse import Parser as Bitstamp
from app.venues.coinbase.advanced import Parser as Coinbase
from app.venues.coinbase.columns import layouts as coinbase_layouts
from app.venues.kraken.columns import layouts as kraken_layouts
from app.venues.kraken.v2 import Parser as Kraken
from tests.property.test_column_properties import ODD, mutated
from tests.unit.platform.column_readers import NodeReader, plain
from tests.unit.venues.recorded import messages, sessions


def dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def kraken_recorded() -> list[str]:
    """The recorded v1 session told in v2: every number with its recorded digits."""
    out, number = [], 0
    for data in received("kraken-2021"):
        if type(data) is not list:
            continue
        channel, pair, parts = data[-2], data[-1], data[1:-2]
        if channel == "trade":
            rows = []
            for price, qty, _, side, *_ in parts[0]:
                number += 1
                word = {"b": "buy", "s": "sell"}[side]
                when = f"2021-04-17T16:48:{number % 60:02d}.{number:06d}Z"
                rows.append(f'{{"symbol":"{pair}","side":"{word}","price":{price},"qty":{qty},"ord_type":"limit","trade_id":{number},"timestamp":"{when}"}}')
            out.append(f'{{"channel":"trade","type":"update","data":[{",".join(rows)}]}}')
        elif channel.startswith("book") and "as" not in parts[0]:
            levels = {key: [row for part in parts for row in part.get(key, ())] for key in "ba"}
            bids, asks = (",".join(f'{{"price":{row[0]},"qty":{row[1]}}}' for row in rows) for rows in levels.values())
            checksum = next(part["c"] for part in parts if "c" in part)
            row = f'{{"symbol":"{pair}","bids":[{bids}],"asks":[{asks}],"checksum":{checksum},"timestamp":"2021-04-17T16:48:53.000001Z"}}'
            out.append(f'{{"channel":"book","type":"update","data":[{row}]}}')
    return out


def coinbase_recorded() -> list[str]:
    """The recorded session of the older feed, told as Advanced Trade does: all messages numbered, trades by twos with the newer one first."""
    out: list[str] = []
    waiting: list[dict] = []

    def send(channel: str, when: str, event: dict) -> None:
        out.append(dumps({"channel": channel, "client_id": "", "timestamp": when, "sequence_num": len(out), "events": [event]}))

    for data in received("coinbase-2021"):
        if data["type"] == "l2update":
            updates = [
                {"side": "bid" if side == "buy" else "offer", "event_time": data["time"], "price_level": price, "new_quantity": size}
                for side, price, size in data["changes"]
            ]
            send("l2_data", data["time"], {"type": "update", "product_id": data["product_id"], "updates": updates})
        elif data["type"] == "match":
            names = {"product_id": data["product_id"], "trade_id": str(data["trade_id"]), "price": data["price"], "size": data["size"]}
            waiting.insert(0, {**names, "time": data["time"], "side": data["side"].upper()})
            if len(waiting) == 2:
                send("market_trades", data["time"], {"type": "update", "trades": waiting})
                waiting = []
    return out


def bitstamp_recorded() -> list[str]:
    """The recorded session; its differences on the channel of whole books, which are written alike."""
    texts = [message.raw.replace('"diff_order_book_', '"order_book_') for message in messages("bitstamp-2022") if message.direction == "recv"]
    return [text for text in texts if '"data":{"' in text]


def received(name: str) -> Iterator[Any]:
    return (json.loads(message.raw) for message in messages(name) if message.direction == "recv")


class Venue(NamedTuple):
    parser: Callable[..., Any]
    layouts: Callable[..., Any]
    session: str
    frames: Callable[[], list[str]]
    other: tuple[str, ...]
    """What else its connections say: answers, beats, books whole, other shapes."""

    @property
    def items(self) -> tuple[Instrument, ...]:
        return tuple(sessions()[self.session].instruments)


COINBASE_TRADES = '{"channel":"market_trades","client_id":"","timestamp":"2026-04-07T14:30:02.1Z","sequence_num":%s,"events":[%s]}'
VENUES = {
    "kraken": Venue(
        Kraken,
        kraken_layouts,
        "kraken-2021",
        cache(kraken_recorded),
        (
            '{"channel":"heartbeat"}',
            '{"method":"pong","req_id":42}',
            '{"method":"subscribe","result":{"channel":"book","symbol":"XMR/USD"},"success":true}',
            '{"channel":"status","type":"update","data":[{"system":"online"}]}',
            '{"channel":"trade","type":"snapshot","data":[{"symbol":"XMR/USD","side":"buy","price":5,"qty":6,"ord_type":"limit","trade_id":1,"timestamp":"x"}]}',
            '{"channel":"trade","type":"update","data":[]}',
            '{"channel":"book","type":"update","data":[{"symbol":"XMR/USD","bids":[{"price":3.5e2,"qty":1e-3}],"asks":[],"checksum":5}]}',
            '{"channel":"book","type":"update","data":[{"symbol":"NOT/HERE","bids":[],"asks":[],"checksum":5,"timestamp":"2021-04-17T16:48:53Z"}]}',
        ),
    ),
    "coinbase": Venue(
        Coinbase,
        coinbase_layouts,
        "coinbase-2021",
        cache(coinbase_recorded),
        (
            '{"type":"error","message":"no such product"}',
            '{"channel":"heartbeats","client_id":"","timestamp":"2026-04-07T14:30:10Z","sequence_num":5,"events":[{"heartbeat_counter":42}]}',
            '{"channel":"subscriptions","client_id":"","timestamp":"2026-04-07T14:30:10Z","sequence_num":5,"events":[{"subscriptions":{}}]}',
            COINBASE_TRADES % (5, '{"type":"snapshot","trades":[]}'),
            COINBASE_TRADES % (5, '{"type":"update","trades":[]}'),
            COINBASE_TRADES % ('"5"', '{"type":"update","trades":[]}'),
        ),
    ),
    "bitstamp": Venue(
        Bitstamp,
        bitstamp_layouts,
        "bitstamp-2022",
        cache(bitstamp_recorded),
        (
            '{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}',
            '{"event":"bts:subscription_succeeded","channel":"order_book_ethusd","data":{}}',
            '{"event":"bts:request_reconnect","channel":"","data":""}',
            '{"event":"bts:error","channel":"order_book_ethusd","data":{"message":"no"}}',
            '{"data":{"timestamp":"0","microtimestamp":"0","bids":[],"asks":[]},"channel":"order_book_ethusd","event":"data"}',
            '{"data":{"timestamp":"1","microtimestamp":"1","bids":[["1","2"]],"asks":[]},"channel":"diff_order_book_ethusd","event":"data"}',
            '{"data":{"timestamp":"1","microtimestamp":"1","bids":[["1","2"]],"asks":[]},"channel":"order_book_nothere","event":"data"}',
        ),
    ),
}
each_venue = pytest.mark.parametrize("name", VENUES)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Callable[[str], NodeReader]]:
    made: dict[str, NodeReader] = {}
    yield lambda name: made.setdefault(name, None) or made.__setitem__(name, NodeReader(VENUES[name].layouts(VENUES[name].items))) or made[name]
    for reader in made.values():
        reader.close()


def one_by_one(parser: Any, texts: list, expected: int | None = None) -> tuple[list[MarketEvent | Rejected], int | None, str]:
    """What the parser makes of frames, with the numbers of messages looked at as they come, where there are numbers."""
    out: list[MarketEvent | Rejected] = []
    for text in texts:
        number, found = parser.frame(text, 7) if hasattr(parser, "frame") else (None, parser.parse(text, 7))
        if number is not None:
            if expected is not None and number > expected:
                return out, expected, f"message {expected} expected, {number} received"
            if expected is not None and number < expected:
                continue
            expected = number + 1
        out += found
    return out, expected, ""


def in_columns(parser: Any, reader: Any, texts: list, expected: int | None = None) -> tuple[list[MarketEvent | Rejected], int | None, str]:
    columns = reader.read(texts)
    return parser.columns.numbered(columns, 7, expected) if hasattr(parser, "frame") else (parser.columns.events(columns, 7), None, "")


@each_venue
def test_every_recorded_frame_fits_both_readers_agree_and_the_events_are_the_parsers(name: str, nodes: Callable[[str], NodeReader]) -> None:
    venue = VENUES[name]
    texts, native = venue.frames(), NativeReader(venue.layouts(venue.items))
    found = native.read(texts)
    assert found.left == [] and found.messages == len(texts) and plain(nodes(name).read(texts)) == plain(found)
    events = in_columns(venue.parser(venue.items), native, texts)[0]
    assert events == one_by_one(venue.parser(venue.items), texts)[0]
    kinds = [type(event) for event in events]
    assert kinds.count(Trade) > 3 and kinds.count(BookDelta) + kinds.count(BookSnapshot) > 300 and Rejected not in kinds


@st.composite
def streams(draw: st.DrawFn, name: str) -> list:
    """A stretch of the session in which frames are changed, lost, doubled and put elsewhere, with other messages in between."""
    venue = VENUES[name]
    frames = venue.frames()
    first = draw(st.integers(0, len(frames) - 20))
    texts: list = list(frames[first : first + draw(st.integers(1, 12))])
    trades = [text for text in frames if "trade" in text[:30] or "live_trades" in text]
    for _ in range(draw(st.integers(0, 4))):
        how = draw(st.sampled_from(["change", "change", "lose", "double", "move", "other", "odd", "trade"]))
        at = draw(st.integers(0, len(texts) - 1)) if texts else 0
        if how == "change" and texts:
            texts[at] = draw(mutated([texts[at]]))
        elif how == "lose" and texts:
            del texts[at]
        elif how == "double" and texts:
            texts.insert(at, texts[at])
        elif how == "move" and texts:
            texts.insert(draw(st.integers(0, len(texts) - 1)), texts.pop(at))
        elif how == "other":
            texts.insert(at, draw(st.sampled_from(venue.other)).replace('"sequence_num":5', f'"sequence_num":{first + at}'))
        elif how == "odd":
            texts.insert(at, draw(st.sampled_from([*ODD, "[]", "{}", "null"])))
        elif how == "trade":
            texts.insert(at, draw(mutated([draw(st.sampled_from(trades))])))
    return texts


@each_venue
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_whatever_comes_the_events_are_those_of_the_parser(name: str, nodes: Callable[[str], NodeReader], data: st.DataObject) -> None:
    venue = VENUES[name]
    texts = data.draw(streams(name))
    expected = data.draw(st.sampled_from([None, json.loads(venue.frames()[0]).get("sequence_num")]))
    one, other = venue.parser(venue.items), venue.parser(venue.items)
    native, node = NativeReader(venue.layouts(venue.items)), nodes(name)
    assert plain(native.read(texts)) == plain(node.read(texts))
    assert in_columns(one, native, texts, expected) == one_by_one(other, texts, expected)
    assert one.take_control() == other.take_control()


def test_a_product_that_comes_back_under_its_other_name_fits_as_well() -> None:
    items = [Instrument("BTC-USDC", "coinbase", "BTC-USDC", "BTC", "USDC", 8, 8)]
    trade = '{"product_id":"BTC-USD","trade_id":"5","price":"3.5","size":"2","time":"2026-04-07T14:30:02.1Z","side":"BUY"}'
    text = COINBASE_TRADES % (9, f'{{"type":"update","trades":[{trade}]}}')
    columns = NativeReader(coinbase_layouts(items)).read([text])
    assert columns.left == []
    events, following, hole = Coinbase(items).columns.numbered(columns, 7, 9)
    assert events == Coinbase(items).parse(text, 7) and events[0].symbol == "BTC-USDC" and (following, hole) == (10, "")
