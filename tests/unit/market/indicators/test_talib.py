"""Equal to TA-Lib on real bars: the same first bar and the same numbers, to 1e-9 of the greatest."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from talib import abstract

from app.market.indicators import catalogue, find
from tests.unit.market.indicators.kit import columns

TOLERANCE = 1e-9
AVERAGES = {"sma": 0, "ema": 1, "wma": 2, "dema": 3, "tema": 4, "trima": 5, "kama": 6, "t3": 8, "rma": 13}
SHARED = sorted(set(talib.get_functions()) & set(catalogue()))
OURS = {"VWAP": {"anchor": "all"}, "CORREL": {"source": "high", "against": "low"}}
"""What makes ours the same: TA-Lib's VWAP never begins anew, its CORREL takes two series."""
THEIRS = {"slowk_matype": 13, "slowd_matype": 13}
MASKED = {"SUPERTREND", "HT_TRENDMODE"}
"""TA-Lib's whole numbers have no NaN: zero stands in their warm-up."""
CONVERGES = {"KC": 200}
"""Ours begins the average true range with the second bar, as ATR does; theirs with the first."""
ALTERNATIVES = [
    {"timeperiod": 3},
    {"timeperiod": 50},
    {"fastperiod": 4, "slowperiod": 11},
    {"fastperiod": 30, "slowperiod": 12},
    {"signalperiod": 2},
    {"matype": "sma"},
    {"matype": "wma"},
    {"nbdevup": 1.5, "nbdevdn": 2.5},
    {"fastk_period": 21},
    {"acceleration": 0.05, "maximum": 0.4},
    {"vfactor": 0.3},
    {"percentile": 90.0},
    {"fastlimit": 0.6, "slowlimit": 0.1},
    {"multiplier": 1.5},
    {"rocperiod": 3},
]


def theirs(name: str, values: dict, cols: dict) -> list[np.ndarray]:
    function = abstract.Function(name)
    chosen = {key: AVERAGES[value] if isinstance(value, str) else value for key, value in values.items() if key in function.parameters}
    if name == "KDJ":
        chosen |= THEIRS
    function.parameters = chosen
    if name in ("CORREL", "BETA"):
        function.input_names = {"price0": "high", "price1": "low"}
    found = function({key: value for key, value in cols.items() if key != "time"})
    return [np.asarray(row, dtype=float) for row in ([found] if isinstance(found, np.ndarray) else found)]


def cases() -> list:
    out = []
    for name in SHARED:
        known = {param.name for param in find(name).params}
        out.append(pytest.param(name, {}, id=name))
        for change in ALTERNATIVES:
            if change.keys() <= known:
                if "fastperiod" in change and change["fastperiod"] > change["slowperiod"] and name not in ("MACD", "APO", "PPO"):
                    continue  # only these take them either way round
                out.append(pytest.param(name, change, id=f"{name}-{'-'.join(map(str, change.values()))}"))
    return out


def test_most_of_talib_is_there() -> None:
    assert len(SHARED) >= 100


@pytest.mark.parametrize(("name", "change"), cases())
def test_equal_to_talib(name: str, change: dict) -> None:
    cols = columns()
    study = find(name).build(**OURS.get(name, {}), **change)
    ours = study.array(cols)
    wanted = theirs(name, study.values, cols)
    assert len(ours) == len(wanted)
    firsts = [int(np.flatnonzero(~np.isnan(row))[0]) for row in wanted]
    if name not in MASKED:
        assert max(firsts) == study.warmup
    for (output, got), row in zip(ours.items(), wanted, strict=True):
        first = CONVERGES.get(name, 0) or (study.warmup if name in MASKED else 0)
        there = ~np.isnan(row)
        there[:first] = False
        scale = np.abs(row[there]).max()
        apart = np.abs(got[there] - row[there]).max()
        assert apart <= TOLERANCE * scale, f"{output}: apart by {apart} of {scale}"
