"""Risk in words, and what the special orders say."""

from __future__ import annotations

import pytest

from app.ui import order_words, risk_words

STATE = {"scope": "desk", "state": "halted", "rule": "kill_switch", "reason": "kill switch pressed by the trader", "since_ns": 1, "lifts": "by hand, here"}


@pytest.mark.parametrize(
    ("name", "words"),
    [("desk", "Desk"), ("account", "Account"), ("strategy:desk", "Strategy desk"), ("instrument:BTCUSDT", "BTCUSDT"), ("instrument:*", "Each instrument")],
)
def test_scopes_have_names(name, words):
    assert risk_words.scope(name) == words


def test_the_summary_names_the_worst_and_counts_the_rest():
    assert risk_words.summary([]) == ""
    assert risk_words.summary([STATE]) == "desk halted"
    assert risk_words.summary([STATE, {**STATE, "scope": "instrument:ETHUSDT", "state": "reduce_only"}]) == "desk halted and 1 more"
    assert risk_words.set_by(STATE) == "Kill switch pressed by the trader" and risk_words.set_by({**STATE, "rule": "trader"}) == "you"


def test_use_of_a_limit_reads_as_a_sentence():
    row = {"scope": "desk", "unit": "money", "value": "5000000", "used": "1236.4871", "fraction": 0.1}
    assert risk_words.used(row) == "1,236.49 of 5,000,000" and risk_words.unit(row, "USDT") == "USDT"
    assert risk_words.used({**row, "used": None}) == "0 of 5,000,000"
    assert risk_words.used({**row, "unit": "percent", "value": "0.015", "used": "0.0001234"}) == "0.000123 of 0.015"
    size = {**row, "unit": "base", "scope": "instrument:BTCUSDT"}
    assert (risk_words.unit(size, "USDT", "BTC"), risk_words.unit({**size, "scope": "instrument:*"}, "USDT")) == ("BTC", "")
    assert risk_words.unit({**row, "unit": "hours", "value": "session"}, "USDT") == "" and risk_words.unit({**row, "unit": "hours"}, "USDT") == "UTC"
    assert risk_words.used({**row, "value": ""}) == "1,236.49, no limit"
    assert risk_words.used({**row, "unit": "flag", "value": "1"}) == "yes"
    assert [risk_words.tone(fraction) for fraction in (None, 0.5, 0.8, 1.0)] == ["", "", "amber", "danger"]


def test_the_kill_switch_says_what_it_will_do():
    assert risk_words.kill_text(3, 1, False) == "Cancel 3 orders and halt the desk"
    assert risk_words.kill_text(0, 2, True) == "Cancel nothing, close 2 positions at market and halt the desk"
    assert risk_words.state_text("instrument:BTCUSDT", "halted").startswith("Halt BTCUSDT: cancels its orders")


def test_an_unknown_order_shows_its_evidence_and_a_held_one_who_holds_it():
    row = {"status": "unknown", "evidence": "Sent, and no answer in time.", "client_order_id": "kt-x"}
    row |= {"sent_ns": 1, "asked_ns": 2, "next_ask_ns": 3, "asked": 2}
    words = order_words.why(row)
    assert words.startswith("Sent, and no answer in time. Sent at ") and "Asked 2 times, last at " in words and words.endswith("Id kt-x.")
    assert "watched by this desk only" in order_words.why({"status": "held", "parent": None})
    assert "waits for its entry" in order_words.why({"status": "held", "parent": "kt-y"})
    assert order_words.marks({"trail_percent": "0.5", "reduce_only": True, "group": "g", "parent": "p"}) == (
        "reduce-only, trails by 0.5 %, exit of another order, one cancels other"
    )


def test_a_filled_order_has_no_reason_of_an_end():
    row = {"status": "cancelled", "reason": "cancelled by the kill switch"}
    assert order_words.why(row) == "cancelled by the kill switch" and order_words.why({**row, "status": "filled"}) == ""


def test_what_counts_in_a_limit_of_the_desk_and_who_has_another():
    assert risk_words.counts({"counts": "all"}) == "counts all accounts of this desk together" and risk_words.counts({}) == ""
    row = {"unit": "money", "instead": [{"title": "Binance", "value": "5000", "currency": "USDT"}, {"title": "Alpaca", "value": "", "currency": "USD"}]}
    assert risk_words.instead(row) == "Binance has 5,000 USDT, Alpaca has none" and risk_words.instead({"unit": "money"}) == ""


def test_where_a_limit_was_written_and_where_not():
    done = [{"title": "Paper", "value": "7", "currency": ""}, {"title": "Binance", "value": None, "currency": ""}]
    assert risk_words.written({"written": done, "not_written": []}, "per_s") == ("good", "In force from now on in Paper (7), Binance (the default).")
    tone, text = risk_words.written({"written": done[:1], "not_written": [{"title": "Binance", "reason": "the disk is full."}]}, "per_s")
    assert tone == "danger" and "Not in Binance: the disk is full. Set it again" in text
