"""When listings are asked for, and what answers become for the market, with time in the test's hand."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.market.state import MarketState
from app.model.market import BookSnapshot, Trade
from app.model.orders import Side
from app.sources.answers import Price, SourceError
from app.sources.chain import Chain, Outcome
from app.sources.listing import listing
from app.venues.equities.live import EquitiesLive
from app.venues.equities.polling import NS, Watched
from tests.unit.manual import ManualTime
from tests.unit.sources.test_chain import Scripted

TITLES = {"yahoo": "Yahoo", "alphavantage": "Alpha Vantage"}


def at(text: str, zone: str = "America/New_York") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * NS


def watched(symbol: str = "AAPL") -> Watched:
    item = listing(symbol)
    row = Watched(item, item.instrument("equities"))
    row.looked_at = True
    return row


def take(row: Watched, price: Price | None, now: int, source: str = "yahoo", reasons=()) -> list:
    return row.take(Outcome(price, source if price else "", tuple(reasons)), TITLES, now, now)


def test_every_minute_while_the_exchange_trades_and_not_again_before_it_opens() -> None:
    row, noon, evening = watched(), at("2026-11-25T12:00"), at("2026-11-25T16:01")
    take(row, Price(Decimal("190.12"), noon), noon)
    assert row.due_ns == noon + 60 * NS
    row.looked_at = False
    row.plan(noon)
    assert row.due_ns == noon + 300 * NS
    take(row, Price(Decimal("190.5"), at("2026-11-25T16:00")), evening)
    # Thursday is Thanksgiving: Friday's opening, and a few seconds
    assert row.is_final(evening) and row.due_ns == at("2026-11-27T09:30") + 5 * NS
    assert row.stale_after_ns(evening) > 86_400 * NS
    # a price from before the close is not final: it is asked for again
    other = watched()
    take(other, Price(Decimal("190.12"), noon), evening)
    assert not other.is_final(evening) and other.due_ns == evening + 900 * NS


def test_what_never_closes_is_asked_for_every_minute() -> None:
    row, sunday = watched("BTC-USD"), at("2026-11-29T03:00", "UTC")
    take(row, Price(Decimal("64123.45"), sunday), sunday)
    assert row.due_ns == sunday + 60 * NS and row.hours(sunday) == (True, None, None, "")


def test_failures_are_asked_again_ever_later() -> None:
    row, now, waits = watched(), at("2026-11-25T12:00"), []
    for _ in range(6):
        take(row, None, now, reasons=[("yahoo", "no answer"), ("alphavantage", "needs a key")])
        waits.append((row.due_ns - now) // NS)
    assert waits == [60, 120, 240, 480, 480, 480]
    assert row.note == "Yahoo: no answer; Alpha Vantage: needs a key"


def test_a_call_that_is_soon_allowed_is_waited_for() -> None:
    row, now = watched(), at("2026-11-25T12:00")
    row.take(Outcome(None, "", (("yahoo", "used up"),), 1.2), TITLES, now, now)
    assert row.due_ns == now + 1_300_000_000


def test_an_older_price_never_replaces_a_newer_one() -> None:
    row, noon = watched(), at("2026-11-25T12:00")
    take(row, Price(Decimal("190.12"), noon), noon)
    events = take(row, Price(Decimal("185"), at("2026-11-24T16:00"), "day"), noon + 60 * NS, "alphavantage", [("yahoo", "no answer")])
    assert events == [] and row.source == "yahoo" and row.price.last == Decimal("190.12")
    assert row.note == "Yahoo: no answer; Alpha Vantage has an older price (185), Yahoo's is kept"


def test_a_price_of_the_day_is_not_asked_for_every_minute() -> None:
    row, noon = watched(), at("2026-11-25T12:00")
    take(row, Price(Decimal("185"), noon, "day"), noon, "alphavantage")
    assert row.settled("alphavantage", noon + 60 * NS) and not row.settled("yahoo", noon + 60 * NS)
    assert not row.settled("alphavantage", noon + 3600 * NS)


def test_trades_and_the_top_of_the_book() -> None:
    row, noon = watched(), at("2026-11-25T12:00")
    state = MarketState([row.instrument])
    state.apply(take(row, Price(Decimal("190.12"), noon, volume=500_000), noon))
    book = state.book("AAPL")
    # indicated: five hundredths of a percent around the last price, whole ticks
    assert [row.instrument.price(level[0]) for level in (book.best_bid(), book.best_ask())] == [Decimal("190.0200"), Decimal("190.2200")]
    assert book.best_bid()[1] == 500 and book.is_trusted
    events = take(row, Price(Decimal("190.10"), noon + NS, volume=500_300), noon + 60 * NS)
    trade = next(event for event in events if type(event) is Trade)
    assert (trade.size, trade.buyer_maker) == (300, True)
    # the source's own bid and ask, where it has them
    events = take(row, Price(Decimal("190.10"), noon + 2 * NS, "live", Decimal("190.09"), 200, Decimal("190.11"), 300), noon + 120 * NS)
    snapshot = next(event for event in events if type(event) is BookSnapshot)
    assert snapshot.bids == ((1_900_900, 200),) and snapshot.asks == ((1_901_100, 300),)
    # nothing new: no trade, but it was heard of
    events = take(row, row.price, noon + 180 * NS)
    assert not [event for event in events if type(event) is Trade]
    # nobody stands in the book of an exchange that is closed
    state.apply(row.turn(at("2026-11-25T16:00")))
    assert state.book("AAPL").levels(Side.BUY, 5) == [] and state.last("AAPL").price == 1_901_200


def test_after_the_opening_nobody_stands_in_the_book_before_a_price_of_the_session_has_come() -> None:
    row = watched()
    close, opening = at("2026-11-24T16:00"), at("2026-11-25T09:30")
    state = MarketState([row.instrument])
    state.apply(take(row, Price(Decimal("190.12"), close), close))
    state.apply(row.turn(opening))
    assert state.book("AAPL").best_bid() is None and state.quote("AAPL").ask_size == 0
    assert row.quiet(opening) == "the price is of the session before: no order is filled at it"
    # a source that is a quarter of an hour late still gives yesterday's
    state.apply(take(row, Price(Decimal("190.30"), close + NS), opening + 60 * NS))
    assert state.book("AAPL").best_bid() is None
    state.apply(take(row, Price(Decimal("195"), opening), opening + 120 * NS))
    assert state.book("AAPL").best_bid() is not None and row.quiet(opening + 120 * NS) == ""


def test_the_calendar_is_asked_once_a_change_of_session_and_not_every_second() -> None:
    row, moment = watched("7203.T"), at("2026-11-25T08:00", "Asia/Tokyo")
    take(row, Price(Decimal("2500"), moment), moment)
    told = []
    for _ in range(9 * 60):
        row.turn(moment)
        row.stale_after_ns(moment)
        told.append((row.is_open(moment), row.calendar.is_open(moment)))
        moment += 60 * NS
    assert all(shown == so for shown, so in told) and len({shown for shown, _ in told}) == 2
    assert row._hours.looked_up <= 6  # before, morning, the new day of UTC, pause, afternoon, after


def test_a_negative_price_is_shown_and_has_no_book() -> None:
    row, noon = watched("CL=F"), at("2026-11-25T12:00")
    state = MarketState([row.instrument])
    state.apply(take(row, Price(Decimal("-37.63"), noon), noon))
    assert state.last("CL=F").price == -376_300 and state.quote("CL=F").bid_size == 0 and state.book("CL=F").best_bid() is None


def test_a_market_that_is_open_and_silent_is_worth_a_word() -> None:
    row, noon = watched(), at("2026-11-25T12:00")
    take(row, Price(Decimal("190.12"), noon - 1_380 * NS), noon)
    assert row.quiet(noon) == "no trade for 23 min: halted, or nobody trades"
    assert row.quiet(at("2026-11-25T17:00")) == ""


def test_beyond_the_calendar_it_is_taken_to_trade_and_said() -> None:
    row = watched()
    later = at("2031-03-03T12:00")
    take(row, Price(Decimal("190.12"), later), later)
    assert row.due_ns == later + 60 * NS and "is known from" in row.hours(later)[3]


class Sink:
    def __init__(self) -> None:
        self.events, self.connections = [], []

    def on_events(self, events, received_ns) -> None:
        self.events += events

    def on_connection(self, connection) -> None:
        self.connections.append(connection)

    def on_rejected(self, rejected) -> None:
        raise AssertionError(rejected)


class Tasks(ManualTime):
    """Tasks that end at once: no source waits for anything here."""

    def create_task(self, coroutine):
        asyncio.run(coroutine)
        return None


def test_nothing_is_asked_before_what_was_kept_is_known_and_a_price_that_is_final_is_not_asked_for_again() -> None:
    time = Tasks()
    time.clock.set_wall(at("2026-11-28T12:00"))  # a Saturday
    first = Scripted("yahoo", time)
    chain = Chain((first,), time, random.Random(1))
    sink, venue = Sink(), EquitiesLive(chain, time, time, map(listing, ("MSFT", "AAPL")), "EQUITIES")
    assert [item.symbol for item in venue.instruments()] == ["MSFT.EQUITIES", "AAPL.EQUITIES"]
    venue.start(sink)
    time.advance(3)
    assert not first.asked
    friday = at("2026-11-27T13:00")
    venue.restore("AAPL.EQUITIES", Price(Decimal("190.12"), friday), "yahoo", friday + 60 * NS)
    venue.begin()
    time.advance(1)
    assert first.asked == [["MSFT"]] and venue.connection.state == "live"
    assert {event.symbol for event in sink.events} == {"MSFT.EQUITIES", "AAPL.EQUITIES"}
    assert venue.stale_after_ns("AAPL.EQUITIES") > 86_400 * NS


def test_the_venue_falls_over_and_back() -> None:
    time = Tasks()
    time.clock.set_wall(at("2026-11-25T12:00"))
    first, second = Scripted("yahoo", time), Scripted("alphavantage", time)
    chain = Chain((first, second), time, random.Random(1))
    sink, venue = Sink(), EquitiesLive(chain, time, time, [listing("AAPL")])
    venue.start(sink)
    venue.begin()
    time.advance(1)
    row = venue.rows["AAPL"]
    assert row.source == "yahoo" and venue.connection.state == "live" and venue.connection.detail == ""
    first.fails = SourceError("timeout", "no answer in 10 s")
    time.advance(130)
    assert row.source == "alphavantage" and venue.connection.state == "live"
    assert "Yahoo: 2 time-outs" in venue.connection.detail and "now Alphavantage" in venue.connection.detail
    second.fails = SourceError("server", "HTTP 502")
    time.advance(400)
    assert venue.connection.state == "reconnecting" and row.price is not None
    assert venue.stale_after_ns("AAPL") == 180 * NS and venue.stale_after_ns("BTCUSDT") is None
    first.fails = second.fails = None
    time.advance(3_600)
    assert row.source == "yahoo" and venue.connection.detail == ""
    asked = len(first.asked)
    venue.went_offline()
    time.advance(600)
    assert len(first.asked) == asked
    venue.retry_now()
    time.advance(2)
    assert len(first.asked) == asked + 1
    venue.stop()
    time.advance(600)
    assert len(first.asked) == asked + 1
