"""The price ladder: nothing is sent before it is armed, one press sends one order, and it disarms itself."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.desk import DeskPage


def rung(desk: DeskPage, index: int, cell: str) -> Locator:
    return desk.page.locator(f".ladder-row[data-index='{index}'] [data-cell={cell}]")


def price(desk: DeskPage, index: int) -> Decimal:
    return Decimal(rung(desk, index, "price").text_content().replace(",", ""))


def best(desk: DeskPage, cell: str) -> int:
    """The rung of the best bid or ask: the highest with a bid, the lowest with an ask."""
    filled = desk.page.locator(".ladder-row").evaluate_all(
        "(rows, cell) => rows.filter((row) => row.querySelector(`[data-cell=${cell}]`).textContent).map((row) => Number(row.dataset.index))", cell
    )
    return min(filled) if cell == "bid" else max(filled)


@pytest.fixture
def ladder(still: DeskPage) -> DeskPage:
    still.page.keyboard.press("l")
    expect(still.by("ladder")).to_be_visible()
    expect(still.page.locator(".ladder-row").first.locator("[data-cell=price]")).not_to_be_empty()
    return still


def test_it_shows_the_book_and_a_press_fills_the_ticket_until_it_is_armed(ladder: DeskPage):
    bid, ask = ladder.book()
    assert price(ladder, best(ladder, "bid")) <= bid < ask <= price(ladder, best(ladder, "ask"))
    prices = [price(ladder, index) for index in range(ladder.page.locator(".ladder-row").count())]
    assert len({high - low for high, low in pairwise(prices)}) == 1, "even steps"
    index = best(ladder, "bid") + 2
    wanted = price(ladder, index)
    rung(ladder, index, "bid").click()
    expect(ladder.by("ticket-type")).to_have_value("limit")
    expect(ladder.by("ticket-price")).to_have_value(format(wanted.normalize(), "f"))
    expect(ladder.by("order-row")).to_have_count(0)
    ladder.by("ladder-switch").click()
    expect(ladder.by("ladder")).to_be_hidden()
    expect(ladder.page.locator(".book")).to_be_visible()


def test_armed_one_press_sends_one_order_and_mine_cancels_it(ladder: DeskPage):
    page, arm, said = ladder.page, ladder.by("ladder-arm"), ladder.by("ladder-said")
    arm.click()
    expect(said).to_contain_text("Quantity")
    expect(ladder.by("ladder-qty")).to_be_focused()
    expect(ladder.by("ladder")).to_have_attribute("data-armed", "false")
    ladder.by("ladder-qty").fill("0.01")
    arm.click()
    expect(said).to_contain_text("Armed: a press on Bid buys, on Ask sells 0.01 BTC")
    index = best(ladder, "bid") + 3
    wanted = price(ladder, index)
    rung(ladder, index, "bid").dblclick()
    expect(ladder.by("order-row", status="accepted")).to_have_count(1)
    expect(rung(ladder, index, "buys")).to_have_text("0.01")
    expect(said).to_contain_text("Working")
    assert Decimal(page.locator("[data-table=orders] td[data-column=price]").first.text_content().replace(",", "")) == wanted
    rung(ladder, index, "buys").click()
    expect(ladder.by("order-row", status="cancelled")).to_have_count(1)
    expect(rung(ladder, index, "buys")).to_be_empty()

    far = best(ladder, "bid") + 1
    rung(ladder, far, "ask").click()  # selling below the best bid: trades at once
    expect(ladder.by("order-row", status="filled")).to_have_count(1)
    expect(ladder.by("fill-row").first).to_contain_text("Sell")
    page.keyboard.press("Escape")
    expect(said).to_have_text("Disarmed with Escape.")
    rung(ladder, index, "bid").click()
    expect(ladder.by("ticket-side-buy")).to_have_attribute("aria-pressed", "true")
    expect(ladder.by("order-row")).to_have_count(2)


def test_it_disarms_itself_and_holds_still_under_the_pointer(ladder: DeskPage):
    page = ladder.page
    ladder.by("ladder-qty").fill("0.01")
    reasons = {
        "another instrument": lambda: page.locator("[data-testid=quote-row]").nth(3).click(),
        "Another view": lambda: ladder.go("health"),
        "another quantity": lambda: ladder.by("ladder-qty").fill("0.02"),
        "another kind of order": lambda: ladder.by("ladder-post").check(),
    }
    for why, act in reversed(reasons.items()):
        ladder.by("ladder-arm").click()
        expect(ladder.by("ladder")).to_have_attribute("data-armed", "true")
        act()
        expect(ladder.by("ladder")).to_have_attribute("data-armed", "false")
        expect(ladder.by("ladder-said")).to_contain_text(why)
        if why == "Another view":
            ladder.go("desk")
    page.locator("[data-testid=quote-row][data-symbol=BTCUSDT]").click()
    top = rung(ladder, 0, "price")
    expect(top).to_contain_text("6")  # the book of BTCUSDT is there
    ladder.by("ladder-step").select_option("1")
    top.hover()
    held = top.text_content()
    first = ladder.quote()
    ladder.play()
    bid = "Number(document.querySelector('[data-symbol=BTCUSDT] [data-testid=bid]').textContent.replaceAll(',', ''))"
    page.wait_for_function(f"(first) => Math.abs({bid} - first) > 1", arg=float(first[0]))
    assert top.text_content() == held
    expect(ladder.by("ladder")).to_have_attribute("data-away", "true")
    page.locator("#search").hover()
    expect(top).not_to_have_text(held)
    expect(ladder.by("ladder")).to_have_attribute("data-away", "false")


def test_the_keyboard_walks_it(ladder: DeskPage):
    rung(ladder, 0, "price").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft"):
        ladder.page.keyboard.press(key)
    expect(rung(ladder, 2, "bid")).to_be_focused()
    wanted = price(ladder, 2)
    ladder.page.keyboard.press("Enter")
    assert Decimal(ladder.by("ticket-price").input_value()) == wanted
    expect(ladder.by("ticket-side-buy")).to_have_attribute("aria-pressed", "true")
