"""What a start of the desk needs is in the memory snapshot: neither the page nor the worker imports anything from the zip."""

from __future__ import annotations

import json

from playwright.sync_api import Page, Route

from tests.e2e.desk import DeskPage
from tests.e2e.serving import Server

MARK = "  pyodide.runPython(START);"
NAMES = "pyodide.runPython('import sys; chr(10).join(sys.modules)')"
# Modules that are there once Python is, before anything of the desk has run; and, in the worker, those that are there a second after its start: what it
# loads by itself comes half a second later, and the test may be late.
NOTE = f"""{MARK}
  globalThis.python = pyodide;
  globalThis.modules = {NAMES};
  const send = globalThis.postMessage.bind(globalThis);
  globalThis.postMessage = (data, ...rest) => {{
    if (typeof data === "string" && data.startsWith('{{"t":"stats"')) globalThis.started ??= {NAMES};
    send(data, ...rest);
  }};"""
PAGE_ADDED = f"() => [modules.split('\\n'), {NAMES.replace('pyodide', 'python')}.split('\\n')]"
WORKER_ADDED = "() => [modules.split('\\n'), started.split('\\n')]"
NEEDS_A_BROWSER = ("pyscript", "_pyscript", "polyscript", "js", "worker", "app.platform.browser")
UNDER_WAY = "() => document.querySelector('#status-ticks')?.textContent.includes('ticks/s')"  # a second after the start


def added(before: list[str], after: list[str]) -> list[str]:
    return sorted(name for name in set(after) - set(before) if not name.startswith(NEEDS_A_BROWSER))


def noted(page: Page) -> None:
    """From the next load on, each interpreter is the global ``python`` of its page or worker."""

    def add(route: Route) -> None:
        answer = route.fetch()
        text = answer.text()
        assert text.count(MARK) == 1
        route.fulfill(response=answer, body=text.replace(MARK, NOTE))

    page.route("**/app/platform/interpreter.mjs", add)


def test_a_start_imports_nothing_that_is_not_in_the_snapshot(page: Page, server: Server):
    noted(page)
    desk = DeskPage(page, server.url)
    desk.open(speed=1)
    page.wait_for_function("() => performance.getEntriesByName('kontor:boot:views').length")
    page.wait_for_function(UNDER_WAY)
    worker = next(worker for worker in page.workers if "worker/desk.mjs" in worker.url)
    found = {"page": added(*page.evaluate(PAGE_ADDED)), "worker": added(*worker.evaluate(WORKER_ADDED))}
    assert found == {"page": [], "worker": []}, json.dumps(found)
