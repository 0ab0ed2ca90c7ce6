"""The equity curve drawn inside its box and told in words."""

from hypothesis import given
from hypothesis import strategies as st

from app.ui.equity_curve import FALL_HEIGHT, HEIGHT, WIDTH, check_words, draw, money, words

ROWS = [[0, "100", "100", "100", "0"], [10, "90.5", "130", "120", "9.5"], [20, "110", "115", "112", "20"]]


def points(path: str) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split())) for point in path.strip("MZ").split("L")]


def test_the_lines_are_where_the_amounts_are():
    drawing = draw(ROWS, "105")
    assert [x for x, _ in points(drawing.line)] == [0, 300, 600]
    assert min(points(drawing.band), key=lambda point: point[1]) == (300, 4)
    assert max(points(drawing.band), key=lambda point: point[1]) == (300, HEIGHT - 4)
    assert points(drawing.fall)[3] == (600, FALL_HEIGHT - 2), "from 130 to 110: 90.5 came before 130"
    assert (drawing.highest, drawing.lowest, drawing.deepest) == ("130.00", "90.50", "20.00")
    assert 4 < drawing.day_y < HEIGHT - 4


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=8)


@given(st.lists(st.tuples(st.integers(1, 10**6), amounts, amounts), min_size=2, max_size=30), st.none() | amounts)
def test_everything_stays_inside(steps, day_open):
    rows, now = [], 0
    for step, one, two in steps:
        now += step
        rows.append([now, str(min(one, two)), str(max(one, two)), str(one), str(abs(one - two))])
    drawing = draw(rows, None if day_open is None else str(day_open))
    for path, tall in ((drawing.line, HEIGHT), (drawing.band, HEIGHT), (drawing.fall, FALL_HEIGHT)):
        assert all(0 <= x <= WIDTH and 0 <= y <= tall for x, y in points(path))


def test_one_sample_is_no_line_and_none_says_so():
    assert draw(ROWS[:1], None) is None
    assert "No equity recorded" in words({"rows": [], "currency": "USDT"})


def test_the_words_have_change_day_and_falls():
    deepest = {"amount": "39.5", "percent": "30.38", "peak_ns": 10**18, "low_ns": 10**18, "peak": "130", "low": "90.5"}
    text = words({"rows": ROWS, "currency": "USDT", "day_open": "105", "peak": "130", "fall": "18", "deepest": deepest})
    for part in ("100.00 to 112.00 USDT (+12.00)", "began at 105.00", "Now 18.00 below the peak of 130.00", "39.50 (30.38 %)"):
        assert part in text
    assert money("-1234.567") == "−1,234.57" and money(None) == "–"


def test_the_check_says_when_it_does_not_add_up():
    found = {"cash": "99", "equity": "100", "currency": "USDT", "total": {"net": "1"}, "difference": "0", "left_out": []}
    assert check_words(found) == "Cash 99.00 and positions 1.00 are the equity of 100.00 USDT, exactly."
    assert "but for 0.5" in check_words({**found, "difference": "0.5"})
    assert check_words({**found, "left_out": ["ETHBTC"]}).endswith("in neither: ETHBTC.")
