"""What a table does with its rows before they become elements: columns, order, filter, tab-separated text.

Pure, the same in CPython. Knows no elements and no trading: each column says how it reads a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..format import MINUS, NOTHING, plain

_BLANK = ("\t", "\n", "\r", "\u00a0")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``text`` is what is seen, ``sort`` the value ordered by (the text when None)."""

    key: str
    title: str
    text: Callable[[dict], str]
    sort: Callable[[dict], Any] | None = None
    end: bool = False
    tone: Callable[[dict], str] | None = None
    title_of: Callable[[dict], str] | None = None
    hint: str = ""
    optional: bool = False
    kept: Callable[[dict], str | None] | None = None
    """What a file has instead of the text: all digits, the whole date."""


def shown_columns(columns: list[Column], hidden: set[str]) -> list[Column]:
    """The columns the reader chose, in their order."""
    return [column for column in columns if column.key not in hidden]


def arrange(
    rows: Iterable[dict],
    columns: list[Column],
    sort: tuple[str, int] | None,
    wanted: str,
    visible: list[Column],
) -> list[dict]:
    """The rows whose visible text holds every word of ``wanted``, in the order asked for."""
    words = wanted.lower().split()
    out = [row for row in rows if _matches(row, words, visible)] if words else list(rows)
    column = next((column for column in columns if sort and column.key == sort[0]), None)
    if column is not None:
        read = column.sort or column.text
        known = [row for row in out if read(row) is not None]
        known.sort(key=read, reverse=sort[1] < 0)
        out = known + [row for row in out if read(row) is None]
    return out


def amount(text: str | None) -> Decimal | None:
    """The number in display text, for sorting; None when there is none."""
    if not text or text == NOTHING:
        return None
    try:
        return Decimal(plain(text))
    except InvalidOperation:
        return None


def tsv(columns: list[Column], rows: Iterable[dict]) -> str:
    """Header and rows as tab-separated text; numbers keep a plain hyphen-minus and no separators, so sheets read them."""
    lines = ["\t".join(_cell(column.title) for column in columns)]
    lines.extend("\t".join(_copied(column.text(row), column.end) for column in columns) for row in rows)
    return "\n".join(lines) + "\n"


def csv(columns: list[Column], rows: Iterable[dict]) -> str:
    """The same as CSV by RFC 4180, with what columns keep for files; a text that a sheet would take for a formula gets an apostrophe."""
    lines = [[column.title for column in columns]]
    lines.extend([_kept(column, row) for column in columns] for row in rows)
    return "".join(",".join(map(_quoted, line)) + "\r\n" for line in lines)


def _kept(column: Column, row: dict) -> str:
    if column.kept is not None:
        return column.kept(row) or ""
    return _copied(column.text(row), column.end)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def _matches(row: dict, words: list[str], columns: list[Column]) -> bool:
    text = " ".join(column.text(row) for column in columns).lower()
    return all(word in text for word in words)


def _copied(text: str, numeric: bool) -> str:
    if text == NOTHING:
        return ""
    if numeric and (text[:1] == MINUS or amount(text) is not None):
        return plain(text)
    text = _cell(text)
    return f"'{text}" if text[:1] in ("=", "+", "@") else text


def _cell(text: str) -> str:
    for mark in _BLANK:
        text = text.replace(mark, " ")
    return text
