"""What is recorded: the sessions and instruments that recordings/index.json names.

Owns the form of the index, reading and writing alike. An index that is not exactly right is a CatalogueError.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from app.model.instrument import Instrument
from app.model.units import parse_decimal


class CatalogueError(ValueError):
    """The list of recordings is unreadable."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One recording: file, venue, the time of its position 0, of its end (ns UTC), instruments."""

    name: str
    file: str
    venue: str
    start_ns: int
    end_ns: int
    lines: int
    sha256: str
    instruments: tuple[Instrument, ...]


def read_index(data: bytes) -> list[SessionInfo]:
    """Sessions in the order of the watchlist; CatalogueError when the index is damaged."""
    try:
        return [_session(row) for row in json.loads(data)["sessions"]]
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogueError(f"the list of recordings is unreadable: {error!r}") from error


def write_index(sessions: list[SessionInfo]) -> str:
    """The index as JSON text, one instrument a line."""
    parts = []
    for session in sessions:
        head = {name: getattr(session, name) for name in _HEAD}
        rows = []
        for item in session.instruments:
            row = {field.name: getattr(item, field.name) for field in fields(item) if field.init and field.name != "venue"}
            row["min_notional"] = format(item.min_notional, "f")
            if row.pop("multiplier") != 1:
                row["multiplier"] = format(item.multiplier, "f")
            rows.append("   " + json.dumps(row))
        parts.append(json.dumps(head)[:-1] + ', "instruments": [\n' + ",\n".join(rows) + "\n  ]}")
    return '{"sessions": [\n  ' + ",\n  ".join(parts) + "\n]}\n"


_HEAD = ("name", "file", "venue", "start_ns", "end_ns", "lines", "sha256")
_WHOLE = ("price_scale", "size_scale", "tick", "lot", "min_size")
_TEXT = ("symbol", "native", "base", "quote")


def _session(row: dict) -> SessionInfo:
    instruments = tuple([_instrument(row["venue"], item) for item in row["instruments"]])
    session = SessionInfo(*[row[name] for name in _HEAD], instruments)
    if not instruments or not session.start_ns < session.end_ns:
        raise CatalogueError(f"{session.name}: no instruments or no length")
    return session


def _instrument(venue: str, row: dict) -> Instrument:
    if not all(type(row[name]) is int for name in _WHOLE) or not all(type(row[name]) is str for name in _TEXT):
        raise TypeError(f"instrument {row}")
    notional, multiplier = parse_decimal(row["min_notional"]), parse_decimal(row.get("multiplier", "1"))
    return Instrument(venue=venue, min_notional=notional, multiplier=multiplier, **{name: row[name] for name in (*_TEXT, *_WHOLE)})
