"""Oscillators between bounds: where the price stands in its range."""

from __future__ import annotations

import math

from .averages import exponential, of_kind, wilder
from .momentum import roc, rsi
from .nodes import NAN, NOISE, Node, Pick, greater, lesser, log, ratio, sqrt, where
from .recursive import LinearRecurrence, Stepwise
from .rolling import Deviation, Rank, Sum, change, deviation, highest, lag, lowest, mean
from .spec import Bar, Output, average, indicator, number, period, source
from .statistics import regression
from .volatility import rising_share, true_range

_BOUNDS = {"scale": (0, 100), "levels": (20.0, 80.0)}
_FAST_K = period(5, "fastk_period", "Look back")


def place(value: Node, high: Node, low: Node, n: int) -> Node:
    """Where a value stands between the lowest and the highest of n bars, in percent."""
    bottom = lowest(low, n)
    return 100.0 * ratio(value - bottom, highest(high, n) - bottom, 0.0)


def place_of(line: Node, n: int) -> Node:
    """The place of a line in its own range; 0 where only rounding is left of the range."""
    bottom, top = lowest(line, n), highest(line, n)
    reach = top - bottom
    return 100.0 * ratio(line - bottom, where(reach - NOISE * abs(top), reach, 0.0), 0.0)


@indicator(
    "STOCH",
    "Stochastic",
    "oscillators",
    _FAST_K,
    period(3, "slowk_period", "Slow K", low=1),
    average(name="slowk_matype", label="K average"),
    period(3, "slowd_period", "Slow D", low=1),
    average(name="slowd_matype", label="D average"),
    outputs=["slowk", "slowd"],
    **_BOUNDS,
)
def _stoch(b: Bar, fastk_period: int, slowk_period: int, slowk_matype: str, slowd_period: int, slowd_matype: str) -> list[Node]:
    slow = of_kind(slowk_matype, place(b.close, b.high, b.low, fastk_period), slowk_period)
    return [slow, of_kind(slowd_matype, slow, slowd_period)]


@indicator(
    "STOCHF",
    "Fast stochastic",
    "oscillators",
    _FAST_K,
    period(3, "fastd_period", "Fast D", low=1),
    average(name="fastd_matype", label="D average"),
    outputs=["fastk", "fastd"],
    **_BOUNDS,
)
def _stochf(b: Bar, fastk_period: int, fastd_period: int, fastd_matype: str) -> list[Node]:
    fast = place(b.close, b.high, b.low, fastk_period)
    return [fast, of_kind(fastd_matype, fast, fastd_period)]


@indicator(
    "STOCHRSI",
    "Stochastic of the RSI",
    "oscillators",
    period(14),
    _FAST_K,
    period(3, "fastd_period", "Fast D", low=1),
    average(name="fastd_matype", label="D average"),
    source(),
    outputs=["fastk", "fastd"],
    **_BOUNDS,
)
def _stochrsi(b: Bar, timeperiod: int, fastk_period: int, fastd_period: int, fastd_matype: str) -> list[Node]:
    line = rsi(b.x, timeperiod)
    fast = place_of(line, fastk_period)
    return [fast, of_kind(fastd_matype, fast, fastd_period)]


@indicator(
    "KDJ",
    "KDJ",
    "oscillators",
    period(9, "fastk_period", "Look back"),
    period(3, "slowk_period", "K"),
    period(3, "slowd_period", "D"),
    outputs=["k", "d", "j"],
    levels=(20.0, 80.0),
)
def _kdj(b: Bar, fastk_period: int, slowk_period: int, slowd_period: int) -> list[Node]:
    """Stochastic with Wilder's averages; J = 3 K - 2 D."""
    k = wilder(place(b.close, b.high, b.low, fastk_period), slowk_period)
    d = wilder(k, slowd_period)
    return [k, d, 3.0 * k - 2.0 * d]


@indicator("WILLR", "Williams %R", "oscillators", period(14), scale=(-100, 0), levels=(-80.0, -20.0))
def _willr(b: Bar, timeperiod: int) -> Node:
    top = highest(b.high, timeperiod)
    return -100.0 * ratio(top - b.close, top - lowest(b.low, timeperiod), 0.0)


@indicator("CCI", "Commodity channel index", "oscillators", period(14), levels=(-100.0, 100.0))
def _cci(b: Bar, timeperiod: int) -> Node:
    typical = b.hlc3
    return ratio(typical - mean(typical, timeperiod), 0.015 * Deviation(typical, timeperiod), 0.0)


@indicator(
    "ULTOSC",
    "Ultimate oscillator",
    "oscillators",
    period(7, "timeperiod1", "First"),
    period(14, "timeperiod2", "Second"),
    period(28, "timeperiod3", "Third"),
    scale=(0, 100),
    levels=(30.0, 70.0),
)
def _ultosc(b: Bar, timeperiod1: int, timeperiod2: int, timeperiod3: int) -> Node:
    pressure, reach = b.close - lesser(b.low, lag(b.close, 1)), true_range(b)
    first, second, third = (ratio(Sum(pressure, n), Sum(reach, n), 0.0) for n in sorted((timeperiod1, timeperiod2, timeperiod3)))
    return (first * 4.0 + second * 2.0 + third) * (100.0 / 7.0)


@indicator(
    "SMI",
    "Stochastic momentum index",
    "oscillators",
    period(13),
    period(2, "fastperiod", "Second smoothing"),
    period(25, "slowperiod", "First smoothing"),
    period(9, "signalperiod", "Signal"),
    outputs=["smi", "smisignal"],
    scale=(-100, 100),
    levels=(-40.0, 40.0),
)
def _smi(b: Bar, timeperiod: int, fastperiod: int, slowperiod: int, signalperiod: int) -> list[Node]:
    top, bottom = highest(b.high, timeperiod), lowest(b.low, timeperiod)

    def twice(x: Node) -> Node:
        return exponential(exponential(x, slowperiod), fastperiod)

    line = 200.0 * ratio(twice(b.close - (top + bottom) * 0.5), twice(top - bottom), 0.0)
    return [line, exponential(line, signalperiod)]


@indicator("FISHER", "Fisher transform", "oscillators", period(9), outputs=["fisher", "signal"], levels=(0.0,))
def _fisher(b: Bar, timeperiod: int) -> list[Node]:
    """Ehlers: of the place of the median price in its range; the signal is the bar before."""
    middle = b.hl2
    bottom = lowest(middle, timeperiod)
    where_ = ratio(middle - bottom, highest(middle, timeperiod) - bottom, 0.5) - 0.5
    smooth = LinearRecurrence(where_ * 0.0 + 0.67, 0.66 * where_, 0.66 * where_)
    held = greater(lesser(smooth, 0.999), -0.999)
    part = 0.5 * log((1.0 + held) / (1.0 - held))
    line = LinearRecurrence(part * 0.0 + 0.5, part, part)
    return [line, lag(line, 1)]


@indicator(
    "CRSI",
    "Connors RSI",
    "oscillators",
    period(3),
    period(2, "streakperiod", "Streak"),
    period(100, "rankperiod", "Rank"),
    source(),
    scale=(0, 100),
    levels=(10.0, 90.0),
)
def _crsi(b: Bar, timeperiod: int, streakperiod: int, rankperiod: int) -> Node:
    """The mean of the RSI, the RSI of the length of the streak, and the rank of the last change in percent."""
    streak = Pick(Stepwise(_streak, (0.0,), 1, change(b.x)), 0)
    rank = 100.0 * Rank(roc(b.x, 1), rankperiod + 1)
    return (rsi(b.x, timeperiod) + rsi(streak, streakperiod) + rank) / 3.0


def _streak(state: tuple, step: float) -> tuple:
    run = state[0]
    if step > 0:
        return (run + 1.0 if run > 0 else 1.0,)
    if step < 0:
        return (run - 1.0 if run < 0 else -1.0,)
    return (0.0,)


@indicator(
    "STC",
    "Schaff trend cycle",
    "oscillators",
    period(10),
    period(23, "fastperiod", "Fast"),
    period(50, "slowperiod", "Slow"),
    source(),
    scale=(0, 100),
    levels=(25.0, 75.0),
)
def _stc(b: Bar, timeperiod: int, fastperiod: int, slowperiod: int) -> Node:
    """Twice the stochastic of the MACD, each smoothed by half."""

    def half(x: Node) -> Node:
        return LinearRecurrence(x * 0.0 + 0.5, 0.5 * x, x)

    line = exponential(b.x, fastperiod) - exponential(b.x, slowperiod)
    once = half(place_of(line, timeperiod))
    return half(place_of(once, timeperiod))


@indicator("FOSC", "Forecast oscillator", "oscillators", period(5), source(), levels=(0.0,))
def _fosc(b: Bar, timeperiod: int) -> Node:
    """The close less the regression's forecast for it, in percent."""
    slope, _intercept, end = regression(b.x, timeperiod)
    return 100.0 * ratio(b.x - lag(end + slope, 1), b.x, 0.0)


@indicator(
    "QQE",
    "Quantitative qualitative estimation",
    "oscillators",
    period(14),
    period(5, "smoothing", "Smoothing"),
    number("factor", "Factor", 4.236, 0.1, 20.0),
    source(),
    outputs=["rsi", "trail"],
    scale=(0, 100),
    levels=(50.0,),
)
def _qqe(b: Bar, timeperiod: int, smoothing: int, factor: float) -> list[Node]:
    """A smoothed RSI and a stop that trails it."""
    line = exponential(rsi(b.x, timeperiod), smoothing)
    wide = 2 * timeperiod - 1
    reach = factor * exponential(exponential(abs(change(line)), wide), wide)
    return [line, Pick(Stepwise(_trail, (NAN, NAN), 1, line, reach), 0)]


def _trail(state: tuple, line: float, reach: float) -> tuple:
    stop, before = state
    if stop != stop:
        return (line - reach, line)
    if line > stop:
        low = line - reach
        return (max(stop, low) if before > stop else low, line)
    high = line + reach
    return (min(stop, high) if before < stop else high, line)


@indicator(
    "SQUEEZE",
    "Squeeze momentum",
    "oscillators",
    period(20),
    number("nbdev", "Band deviations", 2.0, 0.1, 10.0),
    number("nbrange", "Channel ranges", 1.5, 0.1, 10.0),
    outputs=[Output("momentum", "histogram"), Output("squeeze", "hidden")],
    levels=(0.0,),
)
def _squeeze(b: Bar, timeperiod: int, nbdev: float, nbrange: float) -> list[Node]:
    """Regression of the close's distance from the middle; ``squeeze`` is 1 while the Bollinger bands lie within the Keltner channel."""
    n = timeperiod
    middle = ((highest(b.high, n) + lowest(b.low, n)) * 0.5 + mean(b.close, n)) * 0.5
    _slope, _intercept, end = regression(b.close - middle, n)
    return [end, where(nbrange * mean(true_range(b), n) - nbdev * deviation(b.close, n), 1.0, 0.0)]


@indicator("DYMI", "Dynamic momentum index", "oscillators", period(14), source(), scale=(0, 100), levels=(30.0, 70.0))
def _dymi(b: Bar, timeperiod: int) -> Node:
    """An RSI that is quicker the more the last five closes spread against their average spread over ten bars."""
    step, spread = change(b.x), deviation(b.x, 5)
    length = ratio(mean(spread, 10), spread, 1.0) * float(timeperiod)
    weight = 1.0 / greater(lesser(length, 30.0), 5.0)
    up = LinearRecurrence(1.0 - weight, weight * greater(step, 0.0), greater(step, 0.0))
    down = LinearRecurrence(1.0 - weight, weight * greater(-step, 0.0), greater(-step, 0.0))
    return 100.0 * ratio(up, up + down, 0.0)


@indicator(
    "WAVETREND",
    "Wave trend",
    "oscillators",
    period(10),
    period(21, "slowperiod", "Average"),
    period(4, "signalperiod", "Signal"),
    outputs=["wt1", "wt2"],
    levels=(-60.0, 60.0),
)
def _wavetrend(b: Bar, timeperiod: int, slowperiod: int, signalperiod: int) -> list[Node]:
    line = exponential(b.hlc3, timeperiod)
    apart = b.hlc3 - line
    first = exponential(ratio(apart, 0.015 * exponential(abs(apart), timeperiod), 0.0), slowperiod)
    return [first, mean(first, signalperiod)]


@indicator("PGO", "Pretty good oscillator", "oscillators", period(14), levels=(-3.0, 3.0))
def _pgo(b: Bar, timeperiod: int) -> Node:
    """Distance from the average in average true ranges."""
    return ratio(b.close - mean(b.close, timeperiod), exponential(true_range(b), timeperiod), 0.0)


@indicator("INERTIA", "Inertia", "oscillators", period(20), period(14, "rviperiod", "RVI period"), source(), scale=(0, 100), levels=(50.0,))
def _inertia(b: Bar, timeperiod: int, rviperiod: int) -> Node:
    """Regression of the relative volatility index."""
    return regression(rising_share(deviation(b.x, 10), change(b.x), rviperiod), timeperiod)[2]


@indicator("RSX", "Smoothed RSI", "oscillators", period(14), source(), scale=(0, 100), levels=(30.0, 70.0))
def _rsx(b: Bar, timeperiod: int) -> Node:
    """The RSI of gains and losses smoothed three times, so that it is smooth and lags little."""
    weight = 3.0 / (timeperiod + 2)
    step = change(b.x)

    def smooth(x: Node) -> Node:
        for _ in range(3):
            x = 1.5 * _slow(x, weight) - 0.5 * _slow(_slow(x, weight), weight)
        return x

    return (ratio(smooth(step), smooth(abs(step)), 0.0) + 1.0) * 50.0


def _slow(x: Node, weight: float) -> Node:
    return LinearRecurrence(x * 0.0 + (1.0 - weight), weight * x, x)


@indicator("EBSW", "Even better sine wave", "oscillators", period(40), period(10, "smoothing", "Smoothing"), source(), scale=(-1, 1), levels=(0.0,))
def _ebsw(b: Bar, timeperiod: int, smoothing: int) -> Node:
    """Ehlers: a high pass, a super smoother, and the wave over its own power."""
    angle = 2 * math.pi / timeperiod
    keep = (1 - math.sin(angle)) / math.cos(angle)
    step = change(b.x)
    high = LinearRecurrence(step * 0.0 + keep, 0.5 * (1 + keep) * step, step * 0.0)
    fade = math.exp(-math.sqrt(2) * math.pi / smoothing)
    second, third = 2 * fade * math.cos(math.sqrt(2) * math.pi / smoothing), -fade * fade
    first = 1 - second - third

    def smooth(state: tuple, now: float, before: float) -> tuple:
        one, two = state
        return (first * (now + before) / 2 + second * one + third * two, one)

    line = Pick(Stepwise(smooth, (0.0, 0.0), 1, high, lag(high, 1)), 0)
    wave = mean(line, 3)
    return ratio(wave, sqrt(greater(mean(line * line, 3), 0.0)), 0.0)
