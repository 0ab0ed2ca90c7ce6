"""What the page says of sources, in the reader's zone."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from app.ui import source_words

NS = 1_000_000_000
ROW = {
    **{"source": "yahoo", "title": "Yahoo", "price": "190.12", "currency": "USD", "grade": "live", "indicated": True, "note": "", "exchange": "Nasdaq"},
    **{"around_the_clock": False, "open": True, "opens_ns": None, "closes_ns": None},
}


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp()) * NS


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_when_an_exchange_opens_is_told_in_the_reader_s_zone() -> None:
    saturday = at("2026-11-28T06:00")
    closed = {**ROW, "as_of_ns": at("2026-11-27T13:00"), "open": False, "opens_ns": at("2026-11-30T09:30")}
    assert source_words.hours(closed, saturday) == "closed, opens Mon 15:30"
    assert source_words.hours({**closed, "opens_ns": at("2026-11-28T09:30")}, saturday) == "closed, opens 15:30"
    assert source_words.hours({**closed, "opens_ns": at("2026-12-28T09:30")}, saturday) == "closed, opens 2026-12-28 15:30"
    assert source_words.hours({**ROW, "closes_ns": at("2026-11-30T16:00")}, at("2026-11-30T12:00")) == "open until 22:00"
    assert source_words.hours({**ROW, "around_the_clock": True}, saturday) == "around the clock"
    assert source_words.hours({**closed, "opens_ns": None}, saturday) == "closed"


def test_whose_a_price_is_and_how_old() -> None:
    now = at("2026-11-30T12:00")
    row = {**ROW, "as_of_ns": now - 34 * NS, "closes_ns": at("2026-11-30T16:00"), "note": "Polygon: needs a key"}
    assert source_words.short(row, now) == "Yahoo 34 s"
    assert source_words.line(row, now) == "Yahoo, 34 s old · open until 22:00"
    title = source_words.title("AAPL", row, now)
    assert title.startswith("AAPL on Nasdaq: Yahoo, 34 s old") and "bid and ask are indicated" in title and title.endswith("Polygon: needs a key")
    assert "(price of the day)" in source_words.line({**row, "grade": "day"}, now)
    nothing = {**row, "source": "", "title": "", "as_of_ns": None, "grade": None}
    assert source_words.short(nothing, now) == "no price" and source_words.line(nothing, now).startswith("no source has a price")


def test_search_results() -> None:
    row = {"name": "Apple Inc.", "exchange": "NasdaqGS", "currency": "USD", "kind": "share", "sources": ["yahoo", "polygon"], "watched": False}
    assert source_words.found(row, {"yahoo": "Yahoo", "polygon": "Polygon"}) == "Apple Inc. · NasdaqGS · USD · share · add, found by Yahoo, Polygon"
    assert source_words.found({**row, "watched": True}, {}).endswith("in the watchlist")
    assert source_words.missing([{"title": "Polygon", "why": "needs a key"}]) == "Polygon: needs a key"
