"""Whatever goes wrong on the way, no book of a streaming venue is wrong and says it is right, nothing escapes, and all books come back."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venues.sims.exchange import FAULTS
from tests.venues.sims.hand import LIVE, Hand, exchange_of

CLEAN = 3
"""Steps without a fault, after which a loss has to show: each of them changes every book."""
TROUBLE = st.one_of(
    st.tuples(st.just("frames"), st.lists(st.sampled_from(("", *FAULTS)), min_size=1, max_size=8)),
    st.tuples(st.sampled_from(("disconnect", "stall", "lie", "sleep", "clock", "refuse", "rest")), st.integers(1, 4)),
)


async def trouble(desk: Hand, kind: str, value: object) -> None:
    exchange = desk.exchange
    if kind == "frames":
        exchange.plan = list(value)
    elif kind in ("disconnect", "stall"):
        getattr(exchange, kind)()
    elif kind == "lie" and hasattr(exchange, "lie"):
        exchange.lie = value
    elif kind == "sleep":
        exchange.step(value)
        desk.time.clock.advance(value * 1000 * 10**9)
    elif kind == "clock":
        desk.time.clock.set_wall(desk.time.now_ns() - value * 3600 * 10**9)
    elif kind == "refuse":
        exchange.refusing = value
        exchange.disconnect()
    elif kind == "rest":
        exchange.http_plan = [(200, "<html>"), (500, ""), (429, ""), (200, "{}")][:value]
        exchange.disconnect()


async def survive(name: str, seed: int, rounds: list) -> None:
    desk = await Hand(exchange_of(name, seed=seed), seed=seed).start()
    for steps, (kind, value) in rounds:
        await trouble(desk, kind, value)
        desk.exchange.step(steps)  # one batch, the faults in the middle of it
        await desk.pass_s(0.01)
        desk.exchange.plan.clear()
        if desk.exchange.stalled:
            await desk.pass_s(30.0)  # silence shows after a while only: until then the age of the data tells
            assert not desk.exchange.stalled
        await desk.step(CLEAN)
        desk.check()
    desk.exchange.http_plan.clear()
    desk.exchange.refusing = 0
    for _ in range(2):  # a clock that jumped may show a moment later, and begins everything anew once more
        await desk.live(1200.0)
        await desk.step(CLEAN)
        if (right := desk.check()) == 3:
            break
    assert right == 3
    desk.venue.stop()
    await desk.pass_s(0.1)
    assert desk.time.pending() == 0


@pytest.mark.parametrize("name", LIVE)
@given(seed=st.integers(0, 10_000), rounds=st.lists(st.tuples(st.integers(1, 6), TROUBLE), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_no_book_is_wrong_and_says_it_is_right(name: str, seed: int, rounds: list) -> None:
    asyncio.run(survive(name, seed, rounds))
