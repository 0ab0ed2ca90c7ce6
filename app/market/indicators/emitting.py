"""What the code of a study is written on: locals, state that lasts from one stretch of bars to the next, and rings of the last values.

The memory of a program begins with state, rings and tables (its ``image`` is how they start), then come the bars that are read and the
outputs. ``run(8 * bars)`` goes through that many bars and leaves the state for the next ones.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import nan

from . import wasm
from .wasm import get, iop, number, put, whole

MOST_I32 = 96
BAR, AT, J, FREE = 1, 2, 3, 4
"""int32 locals: eight times the bar's number since the beginning, its place in the buffers, and one to go through a window with."""
NAN = number(nan)


class Unsupported(Exception):
    """This operator has no compiled form; the study is computed by the kernels."""


class Emitter:
    """Collects code. Values are pieces of code that may stand several times: a local or a constant."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.image = bytearray()
        self.imports: list[str] = []
        self._before, self._after = bytearray(), bytearray()
        self._i32s, self._f64s = FREE, 0
        self._bar = self._keep_whole(BAR, 0)

    def emit(self, *pieces: bytes) -> None:
        """Add code to the loop over the bars."""
        for piece in pieces:
            self.body += piece

    def local(self) -> int:
        """A new float64 local."""
        self._f64s += 1
        return MOST_I32 + self._f64s

    def value(self, code: bytes) -> bytes:
        """Work something out once; gives what stands for it from then on."""
        local = self.local()
        self.emit(put(local, code))
        return get(local)

    def whole_local(self) -> int:
        """A new int32 local."""
        if self._i32s > MOST_I32:
            raise Unsupported("too many states")
        self._i32s += 1
        return self._i32s - 1

    def state(self, initial: float) -> int:
        """A float64 local that the next stretch goes on with."""
        local, at = self.local(), self.table([initial])
        self._before += put(local, wasm.load(whole(0), at))
        self._after += wasm.store(whole(0), get(local), at)
        return local

    def whole_state(self, initial: int) -> int:
        """An int32 local that the next stretch goes on with."""
        return self._keep_whole(self.whole_local(), initial)

    def _keep_whole(self, local: int, initial: int) -> int:
        at = len(self.image)
        self.image += struct.pack("<ii", initial, 0)
        self._before += put(local, wasm.load_whole(whole(0), at))
        self._after += wasm.store_whole(whole(0), get(local), at)
        return local

    def table(self, values: list[float]) -> int:
        """Numbers in memory; their address."""
        at = len(self.image)
        self.image += struct.pack(f"<{len(values)}d", *values)
        return at

    def function(self, name: str, value: bytes) -> bytes:
        """A function of the machine, of one number."""
        if name not in self.imports:
            self.imports.append(name)
        return wasm.call(self.imports.index(name), value)

    @property
    def end(self) -> int:
        """Where state, rings and tables end."""
        return -(-len(self.image) // 64) * 64

    def module(self, size: int) -> bytes:
        """The module, with a memory of so many bytes."""
        step = put(AT, iop("add", get(AT), whole(8))) + put(BAR, iop("add", get(BAR), whole(8)))
        bars = wasm.loop(bytes(self.body) + step, iop("lt", get(AT), get(0)))
        code = bytes(self._before) + put(AT, whole(0)) + bars + bytes(self._after)
        return wasm.module(code, MOST_I32, self._f64s, -(-size // wasm.PAGE), self.imports)


class Ring:
    """The last values of something, NaN before the first."""

    def __init__(self, emitter: Emitter, depth: int) -> None:
        size = 1 << (depth - 1).bit_length()
        self.at, self.mask = emitter.table([nan] * size), whole(size * 8 - 1)
        self._emitter = emitter

    def keep(self, value: bytes) -> None:
        """The value of this bar."""
        self._emitter.emit(wasm.store(iop("and", get(BAR), self.mask), value, self.at))

    def ago(self, bars: int) -> bytes:
        """The value some bars ago; this bar's has been kept already."""
        return wasm.load(iop("and", iop("sub", get(BAR), whole(8 * bars)), self.mask), self.at)

    def over(self, n: int, body: Callable[[bytes], bytes], until: int = 0) -> bytes:
        """Code that does something with each of the last ``n`` values, oldest first, up to ``until`` bars ago. ``body`` gets a local; J is its bar."""
        x = self._emitter.local()
        last = get(BAR) if not until else iop("sub", get(BAR), whole(8 * until))
        inner = put(x, wasm.load(iop("and", get(J), self.mask), self.at)) + body(get(x)) + put(J, iop("add", get(J), whole(8)))
        return put(J, iop("sub", get(BAR), whole(8 * (n - 1)))) + wasm.loop(inner, iop("le", get(J), last))
