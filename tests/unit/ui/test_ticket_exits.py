"""The exits of a ticket: they leave it with the order they were sent with, and their heading says when they are set."""

import pytest

from app.ui.ticket_exits import Going, heading, without
from app.ui.ticket_rules import Draft

SENT = Draft("BTCUSDT", "buy", "limit", qty="0.01", price="60000", take_profit="65,000", stop_loss="58000")


@pytest.mark.parametrize("status", ["held", "accepted", "partially_filled", "filled", "cancelled", "expired"])
def test_exits_leave_once_with_an_order_that_was_taken(status):
    going = Going()
    going.sent("a", SENT)
    assert going.answered({"client_order_id": "b", "status": status}) is None
    assert going.answered({"client_order_id": "a", "status": "pending"}) is None, "nobody knows yet"
    assert going.answered({"client_order_id": "a", "status": status}) == SENT
    assert going.answered({"client_order_id": "a", "status": "filled"}) is None, "what is typed for the next order stays"


@pytest.mark.parametrize("status", ["rejected", "denied"])
def test_exits_of_a_refused_order_stay_for_another_try(status):
    going = Going()
    going.sent("a", SENT)
    assert going.answered({"client_order_id": "a", "status": "unknown"}) is None
    assert going.answered({"client_order_id": "a", "status": status}) is None
    assert going.answered({"client_order_id": "a", "status": "accepted"}) is None


def test_only_what_was_sent_leaves():
    left = without(SENT, SENT)
    assert (left.take_profit, left.stop_loss, left.qty, left.price, left.type) == ("", "", "0.01", "60000", "limit")
    typed = Draft("BTCUSDT", qty="1", take_profit="66000", stop_loss="58000")
    assert without(typed, SENT) == Draft("BTCUSDT", qty="1", take_profit="66000")


def test_the_heading_says_what_is_set():
    assert heading(Draft("BTCUSDT")) == "Exits: take profit, stop loss"
    assert heading(SENT, 2) == "Exits: take profit 65,000.00, stop loss 58,000.00"
    assert heading(Draft("BTCUSDT", stop_loss=" 58.125 "), 2) == "Exits: stop loss 58.125"
    assert heading(Draft("BTCUSDT", take_profit="6x"), 2) == "Exits: take profit 6x"
