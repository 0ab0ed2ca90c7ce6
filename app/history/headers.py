"""Which column of a table is what: by its name, or, without a header, by the usual orders."""

from __future__ import annotations

import re
import unicodedata

from .errors import Unreadable

ROLES = ("time", "clock", "open", "high", "low", "close", "volume", "adj", "dividend", "split")
"""``clock``: the time of day where the date has a column of its own."""
NEEDED = ("time", "open", "high", "low", "close")
_NAMES = {
    "time": (
        *("time", "timestamp", "datetime", "date", "opentime", "ts", "t", "begin", "unix"),
        *("gmttime", "localtime", "dateandtime", "timeutc", "timestamputc", "day", "indexlevel0"),
        *("datum", "zeit", "zeitpunkt", "fecha", "data"),
    ),
    "clock": ("time", "clock", "timeofday", "zeit", "uhrzeit"),
    "open": (*("open", "o", "openprice", "first", "opening"), *("eroffnung", "eroffn", "erster", "ouverture", "ouv", "apertura", "otwarcie")),
    "high": (*("high", "h", "highprice", "max", "highest"), *("hoch", "tageshoch", "haut", "plushaut", "maximo", "massimo", "najwyzszy")),
    "low": (*("low", "l", "lowprice", "min", "lowest"), *("tief", "tagestief", "bas", "plusbas", "minimo", "najnizszy")),
    "close": (
        *("close", "c", "closeprice", "last", "price", "closing", "closelast"),
        *("schluss", "schlusskurs", "zuletzt", "cloture", "clot", "dernier", "cierre", "ultimo", "chiusura", "zamkniecie"),
    ),
    "volume": (*("volume", "vol", "v", "basevolume", "qty", "totalvolume", "sharevolume"), *("volumen", "stucke", "stuecke", "wolumen")),
    "adj": ("adjclose", "adjustedclose", "closeadj", "closeadjusted"),
    "dividend": ("dividend", "dividends", "exdividend", "divcash", "dividendamount", "cashdividend"),
    "split": ("split", "splits", "stocksplits", "splitratio", "splitfactor", "splitcoefficient", "stocksplit"),
}
_BEGINS = {"open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume", "adj": "adjclose"}
"""What a longer name begins with: "Volume BTC", "Close Close price adjusted for splits."."""
_SYMBOLS = ("symbol", "ticker", "instrument", "pair")
_PREAMBLE = 10
_NUMBER = re.compile(r"-?\d[\d.,:/ T+-]*Z?\Z", re.ASCII)


def is_header(cells: list[str]) -> bool:
    """Whether a row names columns instead of holding values."""
    return not any(_NUMBER.match(cell.strip()) for cell in cells if cell.strip())


def recognised(names: list[str]) -> dict[str, int]:
    """Role -> place for each column that is recognised by its name."""
    plain = _plain(names)
    found: dict[str, int] = {}
    for role in ROLES:
        if role == "clock":
            continue
        place = next((plain.index(name) for name in _NAMES[role] if name in plain), None)
        if place is None and role in _BEGINS:
            place = next((place for place, name in enumerate(plain) if name.startswith(_BEGINS[role]) and "time" not in name), None)
        if place is not None:
            found[role] = place
    for date, time in (("date", "time"), ("datum", "zeit"), ("datum", "uhrzeit")):
        if date in plain and time in plain:
            found["time"], found["clock"] = plain.index(date), plain.index(time)
    return found


def symbol_place(names: list[str]) -> int | None:
    """The column that says whose bars they are, where there is one."""
    return next((place for place, name in enumerate(_plain(names)) if name in _SYMBOLS), None)


def above(rows: list[list[str]]) -> int:
    """How many lines stand above the one that names the columns: a sheet's ``sep=;``, the address of a source."""
    for number, row in enumerate(rows[:_PREAMBLE]):
        told = [cell for cell in row if cell.strip()]
        if len(told) >= len(NEEDED):
            return number if is_header(row) else 0
        if len(told) > 2:
            return 0
    return 0


def _plain(names: list[str]) -> list[str]:
    """Small letters and digits only, without accents."""
    return [re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", name.lower())) for name in names]


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
