"""The journal a page at a time, newest first: read back from where it lies, so that its length costs neither memory nor time.

Windows of numbers are read from the end backwards. One without records (numbers left free after a restore) is followed by one twice as
large, one with too many is halved. A search looks through a bounded number of records and says how far it came.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable
from dataclasses import dataclass
from time import strptime
from typing import Any

from app.model import events
from app.trading.errors import JournalError
from app.trading.inspection import about
from app.trading.journal import Entry, decode
from app.trading.retelling import GROUPS, said, typed

from .errors import Refusal

MOST_ROWS = 200
WINDOW = 200
NEXT = 4
"""Records read at once in search of a time: more than one, should the first not be readable."""
MOST_READ = 3_000
"""Records that one request looks through at most."""
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted; empty: everything. Times in ns UTC."""

    kind: str = ""
    symbol: str = ""
    order: str = ""
    text: str = ""
    first_ns: int = 0
    end_ns: int = 0


def read_filter(request: dict) -> Filter:
    """The filter of a request. Raises Refusal."""
    kind = _word(request, "kind")
    if kind and kind not in GROUPS:
        raise Refusal("bad_filter", f"there is no kind of events {kind[:40]!r}", f"use one of {', '.join(GROUPS)}", "kind")
    first, last = _day(request, "from"), _day(request, "to")
    if first is not None and last is not None and last < first:
        raise Refusal("bad_filter", "the last day is before the first", "give the earlier day first", "to")
    words = (_word(request, "symbol").lower(), _word(request, "order"), _word(request, "text").lower())
    return Filter(kind, *words, first or 0, 0 if last is None else last + _DAY_NS)


class Reading:
    """Reads ``recorder`` (see `Recorder.read`) for an engine."""

    def __init__(self, engine: Any, recorder: Any) -> None:
        self._engine, self._recorder = engine, recorder

    async def page(self, before: int | None, limit: int, wanted: Filter) -> dict:
        """Rows of the records before a number, newest first; ``next`` is the number to go on before, None at the beginning of the journal."""
        before = self._engine.last_seq + 1 if before is None else before
        if wanted.end_ns and before > self._engine.last_seq:
            before = await self._bisect(wanted.end_ns)
        rows: list[dict] = []
        read, window, reached = 0, WINDOW, 0
        match = self._matcher(wanted)
        while before > 1 and len(rows) < limit and read < MOST_READ:
            start = max(1, before - window)
            records = [record for record in await self._recorder.read(start, WINDOW + 1) if record[0] < before]
            if len(records) > WINDOW:
                window = max(1, window // 2)
                continue
            if not records:
                window *= 2
                before = start
                continue
            window = max(window, WINDOW)
            for first, record in reversed(records):
                read += 1
                before = first
                entries = _entries(record, wanted)
                for entry in reversed(entries):
                    reached = entry.event.ts
                    if match(entry):
                        rows.append(self._row(entry))
                if len(rows) >= limit or (entries and entries[0].event.ts < wanted.first_ns):
                    break
            else:
                before = start
                continue
            if entries and entries[0].event.ts < wanted.first_ns:
                before = 1
        return {"rows": rows, "next": before if before > 1 else None, "read": read, "reached_ns": reached or None}

    async def _bisect(self, end_ns: int) -> int:
        """The number before which everything happened before a time."""
        low, high = 1, self._engine.last_seq + 1
        while low < high:
            middle = (low + high) // 2
            found = await self._time_of(middle, high)
            if found is not None and found[1] < end_ns:
                low = found[0] + 1
            else:
                high = middle
        return low

    async def _time_of(self, start: int, end: int) -> tuple[int, int] | None:
        """Number and time of the first readable record from a number on and before another; None where there is none."""
        while start < end:
            records = await self._recorder.read(start, NEXT)
            for first, record in records:
                if first >= end:
                    return None
                if entries := _entries(record, Filter()):
                    return first, entries[0].event.ts
            if not records:
                return None
            start = records[-1][0] + 1
        return None

    def _matcher(self, wanted: Filter) -> Callable[[Entry], bool]:
        kinds = frozenset(GROUPS[wanted.kind]) if wanted.kind else None

        def match(entry: Entry) -> bool:
            event = entry.event
            if kinds is not None and type(event).__name__ not in kinds:
                return False
            if event.ts < wanted.first_ns or (wanted.end_ns and event.ts >= wanted.end_ns):
                return False
            cid = self._order_of(event)
            if wanted.order and wanted.order not in cid:
                return False
            if wanted.symbol and wanted.symbol not in self._symbol(event, cid).lower():
                return False
            if not wanted.text:
                return True
            told = f"{cid} {self._symbol(event, cid)} {said(event)} {self._tags(event, cid)}".lower()
            return wanted.text in told or wanted.text in typed(told)

        return match

    def _row(self, entry: Entry) -> dict:
        event = entry.event
        cid = self._order_of(event)
        row = {"seq": entry.seq, "ts": event.ts, "kind": type(event).__name__, "symbol": self._symbol(event, cid), "order": cid, "text": said(event)}
        row["fill"] = event.fill.fill_id if isinstance(event, events.OrderFilled) else ""
        return row

    def _order_of(self, event: Any) -> str:
        if isinstance(event, events.NoteSet):
            kind, _, name = event.about.partition(":")
            return name if kind == "order" else ""
        return about(event)

    def _symbol(self, event: Any, cid: str) -> str:
        if isinstance(event, (events.BalanceAdjusted, events.CashBooked, events.SplitBooked, events.OrderRouted)):
            return event.symbol or ""
        order = self._engine.orders.get(cid) if cid else None
        return order.symbol if order is not None else ""

    def _tags(self, event: Any, cid: str) -> str:
        keys = [f"order:{cid}", f"fill:{event.fill.fill_id}" if isinstance(event, events.OrderFilled) else ""]
        return " ".join(f"{note.tags} {note.text}" for key in keys if (note := self._engine.notes.get(key)) is not None)


def _entries(record: bytes, wanted: Filter) -> list[Entry]:
    """Those of a record; none without decoding it where it cannot hold what is wanted, nor where it cannot be read."""
    if wanted.kind and not wanted.first_ns and not any(f'"kind":"{name}"'.encode() in record for name in GROUPS[wanted.kind]):
        return []
    try:
        return decode(record)
    except JournalError:
        return []


def _word(request: dict, name: str) -> str:
    value = request.get(name) or ""
    if not isinstance(value, str) or len(value) > 100:
        raise Refusal("bad_filter", f"{name} has to be a text of at most 100 characters", "shorten it", name)
    return value.strip()


def _day(request: dict, name: str) -> int | None:
    text = _word(request, name)
    if not text:
        return None
    try:
        return timegm(strptime(text, "%Y-%m-%d")) * 10**9
    except ValueError:
        raise Refusal("bad_filter", f"{text[:20]!r} is no date", "give a date such as 2026-01-31", name) from None
