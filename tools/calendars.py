"""Writes app/market/calendar_data.py: the exchanges' sessions and the clocks of their zones, from exchange_calendars.

    python -m tools.calendars [FIRST [LAST]]      (ISO dates; default 2000-01-01 and the end of next year)

Run by hand, a few times a year: exchange_calendars needs pandas, which no start of the desk and no build should. The file is small, so it is
committed, and says by which version it was made and to which day it knows.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

TARGET = Path(__file__).resolve().parent.parent / "app" / "market" / "calendar_data.py"
EXCHANGES = {
    "XNYS": "New York Stock Exchange",
    "XNAS": "Nasdaq",
    "XTSE": "Toronto Stock Exchange",
    "XLON": "London Stock Exchange",
    "XETR": "Xetra, Frankfurt",
    "XPAR": "Euronext Paris",
    "XAMS": "Euronext Amsterdam",
    "XMIL": "Borsa Italiana, Milan",
    "XMAD": "Bolsa de Madrid",
    "XSWX": "SIX Swiss Exchange",
    "XSTO": "Nasdaq Stockholm",
    "XTKS": "Tokyo Stock Exchange",
    "XHKG": "Hong Kong Stock Exchange",
    "XKRX": "Korea Exchange",
    "XASX": "Australian Securities Exchange",
    "CMES": "CME Globex",
}
CLOCKS = (1970, 2038)
LASTING = 20  # so many sessions decide whether other hours are the new rule or an exception


def main() -> int:
    """Write the file; returns the exit status."""
    first = date.fromisoformat(sys.argv[1]) if len(sys.argv) > 1 else date(2000, 1, 1)
    last = date.fromisoformat(sys.argv[2]) if len(sys.argv) > 2 else date(datetime.now(UTC).year + 1, 12, 31)
    found = {code: calendar(code, name, first, last) for code, name in EXCHANGES.items()}
    zones = {name: clocks(name) for name in sorted({row["zone"] for row in found.values()})}
    TARGET.write_text(text(found, zones, first, last), encoding="utf-8")
    print(f"{TARGET.name}: {len(found)} calendars, {TARGET.stat().st_size:,} bytes", file=sys.stderr)
    return 0


def calendar(code: str, name: str, first: date, last: date) -> dict:
    """One exchange: regular hours by their first day, weekdays without a session, days with hours of their own."""
    import exchange_calendars

    found = exchange_calendars.get_calendar(code, start=first.isoformat(), end=last.isoformat())
    hours = {}
    for row in found.schedule.itertuples():
        wall = [_minutes(getattr(row, part), row.Index, found.tz) for part in ("open", "break_start", "break_end", "close")]
        hours[row.Index.date()] = tuple(each for each in wall if each is not None)
    days = sorted(hours)
    rules: list[list] = []
    odd = {}
    for at, day in enumerate(days):
        if not rules or hours[day] != tuple(rules[-1][1:]):
            ahead = Counter(hours[each] for each in days[at : at + LASTING])
            if not rules or (hours[day] == ahead.most_common(1)[0][0] and ahead[hours[day]] > LASTING // 2):
                rules.append([day.isoformat(), *hours[day]])
            else:
                odd[day] = hours[day]
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    closed = [day for day in every if day.weekday() < 5 and day not in hours]
    extra = {day: hours[day] for day in days if day.weekday() >= 5}
    return {"name": name, "zone": str(found.tz), "rules": rules, "closed": _steps(closed, first), "odd": _table({**odd, **extra}, first)}


def clocks(name: str) -> list:
    """[offset in minutes before all, then hour of the change since 1970 and the offset after it, …]"""
    zone = ZoneInfo(name)

    def offset(hour: int) -> int:
        return int(datetime.fromtimestamp(hour * 3600, zone).utcoffset().total_seconds()) // 60

    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) // 3600 for year in CLOCKS)
    changes, before = [offset(start)], offset(start)
    for day in range(start, end, 24):
        if offset(day + 24) != before:
            hour = next(each for each in range(day + 1, day + 25) if offset(each) != before)
            before = offset(hour)
            changes += [hour, before]
    return changes


def _minutes(moment, day, zone) -> int | None:
    """Minutes by the wall clock from the day's midnight; negative when it is the evening before."""
    if moment != moment:
        return None
    wall = moment.tz_convert(zone).tz_localize(None)
    return int((wall - day).total_seconds() // 60)


def _steps(days: list[date], first: date) -> str:
    """Days from one to the next, the first from ``first``."""
    return " ".join(str((day - before).days) for before, day in zip([first, *days], days, strict=False))


def _table(rows: dict, first: date) -> dict:
    """Text of hours -> the days that have them."""
    found: dict[tuple, list[date]] = {}
    for day in sorted(rows):
        found.setdefault(rows[day], []).append(day)
    return {" ".join(map(str, hours)): _steps(days, first) for hours, days in found.items()}


def text(found: dict, zones: dict, first: date, last: date) -> str:
    """The module's source."""
    by = version("exchange_calendars")
    lines = [
        f'"""Sessions of exchanges and the clocks of their zones. Written by tools/calendars.py with exchange_calendars {by}: do not edit.',
        "",
        "From exchange_calendars (copyright 2018 Quantopian, Inc. and its contributors, Apache License 2.0) and the public domain tz database.",
        '"""',
        "",
        f'MADE = "exchange_calendars {by}, tzdata {version("tzdata")}"',
        f'FIRST, LAST = "{first}", "{last}"',
        "# Regular hours from a day on, in minutes by the wall clock from midnight (open, with a pause its two ends, close); weekdays without a",
        "# session; days with other hours. Days are counted from the one before, the first from FIRST.",
        "CALENDARS = {",
    ]
    for code, row in found.items():
        lines.append(f'    "{code}": {{')
        for key, value in row.items():
            if isinstance(value, dict):
                lines.append(f'        "{key}": {{')
                for hours, days in value.items():
                    lines += _wrapped(f'            "{hours}": ', days)
                lines.append("        },")
            elif isinstance(value, list):
                lines.append(f'        "{key}": [')
                lines += [f"            {json.dumps(each)}," for each in value]
                lines.append("        ],")
            else:
                lines += _wrapped(f'        "{key}": ', value)
        lines.append("    },")
    lines += ["}", "# Offset from UTC in minutes, then by turns the hour since 1970 of a change and the offset after it.", "ZONES = {"]
    for name, changes in zones.items():
        lines += _wrapped(f'    "{name}": ', " ".join(map(str, changes)))
    return "\n".join([*lines, "}", ""])


def _wrapped(head: str, value: str) -> list[str]:
    """A text in quotes, over several lines where it is long."""
    if len(head) + len(value) < 150:
        return [f"{head}{json.dumps(value)},"]
    pad, parts, words = " " * (len(head) - len(head.lstrip()) + 4), [], value.split(" ")
    while words:
        part = words.pop(0)
        while words and len(pad) + len(part) + len(words[0]) < 150:
            part += f" {words.pop(0)}"
        parts.append(part)
    return [f"{head}(", *(f"{pad}{json.dumps(part + (' ' if at + 1 < len(parts) else ''))}" for at, part in enumerate(parts)), f"{pad[4:]}),"]


if __name__ == "__main__":
    sys.exit(main())
