"""Operators from which indicators are composed. Each has two forms: ``array`` over a whole series and ``start`` for bar by bar.

An indicator is a graph of nodes, so both of its forms follow from one definition. Rules that every operator keeps, in both forms:

- NaN means "no number here". What is not finite counts as NaN.
- A window with a NaN in it, or not yet full, gives NaN.
- A recurrence steps over NaN: NaN comes out for that bar, and the next bar goes on as if the bar had not been.
- Division by zero gives NaN, or the value that the definition names.
- A step may be repeated for the same bar (``new`` false): the last call counts, as the newest bar changes until it closes.

``warm`` is how many bars pass before the first number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

NAN = math.nan
NOISE = 1e-12
"""A spread this small against the level is what rounding leaves of none."""
Step = Callable[..., Any]
Number = int | float


class Node:
    """One operator and its inputs. One that is ``pointwise`` looks at a single bar: its array form is ``into(k, out, *values)``."""

    __slots__ = ("inputs", "warm")
    pointwise = False

    def __init__(self, *inputs: Node, warm: int = 0) -> None:
        self.inputs = inputs
        self.warm = max((node.warm for node in inputs), default=0) + warm

    def array(self, k: Any, *values: Any) -> Any:
        """The whole series from whole series; ``k`` is the module of kernels."""
        raise NotImplementedError

    def into(self, k: Any, out: Any, *values: Any) -> Any:
        """The whole series, written over ``out``, which may be one of the inputs."""
        raise NotImplementedError

    def start(self) -> Step:
        """A new ``step(new, *values) -> value`` with its own state."""
        raise NotImplementedError

    def __add__(self, other: Node | Number) -> Node:
        return Map("add", self, as_node(other))

    def __radd__(self, other: Number) -> Node:
        return Map("add", as_node(other), self)

    def __sub__(self, other: Node | Number) -> Node:
        return Map("sub", self, as_node(other))

    def __rsub__(self, other: Number) -> Node:
        return Map("sub", as_node(other), self)

    def __mul__(self, other: Node | Number) -> Node:
        return Map("mul", self, as_node(other))

    def __rmul__(self, other: Number) -> Node:
        return Map("mul", as_node(other), self)

    def __truediv__(self, other: Node | Number) -> Node:
        if isinstance(other, int | float):
            return Map("mul", self, Constant(1.0 / other))
        return Ratio(self, other, NAN)

    def __rtruediv__(self, other: Number) -> Node:
        return Ratio(as_node(other), self, NAN)

    def __neg__(self) -> Node:
        return Map("mul", self, Constant(-1.0))

    def __abs__(self) -> Node:
        return Map("abs", self)


class Source(Node):
    """A column of the bars."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class Constant(Node):
    """The same number at every bar."""

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = float(value)

    def array(self, k: Any) -> Any:
        return self.value

    def start(self) -> Step:
        return lambda _new: self.value


def as_node(value: Node | Number) -> Node:
    """A node of a number."""
    return value if isinstance(value, Node) else Constant(value)


def _max(a: float, b: float) -> float:
    return a if a >= b or a != a else b


def _min(a: float, b: float) -> float:
    return a if a <= b or a != a else b


def _guarded(function: Callable[[float], float]) -> Callable[[float], float]:
    def run(value: float) -> float:
        try:
            return function(value)
        except (ValueError, OverflowError):
            return NAN

    return run


def _finite(value: Any, np: Any) -> Any:
    return np.where(np.isfinite(value), value, np.nan)


def _floor(value: float) -> float:
    return float(math.floor(value))


def _ceil(value: float) -> float:
    return float(math.ceil(value))


def _ufunc(name: str) -> Callable[[Any, Any], Any]:
    return lambda np, value: _finite(getattr(np, name)(value), np)


# name: (step form, array form: a ufunc's name, or a function of numpy and the values)
_MAPS: dict[str, tuple[Callable, Callable | str]] = {
    "add": (lambda a, b: a + b, "add"),
    "sub": (lambda a, b: a - b, "subtract"),
    "mul": (lambda a, b: a * b, "multiply"),
    "max": (_max, "maximum"),
    "min": (_min, "minimum"),
    "abs": (abs, "abs"),
    "sign": (lambda a: a if a != a else float((a > 0) - (a < 0)), "sign"),
    "sqrt": (_guarded(math.sqrt), "sqrt"),
    "log": (_guarded(math.log), lambda np, a: _finite(np.log(a), np)),
    "log10": (_guarded(math.log10), lambda np, a: _finite(np.log10(a), np)),
    "floor": (_guarded(_floor), "floor"),
    "ceil": (_guarded(_ceil), "ceil"),
    **{name: (_guarded(getattr(math, name)), _ufunc(name)) for name in ("exp", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: (_guarded(getattr(math, step)), _ufunc(name)) for name, step in (("arctan", "atan"), ("arcsin", "asin"), ("arccos", "acos"))},
}


class Map(Node):
    """A function of one bar's values."""

    __slots__ = ("name",)
    pointwise = True

    def __init__(self, name: str, *inputs: Node) -> None:
        super().__init__(*inputs)
        self.name = name

    def into(self, k: Any, out: Any, *values: Any) -> Any:
        function, np = _MAPS[self.name][1], k.np
        if isinstance(function, str):
            return getattr(np, function)(*values, out=out)
        return k.by_chunk(lambda *parts: function(np, *parts), out, *values)

    def start(self) -> Step:
        function = _MAPS[self.name][0]
        if len(self.inputs) == 1:
            return lambda _new, a: function(a)
        return lambda _new, a, b: function(a, b)


class Ratio(Node):
    """a / b; ``zero`` where b is zero or next to nothing."""

    __slots__ = ("zero",)
    pointwise = True
    TINY = 1e-14

    def __init__(self, a: Node, b: Node, zero: float) -> None:
        super().__init__(a, b)
        self.zero = zero

    def into(self, k: Any, out: Any, a: Any, b: Any) -> Any:
        np, zero, tiny = k.np, self.zero, self.TINY

        def divide(a: Any, b: Any) -> Any:
            value = np.divide(a, b)
            nothing = np.abs(b) < tiny
            return np.where(nothing, zero + 0.0 * a, value) if nothing.any() else value

        return k.by_chunk(divide, out, a, b)

    def start(self) -> Step:
        zero, tiny = self.zero, self.TINY

        def step(_new: bool, a: float, b: float) -> float:
            if -tiny < b < tiny:
                return zero + 0.0 * a  # NaN stays NaN
            return a / b

        return step


class Where(Node):
    """``a`` where the test is above zero, ``b`` where it is not, NaN where it is NaN."""

    __slots__ = ()
    pointwise = True

    def into(self, k: Any, out: Any, test: Any, a: Any, b: Any) -> Any:
        np = k.np
        return k.by_chunk(lambda test, a, b: np.where(test > 0, a, np.where(test == test, b, np.nan)), out, test, a, b)

    def start(self) -> Step:
        return lambda _new, test, a, b: a if test > 0 else b if test == test else NAN


class Either(Node):
    """``x``, or the other where that is NaN."""

    __slots__ = ()

    def __init__(self, x: Node, other: Node) -> None:
        super().__init__(x, other)
        self.warm = min(x.warm, other.warm)

    def array(self, k: Any, x: Any, other: Any) -> Any:
        return k.np.where(k.np.isnan(x), other, x)

    def start(self) -> Step:
        return lambda _new, x, other: x if x == x else other


class Period(Node):
    """The number of the UTC day, week (from Monday) or month that a time in seconds lies in; ``all``: one for everything."""

    __slots__ = ("kind",)

    def __init__(self, time: Node, kind: str) -> None:
        super().__init__(time)
        self.kind = kind

    def array(self, k: Any, time: Any) -> Any:
        np = k.np
        if self.kind == "all":
            return np.zeros(len(time))
        if self.kind == "month":
            return np.asarray(time, dtype="int64").astype("datetime64[s]").astype("datetime64[M]").astype("int64").astype(float)
        return np.floor(time / 86_400) if self.kind == "day" else np.floor((time / 86_400 + 3) / 7)

    def start(self) -> Step:
        if self.kind == "all":
            return lambda _new, _time: 0.0
        if self.kind == "day":
            return lambda _new, time: float(time // 86_400)
        if self.kind == "week":
            return lambda _new, time: float((time / 86_400 + 3) // 7)
        from datetime import UTC, datetime

        def month(_new: bool, time: float) -> float:
            moment = datetime.fromtimestamp(time, UTC)
            return float((moment.year - 1970) * 12 + moment.month - 1)

        return month


class Pick(Node):
    """One output of a node that has several."""

    __slots__ = ("at",)

    def __init__(self, node: Node, at: int, warm: int = 0) -> None:
        super().__init__(node, warm=warm)
        self.at = at

    def array(self, k: Any, values: Any) -> Any:
        return values[self.at]

    def start(self) -> Step:
        at = self.at
        return lambda _new, values: values[at]


def lesser(a: Node | Number, b: Node | Number) -> Node:
    """The lesser of two."""
    return Map("min", as_node(a), as_node(b))


def greater(a: Node | Number, b: Node | Number) -> Node:
    """The greater of two."""
    return Map("max", as_node(a), as_node(b))


def where(test: Node, a: Node | Number, b: Node | Number) -> Node:
    """Choose by the sign of a test."""
    return Where(test, as_node(a), as_node(b))


def either(x: Node, other: Node | Number) -> Node:
    """The first, or the other where there is none."""
    return Either(x, as_node(other))


def ratio(a: Node | Number, b: Node | Number, zero: float = NAN) -> Node:
    """Divide; ``zero`` stands where the divisor is nothing."""
    return Ratio(as_node(a), as_node(b), zero)


def sqrt(a: Node) -> Node:
    """Square root; NaN below zero."""
    return Map("sqrt", a)


def log(a: Node) -> Node:
    """Natural logarithm; NaN at and below zero."""
    return Map("log", a)


def exp(a: Node) -> Node:
    """e to the power."""
    return Map("exp", a)


def sign(a: Node) -> Node:
    """-1, 0 or 1."""
    return Map("sign", a)
