"""The network's sentences: every strategy and cause has words, and a test of all ways ends in one sentence with a remedy."""

from __future__ import annotations

import itertools

import pytest

from app.ui import net_words
from app.ui.format import clock
from app.ui.net_words import CAUSES, STRATEGIES, THROUGH_PROXY


def way(strategy: str, outcome: str = "failed", cause: str | None = None, **more) -> dict:
    return {"strategy": strategy, "outcome": outcome, "cause": cause, "status": None, "ms": 12.0, "detail": "", "bytes": None, **more}


def all_ways(own: str, through: str) -> list[dict]:
    return [way(name, cause=through if name in THROUGH_PROXY else own) for name in STRATEGIES if name != "stale"]


def test_there_are_eleven_ways_and_each_says_how_it_asks():
    assert len(STRATEGIES) == 11
    assert all(title and meaning.endswith(".") for title, meaning in STRATEGIES.values())
    assert set(THROUGH_PROXY) < set(STRATEGIES)


@pytest.mark.parametrize(("own", "through"), list(itertools.product(CAUSES, CAUSES)))
def test_every_pair_of_causes_ends_in_one_sentence_and_a_remedy(own: str, through: str):
    sentence, remedy = net_words.verdict(all_ways(own, through))
    assert sentence[0].isupper() and sentence.endswith(".") and sentence.count(". ") == 0
    assert len(remedy) > 20 and remedy.endswith(".")


@pytest.mark.parametrize(
    ("rows", "says", "remedy"),
    [
        ([way("direct", "ok", status=200, ms=34)], "The browser reaches it itself; Direct is the quickest way in 34 ms.", ""),
        (
            [*all_ways("cors", "timeout")[:4], way("proxy", "ok", status=200, ms=84)],
            "The site does not let web pages read its answers (CORS); through the proxy it answers in 84 ms.",
            "Nothing to do",
        ),
        ([way("direct", "ok", status=404, ms=34)], "quickest way in 34 ms with 404: the site is reached and has nothing at this address.", "path"),
        ([way("direct", cause="cors"), way("proxy", "ok", status=401, ms=9)], "answers in 9.0 ms with 401: the site wants a sign-in", "Sign in"),
        ([way("direct", "ok", status=503, ms=9)], "with 503: the site is reached and failed itself.", "Wait"),
        ([way("direct", "ok", status=405, ms=9)], "with 405: the site does not take the request as it is.", "documentation"),
        (all_ways("cors", "proxy_refused"), "(CORS), and the proxy does not allow this host", "proxy/kontor.toml"),
        (all_ways("policy", "proxy_down"), "security policy does not list the host, and the proxy does not answer.", "make run"),
        (all_ways("offline", "offline"), "This machine has no network.", "Connect to a network"),
        (all_ways("dns", "proxy_refused"), "No host of that name was found.", "spelling"),
        (all_ways("cors", "unauthorized"), "The site wants a sign-in", "Sign in"),
        (all_ways("cors", "not_found"), "nothing at this address", "path"),
        (all_ways("cors", "quota"), "too many requests", "Wait"),
        (all_ways("cors", "timeout"), "No answer came in time.", "Try again"),
        ([way("direct", cause="cors"), way("proxy", "skipped", detail="there is no proxy")], "(CORS).", "proxy"),
        ([way("stale", "ok", ms=1), way("direct", cause="offline")], "This machine has no network.", "Connect"),
        ([way("proxy", "skipped")], "No way could be tried.", "switched off"),
    ],
)
def test_the_verdict_names_the_cause_and_what_to_do(rows: list[dict], says: str, remedy: str):
    sentence, todo = net_words.verdict(rows)
    assert says in sentence
    assert remedy in todo


def test_a_row_says_what_came_back():
    assert net_words.tried(way("proxy", "ok", status=200, bytes=1234)) == "Proxy: 200, 1.2 kB"
    assert net_words.tried(way("direct", cause="cors")) == f"Direct: failed: {CAUSES['cors'][0]}"
    assert net_words.tried(way("direct", cause="server", status=503)).startswith("Direct: failed with 503: ")
    assert net_words.tried(way("tunnel", "skipped", sentence="There is no proxy.")) == "Tunnel: not tried: there is no proxy"
    assert [net_words.level(way("direct", outcome)) for outcome in ("ok", "failed", "skipped")] == ["good", "warn", "debug"]


@pytest.mark.parametrize(
    ("state", "word", "tone"),
    [
        ({"state": "up", "open": True, "own": True}, "open to any address", "warn"),
        ({"state": "up", "open": False, "own": False}, "allows what its list names", ""),
        ({"state": "down", "open": False, "own": False}, "does not answer", "bad"),
        ({"state": "none", "open": False, "own": False}, "none here", "warn"),
        ({"state": "unknown", "open": False, "own": False}, "not asked yet", ""),
    ],
)
def test_the_proxy_in_words(state: dict, word: str, tone: str):
    found = net_words.proxy(state)
    assert found[:2] == (word, tone)
    assert found[2].endswith(".")


def test_what_was_learned_in_words():
    now = 1_760_000_000_000
    assert net_words.learned(None, now) == ("not tried", "")
    assert net_words.learned({"state": "works", "ms": 34.0}, now) == ("works, 34 ms", "good")
    assert net_words.learned({"state": "fails", "cause": "cors"}, now)[0].startswith("fails: the site does not let")
    until = clock((now + 30_000) * 1_000_000)
    assert net_words.learned({"state": "open", "cause": "timeout", "again_in_s": 30}, now) == (f"rests until {until}: no answer came in time", "warn")


def test_a_host_in_one_line():
    host = {"host": "api.example.com", "learned": {"direct": {"state": "fails", "cause": "cors"}}, "last": {"strategy": "proxy", "ms": 84.0, "at_ms": 1}}
    assert net_words.host_line(host) == "api.example.com: last by Proxy, 84 ms; not by Direct"
    assert net_words.host_line({"host": "x", "learned": {}, "last": None}) == "x: not reached yet"


def test_a_sign_in_in_words():
    now = 1_000_000
    assert net_words.signed({"signed_in": None}, now) == ("not signed in", "")
    assert net_words.signed({"signed_in": {"expires_at_ms": None}}, now) == ("signed in", "good")
    assert net_words.signed({"signed_in": {"expires_at_ms": now + 50 * 60_000}}, now) == ("signed in, renews in 50 min", "good")
    assert net_words.signed({"signed_in": {"expires_at_ms": now - 1}}, now)[0] == "signed in, renews at the next use"
