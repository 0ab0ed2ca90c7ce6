"""The operators as WebAssembly, each as its bar by bar form says; window sums are kept running and worked out anew every so many bars."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan
from typing import Any

from . import nodes, recursive, rolling, wasm
from .emitting import BAR, NAN, Emitter, J, Ring, Unsupported
from .nodes import NOISE, Node
from .wasm import choose, get, iop, number, op, put, tee, when, whole

_ANEW, _ANEW_SPREAD, _ANEW_JOINT = 256, 128, 32
"""Bars after which running sums are worked out anew: plain, of squares, of products."""
_LITTLE = 1e-4
"""They are, too, where no more than this is left of what they held: what is left is rounding then."""
_DIRECT = 8
"""Windows up to this long are summed as they are."""


def is_number(x: bytes) -> bytes:
    """Whether it is one."""
    return op("eq", x, x)


def is_nan(x: bytes) -> bytes:
    """Whether it is none."""
    return op("ne", x, x)


class Writer:
    """Writes one operator after another."""

    def __init__(self, emitter: Emitter) -> None:
        self.e = emitter
        self.rings: dict[int, Ring] = {}

    def node(self, node: Node, parts: list[Any]) -> Any:
        """What stands for the operator's value."""
        write = _WRITES.get(type(node))
        if write is None:
            raise Unsupported(type(node).__name__)
        return write(self, node, *parts)

    # One bar.

    def map(self, node: nodes.Map, *parts: bytes) -> bytes:
        name, e = node.name, self.e
        if name in ("add", "sub", "mul", "max", "min", "abs", "sqrt", "floor", "ceil"):
            return e.value(op(name, *parts))
        (x,) = parts
        if name == "sign":
            return e.value(choose(op("gt", x, number(0)), number(1), choose(op("lt", x, number(0)), number(-1), x)))
        found = e.value(e.function(name, x))
        return e.value(choose(op("lt", op("abs", found), number(inf)), found, NAN))

    def ratio(self, node: nodes.Ratio, a: bytes, b: bytes) -> bytes:
        nothing = op("lt", op("abs", b), number(node.TINY))
        zero = NAN if isnan(node.zero) else op("add", number(node.zero), op("mul", a, number(0)))
        return self.e.value(choose(nothing, zero, op("div", a, b)))

    def where(self, _node: nodes.Where, test: bytes, a: bytes, b: bytes) -> bytes:
        return self.e.value(choose(op("gt", test, number(0)), a, choose(is_number(test), b, NAN)))

    def either(self, _node: nodes.Either, x: bytes, other: bytes) -> bytes:
        return self.e.value(choose(is_number(x), x, other))

    def period(self, node: nodes.Period, time: bytes) -> bytes:
        if node.kind == "all":
            return number(0)
        days = op("div", time, number(86_400))
        if node.kind == "day":
            return self.e.value(op("floor", days))
        if node.kind == "week":
            return self.e.value(op("floor", op("div", op("add", days, number(3)), number(7))))
        raise Unsupported(f"period {node.kind}")

    def pick(self, node: nodes.Pick, values: list[bytes]) -> bytes:
        return values[node.at]

    # What remembers.

    def recurrence(self, node: recursive.Recurrence, x: bytes) -> bytes:
        e = self.e
        seen, total, y, out = e.state(0), e.state(0), e.state(float("nan")), e.local()
        seeded, shown = node.skip + node.count, node.skip + node.count + node.mute
        one_more = put(seen, op("add", get(seen), number(1)))
        show = put(out, choose(op("ge", get(seen), number(shown)), get(y), NAN) if node.mute else get(y))
        goes_on = put(y, op("add", op("mul", number(node.keep), get(y)), op("mul", number(node.take), x)))
        sums = put(total, op("add", get(total), x))
        seeds = (when(op("gt", get(seen), number(node.skip)), sums) if node.skip else sums) + when(
            op("eq", get(seen), number(seeded)), put(y, op("mul", get(total), number(node.scale))) + show, put(out, NAN)
        )
        e.emit(when(is_nan(x), put(out, NAN), when(op("ge", get(seen), number(seeded)), one_more + goes_on + show, one_more + seeds)))
        return get(out)

    def linear_recurrence(self, _node: recursive.LinearRecurrence, a: bytes, b: bytes, seed: bytes) -> bytes:
        e = self.e
        y, out = e.state(float("nan")), e.local()
        new = choose(is_nan(get(y)), seed, op("add", op("mul", a, get(y)), b))
        e.emit(when(iop("and", is_number(a), is_number(b)), put(out, tee(y, new)), put(out, NAN)))
        return get(out)

    def total(self, _node: recursive.Total, x: bytes) -> bytes:
        e = self.e
        y, out = e.state(0), e.local()
        e.emit(when(is_nan(x), put(out, NAN), put(out, tee(y, op("add", get(y), x)))))
        return get(out)

    def total_since(self, _node: recursive.TotalSince, x: bytes, key: bytes) -> bytes:
        e = self.e
        y, last, out = e.state(0), e.state(float("nan")), e.local()
        e.emit(when(op("ne", key, get(last)), put(y, number(0))), put(last, key))
        e.emit(when(is_nan(x), put(out, NAN), put(out, tee(y, op("add", get(y), x)))))
        return get(out)

    def mute(self, node: recursive.Mute, x: bytes) -> bytes:
        return self.e.value(choose(iop("ge", get(BAR), whole(8 * node.first)), x, NAN))

    # Windows.

    def _ring(self, node: Node, at: int = 0) -> Ring:
        return self.rings[id(node.inputs[at])]

    def _missing(self, n: int, *pairs: tuple[bytes, bytes]) -> int:
        """A state that counts the values of windows that are no numbers; pairs of (newest, the one that has just left)."""
        bad = self.e.state(n * len(pairs))
        for new, old in pairs:
            self.e.emit(when(is_nan(new), put(bad, op("add", get(bad), number(1)))), when(is_nan(old), put(bad, op("sub", get(bad), number(1)))))
        return bad

    def _shown(self, bad: int, value: bytes) -> bytes:
        return self.e.value(choose(op("eq", get(bad), number(0)), value, NAN))

    def _every(self, bars: int) -> bytes:
        return iop("eqz", iop("and", get(BAR), whole(8 * bars - 1)))

    def lag(self, node: rolling.Lag, _x: bytes) -> bytes:
        return self.e.value(self._ring(node).ago(node.n - 1))

    def change(self, node: rolling.Change, x: bytes) -> bytes:
        return self.e.value(op("sub", x, self._ring(node).ago(node.n - 1)))

    def sum(self, node: rolling.Sum, x: bytes) -> bytes:
        e, n, ring = self.e, node.n, self._ring(node)
        if n <= _DIRECT:
            code = ring.ago(n - 1)
            for bars in range(n - 2, -1, -1):
                code = op("add", code, ring.ago(bars) if bars else x)
            return e.value(code)
        old = e.value(ring.ago(n))
        bad, s = self._missing(n, (x, old)), e.state(0)
        anew = put(s, number(0)) + ring.over(n, lambda v: put(s, op("add", get(s), _or_zero(v))))
        on = put(s, op("add", get(s), op("sub", _or_zero(x), _or_zero(old))))
        self._running(_ANEW, anew, on, op("abs", get(s)))
        return self._shown(bad, get(s))

    def _running(self, bars: int, anew: bytes, on: bytes, held: bytes) -> None:
        """Go ``on``, but work it out ``anew`` every so many bars, and where little is left of what was ``held``: it is rounding then."""
        e = self.e
        peak, now = e.state(0), e.local()
        again = anew + put(peak, held)
        e.emit(
            when(
                self._every(bars),
                again,
                on
                + put(now, held)
                + when(
                    op("lt", get(now), op("mul", get(peak), number(_LITTLE))),
                    again,
                    put(peak, op("max", get(peak), get(now))),
                ),
            )
        )

    def linear(self, node: rolling.Linear, x: bytes) -> bytes:
        e, n, ring = self.e, node.n, self._ring(node)
        if n <= _DIRECT:
            code = ring.ago(n - 1)
            for place in range(2, n + 1):
                code = op("add", code, op("mul", number(place), ring.ago(n - place) if place < n else x))
            return e.value(code)
        old = e.value(ring.ago(n))
        bad, s, line, place = self._missing(n, (x, old)), e.state(0), e.state(0), e.local()

        def add(v: bytes) -> bytes:
            v = _or_zero(v)
            return put(s, op("add", get(s), v)) + put(line, op("add", get(line), op("mul", get(place), v))) + put(place, op("add", get(place), number(1)))

        anew = put(s, number(0)) + put(line, number(0)) + put(place, number(1)) + ring.over(n, add)
        on = put(line, op("add", op("sub", get(line), get(s)), op("mul", number(n), _or_zero(x))))
        on += put(s, op("add", get(s), op("sub", _or_zero(x), _or_zero(old))))
        self._running(_ANEW, anew, on, op("max", op("abs", get(s)), op("abs", get(line))))
        return self._shown(bad, get(line))

    def weighted(self, node: rolling.Weighted, _x: bytes) -> bytes:
        e, n, ring = self.e, node.n, self._ring(node)
        if n <= 2 * _DIRECT:
            code = op("mul", number(node.weights[0]), ring.ago(n - 1))
            for at in range(1, n):
                code = op("add", code, op("mul", number(node.weights[at]), ring.ago(n - 1 - at)))
            return e.value(code)
        table, place, total = e.table(node.weights), e.whole_local(), e.local()
        each = ring.over(
            n,
            lambda v: put(total, op("add", get(total), op("mul", wasm.load(get(place), table), v))) + put(place, iop("add", get(place), whole(8))),
        )
        e.emit(put(total, number(0)), put(place, whole(0)), each)
        return e.value(get(total))

    def _best(self, node: Any, x: bytes) -> tuple[int, int, int]:
        """(missing, greatest or least, eight times its bar)."""
        e, n, ring = self.e, node.n, self._ring(node)
        bad = self._missing(n, (x, e.value(ring.ago(n))))
        worst, better = (-inf, "ge") if node.highest else (inf, "le")
        best, when_ = e.state(worst), e.whole_state(0)
        here = choose(is_number(x), x, number(worst))
        take = put(best, here) + put(when_, get(BAR))
        scan = put(best, number(worst)) + ring.over(n, lambda v: when(op(better, v, get(best)), put(best, v) + put(when_, get(J))))
        gone = iop("le", get(when_), iop("sub", get(BAR), whole(8 * n)))
        e.emit(when(op(better, here, get(best)), take, when(gone, scan)))
        return bad, best, when_

    def extreme(self, node: rolling.Extreme, x: bytes) -> bytes:
        bad, best, _when = self._best(node, x)
        return self._shown(bad, get(best))

    def since(self, node: rolling.Since, x: bytes) -> bytes:
        bad, _best, when_ = self._best(node, x)
        return self._shown(bad, op("mul", iop("sub", get(BAR), get(when_)) + wasm.TO_F64, number(0.125)))

    def deviation(self, node: rolling.Deviation, _x: bytes) -> bytes:
        e, n, ring = self.e, node.n, self._ring(node)
        mean, total = e.local(), e.local()
        e.emit(put(mean, number(0)), ring.over(n, lambda v: put(mean, op("add", get(mean), v))), put(mean, op("div", get(mean), number(n))))
        e.emit(put(total, number(0)), ring.over(n, lambda v: put(total, op("add", get(total), op("abs", op("sub", v, get(mean)))))))
        value = e.value(op("div", get(total), number(n)))
        return e.value(choose(op("le", value, op("mul", number(NOISE), op("abs", get(mean)))), number(0), value))

    def rank(self, node: rolling.Rank, x: bytes) -> bytes:
        e, n, ring = self.e, node.n, self._ring(node)
        bad, below = self._missing(n, (x, e.value(ring.ago(n)))), e.local()
        e.emit(put(below, number(0)), ring.over(n, lambda v: when(op("lt", v, x), put(below, op("add", get(below), number(1))))))
        return self._shown(bad, op("div", get(below), number(n - 1)))

    def moment(self, node: rolling.Moment, _x: bytes) -> bytes:
        e, n, ring = self.e, node.n, self._ring(node)
        mean, square, raised, most, d = (e.local() for _ in range(5))
        e.emit(put(mean, number(0)), put(most, number(0)))
        e.emit(ring.over(n, lambda v: put(mean, op("add", get(mean), v)) + put(most, op("max", get(most), op("abs", v)))))
        e.emit(put(mean, op("div", get(mean), number(n))), put(square, number(0)), put(raised, number(0)))
        power = op("mul", op("mul", get(d), get(d)), get(d) if node.power == 3 else op("mul", get(d), get(d)))
        e.emit(
            ring.over(
                n,
                lambda v: (
                    put(d, op("sub", v, get(mean)))
                    + put(square, op("add", get(square), op("mul", get(d), get(d))))
                    + put(raised, op("add", get(raised), power))
                ),
            )
        )
        spread = e.value(op("sqrt", op("div", get(square), number(n))))
        whole_power = op("mul", op("mul", spread, spread), spread if node.power == 3 else op("mul", spread, spread))
        flat = op("le", spread, op("mul", number(NOISE), get(most)))
        return e.value(choose(flat, number(0), op("div", op("div", get(raised), number(n)), whole_power)))

    def covariance(self, node: rolling.Covariance, x: bytes, y: bytes) -> bytes:
        return self._variance(node, x) if node.inputs[0] is node.inputs[1] else self._joint(node, x, y)

    def _variance(self, node: rolling.Covariance, x: bytes) -> bytes:
        """About a level near the window's mean."""
        e, n, ring = self.e, node.n, self._ring(node)
        old = e.value(ring.ago(n))
        bad = self._missing(n, (x, old))
        level, s, square = (e.state(0) for _ in range(3))
        d, gone, value = e.local(), e.local(), e.local()
        variance = put(value, op("sub", op("div", get(square), number(n)), _squared(op("div", get(s), number(n)))))

        def add(v: bytes) -> bytes:
            apart = tee(d, choose(is_number(v), op("sub", v, get(level)), number(0)))
            return put(s, op("add", get(s), apart)) + put(square, op("add", get(square), op("mul", get(d), get(d))))

        anew = put(s, number(0)) + ring.over(n, lambda v: put(s, op("add", get(s), _or_zero(v))))
        anew += put(level, op("div", get(s), op("max", number(1), op("sub", number(n), get(bad)))))
        anew += put(s, number(0)) + put(square, number(0)) + ring.over(n, add) + variance
        on = put(d, choose(is_number(x), op("sub", x, get(level)), number(0))) + put(gone, choose(is_number(old), op("sub", old, get(level)), number(0)))
        on += put(s, op("add", get(s), op("sub", get(d), get(gone))))
        on += put(square, op("add", get(square), op("sub", op("mul", get(d), get(d)), op("mul", get(gone), get(gone)))))
        self._running(_ANEW_SPREAD, anew, on + variance, get(value))
        mean = op("mul", number(NOISE), op("add", get(level), op("div", get(s), number(n))))
        return self._shown(bad, choose(op("le", get(value), _squared(e.value(mean))), number(0), get(value)))

    def _joint(self, node: rolling.Covariance, x: bytes, y: bytes) -> bytes:
        e, n = self.e, node.n
        xs, ys = self._ring(node, 0), self._ring(node, 1)
        old_x, old_y = e.value(xs.ago(n)), e.value(ys.ago(n))
        bad = self._missing(n, (x, old_x), (y, old_y))
        level_x, level_y, sum_x, sum_y, joint, square = (e.state(0) for _ in range(6))
        dx, dy = e.local(), e.local()

        def apart(a: bytes, b: bytes) -> bytes:
            both = iop("and", is_number(a), is_number(b))
            return put(dx, choose(both, op("sub", a, get(level_x)), number(0))) + put(dy, choose(both, op("sub", b, get(level_y)), number(0)))

        def count(how: str) -> bytes:
            return (
                put(sum_x, op(how, get(sum_x), get(dx)))
                + put(sum_y, op(how, get(sum_y), get(dy)))
                + put(joint, op(how, get(joint), op("mul", get(dx), get(dy))))
                + put(square, op(how, get(square), op("add", op("mul", get(dx), get(dx)), op("mul", get(dy), get(dy)))))
            )

        def other(v: bytes) -> bytes:
            return apart(v, wasm.load(iop("and", get(J), ys.mask), ys.at)) + count("add")

        none = b"".join(put(each, number(0)) for each in (sum_x, sum_y, joint, square))
        anew = put(level_x, _or_zero(x)) + put(level_y, _or_zero(y)) + none + xs.over(n, other)
        # About the means of the window: first roughly, then from there.
        anew += put(level_x, op("add", get(level_x), op("div", get(sum_x), number(n)))) + put(
            level_y, op("add", get(level_y), op("div", get(sum_y), number(n)))
        )
        anew += none + xs.over(n, other)
        on = apart(old_x, old_y) + count("sub") + apart(x, y) + count("add")
        held = op("sub", get(square), op("div", op("add", _squared(get(sum_x)), _squared(get(sum_y))), number(n)))
        self._running(_ANEW_JOINT, anew, on, held)
        return self._shown(bad, op("sub", op("div", get(joint), number(n)), op("mul", op("div", get(sum_x), number(n)), op("div", get(sum_y), number(n)))))


def _or_zero(x: bytes) -> bytes:
    return choose(is_number(x), x, number(0))


def _squared(code: bytes) -> bytes:
    return op("mul", code, code)


_WRITES: dict[type, Callable[..., Any]] = {
    nodes.Map: Writer.map,
    nodes.Ratio: Writer.ratio,
    nodes.Where: Writer.where,
    nodes.Either: Writer.either,
    nodes.Period: Writer.period,
    nodes.Pick: Writer.pick,
    recursive.Recurrence: Writer.recurrence,
    recursive.LinearRecurrence: Writer.linear_recurrence,
    recursive.Total: Writer.total,
    recursive.TotalSince: Writer.total_since,
    recursive.Mute: Writer.mute,
    rolling.Lag: Writer.lag,
    rolling.Change: Writer.change,
    rolling.Sum: Writer.sum,
    rolling.Linear: Writer.linear,
    rolling.Weighted: Writer.weighted,
    rolling.Extreme: Writer.extreme,
    rolling.Since: Writer.since,
    rolling.Deviation: Writer.deviation,
    rolling.Rank: Writer.rank,
    rolling.Moment: Writer.moment,
    rolling.Covariance: Writer.covariance,
}
