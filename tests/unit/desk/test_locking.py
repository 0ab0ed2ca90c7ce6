"""Locking as the desk does it: by itself, on demand, from another tab, and what a page is told. Whole desks, a clock the test moves."""

from __future__ import annotations

import json

import pytest

from app.desk.locking import CHANNEL
from tests.unit.desk.conftest import BUY
from tests.unit.desk.tabs import PASSPHRASE, Channels, following, start, unlocked


@pytest.mark.parametrize(("fields", "hours", "attention", "why"), [({}, 1, "active", "sleep"), ({"sleep": False}, 1, "resting", "idle")])
async def test_it_locks_by_itself_and_the_first_order_after_it_is_refused(fields, hours, attention, why):
    page = await unlocked()
    await page.ask("order.submit", token="a", **BUY)
    await page.ask("attend", attention=attention)
    settings = await page.ask("vault.lock_settings", **fields)
    assert settings["sleep"] is fields.get("sleep", True) and settings["idle_s"] == 1800
    page.clock.by_ns += hours * 3600 * 10**9
    refused = await page.ask("order.submit", token="b", **BUY)  # the very first thing after waking up
    assert refused["error"]["code"] == "not_accepting"
    assert (await page.until(lambda m: m["t"] == "lock", "the lock"))["why"] == why
    assert page.latest("vault")["state"] == "locked" and page.orders() == {} and page.latest("account")["cash"] == "–"
    assert page.desk.trade.engine is None
    await page.ask("vault.unlock", secret=bytearray(PASSPHRASE))
    assert len(page.orders()) == 1 and (await page.ask("vault.lock_settings"))["sleep"] is fields.get("sleep", True), "kept in the vault"
    await page.desk.stop()


async def test_the_page_knows_of_keys_before_the_account_opens_and_a_lock_meanwhile_is_not_lost():
    tabs = Channels()
    page = await unlocked(tabs=tabs)
    await page.ask("order.submit", token="a", **BUY)
    await page.ask("vault.lock")
    await page.until(lambda m: m["t"] == "lock", "the first lock")
    assert (await page.ask("vault.unlock", secret=bytearray(b"not the passphrase")))["error"]
    assert not page.latest("vault")["holds"]
    page.messages.clear()
    opened = page.desk.around.scheduler.create_task(page.desk.keeping.unlock(bytearray(PASSPHRASE)))
    await page.until(lambda m: m["t"] == "vault" and m["holds"], "word of the keys")
    assert page.latest("vault")["state"] == "locked"
    tabs.ends[CHANNEL][0].handler(json.dumps({"t": "lock"}))  # what another tab posts
    await opened
    assert (await page.until(lambda m: m["t"] == "lock", "the lock"))["why"] == "tab"
    assert page.latest("vault")["state"] == "locked" and not page.latest("vault")["holds"] and page.orders() == {}
    shown = [m["t"] if m["t"] != "vault" else m["holds"] for m in page.messages if m["t"] in ("orders", "vault")]
    assert shown.index(True) < shown.index("orders"), "the page hears of the keys before it sees what they open"
    await page.desk.stop()


async def test_a_hidden_tab_locks_without_any_request():
    page = await unlocked()
    await page.ask("vault.lock_settings", sleep=False, hidden_s=600)
    await page.ask("attend", attention="hidden")
    page.clock.by_ns += 700 * 10**9
    assert (await page.until(lambda m: m["t"] == "lock", "the lock"))["why"] == "hidden"
    assert not page.latest("order_state")["accepting"]
    await page.desk.stop()


async def test_market_data_goes_on_while_locked():
    page = await unlocked()
    assert (await page.ask("vault.lock"))["vault"]["state"] == "locked"
    assert (await page.until(lambda m: m["t"] == "lock", "the lock"))["why"] == "asked"
    last = page.messages.index(page.latest("lock"))
    await page.until(lambda m: m["t"] == "tick" and m["quotes"] and page.messages.index(m) > last, "a quote after the lock")
    again = await page.ask("vault.lock")
    assert again["vault"]["state"] == "locked", "locking twice is no error"
    await page.desk.stop()


async def test_all_tabs_lock_together():
    tabs = Channels()
    desk = await unlocked(tabs=tabs)
    await desk.ask("order.submit", token="a", **BUY)
    window = await following(tabs, desk)
    shown = window.latest("vault")
    assert (shown["state"], shown["holds"], shown["slots"]) == ("other_tab", False, []) and "open" in shown["detail"]
    assert len(window.orders()) == 1
    # work in the window keeps the desk open
    await desk.ask("vault.lock_settings", sleep=False)
    await desk.ask("attend", attention="hidden")
    for _ in range(3):
        desk.clock.by_ns += 500 * 10**9
        await window.ask("attend", attention="active")
    assert desk.latest("vault")["state"] == "unlocked"
    assert await window.ask("vault.lock") == {}
    assert (await desk.until(lambda m: m["t"] == "lock", "the lock"))["why"] == "tab"
    await window.until(lambda m: m["t"] == "lock", "the lock")
    assert desk.latest("vault")["state"] == "locked" and "locked" in window.latest("vault")["detail"]
    assert window.orders() == {} and window.latest("account")["cash"] == "–", "every tab is blank at once"
    for text in (b"", b"[]", b"{}", b'{"t":"other"}', b"no json", b'{"t":"follow"}'):
        desk.desk.locking._hear(text.decode())
    assert (await desk.ask("vault.unlock", secret=bytearray(PASSPHRASE)))["vault"]["state"] == "unlocked"
    assert "open" in window.latest("vault")["detail"] and len(window.orders()) == 1
    # and without work in any tab it locks
    await window.ask("attend", attention="hidden")
    desk.clock.by_ns += 1000 * 10**9
    desk.desk.locking.second()
    assert (await desk.until(lambda m: m["t"] == "lock" and m["why"] == "hidden", "the lock"))["at_ns"]
    await desk.desk.stop()


async def test_the_worker_after_a_lock_is_followed_as_the_one_before():
    tabs = Channels()
    desk = await unlocked(tabs=tabs)
    window = await following(tabs, desk)
    first = window.latest("welcome")["worker"]
    await desk.ask("vault.lock")
    await desk.desk.stop()  # its page ends it
    heir = await start(tabs=tabs, platform=desk.platform, again=1)
    assert heir.latest("vault")["state"] == "locked" and window.latest("welcome")["worker"] != first
    assert heir.latest("orders") == {"t": "orders", "reset": True, "rows": []} and heir.latest("account")["equity"] == "–"
    assert (await heir.ask("vault.unlock", secret=bytearray(PASSPHRASE)))["vault"]["state"] == "unlocked"
    await heir.desk.stop()


async def test_a_wrong_passphrase_and_changed_keys_are_told_alike_and_slow_the_next_attempt():
    page = await unlocked()
    await page.ask("vault.lock")
    wrong = await page.ask("vault.unlock", secret=bytearray(b"not the passphrase"))
    store = page.platform.store
    kept = {name: await store.get("header", name) for name in ("vault", "copy")}
    for name, stored in kept.items():
        body = json.loads(stored[13:-32])
        key = body["slots"][0]["wraps"][0]["key"]
        at = stored.index(key.encode())
        await store.put("header", name, stored[:at] + (b"0" if key[0] != "0" else b"1") + stored[at + 1 :])
    changed = await page.ask("vault.unlock", secret=bytearray(PASSPHRASE))
    assert wrong["error"] == changed["error"]
    assert page.latest("vault")["attempts"] == 2 and page.latest("vault")["wait_s"] == 0
    for name, stored in kept.items():
        await store.put("header", name, stored)
    await page.ask("vault.unlock", secret=bytearray(b"still not the passphrase"))
    assert page.latest("vault")["wait_s"] > 0
    secret = bytearray(PASSPHRASE)
    soon = await page.ask("vault.unlock", secret=secret)
    assert soon["error"]["code"] == "too_soon" and not any(secret), "a refused passphrase is wiped too"
    await page.desk.stop()


async def test_settings_for_locking_need_an_open_vault_and_refuse_nonsense():
    page = await start()
    assert (await page.ask("vault.lock_settings", idle_s=60))["error"]["code"] == "not_unlocked"
    await page.ask("vault.create", secret=bytearray(PASSPHRASE))
    assert (await page.ask("vault.lock_settings", idle_s=1))["error"]["field"] == "idle_s"
    assert (await page.ask("vault.lock_settings"))["idle_s"] == 1800
    await page.ask("vault.lock_settings", idle_s=60)
    await page.ask("vault.wipe", confirm="wipe")
    await page.ask("vault.create", secret=bytearray(PASSPHRASE))
    assert (await page.ask("vault.lock_settings"))["idle_s"] == 1800, "a new vault begins with the defaults"
    await page.desk.stop()
