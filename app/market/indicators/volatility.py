"""Ranges and volatility."""

from __future__ import annotations

import math

from .averages import exponential, of_kind, wilder
from .nodes import Node, Ratio, greater, lesser, log, ratio, sqrt, where
from .rolling import Sum, change, deviation, highest, lag, lowest, mean, variance
from .spec import Bar, average, indicator, number, period, source

_YEAR = number("annual", "Bars a year", 365.0, 1.0, 1_000_000.0, 1.0)


def true_range(b: Bar) -> Node:
    """The bar's range, reaching to the close before it."""
    before = lag(b.close, 1)
    return greater(b.high, before) - lesser(b.low, before)


@indicator("TRANGE", "True range", "volatility")
def _trange(b: Bar) -> Node:
    return true_range(b)


@indicator("ATR", "Average true range", "volatility", period(14))
def _atr(b: Bar, timeperiod: int) -> Node:
    return wilder(true_range(b), timeperiod)


@indicator("NATR", "Normalised average true range", "volatility", period(14))
def _natr(b: Bar, timeperiod: int) -> Node:
    """In percent of the close."""
    return 100.0 * Ratio(wilder(true_range(b), timeperiod), b.close, 0.0)


@indicator("ADR", "Average daily range", "volatility", period(14))
def _adr(b: Bar, timeperiod: int) -> Node:
    """Plain average of high less low."""
    return mean(b.high - b.low, timeperiod)


@indicator("CVI", "Chaikin volatility", "volatility", period(10), period(10, "rocperiod", "Change over", low=1), levels=(0.0,))
def _cvi(b: Bar, timeperiod: int, rocperiod: int) -> Node:
    """Change of the exponential average of the range, in percent."""
    line = exponential(b.high - b.low, timeperiod)
    return 100.0 * ratio(change(line, rocperiod), lag(line, rocperiod), 0.0)


@indicator("MASSI", "Mass index", "volatility", period(9, "fastperiod", "EMA period"), period(25, "slowperiod", "Sum over"), levels=(26.5, 27.0))
def _mass(b: Bar, fastperiod: int, slowperiod: int) -> Node:
    once = exponential(b.high - b.low, fastperiod)
    return Sum(ratio(once, exponential(once, fastperiod), 0.0), slowperiod)


def rising_share(amount: Node, step: Node, n: int) -> Node:
    """Wilder's average of the amount where the price rose, in percent of those where it moved."""
    up, down = wilder(amount * where(step, 1.0, 0.0), n), wilder(amount * where(-step, 1.0, 0.0), n)
    return 100.0 * ratio(up, up + down, 0.0)


@indicator(
    "RVI", "Relative volatility index", "volatility", period(14), period(10, "stddevperiod", "Deviation over"), source(), scale=(0, 100), levels=(40.0, 60.0)
)
def _rvi(b: Bar, timeperiod: int, stddevperiod: int) -> Node:
    """RSI of standard deviations: how much of the spread goes with rising prices."""
    spread, step = deviation(b.x, stddevperiod), change(b.x)
    return rising_share(spread, step, timeperiod)


@indicator("ULCER", "Ulcer index", "volatility", period(14), source())
def _ulcer(b: Bar, timeperiod: int) -> Node:
    """Root mean square of the fall from the highest, in percent."""
    fall = 100.0 * (ratio(b.x, highest(b.x, timeperiod)) - 1.0)
    return sqrt(_mean_square(fall, timeperiod))


def _mean_square(x: Node, n: int) -> Node:
    """Never below zero, as a running sum may be by a rounding after what was large has left it."""
    return greater(mean(x * x, n), 0.0)


def _log_return(x: Node) -> Node:
    return log(ratio(x, lag(x, 1)))


@indicator("HV", "Historical volatility", "volatility", period(20), _YEAR, source())
def _hv(b: Bar, timeperiod: int, annual: float) -> Node:
    """Sample deviation of logarithmic returns, a year, in percent."""
    return sqrt(variance(_log_return(b.x), timeperiod) * (annual * timeperiod / (timeperiod - 1))) * 100.0


@indicator("PARKINSON", "Parkinson volatility", "volatility", period(20), _YEAR)
def _parkinson(b: Bar, timeperiod: int, annual: float) -> Node:
    """From highs and lows, a year, in percent."""
    reach = log(ratio(b.high, b.low))
    return sqrt(_mean_square(reach, timeperiod) * (annual / (4 * math.log(2)))) * 100.0


@indicator("GARMANKLASS", "Garman-Klass volatility", "volatility", period(20), _YEAR)
def _garman_klass(b: Bar, timeperiod: int, annual: float) -> Node:
    """From open, high, low and close, a year, in percent."""
    reach, body = log(ratio(b.high, b.low)), log(ratio(b.close, b.open))
    each = 0.5 * reach * reach - (2 * math.log(2) - 1) * body * body
    return sqrt(greater(mean(each, timeperiod), 0.0) * annual) * 100.0


def _rogers(b: Bar) -> Node:
    return log(ratio(b.high, b.close)) * log(ratio(b.high, b.open)) + log(ratio(b.low, b.close)) * log(ratio(b.low, b.open))


@indicator("ROGERSSATCHELL", "Rogers-Satchell volatility", "volatility", period(20), _YEAR)
def _rogers_satchell(b: Bar, timeperiod: int, annual: float) -> Node:
    """As Garman-Klass, but right under a drift."""
    return sqrt(greater(mean(_rogers(b), timeperiod), 0.0) * annual) * 100.0


@indicator("YANGZHANG", "Yang-Zhang volatility", "volatility", period(20), _YEAR)
def _yang_zhang(b: Bar, timeperiod: int, annual: float) -> Node:
    """Overnight, opening and Rogers-Satchell variance together."""
    n = timeperiod
    share = 0.34 / (1.34 + (n + 1) / (n - 1))
    sample = n / (n - 1)
    overnight = variance(log(ratio(b.open, lag(b.close, 1))), n) * sample
    body = variance(log(ratio(b.close, b.open)), n) * sample
    return sqrt(greater(overnight + share * body + (1 - share) * mean(_rogers(b), n), 0.0) * annual) * 100.0


@indicator("CHOP", "Choppiness index", "volatility", period(14), scale=(0, 100), levels=(38.2, 61.8))
def _chop(b: Bar, timeperiod: int) -> Node:
    """100 where the price only wavers, low where it runs."""
    reach = highest(b.high, timeperiod) - lowest(b.low, timeperiod)
    return log(ratio(Sum(true_range(b), timeperiod), reach)) * (100.0 / math.log(timeperiod))


@indicator("ATRP", "Average true range of any average", "volatility", period(14), average("ema"))
def _atr_kind(b: Bar, timeperiod: int, matype: str) -> Node:
    """In percent of the close."""
    return 100.0 * ratio(of_kind(matype, true_range(b), timeperiod), b.close, 0.0)


@indicator("BIAS", "Range position", "volatility", period(20), scale=(0, 100), levels=(20.0, 80.0))
def _position(b: Bar, timeperiod: int) -> Node:
    """Where the close stands between the lowest low and the highest high of the bars before, in percent; beyond 0 and 100 on a breakout."""
    top, bottom = lag(highest(b.high, timeperiod), 1), lag(lowest(b.low, timeperiod), 1)
    return 100.0 * ratio(b.close - bottom, top - bottom, 0.5)
