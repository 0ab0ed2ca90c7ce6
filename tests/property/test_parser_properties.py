"""No text whatever makes a parser raise, and whatever it lets through makes sense."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.state import MarketState
from app.model.market import BookDelta, BookSnapshot, Quote, Rejected, Trade
from app.model.units import BadNumber, parse_units
from app.venues.alpaca.parse import Parser as Alpaca
from app.venues.alpaca.rules import instrument as equity
from app.venues.binance.parse import Parser as Binance
from app.venues.bitstamp.parse import Parser as Bitstamp
from app.venues.coinbase.advanced import Parser as CoinbaseAdvanced
from app.venues.coinbase.parse import Parser as Coinbase
from app.venues.kraken.parse import Parser as Kraken
from app.venues.kraken.v2 import Parser as KrakenV2
from app.venues.usdm.parse import Parser as UsdM
from app.venues.wire import Units
from tests.unit.venues.recorded import messages, sessions
from tests.venues.alpaca_sim.ledger import Stock
from tests.venues.alpaca_sim.streams import quote, trade
from tests.venues.sims.hand import Hand, exchange_of

VENUES = {
    "binance-btcusdt-2024": Binance,
    "coinbase-2021": Coinbase,
    "kraken-2021": Kraken,
    "bitstamp-2022": Bitstamp,
    "kraken": KrakenV2,
    "coinbase": CoinbaseAdvanced,
    "bitstamp": Bitstamp,
    "usdm": UsdM,
    "alpaca": Alpaca,
}
"""By recording, or by emulator where there is none of the live feed."""
HOSTILE = ["NaN", "Infinity", "-1", "-0.00000001", "1e400", "1E-400", "0x1", "", " 1", "1_0", "９", "9" * 40, "0.000000000000001"]
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def alpaca() -> tuple[list, list[str]]:
    """A stock, and what the emulated stream says of it."""
    stock = Stock("AAPL", "Apple", Decimal("189.97"), Decimal("190.03"), last=Decimal("190.01"))
    subscribed = {"T": "subscription", "trades": ["AAPL"], "quotes": ["AAPL"]}
    greeting = [{"T": "success", "msg": "connected"}], [subscribed], [{"T": "error", "code": 402, "msg": "no"}]
    told = [[quote(stock, 1_700_000_000 * 10**9 + n), trade(stock, Decimal(n + 1), 1_700_000_001 * 10**9 + n)] for n in range(4)]
    return [equity("AAPL")], [json.dumps(each) for each in (*greeting, *told)]


@cache
def emulated(name: str) -> tuple[list, list[str]]:
    """Instruments of an emulator, and what it sends to a venue that connects."""
    if name == "alpaca":
        return alpaca()
    heard: list[str] = []

    async def listen() -> list:
        exchange = exchange_of(name, levels=4)
        say = exchange.say
        exchange.say = lambda client, text, data=True: (heard.append(text), say(client, text, data))
        desk = await Hand(exchange).start()
        await desk.step(20)
        return desk.venue.instruments()

    return asyncio.run(listen()), heard


def instruments(name: str) -> list:
    return sessions()[name].instruments if name in sessions() else emulated(name)[0]


@cache
def frames(name: str) -> list[str]:
    """Some of every kind of frame, not too long."""
    found: dict[str, list[str]] = {}
    heard = [message.raw for message in messages(name) if message.direction == "recv"] if name in sessions() else emulated(name)[1]
    for text in heard:
        if len(text) < 3000:
            found.setdefault(text[:24], []).append(text)
    return [text for group in found.values() for text in group[:6]]


def check(parser: object, name: str, text: object) -> list:
    events = parser.parse(text, 5)
    state = MarketState(instruments(name))
    for event in events:
        if isinstance(event, Rejected):
            assert len(event.sample) < 300
            assert len(event.reason) < 300
            continue
        assert event.recv == 5
        if type(event) is Quote:
            assert event.bid >= 0 <= event.ask
            assert not event.bid_size or not event.ask_size or event.bid < event.ask
        elif type(event) is Trade:
            assert event.price > 0 < event.size
        elif type(event) in (BookSnapshot, BookDelta):
            assert all(price > 0 <= size for price, size in event.bids + event.asks)
        state.apply([event])
    return events


@pytest.mark.parametrize("name", VENUES)
@given(text=st.text(max_size=200) | JSONISH.map(json.dumps))
@settings(max_examples=100, deadline=None)
def test_any_text(name: str, text: str) -> None:
    check(VENUES[name](instruments(name)), name, text)


@pytest.mark.parametrize("name", VENUES)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_recorded_frames_with_a_value_replaced(name: str, data: st.DataObject) -> None:
    parser = VENUES[name](instruments(name))
    frame = json.loads(data.draw(st.sampled_from(frames(name))))
    holder, key = frame, None
    while isinstance(holder, (dict, list)) and holder:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(holder[key], (dict, list)) or not holder[key] or data.draw(st.booleans()):
            break
        holder = holder[key]
    if key is not None:
        holder[key] = data.draw(JSONISH)
    check(parser, name, json.dumps(frame))


@pytest.mark.parametrize("name", VENUES)
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_recorded_frames_cut_doubled_and_spliced(name: str, data: st.DataObject) -> None:
    parser = VENUES[name](instruments(name))
    text = data.draw(st.sampled_from(frames(name)))
    other = data.draw(st.sampled_from(frames(name)))
    at, to = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(other)))
    for form in (text[:at], text[at:], text + other, text[:at] + other[to:], text[:at] + "\x00" + text[at:], text[::-1]):
        check(parser, name, form)


@pytest.mark.parametrize("name", VENUES)
def test_recorded_frames_in_any_company_mean_what_they_mean_alone(name: str) -> None:
    fresh, used = VENUES[name](instruments(name)), VENUES[name](instruments(name))
    for text in frames(name):
        used.parse("<html>" + text, 1)
        used.parse(text.replace("1", "NaN"), 1)
        assert used.parse(text, 5) == fresh.parse(text, 5)


@given(
    st.sampled_from(HOSTILE)
    | st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{0,10})?", fullmatch=True)
    | st.text(alphabet="0123456789.-+eE_ ９", max_size=12),
    st.integers(0, 10),
)
@settings(max_examples=500, deadline=None)
def test_fast_units_agree_with_the_exact_reading(text: str, scale: int) -> None:
    try:
        expected = parse_units(text, scale)
    except BadNumber:
        expected = None
    if expected is not None and expected < 0:
        expected = None
    try:
        found = Units(scale, 0)[text]
    except BadNumber:
        found = None
    assert found == expected
