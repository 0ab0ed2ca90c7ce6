"""The debug terminal in Chromium: loaded when opened, no violation of the policy, filter, search, copy, export, commands, the list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import Server

pytestmark = pytest.mark.e2e

VIOLATIONS = """(() => {
  window.violations = [];
  addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.sourceFile}:${event.lineNumber} ${event.sample}`));
})()"""
TEXT = "() => kontor.terminal.text()"
LINES = "(count) => kontor.terminal.text().split('\\n').length >= count"


@pytest.fixture
def terminal(desk: DeskPage) -> DeskPage:
    """A desk with its terminal open and the boot's lines in it."""
    desk.page.keyboard.press("Control+`")
    expect(desk.by("terminal")).to_be_visible()
    desk.page.wait_for_function("() => globalThis.kontor.terminal?.text().includes('First quote painted')")
    return desk


def run(desk: DeskPage, command: str) -> None:
    """Type a command."""
    desk.by("terminal-command").fill(command)
    desk.page.keyboard.press("Enter")


def shows(desk: DeskPage, text: str) -> None:
    """Wait until the terminal shows a text."""
    desk.page.wait_for_function("(text) => kontor.terminal.text().includes(text)", arg=text)


def test_xterm_lives_under_the_strict_policy(page: Page, server: Server):
    page.add_init_script(VIOLATIONS)
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    policy = page.request.get(server.url).headers["content-security-policy"]
    assert "style-src 'self';" in policy and "unsafe-inline" not in policy and "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    page.keyboard.press("Control+`")
    page.wait_for_function("() => globalThis.kontor.terminal?.text().includes('First quote painted')")
    run(desk, "help")
    shows(desk, "Empty the terminal")
    desk.by("terminal-find").fill("terminal")
    page.keyboard.press("Enter")
    expect(page.locator(".terminal-found")).to_have_text(re.compile(r"\d+ of \d+"))
    box = desk.by("terminal-screen").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 80)
    page.mouse.up()
    assert page.evaluate("() => kontor.terminal.selection().length") > 20, "a selection colours cells one by one"
    page.keyboard.press("Control+Shift+L")
    page.set_viewport_size({"width": 1100, "height": 700})
    run(desk, "filter level:debug")
    shows(desk, "Python restored")
    assert page.evaluate("() => violations") == []
    desk.check_console()
    # The rules that xterm writes are in force all the same.
    assert page.evaluate("() => document.querySelectorAll('style').length") == 0
    assert page.evaluate("() => document.adoptedStyleSheets.some((sheet) => [...sheet.cssRules].some(({ cssText }) => cssText.includes('.xterm-fg-1 ')))")
    colours = page.evaluate(
        """() => [...document.querySelectorAll(".xterm-rows span")].filter((node) => node.textContent.trim())
          .map((node) => getComputedStyle(node).color)"""
    )
    assert len(set(colours)) >= 3


def test_nothing_of_it_is_loaded_or_sent_before_it_opens(desk: DeskPage):
    page = desk.page
    loaded = "() => performance.getEntriesByType('resource').filter(({ name }) => /xterm|terminal\\/.*mjs/.test(name)).length"
    assert page.evaluate(loaded) == 0
    page.evaluate(
        """() => { window.traces = 0;
          kontor.desk.addEventListener("message", ({ data }) => { if (typeof data === "string" && data.startsWith('{"t":"trace"')) traces += 1; }); }"""
    )
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    assert page.evaluate("() => traces") == 0
    page.keyboard.press("Control+`")
    shows_boot = "() => globalThis.kontor.terminal?.text().includes('First quote painted')"
    page.wait_for_function(shows_boot)
    assert page.evaluate(loaded) >= 4
    shows(desk, "order.submit")
    desk.submit(side="sell", kind="market", qty="0.01")
    page.wait_for_function("() => traces > 0")
    desk.by("terminal-command").focus()
    page.keyboard.press("Escape")
    expect(desk.by("terminal")).to_be_hidden()
    desk.ask("health")
    before = page.evaluate("() => traces")
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(3)
    assert page.evaluate("() => traces") == before


def test_lines_have_time_level_area_and_duration(terminal: DeskPage):
    text = terminal.page.evaluate(TEXT)
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3}  ok     boot     First quote painted: the desk is ready  [\d,.]+ m?s$", text, re.MULTILINE)
    terminal.submit(side="buy", kind="market", qty="0.01")
    terminal.page.wait_for_function(r"() => /ok     orders   order\.submit .*\d m?s  #\d+/.test(kontor.terminal.text())")


def test_filter_and_level_choose_lines(terminal: DeskPage):
    page = terminal.page
    terminal.by("terminal-filter").fill("area:boot quote")
    page.wait_for_function("() => kontor.terminal.text().split('\\n').length === 1")
    expect(terminal.by("terminal-count")).to_have_text(re.compile(r"^1 of \d+ lines$"))
    terminal.by("terminal-filter").fill("area:nowhere")
    expect(page.locator("#terminal-problem")).to_contain_text("There is no area nowhere")
    terminal.by("terminal-filter").fill("")
    terminal.by("terminal-level").select_option("good")
    page.wait_for_function("() => !/ info /.test(kontor.terminal.text()) && kontor.terminal.text().includes('First quote')")
    run(terminal, "filter level:debug area:boot")
    shows(terminal, "Python restored")


def test_what_is_not_understood_is_said_and_history_comes_back(terminal: DeskPage):
    page = terminal.page
    run(terminal, "tset x")
    shows(terminal, "There is no command tset")
    run(terminal, "rerun 999999")
    shows(terminal, "line 999999 is not there any more")
    page.keyboard.press("ArrowUp")
    expect(terminal.by("terminal-command")).to_have_value("rerun 999999")
    page.keyboard.press("ArrowUp")
    expect(terminal.by("terminal-command")).to_have_value("tset x")
    terminal.by("terminal-command").fill("sho")
    page.keyboard.press("Tab")
    expect(terminal.by("terminal-command")).to_have_value("show ")


def test_state_tells_every_connection(terminal: DeskPage):
    run(terminal, "state")
    shows(terminal, "Vault: in memory, not kept")
    text = terminal.page.evaluate(TEXT)
    assert "Proxy: allows what its list names" in text
    assert "This machine has a network." in text


def test_show_tells_everything_about_a_line(terminal: DeskPage):
    terminal.submit(side="buy", kind="limit", qty="0.01", price="50000")
    terminal.page.wait_for_function(r"() => /order\.submit .*#(\d+)/.test(kontor.terminal.text())")
    number = re.search(r"order\.submit .*#(\d+)", terminal.page.evaluate(TEXT)).group(1)
    run(terminal, f"show {number}")
    shows(terminal, f"› show {number}")
    run(terminal, f"rerun {number}")
    terminal.page.wait_for_function(r"() => /order\.query/.test(kontor.terminal.text())")


def test_copy_and_export_hold_no_secret(terminal: DeskPage, server: Server, tmp_path: Path):
    page = terminal.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    run(terminal, f"test {server.url}/health?api_key=tops3cret-value&x=1")
    shows(terminal, "api_key=[redacted]")
    page.wait_for_function("() => kontor.terminal.text().includes('The browser reaches it itself')", timeout=60_000)
    terminal.page.get_by_role("button", name="Copy", exact=True).last.click()
    expect(terminal.by("toast")).to_contain_text("secrets taken out")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export", exact=True).click()
    saved.value.save_as(tmp_path / "lines.txt")
    exported = (tmp_path / "lines.txt").read_text(encoding="utf-8")
    assert saved.value.suggested_filename == "kontor-terminal.txt"
    assert re.match(r"Kontor [\d.]+, \d{4}-\d\d-\d\dT", exported)
    for text in (copied, exported):
        assert "First quote painted" in text and "tops3cret" not in text
    assert "Python restored" in exported and "Python restored" not in copied, "export holds every level, copy what is shown"


def test_the_list_is_the_accessible_twin(terminal: DeskPage):
    page = terminal.page
    page.get_by_role("button", name="As a list").click()
    listed = page.get_by_role("log", name="Lines of the terminal")
    expect(listed).to_contain_text("First quote painted: the desk is ready")
    expect(terminal.by("terminal-screen")).to_be_hidden()
    run(terminal, "help")
    expect(listed.get_by_role("listitem").last).to_contain_text("Close the terminal.")
    page.reload()
    terminal.wait_ready()
    page.keyboard.press("Control+`")
    expect(listed).to_contain_text("First quote painted")
    assert page.evaluate("() => performance.getEntriesByType('resource').filter(({ name }) => /xterm/.test(name)).length") == 0


def test_where_xterm_cannot_be_loaded_the_list_stands_in(page: Page, server: Server):
    page.route("**/vendor/xterm/xterm.mjs", lambda route: route.abort())
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    page.keyboard.press("Control+`")
    listed = page.get_by_role("log", name="Lines of the terminal")
    expect(listed).to_contain_text("could not be loaded")
    expect(listed).to_contain_text("First quote painted")


def test_keys_open_it_close_it_and_go_through_it(terminal: DeskPage):
    page = terminal.page
    expect(terminal.by("terminal-command")).to_be_focused()
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.press("Tab")
    expect(terminal.by("terminal-command")).to_be_focused()
    page.keyboard.press("Escape")
    expect(terminal.by("terminal")).to_be_hidden()
    page.locator("#main").focus()
    for key in ("g", "t"):
        page.keyboard.press(key)
    expect(terminal.by("terminal-command")).to_be_focused()
    grip = page.get_by_role("separator", name="Height of the terminal")
    before = int(grip.get_attribute("aria-valuenow"))
    grip.focus()
    page.keyboard.press("ArrowUp")
    expect(grip).to_have_attribute("aria-valuenow", str(before + 16))
    page.keyboard.press("Control+`")
    expect(terminal.by("terminal")).to_be_hidden()


def test_a_burst_of_lines_is_drawn_in_few_frames(terminal: DeskPage):
    page = terminal.page
    drawn = page.evaluate(
        """async () => {
          const writes = []; const write = kontor.terminal.write; let count = 0;
          kontor.terminal.write = (text) => { const of = text.match(/line \\d+/g)?.length; if (of) { writes.push(of); count += of; } write(text); };
          const now = performance.timeOrigin + performance.now();
          for (let batch = 0; batch < 20; batch += 1) {
            const rows = Array.from({ length: 100 }, (_, index) => ({ id: 100000 + batch * 100 + index, at_ms: now, level: "info", area: "network",
              text: `line ${batch * 100 + index}`, ms: 1.5, step: null, rerun: null, detail: null }));
            kontor.desk.dispatchEvent(new MessageEvent("message", { data: JSON.stringify({ t: "trace", rows }) }));
          }
          while (count < 2000) await new Promise(requestAnimationFrame);
          return { count, writes: writes.length };
        }"""
    )
    assert drawn["count"] == 2000
    assert drawn["writes"] <= 5
    shows(terminal, "line 1999")
