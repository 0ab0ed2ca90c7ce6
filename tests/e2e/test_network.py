"""The network page over the real proxy: the wizard, what is learned, the order of ways, the own proxy, the open one's banner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.desk import BRISK, DeskPage
from tests.e2e.netserver import Site, proxy, rule, site
from tests.e2e.serving import Server

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Server]]:
    """A site without CORS that both the desk's policy and the proxy's list name."""
    with site() as served:
        text = f'allow_private = ["{served.host}"]\n{rule(served.host, paths=["/"])}'
        with proxy(tmp_path_factory.mktemp("proxy"), text, connect=served.url) as server:
            yield served, server


@pytest.fixture
def open_page(profile: BrowserContext) -> Iterator[Page]:
    """A page with nothing stored."""
    made = profile.new_page()
    yield made
    for opened in profile.pages:
        opened.close()


@pytest.fixture
def network(open_page: Page, world: tuple[Site, Server]) -> DeskPage:
    """A desk on its network page."""
    server = world[1]
    open_page.context.new_cdp_session(open_page).send("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "all"})
    desk = DeskPage(open_page, server.url)
    desk.open(route="#/network", speed=BRISK)
    expect(desk.by("proxy-state")).to_have_attribute("data-state", "up", timeout=20_000)
    return desk


def try_address(desk: DeskPage, url: str) -> None:
    """Let the wizard test an address."""
    desk.by("wizard-url").fill(url)
    desk.by("wizard-test").click()
    expect(desk.by("wizard-test")).to_be_enabled(timeout=60_000)


def outcomes(desk: DeskPage) -> dict[str, str]:
    """Way -> outcome."""
    return dict(desk.by("wizard-row").evaluate_all("rows => rows.map(({ dataset }) => [dataset.strategy, dataset.outcome])"))


def used(desk: DeskPage) -> list[str]:
    """The ways in use, in their order."""
    return desk.page.locator('[data-testid=way][data-used="true"]').evaluate_all("rows => rows.map(({ dataset }) => dataset.way)")


def test_the_wizard_names_cors_and_the_way_around_it(network: DeskPage, world: tuple[Site, Server]):
    try_address(network, f"{world[0].url}/time")
    said = re.compile(r"^The site does not let web pages read.*\(CORS\); through the proxy it answers in [\d.]+ m?s\.$")
    expect(network.by("wizard-sentence")).to_have_text(said)
    found = outcomes(network)
    assert len(found) == 11
    assert found["direct"] == found["worker"] == "failed"
    through = ("proxy", "allorigins", "allorigins_raw", "corsproxy", "corssh", "tunnel")
    assert {name: found[name] for name in through} == dict.fromkeys(through, "ok")
    # What was learned stands below, and what works comes first.
    expect(network.page.locator('[data-way="proxy"]')).to_contain_text("works")
    assert used(network)[0] in through
    assert all(name not in ("Cookie", "Authorization") for _path, headers in world[0].asked for name in headers)


def test_a_site_that_lets_pages_read_needs_no_proxy(network: DeskPage, world: tuple[Site, Server]):
    try_address(network, f"{world[0].url}/open/time")
    expect(network.by("wizard-sentence")).to_contain_text("The browser reaches it itself")
    assert outcomes(network)["direct"] == "ok"


@pytest.mark.parametrize(
    ("address", "sentence", "remedy"),
    [
        ("{site}/nothing/here", "nothing", "path"),
        ("http://127.0.0.1:9/x", "proxy", "rule"),
        ("https://no.such.host.invalid/", "proxy", "rule"),
    ],
)
def test_each_failure_is_one_sentence_with_a_remedy(network: DeskPage, world: tuple[Site, Server], address: str, sentence: str, remedy: str):
    try_address(network, address.format(site=world[0].url))
    said = network.by("wizard-sentence")
    expect(said).to_contain_text(sentence)
    assert re.fullmatch(r"[A-Z][^.]*(\.\S[^.]*)*\.", said.text_content()), said.text_content()
    expect(network.by("wizard-remedy")).to_contain_text(remedy)


def test_a_wrong_address_is_told_at_its_field(network: DeskPage):
    for text, says in (("", "Ask for an address"), ("ftp://x.example", "address such as"), ("https://me:pw@x.example", "user name or password")):
        network.by("wizard-url").fill(text)
        network.by("wizard-test").click()
        expect(network.page.locator("#wizard-url-error")).to_contain_text(says)
    expect(network.by("wizard-row")).to_have_count(0)


def test_the_trader_orders_the_ways_by_button_key_and_drag_and_it_is_kept(network: DeskPage, world: tuple[Site, Server]):
    page = network.page
    try_address(network, f"{world[0].url}/time")
    expect(page.locator('[data-way="proxy"]')).to_contain_text("works")
    before = used(network)
    first, second, third = before[:3]
    page.locator(f'[data-way="{first}"]').get_by_role("button", name="later").click()
    assert used(network)[:3] == [second, first, third]
    expect(page.locator(f'[data-way="{first}"] [data-do="down"]')).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    assert used(network)[:3] == [second, third, first]
    page.locator(f'[data-way="{first}"]').drag_to(page.locator(f'[data-way="{second}"]'))
    assert used(network)[:3] == [first, second, third]
    page.locator(f'[data-way="{second}"]').get_by_role("checkbox").uncheck()
    assert used(network) == [first, *before[2:]]
    hosts = network.ask("net.state")["hosts"]
    assert hosts[0]["custom"] and hosts[0]["order"] == [first, *before[2:]]
    network.ask("net.order", host=hosts[0]["host"], strategies=hosts[0]["order"])  # answered when it is kept; the page's own answer cannot be seen
    # What the desk asks next goes that way, and a reload does not forget it.
    page.reload()
    network.wait_ready()
    expect(network.by("way").first).to_have_attribute("data-way", first)
    assert used(network) == [first, *before[2:]]
    page.get_by_role("button", name="Use the usual order").click()
    expect(page.locator(f'[data-way="{second}"][data-used="true"]')).to_have_count(1)
    page.get_by_role("button", name="Forget what was learned").click()
    expect(network.by("way")).to_have_count(0)
    expect(page.get_by_role("region", name="How hosts are reached")).to_contain_text("No host has been asked yet.")


def test_a_proxy_is_the_traders_own_only_when_marked(network: DeskPage):
    assert network.ask("net.state")["proxy"]["own"] is False
    network.by("proxy-own").check()
    expect(network.page.get_by_role("region", name="Proxy", exact=True)).to_contain_text("It is marked as your own")
    assert network.ask("net.state")["proxy"]["own"] is True
    network.page.reload()
    network.wait_ready()
    expect(network.by("proxy-own")).to_be_checked()
    network.by("proxy-own").uncheck()
    expect(network.page.get_by_role("region", name="Proxy", exact=True)).to_contain_text("only once it is marked")


def test_an_open_proxy_says_so_on_every_page(open_page: Page, tmp_path: Path):
    with proxy(tmp_path, "open = true\n") as server:
        desk = DeskPage(open_page, server.url)
        desk.open(speed=BRISK)
        banner = open_page.locator("#open-mode")
        expect(banner).to_contain_text("The proxy is open.", timeout=20_000)
        desk.go("vault")
        expect(banner).to_be_visible()
        banner.get_by_role("link", name="What it means").click()
        expect(desk.by("proxy-state")).to_contain_text("open to any address")
        banner.get_by_role("button", name="Not now").click()
        expect(banner).to_be_hidden()


def test_without_a_proxy_the_page_says_what_is_missing(network: DeskPage, world: tuple[Site, Server]):
    network.page.route("**/api/config", lambda route: route.fulfill(status=404, body="no such page", content_type="text/html"))
    network.page.reload()
    network.wait_ready()
    expect(network.by("proxy-state")).to_have_attribute("data-state", re.compile("none|down"))
    expect(network.page.get_by_role("region", name="Sign-ins")).to_contain_text("Signing in needs the proxy")
