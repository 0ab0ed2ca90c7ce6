"""Exports of a whole desk: the drill, restoring beside another vault, reminders, health check and wiping."""

from __future__ import annotations

import json

import pyrage
import pytest

from app.desk.recorder import LEAP
from app.vault.exportform import ExportRecord, Writer
from app.vault.exportreader import Reader
from tests.unit.desk.conftest import BUY, Page, start_desk
from tests.unit.desk.test_desk import quoted

WORDS, FILE_WORDS, NEW_WORDS = "correct horse battery staple", "quite another phrase", "a third phrase for good"


def secret(text: str) -> bytearray:
    return bytearray(text.encode())


async def trading(path) -> Page:
    """A desk with a vault and some trading in it."""
    page = await start_desk(path)
    await quoted(page)
    await page.ask("order.submit", token="a", **BUY)
    await page.ask("vault.create", secret=secret(WORDS))
    await page.ask("order.submit", token="b", **{**BUY, "side": "sell", "qty": "0.004"})
    await page.ask("order.submit", token="c", **{**BUY, "type": "limit", "tif": "gtc", "price": "50000"})
    await page.ask("paper.settings", taker_fee_bps="7")
    return page


async def exported(page: Page, words: str = FILE_WORDS) -> bytes:
    result = await page.ask("vault.export", secret=secret(words))
    assert result["bytes"] == len(page.files[-1]), result
    return page.files[-1]


def account(page: Page) -> tuple:
    """What must be the same afterwards: orders, fills, cash, position, settings."""
    trade = page.desk.trade
    orders = {key: (order.status.value, order.filled, order.intent) for key, order in trade.engine.orders.items()}
    positions = {symbol: (position.qty, position.average_price) for symbol, position in trade.engine.portfolio.positions.items()}
    return orders, list(trade.engine.fills), dict(trade.engine.portfolio.cash), positions, trade.paper_settings()


async def opened(page: Page, file: bytes, words: str = FILE_WORDS) -> dict:
    result = await page.ask("vault.restore_preview", secret=secret(words), file=file)
    assert "error" not in result, result
    return result


async def test_the_drill_trade_export_wipe_restore(tmp_path):
    page = await trading(tmp_path / "first.sqlite")
    before = account(page)
    assert len(before[0]) == 3 and len(before[1]) == 2
    file = await exported(page)
    assert WORDS.encode() not in file and b"BTCUSDT" not in file
    refused = await page.ask("vault.wipe", confirm="no")
    assert refused["error"]["field"] == "confirm" and account(page) == before
    wiped = await page.ask("vault.wipe", confirm=" Wipe ")
    assert wiped["vault"]["state"] == "memory" and page.desk.trade.engine.orders == {}
    assert await page.desk.around.store.count() == 0

    preview = await opened(page, file)
    assert preview["creates"] and not preview["same_vault"]
    assert {plan["name"]: plan["relation"] for plan in preview["classes"]} == {"journal": "new", "settings": "new"}
    missing = await page.ask("vault.restore", preview=preview["preview"])
    assert missing["error"]["code"] == "no_passphrase"
    done = await page.ask("vault.restore", preview=preview["preview"], secret=secret(NEW_WORDS))
    assert done["vault"]["state"] == "unlocked" and done["set_aside"] == 0
    assert account(page) == before
    used_again = await page.ask("vault.restore", preview=preview["preview"])
    assert used_again["error"]["code"] == "no_preview"
    await page.desk.stop()

    again = await start_desk(tmp_path / "first.sqlite")
    assert (await again.ask("vault.unlock", secret=secret(WORDS)))["error"]["code"] == "vault-auth"
    await again.ask("vault.unlock", secret=secret(NEW_WORDS))
    assert account(again) == before
    assert not again.desk.keeping.damaged
    await again.desk.stop()


async def test_a_public_tool_reads_the_file_and_makes_one(tmp_path):
    page = await trading(tmp_path / "vault.sqlite")
    plain = pyrage.passphrase.decrypt(await exported(page), FILE_WORDS)
    rows = [json.loads(line) for line in plain.decode().splitlines()]
    assert rows[0]["kontor-export"] == 1 and rows[-1]["records"] == len(rows) - 2
    texts = [json.loads(row["text"]) for row in rows if row.get("class") == "journal"]
    assert sum(len(text["events"]) for text in texts) == page.desk.trade.engine.last_seq
    other = await start_desk(tmp_path / "other.sqlite")
    preview = await opened(other, pyrage.passphrase.encrypt(plain, "made by another tool"), "made by another tool")
    await other.ask("vault.restore", preview=preview["preview"], secret=secret(NEW_WORDS))
    assert account(other) == account(page)
    await page.desk.stop()
    await other.desk.stop()


async def test_order_numbers_after_a_restore_are_never_those_of_the_desk_that_went_on(tmp_path):
    page = await trading(tmp_path / "old.sqlite")
    file = await exported(page)
    went_on = {(await page.ask("order.submit", token=f"late{n}", **BUY))["client_order_id"] for n in range(5)}
    other = await start_desk(tmp_path / "new.sqlite")
    await quoted(other)
    preview = await opened(other, file)
    await other.ask("vault.restore", preview=preview["preview"], secret=secret(NEW_WORDS))
    mine = {(await other.ask("order.submit", token=f"new{n}", **BUY))["client_order_id"] for n in range(5)}
    assert len(mine) == 5 and not mine & went_on
    assert other.desk.trade.engine.last_seq > LEAP
    await other.ask("vault.lock")
    await other.ask("vault.unlock", secret=secret(NEW_WORDS))
    assert mine <= set(other.desk.trade.engine.orders)
    assert other.desk.trade.engine.last_seq < 2 * LEAP
    await page.desk.stop()
    await other.desk.stop()


async def test_the_desk_that_went_on_takes_nothing_and_an_old_copy_of_it_takes_the_rest(tmp_path):
    page = await trading(tmp_path / "vault.sqlite")
    early = await exported(page)
    await page.ask("order.submit", token="more", **BUY)
    late = await exported(page)
    whole = account(page)
    preview = await opened(page, early)
    plans = {plan["name"]: plan for plan in preview["classes"]}
    assert preview["same_vault"] and not preview["rolled_back"]
    assert plans["journal"]["relation"] == "shorter" and plans["journal"]["choices"] == ["vault"]
    assert (await page.ask("vault.restore", preview=preview["preview"]))["taken"] == {}
    assert account(page) == whole
    # another browser restored the early file and now gets the late one
    other = await start_desk(tmp_path / "other.sqlite")
    first = await opened(other, early)
    await other.ask("vault.restore", preview=first["preview"], secret=secret(NEW_WORDS))
    second = await opened(other, late)
    assert {plan["name"]: plan["relation"] for plan in second["classes"]}["journal"] in ("longer", "diverged")
    await page.desk.stop()
    await other.desk.stop()


async def test_two_histories_are_never_mixed(tmp_path):
    page = await trading(tmp_path / "vault.sqlite")
    file, theirs = await exported(page), account(page)
    other = await trading(tmp_path / "other.sqlite")
    ours = account(other)
    preview = await opened(other, file)
    journal = next(plan for plan in preview["classes"] if plan["name"] == "journal")
    assert journal["relation"] == "diverged" and journal["default"] is None and journal["choices"] == ["vault", "file"]
    undecided = await other.ask("vault.restore", preview=preview["preview"])
    assert undecided["error"]["code"] == "restore-choose" and account(other) == ours
    working = await other.ask("vault.restore", preview=preview["preview"], choices={"journal": "file"})
    assert working["error"]["code"] == "orders_working" and account(other) == ours
    for order in [key for key, row in other.orders().items() if row["status"] == "accepted"]:
        await other.ask("order.cancel", client_order_id=order)
    await other.until(lambda m: m["t"] == "orders" and any(row["status"] == "cancelled" for row in m["rows"]), "the cancel")
    held = [record.data for record in (await other.desk.keeping.vault.scan("journal")).records]
    done = await other.ask("vault.restore", preview=preview["preview"], choices={"journal": "file"})
    assert done["set_aside"] >= len(held), done
    assert account(other)[:4] == theirs[:4]
    aside = await other.desk.keeping.vault.scan("setaside")
    kept = [json.loads(row.data)["text"].encode() for row in aside.records if row.id.startswith("journal/")]
    assert kept == held  # nothing of ours is lost
    contents = await other.ask("vault.contents")
    assert {"journal", "settings", "setaside", "restored"} == {item["name"] for item in contents["classes"]}
    await page.desk.stop()
    await other.desk.stop()


async def test_orders_of_a_session_in_memory_are_kept_whichever_is_chosen(tmp_path):
    page = await trading(tmp_path / "vault.sqlite")
    file = await exported(page)
    await page.desk.stop()
    for choice in ("vault", "file"):
        other = await start_desk(tmp_path / f"keeps-{choice}.sqlite")
        await quoted(other)
        placed = await other.ask("order.submit", token="x", **BUY)
        assert "client_order_id" in placed, placed
        mine = placed["client_order_id"]
        preview = await opened(other, file)
        done = await other.ask("vault.restore", preview=preview["preview"], choices={"journal": choice}, secret=secret(NEW_WORDS))
        assert done["set_aside"] > 0
        assert (mine in other.desk.trade.engine.orders) == (choice == "vault")
        aside = await other.desk.keeping.vault.scan("setaside")
        assert (mine in "".join(row.data.decode() for row in aside.records)) == (choice == "file")
        await other.desk.stop()


@pytest.mark.parametrize("spoil", ["empty", "text", "cut", "changed", "words", "foreign"])
async def test_files_that_are_not_right_touch_nothing(tmp_path, spoil):
    page = await trading(tmp_path / "vault.sqlite")
    file = bytearray(await exported(page))
    before, stored = account(page), await page.desk.around.store.count()
    words = FILE_WORDS
    if spoil == "empty":
        file = bytearray()
    elif spoil == "text":
        file = bytearray(b"hello")
    elif spoil == "cut":
        del file[-100:]
    elif spoil == "changed":
        file[len(file) // 2] ^= 1
    elif spoil == "foreign":
        file = bytearray(pyrage.passphrase.encrypt(b"my shopping list", FILE_WORDS))
    else:
        words = "not the right words"
    answer = await page.ask("vault.restore_preview", secret=secret(words), file=bytes(file))
    expected = {"words": "file-auth", "foreign": "export-refused"}.get(spoil, "file-refused")
    assert answer["error"]["code"] == expected, answer
    assert answer["error"]["reason"] and answer["error"]["remedy"]
    assert account(page) == before and await page.desk.around.store.count() == stored
    assert page.latest("vault")["state"] == "unlocked"
    await page.desk.stop()


async def test_a_journal_that_this_desk_would_not_write_is_refused(tmp_path):
    page = await trading(tmp_path / "vault.sqlite")
    plain = pyrage.passphrase.decrypt(await exported(page), FILE_WORDS)
    await page.desk.stop()
    # the same export with the journal's ids made into words, digests and all
    reader = Reader()
    reader.feed(plain)
    found, writer = reader.finish(), Writer()
    writer.begin(found.head)
    rows = [ExportRecord(f"x{row.id}", row.version, row.data) for row in found.classes["journal"].records]
    parts = [*writer.add_class("journal", "log", rows, ()), *writer.finish()]
    other = await start_desk(tmp_path / "other.sqlite")
    answer = await other.ask("vault.restore_preview", secret=secret("words words"), file=pyrage.passphrase.encrypt(b"".join(parts), "words words"))
    assert answer["error"]["code"] == "export-refused"
    await other.desk.stop()


async def test_reminders_come_after_orders_and_go_with_an_export(tmp_path):
    page = await trading(tmp_path / "vault.sqlite")
    state = await page.ask("vault.backup")
    assert state["exported_ns"] is None and not state["due"] and state["orders_since"] == 3
    bad = await page.ask("vault.backup", days=-1)
    assert bad["error"]["field"] == "days"
    assert (await page.ask("vault.backup", orders=3))["due"]
    notice = await page.until(lambda m: m["t"] == "toast" and m["code"] == "backup", "the reminder")
    assert "never exported" in notice["text"] and "3 orders" in notice["text"]
    assert page.latest("vault")["backup"]["due"]
    await exported(page)
    assert not page.latest("vault")["backup"]["due"]
    state = await page.ask("vault.backup")
    assert state["exported_ns"] and state["orders_since"] == 0 and state["bytes"] == len(page.files[-1])
    for number in range(3):
        await page.ask("order.submit", token=f"r{number}", **BUY)
    await page.until(lambda m: m["t"] == "vault" and m["backup"] and m["backup"]["due"] and "last export" in m["backup"]["reason"], "the next one")
    await page.ask("vault.lock")
    assert page.latest("vault")["backup"] is None
    assert (await page.ask("vault.export", secret=secret(FILE_WORDS)))["error"]["code"] == "not_unlocked"
    await page.desk.stop()


async def test_the_health_check_finds_what_was_changed(tmp_path):
    page = await trading(tmp_path / "vault.sqlite")
    store = page.desk.around.store
    right = await page.ask("vault.verify")
    assert right["damaged"] == [] and right["records"] == sum(item["records"] for item in right["classes"]) > 3
    cls_id = "journal", (await store.scan("journal"))[1][0]
    value = bytearray(await store.get(*cls_id))
    value[-1] ^= 1
    await store.put(*cls_id, bytes(value))
    await store.put("header", "copy", b"nonsense")
    wrong = await page.ask("vault.verify")
    assert {(item["class"], item["kind"]) for item in wrong["damaged"]} == {("journal", "unreadable"), ("header", "unreadable")}
    # an export goes on without it and says so; restored beside the damage it is no other history
    result = await page.ask("vault.export", secret=secret(FILE_WORDS))
    assert result["damaged"] == 1
    preview = await opened(page, page.files[-1])
    assert preview["file"]["damaged"] == 1
    await page.desk.stop()


async def test_an_export_from_before_mends_a_damaged_journal(tmp_path):
    page = await trading(tmp_path / "vault.sqlite")
    file, before = await exported(page), account(page)
    store = page.desk.around.store
    cls_id = "journal", (await store.scan("journal"))[1][0]
    await store.put(*cls_id, (await store.get(*cls_id))[:-3])
    preview = await opened(page, file)
    journal = next(plan for plan in preview["classes"] if plan["name"] == "journal")
    assert journal["mended"] == 1 and journal["default"] == "merge"
    await page.ask("vault.restore", preview=preview["preview"])
    assert (await page.ask("vault.verify"))["damaged"] == []
    assert account(page)[0].keys() == before[0].keys() and account(page)[1:4] == before[1:4]
    await page.desk.stop()
