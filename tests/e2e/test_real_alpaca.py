"""The account at Alpaca in the browser: the key into the vault, arming, an order that is accepted and filled at the emulated broker, a reload."""

from __future__ import annotations

import json
import re
import urllib.request
from decimal import Decimal

from playwright.sync_api import Page, expect

from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, alpaca_emulator, serving
from tests.e2e.test_vault_page import expose, in_page, in_worker

KEY, SECRET = "PKTESTKEY0123456789A", "s3cretOfAnAlpacaAccount0123456789abcdEFG"
PATIENCE_MS = 30_000


def post(base: str, what: str, **body: object) -> dict:
    """Ask one of the broker's admin endpoints."""
    request = urllib.request.Request(f"{base}/admin/{what}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def is_reconciled(desk: DeskPage, armed: bool) -> None:
    desk.go("vault")
    expect(desk.by("real-state", state="ready", armed="true" if armed else "false")).to_be_visible(timeout=PATIENCE_MS)


def a_trailing_stop_is_the_brokers(desk: DeskPage) -> None:
    """Nothing is said of this desk holding it; its distance is amended, and it is cancelled."""
    desk.fill_ticket(kind="market_if_touched")
    expect(desk.by("ticket-note")).to_contain_text("Held by this desk")
    desk.fill_ticket(kind="trailing_stop", side="sell", qty="4", tif="gtc")
    expect(desk.by("ticket-note")).to_be_hidden()
    desk.by("ticket-trail").fill("5")
    desk.by("ticket-submit").click()
    row = desk.by("order-row", status="accepted").filter(has_text="Trailing stop")
    row.get_by_role("button", name="Amend").click(timeout=PATIENCE_MS)
    form = desk.page.get_by_role("form", name=re.compile("^Amend"))
    form.get_by_label(re.compile("^Distance")).fill("6.5")
    form.get_by_role("button", name="Amend").click()
    expect(desk.by("toast").filter(has_text="trailing by 6.5")).to_be_visible(timeout=PATIENCE_MS)
    row.get_by_role("button", name="Cancel").click()
    expect(desk.by("order-row", status="cancelled")).to_have_count(1, timeout=PATIENCE_MS)


def test_key_arming_an_order_and_a_reload_and_the_secret_is_nowhere(page: Page):
    page.route(re.compile(r"/worker/desk\.mjs"), expose)
    with alpaca_emulator("--every", "0.3") as said, serving(SITE, f"{said['trade']} ws://127.0.0.1:{said['port']}") as server:
        post(said["trade"], "account", key_id=KEY, secret=SECRET)
        # A script that the test has changed on its way counts as one from elsewhere, which may reach this computer only with leave.
        page.context.grant_permissions(["local-network-access"], origin=server.url)
        desk = DeskPage(page, server.url)
        addresses = {"alpaca_trade": said["trade"], "alpaca_rest": said["rest"], "alpaca_ws": said["ws"]}
        desk.open(venue="alpaca", account="alpaca", alpaca_symbols="AAPL,SPY", **addresses)
        expect(desk.by("connection-status")).to_have_attribute("data-state", "offline")
        expect(desk.by("ticket-submit")).to_be_disabled()
        desk.create_vault()
        desk.go("vault")
        expect(desk.by("real-kind")).to_be_hidden()
        expect(desk.by("real-live")).to_have_value("paper")
        desk.by("real-api-key").fill(KEY)
        desk.by("real-secret").fill(SECRET)
        desk.by("real-key-keep").click()
        is_reconciled(desk, armed=False)
        expect(desk.by("real-secret")).to_have_value("")
        assert desk.ask("execution.state")["key"] == {"ends": KEY[-4:], "algorithm": "sent-as-is", "live": False}
        desk.by("real-arm").click()
        expect(page.locator("dialog[open]")).to_contain_text("paper account at Alpaca")
        desk.by("real-arm-confirm").click()
        is_reconciled(desk, armed=True)

        desk.go("desk")
        expect(desk.by("connection-status")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
        price = desk.quote("AAPL")[0] - 20
        desk.fill_ticket(kind="limit", qty="10", price=str(price), tif="day")
        expect(desk.by("ticket-submit")).to_contain_text("Real order: Buy 10 AAPL")
        desk.by("ticket-submit").click()
        expect(desk.by("order-row", status="accepted")).to_have_count(1, timeout=PATIENCE_MS)
        post(said["trade"], "trade", symbol="AAPL", price=str(price), qty="10")
        expect(desk.by("order-row", status="filled")).to_have_count(1, timeout=PATIENCE_MS)
        desk.submit(kind="limit", qty="8", price=str(price), tif="gtc")
        expect(desk.by("order-row", status="accepted")).to_have_count(1, timeout=PATIENCE_MS)
        a_trailing_stop_is_the_brokers(desk)
        assert in_worker(page, [SECRET, KEY])[0] == 0 and in_worker(page, [KEY])[0] > 0, "the key is there, its secret never"
        assert in_page(page, [SECRET]) == [0]

        page.goto("about:blank")
        post(said["trade"], "trade", symbol="AAPL", price=str(price), qty="3")
        page.go_back()
        desk.wait_ready()
        desk.unlock()
        is_reconciled(desk, armed=False)
        desk.go("desk")
        expect(desk.by("order-row", status="partially_filled")).to_have_count(1, timeout=PATIENCE_MS)
        expect(desk.by("order-row", status="filled")).to_have_count(1)
        expect(desk.by("ticket-submit")).to_be_disabled()
        told = post(said["trade"], "state")
        assert len(told["placed"]) == 3 and [row["filled_qty"] for row in told["orders"]] == ["10", "3", "0", "0"]
        assert [row["trail_price"] for row in told["orders"][2:]] == ["5", "6.5"]
        assert desk.ask("execution.state")["differences"] == []
        assert Decimal(told["positions"][KEY]["AAPL"]) == 13
        assert in_worker(page, [SECRET]) == [0]
        assert SECRET not in page.content() and SECRET not in page.evaluate("() => JSON.stringify({...localStorage})")
        desk.check_console()
