"""What the history page says: pure text."""

from __future__ import annotations

import time

from . import format as fmt

LEVELS = {"error": ("Looks wrong", "down"), "warn": ("Worth a look", "stale"), "info": ("Note", "hint")}
ROLES = {
    "time": "Date or time",
    "clock": "Time of day",
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "volume": "Volume",
    "adj": "Adjusted close",
    "dividend": "Dividends",
    "split": "Splits",
}
WHERE = {"readable": "readable by anybody here", "vault": "encrypted in the vault"}
ADJUST = (("none", "as stored"), ("splits", "adjusted for splits"), ("all", "adjusted for splits and dividends"))
PHASES = {"fetching": "Fetching", "reading": "Reading", "checking": "Checking", "writing": "Writing"}
_DAYS = ("1d", "1w", "1M")


def moment(ns: int, timeframe: str) -> str:
    """The start of a bar: a date for days and longer, else date and minute, in UTC."""
    shown = time.gmtime(ns // 1_000_000_000)
    day = f"{shown.tm_year}-{shown.tm_mon:02}-{shown.tm_mday:02}"
    if timeframe in _DAYS:
        return day
    seconds = f":{shown.tm_sec:02}" if timeframe.endswith("s") else ""
    return f"{day} {shown.tm_hour:02}:{shown.tm_min:02}{seconds}"


def reach(row: dict) -> str:
    """From when to when."""
    return f"{moment(row['first_ns'], row['timeframe'])} to {moment(row['last_ns'], row['timeframe'])}"


def name(row: dict) -> str:
    """A stored series in short."""
    return f"{row['symbol']} {row['timeframe']}"


def summary(rows: list[dict], troubles: list[str] | tuple = ()) -> str:
    """What is stored, in one sentence, and what of it cannot be read."""
    said = [_stored(rows), *(f"{text[:1].upper()}{text[1:]}." for text in troubles)]
    return " ".join(said)


def _stored(rows: list[dict]) -> str:
    if not rows:
        return "Nothing is stored yet."
    bars, size = sum(row["rows"] for row in rows), sum(row["bytes"] for row in rows)
    return f"{fmt.plural(len(rows), 'series', 'series')}, {fmt.plural(bars, 'bar')}, {fmt.size(size)}."


def progress(message: dict) -> str:
    """How far the desk is."""
    word = PHASES.get(message["phase"], "Working")
    return f"{word}… {fmt.number(message['rows'])} rows" if message["rows"] else f"{word}…"


def facts(found: dict) -> list[str]:
    """A preview in sentences, the first about the whole."""
    frame = found["timeframe"] or "unknown width"
    reached = f"{moment(found['first_ns'], found['timeframe'])} to {moment(found['last_ns'], found['timeframe'])} UTC"
    said = [f"{fmt.plural(found['bars'], 'bar')} of {frame}, {reached}; {fmt.plural(found['rows'], 'row')} in {found['name']} ({fmt.size(found['bytes'])})."]
    said.append(f"Times are read as {found['form']}; where they have no offset of their own, in {found['zone']}.")
    if found["splits"] or found["dividends"]:
        basis = "Prices look adjusted for the splits already." if found["basis"] == "splits" else "Prices look as they were traded."
        said.append(f"{fmt.plural(found['splits'], 'split')} and {fmt.plural(found['dividends'], 'dividend')} are listed. {basis}")
    if found["rounded"]:
        said.append("Some numbers have more digits than are kept (18): they are rounded.")
    return [*said, *order(found["order"])]


def dates(form: str) -> tuple[list[tuple[str, str]], str]:
    """(how dates may be read, how they are); nothing is chosen where they are not read yet."""
    ways = [("dmy", "day first: 31.12. is New Year's Eve"), ("mdy", "month first: 12/31 is New Year's Eve")]
    if not form:
        return [("", "choose\u2026"), *ways], ""
    return ways, "dmy" if form.startswith("day") else "mdy"


def order(done: dict) -> list[str]:
    """What had to be done so that each time stands once and in order."""
    said = []
    if done.get("newest_first"):
        said.append("The file begins with the newest row: it is turned around.")
    if done.get("late"):
        said.append(f"{fmt.plural(done['late'], 'row')} out of order: they are sorted in.")
    if done.get("repeated"):
        said.append(f"{fmt.plural(done['repeated'], 'row')} repeated: each is taken once.")
    if done.get("conflicting"):
        said.append(f"{fmt.plural(done['conflicting'], 'time')} twice with different values: the later row of the file is taken.")
    return said


def problem(row: dict) -> str:
    """A row that was left out."""
    where = f"Line {row['line']}, {row['column']}" if row["column"] else f"Line {row['line']}"
    return fmt.sentences(f"{where}: {row['reason']}", row["remedy"])


def places(item: dict, timeframe: str) -> str:
    """Where a finding is: lines of the file, else times."""
    many = item["count"] - len(item["times"])
    shown = [f"line {line}" for line in item["lines"]] if item["lines"] else [moment(ns, timeframe) for ns in item["times"]]
    if not shown:
        return ""
    return ", ".join(shown[:5]) + (f" and {fmt.number(many + len(shown) - 5)} more" if many + len(shown) > 5 else "")


def checked(findings: list[dict]) -> tuple[str, str]:
    """The sentence above findings, and its tone."""
    wrong = sum(item["level"] == "error" for item in findings)
    if wrong:
        return f"{fmt.plural(wrong, 'thing looks', 'things look')} wrong. A repair is done only where you choose it.", "bad"
    if findings:
        return "Nothing looks wrong; this is worth a look.", "warn"
    return "Nothing looks wrong.", "good"


def kept(row: dict, repairs: int) -> str:
    """What was done."""
    mended = f" with {fmt.plural(repairs, 'repair')}" if repairs else ""
    return f"{name(row)} is kept{mended}: {fmt.plural(row['rows'], 'bar')}, {fmt.size(row['bytes'])}, {WHERE[row['where']]}. Its chart shows them."


def exported(found: dict, mode: str) -> tuple[str, str]:
    """What was saved, and its tone: that nothing was adjusted though it was asked for is no small thing."""
    said = f"{found['name']}: {fmt.plural(found['rows'], 'bar')}, {fmt.size(found['bytes'])}, not encrypted."
    if mode == "none" or found["adjusted"]:
        return said, "plain"
    kinds = "splits" if mode == "splits" else "splits or dividends"
    return f"{said} Prices are as stored: the series has no {kinds} to adjust for. Check says whether some are missing.", "warn"


def same(row: dict) -> str:
    """That there is a series of this name already."""
    return f"{name(row)} from {row['source']} is stored already ({reach(row)}). Keeping this replaces it."


def removed(row: dict) -> str:
    """What is gone."""
    return f"{name(row)} is removed: {fmt.plural(row['rows'], 'bar')}. It cannot be brought back but from its file."
