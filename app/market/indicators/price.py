"""Prices made from a bar's prices."""

from __future__ import annotations

from .nodes import Node, either, greater, lesser, log, ratio
from .recursive import LinearRecurrence, total
from .rolling import lag
from .spec import Bar, Output, indicator, source


@indicator("AVGPRICE", "Average price", "price", pane="overlay")
def _avgprice(b: Bar) -> Node:
    return b.ohlc4


@indicator("MEDPRICE", "Median price", "price", pane="overlay")
def _medprice(b: Bar) -> Node:
    return b.hl2


@indicator("TYPPRICE", "Typical price", "price", pane="overlay")
def _typprice(b: Bar) -> Node:
    return b.hlc3


@indicator("WCLPRICE", "Weighted close price", "price", pane="overlay")
def _wclprice(b: Bar) -> Node:
    return b.hlcc4


@indicator(
    "HA", "Heikin-Ashi", "price", outputs=[Output("haopen"), Output("hahigh", tone="up"), Output("halow", tone="down"), Output("haclose")], pane="overlay"
)
def _ha(b: Bar) -> list[Node]:
    close = b.ohlc4
    before = lag(close, 1)
    # the first bar opens at its own middle: there the bar before does not count
    opened = LinearRecurrence(b.open * 0.0 + 0.5, 0.5 * either(before, b.open), (b.open + b.close) * 0.5)
    return [opened, greater(greater(b.high, opened), close), lesser(lesser(b.low, opened), close), close]


@indicator("LOGRETURN", "Logarithmic return", "price", source(), levels=(0.0,))
def _log_return(b: Bar) -> Node:
    """In percent."""
    return 100.0 * log(ratio(b.x, lag(b.x, 1)))


@indicator("CUMRETURN", "Return since the first bar", "price", source(), levels=(0.0,))
def _cumulative(b: Bar) -> Node:
    """Logarithmic, in percent."""
    return 100.0 * total(log(ratio(b.x, lag(b.x, 1))))
