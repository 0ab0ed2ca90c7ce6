"""What the page says of sources: whose a price is, how old, and when its exchange trades. Pure text; times are told in the reader's zone."""

from __future__ import annotations

import time

from . import format as fmt

_NS = 1_000_000_000
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
STATES = {"works": ("works", "good"), "rests": ("resting", "warn"), "no_key": ("no key", "flat")}
GRADES = {"live": "", "delayed": "delayed", "day": "price of the day"}
ABOUT = (
    "Prices of shares, funds, indices, futures and currencies are asked for, not streamed: the first source in the list that can answer is asked, the next "
    "one when it cannot. Every price says whose it is and how old. Bid and ask are the source's own where it has them, otherwise they are indicated: the last "
    "price, five hundredths of a percent to each side, and paper orders meet those. Nobody stands in the book of an exchange that is closed."
)
KEYS = (
    "A key goes into the vault and from there to its source alone, in the address of each request, because that is how these sources take it; directly or "
    "through a proxy that is your own. It never shows in the trace, in errors or in exports of the trace."
)


def when(ns: int, now_ns: int) -> str:
    """A time within the next days, in the reader's zone: '15:30', 'Mon 15:30', '2026-12-28 15:30'."""
    then, now = time.localtime(ns // _NS), time.localtime(now_ns // _NS)
    clock = f"{then.tm_hour:02}:{then.tm_min:02}"
    if then[:3] == now[:3]:
        return clock
    if 0 <= ns - now_ns < 6 * 86_400 * _NS:
        return f"{_DAYS[then.tm_wday]} {clock}"
    return f"{then.tm_year}-{then.tm_mon:02}-{then.tm_mday:02} {clock}"


def hours(row: dict, now_ns: int) -> str:
    """How the exchange stands: 'open until 22:00', 'closed, opens Mon 15:30', 'around the clock'."""
    if row["around_the_clock"]:
        return "around the clock"
    if row["open"]:
        return f"open until {when(row['closes_ns'], now_ns)}" if row["closes_ns"] else "open"
    return f"closed, opens {when(row['opens_ns'], now_ns)}" if row["opens_ns"] else "closed"


def age(row: dict, now_ns: int) -> str:
    """How old the price is."""
    return fmt.age((now_ns - row["as_of_ns"]) / 1e6) if row["as_of_ns"] else ""


def short(row: dict, now_ns: int) -> str:
    """For the row of a list: 'Yahoo 34 s'; 'no source' where there is no price."""
    return f"{row['title']} {age(row, now_ns)}" if row["source"] else "no price"


def line(row: dict, now_ns: int) -> str:
    """For the status bar: 'Yahoo, 34 s old · closed, opens Mon 15:30'."""
    whose = f"{row['title']}, {age(row, now_ns)} old" if row["source"] else "no source has a price"
    grade = GRADES.get(row["grade"] or "live", "")
    return f"{whose}{' (' + grade + ')' if grade else ''} · {hours(row, now_ns)}"


def title(symbol: str, row: dict, now_ns: int) -> str:
    """All of it, for the title of a row."""
    parts = [f"{symbol} on {row['exchange']}: {line(row, now_ns)}"]
    if row["as_of_ns"]:
        parts.append(f"price of {fmt.stamp(row['as_of_ns'])}")
    if row["indicated"]:
        parts.append("bid and ask are indicated")
    if row["note"]:
        parts.append(row["note"])
    return ". ".join(parts)


def found(row: dict, titles: dict[str, str]) -> str:
    """The hint of a search result: 'Apple Inc. · NasdaqGS · USD · share · Yahoo, Polygon'."""
    sources = ", ".join(titles.get(name, name) for name in row["sources"])
    end = "in the watchlist" if row["watched"] else f"add, found by {sources}"
    return " · ".join(part for part in (row["name"], row["exchange"], row["currency"], row["kind"], end) if part)


def missing(failed: list[dict]) -> str:
    """Which sources a search did not reach, and why."""
    return "; ".join(f"{each['title']}: {each['why']}" for each in failed)
