"""What the words of state say."""

import pytest

from app.ui import words
from app.ui.fuzzy import key_names, score

REPLAY = {"time_ns": 0, "position_s": 65, "length_s": 345, "speed": 20, "paused": False, "loop": True, "passes": 2}


def venue(state, **more):
    return {"name": "replay", "state": state, "since_ns": 0, "detail": "", "attempts": 3, "next_try_s": None, "replay": None, **more}


@pytest.mark.parametrize("state", ["offline", "connecting", "syncing", "live", "reconnecting", "stopped"])
def test_every_connection_state_has_words_and_an_explanation(state):
    word, _tone = words.connection(venue(state))
    title, paragraphs, facts = words.explain_connection(venue(state), None)
    assert word in title
    assert len(paragraphs[0]) > 20
    assert ("Venue", "replay") in facts


def test_reconnecting_says_which_try_and_when():
    assert words.connection(venue("reconnecting", next_try_s=4.2)) == ("reconnecting, try 3 in 4 s", "warn")


def test_a_paused_replay_is_not_called_live():
    assert words.connection(venue("live", replay={**REPLAY, "paused": True})) == ("paused", "warn")


def test_before_the_first_message_the_desk_is_starting():
    assert words.connection(None) == ("starting", "")
    assert words.explain_connection(None, None)[0] == "Connection: starting"


@pytest.mark.parametrize(
    ("change", "shown"),
    [({}, "replay ×20"), ({"speed": 0.1}, "replay ×0.1"), ({"speed": 0}, "replay, as fast as possible"), ({"paused": True}, "replay paused")],
)
def test_replay_says_its_speed(change, shown):
    assert words.replay({**REPLAY, **change}) == shown


@pytest.mark.parametrize("state", ["memory", "locked", "unlocked", "other_tab", "damaged", "starting"])
def test_every_vault_state_says_what_it_means(state):
    word, _tone, meaning = words.vault(state)
    assert word
    assert len(meaning) > 20


def test_an_unknown_vault_state_is_shown_as_it_is():
    assert words.vault("new_state") == ("new_state", "warn", "")


@pytest.mark.parametrize(
    ("length", "repeated", "same", "field"),
    [(0, 0, True, "first"), (7, 7, True, "first"), (8, None, True, None), (8, 0, False, "repeat"), (8, 8, False, "repeat"), (8, 8, True, None)],
)
def test_passphrase_problems_name_the_field(length, repeated, same, field):
    problem = words.passphrase_problem(length, repeated, same)
    assert (problem[0] if problem else None) == field


def test_refused_orders_say_why():
    title, paragraphs = words.explain_orders({"accepting": False, "reason": "the vault is locked"})
    assert title == "Orders are refused"
    assert paragraphs[0] == "the vault is locked"


def test_the_palette_prefers_beginnings_then_words_then_letters():
    titles = ["Go to the vault", "Lock the vault", "Vault", "Bars of 1s", "Leave a gap"]
    ranked = sorted((title for title in titles if score("va", title)), key=lambda title: -score("va", title))
    assert ranked[0] == "Vault"
    assert ranked[-1] == "Leave a gap"
    assert score("gtv", "Go to the vault") > 0
    assert score("xyz", "Go to the vault") == 0
    assert score("", "anything") == 1


def test_keys_are_written_as_on_the_keyboard():
    assert key_names("mod+shift+l") == ["Ctrl Shift L"]
    assert key_names("mod+k", apple=True) == ["⌘ K"]
    assert key_names("g d") == ["G", "D"]


def test_a_vault_that_takes_no_writes_says_so():
    word, tone, meaning = words.vault("unlocked", read_only=True)
    assert word == "unlocked, takes no writes"
    assert tone == "warn"
    assert "orders are refused" in meaning
