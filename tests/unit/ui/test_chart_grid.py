"""The page of charts: one to eight in fitting places, linked or pinned, remembered whatever was written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.chart_grid import COLUMNS, LAYOUTS, MOST, Cell, Grid

SYMBOLS = [f"S{number}" for number in range(12)]


def test_it_begins_with_four_linked_charts_of_other_frames():
    grid = Grid()
    assert [(cell.symbol, cell.timeframe) for cell in grid.cells] == [(None, "1s"), (None, "1m"), (None, "5m"), (None, "15m")]
    assert grid.places == 4 and COLUMNS.keys() == set(LAYOUTS)


def test_one_more_is_pinned_to_what_no_chart_shows_and_gets_its_place():
    grid = Grid()
    assert grid.add(SYMBOLS) == Cell("c5", "S0", "1m") and grid.places == 6 and grid.current == "c5"
    assert grid.add(SYMBOLS).symbol == "S1" and grid.add([]).symbol is None
    assert grid.add(SYMBOLS).id == "c8" and grid.places == 8
    assert grid.add(SYMBOLS) is None and len(grid.cells) == MOST


def test_taking_away_keeps_a_current_one_and_the_last():
    grid = Grid()
    grid.choose("c2")
    assert grid.remove("c2") and grid.current == "c3" and grid.places == 4
    assert grid.remove("c4") and grid.places == 2
    assert not grid.remove("nonsense")
    assert grid.remove("c1") and not grid.remove("c3") and grid.places == 1
    assert grid.add().id == "c1"


def test_arranging_fills_and_cuts():
    grid = Grid()
    grid.choose("c4")
    grid.arrange(8, SYMBOLS)
    assert [cell.symbol for cell in grid.cells] == [None] * 4 + SYMBOLS[:4] and grid.current == "c4"
    grid.arrange(2)
    assert [cell.id for cell in grid.cells] == ["c1", "c2"] and grid.current == "c1"
    assert grid.step(1) == "c2" and grid.step(1) == "c1" and grid.step(-1) == "c2"
    with pytest.raises(ValueError, match="3 places"):
        grid.arrange(3)


def test_it_is_remembered():
    grid = Grid()
    grid.arrange(6, SYMBOLS)
    grid.cells[1].indicators = [{"id": "i1", "name": "SMA", "params": {}}]
    grid.choose("c5")
    assert Grid.remembered(json.loads(json.dumps(grid.state()))).state() == grid.state()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 20) | st.sampled_from(["c1", "c2", "1m", "x", ""]),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.sampled_from(["cells", "places", "current", "id", "symbol", "timeframe"]), inner),
)


@given(JUNK)
def test_nothing_that_was_written_breaks_it(state):
    grid = Grid.remembered(state)
    assert 1 <= len(grid.cells) <= grid.places <= MOST and grid.places in LAYOUTS and grid.has(grid.current)
