"""What bench_ingest and bench_quotes measure, in Pyodide: frames in a JS array to what the desk knows."""

from __future__ import annotations

import gc

import numpy as np
from pyodide.ffi import to_js

from app.market.barcolumns import BarColumns
from app.market.following import Following
from app.market.indicators import find
from app.market.quotes import QuoteStore
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.platform.browser.columns import BrowserFrames, BrowserReader
from app.venues.binance.columns import into_store, layouts
from app.venues.binance.parse import Parser

RECV = 1723161255000000000
STUDIES = (("SMA", {"timeperiod": 20}), ("EMA", {"timeperiod": 20}), ("RSI", {"timeperiod": 14}), ("ATR", {"timeperiod": 14}), ("APO", {}))
gc.set_threshold(50_000, 20, 20)


def instruments(symbols: str) -> list[Instrument]:
    return [Instrument(name, "binance", name, name[:-4], "USDT", 8, 8) for name in symbols.split()]


def state(symbols: str) -> dict:
    """The desk's own state, of events."""
    items = instruments(symbols)
    market, parser, reader = MarketState(items), Parser(items), BrowserReader(layouts(items))

    def take(texts):
        market.apply(parser.columns.events(reader.read(BrowserFrames(texts)), RECV))

    def told():
        rows = []
        for item in items:
            quote, trade = market.quote(item.symbol), market.last(item.symbol)
            quoted = quote[3:] if quote else (0, 0, 0, 0)
            rows.append(" ".join(map(str, (item.symbol, *quoted, *((trade.price, trade.size, trade.trade_id) if trade else (0, 0, 0))))))
        return "\n".join(rows)

    return {"take": take, "told": told}


class Store:
    """The quote store; with bars and indicators where asked for."""

    def __init__(self, symbols: str, full: bool) -> None:
        self.items = instruments(symbols)
        size = len(self.items)
        bars = [BarColumns(size, width) for width in (1, 60)] if full else []
        self.store = QuoteStore([item.symbol for item in self.items], bars)
        self.reader = BrowserReader(layouts(self.items, many=True))
        self.following = Following(bars[0], [find(name).build(**given) for name, given in STUDIES], [(8, 8)] * size) if full else None
        self.seen = self.store.subscribe()
        self.shown = np.full((size, len(STUDIES)), np.nan)

    def take(self, texts) -> None:
        into_store(self.reader.read(BrowserFrames(texts)), self.store, RECV)

    def look(self) -> None:
        """The indicators of what changed."""
        rows = self.seen.take(0)
        rows = rows[self.store.bars[0].counts[rows] > 0]
        if len(rows):
            for at, found in enumerate(self.following.values(rows)):
                self.shown[rows, at] = found[0]

    def told(self) -> str:
        store = self.store
        columns = (store.bid, store.bid_size, store.ask, store.ask_size, store.last, store.last_size, store.last_id)
        return "\n".join(" ".join(map(str, row)) for row in zip(store.symbols, *(column.tolist() for column in columns), strict=True))

    def bars(self) -> str:
        rows = np.concatenate([bars.now[:6] for bars in self.store.bars]).T
        return "\n".join(" ".join(map(str, row)) for row in rows.tolist())

    def values(self):
        self.look()
        return self.shown.ravel().tolist()


def store(symbols: str) -> dict:
    one = Store(symbols, False)
    return {"take": one.take, "told": one.told}


def full(symbols: str) -> dict:
    one = Store(symbols, True)
    return {"take": one.take, "told": one.told, "look": one.look, "values": one}


def shown(symbols: str) -> dict:
    """The quote store with everything, and the rows that changed as the page shows them."""
    one = Store(symbols, True)
    store = one.store

    def take(texts) -> int:
        before = store.ticks
        one.take(texts)
        return store.ticks - before

    def rows():
        changed = one.seen.take(0)
        table = np.empty((9, len(changed)))
        table[0] = changed
        for at, column in enumerate((store.bid, store.ask, store.last), 1):
            table[at] = column[changed]
        for at, found in enumerate(one.following.values(changed), 4):
            table[at] = found[0]
        return to_js(memoryview(table.T.ravel()))

    return {"take": take, "rows": rows}
