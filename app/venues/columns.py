"""What the columns of all venues have in common: a level of a book, trades as events, and venues whose quotes come from their books.

`BookEvents` is for those: their messages are trades and books, which are events whatever comes how fast. The state of a book is made change by
change, and a trade has to stay between the changes it came between, so whole tables of trades would save nothing (docs/ingest.md has figures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from app.model.instrument import Instrument
from app.model.market import TRADE_WIDTH, Level, MarketEvent, Rejected, Trade
from app.platform.columns import Columns, Layout, Layouts

from .wire import END_OF_TIME_NS

PAIR = '["<units:0>","<units0:1>"]'
"""A level as [price, size], in the scales of its row."""
MICROS = f"<int:{END_OF_TIME_NS // 1000},1>"
by_order = itemgetter(0)
_new = tuple.__new__
"""Makes a NamedTuple without the call in between."""


def layouts_of(kinds: tuple[Layout, ...], instruments: Iterable[tuple[str, Instrument]], *, many: bool = False, lower: bool = False) -> Layouts:
    """Layouts whose rows are these names, in the scales of prices and sizes of their instruments; ``lower``: a second variant of the names."""
    names, items = zip(*instruments, strict=True)
    variants = (names, tuple(map(str.lower, names))) if lower else (names,)
    return Layouts(kinds, variants, tuple([(item.price_scale, item.size_scale) for item in items]), many)


def trades_of(symbols: Sequence[str], table: Sequence[int], recv: int, unit_ns: int, width: int = TRADE_WIDTH) -> list[Trade]:
    """Trades of a table with the columns of `Ticks`; what is behind them does not matter."""
    return [
        _new(Trade, (symbols[row], ts * unit_ns, recv, price, size, sold == 1, str(number)))
        for _, row, number, price, size, ts, sold, *_ in zip(*[iter(table)] * width, strict=True)
    ]


def pairs_of(levels: memoryview) -> list[Level]:
    """Levels as they stand in lists of `PAIR`."""
    flat = levels.tolist()
    return list(zip(flat[::2], flat[1::2], strict=True))


class BookEvents:
    """A venue's trades (in the columns of `Ticks`, more may follow) and books, in two tables. ``parse`` reads what fits no layout: a text and its
    receive time (ns UTC) to events."""

    gives_ticks = False
    replaced = 0
    unit_ns = 1
    trade_width = TRADE_WIDTH

    def __init__(self, symbols: Sequence[str], parse: Callable[[str, int], list[MarketEvent | Rejected]]) -> None:
        self.symbols = tuple(symbols)
        self._parse = parse

    def events(self, columns: Columns, recv: int) -> list[MarketEvent | Rejected]:
        """Everything in order."""
        return [event for _, event in self.merged(columns, recv, [(at, event) for at, text in columns.left for event in self._parse(text, recv)])]

    def merged(self, columns: Columns, recv: int, rest: list[tuple[int, MarketEvent | Rejected]]) -> list[tuple[int, MarketEvent | Rejected]]:
        """The same beside the orders of their messages; ``rest``: what was made of the frames left over."""
        trades, books = (table.tolist() for table in columns.tables)
        out = list(zip(trades[:: self.trade_width], trades_of(self.symbols, trades, recv, self.unit_ns, self.trade_width), strict=True))
        if books or rest:
            out += self.books(books, columns.levels, recv)
            out += rest
            out.sort(key=by_order)
        return out

    def books(self, table: Sequence[int], levels: memoryview, recv: int) -> Iterable[tuple[int, MarketEvent]]:
        """What the table of books says, beside the orders."""
        raise NotImplementedError
