"""What comes from outside is checked before it is used: its type, size, depth, numbers and shape.

`json_of` gives plain values that have a known shape and only finite numbers, or raises `BadContent` naming the place. Shapes are
small functions that compose: `record`, `rows`, `text`, `number`, `whole`, `flag`, `one_of`, `maybe`. Unknown fields are left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from .messages import FetchFailed, Response
from .words import remedy

MOST_BYTES = 8_000_000
DEEPEST = 32
LONGEST_NUMBER = 64
LARGEST_EXPONENT = 400
Shape = Callable[[Any, str], Any]
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_NOT_JSON = ("text/html", "application/xhtml+xml", "text/xml", "application/xml", "image/", "video/", "audio/", "multipart/")


class BadContent(FetchFailed):
    """An answer that is not what was asked for. ``field`` names the place in it."""

    code = "bad_content"

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__("bad_content", reason, remedy("bad_content", ""), field=field or None)


def json_of(response: Response, shape: Shape, *, most_bytes: int = MOST_BYTES, exact: bool = False) -> Any:
    """The body as JSON of that shape; ``exact`` reads fractions as Decimal instead of float. Raises BadContent."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(_NOT_JSON):
        raise BadContent(f"the answer says that it is {kind}, and JSON was asked for")
    return shape(parse(response.body, most_bytes=most_bytes, exact=exact), "")


def parse(body: bytes, *, most_bytes: int = MOST_BYTES, deepest: int = DEEPEST, exact: bool = False) -> Any:
    """JSON text as plain values: bounded in size and depth, without NaN or infinity, each name once an object. Raises BadContent."""
    if len(body) > most_bytes:
        raise BadContent(f"the answer has {len(body)} bytes and {most_bytes} are allowed")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadContent(f"the answer is not UTF-8 at byte {error.start}") from error
    if (depth := _depth(text, deepest)) > deepest:
        raise BadContent(f"the answer is nested deeper than {deepest} levels")
    try:
        return json.loads(text, parse_float=_exact if exact else _finite, parse_int=_int, parse_constant=_refuse, object_pairs_hook=_object)
    except BadContent:
        raise
    except (ValueError, RecursionError) as error:
        raise BadContent(f"the answer is no JSON: {_short(error)} (depth {depth})") from error


def text(most: int = 1_000) -> Shape:
    """A text of at most so many characters, without control characters or marks that turn the direction of reading."""

    def check(value: Any, place: str) -> str:
        if not isinstance(value, str):
            raise _wrong(value, place, "a text")
        if len(value) > most:
            raise BadContent(f"{_at(place)} has {len(value)} characters and {most} are allowed", place)
        return _CONTROL.sub("", value)

    return check


def number(low: float = -math.inf, high: float = math.inf) -> Shape:
    """A finite number, also as decimal text, from low to high; texts become Decimal, so that nothing is rounded."""

    def check(value: Any, place: str) -> Any:
        found = value
        if isinstance(value, str):
            try:
                found = Decimal(value) if len(value) <= LONGEST_NUMBER and value.isascii() and "_" not in value else None
            except InvalidOperation:
                found = None
        if isinstance(found, bool) or not isinstance(found, int | float | Decimal) or not _is_finite(found):
            raise _wrong(value, place, "a finite number")
        if not low <= found <= high:
            raise BadContent(f"{_at(place)} is {str(value)[:40]}, which is not between {low:g} and {high:g}", place)
        return found

    return check


def whole(low: int = -(2**63), high: int = 2**63 - 1) -> Shape:
    """A whole number from low to high."""

    def check(value: Any, place: str) -> int:
        if type(value) is not int:
            raise _wrong(value, place, "a whole number")
        if not low <= value <= high:
            raise BadContent(f"{_at(place)} is {str(value)[:40]}, which is not between {low} and {high}", place)
        return value

    return check


def flag(value: Any, place: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise _wrong(value, place, "true or false")
    return value


def one_of(*choices: str) -> Shape:
    """One of these texts."""

    def check(value: Any, place: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _wrong(value, place, f"one of {', '.join(choices)}")
        return value

    return check


def maybe(shape: Shape) -> Shape:
    """The shape, or null, or missing."""

    def check(value: Any, place: str) -> Any:
        return None if value is None else shape(value, place)

    check.optional = True  # type: ignore[attr-defined]
    return check


def rows(shape: Shape, most: int = 100_000) -> Shape:
    """A list of at most so many of the shape."""

    def check(value: Any, place: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(value, place, "a list")
        if len(value) > most:
            raise BadContent(f"{_at(place)} has {len(value)} entries and {most} are allowed", place)
        return [shape(item, f"{place}[{index}]") for index, item in enumerate(value)]

    return check


def record(fields: Mapping[str, Shape]) -> Shape:
    """An object with these fields; further ones are left out."""

    def check(value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(value, place, "an object")
        found = {}
        for name, shape in fields.items():
            here = f"{place}.{name}" if place else name
            if name not in value and not getattr(shape, "optional", False):
                raise BadContent(f"{_at(here)} is missing", here)
            found[name] = shape(value.get(name), here)
        return found

    return check


def _depth(text: str, enough: int) -> int:
    """How deep brackets nest, outside of texts; stops counting beyond ``enough``."""
    depth = deepest = 0
    for mark in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
        char = mark.group()[0]
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if depth > enough:
                break
        elif char in "]}":
            depth -= 1
    return deepest


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadContent(f"the answer holds a number that is not finite: {text[:40]}")
    return value


def _exact(text: str) -> Decimal:
    if len(text) > LONGEST_NUMBER:
        raise BadContent(f"the answer holds a number of {len(text)} characters")
    value = Decimal(text)
    if not _is_finite(value):
        raise BadContent(f"the answer holds a number that is not finite: {text[:40]}")
    return value


def _is_finite(value: float | Decimal) -> bool:
    """Also not so large or small that its digits alone would fill the memory once it is computed with."""
    if isinstance(value, Decimal):
        return value.is_finite() and abs(value.adjusted()) <= LARGEST_EXPONENT
    return math.isfinite(value)


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise BadContent(f"the answer holds a number of {len(text)} characters")
    return int(text)


def _refuse(text: str) -> None:
    raise BadContent(f"the answer holds a number that is not finite: {text}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadContent(f"the answer names {twice[:40]!r} twice in one object", twice[:40])
    return found


def _wrong(value: Any, place: str, wanted: str) -> BadContent:
    return BadContent(f"{_at(place)} has to be {wanted}, received {_short(value)}", place)


def _at(place: str) -> str:
    return place or "the answer"


def _short(value: Any) -> str:
    shown = repr(value) if not isinstance(value, Exception) else str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
