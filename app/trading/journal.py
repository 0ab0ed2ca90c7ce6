"""The journal's wire form: what one vault record holds.

A record is one batch of events that were made durable together: UTF-8 JSON ``{"v":1,"first":seq,"events":[...]}``, events
numbered on from ``first``. An exported journal has one record a line; ``python -m app.trading.journal FILE`` reads it
(see `inspection`). Reading is all or nothing: a record that is not exactly this is a JournalError, to be
counted and kept aside by the vault, and `Engine.replay` lives with the hole it leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.model.coding import ENCODER
from app.model.events import Event, EventError, from_dict, named

from .errors import JournalError

VERSION = 1
MAX_RECORD_BYTES = 16_000_000


class Entry(NamedTuple):
    """One event with its number in the journal, counted from 1 without holes."""

    seq: int
    event: Event


def number(events: Iterable[Event], first: int) -> list[Entry]:
    """Entries numbered from ``first`` on."""
    return [Entry(seq, event) for seq, event in enumerate(events, first)]


def encode(entries: Sequence[Entry]) -> bytes:
    """The record of one batch; entries must be numbered consecutively from 1 or later."""
    if not entries:
        raise JournalError("a record holds at least one entry")
    first = entries[0].seq
    if first < 1 or [entry.seq for entry in entries] != [*range(first, first + len(entries))]:
        raise JournalError(f"entries are not numbered consecutively from {first}")
    record = {"v": VERSION, "first": first, "events": [named(entry.event) for entry in entries]}
    return ENCODER.encode(record).encode()


def decode(record: bytes) -> list[Entry]:
    """The entries of a record; JournalError says what is wrong with it."""
    if len(record) > MAX_RECORD_BYTES:
        raise JournalError(f"record of {len(record)} bytes is too large")
    try:
        data = json.loads(record)
    except (ValueError, RecursionError) as error:
        raise JournalError(f"record is not JSON: {error}") from error
    if not isinstance(data, dict) or data.keys() != {"v", "first", "events"}:
        raise JournalError("record does not have the fields v, first and events")
    first, rows = data["first"], data["events"]
    if data["v"] != VERSION:
        raise JournalError(f"record has format version {data['v']!r:.40}, this desk reads {VERSION}")
    if type(first) is not int or first < 1 or not isinstance(rows, list) or not rows:
        raise JournalError("record has no usable numbering or no events")
    try:
        return number([from_dict(row) for row in rows], first)
    except EventError as error:
        raise JournalError(f"record {first}: {error}") from error


if __name__ == "__main__":
    import sys

    from .inspection import main

    sys.exit(main())
