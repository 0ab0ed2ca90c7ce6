"""Several tabs: one is the desk, the others follow it live, and the lead goes over by asking, by closing, and from one that hangs."""

from __future__ import annotations

import contextlib

import pytest
from playwright.sync_api import Error, Page, expect

from tests.e2e.desk import BIDS, BRISK, DeskPage, Refused
from tests.e2e.serving import Server

WORKERS = "() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('worker/desk.mjs')).length"


@pytest.fixture
def other(desk: DeskPage, server: Server) -> DeskPage:
    """A second tab, which follows."""
    opened = DeskPage(desk.page.context.new_page(), server.url)
    opened.open(speed=BRISK)
    expect(opened.by("tab-role")).to_have_attribute("data-role", "follower")
    return opened


def leads(tab: DeskPage) -> None:
    expect(tab.by("tab-role")).to_have_attribute("data-role", "leader", timeout=30_000)


def follows(tab: DeskPage) -> None:
    expect(tab.by("tab-role")).to_have_attribute("data-role", "follower", timeout=30_000)
    expect(tab.page.locator("#tab")).to_have_attribute("data-state", "following", timeout=30_000)


def moves(tab: DeskPage) -> None:
    """Its quotes are live."""
    before = tab.page.evaluate(BIDS)
    tab.page.wait_for_function(f"(before) => ({BIDS})() !== before", arg=before, timeout=30_000)


def filled(tab: DeskPage, count: int) -> None:
    expect(tab.by("order-row", status="filled")).to_have_count(count, timeout=30_000)


def test_a_second_tab_follows_live_and_takes_over_when_asked(desk: DeskPage, other: DeskPage):
    assert other.page.evaluate(WORKERS) == 0 and desk.page.evaluate(WORKERS) == 1, "who follows has no desk of its own"
    expect(desk.by("tab-role")).to_have_text("leads 1 tab")
    moves(other)
    expect(desk.page).to_have_title("Desk · Kontor")
    expect(other.page).to_have_title("Desk · Kontor (follows)")
    other.go("charts")
    expect(other.page).to_have_title("Charts · Kontor (follows)")
    other.go("desk")
    # its own instrument, and the account of the desk
    second = other.by("quote-row").nth(1)
    symbol = second.get_attribute("data-symbol")
    second.click()
    expect(other.page.locator(".book")).to_contain_text("Spread", timeout=20_000)
    other.page.wait_for_function("(symbol) => kontor && document.querySelector('[data-slot=chart]').textContent.includes(symbol)", arg=symbol)
    desk.submit(side="buy", kind="market", qty="0.01")
    filled(other, 1)
    expect(other.by("position-row", symbol="BTCUSDT")).to_have_count(1)
    expect(other.by("ticket-submit")).to_be_disabled()
    expect(other.page.locator("#ticket-block")).to_contain_text("follows another one")
    # and then the desk itself
    filled(desk, 1)
    orders = desk.orders()
    other.page.keyboard.press("t")
    other.page.keyboard.press("o")
    leads(other)
    follows(desk)
    filled(other, 1)
    assert other.orders() == orders
    expect(other.by("ticket-submit")).to_be_enabled(timeout=20_000)
    moves(other)
    moves(desk)
    other.page.locator("[data-testid=quote-row][data-symbol=BTCUSDT]").click()
    other.submit(side="sell", kind="market", qty="0.01")
    filled(other, 2)
    filled(desk, 2)
    # back again, by the button
    desk.by("tab-take-over").click()
    leads(desk)
    follows(other)
    filled(desk, 2)
    other.check_console()


def test_with_a_vault_the_other_tab_unlocks_and_goes_on(desk: DeskPage, other: DeskPage):
    desk.create_vault()
    desk.submit(side="buy", kind="market", qty="0.01")
    filled(other, 1)
    expect(other.page.locator("#tab")).to_contain_text("There the vault is open")
    other.by("tab-take-over").click()
    leads(other)
    expect(other.by("order-row")).to_have_count(0)
    expect(desk.by("order-row")).to_have_count(0)
    other.unlock()
    filled(other, 1)
    filled(desk, 1)
    other.submit(side="buy", kind="market", qty="0.01")
    filled(desk, 2)
    other.check_console()


@pytest.mark.parametrize("how", ["close", "crash"])
def test_when_the_desk_is_gone_the_lead_is_offered_or_taken(desk: DeskPage, other: DeskPage, how: str):
    desk.create_vault()
    desk.submit(side="buy", kind="market", qty="0.01")
    filled(other, 1)
    filled(desk, 1)
    orders = desk.orders()
    if how == "close":
        desk.page.close()
    else:
        with desk.page.expect_event("crash"), contextlib.suppress(Error):
            desk.page.goto("chrome://crash")
    expect(other.page.locator("#tab")).to_have_attribute("data-state", "gone", timeout=30_000)
    expect(other.by("order-row")).to_have_count(0)
    expect(other.by("tab-take-over")).to_contain_text("Take the lead")
    with pytest.raises(Refused) as refused:
        other.ask("order.cancel_all", symbol=None)
    assert refused.value.error["code"] == "no_desk", "nobody was asked, so nothing can have been done"
    other.by("tab-take-over").click()
    leads(other)
    other.unlock()
    filled(other, 1)
    assert other.orders() == orders
    other.check_console()


def test_a_reload_keeps_the_lead_and_a_follower_finds_it_again(desk: DeskPage, other: DeskPage):
    other.by("tab-role").click()
    other.page.get_by_role("button", name="Take the lead by itself").click()
    desk.page.reload()
    desk.wait_ready()
    leads(desk)
    follows(other)
    moves(other)
    other.page.reload()
    other.wait_ready()
    follows(other)
    # and takes it by itself once the desk is gone for good, because the trader wanted that
    desk.page.close()
    leads(other)
    moves(other)
    other.check_console()


def test_of_two_tabs_that_start_at_once_one_leads(known: Page, server: Server):
    page = known
    tabs = [DeskPage(page, server.url), DeskPage(page.context.new_page(), server.url)]
    for tab in tabs:
        tab.page.goto(f"{server.url}/?speed={BRISK}", wait_until="commit")
    for tab in tabs:
        tab.wait_ready()
    assert sorted(tab.by("tab-role").get_attribute("data-role") for tab in tabs) == ["follower", "leader"]
    for tab in tabs:
        moves(tab)
        tab.check_console()


def test_a_desk_that_hangs_is_passed_over_only_when_asked_twice(desk: DeskPage, other: DeskPage):
    desk.create_vault()
    desk.submit(side="buy", kind="market", qty="0.01")
    filled(other, 1)
    workers = [worker for worker in desk.page.workers if "worker/desk.mjs" in worker.url]
    # it runs for ever, and so does nothing else
    workers[0].evaluate("() => { setTimeout(() => { for (;;); }, 50); }")
    other.by("tab-take-over").click()
    expect(other.page.locator("#tab")).to_have_attribute("data-state", "hanging", timeout=30_000)
    leads(desk)
    other.by("tab-take-over").click()
    leads(other)
    follows(desk)  # its page learnt that the lead was taken, and ended the worker
    other.unlock()
    filled(other, 1)
    other.submit(side="buy", kind="market", qty="0.01")
    filled(other, 2)
    filled(desk, 2)
    other.check_console()


def test_closing_warns_while_something_is_at_stake_and_offers_to_hand_over(desk: DeskPage, other: DeskPage):
    asked: list[str] = []

    def stay(dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    desk.page.on("dialog", stay)
    expect(desk.by("tab-stake")).to_have_text("")
    assert not desk.page.evaluate("() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    desk.submit(side="buy", kind="market", qty="0.01")
    filled(desk, 1)
    desk.submit(side="sell", kind="market_if_touched", qty="0.01", stop="100000")
    expect(other.by("order-row", status="held")).to_have_count(1)
    expect(desk.by("tab-stake")).to_contain_text("1 order, 1 position", timeout=20_000)
    assert other.page.evaluate("() => dispatchEvent(new Event('beforeunload', { cancelable: true }))"), "the desk holds it, not the tab that follows"
    desk.page.close(run_before_unload=True)
    dialog = desk.page.locator("dialog.explain")
    expect(dialog).to_contain_text("Open positions stay open")
    assert asked == ["beforeunload"]
    dialog.get_by_role("button", name="Hand over").click()
    leads(other)
    follows(desk)
    filled(other, 1)
    expect(desk.by("tab-stake")).to_have_text("")
    desk.page.close(run_before_unload=True)  # nothing is at stake here any more
    expect(other.by("tab-role")).to_have_text("", timeout=30_000)
    assert asked == ["beforeunload"] and desk.page.is_closed()
    other.check_console()


def test_every_page_of_a_tab_that_follows_says_so(desk: DeskPage, other: DeskPage):
    for route in ("portfolio", "risk", "vault", "network", "history", "health"):
        other.go(route)
        expect(other.page.locator("#tab")).to_be_visible()
        expect(other.by("tab-take-over")).to_be_visible()
    other.check_console()
