"""What bench_ingest and bench_quotes measure, in Pyodide: frames in a JS array to what the desk knows."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import numpy as np
from barcolumns import BarColumns, BarredStore, Following
from pyodide.ffi import to_js

from app.market.glance import ASK, BID, NUMBER, PRICE, SIZE
from app.market.indicators import find
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.model.market import Ticks
from app.platform.browser.columns import BrowserFrames, BrowserReader, ReadFrames
from app.venues.binance.columns import layouts
from app.venues.binance.parse import Parser

RECV = 1723161255000000000
STUDIES = (("SMA", {"timeperiod": 20}), ("EMA", {"timeperiod": 20}), ("RSI", {"timeperiod": 14}), ("ATR", {"timeperiod": 14}), ("APO", {}))
gc.set_threshold(50_000, 20, 20)


def instruments(symbols: str) -> list[Instrument]:
    return [Instrument(name, "binance", name, name[:-4], "USDT", 8, 8) for name in symbols.split()]


WATCHED = 40
"""Instruments of which a look reads quote, last trade and the day's first price, as the watchlist does."""


def market(symbols: str, whole: bool) -> dict:
    """The desk's market state with a look at the watchlist: of objects, or in columns."""
    items = instruments(symbols)
    known, parser, reader = MarketState(items), Parser(items), BrowserReader(layouts(items))
    parser.columns.whole = whole
    news, watched = known.news(), {item.symbol for item in items[:WATCHED]}

    def take(texts):
        known.apply(parser.columns.events(reader.read(BrowserFrames(texts)), RECV))

    def look():
        changed = known.take_changed()
        news.look_at(watched, 0)
        for symbol in (changed | news.take(0)) & watched:
            known.quote(symbol)
            if known.last(symbol) is not None:
                known.base(symbol)

    def told():
        rows = []
        for item in items:
            quote, trade = known.quote(item.symbol), known.last(item.symbol)
            quoted = quote[3:] if quote else (0, 0, 0, 0)
            rows.append(" ".join(map(str, (item.symbol, *quoted, *((trade.price, trade.size, trade.trade_id) if trade else (0, 0, 0))))))
        return "\n".join(rows)

    return {"take": take, "told": told, "look": look}


def state(symbols: str) -> dict:
    """The desk's market state, of objects: as it begins, and stays while little comes."""
    return market(symbols, False)


def store(symbols: str) -> dict:
    """The desk's market state in columns."""
    return market(symbols, True)


class Full:
    """The quote store with bars and indicators."""

    def __init__(self, symbols: str) -> None:
        self.items = instruments(symbols)
        size = len(self.items)
        bars = [BarColumns(size, width) for width in (1, 60)]
        names = tuple([item.symbol for item in self.items])
        self.store = BarredStore(names, bars)
        self.reader = BrowserReader(layouts(self.items, many=True))
        self.following = Following(bars[0], [find(name).build(**given) for name, given in STUDIES], [(8, 8)] * size)
        self.seen = self.store.subscribe()
        self.shown = np.full((size, len(STUDIES)), np.nan)

    def take(self, frames: Sequence[str]) -> None:
        columns = self.reader.read(frames)
        self.store.put(Ticks(self.store.symbols, RECV, columns.tables[1], columns.tables[0], 1_000_000))

    def look(self) -> None:
        """The indicators of what changed."""
        rows = self.seen.take(0)
        rows = rows[self.store.bars[0].counts[rows] > 0]
        if len(rows):
            for at, found in enumerate(self.following.values(rows)):
                self.shown[rows, at] = found[0]

    def told(self) -> str:
        quotes, lasts = self.store.quotes()[:, 2:], self.store.lasts()
        columns = (*quotes.T, lasts[:, PRICE], lasts[:, SIZE], lasts[:, NUMBER])
        return "\n".join(" ".join(map(str, row)) for row in zip(self.store.symbols, *(column.tolist() for column in columns), strict=True))

    def bars(self) -> str:
        rows = np.concatenate([bars.now[:6] for bars in self.store.bars]).T
        return "\n".join(" ".join(map(str, row)) for row in rows.tolist())

    def values(self):
        self.look()
        return self.shown.ravel().tolist()


def full(symbols: str) -> dict:
    one = Full(symbols)
    return {"take": lambda texts: one.take(BrowserFrames(texts)), "told": one.told, "look": one.look, "values": one}


def shown(symbols: str) -> dict:
    """The quote store with everything, for frames that were read beside it, and the rows that changed as the page shows them."""
    one = Full(symbols)
    store = one.store

    def take(count: int, words, left) -> int:
        before = store.ticks + store.waiting
        one.take(ReadFrames(count, words, left))
        return store.ticks + store.waiting - before

    def rows():
        changed = one.seen.take(0)
        table = np.empty((9, len(changed)))
        table[0] = changed
        table[1:3] = store.quotes()[changed][:, [BID, ASK]].T
        table[3] = store.lasts()[changed, PRICE]
        for at, found in enumerate(one.following.values(changed), 4):
            table[at] = found[0]
        return to_js(memoryview(table.T.ravel()))

    return {"take": take, "rows": rows, "told": one.reader.told}
