"""A real account in the browser: the key into the vault, arming, an order that is accepted and filled at the emulated exchange, a reload."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import PASSPHRASE, DeskPage
from tests.e2e.serving import SITE, binance_emulator, serving
from tests.venues.exec_sdks import ED_KEY, ED_PEM, ED_PUBLIC, KEY, SECRET

PATIENCE_MS = 30_000


class Exchange:
    """The emulated exchange, by its admin endpoints."""

    def __init__(self, said: dict) -> None:
        self.said = said
        self.base = f"http://127.0.0.1:{said['port']}"
        self.post("account", api_key=KEY, secret=SECRET, uid=4711, balances={"USDT": "100000", "BTC": "2"})

    def post(self, what: str, **body: object) -> None:
        request = urllib.request.Request(f"{self.base}/admin/{what}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    def orders(self) -> dict:
        with urllib.request.urlopen(f"{self.base}/admin/orders", timeout=10) as answer:
            return json.load(answer)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with binance_emulator("--speed", "1", "--now") as said:
        yield Exchange(said)


@pytest.fixture
def real(page: Page, exchange: Exchange) -> Iterator[DeskPage]:
    """A desk set to the exchange's account, with market data."""
    said = exchange.said
    with serving(SITE, f"{exchange.base} ws://127.0.0.1:{said['port']}") as server:
        desk = DeskPage(page, server.url)
        desk.open(
            venue="binance", account="binance", binance_symbols="BTCUSDT", binance_ws=said["ws"], binance_rest=said["rest"], binance_trade=said["api"]
        )
        is_live(desk)
        yield desk


def is_live(desk: DeskPage) -> None:
    expect(desk.by("connection-status")).to_contain_text("live", timeout=PATIENCE_MS, ignore_case=True)


def is_reconciled(desk: DeskPage, armed: bool) -> None:
    desk.go("vault")
    expect(desk.by("real-state", state="ready", armed="true" if armed else "false")).to_be_visible(timeout=PATIENCE_MS)


def connect(desk: DeskPage) -> None:
    """The exchange's key into the vault, reconciled, armed."""
    desk.go("vault")
    desk.by("real-api-key").fill(KEY)
    desk.by("real-secret").fill(SECRET)
    desk.by("real-key-keep").click()
    is_reconciled(desk, armed=False)
    desk.by("real-arm").click()
    desk.by("real-arm-confirm").click()
    is_reconciled(desk, armed=True)
    desk.go("desk")


def test_the_card_is_there_however_early_the_vault_page_opens(page: Page, exchange: Exchange):
    said = exchange.said
    with serving(SITE, f"{exchange.base} ws://127.0.0.1:{said['port']}") as server:
        desk = DeskPage(page, server.url)
        desk.open("#/vault", venue="binance", account="binance", binance_ws=said["ws"], binance_rest=said["rest"], binance_trade=said["api"])
        expect(desk.by("real-state")).to_contain_text("make one or unlock it first", timeout=PATIENCE_MS)
        desk.by("vault-passphrase").fill(PASSPHRASE)
        desk.by("vault-passphrase-repeat").fill(PASSPHRASE)
        desk.by("vault-create").click()
        expect(desk.by("real-api-key")).to_be_visible(timeout=PATIENCE_MS)
        assert page.locator("[data-testid=real-state]").count() == 1


def test_an_ed25519_key_signs_in_the_browser(real: DeskPage, exchange: Exchange):
    exchange.post("account", api_key=ED_KEY, public=ED_PUBLIC.decode(), uid=4712, balances={"USDT": "100000"})
    real.create_vault()
    real.go("vault")
    real.by("real-kind").select_option("Ed25519")
    real.by("real-api-key").fill(ED_KEY)
    real.by("real-secret").fill("not a key")
    real.by("real-key-keep").click()
    expect(real.by("real-said")).to_have_attribute("data-tone", "bad")
    real.by("real-secret").fill(ED_PEM.decode().replace("\n", ""))
    real.by("real-key-keep").click()
    is_reconciled(real, armed=False)
    real.by("real-arm").click()
    real.by("real-arm-confirm").click()
    is_reconciled(real, armed=True)
    real.go("desk")
    real.submit(kind="market", qty="0.01")
    expect(real.by("order-row", status="filled")).to_have_count(1, timeout=PATIENCE_MS)
    real.go("vault")
    real.by("real-disarm").click()
    is_reconciled(real, armed=False)
    real.by("real-key-forget").click()
    expect(real.by("real-state", state="off")).to_be_visible()
    real.check_console()


def test_key_arming_a_real_order_and_a_reload(real: DeskPage, exchange: Exchange):
    expect(real.by("ticket-submit")).to_be_disabled()
    real.create_vault()
    real.go("vault")
    real.by("real-api-key").fill(KEY)
    real.by("real-secret").fill(SECRET)
    real.by("real-key-keep").click()
    is_reconciled(real, armed=False)
    expect(real.by("real-secret")).to_have_value("")
    assert real.ask("execution.state")["key"] == {"ends": "6789", "algorithm": "HMAC-SHA256"}
    real.by("real-arm").click()
    expect(real.page.get_by_role("heading", name="Real orders will be sent")).to_be_visible()
    real.by("real-arm-confirm").click()
    is_reconciled(real, armed=True)

    real.go("desk")
    price = real.quote()[0] - 2000
    real.fill_ticket(kind="limit", qty="0.1", price=str(price))
    expect(real.by("ticket-submit")).to_contain_text("Real order: Buy 0.1 BTC")
    real.by("ticket-submit").click()
    expect(real.by("order-row", status="accepted")).to_have_count(1, timeout=PATIENCE_MS)
    exchange.post("trade", symbol="BTCUSDT", price=str(price), qty="0.1")
    expect(real.by("order-row", status="filled")).to_have_count(1, timeout=PATIENCE_MS)
    real.submit(kind="limit", qty="0.2", price=str(price))
    expect(real.by("order-row", status="accepted")).to_have_count(1, timeout=PATIENCE_MS)

    real.page.goto("about:blank")
    exchange.post("trade", symbol="BTCUSDT", price=str(price), qty="0.05")
    real.page.go_back()
    real.wait_ready()
    real.unlock()
    is_reconciled(real, armed=False)
    real.go("desk")
    expect(real.by("order-row", status="partially_filled")).to_have_count(1, timeout=PATIENCE_MS)
    expect(real.by("order-row", status="filled")).to_have_count(1)
    expect(real.by("ticket-submit")).to_be_disabled()
    told = exchange.orders()
    assert len(told["placed"]) == 2 and [row["executedQty"] for row in told["orders"]] == ["0.10000000", "0.05000000"]
    assert real.ask("execution.state")["differences"] == []
    assert Decimal(told["balances"][KEY]["BTC"]) == Decimal("2.14985")
    assert SECRET not in real.page.content() and SECRET not in real.page.evaluate("() => JSON.stringify({...localStorage})")
    real.check_console()
