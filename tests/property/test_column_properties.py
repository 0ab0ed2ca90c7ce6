"""Columns: the readers in JavaScript and in Python agree on any text; the events made of them are the parser's; nothing is guessed."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.instrument import Instrument
from app.model.market import Quote
from app.platform.columns import Layout, Layouts, NativeReader
from app.venues.binance.columns import ColumnEvents, layouts
from app.venues.binance.parse import Parser
from app.venues.usdm.columns import layouts as usdm_layouts
from app.venues.usdm.parse import Parser as UsdMParser
from tests.unit.platform.column_readers import NodeReader, plain
from tests.unit.venues.recorded import messages, sessions

NAME = "binance-btcusdt-2024"
ITEMS = [
    *sessions()[NAME].instruments,
    Instrument("PEPEUSDT", "binance", "PEPEUSDT", "PEPE", "USDT", 8, 8),
    Instrument("ONEUSDT", "binance", "ONEUSDT", "ONE", "USDT", 0, 2),
]
TOLD, USDM = layouts(ITEMS, many=True), usdm_layouts(ITEMS)
FRAMES = [message.raw for message in messages(NAME) if message.direction == "recv"]
DATA = Path(__file__).parents[1] / "data" / "usdm_btcusdt" / "session.jsonl.gz"


def usdm_frames() -> list[str]:
    """The recorded session on the streams that the desk asks for: depth at 100 ms, and trades put together."""
    out = []
    for row in map(json.loads, gzip.open(DATA, "rt")):
        text = row["raw"].replace("@depth@0ms", "@depth@100ms")
        if "@trade" in text:
            data = json.loads(text)["data"]
            names = {"e": "aggTrade", "E": data["E"], "s": data["s"], "a": data["t"], "p": data["p"], "q": data["q"], "f": 5, "l": 7}
            text = json.dumps({"stream": "btcusdt@aggTrade", "data": {**names, "T": data["T"], "m": data["m"]}}, separators=(",", ":"))
        if row["dir"] == "recv":
            out.append(text)
    return out


USDM_FRAMES = usdm_frames()
ODD = [
    *["", "0", "00", "01", "-1", "-0", "1.", ".5", "1.0", "1.00", "1e3", "1E3", "+1", " 1", "1 ", "NaN", "Infinity", "null", "true", "\u0661", "\uff11"],
    *["9007199254740991", "9007199254740992", "9007199254740993", "92233720368.54775807", "92233720368.54775808", "9223372036854775807"],
    *["9" * 15, "9" * 16, "9" * 30, "9" * 31],
    *["0.00000000", "0.000000001", "1.000000000", "0" * 20 + "1.5", "123456789012.345678901234", "0.0000000000000000000000000001"],
    *['"', '""', "[]", "{}", "[", "]", ",", ":", "\\", "\\u0031", "\x00", "btcusdt", "PEPEUSDT", "ONEUSDT", "constructor", "__proto__", "XUSDT"],
]
TIMES = ["1969-12-31T23:59:59", "2024-02-29T00:00:00", "2023-02-29T00:00:00", "2099-12-31T23:59:59", "2100-01-01T00:00:00", "2024-01-01T24:00:00"]
TIMES += ["2024-06-30T23:59:60", "2024-01-01 00:00:00", "2024-01-01T00:00:00.", "2024-01-01T00:00:00.123456789", "2024-01-01T00:00:00.1234567890"]
NUMBER = re.compile(r"(\d[-+.:T\deE]*)")


@pytest.fixture(scope="module")
def node() -> Iterator[NodeReader]:
    reader = NodeReader(TOLD)
    yield reader
    reader.close()


@st.composite
def mutated(draw: st.DrawFn, recorded: list[str] = FRAMES) -> str:
    """A recorded frame, or one about another instrument, in which some of its pieces were replaced, cut, doubled or moved."""
    text = draw(st.sampled_from(recorded[:400]))
    if draw(st.booleans()):
        name = draw(st.sampled_from(["PEPEUSDT", "ONEUSDT", "XUSDT"]))
        text = text.replace("BTCUSDT", name).replace("btcusdt", name.lower())
    for _ in range(draw(st.integers(0, 3))):
        how = draw(st.sampled_from(["value", "value", "value", "number", "cut", "insert", "delete"]))
        at = draw(st.integers(0, len(text)))
        if how == "value":
            pieces = text.split('"')
            place = draw(st.integers(0, len(pieces) - 1))
            pieces[place] = draw(st.sampled_from(ODD) | st.decimals(0, 10**12, places=8).map(lambda value: format(value, "f")))
            text = '"'.join(pieces)
        elif how == "number":
            pieces = NUMBER.split(text)
            place = draw(st.integers(0, (len(pieces) - 1) // 2)) * 2 - 1
            if place > 0:
                pieces[place] = draw(st.sampled_from([*ODD, *TIMES]))
            text = "".join(pieces)
        elif how == "cut":
            text = text[:at]
        elif how == "insert":
            text = text[:at] + draw(st.sampled_from(ODD)) + text[at:]
        else:
            text = text[:at] + text[at + draw(st.integers(1, 4)) :]
    return text


frames = st.lists(mutated() | st.sampled_from(ODD) | st.lists(mutated(), max_size=4).map(lambda parts: f"[{','.join(parts)}]"), max_size=8)


@settings(max_examples=400, deadline=None)
@given(frames)
def test_both_readers_agree(node: NodeReader, texts: list[str]) -> None:
    assert plain(node.read(texts)) == plain(NativeReader(TOLD).read(texts))


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_events_are_those_of_the_parser(text: str) -> None:
    parser, told = Parser(ITEMS), layouts(ITEMS)
    found = ColumnEvents(ITEMS, parser.parse).events(NativeReader(told).read([text]), 7)
    assert found == Parser(ITEMS).parse(text, 7)


@settings(max_examples=400, deadline=None)
@given(mutated(USDM_FRAMES))
def test_events_of_the_futures_are_those_of_their_parser(text: str) -> None:
    parser = UsdMParser(ITEMS)
    assert parser.columns.events(NativeReader(USDM).read([text]), 7) == UsdMParser(ITEMS).parse(text, 7)


def test_the_recorded_futures_fit_and_both_readers_agree() -> None:
    reader = NodeReader(USDM)
    try:
        found = reader.read(USDM_FRAMES)
        assert found.left == [] and all(len(table) > 500 for table in found.tables) and plain(found) == plain(NativeReader(USDM).read(USDM_FRAMES))
    finally:
        reader.close()


@settings(max_examples=100, deadline=None)
@given(frames)
def test_everything_comes_in_order_but_quotes_that_were_replaced(texts: list[str]) -> None:
    parser = Parser(ITEMS)
    columns = ColumnEvents(ITEMS, parser.parse)
    found = columns.events(NativeReader(layouts(ITEMS)).read(texts), 7)
    alone = Parser(ITEMS)
    whole = [event for text in texts for event in alone.parse(text, 7)]
    kept = [event for event in whole if type(event) is not Quote]
    assert [event for event in found if type(event) is not Quote] == kept
    latest = {event.symbol: event for event in whole if type(event) is Quote}
    assert {event.symbol: event for event in found if type(event) is Quote} == latest
    assert len(found) + columns.replaced == len(whole)


def test_a_quote_read_by_the_parser_is_not_overwritten_by_an_older_one_of_the_columns() -> None:
    fast = next(text for text in FRAMES if "@bookTicker" in text)
    data = json.loads(fast)
    data["data"]["b"], data["data"]["u"] = data["data"]["b"].replace(".", "0.")[1:], data["data"]["u"] + 1
    slow = json.dumps(data)  # its spaces fit no layout
    for texts in ([fast, slow], [slow, fast], [fast, slow, fast], [slow, fast, slow]):
        columns = ColumnEvents(ITEMS, Parser(ITEMS).parse)
        found = columns.events(NativeReader(layouts(ITEMS)).read(texts), 7)
        assert found[-1] == Parser(ITEMS).parse(texts[-1], 7)[0] and len(found) + columns.replaced == len(texts)


def test_every_recorded_frame_fits_and_both_readers_agree_on_the_session(node: NodeReader) -> None:
    native = NativeReader(TOLD)
    for at in range(0, len(FRAMES), 5000):
        part = FRAMES[at : at + 5000]
        found = native.read(part)
        assert found.left == [] and found.messages == len(part)
        assert plain(node.read(part)) == plain(found)
        assert plain(node.read([f"[{','.join(part)}]"])) == plain(found)


def test_what_is_no_text_is_left_over(node: NodeReader) -> None:
    for odd in ([None], [5], [""], ["[]"]):
        assert plain(node.read(odd)) == plain(NativeReader(TOLD).read(odd)) == ([[], [], []], [], [(0, odd[0])], 1)


def test_a_list_of_which_one_message_does_not_fit_is_left_whole(node: NodeReader) -> None:
    depth, quote = next(text for text in FRAMES if "@depth" in text), next(text for text in FRAMES if "@book" in text)
    texts = [quote, f"[{depth},{quote},{depth},{quote[:-1]}]", depth]
    found = node.read(texts)
    assert plain(found) == plain(NativeReader(TOLD).read(texts))
    assert [len(table) for table in found.tables] == [6, 0, 7] and found.left == [(1, texts[1])]


def test_numbers_beyond_a_double_stay_exact(node: NodeReader) -> None:
    told = Layouts((Layout('{"s":"<row:0>","p":"<units:0>","i":<int:100>}'),), (("A",),), ((8,),))
    node_reader = NodeReader(told)
    try:
        for text, units in (("92233720368.54775807", 2**63 - 1), ("90071992.54740993", 2**53 + 1), ("0.00000001", 1), ("90071992.547409930", 2**53 + 1)):
            frame = json.dumps({"s": "A", "p": text, "i": 99}, separators=(",", ":"))
            assert plain(node_reader.read([frame])) == plain(NativeReader(told).read([frame])) == ([[0, 0, units, 99]], [], [], 1)
        for price, number in (("92233720368.54775808", 1), ("0.000000001", 1), ("1", 100), ("0", 1)):
            frame = f'{{"s":"A","p":"{price}","i":{number}}}'
            assert plain(node_reader.read([frame])) == plain(NativeReader(told).read([frame])) == ([[]], [], [(0, frame)], 1)
    finally:
        node_reader.close()
