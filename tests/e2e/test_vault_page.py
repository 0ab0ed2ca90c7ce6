"""The vault as the trader meets it: made, locked, opened, damaged, held by another tab; and nothing secret left lying about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.desk import BIDS, BRISK, PASSPHRASE, DeskPage, Refused
from tests.e2e.serving import Server

pytestmark = pytest.mark.e2e

# Turns one bit of the nth stored record of a class, behind the desk's back.
DAMAGE = """async ([cls, nth]) => {
  const open = indexedDB.open("kontor");
  const db = await new Promise((resolve, reject) => { open.onsuccess = () => resolve(open.result); open.onerror = () => reject(open.error); });
  const transaction = db.transaction("records", "readwrite", { durability: "strict" });
  const store = transaction.objectStore("records");
  const ask = (request) => new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
  const keys = (await ask(store.getAllKeys())).filter((key) => key.startsWith(cls + "/"));
  const bytes = new Uint8Array(await ask(store.get(keys[nth])));
  bytes[bytes.length - 5] ^= 1;
  store.put(bytes, keys[nth]);
  await new Promise((resolve) => { transaction.oncomplete = resolve; });
  db.close();
  return keys;
}"""

# Everything a page may read back: storages, caches, the address, the document.
LYING_ABOUT = """async () => {
  const found = [location.href, document.documentElement.outerHTML, document.cookie, JSON.stringify(history.state)];
  for (const storage of [localStorage, sessionStorage]) found.push(JSON.stringify(Object.entries(storage)));
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys()) found.push(request.url);
  }
  for (const input of document.querySelectorAll("input")) found.push(input.value);
  found.push(...performance.getEntries().map((entry) => entry.name));
  for (const { name } of await indexedDB.databases()) {
    const open = indexedDB.open(name);
    const db = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
    for (const store of db.objectStoreNames) {
      const all = db.transaction(store).objectStore(store).getAll();
      for (const value of await new Promise((resolve) => { all.onsuccess = () => resolve(all.result); }))
        found.push(typeof value === "string" ? value : new TextDecoder("latin1").decode(value));
    }
    db.close();
  }
  for await (const [name, handle] of (await navigator.storage.getDirectory()).entries())
    found.push(name, new TextDecoder("latin1").decode(await (await handle.getFile()).arrayBuffer()));
  return found;
}"""

# The file that is the vault's second copy is gone.
NO_SECOND_COPY = """async () => {
  const folder = await navigator.storage.getDirectory();
  for await (const name of folder.keys()) await folder.removeEntry(name);
}"""

# The browser found its databases damaged, and removed them.
NO_DATABASES = """async () => {
  for (const { name } of await indexedDB.databases())
    await new Promise((done, failed) => Object.assign(indexedDB.deleteDatabase(name), { onsuccess: done, onerror: failed, onblocked: failed }));
}"""


def market_moves(desk: DeskPage) -> None:
    """The market on the page goes on."""
    before = desk.page.evaluate(BIDS)
    desk.page.wait_for_function(f"(before) => ({BIDS})() !== before", arg=before, timeout=20_000)


def leave(desk: DeskPage) -> None:
    """Go to an empty page of the same origin: the storage without a desk."""
    desk.page.route("**/empty.html", lambda route: route.fulfill(content_type="text/html", body='<link rel="icon" href="data:,">'))
    desk.page.goto(f"{desk.url}/empty.html")


def vault_with_three_fills(desk: DeskPage) -> None:
    """A new vault, and three orders filled in it."""
    desk.create_vault()
    for count in (1, 2, 3):
        desk.submit(side="buy", kind="market", qty="0.01")
        expect(desk.by("order-row", status="filled")).to_have_count(count)


def test_a_vault_is_made_locked_and_opened(desk: DeskPage):
    page = desk.page
    expect(page.locator("#notice")).to_contain_text("in memory")
    expect(page.locator("#status-vault")).to_contain_text("in memory, not kept")
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    expect(desk.by("cash")).not_to_have_text("100,000.00")
    before, cash = desk.orders(), desk.by("cash").text_content()

    desk.go("vault")
    desk.by("vault-passphrase").fill("short")
    desk.by("vault-passphrase-repeat").fill("short")
    desk.by("vault-create").click()
    expect(page.locator("#vault-new-error")).to_contain_text("at least 8 characters")
    desk.by("vault-passphrase").fill(PASSPHRASE)
    desk.by("vault-passphrase-repeat").fill(PASSPHRASE + "x")
    desk.by("vault-create").click()
    expect(page.locator("#vault-again-error")).to_contain_text("differ")
    expect(desk.by("vault-passphrase")).to_have_value(PASSPHRASE)
    desk.by("vault-passphrase-repeat").fill(PASSPHRASE)
    desk.by("vault-create").click()
    expect(desk.by("vault-lock")).to_be_visible(timeout=20_000)
    expect(desk.by("vault-title")).to_be_focused()  # the form that had the keyboard is gone
    expect(page.locator("[aria-label='What the vault holds']")).to_contain_text("Journal")
    desk.go("desk")
    expect(page.locator("#notice")).to_be_hidden()
    assert desk.orders() == before

    desk.go("vault")
    desk.by("vault-lock").click()
    expect(desk.by("vault-unlock")).to_be_visible()
    desk.go("desk")
    expect(desk.by("order-row")).to_have_count(0)
    expect(desk.by("position-row")).to_have_count(0)
    expect(desk.by("fill-row")).to_have_count(0)
    for figure in ("cash", "equity"):
        expect(desk.by(figure)).to_have_text("–")
    expect(desk.by("ticket-submit")).to_be_disabled()
    expect(page.locator("#ticket-block")).to_contain_text("the vault is locked")
    market_moves(desk)

    desk.unlock("not the passphrase at all")
    expect(page.locator("#vault-open-error")).to_contain_text("Type the passphrase again", timeout=20_000)
    expect(desk.by("order-row")).to_have_count(0)
    desk.unlock()
    expect(desk.by("order-row", status="filled")).to_have_count(1, timeout=20_000)
    assert desk.orders() == before
    expect(desk.by("cash")).to_have_text(cash)
    desk.submit(side="sell", kind="market", qty="0.01")
    expect(desk.by("position-row")).to_have_count(0)


def test_a_damaged_record_is_reported_kept_and_costs_nothing_else(desk: DeskPage):
    page = desk.page
    vault_with_three_fills(desk)
    leave(desk)
    keys = page.evaluate(DAMAGE, ["journal", 2])
    page.evaluate(NO_SECOND_COPY)
    desk.open(speed=BRISK)
    desk.unlock()
    expect(page.locator("#notice")).to_contain_text("could not be opened", timeout=20_000)
    expect(desk.by("order-row", status="filled")).to_have_count(2)
    expect(desk.by("fill-row")).to_have_count(2)
    desk.go("vault")
    expect(page.locator("[aria-label='Damaged records'] tbody tr")).to_have_count(1)
    expect(page.locator("[aria-label='Damaged records'] tbody tr")).to_contain_text(keys[2].split("/")[1])
    desk.go("desk")
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(3)
    leave(desk)
    now = page.evaluate(
        """async () => {
          const open = indexedDB.open("kontor");
          const db = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
          const keys = db.transaction("records").objectStore("records").getAllKeys();
          return await new Promise((resolve) => { keys.onsuccess = () => { db.close(); resolve(keys.result); }; });
        }"""
    )
    assert set(keys) <= set(now), "what was damaged is kept"


def test_what_the_browser_loses_comes_back_from_the_second_copy(desk: DeskPage):
    page = desk.page
    vault_with_three_fills(desk)
    orders, cash = desk.orders(), desk.by("cash").text_content()
    leave(desk)
    page.evaluate(DAMAGE, ["journal", 2])
    desk.open(speed=BRISK)
    desk.unlock()
    expect(page.locator("#notice")).to_contain_text("1 damaged record was put right", timeout=20_000)
    assert desk.orders() == orders and desk.by("cash").text_content() == cash
    leave(desk)
    page.evaluate(NO_DATABASES)
    desk.open(speed=BRISK)
    expect(page.locator("#notice")).to_contain_text("The browser had lost its database")
    desk.unlock()
    expect(page.locator("#notice")).to_contain_text("is whole again", timeout=20_000)
    assert desk.orders() == orders and desk.by("cash").text_content() == cash
    desk.go("vault")
    expect(page.locator("[aria-label='What the vault holds']")).to_contain_text("in a file of its own")


def test_a_lost_manifest_refuses_writes_until_the_trader_accepts_what_is_readable(desk: DeskPage):
    page = desk.page
    desk.create_vault()
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    desk.submit(kind="limit", qty="0.01", price="50000")
    expect(desk.by("order-row", status="accepted")).to_have_count(1)
    orders = desk.orders()
    leave(desk)
    for nth in (0, 1):
        page.evaluate(DAMAGE, ["manifest", nth])
    page.evaluate(NO_SECOND_COPY)
    desk.open(speed=BRISK)
    desk.unlock()
    expect(desk.by("order-row", status="filled")).to_have_count(1, timeout=20_000)
    assert desk.orders().keys() == orders.keys()
    with pytest.raises(Refused) as refused:
        desk.ask("order.submit", symbol="BTCUSDT", side="buy", type="market", tif="ioc", qty="0.01", post_only=False, reduce_only=False, token="now")
    assert refused.value.error["reason"] and refused.value.error["remedy"]
    expect(desk.by("ticket-submit")).to_be_disabled()
    desk.go("vault")
    page.get_by_role("button", name="Go on with what is readable").click()
    desk.go("desk")
    expect(desk.by("ticket-submit")).to_be_enabled(timeout=20_000)
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(2)
    page.reload()
    desk.wait_ready()
    desk.unlock()
    expect(desk.by("order-row", status="filled")).to_have_count(2, timeout=20_000)
    expect(page.locator("#notice")).to_be_hidden()


def lock_message(desk: DeskPage, why: str) -> None:
    """The page shows that it locked, and for which reason."""
    expect(desk.page.locator("#notice")).to_contain_text(why, timeout=30_000)


def test_idleness_locks_and_all_tabs_lock_together(desk: DeskPage, server: Server):
    page = desk.page
    desk.create_vault()
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    desk.go("vault")
    desk.by("vault-idle").select_option("60")
    expect(desk.by("vault-lock-said")).to_contain_text("1 minute")
    desk.ask("vault.lock_settings", idle_s=5)
    page.evaluate("() => { window.first = kontor.desk }")
    desk.go("desk")
    desk.ask("attend", attention="resting")
    lock_message(desk, "nobody used the desk")
    page.wait_for_function("() => kontor.desk !== window.first", timeout=20_000)
    expect(desk.by("order-row")).to_have_count(0)
    expect(desk.by("cash")).to_have_text("–")
    market_moves(desk)

    other = DeskPage(page.context.new_page(), server.url)
    other.open(speed=BRISK)
    expect(other.page.locator("#tab")).to_contain_text("Another tab is the desk")
    expect(other.page.locator("#tab")).to_contain_text("There the vault is locked", timeout=20_000)
    desk.ask("attend", attention="active")
    desk.unlock()
    expect(desk.by("order-row", status="filled")).to_have_count(1, timeout=60_000)
    expect(other.page.locator("#tab")).to_contain_text("There the vault is open")
    expect(other.by("order-row", status="filled")).to_have_count(1)
    assert desk.ask("vault.lock_settings")["idle_s"] == 5, "kept in the vault"
    desk.ask("vault.lock_settings", idle_s=900)
    other.page.keyboard.press("Control+Shift+K")
    lock_message(desk, "locked from another tab")
    expect(other.page.locator("#tab")).to_contain_text("There the vault is locked", timeout=20_000)
    expect(other.by("order-row")).to_have_count(0)
    expect(desk.by("vault-unlock")).to_be_visible()
    desk.unlock()  # the desk stayed in this tab
    expect(desk.by("order-row", status="filled")).to_have_count(1, timeout=20_000)
    other.check_console()
    other.page.close()
    for event in ("freeze", "resume"):  # what the browser tells a page that it freezes
        page.evaluate("(event) => { document.dispatchEvent(new Event(event)) }", event)
    lock_message(desk, "the browser froze this tab")
    expect(desk.by("order-row")).to_have_count(0)
    market_moves(desk)


def slot_form(desk: DeskPage, action: str, current: str = PASSPHRASE, new: str = "") -> None:
    """Fill and send the form of an action on the slots."""
    desk.by(action).first.click()
    if new:
        desk.by("vault-new-passphrase").fill(new)
        desk.by("vault-new-passphrase-repeat").fill(new)
    desk.by("vault-current").fill(current)
    desk.by("vault-slot-send").click()


def test_slots_recovery_and_new_keys_through_the_page(desk: DeskPage):
    page, said = desk.page, desk.by("vault-slots-said")
    desk.go("vault")
    desk.by("vault-passphrase").fill("kontor123")
    desk.by("vault-passphrase-repeat").fill("kontor123")
    expect(desk.by("vault-strength")).to_have_attribute("data-score", "1", timeout=20_000)
    desk.by("vault-create").click()
    expect(page.locator("#vault-new-error")).to_contain_text("easy to guess")
    desk.create_vault()
    desk.go("vault")
    expect(desk.by("vault-slot")).to_have_count(1)

    slot_form(desk, "vault-add-recovery", current="not the passphrase at all")
    expect(page.locator("#slot-current-error")).not_to_be_empty(timeout=20_000)
    desk.by("vault-current").fill(PASSPHRASE)
    desk.by("vault-slot-send").click()
    expect(desk.by("vault-code")).to_be_visible(timeout=20_000)
    code = desk.by("vault-code").inner_text()
    assert len(code.replace("-", "")) >= 26
    desk.by("vault-code-done").click()
    expect(desk.by("vault-code")).to_be_hidden()
    assert desk.by("vault-code").text_content() == ""

    new = "seven quiet boats drift east"
    slot_form(desk, "vault-slot-change", new=new)
    expect(said).to_contain_text("is changed", timeout=20_000)
    desk.by("vault-lock").click()
    desk.by("vault-unlock").wait_for()
    desk.unlock()
    expect(page.locator("#vault-open-error")).not_to_be_empty(timeout=20_000)
    desk.by("vault-unlock-kind").get_by_role("button", name="Recovery code").click()
    desk.by("vault-recovery-code").fill(code.lower().replace("-", " "))
    desk.by("vault-unlock").click()
    expect(desk.by("vault-slot")).to_have_count(2, timeout=20_000)

    slot_form(desk, "vault-rekey", current=new)
    expect(desk.by("vault-code")).to_be_visible(timeout=20_000)
    assert desk.by("vault-code").inner_text() != code
    desk.by("vault-code-done").click()
    expect(said).to_contain_text("under new keys", timeout=30_000)
    desk.by("vault-slot", kind="recovery").locator('[data-do="remove"]').click()
    desk.by("vault-current").fill(new)
    desk.by("vault-slot-send").click()
    expect(desk.by("vault-slot")).to_have_count(1, timeout=20_000)
    desk.by("vault-verify").click()
    expect(desk.by("vault-verify-said")).to_contain_text("Every one is as it was last written", timeout=20_000)


def test_a_passkey_opens_the_vault(profile: BrowserContext, server: Server):
    page = profile.new_page()
    url = server.url.replace("127.0.0.1", "localhost")
    devtools = profile.new_cdp_session(page)
    devtools.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "hasPrf": True, "isUserVerified": True, "automaticPresenceSimulation": True}})
    desk = DeskPage(page, url)
    desk.open(speed=BRISK)
    desk.create_vault()
    desk.go("vault")
    desk.by("vault-add-passkey").click()
    desk.by("vault-label").fill("This computer")
    desk.by("vault-current").fill(PASSPHRASE)
    desk.by("vault-slot-send").click()
    expect(desk.by("vault-slot", kind="passkey")).to_contain_text("This computer", timeout=20_000)
    desk.by("vault-lock").click()
    desk.by("vault-unlock-kind").get_by_role("button", name="Passkey").click()
    desk.by("vault-unlock").click()
    expect(desk.by("vault-slot")).to_have_count(2, timeout=20_000)
    desk.check_console()
    page.close()


def test_export_wipe_and_restore_through_the_page(desk: DeskPage, tmp_path: Path):
    page, file, words = desk.page, tmp_path / "kontor.age", "nine grey herons stand still"
    desk.create_vault()
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    orders = desk.orders()
    desk.go("vault")
    desk.by("vault-export-passphrase").fill(words)
    desk.by("vault-export-passphrase-repeat").fill(words)
    with page.expect_download(timeout=60_000) as download:
        desk.by("vault-export").click()
    download.value.save_as(file)
    expect(desk.by("vault-export-said")).to_contain_text("is made")
    expect(desk.by("vault-last-export")).to_contain_text("ago")

    desk.by("vault-wipe-word").fill("no")
    expect(desk.by("vault-wipe")).to_be_disabled()
    desk.by("vault-wipe-word").fill("wipe")
    desk.by("vault-wipe").click()
    expect(desk.by("vault-create")).to_be_visible(timeout=20_000)
    assert desk.orders() == {}

    desk.by("vault-restore-file").set_input_files(file)
    desk.by("vault-restore-passphrase").fill("not these words")
    desk.by("vault-restore-look").click()
    expect(desk.by("vault-restore-said")).to_have_attribute("data-tone", "bad", timeout=60_000)
    desk.by("vault-restore-passphrase").fill(words)
    desk.by("vault-restore-look").click()
    expect(desk.by("vault-restore-plan")).to_contain_text("Journal", timeout=60_000)
    assert desk.orders() == {}, "looking changes nothing"
    desk.by("vault-restore-new").fill(PASSPHRASE)
    desk.by("vault-restore-new-repeat").fill(PASSPHRASE)
    desk.by("vault-restore").click()
    expect(desk.by("vault-lock")).to_be_visible(timeout=60_000)
    expect(desk.by("vault-restore-said")).to_contain_text("taken from the file", timeout=30_000)
    desk.go("desk")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    assert desk.orders() == orders

    desk.go("vault")
    desk.by("vault-stored-list").click()
    expect(desk.by("vault-stored-row", name="kontor/records")).to_contain_text("encrypted", timeout=20_000)
    expect(desk.by("vault-stored-row", how="unknown")).to_have_count(0)
    page.evaluate("() => localStorage.setItem('planted', 'x')")
    desk.by("vault-stored-list").click()
    expect(desk.by("vault-stored-row", how="unknown")).to_contain_text("planted", timeout=20_000)
    expect(desk.by("vault-stored-said")).to_contain_text("planted")


# Puts a provider's token into the open vault, as a sign-in does.
KEEP_TOKEN = """
import gc
gc.unfreeze()  # what the start left is not listed else
from app.desk.service import Desk
desk = next(item for item in gc.get_objects() if isinstance(item, Desk))
await desk.signin._tokens.put("broker", {"access_token": given})
"""
# How often each text stands in an interpreter's memory.
COUNTER = """(bytes, texts) => {
  const found = texts.map(() => 0);
  const decoder = new TextDecoder("latin1");
  for (let at = 0; at < bytes.length; at += 1 << 23) {
    const text = decoder.decode(bytes.slice(at, at + (1 << 23) + 200));
    texts.forEach((wanted, index) => { for (let from = text.indexOf(wanted); from >= 0; from = text.indexOf(wanted, from + 1)) found[index]++; });
  }
  return found;
}"""


def expose(route: Any) -> None:
    """Let the test reach the worker's interpreter."""
    answer = route.fetch()
    start = 'pyodide.pyimport("worker.desk")'
    body = answer.text()
    assert start in body
    kept = {name: value for name, value in answer.headers.items() if name not in ("content-encoding", "content-length")}
    route.fulfill(status=answer.status, headers=kept, body=body.replace(start, f"globalThis.probe = pyodide; {start}"))


def worker_of(page: Page) -> Any:
    """The desk's present worker."""
    return next(worker for worker in reversed(page.workers) if "worker/desk.mjs" in worker.url)


def in_worker(page: Page, texts: list[str]) -> list[int]:
    """Counts in the desk worker's memory."""
    return worker_of(page).evaluate(f"(texts) => ({COUNTER})(probe._module.HEAPU8, texts)", texts)


def in_page(page: Page, texts: list[str]) -> list[int]:
    """Counts in the memory of the page's own interpreter."""
    return page.evaluate(
        f"""async (texts) => {{
          const python = await (await import(new URL("app/platform/interpreter.mjs", document.baseURI))).bootPage();
          return ({COUNTER})(python._module.HEAPU8, texts);
        }}""",
        texts,
    )


def test_nothing_secret_lies_about(page: Page, server: Server, record_property: Any):
    page.route("**/worker/desk.mjs*", expose)
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    desk.create_vault()
    desk.submit(side="buy", kind="limit", qty="0.01234", price="50123.45")
    expect(desk.by("order-row", status="accepted")).to_have_count(1)
    order_id = next(iter(desk.orders()))
    page.reload()
    desk.wait_ready()
    desk.unlock()
    expect(desk.by("order-row", status="accepted")).to_have_count(1, timeout=20_000)
    desk.go("vault")
    slot_form(desk, "vault-add-recovery")
    expect(desk.by("vault-code")).to_be_visible(timeout=20_000)
    code, token = desk.by("vault-code").inner_text(), "token-7f3a9c-of-the-broker"
    worker = worker_of(page)
    worker.evaluate("([code, token]) => { probe.globals.set('given', token); return probe.runPythonAsync(code); }", [KEEP_TOKEN, token])
    secrets = [PASSPHRASE, code, token]
    assert in_worker(page, [token, order_id])[0] > 0, "the scan finds what is there"
    assert in_worker(page, [PASSPHRASE, code]) == [0, 0], "passphrase and code are never in Python, not even while the vault is open"
    assert in_page(page, secrets) == [0, 0, 0]
    page.evaluate("() => { window.held = kontor.desk }")
    desk.by("vault-lock").click()
    expect(desk.by("vault-unlock")).to_be_visible()
    page.wait_for_function("() => kontor.desk !== window.held", timeout=20_000)
    market_moves(desk)
    found = page.evaluate(LYING_ABOUT)
    assert any("kontor" in text for text in found)
    for secret in (*secrets, order_id, "0.01234", "50123.45"):
        assert not [text[:200] for text in found if secret in text], f"{secret} can be read while the vault is locked"
    assert len([worker for worker in page.workers if "worker/desk.mjs" in worker.url]) == 1, "the worker that held the keys is gone"
    assert in_worker(page, [*secrets, order_id]) == [0, 0, 0, 0]
    assert in_page(page, secrets) == [0, 0, 0]
    left = in_page(page, [order_id])[0]  # text of orders that the page showed: freed, not yet overwritten
    record_property("order ids left in the page's freed memory", left)
    desk.check_console()
