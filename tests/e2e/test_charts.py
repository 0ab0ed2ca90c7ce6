"""Several charts, pinned and linked; own orders, fills and average price on them; lines dragged by pointer and by keys."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import Server
from tests.e2e.test_chart import add
from tests.e2e.test_start import noted

pytestmark = pytest.mark.e2e

CHART = '[data-slot="chart"] .chart'
ORDER_STATE = """(accepting) => kontor.desk.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(
  { t: "order_state", accepting, reason: accepting ? "" : "a test", see: "", real: true }) }))"""
TOLD = "(message) => kontor.desk.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }))"
# How many there are in the page's interpreter; each has elements, listeners and a place in the desk's feeds.
LIVING = """() => JSON.parse(python.runPython(`
import gc, json
from app.ui.views.chart import ChartView
from app.ui.views.chart_canvas import ChartCanvas
from app.ui.views.charts import _Place
from app.ui.views.frame import OncePerFrame
from app.ui.views.table import Table
gc.collect()
json.dumps([sum(type(item) is kind for item in gc.get_objects()) for kind in (ChartView, ChartCanvas, _Place, OncePerFrame, Table)])`))"""


def canvas(page: Page) -> Locator:
    return page.locator(f"{CHART} .chart-canvas")


def near(page: Page, step: int = 2) -> list[float]:
    """Heights on the desk's chart at which a line can be taken, the highest of each run."""
    canvas(page).locator("canvas").first.wait_for()
    box = canvas(page).bounding_box()
    found, was = [], False
    for y in range(int(box["y"]) + 4, int(box["y"] + box["height"]) - 40, step):
        page.mouse.move(box["x"] + 60, y)
        is_near = canvas(page).get_attribute("data-near") == "true"
        if is_near and not was:
            found.append(y + 2.0)
        was = is_near
    return found


def seen_a_while(desk: DeskPage) -> None:
    """Hold the recording still once the prices in sight reach some units: a line a little away from the market is drawn then."""
    desk.play()
    desk.page.wait_for_function("() => /^.* 0:(0[8-9]|[1-5][0-9]) of/.test(document.querySelector('.replay-at').textContent)")
    desk.pause()
    desk.wait_still()


def said(page: Page) -> Locator:
    return page.locator(f"{CHART} [data-testid=chart-own-said]")


def price_of(desk: DeskPage, order: str) -> Decimal:
    return Decimal(desk.seen()["orders"][order]["price"])


def rest(desk: DeskPage, away: str) -> str:
    """A limit order to buy below the book; its id."""
    before = set(desk.orders())
    bid, _ask = desk.book()
    desk.submit(kind="limit", qty="0.02", price=f"{bid - Decimal(away):.2f}")
    expect(desk.by("order-row", status="accepted")).to_have_count(1)
    return (set(desk.orders()) - before).pop()


def test_several_charts_linked_and_pinned(desk: DeskPage) -> None:
    page = desk.page
    page.keyboard.press("g")
    page.keyboard.press("c")
    place = desk.by("chart-place")
    expect(place).to_have_count(4)
    expect(place.locator("canvas").first).to_be_visible()
    symbol = page.evaluate("() => document.querySelector('[data-testid=chart-pick] option').textContent").removeprefix("Linked: ")
    other = place.nth(1).get_by_test_id("chart-pick").locator("option").nth(3).text_content()
    place.nth(1).get_by_test_id("chart-pick").select_option(other)
    expect(place.nth(1)).to_have_attribute("aria-label", f"Chart 2: {other}, pinned")
    expect(place.nth(1).locator(".legend-close")).to_have_text(re.compile(r"\d"))
    place.nth(0).get_by_test_id("chart-frame").select_option("5s")

    # an indicator goes to the chart that is looked at, and only there
    place.nth(1).locator(".chart-canvas").focus()
    add(page, "sma")
    expect(place.nth(1).get_by_test_id("study")).to_have_count(1)
    expect(page.get_by_test_id("study")).to_have_count(1)

    # by keyboard: link, pin, add, remove, arrange
    page.keyboard.press("c")
    page.keyboard.press("a")
    expect(place).to_have_count(5)
    expect(place.nth(4)).to_have_attribute("data-linked", "false")
    page.keyboard.press("c")
    page.keyboard.press("l")
    expect(place.nth(4)).to_have_attribute("aria-label", f"Chart 5: {symbol}, linked to the focus")
    page.keyboard.press("c")
    page.keyboard.press("x")
    expect(place).to_have_count(4)
    page.keyboard.press("Control+k")
    page.keyboard.type("charts: 2 places")
    page.keyboard.press("Enter")
    expect(place).to_have_count(2)

    # the linked one follows the focus, the pinned one stays; the desk serves none of them elsewhere
    page.keyboard.press("Control+k")
    page.keyboard.type("SKL-USD")
    page.keyboard.press("Enter")
    expect(page.locator("#view-desk")).to_be_visible()
    focused = page.locator(f"{CHART} .chart-name").text_content()
    assert focused != symbol
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(place.nth(0)).to_have_attribute("aria-label", f"Chart 1: {focused}, linked to the focus")
    expect(place.nth(1)).to_have_attribute("aria-label", f"Chart 2: {other}, pinned")
    expect(place.nth(0).locator(".legend-close")).to_have_text(re.compile(r"\d"))

    # remembered
    page.reload()
    desk.wait_ready()
    expect(place).to_have_count(2)
    expect(place.nth(0).get_by_test_id("chart-frame")).to_have_value("5s")
    expect(place.nth(1)).to_have_attribute("aria-label", f"Chart 2: {other}, pinned")
    expect(place.nth(1).get_by_test_id("study")).to_have_count(1)
    expect(place.nth(1).locator(".legend-close")).to_have_text(re.compile(r"\d"))
    desk.check_console()


def test_a_line_is_dragged(desk: DeskPage) -> None:
    page = desk.page
    desk.follow()
    desk.submit(qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    desk.pause()
    desk.wait_still()
    order = rest(desk, "2")
    began = price_of(desk, order)
    page.get_by_test_id("ticket-price").fill("")

    # the twin says all of it in words
    canvas(page).focus()
    page.keyboard.press("t")
    own = page.locator(f"{CHART} [data-testid=chart-own]")
    expect(own).to_contain_text("Average price")
    expect(own).to_contain_text("Buy 0.02 BTCUSDT, limit")
    expect(page.locator(f"{CHART} tbody")).to_contain_text("bought 0.01 at")
    page.keyboard.press("o")  # T was the chart's: it does not begin T O
    expect(desk.by("toast").filter(has_text="is the desk already")).to_have_count(0)
    page.locator(f"{CHART} .chart-head").get_by_role("button", name="Table").click()

    # pressed beside it: nothing moves but what the pointer moves, and what the browser takes away is kept as it was
    (height,) = near(page)
    x = canvas(page).bounding_box()["x"] + 60
    page.mouse.move(x, height)
    page.mouse.down()
    page.mouse.move(x, height + 2)
    page.mouse.up()
    expect(said(page)).to_have_text(re.compile(r"^Buy 0\.02 BTCUSDT, limit .*\.$"))
    page.mouse.move(x, height)
    page.mouse.down()
    page.mouse.move(x, height + 30, steps=3)
    page.mouse.move(x, height, steps=3)
    expect(said(page)).to_contain_text("Letting go amends the order")
    page.mouse.up()
    expect(said(page)).to_have_text("Not moved.")
    page.mouse.down()
    page.mouse.move(x, height + 30, steps=3)
    canvas(page).evaluate("(node) => node.releasePointerCapture(1)")
    page.mouse.move(x, height + 31)
    expect(said(page)).to_have_text("Kept as it was.")
    page.mouse.up()
    assert price_of(desk, order) == began

    # dragged and let go: amended; with Escape: kept
    page.mouse.move(x, height)
    page.mouse.down()
    page.mouse.move(x, height + 20, steps=4)
    expect(said(page)).to_contain_text("Letting go amends the order")
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(said(page)).to_have_text("Kept as it was.")
    assert price_of(desk, order) == began
    page.mouse.move(x, height)
    page.mouse.down()
    page.mouse.move(x, height + 20, steps=4)
    wanted = Decimal(re.search(r" to ([\d,.]+)\. ", said(page).text_content())[1].replace(",", ""))
    page.mouse.up()
    expect(said(page)).to_contain_text("Amended")
    assert wanted < began and wanted % Decimal("0.01") == 0
    assert price_of(desk, order) == wanted

    # by keys: walked to, taken, three ticks up
    canvas(page).focus()
    line = re.compile(r"^\d of 2: (Buy 0\.02|Average)")
    page.keyboard.press("ArrowUp")
    expect(said(page)).to_have_text(line)
    if "Buy 0.02" not in said(page).text_content():
        page.keyboard.press("ArrowDown")
    expect(said(page)).to_contain_text("of 2: Buy 0.02")
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text("Amended")
    assert price_of(desk, order) == wanted + Decimal("0.03")

    # refused: named, and the order stands as it was
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowDown")
    desk.ask("order.cancel", client_order_id=order)
    expect(said(page)).to_contain_text("not working any more")
    desk.check_console()


def test_a_moved_line_says_what_it_costs_before_it_is_let_go(still: DeskPage) -> None:
    page = still.page
    still.follow()
    order = rest(still, "2")
    page.get_by_test_id("ticket-price").fill("")
    canvas(page).focus()
    for key in ("ArrowUp", "Enter", "ArrowDown"):
        page.keyboard.press(key)
    expect(said(page)).to_contain_text("Loses its place in the queue. Enter amends the order, Escape keeps it as it was.")
    # filled in part while it is held, at a venue that would place the rest anew: said at once
    row = still.seen()["orders"][order] | {"status": "partially_filled", "filled": "0.005", "remaining": "0.015", "anew": True}
    page.evaluate(TOLD, {"t": "orders", "reset": False, "rows": [row]})
    expect(said(page)).to_contain_text("Loses its place in the queue. It is cancelled first, then the 0.015 left is placed at 6")
    expect(said(page)).to_contain_text("what fills before the cancel counts. Enter amends the order")
    page.keyboard.press("Escape")
    expect(said(page)).to_have_text("Kept as it was.")


def test_what_is_let_go_unarmed_is_not_sent_to_a_real_account(still: DeskPage) -> None:
    desk, page = still, still.page
    seen_a_while(desk)
    desk.follow()
    order = rest(desk, "2")
    began = price_of(desk, order)
    page.get_by_test_id("ticket-price").fill("")
    page.evaluate(ORDER_STATE, True)
    (height,) = near(page)
    x, arm = canvas(page).bounding_box()["x"] + 60, page.locator(f"{CHART} [data-testid=chart-arm]")

    def take() -> None:
        page.mouse.move(x, height)
        page.mouse.down()
        page.mouse.move(x, height + 20, steps=4)

    take()
    page.mouse.up()
    expect(said(page)).to_contain_text("Arm dragging first")
    # Escape ends the drag, and only when nothing is dragged the arming
    arm.click()
    take()
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(said(page)).to_have_text("Kept as it was.")
    expect(arm).to_have_attribute("data-armed", "true")
    page.keyboard.press("Escape")
    expect(said(page)).to_have_text("Disarmed with Escape.")
    # armed when it was taken, and not any more when it is let go
    arm.click()
    take()
    page.evaluate(ORDER_STATE, False)
    page.evaluate(ORDER_STATE, True)
    expect(arm).to_have_attribute("data-armed", "false")
    page.mouse.up()
    expect(said(page)).to_contain_text("Arm dragging first")
    assert price_of(desk, order) == began
    arm.click()
    take()
    page.mouse.up()
    expect(said(page)).to_contain_text("Amended")
    assert price_of(desk, order) < began


def test_a_removed_chart_is_gone_for_good(page: Page, server: Server) -> None:
    noted(page)
    desk = DeskPage(page, server.url)
    desk.open("#/charts", speed=BRISK)
    place = desk.by("chart-place")
    expect(place.locator("canvas").first).to_be_visible()
    expect(place).to_have_count(4)
    page.wait_for_function("() => document.querySelectorAll('[data-testid=chart-place] canvas').length >= 4 * 2")
    before = page.evaluate(LIVING)
    assert before[0] == 5 and before[2] == 4, "those of the page and the desk's own"
    for _ in range(3):
        desk.by("chart-add").click()
        expect(place).to_have_count(5)
        last = place.nth(4)
        expect(last.locator("canvas").first).to_be_visible()
        expect(last.locator(".legend-close")).to_have_text(re.compile(r"\d"))
        last.locator(".chart-canvas").focus()
        page.keyboard.press("t")
        expect(last.locator("tbody tr").first).to_be_visible()
        last.get_by_test_id("chart-close").click()
        expect(place).to_have_count(4)
    page.wait_for_function(f"(before) => JSON.stringify(({LIVING})()) === JSON.stringify(before)", arg=before)
    desk.check_console()


def test_the_ticket_s_bracket_is_dragged(desk: DeskPage) -> None:
    page = desk.page
    seen_a_while(desk)
    desk.fill_ticket(side="buy", kind="market", qty="0.01")
    page.get_by_test_id("ticket-exits").click()
    page.get_by_test_id("ticket-bracket").click()
    take, stop = page.get_by_test_id("ticket-take_profit"), page.get_by_test_id("ticket-stop_loss")
    expect(take).not_to_have_value("")
    before, below = Decimal(take.input_value()), Decimal(stop.input_value())
    _bid, ask = desk.quote()
    assert below < ask < before
    heights = near(page)
    assert len(heights) == 2
    x = canvas(page).bounding_box()["x"] + 60
    page.mouse.move(x, heights[0])
    page.mouse.down()
    page.mouse.move(x, heights[0] + 25, steps=4)
    page.mouse.up()
    expect(said(page)).to_contain_text("Ticket: Ticket take profit: from")
    after = Decimal(take.input_value())
    assert ask < after < before and after % Decimal("0.01") == 0
    assert Decimal(stop.input_value()) == below
    desk.submit(qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    expect(desk.by("order-row")).to_have_count(3)
    desk.check_console()
