"""One market read by several publishers: what changed in a series of bars is told to each of them once.

A series says once which of its bars have changed. Where two pages look at the same bars, the one that asks takes the news for both.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

_time = itemgetter(0)


class SharedMarket:
    """The market and its readers."""

    def __init__(self, market: Any) -> None:
        self.market = market
        self.readers: list[Reader] = []

    def reader(self, publisher: Any) -> Reader:
        """One more reader: the market as this publisher sees it."""
        made = Reader(self, publisher)
        self.readers.append(made)
        publisher.read_through(made)
        return made


class Reader:
    """The market for one publisher; everything but changes of bars is the market's own."""

    def __init__(self, shared: SharedMarket, publisher: Any) -> None:
        self._shared, self._publisher = shared, publisher
        self.news: dict[tuple[str, str], dict[int, tuple]] = {}
        """Changed bars that another reader has taken, by series and time."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared.market, name)

    def looks_at(self, key: tuple[str, str]) -> bool:
        """Whether a chart of its page shows the bars of this symbol and timeframe."""
        return self._publisher.charts.shows(key)

    def bars(self, symbol: str, timeframe: str) -> ReadSeries:
        """As the market's."""
        return ReadSeries(self, self._shared.market.bars(symbol, timeframe), (symbol, timeframe))

    def release_bars(self, symbol: str, timeframe: str) -> None:
        """This reader looks at these bars no more; they are let go once nobody looks at them."""
        self.news.pop((symbol, timeframe), None)
        if not self.others((symbol, timeframe)):
            self._shared.market.release_bars(symbol, timeframe)

    def others(self, key: tuple[str, str]) -> list[Reader]:
        """Who else looks at these bars."""
        return [reader for reader in self._shared.readers if reader is not self and reader.looks_at(key)]

    def leave(self) -> None:
        """Its page is gone."""
        self._shared.readers.remove(self)
        for symbol, timeframe in {chart.key for chart in self._publisher.charts}:
            self.release_bars(symbol, timeframe)


class ReadSeries:
    """A series of bars for one reader."""

    def __init__(self, reader: Reader, series: Any, key: tuple[str, str]) -> None:
        self._reader, self._series, self._key = reader, series, key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._series, name)

    def __len__(self) -> int:
        return len(self._series)

    def take_changed(self) -> list[tuple]:
        """What has changed since this reader last asked, oldest first."""
        rows = self._series.take_changed()
        for other in self._reader.others(self._key) if rows else ():
            other.news.setdefault(self._key, {}).update((row[0], row) for row in rows)
        if not (news := self._reader.news.pop(self._key, None)):
            return rows
        mine = {**news, **{row[0]: row for row in rows}}
        return sorted(mine.values(), key=_time)
