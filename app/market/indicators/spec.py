"""What an indicator is: name, parameters with bounds, outputs, where it is drawn; and its one definition, a graph of operators.

``Indicator.build(**parameters)`` gives a Study: the graph for these parameters, from which both forms follow:
``Study.array(columns)`` over whole series and ``Study.start()`` bar by bar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .nodes import NAN, Node, Source
from .running import Running, order

COLUMNS = ("time", "open", "high", "low", "close", "volume")
PRICES = ("close", "open", "high", "low", "hl2", "hlc3", "ohlc4", "hlcc4", "volume")
AVERAGES = ("sma", "ema", "wma", "dema", "tema", "trima", "kama", "t3", "rma", "hma", "zlema")
FAMILIES = ("averages", "bands", "trend", "momentum", "oscillators", "volume", "volatility", "statistics", "cycles", "price")


class BadParameter(ValueError):
    """A parameter that is unknown or out of bounds; ``field`` names it, ``remedy`` says what is possible."""

    def __init__(self, field: str, reason: str, remedy: str) -> None:
        super().__init__(f"{field}: {reason}; {remedy}")
        self.field, self.reason, self.remedy = field, reason, remedy


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter. ``kind``: int, float or choice; bounds are inclusive; ``step`` is for stepping by key."""

    name: str
    label: str
    kind: str
    default: Any
    low: float = 0
    high: float = 0
    step: float = 1
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        """The value as the definition takes it. BadParameter when it is none."""
        if self.kind == "choice":
            if value not in self.choices:
                raise BadParameter(self.name, f"there is no {str(value)[:40]!r}", f"use one of {', '.join(self.choices)}")
            return value
        remedy = f"use a {'whole ' if self.kind == 'int' else ''}number from {self.low:g} to {self.high:g}"
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadParameter(self.name, f"{str(value)[:40]!r} is not a number", remedy)
        if self.kind == "int" and value != int(value):
            raise BadParameter(self.name, f"{value:g} is not whole", remedy)
        if not self.low <= value <= self.high:
            raise BadParameter(self.name, f"{value:g} is out of bounds", remedy)
        return int(value) if self.kind == "int" else float(value)


@dataclass(frozen=True, slots=True)
class Output:
    """One line of an indicator. ``draw``: line, histogram, dots or hidden; ``tone``: 0 the main one, 1 the second, ... or up, down."""

    name: str
    draw: str = "line"
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One entry of the registry. ``pane``: overlay (on the prices) or own; ``scale``: fixed least and greatest, or None."""

    name: str
    title: str
    family: str
    params: tuple[Param, ...]
    outputs: tuple[Output, ...]
    pane: str
    scale: tuple[float, float] | None
    levels: tuple[float, ...]
    definition: Callable[..., Any]
    notes: str

    def build(self, **given: Any) -> Study:
        """The indicator with these parameters, defaults for the others. Raises BadParameter."""
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                raise BadParameter(name[:40], f"{self.name} has no such parameter", f"use one of {', '.join(known) or 'none'}")
        values = {name: param.check(given.get(name, param.default)) for name, param in known.items()}
        bar = Bar(values.get("source", "close"))
        found = self.definition(bar, **{name: value for name, value in values.items() if name != "source"})
        nodes = (found,) if isinstance(found, Node) else tuple(found)
        if len(nodes) != len(self.outputs):
            raise TypeError(f"{self.name} gives {len(nodes)} outputs, {len(self.outputs)} are declared")
        return Study(self, values, nodes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the page and the documentation."""
        study = self.build()
        return {
            "name": self.name,
            "title": self.title,
            "family": self.family,
            "params": [
                {
                    "name": p.name,
                    "label": p.label,
                    "kind": p.kind,
                    "default": p.default,
                    "low": p.low,
                    "high": p.high,
                    "step": p.step,
                    "choices": list(p.choices),
                }
                for p in self.params
            ],
            "outputs": [{"name": o.name, "draw": o.draw, "tone": o.tone} for o in self.outputs],
            "inputs": list(study.inputs),
            "warmup": study.warmup,
            "pane": self.pane,
            "scale": list(self.scale) if self.scale else None,
            "levels": list(self.levels),
        }


class Bar:
    """The bars' columns as nodes; ``x`` is the price that a parameter ``source`` chose."""

    def __init__(self, source: str = "close") -> None:
        self.time, self.open, self.high, self.low, self.close, self.volume = map(Source, COLUMNS)
        self._source = source

    @property
    def x(self) -> Node:
        """The chosen source."""
        return getattr(self, self._source)

    @property
    def hl2(self) -> Node:
        """Median price."""
        return (self.high + self.low) * 0.5

    @property
    def hlc3(self) -> Node:
        """Typical price."""
        return (self.high + self.low + self.close) / 3.0

    @property
    def hlcc4(self) -> Node:
        """Weighted close."""
        return (self.high + self.low + self.close * 2.0) * 0.25

    @property
    def ohlc4(self) -> Node:
        """Average price."""
        return (self.open + self.high + self.low + self.close) * 0.25


class Study:
    """An indicator with its parameters. ``inputs`` names the columns it reads, ``warmup`` the bars before every output has a number."""

    def __init__(self, indicator: Indicator, values: dict[str, Any], nodes: tuple[Node, ...]) -> None:
        self.indicator, self.values = indicator, values
        self.order, self.nodes = order(nodes)
        used = {node.name for node in self.order if isinstance(node, Source)}
        self.inputs = tuple(name for name in COLUMNS if name in used)
        self.warmup = max(node.warm for node in self.nodes)
        self.outputs = tuple(output.name for output in indicator.outputs)

    def start(self) -> Running:
        """The bar by bar form, from the beginning."""
        return Running(self.order, self.nodes)

    def array(self, columns: Mapping[str, Any], compiler: Any = None) -> dict[str, Any]:
        """Every output over whole series: float64 arrays as long as the columns, which are named as in COLUMNS. Needs numpy.

        With a `compiled.Compiler` long series are gone through by compiled code, where there is a form of it.
        """
        from . import compiled, kernels

        np = kernels.np
        with np.errstate(all="ignore"):
            read = self.read(columns)
            size = len(next(iter(read.values())))
            if compiler is not None and size >= compiled.WORTH:
                try:
                    return compiler.array(self, read, size)
                except compiled.Unsupported:
                    pass
            return self._by_kernels(read, size)

    def read(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """The columns it reads as float64, NaN where they are not finite. Needs numpy."""
        import numpy as np

        return {name: _numbers(columns[name], np) for name in self.inputs}

    def _by_kernels(self, columns: Mapping[str, Any], size: int) -> dict[str, Any]:
        from . import kernels

        np = kernels.np
        uses = dict.fromkeys(map(id, self.order), 0)
        for node in self.order:
            for part in node.inputs:
                uses[id(part)] += 1
        for node in self.nodes:
            uses[id(node)] += 1
        have: dict[int, Any] = {}
        ours: set[int] = set()
        """Nodes whose arrays may be written over: made here, by an operator on single bars."""
        for node in self.order:
            if isinstance(node, Source):
                value = columns[node.name]
            else:
                parts = [have[id(part)] for part in node.inputs]
                for part in node.inputs:  # let go of what nobody needs any more
                    uses[id(part)] -= 1
                    if not uses[id(part)]:
                        del have[id(part)]
                if node.pointwise and any(isinstance(part, np.ndarray) for part in parts):
                    free = (at for at, part in zip(node.inputs, parts, strict=True) if not uses[id(at)] and id(at) in ours)
                    spare = next(free, None)
                    out = np.empty(size) if spare is None else parts[node.inputs.index(spare)]
                    value = node.into(kernels, out, *parts)
                    ours.add(id(node))
                elif node.pointwise:
                    value = float(node.start()(True, *parts))
                else:
                    value = node.array(kernels, *parts)
            have[id(node)] = value
        return {name: np.broadcast_to(np.asarray(have[id(node)], dtype=float), (size,)) for name, node in zip(self.outputs, self.nodes, strict=True)}


def _numbers(column: Any, np: Any) -> Any:
    """A column as float64; what is not finite becomes NaN."""
    value = np.ascontiguousarray(column, dtype=float)
    if np.isfinite(value.sum()) or np.isfinite(value).all():
        return value
    return np.where(np.isfinite(value), value, NAN)


REGISTRY: dict[str, Indicator] = {}


def indicator(
    name: str,
    title: str,
    family: str,
    *params: Param,
    outputs: Iterable[Output | str] = (),
    pane: str = "own",
    scale: tuple[float, float] | None = None,
    levels: tuple[float, ...] = (),
) -> Callable[[Callable], Callable]:
    """Register a definition: ``definition(bar, **parameters)`` gives a node for each output, in order."""

    def register(definition: Callable) -> Callable:
        named = tuple(output if isinstance(output, Output) else Output(output) for output in outputs) or (Output(name.lower()),)
        if name in REGISTRY:
            raise ValueError(f"{name} is registered twice")
        if family not in FAMILIES:
            raise ValueError(f"{name}: there is no family {family}")
        REGISTRY[name] = Indicator(name, title, family, params, named, pane, scale, levels, definition, (definition.__doc__ or "").strip())
        return definition

    return register


def period(default: int, name: str = "timeperiod", label: str = "Period", low: int = 2, high: int = 1000) -> Param:
    """A number of bars."""
    return Param(name, label, "int", default, low, high)


def number(name: str, label: str, default: float, low: float, high: float, step: float = 0.1) -> Param:
    """A real number."""
    return Param(name, label, "float", default, low, high, step)


def source(default: str = "close") -> Param:
    """Which price goes in."""
    return Param("source", "Source", "choice", default, choices=PRICES)


def average(default: str = "sma", name: str = "matype", label: str = "Average") -> Param:
    """A kind of average."""
    return Param(name, label, "choice", default, choices=AVERAGES)
