"""Requests about the journal; what answers them is loaded when it is first asked for."""

from __future__ import annotations

from typing import Any

from .errors import Refusal


async def page(desk: Any, request: dict) -> dict:
    """Events, newest first."""
    from .journalreading import MOST_ROWS, Reading, read_filter

    engine = desk.trade.readable_engine()
    before, limit = request.get("before"), request.get("limit", 100)
    if before is not None and (type(before) is not int or before < 1):
        raise Refusal("bad_request", "before has to be the number of an event", "reload the page", "before")
    if type(limit) is not int or not 1 <= limit <= MOST_ROWS:
        raise Refusal("bad_request", f"limit has to be 1 to {MOST_ROWS}", "reload the page", "limit")
    return await Reading(engine, desk.trade.writer.recorder).page(before, limit, read_filter(request))


async def state(desk: Any, _request: dict) -> dict:
    """How long it is, where it lies, what was verified, how the last start went."""
    engine, keeping = desk.trade.readable_engine(), desk.keeping
    snapshots, kept = keeping.snapshots, keeping.state == "unlocked"
    return {
        "account": engine.account,
        "events": engine.last_seq,
        "missing": engine.missing,
        "odd": engine.anomaly_count,
        "kept": kept,
        "records": snapshots.records() if kept else len(keeping.session_records()),
        "verified": snapshots.verified if kept else None,
        "snapshot": snapshots.view() if kept else None,
        "notes": [_note(note) for note in engine.notes.values()],
    }


async def check(desk: Any, _request: dict) -> dict:
    """Verify every record and the chain now."""
    return {"verified": await desk.keeping.snapshots.check()}


async def note(desk: Any, request: dict) -> dict:
    """Tags and a note on an order, a fill or a day."""
    engine, about = desk.trade.open_engine(), request.get("about")
    await desk.trade.writer.command(lambda: engine.note(about, request.get("tags", ""), request.get("text", "")))
    found = engine.notes.get(about)
    return {"note": _note(found) if found is not None else None}


def notes_message(engine: Any) -> dict:
    """The ``notes`` message: everything that is noted."""
    return {"t": "notes", "rows": [_note(item) for item in engine.notes.values()] if engine is not None else []}


def _note(found: Any) -> dict:
    return {"about": found.about, "tags": found.tags.split(), "text": found.text, "ts": found.ts}


async def import_preview(desk: Any, request: dict) -> dict:
    """What is in an exported journal, and how it stands to this one; nothing is changed."""
    from .journalimport import preview

    return await preview(desk, request.get("file"))


async def import_take(desk: Any, request: dict) -> dict:
    """Take an imported journal as the preview said."""
    from .journalimport import take

    return await take(desk, request.get("preview"), request.get("choice"))


def reconciliation(desk: Any, _request: dict) -> dict:
    """Whether journal and venue agree, what was found, what is open."""
    return desk.reconciling.view()


JOURNAL_REQUESTS = {
    "journal.page": page,
    "journal.state": state,
    "journal.check": check,
    "journal.note": note,
    "journal.import_preview": import_preview,
    "journal.import": import_take,
    "reconciliation.state": reconciliation,
}
