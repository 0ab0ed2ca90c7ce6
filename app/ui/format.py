"""How numbers, times and directions are written on the page. Pure functions, the same in CPython.

The desk worker sends display text already; this module adds what depends on the reader (local time, age) and
what the page computes itself. It never decides anything: no rounding of money happens here beyond display.
"""

from __future__ import annotations

import time
from typing import Any

MINUS = "−"
NOTHING = "–"
_UP, _DOWN, _FLAT = "▲", "▼", "·"
_BYTE_STEPS = ("B", "kB", "MB", "GB", "TB")


def minus(text: str) -> str:
    """The text with the typographic minus sign U+2212 instead of a leading hyphen."""
    return MINUS + text[1:] if text.startswith("-") else text


def group(text: str) -> str:
    """Plain decimal text with thousands separators and the minus sign: '-1234567.80' is '−1,234,567.80'."""
    sign = ""
    if text[:1] in ("-", "+", MINUS):
        sign, text = (MINUS if text[0] != "+" else "+"), text[1:]
    whole, point, part = text.partition(".")
    if whole.isdigit() and len(whole) > 3:
        whole = f"{int(whole):,}"
    return sign + whole + point + part


def plain(text: str) -> str:
    """Display text back to what Decimal reads: no separators, hyphen-minus, no plus."""
    text = text.replace(",", "").replace(MINUS, "-").strip()
    return text[1:] if text.startswith("+") else text


def number(value: float, decimals: int = 0) -> str:
    """A statistic with a fixed number of decimals and separators (never for money)."""
    return minus(f"{value:,.{decimals}f}")


def direction(text: str | None) -> int:
    """-1, 0 or 1: the sign of displayed number text; nothing and zero are 0."""
    if not text:
        return 0
    if not any(digit in text for digit in "123456789"):
        return 0
    return -1 if text[0] in ("-", MINUS) else 1


def arrow(sign: int) -> str:
    """The direction as a shape, so that colour is never alone."""
    return _UP if sign > 0 else _DOWN if sign < 0 else _FLAT


def tone(sign: int) -> str:
    """The class name of a direction: up, down or flat."""
    return "up" if sign > 0 else "down" if sign < 0 else "flat"


def signed(text: str) -> str:
    """Number text with an explicit plus or minus; zero has none."""
    text = minus(text)
    if direction(text) > 0 and not text.startswith("+"):
        return "+" + text
    return text


def percent(text: str | None) -> str:
    """Change text such as '+0.12' as '+0.12 %', or a dash when unknown."""
    return f"{signed(text)} %" if text else NOTHING


def clock(ns: int, *, milliseconds: bool = False) -> str:
    """Local time of day of integer ns UTC: '14:03:22' or '14:03:22.045'."""
    moment = time.localtime(ns // 1_000_000_000)
    text = f"{moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02}"
    return f"{text}.{ns // 1_000_000 % 1000:03}" if milliseconds else text


def stamp(ns: int) -> str:
    """Local date and time of integer ns UTC: '2024-08-08 23:56:12'."""
    moment = time.localtime(ns // 1_000_000_000)
    return f"{moment.tm_year}-{moment.tm_mon:02}-{moment.tm_mday:02} {clock(ns)}"


def utc(ns: int) -> str:
    """The same moment for the hover title: '2024-08-08 21:56:12.123 UTC'."""
    moment = time.gmtime(ns // 1_000_000_000)
    return (
        f"{moment.tm_year}-{moment.tm_mon:02}-{moment.tm_mday:02} "
        f"{moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02}.{ns // 1_000_000 % 1000:03} UTC"
    )


def age(ms: float) -> str:
    """How long ago, in the largest unit that says enough: '14 s', '3 min', '2 h', '5 d'."""
    seconds = max(0, int(ms // 1000))
    if seconds < 100:
        return f"{seconds} s"
    if seconds < 100 * 60:
        return f"{seconds // 60} min"
    if seconds < 72 * 3600:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} d"


def span(seconds: float) -> str:
    """A position or length in a recording: '1:05:09' or '5:09'."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"


def latency(ms: float | None) -> str:
    """A duration in ms with two significant digits below ten: '1.2 µs', '0.42 ms', '6.1 ms', '124 ms'."""
    if ms is None:
        return NOTHING
    if ms >= 10:
        return f"{ms:,.0f} ms"
    if ms >= 1:
        return f"{ms:.1f} ms"
    return f"{ms:.2f} ms" if ms >= 0.1 else f"{ms * 1000:.1f} µs"


def size(count: float | None) -> str:
    """Bytes in decimal units: '31.5 MB'."""
    if count is None:
        return NOTHING
    value, step = float(count), 0
    while value >= 1000 and step < len(_BYTE_STEPS) - 1:
        value /= 1000
        step += 1
    return f"{value:.0f} {_BYTE_STEPS[step]}" if step == 0 or value >= 100 else f"{value:.1f} {_BYTE_STEPS[step]}"


def plural(count: int, one: str, many: str = "") -> str:
    """'1 record', '3 records'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """The text as a sentence: capital first, a full stop last; nothing stays nothing."""
    text = text.strip()
    if not text:
        return ""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def sentences(*texts: str) -> str:
    """Each text as a sentence, one behind the other."""
    return " ".join(filter(None, map(sentence, texts)))


def refusal(error: Any) -> str:
    """What the desk refused and what to do about it (a Refused): one or two sentences."""
    return sentences(error.reason, error.remedy)
