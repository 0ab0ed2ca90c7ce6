"""Bands and channels around the price, and where the price stands in them."""

from __future__ import annotations

from .averages import exponential, of_kind
from .nodes import NAN, Node, Period, Pick, greater, lesser, ratio, sqrt
from .recursive import Stepwise, TotalSince, wilder
from .rolling import Covariance, Sum, deviation, highest, lag, lowest, mean
from .spec import Bar, Output, Param, average, indicator, number, period, source
from .volatility import true_range

BAND = (Output("upperband", tone="band"), Output("middleband"), Output("lowerband", tone="band"))
_WIDE = number("nbdev", "Deviations", 2.0, 0.1, 10.0)


def _band(middle: Node, reach: Node) -> list[Node]:
    return [middle + reach, middle, middle - reach]


def _bollinger(b: Bar, timeperiod: int, nbdevup: float, nbdevdn: float, matype: str = "sma") -> list[Node]:
    middle, spread = of_kind(matype, b.x, timeperiod), deviation(b.x, timeperiod)
    return [middle + nbdevup * spread, middle, middle - nbdevdn * spread]


_BOLLINGER = (
    period(20),
    number("nbdevup", "Deviations up", 2.0, 0.1, 10.0),
    number("nbdevdn", "Deviations down", 2.0, 0.1, 10.0),
    average(),
    source(),
)


@indicator("BBANDS", "Bollinger bands", "bands", *_BOLLINGER, outputs=BAND, pane="overlay")
def _bbands(b: Bar, timeperiod: int, nbdevup: float, nbdevdn: float, matype: str) -> list[Node]:
    return _bollinger(b, timeperiod, nbdevup, nbdevdn, matype)


@indicator("BBP", "Bollinger %B", "bands", period(20), _WIDE, source(), levels=(0.0, 0.5, 1.0))
def _bbp(b: Bar, timeperiod: int, nbdev: float) -> Node:
    """Where the price stands between the bands: 0 the lower, 1 the upper."""
    upper, _middle, lower = _bollinger(b, timeperiod, nbdev, nbdev)
    return ratio(b.x - lower, upper - lower, 0.5)


@indicator("BBW", "Bollinger band width", "bands", period(20), _WIDE, source())
def _bbw(b: Bar, timeperiod: int, nbdev: float) -> Node:
    """Distance of the bands over the middle."""
    upper, middle, lower = _bollinger(b, timeperiod, nbdev, nbdev)
    return ratio(upper - lower, middle)


@indicator("DONCHIAN", "Donchian channel", "bands", period(20), outputs=BAND, pane="overlay")
def _donchian(b: Bar, timeperiod: int) -> list[Node]:
    top, bottom = highest(b.high, timeperiod), lowest(b.low, timeperiod)
    return [top, (top + bottom) * 0.5, bottom]


@indicator("KC", "Keltner channel", "bands", period(20), period(10, "atrperiod", "ATR period"), _WIDE, source("hlc3"), outputs=BAND, pane="overlay")
def _keltner(b: Bar, timeperiod: int, atrperiod: int, nbdev: float) -> list[Node]:
    return _band(exponential(b.x, timeperiod), nbdev * wilder(true_range(b), atrperiod))


@indicator("ACCBANDS", "Acceleration bands", "bands", period(20), outputs=BAND, pane="overlay")
def _accbands(b: Bar, timeperiod: int) -> list[Node]:
    spread = 4.0 * ratio(b.high - b.low, b.high + b.low, 0.0)
    return [mean(b.high * (1.0 + spread), timeperiod), mean(b.close, timeperiod), mean(b.low * (1.0 - spread), timeperiod)]


@indicator("STARC", "Stoller average range channel", "bands", period(6), period(15, "atrperiod", "ATR period"), _WIDE, outputs=BAND, pane="overlay")
def _starc(b: Bar, timeperiod: int, atrperiod: int, nbdev: float) -> list[Node]:
    return _band(mean(b.close, timeperiod), nbdev * wilder(true_range(b), atrperiod))


@indicator(
    "ENVELOPE",
    "Moving average envelope",
    "bands",
    period(20),
    number("percent", "Percent", 2.5, 0.01, 50.0),
    average(),
    source(),
    outputs=BAND,
    pane="overlay",
)
def _envelope(b: Bar, timeperiod: int, percent: float, matype: str) -> list[Node]:
    middle = of_kind(matype, b.x, timeperiod)
    return _band(middle, middle * (percent / 100.0))


_ANCHOR = Param("anchor", "Starts each", "choice", "day", choices=("day", "week", "month", "all"))


def _anchored(b: Bar, anchor: str, value: Node) -> Node:
    return TotalSince(value, Period(b.time, anchor))


@indicator("VWAP", "Volume weighted average price", "bands", _ANCHOR, pane="overlay")
def _vwap(b: Bar, anchor: str) -> Node:
    """Of the typical price, begun anew each UTC day, week or month, or with the first bar."""
    return ratio(_anchored(b, anchor, b.hlc3 * b.volume), _anchored(b, anchor, b.volume))


@indicator("VWAPBANDS", "VWAP with deviation bands", "bands", _ANCHOR, _WIDE, outputs=BAND, pane="overlay")
def _vwap_bands(b: Bar, anchor: str, nbdev: float) -> list[Node]:
    """The deviation is that of the typical price from the average, weighted by volume."""
    weight = _anchored(b, anchor, b.volume)
    # Taken about the first price of the stretch, so that nothing is lost to a large level.
    first = Pick(Stepwise(_first_of, (NAN, NAN), 1, b.hlc3, Period(b.time, anchor)), 0)
    apart = b.hlc3 - first
    middle = ratio(_anchored(b, anchor, apart * b.volume), weight)
    spread = ratio(_anchored(b, anchor, apart * apart * b.volume), weight) - middle * middle
    return _band(first + middle, nbdev * sqrt(greater(spread, 0.0)))


def _first_of(state: tuple, x: float, key: float) -> tuple:
    return state if state[1] == key else (x, key)


@indicator("RVWAP", "Rolling VWAP", "bands", period(20), pane="overlay")
def _rolling_vwap(b: Bar, timeperiod: int) -> Node:
    return ratio(Sum(b.hlc3 * b.volume, timeperiod), Sum(b.volume, timeperiod))


@indicator(
    "CHANDELIER",
    "Chandelier exit",
    "bands",
    period(22),
    number("multiplier", "Multiplier", 3.0, 0.1, 10.0),
    outputs=[Output("longstop", tone="up"), Output("shortstop", tone="down")],
    pane="overlay",
)
def _chandelier(b: Bar, timeperiod: int, multiplier: float) -> list[Node]:
    reach = multiplier * wilder(true_range(b), timeperiod)
    return [highest(b.high, timeperiod) - reach, lowest(b.low, timeperiod) + reach]


@indicator("STDERRBANDS", "Standard error bands", "bands", period(21), _WIDE, source(), outputs=BAND, pane="overlay")
def _standard_error(b: Bar, timeperiod: int, nbdev: float) -> list[Node]:
    """Around the end of the regression line, by the standard error of its fit."""
    from .statistics import regression

    n = timeperiod
    slope, _intercept, end = regression(b.x, n)
    spread = Covariance(b.x, b.x, n) - slope * slope * ((n * n - 1) / 12.0)
    return _band(end, nbdev * sqrt(greater(spread * (n / max(1, n - 2)), 0.0)))


@indicator("MAENV", "High low average channel", "bands", period(20), average(), outputs=BAND, pane="overlay")
def _high_low(b: Bar, timeperiod: int, matype: str) -> list[Node]:
    """Averages of highs and lows with their middle."""
    top, bottom = of_kind(matype, b.high, timeperiod), of_kind(matype, b.low, timeperiod)
    return [top, (top + bottom) * 0.5, bottom]


@indicator(
    "ALLIGATOR",
    "Williams alligator",
    "trend",
    period(13, "jaw", "Jaw"),
    period(8, "teeth", "Teeth"),
    period(5, "lips", "Lips"),
    outputs=["jaw", "teeth", "lips"],
    pane="overlay",
)
def _alligator(b: Bar, jaw: int, teeth: int, lips: int) -> list[Node]:
    """Wilder averages of the median price, moved right by 8, 5 and 3 bars."""
    return [lag(wilder(b.hl2, n), shift) for n, shift in ((jaw, 8), (teeth, 5), (lips, 3))]


@indicator("PIVOTS", "Floor pivots of the day before", "bands", outputs=["pivot", "r1", "s1", "r2", "s2", "r3", "s3"], pane="overlay")
def _pivots(b: Bar) -> list[Node]:
    """From high, low and close of the UTC day before; no number on the first day."""
    levels = Stepwise(_day_before, (NAN,) * 7, 3, b.high, b.low, b.close, Period(b.time, "day"), warm=1)
    high, low, close = (Pick(levels, at) for at in range(3))
    pivot = (high + low + close) / 3.0
    reach = high - low
    return [pivot, 2.0 * pivot - low, 2.0 * pivot - high, pivot + reach, pivot - reach, high + 2.0 * (pivot - low), low - 2.0 * (high - pivot)]


def _day_before(state: tuple, high: float, low: float, close: float, day: float) -> tuple:
    before_high, before_low, before_close, today, top, bottom, last = state
    if today == day:
        return (before_high, before_low, before_close, day, max(top, high), min(bottom, low), close)
    return (top, bottom, last, day, high, low, close)


@indicator("GAPS", "Gap to the bar before", "price")
def _gaps(b: Bar) -> Node:
    """How far a bar lies beyond the whole of the one before: above is positive, 0 where they touch."""
    return greater(b.low - lag(b.high, 1), 0.0) + lesser(b.high - lag(b.low, 1), 0.0)
