"""Indicators of volume."""

from __future__ import annotations

from .averages import exponential, of_kind
from .momentum import two
from .nodes import NAN, Node, Pick, either, greater, lesser, log, ratio, sign, where
from .recursive import LinearRecurrence, Stepwise, total
from .rolling import Sum, change, deviation, lag, lowest, mean
from .spec import Bar, Output, average, indicator, period


def _flow(b: Bar) -> Node:
    """Volume by where the close stands in the bar, -1 to 1."""
    return b.volume * ratio((b.close - b.low) - (b.high - b.close), b.high - b.low, 0.0)


@indicator("VOLUME", "Volume with its average", "volume", period(20), outputs=[Output("volume", "histogram"), Output("average")])
def _volume(b: Bar, timeperiod: int) -> list[Node]:
    return [b.volume, mean(b.volume, timeperiod)]


@indicator("AD", "Accumulation distribution", "volume")
def _ad(b: Bar) -> Node:
    return total(_flow(b))


@indicator("ADOSC", "Chaikin oscillator", "volume", period(3, "fastperiod", "Fast"), period(10, "slowperiod", "Slow"), levels=(0.0,))
def _adosc(b: Bar, fastperiod: int, slowperiod: int) -> Node:
    """Fast less slow average of accumulation distribution; both begin with its first value, as in TA-Lib."""
    line = total(_flow(b))

    def smooth(n: int) -> Node:
        weight = 2.0 / (n + 1)
        return LinearRecurrence(line * 0.0 + (1.0 - weight), weight * line, line)

    late = max(fastperiod, slowperiod) - 1
    return smooth(fastperiod) - smooth(slowperiod) + lag(line, late) * 0.0


@indicator("OBV", "On balance volume", "volume")
def _obv(b: Bar) -> Node:
    """Begins with the first bar's volume, as in TA-Lib."""
    return total(b.volume * either(sign(change(b.close)), 1.0))


@indicator("CMF", "Chaikin money flow", "volume", period(20), scale=(-1, 1), levels=(0.0,))
def _cmf(b: Bar, timeperiod: int) -> Node:
    return ratio(Sum(_flow(b), timeperiod), Sum(b.volume, timeperiod), 0.0)


@indicator("MFI", "Money flow index", "volume", period(14), scale=(0, 100), levels=(20.0, 80.0))
def _mfi(b: Bar, timeperiod: int) -> Node:
    typical = b.hlc3
    step, flow = change(typical), typical * b.volume
    up, down = Sum(where(step, flow, 0.0), timeperiod), Sum(where(-step, flow, 0.0), timeperiod)
    return 100.0 * ratio(up, up + down, 0.0)


@indicator("EFI", "Elder force index", "volume", period(13), levels=(0.0,))
def _efi(b: Bar, timeperiod: int) -> Node:
    return exponential(change(b.close) * b.volume, timeperiod)


@indicator("EMV", "Ease of movement", "volume", period(14, low=1), levels=(0.0,))
def _emv(b: Bar, timeperiod: int) -> Node:
    """Move of the middle for each share of volume, scaled by 10,000 and the bar's range."""
    move = change(b.hl2)
    return mean(10_000.0 * ratio(move * (b.high - b.low), b.volume, 0.0), timeperiod)


@indicator("MARKETFI", "Market facilitation index", "volume")
def _marketfi(b: Bar) -> Node:
    """Range for each unit of volume."""
    return ratio(b.high - b.low, b.volume, 0.0)


def before_or_now(x: Node) -> Node:
    """The value of the bar before; the first bar's own."""
    return either(lag(x, 1), x)


def _grown(b: Bar) -> Node:
    """Volume less that of the bar before: none at the first bar, and no number after a bar whose volume is unknown."""
    first = either(lag(b.close, 1) * 0.0, 1.0)
    return either(change(b.volume), where(first, b.volume * 0.0, NAN))


def _index(b: Bar, counts: Node) -> Node:
    """A level from 1,000 that follows the close on the bars that count."""
    growth = where(counts, ratio(b.close, before_or_now(b.close), 1.0), 1.0)
    return LinearRecurrence(growth, growth * 0.0, growth * 1000.0)


@indicator("NVI", "Negative volume index", "volume")
def _nvi(b: Bar) -> Node:
    """Follows the close where volume falls."""
    return _index(b, -_grown(b))


@indicator("PVI", "Positive volume index", "volume")
def _pvi(b: Bar) -> Node:
    """Follows the close where volume rises."""
    return _index(b, _grown(b))


@indicator("PVT", "Price volume trend", "volume")
def _pvt(b: Bar) -> Node:
    before = before_or_now(b.close)
    return total(b.volume * ratio(b.close - before, before, 0.0))


@indicator("PVO", "Percentage volume oscillator", "volume", period(12, "fastperiod", "Fast"), period(26, "slowperiod", "Slow"), average("ema"), levels=(0.0,))
def _pvo(b: Bar, fastperiod: int, slowperiod: int, matype: str) -> Node:
    quick, slow = two(matype, b.volume, fastperiod, slowperiod)
    return 100.0 * ratio(quick - slow, slow, 0.0)


@indicator("VOSC", "Volume oscillator", "volume", period(5, "fastperiod", "Fast"), period(14, "slowperiod", "Slow"), levels=(0.0,))
def _vosc(b: Bar, fastperiod: int, slowperiod: int) -> Node:
    slow = mean(b.volume, slowperiod)
    return 100.0 * ratio(mean(b.volume, fastperiod) - slow, slow, 0.0)


@indicator("RVOL", "Relative volume", "volume", period(20), levels=(1.0,))
def _rvol(b: Bar, timeperiod: int) -> Node:
    """Volume over the average of the bars before."""
    return ratio(b.volume, lag(mean(b.volume, timeperiod), 1), 0.0)


@indicator("VROC", "Volume rate of change", "volume", period(14, low=1), levels=(0.0,))
def _vroc(b: Bar, timeperiod: int) -> Node:
    before = lag(b.volume, timeperiod)
    return 100.0 * ratio(b.volume - before, before, 0.0)


@indicator(
    "KVO",
    "Klinger volume oscillator",
    "volume",
    period(34, "fastperiod", "Fast"),
    period(55, "slowperiod", "Slow"),
    period(13, "signalperiod", "Signal"),
    outputs=["kvo", "signal"],
    levels=(0.0,),
)
def _kvo(b: Bar, fastperiod: int, slowperiod: int, signalperiod: int) -> list[Node]:
    force = Pick(Stepwise(_klinger, (0.0, None, 0.0, 0.0, 0), 1, b.high + b.low + b.close, b.high - b.low, b.volume, warm=1), 0)
    quick, slow = two("ema", force, fastperiod, slowperiod)
    return [quick - slow, exponential(quick - slow, signalperiod)]


def _klinger(state: tuple, price: float, reach: float, volume: float) -> tuple:
    _force, before, before_reach, measure, trend = state
    if before is None:
        return (float("nan"), price, reach, 0.0, 0)
    way = 1 if price > before else -1 if price < before else trend or -1
    measure = (measure if way == trend else before_reach) + reach
    force = volume * way * 100.0 * abs(2.0 * reach / measure - 1.0) if measure else 0.0
    return (force, price, reach, measure, way)


@indicator("WAD", "Williams accumulation distribution", "volume")
def _wad(b: Bar) -> Node:
    """Without volume: the close against the true low or high."""
    before = before_or_now(b.close)
    step = b.close - before
    low = b.close - where(b.low - before, before, b.low)
    high = b.close - where(before - b.high, before, b.high)
    return total(where(step, low, where(-step, high, 0.0)))


@indicator(
    "VWMACD",
    "Volume weighted MACD",
    "volume",
    period(12, "fastperiod", "Fast"),
    period(26, "slowperiod", "Slow"),
    period(9, "signalperiod", "Signal"),
    outputs=["macd", "macdsignal", Output("macdhist", "histogram")],
    levels=(0.0,),
)
def _vwmacd(b: Bar, fastperiod: int, slowperiod: int, signalperiod: int) -> list[Node]:
    flow = b.close * b.volume
    quick, slow = (ratio(Sum(flow, n), Sum(b.volume, n)) for n in sorted((fastperiod, slowperiod)))
    line = quick - slow
    signal = exponential(line, signalperiod)
    return [line, signal, line - signal]


@indicator("TVI", "Trade volume index", "volume")
def _tvi(b: Bar) -> Node:
    """Volume by the direction of the last move; an unchanged close keeps the direction before."""
    return total(b.volume * Pick(Stepwise(_keep_sign, (0.0,), 1, sign(change(b.close))), 0))


def _keep_sign(state: tuple, way: float) -> tuple:
    return (way,) if way else state


@indicator("VOLUME_MA", "Average of volume, of any kind", "volume", period(20), average())
def _volume_average(b: Bar, timeperiod: int, matype: str) -> Node:
    return of_kind(matype, b.volume, timeperiod)


@indicator("VFI", "Volume flow indicator", "volume", period(130), period(3, "signalperiod", "Smoothing"), levels=(0.0,))
def _vfi(b: Bar, timeperiod: int, signalperiod: int) -> Node:
    """Katsanos: volume, cut off at 2.5 averages, by moves of the typical price beyond 0.2 deviations of its returns."""
    typical = b.hlc3
    returns = log(ratio(typical, lag(typical, 1)))
    cut = 0.2 * deviation(returns, 30) * b.close
    usual = lag(mean(b.volume, timeperiod), 1)
    step, volume = change(typical), lesser(b.volume, usual * 2.5)
    flow = where(step - cut, volume, where(-step - cut, -volume, 0.0))
    return exponential(ratio(Sum(flow, timeperiod), usual, 0.0), signalperiod)


@indicator("DRYUP", "Volume over the least of the window", "volume", period(20), levels=(1.0,))
def _dryup(b: Bar, timeperiod: int) -> Node:
    """1 on the quietest bar of the window."""
    return ratio(b.volume, greater(lowest(b.volume, timeperiod), 1e-12), 0.0)
