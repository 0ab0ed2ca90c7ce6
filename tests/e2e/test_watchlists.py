"""The trader's own watchlists: made, filled, kept over a reload, imported, exported, removed and put back."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.desk import BRISK, DeskPage


def test_a_list_is_made_filled_kept_and_put_back(desk: DeskPage):
    page, rows, choice, said = desk.page, desk.by("quote-row"), desk.by("watch-choice"), desk.by("watch-said")
    count = page.locator(".at-watchlist .panel-head .hint")
    everything = count.text_content()
    page.keyboard.press("w")
    expect(said).to_contain_text("make one")
    expect(desk.by("watch-name")).to_be_focused()
    page.keyboard.press("Enter")
    expect(said).to_contain_text("no name")
    desk.by("watch-name").fill("Mine")
    desk.by("watch-make").click()
    expect(choice).to_have_value("Mine")
    expect(rows).to_have_count(0)
    expect(page.get_by_text("Press W to add")).to_be_visible()
    desk.by("watch-toggle").click()
    expect(rows).to_have_count(1)
    choice.select_option("")
    expect(count).to_have_text(everything)
    page.locator("[data-symbol=NU-GBP]").click()
    choice.select_option("Mine")
    desk.by("watch-toggle").click()
    expect(rows).to_have_count(2)
    assert rows.evaluate_all("rows => rows.map((row) => row.dataset.symbol)") == ["BTCUSDT", "NU-GBP"]
    desk.by("watch-up").click()
    expect(rows.nth(0)).to_be_visible()
    expect(page.locator("[data-testid=quote-row][aria-rowindex='2']")).to_have_attribute("data-symbol", "NU-GBP")
    with page.expect_download() as download:
        desk.by("watch-export").click()
    assert Path(download.value.path()).read_text() == "NU-GBP\nBTCUSDT\n"

    desk.open(speed=BRISK)
    expect(choice).to_have_value("Mine")
    expect(rows).to_have_count(2)
    desk.by("watch-lists").click()
    desk.by("watch-remove").click()
    expect(count).to_have_text(everything)
    expect(said).to_contain_text("removed, with 2 instruments")
    desk.by("watch-back").click()
    expect(choice).to_have_value("Mine")
    expect(rows).to_have_count(2)
    expect(desk.by("watch-back")).to_be_hidden()


def test_a_list_of_another_terminal_is_imported_with_what_is_not_known_here(desk: DeskPage, tmp_path: Path):
    path = tmp_path / "Crypto list.txt"
    path.write_text("###Coins,BINANCE:BTCUSDT,KRAKEN:XMR/USD,NASDAQ:AAPL")
    desk.by("watch-lists").click()
    desk.by("watch-file").set_input_files(path)
    expect(desk.by("watch-choice")).to_have_value("Crypto list")
    expect(desk.by("watch-said")).to_have_text("Crypto list: 3 instruments; 1 not known to this venue, kept for one that knows them.")
    expect(desk.by("quote-row")).to_have_count(2)
    path.write_bytes(b"\x00\x01 <html>")
    desk.by("watch-file").set_input_files(path)
    expect(desk.by("watch-said")).to_contain_text("no symbol in this file")
    expect(desk.by("quote-row")).to_have_count(2)
