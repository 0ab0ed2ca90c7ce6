"""Long series: what is computed in chunks and lanes is what one bar after the other gives."""

from __future__ import annotations

import numpy as np
import pytest

from app.market.indicators import find
from app.market.indicators.kernels import CHUNK
from app.market.indicators.spec import COLUMNS
from tests.unit.market.indicators.kit import assert_same, stepped

NAMES = ("SMA", "EMA", "KAMA", "BBANDS", "AROON", "STOCH", "CORREL", "LINEARREG", "SKEW", "PERCENTILE", "AVGDEV", "HMA", "VWAP")


@pytest.mark.parametrize("name", NAMES)
def test_chunks_leave_no_seam(name: str) -> None:
    rng, size = np.random.default_rng(9), CHUNK + 4000
    close = np.round(100 + np.cumsum(rng.normal(size=size)) * 0.05, 2)
    volume = np.round(rng.random(size) * 50, 1)
    cols = dict(zip(COLUMNS, (1.6e9 + 60 * np.arange(size), close + 0.1, close + 1, close - 1, close, volume), strict=True))
    cols["close"][[CHUNK - 3, CHUNK + 900]] = np.nan
    study = find(name).build(**({"timeperiod": 60} if name in ("SMA", "BBANDS") else {}))
    whole = study.array(cols)
    for output, row in stepped(study, cols).items():
        assert_same(whole[output], row, 1e-8, output)
