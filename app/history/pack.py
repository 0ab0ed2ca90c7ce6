"""Chunks of columns as bytes: differences, bytes of the same weight together, deflate, a checksum. The format is in docs/history.md.

A volume that is UNKNOWN needs no place of its own: as the lowest of all 64 bit integers it has a code that no number has."""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from itertools import accumulate
from operator import add, sub

from .errors import Damaged
from .series import ADJUSTED, COLUMNS, LIMIT, column

ROWS = 4_096
"""Rows of a chunk."""
_MAGIC = b"KHB1"
_HEAD = struct.Struct("<4sBIqq")
_CRC = struct.Struct("<I")
_HAS_ADJUSTED = 1


def pack(columns: dict[str, array]) -> bytes:
    """The bytes of up to ROWS rows, at least one."""
    time, opened, high, low, close, volume = (columns[name] for name in COLUMNS)
    steps = [0, *map(sub, time[1:], time)]
    before = [opened[0], *close[:-1]]
    planes = [
        _plane([0, *map(sub, steps[1:], steps)]),
        _plane(map(sub, opened, before)),
        _plane(map(sub, high, map(max, opened, close))),
        _plane(map(sub, map(min, opened, close), low)),
        _plane(map(sub, close, opened)),
        _plane(volume),
    ]
    adjusted = columns.get(ADJUSTED)
    if adjusted is not None:
        expected = map(_expected, adjusted, close, close[1:])
        planes.append(_plane([adjusted[0], *map(sub, adjusted[1:], expected)]))
    head = _HEAD.pack(_MAGIC, _HAS_ADJUSTED if adjusted is not None else 0, len(time), time[0], opened[0])
    data = head + zlib.compress(b"".join(planes), 6)
    return data + _CRC.pack(zlib.crc32(data))


def checksum(data: bytes) -> int:
    """The CRC-32 that a chunk ends with. (That of a whole chunk, its checksum included, is the same for all.)"""
    return _CRC.unpack(data[-_CRC.size :].rjust(_CRC.size, b"\0"))[0]


def unpack(data: bytes) -> dict[str, array]:
    """The columns of a chunk. Raises Damaged."""
    body = data[: -_CRC.size]
    if len(data) < _HEAD.size + _CRC.size or zlib.crc32(body) != _CRC.unpack_from(data, len(body))[0]:
        raise Damaged("a piece of the stored history was changed or cut short", "remove the series and import it again")
    magic, flags, count, first_time, first_open = _HEAD.unpack_from(body)
    if magic != _MAGIC:
        raise Damaged("a piece of the stored history is of a form this version does not know", "open it with the version that wrote it")
    planes = zlib.decompress(body[_HEAD.size :])
    size = 8 * count
    found = [_values(planes[at : at + size]) for at in range(0, len(planes), size)]
    steps, opens, highs, lows, closes, volume = found[:6]
    time = column(accumulate(accumulate(steps), initial=first_time))[1:]
    # open = close before + difference; close = open + difference: both are one running sum
    moves = list(accumulate(map(add, opens[1:], closes), initial=first_open))
    opened = column(moves)
    close = column(map(add, opened, closes))
    columns = {
        "time": time,
        "open": opened,
        "high": column(map(add, map(max, opened, close), highs)),
        "low": column(map(sub, map(min, opened, close), lows)),
        "close": close,
        "volume": volume,
    }
    if flags & _HAS_ADJUSTED:
        adjusted = found[6][:1]
        for rest, before, after in zip(found[6][1:], close, close[1:], strict=False):
            adjusted.append(rest + _expected(adjusted[-1], before, after))
        columns[ADJUSTED] = adjusted
    return columns


def _expected(adjusted: int, close: int, following: int) -> int:
    """The adjusted close after this one, if it moves as the close does."""
    found = adjusted * following // close if close else adjusted
    return found if -LIMIT < found < LIMIT else adjusted


def _plane(values) -> bytes:
    """Signed to unsigned with the sign lowest, then all lowest bytes, all second bytes, and so on."""
    raw = array("Q", [value << 1 if value >= 0 else ~(value << 1) for value in values])
    if sys.byteorder == "big":
        raw.byteswap()
    data = raw.tobytes()
    return b"".join([data[weight::8] for weight in range(8)])


def _values(plane: bytes) -> array:
    count = len(plane) // 8
    data = bytearray(len(plane))
    for weight in range(8):
        data[weight::8] = plane[weight * count : (weight + 1) * count]
    raw = array("Q", bytes(data))
    if sys.byteorder == "big":
        raw.byteswap()
    return column([(value >> 1) ^ -(value & 1) for value in raw])
