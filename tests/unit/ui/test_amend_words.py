"""A change of an order says what it costs before it is pressed: its place in the queue, and a moment without an order where it is placed anew."""

from decimal import Decimal

import pytest

from app.ui.amend_words import PLACE, cost, moved, too_little
from app.ui.ticket_rules import Rules

RULES = Rules("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5))
WORKING = {"status": "accepted", "qty": "0.1", "filled": "0", "price": "60000", "stop": None, "triggered": False, "anew": False}
PARTLY = WORKING | {"status": "partially_filled", "filled": "0.04", "anew": True}


@pytest.mark.parametrize(
    ("row", "qty", "price", "starts"),
    [
        (WORKING, "0.1", "59000", PLACE),
        (WORKING, "0.2", "60000", PLACE),
        (WORKING, "0.05", "60000", ""),
        (WORKING | {"status": "held"}, "0.2", "59000", ""),
        (WORKING | {"stop": "61000"}, "0.2", "59000", ""),
        (WORKING | {"stop": "61000", "triggered": True}, "0.2", "59000", PLACE),
        (PARTLY | {"anew": False}, "0.1", "59000", PLACE),
        (PARTLY, "0.05", "60000", ""),
        (PARTLY, "0.1", "59000", f"{PLACE} It is cancelled first, then the 0.06 left is placed at 59,000"),
        (PARTLY, "0.2", "60000", f"{PLACE} It is cancelled first, then the 0.16 left is placed at 60,000"),
    ],
)
def test_what_a_change_costs(row, qty, price, starts):
    said = cost(row, Decimal(qty), Decimal(price))
    assert said.startswith(starts) if len(starts) > len(PLACE) else said == starts


@pytest.mark.parametrize(
    ("row", "qty", "price", "field", "words"),
    [
        (PARTLY, "0.1", "59000", None, ""),
        (PARTLY, "0.04005", "59000", "price", "0.00005, is less than may be placed anew, 5 USDT"),
        (PARTLY | {"qty": "0.04001"}, "0.04002", "60000", "qty", "0.00002, is less than may be placed anew, 5 USDT"),
        (PARTLY, "0.040001", "59000", "price", "0.000001, is less than may be placed anew, 0.00001 BTC"),
        (PARTLY, "0.04005", "60000", None, ""),
        (WORKING, "0.00001", "59000", None, ""),
    ],
    ids=["enough", "worth too little", "too little with more", "below the lot", "only smaller", "not filled"],
)
def test_less_than_may_be_placed_is_said_before(row, qty, price, field, words):
    found = too_little(row, Decimal(qty), Decimal(price), RULES)
    assert (found.field if found else None) == field and words in (found.text if found else "")


def test_a_line_moved_on_the_chart_says_the_same():
    assert moved(WORKING, "price", Decimal("60000"), RULES) == ("", "")
    assert moved(WORKING, "price", Decimal("59000"), RULES) == (PLACE, "")
    assert moved(WORKING | {"stop": "61000"}, "stop", Decimal("61500"), RULES) == ("", "")
    said, problem = moved(PARTLY, "price", Decimal("59000"), None)
    assert said == cost(PARTLY, Decimal("0.1"), Decimal("59000")) and "0.06 left is placed at 59,000" in said and not problem
    said, problem = moved(PARTLY | {"qty": "0.04005"}, "price", Decimal("59000"), RULES)
    assert not said and "less than may be placed anew, 5 USDT" in problem
