"""Health, allowances, cache and the chain over them, with time in the test's hand."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sources.answers import DAY_S, Allowance, Match, Price, SourceError
from app.sources.cache import Cache
from app.sources.chain import Chain
from app.sources.health import Health
from app.sources.listing import BadListing, listing
from app.sources.quota import Ledger
from app.sources.ranking import ranked
from tests.unit.manual import NS, ManualTime

AAPL, MSFT = listing("AAPL"), listing("MSFT")


class Scripted:
    """A source that does what the test says: a price, or an error, by symbol or for all."""

    def __init__(self, name: str, time: ManualTime, *, batch: int = 10, allowances=(), needs_key: bool = False) -> None:
        self.name, self.title, self.batch, self.allowances, self.needs_key = name, name.title(), batch, allowances, needs_key
        self.says: dict[str, Price | SourceError] = {}
        self.fails: SourceError | None = None
        self.asked: list[list[str]] = []
        self._time = time

    def covers(self, item) -> str:
        return "covers shares only" if item.kind != "share" else ""

    def cost(self, count: int) -> int:
        return 1 if self.batch > 1 else count

    async def prices(self, listings):
        self.asked.append([item.symbol for item in listings])
        if self.fails is not None:
            raise self.fails
        return {item.symbol: self.says.get(item.symbol) or Price(Decimal(10), self._time.now_ns()) for item in listings}


def chain_of(time: ManualTime, *sources: Scripted) -> Chain:
    found = Chain(sources, time, random.Random(1))
    for link in found.links.values():
        link.has_key = True
    return found


def ask(chain: Chain, *items, **more):
    return asyncio.run(chain.prices(items or (AAPL,), **more))


def test_the_next_source_is_asked_at_once_and_the_reason_is_said() -> None:
    time = ManualTime()
    first, second = Scripted("first", time), Scripted("second", time)
    chain = chain_of(time, first, second)
    assert ask(chain)["AAPL"].source == "first" and not second.asked
    first.fails = SourceError("timeout", "no answer in 10 s")
    found = ask(chain)["AAPL"]
    assert found.source == "second" and found.reasons == (("first", "no answer in 10 s"),)
    assert "AAPL: First: no answer in 10 s; now Second" in chain.decisions[-1][1]


def test_failures_in_a_row_rest_a_source_ever_longer_and_a_trial_brings_it_back_slowly() -> None:
    time = ManualTime()
    first, second = Scripted("first", time), Scripted("second", time)
    chain = chain_of(time, first, second)
    first.fails = SourceError("timeout", "no answer")
    ask(chain)
    ask(chain)
    assert "2 time-outs, resting" in chain.sentence("first")
    calls = len(first.asked)
    ask(chain)
    assert len(first.asked) == calls  # it rests
    first.fails = None
    used, trials = [], 0
    for _ in range(40):
        time.advance(5)
        before = len(first.asked)
        used.append(ask(chain)["AAPL"].source)
        trials += len(first.asked) > before and not chain.links["first"].health.is_well
    assert used[0] == "second" and used[-1] == "first"
    assert 2 <= trials <= 6  # several good answers before it is relied on, asked for one at a time
    assert used[used.index("first") :].count("second") > 0 and used[-5:] == ["first"] * 5


@settings(max_examples=60, deadline=None)
@given(outcomes=st.lists(st.booleans(), min_size=50, max_size=200))
def test_a_source_that_wavers_is_not_switched_to_and_fro(outcomes: list[bool]) -> None:
    time, health, turns = ManualTime(), Health(random.Random(3)), 0
    well = True
    for good in outcomes:
        time.advance(5)
        if good:
            health.succeeded(time.monotonic_ns())
        else:
            health.fell(time.monotonic_ns(), "timeout", "")
        turns += health.is_well is not well
        well = health.is_well
        assert 0 <= health.score <= 1
    failures = outcomes.count(False)
    assert turns <= failures + 1 and turns <= len(outcomes) // 3 + 2  # up again takes at least two good answers


def test_a_listing_that_a_source_does_not_know_costs_the_source_nothing() -> None:
    time = ManualTime()
    first, second = Scripted("first", time), Scripted("second", time)
    first.says["AAPL"] = SourceError("unknown_symbol", "never heard of it")
    chain = chain_of(time, first, second)
    assert ask(chain, AAPL, MSFT)["AAPL"].source == "second"
    assert chain.links["first"].health.is_well and chain.links["first"].health.score == 1
    ask(chain, AAPL, MSFT)
    assert first.asked[-1] == ["MSFT"]  # not asked again for an hour
    time.advance(3601)
    ask(chain, AAPL, MSFT)
    assert first.asked[-1] == ["AAPL", "MSFT"]


def test_nobody_knows_it_and_every_source_is_named() -> None:
    time = ManualTime()
    sources = [Scripted(name, time) for name in ("first", "second")]
    for source in sources:
        source.says["AAPL"] = SourceError("unknown_symbol", f"not known to {source.name}")
    found = ask(chain_of(time, *sources))["AAPL"]
    assert found.price is None and found.reasons == (("first", "not known to first"), ("second", "not known to second"))


def test_a_listing_may_have_an_order_of_its_own() -> None:
    time = ManualTime()
    first, second = Scripted("first", time), Scripted("second", time)
    chain = chain_of(time, first, second)
    chain.orders["AAPL"] = ("second", "first")
    found = ask(chain, AAPL, MSFT)
    assert (found["AAPL"].source, found["MSFT"].source) == ("second", "first")
    second.fails = SourceError("timeout", "no answer")
    assert ask(chain, AAPL)["AAPL"].source == "first"


def test_batches_are_of_ten_and_what_is_left_out_of_an_answer_goes_on() -> None:
    time = ManualTime()
    first, second = Scripted("first", time), Scripted("second", time, batch=1)
    items = [listing(f"A{letter}") for letter in "BCDEFGHIJKLMNOPQRSTUVWXY"]
    first.says = {items[3].symbol: SourceError("empty", "no trade")}
    found = ask(chain_of(time, first, second), *items)
    assert [len(each) for each in first.asked] == [10, 10, 4] and second.asked == [[items[3].symbol]]
    assert {each.source for each in found.values()} == {"first", "second"} and len(found) == len(items)


def test_a_quota_refusal_is_obeyed_and_calls_of_the_day_are_kept_for_people() -> None:
    time = ManualTime()
    scarce = Scripted("scarce", time, batch=1, allowances=(Allowance(10, DAY_S),))
    chain = chain_of(time, scarce)
    for _ in range(8):
        assert ask(chain)["AAPL"].source == "scarce"
    assert "2 of 10 calls left today, which are kept" in ask(chain)["AAPL"].reasons[0][1]
    assert ask(chain, person=True)["AAPL"].source == "scarce"
    assert chain.sentence("scarce") == "1 of 10 calls left today"
    scarce.fails = SourceError("quota", "25 requests per day are used up")
    ask(chain, person=True)
    assert "no calls left today, 10 more at 00:00 UTC" in chain.sentence("scarce")
    time.advance(DAY_S)
    scarce.fails = None
    chain.again()
    assert ask(chain)["AAPL"].source == "scarce"


def test_a_source_without_a_call_left_for_the_moment_says_when_it_has_one() -> None:
    time = ManualTime()
    slow = Scripted("slow", time, batch=1, allowances=(Allowance(1, 1.2),))
    chain = chain_of(time, slow)
    found = ask(chain, AAPL, MSFT)
    assert found["AAPL"].source == "slow" and found["MSFT"].price is None
    assert found["MSFT"].again_s == pytest.approx(1.2) and "more in 1 s" in found["MSFT"].reasons[0][1]
    time.advance(1.3)
    assert ask(chain, MSFT)["MSFT"].source == "slow"


def test_a_source_without_its_key_or_outside_its_cover_is_passed_over() -> None:
    time = ManualTime()
    first, second = Scripted("first", time, needs_key=True), Scripted("second", time)
    chain = Chain((first, second), time, random.Random(1))
    found = ask(chain)["AAPL"]
    assert found.source == "second" and found.reasons == (("first", "needs a key"),) and not first.asked
    assert ask(chain, listing("BTC-USD"))["BTC-USD"].price is None


def test_what_a_source_has_nothing_newer_for_is_not_asked() -> None:
    time = ManualTime()
    first = Scripted("first", time)
    found = ask(chain_of(time, first), AAPL, settled=lambda name, symbol: "is shown already")
    assert found["AAPL"].reasons == (("first", "is shown already"),) and not first.asked


@settings(max_examples=80, deadline=None)
@given(steps=st.lists(st.tuples(st.floats(0, 40), st.integers(1, 3)), max_size=80))
def test_no_window_ever_holds_more_calls_than_allowed(steps) -> None:
    allowance, now, made = Allowance(5, 60.0), 10**18, []
    ledger = Ledger((allowance, Allowance(1_000, DAY_S)))
    for wait, calls in steps:
        now += int(wait * NS)
        if ledger.wait_s(now, calls) == 0:
            ledger.take(now, calls)
            made += [now] * calls
        else:
            later = now + int(ledger.wait_s(now, calls) * NS) + 2_000
            assert ledger.wait_s(later, calls) == 0  # what it says is true
        assert sum(now - at < 60 * NS for at in made) <= 5


def test_the_count_of_the_day_outlives_a_restart_and_ends_with_the_day() -> None:
    now = 20_000 * 86_400 * NS
    ledger = Ledger((Allowance(25, DAY_S),))
    ledger.take(now, 7)
    again = Ledger((Allowance(25, DAY_S),))
    again.restore(ledger.kept())
    assert again.left(now) == 18
    again.restore({"day": 3, "used": "x"})
    assert again.left(now + 86_400 * NS) == 25


def test_answers_are_kept_for_their_time_and_asked_for_once() -> None:
    time = ManualTime()
    cache, asked = Cache(time.now_ns), []

    async def slow():
        asked.append(1)
        await asyncio.sleep(0)
        return len(asked), "source"

    async def many():
        return await asyncio.gather(*(cache.once("search", "apple", slow) for _ in range(5)))

    assert [kept.value for kept in asyncio.run(many())] == [1] * 5
    time.advance(3599)
    assert asyncio.run(cache.once("search", "apple", slow)).value == 1
    time.advance(2)
    assert asyncio.run(cache.once("search", "apple", slow)).value == 2

    async def broken():
        raise SourceError("timeout", "no")

    for _ in range(2):
        with pytest.raises(SourceError):
            asyncio.run(cache.once("company", "X", broken))


@pytest.mark.parametrize(
    ("symbol", "exchange", "currency", "kind"),
    [
        ("aapl", "XNYS", "USD", "share"),
        ("BRK-B", "XNYS", "USD", "share"),
        ("SHEL.L", "XLON", "GBP", "share"),
        ("7203.T", "XTKS", "JPY", "share"),
        ("BTC-USD", "", "USD", "crypto"),
        ("EURUSD=X", "", "USD", "currency"),
        ("CL=F", "CMES", "USD", "future"),
        ("^GSPC", "XNYS", "USD", "index"),
    ],
)
def test_what_a_symbol_says(symbol: str, exchange: str, currency: str, kind: str) -> None:
    found = listing(symbol)
    assert (found.exchange, found.currency, found.kind, found.symbol) == (exchange, currency, kind, symbol.upper())
    item = found.instrument("equities")
    assert item.exchange == exchange and item.price_decimals == found.decimals and item.price_units(found.exact(Decimal("1.23"))) > 0


@pytest.mark.parametrize("symbol", ["", "A B", "AAPL.XX", "<b>", "A" * 30, "../etc"])
def test_what_is_no_symbol_is_said(symbol: str) -> None:
    with pytest.raises(BadListing):
        listing(symbol)


def test_prices_are_rounded_to_what_is_meant_and_pence_become_pounds() -> None:
    assert listing("AAPL").exact(Decimal("182.30999755859375"), 2) == Decimal("182.31")
    assert listing("SHEL.L").exact(Decimal("2651.5"), 2) == Decimal("26.5150")


def test_results_of_several_sources_are_one_list() -> None:
    def match(symbol: str, name: str, source: str) -> Match:
        return Match(symbol, name, "X", "USD", "share", source)

    first = [match("APLE", "Apple Hospitality", "a"), match("AAPL", "Apple Inc.", "a")]
    rows = ranked("app", [("a", first), ("b", [match("APP", "AppLovin", "b"), match("AAPL", "Apple", "b")])])
    assert [row["symbol"] for row in rows] == ["APP", "APLE", "AAPL"]
    assert rows[2]["sources"] == ["a", "b"]
