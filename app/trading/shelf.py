"""Orders and fills of a long history: what came out of a snapshot stays a line of text until somebody looks at it.

A desk that starts with a hundred thousand events needs the last few of them. The rest is there, in order, known by its id, and becomes an
object when it is asked for.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator, ValuesView
from dataclasses import fields
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any

from app.model.orders import Fill, OrderIntent

from .order import Order
from .portfolio import Position

_READERS: dict[type, list[Callable[[Any], Any] | None]] = {}


def row(value: Any) -> tuple:
    """The fields of an order, intent, fill or position in their order, as `ENCODER` writes them."""
    return (_ROWS.get(type(value)) or _row_of(type(value)))(value)


def _row_of(cls: type) -> Callable[[Any], tuple]:
    found = _ROWS[cls] = attrgetter(*_names(cls))
    return found


_ROWS: dict[type, Callable[[Any], tuple]] = {}


def _written(value: Any) -> object:
    """What JSON has no form for: a Decimal, or what has a row."""
    return format(value, "f") if type(value) is Decimal else row(value)


ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False, default=_written)
"""Writes rows, and what they stand in."""


def of_row(cls: type, values: list) -> Any:
    """What a row of this class was written as. Raises ValueError or TypeError on anything else."""
    readers = _READERS.get(cls) or _readers(cls)
    return cls(*[item if item is None or read is None else read(item) for read, item in zip(readers, values, strict=True)])


def line(value: Any) -> str:
    """A row as one line of JSON."""
    return ENCODER.encode(row(value))


def form() -> list[str]:
    """What rows consist of: those of another form are not read."""
    return [f"{cls.__name__}.{name}" for cls in (OrderIntent, Order, Fill, Position) for name in _names(cls)]


_NAMES: dict[type, tuple[str, ...]] = {}


def _names(cls: type) -> tuple[str, ...]:
    found = _NAMES.get(cls)
    if found is None:
        found = _NAMES[cls] = tuple(field.name for field in fields(cls))
    return found


def _readers(cls: type) -> list[Callable[[Any], Any] | None]:
    hints = typing.get_type_hints(cls)
    found: list[Callable[[Any], Any] | None] = []
    for name in _names(cls):
        kind = hints[name]
        if isinstance(kind, types.UnionType):
            kind = typing.get_args(kind)[0]
        if kind is OrderIntent:
            found.append(lambda values: of_row(OrderIntent, values))
        else:
            found.append(kind if kind is Decimal or issubclass(kind, StrEnum) else None)
    _READERS[cls] = found
    return found


class OrderShelf(dict[str, Any]):
    """Orders by client order id, in journal order; a ``str`` among the values is a line not looked at yet."""

    def __getitem__(self, cid: str) -> Order:
        """The order; what is changed about it stays changed."""
        found = super().__getitem__(cid)
        if type(found) is str:
            found = _order(found)
            super().__setitem__(cid, found)
        return found

    def get(self, cid: Any, default: Any = None) -> Any:
        """The order, or the default."""
        found = super().get(cid, default)
        return self[cid] if type(found) is str else found

    def values(self) -> ValuesView[Order]:  # type: ignore[override]
        """Every order, for reading: lines stay lines."""
        return _Orders(self)

    def items(self) -> Iterator[tuple[str, Order]]:  # type: ignore[override]
        """Every id and order, for reading."""
        return zip(super().keys(), self.values(), strict=True)

    def stored(self, *, newest_first: bool = False) -> Iterator[Order | str]:
        """Orders and lines as they are."""
        held = super().values()
        return iter(reversed(held) if newest_first else held)

    def line(self, cid: str) -> str:
        """The order as a line."""
        found = super().__getitem__(cid)
        return found if type(found) is str else line(found)

    def last(self, count: int) -> list[Order]:
        """The newest orders, oldest of them first."""
        return [self[cid] for cid in [*self][-count:]]


class _Orders(ValuesView):
    def __iter__(self) -> Iterator[Order]:
        return (_order(item) for item in self._mapping.stored())

    def __reversed__(self) -> Iterator[Order]:
        return (_order(item) for item in self._mapping.stored(newest_first=True))


def _order(found: Any) -> Order:
    return of_row(Order, json.loads(found)) if type(found) is str else found


class FillShelf(list[Any]):
    """Fills in journal order; a ``str`` among them is a line not looked at yet."""

    def __getitem__(self, index: Any) -> Any:
        """One fill, or a list of those of a slice."""
        found = super().__getitem__(index)
        return [_fill(item) for item in found] if isinstance(index, slice) else _fill(found)

    def __iter__(self) -> Iterator[Fill]:
        """Every fill, oldest first."""
        return (_fill(item) for item in super().__iter__())

    def __reversed__(self) -> Iterator[Fill]:
        """Every fill, newest first."""
        return (_fill(item) for item in super().__reversed__())

    def __eq__(self, other: object) -> bool:
        """Equal fills in the same order."""
        return isinstance(other, list) and len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def having(self, name: str) -> Iterator[Fill]:
        """Those with this fill id or client order id; what is not looked at otherwise stays a line."""
        for item in super().__iter__():
            if type(item) is not str or name in item:
                fill = _fill(item)
                if name in (fill.fill_id, fill.client_order_id):
                    yield fill

    def lines(self, start: int, end: int) -> Iterable[str]:
        """A part of them as lines."""
        return [item if type(item) is str else line(item) for item in super().__getitem__(slice(start, end))]


def _fill(found: Any) -> Fill:
    return of_row(Fill, json.loads(found)) if type(found) is str else found
