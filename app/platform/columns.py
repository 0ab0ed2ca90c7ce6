"""Messages to columns of whole numbers: what a message looks like, and the reader of CPython.

A `Layout` is the text of a message with holes. What fits to the letter becomes one record of integers; a frame of which anything does not
(another order of keys, a space, an exponent, a number too long, an unknown name) is left to the caller's full parser as it came, so that
nothing is refused here and nothing is guessed. app/platform/columns.mjs is the same reader for a browser; both are tested to agree.

Holes, by what stands between < and >:
    row:V      the V-th name of a row; the first one found chooses the row, others have to agree
    units:K    decimal text above zero, in units of 10^-(the row's K-th scale), exact up to 2^63 - 1
    int, int:N a whole number of up to 15 digits (below N); skip: one that is not kept
    flag       true or false as 1 or 0; skipflag: one that is not kept
    levels:K,L a list of [price, size] texts in the row's K-th and L-th scales, sizes may be zero; the column holds how many
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

LITERAL, ROW, UNITS, INT, SKIP, FLAG, SKIP_FLAG, LEVELS = range(8)
_KINDS = {"row": ROW, "units": UNITS, "int": INT, "skip": SKIP, "flag": FLAG, "skipflag": SKIP_FLAG, "levels": LEVELS}
_KEPT = frozenset({UNITS, INT, FLAG, LEVELS})
_HOLE = re.compile(r"<(row|units|int|skipflag|skip|flag|levels)(?::([\d,]+))?>")
_DIGITS = 10**15
_LONGEST = 30
_MOST = 2**63 - 1
_EXACT = 2**53 - 1
_DECIMAL = r"\d+(?:\.\d+)?"
_LEVEL = rf'\["{_DECIMAL}","{_DECIMAL}"\]'
_PAIR = re.compile(rf'"({_DECIMAL})","({_DECIMAL})"', re.ASCII)


@dataclass(frozen=True, slots=True)
class Layout:
    """``text`` with holes. ``spans``: (a, b, least, most): column b minus column a has to lie within; columns count from 0."""

    text: str
    spans: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def ops(self) -> list[tuple[int, Any]]:
        """Literals and holes in order: (kind, argument)."""
        out: list[tuple[int, Any]] = []
        at = 0
        for found in _HOLE.finditer(self.text):
            if found.start() > at:
                out.append((LITERAL, self.text[at : found.start()]))
            at, kind = found.end(), _KINDS[found[1]]
            numbers = [int(part) for part in (found[2] or "").split(",") if part]
            argument = numbers if kind == LEVELS else numbers[0] if numbers else _DIGITS if kind in (INT, SKIP) else 0
            out.append((kind, argument))
        if at < len(self.text):
            out.append((LITERAL, self.text[at:]))
        return out

    @property
    def width(self) -> int:
        """Numbers a record: its order, its row, its columns."""
        return 2 + sum(kind in _KEPT for kind, _ in self.ops)


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
        layouts = [{"ops": layout.ops, "spans": layout.spans} for layout in self.layouts]
        return json.dumps({"layouts": layouts, "names": self.names, "scales": self.scales, "many": self.many})


class Columns(NamedTuple):
    """``tables``: for each layout its records one after another, 64-bit integers: order, row, columns. ``levels``: price and size of all levels,
    in the order of the records. ``left``: (order, text) of frames that fit nothing. ``messages`` counts all, a frame left over as one."""

    tables: tuple[memoryview, ...]
    levels: memoryview
    left: list[tuple[int, Any]]
    messages: int


class Reader(Protocol):
    """Turns frames into columns."""

    def read(self, frames: Sequence[str]) -> Columns:
        """Every frame once, in order."""


@dataclass(slots=True)
class _Pattern:
    layout: Layout
    matches: re.Pattern
    holes: list[tuple[int, Any]] = field(default_factory=list)


class NativeReader:
    """The reader in plain Python."""

    def __init__(self, told: Layouts) -> None:
        self._told = told
        self._rows = [{name: row for row, name in enumerate(names)} for names in told.names]
        self._patterns = [_Pattern(layout, _compiled(layout), [op for op in layout.ops if op[0] not in (LITERAL, SKIP, SKIP_FLAG)]) for layout in told.layouts]

    def read(self, frames: Sequence[str]) -> Columns:
        """Every frame once, in order."""
        tables = tuple(array("q") for _ in self._patterns)
        levels, left, order = array("q"), [], 0
        for text in frames:
            found = self._frame(text) if type(text) is str else None
            if found is None:
                left.append((order, text))
                order += 1
                continue
            for number, record, pairs in found:
                tables[number].extend((order, *record))
                levels.extend(pairs)
                order += 1
        return Columns(tuple(map(memoryview, tables)), memoryview(levels), left, order)

    def _frame(self, text: str) -> list[tuple[int, list[int], list[int]]] | None:
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

    def _message(self, text: str, at: int) -> tuple[int, list[int], list[int], int] | None:
        for number, pattern in enumerate(self._patterns):
            found = pattern.matches.match(text, at)
            if found is not None and (record := self._record(pattern, found)) is not None:
                return number, *record, found.end()
        return None

    def _record(self, pattern: _Pattern, found: re.Match) -> tuple[list[int], list[int]] | None:
        row, out, pairs = -1, [], []
        scales: tuple[int, ...] = ()
        for (kind, argument), text in zip(pattern.holes, found.groups(), strict=True):
            if kind == ROW:
                if row < 0:
                    row = self._rows[argument].get(text, -1)
                    if row < 0:
                        return None
                    scales = self._told.scales[row]
                elif text != self._told.names[argument][row]:
                    return None
            elif kind == UNITS:
                if not (value := _units(text, scales[argument])):
                    return None
                out.append(value)
            elif kind == INT:
                value = int(text)
                if value >= argument:
                    return None
                out.append(value)
            elif kind == FLAG:
                out.append(int(text == "true"))
            else:
                found_levels = _PAIR.findall(text)
                for price, size in found_levels:
                    units, lots = _units(price, scales[argument[0]]), _units(size, scales[argument[1]])
                    if not units or lots is None:
                        return None
                    pairs += (units, lots)
                out.append(len(found_levels))
        for a, b, least, most in pattern.layout.spans:
            if not least <= out[b] - out[a] <= most or max(out[a], out[b]) > _EXACT:
                return None
        return [row, *out], pairs


def _compiled(layout: Layout) -> re.Pattern:
    ops, parts = layout.ops, []
    for at, (kind, argument) in enumerate(ops):
        if kind == LITERAL:
            parts.append(re.escape(argument))
        elif kind == ROW:
            parts.append(f"([^{re.escape(ops[at + 1][1][0])}]{{0,100}})")
        elif kind == UNITS:
            parts.append(f"({_DECIMAL})")
        elif kind in (INT, SKIP):
            number = r"0|[1-9]\d{0,14}"
            parts.append(f"({number})" if kind == INT else f"(?:{number})")
        elif kind in (FLAG, SKIP_FLAG):
            parts.append("(true|false)" if kind == FLAG else "(?:true|false)")
        else:
            parts.append(rf"\[((?:{_LEVEL}(?:,{_LEVEL})*)?)\]")
    return re.compile("".join(parts), re.ASCII)


def _units(text: str, scale: int) -> int | None:
    """Exact units of 10^-scale, None where there are none that fit."""
    if len(text) > _LONGEST:
        return None
    head, _, tail = text.partition(".")
    value, spare = int(head + tail), scale - len(tail)
    if spare >= 0:
        value *= 10**spare
    else:
        value, rest = divmod(value, 10**-spare)
        if rest:
            return None
    return value if value <= _MOST else None
