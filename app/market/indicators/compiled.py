"""A study as one loop: its graph of operators written as WebAssembly, which a machine (the browser's engine, or a runtime) runs.

One more form of the one definition. It follows the bar by bar form operator by operator (`writing`), so it goes on where it ended: over
whole series, or bar by bar. What has no compiled form makes `of` raise Unsupported; the other forms do it then.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any, NamedTuple

from . import rolling, wasm
from .emitting import AT, Emitter, Ring, Unsupported
from .nodes import Constant, Source
from .running import PLACES
from .wasm import get, iop, number, put, whole
from .writing import Writer

WORTH = 20_000
"""Bars from which on a series is compiled: making the code takes some ms."""
STRETCH, ROWS = 32_768, 1_024
"""So many bars go at once: of columns, and of rows."""
_KEPT = 64


class Program(NamedTuple):
    """A study as code: ``image`` is how its memory begins, ``sources`` what it reads from ``read_at`` on; outputs lie from ``out_at`` on."""

    code: bytes
    image: bytes
    sources: tuple[str, ...]
    outputs: tuple[str, ...]
    read_at: int
    out_at: int


class Compiler:
    """Compiled studies on one machine (app.platform's Machine)."""

    def __init__(self, machine: Any) -> None:
        self._machine = machine
        self._programs: OrderedDict[tuple, Program | Unsupported] = OrderedDict()
        self._loaded: OrderedDict[bytes, Any] = OrderedDict()

    def array(self, study: Any, columns: Mapping[str, Any], size: int) -> dict[str, Any]:
        """Every output over whole series of float64, in which what is not finite is NaN. Needs numpy; raises Unsupported."""
        import numpy as np

        program = self._program(study, rows=False)
        loaded = self._loaded.get(program.code)
        if loaded is None:
            loaded = self._loaded[program.code] = self._machine.load(program.code)
            if len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(program.code)
        loaded.write(0, program.image)
        outs = {name: np.empty(size) for name in program.outputs}
        for start in range(0, size, STRETCH):
            stop = min(size, start + STRETCH)
            for at, name in enumerate(program.sources):
                loaded.write(program.read_at + at * STRETCH * 8, columns[name][start:stop])
            loaded.run((stop - start) * 8)
            for at, out in enumerate(outs.values()):
                loaded.read(program.out_at + at * STRETCH * 8, out[start:stop])
        return outs

    def start(self, study: Any) -> Live:
        """The bar by bar form, from the beginning. Raises Unsupported."""
        program = self._program(study, rows=True)
        return Live(program, self._machine.load(program.code))

    def _program(self, study: Any, rows: bool) -> Program:
        key = (rows, study.indicator.name, *study.values.items())
        found = self._programs.get(key)
        if found is None:
            try:
                found = of(study, rows)
            except Unsupported as error:
                found = error
            self._programs[key] = found
            if len(self._programs) > 4 * _KEPT:
                self._programs.popitem(last=False)
        if isinstance(found, Unsupported):
            raise found
        return found


class Live:
    """One indicator at work, as `running.Running`. Needs no numpy."""

    MANY = ROWS

    def __init__(self, program: Program, loaded: Any) -> None:
        self._program, self._loaded = program, loaded
        self._places = [PLACES[name] for name in program.sources]
        loaded.write(0, program.image)
        self._one = array("d", [nan] * len(program.sources))
        self._out = array("d", [nan] * len(program.outputs))

    def many(self, bars: Sequence[Sequence[float]]) -> list[array]:
        """Each output for one bar after another; the last may come again to `step`."""
        outs = [array("d") for _ in self._program.outputs]
        for start in range(0, len(bars) - 1, ROWS):
            self._run(bars[start : min(start + ROWS, len(bars) - 1)], outs)
        if bars:
            self._loaded.keep(self._program.read_at)
            self._run(bars[-1:], outs)
        return outs

    def step(self, bar: Sequence[float], new: bool = True) -> tuple[float, ...]:
        """Outputs for a bar (time s, open, high, low, close, volume); ``new`` false: the same bar as last time, changed."""
        loaded, program, one = self._loaded, self._program, self._one
        if new:
            loaded.keep(program.read_at)
        else:
            loaded.back(program.read_at)
        for at, place in enumerate(self._places):
            value = bar[place]
            one[at] = value if isfinite(value) else nan
        loaded.write(program.read_at, one)
        loaded.run(8)
        loaded.read(program.out_at, self._out)
        return tuple(self._out)

    def _run(self, bars: Sequence[Sequence[float]], outs: list[array]) -> None:
        places, loaded, program = self._places, self._loaded, self._program
        loaded.write(program.read_at, array("d", [value if isfinite(value := bar[place]) else nan for bar in bars for place in places]))
        loaded.run(8 * len(bars))
        found = array("d", bytes(8 * len(bars) * len(outs)))
        loaded.read(program.out_at, found)
        for at, out in enumerate(outs):
            out.extend(found[at :: len(outs)])


def of(study: Any, rows: bool) -> Program:
    """The code of a study, over columns (STRETCH bars of one after those of another) or rows. Unsupported where an operator has no compiled form."""
    emitter = Emitter()
    writer = Writer(emitter)
    depths: dict[int, int] = {}
    for node in study.order:
        if isinstance(node, rolling.Window | rolling.Covariance):
            for part in node.inputs:
                depths[id(part)] = max(depths.get(id(part), 0), node.n + 1)
    values: dict[int, Any] = {}
    loads = {name: emitter.local() for name in study.inputs}
    for node in study.order:
        if isinstance(node, Source):
            value: Any = get(loads[node.name])
        elif isinstance(node, Constant):
            value = number(node.value)
        else:
            value = writer.node(node, [values[id(part)] for part in node.inputs])
        values[id(node)] = value
        if id(node) in depths:
            ring = writer.rings[id(node)] = Ring(emitter, depths[id(node)])
            ring.keep(value)
    read_at = emitter.end  # known once all state has been laid out
    ins, outs = len(loads), len(study.nodes)
    bars, read, wrote = (ROWS, emitter.whole_local(), emitter.whole_local()) if rows else (STRETCH, AT, AT)
    stride = 8 if rows else 8 * STRETCH
    out_at = read_at + ins * bars * 8
    head = b"" if not rows else put(read, iop("mul", get(AT), whole(ins))) + put(wrote, iop("mul", get(AT), whole(outs)))
    for at, local in enumerate(loads.values()):
        head += put(local, wasm.load(get(read), read_at + at * stride))
    emitter.body[:0] = head
    for at, node in enumerate(study.nodes):
        emitter.emit(wasm.store(get(wrote), values[id(node)], out_at + at * stride))
    return Program(emitter.module(out_at + outs * bars * 8), bytes(emitter.image), tuple(loads), tuple(study.outputs), read_at, out_at)
