"""Messages to columns of whole numbers: what a message looks like, and the reader of CPython.

A `Layout` is the text of a message with holes. What fits to the letter becomes one record of integers; a frame of which anything does not
(another order of keys, a space, an exponent, a number too long, an unknown name) is left to the caller's full parser as it came, so that
nothing is refused here and nothing is guessed. app/platform/columns.mjs is the same reader for a browser; both are tested to agree.

Holes, by what stands between < and >:
    row:V        the V-th name of a row; the first one found chooses the row, others have to agree
    units:K      decimal text above zero, in units of 10^-(the row's K-th scale), exact up to 2^63 - 1; units0: zero as well
    number:K     the same of a number as JSON writes it, but without exponent; number0
    int[:N[,M]]  a whole number up to 2^53 - 1 (below N, at least M); skip: one that is not kept
    one:a|b      one of these words, as its place among them; flag: one:false|true; skipflag: one that is not kept
    time         RFC 3339 in UTC, in ns since 1970
    decimal      any number as JSON writes it, not kept; text: up to 100 plain characters, not kept
    list:G       a JSON list of messages in a message, as the G-th of the layout's ``parts`` looks; the column holds how many
    each:G       the same, at least one, and each of them makes a record of its own
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

LITERAL, ROW, UNITS, INT, SKIP, ONE, SKIP_ONE, TIME, DECIMAL, TEXT, LIST, EACH = range(12)
_UNITS = {"units": (0, 0), "units0": (1, 0), "number": (0, 1), "number0": (1, 1)}
_PLAIN = {"row": ROW, "int": INT, "skip": SKIP, "time": TIME, "decimal": DECIMAL, "text": TEXT}
_KEPT = frozenset({UNITS, INT, ONE, TIME, LIST})
_HOLE = re.compile(r"<(row|units0?|number0?|int|skipflag|skip|flag|one|time|decimal|text|list|each)(?::([^<>]+))?>")
_EXACT = 2**53 - 1
_LONGEST = 30
_MOST = 2**63 - 1
_PATTERNS = {
    TIME: r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)Z",
    DECIMAL: r"(?=[-+.\deE]{1,40}(?![-+.\deE]))-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?",
    TEXT: r"[ !#-\[\]-~]{0,100}",
    INT: r"(0|[1-9]\d{0,15})",
    SKIP: r"(?:0|[1-9]\d{0,15})",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """``text`` with holes. ``spans``: (a, b, least, most): column b minus column a has to lie within; columns count from 0. ``parts`` are the
    texts of what comes in lists: the numbers of a ``list`` go to the levels. ``keep``: for each hole that is kept, as they come, its
    column (none: in this order). ``rising``: the column by which the records of one message are put in order."""

    text: str
    spans: tuple[tuple[int, int, int, int], ...] = ()
    parts: tuple[str, ...] = ()
    keep: tuple[int, ...] = ()
    rising: int | None = None

    @property
    def ops(self) -> list[tuple[int, Any]]:
        """Literals and holes in order: (kind, argument)."""
        return self._ops(self.text)

    def _ops(self, text: str) -> list[tuple[int, Any]]:
        out: list[tuple[int, Any]] = []
        at = 0
        for found in _HOLE.finditer(text):
            if found.start() > at:
                out.append((LITERAL, text[at : found.start()]))
            at = found.end()
            out.append(self._op(found[1], found[2] or ""))
        if at < len(text):
            out.append((LITERAL, text[at:]))
        return out

    def _op(self, name: str, told: str) -> tuple[int, Any]:
        if name in _UNITS:
            return UNITS, (int(told), *_UNITS[name])
        if name in ("one", "flag", "skipflag"):
            words = told.split("|") if told else ["false", "true"]
            return (SKIP_ONE if name == "skipflag" else ONE), words
        if name in ("list", "each"):
            return (LIST if name == "list" else EACH), self._ops(self.parts[int(told)])
        numbers = [int(part) for part in told.split(",") if part]
        if name in ("int", "skip"):
            return _PLAIN[name], (numbers or [_EXACT + 1]) + [0] * (2 - max(len(numbers), 1))
        return _PLAIN[name], (numbers or [0])[0]

    @property
    def width(self) -> int:
        """Numbers a record: its order, its row, its columns."""
        return 2 + len(self.columns)

    @property
    def columns(self) -> tuple[int, ...]:
        """``keep``, told."""
        inner = [op for kind, argument in self.ops for op in (argument if kind == EACH else [(kind, argument)])]
        return self.keep or tuple(range(sum(kind in _KEPT for kind, _ in inner)))


@dataclass(frozen=True, slots=True)
class Layouts:
    """All that a reader has to know. ``names``: for each variant the name of every row; ``scales``: for each row. ``many``: a frame may be a
    list of messages."""

    layouts: tuple[Layout, ...]
    names: tuple[tuple[str, ...], ...]
    scales: tuple[tuple[int, ...], ...]
    many: bool = False

    def to_json(self) -> str:
        """For app/platform/columns.mjs."""
        layouts = [{"ops": one.ops, "spans": one.spans, "columns": one.columns, "rising": one.rising} for one in self.layouts]
        return json.dumps({"layouts": layouts, "names": self.names, "scales": self.scales, "many": self.many})


class Columns(NamedTuple):
    """``tables``: for each layout its records one after another, 64-bit integers: order (that of the message), row, columns. ``levels``: the
    numbers of all lists, in the order of the records. ``left``: (order, text) of frames that fit nothing. ``messages`` counts all, a frame left
    over as one."""

    tables: tuple[memoryview, ...]
    levels: memoryview
    left: list[tuple[int, Any]]
    messages: int


class Reader(Protocol):
    """Turns frames into columns."""

    def read(self, frames: Sequence[str]) -> Columns:
        """Every frame once, in order."""


class _Misfit(Exception):
    """A text that looks right and is not."""


class _Shape:
    """A text with holes as a pattern. ``holes``: those with a group of their own: (kind, argument, shape of what is in the list)."""

    def __init__(self, ops: Sequence[tuple[int, Any]]) -> None:
        self.holes: list[tuple[int, Any, _Shape | None]] = []
        parts = []
        for at, (kind, argument) in enumerate(ops):
            inner = None
            if kind == LITERAL:
                parts.append(re.escape(argument))
            elif kind == ROW:
                parts.append(f"([^{re.escape(ops[at + 1][1][0])}]{{0,100}})")
            elif kind == UNITS:
                parts.append(r"((?:0|[1-9]\d*)(?:\.\d+)?)" if argument[2] else r"(\d+(?:\.\d+)?)")
            elif kind in (ONE, SKIP_ONE):
                words = "|".join(map(re.escape, argument))
                parts.append(f"({words})" if kind == ONE else f"(?:{words})")
            elif kind in (LIST, EACH):
                inner = _Shape(argument)
                one = re.sub(r"(?<!\\)\((?!\?)", "(?:", inner.pattern)
                some = f"{one}(?:,{one})*"
                parts.append(rf"\[({some})\]" if kind == EACH else rf"\[((?:{some})?)\]")
            else:
                parts.append(_PATTERNS[kind])
            if kind not in (LITERAL, SKIP, SKIP_ONE, DECIMAL, TEXT):
                self.holes.append((kind, argument, inner))
        self.pattern = "".join(parts)
        self.matches = re.compile(self.pattern, re.ASCII)


class NativeReader:
    """The reader in plain Python."""

    def __init__(self, told: Layouts) -> None:
        self._told = told
        self._rows = [{name: row for row, name in enumerate(names)} for names in told.names]
        self._shapes = [(layout, _Shape(layout.ops), layout.columns) for layout in told.layouts]

    def read(self, frames: Sequence[str]) -> Columns:
        """Every frame once, in order."""
        tables = tuple(array("q") for _ in self._shapes)
        levels, left, order = array("q"), [], 0
        for text in frames:
            found = self._frame(text) if type(text) is str else None
            if found is None:
                left.append((order, text))
                order += 1
                continue
            for number, records, pairs in found:
                for record in records:
                    tables[number].extend((order, *record))
                levels.extend(pairs)
                order += 1
        return Columns(tuple(map(memoryview, tables)), memoryview(levels), left, order)

    def _frame(self, text: str) -> list[tuple[int, list[list[int]], list[int]]] | None:
        if not (self._told.many and text.startswith("[")):
            found = self._message(text, 0)
            return [found[:3]] if found is not None and found[3] == len(text) else None
        out, at = [], 1
        while (found := self._message(text, at)) is not None:
            out.append(found[:3])
            at = found[3] + 1
            if text[at - 1 :] == "]":
                return out
            if text[at - 1 : at] != ",":
                break
        return None

    def _message(self, text: str, at: int) -> tuple[int, list[list[int]], list[int], int] | None:
        for number, (layout, shape, columns) in enumerate(self._shapes):
            found = shape.matches.match(text, at)
            if found is not None:
                try:
                    return number, *self._records(layout, shape, columns, found), found.end()
                except _Misfit:
                    continue
        return None

    def _records(self, layout: Layout, shape: _Shape, columns: Sequence[int], found: re.Match) -> tuple[list[list[int]], list[int]]:
        pairs: list[int] = []
        row, values, each = self._values(shape, found.groups(), -1, pairs)
        if each is None:
            return [self._record(layout, columns, row, values)], pairs
        inner, text = each
        records = []
        for one in inner.matches.finditer(text):
            its_row, more, _ = self._values(inner, one.groups(), row, pairs)
            records.append(self._record(layout, columns, its_row, values + more))
        if layout.rising is not None:
            records.sort(key=lambda record: record[1 + layout.rising])
        return records, pairs

    @staticmethod
    def _record(layout: Layout, columns: Sequence[int], row: int, values: list[int]) -> list[int]:
        out = [row] * (1 + len(values))
        for column, value in zip(columns, values, strict=True):
            out[1 + column] = value
        for a, b, least, most in layout.spans:
            first, second = out[1 + a], out[1 + b]
            if not least <= second - first <= most or max(first, second) > _EXACT:
                raise _Misfit
        return out

    def _values(self, shape: _Shape, texts: Sequence[str], row: int, pairs: list[int]) -> tuple[int, list[int], tuple[_Shape, str] | None]:
        """The row, what is kept of the holes, and what each record is to be made of."""
        out: list[int] = []
        each = None
        for (kind, argument, _), text in zip(shape.holes, texts, strict=True):
            if kind == ROW:
                if row < 0:
                    row = self._rows[argument].get(text, -1)
                if row < 0 or text != self._told.names[argument][row]:
                    raise _Misfit
        for (kind, argument, inner), text in zip(shape.holes, texts, strict=True):
            if kind == UNITS:
                out.append(_units(text, self._told.scales[row][argument[0]], argument[1]))
            elif kind == INT:
                value = int(text)
                if not argument[1] <= value < argument[0] or value > _EXACT:
                    raise _Misfit
                out.append(value)
            elif kind == ONE:
                out.append(argument.index(text))
            elif kind == TIME:
                out.append(_time(text))
            elif kind == LIST:
                items = [self._values(inner, one.groups(), row, pairs)[1] for one in inner.matches.finditer(text)]
                pairs += [value for item in items for value in item]
                out.append(len(items))
            elif kind == EACH:
                each = inner, text
        return row, out, each


def _units(text: str, scale: int, zero: int) -> int:
    """Exact units of 10^-scale; _Misfit where there are none that fit."""
    if len(text) > _LONGEST:
        raise _Misfit
    head, _, tail = text.partition(".")
    value, spare = int(head + tail), scale - len(tail)
    if spare >= 0:
        value *= 10**spare
    else:
        value, rest = divmod(value, 10**-spare)
        if rest:
            raise _Misfit
    if value > _MOST or not (value or zero):
        raise _Misfit
    return value


def _time(text: str) -> int:
    """ns UTC of this century; _Misfit for a day or a second that there is not."""
    whole, _, fraction = text.partition(".")
    try:
        start = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    except ValueError as error:
        raise _Misfit from error
    if not 1970 <= start.year < 2100 or start.isoformat()[:19] != whole:  # some take 24:00 for the next day
        raise _Misfit
    return int(start.timestamp()) * 10**9 + int((fraction or "0").ljust(9, "0"))
