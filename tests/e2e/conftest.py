"""Real Chromium over the real server and the built site."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import SITE, Server, serving
from tools.browsers import chromium

expect.set_options(timeout=20_000)  # how long a busy machine may take; what is waited for is seen at once where it comes

# What a desk stores, but for the caches in which the service worker keeps the site.
OWN_DATA = "cookies,file_systems,indexeddb,local_storage,storage_buckets"
FORGET_ANSWERS = """async () => {
  for (const name of await caches.keys()) if (name.startsWith("kontor-api")) await caches.delete(name);
}"""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server over the built site."""
    if not (SITE / "index.html").is_file():
        pytest.fail("there is no built site: run `make build` first")
    with serving(SITE) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for the session."""
    path, arguments = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments, headless=os.environ.get("HEADED") != "1")
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile at 1440 x 900."""
    made = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    yield made
    made.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """One profile whose HTTP cache stays warm; no service worker copies anything in the background."""
    made = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True, service_workers="block")
    yield made
    made.close()


@pytest.fixture
def page(profile: BrowserContext, server: Server) -> Iterator[Page]:
    """A page of that profile with nothing stored; what the test opened is closed again."""
    made = profile.new_page()
    profile.new_cdp_session(made).send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "all"})
    yield made
    for opened in profile.pages:
        opened.close()


@pytest.fixture(scope="session")
def kept(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """The profile of somebody who comes again: the service worker keeps the site. A desk starts with far less work there."""
    made = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    first = made.new_page()
    DeskPage(first, server.url).open()
    first.wait_for_function("() => navigator.serviceWorker.controller", timeout=60_000)
    first.goto(f"{server.url}/health")  # of the same origin, and no desk
    yield made
    made.close()


@pytest.fixture
def known(kept: BrowserContext, server: Server) -> Iterator[Page]:
    """A page of that profile with nothing stored but the site itself; what the test opened is closed again. The site's own files come from the
    service worker there, where a test cannot put others in their place."""
    made = kept.new_page()
    kept.new_cdp_session(made).send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": OWN_DATA})
    kept.pages[0].evaluate(FORGET_ANSWERS)
    yield made
    for opened in kept.pages[1:]:
        opened.close()


@pytest.fixture
def desk(known: Page, server: Server) -> Iterator[DeskPage]:
    """A desk that is ready, in a market that moves; fails the test on console errors."""
    opened = DeskPage(known, server.url)
    opened.open(speed=BRISK)
    yield opened
    opened.check_console()


@pytest.fixture
def still(desk: DeskPage) -> DeskPage:
    """A desk whose market has a book and holds still."""
    expect(desk.page.locator(".book[data-state=live]")).to_be_visible()
    desk.pause()
    desk.wait_still()
    expect(desk.page.locator(".book[data-state=live]")).to_be_visible()
    return desk
