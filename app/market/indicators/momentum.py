"""Momentum: change of price, and oscillators made of averages of it."""

from __future__ import annotations

from .averages import efficiency, exponential, of_kind, wilder, wma
from .nodes import NAN, Node, Pick, Ratio, greater, ratio, where
from .recursive import Recurrence, Stepwise
from .rolling import Linear, Sum, change, lag, mean, weighted
from .spec import Bar, Output, average, indicator, number, period, source

FAST, SLOW, SIGNAL = period(12, "fastperiod", "Fast"), period(26, "slowperiod", "Slow"), period(9, "signalperiod", "Signal", low=1)
MACD_LINES = (Output("macd"), Output("macdsignal"), Output("macdhist", "histogram"))


def rsi(x: Node, n: int) -> Node:
    """Wilder's relative strength index; 0 where nothing moved."""
    step = change(x)
    up, down = wilder(greater(step, 0.0), n), wilder(greater(-step, 0.0), n)
    return 100.0 * ratio(up, up + down, 0.0)


def roc(x: Node, n: int) -> Node:
    """Change in percent."""
    before = lag(x, n)
    return 100.0 * Ratio(x - before, before, 0.0)


def two(kind: str, x: Node, fast: int, slow: int) -> tuple[Node, Node]:
    """A fast and a slow average, whichever way round they are given."""
    return of_kind(kind, x, min(fast, slow)), of_kind(kind, x, max(fast, slow))


def macd(x: Node, fast: int, slow: int, signal: int) -> list[Node]:
    """Line, signal, histogram. Both averages begin on the same bar, as in TA-Lib."""
    fast, slow = min(fast, slow), max(fast, slow)
    return _with_signal(exponential(x, fast, slow - fast) - exponential(x, slow), "ema", signal)


def _with_signal(line: Node, kind: str, n: int) -> list[Node]:
    signal = of_kind(kind, line, n)
    return [line, signal, line - signal]


@indicator("MOM", "Momentum", "momentum", period(10, low=1), source(), levels=(0.0,))
def _mom(b: Bar, timeperiod: int) -> Node:
    return change(b.x, timeperiod)


@indicator("ROC", "Rate of change", "momentum", period(10, low=1), source(), levels=(0.0,))
def _roc(b: Bar, timeperiod: int) -> Node:
    return roc(b.x, timeperiod)


@indicator("ROCP", "Rate of change as a fraction", "momentum", period(10, low=1), source(), levels=(0.0,))
def _rocp(b: Bar, timeperiod: int) -> Node:
    return ratio(change(b.x, timeperiod), lag(b.x, timeperiod), 0.0)


@indicator("ROCR", "Rate of change as a ratio", "momentum", period(10, low=1), source(), levels=(1.0,))
def _rocr(b: Bar, timeperiod: int) -> Node:
    return ratio(b.x, lag(b.x, timeperiod), 0.0)


@indicator("ROCR100", "Rate of change as a ratio times 100", "momentum", period(10, low=1), source(), levels=(100.0,))
def _rocr100(b: Bar, timeperiod: int) -> Node:
    return 100.0 * ratio(b.x, lag(b.x, timeperiod), 0.0)


@indicator("RSI", "Relative strength index", "momentum", period(14), source(), scale=(0, 100), levels=(30.0, 70.0))
def _rsi(b: Bar, timeperiod: int) -> Node:
    return rsi(b.x, timeperiod)


@indicator("CMO", "Chande momentum oscillator", "momentum", period(14), source(), scale=(-100, 100), levels=(-50.0, 50.0))
def _cmo(b: Bar, timeperiod: int) -> Node:
    """With Wilder's averages, as in TA-Lib."""
    step = change(b.x)
    up, down = wilder(greater(step, 0.0), timeperiod), wilder(greater(-step, 0.0), timeperiod)
    return 100.0 * ratio(up - down, up + down, 0.0)


@indicator("CMOU", "Chande momentum oscillator, plain sums", "momentum", period(14), source(), scale=(-100, 100), levels=(-50.0, 50.0))
def _cmou(b: Bar, timeperiod: int) -> Node:
    step = change(b.x)
    up, down = Sum(greater(step, 0.0), timeperiod), Sum(greater(-step, 0.0), timeperiod)
    return 100.0 * ratio(up - down, up + down, 0.0)


@indicator("MACD", "Moving average convergence divergence", "momentum", FAST, SLOW, SIGNAL, source(), outputs=MACD_LINES, levels=(0.0,))
def _macd(b: Bar, fastperiod: int, slowperiod: int, signalperiod: int) -> list[Node]:
    return macd(b.x, fastperiod, slowperiod, signalperiod)


@indicator("MACDFIX", "MACD 12/26", "momentum", SIGNAL, source(), outputs=MACD_LINES, levels=(0.0,))
def _macdfix(b: Bar, signalperiod: int) -> list[Node]:
    """With the fixed weights 0.15 and 0.075."""
    quick, slow = Recurrence(b.x, 0.85, 0.15, 12, 1.0 / 12, 14), Recurrence(b.x, 0.925, 0.075, 26, 1.0 / 26)
    return _with_signal(quick - slow, "ema", signalperiod)


@indicator(
    "MACDEXT",
    "MACD of any averages",
    "momentum",
    FAST,
    average(name="fastmatype", label="Fast average"),
    SLOW,
    average(name="slowmatype", label="Slow average"),
    SIGNAL,
    average(name="signalmatype", label="Signal average"),
    source(),
    outputs=MACD_LINES,
    levels=(0.0,),
)
def _macdext(b: Bar, fastperiod: int, fastmatype: str, slowperiod: int, slowmatype: str, signalperiod: int, signalmatype: str) -> list[Node]:
    line = of_kind(fastmatype, b.x, fastperiod) - of_kind(slowmatype, b.x, slowperiod)
    return _with_signal(line, signalmatype, signalperiod)


@indicator("APO", "Absolute price oscillator", "momentum", FAST, SLOW, average("ema"), source(), levels=(0.0,))
def _apo(b: Bar, fastperiod: int, slowperiod: int, matype: str) -> Node:
    quick, slow = two(matype, b.x, fastperiod, slowperiod)
    return quick - slow


@indicator("PPO", "Percentage price oscillator", "momentum", FAST, SLOW, average("ema"), source(), levels=(0.0,))
def _ppo(b: Bar, fastperiod: int, slowperiod: int, matype: str) -> Node:
    quick, slow = two(matype, b.x, fastperiod, slowperiod)
    return 100.0 * ratio(quick - slow, slow, 0.0)


@indicator("TRIX", "Rate of change of a triple EMA", "momentum", period(30), source(), levels=(0.0,))
def _trix(b: Bar, timeperiod: int) -> Node:
    return roc(exponential(exponential(exponential(b.x, timeperiod), timeperiod), timeperiod), 1)


@indicator(
    "TSI",
    "True strength index",
    "momentum",
    period(25, "firstperiod", "First"),
    period(13, "secondperiod", "Second"),
    source(),
    scale=(-100, 100),
    levels=(0.0,),
)
def _tsi(b: Bar, firstperiod: int, secondperiod: int) -> Node:
    step = change(b.x)

    def twice(x: Node) -> Node:
        return exponential(exponential(x, firstperiod), secondperiod)

    return 100.0 * ratio(twice(step), twice(abs(step)), 0.0)


@indicator(
    "COPPOCK",
    "Coppock curve",
    "momentum",
    period(10, "wmaperiod", "Average"),
    period(11, "roc1period", "First change"),
    period(14, "roc2period", "Second change"),
    source(),
    levels=(0.0,),
)
def _coppock(b: Bar, wmaperiod: int, roc1period: int, roc2period: int) -> Node:
    return wma(roc(b.x, roc1period) + roc(b.x, roc2period), wmaperiod)


@indicator("DPO", "Detrended price oscillator", "momentum", period(20), source(), levels=(0.0,))
def _dpo(b: Bar, timeperiod: int) -> Node:
    """The price half a window ago less the average of the whole: nothing of bars to come."""
    return lag(b.x, timeperiod // 2 + 1) - mean(b.x, timeperiod)


@indicator("ER", "Efficiency ratio", "momentum", period(10), source(), scale=(0, 1))
def _er(b: Bar, timeperiod: int) -> Node:
    return efficiency(b.x, timeperiod)


@indicator("BOP", "Balance of power", "momentum", scale=(-1, 1), levels=(0.0,))
def _bop(b: Bar) -> Node:
    return ratio(b.close - b.open, b.high - b.low, 0.0)


@indicator("IMI", "Intraday momentum index", "momentum", period(14), scale=(0, 100), levels=(30.0, 70.0))
def _imi(b: Bar, timeperiod: int) -> Node:
    body = b.close - b.open
    up, down = Sum(greater(body, 0.0), timeperiod), Sum(greater(-body, 0.0), timeperiod)
    return 100.0 * ratio(up, up + down, 0.0)


def _ao(b: Bar, fast: int, slow: int) -> Node:
    return mean(b.hl2, fast) - mean(b.hl2, slow)


_AO = (period(5, "fastperiod", "Fast"), period(34, "slowperiod", "Slow"))


@indicator("AO", "Awesome oscillator", "momentum", *_AO, outputs=[Output("ao", "histogram")], levels=(0.0,))
def _ao_(b: Bar, fastperiod: int, slowperiod: int) -> Node:
    return _ao(b, fastperiod, slowperiod)


@indicator("AC", "Accelerator oscillator", "momentum", *_AO, period(5, "signalperiod", "Signal"), outputs=[Output("ac", "histogram")], levels=(0.0,))
def _ac(b: Bar, fastperiod: int, slowperiod: int, signalperiod: int) -> Node:
    line = _ao(b, fastperiod, slowperiod)
    return line - mean(line, signalperiod)


@indicator(
    "ERI", "Elder ray", "momentum", period(13), outputs=[Output("bullpower", "histogram", "up"), Output("bearpower", "histogram", "down")], levels=(0.0,)
)
def _eri(b: Bar, timeperiod: int) -> list[Node]:
    line = exponential(b.close, timeperiod)
    return [b.high - line, b.low - line]


@indicator("KST", "Know sure thing", "momentum", SIGNAL, source(), outputs=["kst", "signal"], levels=(0.0,))
def _kst(b: Bar, signalperiod: int) -> list[Node]:
    """Pring: four rates of change (10, 15, 20, 30), averaged over 10, 10, 10, 15, weighted 1 to 4."""
    parts = [mean(roc(b.x, n), m) * float(at + 1) for at, (n, m) in enumerate(((10, 10), (15, 10), (20, 10), (30, 15)))]
    line = parts[0] + parts[1] + parts[2] + parts[3]
    return [line, mean(line, signalperiod)]


@indicator("RVGI", "Relative vigour index", "momentum", period(10), outputs=["rvgi", "signal"], levels=(0.0,))
def _rvgi(b: Bar, timeperiod: int) -> list[Node]:
    weights = [1.0, 2.0, 2.0, 1.0]
    line = ratio(Sum(weighted(b.close - b.open, weights), timeperiod), Sum(weighted(b.high - b.low, weights), timeperiod), 0.0)
    return [line, weighted(line, weights)]


@indicator(
    "PMO",
    "Price momentum oscillator",
    "momentum",
    period(35, "firstperiod", "First"),
    period(20, "secondperiod", "Second"),
    period(10, "signalperiod", "Signal"),
    source(),
    outputs=["pmo", "signal"],
    levels=(0.0,),
)
def _pmo(b: Bar, firstperiod: int, secondperiod: int, signalperiod: int) -> list[Node]:
    """DecisionPoint: a rate of change smoothed twice with weights 2 / n."""

    def smooth(x: Node, n: int) -> Node:
        return Recurrence(x, 1.0 - 2.0 / n, 2.0 / n, n, 1.0 / n)

    line = smooth(10.0 * smooth(roc(b.x, 1), firstperiod), secondperiod)
    return [line, exponential(line, signalperiod)]


@indicator("PSL", "Psychological line", "momentum", period(12), source(), scale=(0, 100), levels=(25.0, 75.0))
def _psl(b: Bar, timeperiod: int) -> Node:
    """The share of rising bars."""
    return 100.0 * mean(where(change(b.x), 1.0, 0.0), timeperiod)


@indicator("CG", "Centre of gravity", "momentum", period(10), source())
def _cg(b: Bar, timeperiod: int) -> Node:
    """Ehlers: where the weight of the window lies, in bars from now, negative."""
    total = Sum(b.x, timeperiod)
    return ratio(Linear(b.x, timeperiod), total) - (timeperiod + 1.0)


@indicator("RMI", "Relative momentum index", "momentum", period(20), period(5, "momentum", "Change over", low=1), source(), scale=(0, 100), levels=(30.0, 70.0))
def _rmi(b: Bar, timeperiod: int, momentum: int) -> Node:
    """RSI of changes over several bars."""
    step = change(b.x, momentum)
    up, down = wilder(greater(step, 0.0), timeperiod), wilder(greater(-step, 0.0), timeperiod)
    return 100.0 * ratio(up, up + down, 0.0)


@indicator("LAGUERRE_RSI", "Laguerre RSI", "momentum", number("gamma", "Gamma", 0.5, 0.0, 0.99, 0.05), source(), scale=(0, 1), levels=(0.2, 0.8))
def _laguerre(b: Bar, gamma: float) -> Node:
    """Ehlers: the strength index of a four stage Laguerre filter."""

    def step(state: tuple, x: float) -> tuple:
        _value, a, c, d, e = state
        if a != a:
            a = c = d = e = x
        first = (1 - gamma) * x + gamma * a
        second = -gamma * first + a + gamma * c
        third = -gamma * second + c + gamma * d
        fourth = -gamma * third + d + gamma * e
        moves = (first - second, second - third, third - fourth)
        up = sum([move for move in moves if move > 0])
        down = -sum([move for move in moves if move < 0])
        return (up / (up + down) if up + down > 1e-14 else 0.0, first, second, third, fourth)

    return Pick(Stepwise(step, (0.0, NAN, NAN, NAN, NAN), 1, b.x), 0)
