"""Between events and JSON-able values, without loss: Decimals as text, enums by value, exactly the fields of the class."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any


class EventError(ValueError):
    """A journal entry that does not have the form of any event."""


def fields_of(value: object) -> dict[str, Any]:
    """The fields of an event, or of what is in one, as `ENCODER` writes them; those that came later are left out where they are None."""
    names, all_of, later = _FIELDS.get(type(value)) or _fields(type(value))
    out = dict(zip(names, all_of(value), strict=True))
    for name in later:
        if out[name] is None:
            del out[name]
    return out


def _written(value: object) -> object:
    """What JSON has no form for: a Decimal, or what is in an event."""
    return format(value, "f") if type(value) is Decimal else fields_of(value)


ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False, default=_written)
"""Writes events and what is in them."""
_FIELDS: dict[type, tuple[tuple[str, ...], Callable[[Any], tuple], tuple[str, ...]]] = {}


def _fields(cls: type) -> tuple[tuple[str, ...], Callable[[Any], tuple], tuple[str, ...]]:
    """The names of a class's fields, what gives all their values, and which of them came later."""
    names = tuple(_hints(cls))
    all_of = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)
    _FIELDS[cls] = names, all_of, tuple(name for name in names if name in _LATER[cls])
    return _FIELDS[cls]


_HINTS: dict[type, dict[str, tuple[type | None, bool, Callable[[Any], object]]]] = {}
_LATER: dict[type, frozenset[str]] = {}


def _hints(cls: type) -> dict[str, tuple[type | None, bool, Callable[[Any], object]]]:
    """By field: the type that JSON has for it, whether it may be None, and what reads it otherwise."""
    found = _HINTS.get(cls)
    if found is None:
        found = {}
        for name, hint in typing.get_type_hints(cls).items():
            optional = isinstance(hint, types.UnionType)
            kind = typing.get_args(hint)[0] if optional else hint
            found[name] = (None if kind is Decimal else kind, optional, _reader(kind))
        _HINTS[cls] = found
        _LATER[cls] = frozenset(each.name for each in fields(cls) if each.metadata)
    return found


def build(cls: type, values: dict) -> Any:
    """What `ENCODER` wrote; EventError when the form is not exactly right."""
    hints = _hints(cls)
    if values.keys() != hints.keys() and (wrong := sorted((values.keys() ^ hints.keys()) - (_LATER[cls] - values.keys()))):
        raise EventError(f"{cls.__name__}: missing or unknown fields {wrong}")
    out, name = {}, ""
    try:
        for name, value in values.items():
            kind, optional, read = hints[name]
            out[name] = value if kind is type(value) or (value is None and optional) else read(value)
    except (ValueError, ArithmeticError, TypeError) as error:
        raise EventError(f"{cls.__name__}.{name}: {error}") from error
    return cls(**out)


def _reader(kind: type) -> Callable[[Any], object]:
    """Reads what JSON has no type for. Raises on anything else."""

    def number(value: object) -> Decimal:
        if type(value) is not str:
            raise TypeError(f"expected text, received {type(value).__name__}")
        found = Decimal(value)
        if not found.is_finite():
            raise ValueError(f"not a finite number: {value}")
        return found

    def word(value: object) -> object:
        if type(value) is not str:
            raise TypeError(f"expected text, received {type(value).__name__}")
        return members.get(value) or kind(value)

    def inner(value: object) -> object:
        if not isinstance(value, dict):
            raise TypeError(f"expected an object, received {type(value).__name__}")
        return build(kind, value)

    def wrong(value: object) -> object:
        raise TypeError(f"expected {kind.__name__}, received {type(value).__name__}")

    if is_dataclass(kind):
        return inner
    if kind is Decimal:
        return number
    if issubclass(kind, StrEnum):
        members = {each.value: each for each in kind}
        return word
    return wrong
