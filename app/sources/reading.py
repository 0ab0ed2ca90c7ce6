"""What every source's parser needs: JSON with exact numbers, and an answer's status in the common words for failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.model.units import shorten

from .answers import Reply, SourceError

_LARGEST = 10**19
_YEAR_2200_NS = 7_258_118_400 * 10**9


def wait_of(reply: Reply) -> float | None:
    """Seconds of a Retry-After header, at most an hour; None without a usable one."""
    text = reply.headers.get("retry-after", "").strip()
    return min(max(float(text), 1.0), 3600.0) if text.isascii() and text.isdigit() and len(text) < 10 else None


def data_of(reply: Reply, said: Callable[[Any], str] = lambda _data: "") -> Any:
    """The JSON of an answer, fractions as Decimal. ``said(data)`` finds the source's own words for an error. Raises SourceError."""
    status, text = reply.status, reply.text.strip()
    if status == 429:
        raise SourceError("quota", "too many requests (HTTP 429)", wait_of(reply))
    if text[:1] == "<":
        raise SourceError("web_page", f"a web page came instead of data (HTTP {status})")
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=_no_number) if text else None
    except (ValueError, RecursionError) as error:
        if status >= 500:
            raise SourceError("server", f"HTTP {status}") from None
        raise SourceError("bad_content", f"HTTP {status} with an answer that is no JSON") from error
    if status >= 500:
        raise SourceError("server", f"HTTP {status}")
    words = said(data) if data is not None else ""
    if status in (401, 403):
        raise SourceError("refused", words or f"the key or plan does not allow it (HTTP {status})")
    if status in (404, 422):
        raise SourceError("unknown_symbol", words or f"not known there (HTTP {status})")
    if status != 200:
        raise SourceError("bad_content", words or f"HTTP {status}")
    if data is None:
        raise SourceError("empty", "an empty answer")
    return data


def number(value: Any, what: str) -> Decimal:
    """A finite number from JSON or from text. Raises SourceError naming ``what``."""
    if isinstance(value, str):
        try:
            value = Decimal(value.strip().rstrip("%"))
        except ArithmeticError as error:
            raise SourceError("bad_content", f"{what} is no number: {shorten(value)}") from error
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or abs(value) > _LARGEST:
        raise SourceError("bad_content", f"{what} is no usable number: {shorten(value)}")
    return value


def whole(value: Any, what: str) -> int:
    """A whole number of at least 0, from JSON or from text; fractions are cut. Raises SourceError."""
    found = int(number(value, what))
    if found < 0:
        raise SourceError("bad_content", f"{what} is negative: {found}")
    return found


def whole_or_none(value: Any, what: str) -> int | None:
    """The same, or None where the source says nothing: null, or an empty text. Raises SourceError."""
    return None if value is None or value == "" else whole(value, what)


def moment_ns(value: Any, unit_ns: int, what: str) -> int:
    """A time that was sent in units of ``unit_ns`` (s, ms, ns), in ns UTC, from 1970 to 2200. Raises SourceError."""
    found = whole(value, what) * unit_ns
    if found > _YEAR_2200_NS:
        raise SourceError("bad_content", f"{what} is no time of ours: {shorten(value)}")
    return found


def price(value: Any, listing: Any, what: str = "the price", hint: int | None = None) -> Decimal:
    """A price of a listing; zero or less only where that can be true. Raises SourceError."""
    found = listing.exact(number(value, what), hint)
    if found <= 0 and not listing.may_be_negative:
        raise SourceError("bad_content", f"{what} of {listing.symbol} is {found}: not believed")
    return found


def table(value: Any, what: str) -> dict:
    """A JSON object. Raises SourceError."""
    if not isinstance(value, dict):
        raise SourceError("bad_content", f"{what} is missing or no object")
    return value


def rows_of(value: Any, what: str) -> list:
    """A JSON array; nothing counts as an empty one. Raises SourceError."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise SourceError("bad_content", f"{what} is no list")
    return value


def text(value: Any) -> str:
    """A short printable text, empty for anything else."""
    return "".join(char for char in value[:200] if char.isprintable()) if isinstance(value, str) else ""


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
