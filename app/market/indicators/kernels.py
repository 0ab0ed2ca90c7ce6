"""Array forms of the operators: numpy only, a whole series at once.

Series are float64, NaN where there is no number. Work goes in chunks that stay in the processor's cache. Imported by the array forms
alone: what only steps through bars needs no numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from .nodes import NOISE

Array = Any
CHUNK = 16_384
_SCAN = 65_536
_LANES = 512
_TWO_PASS = 40
"""Windows up to this long are summed about their own mean, longer ones about a value near them."""


def empty(size: int) -> Array:
    """A series without a number."""
    return np.full(size, np.nan)


def blank(size: int, count: int) -> Array:
    """A series whose first ``count`` bars have no number and whose others are to be filled."""
    out = np.empty(size)
    out[:count] = np.nan
    return out


def by_chunk(function: Callable, out: Array, *values: Any) -> Array:
    """``function`` of the same stretch of each value (a number stands for itself), stretch by stretch; ``out`` may be one of them."""
    for start in range(0, len(out), CHUNK):
        part = slice(start, start + CHUNK)
        out[part] = function(*[value[part] if isinstance(value, np.ndarray) else value for value in values])
    return out


def _windows(x: Array, n: int) -> Iterator[tuple[int, int, Array]]:
    """(from, to, values): ``values`` holds every window that ends in [from, to)."""
    for start in range(n - 1, len(x), CHUNK):
        stop = min(len(x), start + CHUNK)
        yield start, stop, x[start - n + 1 : stop]


def lag(x: Array, k: int) -> Array:
    """The value ``k`` bars ago."""
    out = blank(len(x), k)
    out[k:] = x[: max(0, len(x) - k)]
    return out


def shifted(x: Array, k: int) -> Array:
    """``x`` minus its value ``k`` bars ago."""
    out = blank(len(x), k)
    np.subtract(x[k:], x[: max(0, len(x) - k)], out=out[k:])
    return out


def _sums(v: Array, n: int) -> Array:
    """Sums of ``n`` neighbours; one NaN spoils its own windows only."""
    if n <= 8:
        total = v[: len(v) - n + 1].copy()
        for at in range(1, n):
            total += v[at : len(v) - n + 1 + at]
        return total
    running = np.empty(len(v) + 1)
    running[0] = 0.0
    np.cumsum(v, out=running[1:])
    if running[-1] == running[-1]:
        return running[n:] - running[:-n]
    missing = np.isnan(v)
    np.cumsum(np.where(missing, 0.0, v), out=running[1:])
    total = running[n:] - running[:-n]
    total[_sums_of_counts(missing, n) > 0] = np.nan
    return total


def _sums_of_counts(flags: Array, n: int) -> Array:
    running = np.concatenate(([0], np.cumsum(flags)))
    return running[n:] - running[:-n]


def rolling_sum(x: Array, n: int) -> Array:
    """Sum over the last ``n`` bars."""
    out = blank(len(x), n - 1)
    for start, stop, v in _windows(x, n):
        near = v[-1] if np.isfinite(v[-1]) else 0.0  # a sum of differences loses nothing to a large level
        out[start:stop] = _sums(v - near, n) + near * n if n > 8 else _sums(v, n)
    return out


def rolling_linear(x: Array, n: int) -> Array:
    """Sum of k * x over the last ``n`` bars, k = 1 for the oldest to n for the newest."""
    out = blank(len(x), n - 1)
    for start, stop, v in _windows(x, n):
        near = v[-1] if np.isfinite(v[-1]) else 0.0
        d = v - near
        if n <= 8:
            total = d[: stop - start].copy()
            for at in range(1, n):
                total += (at + 1) * d[at : stop - start + at]
        else:
            place = np.arange(len(d), dtype=float)
            total = _sums(place * d, n) - (place[: stop - start] - 1) * _sums(d, n)
        out[start:stop] = total + near * (n * (n + 1) / 2)
    return out


def weighted(x: Array, weights: list[float]) -> Array:
    """Sum of the last bars times ``weights``, oldest first."""
    n = len(weights)
    out = blank(len(x), n - 1)
    for start, stop, v in _windows(x, n):
        total = v[: stop - start] * weights[0]
        for at in range(1, n):
            total += v[at : stop - start + at] * weights[at]
        out[start:stop] = total
    return out


def rolling_cov(x: Array, y: Array, n: int) -> Array:
    """Population covariance over the last ``n`` bars (of x with itself: its variance)."""
    out = blank(len(x), n - 1)
    same = x is y
    for start, stop, v in _windows(x, n):
        w = v if same else y[start - n + 1 : stop]
        count = stop - start
        if n <= _TWO_PASS:
            mean_v = sum_of(v, n, count) / n
            mean_w = mean_v if same else sum_of(w, n, count) / n
            total = np.zeros(count)
            for at in range(n):
                d = v[at : count + at] - mean_v
                total += d * d if same else d * (w[at : count + at] - mean_w)
            value = total / n
        else:
            middle = len(v) // 2
            level = v[middle] if np.isfinite(v[middle]) else 0.0
            v = v - level
            w = v if same else w - (w[middle] if np.isfinite(w[middle]) else 0.0)
            mean_v = _sums(v, n) / n
            mean_w = mean_v if same else _sums(w, n) / n
            value = _sums(v * w, n) / n - mean_v * mean_w
            mean_v = mean_v + level
        if same:
            value[value <= (NOISE * mean_v) ** 2] = 0.0
        out[start:stop] = value
    return out


def sum_of(v: Array, n: int, count: int) -> Array:
    """Plain sums, one shifted addition for each bar of the window."""
    total = v[:count].copy()
    for at in range(1, n):
        total += v[at : count + at]
    return total


def rolling_extreme(x: Array, n: int, highest: bool) -> Array:
    """Greatest or least over the last ``n`` bars."""
    out = blank(len(x), n - 1)
    better = np.maximum if highest else np.minimum
    for start, stop, v in _windows(x, n):
        width = 1
        while width * 2 <= n:
            v = better(v[:-width], v[width:])
            width *= 2
        if width < n:
            v = better(v[: width - n], v[n - width :])
        out[start:stop] = v
    return out


def rolling_since(x: Array, n: int, highest: bool) -> Array:
    """Bars since the greatest or least of the last ``n`` bars; the latest of equals counts."""
    out = blank(len(x), n - 1)
    for start, stop, v in _windows(x, n):
        best, since, width = v, np.zeros(len(v)), 1

        def join(best: Array, since: Array, width: int) -> tuple[Array, Array]:
            older, newer = best[:-width], best[width:]
            wins = newer >= older if highest else newer <= older
            return np.where(wins, newer, older), np.where(wins, since[width:], since[:-width] + width)

        while width * 2 <= n:
            best, since = join(best, since, width)
            width *= 2
        if width < n:
            best, since = join(best, since, n - width)
        if np.isnan(v).any():
            since[np.isnan(_sums(v, n))] = np.nan
        out[start:stop] = since
    return out


def by_window(x: Array, n: int, function: Callable[[Array], Array]) -> Array:
    """``function`` of each window as a row of a matrix; windows with a NaN give NaN."""
    out = blank(len(x), n - 1)
    step = max(256, 4 * CHUNK // n)
    for start in range(n - 1, len(x), step):
        stop = min(len(x), start + step)
        rows = np.lib.stride_tricks.sliding_window_view(x[start - n + 1 : stop], n)
        value = function(rows)
        out[start:stop] = value
    if np.isnan(x).any():
        out[np.isnan(rolling_sum(x, n))] = np.nan
    return out


def rolling_deviation(x: Array, n: int) -> Array:
    """Mean distance from the mean over the last ``n`` bars."""
    out = blank(len(x), n - 1)
    for start, stop, v in _windows(x, n):
        count = stop - start
        mean = sum_of(v, n, count) / n
        total = np.zeros(count)
        for at in range(n):
            total += np.abs(v[at : count + at] - mean)
        total /= n
        total[total <= NOISE * np.abs(mean)] = 0.0
        out[start:stop] = total
    return out


def at_rank(rows: Array, low: int, high: int, part: float) -> Array:
    """Between two ranks of each sorted row."""
    ordered = np.partition(rows, (low, high) if part else low, axis=1)
    return ordered[:, low] + part * (ordered[:, high] - ordered[:, low]) if part else ordered[:, low]


def rank(rows: Array) -> Array:
    """How many of a row's earlier values lie below its last one, as a fraction."""
    return (rows[:, :-1] < rows[:, -1:]).mean(axis=1)


def moment(rows: Array, power: int) -> Array:
    """Third or fourth central moment of a row over its standard deviation to the same power; 0 for a row without spread."""
    d = rows - rows.mean(axis=1, keepdims=True)
    spread = np.sqrt((d * d).mean(axis=1))
    flat = spread <= NOISE * np.abs(rows).max(axis=1)
    square = d * d
    raised = (square * d if power == 3 else square * square).mean(axis=1)
    return np.where(flat, 0.0, raised / np.where(flat, 1.0, spread) ** power)


def _filled(x: Array) -> tuple[Array, Any]:
    """The numbers of a series, and where they stand: a slice where they are together, else their places."""
    missing = np.isnan(x)
    first = int(np.argmin(missing)) if missing.size else 0  # mostly only the warm-up is missing
    if not missing[first:].any():
        return x[first:], slice(first, None)
    at = np.flatnonzero(~missing)
    return x[at], at


def _spread(values: Array, at: Any, size: int) -> Array:
    if isinstance(at, slice) and not at.start:
        return values
    out = empty(size)
    out[at] = values
    return out


def recurrence(x: Array, keep: float, take: float, count: int, scale: float, skip: int) -> Array:
    """y = keep * y + take * x, begun with ``scale`` times the sum of ``count`` values after ``skip``; NaN is stepped over."""
    v, at = _filled(x)
    first = skip + count - 1
    out = blank(len(x), len(x) - len(v) + first) if isinstance(at, slice) else blank(len(v), first)
    into = out[at] if isinstance(at, slice) else out
    if len(v) > first:
        into[first] = y = float(np.sum(v[skip : first + 1])) * scale
        _decay(v[first + 1 :], keep, take, y, into[first + 1 :])
    return out if isinstance(at, slice) else _spread(out, at, len(x))


def linear(a: Array, b: Array, seed: Array) -> Array:
    """y = a * y + b, begun with the first seed where all three are numbers; NaN is stepped over."""
    ready = ~(np.isnan(a) | np.isnan(b))
    started = np.flatnonzero(ready & ~np.isnan(seed))
    out = empty(len(a))
    if not len(started):
        return out
    first = started[0]
    out[first] = y = float(seed[first])
    if ready[first:].all():
        _scan(a[first + 1 :], b[first + 1 :], y, out[first + 1 :])
    else:
        at = first + 1 + np.flatnonzero(ready[first + 1 :])
        found = np.empty(len(at))
        _scan(a[at], b[at], y, found)
        out[at] = found
    return out


def _decay(b: Array, keep: float, take: float, y: float, out: Array) -> None:
    """y = keep * y + take * b for a whole series, into ``out``: each doubling reaches twice as far back, until nothing is left of y."""
    part = np.empty(CHUNK)
    for start in range(0, len(b), CHUNK):
        v = np.multiply(b[start : start + CHUNK], take, out=out[start : start + CHUNK])
        v[0] += keep * y
        width, left = 1, keep
        while left > 1e-19 and width < len(v):
            earlier = np.multiply(v[:-width], left, out=part[: len(v) - width])
            v[width:] += earlier
            width, left = 2 * width, left * left
        y = v[-1]


def _scan(a: Array, b: Array, y: float, out: Array) -> None:
    """y = a * y + b for a whole series, into ``out``. Stretches run side by side from nothing, then each gets what came before it."""
    done = 0
    while len(b) - done >= 2 * _LANES:
        size = min(_SCAN, len(b) - done)
        lanes = min(_LANES, max(16, int(size**0.5)))
        length = size // lanes
        size = lanes * length
        rows = np.ascontiguousarray(b[done : done + size].reshape(lanes, length).T)
        reach = np.ascontiguousarray(a[done : done + size].reshape(lanes, length).T)
        part, steps, factors = np.empty(lanes), list(rows), list(reach)
        for at, (before, here) in enumerate(pairwise(steps), 1):
            np.multiply(factors[at], before, out=part)
            np.add(here, part, out=here)
            np.multiply(factors[at], factors[at - 1], out=factors[at])  # from here on the product since the stretch began
        begins = []
        for end, factor in zip(steps[-1].tolist(), factors[-1].tolist(), strict=True):
            begins.append(y)
            y = end + factor * y
        rows += reach * np.array(begins)
        out[done : done + size].reshape(lanes, length)[:] = rows.T
        done += size
    tail = []
    for factor, value in zip(a[done:].tolist(), b[done:].tolist(), strict=True):
        y = factor * y + value
        tail.append(y)
    out[done:] = tail


def running_total(x: Array) -> Array:
    """Sum of all bars so far; NaN is stepped over."""
    v, at = _filled(x)
    return _spread(np.cumsum(v), at, len(x))


def total_since(x: Array, key: Array) -> Array:
    """Sum since the key last changed."""
    out = empty(len(x))
    edges = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    for start, stop in zip(edges, [*edges[1:], len(x)], strict=True):
        out[start:stop] = running_total(x[start:stop])
    return out


def stepwise(function: Callable, state: Any, arrays: tuple[Array, ...], width: int) -> list[Array]:
    """A recurrence that only goes bar by bar: ``function(state, *values) -> state`` whose first ``width`` parts are the outputs."""
    lists = [array.tolist() for array in arrays]
    outs: list[list[float]] = [[] for _ in range(width)]
    nothing = (float("nan"),) * width
    for values in zip(*lists, strict=True):
        if any(value != value for value in values):
            shown = nothing
        else:
            state = function(state, *values)
            shown = state
        for at, out in enumerate(outs):
            out.append(shown[at])
    return [np.array(out, dtype=float) for out in outs]
