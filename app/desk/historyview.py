"""How stored history, previews and findings look on the wire."""

from __future__ import annotations

from typing import Any

from app.history.checks import Finding
from app.history.errors import Undecided
from app.history.reading import TIMEFRAMES, Reading
from app.history.repairs import Repair
from app.history.series import DIVIDEND, SPLIT, Series
from app.history.store import Stored

from .errors import Refusal

_LINES = 20
_SHOWN = 8
_CELL, _COLUMNS = 40, 20
_DATES = ("day.month.year", "month/day/year")


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
        "symbol": _symbol(name, market, reading),
        **_meaning(reading),
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


def undecided(error: Undecided, name: str, size: int) -> dict:
    """What a file holds of which something has to be said before it can be read, with its first rows as they are."""
    reading = error.reading
    return {
        "preview": None,
        "name": name,
        "bytes": size,
        **_meaning(reading),
        "dates": error.field == "dates" or reading.form in _DATES,
        "form": reading.form,
        "head": [[cell.strip()[:_CELL] for cell in row[:_COLUMNS]] for row in reading.first],
        "refused": {"reason": error.reason, "remedy": error.remedy, "field": error.field},
    }


def _meaning(reading: Reading) -> dict:
    """What may be said otherwise: columns, the order in dates that do not tell, whose bars."""
    symbols = reading.symbols if len(reading.symbols) > 1 else []
    return {"columns": reading.names, "places": reading.places, "dates": reading.form in _DATES, "symbols": symbols, "only": reading.only}


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


def _symbol(name: str, market: Any, reading: Reading) -> str:
    """What the file says of each row; else its name, if that is an instrument here; else the name's first word."""
    if inside := reading.only or (reading.symbols[0] if len(reading.symbols) == 1 else ""):
        return inside.upper()[:40] if market.knows(inside.upper()) else inside[:40]
    stem = name.rpartition("/")[2].partition(".")[0]
    words = [word for word in stem.replace("_", "-").split("-") if word]
    for word in (stem, *words):
        if market.knows(word.upper()):
            return word.upper()
    return words[0].upper()[:40] if words else ""
