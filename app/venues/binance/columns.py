"""Binance's stream frames by way of columns: the same events as `parse.Parser`, for what a burst of frames costs one.

Quotes of a batch that a later one of the same instrument in the batch replaces are left out (``replaced`` counts them): nobody could have seen
them. Trades and depth differences all come, in order. What fits no layout goes through the parser.

Once the desk takes columns (``whole``), quotes and trades come as they are, as one `Ticks` before the differences. Trades of an instrument whose
book changes in the same batch stay events: which came first matters to an order that waits in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence

from app.model.instrument import Instrument
from app.model.market import QUOTE_WIDTH, TRADE_WIDTH, BookDelta, MarketEvent, Quote, Rejected, Ticks
from app.platform.columns import Columns, Layout, Layouts

from ..columns import PAIR, by_order, layouts_of, pairs_of, trades_of
from ..wire import END_OF_TIME_NS, MS

TIME = f"<int:{END_OF_TIME_NS // MS}>"
ANY = 2**53
MAX_SPAN = 1_000_000
"""Most update ids one depth diff may span; more is nonsense that would make every later diff look old."""
QUOTE = Layout(
    '{"stream":"<row:1>@bookTicker","data":{"u":<skip>,"s":"<row:0>","b":"<units:0>","B":"<units:1>","a":"<units:0>","A":"<units:1>"}}',
    ((0, 2, 1, ANY),),
)
TRADE = Layout(
    '{"stream":"<row:1>@trade","data":{"e":"trade","E":<skip>,"s":"<row:0>","t":<int>,"p":"<units:0>","q":"<units:1>",'
    f'"T":{TIME},"m":<flag>,"M":<skipflag>}}}}'
)
DEPTH = Layout(
    f'{{"stream":"<row:1>@depth@100ms","data":{{"e":"depthUpdate","E":{TIME},"s":"<row:0>","U":<int>,"u":<int>,"b":<list:0>,"a":<list:0>}}}}',
    ((1, 2, 0, MAX_SPAN),),
    (PAIR,),
)
_new = tuple.__new__


def layouts(instruments: Sequence[Instrument], many: bool = False, kinds: tuple[Layout, Layout, Layout] = (QUOTE, TRADE, DEPTH)) -> Layouts:
    """What the streams look like, a row for each instrument: quotes, trades and differences, named in capitals and small."""
    return layouts_of(kinds, [(item.native, item) for item in instruments], many=many, lower=True)


class ColumnEvents:
    """``rest`` reads what fits no layout: a text and its receive time (ns UTC) to events. ``chained``: a difference names the id of the one before
    it, behind its own two, and begins right after that one."""

    gives_ticks = True

    def __init__(self, instruments: Sequence[Instrument], rest: Callable[[str, int], list[MarketEvent | Rejected]], chained: bool = False) -> None:
        self._chained, self._depth_width = chained, DEPTH_WIDTH + chained
        self._symbols = tuple([item.symbol for item in instruments])
        self._rest = rest
        self.replaced = 0
        self.whole = False
        """Whether quotes and trades are handed on in columns."""
        self.every: frozenset[int] = frozenset()
        """Rows of which every quote comes, and in its place: as events, whatever comes of the others."""

    def events(self, columns: Columns, recv: int) -> list[MarketEvent | Rejected]:
        """Trades, differences and what the parser made of the rest in order, then the last quote of each instrument."""
        if self.whole and not columns.left:
            return self._ticks(columns, recv)
        quotes, trades, depth = [table.tolist() for table in columns.tables]
        symbols = self._symbols
        events: list[MarketEvent | Rejected] = trades_of(symbols, trades, recv, MS)
        every: list[tuple[int, Quote]] = []
        if self.every:
            quotes, apart = _parted(quotes, self.every, QUOTE_WIDTH)
            every = self._quotes(apart, recv)
        rest: list[tuple[int, MarketEvent | Rejected]] = []
        if columns.left:
            rest = [(order, event) for order, text in columns.left for event in self._rest(text, recv)]
        if depth or rest or every:
            out = [*zip(trades[::TRADE_WIDTH], events, strict=True), *self._differences(depth, columns.levels, recv), *rest, *every]
            out.sort(key=by_order)
            events = [event for _, event in out]
        if quotes:
            latest = dict(zip(quotes[1::QUOTE_WIDTH], zip(*[iter(quotes)] * QUOTE_WIDTH, strict=True), strict=True))
            if rest:  # what the parser read of an instrument may have come after its last quote here
                came = {event.symbol: order for order, event in rest if type(event) is Quote}
                latest = {row: found for row, found in latest.items() if came.get(symbols[row], -1) < found[0]}
            self.replaced += len(quotes) // QUOTE_WIDTH - len(latest)
            events += [_new(Quote, (symbols[row], 0, recv, bid, bids, ask, asks)) for _, row, bid, bids, ask, asks in latest.values()]
        return events

    def _ticks(self, columns: Columns, recv: int) -> list[MarketEvent]:
        quotes, trades, depth = columns.tables
        events: list[MarketEvent] = []
        if depth or self.every:
            found: list[tuple[int, MarketEvent]] = [*self._differences(depth.tolist(), columns.levels, recv)]
            singly = self.every | {*depth[1 :: self._depth_width].tolist()}
            if not singly.isdisjoint(trades[1::TRADE_WIDTH].tolist()):
                others, apart = _parted(trades.tolist(), singly, TRADE_WIDTH)
                trades = memoryview(array("q", others))
                found += zip(apart[::TRADE_WIDTH], trades_of(self._symbols, apart, recv, MS), strict=True)
            if not self.every.isdisjoint(quotes[1::QUOTE_WIDTH].tolist()):
                others, apart = _parted(quotes.tolist(), self.every, QUOTE_WIDTH)
                quotes = memoryview(array("q", others))
                found += self._quotes(apart, recv)
            found.sort(key=by_order)
            events = [event for _, event in found]
        return [Ticks(self._symbols, recv, trades, quotes, MS), *events] if trades or quotes else events

    def _quotes(self, quotes: list[int], recv: int) -> list[tuple[int, Quote]]:
        symbols = self._symbols
        return [(order, _new(Quote, (symbols[row], 0, recv, *sides))) for order, row, *sides in zip(*[iter(quotes)] * QUOTE_WIDTH, strict=True)]

    def _differences(self, depth: list[int], levels: memoryview, recv: int) -> Iterator[tuple[int, BookDelta]]:
        if not depth:
            return
        pairs, at = pairs_of(levels), 0
        for order, row, ts, first, last, *before, bids, asks in zip(*[iter(depth)] * self._depth_width, strict=True):
            middle, end = at + bids, at + bids + asks
            first = before[0] + 1 if before else first
            yield order, BookDelta(self._symbols[row], ts * MS, recv, tuple(pairs[at:middle]), tuple(pairs[middle:end]), first, last)
            at = end


def _parted(table: list[int], rows: Collection[int], width: int) -> tuple[list[int], list[int]]:
    """The records of other rows, and those of these."""
    others: list[int] = []
    apart: list[int] = []
    for record in zip(*[iter(table)] * width, strict=True):
        (apart if record[1] in rows else others).extend(record)
    return others, apart


DEPTH_WIDTH = DEPTH.width
