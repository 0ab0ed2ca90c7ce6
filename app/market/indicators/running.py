"""The bar by bar form of a graph of operators: plain Python, no numpy, a few microseconds a bar."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

from .nodes import NAN, Node, Source

PLACES = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}


def order(nodes: Iterable[Node]) -> tuple[list[Node], tuple[Node, ...]]:
    """All nodes below these, inputs first, and these. What is the same operator on the same inputs becomes one node."""
    seen: dict[int, Node] = {}
    same: dict[tuple, Node] = {}
    ordered: list[Node] = []

    def visit(node: Node) -> Node:
        if id(node) not in seen:
            node.inputs = tuple([visit(part) for part in node.inputs])
            key = (type(node), tuple(map(id, node.inputs)), *settings(node))
            seen[id(node)] = found = same.setdefault(key, node)
            if found is node:
                ordered.append(node)
        return seen[id(node)]

    wanted = tuple(nodes)
    outs = tuple([visit(node) for node in wanted])
    return ordered, outs


def settings(node: Node) -> list[Any]:
    """What an operator was made with, by value where it is plain, else by identity."""
    names = [name for kind in type(node).__mro__ for name in getattr(kind, "__slots__", ()) if name != "inputs"]
    return [repr(value) if isinstance(value := getattr(node, name), int | float | str | list) else id(value) for name in names]


class Running:
    """One indicator at work. Bars come in order; the newest may come again, changed, until the next one opens."""

    MANY = 50
    """So many bars go between looks at the clock."""
    __slots__ = ("_outs", "_plan", "_sources", "_values")

    def __init__(self, nodes: list[Node], outs: tuple[Node, ...]) -> None:
        places = {id(node): at for at, node in enumerate(nodes)}
        self._values: list[Any] = [NAN] * len(nodes)
        self._sources = [(places[id(node)], PLACES[node.name]) for node in nodes if isinstance(node, Source)]
        self._plan = [(places[id(node)], node.start(), tuple(places[id(part)] for part in node.inputs)) for node in nodes if not isinstance(node, Source)]
        self._outs = tuple(places[id(node)] for node in outs)

    def many(self, bars: Iterable[tuple | list]) -> list[tuple[float, ...]]:
        """Each output for one bar after another; the last may come again to `step`."""
        return [*zip(*[self.step(bar) for bar in bars], strict=True)]

    def step(self, bar: tuple | list, new: bool = True) -> tuple[float, ...]:
        """Outputs for a bar (time s, open, high, low, close, volume); ``new`` false: the same bar as last time, changed."""
        values = self._values
        for at, place in self._sources:
            value = bar[place]
            values[at] = value if isfinite(value) else NAN
        for at, step, parts in self._plan:
            if len(parts) == 1:
                values[at] = step(new, values[parts[0]])
            elif len(parts) == 2:
                values[at] = step(new, values[parts[0]], values[parts[1]])
            else:
                values[at] = step(new, *[values[part] for part in parts])
        return tuple([values[at] for at in self._outs])
