"""A machine for compiled studies outside of a browser: wasmtime."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
import wasmtime


def _guarded(name: str) -> Any:
    function = getattr(math, name)

    def run(value: float) -> float:
        try:
            return function(value)
        except (ValueError, OverflowError):
            return math.nan

    return run


_NAMES = {"arctan": "atan", "arcsin": "asin", "arccos": "acos"}


class Loaded:
    """One instance and its memory."""

    def __init__(self, engine: wasmtime.Engine, code: bytes) -> None:
        self._store = wasmtime.Store(engine)
        module = wasmtime.Module(engine, code)
        one = wasmtime.FuncType([wasmtime.ValType.f64()], [wasmtime.ValType.f64()])
        imports = [wasmtime.Func(self._store, one, _guarded(_NAMES.get(part.name, part.name))) for part in module.imports]
        exports = wasmtime.Instance(self._store, module, imports).exports(self._store)
        self._memory, self._run = exports["memory"], exports["run"]

    def _view(self, at: int, size: int) -> np.ndarray:
        begin = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(begin + at))

    def write(self, at: int, values: Any) -> None:
        raw = np.frombuffer(memoryview(values).cast("B"), np.uint8)
        self._view(at, raw.size)[:] = raw

    def read(self, at: int, out: Any) -> None:
        raw = memoryview(out).cast("B")
        raw[:] = self._view(at, raw.nbytes).tobytes()

    def run(self, size: int) -> None:
        self._run(self._store, size)

    def keep(self, size: int) -> None:
        self._kept = self._view(0, size).copy()

    def back(self, size: int) -> None:
        self._view(0, size)[:] = self._kept


class Machine:
    """Compiles with wasmtime."""

    def __init__(self) -> None:
        self._engine = wasmtime.Engine()

    def load(self, code: bytes) -> Loaded:
        return Loaded(self._engine, code)
