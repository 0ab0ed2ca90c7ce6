"""What a watchlist shows of many instruments at once: change and volume of the last minutes, RSI, average true range, over bars of a minute.

Indicators go over all rows in one step (app/market/indicators/across.py): a bar that closes is counted in, the open one is looked at. Each row begins with
what is known: bars stored for it, and those of this session. That goes in slices beside the ticks; until it is done, and while there are not bars
enough, a value is None and `Scan` says how much there is. A late trade into the bar that closed last, a gap that stored bars fill and a stream that begins
anew make a row begin again. Needs numpy, which is loaded with the first such column.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

FRAME, STEP_S = "1m", 60
SHORT_S, LONG_S = 300, 3600
STUDIES = (("RSI", 14), ("NATR", 14))
LEAST = 15
"""Bars that the slower of them needs, the open one included."""
WARM = 250
"""Bars a row begins with: what lies before them changes no digit that is shown."""
OLDEST_S = 7 * 86_400
"""Bars from before say nothing of today."""
AT_ONCE = 64
SLICE_NS = 4_000_000
_TIME, _OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(6)
_FIELDS = {"high": _HIGH, "low": _LOW, "close": _CLOSE}
Bar = Sequence[float]


class Scan(NamedTuple):
    """``short``: change of five minutes, a ratio; ``busy``: their volume beside the mean five minutes of the hour before; ``rsi`` 0 to 100; ``atr`` in
    percent of the price. None where there is too little: ``bars`` are known, over ``minutes``."""

    short: float | None
    busy: float | None
    rsi: float | None
    atr: float | None
    bars: int
    minutes: int


class _Row:
    __slots__ = ("_price", "_size", "at", "before", "first", "known", "open", "ready", "recent", "sums")

    def __init__(self, at: int, item: Any) -> None:
        self.at, self._price, self._size = at, float(item.price(1)), float(item.size(1))
        self.forget()

    def forget(self) -> None:
        self.ready = False
        self.before: Any = None
        """The live bar that closed last, as it was counted in."""
        self.open = 0
        """The time of the open bar."""
        self.known = self.first = 0
        self.recent: deque[tuple[float, float, float]] = deque(maxlen=(SHORT_S + LONG_S) // STEP_S + 1)
        """(time, close, volume) of bars that closed."""
        self.sums: tuple = (None, 0.0, 0.0, 0.0)
        """When they were made, the close five minutes ago, the volume of the hour before, that since then."""

    def floats(self, bar: Bar) -> Bar:
        """A bar of the market as charts have it."""
        price = self._price
        time_s, first, high, low, close, volume = bar
        return time_s, first * price, high * price, low * price, close * price, volume * self._size

    def keep(self, bar: Bar) -> None:
        self.first = self.first or int(bar[_TIME])
        self.known += 1
        self.recent.append((bar[_TIME], bar[_CLOSE], bar[_VOLUME]))


class Scanner:
    """``load`` makes numpy importable (None: it is); ``stored(symbol)`` gives stored bars of a minute or None; ``ready`` is told of rows that
    have begun, ``failed`` of what went wrong."""

    def __init__(
        self,
        market: Any,
        clock: Any,
        scheduler: Any,
        now_ns: Callable[[str], int],
        load: Callable[[], Awaitable[None]] | None,
        stored: Callable[[str], Awaitable[Any]],
        ready: Callable[[set[str]], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self._market, self._clock, self._scheduler, self._now = market, clock, scheduler, now_ns
        self._load, self._stored, self._ready, self._failed = load, stored, ready, failed
        self._rows: dict[str, _Row] = {}
        self._cold: dict[str, None] = {}
        self._together: Any = None
        self._room = 0
        self._task: Any = None
        self.problem = ""
        """Why there are no values: numpy cannot be loaded."""

    def look(self, symbols: Iterable[str]) -> dict[str, Scan]:
        """What is known of these now; of one that is not there a row has yet to begin, which it does."""
        found: dict[str, tuple[_Row, Bar]] = {}
        closing: dict[str, list[Bar]] = {}
        for symbol in symbols:
            row = self._rows.get(symbol) or self._begin(symbol)
            if row.ready and (bar := self._follow(symbol, row, closing)) is not None:
                found[symbol] = row, bar
        self._close([(self._rows[symbol], bars) for symbol, bars in closing.items()])
        if self._cold and self._task is None and not self.problem:
            self._task = self._scheduler.create_task(self._warm())
        return self._scans(found) if found else {}

    def forget(self, symbols: Iterable[str] | None = None) -> None:
        """The bars of these (None: of all) are others than they were."""
        for symbol in list(self._rows) if symbols is None else symbols:
            if (row := self._rows.get(symbol)) is not None and row.ready:
                self._again(symbol, row)

    def close(self) -> None:
        """Stop what goes on."""
        if self._task is not None:
            self._task.cancel()

    def _begin(self, symbol: str) -> _Row:
        self._cold[symbol] = None
        return self._rows.setdefault(symbol, _Row(len(self._rows), self._market.instrument(symbol)))

    def _again(self, symbol: str, row: _Row) -> None:
        row.forget()
        self._cold[symbol] = None

    def _follow(self, symbol: str, row: _Row, closing: dict[str, list[Bar]]) -> Bar | None:
        """The open bar of a row; what closed since the last time goes to ``closing``."""
        series = self._market.bars(symbol, FRAME)
        tail = series.tail(2)
        if tail and tail[-1][_TIME] == row.open and (row.before is None or tail[0] == row.before):
            return tail[-1]
        if tail and tail[-1][_TIME] > row.open:
            rows = series.tail(AT_ONCE)
            fresh = [bar for bar in rows if bar[_TIME] >= row.open]
            before = next((bar for bar in reversed(rows) if bar[_TIME] < row.open), None)
            if before == row.before and fresh[0][_TIME] == row.open:
                closing[symbol] = [row.floats(bar) for bar in fresh[:-1]]
                row.before, row.open = fresh[-2], fresh[-1][_TIME]
                return fresh[-1]
        if tail or row.open:
            self._again(symbol, row)
        return None

    def _close(self, some: list[tuple[_Row, list[Bar]]]) -> None:
        """Count in bars, each row's one after the other."""
        step = 0
        while here := [(row, bars[step]) for row, bars in some if step < len(bars)]:
            self._together.close(*self._columns(here))
            step += 1
        for row, bars in some:
            for bar in bars:
                row.keep(bar)

    def _columns(self, bars: Sequence[tuple[_Row, Bar]]) -> tuple[Any, dict[str, Any]]:
        import numpy as np

        table = np.array([bar for _, bar in bars], float)
        return np.array([row.at for row, _ in bars]), {name: table[:, _FIELDS[name]] for name in self._together.inputs}

    def _scans(self, found: dict[str, tuple[_Row, Bar]]) -> dict[str, Scan]:
        bars = [(row, row.floats(bar)) for row, bar in found.values()]
        rsi, atr = ([_plain(value) for value in outputs[0].tolist()] for outputs in self._together.peek(*self._columns(bars)))
        out = {}
        for at, symbol in enumerate(found):
            (row, bar), now_s = bars[at], self._now(symbol) // 1_000_000_000
            first = row.first or int(bar[_TIME])
            short, busy = _minutes(row, bar, first, now_s)
            out[symbol] = Scan(short, busy, rsi[at], atr[at], row.known + 1, max(0, now_s - first) // 60)
        return out

    async def _warm(self) -> None:
        try:
            if self._together is None and self._load is not None:
                await self._load()
            while self._cold:
                await self._warm_some()
        except Exception as error:  # a package that cannot be fetched: the columns say so, and the watchlist goes on
            self.problem = f"numpy could not be loaded: {error}"
            self._failed(error)
        finally:
            self._task = None

    async def _warm_some(self) -> None:
        import numpy as np

        self._make_room()
        symbols = list(self._cold)[:AT_ONCE]
        begun: dict[str, tuple[list[Bar], list]] = {}
        for symbol in symbols:
            stored = await self._stored(symbol)
            begun[symbol] = self._known(symbol, stored)
        rows = [(self._rows[symbol], bars) for symbol, (bars, _) in begun.items()]
        self._together.forget(np.array([row.at for row, _ in rows], np.int64))
        until = self._clock.monotonic_ns() + SLICE_NS
        for step in range(WARM):
            if not (here := [(row, bars[step]) for row, bars in rows if step < len(bars)]):
                break
            self._together.close(*self._columns(here))
            if self._clock.monotonic_ns() >= until:
                await asyncio.sleep(0)
                until = self._clock.monotonic_ns() + SLICE_NS
        for symbol, (bars, live) in begun.items():
            row = self._rows[symbol]
            for bar in bars:
                row.keep(bar)
            row.before, row.open = (live[-2] if len(live) > 1 else None), (live[-1][_TIME] if live else 0)
            row.ready = True
            del self._cold[symbol]
        self._ready(set(begun))

    def _make_room(self) -> None:
        """Rows for all instruments there are."""
        from app.market.indicators import find
        from app.market.indicators.across import Together

        if self._together is not None and len(self._rows) <= self._room:
            return
        self._room = len(self._market.symbols)
        self._together = Together([find(name).build(timeperiod=period) for name, period in STUDIES], self._room)
        self.forget()

    def _known(self, symbol: str, stored: Any) -> tuple[list[Bar], list]:
        """Bars that closed, stored ones among them, and the live ones as they are."""
        series = self._market.bars(symbol, FRAME)
        live = series.tail(WARM + 1)
        rows, now_s = [self._rows[symbol].floats(bar) for bar in live], self._now(symbol) // 1_000_000_000
        if stored is not None:
            from app.history.backfill import merge

            rows = merge(stored, rows, series.gaps, now_s).rows
        until = live[-1][_TIME] if live else now_s
        return [bar for bar in rows if now_s - OLDEST_S <= bar[_TIME] < until][-WARM:], live


def _minutes(row: _Row, bar: Bar, first: int, now_s: int) -> tuple[float | None, float | None]:
    """Change and volume of the last five minutes, as far as it is known; a volume that is not (NaN) leaves its sums so."""
    since, recent = now_s - SHORT_S, row.recent
    key = since // STEP_S, -(-since // STEP_S), row.known
    if row.sums[0] != key:  # what closed is the same for as long as no bar passes a border
        base = next((close for time, close, _ in reversed(recent) if time + STEP_S <= since), 0.0)
        before = sum([volume for time, _, volume in recent if since - LONG_S <= time < since])
        row.sums = key, base, before, sum([volume for time, _, volume in recent if time >= since])
    _, base, before, lately = row.sums
    short = bar[_CLOSE] / base - 1 if base else None
    if first > since - LONG_S or not before:
        return short, None
    return short, _plain((lately + (bar[_VOLUME] if bar[_TIME] >= since else 0.0)) * (LONG_S // SHORT_S) / before)


def _plain(value: float) -> float | None:
    return value if value - value == 0 else None
