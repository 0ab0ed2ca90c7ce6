"""Moving averages. Exponential ones begin with the plain average of their first window, as TA-Lib does."""

from __future__ import annotations

import math

from .nodes import NAN, Node, Pick, Ratio, exp, greater, lesser, log, ratio, where
from .recursive import LinearRecurrence, Stepwise, exponential, wilder
from .rolling import Linear, Sum, change, deviation, highest, lag, lowest, mean, weighted
from .spec import Bar, average, indicator, number, period, source


def wma(x: Node, n: int) -> Node:
    """Weights 1 to n."""
    return Linear(x, n) / (n * (n + 1) / 2) if n > 1 else x


def dema(x: Node, n: int) -> Node:
    """2 EMA - EMA of EMA."""
    once = exponential(x, n)
    return 2.0 * once - exponential(once, n)


def tema(x: Node, n: int) -> Node:
    """3 EMA - 3 EMA of EMA + EMA of EMA of EMA."""
    once = exponential(x, n)
    twice = exponential(once, n)
    return 3.0 * once - 3.0 * twice + exponential(twice, n)


def trima(x: Node, n: int) -> Node:
    """Triangle: an average of an average."""
    half = (n + 1) // 2
    return mean(mean(x, n - half + 1), half)


def hma(x: Node, n: int) -> Node:
    """Hull: a short weighted average of 2 x half less whole."""
    return wma(2.0 * wma(x, n // 2) - wma(x, n), max(1, int(math.sqrt(n))))


def zlema(x: Node, n: int) -> Node:
    """EMA of x plus its change over half the window."""
    return exponential(2.0 * x - lag(x, (n - 1) // 2), n)


def efficiency(x: Node, n: int) -> Node:
    """Kaufman's efficiency ratio: the way gained over the way gone."""
    return ratio(abs(change(x, n)), Sum(abs(change(x)), n), 1.0)


def blend(x: Node, weight: Node) -> Node:
    """y = y + weight * (x - y), begun from the x before."""
    before = lag(x, 1)
    return LinearRecurrence(1.0 - weight, weight * x, before + weight * (x - before))


def kama(x: Node, n: int, fast: int = 2, slow: int = 30) -> Node:
    """Kaufman: as quick as the way is straight."""
    least, most = 2.0 / (slow + 1), 2.0 / (fast + 1)
    smooth = efficiency(x, n) * (most - least) + least
    return blend(x, smooth * smooth)


def t3(x: Node, n: int, vfactor: float = 0.7) -> Node:
    """Tillson: six EMAs, mixed."""
    chain = [x]
    for _ in range(6):
        chain.append(exponential(chain[-1], n))
    v, square, cube = vfactor, vfactor**2, vfactor**3
    return -cube * chain[6] + 3 * (square + cube) * chain[5] - 3 * (2 * square + v + cube) * chain[4] + (1 + 3 * v + cube + 3 * square) * chain[3]


KINDS = {
    "sma": mean,
    "ema": exponential,
    "wma": wma,
    "dema": dema,
    "tema": tema,
    "trima": trima,
    "kama": kama,
    "t3": t3,
    "rma": wilder,
    "hma": hma,
    "zlema": zlema,
}


def of_kind(kind: str, x: Node, n: int) -> Node:
    """An average by its name."""
    return KINDS[kind](x, n) if n > 1 else x


@indicator("SMA", "Simple moving average", "averages", period(30), source(), pane="overlay")
def _sma(b: Bar, timeperiod: int) -> Node:
    return mean(b.x, timeperiod)


@indicator("EMA", "Exponential moving average", "averages", period(30), source(), pane="overlay")
def _ema(b: Bar, timeperiod: int) -> Node:
    return exponential(b.x, timeperiod)


@indicator("WMA", "Weighted moving average", "averages", period(30), source(), pane="overlay")
def _wma(b: Bar, timeperiod: int) -> Node:
    return wma(b.x, timeperiod)


@indicator("DEMA", "Double exponential moving average", "averages", period(30), source(), pane="overlay")
def _dema(b: Bar, timeperiod: int) -> Node:
    return dema(b.x, timeperiod)


@indicator("TEMA", "Triple exponential moving average", "averages", period(30), source(), pane="overlay")
def _tema(b: Bar, timeperiod: int) -> Node:
    return tema(b.x, timeperiod)


@indicator("TRIMA", "Triangular moving average", "averages", period(30), source(), pane="overlay")
def _trima(b: Bar, timeperiod: int) -> Node:
    return trima(b.x, timeperiod)


@indicator("KAMA", "Kaufman adaptive moving average", "averages", period(30), source(), pane="overlay")
def _kama(b: Bar, timeperiod: int) -> Node:
    return kama(b.x, timeperiod)


@indicator("T3", "Tillson T3", "averages", period(5), number("vfactor", "Volume factor", 0.7, 0.0, 1.0), source(), pane="overlay")
def _t3(b: Bar, timeperiod: int, vfactor: float) -> Node:
    return t3(b.x, timeperiod, vfactor)


@indicator("RMA", "Wilder moving average", "averages", period(30), source(), pane="overlay")
def _rma(b: Bar, timeperiod: int) -> Node:
    return wilder(b.x, timeperiod)


@indicator("HMA", "Hull moving average", "averages", period(20), source(), pane="overlay")
def _hma(b: Bar, timeperiod: int) -> Node:
    return hma(b.x, timeperiod)


@indicator("ZLEMA", "Zero lag exponential moving average", "averages", period(30), source(), pane="overlay")
def _zlema(b: Bar, timeperiod: int) -> Node:
    return zlema(b.x, timeperiod)


@indicator("VWMA", "Volume weighted moving average", "averages", period(30), source(), pane="overlay")
def _vwma(b: Bar, timeperiod: int) -> Node:
    return ratio(Sum(b.x * b.volume, timeperiod), Sum(b.volume, timeperiod), NAN)


@indicator("MA", "Moving average of any kind", "averages", period(30), average(), source(), pane="overlay")
def _ma(b: Bar, timeperiod: int, matype: str) -> Node:
    return of_kind(matype, b.x, timeperiod)


@indicator(
    "ALMA",
    "Arnaud Legoux moving average",
    "averages",
    period(9),
    number("offset", "Offset", 0.85, 0.0, 1.0, 0.05),
    number("sigma", "Sigma", 6.0, 1.0, 20.0, 0.5),
    source(),
    pane="overlay",
)
def _alma(b: Bar, timeperiod: int, offset: float, sigma: float) -> Node:
    centre, width = offset * (timeperiod - 1), timeperiod / sigma
    return weighted(b.x, [math.exp(-((at - centre) ** 2) / (2 * width * width)) for at in range(timeperiod)])


@indicator("SINWMA", "Sine weighted moving average", "averages", period(14), source(), pane="overlay")
def _sinwma(b: Bar, timeperiod: int) -> Node:
    return weighted(b.x, [math.sin((at + 1) * math.pi / (timeperiod + 1)) for at in range(timeperiod)])


@indicator("PWMA", "Pascal weighted moving average", "averages", period(10, high=60), source(), pane="overlay")
def _pwma(b: Bar, timeperiod: int) -> Node:
    return weighted(b.x, [float(math.comb(timeperiod - 1, at)) for at in range(timeperiod)])


@indicator("FWMA", "Fibonacci weighted moving average", "averages", period(10, high=60), source(), pane="overlay")
def _fwma(b: Bar, timeperiod: int) -> Node:
    weights = [1.0, 1.0]
    while len(weights) < timeperiod:
        weights.append(weights[-1] + weights[-2])
    return weighted(b.x, weights[:timeperiod])


@indicator("VIDYA", "Variable index dynamic average", "averages", period(14), source(), pane="overlay")
def _vidya(b: Bar, timeperiod: int) -> Node:
    """Chande: an EMA whose weight is scaled by the size of the momentum oscillator."""
    step = change(b.x)
    up, down = Sum(greater(step, 0.0), timeperiod), Sum(greater(-step, 0.0), timeperiod)
    return blend(b.x, abs(ratio(up - down, up + down, 0.0)) * (2.0 / (timeperiod + 1)))


@indicator("FRAMA", "Fractal adaptive moving average", "averages", period(16, low=4), source(), pane="overlay")
def _frama(b: Bar, timeperiod: int) -> Node:
    """Ehlers: quicker the lower the fractal dimension of the last two half windows."""
    half = max(2, timeperiod // 2)
    reach = highest(b.high, half) - lowest(b.low, half)
    halves = (reach + lag(reach, half)) / half
    whole = (highest(b.high, 2 * half) - lowest(b.low, 2 * half)) / (2 * half)
    dimension = (log(halves) - log(whole)) / math.log(2.0)
    weight = where(dimension, exp(-4.6 * (dimension - 1.0)), 1.0)
    return blend(b.x, greater(lesser(weight, 1.0), 0.01))


@indicator("MCGINLEY", "McGinley dynamic", "averages", period(14), source(), pane="overlay")
def _mcginley(b: Bar, timeperiod: int) -> Node:
    """y + (x - y) / (0.6 n (x / y)^4), begun with the first price."""

    def step(state: tuple, x: float) -> tuple:
        y = state[0]
        if y != y:
            return (x,)
        if not x or not y:
            return (y,)
        pull = 0.6 * timeperiod * (x / y) ** 4
        return (y + (x - y) / max(1.0, pull),)

    return Pick(Stepwise(step, (NAN,), 1, b.x), 0)


@indicator("EVWMA", "Elastic volume weighted moving average", "averages", period(20), source(), pane="overlay")
def _evwma(b: Bar, timeperiod: int) -> Node:
    """Each bar counts as its volume does in that of the window."""
    return blend(b.x, ratio(b.volume, Sum(b.volume, timeperiod), 0.0))


@indicator("DISPARITY", "Disparity index", "oscillators", period(14), source(), levels=(0.0,))
def _disparity(b: Bar, timeperiod: int) -> Node:
    """Distance from the exponential average in percent of it."""
    average_ = exponential(b.x, timeperiod)
    return 100.0 * Ratio(b.x - average_, average_, 0.0)


@indicator(
    "GMMA",
    "Guppy multiple moving average",
    "averages",
    source(),
    outputs=[f"ema{n}" for n in (3, 5, 8, 10, 12, 15, 30, 35, 40, 45, 50, 60)],
    pane="overlay",
)
def _gmma(b: Bar) -> list[Node]:
    return [exponential(b.x, n) for n in (3, 5, 8, 10, 12, 15, 30, 35, 40, 45, 50, 60)]


@indicator("RAINBOW", "Rainbow moving average", "averages", period(2, high=50), source(), outputs=[f"sma{n}" for n in range(1, 11)], pane="overlay")
def _rainbow(b: Bar, timeperiod: int) -> list[Node]:
    """Ten averages, each of the one before."""
    chain = [mean(b.x, timeperiod)]
    for _ in range(9):
        chain.append(mean(chain[-1], timeperiod))
    return chain


@indicator("EMA_SLOPE", "Slope of the exponential average", "trend", period(20), source(), levels=(0.0,))
def _ema_slope(b: Bar, timeperiod: int) -> Node:
    """Change of the average from bar to bar, in percent of it."""
    line = exponential(b.x, timeperiod)
    return 100.0 * ratio(change(line), lag(line, 1), 0.0)


@indicator("ZSCORE", "Z-score", "statistics", period(20), source(), levels=(-2.0, 0.0, 2.0))
def _zscore(b: Bar, timeperiod: int) -> Node:
    """Distance from the mean in standard deviations."""
    return ratio(b.x - mean(b.x, timeperiod), deviation(b.x, timeperiod), 0.0)
