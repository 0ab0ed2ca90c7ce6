"""The drill in a real Chromium: trade, export, wipe, restore; files of the browser and of another age tool are the same."""

from __future__ import annotations

import json

import pyrage
import pytest
from playwright.sync_api import expect

from tests.e2e.desk import PASSPHRASE, DeskPage, Refused

pytestmark = pytest.mark.e2e

FILE_WORDS, NEW_WORDS = "words for the file — Straße", "words for the new vault"


def state(desk: DeskPage) -> tuple:
    """Orders and fills as the desk tells them."""
    seen = desk.seen()
    orders = {key: (row["status"], row["qty"], row["filled"], row["average_price"]) for key, row in seen["orders"].items()}
    return orders, sorted((row["fill_id"], row["qty"], row["price"], row["fee"]) for row in seen["fills"])


def test_the_drill(still: DeskPage) -> None:
    desk = still
    desk.follow()
    desk.create_vault()
    buy = {"symbol": "BTCUSDT", "side": "buy", "type": "market", "tif": "ioc", "price": None, "stop": None, "post_only": False, "reduce_only": False}
    for number in range(2):
        desk.ask("order.submit", token=f"t{number}", qty="0.01", **buy)
    desk.ask("order.submit", token="rests", **{**buy, "type": "limit", "tif": "gtc", "qty": "0.01", "price": "50000"})
    expect(desk.by("fill-row")).to_have_count(2)
    before, cash = state(desk), desk.by("cash").text_content()
    assert len(before[0]) == 3 and len(before[1]) == 2

    made, file = desk.ask_with("vault.export", secret=FILE_WORDS)
    assert made["bytes"] == len(file) and made["damaged"] == 0
    plain = pyrage.passphrase.decrypt(file, FILE_WORDS)
    rows = [json.loads(line) for line in plain.splitlines()]
    assert {row["class"] for row in rows[1:-1]} == {"journal", "settings"} and len(rows) == made["records"] + 2
    assert not desk.ask("vault.backup")["due"]
    assert desk.ask("vault.verify")["damaged"] == []

    with pytest.raises(Refused, match="not_confirmed"):
        desk.ask("vault.wipe", confirm="")
    assert desk.ask("vault.wipe", confirm="wipe")["vault"]["state"] == "memory"
    expect(desk.by("order-row")).to_have_count(0)

    with pytest.raises(Refused, match="file-refused"):
        desk.ask_with("vault.restore_preview", secret=FILE_WORDS, file=b"hello")
    foreign = pyrage.passphrase.encrypt(plain, "words of another tool")
    with pytest.raises(Refused, match="file-auth"):
        desk.ask_with("vault.restore_preview", secret="other words", file=foreign)
    preview, _ = desk.ask_with("vault.restore_preview", secret="words of another tool", file=foreign)
    assert preview["creates"] and preview["file"]["records"] == made["records"]
    restored, _ = desk.ask_with("vault.restore", secret=NEW_WORDS, preview=preview["preview"])
    assert restored["vault"]["state"] == "unlocked" and restored["set_aside"] == 0
    expect(desk.by("order-row")).to_have_count(3)
    expect(desk.by("cash")).to_have_text(cash)
    assert state(desk) == before

    with pytest.raises(Refused, match="file-refused"):
        desk.ask_with("vault.restore_preview", secret=FILE_WORDS, file=file[:-1])
    desk.page.reload()
    desk.wait_ready()
    desk.follow()
    expect(desk.by("vault-unlock")).to_be_visible(timeout=20_000)
    with pytest.raises(Refused, match="vault-auth"):
        desk.ask_with("vault.unlock", secret=PASSPHRASE)
    desk.ask_with("vault.unlock", secret=NEW_WORDS)
    assert state(desk) == before
    expect(desk.by("cash")).to_have_text(cash)
