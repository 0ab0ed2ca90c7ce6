"""Ehlers' cycle indicators, by the Hilbert transform as TA-Lib does it, with its start-up."""

from __future__ import annotations

import math

from .nodes import NAN, Node, Pick
from .recursive import Mute, Stepwise
from .spec import Bar, Output, indicator, number, source

_DEGREES = 180.0 / math.pi
_ZEROS = (0.0,) * 7
_SHORT, _LONG = (12, 32), (37, 63)
"""(bar at which the transform starts, bar of the first output): of the period alone, and of what builds on it."""


def _hilbert(x: tuple, scale: float) -> float:
    return (0.0962 * (x[0] - x[6]) + 0.5769 * (x[2] - x[4])) * scale


def _push(history: tuple, x: float) -> tuple:
    return (x, *history[:-1])


def _transform(first: int):
    """State: smooth period, in phase, quadrature, smoothed price; then bar, prices, histories, phasor, period."""

    def step(state: tuple, price: float) -> tuple:
        smooth_period, _i, _q, _s, bar, prices, smooths, detrends, quads, phases, last_i2, last_q2, real, imaginary, period = state
        prices = (price, *prices[:3])
        if bar < first:
            return (NAN, NAN, NAN, NAN, bar + 1, prices, *state[6:])
        scale = 0.075 * period + 0.54
        smooth = (4 * prices[0] + 3 * prices[1] + 2 * prices[2] + prices[3]) / 10
        smooths = _push(smooths, smooth)
        detrends = _push(detrends, _hilbert(smooths, scale))
        quads = _push(quads, _hilbert(detrends, scale))
        in_phase, quadrature = detrends[3], quads[0]
        phases = _push(phases, in_phase)
        i2 = 0.2 * (in_phase - _hilbert(quads, scale)) + 0.8 * last_i2
        q2 = 0.2 * (quadrature + _hilbert(phases, scale)) + 0.8 * last_q2
        real = 0.2 * (i2 * last_i2 + q2 * last_q2) + 0.8 * real
        imaginary = 0.2 * (i2 * last_q2 - q2 * last_i2) + 0.8 * imaginary
        before = period
        if real and imaginary:
            period = 360.0 / (math.atan(imaginary / real) * _DEGREES)
        period = min(50.0, max(6.0, max(0.67 * before, min(1.5 * before, period))))
        period = 0.2 * period + 0.8 * before
        smooth_period = 0.33 * period + 0.67 * (0.0 if smooth_period != smooth_period else smooth_period)
        return (smooth_period, in_phase, quadrature, smooth, bar + 1, prices, smooths, detrends, quads, phases, i2, q2, real, imaginary, period)

    return step


def _cycle(x: Node, first: int) -> tuple[Node, Node, Node, Node]:
    start = (NAN, NAN, NAN, NAN, 0, (0.0,) * 4, _ZEROS, _ZEROS, _ZEROS, _ZEROS, 0.0, 0.0, 0.0, 0.0, 0.0)
    node = Stepwise(_transform(first), start, 4, x)
    return tuple(Pick(node, at, warm=first) for at in range(4))


@indicator("HT_DCPERIOD", "Dominant cycle period", "cycles", source())
def _dcperiod(b: Bar) -> Node:
    """In bars."""
    return Mute(_cycle(b.x, _SHORT[0])[0], _SHORT[1])


@indicator("HT_PHASOR", "Phasor components", "cycles", source(), outputs=["inphase", "quadrature"], levels=(0.0,))
def _phasor(b: Bar) -> list[Node]:
    _period, in_phase, quadrature, _smooth = _cycle(b.x, _SHORT[0])
    return [Mute(in_phase, _SHORT[1]), Mute(quadrature, _SHORT[1])]


def _phase_step(state: tuple, period: float, smooth: float) -> tuple:
    phase, smooths = state
    smooths = (smooth, *smooths[:49])
    length = int(period + 0.5)
    turn = 2 * math.pi / length if length else 0.0
    real = sum([math.sin(at * turn) * smooths[at] for at in range(length)])
    imaginary = sum([math.cos(at * turn) * smooths[at] for at in range(length)])
    if abs(imaginary) > 0:
        phase = math.atan(real / imaginary) * _DEGREES
    elif real:
        phase += math.copysign(90.0, real)
    phase += 90.0 + 360.0 / period + (180.0 if imaginary < 0 else 0.0)
    return (phase - 360.0 if phase > 315.0 else phase, smooths)


def _phase(period: Node, smooth: Node) -> Node:
    return Pick(Stepwise(_phase_step, (0.0, (0.0,) * 50), 1, period, smooth), 0)


def _trend_step(state: tuple, period: float, price: float) -> tuple:
    _line, prices, lines = state
    prices = (price, *prices[:49])
    length = int(period + 0.5)
    now = sum(prices[:length]) / length if length else 0.0
    line = (4 * now + 3 * lines[0] + 2 * lines[1] + lines[2]) / 10
    return (line, prices, (now, *lines[:2]))


def _trendline(period: Node, x: Node) -> Node:
    return Pick(Stepwise(_trend_step, (NAN, (0.0,) * 50, (0.0,) * 3), 1, period, x), 0)


@indicator("HT_DCPHASE", "Dominant cycle phase", "cycles", source(), scale=(-45, 315))
def _dcphase(b: Bar) -> Node:
    """In degrees."""
    period, _i, _q, smooth = _cycle(b.x, _LONG[0])
    return Mute(_phase(period, smooth), _LONG[1])


def _sines(phase: Node) -> tuple[Node, Node]:
    from .nodes import Map

    return Map("sin", phase / _DEGREES), Map("sin", (phase + 45.0) / _DEGREES)


@indicator("HT_SINE", "Sine wave", "cycles", source(), outputs=["sine", "leadsine"], scale=(-1, 1), levels=(0.0,))
def _sine(b: Bar) -> list[Node]:
    period, _i, _q, smooth = _cycle(b.x, _LONG[0])
    return [Mute(line, _LONG[1]) for line in _sines(_phase(period, smooth))]


@indicator("HT_TRENDLINE", "Instantaneous trend line", "cycles", source(), pane="overlay")
def _trendline_(b: Bar) -> Node:
    period = _cycle(b.x, _LONG[0])[0]
    return Mute(_trendline(period, b.x), _LONG[1])


def _mode_step(state: tuple, period: float, phase: float, sine: float, lead: float, line: float, smooth: float) -> tuple:
    _mode, before_sine, before_lead, days, before_phase = state
    trend = 1.0
    if (sine > lead and before_sine <= before_lead) or (sine < lead and before_sine >= before_lead):
        days, trend = 0, 0.0
    days += 1
    if days < 0.5 * period:
        trend = 0.0
    turned = phase - before_phase
    if period and 0.67 * 360.0 / period < turned < 1.5 * 360.0 / period:
        trend = 0.0
    if line and abs((smooth - line) / line) >= 0.015:
        trend = 1.0
    return (trend, sine, lead, days, phase)


@indicator("HT_TRENDMODE", "Trend or cycle", "cycles", source(), outputs=[Output("trendmode", "histogram")], scale=(0, 1))
def _trendmode(b: Bar) -> Node:
    """1 in a trend, 0 in a cycle."""
    period, _i, _q, smooth = _cycle(b.x, _LONG[0])
    phase = _phase(period, smooth)
    node = Stepwise(_mode_step, (0.0, 0.0, 0.0, 0, 0.0), 1, period, phase, *_sines(phase), _trendline(period, b.x), smooth)
    return Mute(Pick(node, 0), _LONG[1])


def _adaptive(fast: float, slow: float):
    def step(state: tuple, in_phase: float, quadrature: float, price: float) -> tuple:
        mama, fama, before = state
        phase = math.atan(quadrature / in_phase) * _DEGREES if in_phase else 0.0
        turned = max(1.0, before - phase)
        weight = max(slow, fast / turned) if turned > 1.0 else fast
        mama = weight * price + (1 - weight) * mama
        return (mama, 0.5 * weight * mama + (1 - 0.5 * weight) * fama, phase)

    return step


@indicator(
    "MAMA",
    "MESA adaptive moving average",
    "cycles",
    number("fastlimit", "Fast limit", 0.5, 0.01, 0.99, 0.05),
    number("slowlimit", "Slow limit", 0.05, 0.01, 0.99, 0.05),
    source(),
    outputs=["mama", "fama"],
    pane="overlay",
)
def _mama(b: Bar, fastlimit: float, slowlimit: float) -> list[Node]:
    _period, in_phase, quadrature, _smooth = _cycle(b.x, _SHORT[0])
    node = Stepwise(_adaptive(fastlimit, slowlimit), (0.0, 0.0, 0.0), 2, in_phase, quadrature, b.x)
    return [Mute(Pick(node, at), _SHORT[1]) for at in range(2)]
