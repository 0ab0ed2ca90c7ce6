"""Every indicator over generated bars: bar by bar = whole series, whatever the newest bar said before it closed, gaps in the numbers included."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.indicators import Indicator, catalogue, find
from app.market.indicators.compiled import Compiler
from app.market.indicators.emitting import Unsupported
from app.market.indicators.spec import COLUMNS
from tests.unit.market.indicators.kit import assert_same, bars, columns, stepped
from tests.unit.market.indicators.machine import Machine

TOLERANCE = 1e-7
LEAST = 4e-6
"""What cancels to nothing leaves the rounding of what went in: of the greatest of it so much counts."""
LEAST_OF = {"VWMACD": 1e-2}
"""A difference of quotients: a bar with a million times the volume of the others leaves its rounding in both."""
STEPS = st.sampled_from([0.0, 0.0, 0.01, -0.01, 0.25, -0.25, 1.0, -1.0, 3.5, -3.5])


@st.composite
def series(draw: st.DrawFn) -> dict[str, np.ndarray]:
    """Bars on a grid of cents, with flat stretches, bars without volume and, at times, numbers that are none."""
    size = draw(st.integers(1, 140))
    level = draw(st.sampled_from([20.0, 100.0, 60_000.0]))
    closes = [level]
    for step in draw(st.lists(STEPS, min_size=size - 1, max_size=size - 1)):
        closes.append(max(1.0, round(closes[-1] + step, 2)))
    close = np.array(closes)
    opened = np.concatenate(([level], close[:-1]))
    reach = np.array(draw(st.lists(st.sampled_from([0.0, 0.0, 0.01, 0.5, 2.0]), min_size=size, max_size=size)))
    volume = np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 2.5, 10.0, 1e6]), min_size=size, max_size=size)))
    out = {
        "time": 1_600_000_000.0 + 7200.0 * np.arange(size),
        "open": opened,
        "high": np.maximum(opened, close) + reach,
        "low": np.maximum(0.5, np.minimum(opened, close) - reach),
        "close": close,
        "volume": volume,
    }
    for at in draw(st.lists(st.integers(0, size - 1), max_size=2)):
        for name in draw(st.sampled_from([("close",), ("volume",), ("high", "low"), ("open", "high", "low", "close", "volume")])):
            out[name][at] = draw(st.sampled_from([math.nan, math.inf]))
    return out


def parameters(item: Indicator) -> st.SearchStrategy[dict]:
    """Values within the bounds; periods short enough for the series."""

    def values(param) -> st.SearchStrategy:
        if param.kind == "choice":
            return st.sampled_from(param.choices)
        if param.kind == "int":
            return st.integers(int(param.low), int(min(param.high, 45)))
        return st.floats(param.low, param.high, allow_nan=False)

    return st.fixed_dictionaries({}, optional={param.name: values(param) for param in item.params})


@pytest.fixture(scope="module")
def compiler():
    return Compiler(Machine())


@pytest.mark.parametrize("name", catalogue())
def test_bar_by_bar_is_the_whole_series(name: str, compiler: Compiler) -> None:
    item = catalogue()[name]

    @settings(max_examples=6, deadline=None, database=None)
    @given(series(), parameters(item))
    def check(cols: dict, params: dict) -> None:
        study = item.build(**params)
        whole = study.array(cols)
        level = LEAST_OF.get(name, LEAST) * max(float(np.nanmax(np.abs(cols[column][np.isfinite(cols[column])]), initial=0.0)) for column in COLUMNS[1:])
        rows = stepped(study, cols)
        for output, row in rows.items():
            assert_same(row, whole[output], TOLERANCE, f"{output} of {study.values}", least=level)
        with suppress(Unsupported):
            for output, column in compiler.array(study, study.read(cols), len(cols["close"])).items():
                assert_same(column, rows[output], TOLERANCE, f"compiled {output} of {study.values}", least=level)

    check()


@pytest.mark.parametrize("name", catalogue())
def test_what_the_newest_bar_said_before_it_closed_leaves_no_trace(name: str) -> None:
    study = catalogue()[name].build()
    rng = np.random.default_rng(5)
    close = 100 + np.cumsum(rng.normal(size=300))
    cols = dict(zip(COLUMNS, (1.6e9 + 3600 * np.arange(300.0), close - 0.3, close + 1, close - 1.5, close, rng.integers(0, 50, 300) * 1.0), strict=True))
    calm, restless = study.start(), study.start()
    for bar in bars(cols):
        time, opened, *_rest = bar
        for at, guess in enumerate((opened, opened * 1.03, math.nan)):
            restless.step((time, opened, guess, guess * 0.98, guess, 3.0), at == 0)
        assert repr(calm.step(bar)) == repr(restless.step(bar, False))


@pytest.mark.parametrize("name", catalogue())
def test_nothing_looks_ahead_and_the_warm_up_is_as_declared(name: str) -> None:
    study = catalogue()[name].build()
    rng = np.random.default_rng(7)
    size = study.warmup + 60
    close = 100 + np.cumsum(rng.normal(size=size))
    opened, volume = close + rng.normal(size=size), 1.0 + rng.integers(0, 50, size)
    cols = dict(zip(COLUMNS, (1.6e9 + 86_400 * np.arange(size), opened, close + 3, close - 3.5, close, volume), strict=True))
    whole = study.array(cols)
    firsts = [int(np.flatnonzero(~np.isnan(row))[0]) for row in whole.values()]
    if name == "SWINGS":  # needs a swing as well
        assert max(firsts) >= study.warmup
    else:
        assert max(firsts) == study.warmup
    half = size - 25
    part = study.array({key: value[:half] for key, value in cols.items()})
    for output, row in part.items():
        assert_same(row, whole[output][:half], 1e-9, output)


def with_volume(volumes: dict[int, float], name: str = "quotes") -> dict[str, np.ndarray]:
    """Real bars, with these volumes."""
    cols = {**columns(name), "volume": columns(name)["volume"].copy()}
    for at, volume in volumes.items():
        cols["volume"][at] = volume
    return cols


@pytest.mark.parametrize("name", [name for name, item in catalogue().items() if "volume" in item.build().inputs])
def test_an_unknown_volume_is_never_taken_for_a_number(name: str) -> None:
    study, places = catalogue()[name].build(), (200, 210)
    found, least, most = (stepped(study, with_volume(dict.fromkeys(places, volume))) for volume in (math.nan, 1e-6, 1e15))
    for output, values in found.items():
        for at in places:  # no number, or one that the volume has no part in
            assert math.isnan(values[at]) or values[at] == least[output][at] == most[output][at], (output, at)
        assert math.isfinite(values[-1]) and np.array_equal(values[:200], stepped(study, columns())[output][:200], equal_nan=True)


@pytest.mark.parametrize("name", ["NVI", "PVI"])
def test_after_an_unknown_volume_nobody_knows_whether_it_grew(name: str) -> None:
    [values] = stepped(find(name).build(), with_volume({100: math.nan})).values()
    assert np.flatnonzero(np.isnan(values)).tolist() == [100, 101]


def test_a_mean_of_squares_is_a_number_also_after_falls_that_have_left_it() -> None:
    close = np.array([93, 100, 114, 93, 100, 79, 114, 86, 100, 100, 86, 86, 100, 79, *[114] * 16, 107, 114, 121, 114, 107, 100, 100, 86, 100, 100], float)
    cols = {name: close for name in COLUMNS[1:]} | {"time": np.arange(len(close)) * 60.0}
    study = find("ULCER").build()
    [whole] = study.array(cols).values()
    assert_same(whole, *stepped(study, cols).values(), TOLERANCE, "ULCER")
    assert whole[27] == 0.0 and not np.isnan(whole[26:]).any()
