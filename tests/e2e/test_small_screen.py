"""The desk on a phone: 390 x 844 CSS pixels, touch, one pane at a time."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.desk import BRISK, DeskPage

pytestmark = pytest.mark.e2e

WIDER_THAN_THE_SCREEN = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  if (document.scrollingElement.scrollWidth > wide) found.push(`the page: ${document.scrollingElement.scrollWidth}`);
  for (const node of document.querySelectorAll("body *")) {
    if (!node.checkVisibility() || node.closest(".away, .skip")) continue;
    const box = node.getBoundingClientRect();
    if (box.width && box.right > wide + 1) {
      let holder = node.parentElement;
      while (holder && !/auto|scroll|hidden|clip/.test(getComputedStyle(holder).overflowX)) holder = holder.parentElement;
      if (!holder || holder.getBoundingClientRect().right > wide + 1) found.push(`${node.tagName}.${node.className}: ${Math.round(box.right)}`);
    }
  }
  return found;
}"""


# Targets below 24 x 24 whose 24 pixel circle touches another target: WCAG 2.2, 2.5.8.
TOO_SMALL = """() => {
  const targets = [...document.querySelectorAll("button, select, input, a[href], summary")]
    .filter((node) => node.checkVisibility() && !node.closest(".away, .skip"))
    .map((node) => [node, (node.closest("label") ?? node).getBoundingClientRect()])
    .filter(([, box]) => box.width && box.bottom > 0 && box.top < innerHeight);
  const middle = ({ x, y, width, height }) => [x + width / 2, y + height / 2];
  return targets.filter(([node, box]) => {
    if (box.height >= 24 && box.width >= 24) return false;
    const [x, y] = middle(box);
    return targets.some(([other, near]) => other !== node && !node.contains(other) && !other.contains(node)
      && Math.hypot(Math.max(near.left - x, 0, x - near.right), Math.max(near.top - y, 0, y - near.bottom)) < 12);
  }).map(([node, box]) => `${node.tagName} ${node.className || node.id || node.textContent}: ${box.width.toFixed(1)} x ${box.height.toFixed(1)}`);
}"""


@pytest.fixture
def phone(page, server) -> DeskPage:
    """A desk on a phone."""
    page.set_viewport_size({"width": 390, "height": 844})
    opened = DeskPage(page, server.url)
    opened.open(speed=BRISK)
    return opened


def pane(desk: DeskPage, name: str) -> None:
    """Choose a pane in the bar at the bottom."""
    desk.page.locator(".panes").get_by_role("button", name=name).click()


def test_a_trade_on_a_phone(phone: DeskPage):
    page = phone.page
    bar = page.locator(".panes").bounding_box()
    assert bar["y"] + bar["height"] > 800 and bar["width"] >= 389, "the bar stands at the bottom"
    expect(phone.by("quote-row").first).to_be_visible()
    pane(phone, "Trade")
    phone.fill_ticket(side="buy", kind="limit", qty="0.01", price="100000")
    button = phone.by("ticket-submit")
    button.scroll_into_view_if_needed()
    for price in (".strip-bid", ".strip-ask"):  # the price stays in sight of the one who is about to press
        box = page.locator(price).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= bar["y"]
        seen = page.evaluate("([x, y]) => document.elementFromPoint(x, y)?.className", [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
        assert "strip" in seen, f"{price} is covered by {seen}"
    phone.by("ticket-type").select_option("market")
    button.click()
    pane(phone, "Positions")
    page.get_by_role("tab", name="Orders").click()
    expect(phone.by("order-row", status="filled")).to_have_count(1)
    page.get_by_role("tab", name="Positions").click()
    expect(phone.by("position-row", symbol="BTCUSDT")).to_be_visible()
    expect(phone.by("equity")).to_be_visible()
    phone.check_console()


def test_nothing_is_wider_than_the_screen(phone: DeskPage):
    expect(phone.page.locator(".brand")).to_be_visible()
    for width in (390, 320):
        phone.page.set_viewport_size({"width": width, "height": 844})
        for name in ("Market", "Chart", "Trade", "Positions"):
            pane(phone, name)
            assert phone.page.evaluate(WIDER_THAN_THE_SCREEN) == [], f"{name} at {width}"
        for route in ("portfolio", "journal", "reconciliation", "vault", "health"):
            phone.go(route)
            expect(phone.page.locator(f"#view-{route} > *").first).to_be_visible()
            assert phone.page.evaluate(WIDER_THAN_THE_SCREEN) == [], f"{route} at {width}"
            assert phone.page.evaluate("() => document.documentElement.scrollHeight - innerHeight") <= 0, f"nothing lies below the bar of {route}"
        phone.go("desk")


def test_what_is_pressed_is_large_enough(phone: DeskPage):
    for name in ("Market", "Trade", "Positions"):
        pane(phone, name)
        assert phone.page.evaluate(TOO_SMALL) == [], name
