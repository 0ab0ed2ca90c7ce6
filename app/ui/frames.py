"""The kinds of bars that the page offers. The desk knows any width of its list and any amount of trades, volume or value."""

from __future__ import annotations

TIMEFRAMES = ("1s", "1m", "5m", "15m", "1h", "1d")
MORE_FRAMES = {
    "Time": ("5s", "15s", "30s", "3m", "30m", "2h", "4h", "6h", "12h", "1w", "1M"),
    "Trades": ("ticks:10", "ticks:100", "ticks:1000"),
    "Volume": ("volume:1", "volume:10", "volume:100", "volume:1000", "volume:10000"),
    "Value": ("value:1000", "value:10000", "value:100000", "value:1000000"),
}
FRAMES = (*TIMEFRAMES, *(name for group in MORE_FRAMES.values() for name in group))
