"""Statistics of a window."""

from __future__ import annotations

import math

from .nodes import Map, Node, ratio, sqrt
from .rolling import Covariance, Deviation, Extreme, Linear, Moment, Percentile, Rank, Since, Sum, change, deviation, highest, lag, lowest, mean, variance
from .spec import Bar, Output, Param, indicator, number, period, source

_SECOND = Param("against", "Against", "choice", "volume", choices=("volume", "open", "high", "low", "hl2"))


def regression(x: Node, n: int) -> tuple[Node, Node, Node]:
    """Least squares line through the window: slope a bar, value at its first bar, value at its last."""
    sums, places = Sum(x, n), n * (n + 1) / 2
    # about the middle of the window: Linear counts bars from 1
    slope = (Linear(x, n) - (places / n) * sums) * (12.0 / (n * (n * n - 1.0)))
    middle = sums / n
    return slope, middle - slope * ((n - 1) / 2), middle + slope * ((n - 1) / 2)


@indicator("LINEARREG", "Linear regression", "statistics", period(14), source(), pane="overlay")
def _linearreg(b: Bar, timeperiod: int) -> Node:
    return regression(b.x, timeperiod)[2]


@indicator("LINEARREG_SLOPE", "Linear regression slope", "statistics", period(14), source(), levels=(0.0,))
def _slope(b: Bar, timeperiod: int) -> Node:
    return regression(b.x, timeperiod)[0]


@indicator("LINEARREG_ANGLE", "Linear regression angle", "statistics", period(14), source(), levels=(0.0,))
def _angle(b: Bar, timeperiod: int) -> Node:
    """In degrees."""
    return Map("arctan", regression(b.x, timeperiod)[0]) * (180.0 / math.pi)


@indicator("LINEARREG_INTERCEPT", "Linear regression intercept", "statistics", period(14), source(), pane="overlay")
def _intercept(b: Bar, timeperiod: int) -> Node:
    """The line's value at the first bar of the window."""
    return regression(b.x, timeperiod)[1]


@indicator("TSF", "Time series forecast", "statistics", period(14), source(), pane="overlay")
def _tsf(b: Bar, timeperiod: int) -> Node:
    """The regression line, one bar on."""
    slope, _first, end = regression(b.x, timeperiod)
    return end + slope


@indicator("R2", "R squared of the regression", "statistics", period(14), source(), scale=(0, 1))
def _r2(b: Bar, timeperiod: int) -> Node:
    n = timeperiod
    slope = regression(b.x, n)[0]
    return ratio(slope * slope * ((n * n - 1) / 12.0), variance(b.x, n), 0.0)


@indicator("VAR", "Variance", "statistics", period(5), source())
def _var(b: Bar, timeperiod: int) -> Node:
    """Of the population."""
    return variance(b.x, timeperiod)


@indicator("STDDEV", "Standard deviation", "statistics", period(5), number("nbdev", "Deviations", 1.0, 0.1, 10.0), source())
def _stddev(b: Bar, timeperiod: int, nbdev: float) -> Node:
    """Of the population."""
    return deviation(b.x, timeperiod) * nbdev


@indicator("AVGDEV", "Average deviation", "statistics", period(14), source())
def _avgdev(b: Bar, timeperiod: int) -> Node:
    return Deviation(b.x, timeperiod)


@indicator("SKEW", "Skewness", "statistics", period(30, low=3), source(), levels=(0.0,))
def _skew(b: Bar, timeperiod: int) -> Node:
    """Of the population."""
    return Moment(b.x, timeperiod, 3)


@indicator("KURTOSIS", "Excess kurtosis", "statistics", period(30, low=4), source(), levels=(0.0,))
def _kurtosis(b: Bar, timeperiod: int) -> Node:
    """Of the population, less the 3 of a normal distribution."""
    return Moment(b.x, timeperiod, 4) - 3.0


@indicator("MEDIAN", "Moving median", "statistics", period(9), source(), pane="overlay")
def _median(b: Bar, timeperiod: int) -> Node:
    return Percentile(b.x, timeperiod, 0.5, between=True)


@indicator("PERCENTILE", "Percentile", "statistics", period(30), number("percentile", "Percent", 50.0, 0.0, 100.0, 5.0), source(), pane="overlay")
def _percentile(b: Bar, timeperiod: int, percentile: float) -> Node:
    """The nearest rank, as in TA-Lib."""
    return Percentile(b.x, timeperiod, percentile / 100.0)


@indicator("PERCENTRANK", "Percent rank", "statistics", period(100), source(), scale=(0, 100), levels=(50.0,))
def _percentrank(b: Bar, timeperiod: int) -> Node:
    """The share of the bars before that lie below this one."""
    return 100.0 * Rank(b.x, timeperiod + 1)


@indicator("MAX", "Highest", "statistics", period(30), source(), pane="overlay")
def _max(b: Bar, timeperiod: int) -> Node:
    return highest(b.x, timeperiod)


@indicator("MIN", "Lowest", "statistics", period(30), source(), pane="overlay")
def _min(b: Bar, timeperiod: int) -> Node:
    return lowest(b.x, timeperiod)


@indicator("MINMAX", "Lowest and highest", "statistics", period(30), source(), outputs=["min", "max"], pane="overlay")
def _minmax(b: Bar, timeperiod: int) -> list[Node]:
    return [Extreme(b.x, timeperiod, False), Extreme(b.x, timeperiod, True)]


@indicator("SINCEHIGH", "Bars since the highest", "statistics", period(30), source())
def _since_high(b: Bar, timeperiod: int) -> Node:
    return Since(b.x, timeperiod, True)


@indicator("SINCELOW", "Bars since the lowest", "statistics", period(30), source())
def _since_low(b: Bar, timeperiod: int) -> Node:
    return Since(b.x, timeperiod, False)


@indicator("SUM", "Sum", "statistics", period(30), source())
def _sum(b: Bar, timeperiod: int) -> Node:
    return Sum(b.x, timeperiod)


def _correlation(x: Node, y: Node, n: int) -> Node:
    return ratio(Covariance(x, y, n), sqrt(variance(x, n) * variance(y, n)), 0.0)


@indicator("CORREL", "Correlation", "statistics", period(30), source(), _SECOND, scale=(-1, 1), levels=(0.0,))
def _correl(b: Bar, timeperiod: int, against: str) -> Node:
    """Of the source with another column of the bars."""
    return _correlation(b.x, getattr(b, against), timeperiod)


@indicator(
    "BETA", "Beta", "statistics", period(5), source("high"), Param("against", "Against", "choice", "low", choices=("low", "open", "high", "volume", "hl2"))
)
def _beta(b: Bar, timeperiod: int, against: str) -> Node:
    """Of the returns of ``against`` on those of the source."""

    def returns(x: Node) -> Node:
        before = lag(x, 1)
        return ratio(x - before, before, 0.0)

    ours, theirs = returns(b.x), returns(getattr(b, against))
    return ratio(Covariance(ours, theirs, timeperiod), variance(ours, timeperiod), 0.0)


@indicator("AUTOCORREL", "Autocorrelation of changes", "statistics", period(30), period(1, "shift", "Shift", low=1), source(), scale=(-1, 1), levels=(0.0,))
def _autocorrelation(b: Bar, timeperiod: int, shift: int) -> Node:
    step = change(b.x)
    return _correlation(step, lag(step, shift), timeperiod)


@indicator("HURST", "Variance ratio", "statistics", period(100), period(10, "shift", "Over"), source(), levels=(1.0,))
def _variance_ratio(b: Bar, timeperiod: int, shift: int) -> Node:
    """Variance of long changes over that of short ones times their length: above 1 trends, below 1 returns."""
    return ratio(variance(change(b.x, shift), timeperiod), variance(change(b.x), timeperiod) * float(shift), 1.0)


@indicator("SHARPE", "Rolling Sharpe ratio", "statistics", period(50), source(), levels=(0.0,))
def _sharpe(b: Bar, timeperiod: int) -> Node:
    """Mean over deviation of the returns, a bar."""
    before = lag(b.x, 1)
    returns = ratio(b.x - before, before, 0.0)
    return ratio(mean(returns, timeperiod), deviation(returns, timeperiod), 0.0)


@indicator("DRAWDOWN", "Drawdown from the highest", "statistics", period(250), source(), outputs=[Output("drawdown", "histogram", "down")])
def _drawdown(b: Bar, timeperiod: int) -> Node:
    """In percent, of the highest of the window."""
    return 100.0 * (ratio(b.x, highest(b.x, timeperiod)) - 1.0)
