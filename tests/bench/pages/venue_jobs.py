"""What bench_venues measures, in Pyodide: frames in a JS array to the desk's market state, by way of objects and of columns."""

from __future__ import annotations

import gc
import json

from app.market.state import MarketState
from app.model.instrument import Instrument
from app.model.orders import Side
from app.platform.browser.columns import BrowserFrames, BrowserReader
from app.venues.binance import columns as binance_columns
from app.venues.binance.parse import Parser as Binance
from app.venues.bitstamp import columns as bitstamp_columns
from app.venues.bitstamp.parse import Parser as Bitstamp
from app.venues.coinbase import columns as coinbase_columns
from app.venues.coinbase.advanced import Parser as Coinbase
from app.venues.kraken import columns as kraken_columns
from app.venues.kraken.v2 import Parser as Kraken
from app.venues.usdm import columns as usdm_columns
from app.venues.usdm.parse import Parser as UsdM

RECV = 1_723_161_255_000_000_000
VENUES = {
    "binance": (Binance, binance_columns),
    "usdm": (UsdM, usdm_columns),
    "coinbase": (Coinbase, coinbase_columns),
    "kraken": (Kraken, kraken_columns),
    "bitstamp": (Bitstamp, bitstamp_columns),
}
gc.set_threshold(50_000, 20, 20)


def job(venue: str, told: str, way: str) -> dict:
    """``take`` frames as "objects" or "columns" into a market state, or only into columns ("reading")."""
    kind, module = VENUES[venue]
    items = [Instrument(**row) for row in json.loads(told)]
    parser, reader, state = kind(items), BrowserReader(module.layouts(items)), MarketState(items)
    numbered = getattr(parser.columns, "numbered", None)
    expected = None

    def objects(texts) -> None:
        frames = list(BrowserFrames(texts))
        state.apply([event for text in frames for event in parser.parse(text, RECV)])

    def columns(texts) -> None:
        nonlocal expected
        found = reader.read(BrowserFrames(texts))
        if numbered is None:
            events = parser.columns.events(found, RECV)
        else:
            events, expected, hole = numbered(found, RECV, expected)
            assert not hole
        state.apply(events)

    def reading(texts) -> None:
        found = reader.read(BrowserFrames(texts))
        assert found.messages >= len(texts)

    def known() -> str:
        rows = []
        for item in items:
            book, last = state.book(item.symbol), state.last(item.symbol)
            rows.append((book.state, *(book.levels(side, 20) for side in Side), last and (last.trade_id, last.price, last.size), state.quote(item.symbol)))
        return repr(rows)

    return {"take": {"objects": objects, "columns": columns, "reading": reading}[way], "told": known}
