"""What the benches load the quote store with is right: bars in columns are those of the desk, whoever looks when."""

from __future__ import annotations

from array import array

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.bars import BarSeries
from app.market.indicators import find
from app.model.market import Ticks
from tests.bench.pages.barcolumns import BarColumns, BarredStore, Following

SECOND = 1_000_000_000
NOTHING = memoryview(array("q"))


def traded(store: BarredStore, trades: list[tuple[int, ...]]) -> None:
    """A batch of (row, number, price, size, time)."""
    store.put(Ticks(store.symbols, 1, memoryview(array("q", [value for trade in trades for value in (0, *trade, 0)])), NOTHING, 1))


batches = st.lists(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 4), st.integers(1, 50), st.integers(1, 9)), min_size=1, max_size=12), max_size=12)


@settings(max_examples=150, deadline=None)
@given(batches, st.integers(2, 400))
def test_bars_in_columns_are_those_of_the_desk(batches: list[list[tuple]], kept: int) -> None:
    """Trades step on by quarters of a second, come late and share times; of many bars the newest are kept."""
    store = BarredStore(["A", "B"], [BarColumns(2, width, kept) for width in (1, 60)])
    series = [[BarSeries(width) for width in ("1s", "1m")] for _ in store.symbols]
    now, number = 100 * SECOND, 0
    for batch in batches:
        trades = []
        for row, step, price, size in batch:
            now, number = now + max(step, 0) * SECOND // 4, number + 1
            ts = now + min(step, 0) * SECOND // 2 * (kept > 8)  # what is older than all that is kept is left out
            trades.append((row, number, price, size, ts))
            for each in series[row]:
                each.add_at(ts, price, size)
        traded(store, trades)
    for row in range(2):
        assert [bars.rows(row) for bars in store.bars] == [each.rows()[-kept - 1 :] for each in series[row]]
    assert store.lasts()[:, 3].tolist() == [each[0].last[4] if each[0].last else 0 for each in series]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(90, 110), st.booleans()), min_size=1, max_size=150))
def test_how_often_somebody_looks_changes_no_indicator(steps: list[tuple[int, int, int, bool]]) -> None:
    found = [find(name).build(**{"timeperiod": 3} if name != "MACD" else {}) for name in ("SMA", "EMA", "RSI", "ATR", "MACD")]
    eager, lazy = (BarredStore(["A", "B"], [BarColumns(2, 1)]) for _ in range(2))
    follow = [Following(store.bars[0], found, [(0, 0)] * 2) for store in (eager, lazy)]
    rows, now = np.arange(2), 0
    for number, (row, step, price, looked_at) in enumerate(steps):
        now += step * SECOND // 2
        for store in (eager, lazy):
            traded(store, [(row, number, price, 1, now)])
        every = follow[0].values(rows)
        if looked_at or number == len(steps) - 1:
            for ours, theirs in zip(every, follow[1].values(rows), strict=True):
                np.testing.assert_array_equal(ours, theirs)
