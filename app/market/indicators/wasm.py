"""An assembler for small WebAssembly modules: one function over float64 series in a memory of its own.

Written by `compiled`; the format is that of the WebAssembly core specification 1.0 (binary format). What an instruction takes from the
stack comes before it, so pieces of code are joined by writing them one after another.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

PAGE = 65_536
_I32, _F64, _VOID = b"\x7f", b"\x7c", b"\x40"

_F64_OPS = {
    **{"eq": 0x61, "ne": 0x62, "lt": 0x63, "gt": 0x64, "le": 0x65, "ge": 0x66},
    **{"abs": 0x99, "ceil": 0x9B, "floor": 0x9C, "sqrt": 0x9F},
    **{"add": 0xA0, "sub": 0xA1, "mul": 0xA2, "div": 0xA3, "min": 0xA4, "max": 0xA5},
}
_I32_OPS = {"eqz": 0x45, "lt": 0x48, "le": 0x4C, "ge": 0x4E, "add": 0x6A, "sub": 0x6B, "mul": 0x6C, "and": 0x71}

SELECT = b"\x1b"
END = b"\x0b"
ELSE = b"\x05"
TO_F64 = b"\xb7"
"""A truth or a whole number as a float."""


def unsigned(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def signed(value: int) -> bytes:
    """Signed LEB128."""
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        last = value == (-1 if byte & 0x40 else 0)
        out.append(byte | (0 if last else 0x80))
        if last:
            return bytes(out)


def number(value: float) -> bytes:
    """A float64."""
    return b"\x44" + struct.pack("<d", value)


def whole(value: int) -> bytes:
    """An int32."""
    return b"\x41" + signed(value)


def get(local: int) -> bytes:
    """What a local holds."""
    return b"\x20" + unsigned(local)


def put(local: int, value: bytes = b"") -> bytes:
    """Into a local."""
    return value + b"\x21" + unsigned(local)


def tee(local: int, value: bytes = b"") -> bytes:
    """Into a local, and go on with it."""
    return value + b"\x22" + unsigned(local)


def load(at: bytes, offset: int) -> bytes:
    """The float64 at an address."""
    return at + b"\x2b\x03" + unsigned(offset)


def store(at: bytes, value: bytes, offset: int) -> bytes:
    """A float64 to an address."""
    return at + value + b"\x39\x03" + unsigned(offset)


def load_whole(at: bytes, offset: int) -> bytes:
    """The int32 at an address."""
    return at + b"\x28\x02" + unsigned(offset)


def store_whole(at: bytes, value: bytes, offset: int) -> bytes:
    """An int32 to an address."""
    return at + value + b"\x36\x02" + unsigned(offset)


def op(name: str, *values: bytes) -> bytes:
    """An instruction on float64s."""
    return b"".join(values) + bytes((_F64_OPS[name],))


def iop(name: str, *values: bytes) -> bytes:
    """An instruction on int32s."""
    return b"".join(values) + bytes((_I32_OPS[name],))


def choose(test: bytes, a: bytes, b: bytes) -> bytes:
    """``a`` where the test holds, else ``b``; both are worked out."""
    return a + b + test + SELECT


def when(test: bytes, then: bytes, otherwise: bytes = b"", gives: bool = False) -> bytes:
    """Do one or the other; with ``gives`` a float64 comes of it."""
    return test + b"\x04" + (_F64 if gives else _VOID) + then + (ELSE + otherwise if otherwise else b"") + END


def loop(body: bytes, again: bytes) -> bytes:
    """Do ``body`` and once more for as long as ``again`` holds after it."""
    return b"\x03" + _VOID + body + again + b"\x0d\x00" + END


def call(function: int, *values: bytes) -> bytes:
    """Call a function by its number."""
    return b"".join(values) + b"\x10" + unsigned(function)


def module(body: bytes, i32s: int, f64s: int, pages: int, imports: Iterable[str]) -> bytes:
    """A module that exports ``memory`` and ``run(count)``; local 0 is the count, then come the int32 and the float64 locals.

    It takes as many int32 and float64 locals as it is told. ``imports`` are functions of one float64 that give one, from the namespace ``m``, numbered from 0.
    """
    names = list(imports)
    types = [b"\x60\x01" + _F64 + b"\x01" + _F64, b"\x60\x01" + _I32 + b"\x00"]
    locals_ = _vector([unsigned(count) + kind for count, kind in ((i32s, _I32), (f64s, _F64)) if count])
    code = locals_ + body + END
    return b"".join(
        (
            b"\0asm\x01\0\0\0",
            _section(1, _vector(types)),
            _section(2, _vector([_name("m") + _name(name) + b"\x00\x00" for name in names])) if names else b"",
            _section(3, _vector([b"\x01"])),
            _section(5, _vector([b"\x01" + unsigned(pages) + unsigned(pages)])),
            _section(7, _vector([_name("memory") + b"\x02\x00", _name("run") + b"\x00" + unsigned(len(names))])),
            _section(10, _vector([unsigned(len(code)) + code])),
        )
    )


def _section(number: int, content: bytes) -> bytes:
    return bytes((number,)) + unsigned(len(content)) + content


def _vector(items: list[bytes]) -> bytes:
    return unsigned(len(items)) + b"".join(items)


def _name(text: str) -> bytes:
    return unsigned(len(text)) + text.encode()
