"""The ticket's checks name the field and the remedy, and its button says what it does."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.ticket_rules import (
    HELD_NOTE,
    HELD_TYPES,
    Draft,
    Rules,
    Unreadable,
    affordable,
    button_text,
    check,
    grouped,
    order_fields,
    plain,
    read_number,
    share_of,
)

RULES = Rules("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.0001"), Decimal("5"))
BID, ASK = Decimal("61800.00"), Decimal("61800.01")


def draft(**changes) -> Draft:
    return Draft(**{"symbol": "BTCUSDT", "qty": "0.01", **changes})


def fields(found) -> list[str]:
    return [problem.field for problem in found]


@pytest.mark.parametrize(
    ("typed", "value"),
    [("1", "1"), (" 0.25 ", "0.25"), (".5", "0.5"), ("1,234.5", "1234.5"), ("61 800.01", "61800.01"), ("5.", "5")],
)
def test_reads_what_a_trader_types(typed, value):
    assert read_number(typed) == Decimal(value)


@pytest.mark.parametrize("typed", ["", "  ", "abc", "1e5", "NaN", "Infinity", "0", "0.000", "-1", "\u22121", "1.2.3", "<b>1</b>", "٣", "1" * 40])
def test_nonsense_is_unreadable_and_says_what_to_type(typed):
    with pytest.raises(Unreadable) as caught:
        read_number(typed)
    assert str(caught.value) and caught.value.remedy


def test_a_decimal_comma_is_not_guessed():
    with pytest.raises(Unreadable) as caught:
        read_number("0,01")
    assert "0.01" in caught.value.remedy


def test_a_good_market_order_has_no_problem():
    assert check(draft(), RULES, bid=BID, ask=ASK) == []


@pytest.mark.parametrize(
    ("changes", "field", "remedy"),
    [
        ({"qty": "abc"}, "qty", "digits"),
        ({"qty": "0.00001"}, "qty", "0.0001"),
        ({"qty": "0.010001"}, "qty", "0.01"),
        ({"qty": "0.0001", "type": "limit", "price": "100"}, "qty", "at least 0.05"),
        ({"type": "limit"}, "price", "number"),
        ({"type": "limit", "price": "61800.005"}, "price", "61800"),
        ({"type": "stop"}, "stop", "number"),
        ({"type": "stop", "stop": "61000"}, "stop", "above the ask"),
        ({"type": "stop", "side": "sell", "stop": "62000"}, "stop", "below the bid"),
        ({"post_only": True}, "type", "Limit"),
        ({"type": "limit", "price": "61000", "tif": "ioc", "post_only": True}, "tif", "Good till"),
        ({"type": "limit", "price": "61900", "post_only": True}, "price", "below the ask"),
        ({"type": "limit", "side": "sell", "price": "61000", "post_only": True}, "price", "above the bid"),
    ],
)
def test_each_mistake_names_its_field_and_remedy(changes, field, remedy):
    found = check(draft(**changes), RULES, bid=BID, ask=ASK)
    assert fields(found) == [field]
    assert remedy in found[0].remedy
    assert found[0].text.startswith(found[0].reason)


@pytest.mark.parametrize("name", ["qty", "price", "stop", "take_profit", "stop_loss", "trail", "display"])
@pytest.mark.parametrize("typed", ["9" * 24, "9" * 30, "0." + "1" * 28, "9" * 20 + ".000000001"])
def test_no_length_of_number_is_too_much_for_the_checks(name, typed):
    for kind in ("stop_limit", "trailing_stop", "iceberg"):
        found = check(draft(**{"type": kind, "price": "61700", "stop": "61900", "trail": "5", "display": "0.001", name: typed}), RULES, bid=BID, ask=ASK)
        assert all(problem.remedy for problem in found)
    assert check(draft(qty="0." + "1" * 28), RULES)[0].remedy == "Nearest below: 0.11111."


def test_prices_that_do_not_count_are_not_checked():
    assert check(draft(price="nonsense", stop="nonsense"), RULES, bid=BID, ask=ASK) == []


def test_without_a_quote_only_what_is_known_is_checked():
    assert check(draft(type="stop", stop="1"), RULES) == []


def test_all_wrong_fields_are_named_at_once():
    assert fields(check(draft(type="stop_limit", qty="", price="x", stop="-1"), RULES)) == ["qty", "price", "stop"]


def test_order_fields_are_plain_text_and_leave_out_unused_prices():
    assert order_fields(draft(type="limit", qty="1,000.50", price="61 800", stop="9", post_only=True)) == {
        "symbol": "BTCUSDT",
        "side": "buy",
        "type": "limit",
        "tif": "gtc",
        "qty": "1000.5",
        "price": "61800",
        "stop": None,
        "post_only": True,
        "reduce_only": False,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Buy 0.01 BTC at market"),
        ({"side": "sell", "qty": "1500"}, "Sell 1,500 BTC at market"),
        ({"qty": ""}, "Buy BTC: enter a quantity"),
        ({"type": "limit", "price": "61800"}, "Buy 0.01 BTC at 61,800 or better"),
        ({"type": "limit"}, "Buy 0.01 BTC: enter a limit price"),
        ({"type": "stop", "stop": "62000"}, "Buy 0.01 BTC at market when price rises to 62,000"),
        ({"type": "stop", "side": "sell", "stop": "61000"}, "Sell 0.01 BTC at market when price falls to 61,000"),
        ({"type": "stop_limit", "stop": "62000"}, "Buy 0.01 BTC: enter a limit price"),
        (
            {"type": "stop_limit", "stop": "62000", "price": "62010"},
            "Buy 0.01 BTC at 62,010 or better when price rises to 62,000",
        ),
    ],
)
def test_the_button_says_what_it_does(changes, words):
    assert button_text(draft(**changes), RULES) == words


def test_the_button_without_an_instrument_still_names_the_side():
    assert button_text(draft(side="sell"), None) == "Sell"


def test_shares_are_cut_to_lots_and_money_keeps_a_reserve():
    assert share_of(Decimal("0.12345"), 50, Decimal("0.001")) == Decimal("0.061")
    assert affordable(Decimal(1000), Decimal(100), 100, Decimal("0.1")) == Decimal("9.9")
    assert affordable(Decimal(-5), Decimal(100), 100, Decimal("0.1")) == 0


def test_numbers_are_shown_with_the_true_minus_and_separators():
    assert grouped(Decimal("-1234567.50")) == "\u22121,234,567.50"
    assert plain(Decimal("1E+3")) == "1000"
    assert plain(Decimal("0.2500")) == "0.25"


@given(st.text(max_size=60))
def test_any_typed_text_is_a_number_or_is_explained(text):
    try:
        value = read_number(text)
    except Unreadable as error:
        assert error.remedy
    else:
        assert value > 0 and value.is_finite()


@given(st.decimals("0.00001", "1000000", places=8), st.integers(1, 100), st.sampled_from(["0.00001", "0.001", "1", "7"]))
def test_what_is_affordable_never_costs_more_than_the_share(power, percent, lot):
    price = Decimal("123.45")
    assert affordable(power, price, percent, Decimal(lot)) * price <= power * percent / 100


def special(**changes) -> Draft:
    return Draft("BTCUSDT", **{"qty": "0.5", **changes})


@pytest.mark.parametrize(
    ("draft", "words", "wire"),
    [
        (special(type="trailing_stop", side="sell", trail="50"), "Sell 0.5 BTC at market when price turns by 50", {"trail": "50", "trail_unit": "amount"}),
        (
            special(type="trailing_stop", trail="1.5", trail_unit="percent"),
            "Buy 0.5 BTC at market when price turns by 1.5 %",
            {"trail": "1.5", "trail_unit": "percent"},
        ),
        (special(type="market_if_touched", stop="60000"), "Buy 0.5 BTC at market when price falls to 60,000", {"stop": "60000", "price": None}),
        (
            special(type="limit_if_touched", side="sell", stop="64000", price="63900"),
            "Sell 0.5 BTC at 63,900 or better when price rises to 64,000",
            {"stop": "64000", "price": "63900"},
        ),
        (special(type="iceberg", price="60000", display="0.1"), "Buy 0.5 BTC at 60,000 or better, showing 0.1", {"display": "0.1"}),
        (
            special(type="oco", price="60000", stop="64000", take_profit="1"),
            "Buy 0.5 BTC at 60,000 or better, or when price rises to 64,000",
            {"type": "oco"},
        ),
        (
            special(take_profit="65000", stop_loss="58000"),
            "Buy 0.5 BTC at market, then take profit at 65,000 and stop loss at 58,000",
            {"take_profit": "65000", "stop_loss": "58000"},
        ),
        (special(tif="gtd", type="limit", price="60000", until="2026-01-01T00:00:00Z"), "Buy 0.5 BTC at 60,000 or better", {"expires_ns": 1767225600 * 10**9}),
    ],
)
def test_special_orders_say_what_they_do(draft, words, wire):
    limits = Rules("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"))
    assert check(draft, limits, bid=Decimal(62_000), ask=Decimal("62000.01")) == [] or draft.type == "oco"
    assert button_text(draft, limits) == words
    fields = order_fields(draft)
    assert {name: fields[name] for name in wire} == wire
    assert bool(draft.note) is (draft.type in HELD_TYPES or draft.type == "oco" or bool(draft.stop_loss))


def test_what_the_venue_has_of_its_own_is_not_said_to_be_held():
    native = special(type="trailing_stop", trail="50", held_types=frozenset({"market_if_touched"}))
    assert native.note == "" and "Linked by this desk" in special(type="trailing_stop", trail="50", stop_loss="1", held_types=frozenset()).note
    assert special(type="market_if_touched", held_types=frozenset({"market_if_touched"})).note == HELD_NOTE


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (special(type="trailing_stop"), "trail"),
        (special(type="trailing_stop", trail="0.001"), "trail"),
        (special(type="iceberg", price="60000", display="0.5"), "display"),
        (special(type="market_if_touched", stop="63000"), "stop"),
        (special(type="limit_if_touched", side="sell", stop="61000", price="61000"), "stop"),
        (special(type="limit", price="60000", tif="gtd"), "until"),
        (special(take_profit="61000"), "take_profit"),
        (special(side="sell", stop_loss="61000"), "stop_loss"),
    ],
)
def test_mistakes_in_special_orders_are_named(draft, field):
    limits = Rules("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"))
    assert [problem.field for problem in check(draft, limits, bid=Decimal(62_000), ask=Decimal("62000.01"))] == [field]


@pytest.mark.parametrize(("multiplier", "least"), [("1", "0.5"), ("50", "0.01"), ("0", None)])
def test_the_smallest_worth_counts_contracts_at_their_multiplier(multiplier, least):
    row = {"symbol": "ES=F", "base": "ES=F", "quote": "USD", "tick": "0.25", "lot": "0.01", "min_notional": "2500", "multiplier": multiplier}
    found = check(draft(qty="0.005" if least == "0.01" else "0.01", type="limit", price="5000"), Rules.from_row({**row, "lot": "0.005"}), bid=BID, ask=ASK)
    assert [problem.remedy for problem in found] == ([f"Use at least {least} ES=F."] if least else [])
    del row["multiplier"]
    assert Rules.from_row(row).multiplier == 1
