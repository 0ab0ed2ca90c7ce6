"""Indicators that follow the bars of many instruments. Needs numpy."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from .barcolumns import CLOSE, HIGH, LOW, OPEN, TIME, VOLUME, BarColumns
from .indicators import Study
from .indicators.across import Together

_FIELDS = {"time": TIME, "open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}


class Following:
    """``studies`` over ``bars``: what closes is counted in, what is still open is looked at when asked. ``scales``: (price, size) of each row.

    A late trade that changes a closed bar (``bars.revised``) does not change what was counted in.
    """

    def __init__(self, bars: BarColumns, studies: Sequence[Study], scales: Sequence[tuple[int, int]]) -> None:
        self._together = Together(studies, len(scales))
        self._bars = bars
        price = np.array([float(Decimal(1).scaleb(-price)) for price, _ in scales])
        size = np.array([float(Decimal(1).scaleb(-size)) for _, size in scales])
        units = {TIME: np.ones(len(scales)), VOLUME: size}
        self._columns = [(name, field, units.get(field, price)) for name, field in _FIELDS.items() if name in self._together.inputs]
        bars.on_close = self._closed

    def values(self, rows: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """The outputs of each study for these rows, their open bars included; NaN where there are not bars enough."""
        return self._together.peek(rows, self._floats(rows, self._bars.open_bars(rows)))

    def _closed(self, rows: np.ndarray, bars: np.ndarray) -> None:
        self._together.close(rows, self._floats(rows, bars))

    def _floats(self, rows: np.ndarray, bars: np.ndarray) -> dict[str, np.ndarray]:
        return {name: bars[field] * unit[rows] for name, field, unit in self._columns}
