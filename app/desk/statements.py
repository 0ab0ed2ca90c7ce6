"""A statement of the account as a CSV file for the page."""

from __future__ import annotations

from typing import Any

from app.trading.dated import Dated
from app.trading.engine import Engine
from app.trading.errors import JournalError
from app.trading.journal import decode

from .errors import Refusal

_MARK = b'"kind":"RateKnown"'


async def statement(desk: Any, request: dict) -> dict:
    """What the account did in a period (``from`` and ``to`` are UTC dates, both included; none leaves a side open), with a name for the file."""
    from app.trading import statement as made  # only ever wanted by hand

    trade, what, first, last = desk.trade, request.get("what"), request.get("from") or None, request.get("to") or None
    engine = trade.open_engine()
    if what not in made.STATEMENTS:
        raise Refusal("bad_statement", f"there is no statement {str(what)[:40]!r}", f"use one of {', '.join(made.STATEMENTS)}", "what")
    try:
        start, end = made.period(*(None if day is None else str(day) for day in (first, last)))
    except made.BadPeriod as error:
        raise Refusal("bad_period", str(error), "give dates such as 2026-01-31, the first one first", error.field) from error
    dated = await _dated(engine, trade.writer.recorder)
    rows = made.table(what, engine.opening, engine.fills, start, end, engine.notes, engine.bookings, engine.splits, dated, engine.adjusted)
    days = "".join(f"-{day}" for day in (first, last) if day)
    return {"name": f"kontor-{what}{days}.csv", "text": made.as_csv(rows), "rows": len(rows) - 1, "unknown": dated.said()}


async def _dated(engine: Engine, recorder: Any) -> Dated:
    """The rates of the journal, which is read only where the account has moved another currency than its own."""
    found = []
    if {*engine.portfolio.cash, *engine.portfolio.fees} - {engine.currency}:
        for record in await recorder.read_all():
            if _MARK in record:  # a long journal is not decoded whole
                try:
                    found += [entry.event for entry in decode(record)]
                except JournalError:
                    continue  # counted and said where the journal is opened
    return Dated(engine.currency, engine.account, found)
