"""What every entry of the registry promises, and that the reference says the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.market.indicators import BadParameter, catalogue, find
from app.market.indicators.reference import reference

ROOT = Path(__file__).resolve().parents[4]


def test_the_reference_is_that_of_the_registry() -> None:
    assert (ROOT / "docs" / "indicators.md").read_text() == reference(), "python -m app.market.indicators.reference > docs/indicators.md"


def test_there_are_a_hundred_and_names_are_unique_in_their_outputs() -> None:
    assert len(catalogue()) >= 100
    for item in catalogue().values():
        assert len({output.name for output in item.outputs}) == len(item.outputs)
        assert item.pane in ("overlay", "own")


def test_bounds_are_bounds() -> None:
    for item in catalogue().values():
        for param in item.params:
            if param.kind == "choice":
                assert param.default in param.choices
                for choice in param.choices:
                    item.build(**{param.name: choice})
            else:
                for value in (param.low, param.default, min(param.high, 200)):
                    item.build(**{param.name: value})
                for value in (param.low - 1, param.high + 1, float("nan"), "many", None, True):
                    with pytest.raises(BadParameter) as refused:
                        item.build(**{param.name: value})
                    assert refused.value.field == param.name and refused.value.remedy


def test_inputs_are_told() -> None:
    assert find("ATR").build().inputs == ("high", "low", "close")
    assert find("VWAP").build().inputs == ("time", "high", "low", "close", "volume")
    assert find("EMA").build(source="hl2").inputs == ("high", "low")


def test_bar_by_bar_needs_no_numpy() -> None:
    code = """
import sys
sys.modules["numpy"] = None
from app.market.indicators import catalogue
for item in catalogue().values():
    running = item.build().start()
    for at in range(30):
        running.step((60 * at, 10.0 + at, 12.0 + at, 9.0 + at, 11.0 + at, 5.0))
print(len(catalogue()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 100
