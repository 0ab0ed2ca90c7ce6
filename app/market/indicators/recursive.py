"""Operators that remember: exponential averages, linear recurrences, running totals, and what only goes bar by bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .nodes import NAN, Node, Step


class Recurrence(Node):
    """y = keep * y + take * x, begun with ``scale`` times the sum of ``count`` values after ``skip`` of them; ``mute`` hides the first."""

    __slots__ = ("count", "keep", "mute", "scale", "skip", "take")

    def __init__(self, x: Node, keep: float, take: float, count: int, scale: float, skip: int = 0, mute: int = 0) -> None:
        super().__init__(x, warm=skip + count - 1 + mute)
        self.keep, self.take, self.count, self.scale, self.skip, self.mute = keep, take, count, scale, skip, mute

    def array(self, k: Any, x: Any) -> Any:
        value = k.recurrence(x, self.keep, self.take, self.count, self.scale, self.skip)
        if self.mute:
            first = k.np.flatnonzero(~k.np.isnan(value))[: self.mute]
            value[first] = k.np.nan
        return value

    def start(self) -> Step:
        keep, take, scale = self.keep, self.take, self.scale
        seeded, shown = self.skip + self.count, self.skip + self.count + self.mute
        skip = self.skip
        base_seen, base_sum, base = 0, 0.0, NAN
        seen, total, y = 0, 0.0, NAN

        def step(new: bool, x: float) -> float:
            nonlocal base_seen, base_sum, base, seen, total, y
            if new:
                base_seen, base_sum, base = seen, total, y
            if x != x:
                seen, total, y = base_seen, base_sum, base
                return NAN
            if base_seen >= seeded:
                seen = base_seen + 1
                y = keep * base + take * x
                return y if seen >= shown else NAN
            seen = base_seen + 1
            total = base_sum + x if seen > skip else 0.0
            if seen == seeded:
                y = total * scale
                return y if seen >= shown else NAN
            y = NAN
            return NAN

        return step


class LinearRecurrence(Node):
    """y = a * y + b with factors of each bar, begun with the first seed."""

    __slots__ = ()

    def __init__(self, a: Node, b: Node, seed: Node) -> None:
        super().__init__(a, b, seed)

    def array(self, k: Any, a: Any, b: Any, seed: Any) -> Any:
        size = max(k.np.size(value) for value in (a, b, seed))
        return k.linear(*(k.np.broadcast_to(k.np.asarray(value, dtype=float), (size,)) for value in (a, b, seed)))

    def start(self) -> Step:
        base = y = NAN

        def step(new: bool, a: float, b: float, seed: float) -> float:
            nonlocal base, y
            if new:
                base = y
            if a != a or b != b:
                y = base
                return NAN
            y = seed if base != base else a * base + b
            return y

        return step


class Total(Node):
    """Sum of all bars so far."""

    __slots__ = ()

    def array(self, k: Any, x: Any) -> Any:
        return k.running_total(x)

    def start(self) -> Step:
        base = y = 0.0

        def step(new: bool, x: float) -> float:
            nonlocal base, y
            if new:
                base = y
            if x != x:
                y = base
                return NAN
            y = base + x
            return y

        return step


class TotalSince(Node):
    """Sum of the bars since the key changed."""

    __slots__ = ()

    def array(self, k: Any, x: Any, key: Any) -> Any:
        return k.total_since(x, key)

    def start(self) -> Step:
        base = y = 0.0
        base_key = last_key = NAN

        def step(new: bool, x: float, key: float) -> float:
            nonlocal base, y, base_key, last_key
            if new:
                base, base_key = y, last_key
            last_key = key
            before = base if key == base_key else 0.0
            if x != x:
                y = before
                return NAN
            y = before + x
            return y

        return step


class Stepwise(Node):
    """What has no other form than bar by bar: ``function(state, *values) -> state``, a tuple whose first ``width`` parts are the outputs.

    ``state`` starts as ``initial``; nothing is computed for a bar in which an input is NaN. Read the outputs with Pick.
    """

    __slots__ = ("function", "initial", "width")

    def __init__(self, function: Callable[..., tuple], initial: tuple, width: int, *inputs: Node, warm: int = 0) -> None:
        super().__init__(*inputs, warm=warm)
        self.function, self.initial, self.width = function, initial, width

    def array(self, k: Any, *values: Any) -> Any:
        return k.stepwise(self.function, self.initial, values, self.width)

    def start(self) -> Step:
        function, nothing = self.function, (NAN,) * self.width
        base = state = self.initial

        def step(new: bool, *values: float) -> tuple:
            nonlocal base, state
            if new:
                base = state
            for value in values:
                if value != value:
                    state = base
                    return nothing
            state = function(base, *values)
            return state

        return step


class Mute(Node):
    """Hides what comes before a bar, counted from 0."""

    __slots__ = ("first",)

    def __init__(self, x: Node, first: int) -> None:
        super().__init__(x)
        self.first = first
        self.warm = max(self.warm, first)

    def array(self, k: Any, x: Any) -> Any:
        value = k.np.array(x)
        value[: self.first] = k.np.nan
        return value

    def start(self) -> Step:
        first, bar = self.first, -1

        def step(new: bool, x: float) -> float:
            nonlocal bar
            bar += new
            return x if bar >= first else NAN

        return step


def exponential(x: Node, n: int, skip: int = 0) -> Node:
    """EMA: weight 2 / (n + 1), begun with the plain average of the first n."""
    weight = 2.0 / (n + 1)
    return Recurrence(x, 1.0 - weight, weight, n, 1.0 / n, skip) if n > 1 else x


def wilder(x: Node, n: int) -> Node:
    """Wilder's average: weight 1 / n, begun with the plain average of the first n."""
    return Recurrence(x, 1.0 - 1.0 / n, 1.0 / n, n, 1.0 / n) if n > 1 else x


def wilder_sum(x: Node, n: int, mute: int = 0) -> Node:
    """Wilder's running sum: a sum of n - 1 values, from then on less its nth part each bar."""
    return Recurrence(x, 1.0 - 1.0 / n, 1.0, n - 1, 1.0, 0, mute) if n > 1 else x


def total(x: Node) -> Node:
    """Running total."""
    return Total(x)
