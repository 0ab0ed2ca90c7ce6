"""What the vault's page says."""

import pytest

from app.ui import format as fmt
from app.ui import stored_words, vault_words, words


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "never"), (60, "1 minute"), (900, "15 minutes"), (3600, "1 hour"), (14400, "4 hours"), (5, "5 seconds"), (90, "90 seconds")]
)
def test_durations(seconds, said):
    assert vault_words.duration(seconds) == said


@pytest.mark.parametrize("why", ["asked", "tab", "idle", "hidden", "sleep", "frozen"])
def test_every_cause_of_a_lock_has_words(why):
    said = vault_words.locked_because({"why": why, "at_ns": 1})
    assert said.startswith("Locked because ") and vault_words.LOCKED_BECAUSE[why] in said


def test_an_unknown_or_missing_cause_says_nothing():
    assert vault_words.locked_because(None) == vault_words.locked_because({"why": "other", "at_ns": 1}) == ""


def test_strength_says_how_long_why_and_what_to_do():
    word, tone, sentences = vault_words.strength({"score": 0, "guesses": 0.5, "warning": "This is a heavily used password.", "suggestions": ["Add words."]})
    assert (word, tone) == ("very weak", "bad")
    assert sentences == ["A machine made for guessing would find it in less than a minute.", "This is a heavily used password.", "Add words."]
    word, tone, sentences = vault_words.strength({"score": 2, "guesses": 8, "warning": "", "suggestions": []})
    assert (word, tone) == ("fair", "warn") and "four or more words" in sentences[-1]
    assert vault_words.strength({"score": 4, "guesses": 20, "warning": "", "suggestions": []})[:2] == ("strong", "good")


def test_guessing_times_rise_with_the_guesses():
    said = [vault_words.guessing_time(exponent) for exponent in (0, 6, 8, 9, 10, 11, 12, 13, 15, 25)]
    assert said == [
        "less than a minute",
        "less than an hour",
        "less than a day",
        "less than a week",
        "less than a month",
        "less than a year",
        "about 3 years",
        "about 32 years",
        "thousands of years",
        "longer than there have been people",
    ]


def test_slots_are_named_and_what_lacks_is_advised():
    slot = {"id": "a", "kind": "passphrase", "label": "", "kdf": {"name": "Argon2id", "iterations": 3, "memory_kib": 65536}}
    assert vault_words.slot_name(slot) == "Passphrase" and vault_words.slot_name({**slot, "label": "Anna"}) == "Anna"
    assert vault_words.kdf(slot) == "Argon2id, 64 MiB, 3 passes"
    assert vault_words.kdf({"kdf": {"name": "PBKDF2-HMAC-SHA256", "iterations": 600000}}) == "PBKDF2-HMAC-SHA256, 600,000 rounds"
    assert "recovery code" in vault_words.slots_advice([slot])
    assert vault_words.slots_advice([slot, {**slot, "kind": "recovery"}]) == ""
    assert "new keys" in vault_words.slots_advice([slot], rekey_due=True)


def test_what_was_done_is_said():
    good = vault_words.verified({"records": 12, "seconds": 0.25, "damaged_count": 0})
    bad = vault_words.verified({"records": 12, "seconds": 0.25, "damaged_count": 1})
    assert good[1] == "good" and "12 records" in good[0] and bad[1] == "bad" and "1 record damaged" in bad[0]
    assert "3 records" in vault_words.restored({"taken": {"journal": 2, "settings": 1}, "set_aside": 1})
    made = vault_words.exported({"name": "kontor.age", "records": 5, "bytes": 1000, "damaged": 2})
    assert made.startswith("kontor.age is made: 5 records") and "2 damaged records" in made
    hour = 3_600_000_000_000
    assert "No export" in vault_words.last_export({"exported_ns": None}, hour)
    assert vault_words.last_export({"exported_ns": hour, "orders_since": 2, "bytes": 0}, 3 * hour) == "Last export 2 h ago, 2 orders ago."


def test_a_second_copy_is_told_where_it_is_and_what_came_of_it():
    none = {"kept": False, "why": "SecurityError", "bytes": 0, "ahead": False}
    assert vault_words.second_copy(None).startswith("none") and "SecurityError" in vault_words.second_copy(none)
    kept = vault_words.second_copy({**none, "kept": True, "bytes": 2_000_000, "ahead": True})
    assert kept.startswith(fmt.size(2_000_000)) and "before" in kept
    assert vault_words.put_back(None) == "" and vault_words.put_back(None, 1) == "1 damaged record was put right from the second copy."
    found = {"records": 2, "lost": True, "modified_ms": 1_700_000_000_000}
    said = vault_words.put_back(found)
    assert "had lost" in said and f"2 records came back from the second copy, written last {fmt.stamp(17 * 10**17)}" in said
    assert "earlier state" in vault_words.put_back({**found, "lost": False})


def test_a_vault_that_is_gone_is_told_from_a_first_run():
    assert words.vault("memory")[0] == "in memory, not kept" and words.vault("memory", evicted=True)[0] == "gone"


def test_everything_stored_is_known_or_flagged():
    items = [("database", "kontor/records"), ("database", "kontor-mark/records"), ("cache", "kontor / 12"), ("localStorage", "kontor.prefs")]
    items += [("private file", "kontor.wal-a"), ("private file", "kontor.wal-lease")]
    found = {"items": [{"kind": kind, "name": name, "count": 1, "bytes": 2} for kind, name in items]}
    listed = stored_words.rows(found)
    assert {row["how"] for row in listed} == {stored_words.ENCRYPTED, stored_words.PLAIN} and stored_words.summary(listed)[1] == "good"
    assert [row["name"] for row in listed if row["how"] == stored_words.ENCRYPTED] == ["kontor/records", "kontor.wal-a"], "only the vault is encrypted"
    found["items"] += [{"kind": kind, "name": "other", "count": 1, "bytes": 2} for kind in ("cookie", "database", "cache", "localStorage", "private file")]
    listed = stored_words.rows(found)
    assert [row["how"] for row in listed[:5]] == [stored_words.UNKNOWN] * 5, "what is not known comes first"
    assert stored_words.summary(listed) == ("Not known to this desk: other, other, other, other, other.", "warn")
