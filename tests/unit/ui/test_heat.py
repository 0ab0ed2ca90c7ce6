"""The heatmap on the page: constant memory, gaps that look like gaps, the middle in sight, and the same in words; the depth curve's outline."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.heat import HeatModel, area, colour, depth_range, shade

INK = ((0, 200, 0), (200, 0, 0), (250, 180, 0), (255, 255, 255))


def sample(ms: int, first: int = 100, sizes: list | None = None, bid: float = 108.5, ask: float = 110.2) -> list:
    return [ms, first, sizes or [1.0] * 20, bid, ask]


def message(*columns: list, reset: bool = False) -> dict:
    return {"symbol": "A", "reset": reset, "step": "0.5", "columns": list(columns)}


def pixel(data: bytes, row: int) -> tuple:
    return tuple(data[4 * row : 4 * row + 4])


def test_the_middle_is_in_the_middle_and_sides_have_their_colours():
    model = HeatModel(10, 20)
    _new, anew = model.take(message(sample(0), reset=True))
    assert anew and model.top == 119 and model.step == Decimal("0.5")
    column = model.pixels(model.columns[-1], *INK)
    assert len(column) == 80
    assert pixel(column, 119 - 105)[:3] == INK[0] and pixel(column, 119 - 115)[:3] == INK[1]
    assert pixel(column, 119 - 108) == pixel(column, 119 - 110) == (255, 255, 255, 255)
    assert model.edges == ("60.0", "50.0")


def test_a_gap_is_stripes_and_says_why():
    model = HeatModel(10, 8)
    model.take(message(sample(0), [500, "update 5 expected"], [1000, "update 5 expected"], sample(1500), [2000, "not looked at"], reset=True))
    stripes = model.pixels(model.columns[1], *INK)
    assert {pixel(stripes, row)[:3] for row in range(8)} == {INK[2]} and len({pixel(stripes, row) for row in range(8)}) == 2
    assert [text.partition(": ")[2] for text in model.gaps] == ["update 5 expected", "not looked at"]
    assert model.text.endswith("over 2 seconds, 2 gaps.") and model.thickest() == []


def test_a_market_that_moves_away_is_followed_and_all_drawn_anew():
    model = HeatModel(10, 20)
    model.take(message(sample(0), reset=True))
    assert model.take(message(sample(500, bid=110.0, ask=111.0)))[1] is False
    assert model.take(message(sample(1000, first=150, bid=159.0, ask=160.0)))[1] is True and model.top == 169
    assert model.take(message(sample(1500, first=150, sizes=[9.0] * 20, bid=159.0, ask=160.0)))[1] is True, "the brightest is brighter by far"


def test_the_image_is_the_columns_side_by_side_newest_last():
    model = HeatModel(4, 20)
    model.take(message(sample(0), [500, "lost"], sample(1000), reset=True))
    image = model.image(*INK)
    assert len(image) == 4 * 4 * 20
    for at, column in enumerate(model.columns, 1):
        assert b"".join(image[(row * 4 + at) * 4 : (row * 4 + at + 1) * 4] for row in range(20)) == model.pixels(column, *INK)
    assert all(image[row * 16 : row * 16 + 4] == bytes(4) for row in range(20)), "what is not yet there is empty"


def test_the_thickest_rows_in_words():
    model = HeatModel(10, 20)
    thin, thick = [1.0] * 20, [1.0] * 20
    thick[3], thick[15] = 8.0, 4.0
    model.take(message(sample(0, sizes=thin), sample(500, sizes=thick), sample(1000, sizes=thick), reset=True))
    assert model.thickest(2) == [("bid", "51.5", "8", 2), ("ask", "57.5", "4", 2)]
    assert HeatModel(3, 8).text == "No sample of the book yet." and HeatModel(3, 8).thickest() == []


COLUMN = st.integers(0, 3).map(lambda kind: sample(0, 90 + kind * 40, None, 95.0 + kind * 40, 96.0 + kind * 40) if kind else [0, "lost"])


@given(st.lists(COLUMN, max_size=60))
def test_memory_is_constant(columns):
    model = HeatModel(12, 20)
    model.take(message(*columns, reset=True))
    assert len(model.columns) <= 12 and len(model.image(*INK)) == 4 * 12 * 20


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_shades_stay_within_a_byte_and_nothing_is_clear(size, peak):
    assert 0 <= shade(size, peak) <= 255 and (shade(size, peak) > 0) == (size > 0)


def test_colours_are_those_of_the_page():
    assert colour(" #45c08f") == (0x45, 0xC0, 0x8F) and colour("nonsense") == (128, 128, 128) == colour("#zzzzzz")


def test_the_depth_curve_is_steps_from_the_middle_out():
    curve = {"bids": [[99.0, 1.0], [98.0, 3.0]], "asks": [[101.0, 2.0], [104.0, 4.0]]}
    low, high, most = depth_range(curve)
    assert (low, high, most) == (98.0, 102.0, 3.0)
    assert area(curve["asks"], low, high, most, 100, 30) == "M75 30L75 30L75 10L100 10L100 0L100 0L100 30Z"
    assert area(curve["bids"], low, high, most, 100, 30) == "M25 30L25 30L25 20L0 20L0 0L0 0L0 30Z"
    assert depth_range({"bids": [], "asks": [[1, 1]]}) is None and area([], 0, 1, 1, 1, 1) == ""


@pytest.mark.parametrize("side", ["bids", "asks"])
def test_one_level_a_side_is_drawn(side):
    low, high, most = depth_range({"bids": [[99.0, 1.0]], "asks": [[101.0, 2.0]]})
    assert low < high and area([[99.0 if side == "bids" else 101.0, 1.0]], low, high, most, 10, 10)
