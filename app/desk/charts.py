"""The bars of every chart of the page: the desk's own, which follows the focus, and up to MOST others with an instrument of their own.

Each has its bars, stored history and indicators. A change of a series is taken from the market once and kept for every chart that shows
it, until its turn comes: charts go out few at a time, those first that have waited longest, so that many cost the page no more than one.
Bars that only a chart asked for are released with the last one that shows them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from math import nan
from typing import Any

from app.market.frames import CALENDAR

from .errors import Refusal

MOST = 8
DESK = ""
"""The chart in focus; its messages name no chart."""
AT_ONCE = 2
"""Charts that share a message, besides the desk's."""
PACKED_FROM = 2_000
"""Series of more bars go as one buffer of numbers: text of each number costs both sides many times as much."""


class Chart:
    """One chart: what it shows and what the page has not been told of it yet."""

    def __init__(
        self, name: str, market: Any, post: Callable[..., None], clock: Any, scheduler: Any, venue_now: Callable[[str], int], packs: bool, machine: Any = None
    ) -> None:
        self._packs, self._machine = packs, machine
        self.name, self.symbol, self.timeframe = name, "", "1s"
        self.pending: dict[int, tuple] = {}
        self.dirty = False
        self.sent_ns = 0
        self._market, self._clock, self._scheduler, self._venue_now = market, clock, scheduler, venue_now
        self._tag = {"chart": name} if name else {}
        self._post: Callable[..., None] = lambda message, *beside: post(message | self._tag, *beside)
        self._studies: Any = None
        self._stored: Any = None
        self._in_place: frozenset[int] = frozenset()
        self._seam = False

    def read_through(self, market: Any) -> None:
        """Read the market through this from now on."""
        self._market = market

    @property
    def key(self) -> tuple[str, str]:
        """Instrument and kind of bars."""
        return self.symbol, self.timeframe

    def point(self, symbol: str, timeframe: str) -> None:
        """Show other bars."""
        if self._stored is not None and (self._stored.symbol, self._stored.timeframe) != (symbol, timeframe):
            self._stored = None
        self.symbol, self.timeframe = symbol, timeframe

    def send(self) -> None:
        """The whole series, stored history included."""
        self.pending.clear()
        self.dirty = False
        rows, gaps = self._whole()
        message = {"t": "bars", "symbol": self.symbol, "timeframe": self.timeframe, "reset": True, "rows": [], "gaps": gaps}
        if self._packs and len(rows) > PACKED_FROM:
            self._post(message, pack(rows))
        else:
            self._post(message | {"rows": [_said(row) for row in rows]})
        if self._studies is not None:
            self._studies.restart(self.symbol, self.timeframe, rows)

    def choose(self, rows: list[dict]) -> list[dict]:
        """Show these indicators. Raises Refusal."""
        if self._studies is None:
            from .studies import Studies

            self._studies = Studies(self._post, self._clock, self._scheduler, self._machine)
            if self.symbol:
                self._studies.restart(self.symbol, self.timeframe, self._whole()[0])
        return self._studies.choose(rows)

    def use_stored(self, held: Any) -> None:
        """Show stored bars (app.history's Held, or None) with the live ones."""
        if held is not None and (held.symbol, held.timeframe) != self.key:
            return  # the trader looks at something else by now
        if held is not None or self._stored is not None:
            self._stored = held
            self.send()

    def changed(self) -> dict | None:
        """The bars that changed since the last call."""
        self.dirty = False
        if self._seam and len(self._received) > 1:
            self.send()  # the bar in which receiving began has closed: the stored one is whole
            return None
        rows = [row for row in self._pending() if row[0] not in self._in_place]
        self.pending.clear()
        if not rows:
            return None
        message = {"symbol": self.symbol, "timeframe": self.timeframe, "rows": [_said(row) for row in rows], **self._tag}
        if self._studies is not None and (values := self._studies.changed(rows)):
            message["studies"] = values
        return message

    def close(self) -> None:
        """Compute nothing more."""
        if self._studies is not None:
            self._studies.choose([])

    @property
    def _series(self) -> Any:
        return self._market.bars(self.symbol, self.timeframe)

    @property
    def _by_days(self) -> bool:
        """Whether stored days and live ones make the bars."""
        return self._stored is not None and self.timeframe in CALENDAR

    @property
    def _received(self) -> Any:
        """What is put together with what is stored."""
        return self._market.bars(self.symbol, "1d") if self._by_days else self._series

    def _now_s(self) -> int:
        return self._venue_now(self.symbol) // 1_000_000_000

    def _whole(self) -> tuple[list, list]:
        rows, gaps = self.drawn(self._received.rows()), [list(gap) for gap in self._series.gaps]
        self._in_place, self._seam = frozenset(), False
        if self._stored is None:
            return rows, gaps
        if self._by_days:
            from app.history.periods import merge_periods

            merged = merge_periods(self._stored, rows, gaps, self._now_s(), self._market.session(self.symbol))
        else:
            from app.history.backfill import merge

            merged = merge(self._stored, rows, gaps, self._now_s())
        self._in_place, self._seam = merged.kept, len(rows) <= 1
        return [list(row) for row in merged.rows], [list(gap) for gap in merged.gaps]

    def _pending(self) -> list[list]:
        """The bars that wait for their turn, as they are drawn."""
        times = sorted(self.pending)
        if not self._by_days or not times:
            return self.drawn([self.pending[moment] for moment in times])
        from app.history.periods import periods

        days = self._received.rows()
        live = self.drawn(days[:1] + [day for day in days[1:] if day[0] >= times[0]])
        made = periods(self._stored, live, self._series.gaps, self._now_s(), self._market.session(self.symbol), times[0])
        return [list(row) for row in made if row[0] in self.pending]

    def drawn(self, rows: list) -> list[list]:
        """Rows of the market as the page draws them: floats. A bar is made of trades: without any volume, nobody said how much they were of."""
        item = self._market.instrument(self.symbol)
        price, size = float(item.price(1)), float(item.size(1))
        return [
            [time_s, round(o * price, 12), round(h * price, 12), round(low * price, 12), round(c * price, 12), v * size if v else nan]
            for time_s, o, h, low, c, v in rows
        ]


class Charts:
    """All of them by name; ``post`` takes messages for the page and, with ``packs``, bytes that go beside one."""

    def __init__(
        self, market: Any, post: Callable[..., None], clock: Any, scheduler: Any, venue_now: Callable[[str], int], *, packs: bool, machine: Any = None
    ) -> None:
        self._market, self._parts = market, (market, post, clock, scheduler, venue_now, packs, machine)
        self._charts: dict[str, Chart] = {DESK: Chart(DESK, *self._parts)}

    def __iter__(self) -> Iterator[Chart]:
        """Those that show something."""
        return iter([chart for chart in self._charts.values() if chart.symbol])

    def read_through(self, market: Any) -> None:
        """Read the market through this from now on: others read it as well."""
        self._market, self._parts = market, (market, *self._parts[1:])
        for chart in self._charts.values():
            chart.read_through(market)

    def shows(self, key: tuple[str, str]) -> bool:
        """Whether a chart shows these bars."""
        return any(chart.key == key for chart in self)

    @property
    def desk(self) -> Chart:
        """The one in focus."""
        return self._charts[DESK]

    @property
    def symbols(self) -> set[str]:
        """Instruments of the charts besides the desk's."""
        return {chart.symbol for chart in self if chart.name}

    def get(self, name: str) -> Chart:
        """The chart with this name. Raises Refusal."""
        if name not in self._charts:
            raise Refusal("unknown_chart", f"there is no chart {name[:40]!r}", "open it first", "chart")
        return self._charts[name]

    def open(self, name: str, symbol: str, timeframe: str) -> None:
        """Show these bars on a chart, a new one or one that is there. Raises Refusal."""
        if name not in self._charts:
            if len(self._charts) > MOST:
                raise Refusal("too_many", f"there are {MOST} charts", "close one first", "chart")
            self._charts[name] = Chart(name, *self._parts)
        chart = self._charts[name]
        before = chart.key
        chart.point(symbol, timeframe)
        self._release(*before)
        self._collect(chart)
        chart.send()

    def close(self, name: str) -> None:
        """Forget a chart besides the desk's; one that is not there is closed already."""
        chart = self._charts.pop(name, None) if name != DESK else None
        if chart is not None:
            chart.close()
            self._release(*chart.key)

    def send(self, symbol: str) -> None:
        """The series of an instrument began anew, or has a gap."""
        for chart in self:
            if chart.symbol == symbol:
                self._collect(chart)
                chart.send()

    def changed(self, name: str = DESK) -> dict | None:
        """What changed on a chart."""
        chart = self._charts[name]
        self._collect(chart)
        return chart.changed()

    def touch(self, symbols: set[str]) -> bool:
        """These instruments changed; True when a chart besides the desk's shows one."""
        found = False
        for chart in self._charts.values():
            if chart.name and chart.symbol in symbols:
                chart.dirty = found = True
        return found

    def turn(self, now_ns: int, beat_ns: int) -> tuple[list[dict], bool]:
        """What changed on the charts whose turn it is, besides the desk's, none more often than ``beat_ns``; and whether others wait."""
        waiting = sorted((chart for chart in self if chart.name and chart.dirty), key=lambda chart: chart.sent_ns)
        out = []
        for chart in waiting[:AT_ONCE]:
            if now_ns - chart.sent_ns >= beat_ns:
                chart.sent_ns = now_ns
                if (message := self.changed(chart.name)) is not None:
                    out.append(message)
        return out, any(chart.dirty for chart in waiting)

    def _collect(self, chart: Chart) -> None:
        """The market tells a change once: keep it for every chart of these bars."""
        rows = self._market.bars(*chart.key).take_changed()
        if rows:
            for other in self:
                if other.key == chart.key:
                    other.pending |= {row[0]: row for row in rows}

    def _release(self, symbol: str, timeframe: str) -> None:
        if symbol and not self.shows((symbol, timeframe)):
            self._market.release_bars(symbol, timeframe)


def _said(row: list) -> list:
    """A bar as JSON has it: null for a volume that is unknown."""
    volume = row[5]
    return row if volume == volume else [*row[:5], None]


def pack(rows: list[list]) -> bytes:
    """Bars as little-endian 64 bit floats, six each."""
    numbers = array("d")
    for row in rows:
        numbers.extend(row)
    return numbers.tobytes()
