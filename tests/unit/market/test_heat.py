"""A book over time: rows around the middle, gaps with reasons, memory that does not grow."""

from hypothesis import given
from hypothesis import strategies as st

from app.market.book import Book
from app.market.heat import COLUMNS, ROWS, HeatMap, row_step
from app.model.instrument import Instrument
from app.model.market import BookSnapshot

ITEM = Instrument("AAA", "test", "AAA", "USD", "USD", 2, 3, tick=5)
EVERY = 500_000_000


def book(middle: int = 10_000, levels: int = 100, apart: int = 5) -> Book:
    made = Book(ITEM)
    bids = tuple((middle - 5 - at * apart, 1000 + at) for at in range(levels))
    asks = tuple((middle + 5 + at * apart, 2000 + at) for at in range(levels))
    made.apply_snapshot(BookSnapshot("AAA", 1, 1, bids, asks))
    return made


def test_a_sample_is_the_sizes_of_rows_around_the_middle():
    heat = HeatMap(EVERY)
    (column,) = heat.sample(book(), EVERY, trusted=True)
    assert heat.step == 10 and (column.bid, column.ask) == (9995, 10005)
    assert len(column.sizes) == ROWS and column.first == 1000 - ROWS // 2
    assert column.sizes[9_980 // 10 - column.first] == 1002 + 1003
    assert column.sizes[10_010 // 10 - column.first] == 2001 + 2002


def test_nothing_is_drawn_of_a_book_that_cannot_be_trusted():
    heat = HeatMap(EVERY)
    heat.sample(book(), EVERY, trusted=True)
    (gap,) = heat.sample(book(), 2 * EVERY, trusted=False, reason="update 5 expected, 9 received")
    assert gap.reason.startswith("update 5") and gap.sizes == ()
    (empty,) = heat.sample(Book(ITEM), 3 * EVERY, trusted=True)
    assert empty.reason == "the book has an empty side"


def test_time_that_stands_still_gives_nothing_and_a_silence_is_a_gap():
    heat = HeatMap(EVERY)
    heat.sample(book(), EVERY, trusted=True)
    assert heat.sample(book(), EVERY, trusted=True) == []
    gap, column = heat.sample(book(), 10 * EVERY, trusted=True)
    assert (gap.reason, column.reason) == ("not looked at", "") and gap.ts == 9 * EVERY


def test_time_that_goes_back_begins_afresh_and_a_clock_put_right_does_not():
    heat = HeatMap(EVERY)
    for at in range(100, 110):
        heat.sample(book(), at * EVERY, trusted=True)
    assert heat.sample(book(), 108 * EVERY, trusted=True) == [] and len(heat.columns) == 10
    (column,) = heat.sample(book(middle=20_000, apart=50), 5 * EVERY, trusted=True)
    assert list(heat.columns) == [column] and heat.step == 100


def test_memory_does_not_grow():
    heat = HeatMap(EVERY)
    for at in range(3 * COLUMNS):
        heat.sample(book(), at * EVERY, trusted=at % 7 != 0)
    assert len(heat.columns) == COLUMNS


@given(st.integers(1, 10**12), st.integers(1, 10**6))
def test_a_row_is_a_round_number_of_ticks_and_wide_enough(span, tick):
    step = row_step(span, tick)
    assert step % tick == 0 and step * ROWS >= span
    assert str(step // tick).rstrip("0") in ("1", "2", "5")
