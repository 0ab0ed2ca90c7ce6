"""First run to filled orders of every kind, kept through reload."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.desk import DeskPage

pytestmark = pytest.mark.e2e
# Texts of the book's figures that were written again as they were, until its levels have changed many times.
WRITTEN = """() => new Promise((resolve) => {
  const same = [];
  let others = 0;
  const observer = new MutationObserver((records) => {
    for (const { oldValue, target } of records) {
      if (target.data !== oldValue) others += 1;
      else if (target.parentElement.matches(".book-spread-value, .book-bps, .book-depth *")) same.push(oldValue);
    }
    if (others < 200) return;
    observer.disconnect();
    resolve([same, others]);
  });
  observer.observe(document.querySelector(".book"), { subtree: true, characterData: true, characterDataOldValue: true });
})"""

# The next order goes to the desk worker so that its answer is nobody's, or does not go at all.
LOSE = """(reaches) => {
  const { desk } = kontor, send = desk.postMessage.bind(desk);
  window.lost = false;
  desk.postMessage = (data, ...rest) => {
    if (typeof data !== "string" || !data.includes('"order.submit"')) return send(data, ...rest);
    window.lost = true;
    if (reaches) send(JSON.stringify({ ...JSON.parse(data), id: 10 ** 15 }));
  };
}"""

TICK = Decimal("0.01")


def row(desk: DeskPage, status: str) -> Locator:
    """The one order row with this status."""
    found = desk.by("order-row", status=status)
    expect(found).to_have_count(1)
    return found


def cell(place: Locator, column: str) -> Locator:
    """A cell of a row."""
    return place.locator(f'[data-column="{column}"]')


def number(place: Locator) -> Decimal:
    """The number shown in a cell."""
    return Decimal(place.text_content().replace(",", ""))


def test_a_newcomer_sees_a_moving_market_and_fills_an_order(desk: DeskPage):
    quote = desk.by("quote-row", symbol="BTCUSDT")
    before = quote.locator('[data-testid="bid"]').text_content()
    expect(quote.locator('[data-testid="bid"]')).not_to_have_text(before, timeout=20_000)
    assert desk.by("quote-row").count() >= 10
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    expect(desk.by("fill-row")).to_have_count(1)
    expect(desk.by("position-row", symbol="BTCUSDT")).to_have_count(1)
    expect(desk.by("cash")).not_to_have_text("100,000.00")
    desk.submit(side="sell", kind="market", qty="0.01")
    expect(desk.by("position-row")).to_have_count(0)
    measures = set(desk.page.evaluate("() => performance.getEntriesByType('measure').map((entry) => entry.name)"))
    assert {"kontor:order-to-ack", "kontor:tick-to-paint", "kontor:boot:page", "kontor:boot:worker", "kontor:boot:first-quote"} <= measures


def test_a_vault_keeps_orders_fills_and_cash_over_a_reload(desk: DeskPage):
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    desk.create_vault()
    desk.submit(side="buy", kind="limit", qty="0.02", price="50000")
    expect(desk.by("order-row", status="accepted")).to_have_count(1)
    orders, cash = desk.orders(), desk.by("cash").text_content()
    desk.page.reload()
    desk.wait_ready()
    expect(desk.by("ticket-submit")).to_be_disabled()
    desk.unlock()
    expect(desk.by("order-row")).to_have_count(2)
    assert desk.orders() == orders
    expect(desk.by("cash")).to_have_text(cash)
    expect(desk.by("position-row", symbol="BTCUSDT")).to_have_count(1)
    desk.by("order-row", status="accepted").get_by_role("button", name="Cancel").click()
    expect(desk.by("order-row", status="cancelled")).to_have_count(1)


def test_limit_orders_rest_are_amended_and_cancelled(still: DeskPage):
    bid, _ = still.quote()
    away = bid - 100
    still.submit(kind="limit", qty="0.01", price=str(away))
    assert number(cell(row(still, "accepted"), "price")) == away
    expect(still.by("fill-row")).to_have_count(0)

    row(still, "accepted").get_by_role("button", name="Amend").click()
    form = still.page.get_by_role("form", name=re.compile("^Amend"))
    form.get_by_label(re.compile("^Quantity")).fill("0.02")
    form.get_by_label(re.compile("^Limit price")).fill("not a price")
    expect(form.get_by_label(re.compile("^Limit price"))).to_have_attribute("aria-invalid", "true")
    expect(still.by("amend-cost")).to_be_hidden()
    form.get_by_label(re.compile("^Limit price")).fill(str(away - 50))
    expect(still.by("amend-cost")).to_have_text("Loses its place in the queue.")
    form.get_by_role("button", name="Amend").click()
    expect(form).to_have_count(0)
    expect(still.by("toast").filter(has_text="Amended: Buy 0.02")).to_be_visible()
    expect(cell(row(still, "accepted"), "qty")).to_have_text("0.02")
    assert number(cell(row(still, "accepted"), "price")) == away - 50

    row(still, "accepted").get_by_role("button", name="Cancel").click()
    expect(cell(row(still, "cancelled"), "status")).to_have_text("Cancelled")
    expect(still.by("cash")).to_have_text("100,000.00")


def test_a_press_without_an_answer_is_looked_up_in_the_journal(desk: DeskPage):
    desk.create_vault()
    for reaches, words in ((True, "Filled: bought 0.01 BTC"), (False, "Not sent")):
        desk.fill_ticket(qty="0.01")
        expect(desk.by("ticket-submit")).to_be_enabled()
        desk.page.evaluate(LOSE, reaches)
        desk.by("ticket-submit").click()
        desk.page.wait_for_function("() => lost")
        if reaches:
            desk.page.wait_for_function("() => document.querySelector('[data-testid=order-row][data-status=filled]')")
        desk.ask("vault.lock")
        expect(desk.page.locator(".ticket")).to_contain_text("No answer, so it may have been done")
        expect(desk.page.locator(".ticket")).not_to_contain_text("nothing was traded")
        desk.unlock()
        expect(desk.page.locator(".ticket")).to_contain_text(words)
        expect(desk.by("order-row")).to_have_count(1)


def test_immediate_orders_fill_at_once_or_not_at_all(still: DeskPage):
    bid, ask = still.book()
    for count, tif in enumerate(("ioc", "fok"), 1):
        still.submit(kind="limit", tif=tif, qty="0.01", price=str(ask - 50))
        expect(still.by("order-row", status="cancelled")).to_have_count(count)
        still.submit(kind="limit", tif=tif, qty="0.001", price=str(ask + 50))
        expect(still.by("order-row", status="filled")).to_have_count(count)
    expect(still.by("fill-row")).to_have_count(2)
    for fill in still.by("fill-row").all():
        assert bid < number(cell(fill, "price")) <= ask + 50
    reasons = still.by("order-row", status="cancelled").locator('[data-column="why"]').all_text_contents()
    assert len(reasons) == 2 and all(reasons), "a cancelled order says why"


def test_post_only_and_reduce_only_do_what_they_say(still: DeskPage):
    bid, ask = still.book()
    still.fill_ticket(kind="limit", qty="0.01", price=str(ask + 10))
    still.page.get_by_label("Post-only").check()
    still.by("ticket-submit").click()
    expect(still.page.locator("#ticket-price-error")).to_contain_text("would trade at once")
    expect(still.by("order-row")).to_have_count(0)
    still.by("ticket-price").fill(str(bid - 10))
    still.by("ticket-submit").click()
    row(still, "accepted")
    still.page.get_by_label("Post-only").uncheck()

    still.page.get_by_label("Reduce-only").check()
    still.submit(side="sell", kind="market", qty="0.01")
    expect(still.page.locator(".ticket-result")).to_have_attribute("data-tone", "danger")
    expect(still.by("fill-row")).to_have_count(0)
    still.page.get_by_label("Reduce-only").uncheck()
    still.submit(side="buy", kind="market", qty="0.01")
    expect(still.by("position-row")).to_have_count(1)
    still.page.get_by_label("Reduce-only").check()
    still.submit(side="sell", kind="market", qty="0.01")
    expect(still.by("position-row")).to_have_count(0)


def test_stops_wait_for_their_price(still: DeskPage):
    bid, ask = still.quote()
    last = number(still.by("quote-row", symbol="BTCUSDT").locator('[data-testid="last"]'))
    bid, ask = min(bid, last), max(ask, last)  # the last trade is what sets a stop off
    still.submit(side="sell", kind="stop", qty="0.01", stop=str(bid - TICK))
    expect(still.by("order-row", status="accepted")).to_have_count(1)
    still.submit(side="buy", kind="stop", qty="0.01", stop=str(ask + TICK))
    expect(still.by("order-row", status="accepted")).to_have_count(2)
    still.submit(side="buy", kind="stop_limit", qty="0.02", stop=str(ask + TICK), price=str(ask + 500))
    expect(still.by("order-row", status="accepted")).to_have_count(3)
    expect(still.by("fill-row")).to_have_count(0)
    still.ask("replay.control", action="speed", value=25)  # the last trade goes both ways, within minutes of the market
    still.play()
    expect(still.by("order-row", status="filled")).to_have_count(3, timeout=60_000)


def test_cancel_all_leaves_nothing_working(still: DeskPage):
    bid, _ = still.quote()
    for step in (10, 20, 30):
        still.submit(kind="limit", qty="0.001", price=str(bid - step))
        expect(still.by("order-row", status="accepted")).to_have_count(step // 10)
    still.page.get_by_role("button", name="Cancel all", exact=True).click()
    expect(still.by("order-row", status="cancelled")).to_have_count(3)
    expect(still.page.get_by_role("button", name="Cancel all", exact=True)).to_be_hidden()


def test_a_position_is_reversed_and_closed(still: DeskPage):
    still.submit(side="buy", kind="market", qty="0.01")
    position = still.by("position-row", symbol="BTCUSDT")
    expect(cell(position, "side")).to_have_text("Long")
    position.get_by_role("button", name="Reverse").click()
    still.page.get_by_role("button", name="Sell 0.02 BTC at market to be short 0.01").click()
    expect(cell(position, "side")).to_have_text("Short")
    expect(cell(position, "qty")).to_have_text("0.01")
    position.get_by_role("button", name="Close").click()
    still.page.get_by_role("button", name="Buy 0.01 BTC at market to close").click()
    expect(still.by("position-row")).to_have_count(0)
    expect(still.by("order-row", status="filled")).to_have_count(3)


def test_the_price_under_the_finger_counts_though_the_book_moves_before_it_is_lifted(desk: DeskPage):
    page = desk.page
    expect(page.locator(".book[data-state=live]")).to_be_visible()
    expect(page.locator("#notice")).to_be_visible()  # what it moves has moved
    level = page.locator(".level.bid:visible").first
    box = level.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.evaluate("""() => addEventListener("pointerdown", (event) => {
      window.pressed = event.target.closest(".level").querySelector(".level-price").textContent;
    }, { capture: true, once: true })""")
    page.mouse.down()
    pressed = page.evaluate("() => window.pressed")
    expect(level.locator(".level-price")).not_to_have_text(pressed, timeout=20_000)
    page.mouse.up()
    expect(desk.by("ticket-price")).to_have_value(pressed.replace(",", ""))


def test_a_level_of_the_book_fills_the_ticket_and_the_cost_comes_before_the_press(still: DeskPage):
    page = still.page
    level = page.locator(".level.bid:visible").nth(2)
    price = level.locator(".level-price").text_content()
    level.click()
    expect(still.by("ticket-type")).to_have_value("limit")
    expect(still.by("ticket-price")).to_have_value(price.replace(",", ""))
    expect(still.by("order-row")).to_have_count(0)
    still.by("ticket-qty").fill("0.01")
    expect(still.by("ticket-submit")).to_have_text(f"Buy 0.01 BTC at {price} or better")
    cost = page.locator(".ticket .cost")
    expect(cost).to_have_attribute("data-state", "fresh")
    worth = Decimal(cost.locator(".cost-notional dd").text_content().split()[0].replace(",", ""))
    assert abs(worth - Decimal(price.replace(",", "")) / 100) < 1
    expect(cost.locator(".cost-position_after dd")).to_have_text("0.01 BTC")
    still.by("ticket-side-sell").click()
    still.by("ticket-type").select_option("market")
    expect(still.by("ticket-submit")).to_have_text("Sell 0.01 BTC at market")


def test_written_sent_and_cancelled_by_keys_alone(still: DeskPage) -> None:
    page = still.page
    page.emulate_media(reduced_motion="reduce")
    press = page.keyboard.press
    press("b")
    expect(still.by("ticket-qty")).to_be_focused()
    page.keyboard.type("0.01")
    press("Enter")
    expect(still.by("order-row", status="filled")).to_have_count(1)
    expect(still.by("ticket-qty")).to_be_focused()
    bid, _ask = still.book()
    press("Shift+Tab")
    press("Shift+Tab")
    expect(still.by("ticket-type")).to_be_focused()
    page.keyboard.type("Limit")
    still.by("ticket-price").wait_for()
    for field, text in (("ticket-qty", "0.02"), ("ticket-price", f"{bid - 100}")):
        for _ in range(8):
            press("Tab")
            if page.evaluate("() => document.activeElement.dataset.testid") == field:
                break
        expect(still.by(field)).to_be_focused()
        press("Control+a")
        page.keyboard.type(text)
    expect(still.by("ticket-submit")).to_be_enabled()  # a second press comes too soon for a moment
    press("Enter")
    row = still.by("order-row", status="accepted")
    expect(row).to_have_count(1)

    # out of the field, to the orders, to the newest of them
    press("g")
    expect(still.by("ticket-price")).to_have_value(f"{bid - 100}g")
    press("Backspace")
    press("Escape")
    expect(still.by("ticket-price")).not_to_be_focused()
    press("g")
    press("o")
    expect(page.locator("#tab-orders")).to_be_focused()
    for _ in range(30):
        press("Tab")
        if page.evaluate("() => document.activeElement.tagName") == "TR":
            break
    expect(row).to_be_focused()
    press("Enter")
    expect(page.get_by_label("Limit price USDT")).to_be_focused()
    press("Escape")
    expect(row).to_be_focused()
    key = row.get_attribute("data-client-order-id")
    press("Delete")
    gone = page.locator(f"[data-client-order-id='{key}']")
    expect(gone).to_have_attribute("data-status", "cancelled")
    expect(gone).to_be_focused()

    # a pressed button takes no press for a moment, and has the keyboard again afterwards
    still.by("ticket-price").fill(f"{bid - 200}")
    expect(still.by("ticket-submit")).to_be_enabled()
    still.by("ticket-submit").focus()
    press("Enter")
    expect(row).to_have_count(1)
    expect(still.by("ticket-submit")).to_be_enabled()
    expect(still.by("ticket-submit")).to_be_focused()
    still.check_console()


def test_figures_of_the_book_are_written_when_they_change_only(desk: DeskPage) -> None:
    same, _other = desk.page.evaluate(WRITTEN)
    assert same == []
