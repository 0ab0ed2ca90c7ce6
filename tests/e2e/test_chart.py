"""The chart: indicators found by keyboard, drawn, remembered, changed and removed; spoken and in the table with the bars."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import DeskPage

pytestmark = pytest.mark.e2e

NUMBER = re.compile(r"^[−\d.,]+$")


def add(page: Page, text: str, **params: str) -> None:
    """By keyboard alone, from wherever the focus is."""
    page.keyboard.press("i")
    expect(page.get_by_test_id("indicator-search")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    for name, value in params.items():
        page.locator(f'[data-param="{name}"]').fill(value)
    page.get_by_test_id("indicator-save").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("indicator-dialog")).to_be_hidden()


def test_the_table_of_a_chart_fits_beside_book_and_watchlist(desk: DeskPage) -> None:
    page = desk.page
    page.locator(".chart-canvas canvas").first.wait_for()
    desk.submit(side="buy", kind="market", qty="0.01")
    page.locator(".chart-head").get_by_role("button", name="Table").click()
    row = page.locator(".chart-table tbody tr.row").first
    for timeframe, shown in (("1m", r"^\d\d-\d\d \d\d:\d\d$"), ("1d", r"^\d{4}-\d\d-\d\d$"), ("1s", r"^\d\d:\d\d:\d\d$")):
        page.locator(f'[data-timeframe="{timeframe}"]').click()
        expect(row.locator("[data-column=time]")).to_have_text(re.compile(shown))
        assert page.locator(".chart-table .grid-scroll").evaluate("(node) => node.scrollWidth - node.clientWidth") == 0, timeframe
    page.locator('[data-timeframe="1d"]').click()
    own = row.locator("[data-column=own]")
    expect(own).to_have_text(re.compile(r"^bought 0.01 at [\d,.]+$"))
    expect(own).to_have_attribute("title", own.inner_text())

    # a week of which days are missing says so, in the table and in the legend
    days = "".join(f"2024-07-{day},60000,60000,60000,60000,1\n" for day in range(25, 32))
    found, _ = desk.ask_with("history.preview", file=f"time,open,high,low,close,volume\n{days}".encode(), name="BTCUSDT-1d.csv")
    desk.ask("history.keep", preview=found["preview"], symbol="BTCUSDT", source="file", timeframe="1d", where="readable", repairs=[])
    page.get_by_test_id("chart-more").select_option("1w")
    expect(row.locator("[data-column=time]")).to_have_text("2024-08-05")
    expect(own).to_have_text(re.compile(r"^partly unknown; bought 0.01 at [\d,.]+$"))
    expect(page.locator(".at-chart .legend-time")).to_have_text("2024-08-05, partly unknown")
    assert page.locator(".chart-table .grid-scroll").evaluate("(node) => node.scrollWidth - node.clientWidth") == 0


def test_indicators_on_the_chart(desk: DeskPage) -> None:
    page = desk.page
    page.locator(".chart-canvas canvas").first.wait_for()
    add(page, "sma", timeperiod="5")
    add(page, "macd")
    study = page.get_by_test_id("study")
    expect(study).to_have_count(2)
    expect(study.nth(0)).to_contain_text("SMA 5")
    expect(study.nth(0).locator(".study-value")).to_have_text(NUMBER)
    # the pane of its own: a second row of drawings
    expect(page.locator(".chart-canvas table tr")).to_have_count(4)

    # a parameter out of bounds is named at its field and nothing is lost
    study.nth(0).get_by_role("button").click()
    field = page.locator('[data-param="timeperiod"]')
    field.fill("1.5")
    page.keyboard.press("Enter")
    expect(page.locator("#indicator-timeperiod-error")).to_contain_text("whole number from 2 to 1000")
    field.fill("9")
    page.keyboard.press("Enter")
    expect(study.nth(0)).to_contain_text("SMA 9")

    # the twin: arrows walk the bars and speak the values, T shows the same numbers as a table
    chart = page.locator(".chart-canvas")
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".chart > .away")).to_contain_text(re.compile(r"close .*; SMA 9 [−\d.,–]+; MACD 12 26 9: macd"))
    page.keyboard.press("t")
    expect(page.locator(".chart-table th", has_text="SMA 9")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".chart-head").get_by_role("button", name="Table").click()

    # bars of another kind, with the same indicators over them
    page.get_by_test_id("chart-more").select_option("ticks:10")
    expect(chart).to_have_attribute("aria-label", re.compile("bars of 10 ticks"))
    expect(study.nth(0).locator(".study-value")).to_have_text(NUMBER, timeout=30_000)
    page.locator('[data-timeframe="1s"]').click()
    expect(chart).to_have_attribute("aria-label", re.compile("bars of 1s"))

    # remembered; MACD has a value once half a minute of the market has gone by
    desk.open(speed=20)
    expect(study).to_have_count(2)
    expect(study.nth(1).locator(".study-value").first).to_have_text(NUMBER, timeout=30_000)
    study.nth(1).get_by_role("button").click()
    page.get_by_test_id("indicator-remove").click()
    expect(study).to_have_count(1)
    expect(page.locator(".chart-canvas table tr")).to_have_count(2)
    assert not desk.errors
