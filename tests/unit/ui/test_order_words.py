"""Orders and positions are told in words a trader can act on."""

from datetime import date
from decimal import Decimal

import pytest

from app.model.orders import OrderStatus
from app.ui.format import NOTHING
from app.ui.order_words import (
    STATUS_WORDS,
    accounts_text,
    amendable,
    blotter,
    close_text,
    contract_text,
    decimals,
    distance,
    fixed,
    legs_text,
    marks,
    number,
    order_text,
    outcome,
    position_side,
    price_text,
    reverse_text,
    rolls,
    status_tone,
    status_word,
    value,
    why,
)

ROW = {
    "client_order_id": "kt-a",
    "symbol": "BTCUSDT",
    "side": "buy",
    "type": "limit",
    "tif": "gtc",
    "qty": "1500",
    "filled": "0",
    "remaining": "1500",
    "price": "61800",
    "stop": None,
    "average_price": None,
    "status": "accepted",
    "reason": "",
    "evidence": "",
}


def row(**changes) -> dict:
    return {**ROW, **changes}


def test_every_status_has_a_word():
    assert set(STATUS_WORDS) == {status.value for status in OrderStatus}


def test_order_text():
    assert order_text(ROW, "BTC") == "Buy 1,500 BTC, limit 61,800"
    assert order_text(row(type="market", price=None), "BTC") == "Buy 1,500 BTC at market"
    assert order_text(row(type="stop_limit", stop="61700")) == "Buy 1,500 BTCUSDT, stop 61,700, limit 61,800"
    assert order_text(row(type="trailing_stop", price=None, stop="61700", trail="1200")) == "Buy 1,500 BTCUSDT, trailing by 1,200, stop 61,700"
    touched = row(type="limit_if_touched", stop="61700")
    assert order_text(touched, "BTC", 2) == "Buy 1,500 BTC, if touched at 61,700.00, limit 61,800.00"
    assert outcome({**touched, "status": "held"}, "BTC", 1)[1] == "Held by this desk, not by the venue: Buy 1,500 BTC, if touched at 61,700.0, limit 61,800.0."
    assert order_text(row(price="61800.125"), "BTC", 2) == "Buy 1,500 BTC, limit 61,800.125", "nothing is rounded away"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "61,800.00"),
        ({"type": "market", "price": None}, NOTHING),
        ({"type": "stop", "price": None, "stop": "61700"}, "61,700.00"),
        ({"type": "stop_limit", "stop": "61700.5"}, "61,700.50~→ 61,800.00"),
        ({"type": "trailing_stop", "price": None, "stop": "61700", "trail": "1200"}, "by~1,200~· 61,700.00"),
        ({"type": "trailing_stop", "price": None, "stop": None, "trail_percent": "1.5"}, f"by~1.5~%~· {NOTHING}"),
    ],
)
def test_the_price_column_holds_every_price_of_an_order(changes, text):
    assert price_text(row(**changes), 2) == text.replace("~", "\u00a0")


def test_a_trailing_stop_has_a_distance_that_can_be_changed_until_it_is_triggered():
    trailing = {"type": "trailing_stop", "price": None, "stop": "61700"}
    percent = row(**trailing, trail=None, trail_percent="1.5", held=False, triggered=False)
    assert (distance(row(**trailing, trail="1200")), distance(percent), distance(ROW)) == ("1,200", "1.5 %", "")
    assert amendable(percent) == ["qty", "trail"] and amendable({**percent, "held": True}) == ["qty", "trail"]
    assert amendable({**percent, "triggered": True}) == []
    assert amendable(ROW) == ["qty", "price"] and amendable(row(stop="1", type="stop_limit", parent="kt-b")) == ["price", "stop"]
    assert amendable(row(type="market", price=None)) == []


@pytest.mark.parametrize(
    ("changes", "tone", "text"),
    [
        ({}, "accent", "Working: Buy 1,500 BTC, limit 61,800."),
        ({"status": "filled", "filled": "1500", "average_price": "61799.5"}, "good", "Filled: bought 1,500 BTC at 61,799.5."),
        ({"status": "rejected", "reason": "not enough cash"}, "danger", "Rejected: nothing was traded. Not enough cash."),
        ({"status": "cancelled"}, "flat", "Cancelled: nothing was traded."),
        (
            {"status": "expired", "filled": "3", "average_price": "9"},
            "flat",
            "Expired: Bought 3 of 1,500 BTC at 9 on average.",
        ),
        (
            {"status": "unknown", "evidence": "sent 14:02, connection lost"},
            "amber",
            "Unknown: Sent 14:02, connection lost. It is not sent again; query it in Orders.",
        ),
        ({"status": "pending"}, "amber", "Kept and sent, no answer yet: Buy 1,500 BTC, limit 61,800."),
    ],
)
def test_outcome(changes, tone, text):
    assert outcome(row(**changes), "BTC") == (tone, text)


@pytest.mark.parametrize(
    ("position", "side", "close", "reverse"),
    [
        ({"qty": "0.5", "side": "long"}, "Long", "Sell 0.5 BTC at market to close", "Sell 1.0 BTC at market to be short 0.5"),
        ({"qty": "-0.5"}, "Short", "Buy 0.5 BTC at market to close", "Buy 1.0 BTC at market to be long 0.5"),
        ({"qty": "−1,000"}, "Short", "Buy 1,000 BTC at market to close", "Buy 2,000 BTC at market to be long 1,000"),
    ],
)
def test_positions_say_what_a_press_does(position, side, close, reverse):
    assert position_side(position) == side
    assert close_text(position, "BTC") == close
    assert reverse_text(position, "BTC") == reverse


def test_numbers_at_a_precision():
    assert fixed("61789.8", 2) == "61,789.80" and fixed("-0.30915005", 4) == "−0.3092" and fixed(None, 2) == "–"
    assert [decimals(step) for step in ("0.01", "0.010", "1", "0.00000001", None)] == [2, 2, 0, 8, 0]


def test_numbers():
    assert number(None) == "–" and number("") == "–" and number("-1234.5") == "−1,234.5"
    assert value("−1,234.5") == Decimal("-1234.5") and value("–") is None and value("x") is None


def test_a_change_without_an_answer_stands_before_the_state():
    assert (status_word({"status": "accepted"}), status_tone({"status": "accepted"})) == ("Working", "accent")
    row = {"status": "accepted", "amending": True}
    assert (status_word(row), status_tone(row)) == ("Amending", "amber")
    assert status_tone({"status": "cancelled", "amending": False}) == ""


def test_a_contract_says_what_it_is_worth_and_a_share_nothing():
    assert contract_text({"multiplier": "50"}) == "1 contract = 50 \u00d7 price"
    assert contract_text({"multiplier": "12500000"}) == "1 contract = 12,500,000 \u00d7 price"
    assert contract_text({"multiplier": "0"}) == "size not known: it cannot be traded"
    assert contract_text({}) == ""


def test_where_a_routed_order_goes_names_its_accounts():
    parts = [
        {"account": "paper", "title": "Paper", "real": False, "client_order_id": "kt-p", "qty": "1.5"},
        {"account": "binance", "title": "Binance", "real": True, "client_order_id": "kt-b", "qty": "1"},
    ]
    legs = [{"account": part["account"], "symbol": "BTCUSDT", "qty": part["qty"]} for part in parts]
    assert legs_text({"legs": legs, "parts": parts}, "BTC") == "1.5 BTC to BTCUSDT in Paper, 1 to BTCUSDT in Binance (real money)"
    assert accounts_text({"parts": parts}, "BTC") == "Goes to 2 accounts: 1.5 BTC in Paper, 1 BTC in Binance (real money)."
    assert accounts_text({"parts": [parts[1], {**parts[0], "qty": "0"}]}, "BTC") == "Goes to 1 account: 1 BTC in Binance (real money)."
    assert legs_text({"legs": [{"symbol": "A", "qty": "1"}]}, "BTC") == "1 BTC to A" and accounts_text({"legs": []}, "BTC") == ""
    row = {"client_order_id": "kt-p", "legs": ["kt-leg"], "parts": parts}
    assert marks(row) == "routed to 1 venue, the rest elsewhere: 1 in Binance (real money)" and marks({**row, "parts": []}) == "routed to 1 venue"
    assert why({**row, "status": "filled", "reason": ""}) == "The rest elsewhere: 1 in Binance (real money)."


def test_legs_elsewhere_stand_under_their_routed_order_and_after_its_own():
    orders = {key: {"client_order_id": key} for key in ("before", "leg1", "leg2", "after")}
    routed = {"w": {"client_order_id": "w", "legs": ["leg1", "leg2"]}}
    elsewhere = {key: {"client_order_id": key, "whole": whole} for key, whole in (("x1", "w"), ("x2", "w"), ("lost", "unknown"))}
    rows = [row["client_order_id"] for row in reversed(blotter(orders, routed, elsewhere))]
    assert rows == ["after", "w", "leg2", "leg1", "x1", "x2", "before"]


@pytest.mark.parametrize(("day", "tone", "when"), [("2026-11-28", "", "in 20 days"), ("2026-12-17", "amber", "in 1 day"), ("2026-12-18", "amber", "today")])
def test_a_continuous_future_says_which_month_ends_next(day, tone, when):
    es = {"rolls": [["ESZ26", "2026-12-18"], ["ESH27", "2027-03-19"]]}
    assert rolls(es, date.fromisoformat(day))[:2] == (tone, "ESZ26 ends 18 Dec") and f"2026, {when};" in rolls(es, date.fromisoformat(day))[2]
    assert rolls(es, date(2026, 12, 19))[1] == "ESH27 ends 19 Mar" and rolls({}, date(2026, 12, 19)) == rolls(None, date(2026, 12, 19)) == ("", "", "")
