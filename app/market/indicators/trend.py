"""Direction and strength of a trend."""

from __future__ import annotations

import math

from .averages import exponential, of_kind, wilder
from .nodes import NAN, Node, Pick, greater, ratio, sign, sqrt, where
from .recursive import Stepwise, wilder_sum
from .rolling import Extreme, Since, Sum, change, highest, lag, lowest, mean
from .spec import Bar, Output, indicator, number, period, source
from .volatility import true_range

UP_DOWN = (Output("plus", tone="up"), Output("minus", tone="down"))


def _moves(b: Bar) -> tuple[Node, Node]:
    up, down = change(b.high), -change(b.low)
    return where(up - down, greater(up, 0.0), 0.0), where(down - up, greater(down, 0.0), 0.0)


def _directional(b: Bar, n: int) -> tuple[Node, Node]:
    reach = wilder_sum(true_range(b), n, mute=1)
    plus, minus = (wilder_sum(move, n, mute=1) for move in _moves(b))
    return 100.0 * ratio(plus, reach, 0.0), 100.0 * ratio(minus, reach, 0.0)


def _dx(b: Bar, n: int) -> Node:
    plus, minus = _directional(b, n)
    return 100.0 * ratio(abs(plus - minus), plus + minus, 0.0)


@indicator("PLUS_DM", "Plus directional movement", "trend", period(14))
def _plus_dm(b: Bar, timeperiod: int) -> Node:
    return wilder_sum(_moves(b)[0], timeperiod)


@indicator("MINUS_DM", "Minus directional movement", "trend", period(14))
def _minus_dm(b: Bar, timeperiod: int) -> Node:
    return wilder_sum(_moves(b)[1], timeperiod)


@indicator("PLUS_DI", "Plus directional indicator", "trend", period(14), scale=(0, 100))
def _plus_di(b: Bar, timeperiod: int) -> Node:
    return _directional(b, timeperiod)[0]


@indicator("MINUS_DI", "Minus directional indicator", "trend", period(14), scale=(0, 100))
def _minus_di(b: Bar, timeperiod: int) -> Node:
    return _directional(b, timeperiod)[1]


@indicator("DX", "Directional movement index", "trend", period(14), scale=(0, 100))
def _dx_(b: Bar, timeperiod: int) -> Node:
    return _dx(b, timeperiod)


@indicator("ADX", "Average directional movement index", "trend", period(14), scale=(0, 100), levels=(25.0,))
def _adx(b: Bar, timeperiod: int) -> Node:
    return wilder(_dx(b, timeperiod), timeperiod)


@indicator("ADXR", "Average directional movement rating", "trend", period(14), scale=(0, 100), levels=(25.0,))
def _adxr(b: Bar, timeperiod: int) -> Node:
    line = wilder(_dx(b, timeperiod), timeperiod)
    return (line + lag(line, timeperiod - 1)) * 0.5


@indicator("DMI", "Directional movement system", "trend", period(14), outputs=("adx", *UP_DOWN), scale=(0, 100), levels=(25.0,))
def _dmi(b: Bar, timeperiod: int) -> list[Node]:
    """ADX with both directional indicators."""
    return [wilder(_dx(b, timeperiod), timeperiod), *_directional(b, timeperiod)]


def _aroon(b: Bar, n: int) -> tuple[Node, Node]:
    step = 100.0 / n
    return 100.0 - step * Since(b.low, n + 1, False), 100.0 - step * Since(b.high, n + 1, True)


@indicator("AROON", "Aroon", "trend", period(14), outputs=[Output("aroondown", tone="down"), Output("aroonup", tone="up")], scale=(0, 100), levels=(50.0,))
def _aroon_(b: Bar, timeperiod: int) -> tuple[Node, Node]:
    return _aroon(b, timeperiod)


@indicator("AROONOSC", "Aroon oscillator", "trend", period(14), scale=(-100, 100), levels=(0.0,))
def _aroonosc(b: Bar, timeperiod: int) -> Node:
    down, up = _aroon(b, timeperiod)
    return up - down


@indicator("VORTEX", "Vortex", "trend", period(14), outputs=[Output("plusvi", tone="up"), Output("minusvi", tone="down")], levels=(1.0,))
def _vortex(b: Bar, timeperiod: int) -> list[Node]:
    reach = Sum(true_range(b), timeperiod)
    return [ratio(Sum(abs(move), timeperiod), reach, 0.0) for move in (b.high - lag(b.low, 1), b.low - lag(b.high, 1))]


def parabolic(start: float, step_: float, most: float):
    """Wilder's stop and reverse as a step function."""

    def step(state: tuple, high: float, low: float) -> tuple:
        _out, long, sar, extreme, speed, before_high, before_low = state
        if before_high is None:
            return (NAN, long, sar, extreme, speed, high, low)
        if long is None:
            rise, fall = high - before_high, before_low - low
            long = not (fall > 0 and rise < fall)
            sar, extreme = (before_low, high) if long else (before_high, low)
            speed, before_high, before_low = start, high, low
        if (low <= sar) if long else (high >= sar):
            long = not long
            shown = min(extreme, before_low, low) if long else max(extreme, before_high, high)
            speed, extreme = start, (high if long else low)
        else:
            shown = sar
            if (high > extreme) if long else (low < extreme):
                extreme, speed = (high if long else low), min(speed + step_, most)
        sar = shown + speed * (extreme - shown)
        sar = min(sar, before_low, low) if long else max(sar, before_high, high)
        return (shown, long, sar, extreme, speed, high, low)

    return step


@indicator(
    "SAR",
    "Parabolic stop and reverse",
    "trend",
    number("acceleration", "Acceleration", 0.02, 0.001, 1.0, 0.01),
    number("maximum", "Maximum", 0.2, 0.001, 1.0, 0.01),
    outputs=[Output("sar", "dots")],
    pane="overlay",
)
def _sar(b: Bar, acceleration: float, maximum: float) -> Node:
    speed = min(acceleration, maximum)
    node = Stepwise(parabolic(speed, speed, maximum), (NAN, None, NAN, NAN, speed, None, None), 1, b.high, b.low, warm=1)
    return Pick(node, 0)


def _supertrend_step(state: tuple, middle: float, reach: float, close: float) -> tuple:
    _line, trend, upper, lower, before = state
    top, bottom = middle + reach, middle - reach
    if before == before:
        top = top if top < upper or before > upper else upper
        bottom = bottom if bottom > lower or before < lower else lower
        trend = 1.0 if close > (top if trend < 0 else upper) else trend
        trend = -1.0 if trend > 0 and close < bottom else trend
    else:
        trend = 1.0
    return (bottom if trend > 0 else top, trend, top, bottom, close)


@indicator(
    "SUPERTREND",
    "Supertrend",
    "trend",
    period(10),
    number("multiplier", "Multiplier", 3.0, 0.1, 20.0),
    outputs=[Output("supertrend"), Output("trend", "hidden")],
    pane="overlay",
)
def _supertrend(b: Bar, timeperiod: int, multiplier: float) -> list[Node]:
    node = Stepwise(_supertrend_step, (NAN, 1.0, NAN, NAN, NAN), 2, b.hl2, multiplier * wilder(true_range(b), timeperiod), b.close)
    return [Pick(node, 0), Pick(node, 1)]


@indicator(
    "ICHIMOKU",
    "Ichimoku cloud",
    "trend",
    period(9, "tenkan", "Conversion"),
    period(26, "kijun", "Base"),
    period(52, "senkou", "Span B"),
    outputs=["tenkan", "kijun", Output("senkoua", tone="up"), Output("senkoub", tone="down")],
    pane="overlay",
)
def _ichimoku(b: Bar, tenkan: int, kijun: int, senkou: int) -> list[Node]:
    """The spans stand where they are drawn, base bars later. No lagging span: it would be the close of bars to come."""

    def middle(n: int) -> Node:
        return (highest(b.high, n) + lowest(b.low, n)) * 0.5

    conversion, base = middle(tenkan), middle(kijun)
    return [conversion, base, lag((conversion + base) * 0.5, kijun), lag(middle(senkou), kijun)]


@indicator("MIDPOINT", "Midpoint over period", "trend", period(14), source(), pane="overlay")
def _midpoint(b: Bar, timeperiod: int) -> Node:
    return (highest(b.x, timeperiod) + lowest(b.x, timeperiod)) * 0.5


@indicator("MIDPRICE", "Midpoint price over period", "trend", period(14), pane="overlay")
def _midprice(b: Bar, timeperiod: int) -> Node:
    return (highest(b.high, timeperiod) + lowest(b.low, timeperiod)) * 0.5


@indicator("VHF", "Vertical horizontal filter", "trend", period(28), source())
def _vhf(b: Bar, timeperiod: int) -> Node:
    """How much of the way gone was one way."""
    way = Sum(abs(change(b.x)), timeperiod)
    return ratio(highest(b.x, timeperiod) - lowest(b.x, timeperiod), way, 0.0)


@indicator("PFE", "Polarised fractal efficiency", "trend", period(10), period(5, "signalperiod", "Smoothing"), source(), scale=(-100, 100), levels=(0.0,))
def _pfe(b: Bar, timeperiod: int, signalperiod: int) -> Node:
    step, gone = change(b.x), change(b.x, timeperiod)
    path = Sum(sqrt(step * step + 1.0), timeperiod)
    return exponential(100.0 * sign(gone) * ratio(sqrt(gone * gone + float(timeperiod**2)), path), signalperiod)


@indicator("TTM", "Trend by the average of ranges", "trend", period(6), outputs=[Output("ttm", "histogram")])
def _ttm(b: Bar, timeperiod: int) -> Node:
    """Close less the average median price of the bars before."""
    return b.close - lag(mean(b.hl2, timeperiod), 1)


@indicator("QSTICK", "Qstick", "trend", period(10), levels=(0.0,))
def _qstick(b: Bar, timeperiod: int) -> Node:
    return mean(b.close - b.open, timeperiod)


@indicator("RWI", "Random walk index", "trend", period(14), outputs=[Output("high", tone="up"), Output("low", tone="down")], levels=(1.0,))
def _rwi(b: Bar, timeperiod: int) -> list[Node]:
    """Reach over the window against that of a random walk."""
    walk = mean(true_range(b), timeperiod) * math.sqrt(timeperiod)
    return [ratio(b.high - lag(b.low, timeperiod), walk, 0.0), ratio(lag(b.high, timeperiod) - b.low, walk, 0.0)]


@indicator("TII", "Trend intensity index", "trend", period(30), source(), scale=(0, 100), levels=(20.0, 80.0))
def _tii(b: Bar, timeperiod: int) -> Node:
    """The share of the distance to the average that lies above it."""
    apart = b.x - mean(b.x, timeperiod)
    half = max(2, timeperiod // 2)
    above, below = Sum(greater(apart, 0.0), half), Sum(greater(-apart, 0.0), half)
    return 100.0 * ratio(above, above + below, 0.5)


@indicator(
    "CKSP",
    "Chande Kroll stop",
    "trend",
    period(10),
    number("multiplier", "Multiplier", 1.0, 0.1, 10.0),
    period(9, "stopperiod", "Stop over"),
    outputs=[Output("long", tone="up"), Output("short", tone="down")],
    pane="overlay",
)
def _cksp(b: Bar, timeperiod: int, multiplier: float, stopperiod: int) -> list[Node]:
    reach = multiplier * wilder(true_range(b), timeperiod)
    return [Extreme(highest(b.high, timeperiod) - reach, stopperiod, True), Extreme(lowest(b.low, timeperiod) + reach, stopperiod, False)]


@indicator(
    "MACROSS", "Two averages", "trend", period(10, "fastperiod", "Fast"), period(50, "slowperiod", "Slow"), source(), outputs=["fast", "slow"], pane="overlay"
)
def _cross(b: Bar, fastperiod: int, slowperiod: int) -> list[Node]:
    """Plain averages, to see them cross."""
    return [of_kind("sma", b.x, fastperiod), of_kind("sma", b.x, slowperiod)]


@indicator(
    "SWINGS",
    "Swing high and low",
    "trend",
    period(2, "leftbars", "Bars before", low=1, high=50),
    period(2, "rightbars", "Bars after", low=1, high=50),
    outputs=[Output("swinghigh", "dots", "down"), Output("swinglow", "dots", "up")],
    pane="overlay",
)
def _swings(b: Bar, leftbars: int, rightbars: int) -> list[Node]:
    """A high (low) beyond its neighbours, told when the bars after it have closed; the last one stays until the next."""
    n = leftbars + rightbars + 1

    def last(price: Node, top: bool) -> Node:
        return Pick(Stepwise(_hold(rightbars), (NAN,), 1, Since(price, n, top), Extreme(price, n, top)), 0)

    return [last(b.high, True), last(b.low, False)]


def _hold(rightbars: int):
    def step(state: tuple, since: float, level: float) -> tuple:
        return (level,) if since == rightbars else state

    return step
