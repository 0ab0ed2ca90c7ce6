"""Text of one cell: numbers exactly, times to ns UTC. Every refusal says what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from functools import partial

from .errors import HistoryError

EMPTY = frozenset({"", "-", "null", "none", "nan", "na", "n/a", "#n/a", "\\n"})
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d*)?\Z|[+-]?\.\d+\Z", re.ASCII)
_DIGITS = 30
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z", re.ASCII)
_WITH_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d*)?\Z", re.ASCII)
_SHORT = {"K": 3, "M": 6, "B": 9, "T": 12}
_MONEY = "$\u20ac\u00a3\u00a5"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH = re.compile(r"-?\d{1,20}(?:\.\d+)?\Z", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:[ T]?(\d\d)(\d\d)(\d\d)?)?\Z", re.ASCII)
_LOCAL = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T](\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?: ?([AaPp])[Mm])?)?\Z", re.ASCII)
_NAMED = re.compile(r"(?:(\d{1,2})[ -])?([A-Za-z]{3,9})\.?[ -](?:(\d{1,2}), )?(\d{4})(.*)\Z", re.ASCII)
_SLASHED = re.compile(r"(\d{4})[/.](\d\d)[/.](\d\d)(.*)\Z", re.ASCII)
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d\d):?(\d\d)\Z", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((10**11, 10**9, "s"), (10**14, 10**6, "ms"), (10**17, 10**3, "us"), (10**20, 1, "ns"))

Number = tuple[int, int]
"""(digits as an integer, how many of them are decimals)."""
Moment = tuple[int, int, int]
"""(ns UTC, what the clock of its own zone shows, as if that were UTC, ns until the clock shows it again; 0 where it does not)."""


class BadCell(ValueError):
    """``args``: what is wrong, what would be right."""


class TwoWays(BadCell):
    """A date that may be read in two ways: the trader has to say which."""


def decimal_comma(prices: list[str], delimiter: str) -> bool:
    """Whether decimals stand behind a comma, judged by some prices: not where a point comes after it, and three digits after one are
    thousands unless a semicolon between the fields leaves commas to the decimals."""
    marked = [price.strip() for price in prices if "," in price]
    if not marked or any(price.rfind(".") > price.rfind(",") for price in marked):
        return False
    return delimiter == ";" or any(not re.search(r",\d{3}\Z", price) for price in marked)


def number(text: str, comma: bool = False, short: bool = False) -> Number | None:
    """The number, exactly; None for an empty cell. ``comma``: decimals stand behind a comma; ``short``: K, M, B and T may stand behind it for
    thousands and more, as volumes have them. A currency sign before it is left out. Raises BadCell."""
    text = text.strip().lstrip(_MONEY)
    if short and text[-1:].upper() in _SHORT and text[:-1].strip():
        more = _SHORT[text[-1].upper()]
        units, decimals = number(text[:-1], comma) or (0, 0)
        return (units, decimals - more) if decimals > more else (units * 10 ** (more - decimals), 0)
    if comma and _WITH_COMMA.match(text):
        text = text.replace(".", "").replace(",", ".")
    elif not comma and _GROUPED.match(text):
        text = text.replace(",", "")
    elif comma and "." in text:
        raise BadCell(f"{text[:40]!r} is not a number with a decimal comma like the others", "use one form in the whole file, such as 1234,5")
    if _PLAIN.match(text):
        if len(text) > _DIGITS:
            raise BadCell(f"a number of {len(text)} digits", f"use at most {_DIGITS}")
        whole, _, part = text.partition(".")
        return int(whole + part), len(part)
    if text.lower() in EMPTY:
        return None
    try:
        value = Decimal(text)
        if not value.is_finite() or "_" in text or len(text) > _DIGITS or not -30 < value.adjusted() < 30:
            raise InvalidOperation
    except InvalidOperation:
        raise BadCell(f"{text[:40]!r} is not a number", "use a number such as 1234.5") from None
    sign, digits, exponent = value.as_tuple()
    units = int("".join(map(str, digits))) * (-1 if sign else 1)
    return (units, -exponent) if exponent < 0 else (units * 10**exponent, 0)


def zone(name: str) -> tzinfo:
    """UTC, an offset such as +09:00, or an IANA name where the zones are there. Raises HistoryError."""
    name = name.strip() or "UTC"
    if name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    if found := _OFFSET.match(name):
        delta = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if delta < timedelta(hours=24):
            return timezone(-delta if found[1] == "-" else delta)
    from app.market import zones

    try:
        return zones.zone(name)
    except zones.UnknownZone as error:
        raise HistoryError(
            f"the time zone {name[:40]!r} is not known here",
            "use UTC, an exchange's zone such as Europe/London, or an offset such as -05:00; over a change of the clocks export times with offset",
            "zone",
        ) from error


def times(sample: list[str], tz: tzinfo, order: str = "") -> tuple[Callable[[str], Moment], str]:
    """(how to read such times, in words), judged by some of them. ``order`` is ``dmy`` or ``mdy`` where the trader says what they do not.
    Raises BadCell when they cannot be understood, TwoWays when that has to be said."""
    shown = [item.strip() for item in sample if item.strip()]
    if not shown:
        raise BadCell("no time in the first rows", "choose the column that holds the time")
    if all(map(_COMPACT.match, shown)) and all(1900 <= int(item[:4]) <= 2200 and "01" <= item[4:6] <= "12" for item in shown):
        return partial(_compact, tz=tz), "YYYYMMDD"
    if all(map(_EPOCH.match, shown)):
        largest = max(abs(int(float(item))) for item in shown)
        for limit, factor, unit in _UNITS:
            if largest < limit:
                return partial(_epoch, factor=factor), f"Unix time in {unit}"
    if all(map(_LOCAL.match, shown)):
        parts = [_LOCAL.match(item) for item in shown]
        first, second = max(int(part[1]) for part in parts), max(int(part[3]) for part in parts)
        if first <= 12 and (second > 12 or order == "mdy"):
            return partial(_local, tz=tz, day=3, month=1), "month/day/year"
        if first > 12 or order == "dmy" or parts[0][2] == ".":
            return partial(_local, tz=tz, day=1, month=3), "day.month.year"
        raise TwoWays(f"{shown[0]!r} may be day/month or month/day", "say which it is, or write dates as YYYY-MM-DD")
    return partial(_iso, tz=tz), "ISO 8601"


def _ns(moment: datetime, tz: tzinfo) -> Moment:
    delta = moment.replace(tzinfo=UTC) - _ZERO
    wall = (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000
    there = moment if moment.tzinfo is not None else moment.replace(tzinfo=tz)
    offset = there.utcoffset()
    ns = wall - (offset.days * 86_400 + offset.seconds) * 1_000_000_000
    if isinstance(there.tzinfo, timezone):
        return ns, wall, 0
    return ns, wall, max(0, (offset - there.replace(fold=1).utcoffset()) // _MICROSECOND * 1000)


def _epoch(text: str, factor: int) -> Moment:
    text = text.strip()
    if not _EPOCH.match(text):
        raise BadCell(f"{text[:40]!r} is not a Unix time like the others", "use one form of time in the whole file")
    whole, _, part = text.partition(".")
    ns = int(whole) * factor + (int(Decimal(f"0.{part}") * factor) if part else 0)
    return ns, ns, 0


def _compact(text: str, tz: tzinfo) -> Moment:
    found = _COMPACT.match(text.strip())
    if found is None:
        raise BadCell(f"{text[:40]!r} is not a date like the others", "write it as YYYYMMDD")
    return _made(found[1], found[2], found[3], found[4], found[5], found[6], tz)


def _local(text: str, tz: tzinfo, day: int, month: int) -> Moment:
    found = _LOCAL.match(text.strip())
    if found is None:
        raise BadCell(f"{text[:40]!r} is not a date like the others", "write dates as YYYY-MM-DD")
    hour = found[5]
    if found[8] and hour:
        if not 1 <= int(hour) <= 12:
            raise BadCell(f"there is no such time: {text[:40]!r}", "use 1 to 12 before AM or PM, or 24 hours without")
        hour = str(int(hour) % 12 + (12 if found[8] in "Pp" else 0))
    return _made(found[4], found[month], found[day], hour, found[6], found[7], tz)


def _made(year: str, month: str, day: str, hour: str | None, minute: str | None, second: str | None, tz: tzinfo) -> Moment:
    try:
        return _ns(datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)), tz)
    except ValueError as error:
        raise BadCell(f"there is no such time: {error}", "write it as YYYY-MM-DD hh:mm:ss") from None


def _iso(text: str, tz: tzinfo) -> Moment:
    text = text.strip()
    if slashed := _SLASHED.match(text):
        text = f"{slashed[1]}-{slashed[2]}-{slashed[3]}{slashed[4]}"
    elif (named := _NAMED.match(text)) and (day := named[1] or named[3]) and named[2][:3].lower() in _MONTHS:
        text = f"{named[4]}-{_MONTHS.index(named[2][:3].lower()) + 1:02}-{int(day):02}{named[5]}"
    try:
        return _ns(datetime.fromisoformat(text.removesuffix(" UTC")), tz)
    except ValueError:
        raise BadCell(f"{text[:40]!r} is not a time", "write it as 2024-05-31 14:30:00, or with an offset such as +02:00") from None
