"""The fetch chain in a real Chromium: what CORS, the policy and dead hosts look like from a desk, and what each strategy brings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.peers import JSON, Peer, running_peer
from tests.e2e.serving import SITE, Server, free_port, serving

pytestmark = pytest.mark.e2e

PROXIED = ["proxy", "allorigins", "allorigins_raw", "corsproxy", "corssh", "tunnel"]
CONTROLLED = "() => navigator.serviceWorker.controller?.state === 'activated'"


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with running_peer() as made:
        yield made


@pytest.fixture(scope="module")
def unlisted() -> Iterator[Peer]:
    """A peer that the policy of the desk does not name."""
    with running_peer() as made:
        yield made


@pytest.fixture(scope="module")
def unruled() -> Iterator[Peer]:
    """A peer that the proxy has no rule for."""
    with running_peer() as made:
        yield made


@pytest.fixture(scope="module")
def dead() -> int:
    """A port nobody listens on."""
    return free_port()


@pytest.fixture(scope="module")
def network(peer: Peer, unlisted: Peer, unruled: Peer, dead: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real proxy, with rules for the peers, over the built site."""
    ports = [peer.port, unlisted.port, dead]
    config: Path = tmp_path_factory.mktemp("proxy") / "kontor.toml"
    names = json.dumps([f"127.0.0.1:{port}" for port in ports])
    config.write_text(
        f'allow_private = {names}\n[[rules]]\nname = "peers"\nhosts = ["127.0.0.1"]\nscheme = "http"\nports = {ports}\nmethods = ["GET", "POST"]\n'
    )
    with serving(SITE, f"{peer.url} {unruled.url} http://127.0.0.1:{dead}", {"KONTOR_CONFIG": str(config)}) as server:
        yield server


@pytest.fixture(scope="module")
def desk(browser: Browser, network: Server) -> Iterator[DeskPage]:
    """A desk that its service worker looks after."""
    context = browser.new_context()
    opened = DeskPage(context.new_page(), network.url)
    opened.open(speed=BRISK)
    opened.page.wait_for_function(CONTROLLED, timeout=60_000)
    opened.open(speed=BRISK)
    yield opened
    context.close()


def rows(desk: DeskPage, url: str) -> dict[str, dict]:
    return {row["strategy"]: row for row in desk.ask("net.test", url=url)["rows"]}


def test_an_open_site_answers_by_every_strategy(desk: DeskPage, peer: Peer) -> None:
    found = rows(desk, f"{peer.url}/open/time")
    assert {name: (row["outcome"], row["bytes"]) for name, row in found.items() if name != "simple"} == {
        name: ("ok", len(JSON)) for name in ("direct", "service_worker", "worker", *PROXIED, "stale")
    } | {"stale": ("skipped", None)}
    assert found["simple"]["outcome"] == "skipped" and "simple already" in found["simple"]["sentence"]
    assert peer.count("/open/time") == 9


def test_a_site_without_cors_is_named_and_the_proxy_reads_it(desk: DeskPage, peer: Peer) -> None:
    found = rows(desk, f"{peer.url}/strict/time")
    assert {name: found[name]["cause"] for name in ("direct", "service_worker", "worker")} == dict.fromkeys(("direct", "service_worker", "worker"), "cors")
    assert "CORS" in found["direct"]["sentence"] and found["direct"]["remedy"]
    assert [name for name in PROXIED if found[name]["outcome"] == "ok"] == PROXIED


def test_cors_is_known_even_without_the_proxys_help(desk: DeskPage, unruled: Peer) -> None:
    found = rows(desk, f"{unruled.url}/strict/time")
    assert {name: found[name]["cause"] for name in ("direct", "service_worker", "worker")} == dict.fromkeys(("direct", "service_worker", "worker"), "cors")
    assert {found[name]["cause"] for name in PROXIED} == {"proxy_refused"}
    assert unruled.count("/strict/time") == 3


def test_what_the_policy_forbids_is_told_from_cors(desk: DeskPage, unlisted: Peer) -> None:
    found = rows(desk, f"{unlisted.url}/open/time")
    assert {name: found[name]["cause"] for name in ("direct", "service_worker", "worker")} == dict.fromkeys(("direct", "service_worker", "worker"), "policy")
    assert [name for name in PROXIED if found[name]["outcome"] == "ok"] == PROXIED
    assert unlisted.count("/open/time") == len(PROXIED)


def test_a_dead_host_is_named_by_what_the_proxy_met(desk: DeskPage, dead: int) -> None:
    found = rows(desk, f"http://127.0.0.1:{dead}/")
    assert {name: row["cause"] for name, row in found.items() if row["outcome"] == "failed"} == dict.fromkeys(
        ("direct", "service_worker", "worker", *PROXIED), "refused"
    )


def test_nothing_fetched_by_the_service_worker_can_become_a_page_of_this_site(desk: DeskPage, peer: Peer) -> None:
    before = peer.count("/open/page")
    target = f"{desk.url}/sw/fetch?url={peer.url}/open/page"
    opened = desk.page.context.new_page()
    answer = opened.goto(target)
    assert answer is not None and answer.status == 400 and answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    opened.close()
    unmarked = desk.page.evaluate("(url) => fetch(url).then(({ status }) => status)", target)
    assert unmarked == 400 and peer.count("/open/page") == before


def test_what_was_learned_is_shown_and_outlives_a_reload(desk: DeskPage, peer: Peer) -> None:
    rows(desk, f"{peer.url}/strict/again")
    host = f"127.0.0.1:{peer.port}"

    def learned() -> dict:
        return next(item for item in desk.ask("net.state")["hosts"] if item["host"] == host)

    before = learned()
    assert before["learned"]["direct"]["cause"] == "cors" and before["learned"]["tunnel"]["state"] == "works"
    desk.ask("net.order", host=host, strategies=["tunnel", "proxy"])
    desk.ask("net.trust", own=True)
    desk.follow()
    desk.page.wait_for_function(
        """() => new Promise((resolve) => {
          const open = indexedDB.open("kontor-mark");
          open.onsuccess = () => {
            const read = open.result.transaction("records").objectStore("records").get("network");
            read.onsuccess = () => { open.result.close(); resolve((read.result ?? "").includes('["tunnel","proxy"]')); };
          };
        })"""
    )
    desk.open(speed=BRISK)
    after = learned()
    assert after["order"] == ["tunnel", "proxy"] and after["custom"] and after["learned"]["direct"]["cause"] == "cors"
    assert desk.ask("net.state")["proxy"]["own"] is True
    desk.ask("net.order", host=host, strategies=None)
    desk.ask("net.trust", own=False)


def test_the_trace_tells_every_step_with_its_time(desk: DeskPage, peer: Peer) -> None:
    rows(desk, f"{peer.url}/open/traced?x=1")
    lines = desk.ask("trace.follow", after=0)["rows"]
    desk.ask("trace.stop")
    mine = [line for line in lines if "/open/traced" in line["text"]]
    assert {line["step"] for line in mine} == {"direct", "service_worker", "worker", *PROXIED}
    assert all(line["ms"] > 0 and line["level"] == "good" and "x=1" not in line["text"] for line in mine)
    assert [line["step"] for line in lines if line["area"] == "boot"] == ["venue", "market", "vault"]


def test_on_plain_files_the_proxy_says_that_it_is_not_there(page: Page, server: Server, tmp_path: Path) -> None:
    import functools
    import http.server
    import threading

    plain = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None}), directory=str(SITE))
    )
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    try:
        with running_peer() as peer:
            desk = DeskPage(page, f"http://127.0.0.1:{plain.server_port}")
            desk.open(speed=BRISK)
            state = desk.ask("net.state")
            assert state["proxy"]["state"] == "none" and "plain files" in state["proxy"]["detail"]
            found = rows(desk, f"{peer.url}/strict")
            assert found["direct"]["cause"] == "cors"
            assert all(found[name]["outcome"] == "skipped" and "plain files" in found[name]["detail"] for name in PROXIED)
            assert found["service_worker"]["outcome"] in ("failed", "skipped")
    finally:
        plain.shutdown()
        plain.server_close()
