"""Reading hostile wire text into exact numbers, fast: what the parsers of all venues share.

Owns bounds (frame length, magnitudes, times) and number caches. Never passes a price or size through a
binary float, never raises anything but WireError (or BadNumber, its base) for bad content.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from app.model.instrument import Instrument
from app.model.market import Level, Rejected
from app.model.units import BadNumber, parse_decimal, parse_units, shorten

MAX_FRAME = 8_000_000
"""Longest text looked at, in characters, where a venue's snapshots are bounded: ten times the largest."""
MAX_UNITS = 10**22
MAX_ID = 2**62
MAX_NESTING = 32
MS = 1_000_000
END_OF_TIME_NS = 4_102_444_800 * 10**9
"""2100-01-01: a later time is nonsense."""
_CACHE = 16_384
_POWERS = tuple(10**n for n in range(20))
_SAMPLE = 200
_EXPONENT = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d{1,2}\Z", re.ASCII)
_LIST = frozenset({list})
_LOADS = json.JSONDecoder(parse_float=lambda _text: None).decode
_LOADS_EXACT = json.JSONDecoder(parse_float=str).decode
ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)
"""All that wrong shapes, types and numbers can raise inside a parser."""


class WireError(BadNumber):
    """A message that has not the form, or not the sense, it should have."""


class Units(dict[str, int]):
    """Text to units of 10^-scale, remembered: the same prices and sizes come again and again.

    ``lowest`` is 1 for prices (nothing is traded for nothing) and 0 for sizes of levels.
    """

    __slots__ = ("lowest", "scale")

    def __init__(self, scale: int, lowest: int) -> None:
        super().__init__()
        self.scale = scale
        self.lowest = lowest

    def __missing__(self, text: str) -> int:
        head, _, tail = text.partition(".")
        digits = head + tail
        spare = self.scale - len(tail)
        if head and len(digits) < 20 and digits.isdigit() and digits.isascii() and spare <= 0:
            value = int(digits)
            if spare:
                value, rest = divmod(value, _POWERS[-spare])
            if spare and rest:
                raise WireError(f"more than {self.scale} decimals: {shorten(text)}")
        else:
            value = parse_units(text, self.scale)
        if not self.lowest <= value <= MAX_UNITS:
            raise WireError(f"out of range: {shorten(text)}")
        if len(self) >= _CACHE:
            self.clear()
        self[text] = value
        return value


class Route:
    """Where the numbers of one instrument go: its symbol, price and size readers."""

    __slots__ = ("price", "size", "symbol")

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = instrument.symbol
        self.price = Units(instrument.price_scale, 1)
        self.size = Units(instrument.size_scale, 0)


def check_rows(rows: object) -> None:
    """WireError unless ``rows`` is a list of lists: text of two characters would unpack like a pair."""
    if type(rows) is not list or not _LIST.issuperset(map(type, rows)):
        raise WireError("not a list of lists")


def levels(rows: object, route: Route) -> tuple[Level, ...]:
    """Book levels written as [price, size] pairs."""
    check_rows(rows)
    price, size = route.price, route.size
    return tuple([(price[p], size[q]) for p, q in rows])


def decode(text: str, exact: bool = False, longest: int = MAX_FRAME) -> object:
    """The JSON value in ``text``; a number with a fraction or exponent becomes None, so that none is a binary float.

    ``exact``: such a number becomes its own text, for venues that write prices as numbers; see `number_text`."""
    if type(text) is not str:
        raise WireError(f"not text: {type(text).__name__}")
    if len(text) > longest:
        raise WireError(f"a frame of {len(text)} characters")
    if text.count("[") + text.count("{") > 400 and _nesting(text) > MAX_NESTING:
        raise WireError("nested too deeply")
    return _LOADS_EXACT(text) if exact else _LOADS(text)


def number_text(value: object) -> str:
    """The digits of a JSON number that was decoded ``exact``: an integer, or text with a fraction or an exponent (written out)."""
    if type(value) is str:
        if "e" not in value and "E" not in value:
            return value
        if len(value) > 40 or not _EXPONENT.match(value):
            raise WireError(f"not a number: {shorten(value)}")
        return format(Decimal(value), "f")
    if type(value) is int and -MAX_UNITS < value < MAX_UNITS:
        return str(value)
    raise WireError(f"not a number: {type(value).__name__}")


def _nesting(text: str) -> int:
    """Upper bound of the depth of brackets, up to MAX_NESTING + 1; keeps the C scanner off the end of a small stack."""
    depth = deepest = 0
    for part in text.replace("{", "[").replace("}", "]").split("["):
        depth += 1 - part.count("]")
        if depth > deepest:
            deepest = depth
            if deepest > MAX_NESTING + 1:
                break
    return deepest - 1


def time_ms(value: object) -> int:
    """ns UTC of an integer of milliseconds, else WireError."""
    if type(value) is int and 0 <= value * MS < END_OF_TIME_NS:
        return value * MS
    raise WireError(f"not a time in ms: {shorten(value) if isinstance(value, str) else type(value).__name__}")


def time_fraction(text: object) -> int:
    """ns UTC of seconds written with a decimal fraction, else WireError."""
    value = parse_units(text, 9)
    if not 0 <= value < END_OF_TIME_NS:
        raise WireError(f"not a time in seconds: {shorten(text)}")
    return value


def time_rfc3339(text: object) -> int:
    """ns UTC of a time such as 2021-04-17T16:43:37.075687Z, else WireError."""
    if type(text) is not str or len(text) > 35 or not text.endswith("Z") or not text.isascii():
        raise WireError("not an RFC 3339 time in UTC")
    whole, _, fraction = text[:-1].partition(".")
    if len(whole) != 19 or len(fraction) > 9 or not (fraction.isdigit() or not fraction):
        raise WireError(f"not an RFC 3339 time: {shorten(text)}")
    start = _second(whole)
    if not 0 <= start < END_OF_TIME_NS:
        raise WireError(f"not a time of this century: {shorten(text)}")
    return start + int((fraction or "0").ljust(9, "0"))


@lru_cache(maxsize=64)
def _second(whole: str) -> int:
    """ns UTC of a whole second: the messages of a moment share it."""
    return int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()) * 10**9


def whole(value: object) -> int:
    """An integer id 0..2^62, else WireError; True is not one."""
    if type(value) is int and 0 <= value <= MAX_ID:
        return value
    raise WireError(f"not an id: {type(value).__name__}")


def decimals(step: str) -> int:
    """How many decimals a step such as 0.01000000 uses: 2."""
    parse_decimal(step)
    part = step.partition(".")[2].rstrip("0")
    return len(part)


def precision(value: object) -> int:
    """A number of decimals 0..18, else WireError."""
    if type(value) is int and 0 <= value <= 18:
        return value
    raise WireError("not a precision")


def reject(venue: str, recv: int, reason: object, text: object) -> Rejected:
    """The bounded, printable record of a frame that was dropped."""
    if isinstance(reason, BadNumber):
        reason = str(reason)
    elif isinstance(reason, RecursionError):
        reason = "nested too deeply"
    elif isinstance(reason, json.JSONDecodeError):
        reason = f"not JSON: {reason.msg} at {reason.pos}"
    elif isinstance(reason, KeyError):
        reason = f"missing field {shorten(reason.args[0])}" if reason.args else "missing field"
    elif isinstance(reason, Exception):
        reason = f"wrong form: {shorten(str(reason), 120)}"
    sample = text if isinstance(text, (str, bytes)) else type(text).__name__
    return Rejected(venue, recv, str(reason), shorten(sample, _SAMPLE))
