"""Operators over the last bars: lags, sums, extremes, spreads, ranks. See nodes.py for the rules."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from .nodes import NAN, NOISE, Node, Step, as_node, sqrt


class Window(Node):
    """A function of the last ``n`` values of one input."""

    __slots__ = ("n",)

    def __init__(self, x: Node, n: int) -> None:
        super().__init__(x, warm=n - 1)
        self.n = n

    def of(self) -> Callable[[deque], float]:
        """The step form: a function of the window, oldest first, that gives NaN when a NaN is in it."""
        raise NotImplementedError

    def start(self) -> Step:
        window: deque[float] = deque([NAN] * self.n, self.n)
        of, append = self.of(), window.append

        def step(new: bool, x: float) -> float:
            if new:
                append(x)
            else:
                window[-1] = x
            return of(window)

        return step


class Lag(Window):
    """The value ``n - 1`` bars ago."""

    __slots__ = ()

    def array(self, k: Any, x: Any) -> Any:
        return k.lag(x, self.n - 1)

    def of(self) -> Callable[[deque], float]:
        return lambda window: window[0]


class Change(Window):
    """The difference to ``n - 1`` bars ago."""

    __slots__ = ()

    def array(self, k: Any, x: Any) -> Any:
        return k.shifted(x, self.n - 1)

    def of(self) -> Callable[[deque], float]:
        return lambda window: window[-1] - window[0]


class Sum(Window):
    """Sum of the window."""

    __slots__ = ()

    def array(self, k: Any, x: Any) -> Any:
        return k.rolling_sum(x, self.n)

    def of(self) -> Callable[[deque], float]:
        return sum


class Linear(Window):
    """Sum of k * x, k = 1 for the oldest of the window."""

    __slots__ = ()

    def array(self, k: Any, x: Any) -> Any:
        return k.rolling_linear(x, self.n)

    def of(self) -> Callable[[deque], float]:
        places = range(1, self.n + 1)
        return lambda window: sum([place * x for place, x in zip(places, window, strict=True)])


class Weighted(Window):
    """Sum of the window times weights, oldest first."""

    __slots__ = ("weights",)

    def __init__(self, x: Node, weights: list[float]) -> None:
        super().__init__(x, len(weights))
        self.weights = weights

    def array(self, k: Any, x: Any) -> Any:
        return k.weighted(x, self.weights)

    def of(self) -> Callable[[deque], float]:
        weights = self.weights
        return lambda window: sum([w * x for w, x in zip(weights, window, strict=True)])


class Extreme(Window):
    """Greatest or least of the window."""

    __slots__ = ("highest",)

    def __init__(self, x: Node, n: int, highest: bool) -> None:
        super().__init__(x, n)
        self.highest = highest

    def array(self, k: Any, x: Any) -> Any:
        return k.rolling_extreme(x, self.n, self.highest)

    def of(self) -> Callable[[deque], float]:
        best = max if self.highest else min

        def find(window: deque) -> float:
            total = sum(window)
            return best(window) if total == total else NAN

        return find


class Since(Window):
    """Bars since the greatest or least of the window; the latest of equals counts."""

    __slots__ = ("highest",)

    def __init__(self, x: Node, n: int, highest: bool) -> None:
        super().__init__(x, n)
        self.highest = highest

    def array(self, k: Any, x: Any) -> Any:
        return k.rolling_since(x, self.n, self.highest)

    def of(self) -> Callable[[deque], float]:
        best = max if self.highest else min

        def find(window: deque) -> float:
            total = sum(window)
            if total != total:
                return NAN
            latest_first = list(window)[::-1]
            return float(latest_first.index(best(latest_first)))

        return find


class Deviation(Window):
    """Mean distance from the mean of the window."""

    __slots__ = ()

    def array(self, k: Any, x: Any) -> Any:
        return k.rolling_deviation(x, self.n)

    def of(self) -> Callable[[deque], float]:
        n = self.n

        def find(window: deque) -> float:
            mean = sum(window) / n
            value = sum([abs(x - mean) for x in window]) / n
            return 0.0 if value <= NOISE * abs(mean) else value

        return find


class Percentile(Window):
    """The value at a fraction (0 to 1) of the sorted window: the nearest rank, or ``between`` two in proportion."""

    __slots__ = ("high", "low", "part")

    def __init__(self, x: Node, n: int, fraction: float, between: bool = False) -> None:
        super().__init__(x, n)
        place = fraction * (n - 1) if between else max(0, math.ceil(fraction * n - 1e-9) - 1)
        self.low = int(place)
        self.high, self.part = min(self.low + 1, n - 1), place - self.low

    def array(self, k: Any, x: Any) -> Any:
        return k.by_window(x, self.n, lambda rows: k.at_rank(rows, self.low, self.high, self.part))

    def of(self) -> Callable[[deque], float]:
        low, high, part = self.low, self.high, self.part

        def find(window: deque) -> float:
            total = sum(window)
            if total != total:
                return NAN
            ordered = sorted(window)
            return ordered[low] + part * (ordered[high] - ordered[low])

        return find


class Rank(Window):
    """The fraction of the earlier values of the window that lie below the newest."""

    __slots__ = ()

    def array(self, k: Any, x: Any) -> Any:
        return k.by_window(x, self.n, k.rank)

    def of(self) -> Callable[[deque], float]:
        count = self.n - 1

        def find(window: deque) -> float:
            total = sum(window)
            if total != total:
                return NAN
            newest = window[-1]
            return sum([x < newest for x in window]) / count

        return find


class Moment(Window):
    """Standardised central moment: skewness (3) or kurtosis (4) of the window; 0 without spread."""

    __slots__ = ("power",)

    def __init__(self, x: Node, n: int, power: int) -> None:
        super().__init__(x, n)
        self.power = power

    def array(self, k: Any, x: Any) -> Any:
        return k.by_window(x, self.n, lambda rows: k.moment(rows, self.power))

    def of(self) -> Callable[[deque], float]:
        n, power = self.n, self.power

        def find(window: deque) -> float:
            mean = sum(window) / n
            apart = [x - mean for x in window]
            spread = (sum([d * d for d in apart]) / n) ** 0.5
            if spread != spread:
                return NAN
            if spread <= NOISE * max(map(abs, window)):
                return 0.0
            return sum([d**power for d in apart]) / n / spread**power

        return find


class Covariance(Node):
    """Population covariance of two inputs over the last ``n`` bars."""

    __slots__ = ("n",)

    def __init__(self, x: Node, y: Node, n: int) -> None:
        super().__init__(x, y, warm=n - 1)
        self.n = n

    def array(self, k: Any, x: Any, y: Any) -> Any:
        return k.rolling_cov(x, y, self.n)

    def start(self) -> Step:
        n = self.n
        xs: deque[float] = deque([NAN] * n, n)
        ys: deque[float] = deque([NAN] * n, n)

        def step(new: bool, x: float, y: float) -> float:
            if new:
                xs.append(x)
                ys.append(y)
            else:
                xs[-1], ys[-1] = x, y
            mean_x, mean_y = sum(xs) / n, sum(ys) / n
            return sum([(a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True)]) / n

        def step_same(new: bool, x: float, _y: float) -> float:
            if new:
                xs.append(x)
            else:
                xs[-1] = x
            middle = sum(xs) / n
            value = sum([(a - middle) ** 2 for a in xs]) / n
            return 0.0 if value <= (NOISE * middle) ** 2 else value

        return step_same if self.inputs[0] is self.inputs[1] else step


def lag(x: Node, bars: int) -> Node:
    """The value some bars ago."""
    return Lag(x, bars + 1) if bars else x


def change(x: Node, bars: int = 1) -> Node:
    """The difference to some bars ago."""
    return Change(x, bars + 1)


def mean(x: Node, n: int) -> Node:
    """Plain average."""
    return Sum(x, n) / n if n > 1 else x


def highest(x: Node, n: int) -> Node:
    """Greatest of the last n."""
    return Extreme(x, n, True)


def lowest(x: Node, n: int) -> Node:
    """Least of the last n."""
    return Extreme(x, n, False)


def variance(x: Node, n: int) -> Node:
    """Population variance."""
    return Covariance(x, x, n)


def deviation(x: Node, n: int) -> Node:
    """Population standard deviation."""
    return sqrt(variance(x, n))


def weighted(x: Node, weights: list[float]) -> Node:
    """Average by weights, oldest first; they need not add up to one."""
    total = sum(weights)
    return Weighted(as_node(x), [weight / total for weight in weights])
