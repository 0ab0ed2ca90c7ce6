"""Which column of a table is what: by its name, or, without a header, by the usual orders."""

from __future__ import annotations

import re

from .errors import Unreadable

ROLES = ("time", "clock", "open", "high", "low", "close", "volume", "adj", "dividend", "split")
"""``clock``: the time of day where the date has a column of its own."""
NEEDED = ("time", "open", "high", "low", "close")
_NAMES = {
    "time": (
        *("time", "timestamp", "datetime", "date", "opentime", "ts", "t", "begin", "unix"),
        *("gmttime", "localtime", "dateandtime", "timeutc", "timestamputc", "day", "indexlevel0"),
    ),
    "clock": ("time", "clock", "timeofday"),
    "open": ("open", "o", "openprice", "first", "opening"),
    "high": ("high", "h", "highprice", "max", "highest"),
    "low": ("low", "l", "lowprice", "min", "lowest"),
    "close": ("close", "c", "closeprice", "last", "price", "closing", "closelast"),
    "volume": ("volume", "vol", "v", "basevolume", "qty", "totalvolume", "sharevolume"),
    "adj": ("adjclose", "adjustedclose", "closeadj", "closeadjusted"),
    "dividend": ("dividend", "dividends", "exdividend", "divcash", "dividendamount", "cashdividend"),
    "split": ("split", "splits", "stocksplits", "splitratio", "splitfactor", "splitcoefficient", "stocksplit"),
}
_NUMBER = re.compile(r"-?\d[\d.,:/ T+-]*Z?\Z", re.ASCII)


def is_header(cells: list[str]) -> bool:
    """Whether a row names columns instead of holding values."""
    return not any(_NUMBER.match(cell.strip()) for cell in cells if cell.strip())


def recognised(names: list[str]) -> dict[str, int]:
    """Role -> place for each column that is recognised by its name."""
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
    found: dict[str, int] = {}
    for role in ROLES:
        if role == "clock":
            continue
        place = next((plain.index(name) for name in _NAMES[role] if name in plain), None)
        if place is None and role == "volume":
            place = next((place for place, name in enumerate(plain) if name.startswith("volume")), None)
        if place is not None:
            found[role] = place
    if "date" in plain and "time" in plain:
        found["time"], found["clock"] = plain.index("date"), plain.index("time")
    return found


def unnamed(cells: list[str]) -> tuple[list[str], dict[str, int]]:
    """(names made up, role -> place) of a table without a header."""
    names = [f"column {place + 1}" for place in range(len(cells))]
    shift = 1 if len(cells) > 6 and re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", cells[1].strip()) else 0
    if len(cells) < 5 + shift:
        return names, {}
    found = {"time": 0, **({"clock": 1} if shift else {})}
    for offset, role in enumerate(("open", "high", "low", "close", "volume"), 1 + shift):
        if offset < len(cells):
            found[role] = offset
    return names, found


def chosen(names: list[str], found: dict[str, int], wanted: dict[str, int | None]) -> dict[str, int]:
    """The trader's own choice over what was recognised (None: not there). Raises Unreadable naming what is missing."""
    places = {**found, **wanted}
    places = {role: place for role, place in places.items() if role in ROLES and isinstance(place, int) and 0 <= place < len(names)}
    if missing := [role for role in NEEDED if role not in places]:
        shown = ", ".join(names[:20])
        raise Unreadable(f"no column was recognised as {', '.join(missing)}; the file has: {shown}", "choose the columns", f"column.{missing[0]}")
    return places
