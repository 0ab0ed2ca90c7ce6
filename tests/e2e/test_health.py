"""The health page and the walls around the desk: figures, export, strict policy on page and worker, isolation, packages."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Worker, expect

from proxy.policy import headers
from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.serving import Server

pytestmark = pytest.mark.e2e

VIOLATIONS = """() => {
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
}"""
# Evaluated text of a test may use eval; what it starts later may not.
LATER = "() => new Promise((done) => setTimeout(() => { try { done(%s) } catch (error) { done(error.name) } }))"
EVAL, FUNCTION = LATER % '(0, eval)("1 + 1")', LATER % 'new Function("return 2")()'
INLINE = """() => {
  const script = document.createElement("script");
  script.textContent = "window.inlined = 1";
  document.body.append(script);
  return window.inlined ?? "blocked";
}"""
OUTSIDE = "() => fetch('https://example.org/').then(() => 'reached', (error) => error.name)"
DATA_MODULE = "() => import('data:text/javascript,export default 1').then(() => 'ran', (error) => error.name)"
CARDS = (
    "Socket frame to engine", "Socket frame to painted text", "Click to journal", "Click to acknowledgement", "Vault read", "Vault write", "Quote read",
)  # fmt: skip
HISTOGRAMS = {"frame_to_engine", "click_to_journal", "click_to_ack", "store_read", "store_write", "quote_read"}

PACKAGES = """
import { loadPackages, loadPyodide } from "../app/platform/interpreter.mjs";
try {
  const pyodide = await loadPyodide();
  await loadPackages(pyodide, ["numpy"]);
  postMessage(pyodide.runPython("import numpy as np; str(np.linalg.det(np.array([[2.0, 1.0], [1.0, 3.0]])).round(6))"));
} catch (error) {
  postMessage(`failed: ${error}`);
}
"""


def desk_worker(page: Page) -> Worker:
    """The worker that is the desk."""
    return next(worker for worker in page.workers if "desk.mjs" in worker.url)


def test_figures_move_and_the_export_is_complete(desk: DeskPage):
    page = desk.page
    desk.create_vault()
    for count in (1, 2):
        desk.submit(side="buy", kind="market", qty="0.01")
        expect(desk.by("order-row", status="filled")).to_have_count(count)
    desk.ask("health.probe", reads=20)
    desk.go("health")
    for title in CARDS:
        card = page.locator("#view-health .card").filter(has=page.get_by_text(title, exact=True))
        expect(card).to_be_visible()
        expect(card).to_contain_text("p99")
    flow = page.locator("#view-health .card").filter(has=page.get_by_role("heading", name="Flow"))
    events = flow.locator("dt:text-is('Market events taken') + dd")
    expect(events).to_be_visible()
    expect(events).not_to_have_text(events.text_content(), timeout=10_000)
    connections = page.locator("#view-health .card").filter(has=page.get_by_role("heading", name="Connections"))
    expect(connections).to_contain_text("live")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as JSON").click()
    whole = json.loads(download.value.path().read_text())
    measured = {row["name"]: row for row in whole["desk"]["histograms"]}
    assert HISTOGRAMS <= measured.keys()
    for name in HISTOGRAMS:
        row = measured[name]
        assert row["count"] > 0 and 0 <= row["p50"] <= row["p99"] <= row["max"], name
        assert sum(count for _, count in row["buckets"]) == row["count"], name
    assert measured["click_to_ack"]["count"] == 2 and measured["store_read"]["count"] == 20
    painted = whole["page"]["histograms"][0]
    assert painted["name"] == "frame_to_paint" and painted["count"] > 0
    assert whole["page"]["boot_ms"]["kontor:boot:page"] > 0
    assert whole["desk"]["counters"]["events"] > 0 and whole["desk"]["connections"][0]["venue"] == "replay"
    assert whole["vault"] == {"state": "unlocked"}


def test_the_policy_is_strict_and_never_broken(page: Page, server: Server):
    page.add_init_script(f"({VIOLATIONS})()")
    desk = DeskPage(page, server.url)
    desk.open(speed=BRISK)
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
    for route in ("portfolio", "vault", "health", "desk"):
        desk.go(route)
        expect(page.locator(f"#view-{route}")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.locator(".palette-input")).to_be_focused()
    page.keyboard.press("Escape")
    assert page.evaluate("() => window.violations") == []
    assert page.evaluate("() => crossOriginIsolated") is True
    desk.check_console()

    assert page.evaluate(EVAL) == page.evaluate(FUNCTION) == "EvalError"
    assert page.evaluate(INLINE) == "blocked"
    assert page.evaluate(OUTSIDE) == "TypeError"
    blocked = page.evaluate("() => window.violations.map((text) => text.split(':')[0])")
    assert {"script-src", "script-src-elem", "connect-src"} <= set(blocked), blocked

    worker = desk_worker(page)
    assert worker.evaluate("() => crossOriginIsolated") is True
    assert worker.evaluate(EVAL) == worker.evaluate(FUNCTION) == "EvalError"
    assert worker.evaluate(DATA_MODULE) == worker.evaluate(OUTSIDE) == "TypeError"


def test_numpy_loads_in_a_worker_when_it_is_asked_for(desk: DeskPage):
    fetched: list[str] = []
    page = desk.page
    page.on("request", lambda request: "packages/" in request.url and fetched.append(request.url))
    page.route("**/worker/numpy.mjs", lambda route: route.fulfill(headers={**headers("numpy.mjs"), "content-type": "text/javascript"}, body=PACKAGES))
    assert page.evaluate("() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('packages/')).length") == 0
    said = page.evaluate(
        """() => new Promise((resolve) => {
          const worker = new Worker("worker/numpy.mjs", { type: "module" });
          worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
          worker.onerror = (event) => resolve(`not loaded: ${event.message}`);
        })"""
    )
    assert said == "5.0"
    desk.check_console()


def test_the_desk_worker_gets_packages_of_this_site_and_no_others(desk: DeskPage):
    worker = desk_worker(desk.page)
    assert worker.evaluate("() => kontor.packageBytes('numpy').then((bytes) => String.fromCharCode(...bytes.slice(0, 2)), String)") == "PK"
    assert "no-such-package" in worker.evaluate("() => kontor.packageBytes('no-such-package').then(() => 'loaded', String)")
    desk.submit(side="buy", kind="market", qty="0.01")
    expect(desk.by("order-row", status="filled")).to_have_count(1)
