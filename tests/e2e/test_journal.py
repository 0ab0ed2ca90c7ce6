"""The journal page: events by pages and filters, notes that outlive a reload, verification, export and import; and the reconciliation page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.desk import DeskPage

pytestmark = pytest.mark.e2e


def rows(desk: DeskPage, kind: str = ""):
    return desk.by("journal-row", **({"kind": kind} if kind else {}))


def test_events_notes_verification_export_and_import(desk: DeskPage, tmp_path: Path):
    desk.create_vault()
    for _ in range(2):
        desk.submit(kind="market", qty="0.01")
    expect(desk.by("fill-row")).not_to_have_count(0, timeout=20_000)
    for number in range(30):
        desk.ask("journal.note", about=f"day:2026-01-{1 + number % 28:02}", tags="old", text=f"note {number}")
    desk.page.keyboard.press("g")
    desk.page.keyboard.press("j")
    expect(rows(desk, "OrderSubmitted")).to_have_count(2, timeout=20_000)
    total = desk.ask("journal.state")["events"]
    expect(rows(desk)).to_have_count(min(total, 100))
    expect(desk.by("journal-length")).to_contain_text("records in the vault")
    expect(rows(desk, "OrderSubmitted").first).to_contain_text("let through by")

    fills = rows(desk, "OrderFilled").first
    fills.get_by_role("button", name="Note on the fill").click()
    desk.by("note-tags").fill("a=b")
    desk.by("note-keep").click()
    expect(desk.page.locator("#note-error")).to_contain_text("cannot be a tag")
    desk.by("note-tags").fill("#breakout late")
    desk.by("note-text").fill("entered too late")
    desk.by("note-keep").click()
    expect(rows(desk, "NoteSet").first).to_contain_text("#breakout #late entered too late")
    expect(fills.locator(".noted")).to_contain_text("entered too late")

    desk.by("journal-kind").select_option("fills")
    expect(rows(desk, "NoteSet")).to_have_count(0)
    desk.by("journal-text").fill("breakout")
    desk.by("journal-find").click()
    expect(rows(desk)).to_have_count(1)
    rows(desk).first.get_by_role("button", name="Back from this fill").click()
    expect(desk.by("journal-why")).to_contain_text("known then")
    desk.page.keyboard.press("Escape")
    expect(desk.by("journal-why")).to_be_hidden()
    expect(rows(desk).first.get_by_role("button", name="Back from this fill")).to_be_focused()
    desk.by("journal-from").fill("2026-02-02")
    desk.by("journal-to").fill("2026-02-01")
    desk.by("journal-find").click()
    expect(desk.by("journal-problem")).to_contain_text("last day is before the first")

    desk.by("journal-check").click()
    expect(desk.by("journal-verified")).to_contain_text("follows the one before it")
    with desk.page.expect_download() as saved:
        desk.by("journal-save").click()
    file = tmp_path / "journal.jsonl"
    saved.value.save_as(file)
    assert len(file.read_bytes().splitlines()) > 30

    desk.page.reload()
    desk.wait_ready()
    desk.unlock()
    desk.go("journal")
    expect(rows(desk)).not_to_have_count(0, timeout=20_000)
    expect(desk.by("journal-notes")).to_contain_text("entered too late")
    desk.by("journal-import-file").set_input_files(file)
    expect(desk.by("journal-import-plan")).to_contain_text("nothing to take", timeout=20_000)
    desk.by("journal-import-file").set_input_files({"name": "x.jsonl", "mimeType": "text/plain", "buffer": b"nonsense\n"})
    expect(desk.by("journal-import-said")).to_contain_text("Line 1")

    desk.go("desk")
    desk.page.locator("#tab-fills").click()
    expect(desk.by("fill-row").filter(has_text="breakout")).to_have_count(1)
    desk.go("reconciliation")
    expect(desk.by("recon-state", state="ready")).to_contain_text("They agree", timeout=20_000)
    expect(desk.by("recon-checked")).to_contain_text("Compared")
    expect(desk.by("recon-differences")).to_contain_text("agree in everything")

    # nothing of the account stays on pages that do not show when the vault is locked
    desk.go("journal")
    expect(rows(desk, "OrderFilled").first).to_be_visible(timeout=20_000)
    rows(desk, "OrderFilled").first.get_by_role("button", name="Note on the fill").click()
    expect(desk.by("note-text")).to_have_value("entered too late")
    desk.page.keyboard.press("Escape")
    desk.go("health")
    desk.ask("vault.lock")
    expect(rows(desk)).to_have_count(0)
    for place in ("journal-notes", "journal-why", "journal-length", "journal-count", "recon-state", "recon-differences"):
        expect(desk.by(place)).to_be_empty()
    expect(desk.by("note-text")).to_have_value("")
    expect(desk.page.locator("#view-journal")).not_to_contain_text("entered too late")
    desk.check_console()
