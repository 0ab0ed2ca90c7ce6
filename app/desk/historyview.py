"""How stored history, previews and findings look on the wire."""

from __future__ import annotations

from typing import Any

from app.history.checks import Finding
from app.history.reading import TIMEFRAMES, Reading
from app.history.repairs import Repair
from app.history.series import DIVIDEND, SPLIT, Series
from app.history.store import Stored

from .errors import Refusal

_LINES = 20
_SHOWN = 8


def stored(item: Stored) -> dict:
    """One stored series."""
    return {
        "id": item.id,
        "where": item.where,
        "source": item.source,
        "symbol": item.symbol,
        "timeframe": item.timeframe,
        "rows": item.rows,
        "first_ns": item.first,
        "last_ns": item.last,
        "bytes": item.bytes,
        "kept_ns": item.kept_ns,
    }


def preview(found: Any, name: str, size: int, market: Any, vault: bool) -> dict:
    """What a file holds, and what is wrong with it."""
    reading: Reading = found.reading
    series = reading.series
    return {
        "preview": found.number,
        "name": name,
        "bytes": size,
        "symbol": _symbol(name, market),
        "columns": reading.names,
        "places": reading.places,
        "form": reading.form,
        "zone": reading.zone,
        "timeframe": series.timeframe,
        "timeframes": list(TIMEFRAMES),
        "basis": series.basis,
        "rows": reading.rows,
        "bars": len(series),
        "first_ns": series.columns["time"][0],
        "last_ns": series.columns["time"][-1],
        "sample": [[time, *(str(series.price(value)) for value in prices), _volume(series, volume)] for time, *prices, volume in _first(series)],
        "problems": [item._asdict() for item in reading.problems[:_LINES]],
        "left_out": reading.left_out,
        "order": reading.order,
        "rounded": reading.rounded,
        "splits": sum(action.kind == SPLIT for action in series.actions),
        "dividends": sum(action.kind == DIVIDEND for action in series.actions),
        "findings": [finding(place, item, series, reading.lines) for place, item in enumerate(found.findings)],
        "vault": vault,
    }


def finding(place: int, item: Finding, series: Series, lines: list[int] | None = None) -> dict:
    """One finding; ``lines`` are those of the file."""
    rows = item.rows[:_LINES]
    return {
        "id": place,
        "kind": item.kind,
        "level": item.level,
        "text": item.text,
        "count": len(item.rows),
        "times": [series.columns["time"][row] for row in rows],
        "lines": [lines[row] for row in rows] if lines else [],
        "repair": item.repair.text if item.repair is not None else None,
    }


def chosen(findings: list[Finding], wanted: list) -> list[Repair]:
    """The repairs of these findings. Raises Refusal."""
    places = {place for place in wanted if isinstance(place, int) and 0 <= place < len(findings) and findings[place].repair is not None}
    if len(places) != len(wanted):
        raise Refusal("bad_request", "a repair was chosen that is not offered", "look at the preview again", "repairs")
    return [findings[place].repair for place in sorted(places)]


def _volume(series: Series, units: int) -> str | None:
    found = series.volume(units)
    return None if found is None else str(found)


def _first(series: Series) -> list[tuple[int, ...]]:
    return list(series.part(0, _SHOWN).rows())


def _symbol(name: str, market: Any) -> str:
    """What the file's name says, if that is an instrument here; else its first word."""
    stem = name.rpartition("/")[2].partition(".")[0]
    words = [word for word in stem.replace("_", "-").split("-") if word]
    for word in (stem, *words):
        if market.knows(word.upper()):
            return word.upper()
    return words[0].upper()[:40] if words else ""
