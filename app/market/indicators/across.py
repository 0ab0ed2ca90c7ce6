"""One indicator over many instruments at once: the third form of its definition, a step of all rows for the price of a few. Needs numpy.

What closed is counted in by `close`; `peek` gives the values that the open bars have so far and changes nothing. Both are what `Running`
gives bar by bar. Indicators whose operators look at one bar, at lags and sums, or go on by a recurrence can be run so; others raise BadParameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import kernels
from .nodes import NAN, Constant, Either, Node, Period, Source
from .recursive import Recurrence
from .rolling import Change, Lag, Sum, Window
from .spec import BadParameter, Study

np = kernels.np


class _Window:
    """The values before the newest, and what is needed of them."""

    def __init__(self, node: Window, rows: int) -> None:
        self._kind = type(node)
        self._past = np.full((max(1, node.n - 1), rows), NAN)
        self._n = node.n
        self._at = np.zeros(rows, np.int64)
        self._kept = self._past[0].copy()
        """The sum of the past values, or the oldest of them."""

    def step(self, rows: Any, x: Any, close: bool) -> Any:
        if self._n == 1:
            return x - x if self._kind is Change else x + 0.0
        before = self._kept[rows]
        out = before + x if self._kind is Sum else x - before if self._kind is Change else before
        if close:
            places = self._at[rows]
            self._past[places, rows] = x
            self._at[rows] = places = (places + 1) % (self._n - 1)
            self._kept[rows] = self._past[:, rows].sum(0) if self._kind is Sum else self._past[places, rows]
        return out


class _Recurrence:
    def __init__(self, node: Recurrence, rows: int) -> None:
        self._node = node
        self._seeded = node.skip + node.count
        self._shown = self._seeded + node.mute
        self._seen = np.zeros(rows, np.int64)
        self._total = np.zeros(rows)
        self._y = np.full(rows, NAN)

    def step(self, rows: Any, x: Any, close: bool) -> Any:
        node, seen = self._node, self._seen[rows]
        y = node.keep * self._y[rows] + node.take * x
        if seen.min() >= self._shown and not close:
            return y
        young = seen < self._seeded
        there = x == x
        seen += 1
        if young.any():
            total = np.where(seen > node.skip, self._total[rows] + x, 0.0)
            y = np.where(young, np.where(seen == self._seeded, total * node.scale, NAN), y)
            if close:
                self._total[rows[there]] = total[there]
        if close:
            some = rows[there]
            self._seen[some], self._y[some] = seen[there], y[there]
        return np.where(seen >= self._shown, y, NAN) if (seen < self._shown).any() else y


_STEPS = {Recurrence: _Recurrence, Sum: _Window, Lag: _Window, Change: _Window}


class Across:
    """``study`` for so many rows."""

    def __init__(self, study: Study, rows: int) -> None:
        self.outputs = study.outputs
        self._places = {id(node): place for place, node in enumerate(study.order)}
        self._plan: list[tuple[Node, tuple[int, ...], Any]] = []
        for node in study.order:
            made = _STEPS.get(type(node))
            if made is None and not (node.pointwise or isinstance(node, Source | Constant | Either | Period)):
                reason = f"{study.indicator.name} cannot be run over many instruments at once ({type(node).__name__})"
                raise BadParameter("name", reason, "run it instrument by instrument")
            self._plan.append((node, tuple(self._places[id(part)] for part in node.inputs), made and made(node, rows)))
        self._outs = [self._places[id(node)] for node in study.nodes]

    def close(self, rows: Any, bars: Mapping[str, Any]) -> tuple[Any, ...]:
        """Count in a bar of each of these rows (each once); ``bars`` holds float columns as in COLUMNS. Gives the outputs."""
        return self._step(rows, bars, True)

    def peek(self, rows: Any, bars: Mapping[str, Any]) -> tuple[Any, ...]:
        """The outputs if these bars closed now."""
        return self._step(rows, bars, False)

    def _step(self, rows: Any, bars: Mapping[str, Any], close: bool) -> tuple[Any, ...]:
        values: list[Any] = []
        with np.errstate(all="ignore"):
            for node, inputs, state in self._plan:
                parts = [values[place] for place in inputs]
                if state is not None:
                    value = state.step(rows, parts[0] if isinstance(parts[0], np.ndarray) else np.full(len(rows), parts[0]), close)
                elif isinstance(node, Source):
                    value = bars[node.name]
                elif not node.pointwise:
                    value = node.array(kernels, *parts)
                elif any(isinstance(part, np.ndarray) for part in parts):
                    value = node.into(kernels, np.empty(len(rows)), *parts)
                else:
                    value = float(node.start()(True, *parts))
                values.append(value)
        return tuple([values[place] for place in self._outs])
