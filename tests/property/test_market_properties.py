"""Books and bars against naive references, with whatever a bad line can do to a stream of updates."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.bars import TIMEFRAMES, BarSeries
from app.market.book import Book
from app.market.frames import make_series
from app.market.state import MarketState
from app.model.market import BookDelta, BookSnapshot, Gap
from app.model.orders import Side
from app.venues.binance.depth import DepthSync
from tests.unit.market.kit import ADA, SECOND, trade

S = "ADA-USD"


class NaiveBook:
    """Two dicts, sorted at every look."""

    def __init__(self) -> None:
        self.sides: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    def set(self, side: Side, levels: tuple[tuple[int, int], ...]) -> None:
        for price, size in levels:
            if size:
                self.sides[side][price] = size
            else:
                self.sides[side].pop(price, None)

    def levels(self, side: Side) -> list[tuple[int, int]]:
        return sorted(self.sides[side].items(), reverse=side is Side.BUY)


def venue_stream(seed: int, count: int) -> tuple[BookSnapshot, list[BookDelta], dict[int, NaiveBook]]:
    """What a venue would send: a snapshot at id 100, diffs after it, and the true book at every id."""
    rng = random.Random(seed)
    truth = NaiveBook()
    truth.set(Side.BUY, tuple((price, rng.randint(1, 9)) for price in range(480, 500, 2)))
    truth.set(Side.SELL, tuple((price, rng.randint(1, 9)) for price in range(501, 521, 2)))
    snapshot = BookSnapshot(S, 0, 1, tuple(truth.levels(Side.BUY)), tuple(truth.levels(Side.SELL)), 100)
    books, deltas, at = {100: copy(truth)}, [], 100
    for _ in range(count):
        first = at + 1
        at += rng.randint(1, 4)
        bids = tuple((rng.randint(470, 500), rng.choice([0, 0, 1, 5])) for _ in range(rng.randint(0, 4)))
        asks = tuple((rng.randint(501, 530), rng.choice([0, 0, 1, 5])) for _ in range(rng.randint(0, 4)))
        truth.set(Side.BUY, bids)
        truth.set(Side.SELL, asks)
        books[at] = copy(truth)
        deltas.append(BookDelta(S, 0, at, bids, asks, first, at))
    return snapshot, deltas, books


def copy(book: NaiveBook) -> NaiveBook:
    out = NaiveBook()
    out.sides = {side: dict(levels) for side, levels in book.sides.items()}
    return out


def same(book: Book, truth: NaiveBook) -> bool:
    return all(book.levels(side, 10**6) == truth.levels(side) for side in Side)


FAULTS = st.lists(
    st.tuples(st.sampled_from(["drop", "twice", "swap", "cut", "old"]), st.integers(0, 59)), max_size=6
)


def damaged(deltas: list[BookDelta], faults: list[tuple[str, int]]) -> list[BookDelta]:
    out: list[BookDelta | None] = list(deltas)
    for fault, at in faults:
        at %= len(out)
        if out[at] is None:
            continue
        if fault == "drop":
            out[at] = None
        elif fault == "twice":
            out.insert(at, out[at])
        elif fault == "swap" and at + 1 < len(out):
            out[at], out[at + 1] = out[at + 1], out[at]
        elif fault == "cut":
            del out[at : at + 3]
            if not out:
                return []
        elif fault == "old":
            out.append(out[at])
    return [delta for delta in out if delta is not None]


@given(st.integers(0, 2**32), FAULTS)
@settings(max_examples=150, deadline=None)
def test_a_book_that_says_live_is_the_venues_book_at_that_id(seed: int, faults: list[tuple[str, int]]) -> None:
    snapshot, deltas, truth = venue_stream(seed, 60)
    book = Book(ADA)
    book.apply_snapshot(snapshot)
    for delta in damaged(deltas, faults):
        book.apply_delta(delta)
        if book.is_trusted:
            assert same(book, truth[book.sequence])
    if not faults:
        assert book.is_trusted
        assert book.sequence == deltas[-1].last


@given(st.integers(0, 2**32), FAULTS, st.integers(0, 59), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_synchronised_books_are_right_or_say_that_they_are_not(
    seed: int, faults: list[tuple[str, int]], late: int, patience: int
) -> None:
    """A venue that answers each wish for a snapshot some messages later, over a damaged stream."""
    _, deltas, truth = venue_stream(seed, 60)
    ids = sorted(truth)
    sync, state, due = DepthSync(S), MarketState([ADA]), late
    for number, delta in enumerate(damaged(deltas, faults)):
        events = sync.on_delta(delta)
        if any(type(event) is Gap for event in events):
            due = number + patience
        state.apply(events)
        if sync.needs_snapshot and number >= due:
            newest = ids[min(len(ids) - 1, number)]
            now = truth[newest]
            fresh = BookSnapshot(S, 0, 1, tuple(now.levels(Side.BUY)), tuple(now.levels(Side.SELL)), newest)
            state.apply(sync.on_snapshot(fresh))
        book = state.book(S)
        assert book.is_trusted == sync.is_live
        if book.is_trusted:
            assert same(book, truth[book.sequence])
            quote, best = state.quote(S), book.best_bid()
            assert quote is not None
            assert (quote.bid, quote.bid_size) == (best or (0, 0))
        else:
            assert state.quote(S) is None
            assert book.reason


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3), st.booleans()), max_size=80), st.integers(1, 8))
@settings(max_examples=150, deadline=None)
def test_a_bounded_book_keeps_the_best_levels(changes: list[tuple[int, int, bool]], depth: int) -> None:
    book, truth = Book(ADA), NaiveBook()
    book.apply_snapshot(BookSnapshot(S, 0, 1, (), (), 0, depth))
    for price, size, is_bid in changes:
        side = Side.BUY if is_bid else Side.SELL
        price = price if is_bid else 100 + price
        book.apply_delta(BookDelta(S, 0, 1, ((price, size),) if is_bid else (), () if is_bid else ((price, size),)))
        truth.set(side, ((price, size),))
        truth.sides[side] = dict(truth.levels(side)[:depth])
        assert same(book, truth)


TRADES = st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 50), st.integers(1, 9)), min_size=1, max_size=60)


def naive_bars(rows: list[tuple[int, int, int]], width: int) -> list[tuple]:
    bars: dict[int, list[tuple[int, int, int]]] = {}
    for row in sorted(rows, key=lambda row: row[0]):
        bars.setdefault(row[0] // 10 // width * width, []).append(row)
    return [
        (start, at[0][1], max(r[1] for r in at), min(r[1] for r in at), at[-1][1], sum(r[2] for r in at))
        for start, at in sorted(bars.items())
    ]


@given(TRADES, st.sampled_from(list(TIMEFRAMES)))
@settings(max_examples=150, deadline=None)
def test_bars_do_not_depend_on_the_order_of_arrival(rows: list[tuple[int, int, int]], timeframe: str) -> None:
    """Times are tenths of seconds; the reference sorts, the series takes trades as they come."""
    series = BarSeries(timeframe)
    shown: dict[int, tuple] = {}
    for tenths, price, size in rows:
        series.add(trade(tenths * SECOND // 10, price, size, recv=1))
        shown |= {row[0]: row for row in series.take_changed()}
    assert series.rows() == naive_bars(rows, TIMEFRAMES[timeframe])
    assert [shown[time_s] for time_s in sorted(shown)] == series.rows()


@given(
    st.sampled_from(["1s", "1m", "1d", "1w", "ticks:5"]),
    st.lists(st.lists(st.tuples(st.integers(-90, 5), st.integers(1, 50), st.integers(1, 9)), max_size=20), max_size=8),
)
def test_trades_counted_in_together_make_the_bars_of_trades_one_by_one(name: str, groups: list) -> None:
    """Late ones among them, and however they are grouped: times are seconds after the latest so far."""
    together, alone = make_series(name, ADA), make_series(name, ADA)
    latest = 1_700_000_000
    for group in groups:
        trades = []
        for after, price, size in group:
            trades.append(((latest + after) * SECOND, price, size))
            latest = max(latest, latest + after)
        together.add_many(trades)
        for each in trades:
            alone.add_at(*each)
        assert together.whole() == alone.whole() and together.take_changed() == alone.take_changed()
    assert together.too_late == alone.too_late
