"""Daily history of listings from the sources into the stored history: asked for when a listing comes into focus, good for a day.

It is kept readable, as one series a source and listing, and drawn behind the live bars as any other stored history.
"""

from __future__ import annotations

from typing import Any

from app.history.errors import HistoryError
from app.history.reading import read
from app.history.store import READABLE
from app.platform.errors import PlatformError
from app.sources.answers import Bar, SourceError
from app.sources.cache import LIFETIMES, NS
from app.sources.chain import Chain
from app.sources.listing import Listing

_AGAIN_S = 900.0
FRAME = "1d"


class SourceDays:
    """``notes`` says by symbol what became of it, where that is worth a word."""

    def __init__(self, desk: Any, chain: Chain) -> None:
        self.notes: dict[str, str] = {}
        self._desk, self._chain = desk, chain
        self._tried: dict[str, int] = {}
        self._tasks: set[Any] = set()

    def want(self, symbol: str, item: Listing) -> None:
        """Have the daily bars of a listing that is looked at, unless they are there or were just asked for."""
        now = self._desk.around.clock.now_ns()
        if now - self._tried.get(symbol, -(10**18)) < _AGAIN_S * NS:
            return
        self._tried[symbol] = now
        self._tasks.add(self._desk.around.scheduler.create_task(self._have(symbol, item)))

    def close(self) -> None:
        """Stop what goes on."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    async def _have(self, symbol: str, item: Listing) -> None:
        history, now = self._desk.history, self._desk.around.clock.now_ns
        titles = {link.source.title for link in self._chain.links.values()}
        try:
            stored = [each for each in await history.store.all() if each.symbol == symbol and each.timeframe == FRAME]
            own = [each for each in stored if each.source in titles]
            if any(now() - each.kept_ns < LIFETIMES["days"] * NS for each in own) or (stored and not own):
                return  # good for a day; what the trader imported stays as it is
            bars, source = await self._chain.first(lambda each: each.days(item), item)
            title = self._chain.links[source].source.title
            series = (list(read(table(bars), {"timeframe": FRAME, "zone": "UTC"}))[-1]).series
            assert series is not None
            await history.store.keep(series.named(title, symbol, FRAME), READABLE)
            self.notes[symbol] = f"{len(bars):,} days of history from {title}"
            await history.changed()
        except SourceError as error:
            self.notes[symbol] = f"no history: {error}"
        except (HistoryError, PlatformError) as error:
            self.notes[symbol] = f"its history is not kept: {getattr(error, 'reason', '') or error}"
        self._desk.sources.changed()


def table(bars: list[Bar]) -> bytes:
    """Daily bars as the CSV that imports read."""
    adjusted = all(bar.close_adjusted is not None for bar in bars)
    lines = ["Date,Open,High,Low,Close,Volume" + (",Adj Close" if adjusted else "")]
    for bar in bars:
        more = f",{bar.close_adjusted}" if adjusted else ""
        volume = "" if bar.volume is None else bar.volume
        lines.append(f"{bar.day},{bar.open},{bar.high},{bar.low},{bar.close},{volume}{more}")
    return "\n".join(lines).encode()
