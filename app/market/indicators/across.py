"""Indicators over many instruments at once: one more form of a definition, a step of all rows for the price of a few. Needs numpy.

What closed is counted in by `close`; `peek` gives the values that the open bars have so far and changes nothing. Both are what `Running`
gives bar by bar. Every operator that remembers is, for the bar that is still open, ``a * x + b`` with an a and a b of each row: a bar that closes
makes them anew, and a look at many bars costs two steps of arithmetic an operator. Indicators whose operators look at one bar, at lags and sums,
or go on by a recurrence can be run so; others raise BadParameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import kernels
from .nodes import NAN, Constant, Either, Node, Period, Source
from .recursive import Recurrence
from .rolling import Change, Lag, Sum, Window
from .running import settings
from .spec import BadParameter, Study

np = kernels.np


class _Window:
    """The values before the newest; ``factors``: (2, rows), the a and b of each row."""

    def __init__(self, node: Window, factors: Any) -> None:
        self._kind, self._n, self._factors = type(node), node.n, factors
        rows = factors.shape[1]
        self._past = np.empty((max(1, node.n - 1), rows))
        self._at = np.empty(rows, np.int64)
        self.lags = self._kind is Lag and self._n > 1
        factors[0] = 0.0 if self._kind is Change and self._n == 1 else 1.0
        self.forget(np.arange(rows))

    def forget(self, rows: Any) -> None:
        self._past[:, rows] = NAN
        self._at[rows] = 0
        self._factors[1, rows] = 0.0 if self._n == 1 else NAN

    def close(self, rows: Any, x: Any, _y: Any) -> None:
        if self._n == 1:
            return
        past, places = self._past, self._at[rows]
        past[places, rows] = x
        self._at[rows] = places = (places + 1) % (self._n - 1)
        if self._kind is Sum:
            self._factors[1, rows] = past.take(rows, 1).sum(0)
        else:
            oldest = past[places, rows]
            self._factors[1, rows] = oldest if self._kind is Lag else -oldest


class _Recurrence:
    lags = False

    def __init__(self, node: Recurrence, factors: Any) -> None:
        self._node, self._factors = node, factors
        rows = factors.shape[1]
        self._seeded = node.skip + node.count
        self._shown = self._seeded + node.mute
        self._seen = np.empty(rows, np.int64)
        self._total = np.empty(rows)
        self._y = np.empty(rows)
        self.forget(np.arange(rows))

    def forget(self, rows: Any) -> None:
        self._seen[rows], self._total[rows], self._y[rows] = 0, 0.0, NAN
        self._ahead(rows, self._seen[rows], self._total[rows], self._y[rows])

    def close(self, rows: Any, x: Any, y: Any) -> None:
        node = self._node
        there = x == x
        if not np.logical_and.reduce(there):
            rows, x, y = rows[there], x[there], y[there]
            if not len(rows):
                return
        self._seen[rows] = seen = self._seen[rows] + 1
        if np.minimum.reduce(seen) > self._shown:
            self._y[rows] = y
            self._factors[1, rows] = node.keep * y
            return
        total = self._total[rows] + x
        if node.skip:
            total = np.where(seen > node.skip, total, 0.0)
        self._total[rows] = total
        # before the seed the newest value is NaN, and what follows from it
        y = np.where(seen == self._seeded, total * node.scale, node.keep * self._y[rows] + node.take * x)
        self._y[rows] = y
        self._ahead(rows, seen, total, y)

    def _ahead(self, rows: Any, seen: Any, total: Any, y: Any) -> None:
        """What the next bar will be of its x."""
        node, coming = self._node, seen + 1
        seeds = coming == self._seeded
        slope = np.where(seeds, node.scale, node.take)
        slope[coming < self._shown] = NAN
        self._factors[0, rows] = slope
        self._factors[1, rows] = np.where(seeds, total * node.scale, node.keep * y)


_STATES = {Recurrence: _Recurrence, Sum: _Window, Lag: _Window, Change: _Window}


class Together:
    """``studies`` for so many rows; what they have in common is worked out once."""

    def __init__(self, studies: Sequence[Study], rows: int) -> None:
        for study in studies:
            for node in study.order:
                if type(node) not in _STATES and not (node.pointwise or isinstance(node, Source | Constant | Either | Period)):
                    reason = f"{study.indicator.name} cannot be run over many instruments at once ({type(node).__name__})"
                    raise BadParameter("name", reason, "run it instrument by instrument")
        found: list[tuple[Node, tuple[int, ...]]] = []
        places: dict[int, int] = {}
        same: dict[tuple, int] = {}
        for node in [node for study in studies for node in study.order]:
            inputs = tuple([places[id(part)] for part in node.inputs])
            places[id(node)] = place = same.setdefault((type(node), inputs, *settings(node)), len(found))
            if place == len(found):
                found.append((node, inputs))
        # what belongs to a row lies side by side: gathering some rows costs a copy a row and not one a factor
        self._by_row = np.empty((rows, 2 * sum(type(node) in _STATES for node, _ in found)))
        factors = self._by_row.T
        self._fixed: list[Any] = [None] * len(found)
        """The values that are the same at every bar."""
        self._plan: list[tuple[int, Node, tuple[int, ...], Any, int]] = []
        at = 0
        for place, (node, inputs) in enumerate(found):
            parts = [self._fixed[part] for part in inputs]
            if made := _STATES.get(type(node)):
                self._plan.append((place, node, inputs, made(node, factors[at : at + 2]), at))
                at += 2
            elif isinstance(node, Source) or None in parts:
                self._plan.append((place, node, inputs, None, 0))
            else:
                self._fixed[place] = float(node.start()(True, *parts))
        self.inputs = frozenset(node.name for node, _ in found if isinstance(node, Source))
        """The columns that are looked at."""
        self._outs = [[places[id(node)] for node in study.nodes] for study in studies]

    def close(self, rows: Any, bars: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Count in a bar of each of these rows (each once); ``bars`` holds float columns as in COLUMNS. Gives the outputs of each study."""
        return self._step(rows, bars, True)

    def peek(self, rows: Any, bars: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The outputs if these bars closed now."""
        return self._step(rows, bars, False)

    def forget(self, rows: Any) -> None:
        """Of these rows nothing was counted in."""
        for _, _, _, state, _ in self._plan:
            if state is not None:
                state.forget(rows)

    def _step(self, rows: Any, bars: Mapping[str, Any], close: bool) -> list[tuple[Any, ...]]:
        values, count = self._fixed.copy(), len(rows)
        factors = np.ascontiguousarray(self._by_row.take(rows, 0).T)
        with np.errstate(all="ignore"):
            for place, node, inputs, state, at in self._plan:
                if state is not None:
                    x = values[inputs[0]]
                    if type(x) is float:
                        x = np.full(count, x)
                    value = factors[at + 1] if state.lags else factors[at] * x + factors[at + 1]
                    if close:
                        state.close(rows, x, value)
                elif not inputs:
                    value = bars[node.name]
                elif node.pointwise:
                    value = node.into(kernels, np.empty(count), *[values[part] for part in inputs])
                else:
                    value = node.array(kernels, *[values[part] for part in inputs])
                values[place] = value
        return [tuple([values[place] for place in outs]) for outs in self._outs]
