"""The compiled form says the same as the other two, over real bars and over bars with holes, jumps and flat stretches."""

from __future__ import annotations

import numpy as np
import pytest

from app.market.indicators import catalogue, compiled, find, writing
from app.market.indicators.compiled import Compiler
from app.market.indicators.emitting import Unsupported
from app.market.indicators.spec import COLUMNS
from tests.unit.market.indicators.kit import assert_same, bars, columns, stepped
from tests.unit.market.indicators.machine import Machine

BY_KERNELS = set(
    "CRSI EBSW HT_DCPERIOD HT_DCPHASE HT_PHASOR HT_SINE HT_TRENDLINE HT_TRENDMODE KVO LAGUERRE_RSI MAMA MCGINLEY MEDIAN PERCENTILE PIVOTS QQE SAR"
    " SUPERTREND SWINGS TVI VWAPBANDS".split()
)
"""What has no compiled form."""


@pytest.fixture(scope="module")
def machine():
    return Machine()


@pytest.fixture
def compiler(machine):
    return Compiler(machine)


def compiled_form(compiler, study, cols):
    return compiler.array(study, {name: np.array(cols[name], float) for name in study.inputs}, len(cols["close"]))


def test_which_have_no_compiled_form() -> None:
    without = set()
    for name, item in catalogue().items():
        try:
            compiled.of(item.build(), rows=False)
        except Unsupported:
            without.add(name)
    assert without == BY_KERNELS


@pytest.mark.parametrize("name", sorted(set(catalogue()) - BY_KERNELS))
def test_it_is_the_bar_by_bar_form_over_real_bars(compiler, name) -> None:
    study, cols = find(name).build(), columns()
    wanted = stepped(study, cols)
    for output, got in compiled_form(compiler, study, cols).items():
        assert_same(got, wanted[output], 1e-9, f"{name} {output}")


def rough(seed: int, size: int = 700) -> dict[str, np.ndarray]:
    """A walk with holes, a price a thousand times too high, a stretch without trades and one without any change."""
    rng = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(rng.normal(size=size)) * 0.5, 2)
    close[rng.integers(0, size, 3)] *= 1000.0
    flat = int(rng.integers(50, size - 100))
    close[flat : flat + 60] = close[flat]
    high, low = close + np.round(rng.random(size), 2), close - np.round(rng.random(size), 2)
    high[flat : flat + 60] = low[flat : flat + 60] = close[flat]
    volume = np.round(rng.random(size) * 50, 1)
    volume[flat + 20 : flat + 90] = 0.0
    cols = dict(zip(COLUMNS, (1.6e9 + 3600.0 * np.arange(size), np.concatenate((close[:1], close[:-1])), high, low, close, volume), strict=True))
    for name in COLUMNS[1:]:
        cols[name][rng.integers(0, size, 2)] = np.nan
    return cols


ROUNDING = {"TII"}
"""Where prices stand still it divides what rounding leaves by itself: no two ways of adding agree."""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", sorted(set(catalogue()) - BY_KERNELS - ROUNDING))
def test_it_is_the_bar_by_bar_form_over_rough_bars_in_any_stretches(compiler, name, seed, monkeypatch) -> None:
    monkeypatch.setattr(compiled, "STRETCH", (1, 64, 501)[seed])
    item = find(name)
    longer = {param.name: 37 for param in item.params if param.name == "timeperiod" and param.high >= 37} if seed % 2 else {}
    study, cols = item.build(**longer), rough(seed)
    wanted = stepped(study, cols)
    for output, got in compiled_form(compiler, study, cols).items():
        assert_same(got, wanted[output], 1e-9, f"{name} {output}")


@pytest.mark.parametrize("name", sorted(set(catalogue()) - BY_KERNELS))
def test_it_goes_on_bar_by_bar_where_the_newest_bar_changes(compiler, name) -> None:
    study, cols = find(name).build(), columns()
    rows = bars(cols)[:400]
    live, running = compiler.start(study), study.start()
    told = np.array([running.step(row) for row in rows[:300]]).T
    for output, got, wanted in zip(study.outputs, live.many(rows[:300]), told, strict=True):
        assert_same(np.array(got), wanted, 1e-9, f"{name} {output}")
    for row in rows[300:]:
        time, first, *_rest = row
        for bar, new in (((time, first, first, first, first, 1.0), True), (row[:3] + (row[3] * 0.99, *row[4:]), False), (row, False)):
            np.testing.assert_allclose(live.step(bar, new), running.step(bar, new), rtol=1e-6, atol=1e-7 * abs(first))


@pytest.mark.parametrize("name", ["SUM", "WMA"])
def test_no_rounding_adds_up_over_a_long_series(compiler, name) -> None:
    study, rng = find(name).build(), np.random.default_rng(3)
    cols = {column: 100.0 + rng.random(3_000) for column in COLUMNS}
    (wanted,), (got,) = stepped(study, cols).values(), compiled_form(compiler, study, cols).values()
    anew = slice(writing._ANEW, None, writing._ANEW)
    np.testing.assert_array_equal(got[anew], wanted[anew])  # to the last bit: what was kept running begins again
