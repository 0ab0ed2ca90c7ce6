"""What Kraken's messages look like (WebSocket v2): trades, several in one message, and changes of books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta
from app.platform.columns import Layout, Layouts

from ..columns import BookEvents, layouts_of, pairs_of

TRADE = Layout(
    '{"channel":"trade","type":"update","data":<each:0>}',
    parts=(
        '{"symbol":"<row:0>","side":"<one:buy|sell>","price":<number:0>,"qty":<number:1>,"ord_type":"<text>","trade_id":<int>,"timestamp":"<time>"}',
    ),
    keep=(4, 1, 2, 0, 3),
)
BOOK = Layout(
    '{"channel":"book","type":"update","data":[{"symbol":"<row:0>","bids":<list:0>,"asks":<list:0>,"checksum":<int>,"timestamp":"<time>"}]}',
    parts=('{"price":<number:0>,"qty":<number0:1>}',),
)
_BOOK_WIDTH = BOOK.width


def layouts(instruments: Sequence[Instrument]) -> Layouts:
    """What the feed looks like, a row for each instrument."""
    return layouts_of((TRADE, BOOK), [(item.native, item) for item in instruments])


class KrakenEvents(BookEvents):
    """Changes of books carry the checksum of the book after them."""

    def books(self, table: Sequence[int], levels: memoryview, recv: int) -> Iterator[tuple[int, BookDelta]]:
        """Changes."""
        pairs, at = pairs_of(levels), 0
        for order, row, bids, asks, checksum, ts in zip(*[iter(table)] * _BOOK_WIDTH, strict=True):
            middle, end = at + bids, at + bids + asks
            yield order, BookDelta(self.symbols[row], ts, recv, tuple(pairs[at:middle]), tuple(pairs[middle:end]), 0, 0, checksum)
            at = end
