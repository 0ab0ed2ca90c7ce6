"""The shell of the page: routes, keys, palette, watchlist, panels, words of state. Driven by keyboard where a trader would."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import Server

pytestmark = pytest.mark.e2e

# What the desk worker would say about a very large venue.
MANY = """(count) => kontor.desk.dispatchEvent(new MessageEvent("message", { data: JSON.stringify({ t: "instruments", rows:
  Array.from({ length: count }, (_, at) => ({ symbol: `COIN${at}USDT`, venue: "many", base: `COIN${at}`, quote: "USDT", price_scale: 2,
    size_scale: 5, tick: "0.01", lot: "0.00001", min_size: "0.00001", min_notional: "5" })) }) }))"""


def focused_symbol(page: Page) -> str:
    return page.locator(".watch-row[aria-selected=true]").get_attribute("data-symbol")


def test_routes_follow_links_and_keys(desk: DeskPage):
    page = desk.page
    page.get_by_role("link", name="Health").click()
    expect(page.get_by_role("link", name="Health")).to_have_attribute("aria-current", "page")
    expect(page).to_have_title("Health · Kontor")
    expect(page.locator("#view-desk")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.locator("#view-desk")).to_be_visible()
    expect(page.get_by_role("link", name="Desk", exact=True)).to_have_attribute("aria-current", "page")


def test_palette_runs_a_command_and_finds_an_instrument(desk: DeskPage):
    page = desk.page
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search instruments or commands")
    expect(box).to_be_focused()
    page.keyboard.type("theme light")
    expect(page.get_by_role("dialog", name="Command palette").get_by_role("option").first).to_contain_text("Theme: light")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(box).to_be_hidden()
    symbol = desk.by("quote-row").nth(3).get_attribute("data-symbol")
    page.locator("#search").click()
    page.keyboard.type(symbol)
    page.keyboard.press("Enter")
    expect(page.locator(f'.watch-row[data-symbol="{symbol}"]')).to_have_attribute("aria-selected", "true")


def test_theme_is_there_again_after_a_reload_before_python(desk: DeskPage):
    page = desk.page
    page.keyboard.press("Control+Shift+L")
    chosen = page.locator("html").get_attribute("data-theme")
    page.reload(wait_until="commit")
    expect(page.locator("html")).to_have_attribute("data-theme", chosen)
    desk.wait_ready()
    expect(page.locator("html")).to_have_attribute("data-theme", chosen)


def test_shortcut_list_names_every_bound_key(desk: DeskPage):
    page = desk.page
    page.keyboard.press("?")
    listed = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(listed).to_contain_text("Open the ticket to buy")
    expect(listed).to_contain_text("Filter the watchlist")
    page.keyboard.press("Escape")
    expect(listed).to_be_hidden()


def test_no_single_key_sends_an_order(desk: DeskPage):
    page = desk.page
    desk.follow()
    desk.by("ticket-qty").fill("0.01")
    page.locator("#main").focus()
    for key in "abcdefhijklmnopqrstuvwxyz":
        page.keyboard.press(key)
        page.keyboard.press("Escape")
        page.locator("#main").focus()
    desk.ask("health")
    assert desk.seen()["orders"] == {}


def test_b_and_s_open_the_ticket(desk: DeskPage):
    page = desk.page
    page.keyboard.press("s")
    expect(desk.by("ticket-side-sell")).to_have_attribute("aria-pressed", "true")
    expect(desk.by("ticket-qty")).to_be_focused()


def test_watchlist_filters_walks_and_focuses_by_keyboard(desk: DeskPage):
    page = desk.page
    page.keyboard.press("/")
    expect(page.get_by_label("Filter the watchlist")).to_be_focused()
    page.keyboard.type("skl")
    expect(desk.by("quote-row").first).to_have_attribute("data-symbol", "SKL-USD")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(desk.by("quote-row").nth(1)).to_have_attribute("aria-selected", "true")
    assert "SKL" in focused_symbol(page)
    page.keyboard.press("Escape")
    expect(desk.by("quote-row", symbol="BTCUSDT")).to_be_visible()
    page.locator(".watch-head [data-sort=symbol]").click()
    expect(page.locator(".watch-head .cell-symbol")).to_have_attribute("aria-sort", "ascending")
    shown = page.locator(".watch-body > .watch-row:not([hidden])").evaluate_all(
        "rows => rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(row => row.dataset.symbol)"
    )
    assert shown == sorted(shown)


def test_one_row_at_most_is_marked_as_in_focus_also_where_it_is_filtered_away(desk: DeskPage):
    page = desk.page
    marked = page.locator(".watch-row[aria-selected=true]")
    desk.by("quote-row").nth(4).click()
    expect(desk.by("quote-row").nth(4)).to_have_attribute("aria-selected", "true")
    before = focused_symbol(page)
    page.keyboard.press("/")
    page.keyboard.type("skl")
    expect(desk.by("quote-row").first).to_have_attribute("data-symbol", "SKL-USD")
    expect(marked).to_have_count(0)
    page.keyboard.press("Enter")
    expect(marked).to_have_count(1)
    page.keyboard.press("Escape")
    expect(desk.by("quote-row", symbol=before)).to_be_visible()


def test_thousands_of_instruments_are_few_elements(desk: DeskPage):
    page = desk.page
    desk.pause()
    page.evaluate(MANY, 5000)
    grid = page.get_by_role("grid", name="Quotes")
    expect(grid).to_have_attribute("aria-rowcount", "5001")
    assert page.locator(".watch-body > *").count() < 60
    grid.focus()
    page.keyboard.press("End")
    expect(page.locator('[data-symbol="COIN4999USDT"]')).to_be_visible()
    assert page.locator(".watch-body > *").count() < 60


def test_panels_resize_by_keyboard_and_remember(desk: DeskPage):
    page = desk.page
    handle = page.get_by_role("separator", name="Width of the watchlist")
    before = int(handle.get_attribute("aria-valuenow"))
    handle.focus()
    page.keyboard.press("ArrowLeft")
    expect(handle).to_have_attribute("aria-valuenow", str(before - 16))
    width = page.locator(".at-watchlist").bounding_box()["width"]
    assert width == before - 16
    page.reload()
    desk.wait_ready()
    assert page.locator(".at-watchlist").bounding_box()["width"] == width


def test_every_word_of_state_opens_what_it_means(desk: DeskPage):
    page = desk.page
    for word in ("#connection", "#replay-badge", "#status-ticks", "#status-paint", "#status-orders", "#status-vault"):
        page.locator(word).click()
        dialog = page.locator("dialog.explain")
        expect(dialog).to_be_visible()
        assert len(dialog.locator("p").first.text_content()) > 30
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


def test_session_says_it_is_in_memory_and_offers_a_vault(desk: DeskPage):
    page = desk.page
    expect(page.locator("#notice")).to_contain_text("in memory, not kept")
    page.get_by_role("button", name="Create a vault").click()
    expect(desk.by("vault-passphrase")).to_be_focused()
    desk.by("vault-create").click()
    expect(page.locator(".vault-form")).to_contain_text("Type a passphrase.")
    desk.by("vault-passphrase").fill("short")
    desk.by("vault-create").click()
    expect(page.locator(".vault-form")).to_contain_text("at least 8 characters")
    desk.by("vault-passphrase").fill("long enough now")
    desk.by("vault-passphrase-repeat").fill("not the same")
    desk.by("vault-create").click()
    expect(page.locator(".vault-form")).to_contain_text("The two differ")
    expect(desk.by("vault-passphrase-repeat")).to_be_focused()


def test_there_is_one_passphrase_field_wherever_it_is_needed(desk: DeskPage):
    page = desk.page
    desk.go("vault")
    desk.by("vault-passphrase").fill("correct horse battery")
    desk.by("vault-passphrase-repeat").fill("correct horse battery")
    desk.by("vault-create").click()
    desk.by("vault-lock").click()
    expect(desk.by("vault-passphrase")).to_have_count(1)
    desk.go("desk")
    expect(page.locator("#notice")).to_contain_text("orders are refused")
    expect(page.locator("#notice").get_by_test_id("vault-passphrase")).to_have_count(1)
    expect(desk.by("vault-passphrase")).to_have_count(1)
    desk.by("vault-passphrase").fill("wrong")
    desk.by("vault-unlock").click()
    expect(page.locator("#notice .field-error")).to_contain_text("passphrase", timeout=20_000)
    desk.by("vault-passphrase").fill("correct horse battery")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_be_hidden(timeout=20_000)
    expect(desk.by("vault-passphrase")).to_have_count(0)


def test_an_open_dialog_keeps_single_keys_to_itself(desk: DeskPage):
    page = desk.page
    desk.by("connection-status").click()
    expect(page.locator("dialog.explain")).to_be_visible()
    page.keyboard.press("s")
    expect(desk.by("ticket-side-buy")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(desk.by("ticket-side-sell")).to_have_attribute("aria-pressed", "true")


def test_ticks_are_measured_and_the_timeline_does_not_grow_without_bound(desk: DeskPage):
    count = desk.page.evaluate(
        """() => new Promise((resolve) => {
          const name = "kontor:tick-to-paint";
          const watch = new PerformanceObserver((list) => {
            if (!list.getEntriesByName(name).length) return;
            watch.disconnect();
            resolve(performance.getEntriesByName(name).length);
          });
          watch.observe({ type: "measure", buffered: true });
        })"""
    )
    assert 0 < count <= 2000


def test_on_a_phone_a_tapped_row_opens_its_chart_and_more_leads_on(known: Page, server: Server):
    page = known
    page.set_viewport_size({"width": 390, "height": 844})
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    row = desk.by("quote-row").nth(1)
    symbol = row.get_attribute("data-symbol")
    row.click()
    expect(page.locator(".at-chart")).to_contain_text(symbol)
    panes = page.get_by_role("navigation", name="Panes")
    for name in ("Portfolio", "Vault", "Health"):
        panes.get_by_role("button", name="More").click()
        page.get_by_role("dialog").get_by_role("button", name=name).click()
        expect(page.locator(f"#view-{name.lower()}")).to_be_visible()
        expect(panes.locator("[aria-pressed=true]")).to_have_text("More")
    panes.get_by_role("button", name="Market").click()
    expect(page.locator(".at-watchlist")).to_be_visible()
    expect(panes.locator("[aria-pressed=true]")).to_have_text("Market")
    desk.check_console()


CUT = """() => {
  const words = [...document.querySelectorAll(".top .word > span")].filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.textContent);
  document.querySelector("#connection span").textContent = "reconnecting, 3 of 4";
  document.querySelector("#equity").textContent = "1,234,567.89";
  const top = document.querySelector(".top"), names = [...document.querySelectorAll(".routes > *, .top .figure, #search")];
  const shown = names.map((node) => [node.textContent, node.getBoundingClientRect()]).filter(([, box]) => box.width);
  const cut = shown.filter(([, box], at) => box.right > innerWidth || (at && shown[at - 1][1].right > box.left)).map(([text]) => text);
  return [...words, ...cut, ...(top.scrollWidth > top.clientWidth ? ["top"] : [])];
}"""


def test_every_page_is_found_at_the_top_and_nothing_of_it_is_cut(desk: DeskPage):
    page = desk.page
    views = page.get_by_role("navigation", name="Views")
    names = ["Desk", "Charts", "Portfolio", "Risk", "Journal", "Reconciliation", "History", "Sources", "Vault", "Network", "Health"]
    assert [text for text in views.get_by_role("link").all_inner_texts() if text] == names
    state = page.locator("#connection span").inner_text()
    for width in (1440, 1400, 1399, 1280, 1200, 1199, 1024, 960, 841, 768, 721):
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("#connection span").evaluate("(node, text) => { node.textContent = text; }", state)
        assert page.evaluate(CUT) == [], f"at {width}"
        reached = views.get_by_role("link").all_inner_texts()
        if reached == names:
            continue
        views.get_by_role("button", name="More").click()
        offered = page.get_by_role("dialog").get_by_role("button").all_inner_texts()
        assert set(names) <= {*reached, *offered}, f"at {width}"
        page.keyboard.press("Escape")
    views.get_by_role("button", name="More").click()
    page.get_by_role("dialog").get_by_role("button", name="History").click()
    expect(page.locator("#view-history")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    views.get_by_role("link", name="Reconciliation").click()
    expect(page.locator("#view-reconciliation")).to_be_visible()
    expect(views.get_by_role("link", name="Reconciliation")).to_have_attribute("aria-current", "page")
