from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.desk import display


def test_units_show_every_decimal_and_thousands():
    assert display.units(6183763, 2) == "61,837.63"
    assert display.units(5, 8) == "0.00000005"
    assert display.units(-150, 2) == "\u22121.50"
    assert display.units(1234, 0) == "1,234"


@given(st.integers(-(10**20), 10**20), st.integers(0, 12))
def test_units_read_back_to_the_same_number(value, scale):
    text = display.units(value, scale).replace(",", "").replace(display.MINUS, "-")
    assert Decimal(text) == Decimal(value).scaleb(-scale)


def test_numbers_round_half_even_and_a_rounded_zero_has_no_sign():
    assert display.number(Decimal("1234.565"), 2) == "1,234.56"
    assert display.number(Decimal("-0.001"), 2) == "0.00"
    assert display.number(Decimal("3"), 2, sign=True) == "+3.00"
    assert display.number(Decimal("-1234.5")) == "\u22121,234.5"


def test_percent_has_a_sign_and_needs_a_base():
    assert display.percent(110, 100) == "+10.00"
    assert display.percent(99, 100) == "\u22121.00"
    assert display.percent(100, 100) == "0.00"
    assert display.percent(1, 0) is None


def test_brief_numbers_keep_five_digits_that_count():
    assert display.brief(Decimal("0.0000123456")) == "0.000012346"
    assert display.brief(Decimal("5667123.4")) == "5,667,100"
    assert display.brief(Decimal("7.50")) == "7.5"
