"""Indicators that follow the bars of many instruments. Needs numpy."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from .barcolumns import CLOSE, HIGH, LOW, OPEN, TIME, VOLUME, BarColumns
from .indicators import Study
from .indicators.across import Across


class Following:
    """``studies`` over ``bars``: what closes is counted in, what is still open is looked at when asked. ``scales``: (price, size) of each row.

    A late trade that changes a closed bar (``bars.revised``) does not change what was counted in.
    """

    def __init__(self, bars: BarColumns, studies: Sequence[Study], scales: Sequence[tuple[int, int]]) -> None:
        self.across = [Across(study, len(scales)) for study in studies]
        self._bars = bars
        self._price = np.array([float(Decimal(1).scaleb(-price)) for price, _ in scales])
        self._size = np.array([float(Decimal(1).scaleb(-size)) for _, size in scales])
        bars.on_close = self._closed

    def values(self, rows: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """The outputs of each study for these rows, their open bars included; NaN where there are not bars enough."""
        columns = self._floats(rows, self._bars.now[:, rows])
        return [across.peek(rows, columns) for across in self.across]

    def _closed(self, rows: np.ndarray, bars: np.ndarray) -> None:
        columns = self._floats(rows, bars)
        for across in self.across:
            across.close(rows, columns)

    def _floats(self, rows: np.ndarray, bars: np.ndarray) -> dict[str, np.ndarray]:
        price = self._price[rows]
        prices = {name: bars[field] * price for name, field in (("open", OPEN), ("high", HIGH), ("low", LOW), ("close", CLOSE))}
        return prices | {"time": bars[TIME].astype(float), "volume": bars[VOLUME] * self._size[rows]}
