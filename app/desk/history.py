"""Stored history on the desk: one import at a time, previewed before anything is written; what the page may do with what is stored; and
the bars behind the live ones of the chart in focus.

Reading and checking go in slices, so that ticks never wait long for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from app.history import backfill
from app.history.checks import Finding, check, gaps
from app.history.errors import HistoryError, Undecided
from app.history.files import PARQUET
from app.history.reading import Reading, read
from app.history.repairs import repaired
from app.history.series import joined
from app.history.store import READABLE, VAULT, HistoryStore, Stored
from app.platform.errors import PlatformError
from app.vault import VaultError

from . import historyview
from .errors import Refusal

SLICE_NS = 8_000_000
REST_S = 0.005
"""A shorter pause is none: Pyodide goes on before messages that wait outside have their turn."""
TELL_NS = 300_000_000
FETCH_S = 120.0
MOST_FETCHED = 64 * 1024 * 1024
_AHEAD = 1_000
"""Bars after the present that are read along: a replay moves on."""


class _Preview:
    """A file that was read and checked and waits for a decision."""

    __slots__ = ("findings", "number", "reading")

    def __init__(self, number: int, reading: Reading, findings: list[Finding]) -> None:
        self.number, self.reading, self.findings = number, reading, findings


class History:
    """One per desk; ``desk`` is the service."""

    def __init__(self, desk: Any) -> None:
        self._desk, around = desk, desk.around
        self.store = HistoryStore(around.history, self._vault, lambda: around.entropy.random_bytes(8).hex(), around.clock.now_ns, (VaultError,))
        self._stored: list[Stored] | None = None
        self._preview: _Preview | None = None
        self._work = 0
        self._told_ns = 0
        self._filling: dict[Any, Any] = {}
        """What is under way for a page, by its publisher."""
        self._open = False

    # What the page asks.

    async def list(self) -> dict:
        """Everything stored that can be read now."""
        self._stored = await self.store.all()
        return {"rows": [historyview.stored(item) for item in self._stored], "vault": self._vault() is not None, "troubles": self.store.troubles}

    async def preview(self, data: bytes | None, url: str | None, name: str, options: dict) -> dict:
        """Read and check a file, or what an address answers; nothing is written. A second one takes the place of the first. Where somebody has to say
        first what the file means, that comes back with ``preview`` None."""
        self.drop()
        work = self._work
        if data is None:
            data, name = await self._fetched(url or "", work)
        size = len(data)
        if data[:4] == PARQUET:
            data = await self._desk.around.files.csv_of_parquet(data)
            self._same(work)
        try:
            reading = await self._worked(read(data, options), work, "reading")
        except Undecided as error:
            return historyview.undecided(error, name, size)
        findings = [item for item in await self._all(check(reading.series, str(options.get("calendar") or "")), work, "checking") if item is not None]
        self._preview = _Preview(work, reading, findings)
        return historyview.preview(self._preview, name, size, self._desk.market, self._vault() is not None)

    async def keep(self, number: Any, symbol: str, source: str, timeframe: str, where: str, wanted: list, merge: bool) -> dict:
        """Write what was previewed with the chosen repairs, in the place of an older series of the same name or together with it."""
        preview = self._preview
        if preview is None or preview.number != number:
            raise Refusal("no_preview", "there is no preview to keep any more", "choose the file again", "preview")
        if where not in (READABLE, VAULT):
            raise Refusal("bad_request", "where has to be readable or vault", "reload the page", "where")
        if where == VAULT and self._vault() is None:
            raise Refusal("history_vault", "the vault is not open", "unlock it, or keep this history readable", "where")
        work = self._work
        series = await self._result(repaired(preview.reading.series, historyview.chosen(preview.findings, wanted)), work)
        series = series.named(source, symbol, timeframe)
        if not len(series):
            raise Refusal("history_empty", "no bar is left", "choose fewer repairs, or another file", "repairs")
        if merge and (old := next((item for item in await self.store.all() if item.key == series.key), None)) is not None:
            series = await self._result(joined(await self.store.read(old), series), work)
        marks = await self._all(gaps(series), work, "checking")
        series.gaps = [note for item in marks if item is not None for note in item.gaps]
        kept = await self.store.keep(series, where)
        self._preview = None
        await self.changed()
        return {"kept": historyview.stored(kept)}

    def drop(self) -> None:
        """End the reading that goes on, and forget its preview."""
        self._work += 1
        self._preview = None

    async def check(self, series_id: str) -> dict:
        """Check a stored series again."""
        self.drop()
        series = await self.store.read(await self.store.find(series_id))
        found = [item for item in await self._all(check(series), self._work, "checking") if item is not None]
        return {"findings": [historyview.finding(place, item, series) for place, item in enumerate(found)]}

    async def remove(self, series_id: str) -> dict:
        """Remove a series for good."""
        item = await self.store.remove(series_id)
        await self.changed()
        return {"removed": historyview.stored(item)}

    async def export(self, series_id: str, mode: str) -> tuple[dict, Any]:
        """(about, file) of a series as CSV, adjusted or as it is stored."""
        from app.history.adjust import adjusted
        from app.history.export import csv_lines, file_name

        work = self._work
        stored = await self.store.read(await self.store.find(series_id))
        series = await self._result(adjusted(stored, mode), work)
        data = "".join(await self._all(csv_lines(series), work, "writing")).encode()
        return {"name": file_name(series, mode), "bytes": len(data), "rows": len(series), "adjusted": series is not stored}, self._desk.around.files.make(data)

    # The chart.

    def look(self) -> None:
        """Find out what is stored, then show it behind the live bars."""
        self._open = True
        self.fill()

    def fill(self, publisher: Any = None) -> None:
        """Show stored bars of what the charts show, on one page or on every one."""
        if not self._open:
            return
        for each in [publisher] if publisher is not None else self._desk.publishers:
            self.forget(each)
            self._filling[each] = self._desk.around.scheduler.create_task(self._fill(each))

    def vault_changed(self) -> None:
        """What lies in the vault came or went."""
        self._stored = None
        self._desk.bars_changed()
        self.fill()

    def close(self) -> None:
        """Stop what goes on."""
        self.drop()
        for filling in self._filling.values():
            filling.cancel()
        self._desk.around.history.close()

    def forget(self, publisher: Any) -> None:
        """A page is gone."""
        if (filling := self._filling.pop(publisher, None)) is not None:
            filling.cancel()

    async def _fill(self, publisher: Any) -> None:
        charts = publisher.charts
        for key in sorted({chart.key for chart in charts}, key=lambda key: key != charts.desk.key):
            await self._fill_one(charts, *key)

    async def _fill_one(self, charts: Any, symbol: str, timeframe: str) -> None:
        held = await self.held(symbol, timeframe)
        for chart in charts:
            if chart.key == (symbol, timeframe):
                chart.use_stored(held)

    async def held(self, symbol: str, timeframe: str) -> Any:
        """Stored bars of an instrument, or None; that they cannot be read is told."""
        try:
            if self._stored is None:
                self._stored = await self.store.all()
            if (item := backfill.choose(self._stored, symbol, timeframe)) is None:
                return None
            held = await self._drawn(item, timeframe)
            if held.own and (item := backfill.choose(self._stored, symbol, "1d")) is not None and item.timeframe == "1d":
                held = held._replace(days=await self._drawn(item, "1d"))
            return held
        except (HistoryError, PlatformError, VaultError) as error:
            self._desk.trace.add("desk", "warn", f"Stored history of {symbol} is not shown: {getattr(error, 'reason', '') or error}")
            return None

    async def _drawn(self, item: Stored, timeframe: str) -> Any:
        symbol = item.symbol
        ahead = backfill.WIDTHS.get(timeframe, 31 * 86_400) * _AHEAD * 10**9
        newest = (backfill.MOST + _AHEAD) * backfill.fine(item, timeframe)
        series = await self.store.read(item, end_ns=self._desk.venue.now_ns(symbol) + ahead, newest=newest)
        return backfill.drawn(series, timeframe, self._desk.market.session(symbol))

    async def changed(self) -> None:
        """What is stored has changed."""
        self._stored = None
        self._desk.bars_changed()
        self.look()

    # Parts.

    def _vault(self) -> Any:
        keeping = self._desk.keeping
        return keeping.vault if keeping is not None and keeping.state == "unlocked" else None

    async def _fetched(self, url: str, work: int) -> tuple[bytes, str]:
        from app.net.fetch import Request

        self._desk.send({"t": "history", "phase": "fetching", "rows": 0})
        answer = await self._desk.network.fetch(Request(url, deadline_s=FETCH_S, max_bytes=MOST_FETCHED, stale_ok=False))
        self._same(work)
        if not answer.ok:
            raise Refusal("history_fetch", f"the address answers with status {answer.status}", "open it in a browser and look what it says", "url")
        return answer.body, url.partition("?")[0].rpartition("/")[2] or url

    async def _worked(self, steps: Iterable[Reading], work: int, phase: str) -> Reading:
        return (await self._all(steps, work, phase, last=True))[-1]

    async def _all(self, steps: Iterable[Any], work: int, phase: str, last: bool = False) -> list[Any]:
        """Everything the steps give, or only the last; others have their turn in between. Raises Refusal once it is not wanted any more."""
        clock, found = self._desk.around.clock, []
        until = clock.monotonic_ns() + SLICE_NS
        for item in steps:
            if last:
                found.clear()
            found.append(item)
            now = clock.monotonic_ns()
            if now >= until:
                if now - self._told_ns >= TELL_NS:
                    self._told_ns = now
                    self._desk.send({"t": "history", "phase": phase, "rows": getattr(item, "rows", 0) if last else 0})
                await asyncio.sleep(REST_S)
                self._same(work)
                until = clock.monotonic_ns() + SLICE_NS
        return found

    async def _result(self, work: Any, number: int) -> Any:
        """The result of work in slices."""
        clock = self._desk.around.clock
        until = clock.monotonic_ns() + SLICE_NS
        while True:
            try:
                next(work)
            except StopIteration as end:
                return end.value
            if clock.monotonic_ns() >= until:
                await asyncio.sleep(REST_S)
                self._same(number)
                until = clock.monotonic_ns() + SLICE_NS

    def _same(self, work: int) -> None:
        if work != self._work:
            raise Refusal("history_dropped", "this was ended", "", None)
