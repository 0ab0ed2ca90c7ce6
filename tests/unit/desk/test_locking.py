"""Locking as the desk does it: by itself, on demand, from another tab, and what a page is told. Whole desks, a clock the test moves."""

from __future__ import annotations

import json

import pytest

from app.desk.service import Desk
from app.desk.settings import Settings
from app.desk.surroundings import Surroundings
from app.platform.memory import MemoryStore
from app.platform.native import build
from tests.unit.desk.conftest import BUY, QUICK, ROOT, Page

PASSPHRASE = b"correct horse battery staple"


class Tabs:
    """The channel between desks of one process."""

    def __init__(self) -> None:
        self.ends: list[End] = []

    def end(self) -> End:
        made = End(self)
        self.ends.append(made)
        return made


class End:
    def __init__(self, tabs: Tabs) -> None:
        self.tabs, self.handler = tabs, None

    def post(self, text: str) -> None:
        for end in self.tabs.ends:
            if end is not self and end.handler:
                end.handler(text)

    def on_message(self, handler) -> None:
        self.handler = handler

    def close(self) -> None:
        self.handler = None


class Shifted:
    """The machine's clocks, moved on by what the test says."""

    def __init__(self, clock) -> None:
        self.clock, self.by_ns = clock, 0

    def now_ns(self) -> int:
        return self.clock.now_ns() + self.by_ns

    def monotonic_ns(self) -> int:
        return self.clock.monotonic_ns()


async def start(tabs=None, platform=None, **more) -> Page:
    platform = platform or build(MemoryStore())
    page = Page()

    async def read_bytes(path: str) -> bytes:
        return (ROOT / path).read_bytes()

    ways = {name: getattr(page, name) for name in ("post", "post_secret", "post_file") if hasattr(page, name)}
    around = Surroundings.on(
        platform, **ways, read_bytes=read_bytes, memory=lambda: 0, epoch_ms=lambda: 0.0, kdf=QUICK, tabs=tabs.end() if tabs else None, **more
    )
    around.clock = page.clock = Shifted(around.clock)
    page.platform = platform
    page.desk = Desk(around, Settings(speed=20.0))
    await page.desk.start()
    return page


async def unlocked(**more) -> Page:
    page = await start(**more)
    await page.ask("watch", symbols=["BTCUSDT"])
    await page.until(lambda m: m["t"] == "tick" and any(row[1] for row in m["quotes"]), "a quote")
    await page.ask("vault.create", secret=bytearray(PASSPHRASE))
    assert page.latest("vault")["state"] == "unlocked"
    return page


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
    tabs = Tabs()
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
    tabs.ends[0].handler(json.dumps({"t": "lock"}))  # what another tab posts
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
    tabs = Tabs()
    desk = await unlocked(tabs=tabs)
    window = await start(tabs=tabs, platform=desk.platform)
    assert window.latest("vault")["state"] == "other_tab" and "open" in window.latest("vault")["detail"]
    # work in the window keeps the desk open
    await desk.ask("vault.lock_settings", sleep=False)
    await desk.ask("attend", attention="hidden")
    for _ in range(3):
        desk.clock.by_ns += 500 * 10**9
        await window.ask("attend", attention="active")
    assert desk.latest("vault")["state"] == "unlocked"
    await window.ask("vault.lock")
    assert (await desk.until(lambda m: m["t"] == "lock", "the lock"))["why"] == "tab"
    assert desk.latest("vault")["state"] == "locked" and "locked" in window.latest("vault")["detail"]
    for text in (b"", b"[]", b"{}", b'{"t":"other"}', b"no json"):
        tabs.ends[-1].post(text.decode())
    assert (await desk.ask("vault.unlock", secret=bytearray(PASSPHRASE)))["vault"]["state"] == "unlocked"
    assert "open" in window.latest("vault")["detail"]
    await window.desk.stop()
    await desk.desk.stop()


async def test_the_worker_after_a_lock_inherits_the_desk_before_a_waiting_tab_and_shows_nothing_of_it():
    tabs = Tabs()
    desk = await unlocked(tabs=tabs)
    window = await start(tabs=tabs, platform=desk.platform)
    await desk.ask("vault.lock")
    heir = await start(tabs=tabs, platform=desk.platform, again=1, heir=True)
    assert heir.latest("vault")["state"] == "locked" and window.latest("vault")["state"] == "other_tab"
    assert heir.latest("orders") == {"t": "orders", "reset": True, "rows": []} and heir.latest("account")["equity"] == "–"
    assert (await heir.ask("vault.unlock", secret=bytearray(PASSPHRASE)))["vault"]["state"] == "unlocked"
    for page in (window, desk, heir):
        await page.desk.stop()


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
