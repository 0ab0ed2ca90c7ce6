"""Polled sources in the browser: whose every price is and how old, falling over, calls left, keys in the vault, search that adds, zones of exchanges."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, Server, serving
from tests.venues.sources_sim import AV_KEY, Sim, sources

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with sources() as served:
        yield served


@pytest.fixture(scope="module")
def near(sim: Sim) -> Iterator[Server]:
    """The server, whose workers may reach the emulated sources."""
    with serving(SITE, sim.url) as started:
        yield started


@pytest.fixture
def priced(page: Page, sim: Sim, near: Server) -> DeskPage:
    sim.faults.clear()
    page.context.new_cdp_session(page).send("Storage.clearDataForOrigin", {"origin": near.url, "storageTypes": "all"})  # no vault of the test before
    desk = DeskPage(page, near.url)
    addresses = {f"{name}_rest": sim.url for name in ("yahoo", "alphavantage", "polygon")}
    desk.open(venue="equities", equities_symbols="BTC-USD,AAPL,SHEL.L,GONE", **addresses)
    return desk


def test_every_price_says_whose_it_is_and_how_old_and_the_next_source_is_named(priced: DeskPage, sim: Sim) -> None:
    desk, page = priced, priced.page
    row = desk.by("quote-row", symbol="AAPL")
    expect(row).to_have_attribute("data-source", "yahoo", timeout=PATIENCE_MS)
    expect(row.locator(".cell-symbol")).to_have_attribute("data-age", re.compile(r"^Yahoo \d+ (s|min)$"))
    expect(row).to_have_attribute("title", re.compile("AAPL on US exchanges: Yahoo, .* old"))
    word = desk.by("status-source")
    expect(word).to_contain_text("Yahoo")
    expect(word).to_contain_text("around the clock")
    row.click()
    expect(word).to_contain_text(re.compile(r"(open until|closed, opens) "))
    expect(desk.by("quote-row", symbol="GONE").locator(".cell-symbol")).to_have_attribute("data-age", "no price")
    # the key of the second source into the vault, and not to be seen again
    desk.create_vault()
    desk.go("sources")
    expect(desk.by("source-state-alphavantage")).to_have_attribute("data-state", "no_key")
    desk.by("source-key-alphavantage").fill(AV_KEY)
    desk.by("source-keep-alphavantage").click()
    expect(desk.by("source-state-alphavantage")).to_have_attribute("data-state", "works", timeout=PATIENCE_MS)
    expect(desk.by("source-sentence-alphavantage")).to_contain_text(re.compile(r"\d+ of 25 calls left today"), timeout=PATIENCE_MS)
    assert AV_KEY not in page.content()
    # the first source shows a web page instead of data: what is added now comes from the second, which is named
    sim.faults["yahoo"] = "html"
    added = desk.ask("sources.add", symbol="MSFT")["symbol"]
    prices = desk.by("sources-prices")
    expect(prices.locator(f'tr[data-symbol="{added}"]')).to_have_attribute("data-source", "alphavantage", timeout=PATIENCE_MS)
    expect(prices.locator(f'tr[data-symbol="{added}"]')).to_contain_text("Alpha Vantage")
    expect(desk.by("sources-decisions")).to_contain_text("now Alpha Vantage", timeout=PATIENCE_MS)
    expect(desk.by("sources-decisions")).to_contain_text("a web page came instead of data")
    desk.by("sources-refresh").click()
    expect(desk.by("source-state-yahoo")).to_have_attribute("data-state", "rests", timeout=PATIENCE_MS)
    expect(desk.by("source-sentence-yahoo")).to_contain_text("web page")
    # what a listing is, as a source that works has it
    sim.faults.clear()
    prices.locator(f'[data-about="{added}"]').click()
    expect(desk.by("sources-about")).to_contain_text("Microsoft Corporation", timeout=PATIENCE_MS)
    # and the trace holds no key
    lines = desk.ask("trace.follow", after=0)["rows"]
    assert any("/query answered 200" in line["text"] for line in lines) and AV_KEY not in json.dumps(lines)
    desk.check_console()


def test_the_ticket_of_a_future_says_what_a_contract_is_worth_and_takes_none_that_is_not_known(priced: DeskPage, sim: Sim) -> None:
    desk, page = priced, priced.page
    addresses = {f"{name}_rest": sim.url for name in ("yahoo", "alphavantage", "polygon")}
    desk.open(venue="equities", equities_symbols="AAPL,ES=F,KC=F", **addresses)
    for symbol in ("AAPL", "ES=F", "KC=F"):
        expect(desk.by("quote-row", symbol=symbol)).to_have_attribute("data-source", "yahoo", timeout=PATIENCE_MS)
    desk.create_vault()
    desk.go("desk")
    cost = page.locator(".ticket .cost")
    desk.by("quote-row", symbol="ES=F").click()
    desk.fill_ticket(kind="limit", qty="2", price="4990.25")
    expect(cost).to_have_attribute("data-state", "fresh", timeout=PATIENCE_MS)
    expect(cost.locator(".cost-contract dd")).to_have_text("1 contract = 50 \u00d7 price")
    expect(cost.locator(".cost-rolls dd")).to_have_text(re.compile(r"^ES[HMUZ]\d\d ends \d+ [A-Z][a-z][a-z]$"))
    expect(cost.locator(".cost-notional dd")).to_have_text("499,025.00 USD")
    expect(cost.locator(".cost-warnings")).to_contain_text("Give the account a leverage")
    # the quick sizes count contracts at their worth: 2,000,000 of buying power carry seven
    desk.ask("risk.limit", scope="account", name="leverage", value="20")
    expect(page.get_by_text("2,000,000.00").first).to_be_visible(timeout=PATIENCE_MS)
    expect(cost.locator(".cost-warnings")).not_to_contain_text("leverage", timeout=PATIENCE_MS)  # though no price has moved
    page.locator('.ticket [data-percent="100"]').click()
    expect(desk.by("ticket-qty")).to_have_value("7")
    desk.by("quote-row", symbol="AAPL").click()
    desk.fill_ticket(kind="limit", qty="2", price="189.25")
    expect(cost.locator(".cost-notional dd")).to_have_text("378.50 USD", timeout=PATIENCE_MS)
    expect(cost.locator(".cost-contract")).to_be_hidden()
    expect(cost.locator(".cost-rolls")).to_be_hidden()
    desk.by("quote-row", symbol="KC=F").click()
    desk.fill_ticket(kind="limit", qty="1", price="180.25")
    expect(cost.locator(".cost-head")).to_contain_text("contract size of KC=F is not known", timeout=PATIENCE_MS)
    desk.by("ticket-submit").click()
    expect(page.locator(".ticket")).to_contain_text("Not sent; nothing was traded. The contract size of KC=F is not known", timeout=PATIENCE_MS)
    # the jump to the next month is booked out again on what is held
    desk.go("portfolio")
    desk.by("booking-kind").select_option("roll")
    expect(page.locator('label[for="booking-old"]')).to_have_text("Price of the old month")
    expect(desk.by("booking-amount")).to_be_hidden()
    for name, typed in (("symbol", "ES=F"), ("old", "5000"), ("new", "5042.25")):
        desk.by(f"booking-{name}").fill(typed)
    desk.by("booking-save").click()
    expect(page.locator("#booking-symbol-error")).to_contain_text("There is no position in 'ES=F' to roll", timeout=PATIENCE_MS)
    desk.check_console()


def test_search_by_keyboard_over_every_source_adds_to_the_watchlist(priced: DeskPage, sim: Sim) -> None:
    desk, page = priced, priced.page
    expect(desk.by("quote-row", symbol="AAPL")).to_have_attribute("data-source", "yahoo", timeout=PATIENCE_MS)
    before = sum("/search" in each for each in sim.asked)
    page.keyboard.press("Control+k")
    page.keyboard.type("apple", delay=40)
    found = page.locator(".palette-row", has_text="Apple Hospitality")
    expect(found).to_be_visible(timeout=PATIENCE_MS)
    expect(found).to_contain_text("found by Yahoo")
    expect(desk.by("search-said")).to_contain_text("Polygon: needs a key")
    assert sum("/search" in each for each in sim.asked) == before + 1  # once, when the typing paused
    expect(page.locator(".palette-row", has_text="Apple Inc.")).to_contain_text("in the watchlist")
    for _ in range(5):
        if "Apple Hospitality" in (page.locator('.palette-row[aria-selected="true"]').text_content() or ""):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    row = desk.by("quote-row", symbol="APLE")
    expect(row).to_have_attribute("data-source", "yahoo", timeout=PATIENCE_MS)
    expect(row).to_have_attribute("aria-selected", "true")
    expect(row.locator('[data-testid="last"]')).to_have_text("15.02")
    # it is there after a reload, with the price that was kept
    page.reload()
    desk.wait_ready()
    expect(desk.by("quote-row", symbol="APLE")).to_have_attribute("data-source", "yahoo", timeout=PATIENCE_MS)
    desk.check_console()


def test_paper_orders_history_and_zones_of_exchanges(priced: DeskPage, sim: Sim) -> None:
    desk, page = priced, priced.page
    expect(desk.by("quote-row", symbol="BTC-USD").locator('[data-testid="bid"]')).to_have_text("64,091.39", timeout=PATIENCE_MS)
    desk.submit(qty="0.01")
    expect(desk.by("position-row", symbol="BTC-USD")).to_be_visible(timeout=PATIENCE_MS)
    # daily history comes by itself and stands behind the live bar
    desk.follow()
    desk.by("quote-row", symbol="AAPL").click()
    page.get_by_role("button", name="1d", exact=True).click()
    page.wait_for_function("() => window.seen.latest.bars?.symbol === 'AAPL' && window.seen.latest.bars.rows.length > 200", timeout=PATIENCE_MS)
    # a browser's Python has no tz database: an import with an exchange's zone is read all the same, over a change of the clocks
    csv = "time,open,high,low,close,volume\n2024-03-08 09:30,1,1,1,1,1\n2024-03-11 09:30,1,1,1,1,1\n"
    preview, _ = desk.ask_with("history.preview", file=csv.encode(), name="zone.csv", zone="America/New_York", timeframe="1d")
    assert [bar[0] // 10**9 for bar in preview["sample"]] == [1_709_908_200, 1_710_163_800]
    desk.check_console()
