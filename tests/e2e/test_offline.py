"""Without a network, through updates and under a sub-path: the service worker in a real Chromium, against a real server."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import ROOT, serving

SITE = Path(os.environ.get("KONTOR_SITE", ROOT / "build" / "site"))
KEPT_MS = 60_000
CACHES = """async () => {
  const found = {};
  for (const name of await caches.keys()) {
    if (name.startsWith("kontor /")) found[name.split(" ").at(-1)] = (await (await caches.open(name)).keys()).length;
  }
  return found;
}"""

BIDS = "() => Array.from(document.querySelectorAll('[data-testid=bid]'), (cell) => cell.textContent).join()"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the built site that the test may change (hard links: nothing is copied until it is written)."""
    return Path(shutil.copytree(SITE, tmp_path / "site", copy_function=os.link))


def bundle_of(site: Path) -> dict:
    """The list that the site's sw.js carries."""
    line = next(line for line in (site / "sw.js").read_text(encoding="utf-8").splitlines() if line.startswith("const BUNDLE"))
    return json.loads(line.partition("=")[2].strip().rstrip(";"))


def release(site: Path, name: str) -> str:
    """Put a new version in the site's place, of which only the page differs (it carries a name); returns the version."""
    page, worker = site / "index.html", site / "sw.js"
    rewrite(page, page.read_text(encoding="utf-8").replace("</head>", f'<meta name="release" content="{name}"></head>'))
    bundle = bundle_of(site)
    data = page.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    files = [["index.html", digest, len(data)] if row[0] == "index.html" else row for row in bundle["files"]]
    lines = worker.read_text(encoding="utf-8").splitlines(keepends=True)
    newer = json.dumps(bundle | {"version": digest[:16], "files": files})
    rewrite(worker, "".join(f"const BUNDLE = {newer};\n" if line.startswith("const BUNDLE") else line for line in lines))
    return digest[:16]


def rewrite(path: Path, text: str) -> None:
    """Write anew without touching what a hard link shares; the packed twin goes, the server then sends the plain one."""
    path.unlink()
    path.with_name(path.name + ".gz").unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")


def name_of(page: Page) -> str:
    """The release that is on the screen."""
    return page.evaluate("() => document.querySelector('meta[name=release]')?.content ?? ''")


def first_visit(page: Page, url: str) -> DeskPage:
    """Open the desk and wait until the service worker holds all of it."""
    desk = DeskPage(page, url)
    desk.open()
    page.wait_for_function("() => navigator.serviceWorker.controller?.state === 'activated'", timeout=KEPT_MS)
    return desk


def look_for_update(page: Page) -> None:
    """What the page does once an hour."""
    page.evaluate("() => navigator.serviceWorker.ready.then((registration) => registration.update()).then(() => true)")


def test_the_desk_opens_and_trades_without_a_network(context: BrowserContext, site: Path) -> None:
    with serving(site) as server:
        first_visit(context.new_page(), server.url).page.close()
        server.stop()
        page = context.new_page()
        desk = DeskPage(page, server.url)
        desk.open(speed=BRISK)
        before = page.evaluate(BIDS)
        page.wait_for_function(f"(before) => ({BIDS})() !== before", arg=before)
        desk.submit(qty="0.01")
        expect(desk.by("order-row", status="filled")).to_have_count(1, timeout=15_000)
        assert page.evaluate("() => crossOriginIsolated")
        # The browser itself says that it could not look for a newer sw.js; nothing else may be missing.
        assert [text for text in desk.errors if "ERR_CONNECTION_REFUSED" not in text and "fetching the script" not in text] == []


def test_an_update_waits_until_it_is_accepted(context: BrowserContext, site: Path) -> None:
    with serving(site) as server:
        page = context.new_page()
        first_visit(page, server.url)
        old = bundle_of(site)["version"]
        fetched: list[str] = []
        context.on("response", lambda response: response.request.service_worker and fetched.append(response.url.removeprefix(server.url + "/")))
        new = release(site, "newer")
        assert new != old
        look_for_update(page)
        expect(page.locator("#update")).to_be_visible(timeout=KEPT_MS)
        assert set(page.evaluate(CACHES)) == {old, new}
        # Only what changed came over the network.
        assert {path for path in fetched if not path.startswith("sw.js")} <= {"index.html"}

        page.reload()
        DeskPage(page, server.url).wait_ready()
        assert name_of(page) == ""
        expect(page.locator("#update")).to_be_visible(timeout=KEPT_MS)
        with page.expect_navigation(timeout=KEPT_MS):
            page.get_by_role("button", name="Take the new version").click()
        DeskPage(page, server.url).wait_ready()
        assert name_of(page) == "newer"
        page.wait_for_function(f"async () => Object.keys(await ({CACHES})()).length === 1")
        assert set(page.evaluate(CACHES)) == {new}


def test_a_new_version_taken_in_one_of_two_tabs_reloads_both_and_one_leads(context: BrowserContext, site: Path) -> None:
    with serving(site) as server:
        tabs = [first_visit(context.new_page(), server.url), DeskPage(context.new_page(), server.url)]
        tabs[1].open()
        tabs[0].submit(qty="0.01")  # something is at stake: taking a new version is no reason to ask
        expect(tabs[0].by("order-row", status="filled")).to_have_count(1, timeout=15_000)
        release(site, "newer")
        look_for_update(tabs[1].page)
        for tab in tabs:
            expect(tab.page.locator("#update")).to_be_visible(timeout=KEPT_MS)
        with tabs[0].page.expect_navigation(timeout=KEPT_MS):
            tabs[1].page.get_by_role("button", name="Take the new version").click()
        for tab in tabs:
            tab.page.wait_for_function("() => document.querySelector('meta[name=release]')?.content === 'newer'", timeout=KEPT_MS)
            tab.wait_ready()
        assert sorted(tab.by("tab-role").get_attribute("data-role") for tab in tabs) == ["follower", "leader"]


def test_a_corrupt_file_keeps_the_old_version_whole(context: BrowserContext, site: Path) -> None:
    with serving(site) as server:
        page = context.new_page()
        first_visit(page, server.url)
        old = bundle_of(site)["version"]
        files = len(bundle_of(site)["files"])
        release(site, "broken")
        page_file = site / "index.html"
        rewrite(page_file, page_file.read_text(encoding="utf-8") + "<!-- cut short on its way -->")
        page.evaluate("() => { window.told = []; navigator.serviceWorker.addEventListener('message', ({ data }) => window.told.push(data)); }")
        look_for_update(page)
        page.wait_for_function("() => window.told.some(({ type }) => type === 'update-failed')", timeout=KEPT_MS)
        assert page.evaluate("() => window.told[0].reason") == "index.html is not the file that this version lists"
        server.stop()
        page.reload()
        DeskPage(page, server.url).wait_ready()
        assert name_of(page) == ""
        assert page.evaluate(CACHES)[old] >= files


class _Plain(http.server.SimpleHTTPRequestHandler):
    """A host that sends no headers of its own."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def plain_host(folder: Path) -> Iterator[str]:
    """A static host over ``folder``, like any other."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Plain, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_static_host_under_a_sub_path_is_enough(context: BrowserContext, tmp_path: Path) -> None:
    (tmp_path / "www" / "deep").mkdir(parents=True)
    shutil.copytree(SITE, tmp_path / "www" / "deep" / "desk", copy_function=os.link)
    page = context.new_page()
    with plain_host(tmp_path / "www") as address:
        desk = first_visit(page, f"{address}/deep/desk")
        assert not page.evaluate("() => crossOriginIsolated")
        assert page.locator("meta[http-equiv=Content-Security-Policy]").count() == 1
        page.reload()
        desk.wait_ready()
        assert page.evaluate("() => crossOriginIsolated")
        desk.check_console()
    page.reload()
    desk.wait_ready()
    desk.submit(qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1, timeout=15_000)
