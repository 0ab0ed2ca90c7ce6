from __future__ import annotations

import pytest

from app.market.state import STALE_AFTER_NS, MarketState
from app.model.market import Gap, MarketEvent, Restart
from tests.unit.market.kit import ADA, BTC, SECOND, delta, quote, snapshot, trade

S = "ADA-USD"
T = 1_700_000_040 * SECOND


@pytest.fixture
def state() -> MarketState:
    return MarketState([ADA, BTC])


def test_at_first_nothing_is_known(state: MarketState) -> None:
    assert state.quote(S) is None
    assert state.last(S) is None
    assert state.age_ns(S, T) is None
    assert state.is_stale(S, T)
    assert state.book(S).state == "syncing"
    assert state.knows(S)
    assert not state.knows("NOPE")
    assert state.instrument(S) is ADA


def test_the_quote_follows_the_book_where_the_venue_sends_none(state: MarketState) -> None:
    state.apply([snapshot([(99, 5)], [(101, 7)]), delta([(100, 2)], recv=3)])
    found = state.quote(S)
    assert found is not None
    assert found[3:] == (100, 2, 101, 7)
    assert found.recv == 3
    state.apply([delta([(50, 2)], recv=4)])
    assert state.quote(S) is found


def test_an_empty_side_has_price_and_size_zero(state: MarketState) -> None:
    state.apply([snapshot([(99, 5)], [])])
    assert state.quote(S)[3:] == (99, 5, 0, 0)


def test_the_venues_own_quote_goes_before_the_books(state: MarketState) -> None:
    state.apply([snapshot([(99, 5)], [(101, 7)]), quote(97, 98), delta([(100, 2)])])
    assert state.quote(S) == quote(97, 98)
    assert state.book(S).best_bid() == (100, 2)


def test_no_quote_is_derived_from_a_book_that_is_not_trusted(state: MarketState) -> None:
    told = []
    state.on_broken_book = lambda symbol, reason: told.append((symbol, reason))
    state.apply([snapshot([(99, 5)], [(101, 7)], 10), delta([(100, 1)], first=12, last=12), delta([(100, 1)], first=13, last=13)])
    assert state.quote(S) is None
    assert told == [(S, "update 11 expected, 12 received")]
    assert state.counters["broken_books"] == 1
    assert state.bars(S, "1s").is_in_gap
    state.apply([snapshot([(99, 5)], [(101, 7)], 20, recv=T)])
    assert state.quote(S)[3:] == (99, 5, 101, 7)
    assert not state.bars(S, "1s").is_in_gap


def test_a_gap_is_shown_in_book_quote_and_bars(state: MarketState) -> None:
    state.apply([snapshot([(99, 5)], [(101, 7)]), trade(T, 100), Gap(S, T + SECOND, "connection lost")])
    assert (state.book(S).state, state.book(S).reason) == ("gap", "connection lost")
    assert state.quote(S) is None
    for timeframe in ("1s", "1m", "5m", "15m", "1h", "1d"):
        assert state.bars(S, timeframe).gaps[0][2] == "connection lost"
    assert state.counters["gaps"] == 1


def test_duplicate_trades_change_no_bar(state: MarketState) -> None:
    state.apply([trade(T, 100, 5, "1"), trade(T, 100, 5, "1")])
    assert state.bars(S, "1m").rows() == [(T // SECOND, 100, 100, 100, 100, 5)]
    assert state.counters["duplicates"] == 1
    assert len(state.trades(S)) == 1


def test_a_restart_forgets_one_instrument(state: MarketState) -> None:
    events: list[MarketEvent] = [snapshot([(99, 5)], [(101, 7)]), trade(T, 100), quote(1, 2)]
    state.apply(events)
    state.apply([quote(5, 6, symbol="BTCUSDT"), Restart(S, T, "loop")])
    assert state.quote(S) is None
    assert state.last(S) is None
    assert state.age_ns(S, T) is None
    assert state.bars(S, "1d").rows() == []
    assert state.quote("BTCUSDT") is not None


def test_age_counts_from_what_was_received_last(state: MarketState) -> None:
    state.apply([quote(1, 2, recv=T)])
    assert state.age_ns(S, T + 5) == 5
    assert state.age_ns(S, T - 5) == 0
    assert not state.is_stale(S, T + STALE_AFTER_NS)
    assert state.is_stale(S, T + STALE_AFTER_NS + 1)
    state.apply([Gap(S, T + 100, "lost")])
    assert state.age_ns(S, T + 100) == 100


def test_changed_symbols_are_given_once(state: MarketState) -> None:
    state.apply([quote(1, 2)])
    assert state.take_changed() == {S}
    assert state.take_changed() == set()


def test_listeners_hear_of_a_batch_after_it_was_applied(state: MarketState) -> None:
    seen = []
    state.on_events(lambda events: seen.append((list(events), state.quote(S))))
    state.apply(iter([quote(1, 2)]))
    assert seen == [([quote(1, 2)], quote(1, 2))]


def test_an_unknown_symbol_is_counted_and_ignored(state: MarketState) -> None:
    state.apply([quote(1, 2, symbol="NOPE"), quote(1, 2)])
    assert state.counters["unknown_symbol"] == 1
    assert state.quote(S) == quote(1, 2)


def test_something_that_is_no_market_event_is_a_programming_error(state: MarketState) -> None:
    class Odd:
        symbol = S
        recv = 1

    with pytest.raises(TypeError):
        state.apply([Odd()])
