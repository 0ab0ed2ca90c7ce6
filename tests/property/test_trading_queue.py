"""The queue is never better than the truth: QueuePlace against an exact first-in-first-out book with racing feeds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.trading.queue import QueuePlace

ACTIONS = st.tuples(st.sampled_from(["add", "cancel_ahead", "cancel_behind", "trade", "trade"]), st.integers(1, 12))
LAGS = st.lists(st.booleans(), max_size=120)


@settings(max_examples=400, deadline=None)
@given(start=st.integers(0, 30), actions=st.lists(ACTIONS, max_size=40), lags=LAGS, stamped=st.booleans())
def test_what_is_left_for_us_never_exceeds_the_truth(start, actions, lags, stamped):
    ahead, behind = start, 0
    deltas, trades = [], []
    true_left = 0
    for ts, (action, size) in enumerate(actions, 1):
        if action == "add":
            behind += size
        elif action == "cancel_ahead":
            ahead -= min(ahead, size)
        elif action == "cancel_behind":
            behind -= min(behind, size)
        else:
            size = min(size, ahead + behind)
            passed = min(size, ahead)
            ahead -= passed
            behind -= size - passed
            true_left += size - passed
            if size:
                trades.append((ts if stamped else 0, size, true_left))
        deltas.append((ts if stamped else 0, ahead + behind))
    place = QueuePlace(start)
    ours = 0
    order = iter(lags)
    while deltas or trades:
        if deltas and (not trades or next(order, True)):
            ts, displayed = deltas.pop(0)
            place.resized(displayed, ts)
        else:
            ts, size, truth = trades.pop(0)
            ours += place.traded(size, ts)
            assert ours <= truth
    assert place.ahead >= 0


@settings(max_examples=100, deadline=None)
@given(start=st.integers(0, 30), sizes=st.lists(st.integers(1, 12), max_size=20))
def test_with_trades_alone_the_place_is_exact(start, sizes):
    place = QueuePlace(start)
    left = sum(place.traded(size, 0) for size in sizes)
    assert left == max(sum(sizes) - start, 0)
    place.forget()
    assert place.traded(5, 0) == 0
    place.see(3)
    assert place.traded(5, 0) == 2
