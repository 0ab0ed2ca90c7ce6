"""What Bitstamp's messages look like: trades and whole books, which name the instrument behind all amounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.model.instrument import Instrument
from app.model.market import BookSnapshot
from app.platform.columns import Layout, Layouts

from ..columns import MICROS, PAIR, BookEvents, layouts_of, pairs_of

TRADE = Layout(
    '{"data":{"id":<int>,"timestamp":"<text>","amount":<decimal>,"amount_str":"<units:1>","price":<decimal>,"price_str":"<units:0>","type":<one:0|1>,'
    f'"microtimestamp":"{MICROS}","buy_order_id":<decimal>,"sell_order_id":<decimal>}},"channel":"live_trades_<row:0>","event":"trade"}}',
    keep=(0, 2, 1, 4, 3),
)
BOOK = Layout(
    f'{{"data":{{"timestamp":"<text>","microtimestamp":"{MICROS}","bids":<list:0>,"asks":<list:0>}},"channel":"order_book_<row:0>","event":"data"}}',
    parts=(PAIR,),
)
_BOOK_WIDTH = BOOK.width


def layouts(instruments: Sequence[Instrument]) -> Layouts:
    """What the feed looks like, a row for each instrument."""
    return layouts_of((TRADE, BOOK), [(item.native, item) for item in instruments])


class BitstampEvents(BookEvents):
    """Times are microseconds; those of books are their numbers too."""

    unit_ns = 1000

    def books(self, table: Sequence[int], levels: memoryview, recv: int) -> Iterator[tuple[int, BookSnapshot]]:
        """Whole books."""
        pairs, at = pairs_of(levels), 0
        for order, row, micros, bids, asks in zip(*[iter(table)] * _BOOK_WIDTH, strict=True):
            middle, end = at + bids, at + bids + asks
            yield order, BookSnapshot(self.symbols[row], micros * 1000, recv, tuple(pairs[at:middle]), tuple(pairs[middle:end]), micros)
            at = end
