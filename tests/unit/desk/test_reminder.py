"""When a reminder of an export is due, in words; notes and records that make no sense are as if they were not there."""

from __future__ import annotations

import pytest

from app.desk.errors import Refusal
from app.desk.reminder import DAY_NS, Made, Reminder, Rules, read_made, read_rules

MADE = Made("ab", 40, 10 * DAY_NS, 7, 1000)


@pytest.mark.parametrize(
    ("rules", "made", "days", "orders", "counter", "due"),
    [
        (Rules(14, 50), MADE, 13, 56, 41, False),
        (Rules(14, 50), MADE, 14, 7, 41, True),
        (Rules(14, 50), MADE, 14, 7, 40, False),  # nothing was written since
        (Rules(14, 50), MADE, 0, 57, 41, True),
        (Rules(0, 50), MADE, 400, 56, 41, False),
        (Rules(14, 0), MADE, 0, 10_000, 41, False),
        (Rules(0, 0), None, 400, 10_000, 41, False),
        (Rules(14, 50), None, 14, 0, 1, True),
        (Rules(14, 50), None, 0, 50, 1, True),
        (Rules(14, 50), None, 0, 49, 1, False),
        (Rules(14, 50), MADE, -3, 3, 41, False),  # the clock was set back; a restored journal has fewer orders
    ],
)
def test_due_after_days_or_orders(rules: Rules, made: Made | None, days: int, orders: int, counter: int, due: bool) -> None:
    found = Reminder(rules, made, 10 * DAY_NS).judge((10 + days) * DAY_NS, orders, counter)
    assert found["due"] is due and bool(found["reason"]) is due
    assert found["orders_since"] >= 0 and found["days_since"] == max(days, 0)


def test_it_is_said_in_words() -> None:
    reason = Reminder(Rules(1, 50), MADE, 0).judge(11 * DAY_NS, 8, 41)["reason"]
    assert reason == "The last export is 1 day old; 1 order came since. Make an export on the Vault page."
    assert "never exported" in Reminder(Rules(1, 50), None, 0).judge(11 * DAY_NS, 8, 41)["reason"]


def test_what_is_kept_comes_back_and_nonsense_does_not() -> None:
    assert read_rules(Rules(3, 4).to_record()) == Rules(3, 4)
    for record in (None, b"", b"{", b"[]", b'{"days":-1}', b'{"days":true}', b'{"orders":1e9}', b"\xff"):
        assert read_rules(record) == Rules()
    assert read_made(MADE.to_note(), "ab") == MADE
    for note in (None, "", "{}", "[]", "null", MADE.to_note().replace("40", '"x"'), MADE.to_note().replace("40", "-1")):
        assert read_made(note, "ab") is None
    assert read_made(MADE.to_note(), "another") is None
    with pytest.raises(Refusal):
        Rules().changed({"orders": 10**9})
