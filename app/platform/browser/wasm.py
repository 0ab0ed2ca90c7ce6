"""Small WebAssembly modules of our own (compiled studies) in the browser's engine, each with a memory of its own."""

from __future__ import annotations

from typing import Any

import js
from pyodide.ffi import to_js

_NAMES = {"arctan": "atan", "arcsin": "asin", "arccos": "acos"}


class Loaded:
    """One module: compiled and instantiated at once, as modules are small and this is a worker. See `app.platform.interfaces.Loaded`."""

    def __init__(self, code: bytes) -> None:
        module = js.WebAssembly.Module.new(to_js(code))
        functions = {part.name: getattr(js.Math, _NAMES.get(part.name, part.name)) for part in js.WebAssembly.Module.imports(module)}
        exports = js.WebAssembly.Instance.new(module, to_js({"m": functions}, dict_converter=js.Object.fromEntries)).exports
        self._memory, self._run = exports.memory.buffer, exports.run
        self._views: dict[tuple[int, int], Any] = {}
        self._kept: Any = None

    def _view(self, at: int, size: int) -> Any:
        view = self._views.get((at, size))
        if view is None:
            if len(self._views) > 64:
                self._views.clear()
            view = self._views[at, size] = js.Uint8Array.new(self._memory, at, size)
        return view

    def write(self, at: int, values: Any) -> None:
        """Bytes, or contiguous float64 numbers, into its memory."""
        raw = memoryview(values)
        self._view(at, raw.nbytes).assign(raw.cast("B"))

    def read(self, at: int, out: Any) -> None:
        """Numbers, or bytes, from its memory into something as long."""
        raw = memoryview(out)
        self._view(at, raw.nbytes).assign_to(raw.cast("B"))

    def run(self, size: int) -> None:
        """Go through so many bars, 8 for each."""
        self._run(size)

    def keep(self, size: int) -> None:
        """Remember the first bytes of its memory."""
        if self._kept is None:
            self._kept = js.Uint8Array.new(size)
        self._kept.set(self._view(0, size))

    def back(self, size: int) -> None:
        """Take them back."""
        self._view(0, size).set(self._kept)
