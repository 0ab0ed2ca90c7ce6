"""Orders that the desk holds or links, limits and the kill switch, on the page as a trader meets them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.desk import DeskPage

pytestmark = pytest.mark.e2e


def test_brackets_held_orders_limits_and_the_kill_switch(still: DeskPage):
    desk, page = still, still.page
    bid, _ask = desk.quote()
    options = desk.by("ticket-type").locator("option").evaluate_all("options => options.map(option => option.value)")
    assert options[:4] == ["market", "limit", "stop", "stop_limit"] and len(options) == 9

    desk.fill_ticket(kind="market_if_touched", qty="0.01", stop=str(bid - 1000))
    expect(desk.by("ticket-note")).to_contain_text("Held by this desk, not by the venue")
    expect(page.locator(".ticket-price")).to_be_hidden()
    desk.by("ticket-submit").click()
    held = desk.by("order-row", status="held")
    expect(held).to_contain_text("Held by desk")

    desk.fill_ticket(kind="market", qty="0.01")
    desk.by("ticket-exits").click()
    page.locator("#ticket-take_profit").fill(str(bid + 5000))
    page.locator("#ticket-stop_loss").fill(str(bid + 10))
    expect(page.locator("#ticket-stop_loss-error")).to_contain_text("has to be below")
    page.locator("#ticket-stop_loss").fill(str(bid - 5000))
    expect(desk.by("ticket-submit")).to_have_text(re.compile("then take profit at .* and stop loss at"))
    expect(desk.by("ticket-exits")).to_contain_text("stop loss")
    expect(desk.by("ticket-submit")).to_be_enabled()  # not while the order before is on its way
    desk.by("ticket-submit").press("Enter")
    expect(desk.by("order-row", status="accepted")).to_have_count(2)
    for gone in ("take_profit", "stop_loss"):  # they went with their order, and the next one goes without
        expect(desk.by(f"ticket-{gone}")).to_have_value("")
    expect(desk.by("ticket-submit")).to_have_text(re.compile("at market$"))
    expect(desk.by("ticket-submit")).to_be_focused()

    desk.go("risk")
    row = page.locator('[data-testid="risk-limit"][data-scope="desk"][data-limit="order_notional"]')
    row.get_by_role("button").click()
    desk.by("risk-value").fill("abc")
    desk.by("risk-set").click()
    expect(page.locator("#risk-value-error")).to_contain_text("is not a number")
    desk.by("risk-value").fill("1,5")
    desk.by("risk-set").click()
    expect(page.locator("#risk-value-error")).to_contain_text("is not a number: '1,5'")
    desk.by("risk-value").fill("100")
    desk.by("risk-set").click()
    expect(row).to_contain_text("of 100")
    desk.go("desk")
    desk.fill_ticket(kind="limit", qty="0.01", price=str(bid - 100))
    desk.by("ticket-submit").click()
    expect(page.locator(".ticket")).to_contain_text("Worth of one order would be")

    page.keyboard.press("Control+Shift+x")
    expect(desk.by("kill-confirm")).to_have_text("Cancel 3 orders and halt the desk")
    desk.by("kill-flatten").check()
    expect(desk.by("kill-confirm")).to_have_text("Cancel 3 orders, close 1 position at market and halt the desk")
    desk.by("kill-confirm").click()
    expect(desk.by("order-row", status="cancelled")).to_have_count(3)
    expect(desk.by("position-row")).to_have_count(0)
    expect(desk.by("ticket-submit")).to_be_disabled()
    expect(page.locator("#status-orders")).to_contain_text("desk halted")
    desk.go("risk")
    desk.by("risk-lift").click()
    expect(desk.by("risk-state", scope="desk", state="normal")).to_be_visible()
    expect(desk.by("risk-state", scope="desk", state="normal").get_by_role("button").first).to_be_focused()  # Lift, which was pressed, is gone
    desk.go("desk")
    expect(desk.by("ticket-submit")).to_be_enabled()
