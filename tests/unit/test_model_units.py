"""Numbers as people type them."""

import pytest

from app.model.units import ungrouped


@pytest.mark.parametrize(
    ("typed", "plain"),
    [("1,234.5", "1234.5"), (" 250 000 ", "250000"), ("1\u202f234\u202f567.", "1234567."), ("1\u00a0000", "1000"), ("-5", "-5"), ("+1,000", "+1000")],
)
def test_thousands_separators_are_left_out(typed, plain):
    assert ungrouped(typed) == plain


@pytest.mark.parametrize("typed", ["1,5", "1,23,456", "12 34", "1 000,000", "1.234,5", "0 5"])
def test_what_is_no_thousands_separator_stays(typed):
    assert ungrouped(typed) == typed
