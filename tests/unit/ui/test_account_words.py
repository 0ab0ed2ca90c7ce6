"""What is said of several accounts."""

from app.ui.account_words import amount, option, orders, total

PAPER = {"name": "paper", "title": "Paper", "real": False, "accepting": True, "reason": ""}
REAL = {"name": "alpaca", "title": "Alpaca", "real": True, "accepting": False, "reason": "real orders are not armed"}


def test_rows():
    assert (option(PAPER), option(REAL)) == ("Paper", "Alpaca (real)")
    assert (orders(PAPER), orders(REAL)) == ("taken", "refused: real orders are not armed")
    assert (amount("1234567.8951", "USD"), amount(None, "USD")) == ("1,234,567.90 USD", "–")


def test_what_is_left_out_of_the_total_is_named():
    message = {"rows": [PAPER, REAL], "total": {"currency": "USDT", "equity": "1500.005", "left_out": []}}
    assert total(message) == "All accounts together: 1,500.00 USDT at the rates of now."
    message["total"]["left_out"] = ["alpaca"]
    assert total(message).endswith("Left out (closed, or no rate for its currency): Alpaca.")
    message["total"]["left_out"] = ["paper", "alpaca"]
    assert total(message) == "No account is open: nothing to add up."
