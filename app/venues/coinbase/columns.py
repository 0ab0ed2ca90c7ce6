"""What Coinbase's Advanced Trade messages look like: numbered changes of books and trades, several in one message and the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.model.instrument import Instrument
from app.model.market import BookDelta, MarketEvent, Rejected
from app.platform.columns import Columns, Layout, Layouts

from ..columns import BookEvents, layouts_of

TRADE = Layout(
    '{"channel":"market_trades","client_id":"<text>","timestamp":"<text>","sequence_num":<int>,"events":[{"type":"update","trades":<each:0>}]}',
    parts=(
        '{"product_id":"<row:0>","trade_id":"<int>","price":"<units:0>","size":"<units:1>","time":"<time>","side":"<one:SELL|BUY>"}',
    ),
    keep=(5, 0, 1, 2, 3, 4),
    rising=3,
)
"""The side is the maker's: where it is BUY, the aggressor sold."""
BOOK = Layout(
    '{"channel":"l2_data","client_id":"<text>","timestamp":"<time>","sequence_num":<int>,'
    '"events":[{"type":"update","product_id":"<row:0>","updates":<list:0>}]}',
    parts=('{"side":"<one:bid|offer|ask>","event_time":"<text>","price_level":"<units:0>","new_quantity":"<units0:1>"}',),
)
_BOOK_WIDTH = BOOK.width
_TRADE_NUMBER, _BOOK_NUMBER = TRADE.width - 1, 3


def names_of(instruments: Sequence[Instrument]) -> list[tuple[str, Instrument]]:
    """Every name that the feed may give an instrument: a -USDC product may come back as -USD."""
    names = {item.native: item for item in instruments}
    for native, item in list(names.items()):
        if native.endswith("-USDC"):
            names.setdefault(native[:-1], item)
    return list(names.items())


def layouts(instruments: Sequence[Instrument]) -> Layouts:
    """What the feed looks like, a row for each name."""
    return layouts_of((TRADE, BOOK), names_of(instruments))


class CoinbaseEvents(BookEvents):
    """`parse` gives the number of a frame beside its events (`advanced.Parser.frame`)."""

    trade_width = TRADE.width

    def numbered(self, columns: Columns, recv: int, expected: int | None) -> tuple[list[MarketEvent | Rejected], int | None, str]:
        """Events up to a hole in the numbers, without messages that came before; the number expected next (None: any), and what hole there is."""
        trades, books = columns.tables
        numbers = dict(zip(trades[:: self.trade_width], trades[_TRADE_NUMBER :: self.trade_width], strict=True))
        numbers |= zip(books[::_BOOK_WIDTH], books[_BOOK_NUMBER::_BOOK_WIDTH], strict=True)
        left, rest, again, hole = dict(columns.left), [], set(), ""
        end = columns.messages
        for at in range(end):
            number, found = self._parse(left[at], recv) if at in left else (numbers[at], ())
            if number is not None:
                if expected is not None and number > expected:
                    hole, end = f"message {expected} expected, {number} received", at
                    break
                if expected is not None and number < expected:
                    again.add(at)
                    continue
                expected = number + 1
            rest += [(at, event) for event in found]
        return [event for at, event in self.merged(columns, recv, rest) if at < end and at not in again], expected, hole

    def books(self, table: Sequence[int], levels: memoryview, recv: int) -> Iterator[tuple[int, BookDelta]]:
        """Changes, whose sides come mixed."""
        flat = levels.tolist()
        rows, at = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True)), 0
        for order, row, ts, _, count in zip(*[iter(table)] * _BOOK_WIDTH, strict=True):
            mine = rows[at : at + count]
            bids = tuple([(price, size) for side, price, size in mine if not side])
            asks = tuple([(price, size) for side, price, size in mine if side])
            yield order, BookDelta(self.symbols[row], ts, recv, bids, asks)
            at += count
