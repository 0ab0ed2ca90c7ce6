"""Exposure is in the account's currency, and nothing without a rate is passed over in silence."""

from decimal import Decimal

from app.ui.exposure import account_notes, exposures


def account(*positions, ledgers=(), equity="1,000.00", **more) -> dict:
    return {"currency": "USDT", "equity": equity, "positions": list(positions), "ledgers": list(ledgers), **more}


def position(symbol: str, worth: str | None) -> dict:
    return {"symbol": symbol, "side": "short" if worth and worth.startswith("-") else "long", "worth": worth}


def test_shares_of_equity_largest_first():
    found = exposures(account(position("A", "100.00"), position("B", "-250")))
    assert [(row.symbol, row.worth) for row in found.rows] == [("B", Decimal(-250)), ("A", Decimal(100))]
    assert found.text.startswith("Gross 35.0 % of equity, net −15.0 %.")


def test_the_sum_is_of_exact_amounts_and_not_of_what_is_shown():
    found = exposures(account(*[position(name, "0.4") for name in "ABCDE"]))
    assert found.text.startswith("Gross 0.2 % of equity")


def test_a_position_without_a_rate_is_named():
    found = exposures(account(position("ADA/XBT", None), position("A", "10")))
    assert [row.symbol for row in found.rows] == ["A", "ADA/XBT"]
    assert found.gross == 10 and "not counted: ADA/XBT" in found.text


def test_no_positions_and_no_account():
    assert exposures(account()).text == "No exposure: all of the equity is cash."
    locked = exposures(account(position("A", "10"), equity="–"))
    assert locked.share(Decimal(10)) == "–"


def test_notes_say_what_is_assumed_or_left_out():
    notes = account_notes(account(assumed=["USD"], unconverted=["EUR", "GBP"], unmarked=["A"]))
    assert notes == [
        "Counted one to one as USDT: USD.",
        "Not in any total, no rate to USDT is known: EUR, GBP.",
        "Carried at cost, no price is known: A.",
    ]
    assert account_notes(account()) == []
