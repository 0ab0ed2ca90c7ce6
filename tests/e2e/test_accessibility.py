"""axe-core over every route, theme and size; an order by keyboard alone; focus that can be seen; no motion where none is wanted."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import ROOT, Server

pytestmark = pytest.mark.e2e

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
RUN = """(rules) => axe.run(document, { resultTypes: ["violations"], ...(rules && { runOnly: rules }) }).then(({ violations }) => violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.any.map(({ message }) => message).join("; ")}`)))"""

OF_COLOUR = ["color-contrast", "link-in-text-block"]  # the rules of axe that read colours; a theme changes nothing else
# Once the page has been drawn with its theme: the colour under everything.
DRAWN = """() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(
  () => resolve(getComputedStyle(document.body).backgroundColor))))"""


def scan(page: Page) -> list[str]:
    """What axe finds on a page as it stands, in both themes."""
    found, grounds = [], set()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        grounds.add(page.evaluate(DRAWN))
        found += [f"{theme}: {what}" for what in page.evaluate(RUN, OF_COLOUR if theme == "dark" else None)]
    assert len(grounds) == 2, "both themes were seen"
    return found


def test_axe_finds_nothing_serious(known: Page, server: Server):
    page = known
    page.add_init_script(path=AXE)  # not a script of the page: its policy is not in question here
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    expect(page.locator(".book[data-state=live]")).to_be_visible()
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    desk.submit(kind="limit", qty="0.01", price="50000")
    expect(desk.by("order-row", status="accepted")).to_have_count(1)
    found: dict[str, list[str]] = {}
    desk.go("vault")
    desk.by("vault-passphrase").fill("kontor123")
    expect(desk.by("vault-strength")).to_be_visible(timeout=20_000)
    found["vault to be made"] = scan(page)
    desk.create_vault()
    desk.go("vault")
    desk.by("vault-stored-list").click()
    expect(desk.by("vault-stored-row").first).to_be_visible(timeout=20_000)
    desk.by("vault-slot-change").click()
    desk.pause()
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for route in ("charts", "portfolio", "risk", "journal", "reconciliation", "health", "vault", "network", "desk"):
            desk.go(route)
            expect(page.locator(f"#view-{route}")).to_be_visible()
            if route == "journal":
                expect(desk.by("journal-row").first).to_be_visible(timeout=20_000)
            found[f"{route} {size}"] = scan(page)
        if size == "narrow":
            page.locator(".panes").get_by_role("button", name="Chart").click()
        desk.by("ladder-switch").click()
        expect(page.locator(".ladder-row").first).to_be_visible()
        found[f"ladder {size}"] = scan(page)
        desk.by("ladder-switch").click()
        if size == "narrow":
            for pane in ("Trade", "Positions", "Chart"):
                page.locator(".panes").get_by_role("button", name=pane).click()
                found[f"{pane} {size}"] = scan(page)
    assert {place: what for place, what in found.items() if what} == {}


def test_axe_finds_nothing_serious_in_dialogs_and_errors(known: Page, server: Server):
    page = known
    page.add_init_script(path=AXE)
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    found = {}
    page.keyboard.press("Control+k")
    expect(page.locator(".palette-input")).to_be_focused()
    found["palette"] = page.evaluate(RUN)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    found["shortcuts"] = page.evaluate(RUN)
    page.keyboard.press("Escape")
    desk.by("connection-status").click()
    expect(page.locator("dialog[open]")).to_be_visible()
    found["explanation"] = page.evaluate(RUN)
    page.keyboard.press("Escape")
    desk.fill_ticket(kind="limit", qty="abc", price="-1")
    desk.by("ticket-submit").click()
    expect(page.locator("#ticket-qty-error")).not_to_be_empty()
    found["errors"] = page.evaluate(RUN)
    assert {place: what for place, what in found.items() if what} == {}


def test_axe_finds_nothing_serious_in_the_network_and_its_terminal(known: Page, server: Server):
    page = known
    page.add_init_script(path=AXE)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    desk = DeskPage(page, server.url)
    desk.open(route="#/network", speed=BRISK)
    desk.by("wizard-url").fill(f"{server.url}/health")
    desk.by("wizard-test").click()
    expect(desk.by("wizard-row")).to_have_count(11, timeout=60_000)
    page.keyboard.press("Control+`")
    page.wait_for_function("() => globalThis.kontor.terminal?.text().includes('First quote')")
    desk.by("terminal-command").fill("help")
    page.keyboard.press("Enter")
    found: dict[str, list[str]] = {}
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for kind in ("As a list", "As a terminal"):
            page.get_by_role("button", name=kind).click()
            found[f"{kind} {size}"] = scan(page)
    page.get_by_role("button", name="Close the terminal").click()
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        found[f"network {size}"] = scan(page)
    page.goto(f"{server.url}/callback.html")
    expect(page.locator("#title")).to_have_text("Nothing to sign in to")
    found["callback"] = scan(page)
    assert {place: what for place, what in found.items() if what} == {}


def test_an_order_by_keyboard_alone(known: Page, server: Server):
    page = known
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    expect(page.locator(".book[data-state=live]")).to_be_visible()
    keys = page.keyboard
    keys.press("Control+k")
    expect(page.locator(".palette-input")).to_be_focused()
    keys.type("ETHUSD" if desk.by("quote-row", symbol="ETHUSD").count() else "BTCUSDT")
    expect(page.locator("[role=option][aria-selected=true]")).to_be_visible()
    keys.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    keys.press("Control+k")
    keys.type("BTCUSDT")
    keys.press("Enter")
    expect(page.locator(".strip-symbol")).to_have_text("BTCUSDT")
    keys.press("b")
    expect(desk.by("ticket-qty")).to_be_focused()
    keys.type("0.01")
    expect(desk.by("ticket-submit")).to_be_enabled()
    for _ in range(12):
        if page.evaluate("() => document.activeElement.dataset.testid") == "ticket-submit":
            break
        keys.press("Tab")
    expect(desk.by("ticket-submit")).to_be_focused()
    expect(desk.by("ticket-submit")).to_have_text("Buy 0.01 BTC at market")
    keys.press("Enter")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="Filled: bought 0.01 BTC")).to_be_visible()
    for key in ("g", "p"):
        keys.press(key)
    expect(page.locator("#view-portfolio")).to_be_visible()


def test_focus_can_be_seen_everywhere(desk: DeskPage):
    page = desk.page
    page.evaluate("() => document.activeElement?.blur()")
    seen: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        where = page.evaluate(
            """() => {
              const node = document.activeElement, style = getComputedStyle(node), box = node.getBoundingClientRect();
              const name = `${node.tagName}#${node.id}.${node.className}`;
              if (node === document.body) return "";
              const shown = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
              const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
              return shown && inside ? name : `not to be seen: ${name}`;
            }"""
        )
        if not where:
            break
        seen.append(where)
    assert len(seen) > 25
    assert [name for name in seen if name.startswith("not to be seen")] == []
    assert len(set(seen)) > 20, "focus goes on"


def test_nothing_moves_where_no_motion_is_wanted(known: Page, server: Server):
    page = known
    page.emulate_media(reduced_motion="reduce")
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    page.keyboard.press("Control+k")
    expect(page.locator(".palette-input")).to_be_focused()
    moving = page.evaluate(
        """() => document.getAnimations().map((animation) => [animation.effect.getComputedTiming().duration, animation.effect.target?.className])
          .filter(([duration]) => duration > 20)"""
    )
    assert moving == []
