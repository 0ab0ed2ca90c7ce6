"""Stored history in a real Chromium: import with preview and repair, the chart, export, removal; on a phone; axe."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import BRISK, DeskPage, Refused
from tests.e2e.serving import ROOT, Server
from tests.e2e.test_accessibility import AXE, RUN
from tests.e2e.test_small_screen import WIDER_THAN_THE_SCREEN

pytestmark = pytest.mark.e2e

DATA = ROOT / "tests" / "data" / "history"
# What a desk without a vault says of it, as docs/messages.md has it.
IN_MEMORY = {
    "t": "vault", "state": "memory", "detail": "", "keeps": False, "holds": False, "since_ns": 0, "damaged_records": 0, "attempts": 0, "wait_s": 0,
    "read_only": False, "id": "", "cause": "", "slots": [], "rekey": None, "rekey_due": False, "backup": None,
}  # fmt: skip


def minutes(first_s: int, count: int) -> bytes:
    """A gzipped CSV of minutes around a price of its own, one row wrong, two missing, one a hundred times too high."""
    rows = []
    for n in range(count):
        price = 4_200_000 if n == 300 else 42_000
        rows.append(f"{first_s + 60 * n},{price},{price},{price},{price},{n + 1}")
    rows[200] = rows[200].replace("42000", "x", 1)
    del rows[100:102]
    return gzip.compress("\n".join(["time,open,high,low,close,volume", *rows, ""]).encode(), mtime=0)


def file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_import_preview_keep_chart_export_remove(desk: DeskPage, tmp_path: Path) -> None:
    page = desk.page
    desk.follow()
    desk.pause()
    page.evaluate("() => kontor.desk.postMessage(JSON.stringify({ do: 'focus', id: 0, symbol: 'BTCUSDT', timeframe: '1m' }))")
    page.wait_for_function("() => window.seen.latest.bars?.timeframe === '1m' && window.seen.latest.bars.rows.length")
    now = page.evaluate("() => window.seen.latest.bars.rows.at(-1)[0]")  # Binance's quotes have no time of their own
    assert now > 1_700_000_000 and now % 60 == 0
    first = now - 600 * 60
    page.keyboard.press("g")
    page.keyboard.press("y")
    expect(desk.by("history-summary")).to_have_text("Nothing is stored yet.")

    desk.by("history-look").click()
    expect(desk.by("history-import-said")).to_have_text("Choose a file, or type an address.")
    desk.by("history-file").set_input_files(DATA / "SOURCE.md")
    desk.by("history-look").click()
    expect(desk.by("history-import-said")).to_contain_text("No columns were found")
    mixed = tmp_path / "days.csv"
    mixed.write_text("when,symbol,first,high,low,close\n" + "".join(f"01/0{day}/2024,{each},1,3,1,2\n" for day in (2, 3) for each in ("AB", "CD")))
    desk.by("history-file").set_input_files(mixed)
    desk.by("history-look").press("Enter")
    expect(desk.by("history-import-said")).to_contain_text("recognised as time")
    expect(desk.by("history-look")).to_be_focused()
    page.locator("#history-column-time").select_option(label="when")
    expect(desk.by("history-import-said")).to_contain_text("may be day/month")
    expect(desk.by("history-keep")).to_have_count(0)
    page.locator("#history-option-dates").focus()
    page.keyboard.press("ArrowDown")
    expect(desk.by("history-import-said")).to_contain_text("2 symbols: AB, CD")
    expect(page.locator("#history-option-dates")).to_be_focused()
    page.locator("#history-option-only").select_option("CD")
    expect(desk.by("history-preview")).to_contain_text("2 bars of")
    expect(desk.by("history-symbol")).to_have_value("CD")
    desk.by("history-file").set_input_files(file(tmp_path / "BTCUSDT-1m.csv.gz", minutes(first, 600)))
    desk.by("history-zone").fill("Mars")
    desk.by("history-look").click()
    expect(page.locator("#history-zone-error")).to_contain_text("use UTC", ignore_case=True)
    desk.by("history-zone").fill("UTC")
    desk.by("history-look").click()
    preview = desk.by("history-preview")
    expect(preview).to_contain_text("597 bars of 1m")
    expect(desk.by("history-problems")).to_contain_text("'x' is not a number")
    expect(desk.by("history-finding", kind="gap")).to_contain_text("missing")
    wrong = desk.by("history-finding", kind="hundred")
    expect(wrong).to_have_attribute("data-level", "error")
    expect(desk.by("history-symbol")).to_have_value("BTCUSDT")
    assert desk.ask("history.list")["rows"] == []
    wrong.get_by_role("checkbox").check()
    desk.by("history-keep").click()
    expect(desk.by("history-import-said")).to_contain_text("BTCUSDT 1m is kept with 1 repair: 597 bars")
    expect(desk.by("history-row", symbol="BTCUSDT", timeframe="1m")).to_have_count(1)

    page.wait_for_function("() => window.seen.latest.bars.rows.length > 590")
    bars = page.evaluate("() => window.seen.latest.bars")
    times = [row[0] for row in bars["rows"]]
    assert times[0] == first and times == sorted(set(times)) and all(row[1] < 1_000_000 for row in bars["rows"])
    assert [first + 100 * 60, first + 102 * 60] in [gap[:2] for gap in bars["gaps"]]

    desk.by("history-check").click()
    expect(desk.by("history-said")).to_contain_text("Nothing looks wrong")
    with page.expect_download() as download:
        desk.by("history-export").click()
    assert download.value.suggested_filename == "BTCUSDT-1m.csv"
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 598 and lines[0] == "time,open,high,low,close,volume" and lines[1].endswith(",42000,42000,42000,42000,1")

    page.reload()
    desk.wait_ready()
    expect(desk.by("history-row")).to_have_count(1)
    desk.by("history-remove").click()
    expect(desk.by("history-said")).to_contain_text("Press once more")
    expect(desk.by("history-remove")).to_be_focused()
    page.evaluate("() => { document.querySelector('[data-testid=history-row]').seen = true }")
    page.evaluate("(data) => { kontor.desk.dispatchEvent(new MessageEvent('message', { data })) }", json.dumps(IN_MEMORY))
    page.wait_for_function("() => document.querySelector('[data-testid=history-row]')?.seen === undefined")
    expect(desk.by("history-remove")).to_be_focused()  # though the list has come anew
    page.keyboard.press("Enter")
    expect(desk.by("history-said")).to_contain_text("is removed")
    expect(desk.by("history-row")).to_have_count(0)
    assert desk.ask("history.list")["rows"] == []


def test_a_volume_that_is_not_known_is_a_dash_and_no_bar(desk: DeskPage, tmp_path: Path) -> None:
    page = desk.page
    desk.follow()
    desk.pause()
    page.locator('[data-timeframe="1m"]').first.click()
    page.wait_for_function("() => window.seen.latest.bars?.timeframe === '1m' && window.seen.latest.bars.rows.length")
    first = page.evaluate("() => window.seen.latest.bars.rows.at(-1)[0]") - 60 * 60
    rows = [f"{first + 60 * n},42000,42010,41990,42000,{'' if n >= 50 and n % 2 else 100 + n}" for n in range(60)]
    page.keyboard.press("g")
    page.keyboard.press("y")
    desk.by("history-file").set_input_files(file(tmp_path / "BTCUSDT-1m.csv", "\n".join(["time,open,high,low,close,volume", *rows]).encode()))
    desk.by("history-look").click()
    expect(desk.by("history-finding", kind="unknown_volume")).to_contain_text("Of 5 bars the volume is not known", ignore_case=True)
    desk.by("history-keep").click()
    expect(desk.by("history-row")).to_have_count(1)
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_function("() => window.seen.latest.bars.rows.length > 59")
    page.locator(".chart-head").get_by_role("button", name="Table").click()
    cells = page.locator(".chart-table tbody tr").filter(has_text="42,000").locator("[data-column=volume]")
    expect(cells).to_have_count(60)
    assert cells.all_inner_texts()[:4] == ["–", "158.0000", "–", "156.0000"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_and_a_phone(known: Page, server: Server, theme: str) -> None:
    page = known
    page.add_init_script(path=AXE)
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    desk = DeskPage(page, server.url)
    desk.open("#/history", speed=BRISK)
    found = {"empty": page.evaluate(RUN)}
    desk.by("history-file").set_input_files(DATA / "4063-T-1d-bad-stock-split.csv.gz")
    desk.by("history-look").click()
    expect(desk.by("history-finding", kind="split")).to_contain_text("9 bars are on another scale")
    desk.by("history-preview").get_by_text("Columns, dates and symbol", exact=True).click()
    found["preview"] = page.evaluate(RUN)
    page.set_viewport_size({"width": 390, "height": 844})
    found["preview on a phone"] = page.evaluate(RUN)
    assert page.evaluate(WIDER_THAN_THE_SCREEN) == []
    desk.by("history-keep").click()
    expect(desk.by("history-row")).to_have_count(1)
    desk.by("history-check").click()
    expect(desk.by("history-finding", kind="split")).to_have_count(1)
    found["stored on a phone"] = page.evaluate(RUN)
    assert page.evaluate(WIDER_THAN_THE_SCREEN) == []
    page.set_viewport_size({"width": 1440, "height": 900})
    found["stored"] = page.evaluate(RUN)
    assert {place: what for place, what in found.items() if what} == {}
    desk.check_console()


def test_parquet(desk: DeskPage) -> None:
    for name in ("minutes-snappy", "minutes-zstd-ns", "minutes-gzip-decimal"):
        found, _ = desk.ask_with("history.preview", file=(DATA / f"{name}.parquet").read_bytes(), name=f"{name}.parquet")
        assert (found["bars"], found["timeframe"], found["sample"][1][1:]) == (400, "1m", ["101.19", "101.29", "101.09", "101.19", "3"])
    with pytest.raises(Refused, match="Parquet file cannot be read"):
        desk.ask_with("history.preview", file=(DATA / "minutes-snappy.parquet").read_bytes()[:-1])


def test_encrypted_in_the_vault(still: DeskPage) -> None:
    desk = still
    desk.create_vault()
    desk.page.evaluate("() => { location.hash = '#/history'; }")
    desk.by("history-file").set_input_files(DATA / "AAPL-2014-wiki.csv.gz")
    desk.by("history-look").click()
    expect(desk.by("history-preview")).to_contain_text("252 bars of 1d")
    desk.page.locator("#history-where").select_option("vault")
    desk.by("history-keep").click()
    expect(desk.by("history-row")).to_contain_text("encrypted in the vault")
    desk.by("history-adjust").select_option("all")
    with desk.page.expect_download() as download:
        desk.by("history-export").click()
    assert "adjusted-all" in download.value.suggested_filename
    desk.ask("vault.lock")
    expect(desk.by("history-row")).to_have_count(0)
