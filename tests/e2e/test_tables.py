"""Watchlist columns and order, tape, blotter and portfolio: chosen, filtered, sorted, cancelled, remembered; axe over all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import Server
from tests.e2e.test_accessibility import AXE, RUN

pytestmark = pytest.mark.e2e
LIMIT = {"symbol": "BTCUSDT", "type": "limit", "tif": "gtc", "qty": "0.01", "stop": None, "post_only": False, "reduce_only": False}

CELLS = "() => { const all = [...document.querySelectorAll('.tape tbody td:%s')]; return all.length > 1 && all.every(cell => %s); }"
SELLS = CELLS % ("nth-child(2)", "cell.textContent.startsWith('Sell')")
LARGE = CELLS % ("last-child", "parseFloat(cell.textContent) >= 0.05")
SMALL = "() => [...document.querySelectorAll('.tape tbody td:last-child')].some(cell => parseFloat(cell.textContent) < 0.05)"
WAITING = "least => parseInt(document.querySelector('[data-testid=tape-held]').textContent.replaceAll(',', '').match(/\\d+/)) > least"


def taking_orders(desk: DeskPage) -> None:
    """The journal is open."""
    desk.page.wait_for_function("() => document.querySelector('[data-testid=ticket-submit]')?.disabled === false")


def rest(desk: DeskPage, count: int, side: str = "buy") -> list[str]:
    """Orders that rest far from the market."""
    bid, _ask = desk.quote()
    away = -1000 if side == "buy" else 1000
    ids = []
    for number in range(count):
        price = str(bid + away + (number if side == "sell" else -number))
        ids.append(desk.ask("order.submit", token=f"{side}-{number}", side=side, price=price, **LIMIT)["client_order_id"])
    return ids


def column(desk: DeskPage, key: str, wanted: bool = True, *, close: bool = True) -> None:
    """Choose a column of the watchlist in its menu."""
    menu = desk.by("watch-columns")
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    menu.locator(f"input[value={key}]").set_checked(wanted)
    if close:
        desk.page.keyboard.press("Escape")


def symbols(desk: DeskPage) -> list[str]:
    """What the watchlist shows, from above."""
    rows = desk.by("quote-row").evaluate_all("rows => rows.map(row => [+row.getAttribute('aria-rowindex'), row.dataset.symbol])")
    return [symbol for _at, symbol in sorted(rows)]


def test_a_list_keeps_its_columns_and_its_order_and_its_file_carries_them(desk: DeskPage, tmp_path: Path):
    page = desk.page
    for key in ("spark", "spread", "range", "age", "source"):
        column(desk, key)
    column(desk, "bid", False)
    row = desk.by("quote-row", symbol="BTCUSDT")
    expect(row.get_by_test_id("watch-spread")).to_have_text("0.00", timeout=15_000)
    expect(row.get_by_test_id("watch-source")).to_have_text("binance")
    line = row.locator("svg[role=img]")
    page.wait_for_function("() => document.querySelector('[data-symbol=BTCUSDT] svg path')?.getAttribute('d')?.includes('L')")
    assert "lowest" in line.get_attribute("aria-label")
    assert row.get_by_test_id("bid").count() == 0

    desk.pause()
    desk.wait_still()
    head = page.locator(".watch-head .cell-last")
    head.locator("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    expected = desk.ask("rank", column="last", falling=True)["symbols"]
    page.wait_for_function("first => document.querySelector('[data-testid=quote-row][aria-rowindex=\"2\"]')?.dataset.symbol === first", arg=expected[0])
    assert symbols(desk) == expected[: len(symbols(desk))]

    desk.by("watch-lists").click()
    desk.by("watch-name").fill("Mine")
    desk.by("watch-make").click()
    expect(page.locator(".watch-head .cell-bid")).to_have_count(1)
    desk.by("watch-toggle").click()
    column(desk, "volume")
    page.locator(".watch-head [data-sort=volume]").click()
    with page.expect_download() as download:
        desk.by("watch-export").click()
    text = Path(download.value.path()).read_text()
    assert text == "###Kontor columns=last+change+bid+ask+volume sort=volume:falling line=hour\nBTCUSDT\n"
    path = tmp_path / "Theirs.txt"
    path.write_text(text.replace("volume", "high"))
    desk.by("watch-file").set_input_files(path)
    expect(desk.by("watch-choice")).to_have_value("Theirs")
    expect(page.locator(".watch-head .cell-high")).to_have_attribute("aria-sort", "descending")

    desk.open(speed=BRISK)
    expect(page.locator(".watch-head .cell-high")).to_have_attribute("aria-sort", "descending")
    desk.by("watch-choice").select_option("")
    expect(page.locator(".watch-head .cell-spark")).to_have_count(1)
    expect(page.locator(".watch-head .cell-last")).to_have_attribute("aria-sort", "descending")
    desk.check_console()


def test_a_watchlist_scans_its_rows_and_says_what_is_lacking(desk: DeskPage, tmp_path: Path):
    page = desk.page
    keys = ("short", "busy", "rsi", "atr", "top")
    for key in keys:
        column(desk, key)
    for key in ("change", "bid", "ask"):
        column(desk, key, False)
    row = desk.by("quote-row", symbol="BTCUSDT")
    cells = {key: row.get_by_test_id(f"watch-{key}") for key in keys}
    expect(cells["rsi"]).to_have_text(re.compile(r"^\d+/15$"), timeout=30_000)
    assert re.fullmatch(r"Not enough bars yet: \d+ of 15 bars of a minute", cells["rsi"].get_attribute("title"))
    expect(cells["rsi"]).to_have_attribute("aria-label", re.compile("^RSI: Not enough bars yet"))
    expect(cells["busy"]).to_have_text(re.compile(r"^\d+/65$"))
    expect(cells["top"]).to_have_text(re.compile(r"^\u2212?\d+\.\d\d$"))

    desk.pause()
    desk.follow()
    page.evaluate("() => kontor.desk.postMessage(JSON.stringify({ do: 'focus', id: 0, symbol: 'BTCUSDT', timeframe: '1m' }))")
    page.wait_for_function("() => window.seen.latest.bars?.timeframe === '1m'")
    first = page.evaluate("() => window.seen.latest.bars.rows[0][0]") - 120 * 60
    lines = [f"{first + 60 * n},61000,61010,60990,{61000 + n % 7},3" for n in range(120)]
    path = tmp_path / "BTCUSDT-1m.csv"
    path.write_text("\n".join(["time,open,high,low,close,volume", *lines, ""]))
    desk.go("history")
    desk.by("history-file").set_input_files(path)
    desk.by("history-look").click()
    expect(desk.by("history-preview")).to_contain_text("120 bars of 1m")
    desk.by("history-keep").click()
    expect(desk.by("history-import-said")).to_contain_text("is kept")
    desk.go("desk")
    for key, text in (("rsi", r"^\d{1,3}\.\d$"), ("atr", r"^\d\.\d\d$"), ("busy", r"^[\d,]+\.\d$"), ("short", r"^[+\u2212]?\d+\.\d\d$")):
        expect(cells[key]).to_have_text(re.compile(text), timeout=20_000)
        assert cells[key].get_attribute("title") is None and cells[key].get_attribute("aria-label") is None
    head = page.locator(".watch-head .cell-rsi")
    head.locator("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    ranked = desk.ask("rank", column="rsi", falling=True)["symbols"]
    assert ranked[0] == "BTCUSDT"
    page.wait_for_function("first => document.querySelector('[data-testid=quote-row][aria-rowindex=\"2\"]')?.dataset.symbol === first", arg=ranked[0])
    desk.check_console()


def test_orders_are_filtered_chosen_by_keyboard_and_cancelled_with_what_came_of_each(desk: DeskPage):
    page = desk.page
    taking_orders(desk)
    rest(desk, 4)
    rest(desk, 2, "sell")
    rows = desk.by("order-row")
    expect(rows).to_have_count(6)
    desk.by("orders-filter").click()
    desk.by("orders-filter-side").select_option("buy")
    expect(rows).to_have_count(4)
    expect(desk.by("bulk-cancel")).to_have_text("Cancel 4 shown")
    rows.nth(0).focus()
    page.keyboard.press("Space")
    expect(desk.by("bulk-cancel")).to_have_text("Cancel 1 chosen")
    page.keyboard.press("Shift+ArrowDown")
    expect(desk.by("bulk-cancel")).to_have_text("Cancel 2 chosen")
    assert desk.orders() and set(desk.orders().values()) == {"accepted"}
    desk.by("bulk-cancel").click()
    expect(desk.by("bulk-question")).to_contain_text("Cancel 2 working orders: 2 in BTCUSDT")
    desk.by("bulk-keep").click()
    expect(desk.by("bulk-question")).to_have_count(0)
    expect(rows).to_have_count(4)
    rows.nth(0).focus()
    page.keyboard.press("Control+a")
    expect(desk.by("bulk-cancel")).to_have_text("Cancel 4 chosen")
    desk.by("bulk-cancel").click()
    page.keyboard.press("Enter")
    expect(desk.by("bulk-outcome")).to_have_text("4 cancelled.")
    expect(desk.by("order-row", status="cancelled")).to_have_count(4)
    desk.by("orders-filter-side").select_option("sell")
    expect(desk.by("order-row", status="accepted")).to_have_count(2)
    with page.expect_download() as download:
        desk.by("orders-csv").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 3 and lines[0].startswith("Time,Instrument,Side,Type,Quantity") and " UTC,BTCUSDT,Sell,Limit,0.01" in lines[1]
    desk.open(speed=BRISK)
    expect(desk.by("orders-filter")).to_have_text("Filter (1)")
    desk.check_console()


def test_the_tape_is_filtered_held_still_and_remembers(desk: DeskPage):
    page = desk.page
    taking_orders(desk)
    tape = page.get_by_role("region", name="Trades", exact=True)
    rows = tape.locator("tbody tr")
    expect(rows.first).to_be_visible()
    desk.by("tape-filter").click()
    desk.by("tape-side").select_option("sell")
    expect(desk.by("tape-filter")).to_have_text("Filter (1)")
    page.wait_for_function(SELLS)
    desk.by("tape-least").fill("nonsense")
    desk.by("tape-least").press("Enter")
    expect(desk.by("tape-said")).to_contain_text("amount")
    expect(desk.by("tape-least")).to_have_attribute("aria-invalid", "true")
    desk.by("tape-least").fill("0.05")
    desk.by("tape-least").press("Enter")
    expect(desk.by("tape-said")).to_have_text("")
    desk.by("tape-side").select_option("")
    desk.by("tape-runs").check()
    page.wait_for_function(LARGE)
    desk.by("tape-least").fill("")
    desk.by("tape-least").press("Enter")
    page.wait_for_function(SMALL)  # the tape has come anew
    desk.by("tape-filter").click()

    tape.focus()
    page.keyboard.press("Space")
    held = desk.by("tape-held")
    expect(held).to_be_visible()
    page.wait_for_function(WAITING, arg=3)
    before = rows.first.text_content()
    page.wait_for_function(WAITING, arg=int(re.search(r"\d+", held.text_content().replace(",", ""))[0]) + 3)
    assert rows.first.text_content() == before
    held.click()
    expect(held).to_be_hidden()
    page.wait_for_function("before => document.querySelector('.tape tbody tr').textContent !== before", arg=before)

    desk.pause()
    desk.wait_still()
    page.mouse.move(10, 10)
    desk.submit(side="buy", kind="market", qty="0.012")
    own = tape.locator("tr.own")
    expect(own.first).to_contain_text("your fill")
    desk.open(speed=BRISK)
    expect(desk.by("tape-filter")).to_have_text("Filter (1)")
    desk.check_console()


def test_exposure_by_anything_and_the_equity_curve_add_up_and_outlive_a_reload(desk: DeskPage):
    page = desk.page
    taking_orders(desk)
    desk.create_vault()
    desk.pause()
    desk.submit(side="buy", kind="market", qty="0.05")
    expect(desk.by("position-row")).to_have_count(1)
    desk.go("portfolio")
    check = desk.by("exposure-check")
    expect(check).to_contain_text("exactly")
    for kind, key in (("base", "BTC"), ("quote", "USDT"), ("side", "long"), ("strategy", "desk"), ("symbol", "BTCUSDT")):
        desk.by("exposure-by").select_option(kind)
        expect(desk.by("exposure-group", key=key)).to_be_visible()
        expect(check).to_contain_text("exactly")
    desk.by("exposure-by").select_option("strategy")
    desk.by("equity-span").select_option("hour")
    expect(desk.by("equity-words")).to_contain_text("The day began at 100,000.00", timeout=30_000)
    expect(desk.by("equity-chart")).to_be_visible(timeout=40_000)
    assert "USDT" in desk.by("equity-chart").get_attribute("aria-label")
    desk.by("equity-table").locator("summary").first.click()
    expect(desk.by("equity-table").locator("tr.row").first).to_be_visible()
    desk.by("equity-table").scroll_into_view_if_needed()
    page.evaluate("() => kontor.desk.postMessage(JSON.stringify({ do: 'vault.lock', id: 1e15 }))")
    expect(desk.by("exposure-group")).to_have_count(0)
    expect(desk.by("equity-chart")).to_be_hidden()
    desk.open(speed=BRISK)
    desk.go("portfolio")
    expect(desk.by("exposure-by")).to_have_value("strategy")
    desk.check_console()


def test_axe_finds_nothing_serious_in_what_opens(known: Page, server: Server):
    page = known
    page.add_init_script(path=AXE)
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    taking_orders(desk)
    rest(desk, 2)
    found = {}
    for key in ("spark", "hour", "rsi", "busy", "age", "source"):
        column(desk, key, close=False)
    found["columns"] = page.evaluate(RUN)
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.querySelector('[data-symbol=BTCUSDT] svg path')?.getAttribute('d')?.includes('L')")
    desk.by("orders-filter").click()
    desk.by("order-row").first.locator(".choice input").check()
    desk.by("bulk-cancel").click()
    found["question"] = page.evaluate(RUN)
    desk.by("bulk-confirm").click()
    expect(desk.by("bulk-outcome")).to_be_visible()
    found["outcome"] = page.evaluate(RUN)
    desk.by("tape-filter").click()
    page.get_by_role("region", name="Trades", exact=True).focus()
    page.keyboard.press("Space")
    expect(desk.by("tape-held")).to_be_visible()
    found["tape"] = page.evaluate(RUN)
    desk.go("portfolio")
    expect(desk.by("exposure-check")).to_contain_text("equity")
    expect(desk.by("equity-words")).to_contain_text(".")
    found["portfolio"] = page.evaluate(RUN)
    assert {place: what for place, what in found.items() if what} == {}


@pytest.mark.parametrize(("width", "pane"), [(1440, ""), (390, "Positions")])
def test_states_and_prices_of_every_type_of_order_are_in_sight(still: DeskPage, width: int, pane: str) -> None:
    page = still.page
    kinds = {
        "limit": {"price": "61000.5"},
        "stop": {"stop": "63124"},
        "stop_limit": {"stop": "63124", "price": "63130"},
        "trailing_stop": {"trail": "150"},
        "market_if_touched": {"stop": "61000"},
    }
    for kind, prices in kinds.items():
        still.ask("order.submit", token=kind, **{**LIMIT, "side": "buy", "qty": "0.0123", "price": None, "type": kind, **prices})
    rows = still.by("order-row")
    expect(rows).to_have_count(len(kinds))
    said = {text.replace("\u00a0", " ") for text in rows.locator("td[data-column=price]").all_text_contents()}
    assert {"61,000.50", "63,124.00", "63,124.00 → 63,130.00", "61,000.00"} < said and any(text.startswith("by 150 · 6") for text in said)
    page.set_viewport_size({"width": width, "height": 900})
    if pane:
        page.locator(".panes").get_by_role("button", name=pane).click()
        page.get_by_role("tab", name="Orders").click()
    expect(rows.first).to_be_visible()
    hidden = rows.evaluate_all(
        """rows => rows.filter((row) => {
          const words = document.createRange();
          words.selectNodeContents(row.querySelector("[data-column=status]"));
          return words.getBoundingClientRect().right > row.querySelector("td.actions").getBoundingClientRect().left + 0.5;
        }).map((row) => row.textContent)"""
    )
    assert hidden == [], "the buttons cover a state"
