"""Signing in from the page, in Chromium, through the real proxy at a certified OpenID provider: window, redirect, code, denial, out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.netserver import proxy, table
from tests.e2e.serving import Server, free_port
from tests.oauth.desk import oidc, oidc_provider

pytestmark = pytest.mark.e2e

TERMINAL = "() => globalThis.kontor.terminal?.text() ?? ''"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """The proxy, and the issuer it knows."""
    port = free_port()
    with oidc_provider(home=f"http://127.0.0.1:{port}") as issuer:
        text = f'allow_private = ["{urlsplit(issuer).netloc}"]\n{table("oauth", oidc(issuer))}'
        with proxy(tmp_path_factory.mktemp("proxy"), text, port=port, APP_ID="desk", APP_SECRET="desk-secret") as server:
            yield server, issuer


@pytest.fixture
def network(context: BrowserContext, world: tuple[Server, str]) -> DeskPage:
    """A desk on its network page, in a fresh profile."""
    desk = DeskPage(context.new_page(), world[0].url)
    desk.open(route="#/network", speed=BRISK)
    expect(desk.by("provider", provider="oidc")).to_have_attribute("data-signed", "false", timeout=20_000)
    return desk


def agree(page: Page) -> None:
    """What a trader does at the provider: sign in, agree."""
    page.get_by_placeholder("Enter any login").fill("trader")
    page.get_by_placeholder("and password").fill("anything")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def sign_in(desk: DeskPage) -> None:
    """The whole way by window."""
    with desk.page.expect_popup() as opened:
        desk.by("provider-web").click()
    agree(opened.value)
    expect(desk.by("provider", provider="oidc")).to_have_attribute("data-signed", "true", timeout=10_000)


def kept_anywhere(page: Page) -> str:
    """Everything the page's own script can read back, as one text."""
    script = "() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, document.documentElement.outerHTML])"
    return page.evaluate(script)


def test_by_a_window_of_its_own(network: DeskPage):
    page = network.page
    page.keyboard.press("Control+`")
    page.wait_for_function("() => globalThis.kontor.terminal?.text().includes('First quote')")
    with page.expect_popup() as opened:
        network.by("provider-web").click()
    expect(network.by("provider-phase")).to_contain_text("Sign in in the other window")
    expect(network.by("time-left")).to_have_text(re.compile(r"^(10:00|9:\d\d) left$"))
    popup = opened.value
    addresses: list[str] = []
    popup.on("framenavigated", lambda frame: addresses.append(frame.url))
    agree(popup)
    began = time.monotonic()
    row = network.by("provider", provider="oidc")
    expect(row).to_have_attribute("data-signed", "true", timeout=10_000)
    assert time.monotonic() - began < 3, "from the provider's last page to signed in"
    expect(row).to_contain_text("signed in")
    expect(row).to_contain_text("in memory only: it ends with this tab")
    if not popup.is_closed():  # not every browser lets a page close itself after it has been elsewhere
        expect(popup.locator("#title")).to_have_text("Signed in")
        expect(popup.locator("#sentence")).to_contain_text("Signed in to OpenID")
        assert "code" not in popup.url and "state" not in popup.url
    ours = [url for url in addresses if "/callback.html" in url]
    assert ours and not any("code=" in url for url in ours)
    # Every step stands in the terminal, with its duration, without any token.
    page.wait_for_function(r"() => /oauth .*\d m?s/.test(kontor.terminal.text())")
    text = page.evaluate(TERMINAL)
    assert re.search(r"oauth    .*\d+(\.\d)? m?s", text)
    assert not re.search(r"eyJ[\w-]+\.", text + kept_anywhere(page))
    network.check_console()


def test_on_this_page_when_windows_are_blocked_and_the_vault_takes_it(network: DeskPage, world: tuple[Server, str]):
    page = network.page
    network.create_vault()
    network.go("network")
    page.evaluate("() => { window.open = () => null; }")
    network.by("provider-web").click()
    expect(network.by("provider-phase")).to_contain_text("This browser blocked the window")
    network.by("provider-redirect").click()
    agree(page)
    page.wait_for_url("**/#/network*")  # through the callback page
    network.wait_ready()
    row = network.by("provider", provider="oidc")
    expect(row).to_have_attribute("data-phase", "locked")
    expect(row).to_contain_text("the vault is locked")
    assert page.url.endswith("/#/network"), page.url
    row.get_by_role("link", name="Unlock the vault").click()
    network.unlock()
    network.go("network")
    expect(row).to_have_attribute("data-signed", "true")
    expect(row).to_contain_text("encrypted in the vault")
    page.reload()
    network.wait_ready()
    network.go("vault")
    network.unlock()
    network.go("network")
    expect(row).to_have_attribute("data-signed", "true")
    network.by("provider-refresh").click()
    expect(row).to_have_attribute("data-phase", "idle")
    expect(row).to_have_attribute("data-signed", "true")
    network.by("provider-logout").click()
    expect(row).to_have_attribute("data-signed", "false")
    page.reload()
    network.wait_ready()
    network.go("vault")
    network.unlock()
    network.go("network")
    expect(row).to_have_attribute("data-signed", "false")


def test_with_a_code_typed_elsewhere(network: DeskPage, context: BrowserContext):
    network.by("provider-device").click()
    code = network.by("user-code")
    expect(code).to_be_visible()
    expect(network.by("time-left")).to_have_text(re.compile(r"^(10:00|9:\d\d) left$"))
    link = network.by("provider-phase").get_by_role("link")
    elsewhere = context.browser.new_context()
    phone = elsewhere.new_page()
    phone.goto(link.get_attribute("href"))
    phone.locator("input[name=user_code]").fill(code.text_content())
    phone.get_by_role("button", name="Continue").click()
    phone.get_by_role("button", name="Continue").click()
    agree(phone)
    expect(phone.get_by_text("Sign-in Success")).to_be_visible()
    elsewhere.close()
    row = network.by("provider", provider="oidc")
    expect(row).to_have_attribute("data-signed", "true", timeout=20_000)
    expect(network.by("user-code")).to_have_count(0)


def test_waiting_for_a_code_can_be_stopped(network: DeskPage):
    network.by("provider-device").click()
    expect(network.by("user-code")).to_be_visible()
    network.by("provider-cancel").click()
    row = network.by("provider", provider="oidc")
    expect(row).to_have_attribute("data-phase", "idle")
    expect(row).to_have_attribute("data-signed", "false")
    expect(network.by("provider-web")).to_be_enabled()
    network.check_console()


def test_a_denied_sign_in_reads_in_plain_words_in_both_windows(network: DeskPage):
    with network.page.expect_popup() as opened:
        network.by("provider-web").click()
    popup = opened.value
    popup.get_by_text("Cancel").click()
    row = network.by("provider", provider="oidc")
    expect(row).to_have_attribute("data-phase", "failed")
    expect(network.by("provider-phase")).to_contain_text("It was declined at the provider. Sign in again and accept.")
    expect(popup.locator("main")).to_have_attribute("data-state", "failed")
    expect(popup.locator("#title")).to_have_text("Not signed in")
    expect(popup.locator("#remedy")).to_have_text("It was declined at the provider. Sign in again and accept.")
    popup.wait_for_function("() => globalThis.kontor?.terminal?.text().includes('ERROR  oauth')")
    text = popup.evaluate(TERMINAL)
    assert "state, nonce and PKCE verifier made and sealed" in text.replace("\n", ""), "the window shows the steps that the desk tells"
    stamps = re.findall(r"^\d\d:\d\d:\d\d\.\d{3}", text, re.MULTILINE)
    assert stamps == sorted(stamps)
    network.by("provider-steps").click()
    network.page.wait_for_function("() => globalThis.kontor.terminal?.text().includes('oauth')")
    # and it can be tried again
    network.page.keyboard.press("Escape")
    sign_in(network)


def test_a_window_of_nobody_goes_on_to_a_desk(context: BrowserContext, world: tuple[Server, str]):
    page = context.new_page()
    page.goto(f"{world[0].url}/callback.html#oidc:access_denied:x")
    expect(page.locator("#title")).to_have_text("Signing in")
    page.wait_for_url("**/#/network*")
    desk = DeskPage(page, world[0].url)
    desk.wait_ready()
    expect(desk.by("provider", provider="oidc")).to_have_attribute("data-phase", "failed")
    assert "access_denied" not in page.url


def test_the_callback_page_opened_by_itself_says_so(context: BrowserContext, world: tuple[Server, str]):
    page = context.new_page()
    for fragment in ("", "#", "#<script>:ok", "#a b:ok:c", "#oidc"):
        page.goto("about:blank")
        page.goto(f"{world[0].url}/callback.html{fragment}")
        expect(page.locator("#title")).to_have_text("Nothing to sign in to")
        expect(page.get_by_role("link", name="Go to the desk")).to_be_visible()


def test_a_stranger_cannot_finish_a_sign_in_nor_spoil_it(network: DeskPage, context: BrowserContext, world: tuple[Server, str]):
    with network.page.expect_popup() as opened:
        network.by("provider-web").click()
    expect(network.by("provider-phase")).to_contain_text("Sign in in the other window")
    other = context.new_page()
    other.goto(f"{world[0].url}/callback.html#oidc:ok:not-the-state")
    other.wait_for_url("**/#/network*")
    theirs = DeskPage(other, world[0].url)
    theirs.wait_ready()
    expect(theirs.by("provider", provider="oidc")).to_have_attribute("data-phase", "failed", timeout=20_000)
    other.close()
    row = network.by("provider", provider="oidc")
    expect(row).to_have_attribute("data-phase", "waiting")
    agree(opened.value)
    expect(row).to_have_attribute("data-signed", "true", timeout=10_000)
