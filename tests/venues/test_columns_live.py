"""Venues read in columns, over real sockets: all their quotes, trades and books fit the layouts, and what is known in the end is the exchange's."""

from __future__ import annotations

import json

import pytest

from app.model.market import BookDelta, BookSnapshot, Trade
from app.platform.columns import Columns, NativeReader
from app.venues.several import SeveralVenues
from tests.venues.live_desk import until
from tests.venues.sims.hand import LIVE, NATIVES, exchange_of, symbol_of
from tests.venues.sims.server import Served
from tests.venues.test_sdk_streaming import Sink, our


class Watched(NativeReader):
    """Remembers what fitted nothing."""

    def read(self, frames: list[str]) -> Columns:
        found = super().read(frames)
        self.left = [*getattr(self, "left", ()), *(text for _, text in found.left)]
        return found


def carries_news(text: str) -> bool:
    """Whether a message is about trades or changes of a book: snapshots at the start, beats and answers go to the parser."""
    data = json.loads(text)
    if "stream" in data or data.get("event") in ("data", "trade"):
        return True
    events = data.get("events", [data])
    return data.get("channel") in ("book", "trade", "l2_data", "market_trades") and any(event.get("type") == "update" for event in events)


@pytest.mark.parametrize("name", LIVE)
async def test_what_a_venue_streams_fits_its_layouts(name: str) -> None:
    native = NATIVES[name][0]
    symbol = symbol_of(name, native)
    async with Served(exchange_of(name, (native,)), every_s=0.005) as served:
        venue = our(name, served)
        venue._sockets.columns = Watched
        kinds: set[type] = set()
        deliver = venue._deliver
        venue._deliver = lambda events, ns: (kinds.update(map(type, events)), deliver(events, ns))
        venue.hand_on_every([symbol])  # before it knows its instruments
        sink = await Sink(venue).start()
        if name == "usdm":
            assert venue.parser.columns.every == {0}
            SeveralVenues([venue], venue.scheduler).hand_on_every([])
            assert venue.parser.columns.every == frozenset()
        await until(lambda: {Trade, BookSnapshot} <= kinds and (BookDelta in kinds or name == "bitstamp"), "trades and books")
        await until(lambda: sink.state.book(symbol).is_trusted and len(sink.state.trades(symbol)) > 3, "more of it")
        venue.stop()
        assert venue.reader.left and not [text for text in venue.reader.left if carries_news(text)]
        assert venue.rejected == 0 and not venue.resyncs
