from __future__ import annotations

from app.model.market import BookDelta, BookSnapshot, Gap
from app.venues.binance import depth
from app.venues.binance.depth import DepthSync


def diff(first: int, last: int) -> BookDelta:
    return BookDelta("BTCUSDT", 0, last, (), (), first, last)


def full(sequence: int) -> BookSnapshot:
    return BookSnapshot("BTCUSDT", 0, sequence, (), (), sequence)


def test_buffered_diffs_follow_the_snapshot() -> None:
    sync = DepthSync("BTCUSDT")
    assert sync.needs_snapshot
    for item in (diff(1, 5), diff(6, 8), diff(9, 12)):
        assert sync.on_delta(item) == []
    assert sync.on_snapshot(full(7)) == [full(7), diff(6, 8), diff(9, 12)]
    assert (sync.is_live, sync.needs_snapshot, sync.reason) == (True, False, "")
    assert (sync.applied, sync.dropped) == (2, 1)
    assert sync.on_delta(diff(13, 13)) == [diff(13, 13)]


def test_a_snapshot_that_ends_where_a_diff_begins() -> None:
    sync = DepthSync("BTCUSDT")
    sync.on_delta(diff(6, 8))
    assert sync.on_snapshot(full(5)) == [full(5), diff(6, 8)]


def test_a_snapshot_older_than_the_first_diff_is_fetched_again() -> None:
    sync = DepthSync("BTCUSDT")
    sync.on_delta(diff(6, 8))
    assert sync.on_snapshot(full(4)) == []
    assert sync.needs_snapshot
    assert not sync.is_live
    assert "older" in sync.reason
    assert sync.on_snapshot(full(8)) == [full(8)]


def test_a_snapshot_before_any_diff() -> None:
    sync = DepthSync("BTCUSDT")
    assert sync.on_snapshot(full(10)) == [full(10)]
    assert sync.on_delta(diff(5, 10)) == []
    assert sync.on_delta(diff(9, 12)) == [diff(9, 12)]


def test_a_hole_is_a_gap_and_asks_for_a_snapshot() -> None:
    sync = DepthSync("BTCUSDT")
    sync.on_snapshot(full(10))
    assert sync.on_delta(diff(12, 14)) == [Gap("BTCUSDT", 14, "update 11 expected, 12 received")]
    assert (sync.needs_snapshot, sync.is_live, sync.gaps) == (True, False, 1)
    assert sync.on_delta(diff(15, 16)) == []
    assert sync.on_snapshot(full(13)) == [full(13), diff(12, 14), diff(15, 16)]


def test_old_and_repeated_diffs_are_dropped() -> None:
    sync = DepthSync("BTCUSDT")
    sync.on_snapshot(full(10))
    assert sync.on_delta(diff(11, 12)) == [diff(11, 12)]
    assert sync.on_delta(diff(11, 12)) == []
    assert sync.on_delta(diff(1, 3)) == []
    assert sync.gaps == 0


def test_a_hole_while_buffering_drops_what_came_before_it() -> None:
    sync = DepthSync("BTCUSDT")
    sync.on_delta(diff(1, 2))
    sync.on_delta(diff(5, 6))
    assert sync.on_snapshot(full(2)) == []
    assert sync.on_snapshot(full(5)) == [full(5), diff(5, 6)]


def test_a_repeated_diff_while_buffering_is_dropped() -> None:
    sync = DepthSync("BTCUSDT")
    for item in (diff(1, 2), diff(1, 2), diff(3, 4)):
        sync.on_delta(item)
    assert sync.on_snapshot(full(0)) == [full(0), diff(1, 2), diff(3, 4)]


def test_a_snapshot_behind_a_live_book_changes_nothing() -> None:
    sync = DepthSync("BTCUSDT")
    sync.on_snapshot(full(10))
    assert sync.on_snapshot(full(9)) == []
    assert sync.on_snapshot(full(20)) == [full(20)]


def test_a_disconnect_begins_anew() -> None:
    sync = DepthSync("BTCUSDT")
    assert sync.reset("connection lost", 1) == []
    sync.on_snapshot(full(10))
    assert sync.reset("connection lost", 5) == [Gap("BTCUSDT", 5, "connection lost")]
    assert sync.needs_snapshot
    assert sync.on_delta(diff(11, 12)) == []
    assert sync.on_snapshot(full(11)) == [full(11), diff(11, 12)]


def test_the_buffer_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(depth, "MAX_BUFFER", 10)
    sync = DepthSync("BTCUSDT")
    for number in range(1, 26):
        sync.on_delta(diff(number, number))
    found = sync.on_snapshot(full(20))
    assert found[0] == full(20)
    assert found[1:] == [diff(number, number) for number in range(21, 26)]
