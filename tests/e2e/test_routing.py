"""The router in the browser, over three live venues: plan before the press, a split with its legs, the reasons, cancelling the whole."""

from __future__ import annotations

import os

from playwright.sync_api import Page, expect

from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, serving, venue_emulators

NAMES = ("kraken", "coinbase", "bitstamp")
PATIENCE_MS = 60_000
SHOTS = os.environ.get("KONTOR_SHOTS")


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


def test_a_split_over_three_venues(page: Page):
    with venue_emulators(*NAMES) as said:
        origins = " ".join(f"{one['ws']} {one['rest']}" for one in said.values())
        with serving(SITE, origins) as server:
            desk = DeskPage(page, server.url)
            addresses = {f"{name}_{kind}": said[name][kind] for name in NAMES for kind in ("ws", "rest")}
            wanted = {"kraken": "BTC/USD,ETH/USD", "coinbase": "BTC-USD", "bitstamp": "BTC/USD"}
            desk.open(venue=",".join(NAMES), **addresses, **{f"{name}_symbols": names for name, names in wanted.items()})
            expect(desk.by("connection-status")).to_contain_text("live", timeout=PATIENCE_MS)
            desk.by("quote-row", symbol="ETH/USD.KRAKEN").click()
            expect(desk.by("ticket-route")).to_be_hidden()
            desk.by("quote-row", symbol="BTC-USD.COINBASE").click()
            expect(desk.by("ticket-route")).to_be_visible(timeout=PATIENCE_MS)
            # the plan stands before the press
            desk.go("risk")
            expect(desk.by("routing-venue")).to_have_count(3, timeout=PATIENCE_MS)
            desk.by("routing-max_share").fill("x")
            desk.by("routing-save").click()
            expect(desk.by("routing-said")).to_contain_text("not a number")
            desk.by("routing-max_share").fill("60")
            desk.by("routing-save").click()
            expect(desk.by("routing-said")).to_contain_text("In use")
            shot(page, "route-rules")
            desk.go("desk")
            desk.by("ticket-route").select_option("split")
            desk.by("ticket-qty").fill("0.01")
            expect(desk.by("ticket-submit")).to_have_text("Buy 0.01 BTC at market, split over venues")
            expect(desk.by("ticket-plan").locator("summary")).to_contain_text("0.006 BTC to ", timeout=PATIENCE_MS)
            shot(page, "route-plan-closed")
            desk.by("ticket-plan").locator("summary").click()
            expect(desk.by("ticket-plan")).to_contain_text("split over venues")
            expect(desk.by("ticket-plan").locator("li")).to_have_count(5, timeout=PATIENCE_MS)
            shot(page, "route-plan")
            desk.by("ticket-submit").click()
            whole = page.locator("[data-testid=order-row][data-routed=whole]")
            expect(whole).to_have_attribute("data-status", "filled", timeout=PATIENCE_MS)
            legs = page.locator("[data-testid=order-row][data-routed=leg]")
            expect(legs).to_have_count(2)
            assert desk.by("order-row").first.get_attribute("data-routed") == "whole", "the whole stands above its legs"
            # why it went there
            whole.get_by_role("button", name="Why").click()
            expect(desk.by("order-why")).to_contain_text("Buy 0.01 BTC, split over venues.")
            expect(desk.by("order-why")).to_contain_text("gets 0.006 BTC")
            shot(page, "route-why")
            page.keyboard.press("Escape")
            # a limit that rests, cancelled as a whole; an order for the close is marked as held by this desk
            desk.ask("routing", rules={"venue:kraken": "never"})
            desk.by("ticket-route").select_option("best")
            desk.by("ticket-type").select_option("limit")
            quote = desk.ask("quote", symbol="BTC-USD.COINBASE")
            desk.by("ticket-price").fill(str(int(float(quote["bid"]) * 0.9)))
            expect(desk.by("ticket-plan")).to_contain_text("to rest", timeout=PATIENCE_MS)
            desk.by("ticket-submit").click()
            resting = page.locator("[data-testid=order-row][data-routed=whole][data-status=accepted]")
            expect(resting).to_have_count(1, timeout=PATIENCE_MS)
            resting.get_by_role("button", name="Cancel every leg").click()
            expect(resting).to_have_count(0, timeout=PATIENCE_MS)
            expect(page.locator("[data-testid=order-row][data-routed=whole][data-status=cancelled]")).to_have_count(1)
            # the same by choosing it: what is cancelled are its legs
            desk.by("ticket-submit").click()
            expect(resting).to_have_count(1, timeout=PATIENCE_MS)
            resting.focus()
            page.keyboard.press("Space")
            expect(desk.by("bulk-cancel")).to_have_text("Cancel 1 chosen")
            desk.by("bulk-cancel").click()
            desk.by("bulk-confirm").click()
            expect(desk.by("bulk-outcome")).to_have_text("1 cancelled.", timeout=PATIENCE_MS)
            expect(resting).to_have_count(0, timeout=PATIENCE_MS)
            desk.by("ticket-route").select_option("this")
            desk.by("ticket-tif").select_option("at_close")
            expect(desk.by("ticket-note")).to_contain_text("Held by this desk, not by the venue")
            desk.by("ticket-submit").click()
            held = page.locator("[data-testid=order-row][data-status=held]")
            expect(held).to_have_count(1, timeout=PATIENCE_MS)
            shot(page, "route-held")
            # margin and cash without a fill, on the portfolio page
            desk.ask("risk.limit", scope="account", name="leverage", value="3")
            desk.go("portfolio")
            desk.by("booking-kind").select_option("dividend")
            desk.by("booking-amount").fill("x")
            desk.by("booking-save").click()
            expect(page.locator("#booking-amount-error")).to_contain_text("not a number")
            desk.by("booking-amount").fill("12.5")
            desk.by("booking-save").click()
            expect(desk.by("booking-said")).to_contain_text("Booked 12.5")
            expect(page.locator(".portfolio-figures")).to_contain_text("+12.50", timeout=PATIENCE_MS)
            shot(page, "route-portfolio")
            desk.go("desk")
            # by the palette
            page.keyboard.press("Control+k")
            page.keyboard.type("route orders: split")
            page.keyboard.press("Enter")
            expect(desk.by("ticket-route")).to_have_value("split")
            assert [error for error in desk.errors if "WebSocket" not in error] == []
