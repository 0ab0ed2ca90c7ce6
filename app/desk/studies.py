"""Indicators on the chart: computed bar by bar in this worker, sent whole when asked for and then with each changed bar.

A series is gone through in slices, so that ticks never wait long for it; from then on a bar costs one step for each indicator. A
change of an older bar than the newest makes everything after it anew, at most every RENEW_S seconds. numpy is not needed. Where a machine
runs compiled code a whole series takes a few ms.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import itemgetter
from typing import Any

from app.market.indicators import BadParameter, Study, catalogue
from app.market.indicators.compiled import Compiler, Unsupported

from .errors import Refusal

MOST = 24
RENEW_S = 5.0
SLICE_NS = 4_000_000
KEPT = 8_000
_time = itemgetter(0)


class _Drawn:
    """One indicator on the chart."""

    __slots__ = ("id", "running", "study")

    def __init__(self, number: str, study: Study) -> None:
        self.id, self.study = number, study
        self.running: Any = None
        """The bar by bar form once it has caught up with the bars."""


class Studies:
    """The indicators of one chart; ``send`` takes messages for the page."""

    def __init__(self, send: Callable[[dict], None], clock: Any, scheduler: Any, machine: Any = None) -> None:
        self._send, self._clock, self._scheduler = send, clock, scheduler
        self._compiler = Compiler(machine) if machine is not None else None
        self._drawn: list[_Drawn] = []
        self._rows: list[list] = []
        self._symbol = self._timeframe = ""
        self._task: Any = None
        self._renewal: Any = None

    def choose(self, rows: list[dict]) -> list[dict]:
        """Show these (id, name, params) from now on; what stays as it was is not computed again. Raises Refusal, changing nothing."""
        if len(rows) > MOST:
            raise Refusal("too_many", f"{len(rows)} indicators are more than {MOST}", "remove some first", "rows")
        before = {drawn.id: drawn for drawn in self._drawn}
        chosen = []
        for row in rows:
            study = _study(row)
            old = before.get(str(row.get("id")))
            same = old is not None and (old.study.indicator.name, old.study.values) == (study.indicator.name, study.values)
            chosen.append(old if same else _Drawn(str(row.get("id"))[:40], study))
        self._drawn = chosen
        self._begin()
        return [{"id": drawn.id, "params": drawn.study.values, "warmup": drawn.study.warmup} for drawn in chosen]

    def restart(self, symbol: str, timeframe: str, rows: list[list]) -> None:
        """Another series, or the same anew: rows as the page gets them."""
        self._symbol, self._timeframe, self._rows = symbol, timeframe, list(rows)
        for drawn in self._drawn:
            drawn.running = None
        self._begin()

    def changed(self, rows: list[list]) -> dict[str, list]:
        """Take new and changed bars, oldest first; gives (time, outputs) by indicator for those that have caught up."""
        out: dict[str, list] = {}
        for row in rows:
            newest = self._rows[-1][0] if self._rows else -1
            if row[0] < newest:
                self._late(row)
                continue
            new = row[0] > newest
            if new:
                self._rows.append(row)
            else:
                self._rows[-1] = row
            for drawn in self._drawn:
                if drawn.running is not None:
                    out.setdefault(drawn.id, []).append([row[0], *_plain(drawn.running.step(row, new))])
        if len(self._rows) > KEPT:
            del self._rows[: len(self._rows) - KEPT * 3 // 4]
        return out

    def _late(self, row: list) -> None:
        at = bisect_left(self._rows, row[0], key=_time)
        if self._rows[at][0] == row[0]:
            self._rows[at] = row
        else:
            self._rows.insert(at, row)
        if self._renewal is None and self._drawn:
            self._renewal = self._scheduler.call_later(RENEW_S, self._renew)

    def _renew(self) -> None:
        self._renewal = None
        for drawn in self._drawn:
            drawn.running = None
        self._begin()

    def _begin(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if any(drawn.running is None for drawn in self._drawn):
            self._task = self._scheduler.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        for drawn in self._drawn:
            if drawn.running is None:
                await self._compute(drawn)
        self._task = None

    def _start(self, study: Study) -> Any:
        if self._compiler is not None:
            with suppress(Unsupported):
                return self._compiler.start(study)
        return study.start()

    async def _compute(self, drawn: _Drawn) -> None:
        running, columns = self._start(drawn.study), [[] for _ in drawn.study.outputs]
        rows, until = self._rows, self._clock.monotonic_ns() + SLICE_NS
        first = rows[0][0] if rows else None
        times: list[int] = []
        while (at := len(times)) < len(rows):
            if at and at < len(rows) - 1 and self._clock.monotonic_ns() >= until:
                await asyncio.sleep(0)
                until = self._clock.monotonic_ns() + SLICE_NS
                if rows[0][0] != first or rows[at - 1][0] != times[-1]:  # bars were dropped or came late meanwhile
                    running, columns, times, first = self._start(drawn.study), [[] for _ in drawn.study.outputs], [], rows[0][0]
                    continue
            # The newest bar may change while others run: it is taken last, when nothing comes between it and its place.
            some = rows[at : min(at + running.MANY, max(at + 1, len(rows) - 1))]
            times += [row[0] for row in some]
            for column, values in zip(columns, running.many(some), strict=True):
                column += _plain(values)
        drawn.running = running
        self._send(
            {
                "t": "studies",
                "symbol": self._symbol,
                "timeframe": self._timeframe,
                "rows": [{"id": drawn.id, "times": times, "values": columns}],
            }
        )


def rows_of_catalogue() -> list[dict]:
    """Every indicator for the page's picker."""
    return [item.as_dict() | {"notes": item.notes} for item in catalogue().values()]


def _study(row: Any) -> Study:
    name = row.get("name") if isinstance(row, dict) else None
    item = catalogue().get(name)
    if item is None:
        raise Refusal("unknown_indicator", f"there is no indicator {str(name)[:40]!r}", "choose one from the list", "name")
    params = row.get("params") or {}
    if not isinstance(params, dict):
        raise Refusal("bad_request", "params has to be an object", "reload the page", "params")
    try:
        return item.build(**params)
    except BadParameter as error:
        raise Refusal("bad_parameter", error.reason, error.remedy, error.field) from error


def _plain(values: Iterable[float]) -> list[float | None]:
    return [value if value - value == 0 else None for value in values]
