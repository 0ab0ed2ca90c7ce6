"""When a part of the desk is missing or corrupt: it says what failed, touches nothing, and starts once the part is whole."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from proxy.policy import headers
from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import Server

pytestmark = pytest.mark.e2e


FATAL = '{"t":"fatal","phase":"desk","error":"MemoryError: out of memory"}'


def missing(route: Route) -> None:
    route.fulfill(status=404, headers=headers(route.request.url), body="Not found")


def garbage(route: Route) -> None:
    kind = "application/wasm" if route.request.url.endswith(".wasm") else "application/octet-stream"
    route.fulfill(status=200, headers=headers(route.request.url), content_type=kind, body=bytes(range(256)) * 64)


def cut_short(route: Route) -> None:
    answer = route.fetch()
    kept = {name: value for name, value in answer.headers.items() if name not in ("content-encoding", "content-length", "x-kontor-bytes")}
    body = answer.body()
    route.fulfill(status=200, headers=kept, body=body[: len(body) // 2])


def unreachable(route: Route) -> None:
    route.abort("connectionfailed")


def trades(desk: DeskPage) -> None:
    """The desk works."""
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)


@pytest.mark.parametrize("harm", [missing, cut_short])
def test_without_a_good_snapshot_python_starts_the_slow_way(page: Page, server: Server, harm):
    page.route("**/snapshot.bin", harm)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    assert any("snapshot could not be used" in text for text in said), said
    trades(desk)


@pytest.mark.parametrize(
    ("part", "harm", "words"),
    [
        ("**/pyodide.asm.wasm", missing, "pyodide.asm.wasm"),
        ("**/pyodide.asm.wasm", garbage, "WebAssembly"),
        ("**/kontor.zip", missing, "kontor.zip"),
        ("**/python_stdlib.zip", unreachable, "python_stdlib.zip"),
        ("**/worker/desk.mjs*", missing, "desk"),
        ("**/vendor/pyscript/core.js", missing, "PyScript"),
    ],
    ids=lambda value: value.strip("*/") if isinstance(value, str) else value.__name__,
)
def test_a_part_that_is_needed_is_named_and_a_retry_heals(page: Page, server: Server, part: str, harm, words: str):
    page.route(part, harm)
    desk = DeskPage(page, server.url)
    page.goto(f"{server.url}/?speed={BRISK}")
    page.locator("html[data-desk=failed]").wait_for(state="attached", timeout=30_000)
    screen = page.get_by_role("alert").filter(has_text="could not start")
    expect(screen).to_be_in_viewport(ratio=1)
    expect(screen).to_contain_text(re.compile(re.escape(words), re.IGNORECASE))
    expect(screen).to_contain_text("Nothing that was kept is lost")
    expect(desk.by("boot-progress")).to_contain_text("failed")
    with page.expect_download() as download:
        desk.by("boot-log").click()
    log = download.value.path().read_text()
    assert "FAILED" in log and "Chrome" in log
    page.unroute(part)
    desk.by("boot-retry").click()
    desk.wait_ready()
    trades(desk)


def test_a_part_that_fails_while_the_page_is_still_being_read_is_named_too(page: Page, server: Server):
    held: list[Route] = []

    def slow(route: Route) -> None:
        """The page, which stops being read just before the place where a failure is shown."""
        answer = route.fetch()
        place = '<div id="failure"'
        assert place in answer.text()
        route.fulfill(response=answer, body=answer.text().replace(place, f'<script src="slow.js"></script>{place}'))

    page.route(f"{server.url}/?*", slow)
    page.route("**/slow.js", lambda route: held.append(route))
    page.route("**/worker/desk.mjs*", missing)
    page.goto(f"{server.url}/?speed={BRISK}", wait_until="commit")
    page.locator("html[data-desk=failed]").wait_for(state="attached", timeout=30_000)
    expect(page.locator("#failure")).to_have_count(0)
    held[0].fulfill(content_type="text/javascript", body="")
    expect(page.get_by_role("alert").filter(has_text="could not start")).to_be_in_viewport(ratio=1)
    expect(page.get_by_test_id("boot-progress")).to_contain_text("failed")


def test_a_worker_that_dies_later_leaves_the_page_with_words(desk: DeskPage):
    """The worker's own failure is shown, not a frozen screen that looks alive."""
    desk.page.evaluate("(data) => kontor.desk.dispatchEvent(new MessageEvent('message', { data }))", FATAL)
    screen = desk.page.get_by_role("alert").filter(has_text="The desk has stopped")
    expect(screen).to_be_in_viewport(ratio=1)
    expect(screen).to_contain_text("out of memory")
    assert desk.page.evaluate("() => document.documentElement.dataset.desk") == "failed"
    desk.errors.clear()
    desk.by("boot-retry").click()
    desk.page.locator("html[data-desk=ready]").wait_for(state="attached", timeout=30_000)
    trades(desk)


HANG = "(ms) => { for (const end = performance.now() + ms; performance.now() < end; ); }"


def test_a_desk_worker_that_hangs_is_named_and_believed_again_when_it_comes_back(desk: DeskPage):
    word = desk.by("connection-status")
    expect(word).to_have_attribute("data-state", "live")
    worker = next(worker for worker in desk.page.workers if worker.url.split("?")[0].endswith("worker/desk.mjs"))
    worker.evaluate_handle(f"() => {{ setTimeout(() => ({HANG})(9000)) }}")
    expect(word).to_have_attribute("data-state", "silent", timeout=15_000)
    expect(word).to_have_text(re.compile(r"desk silent for \d+ s"))
    word.click()
    expect(desk.page.get_by_role("dialog")).to_contain_text("does not answer")
    desk.page.keyboard.press("Escape")
    expect(word).to_have_attribute("data-state", "live", timeout=15_000)
    trades(desk)
