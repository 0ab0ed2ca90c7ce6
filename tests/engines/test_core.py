"""First run, trade, vault, reload, offline and a live market, in Firefox and in WebKit."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.e2e.serving import SITE, Server, binance_emulator, serving
from tests.engines.drivers import Driver

pytestmark = pytest.mark.engines

PASSPHRASE = "correct horse battery staple"
ORDERS = "return Object.fromEntries([...document.querySelectorAll('[data-testid=order-row]')].map(r => [r.dataset.clientOrderId, r.dataset.status]))"


def until(driver: Driver, script: str, accept: Callable[[object], bool], what: str, seconds: float = 60.0) -> object:
    """Ask the page until ``accept`` holds."""
    deadline = time.monotonic() + seconds
    while True:
        value = driver.evaluate(script)
        if accept(value):
            return value
        assert time.monotonic() < deadline, f"{driver.name}: never saw {what}; last: {value!r}"


def ready(driver: Driver) -> None:
    state = until(driver, "return document.documentElement.dataset.desk", lambda value: value in ("ready", "failed"), "a started desk", 120)
    assert state == "ready", driver.evaluate("return kontor.log()")


def by(name: str) -> str:
    return f'[data-testid="{name}"]'


def buy(driver: Driver, kind: str, qty: str, price: str = "") -> None:
    driver.click(by("ticket-side-buy"))
    driver.select(by("ticket-type"), kind)
    driver.type(by("ticket-qty"), qty)
    if price:
        driver.type(by("ticket-price"), price)
    until(driver, f"return document.querySelector('{by('ticket-submit')}').disabled", lambda value: value is False, "an enabled button")
    driver.click(by("ticket-submit"))


def visible(driver: Driver, name: str) -> None:
    until(driver, f"return !!document.querySelector('{by(name)}')?.checkVisibility()", bool, f"a visible {name}")


def unlock(driver: Driver) -> None:
    visible(driver, "vault-unlock")
    driver.type(by("vault-passphrase"), PASSPHRASE)
    driver.click(by("vault-unlock"))


def create_vault(driver: Driver) -> None:
    driver.evaluate("location.hash = '#/vault'")
    visible(driver, "vault-create")
    driver.type(by("vault-passphrase"), PASSPHRASE)
    driver.type(by("vault-passphrase-repeat"), PASSPHRASE)
    driver.click(by("vault-create"))
    visible(driver, "vault-lock")


def statuses(driver: Driver, wanted: list[str]) -> dict[str, str]:
    return until(driver, ORDERS, lambda rows: sorted(rows.values()) == sorted(wanted), f"orders {wanted}")


def test_first_run_trade_reload_and_offline(driver: Driver, server: Server):
    driver.goto(f"{server.url}/?speed=20")
    ready(driver)
    bid = f"return document.querySelector('{by('quote-row')}[data-symbol=BTCUSDT] {by('bid')}').textContent"
    before = driver.evaluate(bid)
    until(driver, bid, lambda value: value != before, "a moving bid")

    buy(driver, "market", "0.01")
    statuses(driver, ["filled"])
    until(driver, f"return document.querySelectorAll('{by('position-row')}[data-symbol=BTCUSDT]').length", lambda n: n == 1, "the position")

    create_vault(driver)
    driver.evaluate("location.hash = '#/desk'")
    buy(driver, "limit", "0.02", "50000")
    orders = statuses(driver, ["filled", "accepted"])

    driver.reload()
    ready(driver)
    unlock(driver)
    assert statuses(driver, ["filled", "accepted"]) == orders

    until(driver, "return navigator.serviceWorker.ready.then ? !!navigator.serviceWorker.controller : false", bool, "the offline copy in control", 120)
    server.stop()
    driver.reload()
    ready(driver)
    unlock(driver)
    statuses(driver, ["filled", "accepted"])
    buy(driver, "market", "0.01")
    statuses(driver, ["filled", "filled", "accepted"])


LOSE_DATABASES = """
window.lost = false;
indexedDB.databases().then((all) => Promise.all(all.map(({ name }) => new Promise((done) => { indexedDB.deleteDatabase(name).onsuccess = done; }))))
  .then(() => { window.lost = true; });
return 0;
"""


def test_a_lost_database_comes_back_from_the_second_copy(driver: Driver, server: Server):
    driver.goto(f"{server.url}/?speed=20")
    ready(driver)
    create_vault(driver)
    driver.evaluate("location.hash = '#/desk'; location.hash = '#/vault'")
    facts = "return document.querySelector(\"[aria-label='What the vault holds']\")?.textContent ?? ''"
    said = until(driver, facts, lambda text: "Second copy" in text, "what is said of the second copy")
    has_files = driver.evaluate("return !!navigator.storage?.getDirectory")
    assert ("in a file of its own" in said) is has_files, said
    if not has_files:
        return  # WebKitGTK: exports are the only copy, and the page says so
    driver.evaluate("location.hash = '#/desk'")
    buy(driver, "limit", "0.02", "50000")
    orders = statuses(driver, ["accepted"])
    driver.goto(f"{server.url}/app/icons/kontor.svg")
    driver.evaluate(LOSE_DATABASES)
    until(driver, "return window.lost", bool, "the end of the databases")
    driver.goto(f"{server.url}/?speed=20")
    ready(driver)
    unlock(driver)
    assert statuses(driver, ["accepted"]) == orders
    notice = "return document.querySelector('#notice').textContent"
    until(driver, notice, lambda text: "had lost its database" in text, "what happened to the vault")


def test_the_network_page_and_the_debug_terminal_under_the_strict_policy(driver: Driver, server: Server):
    driver.goto(f"{server.url}/?speed=20#/network")
    ready(driver)
    until(driver, f"return document.querySelector('{by('proxy-state')}')?.dataset.state", lambda value: value == "up", "the proxy")
    driver.type(by("wizard-url"), f"{server.url}/health")
    driver.click(by("wizard-test"))
    sentence = f"return document.querySelector('{by('wizard-sentence')}').textContent"
    until(driver, sentence, lambda text: text.startswith("The browser reaches it itself"), "the verdict")
    driver.evaluate("window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective)); return 0")
    driver.click(".network .page-head .btn")
    until(driver, "return globalThis.kontor.terminal?.text() ?? ''", lambda text: "First quote painted" in text, "lines in the terminal")
    assert driver.evaluate("return violations") == []
    colours = "return new Set([...document.querySelectorAll('.xterm-rows span')].map((node) => getComputedStyle(node).color)).size"
    until(driver, colours, lambda count: count >= 3, "coloured lines")


def test_a_live_market_comes_through_its_worker(driver: Driver):
    with binance_emulator("--speed", "20", "--now") as said, serving(SITE, f"{said['ws'].rsplit('/', 1)[0]} {said['rest'].split('/api')[0]}") as server:
        driver.goto(f"{server.url}/?{urlencode({'venue': 'binance', 'binance_ws': said['ws'], 'binance_rest': said['rest']})}")
        ready(driver)
        state = f"return document.querySelector('{by('connection-status')}').dataset.state"
        until(driver, state, lambda value: value == "live", "a live connection")
        bid = f"return document.querySelector('{by('quote-row')}[data-symbol=BTCUSDT] {by('bid')}').textContent"
        before = driver.evaluate(bid)
        until(driver, bid, lambda value: value not in ("", before), "a moving bid")
        buy(driver, "market", "0.01")
        statuses(driver, ["filled"])
