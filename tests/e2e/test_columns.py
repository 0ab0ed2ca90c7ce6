"""A market that comes fast, in the browser: the desk fetches numpy and takes it in columns; the page shows the same market as before."""

from __future__ import annotations

import json
import time
import urllib.request

from playwright.sync_api import Page, expect

from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, serving, venue_emulators

PATIENCE_S = 90


def step(said: dict, count: int) -> dict:
    """Move the market; the best bid and ask of each instrument."""
    with urllib.request.urlopen(f"{said['rest']}/admin/step/{count}", timeout=30) as answer:
        return json.load(answer)["best"]


def test_a_fast_market_is_taken_in_columns_and_shows_the_same(page: Page):
    with venue_emulators("usdm") as emulators:
        said = emulators["usdm"]
        with serving(SITE, f"{said['ws']} {said['rest']}") as server:
            desk = DeskPage(page, server.url)
            desk.open(venue="usdm", usdm_ws=said["ws"], usdm_rest=said["rest"])
            expect(desk.by("connection-status")).to_contain_text("live", timeout=60_000)
            desk.go("health")
            fact = page.locator("#view-health dt:text-is('Instruments in columns') + dd")
            expect(fact).to_have_text("0")
            deadline = time.monotonic() + PATIENCE_S
            while fact.text_content() != "3" and time.monotonic() < deadline:
                step(said, 150)
                page.wait_for_timeout(100)
            expect(fact).to_have_text("3")
            desk.go("trade")
            row = desk.by("quote-row", symbol="BTCUSDT")
            row.click()
            expect(page.locator(".book[data-state=live]")).to_be_visible(timeout=60_000)
            step(said, 20)
            first = page.locator(".tape-table tbody tr").first
            expect(first).to_be_visible(timeout=30_000)
            shown = row.locator('[data-testid="bid"]')
            for _ in range(60):  # it moves on by itself: what the page shows is what the venue says, within a moment
                bid = f"{float(step(said, 1)['BTCUSDT'][0]):,.2f}"
                try:
                    expect(shown).to_have_text(bid, timeout=200)
                    break
                except AssertionError:
                    continue
            else:
                raise AssertionError(f"the page shows {shown.text_content()}, the venue {bid}")
            assert [error for error in desk.errors if "WebSocket" not in error] == []
