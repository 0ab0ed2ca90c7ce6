"""What goes to the page, and when: the quote in focus at once, the rest on a beat, nothing twice, never ahead of the page."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from app.desk.feed import Feed
from app.desk.publisher import BEATS, SPREAD_NS, Publisher
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.model.market import BookSnapshot, Correction, Quote, Trade
from tests.unit.manual import ManualTime

MS = 1_000_000
ITEMS = [Instrument(symbol, "test", symbol, symbol[:3], "USD", 2, 3) for symbol in ("AAA", "BBB", "CCC")]


class Rig:
    """A publisher on a clock moved by hand; the page paints when told to."""

    def __init__(self) -> None:
        self.time = ManualTime()
        self.market = MarketState(ITEMS)
        self.sent: list[dict] = []
        self.account = {"cash": "100.00"}
        ways = self.time, self.time, lambda: self.account, lambda _: 10**18, self.post
        self.publisher = Publisher(self.market, ITEMS, self.post, *ways)
        self.paints = True
        self.time.advance(10)
        self.publisher.set_focus("AAA", "1s")
        self.publisher.watch(["AAA", "BBB", "CCC"])
        self.publisher.flush()
        self.run(2)
        self.sent.clear()

    def post(self, text: str, file: bytes = b"") -> None:
        self.sent.append(json.loads(text) | ({"file": file} if file else {}))

    def run(self, seconds: float) -> None:
        """Let time go by in steps of a millisecond; the page paints at once."""
        for _ in range(round(seconds * 1000)):
            self.paint()
            self.time.advance(0.001)
        self.paint()

    def paint(self) -> None:
        while self.paints and (ticks := self.ticks()) and ticks[-1]["seq"] != getattr(self, "painted", None):
            self.painted = ticks[-1]["seq"]
            self.publisher.painted(self.painted)

    def quote(self, symbol: str, bid: int, size: int = 1000, received_ms: float = 5.0) -> None:
        self.market.apply([Quote(symbol, 10**18, 10**18, bid, size, bid + 1, size)])
        self.publisher.changed(self.market.take_changed(), received_ms)

    def ticks(self) -> list[dict]:
        return [message for message in self.sent if message["t"] == "tick"]

    def rows(self) -> list[list]:
        return [row for tick in self.ticks() for row in tick["quotes"]]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_quote_in_focus_goes_at_once_and_carries_its_frame_s_time(rig: Rig):
    rig.quote("AAA", 100, received_ms=7.5)
    (tick,) = rig.ticks()
    assert tick["quotes"][0][:3] == ["AAA", "1.00", "1.01"] and tick["recv_ms"] == 7.5


def test_while_an_order_is_under_way_nothing_is_made_for_the_page_but_not_for_long(rig: Rig):
    under_way = True
    rig.publisher.gives_way = lambda: under_way
    rig.quote("AAA", 100)
    rig.run(0.03)
    assert rig.ticks() == []
    under_way = False
    rig.run(0.006)
    assert rig.rows()[-1][:2] == ["AAA", "1.00"], "right after it, and nobody has to ask for it"
    under_way = True
    rig.quote("AAA", 101)
    rig.run(0.05)
    assert rig.rows()[-1][:2] == ["AAA", "1.01"], "orders without end do not blind the trader"


def test_other_quotes_go_together_on_the_beat_and_claim_no_frame(rig: Rig):
    rig.quote("BBB", 100)
    rig.run(0.3)
    rig.sent.clear()
    for bid in range(101, 151):
        rig.quote("BBB", bid)
        rig.quote("CCC", bid)
        rig.run(0.002)
    rig.run(0.2)
    ticks = [tick for tick in rig.ticks() if tick["quotes"]]
    assert 2 <= len(ticks) <= 4, "a fifth of a second has two beats, and one before and after"
    assert {tick["recv_ms"] for tick in ticks} == {None}
    assert [row for row in rig.rows() if row[0] == "BBB"][-1][1] == "1.50", "the newest state goes out"


def test_what_shows_the_same_is_not_sent_again(rig: Rig):
    rig.quote("AAA", 100)
    rig.run(0.5)
    rig.sent.clear()
    for size in range(2000, 2050):
        rig.quote("AAA", 100, size)
        rig.quote("BBB", 100, size)
        rig.run(0.01)
    assert [row[0] for row in rig.rows()] == ["BBB"], "its first quote, and no size behind the same price"
    rig.publisher.watch(["AAA", "BBB"])
    rig.publisher.flush()
    rig.run(0.3)
    assert {row[0] for row in rig.rows()} == {"AAA", "BBB"}, "a list asked for anew is told anew"


def test_no_two_drawn_parts_share_a_message_at_work_and_all_share_at_rest(rig: Rig):
    def drawn(attention: str) -> list[tuple[int, set[str]]]:
        rig.publisher.attend(attention)
        rig.run(1)
        rig.sent.clear()
        found = []
        first = 1000 * len(attention)  # trades of their own: a trade that is known already changes nothing
        for number in range(first, first + 400):
            recv = 10**18 + number
            book = BookSnapshot("AAA", 0, recv, ((100, 1 + number),), ((101, 1),))
            rig.market.apply([book, Trade("AAA", recv, recv, 100 + number % 2, 1, True, str(number))])
            seen = len(rig.sent)
            rig.publisher.changed(rig.market.take_changed(), 1.0)
            rig.run(0.005)
            for tick in rig.sent[seen:]:
                found.append((rig.time.monotonic_ns(), {"book", "tape", "bar"} & tick.keys()))
        return [item for item in found if item[1]]

    at_work = drawn("active")
    assert max(len(parts) for _, parts in at_work) == 1
    assert min(late - early for (early, _), (late, _) in pairwise(at_work)) >= SPREAD_NS["active"] - 6 * MS
    assert {part for _, parts in at_work for part in parts} == {"book", "tape", "bar"}
    at_rest = drawn("resting")
    assert max(len(parts) for _, parts in at_rest) == 3
    assert len(at_rest) <= 2 * 4 + 2, "two seconds of four beats: none has a beat of its own"


def test_what_is_drawn_claims_no_frame_when_the_quote_shows_the_same(rig: Rig):
    rig.quote("AAA", 100)
    rig.run(0.5)
    rig.sent.clear()
    rig.market.apply([BookSnapshot("AAA", 0, 10**18, ((90, 1),), ((101, 1),))])
    rig.quote("AAA", 100, 2000, received_ms=9.0)
    rig.run(0.3)
    (tick,) = [tick for tick in rig.ticks() if "book" in tick]
    assert tick["recv_ms"] is None and not tick["quotes"]


def test_a_page_that_is_looked_at_again_does_not_wait_for_the_slow_beat(rig: Rig):
    rig.publisher.attend("hidden")
    rig.quote("BBB", 100)
    rig.run(0.2)
    rig.sent.clear()
    rig.quote("BBB", 200)
    rig.run(0.3)
    assert not rig.rows()
    rig.market.apply([BookSnapshot("AAA", 0, 10**18, ((90, 1),), ((101, 1),))])
    rig.publisher.changed(rig.market.take_changed(), 1.0)
    rig.publisher.attend("active")
    rig.run(0.1)
    assert ["BBB", "2.00"] in [row[:2] for row in rig.rows()]
    assert any("book" in tick for tick in rig.ticks()), "and the book follows a moment later, not on the old beat"


def test_the_beat_follows_attention_and_an_unseen_page_has_one_a_second(rig: Rig):
    def sent_in(attention: str) -> int:
        rig.publisher.attend(attention)
        rig.run(1.2)
        rig.sent.clear()
        for bid in range(1000, 1400):
            rig.quote("AAA", bid + BEATS[attention]["rows"] // MS)
            rig.quote("BBB", bid + BEATS[attention]["rows"] // MS)
            rig.run(0.005)
        return len([tick for tick in rig.ticks() if tick["quotes"]])

    assert sent_in("hidden") <= 3, "two seconds out of sight, the quote in focus included"
    assert sent_in("active") > 100, "at work the quote in focus goes with every change"


def test_an_account_that_shows_the_same_is_not_sent_again_unless_asked(rig: Rig):
    rig.quote("BBB", 200)
    rig.run(1)
    assert not any("account" in tick for tick in rig.ticks())
    rig.account = {"cash": "99.00"}
    rig.quote("BBB", 201)
    rig.run(1)
    assert sum("account" in tick for tick in rig.ticks()) == 1
    rig.publisher.account_dirty = True
    rig.publisher.flush()
    rig.run(1)
    assert sum("account" in tick for tick in rig.ticks()) == 2


def test_a_page_that_does_not_paint_gets_one_message_and_then_the_newest_state(rig: Rig):
    rig.paints = False
    for bid in range(300, 400):
        rig.quote("AAA", bid)
        rig.time.advance(0.01)
    assert len(rig.ticks()) == 1
    rig.paints = True
    rig.paint()
    assert rig.rows()[-1][1] == "3.99"
    rig.paints = False
    rig.quote("AAA", 500)
    rig.quote("AAA", 501)
    assert rig.rows()[-1][1] == "5.00"
    rig.time.advance(6)
    rig.quote("AAA", 502)
    assert rig.rows()[-1][1] == "5.02", "a credit lost for good does not silence the desk"


def test_a_corrected_trade_brings_tape_and_bars_anew(rig: Rig):
    trades = [Trade("AAA", 10**18 + at, 10**18, 100 + at, 1, True, str(at)) for at in range(3)]
    feed = Feed(rig.market, rig.publisher, rig.time, lambda: 1.0, lambda _connection: None)
    feed.on_events(trades, 0)
    rig.run(1)
    rig.sent.clear()
    events = [Correction("AAA", 10**18, 10**18, "1", 500, 1), Correction("AAA", 10**18, 10**18, "2", 0, 0)]
    feed.on_events(events, 0)
    rig.run(1)
    bars = next(message for message in rig.sent if message["t"] == "bars")
    assert bars["reset"] and bars["rows"][-1][1:5] == [1.0, 5.0, 1.0, 5.0]
    tape = next(tick["tape"] for tick in rig.ticks() if tick.get("tape"))
    assert tape["reset"] and [each[1] for each in tape["rows"]] == ["1.00", "5.00"]
    assert [each[3] for each in rig.rows() if each[0] == "AAA"][-1] == "5.00"


def test_a_page_that_paints_nothing_owes_from_the_first_tick_on_and_one_that_paints_late_only_from_the_last(rig: Rig):
    rig.paints = False
    for bid in range(100, 120):
        rig.quote("AAA", bid)
        rig.run(1)
    assert len(rig.ticks()) > 1 and rig.publisher.owes_ns > 18e9, "credits that seem lost are not credits given"
    rig.publisher.painted(rig.ticks()[-2]["seq"])
    assert 0 < rig.publisher.owes_ns < 6e9
    rig.paints = True
    rig.run(1)
    assert rig.publisher.owes_ns == 0
