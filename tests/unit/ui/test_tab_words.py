"""What is said about tabs, and what is at stake when one closes."""

from __future__ import annotations

import pytest

from app.ui import tab_words as words

ROW = {"status": "accepted", "held": False, "side": "sell", "type": "stop_limit", "remaining": "0.5", "symbol": "BTCUSDT"}
ROW |= {"price": "1", "stop": "2", "trail": None}
PAPER = {"capabilities": {"account": "paper"}}
REAL = {"capabilities": {"account": "binance"}}
LONG = {"positions": [{"qty": "0.01", "symbol": "BTCUSDT"}]}


def orders(*changes: dict) -> dict[str, dict]:
    return {str(number): {**ROW, **change} for number, change in enumerate(changes)}


@pytest.mark.parametrize("state", [*words.STRIPS, "new"])
def test_every_state_of_a_tab_that_follows_says_what_it_means(state):
    strong, text, _label = words.strip({"state": state, "why": "the desk is starting: try again"}, "There the vault is open.")
    assert strong and text
    assert ("There the vault is open." in text) == (state == "following")


def test_a_tab_that_gave_up_the_lead_says_why():
    assert "nothing was sent" in words.strip({"state": "following", "why": "lost"}, "")[1]


@pytest.mark.parametrize(
    ("tab", "text"),
    [
        ({"role": "leader", "followers": 0}, ""),
        ({"role": "leader", "followers": 1}, "leads 1 tab"),
        ({"role": "leader", "followers": 3}, "leads 3 tabs"),
        ({"role": "follower", "followers": 0}, "follows another tab"),
        ({"role": "follower", "followers": 0, "state": "gone"}, "no tab leads"),
    ],
)
def test_the_word_for_the_role(tab, text):
    assert words.role(tab) == text
    assert words.explain_role(tab, by_itself=True)[1]


@pytest.mark.parametrize(
    ("rows", "hello", "count"),
    [
        (orders({}), PAPER, 1),
        (orders({"status": "held", "held": True}), REAL, 1),
        (orders({}), REAL, 0),  # the venue works it on
        (orders(*({"status": status} for status in words.ENDED)), PAPER, 0),
        (orders({"status": "unknown"}, {"status": "partially_filled"}), PAPER, 2),
        ({}, None, 0),
    ],
)
def test_orders_at_stake_are_those_that_no_venue_works(rows, hello, count):
    assert len(words.stake(rows, None, hello, None).orders) == count


def test_nothing_is_at_stake_without_orders_and_positions():
    assert not words.stake({}, {"positions": []}, PAPER, {"keeps": False})
    assert not words.stake({}, None, None, None)
    assert words.staked(words.stake({}, None, None, None)) == ""


@pytest.mark.parametrize(("kept", "said"), [(True, "in the vault"), (False, "closing loses it")])
def test_before_closing_it_says_which_orders_live_only_here_and_what_becomes_of_them(kept, said):
    found = words.stake(orders({}, {"type": "market", "price": None, "stop": None}), LONG, PAPER, {"keeps": kept})
    assert found and words.staked(found) == "2 orders, 1 position in this tab's care"
    text = " ".join(words.explain_stake(found, 1)[1])
    assert "Sell stop limit 0.5 BTCUSDT at 2" in text and "0.01 BTCUSDT" in text and said in text and "hand over" in text
    assert "hand over" not in " ".join(words.explain_stake(found, 0)[1])


def test_a_long_list_is_cut():
    found = words.stake(orders(*({} for _ in range(words.LISTED + 3))), None, PAPER, None)
    assert "and 3 more" in words.explain_stake(found, 0)[1][0]
