from __future__ import annotations

import pytest

from app.market import book as book_module
from app.market.book import Book
from app.model.instrument import Instrument
from app.model.orders import Side
from app.model.units import parse_units
from tests.unit.market.kit import ADA, delta, snapshot

BIDS = [(99, 5), (98, 6), (95, 1)]
ASKS = [(101, 7), (103, 2)]


def live(sequence: int = 10, **fields: int) -> Book:
    book = Book(ADA)
    book.apply_snapshot(snapshot(BIDS, ASKS, sequence, **fields))
    return book


def test_before_the_first_snapshot_nothing_is_known_and_deltas_are_ignored() -> None:
    book = Book(ADA)
    assert not book.apply_delta(delta([(99, 1)], first=1, last=1))
    assert (book.state, book.is_trusted, book.best_bid(), book.best_ask(), book.ignored) == ("syncing", False, None, None, 1)


def test_snapshot_gives_levels_best_first() -> None:
    book = live()
    assert book.is_trusted
    assert (book.best_bid(), book.best_ask()) == ((99, 5), (101, 7))
    assert book.levels(Side.BUY, 2) == [(99, 5), (98, 6)]
    assert book.levels(Side.SELL, 9) == ASKS
    assert book.levels(Side.SELL, 0) == []
    assert (book.size_at(Side.BUY, 98), book.size_at(Side.SELL, 98)) == (6, 0)


def test_delta_sets_adds_and_deletes() -> None:
    book = live()
    assert book.apply_delta(delta([(99, 0), (97, 4), (98, 1)], [(102, 9), (101, 8), (500, 0)], 11, 12))
    assert book.levels(Side.BUY, 9) == [(98, 1), (97, 4), (95, 1)]
    assert book.levels(Side.SELL, 9) == [(101, 8), (102, 9), (103, 2)]
    assert book.sequence == 12


def test_a_delta_that_overlaps_is_applied_and_an_old_one_is_not() -> None:
    book = live()
    assert book.apply_delta(delta([(99, 1)], first=8, last=12))
    assert not book.apply_delta(delta([(99, 2)], first=8, last=12))
    assert (book.best_bid(), book.state) == ((99, 1), "live")


def test_a_hole_in_the_sequence_stops_trust_until_the_next_snapshot() -> None:
    book = live()
    assert not book.apply_delta(delta([(99, 1)], first=12, last=12))
    assert (book.state, book.is_trusted) == ("gap", False)
    assert book.reason == "update 11 expected, 12 received"
    assert not book.apply_delta(delta([(99, 1)], first=11, last=11))
    assert book.best_bid() == (99, 5)
    book.apply_snapshot(snapshot([(90, 1)], [(91, 1)], 20))
    assert (book.state, book.reason, book.sequence) == ("live", "", 20)


def test_ids_that_only_order_show_no_hole() -> None:
    book = live(sequence=1000)
    assert book.apply_delta(delta([(99, 1)], last=5000))
    assert not book.apply_delta(delta([(99, 3)], last=4000))
    assert book.best_bid() == (99, 1)


@pytest.mark.parametrize("crossing", [delta([(101, 1)], first=11, last=11), delta([], [(99, 1)], first=11, last=11)])
def test_a_crossed_book_is_not_trusted_until_the_next_snapshot(crossing: object) -> None:
    book = live()
    assert not book.apply_delta(crossing)
    assert (book.state, book.is_trusted) == ("crossed", False)
    assert "not below" in book.reason
    assert not book.apply_delta(delta([(101, 0)], [(99, 0)], 12, 12))
    book.apply_snapshot(snapshot(BIDS, ASKS, 13))
    assert book.is_trusted


def test_a_crossed_snapshot_is_not_trusted() -> None:
    book = Book(ADA)
    book.apply_snapshot(snapshot([(101, 1)], [(101, 1)]))
    assert book.state == "crossed"


def test_one_empty_side_is_a_book() -> None:
    book = live()
    assert book.apply_delta(delta([], [(101, 0), (103, 0)], 11, 11))
    assert (book.best_ask(), book.best_bid(), book.is_trusted) == (None, (99, 5), True)


def test_levels_that_fall_off_the_announced_depth_are_forgotten() -> None:
    book = live(max_depth=3)
    assert book.apply_delta(delta([(100, 1)], first=11, last=11))
    assert book.levels(Side.BUY, 9) == [(100, 1), (99, 5), (98, 6)]
    assert book.size_at(Side.BUY, 95) == 0


def test_the_far_tail_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_LEVELS", 100)
    book = Book(ADA)
    book.apply_snapshot(snapshot([(price, 1) for price in range(1, 1000)], [(2000, 1)]))
    assert book.depth(Side.BUY) == 100
    assert book.best_bid() == (999, 1)
    for price in range(1000, 1300):
        assert book.apply_delta(delta([(price, 1)]))
    assert book.depth(Side.BUY) <= 164
    assert book.best_bid() == (1299, 1)


def test_the_published_checksum_example_is_reproduced() -> None:
    item = Instrument("XBT/USD", "kraken", "XBT/USD", "XBT", "USD", 1, 8)
    asks = "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 \
45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
    bids = "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 \
45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"

    def levels(text: str) -> list[tuple[int, int]]:
        return [(parse_units(p, 1), parse_units(q, 8)) for p, q in (pair.split("/") for pair in text.split())]

    book = Book(item)
    book.apply_snapshot(snapshot(levels(bids), levels(asks)))
    assert book.checksum() == 3310070434


def test_a_wrong_checksum_stops_trust() -> None:
    book = live()
    right = Book(ADA)
    right.apply_snapshot(snapshot([(99, 1), *BIDS[1:]], ASKS))
    assert book.apply_delta(delta([(99, 1)], checksum=right.checksum()))
    assert not book.apply_delta(delta([(99, 2)], checksum=right.checksum()))
    assert book.state == "gap"
    assert "checksum" in book.reason


def test_reset_forgets_everything() -> None:
    book = live()
    book.reset()
    assert (book.state, book.sequence, book.levels(Side.BUY, 5), book.levels(Side.SELL, 5)) == ("syncing", 0, [], [])


def test_a_gap_before_any_snapshot_is_still_syncing() -> None:
    book = Book(ADA)
    book.mark_gap("lost")
    assert book.state == "syncing"
