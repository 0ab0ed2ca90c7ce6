"""The mark of an instrument: from its quote and trade, made anew only when they change, stale by the time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from app.trading.marks import Mark
from tests.unit.trading.kit import TOY, Rig

D = Decimal


def test_a_mark_follows_quote_trade_time_and_instrument():
    rig = Rig()
    assert rig.view.mark("TOY") is None and rig.view.mark("NONE") is None
    rig.trade("100", 1, "buy")
    assert rig.view.mark("TOY") == Mark(D(100), None, None, D(100)) and not rig.view.is_stale("TOY")
    rig.book({"99": 5}, {"102": 5})
    first = rig.view.mark("TOY")
    assert first == Mark(D("100.5"), D(99), D(102), D(100)) and rig.view.mark("TOY") is first
    rig.trade("101", 1, "buy")
    assert rig.view.mark("TOY") == first._replace(last=D(101))
    rig.time.advance(3600)
    assert rig.view.mark("TOY") == first._replace(last=D(101)) and rig.view.is_stale("TOY")
    rig.book({"99": 5}, {"102": 5})
    assert not rig.view.is_stale("TOY")
    rig.view.instruments = {"TOY": replace(TOY, price_scale=3)}
    assert rig.view.mark("TOY").bid == D("9.9"), "the same units mean something else"


def test_the_last_known_price_stays_without_quote_and_trade():
    rig = Rig()
    rig.book({"99": 5}, {"101": 5})
    assert rig.view.mark("TOY").price == 100
    quote, last = rig.view.market.quote, rig.view.market.last
    rig.view.market.quote = rig.view.market.last = lambda _symbol: None
    assert rig.view.mark("TOY") == Mark(D(100), None, None, None) == rig.view.mark("TOY") and rig.view.is_stale("TOY")
    rig.view.market.quote, rig.view.market.last = quote, last
    assert rig.view.mark("TOY").bid == 99


def test_within_a_moment_there_is_one_market_and_after_it_the_present_one():
    rig = Rig()
    rig.book({"99": 5}, {"101": 5})
    with rig.view.moment:
        assert rig.view.mark("TOY").price == 100 and rig.view.mark("NONE") is None
        rig.book({"99": 0, "98": 5}, {"101": 0, "100": 5})
        rig.view.instruments = {**rig.view.instruments, "NONE": replace(TOY, symbol="NONE")}
        assert rig.view.mark("TOY").price == 100
    assert rig.view.mark("TOY").price == 99


def test_of_many_instruments_those_are_named_whose_market_moved():
    rig = Rig(instruments=(TOY, replace(TOY, symbol="TWO")))
    market, seen = rig.view.market, {"TOY": (None, None), "TWO": (None, None)}
    assert market.moved(seen) == []
    rig.book({"99": 5}, {"101": 5}, "TWO")
    assert market.moved(seen) == ["TWO"] and seen == {"TOY": (None, None), "TWO": (market.quote("TWO"), None)}
    rig.trade("100", 1, "buy")
    assert market.moved(seen) == ["TOY"] and market.moved(seen) == []
