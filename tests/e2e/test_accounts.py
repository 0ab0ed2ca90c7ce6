"""Two accounts on one desk in the browser: paper, and one at the emulated exchange."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from tests.e2e.desk import DeskPage
from tests.e2e.serving import SITE, serving
from tests.e2e.test_real import PATIENCE_MS, Exchange, connect, exchange, is_live  # noqa: F401 (a fixture)

_ADDRESSES = (("ws", "ws"), ("rest", "rest"), ("trade", "api"))


def test_each_real_account_has_a_card_of_its_own(page: Page, exchange: Exchange):  # noqa: F811
    said = exchange.said
    with serving(SITE, f"{exchange.base} ws://127.0.0.1:{said['port']}") as server:
        desk = DeskPage(page, server.url)
        desk.open("#/vault", venue="binance,alpaca", account="binance,alpaca", **{f"binance_{name}": said[key] for name, key in _ADDRESSES})
        for name, title in (("binance", "Binance account"), ("alpaca", "Alpaca account")):
            expect(desk.by(f"real-{name}").get_by_role("heading", name=title)).to_be_visible()
        ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(set(ids)) == len(ids)


@contextmanager
def both(page: Page, exchange: Exchange) -> Iterator[DeskPage]:  # noqa: F811
    """A desk with an account on paper and one at the exchange, its market live."""
    said = exchange.said
    with serving(SITE, f"{exchange.base} ws://127.0.0.1:{said['port']}") as server:
        desk = DeskPage(page, server.url)
        desk.open(venue="binance", account="paper,binance", binance_symbols="BTCUSDT", **{f"binance_{name}": said[key] for name, key in _ADDRESSES})
        is_live(desk)
        yield desk


def test_orders_go_to_the_account_that_is_chosen(page: Page, exchange: Exchange):  # noqa: F811
    with both(page, exchange) as desk:
        choice = desk.by("account-choose")
        expect(choice).to_have_value("paper")
        assert choice.locator("option").all_text_contents() == ["Paper", "Binance (real)"]
        desk.create_vault()
        desk.submit(kind="market", qty="0.01")
        expect(desk.by("order-row", status="filled")).to_have_count(1)

        choice.select_option("binance")
        expect(desk.by("order-row")).to_have_count(0)
        expect(desk.by("ticket-submit")).to_be_disabled()
        assert page.locator("#equity-name").text_content() == "Binance equity"
        connect(desk)
        desk.fill_ticket(kind="limit", qty="0.1", price=str(desk.quote()[0] - 2000))
        expect(desk.by("ticket-submit")).to_contain_text("Real order: Buy 0.1 BTC")
        desk.by("ticket-submit").click()
        expect(desk.by("order-row", status="accepted")).to_have_count(1, timeout=PATIENCE_MS)
        assert len(exchange.orders()["placed"]) == 1

        desk.go("portfolio")
        rows = desk.by("account-row")
        expect(rows).to_have_count(2)
        expect(desk.by("account-row", account="binance")).to_contain_text("100,000")
        expect(desk.by("accounts-total")).to_contain_text("All accounts together")
        expect(page.get_by_role("region", name="Statement")).to_be_visible()
        expect(page.get_by_role("region", name="Booked by hand")).to_be_hidden()  # what a real account holds is its venue's word
        expect(page.get_by_role("region", name="Paper account")).to_be_hidden()
        desk.by("account-row", account="paper").get_by_role("button", name="Show").click()
        expect(page.get_by_role("region", name="Booked by hand")).to_be_visible()
        expect(page.get_by_role("region", name="Paper account")).to_be_visible()
        expect(desk.by("account-row", account="paper").get_by_role("button", name="Shown")).to_be_visible()
        desk.go("desk")
        expect(choice).to_have_value("paper")
        expect(desk.by("order-row", status="filled")).to_have_count(1)
        expect(desk.by("ticket-submit")).not_to_contain_text("Real order")

        page.keyboard.press("Control+Shift+X")  # every account is halted, the one that is not shown too
        desk.by("kill-confirm").click()
        choice.select_option("binance")
        expect(desk.by("order-row", status="cancelled")).to_have_count(1, timeout=PATIENCE_MS)
        desk.check_console()


def test_one_ticket_over_both_accounts_is_told_before_and_after(page: Page, exchange: Exchange):  # noqa: F811
    with both(page, exchange) as desk:
        desk.create_vault()
        connect(desk)
        expect(desk.by("ticket-route")).to_be_hidden()
        desk.go("risk")
        for name in ("paper", "binance"):
            expect(desk.by("routing-account", account=name)).not_to_be_checked()
            desk.by("routing-account", account=name).check()
        expect(page.get_by_text("Binance (real money)")).to_be_visible()
        desk.by("routing-save").click()
        expect(desk.by("routing-said")).to_contain_text("In use")
        desk.go("desk")
        expect(desk.by("ticket-route")).to_be_visible()
        desk.by("ticket-route").select_option("split")
        desk.fill_ticket(kind="limit", qty="2.5", price=str(desk.quote()[0] - 2000))
        expect(desk.by("ticket-submit")).to_contain_text("May be real: Buy 2.5 BTC")
        where = desk.by("ticket-accounts", real="true")
        expect(where).to_contain_text("Goes to 2 accounts: ", timeout=PATIENCE_MS)
        expect(where).to_contain_text("BTC in Paper, ")
        expect(where).to_contain_text("in Binance (real money).")
        desk.by("ticket-submit").click()
        expect(page.locator(".ticket-result")).to_contain_text("in Binance (real money) (working)", timeout=PATIENCE_MS)
        whole = desk.by("order-row", routed="whole", status="accepted")
        expect(whole).to_contain_text("Limit, split, 2 accounts")
        expect(whole).to_contain_text("The rest elsewhere: ")
        expect(where).to_be_hidden()  # the same again is more than both can pay
        assert len(exchange.orders()["placed"]) == 1
        there = desk.by("order-row", account="binance")
        expect(there).to_contain_text("in Binance")
        expect(there).to_have_attribute("data-status", "accepted")
        expect(page.locator('[data-badge="orders"]').first).to_have_text("1")
        whole.get_by_role("button", name="Why").click()
        expect(desk.by("order-why")).to_contain_text("in Binance (real money).")
        page.keyboard.press("Escape")
        there.get_by_role("button", name="Cancel: ").click()
        expect(there).to_have_attribute("data-status", "cancelled", timeout=PATIENCE_MS)
        expect(desk.by("order-row", routed="whole", status="accepted")).to_have_count(1)
        whole.get_by_role("button", name="Cancel every leg").click()
        expect(desk.by("order-row", routed="whole", status="cancelled")).to_have_count(1, timeout=PATIENCE_MS)
        desk.by("account-choose").select_option("binance")
        expect(desk.by("order-row", routed="whole", status="cancelled")).to_have_count(1, timeout=PATIENCE_MS)
        desk.check_console()


def test_a_limit_of_the_desk_is_set_in_all_accounts_and_the_page_says_what_counts(page: Page, exchange: Exchange):  # noqa: F811
    with both(page, exchange) as desk:
        desk.create_vault()
        desk.go("risk")
        every = desk.by("risk-everywhere")
        desk.by("risk-scope").select_option("account")
        expect(every).to_be_hidden()
        desk.by("risk-scope").select_option("desk")
        desk.by("risk-name").select_option("gross_exposure")
        expect(page.locator("#risk-value-hint")).to_contain_text("It counts all accounts of this desk together.")
        desk.by("risk-name").select_option("collar")
        expect(page.locator("#risk-value-hint")).to_contain_text("It is asked of each account by itself.")
        desk.by("risk-name").select_option("order_rate")
        desk.by("risk-value").fill("20")
        desk.by("risk-set").click()
        expect(page.locator("#risk-value-error")).to_have_text("In force from now on in Paper (20), Binance (20).")
        desk.by("risk-value").fill("30")
        every.uncheck()
        desk.by("risk-set").click()
        expect(page.locator("#risk-value-error")).to_have_text("In force from now on.")
        row = desk.by("risk-limit", scope="desk", limit="order_rate")
        expect(row).to_contain_text("Binance has 20")
        desk.check_console()
