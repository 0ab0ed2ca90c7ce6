"""A statement saved from the portfolio: what the trader did, as a file."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.desk import DeskPage


def saved(desk: DeskPage, kind: str) -> list[dict[str, str]]:
    """Rows of a statement as the browser saves it."""
    desk.by("statement-kind").select_option(kind)
    with desk.page.expect_download() as download:
        desk.by("statement-save").click()
    assert download.value.suggested_filename.startswith(f"kontor-{kind}")
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_statement_adds_up_to_the_account(desk: DeskPage):
    desk.submit(side="buy", kind="market", qty="0.02")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    desk.submit(side="sell", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(2)
    fills = desk.by("fill-row").count()
    desk.go("portfolio")
    assert len(saved(desk, "fills")) == fills
    expect(desk.by("statement-said")).to_contain_text("readable by anybody")
    assert sum(Decimal(row["quantity"]) for row in saved(desk, "lots")) == Decimal("0.01")
    assert sum(Decimal(row["quantity"]) for row in saved(desk, "open")) == Decimal("0.01")
    cash = Decimal(saved(desk, "ledger")[-1]["balance"])
    expect(desk.by("cash")).to_have_text(f"{cash:,.2f}")

    desk.by("statement-from").fill("2026-02-01")
    desk.by("statement-to").fill("2026-01-01")
    desk.by("statement-save").click()
    expect(desk.page.locator("#statement-to-error")).to_contain_text("is before")
    expect(desk.by("statement-to")).to_be_focused()
    desk.by("statement-from").fill("")
    assert saved(desk, "ledger") == [], "nothing happened so early"
    expect(desk.page.locator("#statement-to-error")).to_be_empty()


def test_the_portfolio_shows_positions_under_their_headings(desk: DeskPage):
    desk.submit(side="buy", kind="market", qty="0.02")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    desk.go("portfolio")
    rights = "(table) => ['th', 'td'].map((cell) => [...table.querySelectorAll(`${cell}.num`)].map((node) => Math.round(node.getBoundingClientRect().right)))"
    heads, cells = desk.page.locator("[data-table=portfolio]").evaluate(rights)
    assert heads == cells and len(set(heads)) == len(heads)

    # cash is booked once, however often the button is pressed while it is on its way
    desk.by("booking-amount").fill("12.5")
    desk.by("booking-save").dblclick()
    expect(desk.by("booking-said")).to_contain_text("Booked 12.5")
    assert [row["amount"] for row in saved(desk, "ledger")].count("12.5") == 1

    # a split: wrong numbers name their field and remedy, orders end first, the position follows
    desk.by("booking-kind").select_option("split")
    expect(desk.by("booking-amount")).to_be_hidden()
    desk.by("booking-new").fill("1")
    desk.by("booking-old").fill("7")
    desk.by("booking-symbol").fill("BTCUSDT")
    desk.by("booking-save").click()
    expect(desk.page.locator("#booking-new-error")).to_contain_text("Close 0.00005 BTC first")
    expect(desk.by("booking-new")).to_be_focused()
    desk.by("booking-new").fill("3")
    desk.by("booking-old").fill("1")
    desk.by("booking-save").click()
    expect(desk.by("booking-said")).to_have_text("Split BTCUSDT 3 for 1: the position is 0.06 now.")
    expect(desk.by("position-row", symbol="BTCUSDT").last).to_contain_text("0.06")
    assert sum(Decimal(row["quantity"]) for row in saved(desk, "open")) == Decimal("0.06")
    expect(desk.by("booking-new")).to_have_value("")
