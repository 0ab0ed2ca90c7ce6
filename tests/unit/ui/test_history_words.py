"""What the history page says."""

from __future__ import annotations

from app.ui import history_words as words

ROW = {"symbol": "BTCUSDT", "timeframe": "1m", "first_ns": 0, "last_ns": 3_660 * 10**9, "rows": 62, "bytes": 1_500, "source": "file", "where": "readable"}


def test_moments_and_reach() -> None:
    assert words.moment(3_661 * 10**9, "1m") == "1970-01-01 01:01" and words.moment(3_661 * 10**9, "5s") == "1970-01-01 01:01:01"
    assert words.moment(0, "1M") == "1970-01-01"
    assert words.reach(ROW) == "1970-01-01 00:00 to 1970-01-01 01:01"


def test_summary_and_outcomes() -> None:
    assert words.summary([]) == "Nothing is stored yet."
    assert words.summary([ROW, ROW]) == "2 series, 124 bars, 3.0 kB."
    assert words.summary([], ["it is broken"]) == "Nothing is stored yet. It is broken."
    assert words.kept(ROW, 2).startswith("BTCUSDT 1m is kept with 2 repairs: 62 bars, 1.5 kB, readable by anybody here.")
    assert "62 bars" in words.removed(ROW) and "replaces" in words.same(ROW)
    assert words.progress({"phase": "reading", "rows": 1200}) == "Reading… 1,200 rows" and words.progress({"phase": "fetching", "rows": 0}) == "Fetching…"


def test_findings() -> None:
    assert words.checked([]) == ("Nothing looks wrong.", "good")
    assert words.checked([{"level": "info"}])[1] == "warn"
    assert words.checked([{"level": "error"}, {"level": "error"}]) == ("2 things look wrong. A repair is done only where you choose it.", "bad")
    item = {"count": 30, "times": list(range(20)), "lines": list(range(2, 22))}
    assert words.places(item, "1m") == "line 2, line 3, line 4, line 5, line 6 and 25 more"
    assert words.places({"count": 1, "times": [0], "lines": []}, "1d") == "1970-01-01"
    assert words.places({"count": 0, "times": [], "lines": []}, "1d") == ""


def test_an_export_that_adjusts_nothing_says_so() -> None:
    found = {"name": "A-1d.csv", "rows": 2, "bytes": 100, "adjusted": False}
    assert words.exported(found, "none") == ("A-1d.csv: 2 bars, 100 B, not encrypted.", "plain")
    assert words.exported(found | {"adjusted": True}, "splits") == words.exported(found, "none")
    text, tone = words.exported(found, "splits")
    assert tone == "warn" and "Prices are as stored: the series has no splits to adjust for." in text
    assert "no splits or dividends" in words.exported(found, "all")[0]


def test_a_preview_in_sentences() -> None:
    order = {"newest_first": 1, "late": 2, "repeated": 1, "conflicting": 3}
    found = {**ROW, "bars": 62, "rows": 64, "name": "x.csv", "form": "ISO 8601", "zone": "UTC", "splits": 1, "dividends": 0, "basis": "raw"}
    said = words.facts({**found, "rounded": True, "order": order})
    assert said[0] == "62 bars of 1m, 1970-01-01 00:00 to 1970-01-01 01:01 UTC; 64 rows in x.csv (1.5 kB)."
    assert "1 split and 0 dividends are listed. Prices look as they were traded." in said
    assert len(said) == 8 and any("rounded" in text for text in said)
    problem = {"line": 7, "column": "High", "reason": "'x' is not a number", "remedy": "use a number such as 1234.5"}
    assert words.problem(problem) == "Line 7, High: 'x' is not a number. Use a number such as 1234.5."
