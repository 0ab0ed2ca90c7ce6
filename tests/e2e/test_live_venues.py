"""Four live venues at once in the browser: one watchlist, books that prove themselves, one that falls out, and the health page that tells it."""

from __future__ import annotations

import json
import urllib.request

from playwright.sync_api import Page, expect

from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, serving, venue_emulators

NAMES = ("kraken", "coinbase", "bitstamp", "usdm")
PATIENCE_MS = 60_000


def steer(said: dict, word: str) -> dict:
    with urllib.request.urlopen(f"{said['rest']}/admin/{word}", timeout=10) as answer:
        return json.load(answer)


def test_four_venues_under_one_desk(page: Page):
    with venue_emulators(*NAMES) as said:
        origins = " ".join(f"{one['ws']} {one['rest']}" for one in said.values())
        with serving(SITE, origins) as server:
            desk = DeskPage(page, server.url)
            addresses = {f"{name}_{kind}": said[name][kind] for name in NAMES for kind in ("ws", "rest")}
            wanted = {"kraken": "BTC/USD,ETH/USD", "coinbase": "BTC-USD,ETH-USD,SOL-USD", "bitstamp": "BTC/USD", "usdm": "BTCUSDT"}
            desk.open(venue=",".join(NAMES), **addresses, **{f"{name}_symbols": names for name, names in wanted.items()})
            expect(desk.by("connection-status")).to_contain_text("live", timeout=PATIENCE_MS)
            expect(desk.by("quote-row")).to_have_count(7)
            for symbol in ("BTC/USD.KRAKEN", "BTC-USD.COINBASE", "BTC/USD.BITSTAMP", "BTCUSDT.USDM"):
                row = desk.by("quote-row", symbol=symbol)
                expect(row.locator('[data-testid="bid"]')).not_to_have_text("", timeout=PATIENCE_MS)
                row.click()
                expect(page.locator(".book[data-state=live]")).to_be_visible(timeout=PATIENCE_MS)
            # the derived figures, and the depth on demand
            expect(page.locator(".book-bps")).to_contain_text("bps")
            expect(page.locator(".book-lean")).to_contain_text("%")
            page.locator(".book-depth summary").click()
            expect(page.locator(".book-depth tbody tr")).to_have_count(7, timeout=PATIENCE_MS)
            desk.by("depth-size").fill("0.001")
            expect(desk.by("depth-cost")).to_contain_text("bps from the middle", timeout=PATIENCE_MS)
            desk.by("depth-size").fill("-1")
            expect(desk.by("depth-cost")).to_contain_text("cannot be used", timeout=PATIENCE_MS)
            # one falls out and comes back; the others go on
            steer(said["kraken"], "refuse/1000")
            steer(said["kraken"], "disconnect")
            expect(desk.by("connection-status")).to_contain_text("reconnecting", timeout=PATIENCE_MS)
            desk.by("quote-row", symbol="BTC/USD.KRAKEN").click()
            expect(page.locator(".book[data-state=gap]")).to_be_visible(timeout=PATIENCE_MS)
            desk.by("quote-row", symbol="BTC-USD.COINBASE").click()
            expect(page.locator(".book[data-state=live]")).to_be_visible(timeout=PATIENCE_MS)
            desk.go("health")
            view = page.locator("#view-health")
            for name in ("kraken", "coinbase", "bitstamp", "usdm public", "usdm market"):
                expect(view.locator(f"h3:text-is('{name}')")).to_be_visible(timeout=PATIENCE_MS)
            steer(said["kraken"], "refuse/0")
            expect(desk.by("connection-status")).to_contain_text("live", timeout=PATIENCE_MS)
            assert steer(said["coinbase"], "state")["connects"] == 1
            assert [error for error in desk.errors if "WebSocket" not in error] == []
